# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from itertools import count

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import views
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import Stretch, iso_week
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request
from ansible_collections.dse.backup.plugins.plugin_utils.views import (
    fulfilments,
    grid,
    parse,
    slot_name,
    unapproved,
    view,
)
from ansible_collections.dse.backup.tests.unit.factories import (
    FORMS,
    backup_record,
    delivery_record,
    failure_record,
    index_of,
)
from hypothesis import given
from hypothesis import strategies as st

PROCEDURE = load()
KINDS = PROCEDURE.information_types
SOURCE, DATABASE, CONFIGURATION = "source_code", "database", "server_configuration"
DAY = timedelta(days=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=PROCEDURE.zone)


def expect(kind, since, until=None, item_id=None, server="srv-web01", *more):
    """An expectation of one kind, and of others that follow it: (kind, since, until)."""
    stretches = [
        Stretch(KINDS[each], date.fromisoformat(begins), date.fromisoformat(ends) if ends else None)
        for each, begins, ends in ((kind, since, until), *more)
    ]
    folio = "DSE-05-2026-0001"
    return Expected(item_id or kind, server, Request(folio), stretches, True, (folio,), (item_id or kind,))


_numbers = count(1)


def made(kind, day, result="conforming", **changes):
    number = next(_numbers)
    series = FORMS[kind].replace("FOR 7.5 ", "").replace(" ", "-")
    folio = f"{series}-2026-{number:04d}"
    return backup_record(kind, day, result, **{"item_id": kind, "folio": folio, **changes})


@pytest.fixture
def index(in_memory):
    """A ledger of these records, open."""
    opened = []

    def read(*records):
        opened.append(index_of(in_memory, list(records)))
        return opened[-1]

    yield read
    for each in opened:
        each.__exit__(None, None, None)


def shown(name, all_expected, index, now):
    form, first, last = parse(name, PROCEDURE)
    return view(name, form, first, last, all_expected=all_expected, index=index, now=at(now))


def test_a_week_shows_what_two_requests_of_one_item_expected(index):
    """Breaks: the second request of an item hides the night that the first one missed, and JAA closes the week."""
    first = expect(DATABASE, "2026-11-15", "2026-11-18")
    second = expect(DATABASE, "2026-11-19")._replace(folios=("DSE-05-2026-0002",))
    opened = index(made(DATABASE, "2026-11-16"), made(DATABASE, "2026-11-18"))
    for several in ([first, second], [second, first]):
        found = shown("DSE-03-2026-W47", several, opened, "2026-11-18T12:00:00")
        (line,) = found.lines
        assert [slot.state for slot in line.slots][:3] == ["done", "missed", "done"]
        assert found.missing == [f"srv-web01 · {DATABASE} · 17/11/2026: OMITIDO"]


def test_a_renamed_item_is_one_line_and_a_moved_one_two(index):
    renamed = expect(DATABASE, "2026-11-15", item_id="new")._replace(item_ids=("new", "old"))
    moved = expect(DATABASE, "2026-11-15", item_id="new", server="srv-web02")
    opened = index(made(DATABASE, "2026-11-16", item_id="old"), made(DATABASE, "2026-11-17", item_id="new"))
    found = shown("DSE-03-2026-W47", [renamed, moved], opened, "2026-11-17T12:00:00")
    assert [(line.server, len(line.backups), line.slots[0].state) for line in found.lines] == [
        ("srv-web01", 2, "done"),
        ("srv-web02", 0, "missed"),
    ]


def test_a_year_counts_what_two_requests_of_one_item_expected_once(index):
    """Breaks: the plan of an item that moved is never what is recorded, and is to be approved again every day."""
    first = expect(DATABASE, "2026-11-15", "2026-11-18")
    second = expect(DATABASE, "2026-11-18", server="srv-web02")
    (found,) = years_of([second, first], 2026, index(made(DATABASE, "2026-11-16")), "2026-11-17T12:00:00")
    assert (found.server, found.done) == ("srv-web02", 1)
    assert found.planned_dates == ["2026-11-16/2026-12-31"]


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "form", "first", "last"),
    [
        ("DSE-02-2026-W47", "FOR 7.5 DSE 02", "2026-11-16", "2026-11-22"),
        ("DSE-03-2026-W53", "FOR 7.5 DSE 03", "2026-12-28", "2027-01-03"),
        ("DSE-03-2025-W01", "FOR 7.5 DSE 03", "2024-12-30", "2025-01-05"),
        ("DSE-04-2028", "FOR 7.5 DSE 04", "2028-01-01", "2028-12-31"),
        ("CSC-01-2026", "FOR 7.5 CSC 01", "2026-01-01", "2026-12-31"),
    ],
)
def test_a_view_has_a_name(name, form, first, last):
    found = parse(name, PROCEDURE)
    assert (found[0].code, found[1].isoformat(), found[2].isoformat()) == (form, first, last)


