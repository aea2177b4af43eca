# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import (
    COVERED,
    DONE,
    LATE,
    MISSED,
    MITIGATED,
    PENDING,
    Made,
    Stretch,
    due,
    iso_week,
    overdue_at,
    slot_of,
    slots,
    unrecorded,
    week_days,
    working_day_after,
)
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

MEXICO = ZoneInfo("America/Mexico_City")
SOURCE, DATABASE, CONFIGURATION, DOCUMENTS = "source_code", "database", "server_configuration", "images_documents"
KINDS = load().information_types
DAY = timedelta(days=1)


def at(text, zone=MEXICO):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def is_elapsed(kind):
    return kind.schedule.unit == "elapsed_days"


def name(slot):
    """The day by which a slot is known: its first, or the one on which what is due every so many days falls due."""
    return (slot.last if is_elapsed(slot.kind) else slot.first).isoformat()


class Past:
    """What happened to one item, as its history tells it and as the calendar reads it."""

    def __init__(self, kind, *outcomes, zone=MEXICO):
        self.kind, self.zone = kind, zone
        self.history, self.made, self.failed = History(), [], []
        for day, result in outcomes:
            self.add(day, result)

    def add(self, day, result="conforming", hour=2, *, by_hand=False):
        """One more outcome; «failed» is a failure without a backup. What is suspect is in the failure log too."""
        moment = datetime.combine(date.fromisoformat(str(day)), time(hour), self.zone)
        folio = f"F{len(self.made)}"
        if result == "failed":
            self.history.add(failure_record(moment.date()))
        else:
            self.history.add(backup_record(self.kind, moment.date(), result, folio=folio))
            conforms = result in ("conforming", "first")
            self.made.append(Made(moment.date(), moment, folio, conforms, result == "review", by_hand))
        if result in ("failed", "review", "nonconforming"):
            self.failed.append(moment)

    def record(self, day):
        """Write the failure of a slot that passed without a backup."""
        self.history.add(failure_record(day))
        self.failed.append(datetime.combine(date.fromisoformat(str(day)), time(), self.zone))

    def slots(self, now, begins=None, until=None):
        """Its slots, if it is expected since its first outcome: as an inventory that is taken over is."""
        days = [now.date(), *(made.day for made in self.made), *(moment.date() for moment in self.failed)]
        stretch = Stretch(KINDS[self.kind], begins or min(days))
        return slots([stretch], self.made, self.failed, now, until)

    def missed(self, now):
        """The slots that went wrong and that nobody knows of, by name."""
        return [name(slot) for slot in unrecorded(self.slots(now), self.failed, now)]


@pytest.fixture
def ask():
    """Whether something is due, and which slots were missed, at a local moment."""

    def answer(kind, past, now):
        moment = at(now) if isinstance(now, str) else now
        return due(KINDS[kind], past.history, moment).now, past.missed(moment)

    return answer


# --- By hand: the days on which calendars break -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SOURCE, DATABASE, CONFIGURATION])
def test_what_was_never_backed_up_is_due_and_nothing_of_it_was_missed(ask, kind):
    assert ask(kind, Past(kind), "2026-11-22T00:00:00") == (True, [])


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
    assert ask(SOURCE, Past(SOURCE, ("2026-11-23", "conforming")), now) == (is_due, missed)


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
    assert ask(DATABASE, Past(DATABASE, ("2026-11-22", "conforming")), now) == (is_due, missed)


@pytest.mark.parametrize(
    ("days", "is_due", "is_missed"), [(0, False, False), (59, False, False), (60, True, False), (61, True, True)]
)
def test_day_59_day_60_day_61(ask, days, is_due, is_missed):
    first = date(2024, 1, 1)  # 60 days across a 29 February.
    now = datetime.combine(first + timedelta(days=days), time(), MEXICO)
    missed = [(first + timedelta(days=60)).isoformat()] if is_missed else []
    past = Past(CONFIGURATION, (first, "conforming"))
    assert ask(CONFIGURATION, past, now) == (is_due, missed)
    assert ask(CONFIGURATION, past, now + timedelta(hours=23)) == (is_due, missed)


def test_week_53_and_the_turn_of_the_year(ask):
    # 1 January 2027 lies in 2026-W53: one slot, due once.
    assert [iso_week(date(2026, 12, 27)), iso_week(date(2027, 1, 3)), iso_week(date(2027, 1, 4))] == [
        "2026-W52",
        "2026-W53",
        "2027-W01",
    ]
    past = Past(SOURCE, ("2026-12-31", "conforming"))
    assert ask(SOURCE, past, "2027-01-03T23:59:59") == (False, [])
    assert ask(SOURCE, past, "2027-01-04T00:00:00") == (True, [])
    assert ask(SOURCE, past, "2027-01-11T00:00:00") == (True, ["2027-01-04"])


def test_29_february_is_a_day_like_others(ask):
    past = Past(DATABASE, ("2028-02-28", "conforming"))
    assert ask(DATABASE, past, "2028-02-29T02:00:00") == (True, [])
    assert ask(DATABASE, past, "2028-03-01T06:00:00") == (True, ["2028-02-29"])


