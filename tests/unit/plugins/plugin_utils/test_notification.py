# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.notification import News, messages, without_secrets
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 26, 6, 31, tzinfo=timezone(timedelta(hours=-6)))


def news(*records, playbook="backup", status=2, **more):
    return News(playbook, "R1", NOW, status, records, **more)


def failure(number=31, **changes):
    return failure_record("2026-11-26", **{"folio": f"DSE-05-2026-{number:04}", "run_id": "R1", **changes})


def missed(number=40, **changes):
    changes = {"failure_type": "not_run", "error_message": "no se ejecutó el respaldo", **changes}
    return failure(number, **{"run_id": None, **changes})


def told(*records, **more):
    """The messages by their events; no two are of one."""
    found = messages(news(*records, **more))
    by_event = {each.event: each for each in found}
    assert len(by_event) == len(found)
    return by_event


def only(event, *records, **more):
    found = told(*records, **more)
    assert list(found) == [event]
    return found[event]


def test_a_failure_is_told_with_its_folio_cause_and_what_to_do():
    message = only("failure", failure(error_message="No space left on device"), failure(32, item_id="actas"))
    assert message.title == "Respaldos DSE: 2 fallas (srv-web01)"
    assert "backup.yml · 26/11/2026 06:31 · corrida R1" in message.body
    assert "DSE-05-2026-0031 · srv-web01 · portal-src: No space left on device" in message.body
    assert 'playbooks/backup.yml -e \'{"backup_items": ["actas", "portal-src"]}\' -e backup_force=true' in message.body


@pytest.mark.parametrize(
    ("playbook", "stage", "command"),
    [
        ("backup", "verification", 'backup.yml -e \'{"backup_items": ["portal-src"]}\' -e backup_force=true'),
        ("verify", "jaa_copy", "repair.yml --limit srv-web01"),
        ("prune", "jaa_copy", "prune.yml --limit srv-web01"),
        ("deliver", "csc_delivery", "deliver.yml"),
        ("drill", "restore", 'drill.yml -e \'{"drill_items": ["portal-src"]}\''),
        ("restore", "restore", "list.yml -e list_item=portal-src"),
        ("restore", "loan", "loan.yml"),
    ],
)
def test_what_to_run_next_depends_on_what_failed(playbook, stage, command):
    body = only("failure", failure(failure_stage=stage), playbook=playbook).body
    assert body.rstrip().endswith(f"playbooks/{command}")


def test_a_backup_in_review_waits_for_JAA_and_is_no_failure():
    backup = backup_record("source_code", "2026-11-26", "review", folio="DSE-02-2026-0047", remarks="tamaño −60 %")
    follow_up = failure(about_folio="DSE-02-2026-0047", failure_stage="verification")
    message = only("review", backup, follow_up)
    assert message.title == "Respaldos DSE: 1 respaldo espera el dictamen de JAA (srv-web01)"
    assert "DSE-02-2026-0047 · srv-web01 · portal-src: tamaño −60 %" in message.body
    assert "accept.yml -e accept_folio=DSE-02-2026-0047 -e accept_decision=DICTAMEN" in message.body


def test_a_nonconforming_backup_is_a_failure():
    backup = backup_record("source_code", "2026-11-26", "nonconforming", folio="DSE-02-2026-0047")
    message = only("failure", backup, failure(about_folio="DSE-02-2026-0047", error_message="vacío"))
    assert "portal-src: vacío" in message.body


def test_what_was_never_tried_is_missed_and_what_was_made_up_for_is_said_to_be():
    closing = {"record_type": "closing", "about_folio": "DSE-05-2026-0041"}
    found = told(missed(40), missed(41, item_id="actas"), failure(31), closing, playbook="reconcile")
    assert list(found) == ["failure", "missed"]
    body = found["missed"].body
    assert "portal-src: no se ejecutó el respaldo\n" in body
    assert "actas: no se ejecutó el respaldo (ya cerrada, con evidencia)\n" in body
    assert '[\\"portal-src\\"]' not in body and '["portal-src"]' in body, "what is closed needs no backup"
    busy = failure(failure_type="not_run")
    assert list(told(busy)) == ["failure"], "a server that another run kept busy was tried"


def test_a_request_that_no_item_carries_out_is_not_backed_up_by_its_folio():
    body = only("missed", missed(item_id="DSE-05-2026-0007")).body
    assert "no está en el inventario" in body and "backup.yml -e" not in body


def test_a_repository_that_could_not_be_looked_at_is_told():
    message = only("failure", playbook="reconcile", unseen={"srv-db01": "sin ruta\\nlínea 2"})
    assert "srv-db01: sin ruta\n" in message.body and message.title.endswith("conciliación incompleta (srv-db01)")


