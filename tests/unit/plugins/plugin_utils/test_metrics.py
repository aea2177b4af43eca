# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import metrics, metrics_file, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.metrics import ALL, Sample, of_ledger, of_run
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    cancellation_record,
    decision_record,
    delivery_record,
    failure_record,
    index_of,
    loan_record,
    loan_step,
)
from prometheus_client.parser import text_string_to_metric_families

PORTAL = ("srv-web01", "portal-src", "source_code")


@pytest.fixture
def amount(tmp_path, procedure):
    """What a ledger of these records amounts to at a moment: (name, *labels) -> value."""

    def amount(moment, *records):
        now = datetime.fromisoformat(moment).replace(tzinfo=procedure.zone)
        with index_of(tmp_path, list(records)) as index:
            samples = of_ledger(index, procedure, now)
        found = {(each.name.removeprefix("dse_backup_"), *each.labels): each.value for each in samples}
        assert len(found) == len(samples), "no series twice"
        return found

    return amount


def seconds(moment, procedure):
    return datetime.fromisoformat(moment).replace(tzinfo=procedure.zone).timestamp()


def source(day, result="conforming", number=1, **changes):
    return backup_record("source_code", day, result, folio=f"DSE-02-2026-{number:04}", **changes)


def test_the_last_conforming_backup_and_how_the_last_attempt_ended(amount, procedure):
    good, suspect = source("2026-11-16", size_bytes=5000), source("2026-11-24", "review", 2, size_bytes=7)
    found = amount("2026-11-24 12:00", *accepted(), good, suspect)
    assert found[("last_conforming_timestamp_seconds", *PORTAL)] == seconds("2026-11-16 02:05", procedure)
    assert found[("last_conforming_size_bytes", *PORTAL)] == 5000
    assert found[("last_result", *PORTAL, "review")] == 1 and found[("undecided", *PORTAL)] == 1
    decided = decision_record("DSE-02-2026-0002", item_id="portal-src")
    found = amount("2026-11-24 12:00", *accepted(), good, suspect, decided)
    assert found[("last_result", *PORTAL, "accepted")] == 1 and found[("undecided", *PORTAL)] == 0
    assert found[("last_conforming_size_bytes", *PORTAL)] == 7
    failed = failure_record("2026-11-25", folio="DSE-05-2026-0031")
    found = amount("2026-11-25 12:00", *accepted(), good, failed)
    assert found[("last_result", *PORTAL, "failed")] == 1 and found[("open_failures", *PORTAL)] == 1
    assert found[("missed_slots", *PORTAL)] == 0
    missed = failure_record("2026-11-25", folio="DSE-05-2026-0031", failure_type="not_run")
    assert amount("2026-11-25 12:00", *accepted(), good, missed)[("missed_slots", *PORTAL)] == 1


@pytest.mark.parametrize(
    ("kind", "last", "overdue"),
    [
        ("source_code", "2026-11-18", "2026-11-30 00:00"),
        ("database", "2026-11-18", "2026-11-20 06:00"),
        ("images_documents", "2026-11-18", "2027-01-18 00:00"),
        ("source_code", None, "2026-11-16 00:00"),
        ("database", None, "2026-11-04 06:00"),
        ("images_documents", None, "2026-11-04 00:00"),
    ],
)
def test_from_when_on_an_item_is_overdue_by_the_procedure_s_calendar(amount, procedure, kind, last, overdue):
    made = [backup_record(kind, last, folio="DSE-02-2026-0001")] if last else []
    found = amount("2026-11-19 12:00", *accepted(information_type=kind), *made)
    name = "portal-src" if last else "DSE-05-2026-0001"
    assert found["overdue_timestamp_seconds", "srv-web01", name, kind] == seconds(overdue, procedure)


def test_what_is_not_asked_for_any_more_is_never_overdue(amount):
    found = amount(
        "2026-11-26 12:00", *accepted(), source("2026-11-16"), cancellation_record("DSE-05-2026-0001", "2026-11-20")
    )
    assert ("overdue_timestamp_seconds", *PORTAL) not in found and ("last_result", *PORTAL, "conforming") in found


def test_an_item_that_was_renamed_is_overdue_under_its_new_name_alone(amount, procedure):
    before, after = source("2026-11-03"), source("2026-11-18", number=2, item_id="portal")
    found = amount("2026-11-26 12:00", *accepted(), before, after)
    overdue = {key[2]: value for key, value in found.items() if key[0] == "overdue_timestamp_seconds"}
    assert overdue == {"portal": seconds("2026-11-30 00:00", procedure)}
    # One that is still there and fails is none that was renamed.
    failed = failure_record("2026-11-17", folio="DSE-05-2026-0031")
    assert {
        key[2]
        for key in amount("2026-11-26 12:00", *accepted(), before, failed, after)
        if key[0] == "overdue_timestamp_seconds"
    } == {"portal", "portal-src"}


