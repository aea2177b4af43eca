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
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request, Requests


class Expected(NamedTuple):
    """One backup that JAA accepted, on one server. ``item_id`` is the request's folio where no item ever was its.

    ``folios`` are of the request and its changes: while it had no item, its failures were recorded under one of them.
    """

    item_id: str
    server: str
    request: Request
    stretches: list[Stretch]
    is_in_inventory: bool
    folios: tuple[str, ...] = ()

    @property
    def item(self) -> dict[str, Any]:
        """The item, as far as a record of its failure needs it."""
        return {
            "id": self.item_id,
            "service": self.request.service,
            "information_type": self.request.information_type,
        }


def expected(
    requests: Requests, register: Register, histories: Mapping[str, History], procedure: Procedure, today: date
) -> list[Expected]:
    """Return what was ever expected, in the order of the requests."""
    inventory: dict[tuple[str, str], list[str]] = {}
    for element in (*register.items, *register.refusals):
        folio = element.definition.get("request_folio")
        if isinstance(folio, str):
            inventory.setdefault((folio, element.server), []).append(element.item_id)
    known: dict[tuple[str, str], list[str]] = {}
    for item_id, history in histories.items():
        known.setdefault((history.request_folio, history.server), []).append(item_id)
    found = []
    for chain in requests.chains():
        versions = [each for each in chain if each.was_accepted]
        for server in dict.fromkeys(server for version in versions for server in version.servers):
            stretches = _stretches(versions, server, procedure)
            if not stretches:
                continue
            places = [(version.folio, server) for version in chain]
            present = [item_id for place in places for item_id in inventory.get(place, [])]
            gone = [item_id for place in places for item_id in known.get(place, [])]
            current = requests.version(versions[0].folio, today) or versions[-1]
            for item_id in dict.fromkeys(present or gone or [current.folio]):
                folios = tuple(version.folio for version in chain)
                found.append(Expected(item_id, server, current, stretches, bool(present), folios))
    return found


def _stretches(versions: list[Request], server: str, procedure: Procedure) -> list[Stretch]:
    """Return when the versions of a request expect a backup of ``server``; neighbours of one kind are one stretch."""
    stretches: list[Stretch] = []
    for version, after in zip(versions, [*versions[1:], None]):
        kind = procedure.information_types.get(version.information_type)
        if kind is None or server not in version.servers:
            continue
        begins, ends = date.fromisoformat(version.valid_from), version.last_day
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
    each: Expected, index: Index, now: datetime, *, also: Iterable[Backup] = (), until: date | None = None
) -> list[Slot]:
    """Return the slots of what is expected; ``also`` are backups that are not in the ledger yet."""
    backups = _made([*index.backups(item_id=each.item_id), *also])
    return calendar.slots(each.stretches, backups, _failed(each, index), now, until)


def unrecorded(each: Expected, index: Index, now: datetime, *, also: Iterable[Backup] = ()) -> list[Slot]:
    """Return the slots that went wrong and of which the failure log says nothing yet."""
    return calendar.unrecorded(slots(each, index, now, also=also), _failed(each, index), now)


def missed(each: Expected, slot: Slot, *, context: outcomes.Context, procedure: Procedure) -> dict[str, Any]:
    """Return the failure for a slot in which no backup was tried."""
    return outcomes.missed(
        each.item, each.server, slot.kind, slot.first, slot.last, context=context, procedure=procedure
    )


def _failed(each: Expected, index: Index) -> list[datetime]:
    return [
        failure.moment
        for name in dict.fromkeys([each.item_id, *each.folios])
        for failure in index.failures(item_id=name)
        # A folio may stand for several servers.
        if failure.is_of_a_backup and (name not in each.folios or failure.server == each.server)
    ]
