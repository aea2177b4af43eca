# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger as ledger_module
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_csv import CsvFiles
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record, loan_record, loan_step
from hypothesis import given
from hypothesis import strategies as st


def path(ledger, form):
    return next(Path(ledger.directory, "csv").glob(f"FOR-7.5-DSE-{form}-*.csv"))


def rows(ledger, form):
    text = path(ledger, form).read_bytes().decode("utf-8")
    assert text.startswith("\ufeff"), "without the mark, spreadsheets take UTF-8 for something else"
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_a_row_has_the_forms_own_words(ledger):
    ledger.append([backup_record("source_code", "2026-11-22", "review", size_change_pct=-60.5, is_full=True)])
    row = rows(ledger, "02")[0]
    assert row["Resultado de la verificación"] == "En revisión"
    assert row["Tipo de información"] == "Código fuente"
    assert (row["Variación de tamaño (%)"], row["Respaldo completo"], row["Observaciones"]) == ("-60.5", "Sí", "")
    assert row["Folio"].startswith("DSE-02-")


def test_each_form_has_its_own_file_and_runs_have_none(ledger):
    ledger.append([{"record_type": "run", "run_event": "ended", "run_id": "R1"}])
    assert not Path(ledger.directory, "csv").exists()
    kinds = ("source_code", "database", "server_configuration", "images_documents")
    ledger.append([backup_record(kind, "2026-11-22") for kind in kinds])
    ledger.append([failure_record("2026-11-22")])
    assert [len(rows(ledger, form)) for form in ("02", "03", "04", "05")] == [1, 1, 2, 1]


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1)", "\t=1", "\r=1", "|x", "%x", "=1\r\n=2", '"=1', "=\x00"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(ledger, text):
    # Faults 21: the text of a hostile server is opened in a spreadsheet by JAA.
    ledger.append([failure_record("2026-11-22", error_message=text, server=text)])
    row = rows(ledger, "05")[0]
    for cell in (row["Mensaje"], row["Servidor"]):
        assert cell[0] not in "=+-@\t\r|%"
        assert "\r" not in cell and "\n" not in cell


@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "\x1b[2J\x1b]0;x\x07", 'a"b,c;d', "a\u2028b", "\u202etxt", "ñ «x»"])
def test_whatever_a_field_holds_a_record_is_one_line(ledger, text):
    ledger.append(
        [failure_record("2026-11-22", error_message=text), failure_record("2026-11-23", error_message="next")]
    )
    lines = path(ledger, "05").read_bytes().decode("utf-8").splitlines()
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert [row["Mensaje"] for row in rows(ledger, "05")][1] == "next"


@given(text=st.text(min_size=1, max_size=30))
def test_any_text_at_all(procedure, text):
    form = procedure.form_for("failure")
    line = CsvFiles("/nowhere", procedure)._lines(form, [failure_record("2026-11-22", error_message=text)])
    parsed = list(csv.reader(io.StringIO(line.decode("utf-8"), newline="")))
    assert len(parsed) == 1 and len(parsed[0]) == len(form.csv_columns())
    assert line.count(b"\n") == 1
    cell = parsed[0][[name for name, _label in form.csv_columns()].index("error_message")]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_list_is_one_cell(ledger):
    ledger.append([backup_record("source_code", "2026-11-22", excluded_paths=["*.tmp", "=x"])])
    assert rows(ledger, "02")[0]["Exclusiones (según solicitud)"] == "*.tmp; =x"


def _longer(file):
    with open(file, "ab") as stream:
        stream.write(b"forged,row\r\n")


@pytest.mark.parametrize("harm", [Path.unlink, _longer, lambda file: file.write_bytes(b"")])
def test_a_missing_or_changed_file_is_made_again(ledger, harm):
    # It is derived: what stands in it is what stands in the ledger.
    for day in ("2026-11-21", "2026-11-22"):
        ledger.append([failure_record(day)])
    before = rows(ledger, "05")
    harm(path(ledger, "05"))
    ledger.append([failure_record("2026-11-23")])
    after = rows(ledger, "05")
    assert after[:2] == before and len(after) == 3


def test_made_again_or_grown_line_by_line_it_is_the_same(ledger):
    for day in range(10, 20):
        ledger.append([failure_record(f"2026-11-{day}"), backup_record("database", f"2026-11-{day}")])
    grown = path(ledger, "05").read_bytes()
    path(ledger, "05").unlink()
    Path(ledger.directory, "index.sqlite3").unlink()
    ledger.append([failure_record("2026-11-20")])
    assert path(ledger, "05").read_bytes().startswith(grown)


