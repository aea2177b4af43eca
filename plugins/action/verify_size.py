# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a run: measures what the server left in its repository and gives each item that was due its one outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.repository_action import REPOSITORY_OPTIONS, RepositoryAction


class ActionModule(RepositoryAction):
    """See plugins/modules/verify_size.py; as a task it takes the plan, what is still due, and the run's result."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            **REPOSITORY_OPTIONS,
            due={"type": "list", "elements": "str", "required": True},
            run={"type": "dict", "required": True},
        )
        self.open_plan(options)
        run = options["run"]
        reported = {each["item_id"]: each for each in run["outcomes"]}
        unreadable = {each["snapshot_id"]: each["unreadable"] for each in run["outcomes"] if each["unreadable"]}
        found = self.measure(options, task_vars, unreadable)
        # The newest, should there be two: one item has one outcome.
        mine = {
            each["tags"]["item"]: each
            for each in found
            if each["tags"].get("run") == self.run_context.run_id and each["tags"]["item"] in options["due"]
        }
        records = [self._backup(each, mine, reported) for each in found]
        records += [self._failure(item_id, run, reported) for item_id in options["due"] if item_id not in mine]
        records += [self._by_hand(entry) for entry in run["journal"] if self._is_news(entry)]
        return {"changed": False, "backup_records": records}

    def _backup(
        self, measured: dict[str, Any], mine: dict[str, Any], reported: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        item_id = measured["tags"]["item"]
        if mine.get(item_id) is measured:
            planned_for = datetime.fromisoformat(self.plan["due"][item_id]["scheduled_for"])
            return self.record(measured, self.run_context.run_id, reported.get(item_id), not_before=planned_for)
        # Whatever run its tags name, that one has its outcome: what is found later is a new fact.
        return self.record(measured, None)

    def _failure(self, item_id: str, run: dict[str, Any], reported: dict[str, dict[str, Any]]) -> dict[str, Any]:
        kind = "error"
        stage = "backup"
        outcome = reported.get(item_id, {})
        if run["busy"]:
            kind, message = "not_run", f"el servidor está ocupado con otra corrida: {run['busy']}"
        elif outcome.get("state") == "stored":
            stage, message = "verification", "el servidor dice que guardó el respaldo, pero no está en el repositorio"
        else:
            message = outcome.get("message") or run["error"] or "el servidor no informó de este elemento"
        return outcomes.failure(
            self.items[item_id],
            self.server,
            message,
            context=self.run_context,
            procedure=self.procedure,
            scheduled_for=datetime.fromisoformat(self.plan["due"][item_id]["scheduled_for"]),
            stage=stage,
            kind=kind,
        )

    def _is_news(self, entry: dict[str, Any]) -> bool:
        return entry["item_id"] in self.items and entry["run_id"] not in self.histories[entry["item_id"]].host_runs

    def _by_hand(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the failure of a run by hand that only the server's journal knows. It was in no run of ours."""
        try:
            began = datetime.fromisoformat(entry["started_at"]).astimezone(self.procedure.zone)
        except ValueError:
            began = datetime.now(self.procedure.zone)
        failed = outcomes.failure(
            self.items[entry["item_id"]],
            self.server,
            f"respaldo manual en el servidor: {entry['message']}",
            context=self.run_context,
            procedure=self.procedure,
            scheduled_for=began,
            mode="manual",
            host_run_id=entry["run_id"],
        )
        return {**failed, "run_id": None}
