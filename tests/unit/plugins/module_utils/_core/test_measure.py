# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.measure import measure, parse_time, unknown_snapshots
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError

TOLERANCE = {
    "shrink_pct": 10,
    "grow_pct": 50,
    "accumulated_shrink_pct": 25,
    "nonconforming_below_pct": 50,
    "entries_shrink_pct": 10,
    "replaced_pct": 60,
}


def history(**changes):
    known = {"baseline": None, "peaks": [], "new_data": [], "window_days": 90, "tolerance": TOLERANCE}
    return {**known, "dump_file": None, **changes}


class Storage:
    """A repository that says what a test wants, and counts what it is asked. Its snapshots' files are real."""

    def __init__(self, directory):
        self.repository = str(directory)
        (directory / "snapshots").mkdir(parents=True)
        self.listed, self.files, self.calls = [], {}, []

    def add(self, number, *, sizes=(100,), tree=None, time=None, tags=("item=a",), names=None):
        snapshot_id = f"{number:064x}"
        with open(os.path.join(self.repository, "snapshots", snapshot_id), "wb"):
            pass
        time = time or (datetime.now(timezone.utc) + timedelta(seconds=number)).isoformat()
        tree = tree or f"tree{number}"
        self.listed.append({"id": snapshot_id, "tree": tree, "time": time, "paths": ["/a\n"], "tags": list(tags)})
        names = names or [f"f{position}" for position in range(len(sizes))]
        self.files[snapshot_id] = list(zip(names, sizes))
        return snapshot_id

    def snapshots(self, ids):
        return sorted((each for each in self.listed if each["id"] in ids), key=lambda each: each["time"])

    def nodes(self, snapshot_id):
        self.calls.append(("nodes", snapshot_id))
        if self.files[snapshot_id] is None:
            raise ResticError("pack lost")
        yield {"type": "dir", "name": "d", "path": "/d", "size": 4096}
        for name, size in self.files[snapshot_id]:
            yield {"type": "file", "name": name, "path": f"/d/{name}", "size": size}
        yield {"type": "symlink", "name": "l", "path": "/d/l"}

    def news(self, older, newer):
        self.calls.append(("diff", older, newer))
        if older not in self.files:
            raise ResticError("no such snapshot")
        return 25, {f"/d/{name}" for name, _size in self.files[newer] or ()}

    def read_text(self, snapshot_id, path):
        self.calls.append(("read", snapshot_id))
        return self.files[snapshot_id]

    def measure(self, histories=None, **how):
        ids = [each["id"] for each in self.listed]
        return measure(self, ids, histories or {"a": history()}, **how)


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "repository")


def test_the_real_repository_is_measured_not_believed(restic, tmp_path):
    # 1, 2, 3: what lies there, how it changed, how much of it is new.
    source = tmp_path / "src"
    source.mkdir()
    (source / "a").write_bytes(os.urandom(30000))
    (source / "b").write_bytes(os.urandom(10000))
    first = restic.backup([str(source)], host="srv", tags=["item=a", "run=R1"])
    (source / "b").write_bytes(os.urandom(10000))
    second = restic.backup([str(source)], host="srv", tags=["item=a", "run=R2"])
    found = measure(restic, unknown_snapshots(restic.repository, set()), {"a": history()})
    assert [each["snapshot_id"] for each in found] == [first.snapshot_id, second.snapshot_id]
    assert [each["verification_result"] for each in found] == ["first", "conforming"]
    assert [each["size_bytes"] for each in found] == [40000, 40000]
    assert [each["entry_count"] for each in found] == [2, 2]
    # In one batch nothing was there to compare with when the second was read.
    assert (found[1]["baseline_file_name"], found[1]["baseline_change_pct"]) == (first.snapshot_id, 0.0)
    baseline = {"file_name": first.snapshot_id, "size_bytes": 40000, "tree": "x", "entry_count": 2}
    alone = measure(restic, [second.snapshot_id], {"a": history(baseline=baseline)})
    # The new file's bytes and the directories' own.
    assert 25 <= alone[0]["new_data_pct"] < 35


