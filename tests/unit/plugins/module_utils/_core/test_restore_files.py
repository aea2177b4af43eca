# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import threading
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import file_plan, file_restore, safe_tree
from ansible_collections.dse.backup.plugins.module_utils._core.journal import Busy, exclusive
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic
from ansible_collections.dse.backup.plugins.module_utils._core.restore import perform, preview
from ansible_collections.dse.backup.plugins.module_utils._core.restore_error import RestoreError
from ansible_collections.dse.backup.plugins.module_utils._core.run import Stopped, restore_one
from ansible_collections.dse.backup.tests.unit.factories import item

HOSTILE = [
    b"-rf",
    b"$(touch pwned)",
    b"two\nlines",
    b"not-utf8-\xff\xfe",
    b"  spaces ",
    b"'\";|&`",
    "año\ufffd".encode(),
    b"\\",
    b"*",
    b"[a]",
    b"a?",
    b"**",
]
BELOW_SUB = [f"sub/{name}" for name in ("deep", "deep/page.php", "fifo", "link", "same.php", "sparse")]
NOBODY_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, permissions, who)
    for tag, permissions, who in [
        (1, 7, 2**32 - 1),
        (2, 7, 65534),
        (4, 5, 2**32 - 1),
        (16, 7, 2**32 - 1),
        (32, 5, 2**32 - 1),
    ]
)


@pytest.fixture
def portal(tmp_path):
    """A directory with one of everything that a file system has, and names that nobody should choose."""
    root = tmp_path / "srv/portal"
    (root / "sub/deep").mkdir(parents=True)
    (root / "empty").mkdir()
    for name in HOSTILE:
        with open(os.path.join(os.fsencode(root), name), "wb") as stream:
            stream.write(b"content of " + name)
    with open(os.path.join(os.fsencode(root), b"empty/\xff"), "wb"):
        pass
    (root / "index.php").write_text("<?php 1", encoding="utf-8")
    (root / "sub/deep/page.php").write_text("<?php 2", encoding="utf-8")
    os.link(root / "sub/deep/page.php", root / "sub/same.php")
    os.symlink("/etc/passwd", root / "sub/link")
    os.mkfifo(root / "sub/fifo")
    with open(root / "sub/sparse", "wb") as stream:
        stream.truncate(8 << 20)
    os.setxattr(root / "index.php", "user.origin", b"dau")
    os.setxattr(root / "sub", "system.posix_acl_access", NOBODY_ACL)
    os.setxattr(root / "sub", "system.posix_acl_default", NOBODY_ACL)
    os.chown(root / "sub/deep", 33, 33)
    (root / "sub/deep").chmod(0o2751)
    (root / "index.php").chmod(0o4755)
    os.utime(root / "index.php", ns=(10**18, 10**18 + 5))
    os.utime(root / "sub/deep", ns=(10**18, 10**18 + 7))
    return root


@pytest.fixture
def server(restic, tmp_path, portal):
    """One server that has the portal as its only item."""
    for name in ("state", "staging"):
        (tmp_path / name).mkdir()
    return {
        "server": "srv-web01",
        "repository": restic.repository,
        "restic": restic.program,
        "restic_options": [],
        "password_file": restic.password_file,
        "state_dir": str(tmp_path / "state"),
        "staging_dir": str(tmp_path / "staging"),
        "cache_dir": str(tmp_path / "cache"),
        "items": [item(paths=[str(portal)])],
    }


@pytest.fixture
def snapshot(restic, portal):
    return restic.backup([str(portal)], host="srv-web01", tags=["item=portal-src"]).snapshot_id


def wanted(server, snapshot, **changes):
    return {
        "item": server["items"][0],
        "snapshot": snapshot,
        "sha256": "",
        "dump_file": None,
        "target": "",
        "in_place": False,
        "include": [],
        "verify": False,
        "undo": None,
        "drill": False,
        "source": None,
        **changes,
    }


