# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.requests import requests
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    cancellation_record,
    decision_record,
    item,
    request_record,
    rows_of,
)

FOLIO = "DSE-05-2026-0001"
BACKUP = backup_record("source_code", "2026-11-10", folio="DSE-02-2026-0046")
DOUBTFUL = backup_record("source_code", "2026-11-17", "review", folio="DSE-02-2026-0047")


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, requests)


def of(answer, folio=FOLIO):
    (row,) = (each for each in rows_of(answer, "requests") if each["request_folio"] == folio)
    return row


def test_an_accepted_request_is_told_with_who_asked_its_period_and_its_backups(ask):
    answer = ask(*accepted(), BACKUP, DOUBTFUL)
    row = of(answer)
    assert (row["requester_role"], row["requester_area"], row["servers"]) == (
        *("CGDW", "Portal Institucional", ["srv-web01"]),
    )
    assert (row["state"], row["is_in_force"], row["valid_from"], row["valid_until"]) == (
        *("accepted", True, "2026-11-02", None),
    )
    assert (row["item_ids"], row["backup_count"], row["conforming_count"]) == (["portal-src"], 2, 1)
    assert (row["last_backup_folio"], row["last_backup_date"]) == (BACKUP["folio"], "2026-11-10")
    assert (answer.problems, answer.next_command) == ([], "")


def test_what_waits_for_jaa_comes_first(ask):
    answer = ask(*accepted(), BACKUP, request_record("DSE-05-2026-0002", servers=["srv-db01"]))
    assert [each["request_folio"] for each in rows_of(answer, "pending")] == ["DSE-05-2026-0002"]
    assert answer.problems == ["SIN DICTAMEN: DSE-05-2026-0002"]
    assert "request_folio=DSE-05-2026-0002" in answer.next_command


def test_what_was_accepted_and_nothing_carries_out_needs_action(ask):
    """Breaks: something that was accepted is never backed up, and nobody is told (4.1.1)."""
    answer = ask(*accepted(), inventory={"srv-web01": []})
    (absent,) = rows_of(answer, "absent")
    assert (absent["request_folio"], absent["server"]) == (FOLIO, "srv-web01")
    assert answer.problems == [f"SIN ELEMENTO EN EL INVENTARIO: {FOLIO}"]
    assert answer.next_command == "ansible-playbook playbooks/backup.yml --check"
    # It is there, and never was backed up.
    answer = ask(*accepted())
    assert answer.problems == [f"SIN NINGÚN RESPALDO: {FOLIO}"]
    assert '{"backup_items": ["portal-src"]}' in answer.next_command
    assert ask(*accepted(), today="2026-11-02").problems == []


def test_an_element_that_is_refused_is_named_with_its_reason(ask):
    inventory = {"srv-web01": [item(), item(id="otro", request_folio="DSE-05-2026-0009")]}
    answer = ask(*accepted(), BACKUP, inventory=inventory)
    (refused,) = rows_of(answer, "refused")
    assert (refused["item_id"], refused["request_folio"]) == ("otro", "DSE-05-2026-0009")
    assert "no está en el registro" in refused["message"]
    assert answer.problems == ["RECHAZADOS POR EL INVENTARIO: otro"]


def test_a_change_divides_the_backups_between_the_request_and_the_one_in_its_place(ask):
    """Breaks: a request that was changed looks as if it still held, or its backups are counted as another's."""
    change = request_record("DSE-05-2026-0002", amends_folio=FOLIO)
    at_once = decision_record(change["folio"], valid_from="2026-11-16")
    # What was never backed up under its new folio was so under the earlier one.
    assert ask(*accepted(), BACKUP, change, at_once).problems == []
    answer = ask(*accepted(), BACKUP, change, at_once, DOUBTFUL)
    old, new = of(answer), of(answer, "DSE-05-2026-0002")
    assert (old["is_in_force"], old["valid_until"], old["amended_by"]) == (False, "2026-11-15", "DSE-05-2026-0002")
    assert (old["backup_count"], new["backup_count"], new["conforming_count"]) == (1, 1, 0)
    assert (new["is_in_force"], new["item_ids"], answer.problems) == (True, ["portal-src"], [])


def test_what_was_rejected_or_cancelled_is_told_with_why(ask):
    rejected = [request_record("DSE-05-2026-0002"), decision_record("DSE-05-2026-0002", "rejected")]
    answer = ask(*accepted(), BACKUP, *rejected, cancellation_record(FOLIO, "2026-11-20"), inventory={"srv-web01": []})
    assert (of(answer)["state"], of(answer)["valid_until"], of(answer)["reason"]) == (
        *("cancelled", "2026-11-19", "el servicio terminó"),
    )
    assert (of(answer, "DSE-05-2026-0002")["state"], answer.problems) == ("rejected", [])
    assert of(answer, "DSE-05-2026-0002")["reason"] == "fuera de alcance"


def test_a_limit_holds(ask):
    other = accepted("DSE-05-2026-0002", servers=["srv-db01"])
    records = [*accepted(), BACKUP, *other]
    answer = ask(*records, has_server=lambda server: server == "srv-web01")
    assert [each["request_folio"] for each in rows_of(answer, "requests")] == [FOLIO] and answer.problems == []
    answer = ask(*records, items=("portal-src",))
    assert [each["request_folio"] for each in rows_of(answer, "requests")] == [FOLIO] and answer.problems == []
