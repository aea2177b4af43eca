# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run, from its plan to its end: what was planned, what has its outcome, what JAA is shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, FIRST
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes, summary
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger


class Run:
    """The records of one run of ``backup.yml``. With ``writes`` false (check mode) nothing reaches the ledger."""

    def __init__(self, ledger: Ledger, run_id: str, *, writes: bool) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._writes = writes
        self._lock: int | None = None
        self._plan: dict[str, Any] | None = None
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._others: list[dict[str, Any]] = []
        self._lost: dict[str, str] = {}
        self.is_open = False

    def open(self) -> list[str]:
        """Prove that the ledger can be written and hold the run until it ends; raise LedgerError.

        Returns what is worth a line on the screen: a ledger that is new may be one whose path was mistyped.
        """
        news = []
        if self._writes:
            self._ledger.prepare()
            if not self._ledger.exists:
                news.append(f"Registro oficial NUEVO en {self._ledger.directory}: los folios comienzan en 0001.")
            self._lock = self._ledger.hold_run(self._run_id)
        self.is_open = True
        return news

    def take(self, result: dict[str, Any]) -> Iterator[str]:
        """Record what an action returned and yield what is worth a line on the screen; raise LedgerError."""
        if "planned" in result:
            self._plan = result
            yield summary.plan(result, self._run_id)
        entries = result.get("backup_records") or []
        if entries and self._writes:
            yield from self._write(entries)

    def lost(self, server: str, reason: str) -> None:
        """Remember why nothing more is to be expected of a server; the first reason is the cause."""
        self._lost.setdefault(server, readable(reason))

    def close(self) -> str:
        """Give every planned item that has none its failure, end the run in the ledger, return the summary."""
        if self._plan is None:
            return summary.NO_PLAN
        if not self._writes:
            return summary.checked(self._plan)
        context = outcomes.Context(**self._plan["context"])
        entries = [
            outcomes.failure(
                {**planned, "id": planned["item_id"]},
                planned["server"],
                self._lost.get(planned["server"]) or "la corrida terminó sin llegar a este elemento",
                context=context,
                procedure=self._ledger.procedure,
                scheduled_for=datetime.fromisoformat(planned["scheduled_for"]),
            )
            for planned in self._plan["planned"]
            if planned["item_id"] not in self._outcomes
        ]
        entries.append({"record_type": "run", "run_event": "ended", "run_id": self._run_id})
        warnings = list(self._write(entries))
        self._ledger.release_run(self._run_id, self._lock)
        shown = [self._outcomes[planned["item_id"]] for planned in self._plan["planned"]]
        return "\n".join([*warnings, summary.run(shown, self._others, self._plan, self._ledger)])

    @property
    def succeeded(self) -> bool:
        """Whether all that was planned is conforming and in the ledger; in check mode, whether nothing is refused."""
        if self._plan is None:
            return False
        if not self._writes:
            return not self._plan["refused"]
        planned = [self._outcomes.get(each["item_id"], {}) for each in self._plan["planned"]]
        return all(each.get("verification_result") in (CONFORMING, FIRST) for each in planned)

    def _write(self, entries: list[dict[str, Any]]) -> Iterator[str]:
        written = self._ledger.append(entries)
        for record in written.records:
            if record.get("run_id") == self._run_id and "item_id" in record and "about_folio" not in record:
                self._outcomes.setdefault(record["item_id"], record)
            elif record["record_type"] in ("backup", "failure"):
                self._others.append(record)
        yield from (f"Registro oficial: {warning}" for warning in written.warnings)
