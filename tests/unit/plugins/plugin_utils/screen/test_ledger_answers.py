# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import Reading
from ansible_collections.dse.backup.plugins.plugin_utils.screen.ledger_answers import one
from ansible_collections.dse.backup.tests.unit.factories import failure_record


@pytest.mark.parametrize("reference", [None, "CNO-2027-3"])
def test_a_failure_s_closing_names_the_nonconformity_that_it_opened(procedure, reference):
    """Breaks: who looks the failure up does not learn that PRO 8.3 CNO 01 took it on, however long the cause is."""
    recorded = {"recorded_at": "2027-03-02T10:00:00.000-06:00"}
    failure = failure_record("2027-03-01", folio="DSE-05-2027-0001", **recorded)
    closing = {
        **{"record_type": "closing", "about_folio": failure["folio"], "evidence": "decision", "cause": "disco " * 50},
        **{"nonconformity_ref": reference, **recorded},
    }
    reading = Reading(procedure)
    for position, record in enumerate((failure, closing)):
        reading.add(position, record)
    entry = Entry("ledger-2027.jsonl", failure, reading.standing(0, failure, date(2027, 3, 3)))
    told = one(entry, [Entry("ledger-2027.jsonl", closing, None)], True, procedure, "/registro")
    (row,) = [line for line in told if "disco disco" in line]
    assert ("PRO 8.3 CNO 01: CNO-2027-3 · disco" in row) == (reference is not None)
    assert ("CNO" in row) == (reference is not None)
