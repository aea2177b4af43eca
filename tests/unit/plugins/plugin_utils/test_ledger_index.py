# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import os
import sqlite3
import tempfile
from datetime import date, datetime
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_index as module
from ansible_collections.dse.backup.plugins.plugin_utils.backups import undelivered
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    cancellation_record,
    decision_record,
    delivery_record,
    failure_record,
    index_of,
    loan_record,
    loan_step,
    request_record,
    started,
)
from hypothesis import given, settings
from hypothesis import strategies as st

TABLES = (
    *("head", "folio", "history", "backup", "recovery", "repository", "run", "pending", "file"),
    *("request", "failure", "record", "acknowledgement", "trial", "carried_out", "disposed", "loan"),
)


def content(index):
    """All that an index says, but for the CSV files' sizes: those are of the files, not of the lines."""
    return {table: sorted(index._connection.execute(f"SELECT * FROM {table}")) for table in TABLES}


def read(directory):
    with Index.for_reading(str(directory)) as index:
        return content(index)


def stored(directory):
    with Index.for_writing(str(directory)) as index:
        return content(index)


def index_file(ledger):
    return Path(ledger.directory, "index.sqlite3")


def everything(directory):
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size, path.read_bytes() if path.is_file() else b"")
        for path in [Path(directory), *Path(directory).rglob("*")]
    }


def drill(item_id="portal-src", result="passed", day="2026-11-23", **changes):
    return {
        "record_type": "drill",
        "item_id": item_id,
        "server": "srv-web01",
        "backup_folio": "DSE-02-2026-0001",
        "started_at": f"{day}T10:00:00-06:00",
        "result": result,
        **changes,
    }


def recovery(item_id="portal-src", result="restored", day="2026-11-23", **changes):
    return {
        **drill(item_id, result, day),
        "record_type": "recovery",
        "form_code": "FOR 7.5 DSE 05",
        "destination_server": "srv-web02",
        **changes,
    }


def acknowledgement(about, result="accepted", role="CGDW", **changes):
    record = {"record_type": "acknowledgement", "about_folio": about, "acknowledged_as": role, "result": result}
    return {**record, **changes}


def closing(about, **changes):
    return {"record_type": "closing", "about_folio": about, "evidence": "backup", **changes}


def plan_line(item_id, version=1, year=2026):
    numbers = {"plan_year": year, "plan_version": version}
    return {"record_type": "plan", "form_code": "FOR 7.5 CSC 01", "item_id": item_id, **numbers}


ITEMS = st.sampled_from("abc")
RUNS = st.sampled_from(["R1", "R2"])
YEAR = datetime.now(load().zone).year
LOANS = st.integers(1, 2).map(lambda number: f"CSC-03-{YEAR}-{number:04d}")
# Of what may be there already, may be there later, and of views.
FOLIOS = st.one_of(
    st.integers(1, 6).map(lambda number: f"DSE-05-{YEAR}-{number:04d}"),
    st.integers(1, 3).map(lambda number: f"DSE-03-{YEAR}-{number:04d}"),
    st.integers(1, 2).map(lambda number: f"CSC-02-{YEAR}-{number:04d}"),
    LOANS,
    st.just("DSE-03-2026-W47"),
)
DECISIONS = st.sampled_from(["accepted", "rejected"])
MADE = st.builds(
    lambda item, day, result, size, run: backup_record(
        "database", f"2026-11-{day:02d}", result, item_id=item, size_bytes=size, run_id=run, file_name=item * 64
    ),
    ITEMS,
    st.integers(1, 30),
    st.sampled_from(["first", "conforming", "review", "nonconforming"]),
    st.integers(0, 9),
    st.sampled_from(["R1", "R2", None]),
)
FAILED = st.builds(
    lambda item, day, stage: failure_record(f"2026-11-{day:02d}", item_id=item, failure_stage=stage),
    ITEMS,
    st.integers(1, 30),
    st.sampled_from(["backup", "restore"]),
)
RECORD = st.one_of(
    MADE,
    FAILED,
    st.builds(lambda entry, failure: {**entry, "follow_ups": [failure]}, MADE, FAILED),
    st.builds(started, RUNS, st.sampled_from([(), ("a",), ("a", "b"), ("c", "c")])),
    st.builds(lambda run: started(run, run_event="ended"), RUNS),
    st.builds(lambda: {key: value for key, value in request_record().items() if key != "folio"}),
    st.builds(
        lambda amends: {key: value for key, value in request_record(amends_folio=amends).items() if key != "folio"},
        FOLIOS,
    ),
    st.builds(decision_record, FOLIOS, DECISIONS),
    st.builds(lambda item, about, decision: decision_record(about, decision, item_id=item), ITEMS, FOLIOS, DECISIONS),
    st.builds(closing, FOLIOS),
    st.builds(acknowledgement, FOLIOS, DECISIONS, st.sampled_from(["CGDW", "CSC"])),
    st.builds(drill, ITEMS, st.sampled_from(["passed", "failed"])),
    st.builds(recovery, ITEMS, st.sampled_from(["restored", "not_restored"]),
              safety_file_name=st.sampled_from([None, "e" * 64])),
    st.builds(
        lambda item, about, result: {
            **{key: value for key, value in delivery_record("", about, item_id=item).items() if key != "folio"},
            "result": result,
        },
        ITEMS,
        FOLIOS,
        st.sampled_from(["done", "incomplete"]),
    ),
    st.builds(lambda: {key: value for key, value in loan_record("").items() if key != "folio"}),
    st.builds(recovery, ITEMS, loan_folio=LOANS),
    st.builds(plan_line, ITEMS, st.integers(1, 2), st.sampled_from([2026, 2027])),
    st.builds(
        lambda item: {"record_type": "disposal", "server": "srv-web01", "result": "done",
                      "disposed": [{"file_name": item * 64}]},
        ITEMS,
    ),
    st.builds(
        lambda read, item: {"record_type": "run", "run_event": "verified", "run_id": "R1", "server": "srv-web01",
                            "read": read, "result": "damaged", "damaged_file_names": [item * 64]},
        st.sampled_from(["all", "1/30"]),
        ITEMS,
    ),
)  # fmt: skip
RECORDS = st.lists(RECORD, max_size=12)