@pytest.mark.parametrize(
    "name",
    ["", "DSE-02", "DSE-02-2026", "DSE-03-2026", "DSE-04-2026-W47", "CSC-01-2026-W47", "DSE-05-2026", "CSC-02-2026",
     "XXX-03-2026-W47", "DSE-03-2027-W53", "DSE-03-2026-W00", "DSE-03-2026-W54", "DSE-03-2026-W4", "DSE-04-0000",
     "DSE-03-0000-W01", "DSE-03-9999-W52", "dse-03-2026-W47", "DSE-03-2026-W47 ", "DSE-03-2026-W47\n",
     "DSE-03-2026-0001", "DSE-03-٢٠٢٦-W47", "DSE-04-2026 ", "DSE-04-2026-0001", "CSC-01-2026\n"],
)  # fmt: skip
def test_a_name_that_is_none_is_no_view(name):
    assert parse(name, PROCEDURE) is None


@given(
    st.text(max_size=20)
    | st.builds("{}-{}{}".format, st.sampled_from(["DSE-02", "DSE-03", "DSE-04", "DSE-05", "CSC-01"]),
                st.from_regex(r"[0-9]{4}", fullmatch=True), st.from_regex(r"(-W[0-9]{2})?", fullmatch=True))
)  # fmt: skip
def test_whatever_is_asked_for_a_view_is_the_one_of_its_name(name):
    found = parse(name, PROCEDURE)
    if found:
        form, first, last = found
        when = iso_week(first) if "W" in name else f"{first.year:04d}"
        assert name == f"{form.series}-{when}"
        assert (last - first).days == 6 if "W" in name else (first.month, last.day, last.month) == (1, 31, 12)


# --- A week -----------------------------------------------------------------------------------------------------------

DUMPS = expect(DATABASE, "2026-11-02")


def test_a_week_of_dumps_is_seven_days(index):
    records = [made(DATABASE, f"2026-11-{day}") for day in (15, 16, 17, 18, 22, 23)]
    found = shown("DSE-03-2026-W47", [DUMPS, expect(SOURCE, "2026-11-02")], index(*records), "2026-11-23T12:00:00")
    (line,) = found.lines
    assert [(slot_name(slot), slot.state) for slot in line.slots] == [
        ("16/11/2026", "done"),
        ("17/11/2026", "done"),
        ("18/11/2026", "done"),
        ("19/11/2026", "missed"),
        ("20/11/2026", "missed"),
        ("21/11/2026", "missed"),
        ("22/11/2026", "done"),
    ]
    # What belongs to other weeks is in theirs.
    assert [backup.backup_date[8:] for backup in found.backups] == ["16", "17", "18", "22"]
    assert found.missing == [f"srv-web01 · database · {day}/11/2026: OMITIDO" for day in (19, 20, 21)]
    assert (found.waiting, found.pending) == ([], [])


def test_a_week_that_is_not_over_says_what_may_still_come(index):
    suspect = made(DATABASE, "2026-11-18", "review")
    records = [made(DATABASE, "2026-11-16"), made(DATABASE, "2026-11-17"), suspect]
    found = shown("DSE-03-2026-W47", [DUMPS], index(*records), "2026-11-20T12:00:00")
    assert found.pending == [f"srv-web01 · database · {day}/11/2026: pendiente" for day in (18, 20, 21, 22)]
    assert found.missing == ["srv-web01 · database · 19/11/2026: OMITIDO"]
    assert found.waiting == [suspect["folio"]]


@pytest.mark.parametrize(("decision", "is_waiting"), [(None, True), ("accepted", False), ("rejected", False)])
@pytest.mark.parametrize("result", ["review", "nonconforming"])
def test_what_waits_for_jaa_is_named_until_it_is_decided(index, result, decision, is_waiting):
    suspect = made(DATABASE, "2026-11-18", result)
    decided = {"record_type": "decision", "item_id": DATABASE, "about_folio": suspect["folio"], "decision": decision}
    records = [suspect, *([decided] if decision else []), made(DATABASE, "2026-11-19")]
    found = shown("DSE-03-2026-W47", [DUMPS], index(*records), "2026-11-23T12:00:00")
    assert found.waiting == ([suspect["folio"]] if is_waiting else [])


