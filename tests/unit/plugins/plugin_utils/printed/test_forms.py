# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands on the forms: all that was recorded, what was said of it later, what is missing, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.printed.job import CannotPrint
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import (
    Grid,
    PrintedForm,
    Sheet,
    Signatures,
    Table,
)

from tests.unit.factories import accepted, backup_record, chained, failure_record
from tests.unit.plugins.plugin_utils.printed import week47

RECORDS = week47.records()
# A record of each form, and the name under which it is printed.
ONE_OF_EACH = {
    "DAU-01-2026-0031": "DAU-01-2026-0031",
    "DSE-05-2026-0001": "DSE-05-2026-0001",
    "DSE-05-2026-0010": "DSE-05-2026-0010",
    "DSE-05-2026-0012": "DSE-05-2026-0012",
    "DSE-02-2026-0046": "DSE-02-2026-W47",
    "DSE-03-2026-0004": "DSE-03-2026-W47",
    "DSE-04-2026-0002": "DSE-04-2026",
    "CSC-01-2026-0003": "CSC-01-2026",
    "CSC-02-2026-0046": "CSC-02-2026-0046",
    "CSC-03-2026-0001": "CSC-03-2026-0001",
}
# The foot of a form has them, in another test.
_AT_THE_FOOT = ("recorded_at", "previous_sha256")


def parts(form: PrintedForm, kind: type) -> list[Any]:
    """The parts of that kind."""
    return [part for part in form.parts if isinstance(part, kind)]


def values(form: PrintedForm) -> dict[str, Any]:
    """The fields in the form's sheets by name."""
    return {value.name: value for part in parts(form, Sheet) for row in part.rows for value in row}


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """The record without these fields."""
    return {name: value for name, value in record.items() if name not in names}


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, list):
        return [other(value[0]), *value[1:]]
    if isinstance(value, dict):
        return {name: other(each) for name, each in value.items()}
    if value[:4] == "2026" and value[4:5] == "-" and value[5] != "W":
        return f"2025{value[4:]}"
    return value[:-1] + ("a" if value[-1] != "a" else "b")


@pytest.mark.parametrize(("folio", "name"), ONE_OF_EACH.items())
def test_whatever_a_record_says_is_printed(printed, folio, name):
    """Breaks: a field that was recorded is not on the form, and whoever reads the paper does not know of it."""

    def shown(records):
        try:
            return [replace(form, marks=[], record=None) for form in printed(records, name)]
        except CannotPrint:
            return []

    before, unseen = shown(RECORDS), []
    position = next(number for number, record in enumerate(RECORDS) if record.get("folio") == folio)
    record = RECORDS[position]
    for field, value in record.items():
        if field in (*_AT_THE_FOOT, "form_code", "record_type"):
            continue
        if field == "files":
            changes = [[{**value[0], key: other(each)}] for key, each in value[0].items()]
        else:
            changes = [other(value)]
        for change in changes:
            changed = [*RECORDS[:position], {**record, field: change}, *RECORDS[position + 1 :]]
            unseen += [field] if shown(changed) == before else []
    assert before and not unseen


def test_a_week_of_databases_shows_its_missing_day_and_how_each_day_was_covered(printed):
    """Breaks: a missing day looks like the others, or what made up for it erases it."""
    (form,) = printed(RECORDS, "DSE-03-2026-W47")
    (grid,) = parts(form, Grid)
    (row,) = grid.rows
    assert grid.headings == [
        f"{day} {date}/11" for day, date in zip(["Lun", "Mar", "Mié", "Jue", "Vie", "Sáb", "Dom"], range(16, 23))
    ]
    assert row.totals == ["7", "6"] and row.said == ["srv-db01", "DSE-05-2026-0002"]
    assert [day.made for day in row.days] == [["✓ 620.0 MiB"]] * 2 + [[]] + [["M 620.0 MiB"]] + [["✓ 620.0 MiB"]] * 3
    missing = row.days[2]
    assert (missing.state, missing.weight) == ("OMITIDO", "alarm")
    assert missing.said == "mitigado el 19/11 con DSE-03-2026-0003" and missing.folios == ["DSE-05-2026-0010"]
    assert [day.state for day in row.days if day is not missing] == [""] * 6
    assert any(each.startswith("OMITIDO:") for each in grid.legend)


