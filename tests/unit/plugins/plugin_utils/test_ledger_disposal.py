# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which years may go, what the disposal of one proves, and that all the rest stays as it was."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date, datetime
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger as ledger_module
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_disposal as module
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import verify
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_disposal import assess, objections
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Filter, Lookup
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    failure_record,
    loan_record,
    loan_step,
    started,
)

PRUNED = "ab" * 32
TODAY = date(2027, 7, 1)


@pytest.fixture
def clock(monkeypatch):
    """Set the ledger's clock to a local time."""

    def set_to(text):
        class Frozen(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromisoformat(text).replace(tzinfo=tz)

        monkeypatch.setattr(ledger_module, "datetime", Frozen)

    return set_to


def of_week(day, week, **changes):
    made = {"started_at": f"{day}T02:00:00-06:00", "item_id": "escolares", **changes}
    return backup_record("database", day, iso_week=week, **made)


def closing(about, **more):
    return {"record_type": "closing", "about_folio": about, "evidence": "review", **more}


def pruned(*names):
    return {"record_type": "disposal", "server": "srv-web01", "disposed": [{"file_name": name} for name in names]}


@pytest.fixture
def two_years(ledger, clock):
    """A ledger of 2025, 2026 and 2027 in which nothing keeps 2025 any more from July 2026 on."""
    clock("2025-06-02T03:00:00")
    ledger.append([started("R1", ("escolares",)), of_week("2025-06-02", "2025-W23", run_id="R1", file_name=PRUNED)])
    ledger.append([failure_record("2025-06-03", failure_stage="restore"), {**started(), "run_event": "ended"}])
    ledger.append([closing("DSE-03-2025-W23"), closing("DSE-05-2025-0001", evidence="decision")])
    clock("2026-05-30T03:00:00")
    ledger.append([of_week("2026-05-30", "2026-W22", file_name="cd" * 32)])
    ledger.append([closing("DSE-03-2026-W22"), pruned(PRUNED)])
    clock("2027-01-05T03:00:00")
    ledger.append([of_week("2027-01-05", "2027-W01", file_name="ef" * 32)])
    return ledger


def assessed(ledger, today=TODAY):
    reach = ledger.extent()
    with ledger.read() as index:
        stored = {backup.folio for backup in index.backups() if backup.removed_on is None}
        running = set(index.open_runs())
    lookup = Lookup(lambda: ledger.lines(reach), ledger.procedure, today)
    return assess(lookup.found(Filter()), stored=stored, running=running, procedure=ledger.procedure, today=today)


def kept(ledger, today=TODAY):
    """What keeps the oldest year."""
    year = assessed(ledger, today)[0]
    return {reason: (each.count, each.names) for reason, each in year.kept.items()}


def verified(ledger):
    reach = ledger.extent()
    return verify(lambda: ledger.lines(reach), csv_rows=reach.csv_rows)


def record_disposal(ledger):
    """Record the disposal of the oldest year, as the action does; its file is still there."""
    year = assessed(ledger)[0]
    proof = module.proof(year, verified(ledger), ledger.file_sha256(year.file))
    entry = {"record_type": "disposal", **proof, "approver": "Titular", "reason": "cumplió su plazo"}
    return ledger.append([entry]).records[0]


def dispose(ledger):
    record = record_disposal(ledger)
    ledger.remove_year(record)
    return record


def files(ledger):
    return {path: path.read_bytes() for path in Path(ledger.directory).rglob("*") if path.suffix in (".jsonl", ".csv")}


# --- What keeps a year ------------------------------------------------------------------------------------------------


def test_nothing_keeps_a_year_that_is_closed_and_past_its_year(two_years):
    assert kept(two_years) == {}
    assert [year.year for year in assessed(two_years)] == [2025, 2026, 2027]
    assert assessed(two_years)[0].highest == {"DSE-03-2025": 1, "DSE-05-2025": 1}


def test_a_year_is_kept_to_its_last_day(two_years):
    # Closed on 2 June 2025, kept until 2 June 2026, and so are the records without a form.
    until = assessed(two_years, date(2026, 6, 2))[0].kept
    assert until[module.YOUNG].count == 2 and until[module.YOUNG].until == date(2026, 6, 2)
    assert until[module.RECENT].count == 4 and until[module.RECENT].names == []
    assert kept(two_years, date(2026, 6, 3)) == {}


def test_what_is_open_keeps_its_year(two_years, clock):
    clock("2025-12-01T03:00:00")
    newer = {path: path.read_bytes() for path in Path(two_years.directory).glob("ledger-202[67].jsonl")}
    for path in newer:
        path.unlink()
    two_years.append([failure_record("2025-12-01", item_id="portal-src")])
    two_years.append([of_week("2025-12-01", "2025-W49", file_name="99" * 32)])
    # The request is in force, although nobody has written anything of it for a year.
    request = {"record_type": "backup_request", "form_code": "FOR 7.5 DSE 05", "item_id": None, "servers": []}
    asked = two_years.append([request, started("R7", ("portal-src",))]).records[0]["folio"]
    two_years.append(
        [{"record_type": "decision", "about_folio": asked, "decision": "accepted", "valid_from": "2025-12-01"}]
    )
    assert kept(two_years) == {
        module.OPEN: (2, ["DSE-05-2025-0002", "DSE-03-2025-0002"]),
        module.IN_FORCE: (1, [asked]),
        module.STORED: (2, ["DSE-03-2025-0001", "DSE-03-2025-0002"]),
        module.RUNNING: (1, ["R7"]),
    }


def test_a_loan_keeps_its_year_until_csc_has_it_back_and_a_year_longer(ledger, clock):
    """Breaks: what CSC lent is disposed of from the record while it is still out."""
    clock("2025-06-02T03:00:00")
    asked = {key: value for key, value in loan_record("", media_id="CSC-HD-11").items() if key != "folio"}
    (folio,) = [each["folio"] for each in ledger.append([asked]).records]
    for state in ("authorised", "lent", "checked", "returned"):
        ledger.append([loan_step(folio, state, "2025-06-03")])
    assert kept(ledger, date(2027, 7, 1)) == {module.OPEN: (1, [folio])}
    clock("2026-01-05T03:00:00")
    ledger.append([loan_step(folio, "received_back", "2026-01-05")])
    assert {kept_by for year in assessed(ledger, date(2027, 1, 5)) for kept_by in year.kept} >= {module.YOUNG}
    assert kept(ledger, date(2027, 1, 6)) == {}


def test_ten_are_named_and_all_are_counted(ledger, clock):
    clock("2025-06-02T03:00:00")
    ledger.append([failure_record("2025-06-02") for _number in range(12)])
    (count, names) = kept(ledger)[module.OPEN]
    assert (count, len(names)) == (12, 10)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(2025, None), (2026, "más antiguo, que es 2025"), (2027, "no ha terminado"), (2024, "no hay registros de 2024")],
)
def test_only_the_oldest_year_goes(two_years, wanted, words):
    found = objections(assessed(two_years), wanted, 2027)
    assert (found == []) if words is None else words in found[0]