def test_the_one_slot_of_a_week_of_source_code(index):
    records = [made(SOURCE, "2026-11-10"), made(SOURCE, "2026-11-18"), made(SOURCE, "2026-11-20")]
    found = shown("DSE-02-2026-W47", [expect(SOURCE, "2026-11-02"), DUMPS], index(*records), "2026-11-23T12:00:00")
    (line,) = found.lines
    assert [(slot_name(slot), slot.state, slot.folio) for slot in line.slots] == [
        ("2026-W47", "done", records[1]["folio"])
    ]
    assert len(line.backups) == 2


def test_what_is_recorded_in_another_form_is_in_no_view_of_this_one(index):
    records = [made(SOURCE, "2026-11-18"), made(DATABASE, "2026-11-18"), made(CONFIGURATION, "2026-11-18")]
    opened = index(*records)
    for name, record in zip(("DSE-02-2026-W47", "DSE-03-2026-W47", "DSE-04-2026"), records):
        found = shown(name, [], opened, "2026-11-23T12:00:00")
        assert [backup.folio for backup in found.backups] == [record["folio"]]


@pytest.mark.parametrize(
    ("kind", "name", "after"), [(DATABASE, "DSE-03", "2026-11-23"), (SOURCE, "DSE-02", "2026-11-24")]
)
def test_what_was_made_up_for_in_the_next_week_is_missing_in_its_own(index, kind, name, after):
    # JAA closes the week in which it is missing; the week of the backup by hand has it done.
    days = [f"2026-11-{day}" for day in range(16, 22)] if kind == DATABASE else []
    records = [made(kind, day) for day in days]
    opened = index(*records, made(kind, after, execution_mode="manual"))
    everything = [expect(kind, "2026-11-09")]
    its_own = shown(f"{name}-2026-W47", everything, opened, "2026-11-30T12:00:00")
    assert len(its_own.missing) == 1 and its_own.missing[0].endswith(": OMITIDO, mitigado")
    assert [slot.state for slot in its_own.lines[0].slots] == ["done"] * len(days) + ["mitigated"]
    following = shown(f"{name}-2026-W48", everything, opened, "2026-12-02T12:00:00")
    assert "mitigado" not in " ".join(following.missing)
    assert [slot.state for slot in following.lines[0].slots][:1] == ["done"]


def test_what_is_backed_up_and_not_expected_is_a_line_too(index):
    # A request that was cancelled, a folio that nobody knows: the backup is there.
    records = [made(DATABASE, "2026-11-18", item_id="old", server="srv-db09")]
    found = shown("DSE-03-2026-W47", [DUMPS], index(*records), "2026-11-23T12:00:00")
    assert [(line.item_id, line.server, len(line.slots), len(line.backups)) for line in found.lines] == [
        (DATABASE, "srv-web01", 7, 0),
        ("old", "srv-db09", 0, 1),
    ]


def test_what_had_nothing_to_do_in_a_week_is_no_line(index):
    found = shown("DSE-03-2026-W47", [expect(DATABASE, "2026-11-23")], index(), "2026-12-23T12:00:00")
    assert (found.lines, found.missing) == ([], [])
    assert grid(found) == []


def test_a_week_as_people_read_it(index):
    records = [made(DATABASE, "2026-11-16"), made(DATABASE, "2026-11-18", execution_mode="manual"),
               made(DATABASE, "2026-11-19", item_id="old")]  # fmt: skip
    few = expect(DATABASE, "2026-11-15", "2026-11-17", "few")
    late = expect(DATABASE, "2026-11-20", "2026-12-31", "late")
    rows = grid(shown("DSE-03-2026-W47", [DUMPS, few, late], index(*records), "2026-11-20T12:00:00"))
    assert rows == [
        ["srv-web01", "database", "realizado", "OMITIDO, mitigado (18/11)", "realizado", "OMITIDO", "pendiente",
         "pendiente", "pendiente", f"{records[0]['folio']} … {records[1]['folio']}"],
        ["srv-web01", "few", "OMITIDO", "OMITIDO", "", "", "", "", "", "sin respaldos"],
        ["srv-web01", "late", "", "", "", "", "", "pendiente", "pendiente", "sin respaldos"],
        ["srv-web01", "old", "no se esperaba", "", "", "", "", "", "", records[2]["folio"]],
    ]  # fmt: skip


