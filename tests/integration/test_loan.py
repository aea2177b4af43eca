# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CSC keeps is lent, checked and given back, step by step, each by whose it is. 4.3.1 c, FOR 7.5 CSC 03."""

from __future__ import annotations

import csv
import json
from unittest import mock

import official_record
import pytest
from accepted import ledgers, procedures
from answers import acknowledge, answer
from test_check_mode import _state
from test_deliver import FORCE, deliver

CSC = {"as": "CSC"}


@pytest.fixture
def delivered(institution, clock):
    """One server whose backup CSC has; JAA's copy failed, as the failure log says. It is Monday, 1 March 2027."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert clock.backup("2027-03-01 01:00") == ["portal-media"]
    done = clock.play("2027-03-01 02:00", "deliver.yml")
    assert done.rc == 0, done.out
    (delivery,) = institution.records("delivery")
    assert acknowledge(institution, delivery["folio"], result="accepted", **CSC).rc == 0
    _fail_once(institution, clock)
    return institution


def _fail_once(institution, clock):
    """Let a backup fail: what it is that failed is nothing to the loan."""
    source = institution.root / "data/portal-media"
    away = source.rename(source.with_name("away"))
    assert clock.run("2027-03-01 08:00", *FORCE).rc == 2
    away.rename(source)


def loan(institution, *arguments, **answers):
    return answer(institution, "loan.yml", *arguments, **{f"loan_{key}": each for key, each in answers.items()})


def failure(institution):
    return institution.records("failure")[-1]["folio"]


def asked_for(institution, *words, what="portal-media", **answers):
    """Ask for a loan, and return its record."""
    done = loan(institution, request=what, failure_folio=failure(institution), **answers)
    assert done.rc == 0, done.out
    record = institution.records("loan")[-1]
    assert [word for word in (record["folio"], *words) if word not in done.out] == [], done.out
    return record


def taken(institution, folio, step, role, *words, **answers):
    """Take a step that must be recorded: its record, and the screen's words."""
    before = institution.records()
    done = loan(institution, folio=folio, step=step, **{"as": role}, **answers)
    assert done.rc == 0, done.out
    assert [word for word in (folio, *words) if word not in done.out] == [], done.out
    (record,) = institution.records()[len(before) :]
    assert record["about_folio"] == folio
    return record


def refused(institution, *words, **answers):
    """Try what must not be recorded, and look for what is said of it."""
    before = institution.records()
    done = loan(institution, **answers)
    assert done.rc != 0, done.out
    said = " ".join(done.out.split())
    assert [word for word in words if word not in said] == [], done.out
    assert institution.records() == before
    assert "Traceback" not in done.out


def form_of(institution, folio):
    """Return the row of FOR 7.5 CSC 03, and what the ledger says of it when it is asked."""
    (file,) = institution.ledger.glob("csv/FOR-7.5-CSC-03-*.csv")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        (row,) = [each for each in csv.DictReader(stream) if each["Folio"] == folio]
    path = institution.root / "found.json"
    assert answer(institution, "ledger.yml", ledger_folio=folio, ledger_output=str(path)).rc == 0
    (found,) = json.loads(path.read_text("utf-8"))
    return row, found


