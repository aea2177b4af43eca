# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.items import Fault
from ansible_collections.dse.backup.plugins.plugin_utils import expectations
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, kept
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import expected, expected_by
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal, Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request, Requests
from ansible_collections.dse.backup.tests.unit.factories import (
    CONTEXT,
    accepted,
    backup_record,
    cancellation_record,
    database_item,
    decision_record,
    failure_record,
    index_of,
    item,
    request_record,
)
from hypothesis import given
from hypothesis import strategies as st

A, B, C = (f"DSE-05-2026-{number:04d}" for number in (1, 2, 3))
PROCEDURE = load()
EMPTY = Register([], [])
TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=PROCEDURE.zone)


def inventory(*items, refused=()):
    return Register(
        [Item(server, {**element, "request_folio": folio}) for server, folio, element in items],
        [Refusal(server, name, [Fault("id", "falta")], definition) for server, name, definition in refused],
    )


@pytest.fixture
def expect(in_memory):
    """What a ledger of these records makes be expected."""

    def call(*records, register=EMPTY, today=TODAY):
        with index_of(in_memory, list(records)) as index:
            return expected_by(index, register, PROCEDURE, today)

    return call


def times(found):
    """Of each expectation its item, its server, and its stretches as text."""
    return [
        (each.item_id, each.server, [f"{one.kind.key} {one.begins}/{one.ends or ''}" for one in each.stretches])
        for each in found
    ]


# --- What is expected -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "records",
    [
        [],
        [request_record(A)],
        [request_record(A), decision_record(A, "rejected")],
        [request_record(A), cancellation_record(A, "2026-11-20")],
        # Cancelled on the very day from which it was to hold.
        [*accepted(A, "2026-11-20"), cancellation_record(A, "2026-11-20")],
        [*accepted(A, "2026-12-01"), cancellation_record(A, "2026-11-20")],
        # Of a kind that the procedure no longer has.
        accepted(A, information_type="video"),
    ],
)
def test_what_jaa_did_not_accept_is_not_expected(expect, records):
    register = inventory(("srv-web01", A, item()))
    assert expect(*records, register=register) == []


def test_what_was_accepted_is_expected_on_each_server_under_its_items_id(expect):
    records = accepted(A, servers=["srv-web01", "srv-web02"], valid_until="2026-12-31")
    register = inventory(
        ("srv-web02", A, item(id="portal-2")), ("srv-web01", A, item()), ("srv-db01", C, database_item())
    )
    found = expect(*records, register=register)
    since = ["source_code 2026-11-02/2026-12-31"]
    assert times(found) == [("portal-src", "srv-web01", since), ("portal-2", "srv-web02", since)]
    assert [each.is_in_inventory for each in found] == [True, True]


def test_one_folio_may_be_of_several_items_of_a_server(expect):
    register = inventory(("srv-web01", A, item()), ("srv-web01", A, item(id="again")))
    assert [each.item_id for each in expect(*accepted(A), register=register)] == ["portal-src", "again"]


def test_what_is_not_in_the_inventory_is_expected_all_the_same(expect):
    # Never was: by its folio. Was once: by the item that the ledger knows.
    (never,) = expect(*accepted(A))
    assert (never.item_id, never.is_in_inventory) == (A, False)
    elsewhere = {"item_id": "elsewhere", "server": "srv-db01"}
    made = [
        backup_record("source_code", "2026-11-10", folio="DSE-02-2026-0001"),
        backup_record("source_code", "2026-11-10", folio="DSE-02-2026-0002", **elsewhere),
    ]
    (gone,) = expect(*accepted(A), *made)
    assert (gone.item_id, gone.is_in_inventory) == ("portal-src", False)
    # What stands in its place in the inventory counts.
    (present,) = expect(*accepted(A), *made, register=inventory(("srv-web01", A, item(id="new"))))
    assert (present.item_id, present.is_in_inventory) == ("new", True)


