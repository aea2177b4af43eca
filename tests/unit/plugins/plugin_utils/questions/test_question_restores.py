# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.restores import restores
from ansible_collections.dse.backup.tests.unit.factories import (
    acknowledgement_record,
    backup_record,
    rows_of,
)

BACKUP = backup_record("source_code", "2026-11-03", folio="DSE-02-2026-0045")


def recovery(day="23", result="restored", **changes):
    return {
        **{"record_type": "recovery", "form_code": "FOR 7.5 DSE 05", "folio": f"DSE-05-2026-00{day}"},
        **{"item_id": "portal-src", "server": "srv-web01", "destination_server": "srv-web01"},
        **{"requester_role": "CGDW", "requester_area": "Portal Institucional", "reason": "accidental_deletion"},
        **{"backup_folio": BACKUP["folio"], "file_name": BACKUP["file_name"], "destination": "/restore/portal-src"},
        **{"copy_used": "jaa", "result": result, "restored_bytes": 1000, "sha256_matches": True},
        **{"started_at": f"2026-11-{day}T10:02:00-06:00", "finished_at": f"2026-11-{day}T10:31:00-06:00", **changes},
    }


def drill(day="10", result="passed", **changes):
    return {
        **{"record_type": "drill", "item_id": "portal-src", "server": "srv-web01", "backup_folio": BACKUP["folio"]},
        **{"result": result, "restored_bytes": 1000, "sha256_matches": result == "passed"},
        **{"started_at": f"2026-11-{day}T03:00:00-06:00", "finished_at": f"2026-11-{day}T03:01:30-06:00", **changes},
    }


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, restores, BACKUP)


def test_a_recovery_is_told_from_who_asked_to_the_cgdw_s_word(ask):
    """Breaks: it cannot be told what was brought back for whom, from which copy, or whether it was right."""
    answer = ask(recovery())
    (row,) = rows_of(answer, "recoveries")
    assert (row["requester_area"], row["backup_folio"], row["copy_used"], row["minutes"]) == (
        *("Portal Institucional", BACKUP["folio"], "jaa", 29.0),
    )
    assert row["reason_label"] != "accidental_deletion" and row["sha256_matches"] is True
    # Monday's: until Tuesday's end it is in time.
    assert (row["acceptance"], row["acceptance_due_on"], answer.problems) == ("pending", "2026-11-24", [])
    late = ask(recovery(), today="2026-11-25")
    assert late.problems == ["SIN LA CONFORMIDAD DEL CGDW: DSE-05-2026-0023"]
    assert "acknowledge_folio=DSE-05-2026-0023" in late.next_command and "acknowledge_as=CGDW" in late.next_command
    said = acknowledgement_record("DSE-05-2026-0023", "CGDW")
    assert rows_of(ask(recovery(), said), "recoveries")[0]["acceptance"] == "accepted"
    refused = ask(recovery(), {**said, "result": "rejected"})
    assert rows_of(refused, "recoveries")[0]["acceptance"] == "rejected" and refused.problems
    # What was recovered once more, and called right, is not waited for any more.
    again = recovery("24", recorded_at="2026-11-24T11:00:00.000-06:00")
    answer = ask(recovery(), again, acknowledgement_record(again["folio"], "CGDW"), today="2026-11-26")
    assert [each["acceptance"] for each in rows_of(answer, "recoveries")] == ["accepted", "repeated"]
    assert answer.problems == []


def test_an_item_that_was_never_tried_is_due_after_ninety_days(ask):
    """Breaks: backups are made for years and nobody ever brings one back."""
    answer = ask(today="2027-02-01")
    (row,) = rows_of(answer, "items")
    assert (row["state"], row["proved_on"], row["due_on"]) == ("new", None, "2027-02-01") and answer.problems == []
    answer = ask(today="2027-02-02")
    assert answer.problems == ["SIN PROBAR DESDE HACE MÁS DE 90 DÍAS: portal-src"]
    assert '{"drill_items": ["portal-src"]}' in answer.next_command


def test_a_drill_or_a_recovery_proves_an_item_and_a_drill_that_failed_does_not(ask):
    answer = ask(drill(), today="2027-02-02")
    (row,) = rows_of(answer, "items")
    assert (row["state"], row["proved_on"], row["proved_by"]) == ("proved", "2026-11-10", "drill")
    assert [each["result"] for each in rows_of(answer, "drills")] == ["passed"]
    (row,) = rows_of(ask(drill(), recovery()), "items")
    assert (row["proved_on"], row["proved_by"], row["proved_folio"]) == ("2026-11-23", "recovery", "DSE-05-2026-0023")
    failed = ask(drill(), drill("20", "failed", error_message="la huella no coincide"))
    assert rows_of(failed, "items")[0]["state"] == "failed"
    assert failed.problems == ["SU ÚLTIMO SIMULACRO FALLÓ: portal-src"]
    assert ask(drill("09", "failed"), drill()).problems == []
    # Bringing it back later shows that it can be.
    assert ask(drill("20", "failed"), recovery()).problems == []


def test_of_what_cannot_be_tried_the_reason_is_told(ask):
    doubtful = backup_record("database", "2026-11-03", "nonconforming", folio="DSE-03-2026-0001", item_id="escolares")
    gone = backup_record("database", "2026-11-03", folio="DSE-03-2026-0002", item_id="actas")
    answer = ask(doubtful, gone, today="2027-06-01")
    reasons = {each["item_id"]: each["reason"] for each in rows_of(answer, "items") if each["state"] == "impossible"}
    assert reasons["escolares"] == "sin respaldo utilizable" and "inventario" in reasons["actas"]
    assert answer.problems == ["SIN PROBAR DESDE HACE MÁS DE 90 DÍAS: portal-src"]


def test_a_year_and_an_item_limit_it(ask):
    assert rows_of(ask(recovery(), year=2025), "recoveries") == []
    assert rows_of(ask(recovery(), drill(), items=("otro",)), "recoveries") == []
