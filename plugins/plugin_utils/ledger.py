# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official record: JSON Lines, one file a year, hash-chained, append-only.

A line is written whole, synced to the disk and only then counted. Everything beside the ``ledger-YYYY.jsonl`` files
(the index, the CSV files) is derived from them and made again when it is missing or does not fit.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_csv import CsvFiles
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index, ledger_files
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Extent, Line, extent, read_lines
from ansible_collections.dse.backup.plugins.plugin_utils.loans import objection
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

# Of an entry: folios that are somebody's already, although no record has them yet. The entry's own comes after them.
TAKEN_FOLIOS = "_taken_folios"


class LedgerError(Exception):
    """The ledger cannot be written; nothing may be called a success without it. The text says what to do."""


class Written(NamedTuple):
    """What one append left: the records as they stand in the ledger, and what the administrator should know.

    ``repeated`` are the entries that another job had recorded meanwhile, each with its record (empty where it has none
    of its own): they were not written again.
    """

    records: list[dict[str, Any]]
    warnings: list[str]
    repeated: list[tuple[dict[str, Any], dict[str, Any]]]


def canonical(record: dict[str, Any]) -> bytes:
    """Return the record as the bytes that are hashed and written (without the newline)."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def record_sha256(record: dict[str, Any]) -> str:
    """Return the SHA-256 of the record without its own ``record_sha256``, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical({k: v for k, v in record.items() if k != "record_sha256"})).hexdigest()