def test_a_refused_element_is_there(expect):
    refused = inventory(refused=[("srv-web01", "srv-web01[1]", {"request_folio": A}), ("srv-web01", "x", {}),
                                 ("srv-web01", "y", {"request_folio": [A]})])  # fmt: skip
    (found,) = expect(*accepted(A), register=refused)
    assert (found.item_id, found.is_in_inventory) == ("srv-web01[1]", True)


def test_a_changed_request_goes_on_under_its_item(expect):
    change = accepted(B, "2026-11-16", amends_folio=A, source="/srv/nuevo", service="Portal nuevo")
    for folio in (A, B):
        (found,) = expect(*accepted(A), *change, register=inventory(("srv-web01", folio, item())))
        # The same kind before and after: one time, without a night between.
        assert times([found]) == [("portal-src", "srv-web01", ["source_code 2026-11-02/"])]
        assert (found.request.folio, found.is_in_inventory) == (B, True)
    # Until then it is expected as it was.
    (found,) = expect(*accepted(A), *change, today=date(2026, 11, 15))
    assert (found.item_id, found.request.folio, found.request.service) == (A, A, "Portal institucional")


def test_a_change_of_the_kind_the_servers_or_the_end(expect):
    kind = accepted(B, "2026-11-16", amends_folio=A, information_type="images_documents")
    assert times(expect(*accepted(A), *kind)) == [
        (B, "srv-web01", ["source_code 2026-11-02/2026-11-15", "images_documents 2026-11-16/"])
    ]
    servers = accepted(B, "2026-11-16", amends_folio=A, servers=["srv-web02"])
    assert times(expect(*accepted(A), *servers)) == [
        (B, "srv-web01", ["source_code 2026-11-02/2026-11-15"]),
        (B, "srv-web02", ["source_code 2026-11-16/"]),
    ]
    pause = accepted(B, "2026-11-20", amends_folio=A)
    assert times(expect(*accepted(A, valid_until="2026-11-10"), *pause)) == [
        (B, "srv-web01", ["source_code 2026-11-02/2026-11-10", "source_code 2026-11-20/"])
    ]
    ended = [*accepted(A), cancellation_record(A, "2026-11-20")]
    assert times(expect(*ended)) == [(A, "srv-web01", ["source_code 2026-11-02/2026-11-19"])]


@pytest.mark.parametrize("decision", [[], [decision_record(B, "rejected")]])
def test_a_change_that_is_not_accepted_changes_nothing(expect, decision):
    records = [*accepted(A), request_record(B, amends_folio=A, information_type="images_documents"), *decision]
    assert times(expect(*records)) == [(A, "srv-web01", ["source_code 2026-11-02/"])]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 20),  # Days after the one before it begins.
        st.none() | st.integers(0, 40),  # Days that it holds, where an end is set.
        st.sampled_from(["source_code", "images_documents"]),
        st.lists(st.sampled_from(["srv-web01", "srv-web02"]), min_size=1, unique=True),
    ),
    min_size=1,
    max_size=4,
)


@given(STEPS, st.none() | st.integers(0, 60))
def test_what_is_expected_on_a_day_is_what_is_in_force_on_it(steps, cancelled):
    # Two parts of the code that must not drift: what may be backed up, and what must be.
    requests, day, first = Requests(), date(2026, 11, 2), date(2026, 11, 2)
    for number, (gap, length, kind, servers) in enumerate(steps):
        day += gap * DAY
        until = (day + length * DAY).isoformat() if length is not None else None
        before = f"F{number - 1}" if number else ""
        request, decision = accepted(
            f"F{number}", day, amends_folio=before, valid_until=until, information_type=kind, servers=servers
        )
        requests[f"F{number}"] = Request.of(request)
        requests[f"F{number}"].decide(decision)
        if before:
            requests[before].amended_by = f"F{number}"
    in_force = {first + number * DAY: requests.in_force(first + number * DAY) for number in range(-1, 110)}
    if cancelled is not None:
        requests[f"F{len(steps) - 1}"].cancel(cancellation_record("", first + cancelled * DAY))
    found = expected(requests, EMPTY, {}, PROCEDURE, first)
    for server in ("srv-web01", "srv-web02"):
        stretches = [stretch for each in found if each.server == server for stretch in each.stretches]
        assert all(stretch.begins <= (stretch.ends or date.max) for stretch in stretches)
        for before, after in zip(stretches, stretches[1:]):
            assert before.ends < after.begins
            assert before.kind != after.kind or before.ends + DAY < after.begins
        for day, holding in in_force.items():
            kinds = [one.kind.key for one in stretches if one.begins <= day <= (one.ends or date.max)]
            held = [request for request in holding if server in request.servers]
            last = requests[f"F{len(steps) - 1}"]
            if cancelled is not None and held == [last] and day >= first + cancelled * DAY:
                held = []
            assert kinds == [request.information_type for request in held]


