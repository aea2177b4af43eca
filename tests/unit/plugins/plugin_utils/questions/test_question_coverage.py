# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.coverage import coverage
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    database_item,
    item,
    rows_of,
)

BACKUP = backup_record("source_code", "2026-11-17", folio="DSE-02-2026-0047")
OLD = backup_record("source_code", "2026-11-05", folio="DSE-02-2026-0045")
DATABASE = accepted(
    "DSE-05-2026-0002",
    **{"service": "Servicios escolares", "servers": ["srv-db01"], "repository_type": "database"},
    **{"information_type": "database", "source": "escolares"},
)


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, coverage, *accepted())


def test_what_is_covered_names_its_request_its_item_and_its_newest_backup(ask):
    answer = ask(OLD, BACKUP)
    (row,) = rows_of(answer, "items")
    assert (row["item_id"], row["request_folio"], row["state"]) == ("portal-src", "DSE-05-2026-0001", "covered")
    assert (row["backup_folio"], row["age_days"]) == (BACKUP["folio"], 7)
    (kind,) = rows_of(answer, "kinds")
    assert (kind["accepted"], kind["in_inventory"], kind["covered"]) == (1, 1, 1)
    assert answer.problems == [] and answer.next_command == "ansible-playbook playbooks/coverage.yml"


def test_whatever_is_missing_between_a_request_and_its_backup_is_told_by_name(ask):
    """Breaks: something that was accepted is not backed up and the answer is content."""
    answer = ask(OLD)
    assert rows_of(answer, "items")[0]["state"] == "overdue"
    assert answer.problems == ["CON EL ÚLTIMO PERIODO OMITIDO: portal-src"]
    assert '{"backup_items": ["portal-src"]}' in answer.next_command
    answer = ask()
    assert answer.problems == ["SIN NINGÚN RESPALDO UTILIZABLE: portal-src"]
    assert ask(today="2026-11-02").problems == []
    answer = ask(BACKUP, inventory={"srv-web01": []})
    assert answer.problems == ["ACEPTADO Y SIN ELEMENTO EN EL INVENTARIO: portal-src"]
    other = item(paths=["/otra"])
    answer = ask(BACKUP, inventory={"srv-web01": [other]})
    assert answer.problems == ["RECHAZADO POR EL INVENTARIO: portal-src"]
    assert "origen" in rows_of(answer, "refused")[0]["message"] and answer.next_command.endswith("--check")
    doubtful = {**BACKUP, "verification_result": "nonconforming"}
    assert rows_of(ask(doubtful), "items")[0]["state"] == "never"


def test_a_server_of_which_nothing_was_asked_for_is_named(ask):
    """Breaks: a whole server is forgotten, and no table has it."""
    inventory = {"srv-web01": [item()], "srv-web02": []}
    answer = ask(BACKUP, inventory=inventory)
    assert rows_of(answer, "servers") == [{"server": "srv-web02"}] and answer.problems == []


def test_each_server_and_kind_counts_its_own(ask):
    inventory = {"srv-web01": [item()], "srv-db01": [database_item(request_folio="DSE-05-2026-0002")]}
    answer = ask(*DATABASE, BACKUP, inventory=inventory)
    assert [(each["server"], each["covered"]) for each in rows_of(answer, "kinds")] == [
        *(("srv-db01", 0), ("srv-web01", 1)),
    ]
    assert answer.problems == ["SIN NINGÚN RESPALDO UTILIZABLE: escolares"]
    limited = ask(*DATABASE, BACKUP, inventory=inventory, items=("portal-src",))
    assert [each["item_id"] for each in rows_of(limited, "items")] == ["portal-src"] and limited.problems == []
