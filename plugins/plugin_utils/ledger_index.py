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
from datetime import date
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, kept
from ansible_collections.dse.backup.plugins.plugin_utils.history import History, Standing
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import is_outcome, unit
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import RepositoryHistory

# Raise it when what is derived changes: an index of another version is made anew.
_VERSION = 3
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
CREATE TABLE backup (
    folio TEXT PRIMARY KEY, server TEXT, item_id TEXT, file_name TEXT, data TEXT NOT NULL,
    decision TEXT, failure_folio TEXT, removed_on TEXT, is_damaged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX backup_of_item ON backup (item_id);
CREATE INDEX backup_on_server ON backup (server, file_name);
CREATE TABLE recovery (folio TEXT PRIMARY KEY, server TEXT, safety_file_name TEXT, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE repository (server TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE run (run_id TEXT PRIMARY KEY, ended INTEGER NOT NULL);
CREATE TABLE pending (run_id TEXT, unit TEXT, data TEXT NOT NULL, PRIMARY KEY (run_id, unit)) WITHOUT ROWID;
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

    def snapshots(self, server: str) -> list[str]:
        """Return the first 16 characters of the id of every snapshot recorded for ``server`` and not removed."""
        query = (
            "SELECT substr(file_name, 1, 16) FROM backup WHERE server = ? AND removed_on IS NULL UNION "
            "SELECT substr(safety_file_name, 1, 16) FROM recovery WHERE server = ? AND safety_file_name IS NOT NULL"
        )
        return [row[0] for row in self._connection.execute(query, (server, server))]

    def backups(self, *, item_id: str | None = None, server: str | None = None) -> list[Backup]:
        """Return the recorded backups of an item, or of a server, or all, in the order of their records."""
        return self._backups(
            "(? IS NULL OR item_id = ?) AND (? IS NULL OR server = ?)", item_id, item_id, server, server
        )

    def backup(self, folio: str) -> Backup | None:
        """Return the backup of that folio."""
        return next(iter(self._backups("folio = ?", folio)), None)

    def recovery(self, folio: str) -> dict[str, Any] | None:
        """Return the record of the recovery of that folio."""
        query = "SELECT data, safety_file_name FROM recovery WHERE folio = ?"
        row = self._connection.execute(query, (folio,)).fetchone()
        return {**json.loads(row[0]), "safety_file_name": row[1]} if row else None

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

    def knows_run(self, run_id: str) -> bool:
        """Tell whether a run of that id stands in the ledger."""
        return bool(self._one("SELECT COUNT(*) FROM run WHERE run_id = ?", run_id))

    def rollback(self) -> None:
        """Forget what was not committed: it is read again from the files by the next one."""
        self._connection.rollback()

    def csv_size(self, name: str) -> int | None:
        """Return the size at which a CSV file was left, or None where there is none."""
        return self._one("SELECT size FROM csv WHERE name = ?", name, default=None)

    def set_csv_size(self, name: str, size: int) -> None:
        """Remember the size at which a CSV file is left."""
        self._connection.execute("INSERT OR REPLACE INTO csv VALUES (?, ?)", (name, size))

    def catch_up(self) -> None:
        """Read the whole lines that the files have and the index has not; the caller commits."""
        for name in ledger_files(self._directory):
            start = offset = self._one("SELECT size FROM file WHERE name = ?", name)
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
            if offset != start:
                self._connection.execute("INSERT OR REPLACE INTO file VALUES (?, ?)", (name, offset))

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
        kind, run_id = record["record_type"], record.get("run_id")
        if kind == "run" and record["run_event"] != "verified":
            self._add_run(record)
        elif kind == "run":
            self._add_verification(record)
        elif kind == "disposal":
            for each in record.get("disposed", []):
                self._mark("removed_on", record["recorded_at"][:10], record["server"], each["file_name"])
                execute(
                    "UPDATE recovery SET safety_file_name = NULL WHERE server = ? AND safety_file_name = ?",
                    (record["server"], each["file_name"]),
                )
        elif kind == "recovery":
            execute(
                "INSERT OR REPLACE INTO recovery VALUES (?, ?, ?, ?)",
                # Stored where it was restored to, which may be another server than the backup's.
                (record["folio"], record["destination_server"], record.get("safety_file_name"), json.dumps(record)),
            )
        if record.get("item_id") and kind in ("backup", "failure", "decision", "drill"):
            self._add_to_history(record)
        if run_id and is_outcome(record):
            execute("DELETE FROM pending WHERE run_id = ? AND unit = ?", (run_id, unit(record)))

    def _add_run(self, record: dict[str, Any]) -> None:
        execute, run_id, ended = self._connection.execute, record["run_id"], record["run_event"] != "started"
        execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (run_id, ended))
        for planned in record.get("planned", []):
            execute("INSERT OR REPLACE INTO pending VALUES (?, ?, ?)", (run_id, unit(planned), json.dumps(planned)))
        if ended:
            execute("DELETE FROM pending WHERE run_id = ?", (run_id,))

    def _add_verification(self, record: dict[str, Any]) -> None:
        history = self.repository(record["server"])
        history.add(record)
        self._connection.execute(
            "INSERT OR REPLACE INTO repository VALUES (?, ?)", (record["server"], json.dumps(history.as_dict()))
        )
        if record.get("read") == "all":
            # Everything was read: what is damaged now is all there is.
            self._connection.execute("UPDATE backup SET is_damaged = 0 WHERE server = ?", (record["server"],))
        for name in record.get("damaged_file_names", []):
            self._mark("is_damaged", 1, record["server"], name)

    def _add_to_history(self, record: dict[str, Any]) -> None:
        execute, item_id, kind = self._connection.execute, record["item_id"], record["record_type"]
        row = execute("SELECT data FROM history WHERE item_id = ?", (item_id,)).fetchone()
        history = History(**json.loads(row[0])) if row else History()
        history.add(record)
        execute("INSERT OR REPLACE INTO history VALUES (?, ?)", (item_id, json.dumps(history.as_dict())))
        if kind == "backup":
            execute(
                "INSERT OR IGNORE INTO backup (folio, server, item_id, file_name, data) VALUES (?, ?, ?, ?, ?)",
                (record["folio"], record["server"], item_id, record["file_name"], json.dumps(kept(record))),
            )
        elif kind == "decision":
            execute("UPDATE backup SET decision = ? WHERE folio = ?", (record["decision"], record["about_folio"]))
        elif kind == "failure" and record.get("about_folio"):
            execute(
                "UPDATE backup SET failure_folio = ? WHERE folio = ? AND failure_folio IS NULL",
                (record["folio"], record["about_folio"]),
            )

    def _mark(self, column: str, value: Any, server: str, file_name: str) -> None:
        self._connection.execute(
            f"UPDATE backup SET {column} = ? WHERE server = ? AND file_name = ?",  # noqa: S608 (the column is ours)
            (value, server, file_name),
        )

    def _backups(self, where: str, *values: Any) -> list[Backup]:
        rows = self._connection.execute(
            "SELECT data, decision, failure_folio, removed_on, is_damaged FROM backup "  # noqa: S608 (the text is ours)
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
            )
            for data, decision, failure_folio, removed_on, is_damaged in rows
        ]

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