def test_a_week_in_which_nothing_was_made_is_a_form_too(printed):
    """Breaks: the week that most needs a form has none, since no record belongs to it."""
    records = accepted(information_type="database", servers=["srv-db01"], frequency="daily", source="escolares")
    (form,) = printed(records, "DSE-03-2026-W47")
    (row,) = parts(form, Grid)[0].rows
    assert [day.state for day in row.days] == ["OMITIDO"] * 7 and row.totals == ["7", "0"]
    assert row.name == "DSE-05-2026-0001" and not form.marks
    with pytest.raises(CannotPrint, match="en «DSE-03-2026-W40» no se esperaba ni se registró nada"):
        printed(records, "DSE-03-2026-W40")


def test_a_missing_day_has_its_failure_whatever_the_item_was_called_then(printed):
    """Breaks: the evidence of a miss leaves the paper with the name under which it was recorded."""
    request = accepted(information_type="database", servers=["srv-db01"], frequency="daily", source="escolares")
    # While no item carried the request out, its failures had its folio for a name.
    failed = failure_record("2026-11-17", folio="DSE-05-2026-0020", item_id="DSE-05-2026-0001", server="srv-db01")
    made = week47.backup("database", 18, "2026-11-18", request_folio="DSE-05-2026-0001")
    (form,) = printed([*request, failed, made], "DSE-03-2026-W47")
    (row,) = parts(form, Grid)[0].rows
    assert row.name == "db-escolares"
    assert (row.days[1].state, row.days[1].folios) == ("OMITIDO", ["DSE-05-2026-0020"])


def test_each_sign_of_the_grid_says_how_a_backup_turned_out(printed):
    """Breaks: a doubtful backup has the sign of a good one."""
    made = {
        "16": ("first", {"execution_mode": "manual"}),
        "17": ("review", {}),
        "18": ("nonconforming", {}),
        "19": ("conforming", {"execution_mode": "manual"}),
        "20": ("conforming", {}),
    }
    records = [
        week47.backup("database", int(day), f"2026-11-{day}", verification_result=result, **more)
        for day, (result, more) in made.items()
    ]
    accepted_by_jaa = week47.backup("database", 21, "2026-11-21", verification_result="review")
    decision = week47.about(
        "DSE-03-2026-0021", "2026-11-21T09:00:00", "decision", decision="accepted", item_id="db-escolares"
    )
    rejected = week47.backup("database", 22, "2026-11-22", verification_result="review")
    refusal = week47.about(
        "DSE-03-2026-0022", "2026-11-22T09:00:00", "decision", decision="rejected", item_id="db-escolares"
    )
    (form,) = printed([*records, accepted_by_jaa, decision, rejected, refusal], "DSE-03-2026-W47")
    (row,) = parts(form, Grid)[0].rows
    signs = [day.made[0].rpartition(" 620.0")[0] for day in row.days]
    assert signs == ["P M", "R", "✗", "M", "✓", "A", "✗"]


def test_each_database_server_has_a_form_of_its_own(printed):
    """Breaks: two servers' databases stand on one form, or a folio prints the other server's."""
    elsewhere = {"database_server": "srv-db02", "server": "srv-db02", "item_id": "db-lms"}
    records = [*RECORDS, week47.backup("database", 9, "2026-11-20", **elsewhere)]
    forms = printed(records, "DSE-03-2026-W47")
    assert [form.about.partition(" ")[0] for form in forms] == ["srv-db01", "srv-db02"]
    assert [[row.name for row in parts(form, Grid)[0].rows] for form in forms] == [["db-escolares"], ["db-lms"]]
    (form,) = printed(records, "DSE-03-2026-0009")
    assert form == forms[1]


