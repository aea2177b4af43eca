# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger as module
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import TAKEN_FOLIOS, Ledger, LedgerError
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    failure_record,
    loan_record,
    loan_step,
    request_record,
    started,
)

FORK = multiprocessing.get_context("fork")


def files(ledger):
    return sorted(Path(ledger.directory).glob("ledger-*.jsonl"))


def records(ledger):
    """All lines, in order; their chain is proved on the way, by the stable formula alone."""
    found, head = [], "0" * 64
    for file in files(ledger):
        content = file.read_bytes()
        assert content == b"" or content.endswith(b"\n")
        for line in content.splitlines():
            record = json.loads(line)
            assert record["previous_sha256"] == head
            bare = {key: value for key, value in record.items() if key != "record_sha256"}
            text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            head = hashlib.sha256(text.encode("utf-8")).hexdigest()
            assert record["record_sha256"] == head
            found.append(record)
    return found


def folios(ledger, series):
    return [record["folio"] for record in records(ledger) if record.get("folio", "").startswith(series)]


@pytest.fixture
def clock(monkeypatch):
    """Set the ledger's clock to a local time."""

    def set_to(text):
        class Frozen(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromisoformat(text).replace(tzinfo=tz)

        monkeypatch.setattr(module, "datetime", Frozen)

    return set_to


# --- The line ---------------------------------------------------------------------------------------------------------


def test_a_record_gets_what_only_the_ledger_can_give(ledger, procedure, clock):
    clock("2026-11-22T07:00:00.123456")
    record = ledger.append([backup_record("source_code", "2026-11-22", service="Educación «á»", remarks=None)]).records[
        0
    ]
    assert records(ledger) == [record]
    assert record["folio"] == "DSE-02-2026-0001"
    assert record["procedure_revision"] == procedure.procedure_revision
    assert (record["issued_at"], record["recorded_at"]) == (
        "2026-11-22T07:00:00-06:00",
        "2026-11-22T07:00:00.123-06:00",
    )
    assert "remarks" not in record
    assert "Educación «á»".encode() in files(ledger)[0].read_bytes()


def test_what_is_about_a_record_names_its_folio(ledger):
    entries = [
        started(),
        backup_record("database", "2026-11-22", "review", follow_ups=[failure_record("2026-11-22")]),
        failure_record("2026-11-22", item_id="other"),
    ]
    _run, backup, about, other = ledger.append(entries).records
    assert about["about_folio"] == about["backup_folio"] == backup["folio"] == "DSE-03-2026-0001"
    # The first number of the series is that of the item's request.
    assert [about["folio"], other["folio"]] == ["DSE-05-2026-0002", "DSE-05-2026-0003"]
    assert "about_folio" not in other and "follow_ups" not in backup
    assert len(records(ledger)) == 4


@pytest.mark.parametrize(
    "wrong", [{"service": "\ud800"}, {"service": object()}, {"size_bytes": float("nan"), "x": {1, 2}}]
)
def test_a_record_that_cannot_be_written_takes_nothing_with_it(ledger, wrong):
    # All or none, and an error that the callback knows: another one would end the playbook with 0.
    with pytest.raises(LedgerError):
        ledger.append([backup_record("source_code", "2026-11-22"), backup_record("source_code", "2026-11-22", **wrong)])
    assert files(ledger) == []
    assert ledger.append([backup_record("source_code", "2026-11-22")]).records[0]["folio"] == "DSE-02-2026-0001"


# --- Folios -----------------------------------------------------------------------------------------------------------


def test_a_folio_is_never_one_that_a_request_has(ledger, clock):
    # Requests were numbered on paper before there was a ledger; failures share their series.
    clock("2026-11-22T07:00:00")
    numbered = started(highest_request_folios=["DSE-05-2025-0900", "DSE-05-2026-0041"])
    ledger.append(
        [numbered, {"record_type": "run", "run_event": "ended", "run_id": "R0"}, failure_record("2026-11-22")]
    )
    ledger.append([backup_record("source_code", "2026-11-22", request_folio="DSE-05-2026-0050")])
    ledger.append([failure_record("2026-11-22"), failure_record("2026-11-22", request_folio="DSE-05-2026-0020")])
    assert folios(ledger, "DSE-05") == ["DSE-05-2026-0042", "DSE-05-2026-0051", "DSE-05-2026-0052"]


def test_a_folio_beyond_four_digits_goes_on(ledger, clock):
    clock("2026-11-22T07:00:00")
    ledger.append([started(highest_request_folios=["DSE-05-2026-9999"]), failure_record("2026-11-22")])
    assert folios(ledger, "DSE-05") == ["DSE-05-2026-10000"]


@pytest.mark.parametrize("folio", ["DSE-05-2026-" + "9" * 20, "DSE-05-2026-٠٠٠٩", "nonsense", ""])
def test_a_folio_that_is_none_locks_nobody_out(ledger, folio):
    # One slip of the pen in one item must not make the ledger unusable.
    ledger.append([started(highest_request_folios=[folio])])
    ledger.append([failure_record("2026-11-22")])
    with ledger.read() as index:
        assert index.open_runs() == {"R1": []}
    assert folios(ledger, "DSE-05")[0].endswith("-0001")


@pytest.mark.parametrize("folio", ["DSE-05-2026-20260003", "DSE-05-2026-999999999", "DSE-05-2026-1000000000"])
@pytest.mark.parametrize("where", ["highest_request_folios", "request_folio", "folio"])
def test_a_mistyped_folio_does_not_carry_the_series_away(ledger, clock, folio, where):
    # In the inventory; in a request that is taken over with the folio that it has there.
    clock("2026-11-22T07:00:00")
    if where == "folio":
        ledger.append([request(folio)])
    else:
        ledger.append([started(**{where: [folio] if where.startswith("highest") else folio})])
    ledger.append([failure_record("2026-11-22")])
    Path(ledger.directory, "index.sqlite3").unlink()
    ledger.append([failure_record("2026-11-23")])
    assert [each for each in folios(ledger, "DSE-05") if each != folio] == ["DSE-05-2026-0001", "DSE-05-2026-0002"]


def test_a_series_that_comes_to_a_folio_far_ahead_goes_past_it(ledger, clock):
    clock("2026-11-22T07:00:00")
    ledger.append([request("DSE-05-2026-20003"), started(highest_request_folios=["DSE-05-2026-10000"])])
    ledger.append([started("R2", highest_request_folios=["DSE-05-2026-20001"])])
    Path(ledger.directory, "index.sqlite3").unlink()
    ledger.append([failure_record("2026-11-22"), failure_record("2026-11-23")])
    assert folios(ledger, "DSE-05")[1:] == ["DSE-05-2026-20002", "DSE-05-2026-20004"]


def test_whatever_folio_is_given_is_the_last_one_after_a_rebuild_too(ledger, clock):
    clock("2026-11-22T07:00:00")
    ledger.append([{**failure_record("2026-11-22"), TAKEN_FOLIOS: ["DSE-05-2026-10000"]}])
    Path(ledger.directory, "index.sqlite3").unlink()
    ledger.append([failure_record("2026-11-23")])
    assert folios(ledger, "DSE-05") == ["DSE-05-2026-10001", "DSE-05-2026-10002"]


def request(folio=None, **changes):
    """A request's entry; with a folio it was numbered before there was a ledger."""
    entry = request_record(folio, **changes)
    return {key: value for key, value in entry.items() if value is not None}


def test_a_request_that_is_taken_over_keeps_its_folio(ledger, clock):
    clock("2026-11-22T07:00:00")
    ledger.append([request("DSE-05-2026-0042"), failure_record("2026-11-22"), request("DSE-05-2026-0041")])
    ledger.append([failure_record("2026-11-22"), request()])
    assert folios(ledger, "DSE-05") == [f"DSE-05-2026-{number:04d}" for number in (42, 43, 41, 44, 45)]


@pytest.mark.parametrize(
    "entries",
    [
        [request("DSE-05-2026-0001")],
        [request("DSE-05-2026-0009"), request("DSE-05-2026-0009")],
        # The number that the entry before it was just given.
        [failure_record("2026-11-22"), request("DSE-05-2026-0002")],
    ],
)
def test_a_folio_is_given_once_whoever_brings_it(ledger, clock, entries):
    clock("2026-11-22T07:00:00")
    ledger.append([failure_record("2026-11-22")])
    before = files(ledger)[0].read_bytes()
    with pytest.raises(LedgerError, match=r"el folio DSE-05-2026-000\d ya es de otro registro"):
        ledger.append(entries)
    # All or none, and no number is lost.
    assert files(ledger)[0].read_bytes() == before
    ledger.append([failure_record("2026-11-22")])
    assert folios(ledger, "DSE-05") == ["DSE-05-2026-0001", "DSE-05-2026-0002"]


def test_a_folio_of_the_inventory_is_left_to_its_request(ledger, clock):
    # Not in the ledger yet, and no record says so: the entry alone does, and is not changed by it.
    clock("2026-11-22T07:00:00")
    taken = ["DSE-05-2025-0900", "DSE-05-2026-0007", "DSE-05-2026-0003"]
    first, second = ledger.append([{**request(), TAKEN_FOLIOS: taken}, request()]).records
    assert [first["folio"], second["folio"]] == ["DSE-05-2026-0008", "DSE-05-2026-0009"]
    assert not [key for key in records(ledger)[0] if key.startswith("_")]
    ledger.append([request("DSE-05-2026-0007")])
    ledger.append([failure_record("2026-11-22")])
    assert folios(ledger, "DSE-05")[-1] == "DSE-05-2026-0010"


# --- The year ---------------------------------------------------------------------------------------------------------


def test_the_first_line_of_a_year_continues_the_year_before(ledger, clock):
    clock("2026-12-31T23:59:59")
    ledger.append([failure_record("2026-12-31")])
    clock("2027-01-01T00:00:00")
    ledger.append([failure_record("2027-01-01")])
    assert [file.name for file in files(ledger)] == ["ledger-2026.jsonl", "ledger-2027.jsonl"]
    assert folios(ledger, "DSE-05") == ["DSE-05-2026-0001", "DSE-05-2027-0001"]
    assert sorted(os.listdir(Path(ledger.directory, "csv"))) == ["FOR-7.5-DSE-05-2026.csv", "FOR-7.5-DSE-05-2027.csv"]


def test_a_clock_that_goes_back_over_new_year_breaks_no_chain(ledger, clock):
    # Faults 24: read in the order of the files, every line still continues the one before.
    for moment in ("2026-12-31T23:59:59", "2027-01-01T00:30:00", "2026-12-31T23:59:59", "2027-01-01T00:31:00"):
        clock(moment)
        ledger.append([failure_record("2026-12-31")])
    assert len(records(ledger)) == 4


# --- A torn last line -------------------------------------------------------------------------------------------------


def test_a_line_torn_at_every_byte_is_set_aside(ledger):
    # Faults 8: nothing fused, nothing else lost, and it is said.
    ledger.append([failure_record("2026-11-21")])
    whole = files(ledger)[0].read_bytes()
    ledger.append([failure_record("2026-11-22", error_message="señal")])
    content = files(ledger)[0].read_bytes()
    for length in range(len(whole) + 1, len(content)):
        files(ledger)[0].write_bytes(content[:length])
        with ledger.read() as index:
            assert index.head == json.loads(whole)["record_sha256"]
        written = ledger.append([failure_record("2026-11-23")])
        found = records(ledger)
        if length == len(content) - 1:
            # Only the newline was lost: the record is whole and stays.
            assert [each["scheduled_for"][:10] for each in found] == ["2026-11-21", "2026-11-22", "2026-11-23"]
        else:
            assert [each["scheduled_for"][:10] for each in found] == ["2026-11-21", "2026-11-23"]
            aside = Path(ledger.directory, "torn", f"{files(ledger)[0].name}.{len(whole)}")
            assert aside.read_bytes() == content[len(whole) : length]
            assert str(aside) in written.warnings[0]
        assert len(set(folios(ledger, "DSE-05"))) == len(found)


@pytest.mark.parametrize("tail", [b"\0" * 512, b"{}", b"{}\n", b"null\n", b"\xff\xfe\n", b"{" * 200_000])
def test_a_tail_that_is_no_record_is_set_aside(ledger, tail):
    # What file systems leave after a power cut: blocks of zeros, of older files.
    ledger.append([failure_record("2026-11-21")])
    with open(files(ledger)[0], "ab") as stream:
        stream.write(tail)
    assert "se apartó" in ledger.append([failure_record("2026-11-22")]).warnings[0]
    assert len(records(ledger)) == 2


def test_a_whole_ledger_is_left_as_it_is(ledger):
    ledger.append([failure_record("2026-11-21")])
    before = files(ledger)[0].read_bytes()
    assert ledger.append([failure_record("2026-11-22")]).warnings == []
    assert files(ledger)[0].read_bytes().startswith(before)
    assert not Path(ledger.directory, "torn").exists()


# --- Many writers -----------------------------------------------------------------------------------------------------


def _write_many(directory, procedure, writer, count):
    ledger = Ledger(directory, procedure)
    ledger.prepare()
    for number in range(count):
        ledger.append([failure_record("2026-11-22", item_id=f"{writer}-{number}"), started(f"{writer}-{number}")])


def test_many_processes_write_one_chain(in_memory, procedure):
    # Faults 9: 8 processes × 50, starting on nothing; no folio twice, none left out.
    directory = str(in_memory / "ledger")
    writers = [FORK.Process(target=_write_many, args=(directory, procedure, n, 50)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 8
    ledger = Ledger(directory, procedure)
    assert [int(folio[-4:]) for folio in folios(ledger, "DSE-05")] == list(range(1, 401))
    assert len({each["item_id"] for each in records(ledger) if "item_id" in each}) == 400
    with open(Path(directory, "csv").glob("*.csv").__next__(), "rb") as stream:
        assert len(stream.readlines()) == 401


def test_killed_writers_break_nothing(tmp_path, procedure):
    # Faults 1 and 8 together: whatever a killed process left, the next one goes on from it.
    ledger = Ledger(str(tmp_path / "ledger"), procedure)
    ledger.prepare()
    before = 0
    for _round in range(12):
        writer = FORK.Process(target=_write_many, args=(ledger.directory, procedure, "w", 10**6))
        writer.start()
        wanted = before + 3
        while sum(file.read_bytes().count(b"\n") for file in files(ledger)) < wanted:
            assert writer.is_alive()
        writer.kill()
        writer.join(30)
        ledger.append([failure_record("2026-11-22")])
        before = len(records(ledger))
    with ledger.read() as index:
        assert index.head == records(ledger)[-1]["record_sha256"]


# --- A disk that is full, or lies -------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 KB, and what fills it to so many bytes free."""
    assert os.geteuid() == 0, "this test needs root, to mount a small disk"
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", mount], check=True)

    def leave(free):
        filler = mount / "filler"
        filler.unlink(missing_ok=True)
        stat = os.statvfs(mount)
        with open(filler, "wb") as stream:
            stream.write(b"x" * max(0, stat.f_bavail * stat.f_frsize - free))

    yield mount, leave
    subprocess.run(["umount", "--lazy", mount], check=True)


def test_a_full_disk_loses_nothing_and_writes_no_half(small_disk, procedure):
    # Faults 7: with room for everything, for some of it, for nothing.
    mount, leave = small_disk
    ledger = Ledger(str(mount / "ledger"), procedure)
    ledger.prepare()
    ledger.append([failure_record("2026-11-22", item_id="before")])
    expected = ["before"]
    for step, free in enumerate((0, 4096, 8192, 12288, 20480, 0)):
        leave(free)
        before = [each["item_id"] for each in records(ledger)]
        name = f"step-{step}"
        try:
            written = ledger.append([failure_record("2026-11-22", item_id=name, error_message="x" * 5000)])
        except LedgerError as error:
            assert "no se puede escribir" in str(error) and "DSE_BACKUP_LEDGER" in str(error)
            names = [each["item_id"] for each in records(ledger)]
            assert names in (before, [*before, name])
        else:
            assert written.records[0]["item_id"] == name
            names = [each["item_id"] for each in records(ledger)]
            assert names == [*before, name]
        expected = names
    leave(0)
    with pytest.raises(LedgerError):
        ledger.append([failure_record("2026-11-22", item_id="never")])
    leave(150_000)
    ledger.append([failure_record("2026-11-22", item_id="after")])
    assert [each["item_id"] for each in records(ledger)] == [*expected, "after"]
    numbers = [int(folio[-4:]) for folio in folios(ledger, "DSE-05")]
    assert numbers == list(range(1, len(expected) + 2))


def test_a_full_disk_is_found_before_anything_runs(small_disk, procedure):
    mount, leave = small_disk
    Ledger(str(mount / "ledger"), procedure).prepare()
    leave(4096)
    with pytest.raises(LedgerError, match="no se puede escribir el registro oficial"):
        Ledger(str(mount / "ledger"), procedure).prepare()
    assert not list((mount / "ledger").glob(".probe*"))


def test_no_success_after_a_failed_sync(ledger, monkeypatch):
    # Faults 11: what the disk did not confirm is taken back.
    ledger.append([failure_record("2026-11-21")])
    before, fsync = files(ledger)[0].read_bytes(), os.fsync

    def fail(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".jsonl"):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(module.os, "fsync", fail)
    with pytest.raises(LedgerError, match="Input/output error"):
        ledger.append([failure_record("2026-11-22")])
    assert files(ledger)[0].read_bytes() == before
    monkeypatch.undo()
    ledger.append([failure_record("2026-11-23")])
    assert [int(folio[-4:]) for folio in folios(ledger, "DSE-05")] == [1, 2]


def test_a_short_write_is_taken_back(ledger, monkeypatch):
    ledger.append([failure_record("2026-11-21")])
    before, write = files(ledger)[0].read_bytes(), os.write
    monkeypatch.setattr(module.os, "write", lambda descriptor, data: write(descriptor, data[:-5]))
    with pytest.raises(LedgerError):
        ledger.append([failure_record("2026-11-22")])
    assert files(ledger)[0].read_bytes() == before


def test_a_ledger_without_a_place_says_what_to_do(tmp_path, procedure):
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"callback_ledger.*ansible\.cfg"):
        Ledger(str(tmp_path / "file/ledger"), procedure).prepare()
    with pytest.raises(LedgerError):
        Ledger(str(tmp_path / "missing"), procedure).append([failure_record("2026-11-22")])


# --- Runs that are alive ----------------------------------------------------------------------------------------------


def _hold(ledger, held):
    ledger.hold_run("R1")
    held.set()
    FORK.Event().wait()


def test_a_run_is_alive_until_its_process_ends_however(ledger):
    # Faults 5: only a run whose lock is free may be closed as cut off.
    assert not ledger.is_alive("R1")
    held = FORK.Event()
    controller = FORK.Process(target=_hold, args=(ledger, held))
    controller.start()
    assert held.wait(30)
    assert ledger.is_alive("R1")
    controller.kill()
    controller.join(30)
    assert not ledger.is_alive("R1")


def test_a_run_that_ended_leaves_nothing(ledger):
    descriptor = ledger.hold_run("R1")
    assert ledger.is_alive("R1")
    ledger.release_run("R1", descriptor)
    assert not ledger.is_alive("R1")
    assert os.listdir(Path(ledger.directory, "runs")) == []


# --- Two jobs at once -------------------------------------------------------------------------------------------------
# Each reads in a worker and writes later: under the lock it shows what the other has recorded in between.


def missed(day="2026-11-22", **changes):
    return failure_record(day, failure_type="not_run", **changes)


@pytest.mark.parametrize(
    "entry",
    [
        backup_record("database", "2026-11-22"),
        backup_record("database", "2026-11-22", "review", follow_ups=[failure_record("2026-11-22")]),
        missed(),
    ],
)
def test_what_another_job_has_recorded_is_not_recorded_twice(ledger, entry):
    first = ledger.append([entry]).records
    again = ledger.append(
        [failure_record("2026-11-23"), {**entry, "run_id": "R2"} if entry["record_type"] == "backup" else entry]
    )
    assert [each["scheduled_for"][:10] for each in again.records] == ["2026-11-23"]
    assert [record for _entry, record in again.repeated] == first[:1]
    assert "otra corrida ya había asentado lo mismo" in again.warnings[0]
    assert len(records(ledger)) == len(first) + 1
    only = ledger.append([entry])
    assert only.records == [] and len(records(ledger)) == len(first) + 1


@pytest.mark.parametrize(
    ("entry", "other"),
    [
        (backup_record("database", "2026-11-22", file_name="ab" * 32), {"server": "srv-web02"}),
        (backup_record("database", "2026-11-22", file_name="ab" * 32), {"file_name": "cd" * 32}),
        (missed(), {"item_id": "other"}),
        (missed(), {"server": "srv-web02"}),
        (missed(), {"scheduled_for": "2026-11-23T00:00:00-06:00"}),
        # A refusal, each morning's own; what was tried and failed.
        (missed(), {"run_id": "R2"}),
        (missed(), {"failure_type": "error"}),
    ],
)
def test_what_only_resembles_a_record_is_news(ledger, entry, other):
    ledger.append([entry])
    assert ledger.append([{**entry, **other}]).repeated == []
    assert len(records(ledger)) == 2


def test_a_backup_that_was_removed_and_is_there_again_is_news(ledger):
    entry = backup_record("database", "2026-11-22")
    gone = {"record_type": "disposal", "server": "srv-web01", "disposed": [{"file_name": entry["file_name"]}]}
    ledger.append([entry, gone])
    assert ledger.append([entry]).repeated == []


def test_a_failure_is_closed_once(ledger):
    (failure,) = ledger.append([failure_record("2026-11-22")]).records
    closing = {"record_type": "closing", "about_folio": failure["folio"], "evidence": "backup"}
    ledger.append([closing])
    assert ledger.append([{**closing, "evidence": "decision"}]).records == []
    assert [each["record_type"] for each in records(ledger)] == ["failure", "closing"]


@pytest.mark.parametrize("end", ["ended", "cut_off"])
def test_a_run_that_has_ended_is_not_cut_off(ledger, end):
    cut_off = [
        failure_record("2026-11-22", run_id="R1", item_id="a"),
        {"record_type": "run", "run_event": "cut_off", "run_id": "R1"},
    ]
    ledger.append([started("R1", ("a",))])
    ledger.append([{"record_type": "run", "run_event": end, "run_id": "R1"}])
    written = ledger.append([*cut_off, started("R2")])
    assert [each["run_id"] for each in written.records] == ["R2"]
    # One that is still open is.
    again = [{**each, "run_id": "R2"} for each in cut_off]
    assert len(ledger.append(again).records) == 2


def test_what_two_people_did_to_a_loan_in_the_same_second_is_written_once(ledger):
    """Breaks: each read that the medium was there, and both lent it; or one step stands there twice."""
    asked = {key: value for key, value in loan_record("", media_id="CSC-HD-11").items() if key != "folio"}
    one, other = (each["folio"] for each in ledger.append([asked, asked]).records)
    ledger.append([loan_step(folio, "authorised") for folio in (one, other)])
    ledger.append([loan_step(one, "lent")])
    lines = ledger_bytes(ledger)
    for late in (loan_step(one, "lent"), loan_step(other, "lent"), asked, loan_step("CSC-03-2000-0001", "lent")):
        with pytest.raises(LedgerError, match=f"{one}|no es el folio de un préstamo"):
            ledger.append([started("R9"), late])
        assert ledger_bytes(ledger) == lines, "all or none"
    ledger.append([loan_step(one, each) for each in ("checked", "returned", "received_back")])
    ledger.append([loan_step(other, "lent")])


def ledger_bytes(ledger):
    return b"".join(path.read_bytes() for path in Path(ledger.directory).glob("ledger-*.jsonl"))
