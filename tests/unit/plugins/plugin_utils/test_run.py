# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.dse.backup.plugins.plugin_utils.run import NO_PLAN, Run
from ansible_collections.dse.backup.tests.unit.factories import CONTEXT, backup_record, failure_record, started
from hypothesis import given
from hypothesis import strategies as st


def planned(item_id, server="srv-web01", **more):
    return {
        "item_id": item_id,
        "server": server,
        "scheduled_for": "2026-11-22T02:00:00-06:00",
        "execution_mode": "automatic",
        "reason": "respaldo del día",
        "service": "Portal",
        "information_type": "database",
        "source": "escolares",
        **more,
    }


def plan(*items, refused=(), records=()):
    """What the plan action returns."""
    return {
        "job": "backup",
        "planned": list(items),
        "waiting": [],
        "absent": [],
        "refused": list(refused),
        "context": asdict(CONTEXT),
        "backup_records": [started("R1", tuple(each["item_id"] for each in items)), *records],
    }


def outcome(item_id, result):
    if result == "failure":
        return failure_record("2026-11-22", item_id=item_id, run_id="R1")
    when = {"started_at": "2026-11-22T01:00:00-06:00", "finished_at": "2026-11-22T01:05:00-06:00"}
    entry = backup_record("database", "2026-11-22", result, item_id=item_id, run_id="R1", **when)
    if result in ("review", "nonconforming"):
        entry["follow_ups"] = [failure_record("2026-11-22", item_id=item_id, run_id="R1")]
    return entry


def recorded(ledger):
    return [
        json.loads(line) for file in Path(ledger.directory).glob("*.jsonl") for line in file.read_bytes().splitlines()
    ]


@pytest.fixture
def run(ledger):
    run = Run(ledger, "R1", writes=True)
    run.open()
    return run


def take(run, result):
    return "\n".join(run.take(result))


RESULTS = st.sampled_from(["first", "conforming", "review", "nonconforming", "failure", None])


@given(results=st.lists(RESULTS, max_size=5), lost=st.booleans(), twice=st.booleans())
def test_every_planned_item_ends_with_exactly_one_outcome(procedure, results, lost, twice):
    # Whatever subset of outcomes arrived before the run ended.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        ledger = Ledger(directory, procedure)
        run = Run(ledger, "R1", writes=True)
        run.open()
        names = [f"item-{number}" for number in range(len(results))]
        take(run, plan(*map(planned, names)))
        arrived = [outcome(name, result) for name, result in zip(names, results) if result]
        take(run, {"backup_records": arrived})
        if twice:
            take(run, {"backup_records": []})
        if lost:
            run.lost("srv-web01", "no respondió")
        shown = run.close()
        found = [each for each in recorded(ledger) if "item_id" in each and "about_folio" not in each]
        assert sorted(each["item_id"] for each in found) == sorted(names)
        assert {each["run_id"] for each in found} <= {"R1"}
        missing = [each for each in found if each["item_id"] in names and results[names.index(each["item_id"])] is None]
        reason = "no respondió" if lost else "la corrida terminó sin llegar a este elemento"
        assert all((each["record_type"], each["error_message"]) == ("failure", reason) for each in missing)
        assert run.succeeded == all(result in ("first", "conforming") for result in results)
        assert ("TODO CONFORME" in shown) == (run.succeeded and bool(results))
        with ledger.read() as index:
            assert index.open_runs() == {}
        assert os.listdir(Path(directory, "runs")) == []


def test_what_closing_adds_fits_its_form(run, ledger, procedure):
    take(run, plan(planned("a"), {**planned("srv[2]"), "service": None, "information_type": None}))
    run.close()
    for record in recorded(ledger):
        if record["record_type"] == "failure":
            assert procedure.check_record(record) == []


def test_the_first_reason_is_the_cause(run, ledger):
    # «Unreachable», and later errors that only follow from it.
    take(run, plan(planned("a"), planned("b", server="srv-db01")))
    run.lost("srv-web01", "sin ruta al servidor\x1b[2J")
    run.lost("srv-web01", "otra cosa")
    run.close()
    reasons = {each["server"]: each["error_message"] for each in recorded(ledger) if each["record_type"] == "failure"}
    assert reasons == {
        "srv-web01": r"sin ruta al servidor\x1b[2J",
        "srv-db01": "la corrida terminó sin llegar a este elemento",
    }


