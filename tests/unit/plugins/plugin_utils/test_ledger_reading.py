# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import Reading, week_of, years_after
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    delivery_record,
    failure_record,
    loan_record,
    loan_step,
)

TODAY = date(2027, 3, 1)


@pytest.fixture
def standing(procedure):
    """What the first of these records has come to; each is written on its ``day``."""

    def of(*records, today=TODAY):
        reading = Reading(procedure)
        for position, record in enumerate(records):
            reading.add(position, record)
        return reading.standing(0, records[0], today)

    return of


def on(day, record):
    return {"recorded_at": f"{day}T09:00:00.000-06:00", "form_code": None, **record}


def said(day, record_type, about, **more):
    return on(day, {"record_type": record_type, "about_folio": about, **more})


def acknowledged(day, about, role, result="accepted", **more):
    return said(day, "acknowledgement", about, acknowledged_as=role, result=result, **more)


def backup(kind="database", **changes):
    folios = {"source_code": "DSE-02-2026-0001", "database": "DSE-03-2026-0001", "images_documents": "DSE-04-2026-0001"}
    return on("2026-11-20", backup_record(kind, "2026-11-20", folio=folios[kind], **changes))


def state(standing):
    return standing.status, standing.closed_on and standing.closed_on.isoformat()


# --- Backups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "changes", "view"),
    [
        ("source_code", {"iso_week": "2026-W47"}, "DSE-02-2026-W47"),
        ("database", {"iso_week": "2026-W47"}, "DSE-03-2026-W47"),
        ("images_documents", {}, "DSE-04-2026"),
        ("images_documents", {}, "DSE-04-2026-0001"),
    ],
)
def test_a_backup_is_closed_by_the_review_of_its_week_or_year(standing, kind, changes, view):
    record = backup(kind, **changes)
    assert state(standing(record)) == ("abierto", None)
    review = said("2026-11-23", "closing", view, evidence="review")
    later = said("2026-11-30", "closing", view, evidence="review")
    closed = standing(record, review, later)
    assert state(closed) == ("cerrado", "2026-11-23")
    assert closed.retention_until == date(2027, 11, 23)


@pytest.mark.parametrize("view", ["DSE-03-2026-W46", "DSE-02-2026-W47", "DSE-03-2026-0001", "DSE-03-2026"])
def test_the_review_of_another_week_closes_nothing(standing, view):
    record = backup(iso_week="2026-W47")
    assert standing(record, said("2026-11-23", "closing", view)).status == "abierto"


def test_what_arrives_after_its_week_was_closed_waits_for_another_review(procedure):
    # 4.3.1: a backup by hand that the next run finds. Its week's closing is corrected, not closed a second time.
    reading = Reading(procedure)
    late = backup(iso_week="2026-W47")
    reading.add(0, said("2026-11-23", "closing", "DSE-03-2026-W47", evidence="review"))
    reading.add(1, late)
    assert reading.standing(1, late, TODAY).status == "abierto"
    reading.add(2, said("2026-11-25", "correction", "DSE-03-2026-W47", evidence="review", reviewed_folios=["x"]))
    assert state(reading.standing(1, late, TODAY)) == ("cerrado", "2026-11-25")


def test_csc_has_a_backup_by_the_last_delivery_that_it_has_not_rejected(standing):
    """Breaks: a backup's form names no delivery, one that CSC rejected, or one of another backup."""
    record = backup()
    first, second, other = (
        on("2026-11-23", delivery_record(f"CSC-02-2026-000{number}", folio))
        for number, folio in enumerate((record["folio"], record["folio"], "DSE-03-2026-0002"), start=1)
    )
    rejected = acknowledged("2026-11-24", first["folio"], "CSC", "rejected")
    assert standing(record).csc_delivery_folio is None
    assert "csc_delivery_folio" not in standing(record, other).as_fields()
    assert standing(record, first, other).as_fields()["csc_delivery_folio"] == first["folio"]
    assert standing(record, first, acknowledged("2026-11-24", first["folio"], "CSC")).csc_delivery_folio
    assert standing(record, first, rejected).csc_delivery_folio is None
    assert standing(record, first, rejected, second).csc_delivery_folio == second["folio"]


def test_a_doubtful_backup_names_its_failure(standing):
    """Breaks: a form says that a backup does not conform, and not in which failure that was followed up."""
    record = backup()
    first, second = (
        on("2026-11-23", failure_record("2026-11-22", folio=f"DSE-05-2026-000{number}", about_folio=record["folio"]))
        for number in (7, 8)
    )
    other = on("2026-11-23", failure_record("2026-11-22", folio="DSE-05-2026-0009", about_folio="DSE-03-2026-0002"))
    assert standing(record, first, second).as_fields()["failure_folio"] == first["folio"]
    assert "failure_folio" not in standing(record, other).as_fields()