# --- What became of it ------------------------------------------------------------------------------------------------


def dump(day, result="conforming", number=1, **changes):
    return backup_record(
        "database", day, result, item_id="escolares", server="srv-db01", folio=f"DSE-03-2026-{number:04d}", **changes
    )


def failed(day, number=100, **changes):
    return failure_record(
        day, **{"item_id": "escolares", "server": "srv-db01", "folio": f"DSE-05-2026-{number:04d}", **changes}
    )


DATABASE = accepted(
    A, "2026-11-16", servers=["srv-db01"], repository_type="database", information_type="database", source="escolares"
)
REGISTER = inventory(("srv-db01", A, database_item()))


@pytest.fixture
def became(in_memory):
    """The states of the days of a database from 17 November on, and the days of which nobody knows."""

    def call(*records, now="2026-11-21T12:00:00", also=()):
        with index_of(in_memory, [*DATABASE, *records]) as index:
            (each,) = expected_by(index, REGISTER, PROCEDURE, at(now).date())
            found = expectations.slots(each, index, at(now), also=also)
            wrong = expectations.unrecorded(each, index, at(now), also=also)
            return [slot.state for slot in found], [slot.first.day for slot in wrong]

    return call


def test_backups_and_failures_of_the_ledger_say_what_became_of_each_slot(became):
    assert became(
        dump("2026-11-17", number=1),
        dump("2026-11-18", "review", number=2),
        failed("2026-11-19"),
        dump("2026-11-20", "conforming", number=3, execution_mode="manual"),
        dump("2026-11-21", "nonconforming", number=4),
    ) == (["done", "pending", "mitigated", "done", "pending"], [])


def test_jaas_decision_closes_what_was_open(became):
    decision = {"record_type": "decision", "item_id": "escolares", "about_folio": "DSE-03-2026-0002"}
    suspect = dump("2026-11-18", "review", number=2)
    accept, reject = ({**decision, "decision": each} for each in ("accepted", "rejected"))
    assert became(suspect, now="2026-11-19T12:00:00") == (["missed", "pending", "pending"], [17])
    assert became(suspect, accept, now="2026-11-19T12:00:00") == (["missed", "done", "pending"], [17])
    assert became(suspect, reject, now="2026-11-19T12:00:00") == (["missed", "missed", "pending"], [17, 18])


@pytest.mark.parametrize(
    ("stage", "unknown"), [("backup", []), ("verification", []), ("restore", [17]), ("jaa_copy", [17])]
)
def test_only_the_failure_of_a_backup_says_that_it_is_missing(became, stage, unknown):
    # A restore that failed on Tuesday must not hide that Tuesday's backup was missed.
    assert became(failed("2026-11-17", failure_stage=stage), now="2026-11-18T12:00:00")[1] == unknown


def test_another_items_failures_and_backups_are_not_its_own(became):
    other = [failure_record("2026-11-17", folio="DSE-05-2026-0100"), backup_record("database", "2026-11-17", folio="X")]
    assert became(*other, now="2026-11-18T12:00:00") == (["missed", "pending"], [17])


def test_what_was_found_and_is_not_in_the_ledger_yet_counts(became):
    found = [Backup(**{"folio": "", **kept(dump(day))}) for day in ("2026-11-17", "2026-11-18")]
    assert became(now="2026-11-19T12:00:00", also=found) == (["done", "done", "pending"], [])


