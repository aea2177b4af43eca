# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JAA's decision on a backup in quarantine: a record of its own; accepting it closes the failure that it opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction

_DECISIONS = {"accepted": "aceptado", "rejected": "rechazado"}


class ActionModule(PlanAction):
    """See plugins/modules/decide.py for its options and result."""

    job = "accept"
    act = "dictaminar un respaldo"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            folio={"type": "str", "default": ""},
            decision={"type": "str", "default": ""},
            reason={"type": "str", "default": ""},
            operator_role={"type": "str", "default": ""},
        )
        faults = self.take_operator(options["operator_role"], "manual")
        options = {key: readable(value.strip()) for key, value in options.items()}
        with self.ledger.read() as index:
            backup = index.backup(options["folio"])
            waiting = [each.folio for each in index.suspects()]
            is_open = backup is not None and backup.failure_folio in {each.folio for each in index.open_failures()}
        faults += _faults(options, backup, waiting)
        if faults:
            raise AnsibleActionFail("no se registró ningún dictamen:\n  " + "\n  ".join(faults))
        common = {**self.by, "item_id": backup.item_id, "server": backup.server}
        decision = {
            **common,
            "record_type": "decision",
            "about_folio": backup.folio,
            "decision": options["decision"],
            "decision_reason": options["reason"],
        }
        records = [decision]
        # A rejected one covers nothing: what is missing stays open until a backup covers it, or JAA says why not.
        if is_open and options["decision"] == "accepted":
            cause = f"dictamen de {self.run_context.operator_role}: aceptado; {options['reason']}"
            closing = {
                "record_type": "closing",
                "about_folio": backup.failure_folio,
                "evidence": "decision",
                "related_folios": [backup.folio],
                "cause": cause,
                "resolved_at": self.now.isoformat(timespec="seconds"),
            }
            records.append({**common, **closing})
        return self.acted(
            records,
            decision=options["decision"],
            backup={key: value for key, value in asdict(backup).items() if value is not None},
        )


def _faults(options: dict[str, str], backup: Backup | None, waiting: list[str]) -> Iterator[str]:
    those = f"en cuarentena están: {', '.join(waiting)}" if waiting else "no hay ningún respaldo en cuarentena"
    if not options["folio"]:
        yield f"accept_folio: falta el folio del respaldo; {those}"
    elif backup is None:
        yield f"accept_folio: «{options['folio']}» no es el folio de un respaldo del registro; {those}"
    elif backup.decision:
        yield f"accept_folio: {backup.folio} ya fue {_DECISIONS[backup.decision]}, y un registro no se cambia; {those}"
    elif backup.folio not in waiting:
        yield f"accept_folio: {backup.folio} no está en cuarentena; {those}"
    if options["decision"] not in _DECISIONS:
        yield f"accept_decision: «{options['decision']}» debe ser accepted (se acepta) o rejected (se rechaza)"
    if not options["reason"]:
        yield "accept_reason: falta el motivo del dictamen"
