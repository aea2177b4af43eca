# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page says of each backup that is expected, or was made: how it stands, its year, its sizes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import REVIEW
from ansible_collections.dse.backup.plugins.plugin_utils import expectations, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import MISSED, PENDING, Slot
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.page.period import Period, ended_on, told_on
from ansible_collections.dse.backup.plugins.plugin_utils.page.tally import STATES, WRONG, Tally
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked

# What the charts call a result, by its first letter; what JAA accepted is one of its own.
_ACCEPTED = "a"
# A week has its next one within so many days.
_AHEAD = timedelta(days=7)
Place = tuple[str, str]


@dataclass(frozen=True)
class Item:
    """One backup on one server. ``worries`` says in words what needs attention; ``custody`` how its copies stand.

    ``wrong`` are the slots of the period that went wrong, newest first; ``drawn`` is what its charts are drawn from,
    see `_drawn`.
    """

    server: str
    item_id: str
    service: str
    kind: str
    frequency: str
    request_folio: str
    newest: Backup | None
    next_due: date | None
    worries: list[str]
    custody: str
    tally: Tally
    wrong: list[Slot]
    backup_count: int
    drawn: dict[str, Any]


def items(asked: Asked, period: Period, custody: Mapping[Place, tuple[str, bool]]) -> list[Item]:
    """Return what was expected or made in the period: what needs attention first, then by server and name.

    ``custody`` says in words how an item's copies stand, and whether that needs action.
    """
    facts = _Facts(asked, custody)
    found = []
    told: set[Place] = set()
    for each in asked.expected():
        if asked.has(each.server, *each.item_ids):
            slots = expectations.slots(each, asked.index, asked.now, until=period.today + _AHEAD)
            told.update((each.server, item_id) for item_id in each.item_ids)
            item = facts.item(each, slots, list(expectations.backups(each, asked.index)), period)
            if item.tally.all or item.backup_count or (period.has(period.today) and _goes_on(each, period)):
                found.append(item)
    # What nobody asked for, or was backed up before requests were registered.
    rest: dict[Place, list[Backup]] = {}
    for backup in asked.index.backups():
        place = (backup.server, backup.item_id)
        if place not in told and asked.has(*place):
            rest.setdefault(place, []).append(backup)
    found += [facts.item(None, [], backups, period) for backups in rest.values() if _within(backups, period)]
    return sorted(found, key=lambda each: (not each.worries, each.server, each.item_id))


class _Facts:
    """What of the whole ledger is needed of every item."""

    def __init__(self, asked: Asked, custody: Mapping[Place, tuple[str, bool]]) -> None:
        self._procedure: Procedure = asked.procedure
        self._custody = custody
        self._tolerances = {
            (each.server, each.item_id): each.definition.get("tolerance", {}) for each in asked.register().items
        }
        self._suspects: dict[Place, list[str]] = {}
        for item_id, server, made in waiting.quarantined(asked.index):
            self._suspects.setdefault((server, item_id), []).append(made["folio"])
        self._failures: dict[Place, list[str]] = {}
        for failure in asked.index.open_failures():
            self._failures.setdefault((failure.server, failure.item_id), []).append(failure.folio)
        self._index = asked.index

    def item(self, expected: Expected | None, slots: list[Slot], backups: list[Backup], period: Period) -> Item:
        """Return what the page says of one."""
        last = backups[-1] if backups else None
        place = (expected.server, expected.item_id) if expected else (last.server, last.item_id)
        key = (expected.request if expected else last).information_type
        kind = self._procedure.information_types.get(key)
        custody, is_wrong = self._custody.get(place, ("", False))
        begun = [slot for slot in slots if slot.first <= period.today]
        wrong = [slot for slot in begun if slot.state in WRONG and period.has(told_on(slot))]
        within = _within(backups, period)
        return Item(
            *place,
            service=(expected.request if expected else last).service,
            kind=kind.label if kind else key,
            frequency=kind.schedule.label if kind else "",
            request_folio=expected.request.folio if expected else last.request_folio,
            newest=newest(backups),
            next_due=next((slot.last for slot in slots if slot.state == PENDING), None),
            worries=[*self._worries(place, expected, slots, period), *([custody] if is_wrong else [])],
            custody=custody,
            tally=Tally.of(begun, period),
            wrong=wrong[::-1],
            backup_count=len(within),
            drawn={**_drawn(begun, backups, within, period), **self._tolerance(place, key)},
        )

    def _worries(self, place: Place, expected: Expected | None, slots: list[Slot], period: Period) -> Iterator[str]:
        others = (*expected.item_ids, *expected.folios) if expected else ()
        names = dict.fromkeys([place, *((place[0], other) for other in others)])
        due = [slot for slot in slots if slot.state != PENDING]
        if expected and _goes_on(expected, period) and due and due[-1].state == MISSED:
            yield "omitido"
        suspects = [folio for name in names for folio in self._suspects.get(name, ())]
        for folio in suspects:
            backup = self._index.backup(folio)
            yield f"en revisión: {folio}" if backup.verification_result == REVIEW else f"no conforme: {folio}"
        failures = [folio for name in names for folio in self._failures.get(name, ())]
        if failures:
            yield f"falla abierta: {failures[0]}" if len(failures) == 1 else f"{len(failures)} fallas abiertas"
        if expected is None:
            yield "sin solicitud aceptada"
        elif not expected.is_in_inventory and _goes_on(expected, period):
            yield "no está en el inventario"

    def _tolerance(self, place: Place, key: str) -> dict[str, float]:
        """Return how far a size may move, as a share of the last conforming one: what verifying takes."""
        kind = self._procedure.information_types.get(key)
        if kind is None:
            return {}
        own = self._tolerances.get(place) or {}
        return {
            "low": round(1 - own.get("shrink_pct", kind.tolerance.shrink_pct) / 100, 4),
            "high": round(1 + own.get("grow_pct", kind.tolerance.grow_pct) / 100, 4),
        }


