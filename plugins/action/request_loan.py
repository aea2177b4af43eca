from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction


class ActionModule(LedgerAction):
    """See plugins/modules/request_loan.py; as a task it takes the plan of a restore."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = self.options(plan={"type": "dict", "required": True})["plan"]
        with self.ledger.read() as index:
            if csc_copy.covering(index, plan["lent"]):
                return {"changed": False}
            records = csc_copy.requests(
                index,
                [index.backup(folio) for folio in plan["lent"]],
                context=outcomes.Context(**plan["context"]),
                procedure=self.procedure,
                now=datetime.now(self.procedure.zone),
                standing=plan["standing"],
            )
        return {"changed": True, "backup_records": records}
