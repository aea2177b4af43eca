# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import slot_of
from ansible_collections.dse.backup.plugins.plugin_utils.failures import (
    Failure,
    Trial,
    closing,
    evidence,
    repeated,
)
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Repetition, load
from ansible_collections.dse.backup.tests.unit.factories import failure_record
from hypothesis import given
from hypothesis import strategies as st

SOURCE, DATABASE, CONFIGURATION = "source_code", "database", "server_configuration"
KINDS = load().information_types
ZONE = timezone(timedelta(hours=-6))
WEDNESDAY = "2026-11-18"


def backup(day, hour=3, result="conforming", mode="automatic", **changes):
    moment = datetime.fromisoformat(f"{day}T{hour:02d}:00:00").replace(tzinfo=ZONE)
    return Backup(
        **{
            "folio": f"DSE-03-{day}-{hour}",
            "item_id": "escolares",
            "server": "srv-db01",
            "information_type": DATABASE,
            "file_name": "ab" * 32,
            "backup_date": str(day),
            "started_at": moment.isoformat(),
            "finished_at": (moment + timedelta(minutes=5)).isoformat(),
            "size_bytes": 1000,
            "verification_result": result,
            "execution_mode": mode,
            **changes,
        }
    )


def failure(day=WEDNESDAY, hour=2, **changes):
    told = {"folio": "DSE-05-2026-0007", "recorded_at": f"{day}T12:00:00-06:00", "item_id": "escolares"}
    return Failure(**{**told, "scheduled_for": f"{day}T{hour:02d}:00:00-06:00", **changes})


def trial(day, kind="drill", backup_folio="DSE-03-2026-0001", folio="DSE-05-2026-0900", hour=10):
    return Trial(kind, backup_folio, datetime.fromisoformat(f"{day}T{hour:02d}:00:00-06:00"), folio)


def by(failed, *backups, kind=DATABASE, trials=()):
    """The folios that close a failure; None: it stays open."""
    found = evidence(failed, backups=backups, trials=trials, kind=KINDS.get(kind))
    return found and found.folios


# --- By a backup ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["backup", "verification"])
@pytest.mark.parametrize(
    ("covering", "closes"),
    [
        ((WEDNESDAY, 3), True),
        ((WEDNESDAY, 2), True),  # Begun at the very moment for which it was planned.
        ((WEDNESDAY, 1), False),  # What was there before it failed says nothing about what failed.
        (("2026-11-17", 23), False),
        (("2026-11-19", 2), False),  # The next night does not make up for the night before.
        (("2026-11-19", 2, "conforming", "manual"), True),
        (("2026-12-24", 2, "conforming", "manual"), True),
        ((WEDNESDAY, 3, "first"), True),
        ((WEDNESDAY, 3, "review"), False),
        ((WEDNESDAY, 3, "nonconforming"), False),
        (("2026-11-19", 3, "nonconforming", "manual"), False),
    ],
)
def test_a_database_of_a_day_is_covered_on_that_day_or_by_hand_right_after(stage, covering, closes):
    made = backup(*covering)
    assert by(failure(failure_stage=stage), made) == ([made.folio] if closes else None)


def test_by_hand_only_as_the_next_one():
    automatic, by_hand = backup("2026-11-19"), backup("2026-11-20", mode="manual")
    assert by(failure(), automatic, by_hand) is None
    # What cannot be read, or was not right, is no next one.
    for wrong in ({"is_damaged": True}, {"verification_result": "nonconforming"}, {"verification_result": "review"}):
        assert by(failure(), backup("2026-11-19", **wrong), by_hand) == [by_hand.folio]
    assert by(failure(), backup("2026-11-19", mode="manual"), by_hand) == ["DSE-03-2026-11-19-3"]


