# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.retention import retention
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    item,
    review_record,
    rows_of,
)

# Weekly, since the last week of September: five weeks and twelve months keep one each.
DAYS = ["2026-09-28", "2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"]
WEEKLY = [
    backup_record("source_code", day, folio=f"DSE-02-2026-{number:04d}") for number, day in enumerate(DAYS, start=1)
]


def pruned(*records, **changes):
    disposed = [{"file_name": each["file_name"], "folio": each["folio"], "item_id": "portal-src"} for each in records]
    return {
        **{"record_type": "disposal", "server": "srv-web01", "result": "done", "disposed": disposed, "kept_count": 6},
        **{"freed_bytes": 4096, "recorded_at": "2026-11-20T05:00:00.000-06:00", **changes},
    }


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, retention)


def test_each_backup_stays_or_goes_with_its_reason(ask):
    answer = ask(*WEEKLY)
    kept = {each["backup_date"]: each["reason"] for each in rows_of(answer, "kept")}
    assert [each["backup_date"] for each in rows_of(answer, "prunable")] == ["2026-10-12"]
    assert kept["2026-11-16"] == "es con el que se compara el siguiente"
    assert kept["2026-10-05"] == "respaldo del mes" and kept["2026-10-19"] == "respaldo de la semana"
    (row,) = rows_of(answer, "items")
    assert (row["kept_count"], row["prunable_count"], row["oldest_kept"]) == (7, 1, "2026-09-28")
    assert row["rule"] == {"daily": 0, "weekly": 5, "cycles": 0, "monthly": 12}
    # That something may go is no task of anybody's; the command is named all the same.
    assert (answer.problems, answer.next_command) == ([], "ansible-playbook playbooks/prune.yml")


def test_an_item_s_own_rule_is_the_one_that_holds(ask):
    answer = ask(*WEEKLY, inventory={"srv-web01": [item(retention={"weekly": 2})]})
    (row,) = rows_of(answer, "items")
    assert (row["rule"]["weekly"], row["rule"]["monthly"], row["prunable_count"]) == (2, 0, 6)
    refused = ask(*WEEKLY, inventory={"srv-web01": [item(retention={"weekly": "dos"})]})
    assert rows_of(refused, "items")[0]["prunable_count"] == 0
    assert {each["reason"] for each in rows_of(refused, "kept")} == {"el inventario de su servidor tiene errores"}


def test_the_last_conforming_ones_must_be_there(ask):
    """Breaks: somebody prunes by hand what always stays, and nobody is told."""
    assert ask(*WEEKLY, pruned(*WEEKLY[:6])).problems == []
    answer = ask(*WEEKLY, pruned(*WEEKLY[:7]))
    assert answer.problems == ["QUEDAN MENOS DE 2 CONFORMES: portal-src"]
    assert answer.next_command == "ansible-playbook playbooks/report.yml -e question=copies"
    assert ask(WEEKLY[-1]).problems == []


def test_the_last_pruning_of_each_server_is_told_and_one_that_was_cut_short_needs_action(ask):
    answer = ask(*WEEKLY, pruned(WEEKLY[2]))
    (row,) = rows_of(answer, "prunes")
    assert (row["server"], row["removed_count"], row["freed_bytes"], row["result"]) == ("srv-web01", 1, 4096, "done")
    cut = pruned(result="partial", recorded_at="2026-11-21T05:00:00.000-06:00")
    answer = ask(*WEEKLY, pruned(WEEKLY[2]), cut)
    assert answer.problems == ["SU ÚLTIMA DEPURACIÓN NO TERMINÓ: srv-web01"]


def test_what_was_stored_before_a_restore_in_place_goes_in_its_time(ask):
    recovery = {
        **{"record_type": "recovery", "form_code": "FOR 7.5 DSE 05", "folio": "DSE-05-2026-0016", "result": "restored"},
        **{"item_id": "portal-src", "server": "srv-web01", "destination_server": "srv-web01"},
        **{"backup_folio": WEEKLY[0]["folio"], "safety_file_name": "ef" * 32, "copy_used": "jaa"},
        **{"started_at": "2026-09-20T10:00:00-06:00", "finished_at": "2026-09-20T10:05:00-06:00"},
        "recorded_at": "2026-09-20T10:06:00.000-06:00",
    }
    reasons = [each["reason"] for each in rows_of(ask(WEEKLY[-1], recovery), "prunable")]
    assert reasons == ["guardado antes de una restauración (efefefef); cumplió su plazo"]


def test_of_each_form_it_is_told_how_many_are_open_and_until_when_the_others_are_kept(ask):
    """Breaks: a record is disposed of before its year is over, or nobody can tell when it may be (6.0)."""
    last = {**WEEKLY[-1], "iso_week": "2026-W47"}
    reviewed = review_record("DSE-02-2026-W47", last["folio"], day="2026-11-23")
    records = [*accepted(), *WEEKLY[:-1], last, reviewed]
    (code, requests) = rows_of(ask(*records), "forms")
    assert (code["form_code"], code["record_count"], code["open_count"], code["kept_count"]) == (
        *("FOR 7.5 DSE 02", 8, 7, 1),
    )
    assert (code["next_until"], code["past_count"], requests["open_count"]) == ("2027-11-23", 0, 1)
    later = rows_of(ask(*records, today="2027-11-24"), "forms")[0]
    assert (later["past_count"], later["kept_count"], later["next_until"]) == (1, 0, None)
    (year,) = rows_of(ask(*records), "years")
    assert (year["ledger_year"], year["is_disposable"]) == (2026, False)
    assert "2026 no ha terminado" in year["kept_by"]
