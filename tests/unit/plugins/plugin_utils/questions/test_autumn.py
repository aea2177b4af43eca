# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions, asked of the sample institution's autumn (tests/fixtures) on the day on which its story ends."""

from __future__ import annotations

import functools
import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from ansible_collections.dse.backup.plugins.plugin_utils import expectations, ledger_chain
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.register import read_register
from ansible_collections.dse.backup.plugins.plugin_utils.screen import report
from ansible_collections.dse.backup.tests.unit.factories import rows_of

CHECKOUT = Path(__file__).resolve().parents[5]


@pytest.fixture
def ask(in_memory, procedure):
    """Ask a question of the autumn on 24 November 2026 at noon; nothing may be written."""
    shutil.copy(CHECKOUT / "tests/fixtures/autumn/ledger-2026.jsonl", in_memory)
    ledger = Ledger(str(in_memory), procedure)
    hosts = sorted((CHECKOUT / "inventory/host_vars").iterdir())
    declared = {
        host.name: yaml.safe_load((host / "items.yml").read_text("utf-8"))["backup_client_items"] for host in hosts
    }
    register = read_register(declared, members=set(declared), holders={}, procedure=procedure)
    now = datetime(2026, 11, 24, 12, tzinfo=procedure.zone)
    reach = ledger.extent()

    def lines():
        return ledger.lines(reach)

    def answer(name, **changes):
        with ledger.read() as index:
            asked = Asked(
                index,
                procedure,
                now,
                register=lambda: register,
                expected=functools.partial(expectations.expected_by, index, register, procedure, now.date()),
                lines=lines,
                chain=lambda: ledger_chain.verify(lines, csv_rows={}),
                servers=tuple(declared),
                **changes,
            )
            given = QUESTIONS[name](asked)
        assert report.answer(given, "24/11/2026 12:00", str(in_memory)) and json.dumps(given.plain())
        assert [path.name for path in in_memory.iterdir()] == ["ledger-2026.jsonl"]
        return given

    return answer


# What needs action, by the questions that say so. One delivery is a week old and CSC has not acknowledged it.
EXPECTED = {
    "overdue": ["ENTREGAS SIN ACUSE DE CSC DESPUÉS DE 7 DÍAS (acknowledge.yml): 1"],
    "copies": ["ACUSE DE CSC VENCIDO: lms-src"],
    "trace": ["ENTREGA A CSC Y SU ACUSE: lms-src"],
    "conformity": ["4.1.6 Una copia con JAA, la otra con CSC: CSC-02-2026-0011: sin acuse de CSC"],
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_says_what_needs_action_and_no_more(ask, name):
    given = ask(name)
    assert given.problems == EXPECTED.get(name, [])
    if given.problems:
        assert '{"acknowledge_folio": ["CSC-02-2026-0011"]}' in given.next_command


def test_show_me_week_47(ask):
    answer = ask("week", week="2026-W47")
    states = {row["item_id"]: [slot["state"] for slot in row["slots"]] for row in rows_of(answer, "dse_03")}
    assert states == {
        "db-escolares": ["done", "done", "late", "done", "done", "done", "missed"],
        "db-lms": [*["done"] * 6, "missed"],
        "db-portal": [*["done"] * 6, "missed"],
    }
    assert {row["week_closed_by"] for row in rows_of(answer, "weeks")} == {"JAA"}


def test_what_went_wrong_that_autumn_is_told_with_how_it_was_put_right(ask):
    gaps = {(row["item_id"], row["slot"]): row for row in rows_of(ask("gaps"), "gaps")}
    assert {key: row["state"] for key, row in gaps.items()} == {
        ("db-escolares", "18/11/2026"): "late",
        ("db-escolares", "22/11/2026"): "missed",
        ("db-lms", "22/11/2026"): "missed",
        ("db-portal", "22/11/2026"): "missed",
        ("lms-files", "23/11/2026"): "late",
    }
    assert {row["failure_state"] for row in gaps.values()} == {"closed"}
    failures = ask("failures")
    assert rows_of(failures, "open") == [] and len(rows_of(failures, "closed")) == 8
    assert {row["evidence"] for row in rows_of(failures, "closed")} == {"backup", "decision", "repair"}
    (decided,) = rows_of(ask("verification"), "decided")
    assert (decided["item_id"], decided["decision"], decided["size_change_pct"]) == ("db-lms", "accepted", -61.98)
    (total,) = rows_of(ask("plan"), "total")
    assert (total["late"], total["missed"], total["item_count"]) == (2, 3, 13)


def test_the_backup_that_was_damaged_lent_and_brought_back_is_traced_by_its_loan(ask):
    """Breaks: the one chain that went through every form cannot be followed to its end."""
    answer = ask("trace", folio="CSC-03-2026-0001")
    assert answer.title == "RASTRO DE DSE-02-2026-0003 · srv-web01 · portal-src"
    steps = rows_of(answer, "steps")
    assert {row["is_intact"] for row in steps if row["step"] != "slot"} == {True}
    in_order = [row["step"] for row in steps]
    assert in_order[:6] == ["backup_request", "decision", "plan", "slot", "run", "backup"]
    for step, count in {"delivery": 1, "failure": 1, "loan": 6, "recovery": 3, "acknowledgement": 3}.items():
        assert in_order.count(step) == count, step
    assert [row["state"] for row in rows_of(answer, "links")] == ["ok"] * 5
    assert [row["result"] for row in rows_of(ask("restores"), "recoveries")] == ["restored", "not_restored", "restored"]