def restored(server, request, run_id="R7"):
    asked = {"run_id": run_id, "mode": "manual", "time_limit": 0, "restore": request}
    return perform(server, asked, lambda news: None)


def tree(top):
    """All that can be told of what lies below ``top``, by path; hard links as the first path of the same inode."""
    found = {}
    first = {}
    for directory, directories, files in os.walk(os.fsencode(top)):
        for name in sorted([*directories, *files]):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            relative = os.path.relpath(path, os.fsencode(top))
            facts = [oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns]
            facts += [sorted((each, os.getxattr(path, each, follow_symlinks=False)) for each in _attributes(path))]
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    facts += [stream.read(), first.setdefault((status.st_dev, status.st_ino), relative)]
            elif stat.S_ISLNK(status.st_mode):
                facts.append(os.readlink(path))
            found[relative] = facts
    return found


def _attributes(path):
    return [each for each in os.listxattr(path, follow_symlinks=False) if not each.startswith("security.")]


def paths(entries):
    return sorted(entry["path"] for entry in entries)


def below(top):
    """Every path below ``top``, as os.fsdecode gives them."""
    return sorted(
        os.fsdecode(os.path.join(directory, name))
        for directory, directories, files in os.walk(os.fsencode(top))
        for name in [*directories, *files]
    )


def test_to_a_new_place_everything_comes_back_as_it_was(server, snapshot, portal, tmp_path):
    # Restored paths are the full original ones below the target; owners, modes, times, ACLs, xattrs, links, holes.
    target = tmp_path / "back/here"
    request = wanted(server, snapshot, target=str(target), verify=True)
    announced = preview(server, request)
    assert announced["refusals"] == [] and not target.parent.exists()
    outcome = restored(server, request)
    assert tree(f"{target}{portal}") == tree(portal)
    assert os.stat(f"{target}{portal}/sub/sparse").st_blocks == 0
    assert paths(announced["written"]) == below(target)
    assert all(
        os.lstat(each["path"]).st_size == each["size"] for each in announced["written"] if each["type"] == "file"
    )
    assert (announced["replaced"], announced["left"]) == ([], [])
    files = [path for path in below(portal) if not os.path.isdir(path) or os.path.islink(path)]
    assert outcome["entry_count"] == len(files)
    assert outcome["restored_bytes"] == sum(os.lstat(path).st_size for path in files if not os.path.islink(path))
    assert (outcome["sha256_matches"], outcome["safety_snapshot"]) == (True, None)
    # Closed to everybody but root, and said so; nothing of ours stays.
    assert stat.S_IMODE(target.stat().st_mode) == 0o700 and "0700" in outcome["remarks"][0]
    assert os.listdir(target.parent) == ["here"] and os.listdir(f"{server['state_dir']}/restores") == []


def test_without_verify_nothing_is_said_of_the_content(server, snapshot, tmp_path):
    assert restored(server, wanted(server, snapshot, target=str(tmp_path / "new")))["sha256_matches"] is None