@pytest.fixture
def filled(ledger):
    ledger.append([started(items=("portal-src", "escolares"), highest_request_folios=["DSE-05-2026-0007"])])
    ledger.append([backup_record("source_code", "2026-11-22", run_id="R1", file_name="f" * 64)])
    ledger.append([failure_record("2026-11-22", item_id="other", run_id=None)])
    return ledger


def test_it_answers_what_the_plan_asks(filled):
    with filled.read() as index:
        assert index.open_runs() == {"R1": [{"item_id": "escolares", "server": "srv-web01"}]}
        assert index.history("portal-src").baseline["file_name"] == "f" * 64
        assert index.history("unknown").baseline is None
        assert set(index.histories()) == {"portal-src", "other"}
        assert index.snapshots("srv-web01") == ["f" * 16]
        assert index.snapshots("srv-db01") == []


@given(RECORDS)
def test_what_decides_whether_an_item_is_due_is_what_its_history_says(procedure, records):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        ledger = Ledger(directory, procedure)
        ledger.prepare()
        ledger.append(records)
        with ledger.read() as index:
            histories, standings = index.histories(), index.standings()
    assert standings.keys() == histories.keys()
    for item_id, standing in standings.items():
        assert standing._asdict() == {name: getattr(histories[item_id], name) for name in standing._fields}


def test_an_append_commits_the_index_once(filled, monkeypatch):
    # Each commit waits for the disk.
    commits = []

    class Counting(sqlite3.Connection):
        def commit(self):
            commits.append(self.in_transaction)
            super().commit()

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *where, **how: connect(*where, **{**how, "factory": Counting}))
    filled.append([backup_record("database", "2026-11-23")])
    assert commits.count(True) == 1


@pytest.mark.parametrize("event", ["ended", "cut_off"])
def test_a_run_that_ended_is_open_no_more(filled, event):
    filled.append([{"record_type": "run", "run_event": event, "run_id": "R1"}])
    with filled.read() as index:
        assert index.open_runs() == {}


def test_a_plan_that_names_an_item_twice_locks_nobody_out(ledger):
    # One more line that cannot be taken in, and no other would ever be.
    ledger.append([started(items=("portal-src", "portal-src"))])
    ledger.append([failure_record("2026-11-22")])
    with ledger.read() as index:
        assert [each["item_id"] for each in index.open_runs()["R1"]] == ["portal-src"]


@given(batches=st.lists(RECORDS, min_size=1, max_size=4))
def test_built_record_by_record_or_at_once_it_is_the_same(procedure, batches):
    # Its truth is the files: what is derived can be thrown away at any time.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        ledger = Ledger(directory, procedure)
        ledger.prepare()
        for batch in batches:
            ledger.append(batch)
        incremental = stored(directory)
        assert read(directory) == incremental
        index_file(ledger).unlink()
        assert read(directory) == incremental
        assert stored(directory) == incremental