def test_what_a_run_made_of_one_server_is_one_form(printed):
    """Breaks: another run's lines, or another server's, stand on the form; or the year leaves one out."""
    others = [
        week47.backup("server_configuration", 3, "2026-11-16", server="srv-app01", item_id="etc-app01"),
        week47.backup("server_configuration", 4, "2026-11-17", run_id="R2"),
        week47.backup("server_configuration", 5, "2026-11-16", item_id="tls-web01"),
    ]
    records = [*RECORDS, *others]
    (form,) = printed(records, "DSE-04-2026-0005")
    assert form.name == "DSE-04-2026-0001, DSE-04-2026-0002, DSE-04-2026-0005"
    names = {form.name for form in printed(records, "DSE-04-2026")}
    assert names == {form.name, "DSE-04-2026-0003", "DSE-04-2026-0004"}
    assert printed(RECORDS, "DSE-04-2026-0001")[0].name == "DSE-04-2026-0001 a DSE-04-2026-0002"


def test_the_years_plan_has_its_newest_lines_with_what_is_done_of_them(printed):
    """Breaks: a plan that was replaced counts, the counts are not of the year, or what nobody planned is left out."""
    (form,) = printed(RECORDS, "CSC-01-2026")
    plan, older = parts(form, Table)
    column = {name: [row.cells[plan.headings.index(name)] for row in plan.rows] for name in plan.headings}
    assert column["Folio"] == ["CSC-01-2026-0001", "CSC-01-2026-0003", *["sin renglón en el plan aprobado"] * 2]
    assert column["Respaldo"] == ["db-escolares", "portal-src", "etc-web01", "portal-media"]
    # From 10 November to the end of the year; until 25 November there was a backup on six days, and of the nine days
    # without one until then one was made up for.
    assert [column[name][0] for name in ("Programados", "Realizados", "Tardíos", "Omitidos")] == ["52", "6", "0", "9"]
    assert column["Cumplimiento (%)"][0] == "40.00"
    assert [column[name][1] for name in ("Programados", "Realizados", "Omitidos")] == ["7", "1", "0"]
    assert column["Pruebas de recuperación realizadas"][:2] == ["0", "1"]
    said = {value.name: value.text for value in plan.rows[0].detail}
    assert said["planned_dates"] == "10/11/2026 a 31/12/2026" and said["received_by"] == "CSC"
    assert (said["mitigated"], said["pending"]) == ("1", "37")
    assert [row.cells[0] for row in older.rows] == ["CSC-01-2026-0002"]
    signed = [(each.role, each.act) for each in parts(form, Signatures)[0].signatures]
    assert signed == [("JAA", "elaboró"), ("JAA", "aceptó"), ("CSC", "aceptó")]


def test_what_later_records_fill_in_says_which(printed):
    """Breaks: a request prints without its decision, a failure without its cause, a delivery without its receipt."""
    (request,) = printed(RECORDS, "DSE-05-2026-0001")
    told = values(request)
    assert told["decision"].text == "Aceptada" and told["valid_from"].text == "09/11/2026"
    assert told["decision"].notes == ("según dictamen del 02/11/2026 10:00:00",)
    (failure,) = printed(RECORDS, "DSE-05-2026-0010")
    told = values(failure)
    assert (told["cause"].text, told["nonconformity_ref"].text) == ("Disco lleno en srv-db01", "PNC-2026-04")
    assert told["resolved_at"].text == "19/11/2026 09:47:00" and told["status"].text == "Cerrado"
    (delivery,) = printed(RECORDS, "CSC-02-2026-0046")
    told = values(delivery)
    assert [told[name].text for name in ("received_by", "received_at", "receipt_result", "storage_location")] == [
        *("CSC", "23/11/2026 09:12:00", "Aceptado", "Gaveta 2")
    ]
    (loan,) = printed(RECORDS, "CSC-03-2026-0001")
    told = values(loan)
    assert (told["authorized_by"].text, told["due_back_on"].text) == ("CSC", "01/12/2026")
    assert told["restore_folio"].text == "DSE-05-2026-0012"
    (recovery,) = printed(RECORDS, "DSE-05-2026-0012")
    assert values(recovery)["requester_accepts"].text == "Sí"
    (service,) = printed(RECORDS, "DAU-01-2026-0031")
    told = values(service)
    assert (told["derived_folio"].text, told["attended_at"].text) == ("DSE-05-2026-0001", "02/11/2026 09:00:00")
    assert (told["response_hours"].text, told["satisfaction"].text, told["user_accepts"].text) == ("1.00", "5", "Sí")