def test_an_empty_directory_is_a_target_too(server, snapshot, portal, tmp_path):
    (tmp_path / "new").mkdir()
    restored(server, wanted(server, snapshot, target=str(tmp_path / "new")))
    assert tree(f"{tmp_path}/new{portal}") == tree(portal)


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (["{}/index.php"], ["index.php"]),
        (["{}/sub/deep/"], ["sub/deep", "sub/deep/page.php"]),
        (["{}/**/*.php"], ["index.php", "sub/deep/page.php", "sub/same.php"]),
        (["{}/*.php"], ["index.php"]),
        (["*.php", "{}/sub/fifo"], ["index.php", "sub/deep/page.php", "sub/fifo", "sub/same.php"]),
        (["{}/[a]"], ["[a]"]),  # A name that exists is no pattern,
        (["{}/[ab]?"], ["a?"]),  # and what is none, is.
        (["{}/?*"], None),
        (["{}/\\"], ["\\"]),
        (["{}/two\nlines", "{}/-rf", "{}/not-utf8-\udcff\udcfe"], ["-rf", "not-utf8-\udcff\udcfe", "two\nlines"]),
        (["{}/s*/**", "{}/**"], ["**", *BELOW_SUB]),
    ],
)
def test_some_paths_only(server, snapshot, portal, tmp_path, include, expected):
    target = tmp_path / "new"
    request = wanted(server, snapshot, target=str(target), include=[each.format(portal) for each in include])
    announced = preview(server, request)
    assert announced["refusals"] == []
    restored(server, request)
    assert paths(announced["written"]) == below(target)
    if expected is None:
        expected = [os.path.relpath(path, portal) for path in below(portal)]
    on_the_way = {os.path.dirname(path) for path in expected} | {os.path.dirname(os.path.dirname(e)) for e in expected}
    found = {os.path.relpath(path, f"{target}{portal}") for path in below(f"{target}{portal}")}
    assert found == (set(expected) | on_the_way) - {""}


def test_an_include_that_means_nothing_is_named(server, snapshot, portal, tmp_path):
    request = wanted(
        server, snapshot, target=str(tmp_path / "new"), include=[f"{portal}/sub", "/etc/\x1b[2J", "*.jpg", "/srv/.."]
    )
    refusals = preview(server, request)["refusals"]
    assert [text.split("»")[0] for text in refusals] == [
        "restore_include: «/etc/\\x1b[2J",
        "restore_include: «*.jpg",
        "restore_include: «/srv/..",
    ]
    with pytest.raises(RestoreError, match="jpg"):
        restored(server, request)
    assert not (tmp_path / "new").exists()


def damage(portal):
    """What may have happened since the backup; returns the tree as it then is."""
    (portal / "index.php").write_text("defaced", encoding="utf-8")
    os.chmod(portal / "index.php", 0o600)
    os.setxattr(portal / "index.php", "user.origin", b"nobody")
    (portal / "sub/deep/page.php").unlink()
    shutil.rmtree(portal / "empty")
    (portal / "new.txt").write_text("written since", encoding="utf-8")
    (portal / "sub/deep/new").mkdir()
    (portal / "sub/deep/new/also").write_text("since", encoding="utf-8")
    os.chmod(portal / "sub/deep", 0o700)
    os.removexattr(portal / "sub", "system.posix_acl_access")
    os.unlink(portal / "sub/link")
    (portal / "sub/link").write_text("no link any more", encoding="utf-8")
    os.utime(portal, ns=(5 * 10**17, 5 * 10**17))
    return tree(portal)


def test_in_place_and_back_again(server, restic, snapshot, portal):
    # Nothing is lost by restoring: the effect is the preview's, what is newer is left, undo brings back the bytes.
    before = tree(portal)
    damaged = damage(portal)
    outside = tree(portal.parent.parent / "state")
    request = wanted(server, snapshot, in_place=True, verify=True)
    announced = preview(server, request)
    assert announced["refusals"] == [] and tree(portal) == damaged
    outcome = restored(server, request)
    now = tree(portal)
    left = {b"new.txt", b"sub/deep/new", b"sub/deep/new/also"}
    assert {path: facts for path, facts in now.items() if path not in left} == before
    assert {path: now[path] for path in left} == {path: damaged[path] for path in left}
    assert paths(announced["written"]) == [
        f"{portal}/empty",
        f"{portal}/empty/\udcff",
        f"{portal}/sub/deep/page.php",
    ]
    assert set(paths(announced["replaced"])) == {
        path for path in below(portal) if not os.path.isdir(path) or os.path.islink(path)
    } - set(paths(announced["written"])) - set(paths(announced["left"]))
    assert paths(announced["left"]) == sorted(os.fsdecode(os.path.join(os.fsencode(portal), each)) for each in left)
    assert announced["remarks"] == ["3 directorios que existen recuperan dueño, permisos y fechas del respaldo"]
    assert tree(portal.parent.parent / "state").keys() - outside.keys() == {b"restores"}
    # The safety snapshot is no backup of the item.
    tags = [set(each["tags"]) for each in restic.snapshots() if each["id"] != snapshot]
    assert tags == [{"safety=R7", "safety-of=portal-src"}] * 2
    undo = wanted(server, snapshot, in_place=True, undo=outcome["safety_snapshot"], verify=True)
    told = preview(server, undo)
    assert paths(told["removed"]) == paths(announced["written"])
    undone = restored(server, undo, "R8")
    assert tree(portal) == damaged
    # And once more in the other direction.
    again = restored(server, wanted(server, snapshot, in_place=True, undo=undone["safety_snapshot"]), "R9")
    assert tree(portal) == now and not any("cambió" in each for each in again["remarks"])