@pytest.mark.parametrize(
    ("zone", "change"),
    [("America/Tijuana", "2026-11-01"), ("America/Tijuana", "2026-03-08"), ("Africa/Cairo", "2026-04-24")],
)
def test_a_day_of_23_or_25_hours_is_one_day(ask, zone, change):
    # In Cairo that day has no midnight.
    day, zone = date.fromisoformat(change), ZoneInfo(zone)
    past = Past(DATABASE, (day - DAY, "conforming"), zone=zone)
    for hour in range(24):
        assert ask(DATABASE, past, datetime(day.year, day.month, day.day, hour, tzinfo=zone)) == (True, [])
        assert ask(DATABASE, past, datetime(day.year, day.month, day.day, hour, fold=1, tzinfo=zone)) == (True, [])
    past.add(day)
    now = datetime(day.year, day.month, day.day, 1, 30, fold=1, tzinfo=zone)
    assert ask(DATABASE, past, now) == (False, [])
    assert [slot.state for slot in past.slots(now)] == [DONE, DONE]


# --- Verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "next_slot"), [(DATABASE, "2026-11-24"), (SOURCE, "2026-11-30"), (CONFIGURATION, None)]
)
def test_what_is_in_review_waits_for_jaa_within_its_slot(ask, kind, next_slot):
    past = Past(kind, ("2026-01-05", "conforming"), ("2026-11-23", "review"))
    assert not ask(kind, past, "2026-11-23T23:00:00")[0]
    if next_slot:
        assert ask(kind, past, f"{next_slot}T00:00:00")[0]
    else:
        assert not ask(kind, past, "2027-11-23T00:00:00")[0]


@pytest.mark.parametrize(
    ("kind", "now"),
    [(DATABASE, "2026-11-27T12:00:00"), (SOURCE, "2026-12-09T00:00:00"), (CONFIGURATION, "2027-11-23T00:00:00")],
)
def test_the_slot_of_what_is_in_review_stays_open_until_jaa_decides(kind, now):
    past = Past(kind, ("2026-01-05", "conforming"), ("2026-11-23", "review"))
    (slot,) = [each for each in past.slots(at(now)) if each.first <= date(2026, 11, 23) and each.state == PENDING]
    assert slot.first <= date(2026, 11, 23) <= max(slot.last, date(2026, 11, 23))
    # Rejected, it was missed; accepted, it covers the day on which it was made.
    for conforms, state in ((False, MISSED), (True, LATE if kind == CONFIGURATION else DONE)):
        past.made[-1] = past.made[-1]._replace(waits=False, conforms=conforms)
        assert [each.state for each in past.slots(at(now)) if name(each) == name(slot)] == [state]


def test_an_early_extra_backup_in_review_does_not_hold_the_slot_that_comes(ask):
    past = Past(CONFIGURATION, ("2026-01-01", "conforming"), ("2026-02-10", "review"))
    assert ask(CONFIGURATION, past, "2026-03-02T00:00:00")[0]


@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
def test_what_is_nonconforming_is_tried_again_once_a_day(ask, kind):
    past = Past(kind, ("2026-01-05", "conforming"), ("2026-11-24", "nonconforming"))
    assert not ask(kind, past, "2026-11-24T23:59:59")[0]
    assert ask(kind, past, "2026-11-25T00:00:00")[0]


@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
def test_a_failure_is_tried_again_at_once(ask, kind):
    # An unreachable host an hour later may be reachable.
    assert ask(kind, Past(kind, ("2026-11-24", "failed")), "2026-11-24T03:00:00")[0]


# --- Wrong clocks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["conforming", "first", "review", "nonconforming"])
@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
@pytest.mark.parametrize("ahead", [1, 3, 8, 400])
def test_what_is_dated_in_the_future_never_suppresses_a_backup(ask, kind, result, ahead):
    # Faults 24: somebody's clock was wrong; today's backup is made all the same. 23 November is a Monday.
    past = Past(kind, (date(2026, 11, 23) + timedelta(days=ahead), result))
    assert ask(kind, past, "2026-11-23T12:00:00") == (True, [])
    # Nor does it cover, or hold open, what was expected and did not come.
    states = [slot.state for slot in past.slots(at("2026-11-23T12:00:00"), begins=date(2026, 9, 1))]
    assert states and DONE not in states and LATE not in states and MITIGATED not in states
    assert MISSED in states


def test_what_is_dated_in_the_future_hides_no_missed_slot(ask):
    past = Past(DATABASE, ("2026-11-20", "conforming"), ("2030-01-01", "conforming"))
    past.add("2026-11-23")
    assert ask(DATABASE, past, "2026-11-23T12:00:00") == (False, ["2026-11-21", "2026-11-22"])
    past = Past(CONFIGURATION, ("2026-01-01", "conforming"), ("2030-01-01", "failed"))
    assert ask(CONFIGURATION, past, "2026-03-20T12:00:00") == (True, ["2026-03-02"])