def test_a_run_without_a_plan_is_no_success(run, ledger):
    # --limit or --tags that leave nothing.
    assert run.close() == NO_PLAN
    assert not run.succeeded
    assert recorded(ledger) == []


def test_nothing_due_is_a_success(run):
    assert "Nada vence ahora" in take(run, plan())
    assert "Nada vencía" in run.close()
    assert run.succeeded


def test_a_refused_item_is_an_outcome_and_no_success(run):
    refused = {key: value for key, value in planned("srv[2]").items() if key != "source"}
    take(run, plan(refused, refused=["srv · srv[2] · id: falta"], records=[outcome("srv[2]", "failure")]))
    shown = run.close()
    assert not run.succeeded
    assert "HAY RESPALDOS QUE ATENDER: 1 de 1" in shown


def test_an_outcome_of_another_run_is_shown_besides_and_covers_nothing(run, ledger):
    take(run, plan(planned("a")))
    take(run, {"backup_records": [{**outcome("a", "conforming"), "run_id": None}]})
    shown = run.close()
    assert not run.succeeded
    assert "ADEMÁS SE REGISTRÓ" in shown and "hallado en el servidor" in shown
    assert len([each for each in recorded(ledger) if each.get("run_id") == "R1" and "item_id" in each]) == 1


@pytest.mark.parametrize(("refused", "good"), [([], True), (["srv · x · id: falta"], False)])
def test_check_mode_writes_nothing_and_judges_the_inventory(tmp_path, procedure, refused, good):
    run = Run(Ledger(str(tmp_path / "ledger"), procedure), "R1", writes=False)
    assert run.open() == []
    take(run, plan(planned("a"), refused=refused))
    assert ("EL INVENTARIO TIENE ERRORES: 1" in run.close()) == bool(refused)
    assert run.succeeded == good
    assert not (tmp_path / "ledger").exists()


def test_a_ledger_that_fails_is_never_a_success(run, monkeypatch):
    take(run, plan(planned("a")))

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "_write", full)
    with pytest.raises(LedgerError, match="No space left"):
        take(run, {"backup_records": [outcome("a", "conforming")]})
    with pytest.raises(LedgerError):
        run.close()
    assert not run.succeeded


def test_a_torn_line_is_reported_on_the_screen(run, ledger):
    take(run, plan(planned("a")))
    file = next(Path(ledger.directory).glob("*.jsonl"))
    with open(file, "ab") as stream:
        stream.write(b'{"half')
    assert "Registro oficial: " in take(run, {"backup_records": [outcome("a", "conforming")]})
    run.close()
    assert run.succeeded


def test_what_was_not_planned_is_shown_and_is_nobodys_outcome(run, ledger):
    # A repository is verified, and one of its items found damaged: the outcome is the repository's.
    result = plan()
    of_server = {key: value for key, value in planned("").items() if key != "item_id"}
    result.update(job="verify", planned=[of_server], servers=[], left=[])
    take(run, result)
    common = {"run_id": "R1", "server": "srv-web01"}
    found = {"record_type": "run", "run_event": "verified", "result": "damaged", "read": "all", **common}
    found.update(errors=["pack ab"], damaged_file_names=["cd" * 32], checked_count=1)
    damage = failure_record("2026-11-22", failure_stage="jaa_copy", error_message="dañados en la copia", **common)
    take(run, {"backup_records": [found, damage]})
    summary = run.close()
    assert not run.succeeded
    assert "DAÑADO" in summary and "✗ srv-web01 · portal-src: dañados en la copia" in summary
    assert [each["record_type"] for each in recorded(ledger)] == ["run", "run", "failure", "run"]


def closings(ledger):
    return [each for each in recorded(ledger) if each["record_type"] == "closing"]


def run_once(ledger, run_id, *records):
    """A run in which these records come up, and nothing was planned."""
    run = Run(ledger, run_id, writes=True)
    run.open()
    take(run, plan())
    take(run, {"backup_records": list(records)})
    return run.close()


