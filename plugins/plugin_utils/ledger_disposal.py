# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which whole years of the ledger may go ("1 año", of the records, from the day they are closed), and what keeps them.

Nothing goes by itself. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import Chain
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import ACCEPTED, years_after
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

# What keeps a year; one record may do so for several reasons.
OPEN, IN_FORCE, YOUNG, STORED, RECENT, RUNNING = "open", "in_force", "young", "stored", "recent", "running"
# So many are named; the rest is counted.
_NAMED = 10


def gone(last: date, begins_on: date) -> str:
    """Return in words that nothing is known any more of a time that ended on ``last``; "" where something is.

    ``begins_on`` is the first day after the years that were disposed of.
    """
    return f"lo anterior al {begins_on:%d/%m/%Y} se dio de baja del registro oficial" if last < begins_on else ""


@dataclass
class Kept:
    """What keeps a year for one reason: how many, the first of them by name, and until when the last of them does."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    until: date | None = None

    def add(self, name: str, until: date | None = None) -> None:
        """Count one more."""
        self.count += 1
        if name and len(self.names) < _NAMED:
            self.names.append(name)
        if until and (self.until is None or self.until < until):
            self.until = until


@dataclass
class Year:
    """One file of the ledger: its records, the last number of each series (``DSE-05-2025``), and what keeps it."""

    file: str
    records: int = 0
    highest: dict[str, int] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)

    @property
    def year(self) -> int:
        return int(self.file[7:11])

    def keep(self, reason: str, name: str, until: date | None = None) -> None:
        """Remember that a record keeps the year."""
        self.kept.setdefault(reason, Kept()).add(name, until)


def assess(
    entries: Iterable[Entry],
    *,
    stored: Collection[str],
    running: Collection[str],
    procedure: Procedure,
    today: date,
) -> list[Year]:
    """Return the ledger's years, oldest first, and what keeps each on ``today``.

    ``stored`` are the folios of the backups whose snapshot is still in its repository; ``running`` the runs without an
    end.
    """
    keep_years = max(form.retention_years for form in procedure.forms.values())
    years: dict[str, Year] = {}
    for entry in entries:
        year = years.setdefault(entry.file, Year(entry.file))
        year.records += 1
        _assess(year, entry, stored=stored, keep_years=keep_years, today=today)
        if entry.record.get("run_event") == "started" and entry.record.get("run_id") in running:
            year.keep(RUNNING, entry.record["run_id"])
    return list(years.values())


def objections(years: list[Year], wanted: int, this_year: int) -> list[str]:
    """Return in words why the year ``wanted`` may not go; what keeps it by itself is in its ``kept``."""
    known = [year.year for year in years]
    if wanted not in known:
        return [f"no hay registros de {wanted}; hay de: {', '.join(map(str, known)) or 'ninguno'}"]
    if wanted >= this_year:
        return [f"{wanted} no ha terminado"]
    if wanted != known[0]:
        return [f"sólo se da de baja el año más antiguo, que es {known[0]}"]
    return []


def proof(year: Year, chain: Chain, file_sha256: str) -> dict[str, Any]:
    """Return what the record of the oldest year's disposal proves of it."""
    return {
        "ledger_year": year.year,
        "file_name": year.file,
        "file_sha256": file_sha256,
        "record_count": chain.files[year.file],
        "records_before": chain.records_before,
        "first_previous_sha256": chain.beginning,
        "last_record_sha256": chain.heads[year.file],
        "highest_folios": [f"{series}-{number:04d}" for series, number in sorted(year.highest.items())],
    }


def _assess(year: Year, entry: Entry, *, stored: Collection[str], keep_years: int, today: date) -> None:
    record, standing = entry.record, entry.standing
    if standing is None:
        until = years_after(date.fromisoformat(record["recorded_at"][:10]), keep_years)
        if until >= today:
            year.keep(RECENT, "", until)
        return
    folio = record["folio"]
    series, _dash, number = folio.rpartition("-")
    year.highest[series] = max(year.highest.get(series, 0), int(number))
    if standing.retention_until is None:
        year.keep(IN_FORCE if standing.status == ACCEPTED else OPEN, folio)
    elif standing.retention_until >= today:
        year.keep(YOUNG, folio, standing.retention_until)
    if folio in stored:
        year.keep(STORED, folio)