# --- Disposing of it --------------------------------------------------------------------------------------------------


def test_a_disposal_proves_what_it_removed_and_leaves_the_rest_as_it_was(two_years):
    directory = Path(two_years.directory)
    before = files(two_years)
    content = before[directory / "ledger-2025.jsonl"]
    record = dispose(two_years)
    lines = [json.loads(line) for line in content.splitlines()]
    assert (record["ledger_year"], record["file_name"]) == (2025, "ledger-2025.jsonl")
    assert record["file_sha256"] == hashlib.sha256(content).hexdigest()
    assert (record["record_count"], record["records_before"]) == (len(lines), 0)
    assert record["first_previous_sha256"] == "0" * 64
    assert record["last_record_sha256"] == lines[-1]["record_sha256"]
    assert record["highest_folios"] == ["DSE-03-2025-0001", "DSE-05-2025-0001"]
    after = files(two_years)
    gone = {path.name for path in before.keys() - after.keys()}
    assert gone == {"ledger-2025.jsonl", "FOR-7.5-DSE-03-2025.csv", "FOR-7.5-DSE-05-2025.csv"}
    grown = directory / "ledger-2027.jsonl"
    assert after[grown].startswith(before[grown])
    assert all(after[path] == before[path] for path in after.keys() - {grown})


def test_what_is_left_is_whole_and_goes_on(two_years, clock):
    dispose(two_years)
    chain = verified(two_years)
    assert chain.is_whole and chain.begins_after.ledger_year == 2025
    clock("2027-01-06T03:00:00")
    written = two_years.append([of_week("2027-01-06", "2027-W01"), failure_record("2027-01-06")])
    assert written.warnings == []
    assert [each["folio"] for each in written.records] == ["DSE-03-2027-0002", "DSE-05-2027-0001"]
    chain = verified(two_years)
    assert chain.is_whole
    assert chain.record_count == chain.lines + chain.begins_after.record_count
    with open(Path(two_years.directory, "csv/FOR-7.5-DSE-03-2027.csv"), encoding="utf-8-sig", newline="") as stream:
        assert [row["Folio"] for row in csv.DictReader(stream)] == ["DSE-03-2027-0001", "DSE-03-2027-0002"]


