# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions that the page answers: each once, in the page's order, in words that do not shout."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Asked, Section
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

Question = Callable[[Asked], Answer]

# What stands under which heading, in this order. A question that is in none of them comes last, under one of its own.
HEADINGS: dict[str, tuple[str, ...]] = {
    "Fallas y huecos": ("failures", "gaps", "overdue"),
    "Custodia": ("copies",),
    "Cobertura": ("coverage", "requests"),
    "Verificación": ("verification",),
    "Restauraciones y simulacros": ("restores",),
    "Préstamos": ("loans",),
    "Plan anual": ("plan", "week"),
    "Integridad y conservación": ("integrity", "retention", "versions"),
    "Conformidad": ("conformity",),
}
_OTHERS = "Otras consultas"
# Of one backup, from end to end: there is a page of each of them in the ledger.
_LEFT_OUT = ("trace",)
# What is to be done first.
_URGENT = (
    *("integrity", "failures", "gaps", "verification", "overdue", "copies", "loans", "restores"),
    *("coverage", "requests"),
)
# It looks once more, as an auditor does, at what the others have told.
_RETOLD = ("conformity",)
# More rows than this nobody reads on a page; the question itself has them all.
MOST_ROWS = 200
_CELL = 300
_SHOUTED = re.compile(r"\b[A-ZÁÉÍÓÚÜÑ]{2,}\b|\b[YAEOU]\b")
_NAMES = frozenset({"DSE", "DAU", "CNO", "FOR", "PRO", "CSV", "JSON", "SHA", "AWX", "ID", "SQL"})


class Table(NamedTuple):
    """A table of a question's answer. ``left_out`` rows are not in it."""

    heading: str
    columns: list[str]
    rows: list[list[str]]
    left_out: int
    next_command: str


@dataclass(frozen=True)
class Said:
    """The answer to one question, as it stands on the page. ``command`` asks it again, ``id`` is its place."""

    name: str
    title: str
    problems: list[str]
    next_command: str
    all_is_well: str
    tables: list[Table] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its place on the page."""
        return f"consulta-{self.name}"

    @property
    def command(self) -> str:
        """Return the command that asks the question itself."""
        return command("report", question=self.name)


def ask(asked: Asked, questions: Mapping[str, Question]) -> dict[str, Answer]:
    """Return the answers to the questions that the page is made of, by their names."""
    return {name: question(asked) for name, question in questions.items() if name not in _LEFT_OUT}


def sections(answers: Mapping[str, Answer], roles: Collection[str]) -> Iterator[tuple[str, list[Said]]]:
    """Yield each heading with the answers that stand under it. ``roles`` are names, whatever their letters."""
    named = {name for names in HEADINGS.values() for name in names}
    for heading, names in (*HEADINGS.items(), (_OTHERS, tuple(name for name in answers if name not in named))):
        said = [say(name, answers[name], roles) for name in names if name in answers]
        if said:
            yield heading, said


def urgent(several: Collection[Said]) -> list[Said]:
    """Return the answers that need action, the most urgent first; none that tells the same once more."""
    order = {name: position for position, name in enumerate(_URGENT)}
    found = [each for each in several if each.problems and each.name not in _RETOLD]
    return sorted(found, key=lambda each: order.get(each.name, len(order)))


def retold(several: Collection[Said]) -> list[Said]:
    """Return the answers in which the same needs action once more."""
    return [each for each in several if each.problems and each.name in _RETOLD]


def say(name: str, answer: Answer, roles: Collection[str]) -> Said:
    """Return an answer as it stands on the page."""
    headings = {section.heading: calm(section.heading, roles) for section in answer.sections}
    return Said(
        name,
        calm(answer.title, roles),
        [readable(_with(headings, each, roles), _CELL) for each in answer.problems],
        answer.next_command,
        answer.all_is_well,
        [_table(section, headings[section.heading]) for section in answer.sections if section.rows],
    )


def _table(section: Section, heading: str) -> Table:
    rows = [[readable(column.words(row), _CELL) for column in section.columns] for row in section.rows[:MOST_ROWS]]
    headings = [column.heading for column in section.columns]
    return Table(heading, headings, rows, len(section.rows) - len(rows), section.next_command)


def _with(headings: Mapping[str, str], problem: str, roles: Collection[str]) -> str:
    """Return a problem in calm words as far as it is ours: names that follow a colon stay as they are."""
    for heading, words in headings.items():
        if problem.startswith(heading):
            return words + problem[len(heading) :]
    ours, colon, names = problem.partition(": ")
    return calm(ours, roles) + colon + names if colon and " " in ours and ours.isupper() else problem


def calm(heading: str, roles: Collection[str]) -> str:
    """Return what is written in capitals, for a screen without any other means, as a sentence."""
    names = _NAMES.union(roles)
    words = _SHOUTED.sub(lambda found: found[0] if found[0] in names else found[0].lower(), heading)
    return words[:1].upper() + words[1:]
