# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import due, iso_week, missed_slots, slot_of
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record
from hypothesis import given
from hypothesis import strategies as st

MEXICO = ZoneInfo("America/Mexico_City")
SOURCE, DATABASE, CONFIGURATION = "source_code", "database", "server_configuration"


def at(text, zone=MEXICO):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def past(kind, *outcomes):
    """A history of (day, result) pairs; the result «failed» is a failure without a backup."""
    history = History()
    for day, result in outcomes:
        history.add(failure_record(day) if result == "failed" else backup_record(kind, day, result))
    return history


@pytest.fixture
def ask(procedure):
    """Whether something is due, and which slots were missed, at a local moment."""

    def answer(kind, history, now):
        moment = at(now) if isinstance(now, str) else now
        information_type = procedure.information_type(kind)
        missed = missed_slots(information_type, history, moment)
        return due(information_type, history, moment).now, [slot.isoformat() for slot in missed]

    return answer


# --- By hand: the days on which calendars break -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SOURCE, DATABASE, CONFIGURATION])
def test_what_was_never_backed_up_is_due_and_nothing_of_it_was_missed(ask, kind):
    assert ask(kind, History(), "2026-11-22T00:00:00") == (True, [])


@pytest.mark.parametrize(
    ("now", "is_due", "missed"),
    [
        ("2026-11-29T23:59:59", False, []),
        ("2026-11-30T00:00:00", True, []),
        ("2026-12-06T23:59:59", True, []),
        ("2026-12-07T00:00:00", True, ["2026-11-30"]),
        ("2026-12-21T00:00:00", True, ["2026-11-30", "2026-12-07", "2026-12-14"]),
    ],
)
def test_source_code_is_due_once_an_iso_week(ask, now, is_due, missed):
    assert ask(SOURCE, past(SOURCE, ("2026-11-23", "conforming")), now) == (is_due, missed)


@pytest.mark.parametrize(
    ("now", "is_due", "missed"),
    [
        ("2026-11-22T23:59:59", False, []),
        ("2026-11-23T00:00:00", True, []),
        ("2026-11-24T05:59:59", True, []),
        ("2026-11-24T06:00:00", True, ["2026-11-23"]),
    ],
)
def test_a_database_is_due_once_a_local_day_and_missed_at_six(ask, now, is_due, missed):
    assert ask(DATABASE, past(DATABASE, ("2026-11-22", "conforming")), now) == (is_due, missed)


@pytest.mark.parametrize(
    ("days", "is_due", "is_missed"), [(0, False, False), (59, False, False), (60, True, False), (61, True, True)]
)
def test_day_59_day_60_day_61(ask, days, is_due, is_missed):
    first = date(2024, 1, 1)  # 60 days across a 29 February.
    now = datetime.combine(first + timedelta(days=days), datetime.min.time(), MEXICO)
    missed = [(first + timedelta(days=60)).isoformat()] if is_missed else []
    assert ask(CONFIGURATION, past(CONFIGURATION, (first, "conforming")), now) == (is_due, missed)
    assert ask(CONFIGURATION, past(CONFIGURATION, (first, "conforming")), now + timedelta(hours=23))[0] == is_due


def test_week_53_and_the_turn_of_the_year(ask):
    # 1 January 2027 lies in 2026-W53: one slot, due once.
    assert [iso_week(date(2026, 12, 27)), iso_week(date(2027, 1, 3)), iso_week(date(2027, 1, 4))] == [
        "2026-W52",
        "2026-W53",
        "2027-W01",
    ]
    history = past(SOURCE, ("2026-12-31", "conforming"))
    assert ask(SOURCE, history, "2027-01-03T23:59:59") == (False, [])
    assert ask(SOURCE, history, "2027-01-04T00:00:00") == (True, [])
    assert ask(SOURCE, history, "2027-01-11T00:00:00") == (True, ["2027-01-04"])


def test_29_february_is_a_day_like_others(ask):
    history = past(DATABASE, ("2028-02-28", "conforming"))
    assert ask(DATABASE, history, "2028-02-29T02:00:00") == (True, [])
    assert ask(DATABASE, history, "2028-03-01T06:00:00") == (True, ["2028-02-29"])


@pytest.mark.parametrize(
    ("zone", "change"),
    [("America/Tijuana", "2026-11-01"), ("America/Tijuana", "2026-03-08"), ("Africa/Cairo", "2026-04-24")],
)
def test_a_day_of_23_or_25_hours_is_one_day(ask, zone, change):
    # In Cairo that day has no midnight.
    day, zone = date.fromisoformat(change), ZoneInfo(zone)
    history = past(DATABASE, (day - timedelta(days=1), "conforming"))
    for hour in range(24):
        assert ask(DATABASE, history, datetime(day.year, day.month, day.day, hour, tzinfo=zone)) == (True, [])
        assert ask(DATABASE, history, datetime(day.year, day.month, day.day, hour, fold=1, tzinfo=zone))[0]
    history.add(backup_record(DATABASE, day))
    assert not ask(DATABASE, history, datetime(day.year, day.month, day.day, 1, 30, fold=1, tzinfo=zone))[0]


# --- Verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "next_slot"), [(DATABASE, "2026-11-24"), (SOURCE, "2026-11-30"), (CONFIGURATION, None)]
)
def test_what_is_in_review_waits_for_jaa_within_its_slot(ask, kind, next_slot):
    history = past(kind, ("2026-01-05", "conforming"), ("2026-11-23", "review"))
    assert not ask(kind, history, "2026-11-23T23:00:00")[0]
    if next_slot:
        assert ask(kind, history, f"{next_slot}T00:00:00")[0]
    else:
        assert not ask(kind, history, "2027-11-23T00:00:00")[0]