def _garbage(path):
    path.write_bytes(b"garbage" * 999)


def _half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _middle(path):
    with open(path, "r+b") as stream:
        stream.seek(4096)
        stream.write(os.urandom(path.stat().st_size - 4096))


def _other_version(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


@pytest.mark.parametrize(
    "harm", [Path.unlink, _garbage, _half, _middle, _other_version, lambda path: path.write_bytes(b"")]
)
def test_a_lost_or_damaged_index_is_made_again(filled, harm):
    # By the next run, without help, whatever the damage.
    before = stored(filled.directory)
    harm(index_file(filled))
    filled.prepare()
    assert read(filled.directory) == before
    filled.append([failure_record("2026-11-23", item_id="new")])
    index_file(filled).unlink()
    assert len(read(filled.directory)["history"]) == 3


def test_an_index_ahead_of_the_files_is_made_again(filled):
    # Somebody restored an older ledger beside a newer index.
    file = next(Path(filled.directory).glob("*.jsonl"))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0])
    with filled.read() as index:
        assert index.histories() == {}
    filled.append([failure_record("2026-11-23", item_id="new")])
    with filled.read() as index:
        assert list(index.histories()) == ["new"]


def test_an_index_that_lags_is_read_to_the_last_line(filled):
    before = index_file(filled).read_bytes()
    filled.append([failure_record("2026-11-23", item_id="new")])
    index_file(filled).write_bytes(before)
    with filled.read() as index:
        assert "new" in index.histories()


@pytest.mark.parametrize("state", ["current", "lagging", "missing", "damaged", "empty directory"])
def test_reading_writes_no_byte(filled, state):
    # In check mode, and by plan, list, find and report, nothing is written.
    if state == "lagging":
        before = index_file(filled).read_bytes()
        filled.append([failure_record("2026-11-23")])
        index_file(filled).write_bytes(before)
    elif state == "missing":
        index_file(filled).unlink()
    elif state == "damaged":
        _garbage(index_file(filled))
    elif state == "empty directory":
        filled.directory = str(Path(filled.directory, "runs"))
    before = everything(filled.directory)
    with filled.read() as index:
        index.histories(), index.open_runs(), index.snapshots("srv-web01")
        assert everything(filled.directory) == before
    assert everything(filled.directory) == before


def test_a_reader_and_a_writer_do_not_wait_for_each_other(filled):
    with filled.read() as index:
        assert "new" not in index.histories()
        filled.append([failure_record("2026-11-23", item_id="new")])
    with filled.read() as index:
        assert "new" in index.histories()


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"record_type":"backup"}',
        b'{"record_type":"run","record_sha256":[1]}',
        b'{"record_type":"run","run_id":{},"run_event":"x","record_sha256":"a"}',
        b'{"record_type":"run","run_id":1e400,"run_event":"x","record_sha256":"a"}',
        b'{"record_type":"failure","item_id":99999999999999999999,"scheduled_for":"x","record_sha256":"a"}',
        b'{"record_type":"failure","item_id":"a","scheduled_for":"never","record_sha256":"a"}',
        b'{"record_type":"backup","item_id":"a","backup_date":7,"record_sha256":"a"}',
        b'{"record_type":"run","run_id":"a","run_event":"started","planned":7,"record_sha256":"a"}',
        b'{"record_type":"run","run_id":"a","run_event":"started","highest_request_folios":7,"record_sha256":"a"}',
    ],
)
def test_a_line_that_somebody_damaged_stops_no_other(filled, line):
    # Faults 10: the chain's verification names it; backups go on.
    file = next(Path(filled.directory).glob("*.jsonl"))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], line + b"\n", *lines[1:]]))
    index_file(filled).unlink()
    filled.append([failure_record("2026-11-23", item_id="new")])
    with filled.read() as index:
        assert {"portal-src", "other", "new"} <= set(index.histories())


def test_neither_appending_nor_planning_reads_old_lines(filled, monkeypatch):
    # Speed is part of the shape: a ledger of ten years costs what a new one costs.
    filled.append([failure_record("2026-11-22", error_message=f"{number}" * 50) for number in range(500)])
    read_bytes = []

    class Counting(io.FileIO):
        def readinto(self, buffer):
            count = super().readinto(buffer)
            read_bytes.append(count)
            return count

    monkeypatch.setattr(module, "open", lambda path, mode: io.BufferedReader(Counting(path)), raising=False)
    filled.append([failure_record("2026-11-23")])
    with filled.read() as index:
        index.histories()
    assert sum(read_bytes) < 4096 < next(Path(filled.directory).glob("*.jsonl")).stat().st_size