# --- Missed slots -----------------------------------------------------------------------------------------------------


def test_a_gap_is_found_although_the_first_run_after_it_failed(ask):
    # The controller was away for three weeks; when it came back the backup server was down. The gap is still recorded.
    past = Past(DATABASE, ("2026-11-01", "conforming"), ("2026-11-21", "failed"))
    missed = ask(DATABASE, past, "2026-11-22T06:00:00")[1]
    assert missed == [f"2026-11-{day:02d}" for day in range(2, 21)]


def test_a_silence_of_years_is_found_to_its_last_day(ask):
    past = Past(DATABASE, ("2023-01-01", "conforming"))
    missed = ask(DATABASE, past, "2026-11-22T06:00:00")[1]
    assert (len(missed), missed[0], missed[-1]) == (1420, "2023-01-02", "2026-11-21")
    past = Past(SOURCE, ("2023-01-01", "conforming"))
    missed = ask(SOURCE, past, "2026-11-22T06:00:00")[1]
    assert (len(missed), missed[0], missed[-1]) == (202, "2023-01-02", "2026-11-09")


@pytest.mark.parametrize("kind", [DATABASE, SOURCE, CONFIGURATION])
def test_missed_slots_are_found_once(ask, kind):
    past = Past(kind, ("2026-01-05", "conforming"))
    missed = ask(kind, past, "2026-06-01T12:00:00")[1]
    assert missed
    for slot in missed:
        past.record(slot)
    assert ask(kind, past, "2026-06-01T12:00:00") == (True, [])


# --- What becomes of a slot -------------------------------------------------------------------------------------------


def states(kind, *outcomes, now, begins="2026-11-15", ends=None, until=None):
    """The slots of one stretch by name, each with its state. An outcome is a day, a result, by hand or not."""
    past = Past(kind)
    for day, result, *by_hand in outcomes:
        past.add(day, result, by_hand=bool(by_hand))
    stretch = Stretch(KINDS[kind], date.fromisoformat(begins), date.fromisoformat(ends) if ends else None)
    found = slots([stretch], past.made, past.failed, at(now), until)
    assert all(slot.covered_on is None or slot.folio for slot in found)
    return {name(slot)[5:]: slot.state for slot in found}


def test_the_states_of_days():
    assert states(
        DATABASE,
        ("2026-11-16", "conforming"),
        ("2026-11-17", "failed"),
        ("2026-11-17", "conforming"),
        ("2026-11-18", "conforming"),
        ("2026-11-18", "failed"),
        ("2026-11-19", "nonconforming"),
        ("2026-11-21", "conforming", "by hand"),
        ("2026-11-22", "review"),
        now="2026-11-24T12:00:00",
    ) == {
        "11-16": DONE,
        # The failure is not dated before the backup: nothing had failed.
        "11-17": DONE,
        "11-18": DONE,
        "11-19": MITIGATED,
        "11-20": MITIGATED,
        "11-21": DONE,
        "11-22": PENDING,
        "11-23": MISSED,
        "11-24": PENDING,
    }


def test_covered_after_it_failed_is_late():
    past = Past(DATABASE, ("2026-11-16", "conforming"))
    past.add("2026-11-17", "failed", hour=2)
    past.add("2026-11-17", "conforming", hour=9)
    past.add("2026-11-18", "conforming", hour=9)
    past.add("2026-11-18", "failed", hour=10)
    found = past.slots(at("2026-11-18T12:00:00"))
    # The extra run that fails after its day was covered takes nothing back.
    assert [(slot.state, slot.folio) for slot in found] == [(DONE, "F0"), (LATE, "F1"), (DONE, "F2")]


def test_by_hand_on_the_day_on_which_the_calendar_went_on_makes_up_for_the_gap():
    # The night's automatic backup came first; somebody made one by hand in the morning all the same.
    past = Past(DATABASE, ("2026-11-16", "conforming"))
    past.add("2026-11-18", hour=2)
    past.add("2026-11-18", hour=9, by_hand=True)
    past.add("2026-11-20", hour=2)
    past.add("2026-11-21", hour=9, by_hand=True)
    found = past.slots(at("2026-11-21T12:00:00"))
    assert [(slot.first.day, slot.state, slot.folio) for slot in found] == [
        (16, DONE, "F0"),
        (17, MITIGATED, "F2"),
        (18, DONE, "F1"),
        (19, MISSED, ""),
        (20, DONE, "F3"),
        (21, DONE, "F4"),
    ]
    # That it was made up for does not unmake the failure.
    assert past.missed(at("2026-11-21T12:00:00")) == ["2026-11-17", "2026-11-19"]