def test_an_early_extra_backup_in_review_does_not_hold_the_slot_that_comes(ask):
    history = past(CONFIGURATION, ("2026-01-01", "conforming"), ("2026-02-10", "review"))
    assert ask(CONFIGURATION, history, "2026-03-02T00:00:00")[0]


@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
def test_what_is_nonconforming_is_tried_again_once_a_day(ask, kind):
    history = past(kind, ("2026-01-05", "conforming"), ("2026-11-24", "nonconforming"))
    assert not ask(kind, history, "2026-11-24T23:59:59")[0]
    assert ask(kind, history, "2026-11-25T00:00:00")[0]


@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
def test_a_failure_is_tried_again_at_once(ask, kind):
    # An unreachable host an hour later may be reachable.
    assert ask(kind, past(kind, ("2026-11-24", "failed")), "2026-11-24T03:00:00")[0]


# --- Wrong clocks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["conforming", "first", "review", "nonconforming"])
@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
@pytest.mark.parametrize("ahead", [1, 3, 8, 400])
def test_what_is_dated_in_the_future_never_suppresses_a_backup(ask, kind, result, ahead):
    # Faults 24: somebody's clock was wrong; today's backup is made all the same. 23 November is a Monday.
    history = past(kind, (date(2026, 11, 23) + timedelta(days=ahead), result))
    assert ask(kind, history, "2026-11-23T12:00:00")[0]


def test_what_is_dated_in_the_future_hides_no_missed_slot(ask):
    history = past(DATABASE, ("2026-11-20", "conforming"), ("2030-01-01", "conforming"))
    history.add(backup_record(DATABASE, "2026-11-23"))
    assert ask(DATABASE, history, "2026-11-23T12:00:00") == (False, ["2026-11-21", "2026-11-22"])
    history = past(CONFIGURATION, ("2026-01-01", "conforming"), ("2030-01-01", "failed"))
    assert ask(CONFIGURATION, history, "2026-03-20T12:00:00") == (True, ["2026-03-02"])


# --- Missed slots -----------------------------------------------------------------------------------------------------


def test_a_gap_is_found_although_the_first_run_after_it_failed(ask):
    # The controller was away for three weeks; when it came back the backup server was down. The gap is still recorded.
    history = past(DATABASE, ("2026-11-01", "conforming"), ("2026-11-21", "failed"))
    missed = ask(DATABASE, history, "2026-11-22T06:00:00")[1]
    assert missed == [f"2026-11-{day:02d}" for day in range(2, 21)]


@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
def test_missed_slots_are_found_once(ask, kind):
    history = past(kind, ("2026-01-05", "conforming"))
    missed = ask(kind, history, "2026-06-01T12:00:00")[1]
    assert missed
    for slot in missed:
        history.add(failure_record(slot))
    assert ask(kind, history, "2026-06-01T12:00:00") == (True, [])


# --- Any history ------------------------------------------------------------------------------------------------------

ZONES = ["America/Mexico_City", "America/Tijuana", "Europe/Madrid", "Africa/Cairo", "Pacific/Apia"]
HAPPENS = ["conforming", "review", "nonconforming", "failed", "cut off", "off", "off", "off"]
RUNS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 23), st.sampled_from(HAPPENS)), min_size=1, max_size=40)


@given(
    kind=st.sampled_from([DATABASE, SOURCE, CONFIGURATION]),
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2026, 10, 1), date(2028, 3, 1)),
    runs=RUNS,
    step=st.sampled_from([1, 7, 24]),
)
def test_each_slot_is_due_until_covered_and_none_is_lost(procedure, kind, zone, first, runs, step):
    # Generated years of cron: runs that do not come, fail, or find the backup server away («cut off»).
    information_type, frequency = procedure.information_type(kind), procedure.information_type(kind).schedule
    history, missed, covered, outcomes = History(), [], [], {}
    now = datetime.combine(first, datetime.min.time(), ZoneInfo(zone))
    runs = [run if run[2] != "cut off" or n < 12 else (*run[:2], "off") for n, run in enumerate(runs)]
    for wait, hour, happens in runs:
        now = (now + timedelta(hours=wait * step)).replace(hour=hour)
        today = now.date()
        if happens == "off" or not due(information_type, history, now).now:
            continue
        assert today not in [day for day, result in outcomes.items() if result in ("conforming", "nonconforming")]
        if happens != "cut off":
            found = missed_slots(information_type, history, now)
            assert found == sorted(found)
            missed += found
            for slot in found:
                history.add(failure_record(slot))
        if happens in ("failed", "cut off"):
            history.add(failure_record(today))
        else:
            history.add(backup_record(kind, today, happens))
        outcomes[today] = happens
        if happens == "conforming":
            if frequency.unit == "elapsed_days":
                assert not covered or (today - covered[-1]).days >= frequency.days
            else:
                assert slot_of(frequency, today) not in covered
            covered.append(slot_of(frequency, today))
    missed += missed_slots(information_type, history, now)
    assert len(set(missed)) == len(missed), "a missed slot was found twice"
    if frequency.unit == "elapsed_days" or not outcomes:
        return
    tried = {slot_of(frequency, day) for day in outcomes}
    assert not tried & set(missed), "a slot with an outcome was called missed"
    slot = min(tried)
    length = timedelta(days=7 if frequency.unit == "week" else 1)
    while datetime.combine(slot + length, information_type.missed_at, ZoneInfo(zone)) <= now:
        assert slot in tried or slot in missed, f"nobody knows what became of {slot}"
        slot += length