def test_a_csv_that_cannot_be_written_loses_no_record(ledger):
    # The record counts once its line is on the disk; what is derived can wait.
    Path(ledger.directory, "csv").write_text("a file in its place", encoding="utf-8")
    written = ledger.append([failure_record("2026-11-22")])
    assert "CSV" in written.warnings[0]
    Path(ledger.directory, "csv").unlink()
    assert ledger.append([failure_record("2026-11-23")]).warnings == []
    assert len(rows(ledger, "05")) == 2


@pytest.mark.parametrize("later", ["database", "source_code"])
def test_a_row_that_could_not_be_written_is_there_after_the_next_record(ledger, monkeypatch, later):
    # A full disk, or a controller that dies between line and row: of whichever form the next record is.
    ledger.append([backup_record("database", "2026-11-20")])
    with monkeypatch.context() as full:
        full.setattr(CsvFiles, "append", _no_space)
        assert "CSV" in ledger.append([backup_record("database", "2026-11-21")]).warnings[0]
    ledger.append([backup_record(later, "2026-11-22")])
    days = [row["Fecha del respaldo"] for row in rows(ledger, "03")]
    assert days[:2] == ["2026-11-20", "2026-11-21"]
    assert sum(len(rows(ledger, form)) for form in (["03"] if later == "database" else ["02", "03"])) == 3


def _no_space(*_arguments):
    raise OSError(28, "No space left on device")


def test_a_row_of_last_year_that_could_not_be_written_is_there_too(ledger, monkeypatch):
    with monkeypatch.context() as late:
        late.setattr(Ledger, "_year", lambda *_arguments: 2025)
        ledger.append([failure_record("2025-12-30")])
        late.setattr(CsvFiles, "append", _no_space)
        ledger.append([failure_record("2025-12-31")])
    ledger.append([failure_record("2026-01-01")])
    lines = Path(ledger.directory, "csv/FOR-7.5-DSE-05-2025.csv").read_bytes().splitlines()
    assert len(lines) == 1 + 2


def loans(ledger):
    """The rows of FOR 7.5 CSC 03, of all years, by their folio."""
    found = {}
    for file in Path(ledger.directory, "csv").glob("FOR-7.5-CSC-03-*.csv"):
        found |= {row["Folio"]: row for row in csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline=""))}
    return found


def asked_for(ledger):
    (record,) = ledger.append([{key: value for key, value in loan_record("").items() if key not in ("folio",)}]).records
    return record["folio"]


def test_a_loans_row_says_what_became_of_it(ledger):
    """Breaks: who opens FOR 7.5 CSC 03 a month later sees a request that nobody answered."""
    one, other = asked_for(ledger), asked_for(ledger)
    assert loans(ledger)[one]["Autoriza"] == ""
    for state in ("authorised", "lent", "checked", "returned", "received_back"):
        ledger.append([loan_step(one, state)])
    row = loans(ledger)[one]
    assert (row["Autoriza"], row["Devolver a más tardar"], row["Recibe"]) == ("CSC", "2026-12-01", "CSC")
    assert row["Verificación al recibir"] == "Conforme" and row["Devolución"].startswith("2026-11-24")
    assert loans(ledger)[other]["Autoriza"] == ""
    # Made again from the ledger, it is the same.
    (file,) = Path(ledger.directory, "csv").glob("FOR-7.5-CSC-03-*.csv")
    before = file.read_bytes()
    for damaged in (file, Path(ledger.directory, "index.sqlite3")):
        damaged.unlink()
    ledger.append([loan_step(other, "rejected")])
    assert file.read_bytes().startswith(before[: before.index(other.encode())])
    assert loans(ledger)[other]["Motivo de rechazo o cancelación"] == "no hay quién"


def test_a_loan_of_last_year_says_what_became_of_it_too(ledger, monkeypatch):
    """Breaks: what was asked for in December and came back in January stays unanswered in December's file."""
    folio = asked_for(ledger)
    year = int(folio[7:11])

    class NextYear(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(year + 1, 1, 8, 9, tzinfo=tz)

    monkeypatch.setattr(ledger_module, "datetime", NextYear)
    ledger.append([loan_step(folio, "authorised")])
    assert Path(ledger.directory, f"ledger-{year + 1}.jsonl").exists()
    assert loans(ledger)[folio]["Autoriza"] == "CSC"
    assert asked_for(ledger).startswith(f"CSC-03-{year + 1}") and len(loans(ledger)) == 2


def test_a_follow_up_of_a_request_is_in_its_row_at_once(ledger):
    entry = {key: value for key, value in loan_record("").items() if key != "folio"}
    steps = [loan_step("", state) for state in ("authorised", "lent")]
    ledger.append([{**entry, "follow_ups": steps}])
    (row,) = loans(ledger).values()
    assert (row["Autoriza"], row["Devolver a más tardar"]) == ("CSC", "2026-12-01")
