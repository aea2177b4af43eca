# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.integrity import integrity
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    chained,
    closing_record,
    delivery_record,
    failure_record,
    rows_of,
)

BACKUP = backup_record("source_code", "2026-11-03", folio="DSE-02-2026-0045")
OTHER = backup_record("database", "2026-11-20", folio="DSE-03-2026-0001", item_id="escolares", server="srv-db01")


def verified(day, read="all", *damaged, server="srv-web01", **changes):
    moment = f"2026-11-{day}T03:00:00-06:00"
    return {
        **{"record_type": "run", "run_event": "verified", "run_id": f"V{day}", "server": server, "read": read},
        **{"result": "damaged" if damaged else "intact", "damaged_file_names": list(damaged), "checked_count": 7},
        **{"finished_at": moment, "recorded_at": moment, "errors": ["pack roto"] if damaged else [], **changes},
    }


def anchor(day="20", **changes):
    return {
        **{"record_type": "anchor", "record_count": 2, "head_sha256": "ab" * 32, "kept_in": "/mnt/usb/huellas.jsonl"},
        **{"anchored_at": f"2026-11-{day}T09:00:00-06:00", **changes},
    }


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, integrity)


def test_a_whole_ledger_and_repositories_that_were_read_in_time_need_nothing(ask):
    answer = ask(BACKUP, verified("19"), anchor())
    (ledger,) = rows_of(answer, "ledger")
    assert (ledger["is_whole"], ledger["record_count"], ledger["fault_count"]) == (True, 3, 0)
    (row,) = rows_of(answer, "repositories")
    assert (row["state"], row["read"], row["parts_read"], row["oldest_read_on"]) == ("intact", "all", 60, "2026-11-19")
    (kept,) = rows_of(answer, "anchors")
    assert (kept["kept_in"], kept["anchored_at"]) == ("/mnt/usb/huellas.jsonl", "2026-11-20T09:00:00-06:00")
    assert (answer.problems, answer.next_command) == ([], "")
    # A chain that was cut off at its end is whole: without an anchor that is said.
    assert "ledger_anchor_to" in ask(BACKUP, verified("19")).all_is_well


def test_a_line_that_was_changed_comes_before_all_else(ask, in_memory):
    """Breaks: the record was tampered with, and the auditor's answer is content."""

    def tampered(given):
        lines = [each.replace(b'"size_bytes":1000', b'"size_bytes":999') for each in chained([BACKUP, OTHER])]
        (in_memory / "ledger-2026.jsonl").write_bytes(b"".join(lines))
        return integrity(given)

    answer = ask.func(tampered, {**BACKUP, "size_bytes": 999}, OTHER)
    assert rows_of(answer, "ledger")[0]["is_whole"] is False
    assert answer.problems[0].startswith("EL REGISTRO NO ESTÁ ÍNTEGRO: ledger-2026.jsonl, línea 1 (DSE-02-2026-0045)")
    assert answer.next_command == "ansible-playbook playbooks/ledger.yml" and rows_of(answer, "faults")


def test_a_repository_is_overdue_when_some_part_of_it_was_not_read_for_a_month(ask):
    """Breaks: a share is read each night, always the same one, and the rest rots unseen."""
    answer = ask(BACKUP, today="2026-12-03")
    assert rows_of(answer, "repositories")[0]["state"] == "new" and answer.problems == []
    answer = ask(BACKUP, today="2026-12-04")
    assert answer.problems == ["SIN LEER COMPLETOS EN 30 DÍAS: srv-web01"]
    assert answer.next_command == "ansible-playbook playbooks/verify.yml --limit srv-web01"
    shares = [verified(f"{day:02d}", "1/2") for day in range(4, 20)]
    answer = ask(BACKUP, *shares, today="2026-12-05")
    (row,) = rows_of(answer, "repositories")
    assert (row["state"], row["parts_read"], row["unread_since"]) == ("overdue", 30, "2026-11-04")
    assert (row["verified_on"], row["read"], row["oldest_read_on"]) == ("2026-11-19", "1/2", None)
    assert ask(BACKUP, *shares, verified("20", "2/2"), today="2026-12-05").problems == []


def test_what_is_damaged_is_named_and_mended_where_csc_has_it(ask):
    hit = verified("19", "all", BACKUP["file_name"])
    answer = ask(BACKUP, OTHER, verified("20", server="srv-db01"), hit)
    states = {each["server"]: each["state"] for each in rows_of(answer, "repositories")}
    assert states == {"srv-web01": "damaged", "srv-db01": "intact"}
    assert [each["backup_folio"] for each in rows_of(answer, "damaged")] == [BACKUP["folio"]]
    assert answer.problems == ["REPOSITORIOS DAÑADOS: srv-web01"]
    assert answer.next_command == "ansible-playbook playbooks/verify.yml --limit srv-web01 -e verify_all=true"
    delivered = ask(BACKUP, delivery_record("CSC-02-2026-0001", BACKUP["folio"]), hit)
    assert delivered.next_command == "ansible-playbook playbooks/repair.yml --limit srv-web01"
    # Errors that hit no backup are errors all the same.
    (row,) = rows_of(ask(BACKUP, verified("19", errors=["índice roto"], result="damaged")), "repositories")
    assert (row["state"], row["errors"], row["damaged_count"]) == ("damaged", ["índice roto"], 0)


def test_what_was_found_in_one_share_is_not_forgotten_when_another_is_read(ask):
    """Breaks: a pack is rotten that no recorded backup needs, the next night reads others, and all is well again."""
    hit = verified("18", "1/60", errors=["pack roto"], result="damaged")
    found = failure_record(
        "2026-11-18", folio="DSE-05-2026-0030", item_id="srv-web01", failure_stage="jaa_copy", failure_type="checksum"
    )
    answer = ask(BACKUP, hit, found, verified("19", "2/60"))
    assert rows_of(answer, "repositories")[0]["state"] == "damaged"
    assert answer.problems == ["REPOSITORIOS DAÑADOS: srv-web01"]
    closed = closing_record(found["folio"], "2026-11-20", item_id="srv-web01")
    assert ask(BACKUP, hit, found, verified("19", "2/60"), closed).problems == []
    # That it could not be looked at is no damage.
    missed = {**found, "failure_type": "error"}
    assert ask(BACKUP, missed, verified("19", "2/60")).problems == []


def test_a_limit_holds(ask):
    answer = ask(BACKUP, OTHER, has_server=lambda server: server == "srv-db01")
    assert [each["server"] for each in rows_of(answer, "repositories")] == ["srv-db01"]