# --- Answers ----------------------------------------------------------------------------------------------------------

A, B, C = (f"DSE-05-2026-{number:04d}" for number in (1, 2, 3))


@pytest.fixture
def index(in_memory):
    """What a ledger of these records adds up to, open."""
    opened = []

    def read(*records):
        opened.append(index_of(in_memory, list(records)))
        return opened[-1]

    yield read
    for each in opened:
        each.__exit__(None, None, None)


def test_a_record_is_found_by_its_folio_and_by_what_it_is_about(index):
    found = index(
        failure_record("2026-11-22", folio=A, error_message="señal «á»"),
        closing(A, cause="uno"),
        acknowledgement("DSE-03-2026-W47"),
        closing(A, record_type="correction", cause="dos"),
        failure_record("2026-11-22", folio=B, about_folio="DSE-03-2026-0001"),
    )
    assert found.record(A)["error_message"] == "señal «á»"
    assert found.record("DSE-05-2026-0999") is None and found.record("DSE-03-2026-W47") is None
    assert [found.knows(folio) for folio in (A, B, C, "DSE-03-2026-W47")] == [True, True, False, False]
    assert [each["cause"] for each in found.about(A)] == ["uno", "dos"]
    assert [each["cause"] for each in found.about(A, "correction")] == ["dos"]
    assert [each["record_type"] for each in found.about("DSE-03-2026-W47")] == ["acknowledgement"]
    assert [each["folio"] for each in found.about("DSE-03-2026-0001")] == [B]
    assert found.about(B) == []


def test_records_are_read_from_the_file_of_their_year(ledger, monkeypatch):
    class Frozen(datetime):
        moment = "2026-12-31T23:59:59"

        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(cls.moment).replace(tzinfo=tz)

    monkeypatch.setattr("ansible_collections.dse.backup.plugins.plugin_utils.ledger.datetime", Frozen)
    (old,) = ledger.append([failure_record("2026-12-31")]).records
    Frozen.moment = "2027-01-01T00:00:00"
    new, closed = ledger.append([failure_record("2027-01-01"), closing(old["folio"])]).records
    with ledger.read() as found:
        assert (found.record(old["folio"]), found.record(new["folio"])) == (old, new)
        assert found.about(old["folio"]) == [closed]
        assert [each.folio for each in found.open_failures()] == [new["folio"]]


def test_a_failure_is_open_until_something_closes_it(index):
    found = index(
        failure_record("2026-11-20", folio=A, information_type="database", failure_stage="verification"),
        failure_record("2026-11-21", folio=B, item_id="other"),
        failure_record("2026-11-22", folio=C),
        closing(B),
        closing("DSE-03-2026-W47", evidence="review"),
        # What else is said about a failure closes nothing.
        acknowledgement(A),
        closing(A, record_type="correction"),
    )
    assert [each.folio for each in found.open_failures()] == [A, C]
    first = found.open_failures()[0]
    assert (first.information_type, first.failure_stage, first.server) == ("database", "verification", "srv-web01")
    # Closed ones are failures that were, all the same.
    assert [each.folio for each in found.failures()] == [A, B, C]
    assert [each.folio for each in found.failures(item_id="other")] == [B]
    assert [each.folio for each in found.failures(since="2026-11-21")] == [B, C]
    assert [each.folio for each in found.failures(item_id="portal-src", since="2026-11-21")] == [C]


def test_failures_are_told_in_the_order_of_their_records(index):
    found = index(failure_record("2026-11-22", folio=C), failure_record("2026-11-20", folio=A))
    assert [each.folio for each in found.failures()] == [each.folio for each in found.open_failures()] == [C, A]


def test_a_closing_closes_what_was_there_before_it(index):
    assert [each.folio for each in index(closing(A), failure_record("2026-11-20", folio=A)).open_failures()] == [A]


def test_backups_of_an_item_a_server_some_days(index):
    found = index(
        backup_record("database", "2026-11-20", folio="X1"),
        backup_record("database", "2026-11-22", folio="X2", item_id="other"),
        backup_record("database", "2026-11-21", folio="X3", server="srv-db01"),
    )

    def folios(**wanted):
        return [each.folio for each in found.backups(**wanted)]

    assert folios() == ["X1", "X2", "X3"]  # In the order of their records.
    assert folios(since="2026-11-21") == ["X2", "X3"]
    assert folios(until="2026-11-21") == ["X1", "X3"]
    assert folios(since="2026-11-21", until="2026-11-21") == ["X3"]
    assert folios(item_id="portal-src", until="2026-11-20") == ["X1"]
    assert folios(server="srv-db01", since="2026-11-22") == []