def test_a_late_one_is_told(index):
    records = [failure_record("2026-11-16", item_id=DATABASE, folio="DSE-05-2026-0100"),
               made(DATABASE, "2026-11-16", started_at="2026-11-16T09:00:00-06:00")]  # fmt: skip
    rows = grid(shown("DSE-03-2026-W47", [DUMPS], index(*records), "2026-11-17T12:00:00"))
    assert rows[0][2] == "tardío"


@given(
    days=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["conforming", "review"]), st.booleans()),
        max_size=12,
        unique_by=lambda each: each[0],
    ),
    kind=st.sampled_from([DATABASE, SOURCE]),
    length=st.integers(0, 60),
    now=st.integers(0, 80),
)
def test_each_slot_and_each_backup_is_in_exactly_one_week(days, kind, length, now):
    # Over the turn of a year with a week 53.
    first = date(2026, 12, 1)
    records = [
        made(kind, first + number * DAY, result, execution_mode="manual" if by_hand else "automatic")
        for number, result, by_hand in days
    ]
    each = expect(kind, str(first), str(first + length * DAY))
    series = PROCEDURE.forms[KINDS[kind].form_code].series
    weeks = sorted({iso_week(first + number * DAY) for number in range(90)})
    moment = (first + now * DAY).isoformat() + "T12:00:00"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, index_of(directory, records) as opened:
        found = [shown(f"{series}-{week}", [each], opened, moment) for week in weeks]
        end = shown(f"{series}-{weeks[-1]}", [each], opened, moment).last
        all_slots = views.expectations.slots(each, opened, at(moment), until=end)
    in_weeks = [slot for week in found for line in week.lines for slot in line.slots]
    assert sorted(in_weeks, key=lambda slot: slot.first) == all_slots
    assert sorted(backup.folio for week in found for backup in week.backups) == sorted(
        each["folio"] for each in records
    )
    for week in found:
        assert all(week.first <= slot.last <= week.last for line in week.lines for slot in line.slots)


# --- A year -----------------------------------------------------------------------------------------------------------


def test_a_year_of_sixty_days_is_shown_by_when_it_was_done(index):
    records = [made(CONFIGURATION, day) for day in ("2025-11-10", "2026-01-08", "2026-03-20")]
    everything = [expect(CONFIGURATION, "2025-11-10")]
    found = shown("DSE-04-2026", everything, index(*records), "2026-04-01T12:00:00")
    (line,) = found.lines
    assert [(slot.state, slot_name(slot)) for slot in line.slots] == [
        ("done", "09/01/2026"),
        ("late", "09/03/2026"),
        *[("pending", day) for day in ("19/05/2026", "18/07/2026", "16/09/2026", "15/11/2026")],
    ]
    assert [backup.backup_date for backup in found.backups] == ["2026-01-08", "2026-03-20"]
    # Due in December, done in January: it is of the year in which it was done.
    records = [made(CONFIGURATION, day) for day in ("2025-10-20", "2026-01-08")]
    opened = index(*records)
    everything = [expect(CONFIGURATION, "2025-10-20")]
    for name, states in (("DSE-04-2025", ["done"]), ("DSE-04-2026", ["late", *["pending"] * 5])):
        (line,) = shown(name, everything, opened, "2026-02-01T12:00:00").lines
        assert [slot.state for slot in line.slots] == states


def years_of(all_expected, number, index, now):
    return fulfilments(all_expected, number, index, at(now), PROCEDURE.delivery)


def year(each, index, number, now="2026-11-22T12:00:00"):
    return next(iter(years_of([each], number, index, now)), None)


def test_a_year_of_weeks_has_the_weeks_of_its_name(index):
    # 2026 has 53; 2025 begins in 2024, and a week is planned in the year that its name says.
    each, opened = expect(SOURCE, "2023-12-27"), index()
    for number, weeks in ((2024, 52), (2025, 52), (2026, 53), (2027, 52)):
        found = year(each, opened, number)
        assert found.planned_dates == [f"{number}-W{week:02d}" for week in range(1, weeks + 1)]
        assert found.planned == weeks
    assert year(expect(SOURCE, "2024-12-20"), opened, 2025).planned_dates[0] == "2025-W01"