def test_by_hand_later_on_the_day_on_which_the_calendar_went_on():
    # The night's automatic backup came first; somebody made one by hand in the morning all the same.
    automatic, by_hand = backup("2026-11-19", 2), backup("2026-11-19", 9, mode="manual")
    assert by(failure(), automatic, by_hand) == [by_hand.folio]
    assert by(failure(), automatic, backup("2026-11-20", 9, mode="manual")) is None


def test_what_jaa_accepted_counts_and_what_is_damaged_does_not():
    assert by(failure(), backup(WEDNESDAY, result="review", decision="accepted")) is not None
    assert by(failure(), backup(WEDNESDAY, result="review", decision="rejected")) is None
    assert by(failure(), backup(WEDNESDAY, is_damaged=True)) is None
    assert by(failure(), backup(WEDNESDAY, is_damaged=True), backup(WEDNESDAY, 9)) == ["DSE-03-2026-11-18-9"]


@pytest.mark.parametrize(
    ("day", "mode", "closes"),
    [("2026-11-22", "automatic", True), ("2026-11-16", "automatic", False), ("2026-11-23", "automatic", False),
     ("2026-11-23", "manual", True)],
)  # fmt: skip
def test_source_code_is_covered_in_its_iso_week(day, mode, closes):
    assert (by(failure(), backup(day, mode=mode), kind=SOURCE) is not None) == closes


def test_a_week_that_lies_in_two_years_is_one():
    assert by(failure("2026-12-30"), backup("2027-01-03"), kind=SOURCE) is not None
    assert by(failure("2026-12-30"), backup("2027-01-04"), kind=SOURCE) is None


def test_what_is_due_every_sixty_days_is_covered_by_the_next_one_whenever():
    late = backup("2027-06-01")
    assert by(failure(), late, backup("2027-07-01"), kind=CONFIGURATION) == [late.folio]
    assert by(failure(), backup("2026-11-17"), kind=CONFIGURATION) is None


def test_of_what_has_no_known_kind_no_backup_tells_anything():
    # A refused element of the inventory may say anything of itself.
    assert by(failure(), backup(WEDNESDAY), backup("2026-11-19", mode="manual"), kind="video") is None


def test_the_day_is_the_local_one():
    # 23:30 in Mexico is the next day in UTC.
    failed = failure(hour=22)
    assert by(failed, backup(WEDNESDAY, 23)) is not None
    moment = datetime(2026, 11, 19, 5, 30, tzinfo=timezone.utc)
    assert by(failed, backup(WEDNESDAY, 23, started_at=moment.isoformat())) is not None
    assert by(failed, backup("2026-11-19", 0)) is None


# --- By a trial -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["jaa_copy", "loan"])
def test_that_a_copy_can_be_read_is_shown_by_that_copy_alone(stage):
    failed = failure(failure_stage=stage, backup_folio="DSE-03-2026-0001")
    assert by(failed, trials=[trial("2026-11-19", backup_folio="DSE-03-2026-0002")]) is None
    assert by(failed, trials=[trial("2026-11-19")]) == ["DSE-05-2026-0900", "DSE-03-2026-0001"]
    # A new backup is another copy.
    assert by(failed, backup(WEDNESDAY), backup("2026-11-19", mode="manual")) is None


def test_that_csc_has_a_backup_is_shown_by_its_delivery_alone():
    """Breaks: a drill with JAA's copy, or another backup's delivery, passes for the delivery that failed."""
    failed = failure(failure_stage="csc_delivery", backup_folio="DSE-03-2026-0001")
    other = trial("2026-11-19", "delivery", "DSE-03-2026-0002", "CSC-02-2026-0001")
    assert by(failed, backup(WEDNESDAY), trials=[trial("2026-11-19"), other]) is None
    own = trial("2026-11-20", "delivery", "DSE-03-2026-0001", "CSC-02-2026-0002")
    assert by(failed, trials=[other, own]) == ["CSC-02-2026-0002", "DSE-03-2026-0001"]
    for stage in ("restore", "jaa_copy"):
        assert by(failure(failure_stage=stage, backup_folio="DSE-03-2026-0001"), trials=[own]) is None