def test_under_which_ids_one_thing_was_backed_up(index):
    """Breaks: a failure under a request's folio, or an item's old id, is never closed by a backup of the item."""
    kind = {"information_type": "database", "repository_type": "database", "source": "escolares"}
    change = accepted(B, "2026-11-22", amends_folio=A, **kind)
    found = index(
        *accepted(A, "2026-11-16", **kind),
        backup_record("database", "2026-11-20", folio="X1", item_id="old", request_folio=A),
        *change,
        backup_record("database", "2026-11-23", folio="X2", item_id="new", request_folio=B),
        backup_record("database", "2026-11-23", folio="X3", item_id="other", request_folio=C),
        backup_record("database", "2026-11-23", folio="X4", item_id="there", request_folio=A, server="srv-db02"),
    )
    for name in (A, B, "old", "new"):
        assert sorted({*found.also_known_as(name, "srv-web01")} - {A, B}) == ["new", "old"]
    assert found.also_known_as("other", "srv-web01") == ["other"]
    assert found.also_known_as(A, "srv-db02") == [A, "there"]
    assert found.also_known_as("never", "srv-web01") == ["never"]


def test_suspects_wait_until_jaa_decides_however_many(index):
    """Breaks: of sixty nights that JAA has not looked at, the first ones can never be decided."""
    nights = [
        backup_record(
            "database", f"2026-{9 + number // 30:02d}-{1 + number % 30:02d}", "nonconforming", folio=f"X{number}"
        )
        for number in range(60)
    ]
    decided = [
        decision_record("X3", "rejected", item_id="portal-src"),
        decision_record("X4", "accepted", item_id="portal-src"),
    ]
    found = index(backup_record("database", "2026-08-31", folio="good"), *nights, *decided)
    assert [each.folio for each in found.suspects()] == [f"X{number}" for number in range(60) if number not in (3, 4)]


def test_since_when_anything_is_known(index):
    assert index().begins_on == date.min
    years = [{"record_type": "disposal", "ledger_year": year, "server": "srv-web01"} for year in (2025, 2024)]
    assert index(*years).begins_on == date(2026, 1, 1)


def test_trials_that_passed(index):
    found = index(
        drill(),
        drill(result="failed"),
        drill("other"),
        recovery(folio=A, backup_folio="DSE-02-2026-0009"),
        recovery(folio=B, result="not_restored"),
        acknowledgement(A),
    )
    assert [(each.record_type, each.backup_folio, each.folio) for each in found.trials("portal-src")] == [
        ("drill", "DSE-02-2026-0001", ""),
        ("recovery", "DSE-02-2026-0009", A),
    ]
    assert found.trials("portal-src")[0].moment.isoformat() == "2026-11-23T10:00:00-06:00"
    assert found.trials("unknown") == []


def test_csc_has_what_was_delivered_unless_it_rejects_it(index):
    """Breaks: what CSC has is sent again every day, or what it rejected is never sent again."""
    one, other = (backup_record("source_code", f"2026-11-{day}", folio=f"DSE-02-2026-00{day}") for day in (20, 21))
    first = delivery_record("CSC-02-2026-0001", one["folio"], other["folio"])
    second = delivery_record("CSC-02-2026-0002", other["folio"])
    rejected = [acknowledgement(each["folio"], "rejected", "CSC") for each in (first, second)]

    def delivered(*records):
        return [each.delivery_folio for each in index(one, other, *records).backups()]

    assert delivered() == [None, None]
    assert delivered(first) == [first["folio"]] * 2
    assert delivered(first, acknowledgement(first["folio"], role="CSC")) == [first["folio"]] * 2
    assert delivered(first, rejected[0]) == [None, None]
    assert delivered(first, rejected[0], second) == [None, second["folio"]]
    assert delivered(first, rejected[0], second, acknowledgement(second["folio"], role="CSC")) == delivered(second)
    # What is said of one delivery says nothing of a later one.
    assert delivered(first, second, rejected[0]) == [None, second["folio"]]
    assert delivered(first, second, rejected[1]) == [first["folio"], None]