def test_what_was_not_said_yet_is_left_open(printed):
    """Breaks: an open form prints as if somebody had signed it."""
    records = [record for record in RECORDS if record["record_type"] not in ("acknowledgement", "decision", "closing")]
    for name in ("CSC-02-2026-0046", "DSE-05-2026-0012", "DSE-05-2026-0010"):
        (form,) = printed(records, name)
        assert [each.act for each in parts(form, Signatures)[0].signatures] == ["elaboró"]
    (form,) = printed(records, "CSC-02-2026-0046")
    assert values(form)["received_by"].text == "" and values(form)["status"].text == "Pendiente de acuse de CSC"


def test_a_correction_stands_beside_what_was_recorded(printed):
    """Breaks: a corrected value replaces what was recorded, or is not there at all."""
    (form,) = printed(RECORDS, "DSE-02-2026-0046")
    (line,) = parts(form, Table)[0].rows
    remarks = next(value for value in line.detail if value.name == "remarks")
    assert remarks.text == "encogió más de lo tolerado"
    assert remarks.notes == (
        "CORREGIDO: depuración autorizada — 21/11/2026 11:00:00, JAA: la observación era del sistema",
    )
    happened = next(table for table in parts(form, Table) if table.title == "Actuaciones posteriores")
    assert [row.cells[1] for row in happened.rows] == ["Dictamen", "Corrección", "Cierre"]
    assert "Observaciones: depuración autorizada" in happened.rows[1].cells[5]
    amended = week47.form("DSE-05-2026-0020", "2026-11-24T09:00:00") | without(RECORDS[1], "folio")
    records = [*RECORDS, {**amended, "folio": "DSE-05-2026-0020", "amends_folio": "DSE-05-2026-0001"}]
    assert values(printed(records, "DSE-05-2026-0001")[0])["amended_by"].text == "DSE-05-2026-0020"
    assert values(printed(records, "DSE-05-2026-0020")[0])["amends_folio"].text == "DSE-05-2026-0001"


def test_every_record_stands_at_the_foot_with_its_hash_and_a_broken_one_as_broken(printed):
    """Breaks: a line that somebody changed prints like any other."""
    lines = chained(RECORDS)
    (form,) = printed([], "DSE-02-2026-W47", lines=lines)
    by_hash = {record["record_sha256"]: record for record in map(json.loads, lines)}
    assert [mark.name for mark in form.marks] == [
        *("DSE-02-2026-0046", "Dictamen de DSE-02-2026-0046", "Corrección de DSE-02-2026-0046"),
        "Cierre de DSE-02-2026-W47",
    ]
    assert all(mark.is_whole and by_hash[mark.sha256]["previous_sha256"] == mark.previous_sha256 for mark in form.marks)
    assert form.broken == [] and form.record == form.marks[0]
    forged = [line.replace(b'"size_bytes":300000000', b'"size_bytes":650117120') for line in lines]
    (form,) = printed([], "DSE-02-2026-W47", lines=forged)
    assert form.broken == ["DSE-02-2026-0046"] and parts(form, Table)[0].rows[0].is_broken
    assert [mark.is_whole for mark in form.marks] == [False, True, True, True]


def test_a_forged_record_that_cannot_be_printed_is_told_by_its_line(printed):
    """Breaks: whoever puts a list in the place of a date leaves the auditor with a traceback and no form."""
    forged = [
        line.replace(b'"started_at":"2026-11-21T02:00:13-06:00"', b'"started_at":[]') for line in chained(RECORDS)
    ]
    with pytest.raises(CannotPrint) as told:
        printed([], "DSE-02-2026-W47", lines=forged)
    assert "ledger-2026.jsonl, línea" in told.value.faults[0] and "ALTERADA" in told.value.faults[0]
    assert any("DSE-02-2026-0046" in fault for fault in told.value.faults)