def test_the_end_of_a_run_closes_what_there_is_evidence_for(ledger):
    failed = {"item_id": "a", "information_type": "database"}
    first, second, restore = ledger.append(
        [
            failure_record("2026-11-21", **failed),
            failure_record("2026-11-22", **failed),
            failure_record("2026-11-22", **failed, failure_stage="restore"),
        ]
    ).records
    made = {"item_id": "a", "run_id": None, "started_at": "2026-11-22T09:00:00-06:00"}
    run_once(ledger, "R1", backup_record("database", "2026-11-22", **made))
    (closed,) = closings(ledger)
    assert (closed["about_folio"], closed["run_id"], closed["evidence"]) == (second["folio"], "R1", "backup")
    with ledger.read() as index:
        assert [each.folio for each in index.open_failures()] == [first["folio"], restore["folio"]]
        assert closed["related_folios"] == [index.backups()[0].folio]
    # Neither a second time nor by any number of runs that bring nothing.
    for number in range(2, 5):
        run_once(ledger, f"R{number}")
    assert closings(ledger) == [closed]


def test_a_failure_of_jaa_s_copy_stays_open_while_anything_of_the_item_is_damaged(ledger):
    """Breaks: it names the newest that is hit; once that is mended, the others are forgotten."""
    made = [
        backup_record("database", f"2026-11-{day}", item_id="escolares", file_name=name * 64)
        for day, name in ((20, "a"), (21, "b"))
    ]
    one, other = ledger.append(made).records
    about = {"item_id": "escolares", "backup_folio": other["folio"], "about_folio": other["folio"]}
    ledger.append([failure_record("2026-11-22", **about, failure_stage="jaa_copy", failure_type="checksum")])

    def repaired(record, *still_damaged):
        verified = {"record_type": "run", "run_event": "verified", "run_id": "R9", "server": "srv-web01", "read": "all"}
        back = {"folio": record["folio"], "item_id": "escolares", "stored_as": record["file_name"][::-1][:63] + "0"}
        moment = {"finished_at": "2026-11-23T10:00:00-06:00"}
        named = {"damaged_file_names": list(still_damaged), "result": "damaged" if still_damaged else "intact"}
        ledger.append([{**verified, "repaired": [back], **moment, **named}])
        run = Run(ledger, "R1", writes=True)
        list(run.take(plan()))
        run.close()
        return closings(ledger)

    assert repaired(other, one["file_name"]) == []
    (closed,) = repaired(one)
    assert closed["evidence"] == "repair"


def test_a_rehearsal_closes_nothing(ledger):
    ledger.append([failure_record("2026-11-22", item_id="a", information_type="database")])
    ledger.append([backup_record("database", "2026-11-22", item_id="a")])
    run = Run(ledger, "R1", writes=False)
    run.open()
    take(run, plan())
    run.close()
    assert closings(ledger) == []


def test_what_another_run_recorded_first_is_the_planned_items_outcome(run, ledger):
    # Found in the repository by two jobs at once: one line, and neither run calls the item failed.
    entry = outcome("a", "conforming")
    take(run, plan(planned("a"), planned("b")))
    (theirs,) = ledger.append([{**entry, "run_id": None}]).records
    shown = take(run, {"backup_records": [entry, outcome("b", "conforming")]})
    assert "otra corrida ya había asentado lo mismo" in shown
    shown = run.close()
    assert run.succeeded and theirs["folio"] in shown and "ADEMÁS" not in shown
    assert [each["item_id"] for each in recorded(ledger) if each["record_type"] == "backup"] == ["a", "b"]
    assert not [each for each in recorded(ledger) if each["record_type"] == "failure"]


def test_a_gap_that_another_reconciliation_told_of_is_not_found_again(ledger):
    gap = failure_record("2026-11-22", failure_type="not_run")
    for run_id, is_news in (("R1", True), ("R2", False)):
        run = Run(ledger, run_id, writes=True)
        run.open()
        take(run, {**plan(), "job": "reconcile", "seeks": "failure", "servers": [], "expected_count": 1})
        take(run, {"backup_records": [gap]})
        assert ("FALLAS NUEVAS: 1" in run.close()) == is_news
        assert run.succeeded != is_news
