# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms that are views over many records: a week's FOR 7.5 DSE 02 or 03, a year's DSE 04, a year's plan (CSC 01).

A view has a name like a folio: ``DSE-03-2026-W47``, ``DSE-04-2026``, ``CSC-01-2026``. Of a view nothing is recorded but
what somebody says about it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import calendar, expectations, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import DONE, LATE, MISSED, MITIGATED, PENDING, Slot
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Delivery, Form, Procedure

_WEEK = re.compile(r"([A-Z]{3}-[0-9]{2})-([0-9]{4}-W[0-9]{2})")
_YEAR = re.compile(r"([A-Z]{3}-[0-9]{2})-([0-9]{4})")
STATES = {DONE: "realizado", LATE: "tardío", MISSED: "OMITIDO", MITIGATED: "OMITIDO, mitigado", PENDING: "pendiente"}


class Line(NamedTuple):
    """One item of a view: its slots, and its backups of that time."""

    item_id: str
    server: str
    slots: list[Slot]
    backups: list[Backup]


class View(NamedTuple):
    """A week of DSE 02 or 03, or a year of DSE 04, as it stands now."""

    name: str
    form: Form
    first: date
    last: date
    lines: list[Line]

    @property
    def backups(self) -> list[Backup]:
        """All backups that it shows."""
        return [backup for line in self.lines for backup in line.backups]

    @property
    def waiting(self) -> list[str]:
        """The folios of the backups on which JAA has still to decide."""
        return [each.folio for each in self.backups if not each.conforms and each.decision is None]

    @property
    def missing(self) -> list[str]:
        """In words, each slot that was not covered."""
        return self._in_words(MISSED, MITIGATED)

    @property
    def pending(self) -> list[str]:
        """In words, each slot that may still be covered."""
        return self._in_words(PENDING)

    def _in_words(self, *states: str) -> list[str]:
        return [
            f"{line.server} · {line.item_id} · {slot_name(slot)}: {STATES[slot.state]}"
            for line in self.lines
            for slot in line.slots
            if slot.state in states
        ]


def slot_name(slot: Slot) -> str:
    """Return a slot as people name it: its week, its day, or the day on which it falls due."""
    if slot.kind.schedule.unit == "week":
        return calendar.iso_week(slot.first)
    return f"{slot.last:%d/%m/%Y}"


def year_of(slot: Slot) -> int:
    """Return the year in which a slot falls due; of a week the one in its name: 2025-W01 with its two days of 2024."""
    return slot.first.isocalendar()[0] if slot.kind.schedule.unit == "week" else slot.last.year


def parse(name: str, procedure: Procedure) -> tuple[Form, date, date] | None:
    """Return the form and the days of the view of that name; None where it is the name of none."""
    forms = {form.series: form for form in procedure.forms.values()}
    units: dict[str, set[str]] = {}
    for kind in procedure.information_types.values():
        units.setdefault(kind.form_code, set()).add(kind.schedule.unit)
    try:
        if (match := _WEEK.fullmatch(name)) and (form := forms.get(match[1])):
            by_week = units.get(form.code, set()) - {"elapsed_days"}
            return (form, *calendar.week_days(match[2])) if by_week else None
        if (match := _YEAR.fullmatch(name)) and (form := forms.get(match[1])):
            by_year = "elapsed_days" in units.get(form.code, set()) or "plan" in form.record_types
            return (form, date(int(match[2]), 1, 1), date(int(match[2]), 12, 31)) if by_year else None
    except (ValueError, OverflowError):
        pass
    return None


def view(
    name: str,
    form: Form,
    first: date,
    last: date,
    *,
    all_expected: Iterable[Expected],
    index: Index,
    now: datetime,
) -> View:
    """Return a view over backups. What was backed up and is not expected any more is a line too."""
    lines: dict[tuple[str, str], Line] = {}
    for each in all_expected:
        if not any(stretch.kind.form_code == form.code for stretch in each.stretches):
            continue
        of_it = [
            slot
            for slot in expectations.slots(each, index, now, until=last)
            if slot.kind.form_code == form.code and first <= _shown_on(slot) <= last
        ]
        # A request that ended and the one in its place may be of the same item.
        line = lines.setdefault((each.server, each.item_id), Line(each.item_id, each.server, [], []))
        line.slots[:] = sorted([*line.slots, *of_it], key=lambda slot: slot.first)
        for item_id in each.item_ids:
            lines.setdefault((each.server, item_id), line)
    for backup in index.backups(since=first.isoformat(), until=last.isoformat()):
        if form.code == backup.form_code:
            place = (backup.server, backup.item_id)
            line = lines.setdefault(place, Line(backup.item_id, backup.server, [], []))
            line.backups.append(backup)
    distinct = {id(line): line for line in lines.values()}
    kept = [line for line in distinct.values() if line.slots or line.backups]
    return View(name, form, first, last, kept)


def _shown_on(slot: Slot) -> date:
    """Return the day by which a slot is in a view: what is due every so many days is where it was covered."""
    is_elapsed = slot.kind.schedule.unit == "elapsed_days"
    return (slot.covered_on if is_elapsed else None) or slot.last


