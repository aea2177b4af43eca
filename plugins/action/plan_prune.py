# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a pruning: what may go and why the rest stays, from the ledger alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import pruning
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.retention import Fate, outdated_safety


class ActionModule(PlanAction):
    """See plugins/modules/plan_prune.py for its options and result."""

    job = "prune"
    act = "depurar respaldos"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            items={"type": "list", "elements": "str", "default": []},
            operator_role={"type": "str", "default": ""},
        )
        self.set_context(options["operator_role"], "manual" if options["items"] else "automatic")
        hosts = set(task_vars["ansible_play_hosts_all"])
        with self.ledger.read() as index:
            known = {backup.item_id for backup in index.backups() if backup.server in hosts}
            self.require_backed_up(options["items"], known)
            servers: dict[str, dict[str, Any]] = {}
            rows = []
            for each in pruning.of_items(
                index,
                self.register(task_vars, index.standings()),
                self.procedure,
                self.now.date(),
                wants=lambda server, item_id: server in hosts and item_id in (options["items"] or known),
            ):
                rows += [_row(fate) for fate in each.fates]
                for fate in each.fates:
                    if fate.goes:
                        self._add(servers, each.server, fate.backup.snapshot, fate.backup.folio, each.item_id)
            if not options["items"]:
                for server in sorted(hosts):
                    for name in outdated_safety(
                        index.safety_snapshots(server), self.procedure.safeguards, self.now.date()
                    ):
                        self._add(servers, server, name, None, None)
                        rows.append({"server": server, "item_id": "", "folio": "", "goes": True, "reason": _SAFETY})
            return self._result(index, servers, rows)

    def _result(self, index: Index, servers: dict[str, dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
        return self.result(
            index, [each["planned"] for each in servers.values()], servers=list(servers.values()), fates=rows
        )

    def _add(
        self, servers: dict[str, dict[str, Any]], server: str, name: str, folio: str | None, item_id: str | None
    ) -> None:
        plan = servers.setdefault(
            server,
            {
                "server": server,
                "disposed": [],
                "context": asdict(self.run_context),
                "planned": self.planned(server, "jaa_copy"),
            },
        )
        plan["disposed"].append({"folio": folio, "file_name": name, "item_id": item_id})


_SAFETY = "guardado antes de una restauración; cumplió su plazo"


def _row(fate: Fate) -> dict[str, Any]:
    backup = fate.backup
    return {
        **{key: getattr(backup, key) for key in ("server", "item_id", "folio", "backup_date", "size_bytes")},
        "goes": fate.goes,
        "reason": fate.reason,
    }