def test_a_loan_from_its_request_to_its_return(delivered, clock):
    """Breaks: a loan is lost on its way, somebody is not told what to do next, or its form is not what happened."""
    (backup,), (delivery,) = delivered.records("backup"), delivered.records("delivery")
    clock.set("2027-03-01 09:00")
    nothing = loan(delivered)
    assert nothing.rc == 0 and "Ninguno. Para solicitar uno:" in nothing.out, nothing.out
    before = _state(delivered.ledger)
    rehearsed = loan(delivered, "--check", request="portal-media", failure_folio=failure(delivered))
    assert rehearsed.rc == 0 and "no se registró nada" in rehearsed.out, rehearsed.out
    assert _state(delivered.ledger) == before

    record = asked_for(delivered, "Sigue, CSC: autorizar el préstamo")
    folio = record["folio"]
    assert record["folio"] == "CSC-03-2027-0001" and record["form_code"] == "FOR 7.5 CSC 03"
    (file,) = record["files"]
    assert file == {
        **{"folio": backup["folio"], "item_id": "portal-media", "server": "srv-web01", "file": backup["file_name"]},
        **{key: delivery["files"][0][key] for key in ("csc_file", "sha256")},
        "delivery_folio": delivery["folio"],
    }
    assert (record["delivery_method"], record["delivery_folio"], record["requested_by"]) == (
        *("transfer", delivery["folio"], "JAA"),
    )
    assert (record["failure_folio"], "media_id" in record) == (failure(delivered), False)
    assert form_of(delivered, folio)[1]["status"] == "abierto"

    command = f"loan.yml -e loan_folio={folio} -e loan_step=lend -e loan_as=CSC"
    authorised = taken(delivered, folio, "authorise", "CSC", command)
    assert (authorised["record_type"], authorised["authorized_by"]) == ("decision", "CSC")
    assert authorised["about_sha256"] == record["record_sha256"]
    lent = taken(delivered, folio, "lend", "CSC", "JAA lo devuelve a más tardar el 08/03/2027")
    assert (lent["record_type"], lent["due_back_on"]) == ("acknowledgement", "2027-03-08")
    assert form_of(delivered, folio)[1]["status"] == "prestado"
    listed = loan(delivered)
    assert listed.rc == 0, listed.out
    assert "prestado" in listed.out and "Abiertos: 1; vencidos: 0." in listed.out, listed.out
    checked = taken(delivered, folio, "check", "JAA", check_result="conforming", check_sha256=file["sha256"])
    assert checked["check_on_receipt_sha256"] == file["sha256"]
    clock.set("2027-03-03 12:00")
    taken(delivered, folio, "return", "JAA", "Sigue, CSC: recibir la devolución", "-e loan_step=receive_back")
    closed = taken(delivered, folio, "receive_back", "CSC", "cerrado: CSC lo recibió de vuelta")
    assert (closed["record_type"], closed["received_back_by"]) == ("closing", "CSC")

    row, found = form_of(delivered, folio)
    expected = {
        "Solicita": "JAA",
        "Falla que lo motiva": failure(delivered),
        "Folio de entrega": delivery["folio"],
        "Modalidad": "Transferencia",
        "Autoriza": "CSC",
        "Devolver a más tardar": "2027-03-08",
        "Verificación al recibir": "Conforme",
        "Huella al recibir": file["sha256"],
        "Entrega": "JAA",
        "Recibe": "CSC",
    }
    assert {key: row[key] for key in expected} == expected
    assert row["Fecha de solicitud"][:16] == row["Fecha de préstamo"][:16] == "2027-03-01T09:00"
    assert row["Devolución"][:16] == "2027-03-03T12:00"
    assert (found["status"], found["closed_on"], found["retention_until"]) == ("cerrado", "2027-03-03", "2028-03-03")
    assert [(each["role"], each["action"]) for each in found["acknowledgements"]] == [
        *[("CSC", "lent"), ("JAA", "checked"), ("JAA", "returned")]
    ]
    assert found["received_back_by"] == "CSC" and found["returned_at"] == row["Devolución"]
    assert delivered.records("loan") == [record], "the request's line is never changed"