@pytest.mark.parametrize("by_hand", [False, True])
def test_only_a_backup_by_hand_makes_up_for_the_gap_before_it(by_hand):
    hand = ("by hand",) if by_hand else ()
    found = states(
        SOURCE,
        ("2026-11-18", "conforming"),
        ("2026-12-16", "conforming", *hand),
        ("2027-01-06", "conforming", "by hand"),
        now="2027-01-10T12:00:00",
    )
    gap = MITIGATED if by_hand else MISSED
    assert found == {
        "11-16": DONE, "11-23": gap, "11-30": gap, "12-07": gap, "12-14": DONE, "12-21": MITIGATED,
        "12-28": MITIGATED, "01-04": DONE,
    }  # fmt: skip


def test_a_week_is_expected_once_it_is_whole():
    # Accepted on Wednesday, ended on Thursday: neither week is owed, and a backup in such a part is its own.
    owed = {"11-23": MISSED, "11-30": MISSED}
    assert states(SOURCE, now="2026-12-20T12:00:00", begins="2026-11-18", ends="2026-12-10") == owed
    made = [("2026-11-17", "conforming"), ("2026-11-20", "conforming"), ("2026-12-09", "conforming"),
            ("2026-12-11", "conforming")]  # fmt: skip
    assert states(SOURCE, *made[:1], now="2026-12-20T12:00:00", begins="2026-11-18", ends="2026-12-10") == owed
    assert states(SOURCE, *made[3:], now="2026-12-20T12:00:00", begins="2026-11-18", ends="2026-12-10") == owed
    assert states(SOURCE, *made, now="2026-12-20T12:00:00", begins="2026-11-18", ends="2026-12-10") == {
        "11-16": DONE,
        **owed,
        "12-07": DONE,
    }


@pytest.mark.parametrize("kind", [DATABASE, SOURCE])
def test_what_failed_before_it_was_accepted_makes_nothing_late(kind):
    # Refused in the morning, accepted at noon, backed up at night: the slot was not owed yet.
    past = Past(kind)
    past.add("2026-11-18", "failed", hour=2)
    past.add("2026-11-18", "conforming", hour=20)
    assert [slot.state for slot in past.slots(at("2026-11-18T23:00:00"), begins=date(2026, 11, 18))] == [DONE]


def test_sixty_days_after_sixty_days():
    found = states(
        CONFIGURATION,
        ("2026-01-02", "conforming"),
        ("2026-02-01", "conforming"),
        ("2026-04-02", "conforming"),
        ("2026-06-02", "conforming", "by hand"),
        now="2026-09-01T12:00:00",
        begins="2026-01-01",
        until=date(2026, 12, 31),
    )
    assert found == {
        "01-02": DONE,
        "03-03": DONE,  # A month early.
        "04-02": DONE,  # On its last day.
        "06-01": LATE,  # A day after it.
        "08-01": MISSED,
        "10-31": PENDING,  # As if it were made today.
        "12-30": PENDING,
    }


@pytest.mark.parametrize("earlier", [[], ["2026-07-01"], ["2026-11-10"]])
def test_what_is_accepted_today_has_the_whole_of_tomorrow(earlier):
    # Also where the item was backed up long ago, by another request: tonight is the first night.
    past = Past(CONFIGURATION, *((day, "conforming") for day in earlier))
    (slot,) = past.slots(at("2026-11-23T23:59:59"), begins=date(2026, 11, 22))
    assert slot.state == PENDING
    last = date(2027, 1, 9) if earlier == ["2026-11-10"] else date(2026, 11, 23)
    assert slot.last == last
    if last.year == 2026:
        (slot,) = past.slots(at("2026-11-24T00:00:00"), begins=date(2026, 11, 22))
        assert slot.state == MISSED


def test_a_cycle_that_goes_on_under_another_request_has_no_day_more():
    # Configuration becomes documents on day 60: it was due on that day before, and is now.
    past = Past(CONFIGURATION, ("2026-01-01", "conforming"))
    stretches = [
        Stretch(KINDS[CONFIGURATION], date(2026, 1, 1), date(2026, 3, 1)),
        Stretch(KINDS[DOCUMENTS], date(2026, 3, 2)),
    ]
    found = slots(stretches, past.made, past.failed, at("2026-03-03T00:00:00"))
    assert [(name(slot), slot.state) for slot in found] == [("2026-01-02", DONE), ("2026-03-02", MISSED)]


def test_a_frequency_that_changes_goes_on_without_a_night_between():
    # Daily until Sunday, weekly from Monday, every sixty days from the Monday after.
    stretches = [
        Stretch(KINDS[DATABASE], date(2026, 11, 19), date(2026, 11, 22)),
        Stretch(KINDS[SOURCE], date(2026, 11, 23), date(2026, 11, 29)),
        Stretch(KINDS[CONFIGURATION], date(2026, 11, 30)),
    ]
    past = Past(DATABASE, ("2026-11-21", "conforming"), ("2026-11-25", "conforming"))
    found = slots(stretches, past.made, past.failed, at("2026-12-01T12:00:00"))
    assert [(slot.kind.key, name(slot), slot.state) for slot in found] == [
        (DATABASE, "2026-11-20", MISSED),
        (DATABASE, "2026-11-21", DONE),
        (DATABASE, "2026-11-22", MISSED),
        (SOURCE, "2026-11-23", DONE),
        # Sixty days from the last one, which was still a weekly one.
        (CONFIGURATION, "2027-01-24", PENDING),
    ]
    # After a pause the first day is not owed; without one it is.
    later = Stretch(KINDS[DATABASE], date(2026, 11, 21))
    for ended, owed in ((20, ["2026-11-21", "2026-11-22"]), (19, ["2026-11-22"])):
        earlier = Stretch(KINDS[CONFIGURATION], date(2026, 9, 1), date(2026, 11, ended))
        found = slots([earlier, later], [], [], at("2026-11-22T12:00:00"))
        assert [name(slot) for slot in found if slot.kind.key == DATABASE] == owed


