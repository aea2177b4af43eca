# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at one server for what somebody might have to ask a backup for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.coverage import OPTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.coverage import believable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text


class ActionModule(LedgerAction):
    """See plugins/modules/coverage.py for its options and result."""

    job = "coverage"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(**OPTIONS)
        answer = self._execute_module("dse.backup.coverage", module_args=options, task_vars=task_vars)
        if answer.get("failed"):
            raise AnsibleActionFail(text(answer.get("msg")) or "el servidor no respondió")
        try:
            look = believable(answer, len(options["requested"]))
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        # Never the answer itself: whatever else a server puts into it would be taken for the action's.
        return {
            "changed": False,
            "found": [asdict(each) for each in look.found],
            "requested": look.answers,
            "problems": look.problems,
            "remarks": look.remarks,
        }
