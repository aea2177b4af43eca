# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.whole_file import write


def test_it_is_written_whole_or_not_at_all(tmp_path):
    """Breaks: a full disk leaves half a page, or everybody on the machine may read it."""
    path = tmp_path / "page.html"
    write(str(path), b"x")
    assert (path.read_text("utf-8"), stat.S_IMODE(path.stat().st_mode) & 0o027) == ("x", 0)
    with pytest.raises(OSError, match="nowhere"):
        write(str(tmp_path / "nowhere" / "page.html"), b"x")
    (tmp_path / "directory.html").mkdir()
    with pytest.raises(OSError, match=r"directory\.html"):
        write(str(tmp_path / "directory.html"), b"x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["directory.html", "page.html"]
