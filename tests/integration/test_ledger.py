# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ledger.yml``: the official record as evidence, verified, read, anchored, corrected, disposed of."""

from __future__ import annotations

import csv
import json
import re
from contextlib import contextmanager
from datetime import date, datetime
from unittest import mock

import accepted
import official_record
import pytest

YEAR = date.today().year
OLD = YEAR - 2


@pytest.fixture
def ledger(institution):
    """The ledger of an institution with a failure of two years ago, closed then, and three of today."""
    made = accepted.ledgers.Ledger(
        str(institution.ledger), accepted.procedures.load(str(accepted.procedures.DEFAULT_DIRECTORY))
    )
    made.prepare()
    with _clock(made, f"{OLD}-06-02T03:00:00"):
        failure = made.append([_failure("portal-media", f"{OLD}-06-02")]).records[0]
        made.append([{"record_type": "closing", "about_folio": failure["folio"], "evidence": "decision", "cause": "x"}])
    made.append([_failure(item, f"{YEAR}-06-02") for item in ("portal-media", "portal-src", "db-escolares")])
    return made


@contextmanager
def _clock(ledger, moment):
    with mock.patch.object(accepted.ledgers, "datetime") as clock:
        clock.now.return_value = datetime.fromisoformat(moment).replace(tzinfo=ledger.procedure.zone)
        yield


def _failure(item, day):
    moment = f"{day}T02:00:00-06:00"
    return {
        "record_type": "failure",
        "form_code": "FOR 7.5 DSE 05",
        "prepared_by": "JAA",
        "item_id": item,
        "server": "srv-web01",
        "failure_stage": "backup",
        "failure_type": "error",
        "scheduled_for": moment,
        "detected_at": moment,
        "error_message": "no respondió",
    }


def _ask(institution, *arguments, **answers):
    """Run the playbook; CSC's host is this machine, unless the test makes it one that nobody can reach."""
    csc = institution.root / "csc.yml"
    csc.write_text(json.dumps({"csc_servers": {"hosts": {"srv-csc01": {}}}}), "utf-8")
    said = json.dumps({f"ledger_{name}": value for name, value in answers.items()}, ensure_ascii=False)
    return institution.start("ledger.yml", "-i", str(csc), "-e", said, *arguments).wait()


def _bytes(directory):
    paths = [directory, *sorted(directory.rglob("*"))]
    return {path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in paths}


def _newest(institution):
    return institution.ledger / f"ledger-{YEAR}.jsonl"


# --- Is it whole? -----------------------------------------------------------------------------------------------------


def test_a_whole_ledger_is_said_to_be_whole_and_not_a_byte_is_written(institution, ledger):
    """Breaks: a whole ledger is suspected, or asking leaves an index, a lock or a record behind."""
    for name in (None, "index.sqlite3", "ledger.lock"):
        if name:
            (institution.ledger / name).unlink()
        before = _bytes(institution.ledger)
        done = _ask(institution)
        assert done.rc == 0, done.out
        assert "REGISTRO ÍNTEGRO: 5 registros" in done.out
        assert f"ledger-{OLD}.jsonl" in done.out
        assert _bytes(institution.ledger) == before


def test_what_was_done_to_a_line_is_named_with_what_to_do(institution, ledger):
    """Breaks: an altered official record passes for one, or nobody is told which line it is."""
    path = _newest(institution)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    damages = {
        "línea 2 (DSE-05-{year}-0002): ALTERADA": [lines[0], lines[1].replace(b"srv-web01", b"srv-web02"), lines[2]],
        "línea 2 (DSE-05-{year}-0003): NO CONTINÚA LA ANTERIOR": [lines[0], lines[2]],
        "FUERA DE ORDEN: continúa la línea 3": [lines[0], lines[2], lines[1]],
        "línea 3: LÍNEA CORTADA": [*lines[:2], lines[2][:-20]],
    }
    for words, content in damages.items():
        path.write_bytes(b"".join(content))
        done = _ask(institution)
        assert done.rc == 2, done.out
        assert words.format(year=YEAR) in done.out, done.out
        assert "QUÉ HACER" in done.out and "REGISTRO ÍNTEGRO" not in done.out
        assert "Traceback" not in done.out
    path.write_bytes(whole)


def test_what_cannot_be_read_or_is_not_there_is_an_error(institution, ledger):
    """Breaks: a ledger nobody can read, or whose path was mistyped, is answered with «nothing is wrong»."""
    path = _newest(institution)
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    for answers in ({}, {"status": "abierto"}, {"disposable": True}):
        done = _ask(institution, **answers)
        assert done.rc == 2 and "no se puede leer" in done.out and path.name in done.out, done.out
    path.rmdir()
    path.write_bytes(content)
    done = institution.start("ledger.yml", DSE_BACKUP_LEDGER=str(institution.root / "otro")).wait()
    assert done.rc == 2 and "no hay ningún registro oficial en" in done.out, done.out
    assert not (institution.root / "otro").exists()


