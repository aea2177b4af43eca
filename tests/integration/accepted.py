# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that JAA has accepted, without the playbook's second each: the product's own records and ledger."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))

from ansible_collections.dse.backup.plugins.module_utils._core.items import source
from ansible_collections.dse.backup.plugins.plugin_utils import ledger as ledgers
from ansible_collections.dse.backup.plugins.plugin_utils import procedure as procedures
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, read_register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import objection, taken_over


def bring_up(
    directory: Path,
    declared: Mapping[str, Any],
    *,
    members: Collection[str],
    procedure: str | None = None,
    moment: datetime | None = None,
) -> None:
    """Record a request, accepted from ``moment``'s day on, for each sound item that has none, or that has changed.

    Nothing is written where the register is complete.
    """
    rules = procedures.load(procedure or str(procedures.DEFAULT_DIRECTORY))
    now = moment.astimezone(rules.zone) if moment else datetime.now(rules.zone)
    ledger = ledgers.Ledger(str(directory), rules)
    with ledger.read() as index:
        requests = index.requests()
        holders = {item_id: history.server for item_id, history in index.histories().items()}
    register = read_register(declared, members=members, holders=holders, procedure=rules)
    groups, conflicts = taken_over(register.items, requests)
    assert not conflicts, conflicts
    entries = [_accepted(items, rules, now, folio=folio) for folio, items in groups.items()]
    for item in register.items:
        folio = item.definition["request_folio"]
        if folio not in groups and objection(item.definition, item.server, requests, now.date()):
            changed = _accepted([item], rules, now, amends_folio=requests.version(folio, now.date()).folio)
            entries.append({**changed, ledgers.TAKEN_FOLIOS: register.highest_request_folios})
    if entries:
        ledger.prepare()
        with mock.patch.object(ledgers, "datetime") as clock:
            clock.now.return_value = now
            ledger.append(entries)


def _accepted(items: list[Item], rules: procedures.Procedure, now: datetime, **more: Any) -> dict[str, Any]:
    """Return the entry of a request and, as its follow-up, of its acceptance."""
    item = items[0].definition
    kind = rules.information_type(item["information_type"])
    by = {"run_id": "registro", "operator_role": "JAA", "operator_user": "pruebas"}
    request = {
        "record_type": "backup_request",
        "form_code": rules.form_for("backup_request").code,
        "prepared_by": rules.institution.prepared_by,
        "requester_role": "CGDW",
        "requester_area": "Portal",
        "requester_contact": "portal@example.mx",
        "service": item["service"],
        "servers": list(dict.fromkeys(each.server for each in items)),
        "repository_type": item["repository_type"],
        "information_type": kind.key,
        "frequency": kind.frequency,
        "source": source(item),
        "exclusions": item.get("exclude") or None,
        "estimated_bytes": 10_000,
        "contains_personal_data": False,
        **by,
        **more,
    }
    decision = {"record_type": "decision", "decision": "accepted", "valid_from": now.date().isoformat(), **by}
    for record in (request, decision):
        assert not rules.check_record(record), rules.check_record(record)
    return {**request, "follow_ups": [decision]}