class Ledger:
    """The ledger in ``directory``, written by the rules of ``procedure`` (forms, folio series, time zone)."""

    def __init__(self, directory: str, procedure: Procedure) -> None:
        self.directory = os.path.abspath(os.path.expanduser(directory))
        self.procedure = procedure

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded here."""
        return bool(ledger_files(self.directory))

    def require(self) -> None:
        """Raise LedgerError where nothing was ever recorded: of nothing nobody may read that all is well."""
        if not self.exists:
            raise LedgerError(
                f"no hay ningún registro oficial en {self.directory}: si está en otro lugar, indíquelo en "
                "DSE_BACKUP_LEDGER; si estaba ahí, fue borrado"
            )

    def prepare(self) -> None:
        """Make the directory and prove that bytes reach its disk; raise LedgerError.

        On a full disk a directory or an empty file can still be made: only written and synced bytes prove anything.
        """
        probe = os.path.join(self.directory, f".probe-{os.getpid()}")
        try:
            with _private():
                os.makedirs(os.path.join(self.directory, "runs"), exist_ok=True)
            try:
                with open(probe, "wb") as stream:
                    stream.write(b"\0" * 65536)
                    stream.flush()
                    os.fsync(stream.fileno())
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(probe)
            with self._locked():
                Index.discard_damaged(self.directory)
        except OSError as error:
            raise LedgerError(_advice(self.directory, error)) from None

    def append(self, entries: list[dict[str, Any]]) -> Written:
        """Write ``entries`` in order, all or none, and return them as recorded; raise LedgerError.

        Except those that say again what another job has recorded since they were made.

        An entry is a record without what only the ledger can give (folio, times, revisions, hashes). Its
        ``follow_ups`` are records about it: they get its folio as ``about_folio``.
        """
        warnings: list[str] = []
        try:
            with self._locked():
                warnings += self._set_torn_line_aside()
                with Index.for_writing(self.directory) as index:
                    now = datetime.now(self.procedure.zone)
                    head = index.head
                    records: list[dict[str, Any]] = []
                    folios: set[str] = set()
                    news, repeated = _sorted_out(entries, index)
                    if repeated:
                        warnings.append(f"otra corrida ya había asentado lo mismo, y no se repite: {len(repeated)}")
                    _refuse_what_cannot_follow(news, index)
                    for entry in _flattened(news):
                        records.append(self._completed(entry, records, folios, index, now, head))
                        folios.add(records[-1].get("folio", ""))
                        head = records[-1]["record_sha256"]
                    if not records:
                        return Written([], warnings, repeated)
                    year = self._year(now, warnings)
                    lines = b"".join(canonical(record) + b"\n" for record in records)
                    self._write(f"ledger-{year}.jsonl", lines)
                    try:
                        index.catch_up()
                        CsvFiles(self.directory, self.procedure).append(records, year, index)
                    except (OSError, sqlite3.Error) as error:
                        index.rollback()
                        warnings.append(f"no se actualizaron los CSV ({error}); se rehacen en el siguiente registro")
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(_advice(self.directory, error)) from None
        except (ValueError, TypeError) as error:
            raise LedgerError(f"un registro no puede escribirse, y no se escribió: {readable(str(error))}") from None
        return Written(records, warnings, repeated)

    def read(self) -> Index:
        """Return the index for reading, complete to the last whole line; nothing is written. Raise LedgerError."""
        try:
            return Index.for_reading(self.directory)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(_advice(self.directory, error, "leer")) from None

    def extent(self) -> Extent:
        """Return how far the ledger reaches now; nothing is written. Raise LedgerError."""
        try:
            return extent(self.directory)
        except OSError as error:
            raise LedgerError(_advice(error.filename or self.directory, error, "leer")) from None

    def lines(self, reach: Extent) -> Iterator[Line]:
        """Yield the lines up to ``reach``, in the order of the chain; nothing is written. Raise LedgerError."""
        try:
            yield from read_lines(self.directory, reach)
        except OSError as error:
            raise LedgerError(_advice(error.filename or self.directory, error, "leer")) from None

    def file_sha256(self, name: str) -> str:
        """Return the SHA-256 of one of the ledger's files; raise LedgerError."""
        path = os.path.join(self.directory, name)
        try:
            with open(path, "rb") as stream:
                return _sha256(stream)
        except OSError as error:
            raise LedgerError(_advice(path, error, "leer")) from None

    def remove_year(self, disposal: dict[str, Any]) -> None:
        """Remove the year of a disposal that is in the ledger, if its file still is what was proved; raise LedgerError.

        The file goes last: whatever cuts this short, the same disposal may be asked for again.
        """
        year = int(disposal["ledger_year"])
        path, csv = os.path.join(self.directory, f"ledger-{year}.jsonl"), os.path.join(self.directory, "csv")
        try:
            with self._locked(), open(path, "rb") as stream:
                if _sha256(stream) != disposal["file_sha256"]:
                    raise LedgerError(f"{path} cambió después de asentar su baja y no se borró: ejecute ledger.yml")
                for name in os.listdir(csv) if os.path.isdir(csv) else []:
                    if name.endswith(f"-{year}.csv"):
                        os.unlink(os.path.join(csv, name))
                os.unlink(path)
                _sync_directory(self.directory)
                # Made anew from what is left: every answer that follows would have to do so by itself.
                with Index.for_writing(self.directory):
                    pass
        except FileNotFoundError:
            return
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(_advice(path, error, "borrar")) from None

    def hold_run(self, run_id: str) -> int:
        """Mark the run as alive until this process ends; return the descriptor, which must stay open."""
        path = os.path.join(self.directory, "runs", f"{run_id}.lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise LedgerError(_advice(self.directory, error)) from None
        return descriptor

    def release_run(self, run_id: str, descriptor: int) -> None:
        """Let go of a run that has ended and has its records."""
        with suppress(OSError):
            os.unlink(os.path.join(self.directory, "runs", f"{run_id}.lock"))
        os.close(descriptor)

    def is_alive(self, run_id: str) -> bool:
        """Tell whether the process of a run that has no end in the ledger still lives."""
        try:
            descriptor = os.open(os.path.join(self.directory, "runs", f"{run_id}.lock"), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _completed(
        self,
        entry: dict[str, Any],
        batch: list[dict[str, Any]],
        folios: set[str],
        index: Index,
        now: datetime,
        head: str,
    ) -> dict[str, Any]:
        record = {key: value for key, value in entry.items() if value is not None and not key.startswith("_")}
        if "_about" in entry:
            record["about_folio"] = batch[entry["_about"]]["folio"]
            if record.get("record_type") == "failure":
                record.setdefault("backup_folio", record["about_folio"])
        record.setdefault("form_code", None)
        index.reserve([*batch[-1:], {"highest_request_folios": entry.get(TAKEN_FOLIOS, [])}])
        if record["form_code"]:
            series = self.procedure.forms[record["form_code"]].series
            if "folio" not in record:
                while True:
                    folio = f"{series}-{now.year}-{index.next_number(series, now.year):04d}"
                    if folio not in folios and not index.knows(folio):
                        break
                record["folio"] = folio
            elif record["folio"] in folios or index.knows(record["folio"]):
                # Numbered before there was a ledger (a request that is taken over): then it is nobody else's.
                raise ValueError(f"el folio {record['folio']} ya es de otro registro")
            record["form_revision"] = self.procedure.institution.form_revision
            record["issued_at"] = now.isoformat(timespec="seconds")
        record["procedure_revision"] = self.procedure.procedure_revision
        record["recorded_at"] = now.isoformat(timespec="milliseconds")
        record["previous_sha256"] = head
        record["record_sha256"] = record_sha256(record)
        return record

    def _year(self, now: datetime, warnings: list[str]) -> int:
        """Return whose year's file to write: this one's, unless a clock that went back would break the chain."""
        newest = max((int(name[7:11]) for name in ledger_files(self.directory)), default=now.year)
        if newest > now.year:
            warnings.append(
                f"el reloj del controlador dice {now.year}, pero ya hay registros de {newest}: se escribe en el "
                f"archivo de {newest} para no romper la cadena; revise el reloj"
            )
        return max(newest, now.year)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(os.path.join(self.directory, "ledger.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with _private():
                yield
        finally:
            os.close(descriptor)

    def _write(self, name: str, lines: bytes) -> None:
        """Append to one file and sync it, or leave it as it was."""
        path = os.path.join(self.directory, name)
        is_new = not os.path.exists(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, lines) != len(lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if is_new:
            _sync_directory(self.directory)

    def _set_torn_line_aside(self) -> list[str]:
        """Move a last line that was not written whole to ``torn/``, so that nothing is ever fused with it."""
        names = ledger_files(self.directory)
        if not names:
            return []
        path = os.path.join(self.directory, names[-1])
        with open(path, "r+b") as stream:
            start, line = _last_line(stream)
            if not line or (line.endswith(b"\n") and _is_record(line)):
                return []
            if _is_record(line):
                # Only its newline is missing: the record itself is whole and stays.
                stream.seek(0, os.SEEK_END)
                stream.write(b"\n")
                stream.flush()
                os.fsync(stream.fileno())
                return [f"{names[-1]}: el último registro no tenía fin de línea; se completó"]
            torn = os.path.join(self.directory, "torn", f"{names[-1]}.{start}")
            os.makedirs(os.path.dirname(torn), mode=0o750, exist_ok=True)
            with open(torn, "wb") as aside:
                aside.write(line)
                aside.flush()
                os.fsync(aside.fileno())
            stream.truncate(start)
            stream.flush()
            os.fsync(stream.fileno())
        return [
            f"{names[-1]}: la última línea quedó incompleta (corte de energía o disco lleno) y se apartó en {torn}; "
            "los demás registros están completos"
        ]


@contextmanager
def _private() -> Iterator[None]:
    """Make what is made meanwhile readable by owner and group only."""
    umask = os.umask(0o027)
    try:
        yield
    finally:
        os.umask(umask)


def _sorted_out(
    entries: list[dict[str, Any]], index: Index
) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], dict[str, Any]]]]:
    """Return the entries that are news, and those that the ledger has already, each with its record.

    An entry is made by what a worker read, and is written later: only here, under the lock, is it sure what other jobs
    have recorded in between. What is about a repeated entry (its follow-ups, the failures of a run that was not cut off
    after all) goes with it.
    """
    ended = {
        entry["run_id"]
        for entry in entries
        if entry.get("run_event") == "cut_off" and not index.is_open_run(entry["run_id"])
    }
    news, repeated = [], []
    for entry in entries:
        known = {} if entry.get("run_id") in ended else index.recorded(entry)
        if known is None:
            news.append(entry)
        else:
            repeated.append((entry, known))
    return news, repeated


def _refuse_what_cannot_follow(entries: list[dict[str, Any]], index: Index) -> None:
    """Raise ValueError where a loan took another way since an entry was made: no step twice, no medium lent twice."""
    of_loans = [entry for entry in entries if entry["record_type"] == "loan" or entry.get("loan_step")]
    why = objection(of_loans, index.loans()) if of_loans else ""
    if why:
        raise ValueError(why)


def _flattened(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    position = 0
    for entry in entries:
        about = position
        yield {key: value for key, value in entry.items() if key != "follow_ups"}
        position += 1
        for follow_up in entry.get("follow_ups", []):
            yield {**follow_up, "_about": about}
            position += 1


def _last_line(stream: Any) -> tuple[int, bytes]:
    """Return where the last line starts and its bytes, reading backwards from the end."""
    end = stream.seek(0, os.SEEK_END)
    block = 65536
    while True:
        start = max(0, end - block)
        stream.seek(start)
        tail = stream.read(end - start)
        cut = tail.rfind(b"\n", 0, len(tail) - 1)
        if cut >= 0 or start == 0:
            return start + cut + 1, tail[cut + 1 :]
        block *= 8


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "record_sha256" in record


def _sha256(stream: Any) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _advice(directory: str, error: Exception, act: str = "escribir") -> str:
    return (
        f"no se puede {act} el registro oficial en {directory}: {getattr(error, 'strerror', None) or error}. "
        "Libere espacio o corrija los permisos; si el registro está en otro lugar, indíquelo en DSE_BACKUP_LEDGER "
        "o en la sección [callback_ledger] de ansible.cfg (path = …)"
    )