def test_csc_says_where_it_keeps_a_delivery(standing):
    delivery = on("2026-11-23", delivery_record("CSC-02-2026-0001", "DSE-03-2026-0001"))
    accepted = acknowledged("2026-11-24", delivery["folio"], "CSC", storage_location="Gaveta 2")
    (said_by_csc,) = standing(delivery, accepted).as_fields()["acknowledgements"]
    assert said_by_csc["storage_location"] == "Gaveta 2"


# --- Requests ---------------------------------------------------------------------------------------------------------


def request(number=1, day="2026-01-05", **changes):
    folio = f"DSE-05-2026-{number:04d}"
    return on(day, {"record_type": "backup_request", "form_code": "FOR 7.5 DSE 05", "folio": folio, **changes})


def decided(day, number=1, decision="accepted", **more):
    return said(day, "decision", f"DSE-05-2026-{number:04d}", decision=decision, **more)


ACCEPTED = decided("2026-01-06", valid_from="2026-01-06")


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([], ("abierto", None)),
        ([decided("2026-01-06", decision="rejected")], ("rechazado", "2026-01-06")),
        ([ACCEPTED], ("aceptado", None)),
        ([ACCEPTED, said("2026-05-01", "closing", "DSE-05-2026-0001")], ("cancelado", "2026-05-01")),
        ([said("2026-01-06", "closing", "DSE-05-2026-0001")], ("cancelado", "2026-01-06")),
        ([decided("2026-01-06", valid_from="2026-01-06", valid_until="2027-02-28")], ("cerrado", "2027-02-28")),
        # Its last day is not over yet.
        ([decided("2026-01-06", valid_from="2026-01-06", valid_until="2027-03-01")], ("aceptado", None)),
        ([ACCEPTED, request(2, amends_folio="DSE-05-2026-0001")], ("aceptado", None)),
        (
            [ACCEPTED, request(2, amends_folio="DSE-05-2026-0001"), decided("2026-06-01", 2, "rejected")],
            ("aceptado", None),
        ),
        (
            [
                ACCEPTED,
                request(2, amends_folio="DSE-05-2026-0001"),
                decided("2026-06-01", 2, valid_from="2026-06-01"),
            ],
            ("cerrado", "2026-06-01"),
        ),
        # Until the change is in force, the earlier one is.
        (
            [
                ACCEPTED,
                request(2, amends_folio="DSE-05-2026-0001"),
                decided("2026-06-01", 2, valid_from="2027-06-01"),
            ],
            ("aceptado", None),
        ),
    ],
)
def test_a_request(standing, later, expected):
    assert state(standing(request(), *later)) == expected


# --- What somebody has to acknowledge ---------------------------------------------------------------------------------


def test_a_failure_is_closed_by_its_closing_only(standing):
    failure = on("2026-11-20", failure_record("2026-11-20", folio="DSE-05-2026-0009"))
    assert standing(failure, acknowledged("2026-11-21", "DSE-05-2026-0009", "CGDW")).status == "abierto"
    closed = standing(failure, said("2026-11-21", "closing", "DSE-05-2026-0009", evidence="backup"))
    assert state(closed) == ("cerrado", "2026-11-21")


FORMS = {
    "recovery": ("FOR 7.5 DSE 05", "abierto"),
    "service_request": ("FOR 7.2 DAU 01", "abierto"),
    # Its form has no open state: it waits for CSC.
    "delivery": ("FOR 7.5 CSC 02", "pendiente"),
}


def form(record_type):
    code = FORMS[record_type][0]
    folio = "-".join(code.split()[-2:]) + "-2026-0001"
    return on("2026-11-20", {"record_type": record_type, "form_code": code, "folio": folio})


@pytest.mark.parametrize("record_type", FORMS)
@pytest.mark.parametrize("role", ["CGDW", "CSC", "JAA"])
@pytest.mark.parametrize("result", ["accepted", "rejected"])
def test_who_may_say_that_it_is_right(standing, record_type, role, result):
    record = form(record_type)
    found = standing(record, acknowledged("2026-11-24", record["folio"], role, result))
    is_of_csc = record_type == "delivery"
    if result == "accepted" and (is_of_csc or role == "CGDW"):
        assert state(found) == ("cerrado", "2026-11-24")
    elif result == "rejected" and is_of_csc:
        assert state(found) == ("rechazado", "2026-11-24")
    else:
        assert state(found) == (FORMS[record_type][1], None)


