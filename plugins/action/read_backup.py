# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a restore that failed: is it JAA's copy, or the server? Records the damage, or what the restore said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import RepositoryJob


class ActionModule(RepositoryJob):
    """See plugins/modules/read_backup.py; as a task it takes the plan of a restore."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.open_plan(unsettled={"type": "dict", "default": {}})
        problem = self.plan["known_damage"]
        if not problem:
            reading = self.ask(
                "read_backup",
                task_vars,
                snapshot=self.plan["request"]["snapshot"],
                dump_sha256=self.plan["dump_sha256"],
            )
            problem = text(reading["problem"])
        if not problem and options["unsettled"]:
            # The copy is sound: what failed is what the server said.
            return {"changed": False, "is_damaged": False, "backup_records": [options["unsettled"]]}
        if not problem:
            # Mended since CSC was asked. Its copy is as good, and the loan is of it.
            return {"changed": False, "is_damaged": True, "problem": "", "backup_records": []}
        with self.ledger.read() as index:
            backup = index.backup(self.plan["record"]["backup_folio"])
            known = csc_copy.damage(index, backup)
        record = csc_copy.damage_record(
            backup,
            problem,
            context=self.run_context,
            procedure=self.procedure,
            now=datetime.now(self.procedure.zone),
        )
        is_known = known is not None and (self.plan["known_damage"] or known.backup_folio == backup.folio)
        return {
            "changed": False,
            "is_damaged": True,
            "problem": problem,
            "backup_records": [] if is_known else [record],
        }
