# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a pruning: what may go and why the rest stays, from the ledger alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.retention import Fate, fates, outdated_safety, with_own


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
            histories = index.histories()
            of_items: dict[tuple[str, str], list[Backup]] = {}
            for backup in index.backups():
                if backup.server in hosts:
                    of_items.setdefault((backup.server, backup.item_id), []).append(backup)
            self.require_backed_up(options["items"], {item_id for _server, item_id in of_items})
            register = self.register(task_vars, histories)
            self.lent = {
                file["folio"]: f"su copia de CSC está en préstamo ({loan.folio})"
                for loan in index.loans(is_open=True)
                for file in loan.files
            }
            servers: dict[str, dict[str, Any]] = {}
            rows = []
            for (server, item_id), backups in sorted(of_items.items()):
                if options["items"] and item_id not in options["items"]:
                    continue
                decided = self._fates(server, item_id, backups, histories.get(item_id, History()), register)
                rows += [_row(fate) for fate in decided]
                for fate in decided:
                    if fate.goes:
                        self._add(servers, server, fate.backup.snapshot, fate.backup.folio, item_id)
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

    def _fates(
        self, server: str, item_id: str, backups: list[Backup], history: History, register: Register
    ) -> list[Fate]:
        kind = self.procedure.information_type(backups[-1].information_type)
        definition = next((item.definition for item in register.items if item.item_id == item_id), None)
        if definition is None and any(refusal.server == server for refusal in register.refusals):
            # What its own retention is cannot be read: nothing goes until somebody mends the inventory.
            present = [backup for backup in backups if backup.removed_on is None]
            return [Fate(backup, False, "el inventario de su servidor tiene errores") for backup in present]
        return fates(
            backups,
            with_own(kind.retention, (definition or {}).get("retention")),
            self.procedure.safeguards,
            today=self.now.date(),
            cycle_days=kind.schedule.days or 60,
            baseline=history.baseline["folio"] if history.baseline else None,
            is_failing=history.failing,
            lent=self.lent,
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
