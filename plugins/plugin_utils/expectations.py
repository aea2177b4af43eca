# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is expected to be backed up, since when and how often: by what JAA accepted, not by what happens to be there.

A server that was forgotten in the inventory, or an item that somebody took out of it, is still expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import REVIEW
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import Made, Slot, Stretch
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request, Requests


class Expected(NamedTuple):
    """One backup that JAA accepted, on one server. ``item_id`` is the request's folio where no item ever was its.

    ``folios`` are of the request and its changes: while it had no item, its failures were recorded under one of them.
    ``item_ids`` are all under which it was ever backed up there: an item may be renamed, moved, or requested anew.
    """

    item_id: str
    server: str
    request: Request
    stretches: list[Stretch]
    is_in_inventory: bool
    folios: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()


def expected(
    requests: Requests,
    register: Register,
    carried_out: Mapping[tuple[str, str], list[str]],
    procedure: Procedure,
    today: date,
    not_before: date = date.min,
) -> list[Expected]:
    """Return what was ever expected, in the order of the requests.

    ``carried_out`` has the items as which a request, by its folio, was ever backed up on a server; of what lies before
    ``not_before`` nothing is known any more.
    """
    inventory: dict[tuple[str, str], list[str]] = {}
    for element in (*register.items, *register.refusals):
        folio = element.definition.get("request_folio")
        if isinstance(folio, str):
            inventory.setdefault((folio, element.server), []).append(element.item_id)
    found = []
    for chain in requests.chains():
        versions = [each for each in chain if each.was_accepted]
        for server in dict.fromkeys(server for version in versions for server in version.servers):
            stretches = _stretches(versions, server, procedure, not_before)
            if not stretches:
                continue
            places = [(version.folio, server) for version in chain]
            present = [item_id for place in places for item_id in inventory.get(place, [])]
            past = [item_id for place in places for item_id in carried_out.get(place, [])]
            current = requests.version(versions[0].folio, today) or versions[-1]
            names = list(dict.fromkeys(present)) or past[-1:] or [current.folio]
            # Where several items share the request, what is not there any more was the first one's.
            others = [item_id for item_id in dict.fromkeys(past) if item_id not in names]
            for name in names:
                item_ids = (name, *others) if name == names[0] else (name,)
                folios = tuple(version.folio for version in chain)
                found.append(Expected(name, server, current, stretches, bool(present), folios, item_ids))
    return found


def _stretches(versions: list[Request], server: str, procedure: Procedure, not_before: date) -> list[Stretch]:
    """Return when the versions of a request expect a backup of ``server``; neighbours of one kind are one stretch."""
    stretches: list[Stretch] = []
    for version, after in zip(versions, [*versions[1:], None]):
        kind = procedure.information_types.get(version.information_type)
        if kind is None or server not in version.servers:
            continue
        begins, ends = max(date.fromisoformat(version.valid_from), not_before), version.last_day
        if after:
            before_it = date.fromisoformat(after.valid_from) - timedelta(days=1)
            ends = min(ends, before_it) if ends else before_it
        if ends and ends < begins:
            continue
        last = stretches[-1] if stretches else None
        if last and last.kind == kind and last.ends and last.ends + calendar.DAY == begins:
            stretches[-1] = last._replace(ends=ends)
        else:
            stretches.append(Stretch(kind, begins, ends))
    return stretches


def expected_by(index: Index, register: Register, procedure: Procedure, today: date) -> list[Expected]:
    """Return what was ever expected, as the ledger knows it."""
    requests, carried_out, not_before = index.requests(), index.carried_out(), index.begins_on
    return expected(requests, register, carried_out, procedure, today, not_before)


def _made(backups: Iterable[Backup]) -> Iterator[Made]:
    """Yield what the calendar asks of each backup."""
    for backup in backups:
        waits = backup.verification_result == REVIEW and backup.decision is None
        yield Made(
            date.fromisoformat(backup.backup_date),
            backup.moment,
            backup.folio,
            backup.conforms,
            waits=waits,
            is_manual=backup.execution_mode == "manual",
        )


def slots(
    each: Expected,
    index: Index,
    now: datetime,
    *,
    also: Iterable[Backup] = (),
    until: date | None = None,
    known: Iterable[Backup] | None = None,
) -> list[Slot]:
    """Return the slots of what is expected.

    ``known`` are its backups, where they were read already; ``also`` are some that are not in the ledger yet.
    """
    made = backups(each, index) if known is None else known
    return calendar.slots(each.stretches, _made([*made, *also]), _failed(each, index), now, until)


def unrecorded(each: Expected, index: Index, now: datetime, *, also: Iterable[Backup] = ()) -> list[Slot]:
    """Return the slots that went wrong and of which the failure log says nothing yet."""
    return calendar.unrecorded(slots(each, index, now, also=also), _failed(each, index), now)


def waits_for_its_first(each: Expected, index: Index, day: date) -> bool:
    """Tell whether what is expected on ``day`` was never backed up: the plan does that at once, whatever the slot."""
    holds = any(stretch.holds(day) for stretch in each.stretches)
    return holds and each.is_in_inventory and next(backups(each, index), None) is None


def missed(each: Expected, slot: Slot, *, context: outcomes.Context, procedure: Procedure) -> dict[str, Any]:
    """Return the failure for a slot in which no backup was tried."""
    item = {"id": each.item_id, "service": each.request.service, "information_type": slot.kind.key}
    return outcomes.missed(item, each.server, slot.kind, slot.first, slot.last, context=context, procedure=procedure)


def backups(each: Expected, index: Index) -> Iterator[Backup]:
    """Yield the backups of what is expected, whatever became of them, in the order of their records."""
    for item_id in each.item_ids:
        for backup in index.backups(item_id=item_id):
            # The same id may have been another server's, or another request's.
            if backup.server == each.server and backup.request_folio in each.folios:
                yield backup


def failures(each: Expected, index: Index) -> Iterator[Failure]:
    """Yield the failures of the backups of what is expected, under whatever name, closed ones too."""
    for name in dict.fromkeys([*each.item_ids, *each.folios]):
        for failure in index.failures(item_id=name):
            if failure.is_of_a_backup and failure.server == each.server:
                yield failure


def _failed(each: Expected, index: Index) -> list[datetime]:
    return [failure.moment for failure in failures(each, index)]