def test_that_csc_s_copy_was_read_says_nothing_of_jaa_s():
    """Breaks: a recovery on loan closes the damage that made the loan necessary."""
    on_loan = trial("2026-11-19", "loan")
    assert by(failure(failure_stage="jaa_copy", backup_folio="DSE-03-2026-0001"), trials=[on_loan]) is None
    for stage in ("restore", "loan"):
        failed = failure(failure_stage=stage, backup_folio="DSE-03-2026-0001")
        assert by(failed, trials=[on_loan]) == ["DSE-05-2026-0900", "DSE-03-2026-0001"]


def test_a_repair_closes_the_damage_of_what_it_brought_back_and_of_nothing_else():
    mended = trial("2026-11-19", "repair", folio="")
    assert by(failure(failure_stage="jaa_copy", backup_folio="DSE-03-2026-0001"), trials=[mended]) == [
        "DSE-03-2026-0001"
    ]
    assert by(failure(failure_stage="jaa_copy", backup_folio="DSE-03-2026-0002"), trials=[mended]) is None
    assert by(failure(failure_stage="csc_delivery", backup_folio="DSE-03-2026-0001"), trials=[mended]) is None


def test_that_nothing_could_be_delivered_is_settled_by_the_servers_next_whole_delivery():
    failed = failure(failure_stage="csc_delivery", item_id="srv-db01")
    assert by(failed, trials=[trial("2026-11-20", "delivery", "", "CSC-02-2026-0002")]) == ["CSC-02-2026-0002"]


def test_that_something_can_be_restored_is_shown_by_any_of_its_copies():
    failed = failure(failure_stage="restore", backup_folio="DSE-03-2026-0001")
    assert by(failed, trials=[trial("2026-11-19", "recovery", "DSE-03-2026-0002", "")]) == ["DSE-03-2026-0002"]
    assert by(failed, backup(WEDNESDAY), backup("2026-11-19", mode="manual")) is None


@pytest.mark.parametrize("stage", ["restore", "jaa_copy"])
def test_an_earlier_trial_shows_nothing(stage):
    failed = failure(failure_stage=stage, backup_folio="DSE-03-2026-0001", hour=10)
    assert by(failed, trials=[trial("2026-11-17"), trial(WEDNESDAY, hour=10)]) is None
    assert by(failed, trials=[trial("2026-11-20", folio="B"), trial("2026-11-19", folio="A")]) == [
        "A",
        "DSE-03-2026-0001",
    ]


@pytest.mark.parametrize("stage", ["backup", "verification"])
def test_a_trial_makes_up_for_no_backup(stage):
    assert by(failure(failure_stage=stage), trials=[trial("2026-11-19")]) is None


# --- The record -------------------------------------------------------------------------------------------------------


def test_a_closing_says_what_by(procedure):
    failed = Failure.of({**failure_record(WEDNESDAY), "folio": "DSE-05-2026-0007", "recorded_at": "x", "run_id": "R0"})
    assert (failed.item_id, failed.failure_stage, failed.failure_type) == ("portal-src", "backup", "error")
    made = backup("2026-11-19", 9, mode="manual", result="review", decision="accepted")
    record = closing(failed, evidence(failed, backups=[made], trials=[], kind=KINDS[DATABASE]), "R1")
    assert procedure.check_record({"form_code": None, **record}) == []
    assert record == {
        "record_type": "closing",
        "about_folio": "DSE-05-2026-0007",
        "item_id": "portal-src",
        "server": "srv-web01",
        "run_id": "R1",
        "evidence": "backup",
        "related_folios": [made.folio],
        "remarks": f"respaldo aceptado por JAA hecho a mano {made.folio} del 2026-11-19 09:00",
        "manual_run_file": made.file_name,
        "resolved_at": "2026-11-19T09:05:00-06:00",
    }
    made = backup(WEDNESDAY, 9)
    record = closing(failed, evidence(failed, backups=[made], trials=[], kind=KINDS[DATABASE]), "R1")
    assert (record["remarks"], record["manual_run_file"]) == (
        f"respaldo conforme {made.folio} del 2026-11-18 09:00",
        None,
    )
    failed = failure(failure_stage="restore")
    record = closing(failed, evidence(failed, backups=[], trials=[trial("2026-11-19", "recovery")], kind=None), "R1")
    assert (record["evidence"], record["resolved_at"]) == ("recovery", "2026-11-19T10:00:00-06:00")
    assert record["remarks"] == "recuperación lograda con DSE-03-2026-0001, 2026-11-19 10:00"


