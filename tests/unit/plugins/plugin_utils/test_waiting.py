# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import waiting
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.tests.unit.factories import backup_record, index_of

SOURCE, DATABASE = "source_code", "database"


def closing(name, *folios, record_type="closing"):
    return {"record_type": record_type, "about_folio": name, "reviewed_folios": list(folios)}


@pytest.fixture
def weeks(in_memory, procedure):
    """The weeks that wait for JAA on a day, by name: (is closed, what came since)."""

    def told(today, *records):
        with index_of(in_memory, list(records)) as index:
            found = waiting.unclosed_weeks(index, procedure, date.fromisoformat(today))
        return {each.name: (each.is_closed, each.news) for each in found}

    return told


def test_a_week_waits_from_its_end_until_jaa_has_seen_all_of_it(weeks):
    """Breaks: a week is asked for before it is over, or what came after its closing goes unseen."""
    first = backup_record(DATABASE, "2026-11-16", folio="DSE-03-2026-0001")
    late = backup_record(DATABASE, "2026-11-22", folio="DSE-03-2026-0002")
    closed = closing("DSE-03-2026-W47", "DSE-03-2026-0001")
    assert weeks("2026-11-22", first) == {}
    assert weeks("2026-11-23", first) == {"DSE-03-2026-W47": (False, [])}
    assert weeks("2026-11-23", first, closed) == {}
    assert weeks("2026-11-23", first, closed, late) == {"DSE-03-2026-W47": (True, ["DSE-03-2026-0002"])}
    corrected = closing("DSE-03-2026-W47", "DSE-03-2026-0002", record_type="correction")
    assert weeks("2026-11-23", first, closed, late, corrected) == {}


def test_weeks_are_of_what_is_recorded_by_weeks(weeks):
    records = [
        backup_record(SOURCE, "2026-11-18", folio="DSE-02-2026-0001"),
        backup_record("server_configuration", "2026-11-18", folio="DSE-04-2026-0001"),
        # Longer ago than anybody would still close it.
        backup_record(SOURCE, "2026-08-18", folio="DSE-02-2026-0002"),
    ]
    assert weeks("2026-11-23", *records) == {"DSE-02-2026-W47": (False, [])}


@pytest.mark.parametrize(("today", "is_overdue"), [("2026-11-22", False), ("2026-11-23", True), ("2027-05-01", True)])
def test_a_failure_is_overdue_some_days_after_it_was_opened(procedure, today, is_overdue):
    """Breaks: a failure that was found late is overdue at once, or one that stays open never is."""
    failure = Failure("DSE-05-2026-0001", "2026-10-01T02:00:00-06:00", "2026-11-16T06:30:00-06:00")
    assert procedure.resolve_within_days == 7
    found = waiting.open_for_long([failure], procedure, date.fromisoformat(today))
    assert found == ([failure] if is_overdue else [])


def test_the_cgdw_has_a_working_day(procedure):
    assert waiting.acceptance_due({"finished_at": "2026-11-20T23:59:00-06:00"}) == date(2026, 11, 23)