def grid(shown: View) -> list[list[str]]:
    """Return a week as people read it: a row an item, a column a day (DSE 03) or the one slot of the week (DSE 02)."""
    firsts = sorted({slot.first for line in shown.lines for slot in line.slots})
    rows = []
    for line in shown.lines:
        said = {
            slot.first: STATES[slot.state] + (f" ({slot.covered_on:%d/%m})" if slot.state == MITIGATED else "")
            for slot in line.slots
        }
        # What began on Wednesday has nothing below Monday.
        cells = [said.get(first, "") for first in firsts] if said else ["no se esperaba", *[""] * (len(firsts) - 1)]
        rows.append([line.server, line.item_id, *cells, _folios(line.backups)])
    return rows


def _folios(backups: list[Backup]) -> str:
    if not backups:
        return "sin respaldos"
    return backups[0].folio if len(backups) == 1 else f"{backups[0].folio} … {backups[-1].folio}"


class Fulfilment(NamedTuple):
    """How much of one item's year was done. ``planned`` is the whole year's; the others are to date.

    ``deliveries_planned`` counts the year's conforming backups that CSC should have by now, ``deliveries_done`` those
    of them that it was given and has not rejected. What was pruned or damaged before it was delivered stays planned.
    """

    item_id: str
    server: str
    information_type: str
    frequency: str
    planned_dates: list[str]
    planned: int
    done: int
    late: int
    missed: int
    mitigated: int
    pending: int
    deliveries_planned: int
    deliveries_done: int

    @property
    def compliance_pct(self) -> float | None:
        """Done on time, of what was to be done until now, in percent; None where nothing was yet."""
        due = self.done + self.late + self.missed + self.mitigated
        return round(100 * self.done / due, 1) if due else None


def fulfilments(
    all_expected: Iterable[Expected], year: int, index: Index, now: datetime, rule: Delivery
) -> list[Fulfilment]:
    """Return the year of each item of which anything is expected in it; one that moved or was requested anew is one."""
    of_items: dict[str, list[tuple[Slot, str]]] = {}
    # By folio: what moved or was requested anew is expected more than once.
    for_csc: dict[str, dict[str, Backup]] = {}
    for each in all_expected:
        backups = list(expectations.backups(each, index))
        due = (backup for backup in backups if _is_for_csc(backup, year, now.date(), rule))
        for_csc.setdefault(each.item_id, {}).update((backup.folio, backup) for backup in due)
        for slot in expectations.slots(each, index, now, until=date(year, 12, 31), known=backups):
            if year_of(slot) == year:
                of_items.setdefault(each.item_id, []).append((slot, each.server))
    return [
        _fulfilment(item_id, sorted(slots, key=lambda slot: slot[0].first), for_csc[item_id].values())
        for item_id, slots in of_items.items()
    ]


def _is_for_csc(backup: Backup, year: int, today: date, rule: Delivery) -> bool:
    """Tell whether a backup is one of that year which CSC should have by ``today`` (4.1.6)."""
    of_year = date.fromisoformat(backup.backup_date).year == year
    return backup.conforms and of_year and waiting.delivery_due(backup, rule) <= today


def _fulfilment(item_id: str, placed: list[tuple[Slot, str]], for_csc: Collection[Backup]) -> Fulfilment:
    slots = [slot for slot, _server in placed]
    kind = slots[-1].kind
    states = [slot.state for slot in slots]
    return Fulfilment(
        item_id,
        placed[-1][1],
        kind.key,
        kind.frequency,
        _planned_dates(slots),
        len(slots),
        *(states.count(state) for state in (DONE, LATE, MISSED, MITIGATED, PENDING)),
        len(for_csc),
        sum(backup.delivery_folio is not None for backup in for_csc),
    )


def _planned_dates(slots: list[Slot]) -> list[str]:
    """Return when a year's backups are expected: days in a row as one interval, weeks by their name."""
    dates: list[str] = []
    interval: list[date] = []
    for slot in slots:
        if slot.kind.schedule.unit != "day":
            dates.append(calendar.iso_week(slot.first) if slot.kind.schedule.unit == "week" else slot.last.isoformat())
        elif interval and interval[1] + calendar.DAY == slot.first:
            interval[1] = slot.first
            dates[-1] = f"{interval[0]}/{interval[1]}"
        else:
            interval = [slot.first, slot.first]
            dates.append(f"{slot.first}/{slot.first}")
    return dates


def said_of_plan(role: str, version: int | None, acknowledgements: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what somebody last said of a version of the plan; None where nothing."""
    said = [
        each
        for each in acknowledgements
        if each["acknowledged_as"] == role and each.get("plan_version", version) == version
    ]
    return said[-1] if said else None


def unapproved(fulfilments: Iterable[Fulfilment], recorded: list[dict[str, Any]]) -> list[Fulfilment]:
    """Return what JAA has not approved of a year's plan: what is new, or has another frequency since.

    The days alone move with each backup that is done.
    """
    approved = {line["item_id"]: line["frequency"] for line in recorded}
    return [each for each in fulfilments if approved.get(each.item_id) != each.frequency]
