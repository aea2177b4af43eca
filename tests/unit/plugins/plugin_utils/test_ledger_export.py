# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is looked up in a ledger, and the files it is written to."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_export import export, fault
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Filter, Lookup
from ansible_collections.dse.backup.tests.unit.factories import backup_record, chained, failure_record
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 12, 1)
WEEKS = ("2026-W46", "2026-W47")
COMPUTED = ("status", "closed_on", "retention_until", "acknowledgements", "later_corrections")


def _records():
    """Two weeks of two databases, with a failure each and what was said of them."""
    records = []
    for number, (week, day) in enumerate(zip(WEEKS, ("2026-11-10", "2026-11-17")), start=1):
        for position, item in enumerate(("escolares", "portal-db")):
            folio = f"DSE-03-2026-{2 * number + position - 1:04d}"
            records.append(backup_record("database", day, item_id=item, folio=folio, iso_week=week, entry_count=-3))
        about = {"backup_folio": folio, "folio": f"DSE-05-2026-{number:04d}", "failure_type": "not_run"}
        records.append(failure_record(day, item_id="escolares", error_message="=cmd()", **about))
    records += [
        {"record_type": "run", "run_event": "ended", "run_id": "R1"},
        {"record_type": "closing", "about_folio": "DSE-03-2026-W46", "evidence": "review", "cause": "completa"},
        {"record_type": "closing", "about_folio": "DSE-05-2026-0001", "evidence": "backup", "item_id": "escolares"},
        {
            "record_type": "acknowledgement",
            "about_folio": "DSE-03-2026-0001",
            "acknowledged_as": "CSC",
            "result": "accepted",
            "about_sha256": "9c" * 32,
        },
        {
            "record_type": "correction",
            "about_folio": "DSE-05-2026-0002",
            "corrections": {"cause": "disco lleno"},
            "reason": "faltaba",
        },
    ]
    return records


LINES = [Line("ledger-2026.jsonl", number, line) for number, line in enumerate(chained(_records()), start=1)]
RECORDS = [json.loads(line.content) for line in LINES]
# What each form has come to, worked out by hand.
STATES = {
    **{f"DSE-03-2026-000{number}": "cerrado" if number < 3 else "abierto" for number in (1, 2, 3, 4)},
    **{"DSE-05-2026-0001": "cerrado", "DSE-05-2026-0002": "abierto"},
}


def lookup(procedure, lines=LINES):
    return Lookup(lambda: lines, procedure, TODAY)


def folios(procedure, **sought):
    return [entry.record.get("folio") for entry in lookup(procedure).found(Filter(**sought))]


# --- What is found ----------------------------------------------------------------------------------------------------


@given(
    item=st.sampled_from(["", "escolares", "portal-db"]),
    week=st.sampled_from(["", *WEEKS, "2026-W01"]),
    status=st.sampled_from(["", "abierto", "cerrado", "aceptado"]),
    record_type=st.sampled_from(["", "backup", "failure", "closing", "run"]),
)
def test_what_is_asked_for_is_found_and_nothing_else(procedure, item, week, status, record_type):
    weeks = {record["folio"]: WEEKS["2026-11-17" in str(record)] for record in RECORDS if "folio" in record}
    expected = [
        record
        for record in RECORDS
        if item in ("", record.get("item_id"))
        and status in ("", STATES.get(record.get("folio")))
        and record_type in ("", record["record_type"])
        # What is no form belongs to the week in which it was written.
        and week in ("", weeks.get(record.get("folio"), "2026-W47"))
    ]
    sought = Filter(item=item, week=week, status=status, record_type=record_type)
    assert [entry.record for entry in lookup(procedure).found(sought)] == expected


def test_a_folio_is_found_and_a_view_is_all_its_lines(procedure):
    assert folios(procedure, folio="DSE-03-2026-0002") == ["DSE-03-2026-0002"]
    assert folios(procedure, folio="DSE-03-2026-W47") == ["DSE-03-2026-0003", "DSE-03-2026-0004"]
    assert folios(procedure, folio="DSE-03-2026-0002", item="escolares") == []
    assert folios(procedure, folio="DSE-03-2026-000") == []


def test_who_names_a_folio_is_found(procedure):
    named = [entry.record for entry in lookup(procedure).mentions("DSE-03-2026-0002", "DSE-03-2026-W46")]
    assert [each.get("folio") or each["record_type"] for each in named] == ["DSE-05-2026-0001", "closing"]


