# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger's lines add up to, in SQLite beside them, so that neither planning nor appending reads old lines.

It is derived: delete it and it is made again. Its truth is how far into each file it has read.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, FIRST
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure, Trial
from ansible_collections.dse.backup.plugins.plugin_utils.history import History, Standing
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_tables import OUTDATED, VERSION, Tables
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Loan
from ansible_collections.dse.backup.plugins.plugin_utils.media import Medium
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request, Requests
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import RepositoryHistory

_NAME = "index.sqlite3"
_FILE = re.compile(r"ledger-[0-9]{4}\.jsonl")
# What comes of a line that is JSON and no record; the last three, of a value that SQLite cannot take.
_NOT_A_RECORD = (
    *(ValueError, KeyError, TypeError, AttributeError, RecursionError),
    *(OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
)


class Index(Tables):
    """An open index; a context manager. Use `for_writing` under the ledger's lock, `for_reading` anywhere."""

    def __init__(self, directory: str, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._directory = directory
        # What was read of backups, by item (None: all), where that is kept.
        self._kept: dict[str | None, list[Backup]] | None = None

    @classmethod
    def for_writing(cls, directory: str) -> Index:
        """Open the index, made anew if it is missing, damaged or ahead of the files, and read what is new in them."""
        path = os.path.join(directory, _NAME)
        index = cls(directory, sqlite3.connect(path, timeout=60))
        try:
            try:
                # Not WAL: there a reader makes files of its own.
                index._connection.execute("PRAGMA journal_mode = DELETE")
                index._connection.execute("PRAGMA synchronous = NORMAL")
                if index._version() != VERSION or index._is_ahead():
                    raise sqlite3.DatabaseError("out of step")
            except sqlite3.DatabaseError:
                index._connection.close()
                _discard(path)
                index._connection = sqlite3.connect(path, timeout=60)
                index.create()
            for form_code, year in index.catch_up():
                # Whoever wrote those lines may have been stopped before their rows.
                index.set_csv_size(form_code, year, OUTDATED)
            # Kept whatever becomes of the append: a long ledger is not read twice.
            index._connection.commit()
        except BaseException:
            index._connection.close()  # Half written on a full disk, it would keep the next one out.
            raise
        return index

    @classmethod
    def discard_damaged(cls, directory: str) -> None:
        """Delete an index that SQLite finds damaged anywhere; the caller holds the ledger's lock."""
        path = os.path.join(directory, _NAME)
        try:
            index = cls(directory, sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60))
            try:
                sound = index._one("PRAGMA quick_check(1)") == "ok"
            finally:
                index._connection.close()
        except sqlite3.OperationalError:
            return  # There is none.
        except sqlite3.DatabaseError:
            sound = False
        if not sound:
            _discard(path)

    @classmethod
    def for_reading(cls, directory: str) -> Index:
        """Open the index without writing a byte: where it lags behind the files, a copy in memory catches up."""
        path = os.path.join(directory, _NAME)
        try:
            index = cls(directory, sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60))
            if index._version() == VERSION and not index._is_ahead():
                if index._is_current():
                    return index
                memory = sqlite3.connect(":memory:")
                index._connection.backup(memory)
                index._connection.close()
                index = cls(directory, memory)
            else:
                raise sqlite3.DatabaseError("out of step")
        except sqlite3.DatabaseError:
            index = cls(directory, sqlite3.connect(":memory:"))
            index.create()
        index.catch_up()
        return index

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        # What was to be written and was not must not leave its folio numbers behind.
        if kind is None:
            self._connection.commit()
        self._connection.close()

    def history(self, item_id: str) -> History:
        """Return the history of one item; empty where the ledger does not know it."""
        data = self._one("SELECT data FROM history WHERE item_id = ?", item_id, default=None)
        return History(**json.loads(data)) if data else History()

    def histories(self) -> dict[str, History]:
        """Return the history of every item that the ledger knows, by item id."""
        rows = self._connection.execute("SELECT item_id, data FROM history")
        return {item_id: History(**json.loads(data)) for item_id, data in rows}

    def standings(self) -> dict[str, Standing]:
        """Return what of every item's history decides whether it is due, by item id; read out by SQLite itself."""
        rows = self._connection.execute(
            "SELECT item_id, json_extract(data, '$.server'), json_extract(data, '$.baseline.backup_date'), "
            "json_extract(data, '$.review'), json_extract(data, '$.nonconforming') FROM history"
        )
        return {
            item_id: Standing(server, *(date.fromisoformat(day) if day else None for day in days))
            for item_id, server, *days in rows
        }

    def requests(self) -> Requests:
        """Return the register of requests."""
        rows = self._connection.execute("SELECT folio, data FROM request ORDER BY rowid")
        return Requests((folio, Request(**json.loads(data))) for folio, data in rows)

    def carried_out(self) -> dict[tuple[str, str], list[str]]:
        """Return as which items each request was ever carried out: (folio, server) -> item ids, in their order."""
        found: dict[tuple[str, str], list[str]] = {}
        for folio, server, item_id in self._connection.execute("SELECT * FROM carried_out ORDER BY rowid"):
            found.setdefault((folio, server), []).append(item_id)
        return found

    def also_known_as(self, name: str, server: str) -> list[str]:
        """Return the ids, ``name`` first, under which one thing was ever backed up on a server.

        ``name`` is an item's id, or a request's folio: a failure has that while no item carries the request out.
        """
        query = "SELECT folio FROM carried_out WHERE item_id = ? AND server = ?"
        folios = [folio for (folio,) in self._connection.execute(query, (name, server))]
        chain: dict[str, None] = {}
        waiting = [name, *folios]
        while waiting:
            request = self._request(waiting.pop())
            if request and request.folio not in chain:
                chain[request.folio] = None
                waiting += [request.amends, request.amended_by]
        query = "SELECT item_id FROM carried_out WHERE folio = ? AND server = ?"
        names = [row[0] for folio in chain for row in self._connection.execute(query, (folio, server))]
        return list(dict.fromkeys([name, *names]))

    @property
    def size(self) -> int:
        """How many bytes of the ledger's files it has read."""
        return self._one("SELECT COALESCE(SUM(size), 0) FROM file")

    @property
    def begins_on(self) -> date:
        """The day before which nothing is known any more: the years that were disposed of."""
        year = self._one("SELECT MAX(year) FROM disposed", default=None)
        return date(year + 1, 1, 1) if year else date.min

    def suspects(self) -> list[Backup]:
        """Return the suspect backups on which JAA has not decided, in the order of their records."""
        return [each for each in self._backups("decision IS NULL") if not each.conforms]

    def open_failures(self) -> list[Failure]:
        """Return the failures that nothing has closed, in the order of their records."""
        return self._failures("closed_on IS NULL")

    def failures(self, *, item_id: str | None = None, since: str | None = None) -> list[Failure]:
        """Return the failures of an item, or all, scheduled on the day ``since`` or later; closed ones too."""
        return self._failures(*_where({"item_id = ?": item_id, "json_extract(data, '$.scheduled_for') >= ?": since}))

    def trials(self, item_id: str) -> list[Trial]:
        """Return the drills that passed, the recoveries that succeeded, the deliveries of an item, or of a server."""
        rows = self._connection.execute("SELECT data FROM trial WHERE item_id = ?", (item_id,))
        return [
            Trial(kind, backup_folio, datetime.fromisoformat(moment), folio)
            for kind, backup_folio, moment, folio in (json.loads(data) for (data,) in rows)
        ]

    def record(self, folio: str) -> dict[str, Any] | None:
        """Return the record of that folio, read from the ledger's files."""
        return next(self._records("folio = ?", folio), None)

    def newest_first(self, *record_types: str) -> Iterator[dict[str, Any]]:
        """Yield the records of these types, or all, the last one first; each is read when it is asked for."""
        marks = ", ".join("?" * len(record_types))
        where = f"WHERE record_type IN ({marks})" if record_types else ""
        query = f"SELECT file, start FROM record {where} ORDER BY rowid DESC"  # noqa: S608 (the text is ours)
        for file, start in self._connection.execute(query, record_types):
            yield self._read_record(file, start)

    def knows(self, folio: str) -> bool:
        """Tell whether a record has that folio."""
        return bool(self._one("SELECT COUNT(*) FROM record WHERE folio = ?", folio))

    def about(self, folio: str, record_type: str | None = None) -> list[dict[str, Any]]:
        """Return the records that say something about a folio, or about a view (a week, a year's plan), in order."""
        return list(self._records("about = ? AND (? IS NULL OR record_type = ?)", folio, record_type, record_type))

    def snapshots(self, server: str) -> list[str]:
        """Return the first 16 characters of the id of every snapshot recorded for ``server`` and not removed."""
        query = (
            "SELECT substr(file_name, 1, 16) FROM backup WHERE server = ? AND removed_on IS NULL UNION "
            "SELECT substr(stored_as, 1, 16) FROM backup WHERE server = ? AND removed_on IS NULL AND stored_as > '' "
            "UNION "
            "SELECT substr(safety_file_name, 1, 16) FROM recovery WHERE server = ? AND safety_file_name IS NOT NULL"
        )
        return [row[0] for row in self._connection.execute(query, (server, server, server))]

    def backups(
        self,
        *,
        item_id: str | None = None,
        server: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[Backup]:
        """Return the recorded backups of an item, or of a server, or all, in the order of their records.

        ``since`` and ``until`` are the first and the last day, ISO dates, of those that are wanted.
        """
        wanted = {"item_id = ?": item_id, "server = ?": server, "day >= ?": since, "day <= ?": until}
        if self._kept is None or server or since or until:
            return self._backups(*_where(wanted))
        if item_id not in self._kept and None not in self._kept:
            self._keep(item_id, self._backups(*_where(wanted)))
        return list(self._kept.get(item_id, []))

    def keep_what_is_read(self) -> None:
        """Read each backup once from now on: where many questions are asked of an index that does not change."""
        self._kept = self._kept or {}

    def _keep(self, item_id: str | None, backups: list[Backup]) -> None:
        """Keep the backups of an item or, where it is None, of all of them."""
        self._kept[item_id] = backups
        if item_id is None:
            of_items: dict[str | None, list[Backup]] = {}
            for backup in backups:
                of_items.setdefault(backup.item_id, []).append(backup)
            self._kept |= of_items

    def count_undelivered(self, until: str) -> dict[tuple[str, str], int]:
        """Return how many backups up to the day ``until`` CSC is to have and has not: (server, item) -> number.

        Counted by SQLite itself: as `backups.undelivered` of all of them, which takes seconds.
        """
        rows = self._connection.execute(
            "SELECT server, item_id, COUNT(*) FROM backup WHERE day <= ? AND delivery_folio IS NULL "
            "AND removed_on IS NULL AND NOT is_damaged AND (decision = 'accepted' "
            "OR json_extract(data, '$.verification_result') IN (?, ?)) GROUP BY server, item_id",
            (until, CONFORMING, FIRST),
        )
        return {(server, item_id): number for server, item_id, number in rows}

    def brought_back(self, server: str) -> dict[str, str]:
        """Return what came back from CSC's copy and has another id since: the first id -> the one that it has now."""
        query = "SELECT file_name, stored_as FROM backup WHERE server = ? AND stored_as > ''"
        return dict(self._connection.execute(query, (server,)))

    def backup(self, folio: str) -> Backup | None:
        """Return the backup of that folio."""
        return next(iter(self._backups("folio = ?", folio)), None)

    def recovery(self, folio: str) -> dict[str, Any] | None:
        """Return the record of the recovery of that folio."""
        query = "SELECT data, safety_file_name FROM recovery WHERE folio = ?"
        row = self._connection.execute(query, (folio,)).fetchone()
        return {**json.loads(row[0]), "safety_file_name": row[1]} if row else None

    def unaccepted_recoveries(self) -> list[dict[str, Any]]:
        """Return the records of the recoveries that brought something back which the CGDW has not called right yet.

        With ``is_rejected`` where it said no. What was recovered once more, and called right then, is not among them.
        """
        accepted = "SELECT about FROM acknowledgement WHERE result = 'accepted'"
        query = (
            "SELECT data, EXISTS (SELECT 1 FROM acknowledgement WHERE about = one.folio) FROM recovery AS one "  # noqa: S608
            f"WHERE json_extract(data, '$.result') = 'restored' AND folio NOT IN ({accepted}) AND NOT EXISTS "
            f"(SELECT 1 FROM recovery AS other WHERE other.folio IN ({accepted}) AND json_extract(other.data, "
            "'$.item_id') = json_extract(one.data, '$.item_id') AND json_extract(other.data, '$.recorded_at') > "
            "json_extract(one.data, '$.recorded_at')) ORDER BY folio"
        )
        return [{**json.loads(data), "is_rejected": bool(told)} for data, told in self._connection.execute(query)]

    def unacknowledged_deliveries(self) -> list[dict[str, Any]]:
        """Return the records of the deliveries of which CSC has said nothing yet."""
        return list(self._records("record_type = 'delivery' AND folio NOT IN (SELECT about FROM acknowledgement)"))

    def loan(self, folio: str) -> Loan | None:
        """Return the loan of that folio, as far as it has come."""
        data = self._one("SELECT data FROM loan WHERE folio = ?", folio, default=None)
        return Loan(**json.loads(data)) if data else None

    def loans(self, *, is_open: bool = False) -> list[Loan]:
        """Return all loans, or those in which somebody still has to take a step, in the order of their requests."""
        where = "is_open" if is_open else "1"
        rows = self._connection.execute(f"SELECT data FROM loan WHERE {where} ORDER BY rowid")  # noqa: S608 (it is ours)
        return [Loan(**json.loads(data)) for (data,) in rows]

    def rejected_deliveries(self) -> list[dict[str, Any]]:
        """Return the records of the deliveries that CSC sent back."""
        rejected = "SELECT about FROM acknowledgement WHERE result = 'rejected'"
        return list(self._records(f"record_type = 'delivery' AND folio IN ({rejected})"))

    def media(self) -> list[Medium]:
        """Return the register of media, by their ids."""
        rows = self._connection.execute("SELECT data FROM medium ORDER BY media_id")
        return [self._medium(data) for (data,) in rows]

    def medium(self, media_id: str) -> Medium | None:
        """Return the medium of that id."""
        data = self._one("SELECT data FROM medium WHERE media_id = ?", media_id, default=None)
        return self._medium(data) if data else None

    def acknowledged(self, about: str) -> list[tuple[str, str]]:
        """Return who acknowledged a folio or a view and how: (role, accepted or rejected), in order."""
        query = "SELECT role, result FROM acknowledgement WHERE about = ? ORDER BY rowid"
        return list(self._connection.execute(query, (about,)))

    def plan_lines(self, year: int) -> list[dict[str, Any]]:
        """Return the lines of a year's plan (FOR 7.5 CSC 01), of all its versions, in order."""
        return [each for each in self._records("record_type = 'plan'") if each["plan_year"] == year]

    def safety_snapshots(self, server: str) -> dict[str, str]:
        """Return what was stored before something was restored in place on ``server``: snapshot id -> ISO date."""
        query = "SELECT safety_file_name, data FROM recovery WHERE server = ? AND safety_file_name IS NOT NULL"
        return {name: json.loads(data)["recorded_at"][:10] for name, data in self._connection.execute(query, (server,))}

    def repository(self, server: str) -> RepositoryHistory:
        """Return what is known of the verifications of a server's repository."""
        data = self._one("SELECT data FROM repository WHERE server = ?", server, default=None)
        return RepositoryHistory(**json.loads(data)) if data else RepositoryHistory()

    def open_runs(self) -> dict[str, list[dict[str, Any]]]:
        """Return the runs that have no end in the ledger, with what they planned and has no outcome."""
        runs: dict[str, list[dict[str, Any]]] = {
            row[0]: [] for row in self._connection.execute("SELECT run_id FROM run WHERE ended = 0")
        }
        for run_id, data in self._connection.execute("SELECT run_id, data FROM pending ORDER BY run_id, unit"):
            if run_id in runs:
                runs[run_id].append(json.loads(data))
        return runs

    def recorded(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the ledger has that ``entry`` would only say again, or None where it is news.

        Of a backup or a slot that passed without one, its record; empty where a failure is closed already.
        """
        kind, about = entry["record_type"], entry.get("about_folio")
        if kind == "closing" and self._one("SELECT closed_on FROM failure WHERE folio = ?", about, default=None):
            return {}
        if kind == "backup":
            query = "SELECT folio FROM backup WHERE server = ? AND file_name = ? AND removed_on IS NULL"
            values = (entry["server"], entry["file_name"])
        elif kind == "failure" and entry.get("failure_type") == "not_run" and not entry.get("run_id"):
            query = (
                "SELECT folio FROM failure WHERE item_id = ? AND json_extract(data, '$.server') = ? AND "
                "json_extract(data, '$.scheduled_for') = ? AND json_extract(data, '$.failure_type') = 'not_run'"
            )
            values = (entry["item_id"], entry["server"], entry["scheduled_for"])
        else:
            return None
        folio = self._one(query, *values, default=None)
        return self.record(folio) if folio else None

    def is_open_run(self, run_id: str) -> bool:
        """Tell whether a run stands in the ledger without its end."""
        return bool(self._one("SELECT COUNT(*) FROM run WHERE run_id = ? AND ended = 0", run_id))

    def rollback(self) -> None:
        """Forget what was not committed: it is read again from the files by the next one."""
        self._connection.rollback()

    def csv_size(self, form_code: str, year: int) -> int | None:
        """Return the size at which a form's CSV file of a year was left, or None where there is none."""
        return self._one("SELECT size FROM csv WHERE form_code = ? AND year = ?", form_code, year, default=None)

    def set_csv_size(self, form_code: str, year: int, size: int) -> None:
        """Remember the size at which a form's CSV file of a year is left."""
        self._connection.execute("INSERT OR REPLACE INTO csv VALUES (?, ?, ?)", (form_code, year, size))

    def outdated_csv(self) -> set[tuple[str, int]]:
        """Return form and year of the CSV files that may lack rows, whoever comes by next."""
        return set(self._connection.execute("SELECT form_code, year FROM csv WHERE size = ?", (OUTDATED,)))

    def catch_up(self) -> set[tuple[str, int]]:
        """Read the whole lines that the files have and the index has not; the caller commits.

        Returns form and year of the lines that were read.
        """
        forms = set()
        for name in ledger_files(self._directory):
            start = offset = self._one("SELECT size FROM file WHERE name = ?", name)
            with open(os.path.join(self._directory, name), "rb") as stream:
                stream.seek(offset)
                for line in stream:
                    if not line.endswith(b"\n"):
                        break
                    start_of_line, offset = offset, offset + len(line)
                    try:
                        record = json.loads(line)
                        self.add(record)
                        self.remember_place(record, name, start_of_line)
                        if record.get("form_code"):
                            forms.add((record["form_code"], int(name[7:11])))
                    except _NOT_A_RECORD:
                        continue  # A line that somebody damaged: the chain's verification names it.
            if offset != start:
                self._connection.execute("INSERT OR REPLACE INTO file VALUES (?, ?)", (name, offset))
        return forms

    def _medium(self, data: str) -> Medium:
        """Return a medium as it was last registered, or lent, whatever was registered, while JAA has it on loan."""
        medium = Medium(**json.loads(data))
        for loan in self.loans(is_open=True):
            if loan.is_out and loan.media_id == medium.media_id:
                medium.lend(loan.folio)
        return medium

    def _backups(self, where: str, *values: Any) -> list[Backup]:
        rows = self._connection.execute(
            "SELECT data, decision, failure_folio, removed_on, is_damaged, delivery_folio, stored_as FROM backup "  # noqa: S608 (the text is ours)
            f"WHERE {where} ORDER BY rowid",
            values,
        )
        return [
            Backup(
                **json.loads(data),
                decision=decision,
                failure_folio=failure_folio,
                removed_on=removed_on,
                is_damaged=bool(is_damaged),
                delivery_folio=delivery_folio,
                stored_as=stored_as,
            )
            for data, decision, failure_folio, removed_on, is_damaged, delivery_folio, stored_as in rows
        ]

    def _failures(self, where: str, *values: Any) -> list[Failure]:
        rows = self._connection.execute(
            f"SELECT data FROM failure WHERE {where} ORDER BY rowid",  # noqa: S608 (the text is ours)
            values,
        )
        return [Failure(**json.loads(data)) for (data,) in rows]

    def _records(self, where: str, *values: Any) -> Iterator[dict[str, Any]]:
        places = self._connection.execute(
            f"SELECT file, start FROM record WHERE {where} ORDER BY rowid",  # noqa: S608 (the text is ours)
            values,
        ).fetchall()
        for file, start in places:
            yield self._read_record(file, start)

    def _read_record(self, file: str, start: int) -> dict[str, Any]:
        with open(os.path.join(self._directory, file), "rb") as stream:
            stream.seek(start)
            return json.loads(stream.readline())

    def _version(self) -> int:
        return self._one("PRAGMA user_version")

    def _sizes(self) -> list[tuple[int, int]]:
        """Return, per file, how far the index has read it and how long it is."""
        known = dict(self._connection.execute("SELECT name, size FROM file"))
        sizes = {name: os.path.getsize(os.path.join(self._directory, name)) for name in ledger_files(self._directory)}
        return [(known.get(name, 0), sizes.get(name, 0)) for name in sorted({*known, *sizes})]

    def _is_ahead(self) -> bool:
        """Tell whether it has read what is not there, or what comes after a file that was brought back since."""
        sizes = self._sizes()
        back = next((at for at, (read, size) in enumerate(sizes) if read == 0 < size), len(sizes))
        return any(read > size for read, size in sizes) or any(read for read, _size in sizes[back:])

    def _is_current(self) -> bool:
        return all(read == size for read, size in self._sizes())


def _where(wanted: dict[str, str | None]) -> tuple[str, ...]:
    """Return the condition of a query, of what is wanted alone so that its indexes serve, and its values."""
    given = {condition: value for condition, value in wanted.items() if value is not None}
    return (" AND ".join(given) or "1", *given.values())


def _discard(path: str) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)


def ledger_files(directory: str) -> list[str]:
    """Return the names of the ledger's files, oldest year first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if _FILE.fullmatch(name))
