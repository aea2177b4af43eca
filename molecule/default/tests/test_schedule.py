"""What `backup_controller` schedules, on a host with systemd and cron: the daily backup, the morning's report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import backups
import hosts
import pytest

CONTROLLER = "srv-bkp01"
JOBS = {"dse-backup-controller": "backup.yml", "dse-backup-reconcile": "reconcile.yml"}
PLAY = hosts.RUN_DIRECTORY / "schedule.yml"


def schedule(kind: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Apply the role to a host that is to be the controller."""
    PLAY.write_text(
        json.dumps([{"hosts": CONTROLLER, "gather_facts": False, "roles": [{"role": "dse.backup.backup_controller"}]}])
    )
    given = {
        "backup_controller_schedule": kind,
        "backup_controller_ledger": "/var/lib/dse-backup-ledger",
        "backup_controller_project_dir": "/srv/controller",
        "backup_controller_command": "/usr/bin/true",
        "backup_controller_inventory": "inventario",
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
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def project():
    """A checkout as the schedule starts from, on the host; nothing of it stays."""
    hosts.shell(CONTROLLER, "mkdir -p /srv/controller && touch /srv/controller/ansible.cfg /srv/controller/inventario")
    yield
    assert schedule("absent").returncode == 0
    hosts.shell(CONTROLLER, "rm -r /srv/controller /var/lib/dse-backup-ledger")


def said(script: str) -> str:
    return hosts.shell(CONTROLLER, script, check=False).stdout.decode()


def test_systemd_starts_the_backup_and_the_report_of_what_did_not_happen():
    """Breaks: only one of them is scheduled, at the wrong hour, or a second deployment changes something."""
    done = schedule("systemd", backup_controller_time="02:15", backup_controller_reconcile_time="07:45")
    assert done.returncode == 0, done.stdout
    for job, hour in zip(JOBS, ("02:15:00", "07:45:00")):
        assert said(f"systemctl is-enabled {job}.timer; systemctl is-active {job}.timer").split() == [
            "enabled",
            "active",
        ]
        assert f"OnCalendar=*-*-* {hour}" in said(f"systemctl cat {job}.timer")
        assert f"/usr/bin/true -i inventario playbooks/{JOBS[job]}" in said(f"systemctl cat {job}.service").replace(
            '"', ""
        )
        assert said(f"systemctl start {job}.service && systemctl show -P Result {job}.service").strip() == "success"
    again = schedule("systemd", backup_controller_time="02:15", backup_controller_reconcile_time="07:45")
    assert "changed=0" in again.stdout, again.stdout


def test_cron_instead_takes_the_timers_away():
    """Breaks: both schedulers run, or a line is one that cron does not understand."""
    done = schedule("cron", backup_controller_time="02:15")
    assert done.returncode == 0, done.stdout
    for job in JOBS:
        assert said(f"systemctl is-active {job}.timer").strip() == "inactive"
        assert said(f"ls /etc/systemd/system/{job}.*") == ""
    lines = [line for line in said("cat /etc/cron.d/dse-backup-controller").splitlines() if " * * * root " in line]
    assert [line.split(" * * * ")[0] for line in lines] == ["15 2", "30 6"]
    assert [line.split("playbooks/")[1].split()[0] for line in lines] == list(JOBS.values())
    for line in lines:
        command = line.split(" root ", 1)[1]
        assert hosts.shell(CONTROLLER, f"sh -c '{command}'").returncode == 0
    assert "changed=0" in schedule("cron", backup_controller_time="02:15").stdout


def test_a_wrong_hour_is_refused_by_name():
    """Breaks: a mistyped hour leaves the morning's report unscheduled and nobody notices."""
    done = schedule("cron", backup_controller_reconcile_time="6.30")
    assert done.returncode != 0
    assert "backup_controller_reconcile_time es «6.30»" in done.stdout


def test_absent_removes_all():
    assert schedule("absent").returncode == 0
    assert said("ls /etc/cron.d/dse-backup-controller /etc/systemd/system/dse-backup-*") == ""