def test_a_year_of_days_is_an_interval_for_each_time_in_a_row(index):
    opened = index()
    assert year(expect(DATABASE, "2025-06-01"), opened, 2026).planned_dates == ["2026-01-01/2026-12-31"]
    found = year(expect(DATABASE, "2026-11-02"), opened, 2026)
    assert (found.planned_dates, found.planned) == (["2026-11-03/2026-12-31"], 59)
    paused = expect(DATABASE, "2026-01-01", "2026-01-10", None, "srv-web01", (DATABASE, "2026-02-01", "2026-02-02"))
    found = year(paused, opened, 2026)
    assert (found.planned_dates, found.planned) == (["2026-01-02/2026-01-10", "2026-02-02/2026-02-02"], 10)
    assert year(expect(DATABASE, "2027-01-01"), opened, 2026) is None
    assert year(expect(DATABASE, "2026-12-31"), opened, 2026) is None


def test_a_year_of_sixty_days_is_its_due_dates(index):
    records = [made(CONFIGURATION, "2026-01-05"), made(CONFIGURATION, "2026-03-10")]
    found = year(expect(CONFIGURATION, "2026-01-05"), index(*records), 2026, "2026-03-20T12:00:00")
    assert found.planned_dates == [
        *("2026-01-06", "2026-03-06"),  # As they fell due.
        *("2026-05-09", "2026-07-08", "2026-09-06", "2026-11-05"),  # As they will, if each is done in time.
    ]
    assert (found.done, found.late, found.pending) == (1, 1, 4)


def test_a_frequency_that_changes_in_a_year_is_planned_as_both(index):
    each = expect(DATABASE, "2026-01-01", "2026-01-04", None, "srv-web01", (SOURCE, "2026-01-05", "2026-01-18"))
    found = year(each, index(), 2026)
    assert found.planned_dates == ["2026-01-02/2026-01-04", "2026-W02", "2026-W03"]
    assert (found.information_type, found.frequency, found.planned) == (SOURCE, "weekly", 5)


def test_what_was_done_is_counted_to_date(index):
    records = [
        made(DATABASE, "2026-11-17"),
        failure_record("2026-11-18", item_id=DATABASE, folio="DSE-05-2026-0100"),
        made(DATABASE, "2026-11-18", started_at="2026-11-18T09:00:00-06:00"),
        made(DATABASE, "2026-11-20", execution_mode="manual"),
    ]
    found = year(expect(DATABASE, "2026-11-16"), index(*records), 2026, "2026-11-22T12:00:00")
    assert (found.done, found.late, found.mitigated, found.missed) == (2, 1, 1, 1)
    assert found.pending == found.planned - 5 == 40
    # Done on time, of what was to be done until now.
    assert found.compliance_pct == 40.0
    assert year(expect(DATABASE, "2026-11-22"), index(), 2026, "2026-11-22T12:00:00").compliance_pct is None


def deliveries(found):
    return (found.deliveries_planned, found.deliveries_done)


def test_a_delivery_is_planned_once_its_days_are_over_and_done_while_csc_has_not_rejected_it(index):
    """Breaks: the plan counts as owed what may still be delivered, or as done what CSC sent back."""
    first, second, third = (made(DATABASE, f"2026-11-{day}") for day in (16, 17, 18))
    given_to_csc = delivery_record("CSC-02-2026-0001", first["folio"], third["folio"], item_id=DATABASE)
    rejected = {"record_type": "acknowledgement", "about_folio": "CSC-02-2026-0001", "acknowledged_as": "CSC"}
    each = expect(DATABASE, "2026-11-15")
    records = [first, second, third, given_to_csc]
    delivered = index(*records)
    for day, counts in (("22", (0, 0)), ("23", (1, 1)), ("24", (2, 1)), ("25", (3, 2))):
        assert deliveries(year(each, delivered, 2026, f"2026-11-{day}T00:30:00")) == counts, day
    for result, counts in (("accepted", (3, 2)), ("rejected", (3, 0))):
        opened = index(*records, {**rejected, "result": result})
        assert deliveries(year(each, opened, 2026, "2026-12-01T12:00:00")) == counts, result


