# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which repositories to look into before anything is called missed: of the servers with gaps or open failures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import expectations, views
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction


class ActionModule(PlanAction):
    """See plugins/modules/plan_reconcile.py for its options and result."""

    job = "reconcile"
    act = "conciliar el calendario con el registro"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(operator_role={"type": "str", "default": ""})
        self.set_context(options["operator_role"], "automatic")
        with self.ledger.read() as index:
            register = self.register(task_vars, index.standings())
            all_expected = expectations.expected_by(index, register, self.procedure, self.now.date())
            wanted = self.limited(task_vars)
            all_expected = [each for each in all_expected if wanted(each.server)]
            found = [(each, expectations.unrecorded(each, index, self.now)) for each in all_expected]
            gaps = [(each, slots) for each, slots in found if slots]
            # A backup may lie there that covers what is missing or failed, or what a run cut off did not record.
            concerned = {each.server for each, _slots in gaps}
            concerned |= {failure.server for failure in index.open_failures() if failure.is_of_a_backup}
            concerned |= {planned["server"] for pending in index.open_runs().values() for planned in pending}
            servers: dict[str, dict[str, Any]] = {}
            for item in register.items:
                if item.server in concerned and wanted(item.server):
                    plan = servers.setdefault(item.server, {"server": item.server, "items": [], "due": {}})
                    plan["items"].append(item.definition)
            return self.result(
                index,
                [],
                servers=[{**plan, "context": asdict(self.run_context)} for plan in servers.values()],
                expected_count=len(all_expected),
                gaps=[
                    f"{each.server} · {each.item_id}: {views.slot_name(slot)}" for each, slots in gaps for slot in slots
                ],
                seeks="failure",
                also_recorded={"highest_request_folios": register.highest_request_folios},
            )
