# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.preflight import PreflightError, checked_paths


@pytest.fixture
def tree(tmp_path):
    """A directory with one file, and everything that is not what was requested."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("full")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def refusal(item):
    with pytest.raises(PreflightError) as error:
        checked_paths(item)
    return str(error.value)


def test_what_was_requested_is_read(tree):
    paths = [str(tree / "full"), str(tree / "full/file")]
    assert checked_paths({"paths": paths}) == paths


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "no existe"),
        ("empty", "está vacío"),
        ("link", "enlace simbólico"),
        ("link/file", "enlace simbólico"),
        ("dangling", "enlace simbólico"),
        ("loop", "no se puede leer"),
        ("pipe", "no es un archivo ni un directorio"),
        ("full/file/below", "no se puede leer"),
    ],
)
def test_what_is_not_as_requested_is_refused(tree, name, words):
    # Faults 13: missing, unmounted (empty) and symlinked sources back up without an error when nobody looks.
    assert words in refusal({"paths": [str(tree / name)]})


@pytest.mark.parametrize(
    ("name", "words"), [("dangling", "no existe"), ("loop", "no se puede leer"), ("empty", "está vacío")]
)
def test_following_links_does_not_excuse_the_rest(tree, name, words):
    assert words in refusal({"paths": [str(tree / name)], "follow_symlinks": True})


def test_a_link_is_followed_only_where_the_item_says_so(tree):
    # restic would save the link alone.
    assert checked_paths({"paths": [str(tree / "link")], "follow_symlinks": True}) == [str(tree / "full")]


def test_a_volume_that_is_not_mounted(tree):
    # The directory below is there and not empty: only the mount point tells.
    item = {"paths": [str(tree / "full")], "mountpoint": str(tree / "full")}
    assert "no está montado" in refusal(item)
    assert checked_paths({**item, "mountpoint": "/proc"}) == item["paths"]


def test_every_path_that_cannot_be_trusted_is_named(tree):
    text = refusal({"paths": [str(tree / "missing"), str(tree / "full"), str(tree / "empty")], "mountpoint": "/etc"})
    assert [text.count(name) for name in ("/missing no existe", "/empty está vacío", "/etc no está montado")] == [1] * 3


def test_a_bind_mount_of_the_same_file_system_is_a_mount(tree):
    assert os.geteuid() == 0, "this test makes a bind mount: run it as root"
    point = tree / "a mount point"
    point.mkdir()
    wanted = {"paths": [str(point)], "mountpoint": str(point)}
    assert "no está montado" in refusal(wanted)
    subprocess.run(["mount", "--bind", str(tree / "full"), str(point)], check=True)
    try:
        assert checked_paths(wanted) == [str(point)]
    finally:
        subprocess.run(["umount", str(point)], check=True)
