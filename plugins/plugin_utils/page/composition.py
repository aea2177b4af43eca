# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page as plain data: answers to questions, and the year of each backup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import DONE, LATE, MISSED, MITIGATED
from ansible_collections.dse.backup.plugins.plugin_utils.page import answers
from ansible_collections.dse.backup.plugins.plugin_utils.page.answers import Question, Said
from ansible_collections.dse.backup.plugins.plugin_utils.page.items import Item, Place, items
from ansible_collections.dse.backup.plugins.plugin_utils.page.period import Period
from ansible_collections.dse.backup.plugins.plugin_utils.page.tally import STATES, Tally
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Asked

# A day of all backups together is as bad as its worst one.
_WORST_FIRST = (MISSED, MITIGATED, LATE, DONE)


@dataclass(frozen=True)
class Page:
    """Everything that stands on the page. ``by`` says who made it, in which run; ``directory`` is the ledger's."""

    asked: Asked
    period: Period
    directory: str
    by: str
    sections: list[tuple[str, list[Said]]]
    items: list[Item]
    tally: Tally
    drawn: dict[str, Any]

    @property
    def urgent(self) -> list[Said]:
        """The answers that need action."""
        return answers.urgent(self._said)

    @property
    def steps(self) -> list[tuple[str, list[Said]]]:
        """The commands to run next, each with the answers that ask for it."""
        found: dict[str, list[Said]] = {}
        for said in self.urgent:
            found.setdefault(said.next_command, []).append(said)
        return list(found.items())

    @property
    def retold(self) -> list[Said]:
        """The answers that say the same once more, as an auditor sees it."""
        return answers.retold(self._said)

    @property
    def _said(self) -> list[Said]:
        return [each for _heading, several in self.sections for each in several]

    @property
    def problem_count(self) -> int:
        """How many things need action."""
        return sum(len(each.problems) for each in self.urgent)

    @property
    def worried(self) -> list[Item]:
        """The backups that need attention."""
        return [each for each in self.items if each.worries]


def compose(asked: Asked, questions: Mapping[str, Question], *, directory: str, by: str) -> Page:
    """Ask every question once, and put together what the page says."""
    asked.index.keep_what_is_read()
    period = Period.of(asked.year, asked.now.date())
    answered = answers.ask(asked, questions)
    roles = asked.procedure.institution.roles
    several = items(asked, period, _custody(answered.get("copies"), roles))
    tally = Tally.empty(period)
    for each in several:
        tally.add(each.tally)
    sections = list(answers.sections(answered, roles))
    return Page(asked, period, readable(directory), readable(by), sections, several, tally, _year(tally, period))


def _custody(copies: Answer | None, roles: Collection[str]) -> dict[Place, tuple[str, bool]]:
    """Return in words how the copies of each item stand, and whether that needs action."""
    for section in copies.sections if copies else ():
        if section.name == "items":
            words = section.columns[-1].words
            return {
                (row["server"], row["item_id"]): (answers.calm(words(row), roles), row["needs_action"])
                for row in section.rows
            }
    return {}


def _year(tally: Tally, period: Period) -> dict[str, Any]:
    """Return what the calendar of all backups is drawn from: by day its worst state and how many came to it."""
    days: list[list[Any]] = []
    day = period.first
    while day <= min(period.last, period.today):
        counter = tally.days.get(day, Counter())
        state = next((each for each in _WORST_FIRST if counter[each]), None)
        if state:
            days.append([period.offset(day), STATES[state].letter, counter[state]])
        day += timedelta(days=1)
    return {**period.as_days_since_1970(), "all": days}
