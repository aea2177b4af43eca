# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.prune import clear_locks_if_alone, prune
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError


def backups(restic, tmp_path, count):
    """So many backups, each of a file that only it has."""
    ids = []
    for number in range(count):
        source = tmp_path / f"source{number}"
        source.mkdir()
        (source / "file").write_bytes(os.urandom(50_000))
        ids.append(restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id)
    return ids


def test_exactly_what_was_asked_for_goes_and_its_room_with_it(restic, tmp_path):
    ids = backups(restic, tmp_path, 3)
    done = prune(restic, [ids[0], "ef" * 32])
    assert (done.removed, done.absent, done.kept, done.error) == ([ids[0]], ["ef" * 32], 2, "")
    assert done.freed_bytes > 45_000
    assert {each["id"] for each in restic.snapshots()} == set(ids[1:])
    assert restic.answer("check", "--no-lock", "--read-data").code == 0


def test_what_was_stored_along_with_it_goes_too_and_no_backup_for_that(restic, tmp_path):
    # The ledger names neither the mark of a partial backup nor the parts of a safety snapshot.
    (backup,) = backups(restic, tmp_path, 1)

    def store(*tags):
        return restic.store_text("x", name="x", host="srv", tags=tags)

    mark, manifest, part = store("item=a", f"partial={backup}"), store("safety=R1"), store("safety=R1")
    other, disguised = store("safety=R2"), store("item=a", "safety=R1")
    assert sorted(prune(restic, [backup, manifest]).removed) == sorted([backup, mark, manifest, part])
    assert {each["id"] for each in restic.snapshots()} == {other, disguised}


@pytest.fixture
def holding(restic, tmp_path):
    """A backup that is under way and holds its lock: it waits for what it is to read."""
    command = restic._command("backup", "--stdin", "--stdin-filename=x")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as under_way:
        locks = f"{restic.repository}/locks"
        deadline = time.monotonic() + 60
        while not any(len(name) == 64 for name in os.listdir(locks)):
            assert time.monotonic() < deadline and under_way.poll() is None
            time.sleep(0.05)
        yield under_way, locks
        if under_way.poll() is None:
            under_way.kill()


def test_a_live_lock_is_never_removed_and_a_stale_one_at_once(restic, tmp_path, holding):
    # Faults 3: the same lock, while its process lives and after it was killed.
    under_way, locks = holding
    mine = os.listdir(locks)
    with pytest.raises(ResticError, match=f"proceso {under_way.pid}"):
        prune(restic, [])
    assert os.listdir(locks) == mine
    under_way.kill()
    under_way.wait()
    assert os.listdir(locks) == mine, "a killed restic leaves its lock"
    assert prune(restic, []).error == ""
    assert os.listdir(locks) == []


def test_before_a_backup_stale_locks_go_and_those_of_whoever_is_at_work_stay(restic, tmp_path, holding):
    # A server that lost its power while it pruned must not stop every backup from then on.
    under_way, locks = holding
    lock_file = tmp_path / "lock"
    lock_file.touch()
    options = {"repository": restic.repository, "password_file": restic.password_file, "restic": restic.program}
    options = {**options, "lock_file": str(lock_file), "lock_timeout": 600}
    mine = os.listdir(locks)
    clear_locks_if_alone(options)
    assert os.listdir(locks) == mine, "its process lives"
    under_way.kill()
    under_way.wait()
    with lock_file.open("rb") as client:
        fcntl.flock(client, fcntl.LOCK_SH)
        clear_locks_if_alone(options)
        assert os.listdir(locks) == mine, "a client is connected"
    clear_locks_if_alone(options)
    assert os.listdir(locks) == []


def test_a_torn_lock_is_stale(restic):
    torn = Path(restic.repository, "locks", "ab" * 32)
    torn.write_bytes(b"half")
    with pytest.raises(ResticError, match="acaba de comenzar"):
        prune(restic, [])
    assert torn.exists(), "it may be on its way to the disk"
    os.utime(torn, (1, 1))
    assert prune(restic, []).error == ""
    assert os.listdir(f"{restic.repository}/locks") == []


def fake(tmp_path, ids, forget):
    """A restic of our own making, whose forget does as it is told."""
    for name in ("snapshots", "locks"):
        (tmp_path / "repository" / name).mkdir(parents=True)
    for snapshot in ids:
        (tmp_path / "repository/snapshots" / snapshot).touch()
    program = tmp_path / "restic"
    program.write_text(
        f'#!/bin/sh\ncd {tmp_path}/repository/snapshots\nfor verb; do case "$verb" in forget) {forget};; esac; done\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    return Restic(str(tmp_path / "repository"), "/nowhere", str(program))


@pytest.mark.parametrize(
    ("forget", "removed", "words"),
    [
        ("exit 0", [], "siguen en el repositorio: aa"),
        ("rm aa bb; exit 0", ["aa", "bb"], "FALTAN RESPALDOS QUE NO SE PIDIÓ DEPURAR: bb"),
        ("rm aa; echo 'no space left on device' >&2; exit 1", ["aa"], "no hay espacio en el disco"),
        ("rm aa; kill -9 $$", ["aa"], "interrumpido por una señal"),
    ],
)
def test_lists_are_believed_and_never_exit_codes(tmp_path, forget, removed, words):
    done = prune(fake(tmp_path, ["aa", "bb"], forget), ["aa"])
    assert done.removed == removed and words in done.error


def test_a_wrong_password_removes_nothing(restic, tmp_path):
    ids = backups(restic, tmp_path, 1)
    (tmp_path / "wrong").write_text("incorrecta\n", encoding="utf-8")
    with pytest.raises(ResticError, match="la contraseña del repositorio no es correcta"):
        prune(Restic(restic.repository, str(tmp_path / "wrong"), restic.program), ids)
    assert os.listdir(f"{restic.repository}/snapshots") == ids