def test_a_delivery_waits_until_csc_says_something(index):
    first, second = (delivery_record(f"CSC-02-2026-000{number}", "DSE-02-2026-0001") for number in (1, 2))
    waiting = [each["folio"] for each in index(first, second).unacknowledged_deliveries()]
    assert waiting == [first["folio"], second["folio"]]
    for result in ("accepted", "rejected"):
        found = index(first, second, acknowledgement(first["folio"], result, "CSC"))
        assert [each["folio"] for each in found.unacknowledged_deliveries()] == [second["folio"]]


def test_a_delivery_is_a_trial_of_its_backups_and_a_whole_one_of_its_server(index):
    whole = delivery_record("CSC-02-2026-0001", "DSE-02-2026-0001", "DSE-02-2026-0002")
    part = delivery_record("CSC-02-2026-0002", "DSE-02-2026-0003", result="incomplete", item_id="other")
    found = index(whole, part)

    def trials(of):
        return [(each.record_type, each.backup_folio, each.folio) for each in found.trials(of)]

    assert trials("portal-src") == [("delivery", each["folio"], whole["folio"]) for each in whole["files"]]
    assert trials("other") == [("delivery", "DSE-02-2026-0003", part["folio"])]
    assert trials("srv-web01") == [("delivery", "", whole["folio"])]
    # Of some items alone, by name: what else waits for CSC is not settled by it.
    found = index({**whole, "covers_all": False})
    assert trials("srv-web01") == [] and trials("portal-src")


def verified(result, *damaged, **more):
    return {
        **{"record_type": "run", "run_event": "verified", "run_id": "R1", "server": "srv-web01", "read": "all"},
        **{"finished_at": "2026-11-23T10:00:00-06:00", "result": result, "damaged_file_names": list(damaged), **more},
    }


def test_what_was_brought_back_is_known_by_its_first_id_and_by_the_new_one(index):
    """Breaks: it is recorded as a new backup, or what happens to it later is not told of it."""
    made = [backup_record("source_code", "2026-11-20", folio=f"B{name}", file_name=name * 64) for name in "ab"]
    repaired = [{"folio": "Ba", "item_id": "portal-src", "file": "a" * 64, "stored_as": "c" * 64}]
    mended = verified("intact", repaired=repaired)
    found = index(*made, verified("damaged", "a" * 64), mended)
    one, other = found.backups()
    assert (one.file_name, one.snapshot, one.is_damaged) == ("a" * 64, "c" * 64, False)
    assert other.snapshot == other.file_name
    assert {"a" * 16, "b" * 16, "c" * 16} == set(found.snapshots("srv-web01"))
    assert [each.record_type for each in found.trials("portal-src")] == ["repair"]
    assert [each.backup_folio for each in found.trials("srv-web01")] == [""]
    assert found.trials("srv-web01") and index(*made, verified("damaged", repaired=repaired)).trials("srv-web01") == []
    # Damaged once more, and pruned, under the id that it has now.
    assert index(*made, mended, verified("damaged", "c" * 64)).backup("Ba").is_damaged
    gone = {"record_type": "disposal", "server": "srv-web01", "result": "done", "disposed": [{"file_name": "c" * 64}],
            "recorded_at": "2026-11-24T10:00:00.000-06:00"}  # fmt: skip
    assert index(*made, mended, gone).backup("Ba").removed_on == "2026-11-24"
    assert index(*made, mended, gone).snapshots("srv-web01") == ["b" * 16]


def test_what_a_restore_could_not_read_is_damaged_until_all_was_read_again(index):
    """Breaks: each restore tries JAA's copy in vain, and repair.yml waits for a verification."""
    made = backup_record("source_code", "2026-11-20", folio="B1")
    failed = failure_record("2026-11-21", folio="DSE-05-2026-0002", about_folio="B1", failure_stage="jaa_copy")
    assert index(made, failed).backup("B1").is_damaged
    assert not index(made, {**failed, "failure_stage": "restore"}).backup("B1").is_damaged
    assert not index(made, failed, verified("intact")).backup("B1").is_damaged


def test_a_recovery_on_loan_is_no_trial_of_jaa_s_copy(index):
    recovery = {
        **{"record_type": "recovery", "folio": "DSE-05-2026-0014", "item_id": "portal-src", "result": "restored"},
        **{"backup_folio": "B1", "started_at": "2026-11-23T10:00:00-06:00", "destination_server": "srv-web01"},
    }
    kinds = {
        copy: index({**recovery, "copy_used": copy}).trials("portal-src")[0].record_type for copy in ("jaa", "csc")
    }
    assert kinds == {"jaa": "recovery", "csc": "loan"}


