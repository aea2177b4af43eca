# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a backup is due, and which slots passed without one (clauses 4.1.2 to 4.1.4).

A slot is a day for what is daily, an ISO week for what is weekly, and for what is due every so many days the day on
which it fell due. Slots are named by their first day, an ISO date, so that they sort as text. Dates are local, in the
institution's zone; nothing here reads a clock.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.history import History, Standing
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Frequency, InformationType

DAY = timedelta(days=1)
COVERED = "ya cubierto"


class Due(NamedTuple):
    """Whether an item is to be backed up now, for which slot, and why (in words)."""

    now: bool
    slot: date
    reason: str


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


def missed_slots(kind: InformationType, history: History, now: datetime) -> list[date]:
    """Return the slots whose deadline has passed without any outcome, oldest first.

    A slot with a failure in the log is not missed but failed, and recorded already. Before an item's first outcome
    there are no slots: it is first due when it appears.
    """
    frequency = kind.schedule
    known = {slot_of(frequency, date.fromisoformat(day)) for day in history.outcome_days}
    if not known:
        return []
    if frequency.unit == "elapsed_days":
        slot = due(kind, history, now).slot
        late = history.last_conforming_on is not None and not any(slot <= day <= now.date() for day in known)
        return [slot] if late and now >= _deadline(kind, slot, now) else []
    step = timedelta(days=7) if frequency.unit == "week" else DAY
    missed = []
    slot = min(known) + step
    while now >= _deadline(kind, slot, now):
        if slot not in known:
            missed.append(slot)
        slot += step
    return missed


def _deadline(kind: InformationType, slot: date, now: datetime) -> datetime:
    """Return the moment from which the slot counts as missed: ``missed_at`` on the day after its last one."""
    last_day = slot + timedelta(days=6) if kind.schedule.unit == "week" else slot
    return at(last_day + DAY, kind.missed_at, now)


def at(day: date, moment: time, now: datetime) -> datetime:
    """Return a local time of ``day`` as an aware datetime in the zone of ``now``."""
    return datetime.combine(day, moment, tzinfo=now.tzinfo)


def iso_week(day: date) -> str:
    """Return ``2026-W47``. The year is the ISO year: 1 January 2027 lies in 2026-W53."""
    year, week, _weekday = day.isocalendar()
    return f"{year}-W{week:02d}"