def test_what_does_not_conform_is_not_planned_for_csc_and_what_was_lost_undelivered_stays_so(index):
    """Breaks: CSC is owed what is in quarantine, or a backup that was pruned before CSC had it is nobody's gap."""
    doubtful, rejected, accepted, pruned = (
        made(DATABASE, f"2026-11-{day}", result)
        for day, result in ((16, "review"), (17, "review"), (18, "nonconforming"), (19, "conforming"))
    )
    records = [doubtful, rejected, accepted, pruned]
    for backup, decision in ((rejected, "rejected"), (accepted, "accepted")):
        said = {"record_type": "decision", "item_id": DATABASE, "decision": decision}
        records.append({**said, "about_folio": backup["folio"]})
    gone = {"record_type": "disposal", "server": "srv-web01", "disposed": [{"file_name": pruned["file_name"]}]}
    found = year(expect(DATABASE, "2026-11-15"), index(*records, gone), 2026, "2026-12-01T12:00:00")
    assert deliveries(found) == (2, 0)


def test_a_delivery_is_of_the_year_of_its_backup_and_counted_once_where_two_requests_expect_it(index):
    """Breaks: the turn of the year loses a delivery, or an item that was requested anew owes it twice."""
    old, new = made(DATABASE, "2026-12-30"), made(DATABASE, "2027-01-02")
    opened = index(old, new, delivery_record("CSC-02-2027-0001", old["folio"], item_id=DATABASE))
    first = expect(DATABASE, "2026-11-02", "2027-06-30")
    several = [first, first._replace(stretches=expect(DATABASE, "2027-07-01").stretches)]
    now = "2027-08-01T12:00:00"
    assert [deliveries(found) for found in years_of(several, 2026, opened, now)] == [(1, 1)]
    assert [deliveries(found) for found in years_of(several, 2027, opened, now)] == [(1, 0)]


@given(
    days=st.lists(st.integers(-300, 400), max_size=10, unique=True),
    kind=st.sampled_from([DATABASE, SOURCE, CONFIGURATION]),
    length=st.none() | st.integers(0, 800),
    since=st.dates(date(2025, 10, 1), date(2026, 3, 1)),
)
def test_each_slot_is_planned_in_exactly_one_year(days, kind, length, since):
    each = expect(kind, str(since), str(since + length * DAY) if length is not None else None)
    records = [made(kind, since + number * DAY) for number in sorted(days)]
    now = "2026-11-22T12:00:00"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, index_of(directory, records) as opened:
        years = [found for number in range(2024, 2028) if (found := year(each, opened, number, now))]
        slots = views.expectations.slots(each, opened, at(now), until=date(2027, 12, 31))
    due = [slot for slot in slots if (iso_week(slot.first)[:4] if kind == SOURCE else str(slot.last.year)) <= "2027"]
    assert sum(found.planned for found in years) == len(due)
    for found in years:
        assert found.planned == found.done + found.late + found.missed + found.mitigated + found.pending
        assert found.compliance_pct is None or 0 <= found.compliance_pct <= 100
        if kind == DATABASE:
            intervals = [[date.fromisoformat(day) for day in each.split("/")] for each in found.planned_dates]
            assert sum((last - first).days + 1 for first, last in intervals) == found.planned
            assert all(before[1] + DAY < after[0] for before, after in zip(intervals, intervals[1:]))
        else:
            assert len(set(found.planned_dates)) == len(found.planned_dates) == found.planned


# --- What of a plan is still to be approved ---------------------------------------------------------------------------


def line(found, version=1, **changes):
    recorded = {"item_id": found.item_id, "frequency": found.frequency, "planned_dates": found.planned_dates}
    return {**recorded, "plan_version": version, **changes}


def test_what_is_not_in_the_approved_plan_or_not_as_it_is_there(index):
    opened = index()
    dumps, code = (year(each, opened, 2026) for each in (DUMPS, expect(SOURCE, "2026-11-02")))
    both = [dumps, code]
    assert unapproved(both, []) == both
    assert unapproved(both, [line(dumps)]) == [code]
    assert unapproved(both, [line(dumps), line(code)]) == []
    assert unapproved(both, [line(dumps, frequency="weekly"), line(code)]) == [dumps]
    # The days alone move with each backup that is done.
    assert unapproved(both, [line(dumps), line(code, planned_dates=["2026-W46"])]) == []
    # The newest version counts.
    assert unapproved(both, [line(dumps), line(code, frequency="daily"), line(code, 2)]) == []
    assert unapproved(both, [line(dumps), line(code), line(code, 2, frequency="daily")]) == [code]
    # What was planned and is expected no more is nothing to approve.
    assert unapproved([dumps], [line(dumps), line(code)]) == []
