# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.journal import Busy, Journal, exclusive

SPAWN = multiprocessing.get_context("fork")


@pytest.fixture
def journal(tmp_path):
    return Journal(str(tmp_path))


def test_what_is_added_is_read_in_order(journal):
    assert journal.entries() == []
    for number in range(3):
        journal.append({"n": number, "name": "señal\n\udcff"})
    assert [entry["n"] for entry in journal.entries()] == [0, 1, 2]
    assert journal.entries()[0]["name"] == "señal\n\udcff"
    assert [entry["n"] for entry in journal.entries(limit=2)] == [1, 2]
    assert os.stat(journal.path).st_mode & 0o777 == 0o600


def test_a_line_torn_at_any_byte_swallows_no_other(journal):
    # Faults 8, on the server: a power cut in the middle of a line.
    journal.append({"n": 1})
    whole = os.path.getsize(journal.path)
    journal.append({"n": 2, "text": "x" * 20})
    with open(journal.path, "rb") as stream:
        content = stream.read()
    for length in range(whole, len(content)):
        with open(journal.path, "wb") as stream:
            stream.write(content[:length])
        journal.append({"n": 3})
        numbers = [entry["n"] for entry in journal.entries()]
        # Where only the newline was lost the entry itself is whole.
        assert numbers == ([1, 2, 3] if length == len(content) - 1 else [1, 3])


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"[1]\n", b"null\n", b"\0" * 40 + b"\n", b"{}\n"])
def test_lines_that_are_none_are_left_out(journal, line):
    with open(journal.path, "wb") as stream:
        stream.write(line)
    journal.append({"n": 1})
    assert journal.entries() == [{"n": 1}]


def test_a_link_in_its_place_is_not_followed(journal, tmp_path):
    # Faults 19: nothing that root writes can be led elsewhere.
    target = tmp_path / "target"
    target.write_text("", encoding="utf-8")
    os.symlink(target, journal.path)
    with pytest.raises(OSError, match="symbolic"):
        journal.append({"n": 1})
    assert target.read_text(encoding="utf-8") == ""


def _hold(path, said, let_go):
    with exclusive(path, {"run_id": "first", "pid": 7}):
        said.set()
        let_go.wait(30)


def test_one_run_at_a_time_and_the_second_knows_whose(tmp_path):
    # Faults 4: two processes; the second one names the first.
    path = str(tmp_path / "lock")
    said, let_go = SPAWN.Event(), SPAWN.Event()
    holder = SPAWN.Process(target=_hold, args=(path, said, let_go))
    holder.start()
    assert said.wait(30)
    with pytest.raises(Busy) as busy, exclusive(path, {"run_id": "second"}):
        pass
    assert busy.value.holder == {"run_id": "first", "pid": 7}
    let_go.set()
    holder.join(30)
    with exclusive(path, {"run_id": "second"}):
        pass


def test_a_killed_holder_leaves_nothing_to_clean_up(tmp_path):
    # Faults 1: the kernel lets go, whatever happened to the process.
    path = str(tmp_path / "lock")
    said, never = SPAWN.Event(), SPAWN.Event()
    holder = SPAWN.Process(target=_hold, args=(path, said, never))
    holder.start()
    assert said.wait(30)
    holder.kill()
    holder.join(30)
    with exclusive(path, {"run_id": "next"}):
        pass


def test_a_long_holder_leaves_nothing_in_a_short_one(tmp_path):
    path = str(tmp_path / "lock")
    with exclusive(path, {"run_id": "x" * 200}):
        pass
    with (
        exclusive(path, {"run_id": "b"}),
        pytest.raises(Busy) as busy,
        exclusive(path, {}),
    ):
        pass
    assert busy.value.holder == {"run_id": "b"}
