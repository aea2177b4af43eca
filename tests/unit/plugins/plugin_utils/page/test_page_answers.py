# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.page import answers
from ansible_collections.dse.backup.plugins.plugin_utils.page.answers import MOST_ROWS, calm
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Section, text

ROLES = ("JAA", "CSC", "CGDW")


def answer(title="TÍTULO", problems=(), rows=(), **more):
    section = Section("rows", "LE FALTA A CSC (deliver.yml)", (text("Servidor", "server"),), list(rows))
    return Answer(title, [section], list(problems), **more)


@pytest.mark.parametrize(
    ("shouted", "said"),
    [
        ("CUSTODIA DE LAS COPIAS", "Custodia de las copias"),
        ("LE FALTA A CSC (deliver.yml)", "Le falta a CSC (deliver.yml)"),
        ("PRÉSTAMOS DE CSC VENCIDOS, O SIN SU RESPUESTA", "Préstamos de CSC vencidos, o sin su respuesta"),
        ("FALLAS ABIERTAS Y DE MÁS DE 7 DÍAS", "Fallas abiertas y de más de 7 días"),
        ("dos copias", "Dos copias"),
        ("", ""),
    ],
)
def test_what_is_written_in_capitals_is_said_as_a_sentence(shouted, said):
    assert calm(shouted, ROLES) == said


def test_every_question_has_its_place_and_a_new_one_comes_last():
    """Breaks: a question is added to the catalogue and never appears on the page, or twice."""
    named = [name for names in answers.HEADINGS.values() for name in names]
    assert len(named) == len(set(named))
    asked = answers.ask(None, dict.fromkeys([*QUESTIONS, "novelty"], lambda asked: answer()))
    found = [(heading, each.name) for heading, several in answers.sections(asked, ROLES) for each in several]
    assert sorted(name for _heading, name in found) == sorted({*QUESTIONS, "novelty"} - {"trace"})
    assert found[-1][1] == "novelty" and found[-1][0] not in answers.HEADINGS


def test_what_needs_action_is_told_by_its_urgency_and_once():
    said = [answers.say(name, answer(problems=["algo"]), ROLES) for name in ("conformity", "coverage", "new", "gaps")]
    said.append(answers.say("loans", answer(), ROLES))
    assert [each.name for each in answers.urgent(said)] == ["gaps", "coverage", "new"]
    assert [each.name for each in answers.retold(said)] == ["conformity"]
    # A medium out of its place, a service request that nobody attends to: what only an auditor's look finds.
    alone = [each for each in said if each.name in ("conformity", "loans")]
    assert [each.name for each in answers.urgent(alone)] == ["conformity"] and answers.retold(alone) == []


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("LE FALTA A CSC (deliver.yml): 3", "Le falta a CSC (deliver.yml): 3"),
        ("ENTREGA A CSC VENCIDA: ACTAS, etc", "Entrega a CSC vencida: ACTAS, etc"),
        ("ACTAS: falta", "ACTAS: falta"),  # A name is nobody's to change.
        ("CSC-03-2026-0001: la cinta\x1b[31m", "CSC-03-2026-0001: la cinta\\x1b[31m"),
    ],
)
def test_a_problem_keeps_its_names(problem, said):
    assert answers.say("copies", answer(problems=[problem]), ROLES).problems == [said]


def test_a_long_answer_says_how_much_of_it_is_not_there():
    """Breaks: the page shows the first rows as if they were all."""
    said = answers.say("copies", answer(rows=[{"server": f"s{n}\u202e"} for n in range(MOST_ROWS + 7)]), ROLES)
    (table,) = said.tables
    assert (len(table.rows), table.left_out, table.rows[0]) == (MOST_ROWS, 7, ["s0\\u202e"])
    assert said.command == "ansible-playbook playbooks/report.yml -e question=copies"
    assert answers.say("copies", answer(), ROLES).tables == []