# --- What does it say? ------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_shown_and_exported(institution, ledger, tmp_path):
    """Breaks: a record is left out or added, or the state that the record has come to is wrong."""
    done = _ask(institution, type="failure", status="abierto")
    assert done.rc == 0, done.out
    open_ones = [each["folio"] for each in institution.records("failure")][1:]
    assert re.findall(r"DSE-05-\d{4}-\d{4}", done.out) == open_ones
    done = _ask(institution, folio=f"DSE-05-{OLD}-0001")
    for words in ("Mensaje", "no respondió", f"Fecha de cierre               {OLD}-06-02", "CIERRE"):
        assert words in done.out, done.out
    before = _bytes(institution.ledger)
    for suffix in ("json", "jsonl", "csv"):
        assert _ask(institution, output=str(tmp_path / f"todo.{suffix}")).rc == 0
    assert _bytes(institution.ledger) == before
    records = institution.records()
    everything = json.loads((tmp_path / "todo.json").read_text("utf-8"))
    assert [each["record_sha256"] for each in everything] == [each["record_sha256"] for each in records]
    assert [each.get("status") for each in everything] == ["cerrado", None, "abierto", "abierto", "abierto"]
    assert [json.loads(line) for line in (tmp_path / "todo.jsonl").read_text("utf-8").splitlines()] == everything
    with (tmp_path / "todo.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert [row["Folio"] for row in csv.DictReader(stream)] == [each.get("folio", "") for each in records]


def test_every_wrong_question_is_named_at_once(institution, ledger):
    """Breaks: a slip of the pen is answered with «nothing found»."""
    done = _ask(institution, item="portal-medio", week="2026-W60", status="abirto", type="fallas", output="x.txt")
    assert done.rc == 2
    for words in ("¿quiso decir «portal-media»?", "ledger_week", "ledger_status", "ledger_type", "ledger_output"):
        assert words in done.out, done.out
    done = _ask(institution, dispose="dosmil", disposable="quizas", anchor_csc="tal vez")
    for words in ("«dosmil» debe ser un número entero", "ledger_disposable: «quizas» debe ser true o false",
                  "ledger_anchor_csc: «tal vez» debe"):  # fmt: skip
        assert done.rc == 2 and words in done.out, done.out
    for answers in ({"folio": f"DSE-05-{YEAR}-0099"}, {"folio": "x", "dispose": OLD}, {"item": "x", "reason": "y"}):
        done = _ask(institution, **answers)
        assert done.rc == 2 and ("no está en el registro" in done.out or "no se hizo nada" in done.out), done.out


# --- Its last hash, kept elsewhere ------------------------------------------------------------------------------------


def test_a_cut_tail_is_found_by_the_hash_that_csc_keeps(institution, ledger, tmp_path):
    """Breaks: the last records vanish, and the chain that is left looks whole (faults 10)."""
    kept = {"anchor_csc": True, "anchor_csc_directory": str(tmp_path / "csc")}
    medium = tmp_path / "huellas.jsonl"
    before = institution.records()
    # Under --limit too: CSC's hosts are in no play of their own.
    done = _ask(institution, "--check", "--limit", "srv-web01", anchor_to=str(medium), **kept)
    assert done.rc == 0 and not medium.exists() and institution.records() == before, done.out
    done = _ask(institution, "--limit", "srv-web01", anchor_to=str(medium), **kept)
    assert done.rc == 0, done.out
    ours, theirs = institution.records("anchor")
    assert (ours["kept_in"], theirs["kept_by"]) == (str(medium), ["srv-csc01"])
    assert (ours["record_count"], ours["head_sha256"]) == (5, before[-1]["record_sha256"])
    copy = tmp_path / "csc/anchors.jsonl"
    assert copy.read_bytes() == medium.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o640
    assert _ask(institution, anchor_to=str(medium), **kept).rc == 0
    assert len(copy.read_bytes().splitlines()) == 2
    done = _ask(institution, anchor_from=str(medium), **kept)
    assert done.rc == 0, done.out
    assert done.out.count("coinciden 2") == 2
    # Cut back to the line before the first anchor.
    path = _newest(institution)
    content = path.read_bytes()
    path.write_bytes(b"".join(content.splitlines(keepends=True)[:2]))
    done = _ask(institution)
    assert "NO CONTINÚA" not in done.out and "FALTA EL FINAL" not in done.out, done.out
    done = _ask(institution, anchor_from=str(medium), **kept)
    assert done.rc == 2, done.out
    assert done.out.count("FALTA EL FINAL: faltan al menos 1 registros") >= 2
    assert f"hasta DSE-05-{YEAR}-0003, ahora hasta DSE-05-{YEAR}-0002" in done.out
    # Nothing is built on it.
    done = _ask(institution, anchor_to=str(medium))
    assert done.rc == 2 and len(medium.read_bytes().splitlines()) == 2, done.out
    path.write_bytes(content)


def test_a_keeper_that_cannot_be_asked_is_named_and_the_rest_is_verified(institution, ledger, tmp_path):
    """Breaks: a comparison that never took place passes for one, or hides the verification of the chain."""
    institution.host_vars["srv-csc01"] = {
        "ansible_connection": "ssh",
        "ansible_host": "192.0.2.1",
        "ansible_timeout": 2,
    }
    for where in ({"anchor_csc": True}, {"anchor_from": str(tmp_path / "nada.jsonl")}):
        done = _ask(institution, **where)
        assert done.rc == 2, done.out
        assert "NO PUDO COMPARARSE" in done.out and "La cadena está íntegra" in done.out, done.out


def test_a_csc_without_hosts_keeps_nothing_and_that_is_said(institution, ledger, tmp_path):
    """Breaks: nobody was asked to compare or to keep the hash, and the answer is that all is well."""
    for answers in ("ledger_anchor_csc=true", f"ledger_anchor_csc=true ledger_anchor_to={tmp_path}/huellas.jsonl"):
        done = institution.start("ledger.yml", "-e", answers).wait()
        assert done.rc == 2 and "no tiene ningún host en el grupo csc_servers" in done.out, done.out
        assert "ÍNTEGRO" not in done.out and not list(tmp_path.glob("*.jsonl"))
    assert institution.start("ledger.yml", "-e", "ledger_anchor_csc=false").wait().rc == 0


# --- Corrections ------------------------------------------------------------------------------------------------------


def test_a_correction_stands_beside_what_it_corrects(institution, ledger):
    """Breaks: an official record is changed, or anybody may correct anything."""
    folio = f"DSE-05-{YEAR}-0001"
    right = {"correct": folio, "corrections": {"cause": "disco lleno", "remarks": "visto"}, "reason": "faltaba"}
    before = _newest(institution).read_bytes()
    wrong = {**right["corrections"], "size_bytes": 5, "error_message": "x", "amends_folio": "y"}
    done = _ask(institution, "-e", "operator_role=CSC", **{**right, "corrections": wrong, "reason": ""})
    assert done.rc == 2, done.out
    for words in ("corresponde a JAA", "size_bytes", "error_message", "amends_folio", "ledger_reason"):
        assert words in done.out, done.out
    assert _ask(institution, "--check", **right).rc == 0
    assert _newest(institution).read_bytes() == before
    done = _ask(institution, **right)
    assert done.rc == 0, done.out
    (correction,) = institution.records("correction")
    (original,) = institution.records("failure", folio=folio)
    assert correction["corrections"] == right["corrections"]
    assert (correction["about_folio"], correction["about_sha256"]) == (folio, original["record_sha256"])
    assert (correction["reason"], correction["operator_role"]) == ("faltaba", "JAA")
    assert _newest(institution).read_bytes().startswith(before)
    done = _ask(institution, folio=folio)
    assert re.search(r"Causa +sin dato\n +corregido +disco lleno \(.*JAA: faltaba\)", done.out), done.out


# --- Disposal ---------------------------------------------------------------------------------------------------------


def test_a_year_goes_when_nothing_keeps_it_and_the_rest_goes_on(institution, ledger):
    """Breaks: records go before their time or without a proof, or what is left does not pass for whole."""
    done = _ask(institution, disposable=True)
    assert done.rc == 0, done.out
    assert f"{OLD} (2 registros): SÍ" in done.out and f"{YEAR} (3 registros): NO" in done.out
    before = _bytes(institution.ledger)
    done = _ask(institution, dispose=YEAR)
    for words in (f"{YEAR} no ha terminado", "folios abiertos, 3", "ledger_approver", "ledger_reason"):
        assert words in done.out, done.out
    assert done.rc == 2 and _bytes(institution.ledger) == before
    answers = {"dispose": OLD, "approver": "Titular de DSE", "reason": "cumplió su plazo"}
    done = _ask(institution, "--check", **answers)
    assert done.rc == 0 and _bytes(institution.ledger) == before, done.out
    done = _ask(institution, **answers)
    assert done.rc == 0, done.out
    (disposal,) = institution.records("disposal")
    assert (disposal["ledger_year"], disposal["record_count"], disposal["approver"]) == (OLD, 2, "Titular de DSE")
    assert not list(institution.ledger.rglob(f"*{OLD}*"))
    done = _ask(institution)
    assert done.rc == 0 and f"Comienza después de la baja de {OLD}" in done.out, done.out
    item = institution.files("portal-media", request_folio=f"DSE-05-{YEAR}-0090")
    institution.register("srv-web01", item)
    assert institution.backup().rc == 0
    assert _ask(institution).rc == 0


def test_a_disposal_that_was_cut_short_is_finished_by_the_next_one(institution, ledger):
    """Breaks: a controller that dies between the record and the removal leaves a ledger that nobody can put right."""
    content = (institution.ledger / f"ledger-{OLD}.jsonl").read_bytes()
    answers = {"dispose": OLD, "approver": "Titular de DSE", "reason": "cumplió su plazo"}
    assert _ask(institution, **answers).rc == 0
    (institution.ledger / f"ledger-{OLD}.jsonl").write_bytes(content)
    done = _ask(institution)
    assert done.rc == 0 and f"repita -e ledger_dispose={OLD}" in done.out, done.out
    assert _ask(institution, **answers).rc == 0
    assert len(institution.records("disposal")) == 2
    assert not (institution.ledger / f"ledger-{OLD}.jsonl").exists()
    official_record.check(institution.ledger)
