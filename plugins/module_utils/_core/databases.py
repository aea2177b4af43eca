# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps: each database is written to a root-only directory on its own server and read back in full before it counts.

A dump whose program ended well is not yet a dump: the closing mark is looked for, the archive is parsed to its end
and its tables are counted. What fails any of it raises DumpError and never reaches the repository.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .items import dump_file_name
from .text import human_size, readable

# Left free on the staging disk beside the dump, so that the server itself does not stop.
_RESERVE = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
# Seconds to wait for a writer, and SQLite's result codes for one (sqlite3 names them from Python 3.11 on).
_LOCK_TIMEOUT = 60
_SQLITE_BUSY, _SQLITE_LOCKED = 5, 6


class DumpError(Exception):
    """The database could not be dumped, or the dump cannot be trusted; the text is for people."""


@dataclass(frozen=True)
class Dump:
    """A dump that was checked. ``sha256`` and ``tables`` are of the dump file; ``engine`` names product and version."""

    directory: str
    sha256: str
    tables: int
    engine: str
    remarks: list[str] = field(default_factory=list)


def dump(item: dict[str, Any], directory: str) -> Dump:
    """Dump the item's database into ``directory`` (made here, 0700) and check it; raise DumpError."""
    database = item["database"]
    file = os.path.join(directory, dump_file_name(item))
    try:
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory, mode=0o700)
        if database["engine"] == "postgresql":
            return _dump_postgresql(database, directory, file)
        if database["engine"] == "sqlite":
            return _dump_sqlite(database["path"], directory, file)
        return _dump_mariadb(database, directory, file)
    except OSError as error:
        raise DumpError(f"no se pudo escribir el volcado en {directory}: {error.strerror or error}") from None
    except ValueError as error:
        raise DumpError(f"el manejador respondió algo que no se entiende: {readable(str(error))}") from None


def _dump_postgresql(database: dict[str, Any], directory: str, file: str) -> Dump:
    # The database's name goes in the environment: as an argument, one with "=" would be read as a connection string.
    server = {"PGDATABASE": database["name"], "PGCONNECT_TIMEOUT": "30", "PGOPTIONS": "-c statement_timeout=0"}
    if "port" in database:
        server["PGPORT"] = str(database["port"])
    postgres = {"as_user": "postgres", "environment": server}
    size = _query(["psql", "-XAtqc", "SELECT pg_database_size(current_database())"], **postgres)
    _require_space(directory, int(size))
    globals_file = os.path.join(directory, "globals.sql")
    _write(["pg_dumpall", "--globals-only", "--no-password"], globals_file, **postgres)
    if b"PostgreSQL database cluster dump complete" not in _tail(globals_file):
        raise DumpError("el volcado de roles (pg_dumpall --globals-only) quedó incompleto")
    # Not compressed: restic compresses, and only then finds what has not changed since yesterday.
    _write(["pg_dump", "--format=custom", "--compress=0", "--no-password"], file, **postgres)
    listing = _query(["pg_restore", "--list", file])
    _query(["pg_restore", "--file=/dev/null", file])
    # «TABLE DATA» is the content of a table that has its own line.
    tables = len(re.findall(r"(?m)^\d+; \d+ \d+ TABLE (?!DATA |ATTACH )", listing))
    version = re.search(r"Dumped from database version: (\S+)", listing)
    return Dump(directory, _sha256(file), tables, f"PostgreSQL {version[1] if version else 'sin dato'}")


def _dump_mariadb(database: dict[str, Any], directory: str, file: str) -> Dump:
    connection = [f"--defaults-extra-file={database['defaults_file']}"] if "defaults_file" in database else []
    if "port" in database:
        connection += [f"--port={database['port']}", "--protocol=tcp"]
    client = _first_program("mariadb", "mysql")
    # The name is quoted by us: the client has no bound parameters.
    name = _sql_text(database["name"])
    question = (
        "SELECT VERSION(), COUNT(*), COALESCE(SUM(data_length + index_length), 0), "  # noqa: S608
        "COALESCE(SUM(engine <> 'InnoDB'), 0), "
        f"(SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = {name}) "
        f"FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = {name}"
    )
    answer = _query([*client, *connection, "--batch", "--skip-column-names", f"--execute={question}"])
    version, count, size, not_transactional, exists = answer.split("\t")
    if int(exists) == 0:
        raise DumpError(f"la base de datos «{readable(database['name'])}» no existe en este servidor")
    _require_space(directory, int(float(size)))
    options = ["--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob"]
    _write(
        [*_first_program("mariadb-dump", "mysqldump"), *connection, *options, "--", database["name"]],
        file,
    )
    digest, tables, complete = _read_sql(file)
    if not complete:
        raise DumpError("el volcado está incompleto: falta su línea final «Dump completed»")
    if tables < int(count):
        raise DumpError(f"el volcado tiene {tables} tablas y la base de datos {count}")
    remarks = []
    if int(float(not_transactional)):
        remarks.append(
            f"{int(float(not_transactional))} tablas no son InnoDB: "
            "su contenido puede no corresponder al mismo instante que el resto"
        )
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    return Dump(directory, digest, tables, f"{product} {version.split('-')[0]}", remarks)


