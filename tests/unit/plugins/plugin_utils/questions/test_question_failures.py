# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.failures import failures
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    closing_record,
    delivery_record,
    failure_record,
    rows_of,
)

FAILED = failure_record("2026-11-23", folio="DSE-05-2026-0010", recorded_at="2026-11-23T02:10:00.000-06:00")
BACKUP = backup_record("source_code", "2026-11-17", folio="DSE-02-2026-0047")


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, failures)


def test_an_open_failure_needs_action_and_names_the_command_that_closes_it(ask):
    answer = ask(BACKUP, FAILED)
    (row,) = rows_of(answer, "open")
    assert (row["failure_folio"], row["open_days"], row["due_on"], row["is_late"]) == (
        *(FAILED["folio"], 1, "2026-11-30", False),
    )
    assert row["failure_stage_label"] == "Respaldo"
    assert answer.problems == [f"FALLAS ABIERTAS: {FAILED['folio']}"]
    assert answer.next_command == row["next_command"]
    assert '--limit srv-web01 -e \'{"backup_items": ["portal-src"]}\'' in answer.next_command
    # What was accepted and is in no inventory has its request's folio for a name: nobody can back that up.
    absent = ask(failure_record("2026-11-23", folio="DSE-05-2026-0011", item_id="DSE-05-2026-0002"))
    assert absent.next_command == "ansible-playbook playbooks/report.yml -e question=requests"
    late = ask(BACKUP, FAILED, today="2026-11-30")
    assert late.problems[1:] == [f"DESDE HACE 7 DÍAS O MÁS: {FAILED['folio']}"]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("csc_delivery", "deliver.yml --limit srv-web01"),
        ("restore", 'drill.yml -e \'{"drill_items": ["portal-src"]}\''),
        ("jaa_copy", "verify.yml --limit srv-web01 -e verify_all=true"),
        ("verification", "accept.yml -e accept_folio=DSE-02-2026-0048"),
        ("loan", "acknowledge.yml -e acknowledge_folio=DSE-05-2026-0010"),
    ],
)
def test_each_stage_has_the_command_by_which_it_closes(ask, stage, expected):
    doubtful = backup_record("source_code", "2026-11-23", "review", folio="DSE-02-2026-0048")
    failed = {**FAILED, "failure_stage": stage, "backup_folio": doubtful["folio"], "about_folio": doubtful["folio"]}
    (row,) = rows_of(ask(BACKUP, doubtful, failed), "open")
    assert expected in row["next_command"]


def test_jaas_damaged_copy_is_mended_from_csc_s(ask):
    failed = {**FAILED, "failure_stage": "jaa_copy", "backup_folio": BACKUP["folio"], "about_folio": BACKUP["folio"]}
    (row,) = rows_of(ask(BACKUP, delivery_record("CSC-02-2026-0001", BACKUP["folio"]), failed), "open")
    assert "repair.yml --limit srv-web01" in row["next_command"]


def test_a_closed_one_tells_its_evidence_and_how_long_it_took(ask):
    """Breaks: an auditor cannot tell by what a failure was resolved, or when."""
    evidence = {
        "evidence": "backup",
        "related_folios": ["DSE-02-2026-0048"],
        "remarks": "respaldo conforme",
        "cause": None,
    }
    answer = ask(BACKUP, FAILED, closing_record(FAILED["folio"], "2026-11-24", **evidence), year=2026)
    (row,) = rows_of(answer, "closed")
    # It was scheduled for two in the morning of the day before; it was resolved at ten.
    assert (row["hours_to_resolve"], row["evidence_folios"]) == (32.0, ["DSE-02-2026-0048"])
    assert (row["closed_on"], row["cause"]) == ("2026-11-24", "respaldo conforme")
    assert (answer.problems, answer.all_is_well) == ([], "Nada que hacer: ninguna falla abierta.")
    assert rows_of(ask(BACKUP, FAILED, closing_record(FAILED["folio"], "2026-11-24"), year=2025), "closed") == []
    # An open one is told of whatever year is asked about.
    assert len(rows_of(ask(BACKUP, FAILED, year=2025), "open")) == 1


def test_what_repeats_itself_suggests_a_nonconformity(ask):
    several = [failure_record(f"2026-11-{day}", folio=f"DSE-05-2026-00{day}") for day in (18, 19, 20)]
    closings = [
        closing_record(each["folio"], "2026-11-21", nonconformity_ref=reference)
        for each, reference in zip(several, (None, "PNC-7", "PNC-7"))
    ]
    answer = ask(*several, *closings)
    (row,) = rows_of(answer, "repeated")
    assert (row["item_id"], row["day_count"], row["nonconformity_refs"]) == ("portal-src", 3, ["PNC-7"])
    assert answer.problems == [] and rows_of(ask(*several[:2]), "repeated") == []


def test_a_limit_holds(ask):
    other = failure_record("2026-11-23", folio="DSE-05-2026-0011", server="srv-db01", item_id="escolares")
    answer = ask(FAILED, other, items=("escolares",))
    assert [each["failure_folio"] for each in rows_of(answer, "open")] == ["DSE-05-2026-0011"]
