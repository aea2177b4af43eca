# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks one server's repository and records what was read, what is damaged and what still stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text, texts
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import RepositoryJob

# How restic and we say that something is not there any more, as opposed to being there and wrong.
_GONE = ("does not exist", "no such file", "input/output error", "not found", "falta el respaldo")
_NAMED = 20


class ActionModule(RepositoryJob):
    """See plugins/modules/verify_repository.py; as a task it takes the plan."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        self.open_plan()
        started = datetime.now(self.procedure.zone)
        # Before the repository is looked at: what is recorded meanwhile may be pruned or arrive meanwhile too.
        with self.ledger.read() as index:
            backups = index.backups(server=self.server)
            self._told = {each.item_id for each in index.open_failures() if each.failure_stage == "jaa_copy"}
        answer = self.ask("verify_repository", task_vars, read=self.plan["read"], expected=self.plan["expected"])
        errors = texts(answer["errors"])
        damaged = [text(name) for name in answer["damaged_snapshots"]]
        record = {
            "record_type": "run",
            "run_event": "verified",
            **outcomes.common(self.run_context, self.procedure),
            "execution_mode": self.run_context.execution_mode,
            "server": self.server,
            "result": text(answer["result"]),
            "read": self.plan["read"],
            "errors": errors,
            "damaged_file_names": damaged,
            "checked_count": int(answer["checked_snapshots"]),
            "started_at": started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(self.procedure.zone).isoformat(timespec="seconds"),
        }
        return {"changed": False, "backup_records": [record, *self._failures(backups, set(damaged), errors)]}

    def _failures(self, backups: list[Backup], damaged: set[str], errors: list[str]) -> Iterator[dict[str, Any]]:
        """Yield one failure for each item of which something is newly damaged; what is known is not said twice."""
        kind = "media_unreadable" if any(mark in error for error in errors for mark in _GONE) else "checksum"
        items: dict[str, list[Backup]] = {}
        for backup in backups:
            items.setdefault(backup.item_id, []).append(backup)
        hit = {
            item_id: [each for each in all_of_it if each.snapshot in damaged and each.removed_on is None]
            for item_id, all_of_it in items.items()
        }
        for item_id, broken in hit.items():
            if any(not each.is_damaged for each in broken) or (broken and item_id not in self._told):
                last = broken[-1]
                item = {"id": item_id, "service": last.service, "information_type": last.information_type}
                message = _damage(broken, [each for each in items[item_id] if each not in broken])
                yield self._failure(item, message, kind, last.folio)
        if errors and not any(hit.values()):
            message = (
                f"el repositorio tiene errores que no alcanzan a ningún respaldo registrado: {'; '.join(errors[:5])}"
            )
            yield self._failure({"id": self.server}, message, kind, None)

    def _failure(self, item: dict[str, Any], message: str, kind: str, folio: str | None) -> dict[str, Any]:
        failure = outcomes.failure(
            item,
            self.server,
            message,
            context=self.run_context,
            procedure=self.procedure,
            scheduled_for=datetime.fromisoformat(self.plan["planned"]["scheduled_for"]),
            stage="jaa_copy",
            kind=kind,
            backup_folio=folio,
        )
        # About the backup, as any later fact: the outcome of the verification is its own record.
        return {**failure, "about_folio": folio} if folio else {**failure, "run_id": None}


def _damage(broken: list[Backup], others: list[Backup]) -> str:
    """Return what is damaged, what still stands, and what to do, in words."""
    names = ", ".join(f"{each.folio} ({each.file_name[:8]})" for each in reversed(broken[-_NAMED:]))
    if len(broken) > _NAMED:
        names += f" y {len(broken) - _NAMED} más"
    sound = newest(others)
    stands = (
        f"sigue en pie {sound.folio} ({sound.file_name[:8]}) del {spoken_day(sound.backup_date)}"
        if sound
        else "NO QUEDA NINGÚN RESPALDO CONFORME DE ESTE ELEMENTO en la copia de JAA; respáldelo de nuevo cuanto antes "
        "(backup.yml -e backup_force=true)"
    )
    return (
        f"dañados en la copia de JAA, no se pueden recuperar completos: {names}; {stands}. "
        "La copia de CSC se pide con FOR 7.5 CSC 03 (4.3.1 c): loan.yml"
    )