def test_what_was_missed_is_recorded_once(ledger, procedure):
    # By the records themselves: what was written is known from then on.
    now = at("2026-11-22T06:00:00")
    ledger.append([*DATABASE, dump("2026-11-19")])
    with ledger.read() as index:
        (each,) = expected_by(index, REGISTER, procedure, now.date())
        records = [
            expectations.missed(each, slot, context=CONTEXT, procedure=procedure)
            for slot in expectations.unrecorded(each, index, now)
        ]
    assert [record["scheduled_for"][:10] for record in records] == [f"2026-11-{day}" for day in (17, 18, 20, 21)]
    for record in records:
        assert procedure.check_record(record) == []
        assert (record["item_id"], record["server"], record["service"]) == (
            "escolares",
            "srv-db01",
            "Portal institucional",
        )
    ledger.append(records)
    with ledger.read() as index:
        assert expectations.unrecorded(each, index, now) == []
        assert [slot.first.day for slot in expectations.unrecorded(each, index, now + DAY)] == [22]
        assert len(index.open_failures()) == 4


def test_a_server_that_was_forgotten_altogether_is_still_expected(ledger, procedure):
    # Faults 6: no inventory, no host, no run: the register of requests alone knows of it.
    ledger.append(accepted(A, "2026-09-01", information_type="server_configuration", servers=["srv-lms01"]))
    with ledger.read() as index:
        (each,) = expected_by(index, EMPTY, procedure, TODAY)
        (slot,) = expectations.unrecorded(each, index, at("2026-11-22T06:00:00"))
    record = expectations.missed(each, slot, context=CONTEXT, procedure=procedure)
    assert (record["item_id"], record["server"], record["scheduled_for"][:10]) == (A, "srv-lms01", "2026-09-02")
    assert procedure.check_record(record) == []


def test_what_was_recorded_before_there_was_an_item_is_not_recorded_again(in_memory):
    # Under the request's folio; then it was put into the inventory, then changed by another request.
    now, folio = at("2026-11-20T12:00:00"), {"item_id": A}
    missed = [failed(f"2026-11-{day}", day, server="srv-db01", **folio) for day in (17, 18)]
    elsewhere = failed("2026-11-19", 99, server="srv-db02", **folio)
    change = accepted(B, "2026-11-19", amends_folio=A, servers=["srv-db01"], information_type="database")
    for more in ([], change):
        with index_of(in_memory, [*DATABASE, *missed, elsewhere, *more]) as index:
            for register in (REGISTER, EMPTY):
                (each,) = expected_by(index, register, PROCEDURE, now.date())
                assert [slot.first.day for slot in expectations.unrecorded(each, index, now)] == [19]


# --- An item that moves, is renamed, or is requested anew -------------------------------------------------------------


def nights(*days, first=1, **changes):
    """Conforming dumps of those days of November 2026, by request A, as escolares on srv-db01 unless told."""
    made = {"item_id": "escolares", "server": "srv-db01", "request_folio": A, **changes}
    return [
        backup_record("database", f"2026-11-{day:02d}", folio=f"DSE-03-2026-{number:04d}", **made)
        for number, day in enumerate(days, start=first)
    ]


@pytest.fixture
def slots_of(in_memory):
    """The states of the slots of all that is expected, by item and server."""

    def call(*records, register, now):
        with index_of(in_memory, list(records)) as index:
            return [
                (each.item_id, each.server, [slot.state for slot in expectations.slots(each, index, at(now))])
                for each in expected_by(index, register, PROCEDURE, at(now).date())
            ]

    return call


def request_of(folio, since, server="srv-db01", **changes):
    kinds = {"repository_type": "database", "information_type": "database", "source": "escolares"}
    return accepted(folio, since, servers=[server], **kinds, **changes)


