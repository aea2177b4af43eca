# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, timedelta

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.retention import (
    Retention,
    Safeguards,
    fates,
    outdated_safety,
    with_own,
)
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 11, 22)
GUARDS = Safeguards(keep_last=2, settle_days=7, suspect_days=30, safety_days=60)
DATABASE = Retention(daily=14, monthly=12)
SOURCE = Retention(weekly=5, monthly=12)
REST = Retention(cycles=6)


def backup(age, number=0, result="conforming", **changes):
    day = TODAY - timedelta(days=age)
    return Backup(
        **{
            "folio": f"DSE-03-2026-{number:04}",
            "item_id": "escolares",
            "server": "srv-db01",
            "information_type": "database",
            "file_name": f"{number:064x}",
            "backup_date": day.isoformat(),
            "started_at": f"{day}T02:00:00-06:00",
            "size_bytes": 1000,
            "verification_result": result,
            **changes,
        }
    )


def series(ages, **changes):
    """Backups of these ages in days, the oldest first."""
    return [backup(age, number, **changes) for number, age in enumerate(sorted(ages, reverse=True))]


def kept_ages(backups, retention, **how):
    decided = fates(backups, retention, GUARDS, today=TODAY, **how)
    return [(TODAY - date.fromisoformat(fate.backup.backup_date)).days for fate in decided if not fate.goes]


def test_what_csc_s_copy_is_on_loan_of_stays():
    """Breaks: the backup for which JAA borrows CSC's copy is pruned meanwhile."""
    backups = series([400, 300, 2, 1])
    lent = {backups[1].folio: "su copia de CSC está en préstamo (CSC-03-2026-0001)"}
    decided = fates(backups, Retention(daily=2), GUARDS, today=TODAY, lent=lent)
    assert [fate.goes for fate in decided] == [True, False, False, False]
    assert decided[1].reason == lent[backups[1].folio]


def test_databases_keep_fourteen_days_and_the_first_of_twelve_months():
    kept = kept_ages(series(range(500)), DATABASE)
    assert [age for age in kept if age < 14] == list(range(13, -1, -1))
    days = [TODAY - timedelta(days=age) for age in kept if age >= 14]
    assert all(day.day == 1 for day in days) and len(days) == 12  # December 2025 to November 2026
    assert min(days) == date(2025, 12, 1)


def test_source_code_keeps_five_weeks_and_the_first_of_twelve_months():
    kept = kept_ages(series(range(0, 500, 7)), SOURCE)
    assert kept[-5:] == [28, 21, 14, 7, 0]
    assert len({(TODAY - timedelta(days=age)).strftime("%Y-%m") for age in kept}) == 12


def test_the_rest_keeps_six_cycles():
    assert kept_ages(series(range(0, 60 * 10, 60)), REST) == [300, 240, 180, 120, 60, 0]


def test_slots_count_where_there_are_backups_not_by_the_calendar():
    # A server that was off for two years loses nothing by being off.
    assert len(kept_ages(series(range(730, 750)), DATABASE)) >= 14


def test_an_item_may_say_itself_how_long():
    assert with_own(DATABASE, {"daily": 3}) == Retention(daily=3)
    assert with_own(DATABASE, None) is DATABASE
    assert kept_ages(series(range(30)), with_own(DATABASE, {"daily": 9})) == list(range(8, -1, -1))


def test_of_a_failing_item_nothing_goes():
    decided = fates(series(range(400)), DATABASE, GUARDS, today=TODAY, is_failing=True)
    assert not any(fate.goes for fate in decided) and "no es conforme" in decided[0].reason


def test_the_baseline_stays_whatever_its_age():
    backups = series([400, 390, *range(20)])
    decided = fates(backups, Retention(daily=2), GUARDS, today=TODAY, baseline=backups[0].folio)
    assert [fate.goes for fate in decided[:2]] == [False, True]


@pytest.mark.parametrize(
    ("result", "decision", "age", "goes"),
    [
        ("review", None, 400, False),
        ("review", "accepted", 400, True),
        ("review", "rejected", 31, True),
        ("review", "rejected", 29, False),
        ("nonconforming", None, 31, True),
        ("nonconforming", None, 29, False),
        ("nonconforming", "accepted", 400, True),
    ],
)
def test_what_is_suspect(result, decision, age, goes):
    suspect = backup(age, 9000, result, decision=decision)
    younger = series([5, 6, *range(8, min(age, 25))])
    decided = fates([suspect, *younger], Retention(daily=3), GUARDS, today=TODAY)
    assert decided[0].goes is goes, decided[0].reason


