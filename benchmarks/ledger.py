# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger costs as it grows: appending, planning, the memory for it, and making again what is derived."""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger, canonical

from . import past
from .controller import Failed, playbook
from .measure import Aim, Case, Line, Sample, Table, side_by_side
from .nothing_due import apart, require_nothing_done, run_no_op, write_no_op
from .scale import Scale

# The disk's own noise is larger than one append: each sample is the mean of so many.
_APPENDS = 50
# With the run's start and end, ten records.
_BACKUPS = 8
_SERVERS = 2
# As many as five items of a server make in a year, each by its own frequency.
_RECORDS_AN_ITEM = 160
_PLAN_AIM_UP_TO = 100_000
_ABOUT = f"""\
Ledgers of at most a year of nightly runs, with an item and its request for every {_RECORDS_AN_ITEM} records (at least
{_SERVERS * past.ITEMS_EACH}). An append is one run's ten records: its start, eight backups, its end; each sample is
the mean of {_APPENDS}, each with a new `Ledger` as in a new process. SQLite does the same with one transaction, opened
anew, into a table of as many rows with the same JSON and an index on the folio, `synchronous=FULL`: no chain, no folios
given, nothing derived. The plan is `Ledger.read()`, where every item stands, and what of each is due. The whole
`backup.yml` has an inventory of {_SERVERS} servers with five items each, and nothing is due.
"""
_NOTES = (
    "Peak memory is that of `ansible-playbook` with the callback and all, the largest of its processes; beside it, one "
    "that does nothing and has no callback.",
    "Index and CSV files are derived: they are made again, once, when somebody has removed them. The CSV files are "
    "those of the current year; the figure has one append in it.",
)


