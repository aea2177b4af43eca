# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who says of which record that it is right: weeks, the annual plan, recoveries, services; and nobody else may. 3.0."""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing

import pytest
from answers import acknowledge, answer, ask, form
from test_check_mode import _state

WEEK = "DSE-03-2027-W09"
PLAN = "CSC-01-2027"


def refused(institution, folio, *words, **answers):
    """Try what must not be recorded, and look for what is said of it."""
    before = institution.records()
    done = acknowledge(institution, folio, **answers)
    assert done.rc != 0, done.out
    assert [word for word in words if word not in done.out] == [], done.out
    assert institution.records() == before


def accepted(institution, folio, *arguments, **answers):
    """Say what must be recorded, and return the last record of it."""
    done = acknowledge(institution, folio, *arguments, **{"result": "accepted", **answers})
    assert done.rc == 0, done.out
    return institution.records()[-1]


def test_a_week_is_closed_once_it_is_over_and_decided_and_what_comes_late_is_a_correction(institution, clock):
    """Breaks: a week is closed while something may still come, hides what is missing, or changes after it is closed."""
    database = institution.database("db-escolares", tolerance={"shrink_pct": 0, "grow_pct": 1})
    institution.register("srv-db01", database)
    # From Friday on: expected are Saturday, on which nothing runs, and Sunday.
    assert clock.backup("2027-03-05 01:00") == ["db-escolares"]
    with closing(sqlite3.connect(database["database"]["path"])) as connection:
        connection.executemany("INSERT INTO alumno VALUES (?)", [(number,) for number in range(500)])
        connection.commit()
    assert clock.run("2027-03-07 01:00").rc == 2
    good, doubtful = institution.records("backup")
    assert (good["verification_result"], doubtful["verification_result"]) == ("first", "review")
    clock.set("2027-03-07 20:00")
    refused(institution, WEEK, f"{WEEK} no ha terminado", result="accepted", reason="x")
    clock.set("2027-03-08 07:00")
    waits = f"esperan dictamen (accept.yml): {doubtful['folio']}"
    refused(institution, WEEK, waits, "aún puede hacerse: srv-db01 · db-escolares · 07/03/2027", result="accepted")
    decision = {"accept_folio": doubtful["folio"], "accept_decision": "accepted", "accept_reason": "creció"}
    assert answer(institution, "accept.yml", **decision).rc == 0
    gap = "srv-db01 · db-escolares · 06/03/2027: OMITIDO"
    refused(institution, WEEK, "acknowledge_reason: ", gap, result="accepted")
    refused(institution, WEEK, "se cierra con accepted, o se deja abierta", result="rejected", reason="x")
    closed = accepted(institution, WEEK, reason="no hubo luz")
    assert (closed["record_type"], closed["evidence"], closed["about_folio"]) == ("closing", "review", WEEK)
    assert closed["reviewed_folios"] == [good["folio"], doubtful["folio"]]
    assert (closed["slots_expected"], closed["slots_covered"], closed["missing"]) == (3, 2, [gap])
    refused(institution, WEEK, "ya se cerró el 08/03/2027, y nada ha llegado después", result="accepted", reason="x")

    # On Saturday somebody had run it by hand, of which nobody knew.
    clock.set("2027-03-06 10:00")
    assert institution.script("srv-db01", "run", "db-escolares").rc == 0
    done = clock.play("2027-03-08 08:00", "reconcile.yml")
    assert done.rc == 0, done.out
    (late,) = institution.records("backup", execution_mode="manual")
    assert (late["backup_date"], late["verification_result"]) == ("2027-03-06", "conforming")
    refused(institution, WEEK, f"lo que llegó después ({late['folio']})", result="accepted")
    correction = accepted(institution, WEEK, reason="hecho a mano")
    assert (correction["record_type"], correction["reviewed_folios"]) == ("correction", [late["folio"]])
    assert institution.records("closing", about_folio=WEEK) == [closed]
    refused(institution, WEEK, "nada ha llegado después", result="accepted", reason="x")


