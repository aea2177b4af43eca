# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which items a drill can be made of, with which backup, and why not of the others. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest

# Within so many days each item is tried, unless drill.yml is told otherwise.
PERIOD_DAYS = 90


def candidates(backups: Iterable[Backup], items: Container[str]) -> tuple[dict[str, Backup], list[dict[str, Any]]]:
    """Return the backup that is tried of each item, and with the reason the items of which nothing can be.

    ``items`` are the ids in the inventory: how a database is loaded stands there.
    """
    of_items: dict[str, list[Backup]] = {}
    for backup in backups:
        of_items.setdefault(backup.item_id, []).append(backup)
    found, waiting = {}, []
    for item_id, several in of_items.items():
        backup = newest(several)
        if backup is None:
            waiting.append({"item_id": item_id, "server": several[-1].server, "reason": "sin respaldo utilizable"})
        elif backup.information_type == "database" and item_id not in items:
            reason = "ya no está en el inventario: no se sabe cómo cargar su base de datos"
            waiting.append({"item_id": item_id, "server": backup.server, "reason": reason})
        else:
            found[item_id] = backup
    return found, waiting
