# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.plan import plan
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    acknowledgement_record,
    backup_record,
    delivery_record,
    item,
    rows_of,
)

# Weekly since Monday 2 November: in 2026 there are weeks 45 to 53, of which the first is not whole.
W46 = backup_record("source_code", "2026-11-10", folio="DSE-02-2026-0046")
WEEKS = [f"2026-W{week}" for week in range(46, 54)]
NAME = "CSC-01-2026"


def line(version=1, **changes):
    return {
        **{"record_type": "plan", "form_code": "FOR 7.5 CSC 01", "folio": f"CSC-01-2026-000{version}"},
        **{"plan_year": 2026, "plan_version": version, "item_id": "portal-src", "information_type": "source_code"},
        **{"frequency": "weekly", "planned_dates": WEEKS, "approved_by": "JAA", **changes},
    }


def received(version=1, **changes):
    return acknowledgement_record(NAME, plan_version=version, **changes)


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, plan, *accepted())


def test_a_plan_that_jaa_approved_and_csc_has_needs_nothing_however_little_is_done(ask):
    answer = ask(W46, line(), acknowledgement_record(NAME, "JAA", plan_version=1), received())
    (row,) = rows_of(answer, "items")
    assert (row["planned"], row["done"], row["missed"], row["pending"]) == (8, 1, 1, 6)
    assert (row["compliance_pct"], row["state"], row["plan_version"]) == (50.0, "approved", 1)
    (version,) = rows_of(answer, "versions")
    assert (version["approved_by"], version["received_by"]) == ("JAA", "CSC")
    assert (answer.problems, answer.next_command) == ([], "")


def test_what_is_not_approved_changed_or_not_received_needs_action(ask):
    """Breaks: a year goes by by a plan that nobody approved, or that is another one by now."""
    answer = ask(W46)
    assert answer.problems == [f"{NAME}: JAA no ha aprobado el plan: portal-src"]
    assert (rows_of(answer, "items")[0]["state"], rows_of(answer, "versions")) == ("unapproved", [])
    assert answer.next_command.endswith(f"-e acknowledge_folio={NAME} -e acknowledge_result=accepted")
    answer = ask(W46, line())
    assert answer.problems == [f"{NAME}: CSC no ha recibido la versión 1"]
    assert "acknowledge_as=CSC" in answer.next_command
    answer = ask(W46, line(), received(result="rejected", reason="falta un servidor"))
    assert answer.problems == [f"{NAME}: CSC rechazó la versión 1: falta un servidor"]
    # Its days move with each backup: that is no other plan.
    assert ask(W46, line(planned_dates=WEEKS[:3]), received()).problems == []
    answer = ask(W46, line(frequency="daily"), received())
    assert answer.problems == [f"{NAME}: cambió después de aprobarse: portal-src"]
    assert rows_of(answer, "items")[0]["state"] == "changed"
    again = [line(frequency="daily"), received(), line(2)]
    assert ask(W46, *again).problems == [f"{NAME}: CSC no ha recibido la versión 2"]
    assert ask(W46, *again, received(2)).problems == []


def test_a_year_that_is_over_is_shown_and_nobody_is_asked_to_approve_it(ask):
    answer = ask(W46, year=2026, today="2027-02-01")
    assert rows_of(answer, "items")[0]["state"] == "unapproved" and answer.problems == []
    assert ask(W46, year=2025).all_is_well == "En ese año no se espera ningún respaldo."


def test_the_total_counts_slots_and_deliveries_of_all_items(ask):
    inventory = {"srv-web01": [item(), item(id="otro", request_folio="DSE-05-2026-0002")]}
    other = accepted("DSE-05-2026-0002")
    answer = ask(*other, W46, delivery_record("CSC-02-2026-0001", W46["folio"]), inventory=inventory)
    (total,) = rows_of(answer, "total")
    assert (total["item_count"], total["planned"], total["done"], total["missed"]) == (2, 16, 1, 3)
    assert (total["deliveries_planned"], total["deliveries_done"], total["compliance_pct"]) == (1, 1, 25.0)
    assert len(rows_of(ask(*other, W46, inventory=inventory, items=("otro",)), "items")) == 1
