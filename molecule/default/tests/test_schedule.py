"""What `backup_controller` schedules, on a host with systemd and cron: the hour, and that the right thing starts."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import backups
import hosts
import pytest

CONTROLLER = "srv-bkp01"
PLAY = hosts.RUN_DIRECTORY / "schedule.yml"
PROJECT = "/srv/controller 100%"
LEDGER = "/var/lib/dse-backup-schedule"
LOG = "/var/log/dse-backup-schedule.log"
# Stands in for ansible-playbook: it says what it was started with, and where.
PROGRAM = f'#!/bin/sh\necho "$PWD|$DSE_BACKUP_LEDGER|$*" && test ! -e "{PROJECT}/fails"\n'
UNITS = ("dse-backup-controller", "dse-backup-reconcile", "dse-backup-verify")
SAID = {
    unit: f"{PROJECT}|{LEDGER}|-i mi inventario playbooks/{playbook}.yml"
    for unit, playbook in zip(UNITS, ("backup", "reconcile", "verify"))
}


def schedule(kind: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Apply the role to a host that is to be the controller."""
    PLAY.write_text(
        json.dumps([{"hosts": CONTROLLER, "gather_facts": False, "roles": [{"role": "dse.backup.backup_controller"}]}])
    )
    given = {
        "backup_controller_schedule": kind,
        "backup_controller_ledger": LEDGER,
        "backup_controller_log": LOG,
        "backup_controller_project_dir": PROJECT,
        "backup_controller_command": f"{PROJECT}/ansible-playbook",
        "backup_controller_inventory": "mi inventario",
        **variables,
    }
    return subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(hosts.INVENTORY), str(PLAY),
         "--extra-vars", json.dumps(given)],
        cwd=backups.CHECKOUT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DSE_"))},
            "ANSIBLE_CONFIG": str(backups.CHECKOUT / "ansible.cfg"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(hosts.RUN_DIRECTORY / "vault-password"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def project():
    """What a schedule starts from, on the host; nothing of it stays."""
    path = shlex.quote(PROJECT)
    hosts.shell(CONTROLLER, f"mkdir {path} && cd {path} && touch ansible.cfg 'mi inventario'")
    hosts.shell(
        CONTROLLER, f"cat > {path}/ansible-playbook && chmod 755 {path}/ansible-playbook", stdin=PROGRAM.encode()
    )
    yield
    hosts.shell(CONTROLLER, f"rm -r {path} {LEDGER} {LOG}")


def said(script: str) -> str:
    return hosts.shell(CONTROLLER, script, check=False).stdout.decode()


def logged() -> list[str]:
    """Return what the program said since the last time."""
    return said(f"cat {LOG}; : > {LOG}").splitlines()


def test_systemd_starts_each_at_its_hour_and_no_other():
    """Breaks: only one of them is scheduled, at the wrong hour, from another directory, or without the ledger."""
    hours = dict(zip(UNITS, ("02:15", "07:45", "10:00")))
    times = dict(zip(("time", "reconcile_time", "verify_time"), hours.values()))
    variables = {f"backup_controller_{key}": value for key, value in times.items()}
    done = schedule("systemd", **variables)
    assert done.returncode == 0, done.stdout
    for unit, hour in hours.items():
        state = said(f"systemctl is-enabled {unit}.timer; systemctl is-active {unit}.timer").split()
        assert state == ["enabled", "active"]
        assert f"OnCalendar=*-*-* {hour}:00" in said(f"systemctl cat {unit}.timer")
        assert hosts.shell(CONTROLLER, f"systemd-analyze verify {unit}.timer {unit}.service").stderr == b""
        assert said(f"systemctl start {unit}.service && systemctl show -P Result {unit}.service").strip() == "success"
        assert logged() == [SAID[unit]]
    hosts.shell(CONTROLLER, f"touch {shlex.quote(PROJECT)}/fails")
    assert said(f"systemctl start {UNITS[0]}.service; systemctl is-failed {UNITS[0]}.service").strip() == "failed"
    hosts.shell(CONTROLLER, f"rm {shlex.quote(PROJECT)}/fails; systemctl reset-failed; : > {LOG}")
    again = schedule("systemd", **variables)
    assert "changed=0" in again.stdout, again.stdout
    # An hour that is taken away takes the job away.
    assert schedule("systemd", **{**variables, "backup_controller_verify_time": ""}).returncode == 0
    left = said("cd /etc/systemd/system && ls dse-backup-*").split()
    assert left == sorted(f"{unit}.{kind}" for unit in UNITS[:2] for kind in ("service", "timer"))


def test_cron_instead_takes_the_timers_away():
    """Breaks: both schedulers run, or a line is one that cron does not understand."""
    variables = {"backup_controller_time": "02:15", "backup_controller_verify_time": "10:00"}
    done = schedule("cron", **variables)
    assert done.returncode == 0, done.stdout
    assert said("ls /etc/systemd/system/dse-backup-*") == ""
    assert said("systemctl list-timers --all 'dse-backup-*' --no-legend") == ""
    text = said("cat /etc/cron.d/dse-backup-controller")
    environment = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    lines = re.findall(r"^(\d+ \d+) \* \* \* root (.*)$", text, re.MULTILINE)
    assert [hour for hour, _command in lines] == ["15 2", "30 6", "0 10"]
    for (_hour, command), expected in zip(lines, SAID.values()):
        # As cron does: a per cent sign that is not escaped would end the command; the environment is the file's.
        assert not re.search(r"(?<!\\)%", command)
        given = [f"{name}={value}" for name, value in environment.items()]
        run = shlex.join(["env", "-i", *given, environment["SHELL"], "-c", command.replace("\\%", "%")])
        assert hosts.shell(CONTROLLER, f"cd / && {run}").returncode == 0
        assert logged() == [expected]
    assert "changed=0" in schedule("cron", **variables).stdout
    refused = schedule("cron", backup_controller_reconcile_time="6.30", backup_controller_drill_time="25:00")
    assert refused.returncode != 0
    assert "backup_controller_reconcile_time es «6.30»" in refused.stdout
    assert "backup_controller_drill_time es «25:00»" in refused.stdout
    assert said("cat /etc/cron.d/dse-backup-controller") == text


def test_absent_removes_all():
    assert schedule("absent").returncode == 0
    assert said("ls /etc/cron.d/dse-backup-controller /etc/systemd/system/dse-backup-*") == ""
