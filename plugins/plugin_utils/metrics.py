# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger amounts to, as metrics of Prometheus, for the textfile collector of its node_exporter.

They are about the present: how it became so is the ledger's own business. Alert rules that use them are in
`docs/prometheus-rules.yml`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import calendar, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import standing

# A server and an item of it; a whole repository, by its server's name; a request without an item, by its folio.
Place = tuple[str, str]

_ITEM = ("server", "item", "information_type")
# Which metrics there are: their labels, and what they are.
ALL: dict[str, tuple[tuple[str, ...], str]] = {
    "dse_backup_last_conforming_timestamp_seconds": (_ITEM, "When the last conforming backup ended."),
    "dse_backup_last_conforming_size_bytes": (_ITEM, "Size of the last conforming backup."),
    "dse_backup_last_result": (
        (*_ITEM, "result"),
        "1 for how the last attempt ended: conforming, first, accepted, review, nonconforming or failed.",
    ),
    "dse_backup_overdue_timestamp_seconds": (
        _ITEM,
        "From when on, by the procedure's calendar, a backup is missed, unless a conforming one comes before.",
    ),
    "dse_backup_open_failures": (_ITEM, "Failures that nothing has closed (FOR 7.5 DSE 05)."),
    "dse_backup_missed_slots": (_ITEM, "Slots that passed without a backup and are open in the failure log."),
    "dse_backup_undecided": (_ITEM, "Backups in review or nonconforming on which JAA has not decided."),
    "dse_backup_overdue_deliveries": (_ITEM, "Backups that CSC should have by now and has not."),
    "dse_backup_overdue_acknowledgements": (("server",), "Deliveries of which CSC should have spoken by now."),
    "dse_backup_overdue_loans": ((), "Loans of CSC's to be given back by now, or for too long without an answer."),
    "dse_backup_ledger_size_bytes": ((), "Size of the ledger's files, all years."),
    "dse_backup_run_timestamp_seconds": (("playbook",), "When a playbook last ended that was run without --limit."),
    "dse_backup_run_exit_status": (("playbook",), "Its exit status: 0, 2 (something failed), 3 (no ledger)."),
}


class Sample(NamedTuple):
    """One value of a metric, with the values of its labels in their order."""

    name: str
    labels: tuple[str, ...]
    value: float


def of_run(playbook: str, ended_at: datetime, status: int) -> list[Sample]:
    """Return what is told of a run itself."""
    return [
        Sample("dse_backup_run_timestamp_seconds", (playbook,), ended_at.timestamp()),
        Sample("dse_backup_run_exit_status", (playbook,), status),
    ]


