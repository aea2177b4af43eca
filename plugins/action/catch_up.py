# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a run: what the repository holds and the ledger does not know, and the slots that passed without a backup."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import calendar, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.repository_action import REPOSITORY_OPTIONS, RepositoryAction


class ActionModule(RepositoryAction):
    """See plugins/modules/catch_up.py for its options and result."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(**REPOSITORY_OPTIONS)
        self.open_plan(options)
        now = datetime.now(self.procedure.zone)
        before = deepcopy(self.histories)
        found = self.measure(options, task_vars) if self.has_news(options) else []
        # Of no run: the one that a tag names has its outcome, or never was. A tag is what the server wrote.
        entries = [self.record(each, None) for each in found]
        # What is due and was found done has its outcome in this run: the newest backup of it.
        done = {entry["item_id"]: entry for entry in entries if not self._is_due(entry["item_id"], now)}
        for item_id in self.plan["due"].keys() & done.keys():
            done[item_id]["run_id"] = self.run_context.run_id
        missed = [
            record for item_id in self.items for record in self._missed(item_id, before[item_id].outcome_days, now)
        ]
        return {
            "changed": False,
            "due": [item_id for item_id in self.plan["due"] if item_id not in done],
            "backup_records": [*missed, *entries],
        }

    def _is_due(self, item_id: str, now: datetime) -> bool:
        kind = self.procedure.information_type(self.items[item_id]["information_type"])
        forced = self.run_context.execution_mode == "manual"
        return forced or calendar.due(kind, self.histories[item_id], now).now

    def _missed(self, item_id: str, earlier_days: list[str], now: datetime) -> list[dict[str, Any]]:
        item = self.items[item_id]
        kind = self.procedure.information_type(item["information_type"])
        history = deepcopy(self.histories[item_id])
        # All that is known, before the newest outcome lets the oldest be forgotten.
        history.outcome_days = sorted({*earlier_days, *history.outcome_days})
        return [
            outcomes.missed(item, self.server, slot, context=self.run_context, procedure=self.procedure)
            for slot in calendar.missed_slots(kind, history, now)
        ]
