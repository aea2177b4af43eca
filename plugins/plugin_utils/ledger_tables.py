# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger's records add up to, in SQLite's tables, record by record in their order."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.items import FOLIO_LEAP
from ansible_collections.dse.backup.plugins.plugin_utils.backups import kept
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Loan
from ansible_collections.dse.backup.plugins.plugin_utils.media import Medium
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import is_outcome, unit
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import RepositoryHistory

# Raise it when what is derived changes: an index of another version is made anew.
VERSION = 10
# Of a CSV file that may lack rows, or what they say by now: no file has that size.
OUTDATED = -1
_GENESIS = "0" * 64
_FOLIO = re.compile(r"([A-Z]{3}-[0-9]{2})-([0-9]{4})-([0-9]{4,18})")

_SCHEMA = """
CREATE TABLE file (name TEXT PRIMARY KEY, size INTEGER NOT NULL);
CREATE TABLE head (sha256 TEXT NOT NULL);
CREATE TABLE folio (series TEXT, year INTEGER, last INTEGER NOT NULL, PRIMARY KEY (series, year));
CREATE TABLE history (item_id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE backup (
    folio TEXT PRIMARY KEY, server TEXT, item_id TEXT, file_name TEXT, day TEXT NOT NULL, data TEXT NOT NULL,
    decision TEXT, failure_folio TEXT, removed_on TEXT, is_damaged INTEGER NOT NULL DEFAULT 0, delivery_folio TEXT,
    stored_as TEXT
);
CREATE INDEX backup_of_item ON backup (item_id);
CREATE INDEX backup_on_day ON backup (day);
CREATE INDEX backup_delivered ON backup (delivery_folio) WHERE delivery_folio IS NOT NULL;
CREATE INDEX backup_on_server ON backup (server, file_name);
CREATE TABLE carried_out (folio TEXT, server TEXT, item_id TEXT, PRIMARY KEY (folio, server, item_id));
CREATE INDEX carried_out_as ON carried_out (item_id);
CREATE TABLE disposed (year INTEGER PRIMARY KEY);
CREATE TABLE request (folio TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE failure (folio TEXT PRIMARY KEY, item_id TEXT, data TEXT NOT NULL, closed_on TEXT);
CREATE INDEX failure_of_item ON failure (item_id);
CREATE INDEX failure_open ON failure (folio) WHERE closed_on IS NULL;
CREATE TABLE record (record_type TEXT NOT NULL, folio TEXT, about TEXT, file TEXT NOT NULL, start INTEGER NOT NULL);
CREATE INDEX record_by_folio ON record (folio) WHERE folio IS NOT NULL;
CREATE INDEX record_about ON record (about) WHERE about IS NOT NULL;
CREATE TABLE recovery (folio TEXT PRIMARY KEY, server TEXT, safety_file_name TEXT, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE acknowledgement (about TEXT NOT NULL, role TEXT, result TEXT);
CREATE INDEX acknowledgement_about ON acknowledgement (about);
CREATE TABLE loan (folio TEXT PRIMARY KEY, is_open INTEGER NOT NULL, data TEXT NOT NULL);
CREATE INDEX loan_open ON loan (folio) WHERE is_open;
CREATE TABLE trial (item_id TEXT, data TEXT NOT NULL);
CREATE INDEX trial_of_item ON trial (item_id);
CREATE TABLE repository (server TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE medium (media_id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE run (run_id TEXT PRIMARY KEY, ended INTEGER NOT NULL);
CREATE TABLE pending (run_id TEXT, unit TEXT, data TEXT NOT NULL, PRIMARY KEY (run_id, unit)) WITHOUT ROWID;
CREATE TABLE csv (form_code TEXT, year INTEGER, size INTEGER NOT NULL, PRIMARY KEY (form_code, year)) WITHOUT ROWID;
"""