def test_the_years_plan_is_approved_by_JAA_received_by_CSC_and_again_when_it_changes(institution, clock):
    """Breaks: CSC receives what nobody approved, a change needs no approval, or the whole plan is recorded again."""
    institution.register("srv-db01", institution.database("db-escolares"))
    institution.register("srv-web01", institution.files("portal-media"))
    clock.set("2027-03-01 10:00")
    institution.accept_requests()
    csc = {"as": "CSC", "result": "accepted"}
    refused(institution, PLAN, f"{PLAN} aún no ha sido aprobado por JAA", **csc)
    refused(institution, PLAN, "corresponde a JAA o CSC, no a CGDW", result="accepted", **{"as": "CGDW"})
    refused(institution, "CSC-01-2026", "es de un año que ya pasó", result="accepted")
    refused(institution, PLAN, "se aprueba con accepted", result="rejected", reason="x")
    said = accepted(institution, PLAN)
    assert (said["acknowledged_as"], said["plan_version"]) == ("JAA", 1)
    lines = {each["item_id"]: each for each in institution.records("plan")}
    assert lines["db-escolares"]["planned_dates"] == ["2027-03-02/2027-12-31"]
    assert lines["portal-media"]["planned_dates"][0] == "2027-03-02"
    assert {each["form_code"] for each in lines.values()} == {"FOR 7.5 CSC 01"}
    refused(institution, PLAN, "ya está aprobado y no ha cambiado", result="accepted")
    refused(institution, PLAN, "acknowledge_reason: falta el motivo", result="rejected", **{"as": "CSC"})
    said = accepted(institution, PLAN, **csc)
    assert (said["acknowledged_as"], said["result"], said["plan_version"]) == ("CSC", "accepted", 1)
    refused(institution, PLAN, "ya fue recibido", **csc)
    institution.register("srv-web01", institution.files("portal-media"), institution.files("actas"))
    institution.accept_requests()
    said = accepted(institution, PLAN)
    assert said["plan_version"] == 2
    assert [(each["item_id"], each["plan_version"]) for each in institution.records("plan")][2:] == [("actas", 2)]
    assert accepted(institution, PLAN, **csc)["plan_version"] == 2