def of_ledger(index: Index, procedure: Procedure, now: datetime) -> list[Sample]:
    """Return what the ledger amounts to at ``now`` (aware, in the institution's zone)."""
    today = now.date()
    failures = index.open_failures()
    # What failed may be a whole repository, or a request that no item carries out yet.
    kinds: dict[Place, str] = {(each.server, each.item_id): each.information_type for each in failures}
    failing = set(kinds)
    made: list[_Made] = []
    for item_id, history in index.histories().items():
        if history.previous:
            made.append(_Made((history.server, item_id), history, *_last(index, history)))
            kinds[made[-1].place] = made[-1].last.information_type if made[-1].last else ""
    overdue = _overdue(index, procedure, {each.place: each.history for each in made}, failing, now)
    kinds.update({place: each.kind for place, each in overdue.items()})

    def of(name: str, place: Place, value: float, *more: str) -> Sample:
        return Sample(name, (*place, kinds[place], *more), value)

    found = []
    for each in made:
        if each.conforming:
            ended = datetime.fromisoformat(each.conforming.finished_at or each.conforming.started_at)
            found.append(of("dse_backup_last_conforming_timestamp_seconds", each.place, ended.timestamp()))
            found.append(of("dse_backup_last_conforming_size_bytes", each.place, each.conforming.size_bytes))
        if each.last:
            found.append(of("dse_backup_last_result", each.place, 1, each.result))
    found += [
        of("dse_backup_overdue_timestamp_seconds", place, at.timestamp()) for place, (_kind, at) in overdue.items()
    ]
    missed = [each for each in failures if each.failure_type == "not_run"]
    late_since = (today - timedelta(days=procedure.delivery.within_days)).isoformat()
    counted: dict[str, Mapping[Place, int]] = {
        "dse_backup_open_failures": Counter((each.server, each.item_id) for each in failures),
        "dse_backup_missed_slots": Counter((each.server, each.item_id) for each in missed),
        "dse_backup_undecided": Counter((server, item_id) for item_id, server, _made in waiting.quarantined(index)),
        "dse_backup_overdue_deliveries": index.count_undelivered(late_since),
    }
    # Of an item that has moved, what its former server has left.
    kinds.update({place: "" for counts in counted.values() for place in counts if place not in kinds})
    for name, counts in counted.items():
        found += [of(name, place, counts.get(place, 0)) for place in kinds]
    unsaid = Counter(each["server"] for each in waiting.unacknowledged(index, procedure.delivery, today))
    servers = dict.fromkeys(server for server, _item in kinds)
    found += [Sample("dse_backup_overdue_acknowledgements", (server,), unsaid[server]) for server in servers]
    loans = [*waiting.loans_to_return(index, today), *waiting.loans_without_answer(index, procedure.loan, today)]
    found.append(Sample("dse_backup_overdue_loans", (), len({each.folio for each in loans})))
    return [*found, Sample("dse_backup_ledger_size_bytes", (), index.size)]


class _Made(NamedTuple):
    """An item that was ever backed up: its last conforming backup and its last one, where the ledger still has them."""

    place: Place
    history: History
    conforming: Backup | None
    last: Backup | None

    @property
    def result(self) -> str:
        """How the last attempt ended."""
        if self.last is None or (self.history.failing and self.last.conforms):
            return "failed"
        return self.last.decision or self.last.verification_result


class _Overdue(NamedTuple):
    """Of what kind an item is by its request, and from when on a backup of it is missed."""

    kind: str
    at: datetime


def _last(index: Index, history: History) -> tuple[Backup | None, Backup | None]:
    folios = [made["folio"] if made else None for made in (history.baseline, history.previous)]
    backups = {folio: index.backup(folio) for folio in set(folios) if folio}
    return backups.get(folios[0]), backups.get(folios[1])


def _overdue(
    index: Index, procedure: Procedure, items: Mapping[Place, History], failing: Collection[Place], now: datetime
) -> dict[Place, _Overdue]:
    """Return of what is accepted and in force from when on it is missed.

    The inventory is not known here. Where of several items of one request some are made and others are not any more, it
    has left those out; unless it has not, and their failures are open.
    """
    today = now.date()
    requests, carried_out = index.requests(), index.carried_out()
    found: dict[Place, _Overdue] = {}
    for chain in requests.chains():
        versions = [each for each in chain if each.was_accepted]
        current = requests.version(versions[0].folio, today) if versions else None
        kind = procedure.information_types.get(current.information_type) if current else None
        if current is None or kind is None or standing(current, today):
            continue
        begins = date.fromisoformat(versions[0].valid_from)
        for server in current.servers:
            names = dict.fromkeys(name for each in chain for name in carried_out.get((each.folio, server), ()))
            of_request = {}
            for name in names or (current.folio,):
                history = items.get((server, name))
                last = history.last_conforming_on if history else None
                at = calendar.overdue_at(kind, min(last, today) if last else None, begins, now)
                of_request[(server, name)] = _Overdue(kind.key, at)
            is_made = any(each.at > now for each in of_request.values())
            for place, each in of_request.items():
                if not is_made or each.at > now or place in failing:
                    found[place] = each
    return found