def test_a_week_prints_all_of_its_forms_and_several_names_one_document(printed):
    """Breaks: "show me week 47" leaves a form out, brings one of another week, or one twice."""
    names = [form.name for form in printed(RECORDS, "2026-W47")]
    assert names == [
        *("DSE-02-2026-W47", "DSE-03-2026-W47", "DSE-04-2026-0001 a DSE-04-2026-0002"),
        *("DSE-05-2026-0010", "DSE-05-2026-0011"),
    ]
    assert [form.name for form in printed(RECORDS, "2026-W48")] == [
        *("DSE-02-2026-W48", "DSE-03-2026-W48", "CSC-02-2026-0046", "CSC-03-2026-0001", "DSE-05-2026-0012")
    ]
    several = ("DAU-01-2026-0031", "DSE-03-2026-0001", "DSE-03-2026-W47", "DSE-02-2026-W47", "DAU-01-2026-0031")
    assert [form.name for form in printed(RECORDS, *several)] == [
        "DAU-01-2026-0031",
        "DSE-03-2026-W47",
        "DSE-02-2026-W47",
    ]
    assert "CSC-01-2026" in [form.name for form in printed(RECORDS, "2026-W46")]


def test_names_that_stand_for_nothing_are_told_all_at_once(printed):
    """Breaks: a typo prints an empty form, or the second one is told only after the first."""
    with pytest.raises(CannotPrint) as told:
        printed(RECORDS, "DSE-02-2026-0099", "semana 47", "2026-W60", "DSE-05-2026", "DSE-02-2026-W47")
    assert [fault.partition(":")[2].split("»")[0] for fault in told.value.faults] == [
        *(" «DSE-02-2026-0099", " «semana 47", " «2026-W60", " «DSE-05-2026")
    ]


def test_the_procedures_data_decide_what_is_called_what(printed, procedure):
    """Breaks: a label, a title or the approval of a layout is changed in the data, and the print stays as it was."""
    form = procedure.forms["FOR 7.5 DSE 02"]
    head = tuple(
        replace(field, label="Dirección del origen") if field.name == "source" else field for field in form.head
    )
    institution = replace(procedure.institution, layouts_approved_on={form.code: "2027-01-12"})
    rules = replace(
        procedure,
        institution=institution,
        forms={**procedure.forms, form.code: replace(form, title="Código fuente", head=head)},
    )
    (before,), (after,) = printed(RECORDS, "DSE-02-2026-W47"), printed(RECORDS, "DSE-02-2026-W47", rules=rules)
    assert before.approval == "Propuesta"
    assert after.approval == "Formato aprobado el 12/01/2027"
    assert after.title == "Código fuente"
    labels = {value.label for value in parts(after, Table)[0].rows[0].detail}
    assert "Dirección del origen" in labels and "Origen (ruta o base)" not in labels


def test_the_ledger_alone_tells_what_was_expected(printed):
    """Breaks: a renamed item is missing for ever, or one of two of a request hides that the other is missing."""

    def states(*made):
        backups = [
            backup_record(
                *("database", f"2026-11-{day}"), item_id=item, server="srv-db01", database_server="srv-db01",
                iso_week="2026-W47", folio=f"DSE-03-2026-{number:04d}",
            )
            for number, (item, day) in enumerate(made, 1)
        ]  # fmt: skip
        asked = accepted(information_type="database", servers=["srv-db01"], frequency="daily", source="escolares")
        (form,) = printed([*asked, *backups], "DSE-03-2026-W47")
        return {row.name: [day.state or "✓" for day in row.days] for row in parts(form, Grid)[0].rows}

    renamed = states(*(("old", day) for day in (16, 17, 18)), *(("new", day) for day in (19, 20, 21, 22)))
    assert renamed == {"new": ["✓"] * 7}
    shared = states(("one", 16), ("two", 16), ("one", 17), ("two", 18), ("one", 18))
    assert shared == {"one": ["✓"] * 3 + ["OMITIDO"] * 4, "two": ["✓", "OMITIDO", "✓"] + ["OMITIDO"] * 4}