def test_a_loan_is_as_far_as_its_steps_took_it(index):
    """Breaks: a loan is lost from the index, or closes for one who has the other."""
    one, other = "CSC-03-2026-0001", "CSC-03-2026-0002"
    records = [
        loan_record(one),
        loan_record(other, media_id="CSC-HD-11"),
        *(loan_step(other, state) for state in ("authorised", "lent", "checked", "returned", "received_back")),
        loan_step(one, "authorised"),
        recovery(folio="DSE-05-2026-0014", loan_folio=one),
        # Of no loan that is known: its year was disposed of.
        loan_step("CSC-03-2025-0009", "received_back"),
        recovery(folio="DSE-05-2026-0016", loan_folio="CSC-03-2025-0009"),
    ]
    found = index(*records)
    assert [(each.folio, each.state) for each in found.loans()] == [(one, "authorised"), (other, "received_back")]
    assert [each.folio for each in found.loans(is_open=True)] == [one]
    assert found.loan(one).restore_folio == "DSE-05-2026-0014"
    assert (found.loan(other).media_id, found.loan(other).received_back_by) == ("CSC-HD-11", "CSC")
    assert found.loan("CSC-03-2026-0003") is None and found.loan("DSE-02-2026-0001") is None
    (asked,) = found._records("folio = ?", one)
    assert found.loan(one).record_sha256 == asked["record_sha256"]


def test_csc_is_to_have_what_is_verified_and_can_be_read(index):
    results = ("first", "conforming", "review", "nonconforming", "review", "review", "conforming", "conforming")
    made = [
        backup_record("source_code", f"2026-11-{day}", result, folio=f"B{day}", file_name=f"{day}" * 32)
        for day, result in enumerate(results, start=10)
    ]
    found = index(
        *made,
        decision_record("B14", item_id="portal-src"),
        decision_record("B15", "rejected", item_id="portal-src"),
        {"record_type": "disposal", "server": "srv-web01", "result": "done", "disposed": [{"file_name": "16" * 32}],
         "recorded_at": "2026-11-22T10:00:00.000-06:00"},
        {"record_type": "run", "run_event": "verified", "run_id": "R1", "server": "srv-web01", "read": "all",
         "result": "damaged", "damaged_file_names": ["17" * 32]},
    )  # fmt: skip
    assert [each.folio for each in undelivered(found.backups())] == ["B10", "B11", "B14"]


def recoveries(found):
    return [(each["folio"], each["is_rejected"]) for each in found.unaccepted_recoveries()]


def when(minute):
    return {"recorded_at": f"2026-11-23T10:{minute:02d}:00.000-06:00"}


def test_a_recovery_waits_until_the_cgdw_calls_it_right(index):
    mine = recovery(folio=A, **when(1))
    assert recoveries(index(mine)) == [(A, False)]
    assert recoveries(index(mine, acknowledgement(A, "rejected"))) == [(A, True)]
    assert recoveries(index(mine, acknowledgement(A, "rejected"), acknowledgement(A))) == []
    assert recoveries(index(mine, acknowledgement(A))) == []
    # What brought nothing back has its failure instead.
    assert recoveries(index(recovery(folio=A, result="not_restored"))) == []
    assert recoveries(index(mine, recovery(folio=B, item_id="other", **when(2)), acknowledgement(B))) == [(A, False)]


def test_what_was_recovered_once_more_and_called_right_then_waits_no_more(index):
    first, second, third = (recovery(folio=folio, **when(minute)) for minute, folio in enumerate((A, B, C), start=1))
    assert recoveries(index(first, second, acknowledgement(A, "rejected"))) == [(A, True), (B, False)]
    assert recoveries(index(first, second, acknowledgement(A, "rejected"), acknowledgement(B))) == []
    # A later one still waits.
    assert recoveries(index(first, second, third, acknowledgement(B))) == [(C, False)]


def test_who_acknowledged_and_how(index):
    said = [acknowledgement(A, "rejected"), acknowledgement("CSC-01-2026", role="JAA"), acknowledgement(A)]
    found = index(*said)
    assert found.acknowledged(A) == [("CGDW", "rejected"), ("CGDW", "accepted")]
    assert found.acknowledged("CSC-01-2026") == [("JAA", "accepted")]
    assert found.acknowledged(B) == []


