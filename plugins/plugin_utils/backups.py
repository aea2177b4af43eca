# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backups that the ledger knows, with what was found out about each later: what can be restored from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, FIRST

# What the index keeps of a backup's record.
KEPT = (
    *("folio", "form_code", "item_id", "server", "service", "information_type", "source", "file_name", "sha256"),
    *("backup_date", "started_at", "finished_at", "size_bytes", "entry_count", "verification_result", "remarks"),
    *("database_engine", "database_name", "execution_mode", "request_folio", "tool", "tool_sha256"),
)


@dataclass(frozen=True)
class Backup:
    """One recorded backup. Dates are ISO text and sizes bytes, as in the records.

    ``decision`` is JAA's on a suspect one, ``removed_on`` the day on which it was pruned, ``delivery_folio`` the
    delivery by which CSC has it, ``is_damaged`` whether the last verification of the repository found that it cannot be
    read in full, ``stored_as`` its id since it was brought back from CSC's copy.
    """

    folio: str
    item_id: str
    server: str
    information_type: str
    file_name: str
    backup_date: str
    size_bytes: int
    verification_result: str
    form_code: str = ""
    service: str = ""
    source: str = ""
    sha256: str = ""
    started_at: str = ""
    finished_at: str = ""
    entry_count: int = 0
    remarks: str = ""
    database_engine: str = ""
    database_name: str = ""
    execution_mode: str = ""
    request_folio: str = ""
    tool: str = ""
    tool_sha256: str = ""
    decision: str | None = None
    failure_folio: str | None = None
    removed_on: str | None = None
    delivery_folio: str | None = None
    is_damaged: bool = False
    stored_as: str | None = None

    @property
    def conforms(self) -> bool:
        """Whether it counts: conforming, a first one, or accepted by JAA."""
        return self.decision == "accepted" or self.verification_result in (CONFORMING, FIRST)

    @property
    def snapshot(self) -> str:
        """Its full id in JAA's repository. ``file_name`` is the one that it was given when it was made."""
        return self.stored_as or self.file_name

    @property
    def is_there(self) -> bool:
        """Whether it can be read in full, as far as anybody knows."""
        return self.removed_on is None and not self.is_damaged

    @property
    def can_be_lent(self) -> bool:
        """Whether it is damaged in JAA's copy, and CSC has one."""
        return self.is_damaged and self.removed_on is None and self.delivery_folio is not None

    @property
    def moment(self) -> datetime:
        """When it was begun (aware)."""
        return datetime.fromisoformat(self.started_at)


def newest(backups: Iterable[Backup], not_after: datetime | None = None, *, or_with_csc: bool = False) -> Backup | None:
    """Return the newest backup that conforms and can be read, begun at ``not_after`` at the latest.

    With ``or_with_csc`` one that is damaged in JAA's copy counts too, where CSC has its own.
    """
    good = [each for each in backups if each.conforms and each.started_at]
    good = [each for each in good if each.is_there or (or_with_csc and each.can_be_lent)]
    if not_after is not None:
        good = [each for each in good if each.moment <= not_after]
    return max(good, key=lambda each: each.moment, default=None)


def undelivered(backups: Iterable[Backup]) -> list[Backup]:
    """Return what CSC is to have and has not: each verified backup that can be read."""
    return [each for each in backups if each.conforms and each.is_there and each.delivery_folio is None]


def kept(record: dict[str, Any]) -> dict[str, Any]:
    """Return of a backup's record what the index keeps."""
    return {key: record[key] for key in KEPT if record.get(key) is not None}