def test_the_index_is_that_of_what_is_left(two_years, procedure, tmp_path):
    dispose(two_years)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in Path(two_years.directory).glob("ledger-*.jsonl"):
        (copy / path.name).write_bytes(path.read_bytes())
    answers = []
    for ledger in (two_years, Ledger(str(copy), procedure)):
        with ledger.read() as index:
            backups = [(each.folio, each.removed_on) for each in index.backups()]
            answers.append((index.head, index.histories(), backups, index.open_runs(), index.requests()))
    assert answers[0] == answers[1]
    assert answers[0][2] == [("DSE-03-2026-0001", None), ("DSE-03-2027-0001", None)]


def test_no_folio_of_a_year_that_went_is_given_again(two_years, clock):
    # Faults 24: the controller's clock goes back two years.
    dispose(two_years)
    clock("2025-06-04T03:00:00")
    assert two_years.append([failure_record("2025-06-04")]).records[0]["folio"] == "DSE-05-2025-0002"


def test_a_disposal_that_was_cut_short_is_done_when_asked_for_again(two_years):
    record_disposal(two_years)
    chain = verified(two_years)
    assert chain.is_whole and chain.files["ledger-2025.jsonl"] == 6
    # Its CSV files may be gone already.
    Path(two_years.directory, "csv/FOR-7.5-DSE-03-2025.csv").unlink()
    dispose(two_years)
    chain = verified(two_years)
    assert chain.is_whole and list(chain.files) == ["ledger-2026.jsonl", "ledger-2027.jsonl"]
    assert len(chain.proofs) == 2
    assert not list(Path(two_years.directory, "csv").glob("*-2025.csv"))


def test_a_year_that_is_gone_is_removed_again_without_harm(two_years):
    record = dispose(two_years)
    before = files(two_years)
    two_years.remove_year(record)
    assert files(two_years) == before


def test_a_year_that_is_brought_back_is_read_in_its_place(two_years):
    # Somebody copies the file back from elsewhere: the next record continues the newest one, not the last one read.
    path = Path(two_years.directory, "ledger-2025.jsonl")
    content = path.read_bytes()
    dispose(two_years)
    path.write_bytes(content)
    with two_years.read() as index:
        assert [each.folio for each in index.backups()] == [f"DSE-03-{year}-0001" for year in (2025, 2026, 2027)]
    two_years.append([failure_record("2027-01-06")])
    assert verified(two_years).is_whole
    dispose(two_years)
    assert verified(two_years).is_whole


def test_one_year_after_the_other(two_years, clock):
    first = dispose(two_years)
    clock("2028-07-01T03:00:00")
    two_years.append([pruned("cd" * 32)])
    second = dispose(two_years)
    assert second["ledger_year"] == 2026
    assert second["first_previous_sha256"] == first["last_record_sha256"]
    assert second["records_before"] == first["record_count"]
    chain = verified(two_years)
    assert chain.is_whole and chain.begins_after.ledger_year == 2026
    assert chain.records_before == first["record_count"] + second["record_count"]


def test_what_changed_after_its_disposal_was_recorded_stays(two_years):
    record = record_disposal(two_years)
    path = Path(two_years.directory, "ledger-2025.jsonl")
    path.write_bytes(path.read_bytes() + b"{}\n")
    before = files(two_years)
    with pytest.raises(LedgerError, match="cambió después de asentar su baja"):
        two_years.remove_year(record)
    assert files(two_years) == before


def test_a_file_that_cannot_be_read_is_an_error_and_no_answer(two_years):
    # Faults 28.
    path = Path(two_years.directory, "ledger-2026.jsonl")
    path.unlink()
    path.mkdir()
    for ask in (verified, lambda ledger: ledger.file_sha256("ledger-2026.jsonl")):
        with pytest.raises(LedgerError, match=r"no se puede leer .*ledger-2026\.jsonl"):
            ask(two_years)


def test_reading_waits_for_whoever_writes(two_years, monkeypatch):
    # Half of what is being written looks like a torn line.
    calls = []
    monkeypatch.setattr("fcntl.flock", lambda _descriptor, how: calls.append(how))
    two_years.extent()
    assert calls == [1], "a shared lock"


def test_reading_needs_no_lock_and_leaves_none(two_years):
    # An auditor's copy of the files alone.
    for name in ("ledger.lock", "index.sqlite3"):
        Path(two_years.directory, name).unlink()
    assert verified(two_years).is_whole
    assert not Path(two_years.directory, "ledger.lock").exists()
