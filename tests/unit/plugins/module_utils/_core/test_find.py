# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.find import find


@pytest.fixture(scope="module")
def names():
    return [b"index.php", b"index.php.bak", b"two\nlines.php", b"-rf", b"[x].php"]


@pytest.fixture
def versions(restic, tmp_path, names):
    """Two versions, the newest first; the older one lacks a file. A directory is called as a file may be."""
    root = tmp_path / "www"
    (root / "sub").mkdir(parents=True)
    ids = []
    for name in [*names, b"late.php"]:
        if name == b"late.php":
            ids.append(restic.backup([str(root)], host="srv", tags=["item=a"]).snapshot_id)
        with open(os.path.join(os.fsencode(root), b"sub", name), "wb") as stream:
            stream.write(b"x" * len(name))
    ids.append(restic.backup([str(root)], host="srv", tags=["item=a"]).snapshot_id)
    return ids[::-1]


def test_files_are_found_by_name_and_by_pattern_in_each_version(restic, versions, tmp_path):
    def found(text, limit=100):
        hits, cut = find(restic, text, versions, limit=limit)
        return [(versions.index(hit["snapshot"]), os.path.basename(hit["path"])) for hit in hits], cut

    assert found("index.php") == ([(0, "index.php"), (1, "index.php")], False)
    assert found("late.*") == ([(0, "late.php")], False)
    assert found("-rf")[0] == [(0, "-rf"), (1, "-rf")]
    assert found(r"\[x\].php")[0] == [(0, "[x].php"), (1, "[x].php")]
    assert found("[i-l]*.php")[0] == [(0, "index.php"), (0, "late.php"), (1, "index.php")]
    assert found(f"{tmp_path}/www/sub/late.php")[0] == [(0, "late.php")]
    # A directory is found, and not also all that it holds.
    assert found("sub") == ([(0, "sub"), (1, "sub")], False)
    assert found("nothing-like-it") == ([], False)
    assert found("*.php", limit=2)[1] is True
    hit = find(restic, "index.php", versions, limit=1)[0][0]
    assert hit["size"] == len("index.php") and hit["type"] == "file" and hit["mtime"]
