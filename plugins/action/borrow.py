# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches a backup on loan from CSC's copy, where CSC has granted it, and records the check on receipt."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.csc_place import OPTION
from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import RepositoryJob


class ActionModule(RepositoryJob):
    """See plugins/modules/borrow.py; as a task it takes the plan of a restore."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.open_plan(
            csc=OPTION,
            on_loan={"type": "path", "required": True},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        )
        where = {key: options[key] for key in ("csc", "on_loan", "state")}
        if options["state"] == "absent":
            self.ask("borrow", task_vars, **where)
            return {"changed": True}
        with self.ledger.read() as index:
            loan = csc_copy.covering(index, self.plan["lent"])
            backup = index.backup(self.plan["record"]["backup_folio"])
        if loan is None or not loan.is_granted:
            return {"changed": False, "borrowed": {}}
        try:
            answer = self.ask(
                "borrow",
                task_vars,
                **where,
                original=backup.file_name,
                sha256=backup.sha256,
                dump_sha256=self.plan["dump_sha256"],
                size_bytes=backup.size_bytes,
            )
        except AnsibleActionFail as error:
            # Nothing was received that could be checked: the loan stays as it is.
            return {"changed": False, "borrowed": {"problem": text(error.message)}}
        borrowed = {key: text(answer[key]) for key in ("snapshot", "sha256", "problem")}
        if borrowed["problem"]:
            # It is not restored from.
            borrowed["snapshot"] = ""
        records = csc_copy.check(
            loan,
            borrowed["sha256"],
            context=self.run_context,
            procedure=self.procedure,
            problem=borrowed["problem"],
        )
        return {"changed": True, "borrowed": borrowed, "backup_records": records}
