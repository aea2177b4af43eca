# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many slots came to what end, in all, by month and by day: of one item, or of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.calendar import (
    DONE,
    LATE,
    MISSED,
    MITIGATED,
    PENDING,
    Slot,
)
from ansible_collections.dse.backup.plugins.plugin_utils.page.period import MONTHS, Period, told_on


class State(NamedTuple):
    """How a state is said of ``several`` slots and of ``one``, its ``mark`` in a calendar, its ``letter`` as data."""

    several: str
    one: str
    mark: str
    letter: str


STATES = {
    DONE: State("realizados", "realizado", "", "d"),
    LATE: State("tardíos", "tardío", "T", "l"),
    MITIGATED: State("subsanados a mano", "subsanado a mano", "M", "g"),
    MISSED: State("omitidos", "omitido", "×", "m"),
    PENDING: State("pendientes", "pendiente", "·", "p"),
}
WRONG = (MISSED, MITIGATED, LATE)


class Tally(NamedTuple):
    """Counts by state: in all, by month (year, month), by day. What is pending is no part of what was expected."""

    all: Counter[str]
    months: dict[tuple[int, int], Counter[str]]
    days: dict[date, Counter[str]]

    @classmethod
    def empty(cls, period: Period) -> Tally:
        """Return the tally of nothing, which has the months of the period."""
        return cls(Counter(), {month: Counter() for month in period.months()}, {})

    @classmethod
    def of(cls, slots: Iterable[Slot], period: Period) -> Tally:
        """Count those of the slots that tell of a day of the period."""
        tally = cls.empty(period)
        for slot in slots:
            day = told_on(slot)
            if period.has(day):
                for counter in (tally.all, tally.months[day.year, day.month], tally.days.setdefault(day, Counter())):
                    counter[slot.state] += 1
        return tally

    def add(self, other: Tally) -> None:
        """Count another one's slots too."""
        self.all.update(other.all)
        for mine, theirs in ((self.months, other.months), (self.days, other.days)):
            for key, counter in theirs.items():
                mine.setdefault(key, Counter()).update(counter)

    @property
    def expected(self) -> int:
        """How many fell due."""
        return self.all.total() - self.all[PENDING]

    @property
    def done(self) -> int:
        """How many of them were covered, in time or not."""
        return self.all[DONE] + self.all[LATE]

    def table(self) -> tuple[list[str], list[tuple[str, list[int]]]]:
        """Return the months in which anything fell due as headings, and a row of counts for each state that occurs."""
        months = {month: counter for month, counter in self.months.items() if counter}
        headings = [f"{MONTHS[month - 1]} {year % 100:02}" for year, month in months]
        rows = [
            (said.several, [counter[state] for counter in months.values()])
            for state, said in STATES.items()
            if self.all[state]
        ]
        return headings, rows
