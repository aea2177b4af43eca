# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers and tasks that lie to the controller, and a password that nobody may see."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from institution import CHECKOUT

FORGED = {
    "form_code": "FOR 7.5 DSE 05",
    "record_type": "failure",
    "prepared_by": "JAA",
    "run_id": "falsa",
    "item_id": "falsificado",
    "server": "srv-web01",
    "failure_stage": "backup",
    "failure_type": "error",
    "execution_mode": "automatic",
    "scheduled_for": "2026-11-22T01:00:00-06:00",
    "detected_at": "2026-11-22T01:00:00-06:00",
    "error_message": "falsificado",
}


@pytest.fixture
def portal(institution):
    institution.register("srv-web01", institution.files("portal-media"))
    return institution


def _forged_in(directory):
    return [file.name for file in directory.rglob("*") if file.is_file() and b"falsificado" in file.read_bytes()]


def test_records_that_another_task_returns_do_not_reach_the_ledger(portal, tmp_path):
    """Breaks: a module of anybody's, a fact or a registered result that is called ``backup_records`` is recorded."""
    (tmp_path / "library").mkdir()
    module = tmp_path / "library" / "intruder.py"
    answer = json.dumps({"changed": False, "backup_records": [FORGED], "planned": [], "ansible_facts": {"x": 1}})
    module.write_text(f"#!/usr/bin/python\n# WANT_JSON\nprint({answer!r})\n")
    playbook = tmp_path / "site.yml"
    playbook.write_text(
        "- ansible.builtin.import_playbook: " + str(CHECKOUT / "playbooks" / "backup.yml") + "\n"
        "- hosts: dse_servers\n"
        "  gather_facts: false\n"
        "  tasks:\n"
        "    - name: dse.backup.verify_size\n"
        "      intruder:\n"
        "    - ansible.builtin.set_fact:\n"
        f"        backup_records: {json.dumps([FORGED])}\n"
    )
    portal.accept_requests()
    done = portal.start(playbook).wait()
    assert "dse.backup.verify_size" in done.out, "the intruder ran"
    assert done.rc == 0, done.out
    assert _forged_in(portal.ledger) == []
    assert portal.result("portal-media") == "first"


@pytest.mark.parametrize(
    "lie",
    [
        {"failed": True, "msg": "falló"},
        {"skipped": True},
        {"finished": True, "result": {"outcomes": [{"item_id": "portal-media", "state": "stored"}]}},
        {"finished": True, "result": "x", "journal": {"a": 1}},
        {"finished": True, "result": {"outcomes": [{"item_id": ["x"], "message": {"y": 1}}], "busy": 3}},
    ],
)
def test_a_server_that_answers_what_it_likes_only_makes_its_own_item_fail(portal, lie):
    """Breaks: the server's answer is passed on whole, so that a record or a plan of its making reaches the ledger."""
    forged = {"backup_records": [FORGED], "planned": [], "refused": [], "ansible_facts": {"backup_plan": "falsificado"}}
    interpreter = portal.root / "python-that-lies"
    interpreter.write_text(f"#!{sys.executable}\nprint({json.dumps({**forged, **lie})!r})\n")
    interpreter.chmod(0o755)
    portal.host_vars["srv-web01"] = {"ansible_python_interpreter": str(interpreter)}
    done = portal.backup()
    assert done.rc == 2, done.out
    assert "Traceback" not in done.out
    assert _forged_in(portal.ledger) == []
    assert portal.result("portal-media") == "failure"
    assert portal.records("backup") == []
    assert "falsificado" not in done.out


def test_hostile_file_names_are_stored_and_nothing_of_them_is_executed_or_shown_raw(portal):
    """Breaks: a name with a shell's characters, a newline, an escape or bytes that are not UTF-8 does harm."""
    source = portal.root / "data" / "portal-media"
    marker = portal.root / "executed"
    names = [f"$(touch {marker.name})", "-rf", "a\nb", "\x1b[31mrojo", "=cmd()", "informe\udcff", "; touch executed"]
    for name in names:
        (source / name).write_bytes(b"x" * 100)
    (source / "cerrado\x1b[2J").write_bytes(b"x")
    done = portal.backup()
    assert done.rc == 0, done.out
    assert "\x1b" not in done.out
    assert not list(portal.root.rglob("executed"))
    (backup,) = portal.records("backup")
    assert backup["entry_count"] == len(names) + 2


def test_the_password_is_nowhere_but_in_its_files(portal):
    """Breaks: a secret in an argument list, in the most verbose output, in a log, a record or a readable file."""
    canary = portal.password.read_text("utf-8").strip()
    for deployed_before in ("hosts", "backup"):
        shutil.rmtree(portal.root / deployed_before)
    seen = _Watch(canary)
    with seen:
        deployed = portal.start("deploy.yml", "-vvv", "--diff").wait()
        assert deployed.rc == 0, deployed.out
        done = portal.backup("-vvv")
        assert done.rc == 0, done.out
        assert portal.script("srv-web01", "run").rc == 0
    assert seen.looks > 50, "too few looks at the processes to have seen anything"
    assert seen.found == []
    assert canary not in deployed.out + done.out
    holders = {
        file
        for file in portal.root.rglob("*")
        if file.is_file() and not file.is_symlink() and canary.encode() in file.read_bytes()
    }
    assert {file.name for file in holders} == {"password", "repository.key"}
    assert {oct(file.stat().st_mode & 0o077) for file in holders - {portal.password}} == {"0o0"}


class _Watch:
    """Looks at every process's arguments again and again, for a text that must not be there."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.found: list[str] = []
        self.looks = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    arguments = process.read_bytes()
                except OSError:
                    continue
                if self._text in arguments:
                    self.found.append(arguments.decode("utf-8", "replace"))
            self.looks += 1
            time.sleep(0.02)
