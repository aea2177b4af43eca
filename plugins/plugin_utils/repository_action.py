# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what lies in a server's repository into records: shared by catch_up (before a run) and verify_size (after)."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.items import dump_file_name, is_database
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction

REPOSITORY_OPTIONS = {
    "plan": {"type": "dict", "required": True},
    "repository": {"type": "path", "required": True},
    "password_file": {"type": "path", "required": True},
    "lock_file": {"type": "path", "required": True},
    "restic": {"type": "str", "default": "restic"},
}


class RepositoryAction(LedgerAction):
    """An action that looks into one server's repository, on the backup server it is delegated to."""

    def open_plan(self, options: dict[str, Any]) -> None:
        """Take the server's part of the plan and, from the ledger, the history of each of its items."""
        self.plan = options["plan"]
        self.server: str = self.plan["server"]
        self.run_context = outcomes.Context(**self.plan["context"])
        self.items: dict[str, dict[str, Any]] = {item["id"]: item for item in self.plan["items"]}
        with self.ledger.read() as index:
            others = index.open_runs().keys() - {self.run_context.run_id}
        # Another run's backups are its own to record while it lives. Asked before what is known: it may end meanwhile.
        self.living = {run_id for run_id in others if self.ledger.is_alive(run_id)}
        with self.ledger.read() as index:
            self.histories = {item_id: index.history(item_id) for item_id in self.items}
            self.known = index.snapshots(self.server)
            self.brought_back = index.brought_back(self.server)

    def has_news(self, options: dict[str, Any]) -> bool:
        """Tell whether there is anything to measure or to clear: a snapshot that the ledger does not know, or a lock.

        By a listing, which takes a fifth of a module's time. Whatever else it shows, the module is to look at.
        """
        directories = [f"{options['repository']}/{name}" for name in ("snapshots", "locks")]
        listing = self._low_level_execute_command(shlex.join(["ls", "-1", *directories]))
        # Over SSH it comes from a terminal, with \r\n.
        names = set(listing["stdout"].splitlines()) - {"", *(f"{directory}:" for directory in directories)}
        known = set(self.known)
        return listing["rc"] != 0 or any(len(name) != 64 or name[:16] not in known for name in names)

    def measure(
        self, options: dict[str, Any], task_vars: dict[str, Any], unreadable: dict[str, list[str]] | None = None
    ) -> list[dict[str, Any]]:
        """Return the snapshots that the ledger does not know, measured and judged on the backup server."""
        answer = self._execute_module(
            "dse.backup.verify_size",
            module_args={
                **{key: options[key] for key in ("repository", "password_file", "lock_file", "restic")},
                "known": self.known,
                "histories": {item_id: self._history_for_module(item) for item_id, item in self.items.items()},
                "unreadable": unreadable or {},
            },
            task_vars=task_vars,
        )
        if answer.get("failed") or "snapshots" not in answer:
            raise AnsibleActionFail(str(answer.get("msg", "el servidor de respaldos no respondió")))
        return [
            each
            for each in answer["snapshots"]
            if each["tags"].get("item") in self.items and each["tags"].get("run") not in self.living
        ]

    def record(
        self,
        measured: dict[str, Any],
        run_id: str | None,
        reported: dict[str, Any] | None = None,
        not_before: datetime | None = None,
    ) -> dict[str, Any]:
        """Return the entry for one measured snapshot, and count it in the item's history from here on."""
        item = self.items[measured["tags"]["item"]]
        history = self.histories[item["id"]]
        entry = outcomes.backup(
            item,
            self.server,
            measured,
            history,
            context=replace(self.run_context, run_id=run_id),
            procedure=self.procedure,
            reported=reported,
            not_before=not_before,
        )
        history.add(entry)
        return entry

    def _history_for_module(self, item: dict[str, Any]) -> dict[str, Any]:
        kind = self.procedure.information_type(item["information_type"])
        history: History = self.histories[item["id"]]
        baseline = history.baseline
        if baseline and baseline["file_name"] in self.brought_back:
            baseline = {**baseline, "snapshot": self.brought_back[baseline["file_name"]]}
        return {
            "baseline": baseline,
            "peaks": history.peaks,
            "new_data": history.new_data,
            "window_days": kind.accumulated.window_days,
            "tolerance": self.procedure.tolerances(kind.key, item.get("tolerance")),
            "dump_file": dump_file_name(item) if is_database(item) else None,
            # What a link points to may be elsewhere each time; a dump's path is the server's own business.
            "paths": None if is_database(item) or item.get("follow_symlinks") else item["paths"],
        }