def test_what_was_encrypted_at_the_same_size_is_suspect(restic, tmp_path):
    # Faults 29.
    source = tmp_path / "src"
    source.mkdir()
    names = [source / f"f{number}" for number in range(8)]
    for name in names:
        name.write_bytes(os.urandom(20000))
    first = restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id
    baseline = {"file_name": first, "size_bytes": 160000, "tree": "x", "entry_count": 8}
    for encrypted, result in ((4, "conforming"), (8, "review")):
        for name in names[:encrypted]:
            name.write_bytes(os.urandom(20000))
        then = restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id
        (found,) = measure(restic, [then], {"a": history(baseline=baseline)})
        assert (found["verification_result"], found["baseline_change_pct"]) == (result, 0.0)
    assert "se reemplazó el 100.00 %" in found["reasons"][0]


def test_an_item_of_one_big_file_is_replaced_as_a_whole(storage):
    # An archive that is made anew each time is no attack; nothing can be told from its bytes.
    storage.add(1, sizes=(25, 1, 1, 1))
    baseline = {"file_name": f"{1:064x}", "size_bytes": 28, "tree": "x", "entry_count": 4}
    (found,) = storage.measure({"a": history(baseline=baseline)})
    assert (found["verification_result"], found["replaced_pct"]) == ("conforming", None)


def test_a_dump_is_compared_with_its_own_past_only(storage):
    # Issue 3, 11: updates here and there renew most of a dump every day.
    storage.add(1, tags=("item=a", "tables=7"), sizes=(40 * 2**20,), names=["a.dump"])
    baseline = {"file_name": "b", "size_bytes": 40 * 2**20, "tree": "x", "entry_count": 7}
    storage.news = lambda older, newer: (39 * 2**20, set())
    for past, result in (([], "conforming"), ([99.0] * 5, "conforming"), ([2.0] * 5, "review")):
        (found,) = storage.measure({"a": history(baseline=baseline, dump_file="a.dump", new_data=past)})
        assert found["verification_result"] == result


def test_a_lost_table_is_suspect_and_a_changed_schema_a_remark(storage):
    for number, (tables, schema) in enumerate(((7, "a"), (8, "b"), (7, "b"), (8, "b"), (8, "")), start=1):
        storage.add(
            number, tags=("item=a", f"tables={tables}", f"schema={schema * 64}"), sizes=(500,), names=["a.dump"]
        )
    found = storage.measure({"a": history(dump_file="a.dump", tolerance={**TOLERANCE, "entries_shrink_pct": 0})})
    results = [each["verification_result"] for each in found]
    assert results == ["first", "conforming", "review", "conforming", "conforming"]
    assert ["esquema" in "".join(each["remarks"]) for each in found] == [False, True, False, False, False]
    assert "tablas bajó de 8 a 7" in found[2]["reasons"][0]


def test_only_what_the_ledger_does_not_know_is_asked_for(storage):
    known, new = storage.add(1), storage.add(16**60, time="2026-11-22T00:00:00Z")
    assert unknown_snapshots(storage.repository, {known[:16]}) == [new]
    assert sorted(unknown_snapshots(storage.repository, set())) == sorted([known, new])


def test_the_clients_own_summary_counts_for_nothing(storage):
    storage.add(1, sizes=(10, 20))
    storage.listed[0]["summary"] = {"total_bytes_processed": 10**12}
    assert storage.measure()[0]["size_bytes"] == 30


def test_an_equal_tree_is_not_walked_again(storage):
    # The same tree id is the same content: nothing to read.
    storage.add(1, tree="same")
    baseline = {"file_name": "ff", "size_bytes": 77, "tree": "same", "entry_count": 3}
    found = storage.measure({"a": history(baseline=baseline)})[0]
    assert (found["size_bytes"], found["entry_count"], found["new_data_pct"]) == (77, 3, 0.0)
    assert found["verification_result"] == "conforming"
    assert storage.calls == []


