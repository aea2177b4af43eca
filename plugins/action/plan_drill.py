# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of the drills: which items have waited the longest to be tried."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.items import dump_file_name, is_database
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import drills
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import next_drills


class ActionModule(PlanAction):
    """See plugins/modules/plan_drill.py for its options and result."""

    job = "drill"
    act = "hacer simulacros"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            period_days={"type": "int", "default": drills.PERIOD_DAYS},
            count={"type": "int", "default": 0},
            items={"type": "list", "elements": "str", "default": []},
            operator_role={"type": "str", "default": ""},
        )
        if options["period_days"] < 1 or options["count"] < 0:
            raise AnsibleActionFail(
                "drill_period_days debe ser un número de días, de 1 en adelante, y drill_count, de 0 en adelante"
            )
        self.set_context(options["operator_role"], "manual" if options["items"] or options["count"] else "automatic")
        with self.ledger.read() as index:
            return self._plan(options, task_vars, index)

    def _plan(self, options: dict[str, Any], task_vars: dict[str, Any], index: Index) -> dict[str, Any]:
        histories = index.histories()
        hosts = set(task_vars["ansible_play_hosts_all"])
        items = {item.item_id: item.definition for item in self.register(task_vars, histories).items}
        there = (backup for backup in index.backups() if backup.server in hosts)
        candidates, waiting = drills.candidates(there, items)
        tested = {item_id: histories.get(item_id, History()).drill_tried_on for item_id in candidates}
        wanted = options["items"] or next_drills(
            tested,
            self.now.date(),
            period_days=options["period_days"],
            last_run=max((day for day in tested.values() if day), default=None),
            count=options["count"] or None,
        )
        _require_known(options["items"], candidates, waiting)
        chosen = [self._drill(candidates[item_id], items.get(item_id), tested[item_id]) for item_id in wanted]
        servers: dict[str, dict[str, Any]] = {}
        for drill in chosen:
            plan = servers.setdefault(
                drill["server"], {"server": drill["server"], "context": asdict(self.run_context), "drills": []}
            )
            plan["drills"].append(drill)
        return self.result(
            index,
            [drill["planned"] for drill in chosen],
            servers=list(servers.values()),
            waiting=waiting,
            candidates=len(candidates),
        )

    def _drill(self, backup: Backup, item: dict[str, Any] | None, tested_on: str | None) -> dict[str, Any]:
        planned = self.planned(
            backup.server,
            "restore",
            item_id=backup.item_id,
            service=backup.service,
            information_type=backup.information_type,
            backup_folio=backup.folio,
        )
        drill = {
            "server": backup.server,
            "item_id": backup.item_id,
            "backup": {key: value for key, value in asdict(backup).items() if value is not None},
            "snapshot": backup.snapshot,
            "tested_on": tested_on,
            "planned": planned,
            "request": None,
        }
        if item and is_database(item):
            drill["request"] = {
                "item": item,
                "snapshot": backup.snapshot,
                "sha256": backup.sha256,
                "dump_file": dump_file_name(item),
                "target": "",
                "in_place": False,
                "include": [],
                "verify": True,
                "undo": None,
                "drill": True,
                "source": None,
            }
        return drill


def _require_known(wanted: list[str], known: dict[str, Backup], waiting: list[dict[str, Any]]) -> None:
    reasons = {each["item_id"]: each["reason"] for each in waiting}
    wrong = [
        f"«{readable(each)}»: {reasons.get(each, 'sin respaldos en el registro')}"
        for each in wanted
        if each not in known
    ]
    if wrong:
        raise AnsibleActionFail(
            f"drill_items: no se pueden probar {'; '.join(wrong)}. Se pueden: {', '.join(sorted(known)) or 'ninguno'}"
        )
