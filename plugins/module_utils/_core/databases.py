# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps: each database is written to a root-only directory on its own server and read back in full before it counts.

A dump whose program ended well is not yet a dump: the closing mark is looked for, the archive is parsed to its end
and its tables are counted. What fails any of it raises DumpError and never reaches the repository.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from . import database_programs as programs
from .database_programs import DatabaseError
from .dump_contents import Contents, mariadb_contents, mariadb_pieces, postgresql_schema
from .items import dump_file_name
from .text import readable

GLOBALS_FILE = "globals.sql"  # PostgreSQL's roles, beside the dump.
CREATE_FILE = "create.sql"  # How MariaDB's database itself was made, beside the dump.
_CHUNK = 1024 * 1024
# Seconds to wait for a writer, and SQLite's result codes for one (sqlite3 names them from Python 3.11 on).
_LOCK_TIMEOUT = 60
_SQLITE_BUSY, _SQLITE_LOCKED = 5, 6


class DumpError(DatabaseError):
    """The database could not be dumped, or the dump cannot be trusted; the text is for people."""


class Damaged(DumpError):
    """The database itself is damaged: no dump of it can be made."""


class NoRoom(DumpError, programs.NoSpace):
    """The staging disk is too small for the dump."""


@dataclass(frozen=True)
class Dump:
    """A dump that was checked. ``sha256`` and ``tables`` are of the dump file; ``engine`` names product and version.

    ``schema`` is one digest of the schema's text: while it stays the same, so did the schema.
    """

    directory: str
    sha256: str
    tables: int
    engine: str
    schema: str
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
    except DumpError:
        raise
    except programs.NoSpace as error:
        raise NoRoom(str(error)) from None
    except DatabaseError as error:
        raise DumpError(str(error)) from None
    except OSError as error:
        raise DumpError(f"no se pudo escribir el volcado en {directory}: {error.strerror or error}") from None
    except ValueError as error:
        raise DumpError(f"el manejador respondió algo que no se entiende: {readable(str(error))}") from None


def _dump_postgresql(database: dict[str, Any], directory: str, file: str) -> Dump:
    server = programs.postgresql(database, database["name"])
    size = programs.query(["psql", "-XAtqc", "SELECT pg_database_size(current_database())"], **server)
    _require_space(directory, int(size))
    globals_file = os.path.join(directory, GLOBALS_FILE)
    programs.write(["pg_dumpall", "--globals-only", "--no-password"], globals_file, **server)
    if b"PostgreSQL database cluster dump complete" not in _tail(globals_file):
        raise DumpError("el volcado de roles (pg_dumpall --globals-only) quedó incompleto")
    # Not compressed: restic compresses, and only then finds what has not changed since yesterday.
    programs.write(["pg_dump", "--format=custom", "--compress=0", "--no-password"], file, **server)
    listing = programs.query(["pg_restore", "--list", file])
    programs.query(["pg_restore", "--file=/dev/null", file])
    with programs.piped(["pg_restore", "--schema-only", "--file=-", file]) as text:
        schema = Contents(schema=postgresql_schema(text)).schema_sha256()
    # «TABLE DATA» is the content of a table that has its own line.
    tables = len(re.findall(r"(?m)^\d+; \d+ \d+ TABLE (?!DATA |ATTACH )", listing))
    version = re.search(r"Dumped from database version: (\S+)", listing)
    return Dump(directory, sha256(file), tables, f"PostgreSQL {version[1] if version else 'sin dato'}", schema)


def _dump_mariadb(database: dict[str, Any], directory: str, file: str) -> Dump:
    connection = programs.mariadb(database)
    client = [programs.first_program("mariadb", "mysql"), *connection, "--batch", "--skip-column-names"]
    name = programs.sql_text(database["name"])
    question = (
        "SELECT VERSION(), COUNT(*), COALESCE(SUM(data_length + index_length), 0), "  # noqa: S608  the name is quoted
        "COALESCE(SUM(engine <> 'InnoDB'), 0), "
        f"(SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = {name}) "
        f"FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = {name}"
    )
    answer = programs.query([*client, f"--execute={question}"])
    version, count, size, not_transactional, exists = answer.split("\t")
    if int(exists) == 0:
        raise DumpError(f"la base de datos «{readable(database['name'])}» no existe en este servidor")
    _require_space(directory, int(float(size)))
    programs.write([*dump_program(database), "--", database["name"]], file)
    # The dump does not say in which character set new tables are made.
    show = f"--execute=SHOW CREATE DATABASE {mariadb_name(database['name'])}"
    programs.write([*client, show], os.path.join(directory, CREATE_FILE))
    digest, tables, complete, schema = _read_sql(file)
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
    return Dump(directory, digest, tables, mariadb_product(version), schema, remarks)