@pytest.mark.parametrize("record_type", FORMS)
def test_what_nobody_has_acknowledged_is_open(standing, record_type):
    assert state(standing(form(record_type))) == (FORMS[record_type][1], None)


def test_a_recovery_that_waited_for_csc_is_closed_with_the_one_that_went_on_with_it(standing):
    """Breaks: it stays open for ever, as nobody can call right what brought nothing back, and its year with it."""
    waited = form("recovery")
    went_on = on("2026-11-21", {**waited, "folio": "DSE-05-2026-0002", "related_folios": [waited["folio"]]})
    assert state(standing(waited, went_on)) == ("abierto", None)
    closed = standing(waited, went_on, acknowledged("2026-11-24", went_on["folio"], "CGDW"))
    assert state(closed) == ("cerrado", "2026-11-24")
    assert state(standing(waited, acknowledged("2026-11-24", went_on["folio"], "CGDW"))) == ("abierto", None)


def test_what_was_rejected_first_and_accepted_then_is_closed(standing):
    record = form("delivery")
    found = standing(
        record,
        acknowledged("2026-11-24", record["folio"], "CSC", "rejected"),
        acknowledged("2026-11-26", record["folio"], "CSC"),
    )
    assert state(found) == ("cerrado", "2026-11-26")
    assert [each.action for each in found.acknowledgements] == ["rejected", "accepted"]


def test_a_service_request_is_attended_when_its_form_is_there(standing):
    record = form("service_request")
    of_it = request(7, service_request_folio=record["folio"])
    assert state(standing(record, of_it)) == ("atendido", None)
    assert standing(record, request(7, service_request_folio="DAU-01-2026-0002")).status == "abierto"
    assert standing(record, of_it, acknowledged("2026-11-24", record["folio"], "CGDW")).status == "cerrado"


def plan(version=1, day="2026-01-10", number=1, **changes):
    folio = f"CSC-01-2026-{number:04d}"
    line = {"record_type": "plan", "form_code": "FOR 7.5 CSC 01", "folio": folio, "item_id": "escolares"}
    return on(day, {**line, "plan_year": 2026, "plan_version": version, **changes})


@pytest.mark.parametrize(
    ("later", "today", "expected"),
    [
        ([], TODAY, ("abierto", None)),
        ([plan(2, "2026-05-01", 2)], TODAY, ("cerrado", "2026-05-01")),
        ([plan(2, "2026-05-01", 2, item_id="portal-src")], TODAY, ("abierto", None)),
        ([plan(2, "2026-05-01", 2, plan_year=2027)], TODAY, ("abierto", None)),
        ([acknowledged("2026-02-01", "CSC-01-2026", "CSC")], date(2026, 12, 31), ("abierto", None)),
        ([acknowledged("2026-02-01", "CSC-01-2026", "CSC")], date(2027, 1, 1), ("cerrado", "2026-12-31")),
        ([acknowledged("2027-01-20", "CSC-01-2026", "CSC")], TODAY, ("cerrado", "2027-01-20")),
        ([acknowledged("2026-02-01", "CSC-01-2026", "JAA")], TODAY, ("abierto", None)),
        ([acknowledged("2026-02-01", "CSC-01-2026", "CSC", "rejected")], TODAY, ("abierto", None)),
    ],
)
def test_a_line_of_the_annual_plan(standing, later, today, expected):
    assert state(standing(plan(), *later, today=today)) == expected


def test_an_older_version_of_the_plan_replaces_no_newer_one(procedure):
    reading = Reading(procedure)
    lines = [plan(1), plan(2, "2026-05-01", 2)]
    for position, line in enumerate(lines):
        reading.add(position, line)
    assert [reading.standing(position, line, TODAY).status for position, line in enumerate(lines)] == [
        "cerrado",
        "abierto",
    ]


def test_csc_receives_what_it_was_shown(procedure):
    # A line that JAA adds afterwards is not received by an acknowledgement before it.
    reading = Reading(procedure)
    line = plan()
    reading.add(0, acknowledged("2026-02-01", "CSC-01-2026", "CSC"))
    reading.add(1, line)
    assert reading.standing(1, line, TODAY).status == "abierto"


# --- What stands beside -----------------------------------------------------------------------------------------------


