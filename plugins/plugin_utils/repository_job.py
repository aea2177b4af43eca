# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job on one server's repository, done on the backup server that the task is delegated to."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.repository_action import REPOSITORY_OPTIONS


class Refused(AnsibleActionFail):
    """The module did not do it; ``answer`` is all that it said."""

    def __init__(self, message: str, answer: dict[str, Any]) -> None:
        super().__init__(message)
        self.answer = answer


class RepositoryJob(LedgerAction):
    """An action that takes one server's part of a plan, and asks a module on the backup server for the rest."""

    def open_plan(self, **more: dict[str, Any]) -> dict[str, Any]:
        """Return the task's options, ``more`` besides the repository's, and take the plan out of them."""
        options = self.options(**REPOSITORY_OPTIONS, lock_timeout={"type": "int", "default": 600}, **more)
        self.plan = options.pop("plan")
        self.server: str = self.plan["server"]
        self.run_context = outcomes.Context(**self.plan["context"])
        self._where = {key: options[key] for key in (*REPOSITORY_OPTIONS, "lock_timeout") if key != "plan"}
        return options

    def ask(self, module: str, task_vars: dict[str, Any], **arguments: Any) -> dict[str, Any]:
        """Return what the module says; raise Refused with its words where it failed."""
        answer = self._execute_module(
            f"dse.backup.{module}", module_args={**self._where, **arguments}, task_vars=task_vars
        )
        if answer.get("failed") or answer.get("unreachable"):
            raise Refused(text(answer.get("msg")) or "el servidor de respaldos no respondió", answer)
        return answer