def mariadb_product(version: str) -> str:
    """Return product and version, ``MariaDB 10.11.6``, from what the server calls its version."""
    return f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} {version.partition('-')[0]}"


def mariadb_name(name: str) -> str:
    """Return a database's name as an identifier of MariaDB."""
    return "`" + name.replace("`", "``") + "`"


def dump_program(database: dict[str, Any]) -> list[str]:
    """Return the program that dumps from MariaDB or MySQL, with how to reach the server and what a dump needs.

    What ``database["without"]`` names is left out: a safety dump's views that no longer work, which would end it.
    """
    options = ["--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob"]
    options += [f"--ignore-table={database['name']}.{view}" for view in database.get("without", ())]
    return [programs.first_program("mariadb-dump", "mysqldump"), *programs.mariadb(database), *options]


def _dump_sqlite(path: str, directory: str, file: str) -> Dump:
    if os.path.realpath(path) != path or not os.path.isfile(path):
        raise DumpError(f"{path} no existe o pasa por un enlace simbólico: indique la ruta real del archivo")
    size = sum(os.path.getsize(path + suffix) for suffix in ("", "-wal") if os.path.exists(path + suffix))
    if size == 0:
        raise DumpError(f"{path} está vacío")
    _require_space(directory, size)
    try:
        with sqlite(path, "ro") as source, sqlite(file, "rwc") as target:
            source.backup(target, progress=patience())
            fault = target.execute("PRAGMA integrity_check(1)").fetchone()[0]
            tables = target.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
            schema = Contents(schema=sqlite_schema(target)).schema_sha256()
    except sqlite3.Error as error:
        # What waits for a lock or cannot be opened is an OperationalError; damage is the class above it.
        kind = DumpError if isinstance(error, sqlite3.OperationalError) else Damaged
        raise kind(f"SQLite no pudo copiar {path}: {readable(str(error))}") from None
    if fault != "ok":
        raise Damaged(f"la base de datos {path} está dañada: {readable(fault)}")
    with contextlib.suppress(PermissionError):
        # The snapshot keeps whose file the database was: a restore gives it back.
        original = os.stat(path)
        os.chown(file, original.st_uid, original.st_gid)
        os.chmod(file, original.st_mode & 0o777)
    return Dump(directory, sha256(file), tables, f"SQLite {sqlite3.sqlite_version}", schema)


@contextlib.contextmanager
def sqlite(path: str, mode: str) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file: ``ro``, ``rw``, or ``rwc`` to make it where it is missing; close it afterwards.

    By URI: a plain connect() would make an empty database where the file is missing.
    """
    uri = f"file:{urllib.parse.quote(path, errors='surrogateescape')}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_LOCK_TIMEOUT, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def sqlite_schema(connection: sqlite3.Connection) -> list[bytes]:
    """Return the schema of an open SQLite database, one entry for each table, index, view and trigger."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return [repr(row).encode("utf-8", "backslashreplace") for row in rows]


def patience() -> Callable[[int, int, int], None]:
    """Return what ends a copy that somebody's lock holds up: on its own it would wait for ever, deaf to signals."""
    deadline = time.monotonic() + _LOCK_TIMEOUT

    def look(status: int, remaining: int, total: int) -> None:
        if status in (_SQLITE_BUSY, _SQLITE_LOCKED) and time.monotonic() > deadline:
            raise DumpError("la base de datos está bloqueada por otro proceso, que no la suelta")

    return look


def _require_space(directory: str, needed: int) -> None:
    programs.require_space(directory, needed, remedy="libere espacio o cambie backup_client_staging_dir")


def _tail(file: str, size: int = 4096) -> bytes:
    with open(file, "rb") as stream:
        stream.seek(max(0, os.path.getsize(file) - size))
        return stream.read()


def sha256(file: str) -> str:
    """Return the digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _read_sql(file: str) -> tuple[str, int, bool, str]:
    """Read an SQL dump once: its digest, its tables, whether its closing mark is there, the digest of its schema."""
    digest = hashlib.sha256()
    tables = 0

    def pieces(stream: IO[bytes]) -> Iterator[tuple[bool, bytes]]:
        nonlocal tables
        for begins, piece in mariadb_pieces(stream):
            digest.update(piece)
            tables += begins and piece.startswith(b"CREATE TABLE ")
            yield begins, piece

    with open(file, "rb") as stream:
        passing = pieces(stream)
        try:
            schema = mariadb_contents(passing, counting=False).schema_sha256()
        except ValueError:
            # What is not understood is no reason to refuse a dump: the restore will say what it could not compare.
            schema = ""
            for _rest in passing:
                pass
    return digest.hexdigest(), tables, b"\n-- Dump completed" in _tail(file), schema
