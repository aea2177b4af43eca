# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import pwd
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import drill
from ansible_collections.dse.backup.plugins.module_utils._core.drill import drill_files

NOBODY = pwd.getpwnam("nobody")
HOSTILE = [b"-rf", b"$(touch pwned)", b"two\nlines", b"not-utf8-\xff", b"*?[x]", "año".encode(), b"\\"]


@pytest.fixture
def source(tmp_path):
    """Files of all kinds, with names of all kinds."""
    root = tmp_path / "source"
    root.mkdir()
    for name in HOSTILE:
        (root / os.fsdecode(name)).write_bytes(b"content of " + name)
    (root / "directory").mkdir(mode=0o500)
    (root / "directory/empty").touch(mode=0o000)
    (root / "secret").write_bytes(b"mode 0")
    (root / "secret").chmod(0)
    (root / "shut").mkdir()
    (root / "shut/inside").write_bytes(b"below a directory of mode 0")
    (root / "shut").chmod(0)
    os.link(root / "-rf", root / "hard")
    (root / "link").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe[1]")
    return root


def test_everything_comes_back_and_nothing_is_left(restic, source, tmp_path):
    # As the repository's owner, which is not root, while what was backed up is root's.
    assert os.geteuid() == 0, "this test needs root, to restore as another user"
    snapshot = restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        shutil.copytree(os.path.dirname(restic.repository), f"{directory}/storage")
        shutil.copy(restic.program, f"{directory}/restic")
        for where, _directories, names in os.walk(f"{directory}/storage"):
            for path in (where, *(os.path.join(where, name) for name in names)):
                os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        owned = dataclasses.replace(
            restic,
            repository=f"{directory}/storage/repository",
            password_file=f"{directory}/storage/password",
            program=f"{directory}/restic",
            cache_dir=None,
            owner=(NOBODY.pw_uid, NOBODY.pw_gid),
        )
        scratch = f"{directory}/scratch"
        result = drill_files(owned, snapshot, scratch)
        assert result.matches, result.problems
        assert result.problems == [] and len(result.remarks) == 2
        assert result.entry_count == len(HOSTILE) + 4
        contents = [b"content of " + name for name in [*HOSTILE, b"-rf"]] + [b"mode 0", b"below a directory of mode 0"]
        assert result.restored_bytes == sum(map(len, contents))
        assert os.listdir(scratch) == []
        # The same content gives the same digest; other content another one.
        assert drill_files(owned, snapshot, scratch).content_sha256 == result.content_sha256
    (source / "-rf").write_bytes(b"CONTENT of -rf")
    changed = restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id
    assert drill_files(restic, changed, str(tmp_path / "scratch")).content_sha256 != result.content_sha256


def test_damaged_data_does_not_pass(restic, source, tmp_path):
    (source / "big").write_bytes(os.urandom(300_000))
    snapshot = restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id
    packs = [path for path in Path(restic.repository, "data").rglob("*") if path.is_file()]
    path = max(packs, key=lambda each: each.stat().st_size)
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[100_000] ^= 1
    path.write_bytes(content)
    result = drill_files(restic, snapshot, str(tmp_path / "scratch"))
    assert not result.matches and result.problems
    assert os.listdir(tmp_path / "scratch") == []


def test_what_the_engine_leaves_out_or_makes_otherwise_is_named(tmp_path):
    (tmp_path / "short").write_bytes(b"12")
    (tmp_path / "other").mkdir()
    (tmp_path / "whole").write_bytes(b"123")
    sizes = {"/short": 3, "/other": 3, "/whole": 3, "/missing": 3}
    nodes = {path: {"type": "file", "size": size} for path, size in sizes.items()}
    problems, _digest, restored, count = drill._compare(
        str(tmp_path), nodes, set(), lambda path: drill._blocks(str(tmp_path) + path)
    )
    assert len(problems) == 3 and (restored, count) == (5, 2)
    assert [each.split(":")[0] for each in problems] == ["/missing", "/other", "/short"]


def test_a_disk_is_never_filled(restic, source, tmp_path, monkeypatch):
    snapshot = restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(drill.shutil, "disk_usage", lambda path: usage(1 << 40, 1 << 40, 1 << 30))
    with pytest.raises(OSError, match="no hay espacio"):
        drill_files(restic, snapshot, str(tmp_path / "scratch"))
    assert os.listdir(tmp_path / "scratch") == []


def test_what_a_killed_drill_left_is_removed_and_what_lives_is_not(restic, tmp_path):
    abandoned = tmp_path / "scratch/drill-abandoned/deep"
    abandoned.mkdir(parents=True)
    (tmp_path / "scratch/somebody-elses").mkdir()
    with drill._scratch(restic, str(tmp_path / "scratch"), 0) as first:
        assert not abandoned.exists()
        with drill._scratch(restic, str(tmp_path / "scratch"), 0):
            assert os.path.isdir(first)
    assert os.listdir(tmp_path / "scratch") == ["somebody-elses"]


def test_nobody_else_can_look_into_the_scratch(restic, tmp_path):
    with drill._scratch(restic, str(tmp_path / "scratch"), 0) as target:
        assert os.stat(target).st_mode & 0o777 == 0o700