# --- Any history ------------------------------------------------------------------------------------------------------

FIRST = date(2026, 12, 20)  # Ten days before a week 53 that lies in two years.
DAYS = st.integers(0, 24).map(lambda number: FIRST + timedelta(days=number))
BACKUPS = st.lists(
    st.builds(
        backup,
        DAYS,
        st.integers(0, 23),
        st.sampled_from(["conforming", "conforming", "first", "review", "nonconforming"]),
        st.sampled_from(["automatic", "automatic", "manual"]),
        decision=st.sampled_from([None, None, "accepted", "rejected"]),
        is_damaged=st.sampled_from([False, False, False, True]),
        removed_on=st.sampled_from([None, "2027-01-01"]),
    ),
    max_size=8,
    unique_by=lambda each: each.started_at,
)
COPIES = st.sampled_from(["DSE-03-2026-0001", "DSE-03-2026-0002"])
TRIALS = st.lists(
    st.builds(trial, DAYS, st.sampled_from(["drill", "recovery", "delivery"]), COPIES, hour=st.integers(0, 23)),
    max_size=4,
    unique_by=lambda each: each.moment,
)
FAILURES = st.builds(
    lambda day, hour, stage, copy: failure(day, hour, failure_stage=stage, backup_folio=copy),
    DAYS,
    st.integers(0, 23),
    st.sampled_from(["backup", "backup", "verification", "jaa_copy", "csc_delivery", "loan", "restore"]),
    COPIES,
)
ANY_KIND = st.sampled_from([SOURCE, DATABASE, CONFIGURATION])


def fits(failed, made, backups, kind):
    """Whether a backup may close a failure: all that the rule asks, in other words than the code's."""
    schedule = KINDS[kind].schedule
    is_right = made.decision == "accepted" or made.verification_result in ("conforming", "first")
    if not is_right or made.is_damaged or made.moment < failed.moment:
        return False
    earlier = [
        each for each in backups if failed.moment <= each.moment < made.moment and each.conforms and not each.is_damaged
    ]
    if schedule.unit == "elapsed_days":
        return not earlier
    mine, its = (slot_of(schedule, moment.date()) for moment in (failed.moment, made.moment))
    if mine == its:
        return not earlier
    # By hand, and nothing that is right lies in any slot between the two, the one that failed included.
    slots = {slot_of(schedule, each.moment.date()) for each in earlier}
    by_hand = [each for each in earlier if each.execution_mode == "manual"]
    return made.execution_mode == "manual" and slots <= {its} and not by_hand


@given(FAILURES, BACKUPS, TRIALS, ANY_KIND)
def test_no_failure_closes_without_evidence_and_none_stays_open_with_it(failed, backups, trials, kind):
    found = evidence(failed, backups=backups, trials=trials, kind=KINDS[kind])
    if failed.failure_stage in ("backup", "verification"):
        fitting = [[each.folio] for each in backups if fits(failed, each, backups, kind)]
    else:
        fitting = [
            [each.folio, each.backup_folio]
            for each in trials
            if each.moment > failed.moment
            # What CSC has is shown by a delivery alone, and a delivery shows nothing else.
            and (each.record_type == "delivery") == (failed.failure_stage == "csc_delivery")
            and (failed.failure_stage == "restore" or each.backup_folio == failed.backup_folio)
        ]
    assert (found is None) == (not fitting)
    if found:
        assert found.folios in fitting
        assert datetime.fromisoformat(found.resolved_at) >= failed.moment


