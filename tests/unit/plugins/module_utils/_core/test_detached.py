# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.detached import NotStarted, attend
from ansible_collections.dse.backup.plugins.module_utils._core.journal import Journal

RESULT = """printf '%s' '{"outcomes": []}' > "$3/result.new"; mv "$3/result.new" "$3/result.json\""""


@pytest.fixture
def play(tmp_path):
    """Write the script; return what asks for its run, and waits for as long as it must."""

    def write(script):
        path = tmp_path / "dse-backup"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

        def ask(wait=30.0, run_id="R1"):
            request = {"run_id": run_id, "mode": "automatic", "time_limit": 0, "items": []}
            return attend(str(path), str(tmp_path), request, wait=wait)

        return ask

    return write


def test_a_short_run_costs_one_call(play):
    assert play(RESULT)() == {"finished": True, "result": {"outcomes": []}, "journal": []}


def test_a_long_run_is_found_again_and_started_once(play, tmp_path):
    # A connection that broke asks again: the same run, its progress, then its result.
    ask = play(
        f"""echo x >> {tmp_path}/starts; printf '%s' '{{"percent": 7}}' > "$3/progress.new"
mv "$3/progress.new" "$3/progress.json"; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; {RESULT}"""
    )
    answer = ask(wait=0)
    while not answer.get("progress"):
        assert not answer["finished"]
        answer = ask(wait=0.05)
    assert answer == {"finished": False, "progress": {"percent": 7}}
    (tmp_path / "go").touch()
    assert ask()["result"] == {"outcomes": []}
    assert ask()["result"] == {"outcomes": []}
    assert (tmp_path / "starts").read_text() == "x\n"


@pytest.mark.parametrize("death", ["kill -9 $$", "exit 0", "echo boom >&2; exit 1"])
def test_a_script_that_died_without_a_result_is_not_waited_for(play, tmp_path, death):
    # Faults 1: the answer comes at once, and says where to look.
    answer = play(death)()
    assert answer["finished"]
    assert f"{tmp_path}/runs/R1/log" in answer["result"]["error"]


def test_a_request_reaches_the_script_in_a_file_of_roots(play, tmp_path):
    # Nothing of it stands in the list of processes.
    play(f'echo "$@" > {tmp_path}/arguments; {RESULT}')()
    run_dir = tmp_path / "runs/R1"
    assert (tmp_path / "arguments").read_text() == f"run --run-dir {run_dir}\n"
    assert (run_dir.stat().st_mode & 0o777, (run_dir / "request.json").stat().st_mode & 0o777) == (0o700, 0o600)


def test_failures_by_hand_come_along(play, tmp_path):
    journal = Journal(str(tmp_path))
    # A forced run of the controller is manual too, but not by hand: its failure is in the record already.
    for run_id, state in (("manual-1", "failed"), ("manual-2", "stored"), ("20261122T0100Z-1", "failed")):
        journal.append({"run_id": run_id, "mode": "manual", "state": state})
    assert play(RESULT)()["journal"] == [{"run_id": "manual-1", "mode": "manual", "state": "failed"}]


def test_a_script_that_is_not_there_names_the_remedy(tmp_path):
    request = {"run_id": "R1", "mode": "automatic", "time_limit": 0, "items": []}
    with pytest.raises(NotStarted, match=r"deploy\.yml"):
        attend(str(tmp_path / "none"), str(tmp_path), request, wait=1)
    (tmp_path / "file").touch()
    with pytest.raises(NotStarted, match=r"deploy\.yml"):
        attend("/bin/true", str(tmp_path / "file"), request, wait=1)


@pytest.mark.parametrize("run_id", ["../../etc", "", "-x", "a/b", "a\n", "x" * 101])
def test_a_run_id_leads_nowhere_else(play, tmp_path, run_id):
    with pytest.raises(NotStarted):
        play(RESULT)(run_id=run_id)
    assert not os.path.exists(tmp_path / "runs")


def test_half_a_result_is_no_result_yet(play):
    # A script that somebody replaced writes where it stands, and is read in the middle of it.
    slowly = """printf '{"outcomes"' > "$3/result.json"; sleep 0.4; printf ': []}' >> "$3/result.json\""""
    assert play(slowly)()["result"] == {"outcomes": []}
    assert (
        "sin dejar su resultado" in play("""printf '{"outcomes"' > "$3/result.json\"""")(run_id="R2")["result"]["error"]
    )