def test_what_may_not_be_is_refused_and_recorded_nowhere(delivered, clock):
    """Breaks: JAA authorises its own loan, a step is skipped, or somebody is not told whose turn it is."""
    clock.set("2027-03-01 09:00")
    why = failure(delivered)
    refused(delivered, "loan_failure_folio: falta la falla", why, request="portal-media")
    refused(delivered, "no es el folio de una falla", request="portal-media", failure_folio="DSE-05-2027-0999")
    refused(delivered, "corresponde a JAA, no a CSC", request="portal-media", failure_folio=why, **CSC)
    refused(delivered, "¿quiso decir «portal-media»?", request="portal-medio", failure_folio=why)
    refused(delivered, "loan_step: es de un paso", request="portal-media", step="lend")
    assert delivered.backup(*FORCE).rc == 0
    new = delivered.records("backup")[-1]["folio"]
    refused(delivered, f"{new} (portal-media) no está con CSC", request=[new], failure_folio=why)
    folio = asked_for(delivered)["folio"]
    steps = {"folio": folio, "as": "JAA"}
    waits = f"{folio} está solicitado: no se puede"
    refused(delivered, f"loan_folio: «X» no es el folio de un préstamo; abiertos: {folio}", folio="X", step="lend")
    refused(delivered, "loan_step: «prestar» no es un paso", "authorise", **steps, step="prestar")
    refused(delivered, "corresponde a CSC, no a JAA", **steps, step="authorise")
    refused(delivered, "loan_reason: falta el motivo", folio=folio, step="reject", **CSC)
    for step in ("lend", "check", "return", "receive_back"):
        refused(delivered, waits, "sigue autorizar el préstamo (CSC, loan_step=authorise)", **steps, step=step)
    said = acknowledge(delivered, folio, result="accepted", **CSC)
    assert said.rc != 0 and "se decide con loan.yml" in said.out, said.out
    taken(delivered, folio, "authorise", "CSC")
    for day, words in (("2027-02-28", "ya pasó"), ("2028-03-02", "más de un año"), ("ayer", "no es una fecha")):
        refused(delivered, words, folio=folio, step="lend", due_back_on=day, **CSC)
    taken(delivered, folio, "lend", "CSC", due_back_on="2027-03-01")
    refused(delivered, f"{folio} está prestado: no se puede cancelar", **steps, step="cancel", reason="ya no")
    refused(delivered, "no es la huella de nada", **steps, step="check", check_result="conforming",
            check_sha256="0" * 64)  # fmt: skip
    refused(delivered, "loan_reason: falta decir qué tiene", **steps, step="check", check_result="nonconforming")
    taken(delivered, folio, "check", "JAA", "sólo se devuelve", check_result="nonconforming", reason="no se lee")
    refused(delivered, "sigue devolver (JAA, loan_step=return)", **steps, step="check", check_result="conforming")
    taken(delivered, folio, "return", "JAA")
    taken(delivered, folio, "receive_back", "CSC")
    refused(delivered, "ya no le sigue ningún paso", **steps, step="return")
    assert form_of(delivered, folio)[0]["Verificación al recibir"] == "No conforme"


def test_who_rejects_or_cancels_says_why(delivered, clock):
    clock.set("2027-03-01 09:00")
    rejected, cancelled = (asked_for(delivered)["folio"] for _each in range(2))
    assert rejected != cancelled, "of CSC's copy several loans at once are fine"
    assert taken(delivered, rejected, "reject", "CSC", reason="no hay quién")["decision_reason"] == "no hay quién"
    taken(delivered, cancelled, "authorise", "CSC")
    assert taken(delivered, cancelled, "cancel", "JAA", reason="JAA la reparó")["evidence"] == "cancellation"
    for folio, status, reason in ((rejected, "rechazado", "no hay quién"), (cancelled, "cancelado", "JAA la reparó")):
        row, found = form_of(delivered, folio)
        assert (found["status"], found["closed_on"]) == (status, "2027-03-01")
        assert row["Motivo de rechazo o cancelación"] == found["refusal_reason"] == reason


def test_csc_s_standing_authorisation_lends_at_once_and_nobody_gives_it_to_himself(delivered, clock):
    """Breaks: at three in the morning a restore waits for CSC's office hours, or JAA authorises itself with -e."""
    clock.set("2027-03-01 03:00")
    reference = "Oficio CSC/014/2027"
    why = failure(delivered)
    done = loan(delivered, "-e", f"backup_server_csc_standing_loan='{reference}'", request="portal-media",
                failure_folio=why)  # fmt: skip
    assert done.rc != 0 and "no se acepta con -e" in done.out and delivered.records("loan") == [], done.out
    delivered.host_vars["srv-web01"] = {"backup_server_csc_standing_loan": reference}
    record = asked_for(delivered, reference, "Sigue, JAA: verificar lo recibido")
    decision, lent = delivered.records(about_folio=record["folio"])
    assert (decision["loan_step"], decision["authorized_by"]) == ("authorised", "CSC")
    assert decision["remarks"] == lent["remarks"] == f"autorización permanente de CSC: {reference}"
    row, found = form_of(delivered, record["folio"])
    assert (found["status"], row["Autoriza"], row["Devolver a más tardar"]) == ("prestado", "CSC", "2027-03-08")
    taken(delivered, record["folio"], "return", "JAA")


