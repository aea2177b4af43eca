# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is told what at the end of real runs, and that it changes nothing of them; the metrics they leave."""

from __future__ import annotations

import json

import pytest
from ansible_collections.dse.backup.tests.unit.receivers import Mute, Web, configuration
from answers import acknowledge
from institution import CHECKOUT
from prometheus_client.parser import text_string_to_metric_families

SECRETS = ("clave-de-prueba-7f3a", "la-clave-de-csc-91b6", "clave-del-webhook", "clave-de-become", "clave-en-el-error")


@pytest.fixture
def web():
    with Web(200) as web:
        yield web


@pytest.fixture
def told(institution, web):
    """The institution tells a webhook of everything, and writes metrics; what it told is returned, by event."""
    url = f"json://ana:clave-del-webhook@{web.address}/webhook"
    file = configuration(institution.root / "notify.yml", (url, "failure, review, missed, overdue, all_well"))
    institution.env.update(DSE_BACKUP_NOTIFY=file, DSE_BACKUP_METRICS=str(institution.root / "dse.prom"))

    def since_then():
        found = [each.json for each in web.requests]
        web.requests.clear()
        return {each["title"].removeprefix("Respaldos DSE: "): each["message"] for each in found}

    return since_then


def metrics(institution):
    """The metrics that have a value, by their names and the values of their labels."""
    text = (institution.root / "dse.prom").read_text("utf-8")
    return {
        (sample.name.removeprefix("dse_backup_"), *(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_night_s_failure_and_review_are_told_once_each_without_a_secret(institution, told):
    """Breaks: a failed backup is known to the ledger alone, or what is told carries what nobody may know."""
    portal, media = institution.files("portal-src"), institution.files("portal-media")
    institution.register("srv-web01", portal, media)
    institution.host_vars["srv-web01"] = {"ansible_become_password": "clave-de-become"}
    done = institution.backup()
    assert done.rc == 0 and told() == {}, done.out
    before = metrics(institution)
    assert before["last_result", "images_documents", "portal-src", "first", "srv-web01"] == 1
    assert before["run_exit_status", "backup"] == 0

    institution.fill("portal-media", 7_000)
    institution.replace_restic(
        'case "$*" in *portal-src*) echo "Fatal: https://ana:clave-en-el-error@bkp/" >&2; exit 1;; esac'
    )
    done = institution.backup("-e", "backup_force=true")
    assert done.rc == 2, done.out
    heard = told()
    (failure,) = [each for each in institution.records("failure") if each["item_id"] == "portal-src"]
    (review,) = institution.records("backup", verification_result="review")
    assert set(heard) == {"1 falla (srv-web01)", "1 respaldo espera el dictamen de JAA (srv-web01)"}
    assert f"{failure['folio']} · srv-web01 · portal-src: " in heard["1 falla (srv-web01)"]
    assert "https://***@bkp/" in heard["1 falla (srv-web01)"]
    assert f"accept_folio={review['folio']}" in heard["1 respaldo espera el dictamen de JAA (srv-web01)"]
    assert failure["folio"] not in heard["1 respaldo espera el dictamen de JAA (srv-web01)"]
    after = metrics(institution)
    assert after["last_result", "images_documents", "portal-src", "failed", "srv-web01"] == 1
    assert after["last_result", "images_documents", "portal-media", "review", "srv-web01"] == 1
    assert after["undecided", "images_documents", "portal-media", "srv-web01"] == 1
    assert after["open_failures", "images_documents", "portal-src", "srv-web01"] == 1
    size = ("last_conforming_size_bytes", "images_documents", "portal-media", "srv-web01")
    assert after[size] == before[size] == 10_000
    size = sum(file.stat().st_size for file in institution.ledger.glob("*.jsonl"))
    assert (after["run_exit_status", "backup"], after[("ledger_size_bytes",)]) == (2, size)
    written = str(heard) + (institution.root / "dse.prom").read_text("utf-8")
    assert [each for each in SECRETS if each in written] == []
    rehearsal = institution.backup("--check", "-e", "backup_force=true")
    assert rehearsal.rc == 0 and told() == {} and metrics(institution) == after


def test_what_was_missed_is_told_and_the_morning_on_which_all_is_well_says_so(institution, clock, told):
    """Breaks: silence may mean that all is well, or that nothing runs any more."""
    institution.register("srv-db01", institution.database("db-escolares"))
    assert clock.backup("2027-03-01 01:00") == ["db-escolares"]
    assert clock.play("2027-03-01 06:30", "reconcile.yml").rc == 0
    (said,) = told().items()
    assert said[0] == "TODO AL DÍA" and "reconcile.yml · 01/03/2027 06:30 · corrida " in said[1]
    assert clock.play("2027-03-01 07:00", "reconcile.yml", "--limit", "srv-db01").rc == 0
    assert told() == {}, "some servers alone are not all of them"
    overdue = ("overdue_timestamp_seconds", "database", "db-escolares", "srv-db01")
    # The night of 2 March is missed at 06:00 of the 3rd, in Mexico City.
    assert metrics(institution)[overdue] == 1804075200
    assert clock.play("2027-03-03 06:30", "reconcile.yml").rc == 2
    (failure,) = institution.records("failure")
    heard = told()
    assert set(heard) == {"1 respaldo omitido (srv-db01)"}
    assert failure["folio"] in heard["1 respaldo omitido (srv-db01)"]
    assert metrics(institution)["missed_slots", "database", "db-escolares", "srv-db01"] == 1
    # The next morning it is no news, and still open.
    assert clock.play("2027-03-03 07:30", "reconcile.yml").rc == 0
    heard = told()
    assert set(heard) == {"1 pendiente"} and failure["folio"] in heard["1 pendiente"]
    assert acknowledge(institution, failure["folio"], result="accepted", reason="corte de energía").rc == 0
    assert clock.play("2027-03-03 08:00", "reconcile.yml").rc == 0
    assert set(told()) == {"TODO AL DÍA"}
    now = metrics(institution)
    assert now["missed_slots", "database", "db-escolares", "srv-db01"] == 0
    assert now["run_exit_status", "reconcile"] == 0
    assert now["run_timestamp_seconds", "reconcile"] > now["run_timestamp_seconds", "backup"]


def test_nobody_who_is_told_can_hold_up_or_change_a_run(institution, web):
    """Breaks: a mail server that hangs keeps the night's backups waiting, or makes a good run fail."""
    institution.register("srv-web01", institution.files("portal-media"))
    AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    institution.host_vars["srv-web01"] = AWAY
    with Mute() as silent:
        file = configuration(institution.root / "notify.yml", (f"json://{silent.address}/x?rto=60", "failure"))
        institution.env.update(DSE_BACKUP_NOTIFY=file, DSE_BACKUP_NOTIFY_WAIT="1", DSE_BACKUP_METRICS="/proc/no.prom")
        done = institution.backup()
        assert done.rc == 2 and silent.is_waited_for(), "only the sender of the message waits for it"
    assert "no terminó de avisar en 1 s" in done.out and "no se pudieron escribir las métricas" in done.out
    assert done.out.index("HAY RESPALDOS QUE ATENDER") < done.out.index("no terminó de avisar")
    institution.host_vars.clear()
    (institution.root / "notify.yml").chmod(0o644)
    assert institution.backup().rc == 0


def test_a_ledger_that_cannot_be_written_is_told_before_the_run_gives_up(institution, told):
    """Breaks: the worst that can happen is told to nobody, since there is no record of it."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    kept = metrics(institution)
    institution.ledger.rename(institution.root / "elsewhere")
    institution.ledger.write_text("no es un directorio", "utf-8")
    institution.registers_requests = False
    done = institution.backup()
    assert done.rc == 3, done.out
    ((title, body),) = told().items()
    assert title == "NO SE PUEDE ESCRIBIR EL REGISTRO OFICIAL" and str(institution.ledger) in body
    now = metrics(institution)
    assert now["run_exit_status", "backup"] == 3
    # What the ledger was known to amount to stays: an alert must not go off because nobody knows.
    assert {key: now[key] for key in kept if "run" not in key[0]} == {
        k: v for k, v in kept.items() if "run" not in k[0]
    }


def test_scheduled_runs_are_given_both_files(institution):
    """Breaks: whoever set them up by hand is told, and nobody is of what runs at night."""
    role, root = CHECKOUT / "roles" / "backup_controller", institution.root
    given = {
        "backup_controller_ledger": str(institution.ledger),
        "backup_controller_notify_file": "/etc/dse-backup/avisos de noche.yml",
        "backup_controller_metrics_file": "/var/lib/node-exporter/dse.prom",
        "item": {"name": "dse-backup-controller", "what": "lo que corresponde", "argv": ["true"]},
    }
    template = {"src": f"{role}/templates/{{{{ each }}}}.j2", "dest": f"{root}/{{{{ each }}}}"}
    play = {
        "hosts": "srv-bkp01",
        "gather_facts": False,
        "vars_files": [f"{role}/defaults/main.yml", f"{role}/vars/main.yml"],
        "tasks": [
            {"ansible.builtin.template": template, "loop": ["cron", "service"], "loop_control": {"loop_var": "each"}}
        ],
    }
    (root / "schedule.yml").write_text(json.dumps([play]), "utf-8")
    more = json.dumps({**given, "role_path": str(role)})
    done = institution.start(root / "schedule.yml", "-e", more).wait()
    assert done.rc == 0, done.out
    for file, line in (("cron", "{}={}"), ("service", 'Environment="{}={}"')):
        lines = (root / file).read_text("utf-8").splitlines()
        assert line.format("DSE_BACKUP_LEDGER", institution.ledger) in lines
        assert line.format("DSE_BACKUP_NOTIFY", given["backup_controller_notify_file"]) in lines
        assert line.format("DSE_BACKUP_METRICS", given["backup_controller_metrics_file"]) in lines
