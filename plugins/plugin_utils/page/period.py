# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The year that a page is about, and what it says of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.calendar import DAY, Slot

MONTHS = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
_EPOCH = date(1970, 1, 1)
_YEAR = timedelta(days=364)


class Period(NamedTuple):
    """The days from ``first`` to ``last``, both of them in it; ``today`` may come before the last."""

    first: date
    last: date
    today: date

    @classmethod
    def of(cls, year: int, today: date) -> Period:
        """Return a calendar year, or the 365 days that end today where ``year`` is 0."""
        return cls(date(year, 1, 1), date(year, 12, 31), today) if year else cls(today - _YEAR, today, today)

    def has(self, day: date) -> bool:
        """Tell whether a day lies in it."""
        return self.first <= day <= self.last

    def offset(self, day: date) -> int:
        """Return how many days after the first one a day is: 0 is the first."""
        return (day - self.first).days

    def as_days_since_1970(self) -> dict[str, int]:
        """Return its ends as charts take them."""
        return {"first": (self.first - _EPOCH).days, "last": (self.last - _EPOCH).days}

    def months(self) -> Iterator[tuple[int, int]]:
        """Yield its months: (2026, 11)."""
        day = self.first
        while day <= self.last:
            yield day.year, day.month
            day = (day.replace(day=1) + 32 * DAY).replace(day=1)


def told_on(slot: Slot) -> date:
    """Return the day of which a slot tells: the one on which it was covered, or fell due."""
    return min(slot.last, slot.covered_on or slot.last)


def ended_on(slot: Slot, today: date) -> date:
    """Return the last day that a slot takes in a calendar; what is due every so many days ends when it is covered."""
    if slot.kind.schedule.unit != "elapsed_days":
        return slot.last
    return slot.covered_on or max(slot.last, today)
