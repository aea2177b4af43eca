# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.questions.loans import loans
from ansible_collections.dse.backup.tests.unit.factories import index_of, loan_record, loan_step

ONE, OTHER = "CSC-03-2026-0001", "CSC-03-2026-0002"


@pytest.fixture
def ask(in_memory, procedure):
    """Ask a ledger of these records on a day."""

    def answer(*records, today="2026-11-24", **changes):
        now = datetime.fromisoformat(f"{today}T08:00:00").replace(tzinfo=procedure.zone)
        with index_of(in_memory, list(records)) as index:
            found = loans(Asked(index, procedure, now, **changes))
        return found, {section.name: section.rows for section in found.sections}

    return answer


def steps(folio, *states):
    return [loan_step(folio, state) for state in states]


def test_each_loan_is_told_with_whose_turn_it_is(ask):
    """Breaks: nobody knows who has to do what next, or a loan that is over is still asked for."""
    over = steps(OTHER, "authorised", "lent", "checked", "returned", "received_back")
    answer, found = ask(loan_record(ONE), loan_record(OTHER, media_id="CSC-HD-11"), *over)
    (row,), (closed,) = found["open"], found["closed"]
    assert (row["loan_folio"], row["state"], row["turn"]) == (ONE, "requested", "CSC")
    assert (closed["loan_folio"], closed["media_id"], closed["turn"]) == (OTHER, "CSC-HD-11", None)
    assert answer.problems == [] and f"loan_folio={ONE} -e loan_step=authorise -e loan_as=CSC" in answer.next_command


@pytest.mark.parametrize(("states", "late", "words"), [
    ((), "2026-11-25", "loan_step=authorise"), (("authorised", "lent"), "2026-12-02", "loan_step=check"),
])  # fmt: skip
def test_what_is_late_needs_action(ask, states, late, words):
    records = [loan_record(ONE), *steps(ONE, *states)]
    day_before = datetime.fromordinal(datetime.fromisoformat(late).toordinal() - 1).date().isoformat()
    assert ask(*records, today=day_before)[0].problems == []
    answer, _found = ask(*records, today=late)
    assert len(answer.problems) == 1 and ONE in answer.problems[0] and words in answer.next_command


def test_only_what_is_asked_about_is_answered(ask):
    assert ask(loan_record(ONE), items=("portal-src",))[1]["open"]
    for asked in ({"items": ("otro",)}, {"has_server": lambda server: server == "srv-db01"}):
        answer, found = ask(loan_record(ONE), today="2026-12-24", **asked)
        assert (found["open"], answer.problems, answer.next_command) == ([], [], "")