def test_what_was_changed_after_a_restoration_an_undo_leaves(server, snapshot, portal):
    shutil.rmtree(portal / "sub")
    outcome = restored(server, wanted(server, snapshot, in_place=True))
    (portal / "sub/deep/page.php").write_text("work of an hour", encoding="utf-8")
    undone = restored(server, wanted(server, snapshot, in_place=True, undo=outcome["safety_snapshot"]), "R8")
    assert below(portal / "sub") == [f"{portal}/sub/deep", f"{portal}/sub/deep/page.php", f"{portal}/sub/same.php"]
    assert (portal / "sub/deep/page.php").read_text(encoding="utf-8") == "work of an hour"
    assert sum("cambió después" in remark for remark in undone["remarks"]) == 4


def test_one_file_in_place_touches_nothing_else(server, snapshot, portal):
    damaged = damage(portal)
    request = wanted(server, snapshot, in_place=True, include=[f"{portal}/index.php"])
    announced = preview(server, request)
    assert (paths(announced["replaced"]), announced["written"], announced["left"]) == ([f"{portal}/index.php"], [], [])
    restored(server, request)
    now = tree(portal)
    assert now.pop(b"index.php")[5] == b"<?php 1"
    assert now == {path: facts for path, facts in damaged.items() if path != b"index.php"}


def test_in_place_where_nothing_is_left_at_all(server, snapshot, portal):
    # The disk is new: directories on the way come back with what they were.
    before = tree(portal.parent)
    portal.parent.chmod(0o750)
    shutil.rmtree(portal.parent)
    outcome = restored(server, wanted(server, snapshot, in_place=True))
    assert tree(portal.parent) == before
    restored(server, wanted(server, snapshot, in_place=True, undo=outcome["safety_snapshot"]), "R8")
    assert not portal.parent.exists()


def test_a_merge_into_another_directory(server, snapshot, portal, tmp_path):
    target = tmp_path / "old server"
    restored(server, wanted(server, snapshot, target=str(target)))
    (target / str(portal)[1:] / "index.php").write_text("changed", encoding="utf-8")
    (target / "mine").write_text("kept", encoding="utf-8")
    changed = tree(target)
    with pytest.raises(RestoreError, match="no está vacío"):
        restored(server, wanted(server, snapshot, target=str(target)))
    outcome = restored(server, wanted(server, snapshot, target=str(target), in_place=True))
    assert tree(f"{target}{portal}") == tree(portal) and (target / "mine").exists()
    restored(server, wanted(server, snapshot, in_place=True, undo=outcome["safety_snapshot"]), "R8")
    assert tree(target) == changed


def plant_link(portal, tmp_path):
    shutil.rmtree(portal / "sub")
    (tmp_path / "elsewhere").mkdir()
    (portal / "sub").symlink_to(tmp_path / "elsewhere")


def plant_file(portal, tmp_path):
    shutil.rmtree(portal / "sub")
    (portal / "sub").write_text("a file now", encoding="utf-8")