def test_a_cycle_that_ended_is_not_held_open_by_what_waits_later():
    # The documents' sixty days ran out in March, and in August they became a weekly item, now in review.
    stretches = [
        Stretch(KINDS[DOCUMENTS], date(2026, 1, 1), date(2026, 7, 31)),
        Stretch(KINDS[SOURCE], date(2026, 8, 3)),
    ]
    past = Past(DOCUMENTS, ("2026-01-01", "conforming"), ("2026-08-04", "review"))
    found = slots(stretches, past.made, past.failed, at("2026-08-05T12:00:00"))
    assert [(name(slot), slot.state) for slot in found] == [
        ("2026-01-02", DONE),
        ("2026-03-02", MISSED),
    ]


def test_weeks_have_names_and_names_are_weeks():
    for first, week in (("2026-12-28", "2026-W53"), ("2024-12-30", "2025-W01"), ("2027-01-04", "2027-W01")):
        monday = date.fromisoformat(first)
        assert week_days(week) == (monday, monday + 6 * DAY)
        assert {iso_week(monday + number * DAY) for number in range(7)} == {week}
    # The last ones are weeks by any other name, under which nobody ever closed one.
    for wrong in (
        *("2027-W53", "2026-W00", "2026-W54", "2026", "2026-W", "x-W01", "", "0000-W01"),
        *("2026-W7", "2026-W047", "2026-W 7", "2026-W+7", "٢٠٢٦-W47"),
    ):
        with pytest.raises(ValueError):
            week_days(wrong)


@pytest.mark.parametrize(
    ("day", "after"),
    [("2026-11-19", "2026-11-20"), ("2026-11-20", "2026-11-23"), ("2026-11-21", "2026-11-23"),
     ("2026-11-22", "2026-11-23"), ("2026-12-31", "2027-01-01")],
)  # fmt: skip
def test_the_working_day_after(day, after):
    assert working_day_after(date.fromisoformat(day)) == date.fromisoformat(after)


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
def test_each_slot_is_due_until_covered_and_none_is_lost(kind, zone, first, runs, step):
    # Generated years of cron: runs that do not come, fail, or find the backup server away («cut off»).
    information_type, frequency = KINDS[kind], KINDS[kind].schedule
    past, missed, covered, outcomes = Past(kind, zone=ZoneInfo(zone)), [], [], {}
    now = datetime.combine(first, time(), past.zone)
    runs = [run if run[2] != "cut off" or n < 12 else (*run[:2], "off") for n, run in enumerate(runs)]
    for wait, hour, happens in runs:
        now = (now + timedelta(hours=wait * step)).replace(hour=hour)
        today = now.date()
        if happens == "off" or not due(information_type, past.history, now).now:
            continue
        assert today not in [day for day, result in outcomes.items() if result in ("conforming", "nonconforming")]
        if happens != "cut off":
            found = past.missed(now)
            assert found == sorted(found)
            missed += found
            for slot in found:
                past.record(slot)
        past.add(today, "failed" if happens == "cut off" else happens, now.hour)
        outcomes[today] = happens
        if happens == "conforming":
            if is_elapsed(information_type):
                assert not covered or (today - covered[-1]).days >= frequency.days
            else:
                assert slot_of(frequency, today) not in covered
            covered.append(slot_of(frequency, today))
    missed += past.missed(now)
    assert len(set(missed)) == len(missed), "a missed slot was found twice"
    if is_elapsed(information_type) or not outcomes:
        return
    tried = {slot_of(frequency, day).isoformat() for day in outcomes}
    assert not tried & set(missed), "a slot with an outcome was called missed"
    slot = slot_of(frequency, min(outcomes))
    length = timedelta(days=7 if frequency.unit == "week" else 1)
    while datetime.combine(slot + length, information_type.missed_at, past.zone) <= now:
        assert slot.isoformat() in {*tried, *missed}, f"nobody knows what became of {slot}"
        slot += length


# --- Any stretches, any backups, any failures -------------------------------------------------------------------------


class Story(NamedTuple):
    """What is expected of an item, and what happened to it until ``now``."""

    stretches: list[Stretch]
    made: list[Made]
    failed: list[datetime]
    now: datetime

    def slots(self, until=None, **changes):
        """Its slots, or those of another past, or at another moment."""
        return slots(*self._replace(**changes), until)

    def moment(self, day, hour):
        return datetime.combine(day, time(hour), self.now.tzinfo)


