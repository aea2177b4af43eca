# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.versions import versions
from ansible_collections.dse.backup.tests.unit.factories import (
    acknowledgement_record,
    backup_record,
    delivery_record,
    rows_of,
)

SCRIPT = {"tool": "dse-backup 1.0.0", "tool_sha256": "ab" * 32}
OLD, MIDDLE, NEW = (
    backup_record("source_code", f"2026-11-{day}", folio=f"DSE-02-2026-00{day}", **SCRIPT) for day in ("03", "10", "17")
)
DELIVERY = delivery_record("CSC-02-2026-0001", OLD["folio"], MIDDLE["folio"])


def damage(*names):
    verified = {"record_type": "run", "run_event": "verified", "run_id": "R9", "read": "all", "server": "srv-web01"}
    return {**verified, "damaged_file_names": list(names)}


def pruned(*names):
    disposed = [{"file_name": name, "folio": None, "item_id": "portal-src"} for name in names]
    return {"record_type": "disposal", "server": "srv-web01", "result": "done", "disposed": disposed}


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, versions)


def test_each_version_tells_both_its_copies_and_whether_it_can_be_brought_back(ask):
    """Breaks: what was pruned or is damaged is shown as if it were there, or disappears."""
    answer = ask(OLD, MIDDLE, NEW, DELIVERY, damage(MIDDLE["file_name"], NEW["file_name"]), pruned(OLD["file_name"]))
    new, middle, old = rows_of(answer, "versions")
    assert (new["jaa"], new["delivery_folio"], new["is_restorable"]) == ("damaged", None, False)
    assert (middle["jaa"], middle["delivery_folio"], middle["is_restorable"]) == (
        *("damaged", "CSC-02-2026-0001", True),
    )
    assert (old["jaa"], old["removed_on"], old["is_restorable"]) == ("removed", "2026-11-22", False)
    assert middle["is_acknowledged"] is False
    (item,) = rows_of(answer, "items")
    assert (item["version_count"], item["restorable_count"], item["with_csc_count"]) == (3, 0, 2)
    assert (item["damaged_count"], item["removed_count"], item["newest_folio"]) == (2, 1, None)
    answer = ask(OLD, DELIVERY, acknowledgement_record("CSC-02-2026-0001"))
    assert rows_of(answer, "versions")[0]["is_acknowledged"] is True and answer.problems == []


def test_of_many_the_newest_are_told_and_all_of_one_that_is_asked_for(ask):
    many = [backup_record("source_code", f"2026-11-{day}", folio=f"DSE-02-2026-00{day}") for day in range(10, 23)]
    assert [each["backup_folio"][-2:] for each in rows_of(ask(*many), "versions")] == [
        str(day) for day in range(22, 12, -1)
    ]
    assert len(rows_of(ask(*many, items=("portal-src",)), "versions")) == 13


def test_a_changed_script_shows_and_one_that_is_not_the_deployed_one_needs_action(ask):
    """Breaks: somebody changes the script on a server and every backup still says 1.0.0 (4.1.5)."""
    changed = {**NEW, "tool_sha256": "cd" * 32}
    answer = ask(OLD, MIDDLE, changed, script_sha256="ab" * 32)
    first, second = rows_of(answer, "scripts")
    assert (first["backup_count"], first["is_newest"], first["is_deployed"]) == (2, False, True)
    assert (second["tool_sha256"], second["is_newest"], second["is_deployed"]) == ("cd" * 32, True, False)
    assert (first["since"][:10], first["until"][:10], second["since"][:10]) == (
        *("2026-11-03", "2026-11-10", "2026-11-17"),
    )
    assert answer.problems == ["SU SCRIPT NO ES EL DE ESTE CONTROLADOR: srv-web01"]
    assert answer.next_command == "ansible-playbook playbooks/deploy.yml --limit srv-web01"
    # What was deployed since is what counts.
    assert ask(OLD, MIDDLE, changed, script_sha256="cd" * 32).problems == []
    assert rows_of(ask({**OLD, "tool_sha256": None}), "scripts") == []


def test_the_revision_in_force_is_told(ask):
    (row,) = rows_of(ask(OLD), "procedure")
    assert (row["revision"], row["date"]) == (8, "2012-02-13")
