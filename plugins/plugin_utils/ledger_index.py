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
from collections.abc import Iterable
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.history import History

# Raise it when what is derived changes: an index of another version is made anew.
_VERSION = 2
_NAME = "index.sqlite3"
_GENESIS = "0" * 64
_FILE = re.compile(r"ledger-[0-9]{4}\.jsonl")
_FOLIO = re.compile(r"([A-Z]{3}-[0-9]{2})-([0-9]{4})-([0-9]{4,9})")
# What comes of a line that is JSON and no record; the last three, of a value that SQLite cannot take.
_NOT_A_RECORD = (
    *(ValueError, KeyError, TypeError, AttributeError),
    *(OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
)

_SCHEMA = """
CREATE TABLE file (name TEXT PRIMARY KEY, size INTEGER NOT NULL);
CREATE TABLE head (sha256 TEXT NOT NULL);
CREATE TABLE folio (series TEXT, year INTEGER, last INTEGER NOT NULL, PRIMARY KEY (series, year));
CREATE TABLE history (item_id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot (server TEXT, id TEXT, PRIMARY KEY (server, id)) WITHOUT ROWID;
CREATE TABLE run (run_id TEXT PRIMARY KEY, ended INTEGER NOT NULL);
CREATE TABLE pending (run_id TEXT, item_id TEXT, data TEXT NOT NULL, PRIMARY KEY (run_id, item_id)) WITHOUT ROWID;
CREATE TABLE csv (name TEXT PRIMARY KEY, size INTEGER NOT NULL);
"""


class Index:
    """An open index; a context manager. Use `for_writing` under the ledger's lock, `for_reading` anywhere."""

    def __init__(self, directory: str, connection: sqlite3.Connection) -> None:
        self._directory = directory
        self._connection = connection

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
                if index._version() != _VERSION or index._is_ahead():
                    raise sqlite3.DatabaseError("out of step")
            except sqlite3.DatabaseError:
                index._connection.close()
                _discard(path)
                index._connection = sqlite3.connect(path, timeout=60)
                index._create()
            index.catch_up()
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
            if index._version() == _VERSION and not index._is_ahead():
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
            index._create()
        index.catch_up()
        return index

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        # What was to be written and was not must not leave its folio numbers behind.
        if kind is None:
            self._connection.commit()
        self._connection.close()

    @property
    def head(self) -> str:
        """The hash of the last record; 64 zeros before the very first."""
        return self._one("SELECT sha256 FROM head", default=_GENESIS)

    def next_number(self, series: str, year: int) -> int:
        """Take the next folio number of a form's series; the caller holds the ledger's lock."""
        self._raise_number(
            series, year, self._one("SELECT last FROM folio WHERE series = ? AND year = ?", series, year) + 1
        )
        return self._one("SELECT last FROM folio WHERE series = ? AND year = ?", series, year)

    def history(self, item_id: str) -> History:
        """Return the history of one item; empty where the ledger does not know it."""
        data = self._one("SELECT data FROM history WHERE item_id = ?", item_id, default=None)
        return History(**json.loads(data)) if data else History()

    def histories(self) -> dict[str, History]:
        """Return the history of every item that the ledger knows, by item id."""
        rows = self._connection.execute("SELECT item_id, data FROM history")
        return {item_id: History(**json.loads(data)) for item_id, data in rows}

    def snapshots(self, server: str) -> list[str]:
        """Return the first 16 characters of the id of every snapshot recorded for ``server``."""
        return [row[0] for row in self._connection.execute("SELECT id FROM snapshot WHERE server = ?", (server,))]

    def open_runs(self) -> dict[str, list[dict[str, Any]]]:
        """Return the runs that have no end in the ledger, with what they planned and has no outcome."""
        runs: dict[str, list[dict[str, Any]]] = {
            row[0]: [] for row in self._connection.execute("SELECT run_id FROM run WHERE ended = 0")
        }
        for run_id, data in self._connection.execute("SELECT run_id, data FROM pending ORDER BY run_id, item_id"):
            if run_id in runs:
                runs[run_id].append(json.loads(data))
        return runs

    def knows_run(self, run_id: str) -> bool:
        """Tell whether a run of that id stands in the ledger."""
        return bool(self._one("SELECT COUNT(*) FROM run WHERE run_id = ?", run_id))

    def csv_size(self, name: str) -> int | None:
        """Return the size at which a CSV file was left, or None where there is none."""
        return self._one("SELECT size FROM csv WHERE name = ?", name, default=None)

    def set_csv_size(self, name: str, size: int) -> None:
        """Remember the size at which a CSV file is left."""
        self._connection.execute("INSERT OR REPLACE INTO csv VALUES (?, ?)", (name, size))

    def catch_up(self) -> None:
        """Read the whole lines that the files have and the index has not."""
        for name in ledger_files(self._directory):
            offset = self._one("SELECT size FROM file WHERE name = ?", name)
            with open(os.path.join(self._directory, name), "rb") as stream:
                stream.seek(offset)
                for line in stream:
                    if not line.endswith(b"\n"):
                        break
                    offset += len(line)
                    try:
                        self._add(json.loads(line))
                    except _NOT_A_RECORD:
                        continue  # A line that somebody damaged: the chain's verification names it.
            self._connection.execute("INSERT OR REPLACE INTO file VALUES (?, ?)", (name, offset))
        self._connection.commit()

    def reserve(self, records: Iterable[dict[str, Any]]) -> None:
        """Never give a folio that a record already names: requests may have been numbered before the ledger."""
        for record in records:
            for folio in [*record.get("highest_request_folios", []), record.get("folio"), record.get("request_folio")]:
                match = _FOLIO.fullmatch(folio or "")
                if match:
                    self._raise_number(match[1], int(match[2]), int(match[3]))

    def _add(self, record: dict[str, Any]) -> None:
        execute = self._connection.execute
        execute("UPDATE head SET sha256 = ?", (record["record_sha256"],))
        self.reserve([record])
        run_id, item_id = record.get("run_id"), record.get("item_id")
        if record["record_type"] == "run":
            execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (run_id, record["run_event"] != "started"))
            for planned in record.get("planned", []):
                execute(
                    "INSERT OR REPLACE INTO pending VALUES (?, ?, ?)", (run_id, planned["item_id"], json.dumps(planned))
                )
            if record["run_event"] != "started":
                execute("DELETE FROM pending WHERE run_id = ?", (run_id,))
        elif item_id and record["record_type"] in ("backup", "failure"):
            row = execute("SELECT data FROM history WHERE item_id = ?", (item_id,)).fetchone()
            history = History(**json.loads(row[0])) if row else History()
            history.add(record)
            execute("INSERT OR REPLACE INTO history VALUES (?, ?)", (item_id, json.dumps(history.as_dict())))
            if record["record_type"] == "backup":
                execute("INSERT OR IGNORE INTO snapshot VALUES (?, ?)", (record["server"], record["file_name"][:16]))
            if run_id and not record.get("about_folio"):
                execute("DELETE FROM pending WHERE run_id = ? AND item_id = ?", (run_id, item_id))

    def _raise_number(self, series: str, year: int, number: int) -> None:
        self._connection.execute(
            "INSERT INTO folio VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last = MAX(last, excluded.last)",
            (series, year, number),
        )

    def _one(self, query: str, *values: Any, default: Any = 0) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else default

    def _create(self) -> None:
        self._connection.executescript(_SCHEMA)
        self._connection.execute("INSERT INTO head VALUES (?)", (_GENESIS,))
        self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._connection.commit()

    def _version(self) -> int:
        return self._one("PRAGMA user_version")

    def _sizes(self) -> list[tuple[int, int]]:
        """Return, per file, how far the index has read it and how long it is."""
        known = dict(self._connection.execute("SELECT name, size FROM file"))
        sizes = {name: os.path.getsize(os.path.join(self._directory, name)) for name in ledger_files(self._directory)}
        return [(known.get(name, 0), sizes.get(name, 0)) for name in {*known, *sizes}]

    def _is_ahead(self) -> bool:
        return any(read > size for read, size in self._sizes())

    def _is_current(self) -> bool:
        return all(read == size for read, size in self._sizes())


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