def test_a_recovery_is_called_right_by_the_CGDW_alone_and_until_then_it_waits(institution):
    """Breaks: JAA calls its own restore right, a rejected one is forgotten, or an accepted one can be taken back."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    where = {"restore_item": "portal-media", "restore_target": str(institution.root / "recuperado")}
    why = {"restore_reason": "accidental_deletion", "restore_requester": "Portal"}
    assert answer(institution, "restore.yml", **where, **why).rc == 0
    (recovery,) = institution.records("recovery")
    folio, cgdw = recovery["folio"], {"as": "CGDW"}
    refused(institution, folio, "dar la conformidad a una recuperación corresponde a CGDW, no a JAA", result="accepted")
    refused(institution, folio, "acknowledge_reason: falta el motivo", result="rejected", **cgdw)
    waiting = institution.start("reconcile.yml").wait()
    assert waiting.rc == 0 and f"{folio} · Portal · portal-media, a más tardar el" in waiting.out
    said = accepted(institution, folio, result="rejected", reason="faltan fotos", **cgdw)
    assert (said["result"], said["reason"]) == ("rejected", "faltan fotos")
    assert said["about_sha256"] == recovery["record_sha256"]
    assert f"{folio} · Portal · portal-media, RECHAZADA" in institution.start("reconcile.yml").wait().out
    assert accepted(institution, folio, **cgdw)["acknowledged_as"] == "CGDW"
    assert "TODO AL DÍA" in institution.start("reconcile.yml").wait().out
    refused(institution, folio, "ya tiene la conformidad de CGDW", result="rejected", reason="x", **cgdw)


def test_a_service_is_called_right_with_how_satisfied_its_user_is(institution):
    """Breaks: PRO 8.2 and 8.5 DAU 01 have nothing to go on, or satisfaction is told of what is no service."""
    service = {"service_type": "restore", "channel": "teléfono", "area": "Portal", "contact": "ana@example.mx",
               "description": "recuperar fotos", "priority": "alta"}  # fmt: skip
    assert ask(institution, "-e", "operator_role=DAU", **service).rc == 0
    (asked,) = institution.records("service_request")
    refused(institution, asked["folio"], "debe ser de 1 a 5", result="accepted", satisfaction=6, **{"as": "CGDW"})
    complaint = {"satisfaction": 2, "complaint_ref": "Q-7"}
    said = accepted(institution, asked["folio"], **complaint, **{"as": "CGDW"})
    assert {key: said[key] for key in complaint} == complaint


def test_a_user_acts_in_the_roles_that_the_inventory_gives_and_in_no_other(institution):
    """Breaks: whoever says to be JAA is JAA, although the inventory names who is; or AWX's user is not recorded."""
    roles = {"ana": ["CGDW"], "jefe": "JAA", "mal": "JEFE"}
    job = {"AWX_HOST": "https://awx.example", "JOB_ID": "7"}
    institution.env.update(job)
    failing = institution.files("portal-media")
    institution.registers_requests = False
    institution.register("srv-web01", failing)
    assert institution.backup().rc == 2
    (failure,) = institution.records("failure")
    reason = {"result": "accepted", "reason": "aún no se solicitaba"}

    def by(user, given):
        institution.host_vars = {server: {"operator_roles": given} for server in institution.SERVERS}
        return ("-e", f"awx_user_name={user}")

    for user, given, words in (
        ("ana", roles, "según la lista operator_roles del inventario, ana es CGDW; no puede actuar como JAA"),
        ("eva", roles, "según la lista operator_roles del inventario, eva no está en ella; no puede actuar como JAA"),
        ("mal", roles, "operator_roles: mal: «JEFE» no es un puesto"),
        ("jefe", ["jefe"], "operator_roles: debe decir, por usuario, su puesto"),
    ):
        done = acknowledge(institution, failure["folio"], *by(user, given), **reason)
        assert done.rc != 0 and words in done.out, done.out
    done = institution.backup(*by("ana", roles))
    assert done.rc != 0 and "ana es CGDW; no puede actuar como JAA" in done.out
    # Nor by giving oneself the role, or by a name that AWX has not given.
    done = acknowledge(institution, failure["folio"], *by("jefe", roles), "-e", '{"operator_roles": {}}', **reason)
    assert done.rc != 0 and "operator_roles: no se acepta con -e" in done.out, done.out
    institution.env.clear()
    done = acknowledge(institution, failure["folio"], *by("jefe", roles), **reason)
    assert done.rc != 0 and "no está en ella; no puede actuar como JAA" in done.out, done.out
    institution.env.update(job)
    assert institution.records("closing") == []
    closing = accepted(institution, failure["folio"], *by("jefe", roles), **reason)
    system = pwd.getpwuid(os.getuid()).pw_name
    assert (closing["operator_user"], closing["operator_role"]) == (f"jefe (AWX; sistema: {system})", "JAA")
    # The CGDW may ask, and not decide, under its own name too.
    asked = ask(institution, *by("ana", roles), "-e", "operator_role=CGDW", **form(failing))
    assert asked.rc == 0, asked.out
    assert institution.records("backup_request")[0]["operator_user"] == f"ana (AWX; sistema: {system})"


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_everything_wrong_is_named_at_once_and_nothing_is_recorded(institution, check):
    """Breaks: of a list of folios some are recorded and some are not, or a rehearsal records."""
    institution.register("srv-web01", institution.files("portal-media"), institution.files("sin-fuente"))
    source = institution.root / "data" / "sin-fuente"
    source.rename(institution.root / "away")
    assert institution.backup().rc == 2
    (backup,), (failure,) = institution.records("backup"), institution.records("failure")
    before = _state(institution.ledger)
    folios = ["DSE-05-2001-0001", backup["folio"], backup["request_folio"], failure["folio"], "DSE-09-2027-W60"]
    folios += ["CSC-01-9999", "DSE-03-9999-W01"]
    done = acknowledge(institution, folios, *check, result="quizá")
    assert done.rc != 0
    for words in (
        "acknowledge_result: «quizá» debe ser accepted",
        "«DSE-05-2001-0001» no es un folio del registro",
        f"de {backup['folio']} (", "se decide con accept.yml",
        f"de {backup['request_folio']} (", "se decide con request.yml",
        f"falta la causa de {failure['folio']}",
        "«DSE-09-2027-W60» no es un folio",
        "«CSC-01-9999» no es de un año de 2000 a", "«DSE-03-9999-W01» no es de un año",
    ):  # fmt: skip
        assert words in done.out, words
    assert "acknowledge_folio: falta el folio" in acknowledge(institution, "", *check, result="accepted").out
    if check:
        good = acknowledge(institution, failure["folio"], *check, result="accepted", reason="x")
        assert good.rc == 0 and "no se registró nada" in good.out, good.out
    assert _state(institution.ledger) == before