LENGTHS = {DATABASE: 20, SOURCE: 60, CONFIGURATION: 200, DOCUMENTS: 200}
VERDICTS = ["conforming"] * 4 + ["review", "nonconforming", "rejected"]


def made_at(moment, number, verdict="conforming", by_hand=False):
    return Made(moment.date(), moment, f"F{number}", verdict == "conforming", verdict == "review", by_hand)


@st.composite
def stories(draw):
    """One to three stretches, with pauses between them or none; backups and failures before, in and after them.

    Made from a seed: what is drawn choice by choice has, in so few examples, hardly ever a backup in its slot.
    """
    random = draw(st.randoms(use_true_random=True))
    zone = ZoneInfo(random.choice(ZONES))
    begins = first = date(2026, 1, 1) + random.randrange(800) * DAY
    stretches = []
    for kind in random.choices(list(LENGTHS), k=random.randint(1, 3)):
        if stretches:
            # Neighbours of one kind are one stretch.
            pause = random.choice([0, 0, 1, 4])
            first = stretches[-1].ends + DAY + max(pause, stretches[-1].kind.key == kind) * DAY
        stretches.append(Stretch(KINDS[kind], first, first + random.randint(0, LENGTHS[kind]) * DAY))
    ends = stretches[-1].ends
    if random.random() < 0.5:
        stretches[-1] = stretches[-1]._replace(ends=None)
    last = random.choice([ends, ends + 70 * DAY, begins + random.randint(-1, (ends - begins).days) * DAY])
    now = datetime.combine(last, time(random.randint(0, 23)), zone)

    def moment():
        stretch = random.choice(stretches)
        day = stretch.begins + random.randint(0, LENGTHS[stretch.kind.key]) * DAY
        return datetime.combine(day - random.choice([0, 0, 0, 1, 61]) * DAY, time(random.randint(0, 23)), zone)

    moments = [each for each in {moment() for attempt in range(random.randint(0, 20))} if each.date() <= now.date()]
    made = [
        made_at(each, number, random.choice(VERDICTS), random.random() < 0.4)
        for number, each in enumerate(sorted(moments, key=lambda each: each.replace(tzinfo=None)))
    ]
    random.shuffle(made)
    return Story(stretches, made, [moment() for attempt in range(random.randint(0, 12))], now)


# A story costs next to nothing.
many = settings(max_examples=3 * settings().max_examples)


def owed(story):
    """The days, and the first days of the weeks, that are owed up to today, stretch by stretch: each exactly once."""
    before = None
    for stretch in story.stretches:
        ends = min(stretch.ends or date.max, story.now.date())
        length = {"day": 1, "week": 7}.get(stretch.kind.schedule.unit)
        day = stretch.begins
        while length and day <= ends:
            is_first = day == stretch.begins and before != stretch.begins - DAY
            whole = stretch.ends is None or day + (length - 1) * DAY <= stretch.ends
            if slot_of(stretch.kind.schedule, day) == day and not is_first and whole:
                yield stretch, day
            day += DAY
        before = stretch.ends


def stretch_of(story, slot):
    """Whose slot it is: of the stretch of its kind in which it was covered, or in which all of it lies."""
    where = [slot.covered_on] if slot.state in (DONE, LATE) else [slot.first, slot.last]
    (found,) = [
        each
        for each in story.stretches
        if each.kind is slot.kind and all(each.begins <= day <= (each.ends or date.max) for day in where)
    ]
    return found


def own_days(story, slot):
    """The first and the last day of the part of a slot that is in its stretch and no other's."""
    stretch = stretch_of(story, slot)
    last = slot.covered_on if is_elapsed(slot.kind) and slot.covered_on else slot.last
    return max(slot.first, stretch.begins), min(last, stretch.ends or date.max)


@many
@given(stories())
def test_each_expected_slot_is_there_once_and_has_one_state(story):
    found = story.slots()
    fixed = [slot for slot in found if not is_elapsed(slot.kind)]
    for stretch, day in owed(story):
        (slot,) = [each for each in fixed if each.first == day and stretch_of(story, each) == stretch]
        assert slot.last == day + (6 * DAY if stretch.kind.schedule.unit == "week" else 0 * DAY)
    # What is there besides lies in a part of a slot in which a stretch begins or ends, and was backed up all the same.
    expected = list(owed(story))
    besides = [each for each in fixed if (stretch_of(story, each), each.first) not in expected]
    assert {each.state for each in besides} <= {DONE}
    assert {each.state for each in found} <= {DONE, LATE, MISSED, MITIGATED, PENDING}
    folios = {each.folio: each for each in story.made}
    for slot in found:
        assert bool(slot.folio) == (slot.state in (DONE, LATE, MITIGATED)) == bool(slot.covered_on)
        assert not slot.folio or (folios[slot.folio].conforms and folios[slot.folio].day == slot.covered_on)


