# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for somebody, and from which day on it is late: for the reports, and for reconcile.yml every morning."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, undelivered
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Loan
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Delivery, LoanTerms, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import PENDING, Request

_WEEKS_BACK = 60


class Week(NamedTuple):
    """A week that has ended and that JAA has not closed; or closed, and ``news`` has the folios that came since."""

    name: str
    ended_on: date
    backups: list[Backup]
    is_closed: bool
    news: list[str]


class Review(NamedTuple):
    """What JAA said of a week, or a year, as a whole: its closing and what corrected it, oldest first.

    ``news`` has the folios of the backups that came after the last of them; of what was never closed, of all.
    """

    said: list[dict[str, Any]]
    news: list[str]


def delivery_due(backup: Backup, rule: Delivery) -> date:
    """Return the day from which a backup is late for CSC (4.1.6)."""
    return date.fromisoformat(backup.backup_date) + timedelta(days=rule.within_days)


def acknowledgement_due(delivery: dict[str, Any], rule: Delivery) -> date:
    """Return the day from which CSC is late with its word on a delivery."""
    return date.fromisoformat(delivery["delivered_at"][:10]) + timedelta(days=rule.acknowledge_within_days)


def acceptance_due(recovery: dict[str, Any]) -> date:
    """Return the last day on which the CGDW may say in time that what was recovered is right."""
    return calendar.working_day_after(date.fromisoformat(recovery["finished_at"][:10]))


def late_for_csc(backups: Iterable[Backup], rule: Delivery, today: date) -> list[Backup]:
    """Return which of ``backups`` CSC should have by now and has not."""
    return [each for each in undelivered(backups) if delivery_due(each, rule) <= today]


def unacknowledged(index: Index, rule: Delivery, today: date) -> list[dict[str, Any]]:
    """Return the records of the deliveries of which CSC should have said by now that it has them."""
    return [each for each in index.unacknowledged_deliveries() if acknowledgement_due(each, rule) <= today]


def loans_to_return(index: Index, today: date) -> list[Loan]:
    """Return the loans that JAA should have given back by now."""
    return [each for each in index.loans(is_open=True) if each.is_overdue(today)]


def loans_without_answer(index: Index, terms: LoanTerms, today: date) -> list[Loan]:
    """Return the loans in which it is CSC's turn, for longer than it may take."""
    return [each for each in index.loans(is_open=True) if (due := each.answer_due(terms)) and due < today]


def quarantined(index: Index) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the doubtful backups on which JAA has not decided: (item, server, what was made)."""
    return [
        (item_id, history.server, made)
        for item_id, history in index.histories().items()
        for made in history.quarantine.values()
    ]


def pending_requests(index: Index) -> list[Request]:
    """Return the requests on which JAA has not decided."""
    return [each for each in index.requests().values() if each.state == PENDING]


def open_for_long(failures: Iterable[Failure], procedure: Procedure, today: date) -> list[Failure]:
    """Return which of the open ``failures`` should be resolved by now."""
    limit = timedelta(days=procedure.resolve_within_days)
    return [each for each in failures if date.fromisoformat(each.recorded_at[:10]) + limit <= today]


def unclosed_weeks(index: Index, procedure: Procedure, today: date) -> list[Week]:
    """Return the weeks of the last two months that ended and that JAA has not closed, or that had news since."""
    found: dict[str, tuple[date, list[Backup]]] = {}
    for backup in index.backups(since=(today - timedelta(days=_WEEKS_BACK)).isoformat()):
        day = date.fromisoformat(backup.backup_date)
        next_monday = day - timedelta(days=day.weekday()) + timedelta(days=7)
        kind = procedure.information_type(backup.information_type)
        if kind.schedule.unit != "elapsed_days" and next_monday <= today:
            series = procedure.forms[backup.form_code].series
            ended_on = next_monday - calendar.DAY
            found.setdefault(f"{series}-{calendar.iso_week(day)}", (ended_on, []))[1].append(backup)
    weeks = []
    for name, (ended_on, backups) in found.items():
        said, news = review(index, name, backups)
        if news:
            weeks.append(Week(name, ended_on, backups, bool(said), news if said else []))
    return weeks


def review(index: Index, name: str, backups: Iterable[Backup]) -> Review:
    """Return what JAA said of the view of that name, which shows ``backups``."""
    said = [each for each in index.about(name) if each["record_type"] in ("closing", "correction")]
    reviewed = {folio for record in said for folio in record["reviewed_folios"]}
    return Review(said, sorted({backup.folio for backup in backups} - reviewed))
