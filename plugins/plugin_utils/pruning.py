# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups of each item may go now, by its rule, its history and what is on loan: for prune.yml and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.retention import Fate, Retention, fates, with_own


class ItemFates(NamedTuple):
    """One item on its server: all its backups, the rule it is kept by, and the fate of those that are still there."""

    server: str
    item_id: str
    backups: list[Backup]
    retention: Retention
    fates: list[Fate]


def of_items(
    index: Index, register: Register, procedure: Procedure, today: date, *, wants: Callable[[str, str], bool]
) -> Iterator[ItemFates]:
    """Yield the items that ``wants`` takes, by server and id."""
    places: dict[tuple[str, str], list[Backup]] = {}
    for backup in index.backups():
        if wants(backup.server, backup.item_id):
            places.setdefault((backup.server, backup.item_id), []).append(backup)
    histories = index.histories()
    own = {item.item_id: item.definition.get("retention") for item in register.items}
    unreadable = {refusal.server for refusal in register.refusals}
    lent = {
        file["folio"]: f"su copia de CSC está en préstamo ({loan.folio})"
        for loan in index.loans(is_open=True)
        for file in loan.files
    }
    for (server, item_id), backups in sorted(places.items()):
        kind = procedure.information_type(backups[-1].information_type)
        retention = with_own(kind.retention, own.get(item_id))
        if item_id not in own and server in unreadable:
            # What its own retention is cannot be read: nothing goes until somebody mends the inventory.
            present = [backup for backup in backups if backup.removed_on is None]
            decided = [Fate(backup, False, "el inventario de su servidor tiene errores") for backup in present]
        else:
            history = histories.get(item_id, History())
            decided = fates(
                backups,
                retention,
                procedure.safeguards,
                today=today,
                cycle_days=kind.schedule.days or 60,
                baseline=history.baseline["folio"] if history.baseline else None,
                is_failing=history.failing,
                lent=lent,
            )
        yield ItemFates(server, item_id, backups, retention, decided)
