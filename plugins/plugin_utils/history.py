# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says of one item, kept up to date record by record.

A history is small whatever the ledger's length: it is the fold of the item's records, in their order. The ledger
keeps it beside the records, so that a plan never reads old lines.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import (
    CONFORMING,
    FIRST,
    NONCONFORMING,
    REVIEW,
    add_peak,
)

# Days with an outcome that are remembered, to find the gaps between them. By number, not by age: after a long silence
# the last day before it must stay until the gap is recorded, and one false date must not push the true ones out.
_REMEMBERED_DAYS = 14
_REMEMBERED_RUNS = 50


@dataclass
class History:
    """The past of one item. Dates are ISO text, as in the records; absent means never."""

    server: str = ""
    # ``file_name``, ``tree``, ``size_bytes``, ``entry_count``, ``backup_date``, ``folio`` of two earlier backups.
    baseline: dict[str, Any] | None = None
    previous: dict[str, Any] | None = None
    # Of the 60-day kinds: how many conforming cycles there have been.
    cycles: int = 0
    review: str | None = None
    nonconforming: str | None = None
    outcome_days: list[str] = field(default_factory=list)
    # [date, size] of conforming backups that may still be the largest of the window.
    peaks: list[list[Any]] = field(default_factory=list)
    # Runs by hand on the server whose failures are known.
    host_runs: list[str] = field(default_factory=list)

    @property
    def last_conforming_on(self) -> date | None:
        return date.fromisoformat(self.baseline["backup_date"]) if self.baseline else None

    @property
    def review_on(self) -> date | None:
        return date.fromisoformat(self.review) if self.review else None

    @property
    def nonconforming_on(self) -> date | None:
        return date.fromisoformat(self.nonconforming) if self.nonconforming else None

    def add(self, record: dict[str, Any]) -> None:
        """Take one more record of the item into account."""
        if record["record_type"] == "backup":
            self._add_backup(record)
        elif record["record_type"] == "failure" and record.get("scheduled_for") and not record.get("about_folio"):
            self._add_day(record["scheduled_for"][:10])
        if record.get("host_run_id") and record.get("execution_mode") == "manual":
            self.host_runs = [*self.host_runs, record["host_run_id"]][-_REMEMBERED_RUNS:]

    def _add_backup(self, record: dict[str, Any]) -> None:
        day = record["backup_date"]
        self.server = record["server"]
        self._add_day(day)
        made = {key: record.get(key) for key in ("file_name", "size_bytes", "entry_count", "backup_date", "folio")}
        # For files the recorded digest is the snapshot's tree id; a dump's digest never equals one, which is right.
        made["tree"] = record.get("sha256")
        self.previous = made
        result = record["verification_result"]
        if result in (CONFORMING, FIRST):
            self.baseline = made
            self.cycles += 1
            self.peaks = add_peak(self.peaks, day, record["size_bytes"])
            self.review = self.nonconforming = None
        elif result == REVIEW:
            self.review = day
        elif result == NONCONFORMING:
            self.nonconforming = day

    def _add_day(self, day: str) -> None:
        self.outcome_days = sorted({*self.outcome_days, day})[-_REMEMBERED_DAYS:]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return asdict(self)
