# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mends one server's repository from CSC's copy and records what came back, and how the repository is now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.csc_place import OPTION
from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text, texts
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import RepositoryJob


class ActionModule(RepositoryJob):
    """See plugins/modules/repair.py; as a task it takes the plan."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.open_plan(csc=OPTION, aside={"type": "path", "required": True})
        started = datetime.now(self.procedure.zone)
        answer = self.ask(
            "repair",
            task_vars,
            csc=options["csc"],
            aside=options["aside"],
            backups=[
                {"original": each["file_name"], **{key: each[key] for key in ("snapshot", "dump_sha256", "tree")}}
                for each in self.plan["backups"]
            ],
        )
        found = answer["verification"]
        repaired = list(self._repaired(answer["backups"]))
        record = {
            "record_type": "run",
            "run_event": "verified",
            **outcomes.common(self.run_context, self.procedure),
            "execution_mode": self.run_context.execution_mode,
            "server": self.server,
            "result": text(found["result"]),
            "read": text(found["read"]),
            "errors": texts(found["errors"]),
            "damaged_file_names": [text(name) for name in found["damaged_snapshots"]]
            + list(self._unmended(answer["backups"])),
            "checked_count": int(found["checked_snapshots"]),
            "started_at": started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(self.procedure.zone).isoformat(timespec="seconds"),
            "repaired": repaired,
            "related_folios": [each["folio"] for each in repaired] or None,
            "remarks": "; ".join(f"{folio}: {each}" for folio, each in self._problems(answer["backups"])) or None,
        }
        with self.ledger.read() as index:
            loan = csc_copy.covering(index, self.plan["lent"])
            news = list(self._news(answer["backups"], index))
        # Of several there is no one digest: the check is the comparison of each, in the record itself.
        lent = set(self.plan["lent"])
        problem = "; ".join(each for folio, each in self._problems(answer["backups"]) if folio in lent)
        checks = csc_copy.check(loan, "", context=self.run_context, procedure=self.procedure, problem=problem)
        return {"changed": bool(repaired), "backup_records": [*checks, record, *news]}

    def _unmended(self, backups: list[dict[str, Any]]) -> Iterator[str]:
        """Yield the ids under which the ledger knows what is still damaged."""
        known = {each["file_name"]: each["snapshot"] for each in self.plan["backups"]}
        yield from (known[each["original"]] for each in backups if text(each["problem"]))

    def _news(self, backups: list[dict[str, Any]], index: Index) -> Iterator[dict[str, Any]]:
        """Yield a failure for each backup that is still damaged and of which none is open."""
        for folio, problem in self._problems(backups):
            backup = index.backup(folio)
            if csc_copy.damage(index, backup) is None:
                yield csc_copy.damage_record(
                    backup,
                    f"no se pudo reparar: {problem}",
                    context=self.run_context,
                    procedure=self.procedure,
                    now=datetime.now(self.procedure.zone),
                )

    def _repaired(self, backups: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        of_original = {each["file_name"]: each for each in self.plan["backups"]}
        for each in backups:
            if not text(each["problem"]):
                backup = of_original[each["original"]]
                yield {
                    **{key: backup[key] for key in ("folio", "item_id")},
                    "file": backup["file_name"],
                    "stored_as": text(each["snapshot"]),
                    "csc_file": text(each["csc_snapshot"]),
                    "size_bytes": int(each["size_bytes"]),
                    "sha256": text(each["sha256"]),
                }

    def _problems(self, backups: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        """Yield what could not be mended, by its folio, and why."""
        folios = {each["file_name"]: each["folio"] for each in self.plan["backups"]}
        for each in backups:
            if problem := text(each["problem"]):
                yield folios[each["original"]], problem
