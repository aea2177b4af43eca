# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was accepted and did not happen, as far as the failure log does not say so yet: each gets its failure."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import expectations
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction


class ActionModule(PlanAction):
    """See plugins/modules/reconcile.py for its options and result."""

    act = "conciliar el calendario con el registro"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(operator_role={"type": "str", "default": ""})
        self.set_context(options["operator_role"], "automatic")
        wanted = self.limited(task_vars)
        with self.ledger.read() as index:
            records = [
                expectations.missed(each, slot, context=self.run_context, procedure=self.procedure)
                for each in self.expected(task_vars, index)
                if wanted(each.server)
                for slot in expectations.unrecorded(each, index, self.now)
            ]
        return {"changed": bool(records), "opened": len(records), "backup_records": records}