@given(FAILURES, BACKUPS, TRIALS, ANY_KIND, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(failed, backups, trials, kind, random):
    found = evidence(failed, backups=backups, trials=trials, kind=KINDS[kind])
    mixed = [random.sample(several, len(several)) for several in (backups, trials)]
    assert evidence(failed, backups=mixed[0], trials=mixed[1], kind=KINDS[kind]) == found


@given(FAILURES, BACKUPS, TRIALS, ANY_KIND, st.integers(1, 4000))
def test_no_time_that_passes_closes_anything(failed, backups, trials, kind, days):
    # All that is known lies before the failure, by however many years: it stays open.
    long_after = failed.moment + timedelta(days=days + 60)
    moved = Failure(**{**vars(failed), "scheduled_for": long_after.isoformat()})
    assert evidence(moved, backups=backups, trials=trials, kind=KINDS[kind]) is None
    # And what became evidence once stays evidence, whatever automatic backups come after it.
    found = evidence(failed, backups=backups, trials=trials, kind=KINDS[kind])
    if found:
        last = max([failed.moment, *(each.moment for each in backups), *(each.moment for each in trials)])
        more = [backup((last + timedelta(days=days)).date(), 23)]
        assert evidence(failed, backups=[*backups, *more], trials=trials, kind=KINDS[kind]) == found


# --- What repeats itself ----------------------------------------------------------------------------------------------

THREE_IN_THIRTY = Repetition(failures=3, within_days=30)


@pytest.mark.parametrize(
    ("days", "is_repeated"),
    [
        (["2026-11-01", "2026-11-02", "2026-11-30"], True),
        (["2026-10-31", "2026-11-02", "2026-11-30"], False),  # Thirty days before the last: no longer within them.
        (["2026-11-01", "2026-11-01", "2026-11-30"], False),  # Twice on one day is one day.
        (["2026-11-29", "2026-11-30"], False),
        (["2026-11-29", "2026-11-30", "2026-12-01"], False),  # Somebody's clock was wrong.
    ],
)
def test_three_days_of_thirty_suggest_a_nonconformity(days, is_repeated):
    found = repeated([failure(day) for day in days], THREE_IN_THIRTY, date(2026, 11, 30))
    assert list(found) == (["escolares"] if is_repeated else [])


def test_only_failures_of_backups_of_one_item_repeat_themselves():
    days = ("2026-11-28", "2026-11-29", "2026-11-30")
    other = [failure(day, failure_stage="restore") for day in days]
    spread = [failure(day, item_id=f"item-{day}") for day in days]
    assert repeated([*other, *spread], THREE_IN_THIRTY, date(2026, 11, 30)) == {}
    mine = [failure(day, failure_stage=stage) for day, stage in zip(days, ("backup", "verification", "backup"))]
    assert repeated([*other, *mine, *spread], THREE_IN_THIRTY, date(2026, 11, 30)) == {"escolares": mine}


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3, 12)), max_size=12),
    st.integers(1, 5),
    st.integers(1, 10),
)
def test_what_repeats_itself_is_counted_by_days(failed, count, within):
    today = date(2027, 1, 3)
    several = [failure(today - timedelta(days=age), item_id=item) for item, age in failed]
    found = repeated(several, Repetition(count, within), today)
    for item in "ab":
        ages = {age for name, age in failed if name == item and 0 <= age < within}
        assert (item in found) == (len(ages) >= count)
        mine = [each for each, (name, age) in zip(several, failed) if name == item and 0 <= age < within]
        assert found.get(item, mine) == mine
