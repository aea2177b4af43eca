# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a backup is due, and what became of each slot in which one was expected (clauses 4.1.2 to 4.1.4).

A slot is a day for what is daily, an ISO week for what is weekly, and for what is due every so many days the time from
one conforming backup to the day on which the next falls due. Dates are local, in the institution's zone; nothing here
reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.history import History, Standing
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Frequency, InformationType

DAY = timedelta(days=1)
COVERED = "ya cubierto"
# What became of a slot: covered; covered after it had failed or was overdue; not covered; not covered, and made up
# for by hand (4.3.1) in the first slot after it that is covered; still open.
DONE, LATE, MISSED, MITIGATED, PENDING = "done", "late", "missed", "mitigated", "pending"


class Due(NamedTuple):
    """Whether an item is to be backed up now, for which slot, and why (in words)."""

    now: bool
    slot: date
    reason: str


class Stretch(NamedTuple):
    """A time in which one item is expected at one frequency. ``ends`` is its last day; None: no end is known."""

    kind: InformationType
    begins: date
    ends: date | None = None

    def holds(self, day: date) -> bool:
        """Tell whether ``day`` lies in it."""
        return self.begins <= day <= (self.ends or date.max)


class Made(NamedTuple):
    """One backup, as far as the calendar asks. ``waits`` means that it is in review, and JAA has not decided."""

    day: date
    moment: datetime
    folio: str
    conforms: bool
    waits: bool = False
    is_manual: bool = False


class Slot(NamedTuple):
    """One expected backup: from its ``first`` to its ``last`` day, on which it falls due.

    ``folio`` is of the backup that covered it, or made up for it, on the day ``covered_on``.
    """

    kind: InformationType
    first: date
    last: date
    state: str
    folio: str = ""
    covered_on: date | None = None


def slot_of(frequency: Frequency, day: date) -> date:
    """Return the first day of the slot that ``day`` lies in: itself, or the Monday of its ISO week."""
    return day - timedelta(days=day.weekday()) if frequency.unit == "week" else day


def due(kind: InformationType, history: History | Standing, now: datetime) -> Due:
    """Decide whether an item of ``kind`` with ``history`` is due at ``now`` (aware, in the institution's zone)."""
    today = now.date()
    frequency = kind.schedule
    last = history.last_conforming_on
    if frequency.unit == "elapsed_days":
        slot = last + timedelta(days=frequency.days) if last and last <= today else today
        covered = slot > today
        reason = f"vence el {slot:%d/%m/%Y}" if last else "primer respaldo"
    else:
        slot = slot_of(frequency, today)
        covered = last is not None and last <= today and slot_of(frequency, last) == slot
        reason = "respaldo de la semana" if frequency.unit == "week" else "respaldo del día"
    if covered:
        return Due(False, slot, COVERED)
    # What is dated in the future (somebody's clock was wrong) covers nothing and holds nothing up.
    if history.review_on and slot_of(frequency, history.review_on) >= slot and history.review_on <= today:
        return Due(False, slot, "en revisión: espera el dictamen de JAA")
    if history.nonconforming_on == today:
        return Due(False, slot, "no conforme hoy: se reintenta mañana")
    return Due(True, slot, reason)


def slots(
    stretches: Iterable[Stretch],
    made: Iterable[Made],
    failed: Iterable[datetime],
    now: datetime,
    until: date | None = None,
) -> list[Slot]:
    """Return the slots of one item, oldest first, each with its one state at ``now`` (aware, in the right zone).

    ``stretches`` follow one another; ``failed`` are the moments for which a backup was scheduled that then failed.
    Slots that are still to come are given up to ``until``, and fall due as if all before them were done on time.

    The slot in which a stretch begins is expected only from its next whole day or week on, and so is the one in which
    it ends: a backup that was made in such a part of a slot is its own, done. What is dated after ``now`` covers
    nothing.
    """
    past = sorted((each for each in made if each.day <= now.date()), key=lambda each: each.moment)
    failures = sorted(failed)
    until = until or now.date()
    found: list[Slot] = []
    before: date | None = None
    for stretch in stretches:
        if stretch.begins > until:
            break
        # A new frequency goes on where the one before it ended; what is new has its first night still to come.
        goes_on = before is not None and before + DAY == stretch.begins
        if stretch.kind.schedule.unit == "elapsed_days":
            found += _elapsed(stretch, goes_on, past, now, until)
        else:
            found += _fixed(stretch, goes_on, past, failures, now, until)
        before = stretch.ends
    return found