def test_what_a_moved_item_was_stays_done(slots_of):
    """Breaks: a database that moves to another server leaves its whole past behind as missed."""
    records = [*request_of(A, "2026-11-16"), *request_of(B, "2026-11-19", "srv-db02", amends_folio=A)]
    old, new = nights(17, 18), nights(20, first=3, server="srv-db02", request_folio=B)
    register = inventory(("srv-db02", B, database_item()))
    found = slots_of(*records, *old, *new, register=register, now="2026-11-20T12:00:00")
    assert found == [("escolares", "srv-db01", ["done"] * 2), ("escolares", "srv-db02", ["done"])]


def test_what_was_cancelled_and_requested_anew_stays_done(slots_of):
    """Breaks: the second request of the same item takes the past of the first with it."""
    cancelled = cancellation_record(A, date(2026, 11, 19))
    records = [*request_of(A, "2026-11-16"), *nights(17, 18), cancelled, *request_of(B, "2026-11-19")]
    register = inventory(("srv-db01", B, database_item()))
    for new in ([], nights(20, first=3, request_folio=B)):
        found = slots_of(*records, *new, register=register, now="2026-11-20T12:00:00")
        assert [states for _item, _server, states in found] == [["done"] * 2, ["done" if new else "pending"]]


def test_a_renamed_item_keeps_its_past(slots_of):
    """Breaks: every day before an item got its new id is missed."""
    records = [*request_of(A, "2026-11-16"), *nights(17, 18), *nights(19, first=3, item_id="escolares-pg")]
    register = inventory(("srv-db01", A, database_item(id="escolares-pg")))
    found = slots_of(*records, register=register, now="2026-11-19T12:00:00")
    assert found == [("escolares-pg", "srv-db01", ["done"] * 3)]


def test_another_requests_backup_is_no_evidence(slots_of):
    """Breaks: what was asked for anew under a new folio counts for the days of the old one, or the other way round."""
    records = [*request_of(A, "2026-11-16"), *nights(17, 18, request_folio=C)]
    register = inventory(("srv-db01", A, database_item()))
    assert slots_of(*records, register=register, now="2026-11-18T12:00:00") == [
        ("escolares", "srv-db01", ["missed", "pending"])
    ]


def test_what_was_disposed_of_is_not_missed(slots_of):
    """Breaks: once a year's records are gone, each of its days is a failure."""
    gone = {"record_type": "disposal", "ledger_year": 2026, "server": "srv-db01"}
    records = [*request_of(A, "2026-11-16"), gone]
    register = inventory(("srv-db01", A, database_item()))
    assert slots_of(*records, register=register, now="2027-01-03T12:00:00") == [
        ("escolares", "srv-db01", ["missed", "pending"])
    ]


def test_a_change_that_is_cancelled_before_it_begins_changes_nothing(slots_of):
    """Breaks: whoever withdraws a change loses the backup on the day on which it would have begun."""
    records = [
        *request_of(A, "2026-11-16"),
        *request_of(B, "2026-11-19", amends_folio=A),
        cancellation_record(B, date(2026, 11, 17)),
        *nights(17, 18, 19, 20),
    ]
    register = inventory(("srv-db01", A, database_item()))
    found = slots_of(*records, register=register, now="2026-11-20T12:00:00")
    assert found == [("escolares", "srv-db01", ["done"] * 4)]


def test_a_missed_slot_is_of_the_kind_that_it_had(in_memory, procedure):
    """Breaks: a night's failure is recorded as of the week that came in its place, and a week's backup closes it."""
    source = {"repository_type": "software_project", "information_type": "source_code", "source": "escolares"}
    change = accepted(B, "2026-11-19", servers=["srv-db01"], amends_folio=A, **source)
    now = at("2026-11-20T12:00:00")
    with index_of(in_memory, [*request_of(A, "2026-11-16"), *change]) as index:
        (each,) = expected_by(index, EMPTY, procedure, now.date())
        records = [
            expectations.missed(each, slot, context=CONTEXT, procedure=procedure)
            for slot in expectations.unrecorded(each, index, now)
        ]
    assert [record["information_type"] for record in records] == ["database"] * 2