@many
@given(stories())
def test_slots_follow_one_another_and_never_overlap(story):
    found = story.slots(until=story.now.date() + timedelta(days=130))
    days = [own_days(story, slot) for slot in found]
    assert all(first <= last for first, last in days)
    assert all(before[1] < after[0] for before, after in zip(days, days[1:]))


@many
@given(stories())
def test_what_is_due_every_sixty_days_is_a_chain(story):
    # Each conforming backup ends one slot and begins the next; only the last may be open.
    for stretch in story.stretches:
        if not is_elapsed(stretch.kind):
            continue
        chain = [slot for slot in story.slots() if slot.kind is stretch.kind and stretch_of(story, slot) == stretch]
        ends = stretch.ends or date.max
        days = sorted({each.day for each in story.made if each.conforms and stretch.begins <= each.day <= ends})
        assert [slot.covered_on for slot in chain if slot.covered_on] == days
        assert all(slot.covered_on for slot in chain[:-1])
        for slot, cover in zip(chain[1:], days):
            assert (slot.first, slot.last) == (cover + DAY, cover + stretch.kind.schedule.days * DAY)
        assert [slot.state == LATE for slot in chain] == [(slot.covered_on or slot.first) > slot.last for slot in chain]
        if chain and chain[-1].state == MISSED:
            assert story.now.date() > chain[-1].last


@many
@given(stories(), st.randoms(use_true_random=False))
def test_the_order_in_which_backups_are_told_changes_nothing(story, random):
    made, failed = random.sample(story.made, len(story.made)), random.sample(story.failed, len(story.failed))
    assert story.slots(made=made, failed=failed) == story.slots()
    wrong = unrecorded(story.slots(), story.failed, story.now)
    assert unrecorded(story.slots(), failed, story.now) == wrong


RANK = {MISSED: 0, MITIGATED: 1, PENDING: 2, LATE: 3, DONE: 4}


def known_as(story, slot):
    """By what a slot is found again when more is known: of a chain the day that ended it, or that it is open."""
    stretch = story.stretches.index(stretch_of(story, slot))
    return stretch, (slot.covered_on if is_elapsed(slot.kind) else slot.first)


def by_name(story, found):
    named = {known_as(story, slot): slot for slot in found}
    assert len(named) == len(found)
    return named


@many
@given(stories(), st.integers(0, 300), st.integers(0, 23), st.booleans())
def test_one_more_conforming_backup_makes_no_slot_worse(story, back, hour, by_hand):
    moment = story.moment(story.now.date() - back * DAY, hour)
    assume(moment not in [each.moment for each in story.made])
    extra = made_at(moment, "X", by_hand=by_hand)
    more = story._replace(made=[*story.made, extra])
    before, after = by_name(story, story.slots()), by_name(story, more.slots())
    is_newest = all(each.moment < moment for each in story.made)
    for key, slot in before.items():
        # An open slot of a chain may be the one that it ends: what is open then is another one.
        ends_it = is_elapsed(slot.kind) and not slot.folio and slot.first <= moment.date()
        now = (after.get((key[0], moment.date())) if ends_it else None) or after.get(key)
        if now is None:
            assert is_elapsed(slot.kind) and not slot.folio, "a slot went"
        elif slot.state == DONE:
            assert now.state == DONE
        elif slot.state == MITIGATED and not by_hand and not is_newest:
            # It came between the gap and the backup by hand, which then was not the next one.
            assert now.state in (MITIGATED, MISSED, LATE, DONE)
        else:
            assert RANK[now.state] >= RANK[slot.state]
    covering = [slot for slot in after.values() if slot.first <= moment.date() <= own_days(more, slot)[1]]
    assert all(slot.state in (DONE, LATE) for slot in covering)


@many
@given(stories(), st.integers(0, 200), st.integers(0, 23))
def test_time_alone_covers_nothing_and_makes_up_for_nothing(story, days, hour):
    later = story.moment(story.now.date() + days * DAY, hour)
    assume(later >= story.now)
    before, after = by_name(story, story.slots()), by_name(story, story.slots(now=later))
    assert before.keys() <= after.keys()
    for key, slot in before.items():
        allowed = (PENDING, MISSED, MITIGATED) if slot.state == PENDING else (slot.state,)
        assert after[key].state in allowed
        assert after[key][:3] == slot[:3]


@many
@given(stories())
def test_a_backup_by_hand_makes_up_only_for_the_gap_right_before_it(story):
    good = sorted((each for each in story.made if each.conforms), key=lambda each: each.moment)
    for slot in story.slots():
        if is_elapsed(slot.kind):
            assert slot.state != MITIGATED
            continue
        # All of the first day, or week, after it in which there is any; whatever comes later is of another gap.
        days = [slot_of(slot.kind.schedule, each.day) for each in good if each.day > slot.last]
        next_ones = [each for each in good if days and slot_of(slot.kind.schedule, each.day) == days[0]]
        by_hand = [each.folio for each in next_ones if each.is_manual]
        if slot.state == MITIGATED:
            assert slot.folio == by_hand[0]
        if slot.state == MISSED:
            assert not by_hand


