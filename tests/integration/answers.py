# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How people answer the playbooks that ask for something: extra-vars whose names begin with the playbook's."""

from __future__ import annotations

import json
from typing import Any

from institution import Done, Institution


def answer(institution: Institution, playbook: str, *arguments: str, **answers: Any) -> Done:
    """Run ``playbook`` with ``answers`` as they stand."""
    return institution.start(playbook, "-e", json.dumps(answers), *arguments).wait()


def ask(institution: Institution, *arguments: str, **answers: Any) -> Done:
    """Answer request.yml, without ``request_``."""
    return answer(institution, "request.yml", *arguments, **{f"request_{key}": each for key, each in answers.items()})


def acknowledge(institution: Institution, folio: Any, *arguments: str, **answers: Any) -> Done:
    """Answer acknowledge.yml, without ``acknowledge_``."""
    said = {"folio": folio, **answers}
    return answer(institution, "acknowledge.yml", *arguments, **{f"acknowledge_{key}": said[key] for key in said})


def form(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the answers with which a CGDW asks for the backup of an item of srv-web01."""
    return {
        "requester": "CGDW",
        "area": "Portal",
        "contact": "ana@example.mx",
        "servers": "srv-web01",
        "source": item["paths"],
        "estimated_bytes": "10 KiB",
        "personal_data": "false",
        **{key: item[key] for key in ("service", "repository_type", "information_type")},
        **changes,
    }


def registered(institution: Institution, item: dict[str, Any], *arguments: str, **changes: Any) -> str:
    """Register a request for an item and return its folio."""
    done = ask(institution, *arguments, **form(item, **changes))
    assert done.rc == 0, done.out
    folio = institution.records("backup_request")[-1]["folio"]
    assert f"REGISTRADA: {folio}" in done.out
    return folio


def decide(institution: Institution, folio: str, decision: str, *arguments: str, **more: Any) -> Done:
    """Accept, reject or cancel a request."""
    done = ask(institution, *arguments, folio=folio, decision=decision, **more)
    assert done.rc == 0, done.out
    return done
