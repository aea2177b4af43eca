# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes from one server's repository what the plan says, and records what is gone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import RepositoryJob


class ActionModule(RepositoryJob):
    """See plugins/modules/prune.py; as a task it takes the plan."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        self.open_plan()
        going = {each["file_name"]: each for each in self.plan["disposed"]}
        answer = self.ask("prune", task_vars, snapshots=list(going))
        # What an earlier run removed, and could not record any more, is recorded now.
        gone = [text(name) for name in (*answer["removed"], *answer["absent"])]
        error = text(answer["error"])
        record = {
            "record_type": "disposal",
            **outcomes.common(self.run_context, self.procedure),
            "execution_mode": self.run_context.execution_mode,
            "server": self.server,
            "result": "partial" if error else "done",
            "disposed": [going.get(name, {"folio": None, "file_name": name, "item_id": None}) for name in gone],
            "kept_count": int(answer["kept"]),
            "freed_bytes": int(answer["freed_bytes"]),
        }
        records = [record]
        if error:
            failure = outcomes.failure(
                {"id": self.server},
                self.server,
                f"la depuración no terminó: {error}",
                context=self.run_context,
                procedure=self.procedure,
                scheduled_for=datetime.fromisoformat(self.plan["planned"]["scheduled_for"]),
                stage="jaa_copy",
            )
            # The run's outcome is the record of what is gone.
            records.append({**failure, "run_id": None})
        return {"changed": bool(gone), "backup_records": records}