def _goes_on(each: Expected, period: Period) -> bool:
    """Tell whether a backup is still expected, or soon will be."""
    return any(
        one.begins <= period.today + _AHEAD and (one.ends is None or period.today <= one.ends) for one in each.stretches
    )


def _within(backups: Iterable[Backup], period: Period) -> list[Backup]:
    first, last = period.first.isoformat(), period.last.isoformat()
    return [each for each in backups if first <= each.backup_date <= last]


def _drawn(slots: list[Slot], backups: list[Backup], within: list[Backup], period: Period) -> dict[str, Any]:
    """Return what the charts are drawn from, small: a thousand items have it in the page.

    ``first`` and ``last`` are days since 1970, all other days count from the first. ``daily`` and ``longer`` are slots:
    [first day, days each, a letter for each state]. Of the backups, in their order: ``days``, ``sizes`` (bytes),
    ``results`` (a letter each, a capital one where it was made by hand) and ``folios``, a text with spaces between what
    follows ``shared``. ``before`` is the size of the last conforming one before the period.
    """
    before = [each.size_bytes for each in backups if each.conforms and each.backup_date < period.first.isoformat()]
    folios = [each.folio for each in within]
    shared = os.path.commonprefix(folios) if len(folios) > 1 else ""  # noqa: RUF071 (of texts, not of paths)
    return {
        **period.as_days_since_1970(),
        "daily": list(_runs((each for each in slots if each.kind.schedule.unit == "day"), period)),
        "longer": list(_runs((each for each in slots if each.kind.schedule.unit != "day"), period)),
        "before": before[-1] if before else None,
        "days": [period.offset(date.fromisoformat(each.backup_date)) for each in within],
        "sizes": [each.size_bytes for each in within],
        "results": "".join(map(_letter, within)),
        "shared": shared,
        "folios": " ".join(folio[len(shared) :] for folio in folios),
    }


def _letter(backup: Backup) -> str:
    letter = _ACCEPTED if backup.decision == "accepted" else backup.verification_result[:1]
    return letter.upper() if backup.execution_mode == "manual" else letter


def _runs(slots: Iterable[Slot], period: Period) -> Iterator[list[Any]]:
    """Yield runs of slots of the same length that follow one another."""
    current: list[Any] = []
    for slot in slots:
        ends = ended_on(slot, period.today)
        if ends < period.first or slot.first > period.last:
            continue
        first, days = period.offset(slot.first), (ends - slot.first + timedelta(days=1)).days
        letter = STATES[slot.state].letter
        if current and current[1] == days and current[0] + days * len(current[2]) == first:
            current[2] += letter
        else:
            if current:
                yield current
            current = [first, days, letter]
    if current:
        yield current