def _fixed(
    stretch: Stretch, goes_on: bool, made: Sequence[Made], failed: Sequence[datetime], now: datetime, until: date
) -> Iterator[Slot]:
    """Yield the days or weeks of a stretch."""
    kind, ends = stretch.kind, stretch.ends or date.max
    length = timedelta(days=6) if kind.schedule.unit == "week" else timedelta(0)
    first, final = slot_of(kind.schedule, stretch.begins), min(ends, until)
    of_slots: dict[date, list[Made]] = {}
    for each in made:
        if stretch.begins <= each.day <= ends:
            of_slots.setdefault(slot_of(kind.schedule, each.day), []).append(each)
    while first <= final:
        last = first + length
        here = of_slots.get(first, [])
        cover = next((each for each in here if each.conforms), None)
        is_expected = (first > stretch.begins or (goes_on and first == stretch.begins)) and last <= ends
        if cover:
            is_late = is_expected and any(first <= moment.date() <= last and moment < cover.moment for moment in failed)
            yield Slot(kind, first, last, LATE if is_late else DONE, cover.folio, cover.day)
        elif is_expected and (now < _deadline(kind, last, now) or any(each.waits for each in here)):
            yield Slot(kind, first, last, PENDING)
        elif is_expected:
            good = [each for each in made if each.conforms and each.day > last]
            # In the first slot after the gap that is covered at all: what was made by hand there makes up for the gap.
            after = slot_of(kind.schedule, good[0].day) if good else None
            by_hand = next(
                (each for each in good if each.is_manual and slot_of(kind.schedule, each.day) == after), None
            )
            if by_hand:
                yield Slot(kind, first, last, MITIGATED, by_hand.folio, by_hand.day)
            else:
                yield Slot(kind, first, last, MISSED)
        first = last + DAY


def _elapsed(stretch: Stretch, goes_on: bool, made: Sequence[Made], now: datetime, until: date) -> Iterator[Slot]:
    """Yield one slot for each conforming backup of a stretch and one for the next, and those that follow it in time."""
    kind, every, ends = stretch.kind, timedelta(days=stretch.kind.schedule.days), stretch.ends or date.max
    good = [each for each in made if each.conforms]
    before = [each.day for each in good if each.day < stretch.begins]
    first = stretch.begins
    # What is new is due on acceptance, and has the day after it to be made in.
    earliest = first if goes_on else first + DAY
    last = max(before[-1] + every, earliest) if before else earliest
    for cover in good:
        if first <= cover.day <= ends:
            yield Slot(kind, first, last, DONE if cover.day <= last else LATE, cover.folio, cover.day)
            first, last = cover.day + DAY, cover.day + every
    if last > ends:
        return
    waits = any(each.waits and first <= each.day <= ends for each in made)
    yield Slot(kind, first, last, PENDING if waits or now < _deadline(kind, last, now) else MISSED)
    last = max(last, now.date()) + every
    while last <= min(ends, until):
        yield Slot(kind, last - every + DAY, last, PENDING)
        last += every


def unrecorded(slots_of_item: Iterable[Slot], failed: Iterable[datetime], now: datetime) -> list[Slot]:
    """Return the slots that went wrong and of which the failure log says nothing yet.

    ``failed`` and ``now`` as in `slots`. What was missed, made up for by hand or overdue is a failure (4.3.1), also
    when it is found only afterwards. A failure that is dated after ``now`` speaks of none.
    """
    days = sorted({moment.date() for moment in failed if moment.date() <= now.date()})
    return [
        slot
        for slot in slots_of_item
        if slot.state in (MISSED, MITIGATED, LATE) and not any(speaks_of(slot, day) for day in days)
    ]


def speaks_of(slot: Slot, day: date) -> bool:
    """Tell whether a failure of that day is one of this slot: before it was due, an extra run that failed is none."""
    if slot.kind.schedule.unit == "elapsed_days":
        return slot.last <= day <= (slot.covered_on or day)
    return slot.first <= day <= slot.last


def overdue_at(kind: InformationType, last: date | None, begins: date, now: datetime) -> datetime:
    """Return the moment from which one of the slots is missed, should no further conforming backup come before it.

    ``last`` is the day of the last conforming backup (None: there is none), ``begins`` the first day on which one was
    expected; ``now`` tells the zone.
    """
    last = last or date.min
    if kind.schedule.unit == "elapsed_days":
        return _deadline(kind, max(last + timedelta(days=kind.schedule.days), begins + DAY), now)
    length = timedelta(days=6) if kind.schedule.unit == "week" else timedelta(0)
    return _deadline(kind, slot_of(kind.schedule, max(last, begins)) + length + DAY + length, now)


def _deadline(kind: InformationType, last: date, now: datetime) -> datetime:
    """Return the moment from which a slot counts as missed: ``missed_at`` on the day after its last one."""
    return at(last + DAY, kind.missed_at, now)


def at(day: date, moment: time, now: datetime) -> datetime:
    """Return a local time of ``day`` as an aware datetime in the zone of ``now``."""
    return datetime.combine(day, moment, tzinfo=now.tzinfo)


def iso_week(day: date) -> str:
    """Return ``2026-W47``. The year is the ISO year: 1 January 2027 lies in 2026-W53."""
    year, week, _weekday = day.isocalendar()
    return f"{year}-W{week:02d}"


def week_days(week: str) -> tuple[date, date]:
    """Return the first and the last day of ``2026-W47``; raise ValueError where that is no week's name."""
    year, _dash, number = week.partition("-W")
    monday = date.fromisocalendar(int(year), int(number), 1)
    # By another name (2026-W7) what JAA said of the week would not be found.
    if iso_week(monday) != week:
        raise ValueError(f"no week: {week}")
    return monday, monday + timedelta(days=6)


def working_day_after(day: date) -> date:
    """Return the next day from Monday to Friday; the institution's holidays are not known."""
    after = day + DAY
    while after.weekday() > 4:
        after += DAY
    return after