@many
@given(stories())
def test_no_slot_is_called_missed_before_its_hour_or_while_jaa_decides(story):
    for slot in story.slots(until=story.now.date() + timedelta(days=130)):
        deadline = datetime.combine(slot.last + DAY, slot.kind.missed_at, story.now.tzinfo)
        waits = any(each.waits and slot.first <= each.day <= own_days(story, slot)[1] for each in story.made)
        if slot.state in (MISSED, MITIGATED):
            assert story.now >= deadline and not waits
        if slot.state == PENDING and not waits and not is_elapsed(slot.kind):
            assert story.now < deadline


@many
@given(stories())
def test_what_is_due_and_what_became_of_the_slots_agree(story):
    today, history = story.now.date(), History()
    for each in sorted(story.made, key=lambda each: each.moment):
        verdict = "conforming" if each.conforms else "review" if each.waits else "nonconforming"
        history.add(backup_record(DATABASE, each.day, verdict, folio=each.folio))
    now = next((each for each in story.stretches if each.begins <= today <= (each.ends or date.max)), None)
    assume(now is not None)
    answer = due(now.kind, history, story.now)
    tried_today = any(each.day == today and not each.conforms for each in story.made)
    mine = [slot for slot in story.slots() if slot.kind is now.kind and stretch_of(story, slot) == now]
    if is_elapsed(now.kind):
        last = max((each.day for each in story.made if each.conforms), default=None)
        is_open = [slot for slot in mine if not slot.folio and slot.last <= today]
        is_covered = last is not None and (today - last).days < now.kind.schedule.days
        waits = any(each.waits and (last is None or each.day >= last) for each in story.made)
    else:
        frequency = now.kind.schedule
        here = [each for each in story.made if slot_of(frequency, each.day) == slot_of(frequency, today)]
        is_open = [slot for slot in mine if slot.first <= today <= slot.last and not slot.folio]
        is_covered = any(each.conforms for each in here)
        waits = any(each.waits for each in here)
        for slot in mine:
            assert slot.last < today or (slot.state in (DONE, LATE)) <= is_covered
    if answer.now:
        assert not is_covered
    elif answer.reason == COVERED:
        assert is_covered and not is_open
    else:
        assert waits or tried_today
    if is_open:
        assert answer.now or waits or tried_today


@many
@given(stories())
@example(Story([Stretch(KINDS[CONFIGURATION], date(2026, 1, 1))], [], [at("2030-01-01")], at("2026-03-20")))
def test_what_went_wrong_is_recorded_once(story):
    found = story.slots()
    wrong = [slot for slot in found if slot.state in (MISSED, MITIGATED, LATE)]
    days = [moment.date() for moment in story.failed if moment.date() <= story.now.date()]
    asked = unrecorded(found, story.failed, story.now)
    assert all(slot in wrong for slot in asked)
    assert len({name(slot) for slot in asked}) == len(asked)
    for slot in wrong:
        first = slot.last if is_elapsed(slot.kind) else slot.first
        last = (slot.covered_on or story.now.date()) if is_elapsed(slot.kind) else slot.last
        assert (slot in asked) == (not any(first <= day <= last for day in days))
    written = [*story.failed, *(at(f"{name(slot)}T00:00:00", story.now.tzinfo) for slot in asked)]
    again = story.slots(failed=written)
    assert unrecorded(again, written, story.now) == []
    # To write down what went wrong makes nothing better or worse.
    assert again == found


@many
@given(stories(), st.integers(1, 200))
def test_what_is_to_come_is_open_and_falls_due_in_time(story, ahead):
    until = story.now.date() + timedelta(days=ahead)
    now, later = story.slots(), story.slots(until=until)
    assert later[: len(now)] == now
    assert {slot.state for slot in later[len(now) :]} <= {PENDING}
    for slot, after in zip(later, later[1:]):
        one_chain = is_elapsed(after.kind) and stretch_of(story, slot) == stretch_of(story, after)
        if one_chain and not slot.folio:
            assert (after.last - max(slot.last, story.now.date())).days == after.kind.schedule.days
    assert calendar.slots(story.stretches, story.made, story.failed, story.now, story.now.date()) == now


@given(
    kind=st.sampled_from(sorted(KINDS)).map(KINDS.__getitem__),
    begins=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    days=st.none() | st.integers(0, 200),
)
def test_an_item_is_overdue_from_the_very_moment_at_which_a_slot_of_it_is_missed(kind, begins, days):
    last = None if days is None else begins + days * DAY
    made = [Made(last, at(f"{last} 02:00"), "", True)] if last else []
    moment = overdue_at(kind, last, begins, at("2026-01-01"))

    def missed(now):
        # Those after it: what was missed before the last backup is another matter.
        found = slots([Stretch(kind, begins)], made, [], now)
        return [slot for slot in found if slot.state == MISSED and (last is None or slot.first > last)]

    assert missed(moment - timedelta(seconds=1)) == []
    assert len(missed(moment)) == 1