def test_what_is_late_for_csc_and_from_csc(amount):
    made = [source("2026-11-09"), source("2026-11-16", number=2), source("2026-11-23", number=3)]
    assert amount("2026-11-23 12:00", *accepted(), *made)[("overdue_deliveries", *PORTAL)] == 2
    sent = delivery_record("CSC-02-2026-0001", "DSE-02-2026-0001", delivered_at="2026-11-10T09:00:00-06:00")
    found = amount("2026-11-23 12:00", *accepted(), *made, sent)
    assert found[("overdue_deliveries", *PORTAL)] == 1 and found["overdue_acknowledgements", "srv-web01"] == 1
    lent = [loan_record("CSC-03-2026-0001"), loan_step("CSC-03-2026-0001", "authorised", "2026-11-24")]
    lent.append(loan_step("CSC-03-2026-0001", "lent", "2026-11-24"))
    assert amount("2026-12-01 12:00", *accepted(), *made, sent, *lent)[("overdue_loans",)] == 0
    assert amount("2026-12-02 12:00", *accepted(), *made, sent, *lent)[("overdue_loans",)] == 1


def test_sqlite_counts_the_same_as_the_rule(tmp_path, procedure):
    results = ("conforming", "first", "review", "nonconforming")
    made = [source(f"2026-11-{day:02}", results[day % 4], day, item_id=f"item-{day % 3}") for day in range(1, 29)]
    decided = [
        decision_record("DSE-02-2026-0002", item_id="item-2"),
        decision_record("DSE-02-2026-0003", "rejected", item_id="item-0"),
    ]
    sent = delivery_record("CSC-02-2026-0001", "DSE-02-2026-0004", "DSE-02-2026-0005")
    with index_of(tmp_path, [*made, *decided, sent]) as index:
        late = waiting.late_for_csc(index.backups(), procedure.delivery, date(2026, 11, 27))
        assert index.count_undelivered("2026-11-20") == Counter((each.server, each.item_id) for each in late)
        assert len(late) > 5


AUTUMN = Path(__file__).parents[3] / "fixtures" / "autumn"


def test_the_sample_institution_s_autumn(procedure, tmp_path):
    """Real records of all kinds; each series has its labels, and each item what every item has."""
    (tmp_path / "ledger-2026.jsonl").write_bytes((AUTUMN / "ledger-2026.jsonl").read_bytes())
    with Index.for_reading(str(tmp_path)) as index:
        samples = of_ledger(index, procedure, datetime(2026, 12, 1, 12, tzinfo=procedure.zone))
        items = {(history.server, name) for name, history in index.histories().items() if history.previous}
    for each in samples:
        assert len(each.labels) == len(ALL[each.name][0])
    for name in ("last_result", "open_failures", "overdue_timestamp_seconds"):
        assert {each.labels[:2] for each in samples if each.name == f"dse_backup_{name}"} >= items


# --- The file ---------------------------------------------------------------------------------------------------------

NOW = datetime.fromisoformat("2026-11-26T06:30:00-06:00")
OPEN = Sample("dse_backup_open_failures", PORTAL, 1)


def read(path):
    families = text_string_to_metric_families(path.read_text("utf-8"))
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


def test_a_run_keeps_what_others_told_of_themselves_and_replaces_the_rest(tmp_path):
    path = tmp_path / "dse.prom"
    assert metrics_file.write(str(path), of_run("backup", NOW, 2), [OPEN]) == ""
    assert metrics_file.write(str(path), of_run("reconcile", NOW, 0), []) == ""
    assert read(path) == {
        ("dse_backup_run_timestamp_seconds", "backup"): NOW.timestamp(),
        ("dse_backup_run_exit_status", "backup"): 2,
        ("dse_backup_run_timestamp_seconds", "reconcile"): NOW.timestamp(),
        ("dse_backup_run_exit_status", "reconcile"): 0,
    }
    assert metrics_file.write(str(path), of_run("backup", NOW, 0), [OPEN]) == ""
    assert metrics_file.write(str(path), of_run("backup", NOW, 3), None) == ""
    assert read(path)["dse_backup_run_exit_status", "backup"] == 3
    assert read(path)["dse_backup_open_failures", "portal-src", "source_code", "srv-web01"] == 1
    assert path.stat().st_mode & 0o777 == 0o644 and [each.name for each in tmp_path.iterdir()] == ["dse.prom"]


@pytest.mark.parametrize("name", ['a"b\\c\nd', "\x1b[31mé\u202e", "\udcff", "x" * 5000, "}{ 1\n# HELP"])
def test_whatever_a_name_has_in_it_the_file_can_be_read(tmp_path, name):
    path = tmp_path / "dse.prom"
    samples = [Sample("dse_backup_open_failures", (name, name, "database"), 1)]
    assert metrics_file.write(str(path), of_run("backup", NOW, 0), samples) == ""
    assert len(read(path)) == 3 and len(path.read_text("utf-8").splitlines()) == 9


@pytest.mark.parametrize("left", [b"nada de esto {", b"\xff\xfe", b""])
def test_a_file_that_somebody_spoiled_is_replaced(tmp_path, left):
    path = tmp_path / "dse.prom"
    path.write_bytes(left)
    assert metrics_file.write(str(path), of_run("backup", NOW, 0), None) == "" and len(read(path)) == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    assert "debe terminar en .prom" in metrics_file.write(str(tmp_path / "dse.txt"), [], [])
    said = metrics_file.write(str(tmp_path / "no" / "dse.prom"), [], [])
    assert "no se pudieron escribir las métricas" in said and "No such file" in said


def test_every_metric_is_named_as_prometheus_has_it():
    assert all(name.startswith("dse_backup_") and not name.endswith("_total") for name in metrics.ALL)
