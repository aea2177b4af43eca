# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a run: what the repository holds and the ledger does not know, and the slots that passed without a backup."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import calendar, expectations
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, kept
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Register
from ansible_collections.dse.backup.plugins.plugin_utils.repository_action import REPOSITORY_OPTIONS, RepositoryAction


class ActionModule(RepositoryAction):
    """See plugins/modules/catch_up.py for its options and result."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(**REPOSITORY_OPTIONS)
        self.open_plan(options)
        now = datetime.now(self.procedure.zone)
        found = self.measure(options, task_vars) if self.has_news(options) else []
        # Of no run: the one that a tag names has its outcome, or never was. A tag is what the server wrote.
        entries = [self.record(each, None) for each in found]
        # What is due and was found done has its outcome in this run: the newest backup of it.
        done = {entry["item_id"]: entry for entry in entries if not self._is_due(entry["item_id"], now)}
        for item_id in self.plan["due"].keys() & done.keys():
            done[item_id]["run_id"] = self.run_context.run_id
        return {
            "changed": False,
            "due": [item_id for item_id in self.plan["due"] if item_id not in done],
            "backup_records": [*self._missed(entries, now), *entries],
        }

    def _is_due(self, item_id: str, now: datetime) -> bool:
        kind = self.procedure.information_type(self.items[item_id]["information_type"])
        forced = self.run_context.execution_mode == "manual"
        return forced or calendar.due(kind, self.histories[item_id], now).now

    def _missed(self, entries: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
        """Return the failures of the slots that passed, as far as anybody knows now, without a backup."""
        register = Register([Item(self.server, item) for item in self.items.values()], [])
        found: dict[str, list[Backup]] = {}
        for entry in entries:
            found.setdefault(entry["item_id"], []).append(Backup(**{"folio": "", **kept(entry)}))
        with self.ledger.read() as index:
            return [
                expectations.missed(each, slot, context=self.run_context, procedure=self.procedure)
                for each in expectations.expected_by(index, register, self.procedure, now.date())
                if each.server == self.server and each.item_id in self.items
                for slot in expectations.unrecorded(each, index, now, also=found.get(each.item_id, []))
            ]
