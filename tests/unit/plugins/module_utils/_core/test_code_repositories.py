# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import code_repositories
from ansible_collections.dse.backup.plugins.module_utils._core.code_repositories import (
    find_repositories,
    without_secrets,
)


@pytest.fixture
def look(tmp_path):
    def call(top=tmp_path, seen=None, **changes):
        bounds = {"depth": 5, "directories": 1000, "deadline": time.monotonic() + 60, "mounts": {"/": "ext4"}}
        return find_repositories(str(top), **{**bounds, **changes}, seen=set() if seen is None else seen)

    return call


def clone(directory, remote=""):
    (directory / ".git").mkdir(parents=True)
    (directory / ".git/config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {remote}\n')


def names(found, top):
    return [os.path.relpath(each.path, top) for each in found.repositories]


def test_every_system_is_found_with_where_it_comes_from(look, tmp_path):
    clone(tmp_path / "git", "https://ana:clave@git.example.mx/a.git")
    (tmp_path / "hg/.hg").mkdir(parents=True)
    (tmp_path / "hg/.hg/hgrc").write_text("[ui]\nusername = Ana\n[paths]\nother = /b\ndefault = ssh://hg@h/a\n")
    (tmp_path / "svn/.svn").mkdir(parents=True)
    (tmp_path / "worktree").mkdir()
    (tmp_path / "worktree/.git").write_text("gitdir: /elsewhere\n")
    for part in ("objects", "refs"):
        (tmp_path / "bare.git" / part).mkdir(parents=True)
    (tmp_path / "bare.git/HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "bare.git/config").write_text('[remote "mirror"]\n url = git@git.example.mx:a.git\n')
    for part in ("db", "hooks", "locks"):
        (tmp_path / "svnserver" / part).mkdir(parents=True)
    (tmp_path / "svnserver/format").write_text("5\n")
    (tmp_path / "plain/src").mkdir(parents=True)
    assert {(os.path.basename(each.path), each.system, each.remote) for each in look().repositories} == {
        ("git", "git", "https://git.example.mx/a.git"),
        ("hg", "hg", "ssh://h/a"),
        ("svn", "svn", ""),
        ("worktree", "git", ""),
        ("bare.git", "git", "git@git.example.mx:a.git"),
        ("svnserver", "svn", ""),
    }


def test_the_top_itself_may_be_one_and_what_is_in_one_is_part_of_it(look, tmp_path):
    clone(tmp_path)
    clone(tmp_path / "vendor/library")
    assert names(look(), tmp_path) == ["."]


def test_it_looks_so_deep_and_into_no_tool_of_people(look, tmp_path):
    clone(tmp_path / "a/b")
    clone(tmp_path / "a/c/d")
    clone(tmp_path / ".nvm")
    clone(tmp_path / "node_modules/x")
    assert names(look(depth=2), tmp_path) == ["a/b"]
    assert names(look(depth=3), tmp_path) == ["a/b", "a/c/d"]


def test_no_link_is_followed(look, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    clone(tmp_path / "elsewhere")
    (top / "link").symlink_to(tmp_path)
    (top / "loop").symlink_to(".")
    assert look(top).repositories == []
    # A top that is a link is named by whoever configures it: what it leads to is looked at.
    (tmp_path / "alias").symlink_to("elsewhere")
    assert names(look(tmp_path / "alias"), tmp_path) == ["elsewhere"]


def test_a_directory_that_becomes_a_link_meanwhile_is_not_entered(look, tmp_path, monkeypatch):
    clone(tmp_path / "outside/inner")
    (tmp_path / "top/a").mkdir(parents=True)
    opened = code_repositories.opened_path

    def swap(path):
        if path.endswith("/a"):
            os.rmdir(path)
            os.symlink(tmp_path / "outside", path)
        return opened(path)

    monkeypatch.setattr(code_repositories, "opened_path", swap)
    found = look(tmp_path / "top")
    assert (found.repositories, found.problems) == ([], [])


@pytest.mark.parametrize(
    ("system", "seen", "remarked"),
    [
        *((system, 0, 0) for system in ("proc", "autofs", "tmpfs")),
        *((system, 0, 1) for system in ("nfs4", "fuse.sshfs")),
        *((system, 1, 0) for system in ("ext4", "xfs", "fuseblk")),
    ],
)
def test_only_disks_are_entered_and_those_of_others_are_named(look, tmp_path, monkeypatch, system, seen, remarked):
    clone(tmp_path / "mounted/a")
    opened = code_repositories.opened_path
    entered = []
    monkeypatch.setattr(code_repositories, "opened_path", lambda path: entered.append(path) or opened(path))
    found = look(mounts={"/": "ext4", str(tmp_path / "mounted"): system})
    assert (len(found.repositories), len(found.remarks), found.problems) == (seen, remarked, [])
    # Only to open some of them mounts something, or hangs.
    assert (str(tmp_path / "mounted") in entered) == bool(seen)


def test_a_top_on_another_server_is_named_and_not_even_asked_for(look, tmp_path, monkeypatch):
    monkeypatch.setattr(code_repositories.os.path, "realpath", lambda path: pytest.fail("it would hang here"))
    found = look(tmp_path / "home", mounts={"/": "ext4", str(tmp_path): "nfs4"})
    assert found.remarks == [f"{tmp_path}/home está en otro equipo (nfs4): no se revisó"]


def test_what_was_seen_is_not_seen_again(look, tmp_path):
    # A directory that is mounted twice, or one top below another.
    clone(tmp_path / "a/b")
    seen = set()
    assert len(look(seen=seen).repositories) == 1
    assert look(tmp_path / "a", seen=seen).repositories == []


def test_limits_are_problems_and_the_shallow_comes_first(look, tmp_path):
    for number in range(20):
        (tmp_path / f"large/{number}").mkdir(parents=True)
    clone(tmp_path / "z")
    found = look(directories=5)
    assert names(found, tmp_path) == ["z"]
    assert "límite de directorios" in found.problems[0] and "coverage_directories" in found.problems[0]
    assert "límite de tiempo" in look(deadline=0).problems[0]
    assert look().problems == []


def test_what_cannot_be_read_is_a_problem_and_what_is_gone_is_none(look, tmp_path, monkeypatch):
    for number in range(8):
        (tmp_path / f"d{number}").mkdir()
    clone(tmp_path / "z")
    opened = code_repositories.opened_path

    def fail(path):
        if "/d" in path[len(str(tmp_path)) :]:
            raise PermissionError(13, "Permission denied")
        return opened(path)

    monkeypatch.setattr(code_repositories, "opened_path", fail)
    found = look()
    assert names(found, tmp_path) == ["z"]
    assert found.problems[0] == f"no se pudo leer {tmp_path}/d0: Permission denied"
    assert len(found.problems) == 6 and "3 problemas más" in found.problems[-1]
    assert look(tmp_path / "none").problems == []


@pytest.mark.parametrize("trap", ["pipe", "link", "directory", "huge"])
def test_settings_that_are_a_trap_have_no_say(look, tmp_path, trap):
    (tmp_path / "a/.git").mkdir(parents=True)
    config = tmp_path / "a/.git/config"
    secret = tmp_path / "secret"
    secret.write_text('[remote "origin"]\nurl = /secret\n')
    {
        "pipe": lambda: os.mkfifo(config),
        "link": lambda: config.symlink_to(secret),
        "directory": config.mkdir,
        "huge": lambda: config.write_bytes(b"#\n" * 5_000_000 + secret.read_bytes()),
    }[trap]()
    assert [each.remote for each in look().repositories] == [""]


def test_names_that_are_no_text_are_found(look, tmp_path):
    os.makedirs(os.fsencode(tmp_path) + b"/a\xff\n\x1b[31m/.git")
    assert [each.path for each in look().repositories] == [f"{tmp_path}/a\udcff\n\x1b[31m"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ana:clave@git.example.mx/a.git", "https://git.example.mx/a.git"),
        ("https://ghp_clave@git.example.mx/a.git", "https://git.example.mx/a.git"),
        ("https://ana:cl/a@ve@git.example.mx/a", "https://git.example.mx/a"),
        ("https://git.example.mx/a?private_token=clave#clave", "https://git.example.mx/a"),
        ("git@git.example.mx:grupo/a.git", "git@git.example.mx:grupo/a.git"),
        ("ana:clave@git.example.mx:a.git", "git.example.mx:a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("", ""),
    ],
)
def test_no_address_carries_a_password(address, shown):
    assert without_secrets(address) == shown