def test_damaged_lines_are_counted_and_hide_no_other(procedure):
    harmful = [b"{", b"null\n", b"[1]\n", b'{"record_type":"plan"}\n', b'{"record_type":"run"}\n']
    harmful += [b'{"record_type":[],"recorded_at":"2026-11-22"}\n', b"[" * 100_000]
    for content in harmful:
        lines = [*LINES[:3], Line("ledger-2026.jsonl", 4, content), *LINES[3:]]
        damaged = lookup(procedure, lines)
        assert damaged.damaged == 1, content[:40]
        assert [entry.record for entry in damaged.found(Filter())] == RECORDS


def test_a_record_whose_day_is_none_belongs_to_no_week(procedure):
    forged = chained([{"record_type": "run", "scheduled_for": "ayer"}, {"record_type": "run", "backup_date": 5}])
    lines = [*LINES, *(Line("ledger-2026.jsonl", number, line) for number, line in enumerate(forged, len(LINES) + 1))]
    found = lookup(procedure, lines).found(Filter(week="2026-W47", record_type="run"))
    assert len(list(found)) == 1


# --- The files --------------------------------------------------------------------------------------------------------


def exported(procedure, tmp_path, suffix, **sought):
    path = tmp_path / f"salida{suffix}"
    path.write_text("lo de antes", "utf-8")
    found = lookup(procedure)
    count = export(str(path), lambda: found.found(Filter(**sought)), procedure)
    assert not list(tmp_path.glob("*.new"))
    return count, path.read_bytes().decode("utf-8")


@pytest.mark.parametrize("sought", [{}, {"record_type": "failure"}, {"status": "aceptado"}])
def test_an_export_is_what_was_recorded_with_what_it_has_come_to(procedure, tmp_path, sought):
    count, text = exported(procedure, tmp_path, ".json", **sought)
    lines_count, lines = exported(procedure, tmp_path, ".jsonl", **sought)
    found = json.loads(text)
    assert count == lines_count == len(found)
    assert [json.loads(line) for line in lines.splitlines()] == found
    bare = [{key: value for key, value in each.items() if key not in COMPUTED} for each in found]
    wanted = [each for each in RECORDS if each["record_type"] == sought.get("record_type", each["record_type"])]
    assert bare == ([] if "status" in sought else wanted)
    assert {each["folio"]: each["status"] for each in found if "folio" in each}.items() <= STATES.items()


def test_an_export_for_a_spreadsheet_has_the_forms_words_and_no_formula(procedure, tmp_path):
    count, text = exported(procedure, tmp_path, ".csv")
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:], newline="")))
    assert count == len(rows) == len(RECORDS)
    first, failure = rows[0], rows[2]
    assert (first["Folio"], first["Estado"], first["Fecha de cierre"]) == ("DSE-03-2026-0001", "Cerrado", "2026-11-22")
    assert first["Conservar hasta"] == "2027-11-22"
    assert first["Resultado de la verificación"] == "Conforme"
    assert first["Acuses electrónicos"] == f"CSC / aceptó / 2026-11-22T07:00:00.000-06:00 / {'9c' * 32}"
    assert first["Núm. de archivos / tablas"] == "-3"
    assert failure["Mensaje"] == "'=cmd()"
    assert rows[5]["Correcciones posteriores"] == "cause: disco lleno (faltaba)"
    assert rows[-1]["corrections"] == "cause: disco lleno"
    # What has no form has columns too, by their own names.
    assert rows[6]["run_event"] == "ended"


def test_an_export_of_nothing_is_a_file_all_the_same(procedure, tmp_path):
    assert exported(procedure, tmp_path, ".json", status="aceptado") == (0, "[\n]\n")
    assert exported(procedure, tmp_path, ".jsonl", status="aceptado") == (0, "")


def test_an_export_that_fails_leaves_what_was_there(procedure, tmp_path):
    path = tmp_path / "salida.json"
    path.write_text("lo de antes", "utf-8")

    def found():
        yield from lookup(procedure).found(Filter(record_type="run"))
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        export(str(path), found, procedure)
    assert [(each.name, each.read_text("utf-8")) for each in tmp_path.iterdir()] == [("salida.json", "lo de antes")]


def test_only_owner_and_group_may_read_an_export(procedure, tmp_path):
    export(str(tmp_path / "salida.csv"), lambda: lookup(procedure).found(Filter()), procedure)
    assert (tmp_path / "salida.csv").stat().st_mode & 0o777 == 0o640


def test_nothing_is_written_among_the_ledgers_files(tmp_path):
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    (tmp_path / "otro").symlink_to(ledger)
    for place in ("ledger/salida.csv", "ledger/csv/salida.csv", "otro/ledger-2026.jsonl", "otro/../ledger/x.json"):
        assert "registro oficial" in fault(str(tmp_path / place), str(ledger)), place
    assert "no existe el directorio" in fault(str(tmp_path / "nada/salida.csv"), str(ledger))
    assert fault(str(tmp_path / "ledger-copia.csv"), str(ledger)) == ""
