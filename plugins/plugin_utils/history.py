# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says of one item, kept up to date record by record.

A history is small whatever the ledger's length: it is the fold of the item's records, in their order. The ledger
keeps it beside the records, so that a plan never reads old lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import (
    CONFORMING,
    FIRST,
    NONCONFORMING,
    REVIEW,
    add_peak,
)

_REMEMBERED_RUNS = 50
_REMEMBERED_SHARES = 12
# Suspect backups on which JAA may still decide.
_QUARANTINED = 50
# A failure of another stage (a restore, a damaged copy) says nothing about whether the backup of its day took place.
_OUTCOME_STAGES = (None, "backup", "verification")


class Standing(NamedTuple):
    """What of a history decides whether its item is due: most of it is for judging a backup."""

    server: str
    last_conforming_on: date | None
    review_on: date | None
    nonconforming_on: date | None


@dataclass
class History:
    """The past of one item. Dates are ISO text, as in the records; absent means never."""

    server: str = ""
    # The request by which it was last backed up.
    request_folio: str = ""
    # ``file_name``, ``tree``, ``schema``, ``size_bytes``, ``entry_count``, ``backup_date``, ``folio`` and ``number``
    # (which backup of the item it is) of two earlier backups.
    baseline: dict[str, Any] | None = None
    previous: dict[str, Any] | None = None
    # How many backups there have been, and how many conforming ones (the cycles of the 60-day kinds).
    backups: int = 0
    cycles: int = 0
    review: str | None = None
    nonconforming: str | None = None
    # [date, size] of conforming backups that may still be the largest of the window.
    peaks: list[list[Any]] = field(default_factory=list)
    # Runs by hand on the server whose failures are known.
    host_runs: list[str] = field(default_factory=list)
    # Shares of new data (%) of the last conforming backups: what is usual for this item.
    new_data: list[float] = field(default_factory=list)
    # Suspect backups without a decision, by folio.
    quarantine: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Whether the newest outcome is anything but a conforming backup: nothing of such an item is pruned.
    failing: bool = False
    # Days of the last drill that passed, and of the last one at all.
    drilled_on: str | None = None
    drill_tried_on: str | None = None

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
        kind = record["record_type"]
        if kind == "backup":
            self._add_backup(record)
        elif kind == "decision":
            self._add_decision(record)
        elif kind == "drill":
            self.drill_tried_on = record["started_at"][:10]
            if record["result"] == "passed":
                self.drilled_on = self.drill_tried_on
        elif kind == "failure" and record.get("failure_stage") in _OUTCOME_STAGES and not record.get("about_folio"):
            self.failing = True
        if record.get("host_run_id") and record.get("execution_mode") == "manual":
            self.host_runs = [*self.host_runs, record["host_run_id"]][-_REMEMBERED_RUNS:]

    def _add_backup(self, record: dict[str, Any]) -> None:
        day = record["backup_date"]
        self.server, self.request_folio = record["server"], record.get("request_folio") or ""
        self.backups += 1
        made = {key: record.get(key) for key in ("file_name", "size_bytes", "entry_count", "backup_date", "folio")}
        # For files the recorded digest is the snapshot's tree id; a dump's digest never equals one, which is right.
        made.update(tree=record.get("sha256"), schema=record.get("schema_sha256"), number=self.backups)
        self.previous = made
        result = record["verification_result"]
        self.failing = result not in (CONFORMING, FIRST)
        if not self.failing:
            self.baseline = made
            # Its own number counts those of years that were disposed of, too.
            self.cycles = max(self.cycles + 1, record.get("cycle_number") or 0)
            self.peaks = add_peak(self.peaks, day, record["size_bytes"])
            self.review = self.nonconforming = None
            if record.get("new_data_pct") is not None:
                self.new_data = [*self.new_data, record["new_data_pct"]][-_REMEMBERED_SHARES:]
            return
        if result == REVIEW:
            self.review = day
        elif result == NONCONFORMING:
            self.nonconforming = day
        if made["folio"]:
            newest = [*self.quarantine.items(), (made["folio"], made)][-_QUARANTINED:]
            self.quarantine = dict(newest)

    def _add_decision(self, record: dict[str, Any]) -> None:
        """Let go of a suspect backup; an accepted one counts from now on as if it had conformed."""
        made = self.quarantine.pop(record["about_folio"], None)
        if made is None:
            return
        if self.review == made["backup_date"]:
            self.review = None
        if self.nonconforming == made["backup_date"]:
            self.nonconforming = None
        if record["decision"] != "accepted":
            return
        self.cycles += 1
        if self.baseline is None or self.baseline["number"] < made["number"]:
            self.baseline = made
            # JAA has seen what was lost: from here on it is measured anew.
            self.peaks = [[made["backup_date"], made["size_bytes"]]]
        if made["number"] == self.backups:
            self.failing = False

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return dict(vars(self))