def test_all_is_well_only_after_a_whole_reconcile_that_found_nothing():
    message = only("all_well", playbook="reconcile", status=0)
    assert message.title == "Respaldos DSE: TODO AL DÍA"
    assert told(playbook="reconcile", status=0, is_partial=True) == {}
    assert told(playbook="backup", status=0) == {}
    assert list(told(playbook="reconcile", status=2)) == ["failure"]


def test_what_waits_is_told_every_morning_a_few_of_each_kind():
    rows = [f"  DSE-05-2026-{number:04} · srv · item" for number in range(1, 9)]
    pending = ["", "FALLAS ABIERTAS", *rows, "", "SEMANAS TERMINADAS", "  DSE-03-2026-W47"]
    message = only("overdue", playbook="reconcile", status=0, pending=pending)
    assert message.title == "Respaldos DSE: 9 pendientes"
    lines = message.body.splitlines()
    assert lines[2:9] == ["FALLAS ABIERTAS", *rows[:5], "  … y 3 más"]
    assert lines[9:12] == ["", "SEMANAS TERMINADAS", "  DSE-03-2026-W47"]
    assert "report.yml -e report_output=respaldos.html" in message.body


def test_a_ledger_that_cannot_be_written_is_told_as_such():
    message = only("failure", status=3, problem="no se puede escribir el registro oficial", is_unrecorded=True)
    assert message.title == "Respaldos DSE: NO SE PUEDE ESCRIBIR EL REGISTRO OFICIAL"
    assert "no cuenta como respaldado" in message.body
    message = only("failure", problem="no se hizo nada:\\n  operator_role: no es de CSC\n  backup_items: no hay")
    assert message.title == "Respaldos DSE: backup.yml NO HIZO NADA"
    assert "  no se hizo nada: operator_role: no es de CSC backup_items: no hay\n" in message.body


def test_no_run_fails_in_silence():
    assert "terminó con estado 2" in only("failure").body


def test_a_message_is_never_long():
    many = [failure(number, item_id=f"item-{number}", error_message="x" * 2000) for number in range(500)]
    for message in messages(news(*many, *[missed(number + 500) for number in range(500)])):
        # The commands name every item: they must work.
        said = [line for line in message.body.splitlines() if not line.startswith("ansible-playbook")]
        assert len("\n".join(said)) < 4000 and "… y 490 más" in message.body


# Controls and line ends, marks that turn the direction, what cannot be encoded.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
HOSTILE = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)


@given(server=HOSTILE, item=HOSTILE, cause=HOSTILE)
def test_hostile_names_stay_on_their_line(server, item, cause):
    names = {"server": server, "item_id": item, "error_message": cause, "remarks": cause}
    review = backup_record("source_code", "2026-11-26", "review", folio="DSE-02-2026-0047", **names)
    for message in messages(news(failure(**names), missed(**names), review, unseen={server: cause})):
        assert not _UNSAFE & {*map(unicodedata.category, message.title + message.body.replace("\n", ""))}
        assert len(message.body.split("\n")) < 20


@pytest.mark.parametrize("call", ["@all", "@channel", "@HERE", "<!channel>", "<@U123>", "[aquí](http://mal.example)"])
def test_nobody_is_called_in_a_chat_by_what_a_server_says(call):
    assert call not in only("failure", failure(error_message=f"falló {call}")).body


@pytest.mark.parametrize(
    "said",
    [
        "rest:https://ana:{}@bkp.example/repo no responde",
        "postgresql://ana:{}@db/escolares",
        "https://ana:x@{}@host/",
        "ana:{}@bkp.example:/repo no responde",
        "curl -u 'ana:{}@proxy' falló",
        "Fatal: password={}",
        "PGPASSWORD={} pg_dump: error",
        "RESTIC_PASSWORD='{} y más' falló",
        '{{"token": "{}"}}',
        "Authorization: Bearer {}",
        "la contraseña es {}",
        "clave: {}",
        "AWS_SECRET_ACCESS_KEY={}",
        "mysqldump --password {} escolares",
        "mysqldump --password={} escolares",
        "api-key: {}",
    ],
)
def test_what_looks_like_a_password_does_not_leave_the_house(said):
    secret = "s3cr3to-7f3a"
    for where in ("error_message", "server", "item_id"):
        for message in messages(news(failure(**{where: said.format(secret)}), unseen={"srv": said.format(secret)})):
            rows = [line for line in message.body.splitlines() if not line.startswith("ansible-playbook")]
            assert secret not in "\n".join([message.title, *rows])


@pytest.mark.parametrize(
    "said",
    [
        *("wrong password or no key found", "falta password_file=/etc/dse/password", "no existe la clave «paths»"),
        *("git@bkp.example:dse/respaldos", "desde las 09:30 avise a jaa@dse.example", "sftp:jaa@bkp:/srv"),
    ],
)
def test_words_about_passwords_stay(said):
    assert without_secrets(said) == said