def plant_directory(portal, tmp_path):
    (portal / "index.php").unlink()
    (portal / "index.php").mkdir()


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (plant_link, "sub es un enlace simbólico donde el respaldo tiene un directorio"),
        (plant_file, "sub es un archivo donde"),
        (plant_directory, "index.php es un directorio donde el respaldo tiene un archivo"),
    ],
)
def test_what_stands_in_the_way_is_named_before_anything_is_written(
    server, restic, snapshot, portal, tmp_path, plant, words
):
    # Faults 18.
    plant(portal, tmp_path)
    before = tree(tmp_path / "srv")
    request = wanted(server, snapshot, in_place=True)
    assert len(preview(server, request)["refusals"]) == 1
    with pytest.raises(RestoreError, match=words):
        restored(server, request)
    assert tree(tmp_path / "srv") == before
    assert len(restic.snapshots()) == 1
    assert not (tmp_path / "elsewhere").exists() or os.listdir(tmp_path / "elsewhere") == []


def test_where_nothing_may_be_restored_to(server, restic, snapshot, portal, tmp_path, monkeypatch):
    # Faults 18: live data, the system, our own directories, links on the way; each says what to do.
    listed = restic.listing(snapshot)  # Once: to open a repository takes restic half a second.
    monkeypatch.setattr(Restic, "listing", lambda self, snapshot_id: listed)
    (tmp_path / "link").symlink_to(tmp_path / "srv")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "full/x").mkdir(parents=True)
    for target, words in [
        (str(portal), "en uso"),
        (f"{portal}/inside", "en uso"),
        (str(portal.parent), "en uso"),
        ("/", "en uso"),
        ("/etc", "del sistema"),
        ("/usr/local/new", "del sistema"),
        ("/srv", "del sistema"),
        (f"{server['state_dir']}/x", "de los respaldos mismos"),
        (server["repository"], "de los respaldos mismos"),
        (f"{tmp_path}/link/new", "enlace simbólico"),
        (f"{tmp_path}/link", "enlace simbólico"),
        (f"{tmp_path}/file", "no es un directorio"),
        (f"{tmp_path}/file/new", "no es un directorio"),
        (f"{tmp_path}/full", "no está vacío"),
        (f"{tmp_path}/a/../b", "ruta absoluta"),
        ("here", "ruta absoluta"),
    ]:
        refusals = preview(server, wanted(server, snapshot, target=target))["refusals"]
        assert any(words in text for text in refusals), (target, refusals)
        with pytest.raises(RestoreError, match=words):
            restored(server, wanted(server, snapshot, target=target))
    for target in ("/proc/new", "/sys", server["state_dir"]):
        assert preview(server, wanted(server, snapshot, target=target, in_place=True))["refusals"], target
    assert "falta el destino" in preview(server, wanted(server, snapshot))["refusals"][0]


def test_all_reasons_at_once(server, snapshot, portal):
    request = wanted(server, snapshot, target=str(portal), include=["/nothing"])
    assert len(preview(server, request)["refusals"]) == 3


def test_no_space(server, snapshot, portal, tmp_path, monkeypatch):
    full = os.statvfs_result((4096, 4096, 100, 100, 100, 10, 10, 0, 0, 255))
    monkeypatch.setattr(file_plan.os, "fstatvfs", lambda descriptor: full)
    with pytest.raises(RestoreError, match=r"espacio insuficiente en .*y se requieren 24.0 MiB.* quedan 0 inodos"):
        restored(server, wanted(server, snapshot, target=str(tmp_path / "new")))


def test_a_damaged_repository_touches_nothing(server, restic, snapshot, portal, tmp_path):
    damaged = damage(portal)
    for pack in Path(restic.repository, "data").rglob("*"):
        if pack.is_file():
            content = bytearray(pack.read_bytes())
            content[10] ^= 255
            pack.chmod(0o600)
            pack.write_bytes(bytes(content))
    shutil.rmtree(server["cache_dir"], ignore_errors=True)
    with pytest.raises(Exception, match="restic"):
        restored(server, wanted(server, snapshot, in_place=True, verify=True))
    assert tree(portal) == damaged


