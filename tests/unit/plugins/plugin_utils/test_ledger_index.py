# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import os
import sqlite3
import tempfile
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_index as module
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record, started
from hypothesis import given
from hypothesis import strategies as st

TABLES = ("head", "folio", "history", "backup", "recovery", "repository", "run", "pending", "file")


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


RECORDS = st.lists(
    st.one_of(
        st.builds(
            lambda item, day, result, size, run: backup_record(
                "database", f"2026-11-{day:02d}", result, item_id=item, size_bytes=size, run_id=run
            ),
            st.sampled_from("abc"),
            st.integers(1, 30),
            st.sampled_from(["first", "conforming", "review", "nonconforming"]),
            st.integers(0, 9),
            st.sampled_from(["R1", "R2", None]),
        ),
        st.builds(lambda item, day: failure_record(f"2026-11-{day:02d}", item_id=item), st.sampled_from("abc"),
                  st.integers(1, 30)),
        st.builds(started, st.sampled_from(["R1", "R2"]), st.sampled_from([(), ("a",), ("a", "b"), ("c", "c")])),
        st.builds(lambda run: started(run, run_event="ended"), st.sampled_from(["R1", "R2"])),
    ),
    max_size=12,
)  # fmt: skip


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
        assert (index.knows_run("R1"), index.knows_run("R2")) == (True, False)


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