def test_a_suspect_one_stays_while_there_are_no_newer_conforming_ones():
    old = series([100, 99])
    suspects = [backup(90, 10, "nonconforming"), backup(80, 11, "nonconforming")]
    assert not any(fate.goes for fate in fates([*old, *suspects, backup(70, 12)], REST, GUARDS, today=TODAY))
    decided = fates([*old, *suspects, backup(70, 12), backup(60, 13)], REST, GUARDS, today=TODAY)
    assert [fate.goes for fate in decided] == [False, True, True, True, False, False]


def test_damaged_ones_do_not_count_as_what_is_left():
    backups = [*series([40, 39, 38]), *(backup(age, 100 + age, is_damaged=True) for age in (3, 2, 1))]
    decided = fates(backups, Retention(daily=1), GUARDS, today=TODAY)
    assert [fate.goes for fate in decided[:3]] == [True, False, False]


def test_a_day_still_to_come_takes_nobodys_place():
    honest = series(range(20))
    future = [backup(-day, 500 + day) for day in range(1, 30)]
    assert set(kept_ages(honest, DATABASE)) <= set(kept_ages([*honest, *future], DATABASE))


RESULTS = st.sampled_from(["conforming", "first", "review", "nonconforming"])
ANY = st.lists(
    st.tuples(st.integers(-3, 900), RESULTS, st.sampled_from([None, "accepted", "rejected"]), st.booleans()),
    max_size=60,
)
RETENTIONS = st.builds(
    Retention, daily=st.integers(0, 9), weekly=st.integers(0, 9), cycles=st.integers(0, 9), monthly=st.integers(0, 9)
)


@given(ANY, RETENTIONS)
def test_never_fewer_than_the_last_conforming_ones(drawn, retention):
    backups = [
        backup(age, number, result, decision=decision, is_damaged=damaged)
        for number, (age, result, decision, damaged) in enumerate(drawn)
    ]
    decided = fates(backups, retention, GUARDS, today=TODAY)
    assert [fate.backup for fate in decided] == backups
    left = [fate.backup for fate in decided if not fate.goes]
    good = [each for each in backups if each.conforms and each.is_there]
    assert good[-2:] == [each for each in left if each in good][-len(good[-2:]) :] or not good
    for fate in decided:
        assert fate.reason
        undecided = fate.backup.verification_result == "review" and fate.backup.decision is None
        if fate.goes:
            assert not undecided and (TODAY - date.fromisoformat(fate.backup.backup_date)).days >= 7


@given(st.lists(st.integers(3, 800), max_size=60, unique=True), st.lists(st.integers(0, 2), max_size=40), RETENTIONS)
def test_whoever_floods_a_repository_makes_no_older_one_go(ages, flood, retention):
    # Faults 23. A date is believed only close to the arrival: a client can fill today and the two days before it with
    # as many backups as it likes. It gains no more than one honest backup on each of these days would.
    older = series(ages)
    honest = [backup(age, 5000 + age) for age in (2, 1, 0)]
    flooding = [backup(age, 6000 + number) for number, age in enumerate(flood)]
    most = fates(older + honest, retention, GUARDS, today=TODAY)[: len(older)]
    gone_if_honest = {fate.backup.folio for fate in most if fate.goes}
    decided = fates(older + flooding, retention, GUARDS, today=TODAY)[: len(older)]
    gone = {fate.backup.folio for fate in decided if fate.goes}
    assert gone <= gone_if_honest


@given(st.lists(st.integers(0, 900), max_size=60), RETENTIONS)
def test_pruning_twice_removes_nothing_more(ages, retention):
    backups = series(ages)
    left = [fate.backup for fate in fates(backups, retention, GUARDS, today=TODAY) if not fate.goes]
    assert not any(fate.goes for fate in fates(left, retention, GUARDS, today=TODAY))


def test_what_was_stored_before_a_restore_goes_after_its_time():
    snapshots = {"aa": "2026-09-22", "bb": "2026-09-23", "cc": "2026-11-21"}
    assert outdated_safety(snapshots, GUARDS, TODAY) == ["aa"]
