# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record

KIND = "images_documents"


def after(*records):
    history = History()
    for record in records:
        history.add(record)
    return history


@pytest.mark.parametrize(("result", "is_baseline"), [("conforming", True), ("first", True), ("review", False),
                                                     ("nonconforming", False)])  # fmt: skip
def test_only_a_good_backup_becomes_the_baseline(result, is_baseline):
    # A suspect backup is quarantined: neither the next baseline nor a cycle.
    history = after(
        backup_record(KIND, "2026-11-01", "first", folio="A", size_bytes=100, sha256="11" * 32),
        backup_record(KIND, "2026-11-02", result, folio="B", size_bytes=7),
    )
    assert history.baseline["folio"] == ("B" if is_baseline else "A")
    assert history.previous["folio"] == "B"
    assert history.cycles == (2 if is_baseline else 1)
    assert [size for _day, size in history.peaks] == ([100, 7] if is_baseline else [100])
    assert (history.server, history.request_folio) == ("srv-web01", "DSE-05-2026-0001")


def test_a_good_backup_ends_what_was_suspect():
    suspect = [backup_record(KIND, "2026-11-02", "review"), backup_record(KIND, "2026-11-03", "nonconforming")]
    assert (after(*suspect).review_on, after(*suspect).nonconforming_on) == (date(2026, 11, 2), date(2026, 11, 3))
    history = after(*suspect, backup_record(KIND, "2026-11-04"))
    assert (history.review_on, history.nonconforming_on) == (None, None)


def test_a_failure_about_a_backup_is_no_outcome_of_its_own():
    # A copy that was found damaged later: the item's last outcome stays what it was.
    about = failure_record("2026-11-02", about_folio="DSE-04-2026-0001")
    assert after(about) == History()
    assert not after(backup_record(KIND, "2026-11-01"), about).failing
    assert after(backup_record(KIND, "2026-11-01"), failure_record("2026-11-03")).failing


def test_the_request_of_an_item_is_that_of_its_last_backup():
    # By it what was accepted and taken out of the inventory is still known by its item's name.
    history = after(
        backup_record(KIND, "2026-11-01", request_folio="DSE-05-2026-0001"),
        backup_record(KIND, "2026-11-02", "nonconforming", request_folio="DSE-05-2026-0007", server="srv-web02"),
    )
    assert (history.request_folio, history.server) == ("DSE-05-2026-0007", "srv-web02")


def test_other_records_change_nothing():
    about = {"item_id": "portal-src", "about_folio": "DSE-04-2026-0001"}
    assert after({"record_type": "decision", **about}, {"record_type": "run"}) == History()


def test_it_stays_small():
    # Ten years of days: a plan reads every item's history.
    history = History()
    for number in range(3650):
        day = date(2026, 1, 1) + timedelta(days=number)
        size = 1000 + number % 7
        history.add(backup_record(KIND, day, size_bytes=size, host_run_id=f"m{number}", execution_mode="manual"))
    assert len(json.dumps(history.as_dict())) < 4000
    assert History(**json.loads(json.dumps(history.as_dict()))) == history


def test_runs_by_hand_are_remembered_so_that_their_failures_are_taken_once():
    history = after(
        failure_record("2026-11-02", host_run_id="m1", execution_mode="manual"),
        failure_record("2026-11-03", host_run_id="a1", execution_mode="automatic"),
    )
    assert history.host_runs == ["m1"]


def decision(folio, decision):
    return {"record_type": "decision", "item_id": "portal-src", "about_folio": folio, "decision": decision}


def test_an_accepted_backup_counts_from_then_on_and_is_measured_anew():
    suspect = backup_record(KIND, "2026-11-02", "review", folio="B", size_bytes=60)
    history = after(
        backup_record(KIND, "2026-11-01", "first", folio="A", size_bytes=100), suspect, decision("B", "accepted")
    )
    assert (history.baseline["folio"], history.cycles, history.review_on) == ("B", 2, None)
    assert history.peaks == [["2026-11-02", 60]]
    assert (history.quarantine, history.failing) == ({}, False)


def test_an_accepted_backup_does_not_take_the_place_of_a_newer_one():
    history = after(
        backup_record(KIND, "2026-11-01", "first", folio="A"),
        backup_record(KIND, "2026-11-02", "review", folio="B"),
        backup_record(KIND, "2026-11-03", folio="C"),
        decision("B", "accepted"),
    )
    assert history.baseline["folio"] == "C"


def test_a_rejected_backup_makes_its_item_due_again():
    history = after(
        backup_record(KIND, "2026-11-01", "first", folio="A"),
        backup_record(KIND, "2026-11-02", "review", folio="B"),
        decision("B", "rejected"),
    )
    assert (history.baseline["folio"], history.review_on, history.failing) == ("A", None, True)


def test_a_second_decision_on_the_same_backup_changes_nothing():
    first = [backup_record(KIND, "2026-11-02", "review", folio="B"), decision("B", "rejected")]
    assert after(*first, decision("B", "accepted")) == after(*first)


def test_a_failure_that_is_not_of_a_backup_leaves_the_item_alone():
    # A restore that failed on Tuesday says nothing about Tuesday's backup.
    for stage in ("restore", "jaa_copy", "csc_delivery", "loan"):
        assert after(failure_record("2026-11-02", failure_stage=stage)) == History()
    for stage in ("backup", "verification"):
        assert after(failure_record("2026-11-02", failure_stage=stage)).failing


def test_drills_and_the_usual_share_of_new_data_are_remembered():
    drill = {"record_type": "drill", "item_id": "portal-src", "started_at": "2026-11-04T10:00:00-06:00"}
    history = after(
        backup_record(KIND, "2026-11-01", "first", new_data_pct=None),
        backup_record(KIND, "2026-11-02", new_data_pct=3.5),
        backup_record(KIND, "2026-11-03", "review", new_data_pct=99.0),
        {**drill, "result": "passed"},
        {**drill, "result": "failed", "started_at": "2026-11-09T10:00:00-06:00"},
    )
    assert history.new_data == [3.5]
    assert (history.drilled_on, history.drill_tried_on) == ("2026-11-04", "2026-11-09")
