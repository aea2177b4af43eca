# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database servers, as a restoration needs them: what is there, load a dump, compare, replace, drop.

Both classes answer to the same calls. What is loaded always gets a name that nothing had before; a live database is
replaced only by one that was loaded and compared, or behind a dump that was stored.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import database_programs as programs
from .database_programs import DatabaseError
from .databases import CREATE_FILE, GLOBALS_FILE, dump_program, mariadb_name, mariadb_product
from .dump_contents import (
    Contents,
    definers,
    mariadb_contents,
    mariadb_pieces,
    postgresql_rows,
    postgresql_schema,
    statements,
    unquoted,
    words,
)
from .text import readable

# Seconds that the sessions of a live database have to go away.
_CLOSING = 60
# MariaDB opens every table to tell its size: of more than so many it is not asked.
_TABLES_TO_MEASURE = 20_000


@dataclass(frozen=True)
class Copy:
    """A dump that came back from a snapshot: its directory and file, and the name its database had."""

    directory: str
    file: str
    name: str
    engine: str = ""

    def beside(self, name: str) -> str:
        """Return a small file beside the dump as text, empty where the dump has none."""
        try:
            with open(os.path.join(self.directory, name), encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""


class Listed(NamedTuple):
    """A database as its server lists it: ``owner`` in words, empty where nobody can tell; bytes, None where unknown."""

    name: str
    owner: str
    size: int | None


@dataclass(frozen=True)
class Postgresql:
    """A PostgreSQL server, reached as its own superuser over its socket. ``remarks`` grows while it works."""

    database: dict[str, Any]
    remarks: list[str] = field(default_factory=list)

    system_databases = ("template0", "template1", "postgres")

    def engine(self) -> str:
        """Return product and version: ``PostgreSQL 15.14``."""
        return f"PostgreSQL {self._ask('SHOW server_version').split()[0]}"

    def programs_engine(self) -> str:
        """Return product and version of the programs that read a dump."""
        return f"PostgreSQL {programs.query(['pg_restore', '--version'], **self._here()).split()[2]}"

    def size(self, name: str) -> int | None:
        """Return the bytes of a database, None where it does not exist."""
        where = f"WHERE datname = {_text(name)}"
        answer = self._ask(f"SELECT pg_database_size(oid) FROM pg_database {where}")  # noqa: S608  the name is quoted
        return int(answer) if answer else None

    def databases(self) -> list[Listed]:
        """Return all databases but the system's own."""
        columns = ", ".join(map(_in_hexadecimal, ("datname", "pg_get_userbyid(datdba)")))
        others = f"datname NOT IN ({', '.join(map(_text, self.system_databases))})"
        question = f"SELECT {columns}, pg_database_size(oid) FROM pg_database WHERE {others} ORDER BY 1"  # noqa: S608  quoted
        rows = (line.split("|") for line in self._ask(question).split())
        return [Listed(_from_hexadecimal(name), _from_hexadecimal(owner), int(size)) for name, owner, size in rows]

    def configuration(self) -> list[str]:
        """Return the files that configure the server."""
        return self._ask("SHOW config_file; SHOW hba_file; SHOW ident_file").split("\n")

    def disk(self) -> str:
        """Return the directory that holds the server's data."""
        return self._ask("SHOW data_directory")

    def left_over(self) -> list[str]:
        """Return the databases that earlier restorations kept aside or, killed, left behind."""
        return self._names(
            r"SELECT {} FROM pg_database WHERE datname ~ '^dse_[0-9a-f]{{8}}_(nueva|anterior)$'", "datname"
        )

    def missing_roles(self, globals_sql: str) -> list[str]:
        """Return the roles that the dump's cluster had and this one does not."""
        there = set(self._names("SELECT {} FROM pg_roles", "rolname"))
        made = [unquoted(each[2]) for each in map(words, statements(globals_sql)) if each[:2] == ["CREATE", "ROLE"]]
        return [name for name in made if name not in there]

    def prepare(self, copy: Copy) -> None:
        """Create the roles that are missing, as they were; those that exist stay as they are."""
        globals_sql = copy.beside(GLOBALS_FILE)
        missing = self.missing_roles(globals_sql)
        if missing:
            self._tell("".join(_of_new_roles(globals_sql, set(missing))))
        if missing and "socket" not in self.database:
            self.remarks.append("se crearon los roles que faltaban: " + ", ".join(map(readable, missing)))

    def expected(self, copy: Copy, name: str) -> Contents:
        """Return what the dump holds."""
        with programs.piped(["pg_restore", "--data-only", "--file=-", copy.file], **self._here()) as text:
            contents = postgresql_rows(text)
        with programs.piped(["pg_restore", "--schema-only", "--file=-", copy.file], **self._here()) as text:
            contents.schema = postgresql_schema(text)
        return contents

    def found(self, name: str, expected: Contents) -> Contents:
        """Return what the database holds: the rows of the tables that are ``expected``, and its schema."""
        encoding = f"SET client_encoding = '{expected.encoding}';\n" if expected.encoding else ""
        # The tables of an extension are dumped in part: what the extension itself brings is not in the dump.
        for table in self._ask(encoding + _TABLES_OF_EXTENSIONS, name).split("\n"):
            expected.rows.pop(table, None)
        # ONLY: the rows of a parent are its own, those of its children are counted with them.
        questions = [f"SELECT count(*) FROM ONLY {table};\n" for table in expected.rows]  # noqa: S608  as pg_dump quoted
        counts = self._ask(encoding + "".join(questions), name).split()
        with programs.piped(["pg_dump", "--schema-only", "--no-password"], **self._server(name)) as text:
            schema = postgresql_schema(text)
        return Contents(dict(zip(expected.rows, map(int, counts))), schema)

    def make(self, copy: Copy, name: str) -> None:
        """Create the database ``name``, which nothing has, and load the dump into it."""
        made, settings = self._itself(copy, name)
        self._tell(made)
        arguments = ["--exit-on-error", "--no-password", f"--dbname=dbname={_connection_text(name)}"]
        lacking = [each for each in _tablespaces(copy.beside(GLOBALS_FILE)) if each not in self._tablespaces()]
        if lacking:
            arguments.append("--no-tablespaces")
            self.remarks.append(
                f"este servidor no tiene {', '.join(map(readable, lacking))}: todo quedó en el espacio predeterminado"
            )
        with open(copy.file, "rb") as archive:
            server = self._server("")
            programs.run(["pg_restore", *arguments], stdout=subprocess.DEVNULL, stdin=archive, **server)
        self._tell(settings)
        self._tell("ANALYZE", name)

    def drop(self, name: str) -> None:
        """Remove a database of ours."""
        self._tell(f"DROP DATABASE IF EXISTS {_identifier(name)}")

    def replace(
        self, copy: Copy, name: str, mark: str, build: Callable[[str], None], keep_safe: Callable[[str], None]
    ) -> None:
        """Put the dump in the place of the live database ``name``.

        ``build`` makes, loads and compares a database of the name it is given; ``keep_safe`` stores a dump of one.
        The live one is closed only when the other is ready, and goes only when its dump is stored.
        """
        new, aside = f"dse_{mark}_nueva", f"dse_{mark}_anterior"
        try:
            build(new)
        except BaseException as error:
            _add(error, f"la base de datos «{readable(name)}» no se tocó")
            raise
        try:
            self._set_aside(name, aside)
            kept = self._kept(aside, keep_safe)
            self._rename(new, name)
        except BaseException as error:
            _add(error, self._put_back(name, aside))
            with contextlib.suppress(DatabaseError):
                self.drop(new)
            raise
        if kept:
            try:
                self.drop(aside)
            except DatabaseError as error:
                self.remarks.append(f"elimine a mano la base de datos anterior «{aside}»: {error}")

    def _kept(self, aside: str, keep_safe: Callable[[str], None]) -> bool:
        try:
            keep_safe(aside)
        except programs.NoSpace:
            raise
        except DatabaseError as error:
            # It cannot be dumped: perhaps the very reason for restoring. Then it stays.
            self.remarks.append(
                f"la base de datos anterior no se pudo respaldar ({error}); no se eliminó: quedó como «{aside}»"
            )
            return False
        return True

    def _set_aside(self, name: str, aside: str) -> None:
        self._tell(f"ALTER DATABASE {_identifier(name)} WITH ALLOW_CONNECTIONS false")
        sessions = f"FROM pg_stat_activity WHERE datname = {_text(name)}"
        deadline = time.monotonic() + _CLOSING
        while self._ask(f"SELECT count(pg_terminate_backend(pid)) {sessions}") != "0":
            if time.monotonic() > deadline:
                raise DatabaseError(f"hay sesiones en «{readable(name)}» que no terminan; detenga el servicio")
            time.sleep(0.2)
        self._rename(name, aside)
        self._tell(f"ALTER DATABASE {_identifier(aside)} WITH ALLOW_CONNECTIONS true")

    def _put_back(self, name: str, aside: str) -> str:
        try:
            if self.size(aside) is not None:
                self._rename(aside, name)
            self._tell(f"ALTER DATABASE {_identifier(name)} WITH ALLOW_CONNECTIONS true")
        except DatabaseError as error:
            return (
                f"la base de datos anterior quedó como «{aside}» y no se pudo regresar a su lugar ({error}); "
                f"ejecute como postgres: ALTER DATABASE {aside} RENAME TO {readable(_identifier(name))}"
            )
        return f"la base de datos «{readable(name)}» quedó como estaba"

    def _rename(self, old: str, new: str) -> None:
        self._tell(f"ALTER DATABASE {_identifier(old)} RENAME TO {_identifier(new)}")

    def _itself(self, copy: Copy, name: str) -> tuple[str, str]:
        """Return the statements that create the database, and those for what it holds of its own besides content.

        The archive has them with the name it had; here each names ``name`` and nothing else is let through.
        """
        listing = programs.query(["pg_restore", "--create", "--list", copy.file], **self._here())
        about = re.findall(r"(?m)^\d+; \d+ \d+ (?:(?:ACL|COMMENT|SECURITY LABEL) - )?DATABASE .*$", listing)
        chosen = os.path.join(copy.directory, "database.list")
        with open(chosen, "w", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in about))
        command = ["pg_restore", "--create", f"--use-list={chosen}", "--file=-", copy.file]
        text = programs.run(command, stdout=subprocess.PIPE, **self._here()).decode("utf-8", "surrogateescape")
        make = f"CREATE DATABASE {_identifier(name)} WITH TEMPLATE = template0;\n"
        settings = []
        for statement in statements(text):
            if statement[0] not in ("CREATE", "ALTER", "COMMENT", "GRANT", "REVOKE", "SECURITY"):
                continue
            place = statement.index("DATABASE")
            sql = "".join([*statement[: place + 2], _identifier(name), *statement[place + 3 :]])
            if statement[0] == "CREATE":
                make = re.sub(r" TABLESPACE = (?:\"(?:[^\"]|\"\")*\"|\w+)(?=;| )", "", sql) + "\n"
            else:
                settings.append(sql + "\n")
        return make, "".join(settings)

    def _tablespaces(self) -> list[str]:
        return self._names("SELECT {} FROM pg_tablespace", "spcname")

    def _names(self, question: str, column: str) -> list[str]:
        answer = self._ask(question.format(_in_hexadecimal(column)))
        return [_from_hexadecimal(line) for line in answer.split()]

    def _ask(self, sql: str, name: str = "") -> str:
        given = sql.encode("utf-8", "surrogateescape")
        # Terse: the server would otherwise quote the statement, and a role's password with it.
        command = ["psql", "-XAtq", "--no-password", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse"]
        answer = programs.run(command, stdout=subprocess.PIPE, stdin=given, **self._server(name or "postgres"))
        return answer.decode("utf-8", "surrogateescape").strip()

    def _tell(self, sql: str, name: str = "") -> None:
        self._ask(sql, name)

    def _server(self, name: str) -> dict[str, Any]:
        return programs.postgresql(self.database, name or "postgres")

    def _here(self) -> dict[str, Any]:
        """Return how programs that reach no server are called."""
        return {"environment": {"PATH": self._server("")["environment"]["PATH"]}} if "bin" in self.database else {}


_TABLES_OF_EXTENSIONS = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
    WHERE d.deptype = 'e' AND c.relkind IN ('r', 'p')
"""


def _of_new_roles(globals_sql: str, new: set[str]) -> list[str]:
    """Return the statements of ``globals.sql`` that concern only roles that are ``new``."""
    chosen = []
    for whole in statements(globals_sql):
        statement = whole
        told = words(statement)
        about = {"CREATE ROLE": 2, "ALTER ROLE": 2, "COMMENT ON": 3}.get(" ".join(told[:2]))
        if told[0] == "GRANT" and "TO" in told:
            about = told.index("TO") + 1
            if "GRANTED" in statement:
                # Who granted it may be nobody here.
                statement = [*statement[: statement.index("GRANTED")], ";"]
        if told[0] == "COMMENT" and told[2] != "ROLE":
            continue
        # Settings for one database come with that database.
        if about is not None and unquoted(told[about]) in new and told[about + 1] != "IN":
            chosen.append("".join(statement) + "\n")
    return chosen


def _tablespaces(globals_sql: str) -> list[str]:
    told = map(words, statements(globals_sql))
    return [unquoted(each[2]) for each in told if each[:2] == ["CREATE", "TABLESPACE"]]


def _in_hexadecimal(column: str) -> str:
    """Return how PostgreSQL is asked for a name: one may hold a line's end."""
    return f"encode(convert_to({column}::text, 'UTF8'), 'hex')"


def _from_hexadecimal(name: str) -> str:
    return bytes.fromhex(name).decode("utf-8", "surrogateescape")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _connection_text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class Mariadb:
    """A MariaDB or MySQL server. ``remarks`` grows while it works."""

    database: dict[str, Any]
    remarks: list[str] = field(default_factory=list)

    system_databases = ("mysql", "information_schema", "performance_schema", "sys")

    def engine(self) -> str:
        """Return product and version: ``MariaDB 10.11.6``."""
        return mariadb_product(self._ask("SELECT VERSION()"))

    def programs_engine(self) -> str:
        """Return product and version of the programs that read a dump: any client reads any dump."""
        return self.engine()

    def size(self, name: str) -> int | None:
        """Return the bytes of a database, None where it does not exist."""
        text = programs.sql_text(name)
        answer = self._ask(
            "SELECT COUNT(*), COALESCE((SELECT SUM(data_length + index_length) FROM information_schema.tables "  # noqa: S608  quoted
            f"WHERE table_schema = {text}), 0) FROM information_schema.schemata WHERE schema_name = {text}"
        )
        exists, size = answer.split("\t")
        return int(float(size)) if int(exists) else None

    def databases(self) -> list[Listed]:
        """Return all databases but the system's own; their owners are the accounts with rights of their own on them."""
        listed = self._ask("SELECT HEX(schema_name) FROM information_schema.schemata ORDER BY schema_name").split()
        names = [name for name in map(_from_hexadecimal, listed) if name not in self.system_databases]
        accounts, sizes = self._accounts(), self._sizes()
        return [
            Listed(name, ", ".join(accounts.get(name, [])), sizes.get(name, 0) if sizes is not None else None)
            for name in names
            # A directory that is none of the server's, such as the lost+found of a disk of its own.
            if not name.startswith("#mysql50#")
        ]

    def _accounts(self) -> dict[str, list[str]]:
        """Return the accounts that were given rights on each database; none where this account may not know."""
        try:
            rows = self._ask("SELECT HEX(db), HEX(CONCAT(user, '@', host)) FROM mysql.db ORDER BY user, host")
        except DatabaseError:
            return {}
        accounts: dict[str, list[str]] = {}
        for line in rows.split("\n") if rows else []:
            name, account = map(_from_hexadecimal, line.split("\t"))
            # Rights are given on a pattern; the name of one database has its wildcards escaped, or not.
            accounts.setdefault(re.sub(r"\\([_%])", r"\1", name), []).append(account)
        return accounts

    def _sizes(self) -> dict[str, int] | None:
        """Return the bytes of each database that has tables; None where asking would open too many of them."""
        if int(self._ask("SELECT COUNT(*) FROM information_schema.tables")) > _TABLES_TO_MEASURE:
            return None
        rows = self._ask(
            "SELECT HEX(table_schema), COALESCE(SUM(data_length + index_length), 0) "
            "FROM information_schema.tables GROUP BY table_schema"
        )
        pairs = (line.split("\t") for line in rows.split("\n") if line)
        return {_from_hexadecimal(name): int(float(size)) for name, size in pairs}

    def disk(self) -> str:
        """Return the directory that holds the server's data."""
        return self._ask("SELECT @@datadir")

    def left_over(self) -> list[str]:
        """Return the databases that earlier restorations kept aside or, killed, left behind."""
        question = "SELECT schema_name FROM information_schema.schemata WHERE schema_name REGEXP"
        return self._ask(f"{question} '^dse_[0-9a-f]{{8}}_nueva$'").split()

    def missing_roles(self, globals_sql: str) -> list[str]:
        """Return nothing: the dump of a database has no accounts, and the server keeps its own."""
        return []

    def prepare(self, copy: Copy) -> None:
        """Remark the accounts that views and routines need and this server does not have; the dump has none."""
        if "socket" in self.database:
            return
        with open(copy.file, "rb") as stream:
            wanted = definers(mariadb_contents(mariadb_pieces(stream)).schema)
        listed = self._ask("SELECT HEX(CONCAT(user, '@', host)) FROM mysql.user").split()
        there = {bytes.fromhex(account).decode("utf-8", "surrogateescape") for account in listed}
        missing = sorted(wanted - there)
        if missing:
            self.remarks.append(
                "este servidor no tiene las cuentas con que se definieron vistas o rutinas: "
                + ", ".join(map(readable, missing))
                + "; créelas, o fallarán al usarse"
            )

    def expected(self, copy: Copy, name: str) -> Contents:
        """Return what the dump holds when it is loaded as ``name``."""
        with open(copy.file, "rb") as stream:
            return mariadb_contents(mariadb_pieces(stream, renamed=_other(copy, name)))

    def found(self, name: str, expected: Contents) -> Contents:
        """Return what the database holds: the rows of the tables that are ``expected``, and its schema."""
        schema = programs.sql_text(name)
        listed = self._ask(f"SELECT HEX(table_name) FROM information_schema.tables WHERE table_schema = {schema}")  # noqa: S608  quoted
        there = {bytes.fromhex(line).decode("utf-8", "surrogateescape") for line in listed.split()}
        tables = [table for table in expected.rows if table in there]
        database = mariadb_name(name)
        questions = [f"SELECT COUNT(*) FROM {database}.{mariadb_name(table)};\n" for table in tables]  # noqa: S608  quoted
        counts = self._ask("".join(questions)).split()
        with programs.piped([*dump_program(self.database), "--no-data", "--", name]) as text:
            shape = mariadb_contents(mariadb_pieces(text)).schema
        return Contents(dict(zip(tables, map(int, counts))), shape)

    def make(self, copy: Copy, name: str) -> None:
        """Create the database ``name``, which nothing has, and load the dump into it."""
        self._ask(f"CREATE DATABASE {mariadb_name(name)} {self._character_set(copy)}")
        renamed = _other(copy, name)
        with open(copy.file, "rb") as stream:
            pieces = (piece for _begins, piece in mariadb_pieces(stream, renamed=renamed))
            programs.fed([*self._client(), f"--database={name}"], pieces)

    def drop(self, name: str) -> None:
        """Remove a database of ours, or one whose dump is stored."""
        self._ask(f"DROP DATABASE IF EXISTS {mariadb_name(name)}")

    def replace(
        self, copy: Copy, name: str, mark: str, build: Callable[[str], None], keep_safe: Callable[..., Copy]
    ) -> None:
        """Put the dump in the place of the live database ``name``; ``build`` and ``keep_safe`` as for PostgreSQL.

        A database has no other name to be given here: the dump is tried under another one first, and what was there
        is loaded again when its place cannot be filled.
        """
        rehearsal = f"dse_{mark}_nueva"
        try:
            build(rehearsal)
            self.drop(rehearsal)
            before = keep_safe(name, without=self._broken_views(name))
        except BaseException as error:
            _add(error, f"la base de datos «{readable(name)}» no se tocó")
            raise
        try:
            self.drop(name)
            build(name)
        except BaseException as error:
            _add(error, self._put_back(name, before))
            raise
        self.remarks.append(
            "lo que se haya escrito en la base de datos entre su respaldo de seguridad y su reemplazo no está en "
            "ninguno de los dos: detenga antes el servicio que la usa"
        )

    def _broken_views(self, name: str) -> list[str]:
        """Return the views that lack a table or a right, perhaps the very reason for restoring: they stop a dump."""
        listed = self._ask(
            "SELECT HEX(table_name) FROM information_schema.tables "  # noqa: S608  the name is quoted
            f"WHERE table_type = 'VIEW' AND table_schema = {programs.sql_text(name)}"
        )
        views = [bytes.fromhex(line).decode("utf-8", "surrogateescape") for line in listed.split()]
        check = f"CHECK TABLE {mariadb_name(name)}."
        broken = [view for view in views if not self._ask(check + mariadb_name(view)).endswith("\tstatus\tOK")]
        if broken:
            self.remarks.append(
                "estas vistas de lo que había no servían (les falta una tabla, una columna o un permiso) y no están "
                "en su respaldo de seguridad: " + ", ".join(map(readable, broken))
            )
        return broken

    def _put_back(self, name: str, before: Copy) -> str:
        try:
            self.drop(name)
            self.make(before, name)
        except DatabaseError as error:
            return (
                f"la base de datos «{readable(name)}» NO quedó completa y no se pudo volver a cargar ({error}): "
                "deshaga esta restauración con su respaldo de seguridad"
            )
        return f"se volvió a cargar lo que había en «{readable(name)}»"

    def _character_set(self, copy: Copy) -> str:
        """Return how the dump's database was made; what the server gives by default where nobody wrote it down."""
        match = re.search(
            r"` /\*!40100 DEFAULT CHARACTER SET (\w+)(?: COLLATE (\w+))?", copy.beside(CREATE_FILE).replace("``", "")
        )
        if not match:
            self.remarks.append(
                "el respaldo no dice el juego de caracteres de la base de datos: tiene el predeterminado del servidor"
            )
            return ""
        return f"CHARACTER SET {match[1]}" + (f" COLLATE {match[2]}" if match[2] else "")

    def _client(self) -> list[str]:
        options = ["--batch", "--skip-column-names", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"]
        return [programs.first_program("mariadb", "mysql"), *programs.mariadb(self.database), *options]

    def _ask(self, sql: str) -> str:
        given = sql.encode("utf-8", "surrogateescape")
        answer = programs.run(self._client(), stdout=subprocess.PIPE, stdin=given)
        return answer.decode("utf-8", "surrogateescape").strip()


def _other(copy: Copy, name: str) -> str | None:
    return None if name == copy.name else name


def _add(error: BaseException, text: str) -> None:
    """Let an error also say in what state it left things."""
    error.args = (f"{error}; {text}", *error.args[1:])