class Tables:
    """The tables of one connection. Whoever changes them commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Make them, empty."""
        self._connection.executescript(_SCHEMA)
        self._connection.execute("INSERT INTO head VALUES (?)", (_GENESIS,))
        self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._connection.commit()

    @property
    def head(self) -> str:
        """The hash of the last record; 64 zeros before the very first."""
        return self._one("SELECT sha256 FROM head", default=_GENESIS)

    def next_number(self, series: str, year: int) -> int:
        """Take the next folio number of a form's series; the caller holds the ledger's lock."""
        number = self._last_number(series, year) + 1
        self._raise_number(series, year, number)
        return number

    def reserve(self, records: Iterable[dict[str, Any]]) -> None:
        """Never give a folio that a record already names: requests may have been numbered before the ledger.

        What is far beyond the series was mistyped by somebody, and does not carry it away: whoever gives the next
        number asks whether a record has it. Of a year that was disposed of nothing else is known any more.
        """
        for record in records:
            named = [record.get("folio"), record.get("request_folio")]
            # Those of the inventory, and those of a year that was disposed of.
            for folio in (*record.get("highest_request_folios", []), *record.get("highest_folios", []), *named):
                if match := _FOLIO.fullmatch(folio or ""):
                    series, year, number = match[1], int(match[2]), int(match[3])
                    # The one after a folio of the inventory is still near.
                    is_near = number <= self._last_number(series, year) + FOLIO_LEAP + 1
                    if is_near or record.get("record_type") == "disposal":
                        self._raise_number(series, year, number)

    def add(self, record: dict[str, Any]) -> None:
        """Take one more record into account."""
        execute = self._connection.execute
        execute("UPDATE head SET sha256 = ?", (record["record_sha256"],))
        self.reserve([record])
        kind, run_id = record["record_type"], record.get("run_id")
        of_its_kind = {
            "run": self._add_run,
            "disposal": self._add_disposal,
            "recovery": self._add_recovery,
            "backup_request": self._add_request,
            "decision": self._add_to_request,
            "closing": self._add_closing,
            "failure": self._add_failure,
            "acknowledgement": self._add_acknowledgement,
            "delivery": self._add_delivery,
            "loan": self._add_loan,
            "medium": self._add_to_medium,
        }.get(kind)
        if of_its_kind:
            of_its_kind(record)
        if record.get("loan_step"):
            self._add_to_loan(record["about_folio"], record)
        elif kind == "recovery" and record.get("loan_folio"):
            self._add_to_loan(record["loan_folio"], record)
        if record.get("item_id") and kind in ("backup", "failure", "decision", "drill"):
            self._add_to_history(record)
        if record.get("result") in ("passed", "restored"):
            # That CSC's copy was read says nothing of JAA's.
            kind = "loan" if record.get("copy_used") == "csc" else record["record_type"]
            self._add_trial(
                {**record, "record_type": kind}, record["item_id"], record["backup_folio"], record["started_at"]
            )
        if run_id and is_outcome(record):
            execute("DELETE FROM pending WHERE run_id = ? AND unit = ?", (run_id, unit(record)))

    def _add_run(self, record: dict[str, Any]) -> None:
        if record["run_event"] == "verified":
            self._add_verification(record)
            return
        execute, run_id, ended = self._connection.execute, record["run_id"], record["run_event"] != "started"
        execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (run_id, ended))
        for planned in record.get("planned", []):
            execute("INSERT OR REPLACE INTO pending VALUES (?, ?, ?)", (run_id, unit(planned), json.dumps(planned)))
        if ended:
            execute("DELETE FROM pending WHERE run_id = ?", (run_id,))

    def _add_disposal(self, record: dict[str, Any]) -> None:
        if "ledger_year" in record:
            self._connection.execute("INSERT OR IGNORE INTO disposed VALUES (?)", (record["ledger_year"],))
        for each in record.get("disposed", []):
            self._mark("removed_on", record["recorded_at"][:10], record["server"], each["file_name"])
            self._connection.execute(
                "UPDATE recovery SET safety_file_name = NULL WHERE server = ? AND safety_file_name = ?",
                (record["server"], each["file_name"]),
            )

    def _add_recovery(self, record: dict[str, Any]) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO recovery VALUES (?, ?, ?, ?)",
            # Stored where it was restored to, which may be another server than the backup's.
            (record["folio"], record["destination_server"], record.get("safety_file_name"), json.dumps(record)),
        )

    def _add_request(self, record: dict[str, Any]) -> None:
        request = Request.of(record)
        self._connection.execute(
            "INSERT OR IGNORE INTO request VALUES (?, ?)", (request.folio, json.dumps(vars(request)))
        )

    def _add_closing(self, record: dict[str, Any]) -> None:
        self._connection.execute(
            "UPDATE failure SET closed_on = ? WHERE folio = ? AND closed_on IS NULL",
            (record["recorded_at"][:10], record["about_folio"]),
        )
        self._add_to_request(record)

    def _add_acknowledgement(self, record: dict[str, Any]) -> None:
        self._connection.execute(
            "INSERT INTO acknowledgement VALUES (?, ?, ?)",
            (record["about_folio"], record.get("acknowledged_as"), record.get("result")),
        )
        if record.get("result") == "rejected":
            # CSC does not have it, whatever was sent.
            self._connection.execute(
                "UPDATE backup SET delivery_folio = NULL WHERE delivery_folio = ?", (record["about_folio"],)
            )

    def _add_delivery(self, record: dict[str, Any]) -> None:
        for file in record["files"]:
            self._connection.execute(
                "UPDATE backup SET delivery_folio = ? WHERE folio = ?", (record["folio"], file["folio"])
            )
            self._add_trial(record, file["item_id"], file["folio"], record["delivered_at"])
        if record.get("media_id"):
            self._add_to_medium(record)
        if record["result"] == "done" and record.get("covers_all", True):
            self._add_trial(record, record["server"], "", record["delivered_at"])

    def _add_loan(self, record: dict[str, Any]) -> None:
        loan = Loan.of(record)
        self._connection.execute(
            "INSERT OR IGNORE INTO loan VALUES (?, ?, ?)", (loan.folio, loan.is_open, json.dumps(loan.as_dict()))
        )

    def _add_to_loan(self, folio: str, record: dict[str, Any]) -> None:
        data = self._one("SELECT data FROM loan WHERE folio = ?", folio, default=None)
        if data is None:
            return
        loan = Loan(**json.loads(data))
        loan.add(record)
        self._connection.execute(
            "UPDATE loan SET is_open = ?, data = ? WHERE folio = ?", (loan.is_open, json.dumps(loan.as_dict()), folio)
        )
        # Its row in the CSV, which may be of another year, says more from now on.
        self._connection.execute(
            "UPDATE csv SET size = ? WHERE (form_code, year) IN "
            "(SELECT ?, CAST(substr(file, 8, 4) AS INTEGER) FROM record WHERE folio = ?)",
            (OUTDATED, loan.form_code, folio),
        )

    def _add_to_medium(self, record: dict[str, Any]) -> None:
        data = self._one("SELECT data FROM medium WHERE media_id = ?", record["media_id"], default=None)
        medium = Medium(**json.loads(data)) if data else Medium(record["media_id"])
        medium.take(record)
        self._connection.execute(
            "INSERT OR REPLACE INTO medium VALUES (?, ?)", (medium.media_id, json.dumps(vars(medium)))
        )
        if medium.is_gone:
            # CSC does not have what was on it, whatever it acknowledged: it is delivered again.
            self._connection.executemany(
                "UPDATE backup SET delivery_folio = NULL WHERE delivery_folio = ?",
                [(folio,) for folio in medium.deliveries],
            )

    def _add_trial(self, record: dict[str, Any], item_id: str, backup_folio: str, moment: str) -> None:
        trial = [record["record_type"], backup_folio, moment, record.get("folio", "")]
        self._connection.execute("INSERT INTO trial VALUES (?, ?)", (item_id, json.dumps(trial)))

    def _add_to_request(self, record: dict[str, Any]) -> None:
        request = self._request(record["about_folio"])
        if request is None:
            return
        if record["record_type"] == "closing":
            request.cancel(record)
            amended = self._request(request.amends)
            if amended and amended.amended_by == request.folio and request.never_began:
                # What it was to change goes on.
                amended.amended_by = ""
                self._save_request(amended)
        else:
            request.decide(record)
            amended = self._request(request.amends)
            if amended and request.was_accepted:
                amended.amended_by = request.folio
                self._save_request(amended)
        self._save_request(request)

    def _request(self, folio: str) -> Request | None:
        data = self._one("SELECT data FROM request WHERE folio = ?", folio, default=None)
        return Request(**json.loads(data)) if data else None

    def _save_request(self, request: Request) -> None:
        self._connection.execute(
            "UPDATE request SET data = ? WHERE folio = ?", (json.dumps(vars(request)), request.folio)
        )

    def _add_failure(self, record: dict[str, Any]) -> None:
        failure = Failure.of(record)
        self._connection.execute(
            "INSERT OR IGNORE INTO failure VALUES (?, ?, ?, NULL)",
            (failure.folio, failure.item_id, json.dumps(vars(failure))),
        )

    def remember_place(self, record: dict[str, Any], file: str, start: int) -> None:
        """Remember where in which file a record stands, by its type, its folio and what it is about."""
        self._connection.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
            (record["record_type"], record.get("folio"), record.get("about_folio"), file, start),
        )

    def _add_verification(self, record: dict[str, Any]) -> None:
        data = self._one("SELECT data FROM repository WHERE server = ?", record["server"], default=None)
        history = RepositoryHistory(**json.loads(data)) if data else RepositoryHistory()
        history.add(record)
        self._connection.execute(
            "INSERT OR REPLACE INTO repository VALUES (?, ?)", (record["server"], json.dumps(history.as_dict()))
        )
        if record.get("read") == "all":
            # Everything was read: what is damaged now is all there is.
            self._connection.execute("UPDATE backup SET is_damaged = 0 WHERE server = ?", (record["server"],))
        for each in record.get("repaired", []):
            # What came back from CSC's copy has an id of its own.
            self._connection.execute(
                "UPDATE backup SET stored_as = ? WHERE folio = ?", (each["stored_as"], each["folio"])
            )
            self._add_trial({"record_type": "repair"}, each["item_id"], each["folio"], record["finished_at"])
        if "repaired" in record and record["result"] == "intact":
            self._add_trial({"record_type": "repair"}, record["server"], "", record["finished_at"])
        for name in record.get("damaged_file_names", []):
            self._mark("is_damaged", 1, record["server"], name)

    def _add_to_history(self, record: dict[str, Any]) -> None:
        execute, item_id, kind = self._connection.execute, record["item_id"], record["record_type"]
        data = self._one("SELECT data FROM history WHERE item_id = ?", item_id, default=None)
        history = History(**json.loads(data)) if data else History()
        history.add(record)
        execute("INSERT OR REPLACE INTO history VALUES (?, ?)", (item_id, json.dumps(history.as_dict())))
        if kind == "backup":
            carried_out = (record.get("request_folio") or "", record["server"], item_id)
            execute("INSERT OR IGNORE INTO carried_out VALUES (?, ?, ?)", carried_out)
            execute(
                "INSERT OR IGNORE INTO backup (folio, server, item_id, file_name, day, data) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(record["folio"], record["server"], item_id, record["file_name"], record["backup_date"]),
                    json.dumps(kept(record)),
                ),
            )
        elif kind == "decision":
            execute("UPDATE backup SET decision = ? WHERE folio = ?", (record["decision"], record["about_folio"]))
        elif kind == "failure" and record.get("about_folio"):
            execute(
                "UPDATE backup SET is_damaged = 1 WHERE folio = ? AND ? = 'jaa_copy'",
                (record["about_folio"], record.get("failure_stage")),
            )
            execute(
                "UPDATE backup SET failure_folio = ? WHERE folio = ? AND failure_folio IS NULL",
                (record["folio"], record["about_folio"]),
            )

    def _mark(self, column: str, value: Any, server: str, file_name: str) -> None:
        self._connection.execute(
            f"UPDATE backup SET {column} = ? WHERE server = ? AND (file_name = ? OR stored_as = ?)",  # noqa: S608 (the column is ours)
            (value, server, file_name, file_name),
        )

    def _last_number(self, series: str, year: int) -> int:
        return self._one("SELECT last FROM folio WHERE series = ? AND year = ?", series, year)

    def _raise_number(self, series: str, year: int, number: int) -> None:
        self._connection.execute(
            "INSERT INTO folio VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last = MAX(last, excluded.last)",
            (series, year, number),
        )

    def _one(self, query: str, *values: Any, default: Any = 0) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else default