class _Size:
    """A ledger of so many records, and SQLite with as many rows."""

    def __init__(self, directory: Path, records: int) -> None:
        self.records = records
        self.name = f"{records:,} records"
        self.memory: list[float] = []
        servers = max(_SERVERS, records // _RECORDS_AN_ITEM // past.ITEMS_EACH)
        self.institution = past.elements(servers * past.ITEMS_EACH)
        self._ledger = directory / "ledger"
        self._database = directory / "beside.sqlite3"
        self._numbers = itertools.count(1)
        self._run = past.run_entries(self.institution[:_BACKUPS])
        print(f"    making a ledger of {self.name}", flush=True)
        directory.mkdir()
        past.write_ledger(self._ledger, self.institution, records)
        self._make_database()
        derived = [
            Case("index", lambda: past.make_index(self._ledger)),
            Case("CSV files", self._append),
        ]
        self.derived = side_by_side(derived, 1)

    def append(self) -> None:
        """Append one run's records, many times."""
        for _time in range(_APPENDS):
            self._append()

    def append_beside(self) -> None:
        """Let SQLite do the same."""
        for _time in range(_APPENDS):
            with self._connected() as connection:
                rows = [(f"DSE-03-{next(self._numbers)}", canonical(entry)) for entry in self._run]
                connection.executemany("INSERT INTO record VALUES (?, ?)", rows)

    def plan(self) -> None:
        """Find out what is due, as the plan does."""
        now = datetime.now(past.PROCEDURE.zone)
        with self._new_ledger().read() as index:
            standings = index.standings()
        for each in self.institution:
            kind = past.PROCEDURE.information_type(each.definition["information_type"])
            if calendar.due(kind, standings[each.definition["id"]], now).now:
                raise Failed(f"{each.definition['id']} is due: has midnight passed since the ledger was made?")

    def run_playbook(self, inventory: Path) -> None:
        """Run all of `backup.yml`."""
        text, memory = apart(playbook, "backup.yml", inventory, self._ledger)
        require_nothing_done(text)
        self.memory.append(memory)

    def _append(self) -> None:
        # Each backup a snapshot of its own: what the ledger has already is not written again.
        run = [{**entry, "file_name": f"{next(self._numbers):064x}"} if "file_name" in entry else entry
               for entry in self._run]  # fmt: skip
        written = self._new_ledger().append(run)
        if len(written.records) != _BACKUPS + 2 or written.warnings:
            raise Failed(f"not all was recorded: {written.warnings}")

    def _new_ledger(self) -> Ledger:
        return Ledger(str(self._ledger), past.PROCEDURE)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Open SQLite's file, and commit at the end."""
        with closing(sqlite3.connect(self._database)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
            connection.commit()

    def _make_database(self) -> None:
        with self._connected() as connection:
            connection.execute("CREATE TABLE record (folio TEXT, data BLOB NOT NULL)")
            connection.execute("CREATE INDEX record_by_folio ON record (folio)")
            rows = ((json.loads(line).get("folio"), line) for line in self._lines())
            connection.executemany("INSERT INTO record VALUES (?, ?)", rows)

    def _lines(self) -> Iterator[bytes]:
        for path in sorted(self._ledger.glob("ledger-*.jsonl")):
            with path.open("rb") as stream:
                yield from (line.rstrip(b"\n") for line in stream)


def ledger(scale: Scale, work: Path) -> Table:
    """Measure the ledger at every size, beside SQLite and beside the smallest one."""
    # Ledgers of a million records take gigabytes: nothing of them is kept.
    with tempfile.TemporaryDirectory(dir=work) as place:
        directory = Path(place)
        sizes = [_Size(directory / str(records), records) for records in scale.records]
        no_op = write_no_op(directory)
        content = past.inventory(past.elements(_SERVERS * past.ITEMS_EACH))
        inventory = past.write_yaml(directory / "hosts.yml", content)
        beside: list[float] = []
        cases = [
            *(Case(f"append, {size.name}", size.append) for size in sizes),
            *(Case(f"SQLite, {size.name}", size.append_beside) for size in sizes),
            *(Case(f"plan, {size.name}", size.plan) for size in sizes),
            *(Case(f"backup.yml, {size.name}", lambda size=size: size.run_playbook(inventory)) for size in sizes),
            Case("no-op playbook", lambda: beside.append(apart(run_no_op, no_op, inventory))),
        ]
        measured = side_by_side(cases, scale.rounds)
    return Table("ledger", "The ledger as it grows", _ABOUT, _lines(sizes, measured, Sample(beside, "MB")), _NOTES)


def _lines(sizes: list[_Size], measured: dict[str, Sample], no_op_memory: Sample) -> list[Line]:
    smallest, *larger = sizes
    name = smallest.name
    appends = {
        case: Sample([value / _APPENDS for value in sample.values])
        for case, sample in measured.items()
        if case.startswith(("append", "SQLite"))
    }
    lines = [
        *(_against(appends, f"append, {size.name}", f"append, {name}", name, Aim(ratio=1.2)) for size in larger),
        *(_against(appends, f"append, {size.name}", f"SQLite, {size.name}", "SQLite") for size in sizes),
    ]
    for size in sizes:
        aim = Aim(plus=1.0) if size.records <= _PLAN_AIM_UP_TO else None
        lines.append(Line(f"plan, {size.name}", measured[f"plan, {size.name}"], aim=aim))
    lines += [_against(measured, f"backup.yml, {size.name}", f"backup.yml, {name}", name) for size in larger]
    for size in sizes:
        aim = Aim(plus=100)
        what = f"peak memory of backup.yml, {size.name}"
        lines.append(Line(what, Sample(size.memory, "MB"), "no-op playbook", no_op_memory, aim))
    for what in ("index", "CSV files"):
        lines += [Line(f"{what} made again, {size.name}", size.derived[what]) for size in sizes]
    return lines


def _against(samples: dict[str, Sample], ours: str, other: str, beside: str, aim: Aim | None = None) -> Line:
    what = f"{ours}, growth" if beside != "SQLite" else ours
    return Line(what, samples[ours], beside, samples[other], aim)
