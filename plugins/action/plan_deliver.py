# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a delivery: the verified backups that CSC does not have yet, from the ledger alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.backups import undelivered
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction


class ActionModule(PlanAction):
    """See plugins/modules/plan_deliver.py for its options and result."""

    job = "deliver"
    act = "entregar respaldos a CSC"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            items={"type": "list", "elements": "str", "default": []},
            operator_role={"type": "str", "default": ""},
        )
        self.set_context(options["operator_role"], "manual" if options["items"] else "automatic")
        with self.ledger.read() as index:
            return self._plan(options["items"], task_vars, index)

    def _plan(self, wanted: list[str], task_vars: dict[str, Any], index: Index) -> dict[str, Any]:
        hosts, members = set(task_vars["ansible_play_hosts_all"]), set(task_vars["groups"].get("dse_servers", []))
        backups = index.backups()
        self.require_backed_up(wanted, {each.item_id for each in backups})
        servers: dict[str, dict[str, Any]] = {}
        left: set[str] = set()
        for backup in undelivered(backups):
            if wanted and backup.item_id not in wanted:
                continue
            if backup.server not in hosts:
                left.add(backup.server)
                continue
            plan = servers.setdefault(
                backup.server,
                {
                    "server": backup.server,
                    "backups": [],
                    "context": asdict(self.run_context),
                    "planned": self.planned(backup.server, "csc_delivery"),
                },
            )
            plan["backups"].append(
                {
                    key: getattr(backup, key)
                    for key in (
                        *("folio", "item_id", "service", "information_type", "file_name", "snapshot"),
                        *("size_bytes", "sha256"),
                    )
                }
            )
        return self.result(
            index,
            [each["planned"] for each in servers.values()],
            servers=list(servers.values()),
            # Whoever left the inventory still has backups that CSC should hold.
            left=sorted(left - members) if hosts == members else [],
        )
