# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores on one server, shows how far it is, and returns the record of the recovery (FOR 7.5 DSE 05-B)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.sizes import NONCONFORMING
from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import follow, text, texts
from ansible_collections.dse.backup.plugins.plugin_utils.screen import restore as screen

display = Display()

# Tables that are named in the record one by one; those that differ come first.
_TABLES = 200


class ActionModule(LedgerAction):
    """See plugins/modules/restore.py for its options; as a task it takes the plan of plan_restore."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            plan={"type": "dict", "required": True},
            source={"type": "dict", "default": {}},
            borrowed={"type": "dict", "default": {}},
            script={"type": "path", "required": True},
            state_dir={"type": "path", "required": True},
            config_file={"type": "path", "required": True},
            time_limit={"type": "int", "required": True},
            wait={"type": "int", "default": 10},
        )
        self.plan = options.pop("plan")
        self.run_context = outcomes.Context(**self.plan["context"])
        source, borrowed = options.pop("source"), options.pop("borrowed")
        from_csc = "borrowed" in self._task.args
        if from_csc and not borrowed.get("snapshot"):
            return {"changed": True, "backup_records": [self._not_lent(borrowed)]}
        host = task_vars["inventory_hostname"]
        options.update(
            run_id=self.run_context.run_id,
            restore={**self.plan["request"], "source": source or None},
            preview=self.plan["is_preview"],
        )
        if from_csc:
            options["restore"]["snapshot"] = borrowed["snapshot"]
            # In a run of its own: asking again with the same id attaches to the one that failed.
            options["run_id"] += ".csc"
        answer = follow(self, "dse.backup.restore", options, task_vars, host)
        if self.plan["is_preview"]:
            return _previewed(answer.get("preview"), host)
        record = self._record(answer.get("result"), **self._lent() if from_csc else {"copy_used": "jaa"})
        # What was stored before something was replaced had read all of JAA's copy: that is not what failed.
        may_be_the_copy = record["result"] != "restored" and not record["safety_file_name"]
        if may_be_the_copy and self.plan["with_csc"] and not from_csc:
            # Whether it is the server or JAA's copy is known when that has been read: CSC has another one.
            return {"changed": True, "unsettled": record}
        return {"changed": True, "backup_records": [record]}

    def _lent(self) -> dict[str, Any]:
        """Return which copy is used, by which loan."""
        with self.ledger.read() as index:
            loan = csc_copy.covering(index, self.plan["lent"])
        return {"copy_used": "csc", "loan_folio": loan.folio if loan else None}

    def _not_lent(self, borrowed: dict[str, Any]) -> dict[str, Any]:
        """Return the line of a recovery that waits for CSC, or to which CSC's copy was no help either."""
        with self.ledger.read() as index:
            loan = csc_copy.covering(index, self.plan["lent"])
            damage = csc_copy.damage(index, index.backup(self.plan["record"]["backup_folio"]))
        folio = loan.folio if loan else None
        problem = text(borrowed.get("problem"))
        if loan and loan.check_on_receipt == NONCONFORMING:
            problem = problem or f"la copia de CSC no es conforme: devuelva el préstamo {folio} y use otro respaldo"
        if problem:
            return self._record({"error": problem}, stage="loan", copy_used="csc", loan_folio=folio)
        record = self._record({}, copy_used="csc", loan_folio=folio)
        # The failure is the copy's, which is recorded; that CSC is asked is none.
        del record["follow_ups"]
        record["related_folios"] = [damage.folio] if damage else None
        record["remarks"] = (
            f"la copia de JAA está dañada; la de CSC se pidió en préstamo ({folio}). Cuando CSC lo autorice: "
            f"restore.yml -e restore_loan={folio}"
        )
        return record

    def _record(self, result: Any, stage: str = "restore", **copy: Any) -> dict[str, Any]:
        """Return the line of the recovery, with its failure where it failed. Only known fields, in their types."""
        result = result if isinstance(result, dict) else {}
        restored = result.get("restore")
        restored = restored if isinstance(restored, dict) else {}
        succeeded = restored.get("state") == "restored"
        record = {
            "record_type": "recovery",
            "form_code": self.procedure.form_for("recovery").code,
            **outcomes.common(self.run_context, self.procedure),
            "execution_mode": "manual",
            **{key: self.plan["planned"][key] for key in ("item_id", "server", "service", "information_type")},
            **self.plan["record"],
            **copy,
            "tool": text(result.get("tool")) or None,
            "result": "restored" if succeeded else "not_restored",
            "safety_file_name": text(restored.get("safety_snapshot")) or None,
            "remarks": "; ".join(texts(restored.get("remarks"))) or None,
        }
        record.update(self._times(restored))
        if succeeded:
            record.update(_counts(restored))
            return record
        record["follow_ups"] = [
            outcomes.failure(
                {**self.plan["planned"], "id": self.plan["planned"]["item_id"]},
                self.plan["server"],
                _cause(result, restored),
                context=self.run_context,
                procedure=self.procedure,
                scheduled_for=datetime.fromisoformat(self.plan["planned"]["scheduled_for"]),
                stage=stage,
                backup_folio=self.plan["record"]["backup_folio"],
            )
        ]
        return record

    def _times(self, restored: dict[str, Any]) -> dict[str, str]:
        times = {}
        for key in ("started_at", "finished_at"):
            try:
                moment = datetime.fromisoformat(restored[key]).astimezone(self.procedure.zone)
            except (KeyError, TypeError, ValueError):
                moment = datetime.now(self.procedure.zone)
            times[key] = moment.isoformat(timespec="seconds")
        return times


def _counts(restored: dict[str, Any]) -> dict[str, Any]:
    matches = restored.get("sha256_matches")
    counts: dict[str, Any] = {
        "restored_bytes": _number(restored.get("restored_bytes")),
        "entry_count": _number(restored.get("entry_count")),
        "sha256_matches": matches if isinstance(matches, bool) else None,
    }
    database = restored.get("database")
    if isinstance(database, dict):
        tables = database.get("tables") if isinstance(database.get("tables"), dict) else {}
        rows = [(text(name), _number(each["expected"]), _number(each["found"])) for name, each in tables.items()]
        rows.sort(key=lambda row: (row[1] == row[2], row[0]))
        schema = database.get("schema_matches")
        counts.update(
            rows_match=database.get("rows_match") is True,
            schema_matches=schema if isinstance(schema, bool) else None,
            table_rows=[f"{name}: {found} de {expected}" for name, expected, found in rows[:_TABLES]],
        )
    return counts


def _cause(result: dict[str, Any], restored: dict[str, Any]) -> str:
    busy = result.get("busy")
    if isinstance(busy, dict):
        return f"el servidor está ocupado con otra corrida: {text(busy.get('run_id'))}, desde {text(busy.get('since'))}"
    return text(restored.get("message")) or text(result.get("error")) or "el servidor no dijo cómo terminó"


def _previewed(found: Any, host: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise AnsibleActionFail("la respuesta del servidor no se entiende")
    display.display(screen.preview(found, host))
    if found["refusals"]:
        raise AnsibleActionFail("así no se restauraría:\n  " + "\n  ".join(texts(found["refusals"])))
    return {"changed": any(found.get(key) for key in ("written", "replaced", "removed")), "preview": found}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