def test_the_lines_of_a_years_plan_in_all_their_versions(index):
    lines = [plan_line("a"), plan_line("b", year=2027), plan_line("c"), plan_line("a", 2)]
    lines = [{**line, "folio": f"CSC-01-2026-{number:04d}"} for number, line in enumerate(lines)]
    found = index(*lines)
    assert [(each["item_id"], each["plan_version"]) for each in found.plan_lines(2026)] == [
        ("a", 1),
        ("c", 1),
        ("a", 2),
    ]
    assert [each["item_id"] for each in found.plan_lines(2027)] == ["b"]
    assert found.plan_lines(2025) == []


def test_the_register_of_requests_in_the_order_of_their_records(index):
    found = index(*accepted(B), request_record(A), *accepted(C, "2026-12-01", amends_folio=B))
    requests = found.requests()
    assert [(each.folio, each.state, each.amended_by) for each in requests.values()] == [
        (B, "accepted", C),
        (A, "pending", ""),
        (C, "accepted", ""),
    ]
    assert requests[A] == Request.of(request_record(A))
    ended = index(*accepted(B), cancellation_record(B, "2026-11-20")).requests()[B]
    assert (ended.state, ended.ended_on, ended.reason) == ("cancelled", "2026-11-19", "el servicio terminó")


# --- No order of events loses a record --------------------------------------------------------------------------------

# What may happen to the index between two records: it is derived, and may be lost, old, or being read.
EVENTS = st.sampled_from(["nothing", "nothing", "lost", "older", "read", "prepared", "garbage"])


def happen(event, ledger, older):
    """Do to the index what the event says; return the index as it is then."""
    path = index_file(ledger)
    if event == "prepared":
        ledger.prepare()
    elif event == "read":
        read(ledger.directory)
    elif path.exists() and event == "lost":
        path.unlink()
    elif path.exists() and event == "garbage":
        path.write_bytes(b"garbage" * 999)
    elif older and event == "older":
        path.write_bytes(older)
    return path.read_bytes() if path.exists() else b""


def failures_of(written):
    """All failures, and those that no closing after them closed."""
    failed, is_open = {}, {}
    for record in written:
        if record["record_type"] == "failure":
            failed[record["folio"]] = is_open[record["folio"]] = Failure.of(record)
        elif record["record_type"] == "closing":
            is_open.pop(record["about_folio"], None)
    return list(failed.values()), list(is_open.values())


def folios_of(written, record_type):
    return [each["folio"] for each in written if each["record_type"] == record_type]


@settings(max_examples=40)
@given(st.lists(st.tuples(EVENTS, st.lists(RECORD, max_size=5)), min_size=1, max_size=7))
def test_no_order_of_events_loses_a_record(procedure, events):
    written, older = [], b""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        Ledger(directory, procedure).prepare()
        for event, batch in events:
            ledger = Ledger(directory, procedure)
            older = happen(event, ledger, older)
            written += ledger.append(batch).records
        lines = b"".join(each.read_bytes() for each in sorted(Path(directory).glob("*.jsonl"))).splitlines()
        assert [json.loads(line) for line in lines] == written
        with Ledger(directory, procedure).read() as found:
            for record in written:
                assert "folio" not in record or found.record(record["folio"]) == record
            for folio in {each["about_folio"] for each in written if "about_folio" in each}:
                assert found.about(folio) == [each for each in written if each.get("about_folio") == folio]
            assert (found.failures(), found.open_failures()) == failures_of(written)
            assert [each.folio for each in found.backups()] == folios_of(written, "backup")
            assert list(found.requests()) == folios_of(written, "backup_request")
            assert [each.folio for each in found.loans()] == folios_of(written, "loan")


@pytest.mark.parametrize("order", [(None, "a", "b", "c"), ("b", None, "a", "c"), ("a", "a", "c", None)])
def test_what_is_read_once_is_what_is_read_each_time(in_memory, order):
    """Breaks: the second question to one index is answered with another item's backups, or without any."""
    records = [
        backup_record("source_code", f"2026-11-{day:02d}", folio=f"DSE-02-2026-{day:04d}", item_id=item_id)
        for day, item_id in enumerate("abab", start=2)
    ]
    with index_of(in_memory, records) as index:
        expected = {item_id: index.backups(item_id=item_id) for item_id in order}
        index.keep_what_is_read()
        for item_id in order * 2:
            found = index.backups(item_id=item_id)
            assert found == expected[item_id] and all(
                one is two for one, two in zip(found, index.backups(item_id=item_id))
            )
            found.clear()
        assert len(index.backups(server="srv-web01", since="2026-11-03")) == 3