def test_a_bad_backup_is_not_the_next_baseline(storage):
    # Each is judged against the last conforming one, within the batch too.
    for number, size in enumerate((1000, 400, 880, 1000, 0), start=1):
        storage.add(number, sizes=(size,))
    found = storage.measure()
    results = [each["verification_result"] for each in found]
    assert results == ["first", "nonconforming", "review", "conforming", "nonconforming"]
    assert [each["baseline_size_bytes"] for each in found] == [None, 1000, 1000, 1000, 1000]


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        (timedelta(minutes=-5), True),
        (timedelta(hours=-30), True),
        (timedelta(minutes=9), True),
        (timedelta(minutes=11), False),
        (timedelta(days=400), False),
        (timedelta(days=-3), False),
    ],
)
def test_a_forged_time_gives_way_to_the_arrival(storage, claimed, believed):
    # Faults 23: a client's date neither moves the calendar nor outlives the others.
    now = datetime.now(timezone.utc).replace(microsecond=0)
    storage.add(1, time=(now + claimed).isoformat())
    found = storage.measure()[0]
    if believed:
        assert (found["started_at"], found["remarks"]) == ((now + claimed).isoformat(), [])
    else:
        assert found["started_at"] == found["arrived_at"]
        assert "revise el reloj" in found["remarks"][0]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "yesterday", ""])
def test_a_time_that_no_calendar_has_stops_nobody(storage, time):
    # One hostile snapshot must not take the verification of all the others with it.
    storage.add(1, time=time)
    storage.add(2)
    assert len(storage.measure()) == 2


@pytest.mark.parametrize("tables", ["0", "", "²", "-1", "1e3", "9" * 5000])
def test_a_number_of_tables_that_is_none(storage, tables):
    # A client's tag is its word: nonsense makes it empty, not an error.
    storage.add(1, tags=("item=a", f"tables={tables}"), names=["a.sql"])
    assert storage.measure({"a": history(dump_file="a.sql")})[0]["verification_result"] == "nonconforming"


def test_of_a_database_only_its_dump_is_compared(storage):
    # The roles beside it come and go with other databases.
    storage.add(1, tags=("item=a", "tables=7"), sizes=(500, 9), names=["a.dump", "globals.sql"])
    found = storage.measure({"a": history(dump_file="a.dump")})[0]
    assert (found["size_bytes"], found["entry_count"]) == (500, 7)


def test_a_snapshot_without_the_dump_is_empty(storage):
    storage.add(1, tags=("item=a", "tables=7"), sizes=(500,), names=["other.dump"])
    assert storage.measure({"a": history(dump_file="a.dump")})[0]["verification_result"] == "nonconforming"


@pytest.mark.parametrize(
    ("content", "named"),
    [('["/srv/secret"]', "/srv/secret"), ("{}", "sin nombrar"), ("[", "sin nombrar"), ("[]", "sin")],
)
def test_a_partial_backup_is_known_by_its_mark_alone(storage, content, named):
    # Faults 14: the script's result may never have reached the controller.
    partial = storage.add(1)
    mark = storage.add(2, tags=("item=a", f"partial={partial}"))
    storage.files[mark] = content
    found = storage.measure()
    assert [each["snapshot_id"] for each in found] == [partial]
    assert found[0]["verification_result"] == "nonconforming"
    assert named in found[0]["reasons"][0]


def test_a_mark_about_an_old_backup_is_not_read_again(storage):
    # Each reading is a call of restic, and marks are never in the ledger.
    storage.add(1)
    storage.files[storage.add(2, tags=("item=a", "partial=" + "f" * 64))] = "[]"
    storage.measure()
    assert "read" not in [call[0] for call in storage.calls]


def test_what_the_script_could_not_read_is_a_fault(storage):
    partial = storage.add(1)
    found = storage.measure(unreadable={partial: ["/srv/secret"]})[0]
    assert (found["verification_result"], found["reasons"]) == ("nonconforming", ["no se pudieron leer: /srv/secret"])


