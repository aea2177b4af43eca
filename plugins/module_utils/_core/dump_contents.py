# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump holds, read from its own text without a server: the rows of each table, and the schema.

A restored database is compared with this and not with what the server believes: the dump is what was kept.
Everything is read in a stream, in pieces, because a dump may be larger than the memory. Text that is not understood
raises ValueError: a count that nobody can believe is none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

# A longer line is read in pieces: one row may be a gigabyte.
_LONGEST = 1024 * 1024

# Names are kept as the bytes of the dump: what is not UTF-8 stays what it is.
_CODEC = ("utf-8", "surrogateescape")


@dataclass
class Contents:
    """What a dump, or a database, holds: rows of each table by its name, and the schema's lines, normalised.

    A PostgreSQL table's name is ``schema.table`` quoted as SQL wants it; others are the bare name. ``encoding`` is
    PostgreSQL's name of the encoding that names and schema are in.
    """

    rows: dict[str, int] = field(default_factory=dict)
    schema: list[bytes] = field(default_factory=list)
    encoding: str = ""

    def schema_sha256(self) -> str:
        """Return one digest of the schema: another digest is another schema, or another version of the product."""
        return hashlib.sha256(b"".join(self.schema)).hexdigest()


def _pieces(stream: IO[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Yield the lines of a stream, long ones in pieces: whether the piece begins a line, and the piece."""
    begins = True
    for piece in iter(lambda: stream.readline(_LONGEST), b""):
        yield begins, piece
        begins = piece.endswith(b"\n")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_NAME = rb'(?:"(?:[^"]|"")*"|[^\s".(]+)'
_COPY = re.compile(rb"COPY (" + _NAME + rb"\." + _NAME + rb") \(.*\) FROM stdin;\n", re.DOTALL)
_COPY_NO_COLUMNS = re.compile(rb"COPY (" + _NAME + rb"\." + _NAME + rb")  FROM stdin;\n", re.DOTALL)
_ENCODING = re.compile(rb"SET client_encoding = '([A-Za-z0-9_]+)';\n")
# What differs between two texts of the same schema: one-time marks of the program, where things lie, and the filling
# of views, which an archive counts as schema and a database does not.
_POSTGRESQL_NOISE = (
    *(b"--", b"\n", b"\\restrict ", b"\\unrestrict "),
    *(b"SET default_tablespace = ", b"REFRESH MATERIALIZED VIEW "),
)


def postgresql_rows(stream: IO[bytes]) -> Contents:
    """Count the rows in the text of ``pg_restore --data-only``: one line of a COPY block is one row."""
    contents = Contents()
    table = ""
    header = b""
    for begins, piece in _pieces(stream):
        if table:
            if begins and piece.rstrip(b"\n") == b"\\.":
                table = ""
            elif begins:
                contents.rows[table] += 1
        elif header or (begins and piece.startswith(b"COPY ")):
            # A quoted name may hold anything, a line's end too.
            header += piece
            if header.endswith(b" FROM stdin;\n") and header.count(b'"') % 2 == 0:
                match = _COPY.fullmatch(header) or _COPY_NO_COLUMNS.fullmatch(header)
                if not match:
                    raise ValueError("el volcado tiene un bloque COPY que no se entiende")
                table = match[1].decode(*_CODEC)
                contents.rows.setdefault(table, 0)
                header = b""
        elif begins and not contents.encoding:
            match = _ENCODING.fullmatch(piece)
            contents.encoding = match[1].decode() if match else ""
    if table or header:
        raise ValueError("el volcado termina a la mitad de una tabla")
    return contents


def postgresql_schema(stream: IO[bytes]) -> list[bytes]:
    """Return the lines of ``pg_restore --schema-only``, or of ``pg_dump``, without what two runs write differently."""
    return [line for line in stream if not line.startswith(_POSTGRESQL_NOISE)]


_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | (?<![^\n])\\[^\n]*          # comments, and commands of psql
      | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
      | \w+ | \s+ | .""",
    re.DOTALL | re.VERBOSE,
)


def statements(sql: str) -> Iterator[list[str]]:
    """Split SQL of PostgreSQL's own programs into statements, each a list of its tokens; joined they are its text.

    >>> list(statements("GRANT a TO b; -- nothing"))
    [['GRANT', ' ', 'a', ' ', 'TO', ' ', 'b', ';']]
    """
    statement: list[str] = []
    for match in _TOKEN.finditer(sql):
        text = match[0]
        if text.startswith(("--", "/*", "\\")) or (text.isspace() and not statement):
            continue
        statement.append(text)
        if text == ";":
            yield statement
            statement = []


def words(statement: Iterable[str]) -> list[str]:
    """Return a statement's tokens without the spaces."""
    return [token for token in statement if not token.isspace()]


def unquoted(name: str) -> str:
    """Return the name that an identifier of SQL stands for."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


# --- MariaDB and MySQL ------------------------------------------------------------------------------------------------

_TABLE = re.compile(rb"(?:CREATE TABLE|INSERT INTO) `((?:[^`]|``)+)`")
_INSERT = re.compile(rb"INSERT INTO `(?:[^`]|``)+`(?: \((?:`(?:[^`]|``)+`(?:, ?)?)+\))? VALUES\s*")
_MARIADB_NOISE = (
    *(b"--", b"\n", b"/*M!999999", b"LOCK TABLES ", b"UNLOCK TABLES;", b"set autocommit=0;", b"commit;"),
    *(b"/*!40000 ALTER TABLE ", b"DO SETVAL(", b"SELECT SETVAL("),
)
_COUNTER = re.compile(rb" AUTO_INCREMENT=\d+")
# How the dump gives a routine the collation that its database had; the only line in which it names its own database.
_ALTER_DATABASE = re.compile(rb"ALTER DATABASE `(?:[^`]|``)+` (CHARACTER SET \w+ COLLATE \w+ ;+)\n")
_DEFINER = re.compile(rb"^(?:CREATE |/\*!\d+ (?:CREATE\*/ /\*!\d+ )?)DEFINER=`((?:[^`]|``)*)`@`((?:[^`]|``)*)`")
_EVENT = re.compile(rb"(/\*!50106 CREATE\*/ .*? ON COMPLETION (?:NOT )?PRESERVE )ENABLE( |\n)")


def mariadb_contents(pieces: Iterable[tuple[bool, bytes]], *, counting: bool = True) -> Contents:
    """Read the schema of a dump of MariaDB or MySQL, given as pieces of its lines, and count its rows.

    Without ``counting`` no row is looked at, which takes a quarter of the time: each table then has 0.
    """
    contents = Contents()
    insert: _Insert | None = None
    in_body = False
    for begins, piece in pieces:
        if insert is None and begins and not in_body and piece.startswith(b"INSERT INTO `"):
            insert = _CountedInsert(piece) if counting else _Insert(piece)
        if insert:
            insert.read(piece)
            if insert.is_over:
                contents.rows[insert.table] = contents.rows.get(insert.table, 0) + insert.rows
                insert = None
            continue
        if begins and piece.startswith(b"DELIMITER "):
            # Between two DELIMITER lines stands the text of somebody's trigger: an INSERT there is no row.
            in_body = piece != b"DELIMITER ;\n"
        elif begins and not in_body and piece.startswith(b"CREATE TABLE `"):
            contents.rows[_table(piece)] = 0
        if not piece.startswith(_MARIADB_NOISE):
            contents.schema.append(_normalised(piece))
    if insert or in_body:
        raise ValueError("el volcado termina a la mitad de una instrucción")
    return contents


def _normalised(piece: bytes) -> bytes:
    """Return a line of a schema without the name of its database and without where its counters are."""
    line = _ALTER_DATABASE.sub(rb"ALTER DATABASE \1", piece)
    return _COUNTER.sub(b"", line) if line.startswith(b") ENGINE=") else line


def definers(schema: Iterable[bytes]) -> set[str]:
    """Return the accounts, ``user@host``, in whose name a schema's views, routines, triggers and events work."""
    found = (match.groups() for line in schema for match in _DEFINER.finditer(line))
    return {b"@".join(part.replace(b"``", b"`") for part in account).decode(*_CODEC) for account in found}


def mariadb_pieces(stream: IO[bytes], *, renamed: str | None = None) -> Iterator[tuple[bool, bytes]]:
    """Yield a dump as pieces of lines; ``renamed``: as it has to be to load it into a database of that name.

    Loaded under another name it must neither name the original one nor start its events: two databases that send
    the same notices are worse than none.
    """
    for begins, piece in _pieces(stream):
        if renamed is not None and begins:
            yield begins, _for_another(piece, quoted(renamed))
        else:
            yield begins, piece


def _for_another(line: bytes, name: bytes) -> bytes:
    # A function, so that no backslash of the name is read as a reference.
    renamed = _ALTER_DATABASE.sub(lambda match: b"ALTER DATABASE %s %s\n" % (name, match[1]), line)
    return _EVENT.sub(rb"\1DISABLE\2", renamed)


def quoted(name: str) -> bytes:
    """Return a name as an identifier of MariaDB."""
    return b"`" + name.encode(*_CODEC).replace(b"`", b"``") + b"`"


def _table(piece: bytes) -> str:
    match = _TABLE.match(piece)
    if not match:
        raise ValueError("el volcado tiene una tabla cuyo nombre no se entiende")
    return match[1].replace(b"``", b"`").decode(*_CODEC)


class _Insert:
    """Looks for the end of one INSERT while it passes by in pieces: within a text a line's end is always escaped."""

    def __init__(self, piece: bytes) -> None:
        start = _INSERT.match(piece)
        if not start:
            raise ValueError("el volcado tiene un INSERT que no se entiende")
        self._skip = start.end()
        self.table = _table(piece)
        self.rows = 0
        self.is_over = False
        self._end = b""

    def read(self, piece: bytes) -> None:
        # A piece may end between the two.
        self._end = (self._end + piece[-2:])[-2:]
        self.is_over = self._end == b";\n"


class _CountedInsert(_Insert):
    """Counts the rows of one INSERT, too: each opening parenthesis outside of a text is one."""

    def __init__(self, piece: bytes) -> None:
        super().__init__(piece)
        self._in_text = False
        self._escape = b""

    def read(self, piece: bytes) -> None:
        super().read(piece)
        rest = self._escape + piece[self._skip :]
        self._skip = 0
        backslashes = len(rest) - len(rest.rstrip(b"\\"))
        # A piece may end between a backslash and what it escapes.
        self._escape = b"\\" if backslashes % 2 else b""
        if self._escape:
            rest = rest[:-1]
        parts = rest.replace(b"\\\\", b"").replace(b"\\'", b"").split(b"'")
        outside = parts[1::2] if self._in_text else parts[0::2]
        self.rows += sum(part.count(b"(") for part in outside)
        self._in_text ^= len(parts) % 2 == 0
        self.is_over &= not self._in_text