def test_what_restic_does_not_bring_is_no_success(server, snapshot, portal, tmp_path, monkeypatch):
    damaged = damage(portal)
    whole = Restic.restore

    def partial(self, snapshot_id, directory, **how):
        whole(self, snapshot_id, directory, **how)
        with open(f"/proc/self/fd/{directory}/content{portal}/index.php", "wb") as stream:
            stream.truncate(3)

    monkeypatch.setattr(Restic, "restore", partial)
    with pytest.raises(RestoreError, match=r"no devolvió .*index.php"):
        restored(server, wanted(server, snapshot, in_place=True))
    assert tree(portal) == damaged


def test_a_stop_in_the_middle_of_moving_says_how_to_go_back(server, snapshot, portal, monkeypatch):
    damaged = damage(portal)
    rename = os.rename
    count = []

    def tired(*args, **how):
        count.append(args)
        if len(count) == 4:
            raise Stopped("se agotó el tiempo límite de 1 s")
        return rename(*args, **how)

    monkeypatch.setattr(file_restore.os, "rename", tired)
    asked = {"run_id": "R7", "mode": "manual", "time_limit": 0, "restore": wanted(server, snapshot, in_place=True)}
    outcome = restore_one(server, asked, lambda news: None)["restore"]
    assert outcome["state"] == "failed"
    assert "A MEDIAS, con 3 elementos" in outcome["message"] and "tiempo límite" in outcome["message"]
    assert outcome["safety_snapshot"] in outcome["message"]
    monkeypatch.undo()
    restored(server, wanted(server, snapshot, in_place=True, undo=outcome["safety_snapshot"]), "R8")
    assert tree(portal) == damaged


def test_nothing_follows_a_link_that_is_planted_meanwhile(server, snapshot, portal, tmp_path, monkeypatch):
    # Faults 19: between the look and the move, a directory becomes a link to somebody else's.
    (tmp_path / "victim/deep").mkdir(parents=True)
    (tmp_path / "victim/deep/page.php").write_text("mine", encoding="utf-8")
    victim = tree(tmp_path / "victim")
    store = Restic.store_text

    def planted(self, *args, **how):
        answer = store(self, *args, **how)
        os.rename(portal / "sub", portal / "sub.away")
        os.symlink(tmp_path / "victim", portal / "sub")
        return answer

    monkeypatch.setattr(Restic, "store_text", planted)
    with pytest.raises(RestoreError, match="A MEDIAS"):
        restored(server, wanted(server, snapshot, in_place=True))
    assert tree(tmp_path / "victim") == victim


