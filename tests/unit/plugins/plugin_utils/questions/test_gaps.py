# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.gaps import gaps
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    closing_record,
    failure_record,
    item,
    rows_of,
)

# What is weekly, accepted since Monday 2 November 2026: weeks 46 and 47 are over on the 24th.
W46 = backup_record("source_code", "2026-11-10", folio="DSE-02-2026-0046")
W47 = backup_record("source_code", "2026-11-17", folio="DSE-02-2026-0047")
FAILED = failure_record("2026-11-10", folio="DSE-05-2026-0010", information_type="source_code")


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, gaps, *accepted())


def test_what_was_done_on_time_leaves_no_gap(ask):
    answer = ask(W46, W47)
    assert rows_of(answer, "gaps") == rows_of(answer, "items") == answer.problems == []
    assert answer.all_is_well == "Ningún hueco: todo se respaldó a tiempo."


def test_a_missed_week_needs_action_until_its_failure_is_recorded_and_closed(ask):
    """Breaks: a silent miss is not told of, or is told of for ever."""
    answer = ask(W47)
    (gap,) = rows_of(answer, "gaps")
    assert (gap["slot"], gap["state"], gap["failure_state"]) == ("2026-W46", "missed", "unrecorded")
    assert answer.problems == ["SIN ASENTAR EN LA BITÁCORA DE FALLAS: 1 (portal-src)"]
    assert answer.next_command == "ansible-playbook playbooks/reconcile.yml"

    answer = ask(FAILED, W47)
    (gap,) = rows_of(answer, "gaps")
    assert (gap["failure_folios"], gap["failure_state"], gap["closed_on"]) == ([FAILED["folio"]], "open", None)
    assert answer.problems == ["CON SU FALLA ABIERTA: 1 (portal-src)"]
    # Another backup does not make up for it any more: JAA decides.
    assert "acknowledge_folio=DSE-05-2026-0010" in answer.next_command

    answer = ask(FAILED, W47, closing_record(FAILED["folio"], "2026-11-18"))
    (gap,) = rows_of(answer, "gaps")
    assert (gap["failure_state"], gap["closed_on"], gap["evidence"]) == ("closed", "2026-11-18", "se liberó espacio")
    assert (answer.problems, answer.next_command) == ([], "")
    assert answer.all_is_well == "Nada que hacer: cada hueco está asentado y su falla, cerrada."


def test_the_last_gap_is_closed_by_a_run_by_hand(ask):
    """Breaks: JAA is sent to close by word what a backup would close by deed (4.3.1 a)."""
    answer = ask(W46, failure_record("2026-11-17", folio="DSE-05-2026-0011"))
    assert [each["slot"] for each in rows_of(answer, "gaps")] == ["2026-W47"]
    assert '{"backup_items": ["portal-src"]}' in answer.next_command and "backup_force=true" in answer.next_command


def test_late_and_mitigated_ones_are_told_with_what_covered_them(ask):
    manual = backup_record("source_code", "2026-11-17", folio="DSE-02-2026-0048", execution_mode="manual")
    answer = ask(FAILED, manual)
    (gap,) = rows_of(answer, "gaps")
    assert (gap["state"], gap["covered_by"], gap["covered_on"]) == ("mitigated", "DSE-02-2026-0048", "2026-11-17")
    late = backup_record("source_code", "2026-11-12", folio="DSE-02-2026-0049")
    answer = ask(FAILED, late, W47, closing_record(FAILED["folio"], "2026-11-12", remarks="respaldo conforme"))
    (gap,) = rows_of(answer, "gaps")
    assert (gap["state"], gap["covered_by"], gap["evidence"]) == ("late", late["folio"], "respaldo conforme")
    (of_item,) = rows_of(answer, "items")
    assert (of_item["late"], of_item["missed"], of_item["unclosed"]) == (1, 0, 0)


def test_a_year_a_server_and_an_item_limit_it(ask):
    inventory = {"srv-web01": [item(), item(id="otro", request_folio="DSE-05-2026-0002")]}
    other = accepted("DSE-05-2026-0002")
    everything = ask(*other, inventory=inventory)
    assert {each["item_id"] for each in rows_of(everything, "gaps")} == {"portal-src", "otro"}
    only = ask(*other, inventory=inventory, items=("otro",))
    assert {each["item_id"] for each in rows_of(only, "gaps")} == {"otro"}
    assert rows_of(ask(year=2025), "gaps") == [] and len(rows_of(ask(year=2026), "gaps")) == 2
