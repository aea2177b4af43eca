# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controllers and servers that die midway or are not there, and two runs at once."""

from __future__ import annotations

import os
import signal

import official_record
import pytest
from institution import until


@pytest.fixture
def portal(institution):
    institution.register("srv-web01", institution.files("portal-media"), institution.files("actas"))
    return institution


def _run_ends_on_the_server(portal):
    return list(portal.root.glob("hosts/srv-web01/state/runs/*/result.json"))


@pytest.mark.parametrize("killed", ["only the main process", "the whole controller"])
def test_what_a_killed_controller_left_open_is_closed_by_the_next_run(portal, killed):
    """Breaks: a planned item of a killed run has no outcome, or two; or the next run needs help."""
    gate = portal.hold_backups()
    run = portal.start("backup.yml")
    gate.wait_for_a_backup()
    if killed == "the whole controller":
        os.killpg(run.process.pid, signal.SIGKILL)
    else:
        os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    gate.open()
    until(lambda: _run_ends_on_the_server(portal), "the server's own end of the run")
    until(lambda: not _is_held(portal), "the end of what the controller left behind")

    done = portal.backup()
    assert done.rc == 0, done.out
    records = portal.records()
    killed_run, healthy_run = (each["run_id"] for each in official_record.runs(records))
    assert official_record.ended(records) == {killed_run: "cut_off", healthy_run: "ended"}
    cut_off = official_record.outcomes(records, killed_run)
    assert {each["item_id"]: each["record_type"] for each in cut_off} == {"portal-media": "failure", "actas": "failure"}
    assert all("se interrumpió en el controlador" in each["error_message"] for each in cut_off)
    backups = portal.records("backup")
    assert {each["item_id"] for each in backups} == {"portal-media", "actas"}
    assert {each["host_run_id"] for each in backups} == {killed_run}, "what the server had stored is not stored again"
    assert portal.backup().rc == 0
    assert portal.planned() == []


def _is_held(portal):
    """Tell whether any process of the killed run still holds its lock."""
    held = {f"{os.stat(lock).st_ino}" for lock in (portal.ledger / "runs").glob("*.lock")}
    with open("/proc/locks", encoding="ascii") as locks:
        return any(line.split()[5].rsplit(":", 1)[-1] in held for line in locks)


def test_a_server_that_dies_with_its_backup_is_a_failure_and_the_next_run_is_healthy(portal):
    """Breaks: a script that is killed leaves the playbook waiting, or an item without an outcome."""
    gate = portal.hold_backups()
    run = portal.start("backup.yml")
    gate.wait_for_a_backup()
    for command in _processes_naming(str(portal.root / "hosts" / "srv-web01")):
        os.kill(command, signal.SIGKILL)
    done = run.wait()
    assert done.rc == 2, done.out
    assert {each["item_id"] for each in portal.records("failure")} == {"portal-media", "actas"}
    gate.open()
    healthy = portal.backup()
    assert healthy.rc == 0, healthy.out


def _processes_naming(text):
    """Return the processes of the deployed script, those of this test's own directory only."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/cmdline", "rb") as stream:
                    command = stream.read().decode("utf-8", "replace")
            except OSError:
                continue
            if text in command and "--run-dir" in command:
                found.append(int(entry.name))
    return found


def test_of_two_runs_at_once_the_second_says_so_and_leaves_the_first_alone(portal):
    """Breaks: both back up, the second ends with 0, or it closes the first one as cut off."""
    gate = portal.hold_backups()
    first = portal.start("backup.yml")
    gate.wait_for_a_backup()
    second = portal.backup()
    assert second.rc == 2, second.out
    first_run = portal.records("run", run_event="started")[0]["run_id"]
    failures = portal.records("failure")
    assert [each["failure_type"] for each in failures] == ["not_run", "not_run"]
    assert all(f"ocupado con otra corrida: {first_run}" in each["error_message"] for each in failures)
    assert portal.records("run", run_event="cut_off") == []

    gate.open()
    done = first.wait()
    assert done.rc == 0, done.out
    assert {each["run_id"] for each in portal.records("backup")} == {first_run}
    assert set(official_record.ended(portal.records()).values()) == {"ended"}
    assert portal.backup().rc == 0
    assert portal.planned() == []


def test_an_interrupted_playbook_leaves_one_outcome_for_each_item(portal):
    """Breaks: Ctrl-C or a scheduler's SIGTERM leaves planned items without an outcome for ever."""
    gate = portal.hold_backups()
    run = portal.start("backup.yml")
    gate.wait_for_a_backup()
    os.killpg(run.process.pid, signal.SIGINT)
    done = run.wait()
    assert done.rc != 0, done.out
    gate.open()
    until(lambda: _run_ends_on_the_server(portal), "the server's own end of the run")
    healthy = portal.backup()
    assert healthy.rc == 0, healthy.out
    runs = official_record.runs(portal.records())
    assert set(official_record.ended(portal.records())) == {each["run_id"] for each in runs}


def test_a_server_that_is_not_there_hides_nobody(portal):
    """Breaks: an unreachable server ends the run for the others, or has no failure of its own."""
    portal.register("srv-db01", portal.files("escolares"))
    portal.host_vars["srv-web01"] = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
        "ansible_ssh_args": "-o BatchMode=yes",
    }
    done = portal.backup()
    assert done.rc == 2, done.out
    assert portal.result("escolares") == "first"
    failures = portal.records("failure")
    assert {each["item_id"] for each in failures} == {"portal-media", "actas"}
    # What ssh said of it is chance: it may end before it was handed its work, or after.
    assert all("no se pudo contactar con srv-web01 por SSH: " in each["error_message"] for each in failures), failures


def test_a_server_that_was_never_deployed_says_what_to_do(portal):
    """Breaks: the cause that reaches the record is Ansible's own, not one that JAA can act on."""
    (portal.root / "hosts" / "srv-web01" / "bin" / "dse-backup").unlink()
    done = portal.backup()
    assert done.rc == 2, done.out
    assert all("ejecute deploy.yml en este servidor" in each["error_message"] for each in portal.records("failure"))