def test_an_unprivileged_race_never_leads_root_outside(server, snapshot, portal, tmp_path):
    # Faults 19: somebody swaps a directory of his for a link, all the time.
    victim = tmp_path / "victim"
    (victim / "deep").mkdir(parents=True)
    (victim / "secret").write_text("mine", encoding="utf-8")
    before = tree(victim)
    stop = threading.Event()

    def race():
        while not stop.is_set():
            for step in (
                lambda: os.rename(portal / "sub", portal / "sub.away"),
                lambda: os.symlink(victim, portal / "sub"),
                lambda: os.unlink(portal / "sub"),
                lambda: os.rename(portal / "sub.away", portal / "sub"),
            ):
                with contextlib.suppress(OSError):
                    step()

    thread = threading.Thread(target=race)
    thread.start()
    try:
        for number in range(4):
            with contextlib.suppress(RestoreError, OSError):
                restored(server, wanted(server, snapshot, in_place=True), f"R{number}")
    finally:
        stop.set()
        thread.join()
    assert tree(victim) == before
    stored = subprocess.run(
        [
            server["restic"],
            "--repo",
            server["repository"],
            "--password-file",
            server["password_file"],
            "find",
            "secret",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "secret" not in stored.stdout


def test_a_target_that_is_moved_away_meanwhile_gets_nothing(server, snapshot, tmp_path, monkeypatch):
    # Faults 19: who owns the parent directory puts a link in the staging directory's place.
    (tmp_path / "theirs").mkdir()
    (tmp_path / "victim").mkdir()
    whole = Restic.restore

    def moved(self, snapshot_id, directory, **how):
        (name,) = os.listdir(tmp_path / "theirs")
        os.rename(tmp_path / "theirs" / name, tmp_path / "theirs/away")
        os.symlink(tmp_path / "victim", tmp_path / "theirs" / name)
        whole(self, snapshot_id, directory, **how)

    monkeypatch.setattr(Restic, "restore", moved)
    restored(server, wanted(server, snapshot, target=str(tmp_path / "theirs/new")))
    assert os.listdir(tmp_path / "victim") == []


def test_what_a_killed_restoration_left_is_removed_and_named(server, snapshot, portal, tmp_path):
    # A child is killed while it stages, and one while it moves: the next one clears up, and names the way back.
    for phase, moment in (("restore", "restore"), ("store_text", "move")):
        child = os.fork()
        if child == 0:
            if phase == "restore":
                Restic.restore = lambda *args, **how: os.kill(os.getpid(), 9)
            else:
                file_restore._Effect.move = lambda *args: os.kill(os.getpid(), 9)
            restored(server, wanted(server, snapshot, in_place=True), f"K-{moment}")
            os._exit(1)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    # The second one removed what the first had left, and left its own.
    assert len([name for name in os.listdir(portal.parent) if name.startswith(".dse-backup-restore-")]) == 1
    remarks = restored(server, wanted(server, snapshot, target=str(tmp_path / "new")))["remarks"]
    assert os.listdir(portal.parent) == ["portal"]
    (killed,) = [each for each in remarks if "interrumpida" in each]
    safety = killed.split("su respaldo previo es ")[1][:64]
    assert preview(server, wanted(server, snapshot, in_place=True, undo=safety))["refusals"] == []
    assert os.listdir(f"{server['state_dir']}/restores") == []


def test_a_restoration_that_is_at_work_is_not_cleared_away(server, snapshot, tmp_path, monkeypatch):
    whole = Restic.restore

    def another(self, *args, **how):
        monkeypatch.undo()
        restored(server, wanted(server, snapshot, target=str(tmp_path / "second")), "R8")
        whole(self, *args, **how)

    monkeypatch.setattr(Restic, "restore", another)
    outcome = restored(server, wanted(server, snapshot, target=str(tmp_path / "first")))
    assert tree(tmp_path / "first") == tree(tmp_path / "second")
    assert not any("interrumpida" in each for each in outcome["remarks"])


def test_from_the_repository_of_another_server(server, snapshot, portal, tmp_path, empty_repository, restic_program):
    shutil.copytree(empty_repository, tmp_path / "other")
    own = {
        **server,
        "repository": str(tmp_path / "other/repository"),
        "password_file": str(tmp_path / "other/password"),
        "cache_dir": str(tmp_path / "cache2"),
    }
    source = {key: server[key] for key in ("repository", "password_file", "cache_dir")} | {"options": []}
    damaged = damage(portal)
    outcome = restored(own, wanted(server, snapshot, in_place=True, source=source))
    # What was there before lies in the repository of the server that it was on.
    assert len(Restic.of(own).snapshots()) == 2 and len(Restic.of(server).snapshots()) == 1
    restored(own, wanted(server, snapshot, in_place=True, undo=outcome["safety_snapshot"], source=source), "R8")
    assert tree(portal) == damaged


def test_only_in_place_waits_for_a_backup(server, snapshot, tmp_path):
    asked = {"run_id": "R7", "mode": "manual", "time_limit": 0}
    with exclusive(os.path.join(server["state_dir"], "lock"), {"run_id": "nightly"}):
        request = wanted(server, snapshot, target=str(tmp_path / "new"))
        result = restore_one(server, {**asked, "restore": request}, lambda news: None)
        assert (result["restore"]["state"], result["server"], result["run_id"]) == ("restored", "srv-web01", "R7")
        with pytest.raises(Busy, match="nightly"):
            restore_one(server, {**asked, "restore": wanted(server, snapshot, in_place=True)}, lambda news: None)


def test_progress_names_the_item_and_the_phase(server, snapshot, tmp_path):
    news = []
    asked = {"run_id": "R7", "mode": "manual", "time_limit": 0, "restore": wanted(server, snapshot, in_place=True)}
    perform(server, asked, news.append)
    assert {each["item_id"] for each in news} == {"portal-src"}
    phases = [each["phase"] for each in news]
    assert phases[-2:] == ["safety", "move"] and set(phases[:-2]) <= {"restore"}
    assert json.dumps(news)


def test_a_socket_is_not_missed(server, restic, portal, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(portal)
        listener.bind("socket")
    snapshot_id = restic.backup([str(portal)], host="h", tags=[]).snapshot_id
    os.unlink(portal / "socket")
    restored(server, wanted(server, snapshot_id, target=str(tmp_path / "new")))
    assert tree(f"{tmp_path}/new{portal}").keys() == tree(portal).keys()


def test_deep_trees_are_refused_before_anything_is_written(server, restic, portal, tmp_path):
    deep = os.path.join(portal, *["d"] * (safe_tree.DEPTH_LIMIT + 1))
    os.makedirs(deep)
    snapshot_id = restic.backup([str(portal)], host="h", tags=[]).snapshot_id
    request = wanted(server, snapshot_id, target=str(tmp_path / "new"))
    assert "de profundidad" in preview(server, request)["refusals"][0]


@pytest.fixture
def two_disks(server, portal, tmp_path):
    """The portal's ``sub`` is another file system, with one more below it."""
    inner = portal / "sub"
    shutil.rmtree(inner)
    made = []
    for path in (inner, inner / "third"):
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", path], check=True)
        made.append(path)
        (path / "file").write_text(f"on {path}", encoding="utf-8")
        (path / "d").mkdir()
        (path / "d/x").write_text("x", encoding="utf-8")
    yield inner
    for path in reversed(made):
        subprocess.run(["umount", path], check=True)


def test_in_place_over_several_file_systems(server, restic, portal, two_disks):
    before = tree(portal)
    snapshot_id = restic.backup([str(portal)], host="h", tags=[]).snapshot_id
    for path in (portal, two_disks, two_disks / "third"):
        (path / "since").write_text("new", encoding="utf-8")
    (portal / "index.php").unlink()
    (two_disks / "file").write_text("changed", encoding="utf-8")
    shutil.rmtree(two_disks / "third/d")
    damaged = tree(portal)
    request = wanted(server, snapshot_id, in_place=True)
    announced = preview(server, request)
    outcome = restored(server, request)
    now = tree(portal)
    assert {path: facts for path, facts in now.items() if not path.endswith(b"since")} == before
    assert paths(announced["written"]) == [
        f"{portal}/index.php",
        f"{two_disks}/third/d",
        f"{two_disks}/third/d/x",
    ]
    assert len(announced["left"]) == 3
    restored(server, wanted(server, snapshot_id, in_place=True, undo=outcome["safety_snapshot"]), "R8")
    assert tree(portal) == damaged


def test_an_empty_disk_mounted_for_the_restoration(server, snapshot, portal, tmp_path):
    target = tmp_path / "disk"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", target], check=True)
    try:
        (target / "lost+found").mkdir()
        restored(server, wanted(server, snapshot, target=str(target)))
        assert tree(f"{target}{portal}") == tree(portal)
        assert sorted(os.listdir(target)) == ["lost+found", str(portal).split("/")[1]]
    finally:
        subprocess.run(["umount", target], check=True)