def test_a_medium_is_lent_once(delivered, clock):
    """Breaks: two people drive to CSC for the same disk."""
    clock.set("2027-03-01 09:00")
    _as_if_on_a_medium(delivered, "CSC-HD-11")
    first, second = (asked_for(delivered, "medio CSC-HD-11")["folio"] for _each in range(2))
    for folio in (first, second):
        taken(delivered, folio, "authorise", "CSC")
    taken(delivered, first, "lend", "CSC")
    words = f"el medio CSC-HD-11 no se presta dos veces: lo tiene el préstamo {first}"
    refused(delivered, words, folio=second, step="lend", **CSC)
    refused(delivered, words, request="portal-media", failure_folio=failure(delivered))
    refused(delivered, f"{first} está prestado: no se puede devolver", folio=first, step="return")
    taken(delivered, first, "check", "JAA", check_result="conforming")
    taken(delivered, first, "return", "JAA")
    refused(delivered, words, "sigue recibir la devolución (CSC", folio=second, step="lend", **CSC)
    taken(delivered, first, "receive_back", "CSC")
    taken(delivered, second, "lend", "CSC")


def _as_if_on_a_medium(institution, media_id):
    """Record what a delivery onto a medium records, of the backup that CSC has."""
    (delivery,) = institution.records("delivery")
    given = {"folio", "form_revision", "issued_at", "procedure_revision", "recorded_at", "previous_sha256",
             "record_sha256", "run_id"}  # fmt: skip
    entry = {key: value for key, value in delivery.items() if key not in given}
    with mock.patch.object(ledgers, "datetime") as clock:
        clock.now.return_value = institution.moment
        ledgers.Ledger(str(institution.ledger), procedures.load()).append(
            [{**entry, "delivery_method": "media", "media_id": media_id, "media_type": "HDD USB"}]
        )


def test_what_is_late_is_told_every_morning(delivered, clock):
    """Breaks: a loan is forgotten at JAA's, or a request in CSC's tray, and the morning's report is content."""
    waits, late = (
        "PRÉSTAMOS QUE ESPERAN A CSC DESPUÉS DE 1 DÍA HÁBIL (loan.yml)",
        "PRÉSTAMOS DE CSC VENCIDOS (loan.yml)",
    )
    clock.set("2027-03-01 09:00")
    assert delivered.backup(*FORCE).rc == 0
    assert deliver(delivered).rc == 0
    folio = asked_for(delivered)["folio"]

    def told(moment):
        done = clock.play(moment, "reconcile.yml")
        assert done.rc == 0, done.out
        return done.out

    assert waits not in told("2027-03-02 07:00"), "CSC has the whole of Tuesday"
    out = told("2027-03-03 07:00")
    assert waits in out and f"{folio} · acceso de sólo lectura" in out and "quedan pendientes" in out, out
    taken(delivered, folio, "authorise", "CSC")
    taken(delivered, folio, "lend", "CSC", due_back_on="2027-03-05")
    out = told("2027-03-05 07:00")
    assert waits not in out and late not in out, out
    out = told("2027-03-06 07:00")
    assert late in out and "JAA debía devolverlo el 05/03/2027" in out and "TODO AL DÍA" not in out, out
    listed = loan(delivered)
    assert "VENCIDO: 05/03/2027" in listed.out and "Abiertos: 1; vencidos: 1." in listed.out, listed.out
    taken(delivered, folio, "return", "JAA")
    out = told("2027-03-08 07:00")
    assert late not in out and waits not in out, "given back on a Saturday: CSC has until Monday"
    assert waits in told("2027-03-09 07:00")


def test_a_ledger_with_loans_is_whole(delivered, clock):
    """Breaks: the chain, the folios or the CSV files suffer from a form whose rows grow."""
    clock.set("2027-03-01 09:00")
    folio = asked_for(delivered)["folio"]
    other = asked_for(delivered)["folio"]
    taken(delivered, folio, "authorise", "CSC")
    taken(delivered, other, "reject", "CSC", reason="con la primera basta")
    (delivered.ledger / "index.sqlite3").unlink()
    taken(delivered, folio, "lend", "CSC")
    official_record.check(delivered.ledger)
    assert answer(delivered, "ledger.yml").rc == 0
    assert form_of(delivered, folio)[0]["Autoriza"] == "CSC"