def _dump_sqlite(path: str, directory: str, file: str) -> Dump:
    if os.path.realpath(path) != path or not os.path.isfile(path):
        raise DumpError(f"{path} no existe o pasa por un enlace simbólico: indique la ruta real del archivo")
    size = sum(os.path.getsize(path + suffix) for suffix in ("", "-wal") if os.path.exists(path + suffix))
    if size == 0:
        raise DumpError(f"{path} está vacío")
    _require_space(directory, size)
    try:
        # Read-only by URI: a plain connect() would make an empty database where the file is missing.
        source = sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=ro", uri=True, timeout=60)
        target = sqlite3.connect(file)
        try:
            source.backup(target, progress=_patience())
            fault = target.execute("PRAGMA integrity_check(1)").fetchone()[0]
            tables = target.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
        finally:
            source.close()
            target.close()
    except sqlite3.Error as error:
        raise DumpError(f"SQLite no pudo copiar {path}: {readable(str(error))}") from None
    if fault != "ok":
        raise DumpError(f"la base de datos {path} está dañada: {readable(fault)}")
    return Dump(directory, _sha256(file), tables, f"SQLite {sqlite3.sqlite_version}")


def _patience() -> Callable[[int, int, int], None]:
    """Return what ends a copy that somebody's lock holds up: on its own it would wait for ever, deaf to signals."""
    deadline = time.monotonic() + _LOCK_TIMEOUT

    def look(status: int, remaining: int, total: int) -> None:
        if status in (_SQLITE_BUSY, _SQLITE_LOCKED) and time.monotonic() > deadline:
            raise DumpError("la base de datos está bloqueada por otro proceso, que no la suelta")

    return look


def _require_space(directory: str, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < needed + _RESERVE:
        raise DumpError(
            f"espacio insuficiente en {directory}: hay {human_size(free)} libres y se requieren "
            f"{human_size(needed + _RESERVE)}; libere espacio o cambie backup_client_staging_dir"
        )


def _query(command: Sequence[str], **how: Any) -> str:
    return _run(command, stdout=subprocess.PIPE, **how).decode("utf-8", "replace").strip()


def _write(command: Sequence[str], file: str, **how: Any) -> None:
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o600)) as output:
        _run(command, stdout=output, **how)
        os.fsync(output.fileno())


def _run(command: Sequence[str], *, stdout: Any, as_user: str = "", environment: dict[str, str] | None = None) -> bytes:
    """Run a database's own program to its end; raise DumpError with what it said unless it ended well."""
    identity: dict[str, Any] = {}
    if as_user:
        try:
            entry = pwd.getpwnam(as_user)
        except KeyError:
            raise DumpError(f"este servidor no tiene el usuario «{as_user}»: ¿está instalado el manejador?") from None
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(as_user, entry.pw_gid)}
    base = {"PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    if not as_user:
        base["HOME"] = os.path.expanduser("~")
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**base, **(environment or {})},
            cwd="/",
            **identity,
        ) as process:
            try:
                output, errors = process.communicate()
            except BaseException:
                process.send_signal(signal.SIGTERM)
                raise
    except FileNotFoundError:
        raise DumpError(f"falta el programa «{command[0]}» en este servidor") from None
    if process.returncode != 0:
        raise DumpError(f"{command[0]} terminó con el código {process.returncode}: {readable(errors[-1000:].strip())}")
    return output or b""


def _first_program(*names: str) -> list[str]:
    return [next((name for name in names if shutil.which(name)), names[0])]


def _sql_text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _tail(file: str, size: int = 4096) -> bytes:
    with open(file, "rb") as stream:
        stream.seek(max(0, os.path.getsize(file) - size))
        return stream.read()


def _sha256(file: str) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _read_sql(file: str) -> tuple[str, int, bool]:
    """Read an SQL dump to its end: its digest, its number of tables, and whether its closing mark is there."""
    digest = hashlib.sha256()
    tables = 0
    start = b"\n"
    with open(file, "rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
            # A mark cut by the end of a chunk is found in the next one, behind what is carried over.
            tables += (start + chunk).count(b"\nCREATE TABLE ") - start.count(b"\nCREATE TABLE ")
            start = (start + chunk)[-13:]
    return digest.hexdigest(), tables, b"\n-- Dump completed" in _tail(file)
