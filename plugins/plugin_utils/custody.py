# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds which copy of each backup (4.1.6): JAA's and CSC's, and what is wanting of either.

Pure: what the ledger knows comes in, a state goes out. Only what conforms counts: of the rest there are no two copies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Delivery
from ansible_collections.dse.backup.plugins.plugin_utils.waiting import acknowledgement_due, delivery_due

# JAA's copy: there, not readable in full, pruned.
HELD, DAMAGED, REMOVED = "held", "damaged", "removed"
# CSC's copy: received; delivered and not acknowledged, in time or not; not delivered, in time or not; sent back; never
# delivered and not to be had any more.
ACKNOWLEDGED, UNACKNOWLEDGED, ACKNOWLEDGEMENT_OVERDUE = "acknowledged", "unacknowledged", "acknowledgement_overdue"
UNDELIVERED, DELIVERY_OVERDUE, REJECTED, ABSENT = "undelivered", "delivery_overdue", "rejected", "absent"
# An item, or a backup as a whole, where it is none of those above.
COMPLETE, LOST, NO_BACKUP = "complete", "lost", "no_backup"

# The worst first; those up to the last overdue one need action.
STATES = (
    *(NO_BACKUP, LOST, DAMAGED, REJECTED, DELIVERY_OVERDUE, ACKNOWLEDGEMENT_OVERDUE),
    *(UNDELIVERED, UNACKNOWLEDGED, COMPLETE),
)
_UNKNOWN = datetime.min.replace(tzinfo=timezone.utc)
NEED_ACTION = STATES[: STATES.index(ACKNOWLEDGEMENT_OVERDUE) + 1]


class Custody(NamedTuple):
    """One backup, with the state of JAA's copy and of CSC's. ``due`` is the day from which CSC's is late, if any."""

    backup: Backup
    jaa: str
    csc: str
    due: date | None = None

    @property
    def state(self) -> str:
        """What is wanting of the two copies."""
        if self.jaa == DAMAGED:
            return DAMAGED if self.backup.delivery_folio else LOST
        return COMPLETE if self.csc == ACKNOWLEDGED else self.csc


class ItemCustody(NamedTuple):
    """An item with the backups of which there is any copy, in the order in which they were begun."""

    item_id: str
    server: str
    service: str
    information_type: str
    custodies: list[Custody]

    @property
    def newest(self) -> Custody | None:
        """The newest backup."""
        return self.custodies[-1] if self.custodies else None

    @property
    def state(self) -> str:
        """The worst of its backups' states."""
        return min((each.state for each in self.custodies), key=STATES.index, default=NO_BACKUP)

    def count(self, *, jaa: bool, csc: bool) -> int:
        """Return of how many backups JAA can read its copy, or not, and CSC was given one, or not."""
        held = [(each.jaa == HELD, each.backup.delivery_folio is not None) for each in self.custodies]
        return held.count((jaa, csc))


def by_item(
    backups: Iterable[Backup],
    *,
    unsaid: Mapping[str, dict[str, Any]],
    rejected: Collection[str],
    rule: Delivery,
    today: date,
) -> list[ItemCustody]:
    """Return the custody of each item, by server and id.

    ``unsaid`` are the deliveries of which CSC has said nothing, by folio; ``rejected`` the folios of the backups of
    which it has sent a delivery back.
    """
    of_items: dict[str, list[Backup]] = {}
    for backup in backups:
        of_items.setdefault(backup.item_id, []).append(backup)
    found = []
    for item_id, several in of_items.items():
        held = [each for each in several if each.conforms and (each.removed_on is None or each.delivery_folio)]
        held.sort(key=lambda each: each.moment if each.started_at else _UNKNOWN)
        last = (held or several)[-1]
        custodies = [_custody(each, unsaid, rejected, rule, today) for each in held]
        found.append(ItemCustody(item_id, last.server, last.service, last.information_type, custodies))
    return sorted(found, key=lambda each: (each.server, each.item_id))


def of_jaa(backup: Backup) -> str:
    """Return the state of JAA's copy."""
    return REMOVED if backup.removed_on else DAMAGED if backup.is_damaged else HELD


def _custody(
    backup: Backup, unsaid: Mapping[str, dict[str, Any]], rejected: Collection[str], rule: Delivery, today: date
) -> Custody:
    jaa = of_jaa(backup)
    if backup.delivery_folio:
        delivery = unsaid.get(backup.delivery_folio)
        if delivery is None:
            return Custody(backup, jaa, ACKNOWLEDGED)
        due = acknowledgement_due(delivery, rule)
        return Custody(backup, jaa, ACKNOWLEDGEMENT_OVERDUE if due <= today else UNACKNOWLEDGED, due)
    if jaa != HELD:
        return Custody(backup, jaa, ABSENT)
    due = delivery_due(backup, rule)
    if backup.folio in rejected:
        return Custody(backup, jaa, REJECTED, due)
    return Custody(backup, jaa, DELIVERY_OVERDUE if due <= today else UNDELIVERED, due)
