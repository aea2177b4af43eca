# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run, from its plan to its end: what was planned, what has its outcome, what JAA is shown of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import failures, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger, Written
from ansible_collections.dse.backup.plugins.plugin_utils.notification import News
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import is_outcome, unit
from ansible_collections.dse.backup.plugins.plugin_utils.screen import (
    accept,
    acknowledge,
    backup,
    deliver,
    drill,
    ledger,
    loan,
    medium,
    prune,
    reconcile,
    repair,
    request,
    restore,
    verify,
)

# What each job shows: its plan, the end of a rehearsal (--check), its result.
_SCREENS = {
    **{"accept": accept, "acknowledge": acknowledge, "backup": backup, "deliver": deliver, "drill": drill},
    **{"ledger": ledger, "loan": loan, "medium": medium, "prune": prune, "reconcile": reconcile, "repair": repair},
    **{"request": request, "restore": restore, "verify": verify},
}

NO_PLAN = (
    "No se hizo nada: la corrida no llegó a su plan. Vea el error de arriba; si no hay ninguno, falta el inventario "
    "(-i), o --limit o --tags dejaron fuera a los servidores del grupo dse_servers o la tarea del plan."
)


class Run:
    """The records of one run of a playbook that has a plan. With ``writes`` false nothing reaches the ledger."""

    def __init__(self, ledger: Ledger, run_id: str, *, writes: bool) -> None:
        self.ledger = ledger
        self._run_id = run_id
        self._writes = writes
        self._lock: int | None = None
        self._plan: dict[str, Any] | None = None
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._others: list[dict[str, Any]] = []
        self._lost: dict[str, str] = {}
        self._has_begun = False
        self.is_open = False

    def open(self) -> list[str]:
        """Prove that the ledger can be written and hold the run until it ends; raise LedgerError.

        Returns what is worth a line on the screen: a ledger that is new may be one whose path was mistyped. A job that
        is over in a moment needs it only once it has something to record.
        """
        news = []
        if self._writes:
            self.ledger.prepare()
            if not self.ledger.exists:
                news.append(f"Registro oficial NUEVO en {self.ledger.directory}: los folios comienzan en 0001.")
            self._lock = self.ledger.hold_run(self._run_id)
        self.is_open = True
        return news

    def take(self, result: dict[str, Any]) -> Iterator[str]:
        """Record what an action returned and yield what is worth a line on the screen; raise LedgerError."""
        if "planned" in result:
            # Who asks for a preview wants to be told, not to change anything.
            self._writes = self._writes and not result.get("is_preview")
            if not self.is_open:
                yield from self.open()
            self._plan = result
            yield self._screen.plan(result, self._run_id)
        entries = result.get("backup_records") or []
        if entries and self._writes:
            yield from self._write(entries)

    def lost(self, server: str, reason: str) -> None:
        """Remember why nothing more is to be expected of a server; the first reason is the cause."""
        self._lost.setdefault(server, readable(reason))

    def close(self) -> str:
        """Give every planned item that has none its failure, end the run in the ledger, return the summary."""
        if self._plan is None:
            return NO_PLAN
        if not self._writes:
            self._let_go()
            return self._screen.checked(self._plan)
        context = outcomes.Context(**self._plan["context"])
        entries = [
            outcomes.failure(
                {**planned, "id": unit(planned)},
                planned["server"],
                self._lost.get(planned["server"]) or "la corrida terminó sin llegar a este elemento",
                context=context,
                procedure=self.ledger.procedure,
                scheduled_for=datetime.fromisoformat(planned["scheduled_for"]),
                stage=planned.get("stage", "backup"),
            )
            for planned in self._plan["planned"]
            if unit(planned) not in self._outcomes
        ]
        if self._has_begun:
            entries.append({"record_type": "run", "run_event": "ended", "run_id": self._run_id})
        warnings = list(self._write(entries))
        warnings += self._write(self._closings())
        self._let_go()
        plan = {**self._plan, "unseen": self._unseen}
        shown = [self._outcomes[unit(planned)] for planned in self._plan["planned"]]
        return "\n".join([*warnings, self._screen.run(shown, self._others, plan, self.ledger)])

    def news(self, playbook: str, status: int, problem: str = "") -> News | None:
        """Return what there is to tell of the run once it is over, with ``status``; None of a rehearsal.

        ``playbook`` is the one that was started, ``problem`` why the ledger cannot be written.
        """
        if not self._writes:
            return None
        why = "" if self._plan else next(iter(self._lost.values()), "no llegó a su plan; lea lo que imprimió")
        return News(
            self._plan["job"] if self._plan else playbook,
            self._run_id,
            datetime.now(self.ledger.procedure.zone),
            status,
            [*self._outcomes.values(), *self._others],
            self._unseen,
            problem=problem or why,
            is_unrecorded=bool(problem),
        )

    @property
    def succeeded(self) -> bool:
        """Whether all that was planned ended well and is in the ledger; in check mode, whether nothing is refused."""
        if self._plan is None:
            return False
        if not self._writes:
            return not self._plan["refused"]
        # What a job was to find, should there be any: that it has found some, or could not look, is no success.
        found = any(record["record_type"] == self._plan.get("seeks") for record in self._others)
        planned = self._plan["planned"]
        return not (found or self._unseen or self._plan["refused"]) and all(
            outcomes.succeeded(self._outcomes.get(unit(each), {})) for each in planned
        )

    @property
    def _unseen(self) -> dict[str, str]:
        """Why each server into whose repository a job was to look could not be looked at to the end."""
        if self._plan is None or "seeks" not in self._plan:
            return {}
        wanted = [each["server"] for each in self._plan["servers"]]
        return {server: self._lost[server] for server in wanted if server in self._lost}

    def _closings(self) -> list[dict[str, Any]]:
        """Return what closes the failures of which there is evidence by now, of whichever run it is."""
        procedure = self.ledger.procedure
        entries = []
        with self.ledger.read() as index:
            backups = functools.cache(lambda item_id: index.backups(item_id=item_id))
            trials = functools.cache(index.trials)
            for failure in index.open_failures():
                names = index.also_known_as(failure.item_id, failure.server)
                of_item = [each for name in names for each in backups(name) if each.server == failure.server]
                if failure.failure_stage == "jaa_copy" and any(
                    each.is_damaged and not each.removed_on for each in of_item
                ):
                    continue  # It names the newest of those that are hit.
                found = failures.evidence(
                    failure,
                    backups=of_item,
                    trials=[each for name in names for each in trials(name)],
                    kind=procedure.information_types.get(failure.information_type),
                )
                if found:
                    entries.append(failures.closing(failure, found, self._run_id))
        return entries

    @property
    def _screen(self) -> Any:
        return _SCREENS[self._plan["job"]]

    def _let_go(self) -> None:
        if self._lock is not None:
            self.ledger.release_run(self._run_id, self._lock)
            self._lock = None

    def _write(self, entries: list[dict[str, Any]]) -> Iterator[str]:
        written = self.ledger.append(entries) if entries else Written([], [], [])
        # What was not planned (a damaged item, where repositories are verified) is shown, and is nobody's outcome.
        planned = {unit(each) for each in self._plan["planned"]} if self._plan else set()
        for record in written.records:
            # What goes of the ledger itself goes once its record is in it.
            if record["record_type"] == "disposal" and "ledger_year" in record:
                self.ledger.remove_year(record)
            mine = record.get("run_id") == self._run_id and is_outcome(record) and unit(record) in planned
            if mine and unit(record) not in self._outcomes:
                self._outcomes[unit(record)] = record
            elif record["record_type"] != "run":
                self._others.append(record)
            elif record["run_event"] == "started":
                self._has_begun = True
        for entry, record in written.repeated:
            # Another run was first to record it: its line is how the item that was planned here ended, too.
            if record and entry.get("run_id") == self._run_id and is_outcome(entry) and unit(entry) in planned:
                self._outcomes.setdefault(unit(entry), record)
        yield from (f"Registro oficial: {warning}" for warning in written.warnings)