def test_a_backup_that_cannot_be_read_is_nonconforming_and_stops_no_other(storage):
    # Faults 12.
    storage.files[storage.add(1)] = None
    storage.add(2)
    assert [each["verification_result"] for each in storage.measure()] == ["nonconforming", "first"]


def test_a_lost_baseline_is_no_fault_of_the_next_backup(storage):
    # Else an item would stay nonconforming for ever once its last good snapshot is gone.
    storage.add(1, sizes=(100,))
    baseline = {"file_name": "gone", "size_bytes": 100, "tree": "x", "entry_count": 1}
    found = storage.measure({"a": history(baseline=baseline)})[0]
    assert (found["verification_result"], found["new_data_pct"]) == ("conforming", None)


def test_a_copy_of_what_is_known_is_no_new_backup(storage):
    """Breaks: what a repair brought back, and could not record, is a second backup of the same day."""
    storage.add(1)
    copy = storage.add(2)
    storage.listed[-1]["original"] = "ab" * 32
    ids = [each["id"] for each in storage.listed]
    found = measure(storage, ids, {"a": history()}, known={"ab" * 8})
    assert copy not in [each["snapshot_id"] for each in found] and len(found) == 1
    assert len(measure(storage, ids, {"a": history()})) == 2
    # It only says that it is a copy: what it names is still there.
    storage.listed[-1]["original"] = ids[0]
    assert len(measure(storage, ids, {"a": history()}, known={ids[0][:16]})) == 2


def test_what_is_no_items_is_left_alone(storage):
    for number, tags in enumerate((("item=other",), (), ("item",), ("by-hand", "item=")), start=1):
        storage.add(number, tags=tags)
    storage.listed[0]["tags"] = None
    assert storage.measure() == []


def test_hostile_tags_and_paths_are_shown_by_their_codes(storage):
    storage.add(1, tags=("item=a", "run=\x1b[2J\n"))
    found = storage.measure()[0]
    assert (found["tags"]["run"], found["paths"]) == (r"\x1b[2J\n", [r"/a\n"])


def test_what_a_killed_upload_left_in_the_repository_is_ignored(restic):
    # Faults 1: half a snapshot's file must not stop the verification of the whole ones.
    stored = restic.backup(["/etc/hostname"], host="srv", tags=["item=a"])
    snapshots = os.path.join(restic.repository, "snapshots")
    for half in ("f" * 64, "e" * 64 + "-tmp-123"):
        with open(os.path.join(snapshots, half), "wb") as stream:
            stream.write(b"half")
    found = measure(restic, unknown_snapshots(restic.repository, set()), {"a": history()})
    assert [each["snapshot_id"] for each in found] == [stored.snapshot_id]


def test_a_repository_that_cannot_be_opened_is_an_error(restic, tmp_path):
    (tmp_path / "wrong").write_text("x", encoding="utf-8")
    broken = Restic(restic.repository, str(tmp_path / "wrong"), restic.program)
    with pytest.raises(ResticError):
        measure(broken, ["ab" * 32], {"a": history()})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T12:48:16.765111287Z", "2026-11-22T12:48:16+00:00"),
        ("2026-11-22T06:48:16.7-06:00", "2026-11-22T12:48:16+00:00"),
        ("2026-11-22T12:48:16Z", "2026-11-22T12:48:16+00:00"),
        ("2026-11-22T18:18:16+05:30", "2026-11-22T12:48:16+00:00"),
    ],
)
def test_restics_times(text, moment):
    assert parse_time(text).isoformat() == moment


def test_a_backup_of_other_paths_than_were_asked_for_is_not_that_backup(storage):
    storage.add(1)
    (other,) = storage.measure({"a": history(paths=["/b"])})
    assert other["verification_result"] == "nonconforming"
    assert "otras rutas que las solicitadas: /a\\n" in other["reasons"][0]
    (asked,) = storage.measure({"a": history(paths=["/a\n"])})
    assert asked["verification_result"] == "first"
