# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index for a page, on which many questions are answered: the backups, by far the most of it, are read once."""

from __future__ import annotations

import functools
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index


class OneReading:
    """An index that remembers its backups. What it is asked besides, the index itself answers."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def backups(self, *, item_id: str | None = None, **wanted: Any) -> list[Backup]:
        """As `Index.backups`."""
        if any(each is not None for each in wanted.values()):
            return self._index.backups(item_id=item_id, **wanted)
        return list(self._all if item_id is None else self._by_item.get(item_id, ()))

    @functools.cached_property
    def _all(self) -> list[Backup]:
        return self._index.backups()

    @functools.cached_property
    def _by_item(self) -> dict[str, list[Backup]]:
        found: dict[str, list[Backup]] = {}
        for backup in self._all:
            found.setdefault(backup.item_id, []).append(backup)
        return found