def test_acknowledgements_and_corrections_stand_beside_what_was_recorded(standing):
    record = backup(iso_week="2026-W47", remarks="uno")
    folio = record["folio"]
    found = standing(
        record,
        acknowledged("2026-11-24", folio, "CSC", about_sha256="ab" * 32),
        acknowledged("2026-11-25", "DSE-03-2026-W47", "CSC", "rejected", reason="falta el lunes"),
        said("2026-11-26", "correction", folio, corrections={"remarks": "dos"}, reason="errata", operator_role="JAA"),
    )
    assert found.as_fields() == {
        "status": "abierto",
        "acknowledgements": [
            {"role": "CSC", "action": "accepted", "at": "2026-11-24T09:00:00.000-06:00", "sha256": "ab" * 32},
            {
                "role": "CSC",
                "action": "rejected",
                "at": "2026-11-25T09:00:00.000-06:00",
                "reason": "falta el lunes",
            },
        ],
        "later_corrections": [
            {
                "corrections": {"remarks": "dos"},
                "reason": "errata",
                "recorded_at": "2026-11-26T09:00:00.000-06:00",
                "operator_role": "JAA",
            }
        ],
    }
    assert record["remarks"] == "uno"


def test_what_is_no_form_comes_to_nothing(standing):
    assert standing(said("2026-11-24", "closing", "DSE-05-2026-0001")) is None


@pytest.mark.parametrize(
    ("record", "week"),
    [
        (backup(iso_week="2026-W47"), "2026-W47"),
        (backup("images_documents"), "2026-W47"),
        (on("2026-11-24", failure_record("2026-11-22")), "2026-W47"),
        (on("2027-01-01", {"record_type": "run"}), "2026-W53"),
    ],
)
def test_the_week_of_a_record(record, week):
    assert week_of(record) == week


@pytest.mark.parametrize(
    ("day", "years", "until"),
    [("2026-11-22", 1, "2027-11-22"), ("2028-02-29", 1, "2029-03-01"), ("2028-02-29", 4, "2032-02-29")],
)
def test_nothing_is_kept_a_day_less_than_its_years(day, years, until):
    assert years_after(date.fromisoformat(day), years) == date.fromisoformat(until)


# --- Loans ------------------------------------------------------------------------------------------------------------


WHOLE = ("authorised", "lent", "checked", "returned", "received_back")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((), ("abierto", None)),
        (WHOLE[:1], ("abierto", None)),
        (WHOLE[:2], ("prestado", None)),
        (WHOLE[:3], ("prestado", None)),
        # JAA has given it back; it is CSC that says that it is there again.
        (WHOLE[:4], ("prestado", None)),
        (WHOLE, ("cerrado", "2026-11-24")),
        (("rejected",), ("rechazado", "2026-11-24")),
        (("authorised", "cancelled"), ("cancelado", "2026-11-24")),
        # What cannot follow says nothing.
        (("received_back",), ("abierto", None)),
    ],
)
def test_a_loan_is_what_its_last_step_made_of_it(standing, steps, expected):
    loan = on("2026-11-23", loan_record("CSC-03-2026-0001", media_id="CSC-HD-11"))
    found = standing(loan, *(loan_step(loan["folio"], state) for state in steps))
    assert state(found) == expected
    assert (found.retention_until is None) == (expected[1] is None)


def test_a_loan_s_form_has_what_its_steps_say(standing, procedure):
    """Breaks: the form of a loan is printed without who lent it, when, and whether it came back."""
    loan = on("2026-11-23", loan_record("CSC-03-2026-0001"))
    of_another = loan_step("CSC-03-2026-0002", "rejected")
    recovery = on("2026-11-24", {"record_type": "recovery", "folio": "DSE-05-2026-0014", "loan_folio": loan["folio"]})
    found = standing(loan, of_another, *(loan_step(loan["folio"], each) for each in WHOLE), recovery).as_fields()
    form = procedure.forms["FOR 7.5 CSC 03"]
    later = {field.name for field in form.fields_for("loan") if field.later}
    assert later - {*found} == {"refusal_reason", "check_on_receipt_sha256"}
    assert (found["restore_folio"], found["due_back_on"]) == ("DSE-05-2026-0014", "2026-12-01")
    assert [(each["role"], each["action"]) for each in found["acknowledgements"]] == [
        *[("CSC", "lent"), ("JAA", "checked"), ("JAA", "returned")]
    ]
    rejected = standing(loan, loan_step(loan["folio"], "rejected")).as_fields()
    assert rejected["refusal_reason"] == "no hay quién" and "authorized_by" not in rejected
