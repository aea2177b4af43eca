# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections
import hashlib
import os
import pwd
import sqlite3

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import database_programs, databases, dump_contents
from ansible_collections.dse.backup.plugins.module_utils._core.databases import DumpError, dump
from ansible_collections.dse.backup.tests.unit.factories import database_item

# --- SQLite, the real one ---------------------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path):
    """A SQLite database of two tables, open, and the item that asks for it."""
    path = tmp_path / "a b?#%41.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("CREATE TABLE a (x); CREATE TABLE b (y); INSERT INTO a VALUES ('ñ'), (NULL), (x'00ff')")
    yield connection, sqlite_item(path)
    connection.close()


def sqlite_item(path):
    return database_item(database={"engine": "sqlite", "path": str(path)})


def refusal(item, directory):
    with pytest.raises(DumpError) as error:
        dump(item, str(directory))
    return str(error.value)


def test_sqlite_is_copied_whole(base, tmp_path):
    connection, item = base
    made = dump(item, str(tmp_path / "staged"))
    file = tmp_path / "staged/escolares.sqlite"
    assert list(sqlite3.connect(file).iterdump()) == list(connection.iterdump())
    assert (made.tables, made.engine) == (2, f"SQLite {sqlite3.sqlite_version}")
    assert made.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (tmp_path / "staged").stat().st_mode & 0o777 == 0o700


def test_the_dump_has_the_owner_and_mode_of_its_database(base, tmp_path):
    # A restore gives the file back to its service.
    path = base[1]["database"]["path"]
    os.chown(path, 1234, 4321)
    os.chmod(path, 0o664)
    dump(base[1], str(tmp_path / "staged"))
    status = os.stat(tmp_path / "staged/escolares.sqlite")
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 4321, 0o664)


def test_another_schema_has_another_digest_and_other_rows_do_not(base, tmp_path):
    connection, item = base
    schemas = [dump(item, str(tmp_path / "staged")).schema]
    connection.execute("INSERT INTO a VALUES (4)")
    schemas.append(dump(item, str(tmp_path / "staged")).schema)
    connection.execute("CREATE INDEX i ON a (x)")
    schemas.append(dump(item, str(tmp_path / "staged")).schema)
    assert schemas[0] == schemas[1] != schemas[2]


def test_what_a_program_has_only_in_its_write_ahead_log_is_in_the_dump(base, tmp_path):
    # A copy of the file alone would miss it.
    connection, item = base
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO b VALUES ('new')")
    dump(item, str(tmp_path / "staged"))
    staged = sqlite3.connect(tmp_path / "staged/escolares.sqlite")
    assert staged.execute("SELECT y FROM b").fetchall() == [("new",)]


def test_a_dump_left_by_a_killed_run_is_not_reused(base, tmp_path):
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "escolares.sqlite").write_bytes(b"old")
    (staged / "other").write_bytes(b"old")
    dump(base[1], str(staged))
    assert os.listdir(staged) == ["escolares.sqlite"]


def test_sqlite_that_a_writer_never_lets_go_is_given_up(base, tmp_path, monkeypatch):
    # Python's own copy waits for ever there, and hears no signal meanwhile.
    monkeypatch.setattr(databases, "_LOCK_TIMEOUT", 0)
    connect = sqlite3.connect
    monkeypatch.setattr(databases.sqlite3, "connect", lambda *args, **how: connect(*args, **{**how, "timeout": 0}))
    base[0].execute("BEGIN EXCLUSIVE")
    assert "bloqueada" in refusal(base[1], tmp_path / "staged")


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "está vacío"), (b"not a database at all" * 99, "SQLite no pudo copiar")]
)
def test_a_file_that_is_no_database(tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    assert words in refusal(sqlite_item(tmp_path / "file"), tmp_path / "staged")


def test_a_damaged_sqlite(base, tmp_path):
    # Its bytes copy well; only reading them all finds it.
    connection, item = base
    connection.execute("CREATE TABLE c AS SELECT hex(randomblob(4000)) AS text FROM a, a, a")
    connection.execute("CREATE INDEX i ON c (text)")
    connection.close()
    path = item["database"]["path"]
    size = os.path.getsize(path)
    with open(path, "r+b") as stream:
        stream.seek(size // 2)
        stream.write(os.urandom(size // 2))
    assert "dañada" in refusal(item, tmp_path / "staged") or "malformed" in refusal(item, tmp_path / "staged")


def test_a_missing_or_linked_sqlite_makes_no_empty_one(base, tmp_path):
    # sqlite3.connect makes a file where there is none.
    assert "no existe" in refusal(sqlite_item(tmp_path / "missing"), tmp_path / "staged")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "link").symlink_to(base[1]["database"]["path"])
    assert "enlace simbólico" in refusal(sqlite_item(tmp_path / "link"), tmp_path / "staged")


def test_space_is_checked_before_the_dump(base, tmp_path, monkeypatch):
    # Faults 7: the staging disk is not filled to find out that it is too small.
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(database_programs.shutil, "disk_usage", lambda path: usage(0, 0, 16 * 1024 * 1024 + 10))
    text = refusal(base[1], tmp_path / "staged")
    assert "espacio insuficiente" in text and "backup_client_staging_dir" in text
    assert os.listdir(tmp_path / "staged") == []


def test_a_staging_directory_that_cannot_be_made(base, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "no se pudo escribir el volcado" in refusal(base[1], tmp_path / "file/staged")


# --- The others, played by programs on PATH ---------------------------------------------------------------------------

TRAILER = "-- Dump completed on 2026-11-22"
PSQL = {
    "psql": "echo 1000",
    "pg_dumpall": "echo 'CREATE ROLE app;'; echo '-- PostgreSQL database cluster dump complete'",
    "pg_dump": "echo PGDMP",
    "pg_restore": """case "$1" in --list)
        echo ';     Dumped from database version: 15.8 (Debian 15.8-1)'
        echo '215; 1259 16386 TABLE public alumnos postgres'
        echo '3320; 0 16386 TABLE DATA public alumnos postgres'
        echo '3321; 0 0 SEQUENCE SET public id postgres';; esac""",
}
MARIADB = {
    "mariadb": "printf '10.11.6-MariaDB-0+deb12u1\\t2\\t4096\\t0\\t1\\n'",
    "mariadb-dump": f"printf 'CREATE TABLE `a` (\\n);\\nCREATE TABLE `b` (\\n);\\n{TRAILER}\\n'",
}


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Put programs on PATH; the user postgres is whoever runs the test."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    monkeypatch.setattr(database_programs.pwd, "getpwnam", lambda name: pwd.getpwuid(os.getuid()))

    def write(programs):
        for name, script in programs.items():
            (directory / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            (directory / name).chmod(0o755)

    return write


def of(engine):
    return database_item(database={"engine": engine, "name": "escolares"})


def test_postgresql_with_its_roles(play, tmp_path):
    play(PSQL)
    made = dump(of("postgresql"), str(tmp_path / "staged"))
    assert (made.tables, made.engine) == (1, "PostgreSQL 15.8")
    assert sorted(os.listdir(tmp_path / "staged")) == ["escolares.dump", "globals.sql"]
    # The roles' password verifiers are in there.
    assert (tmp_path / "staged/globals.sql").stat().st_mode & 0o777 == 0o600


def test_mariadb_is_counted_against_its_catalogue(play, tmp_path):
    play(MARIADB)
    made = dump(of("mariadb"), str(tmp_path / "staged"))
    assert (made.tables, made.engine, made.remarks) == (2, "MariaDB 10.11.6", [])


def test_how_a_mariadb_database_was_made_lies_beside_its_dump(play, tmp_path):
    made = "echo 'escolares\tCREATE DATABASE `escolares` /*!40100 DEFAULT CHARACTER SET latin1 */'"
    play(
        {
            **MARIADB,
            "mariadb": f'case "$*" in *"SHOW CREATE DATABASE `escolares`"*) {made};; *) {MARIADB["mariadb"]};; esac',
        }
    )
    dump(of("mariadb"), str(tmp_path / "staged"))
    assert "CHARACTER SET latin1" in (tmp_path / "staged/create.sql").read_text(encoding="utf-8")


def test_a_dump_whose_text_is_not_understood_is_a_dump_all_the_same(play, tmp_path):
    odd = f"printf 'CREATE TABLE `a` (\\n);\\nCREATE TABLE `b` (\\nINSERT INTO `a` SELECT 1;\\n{TRAILER}\\n'"
    play({**MARIADB, "mariadb-dump": odd})
    made = dump(of("mariadb"), str(tmp_path / "staged"))
    assert (made.tables, made.schema) == (2, "")


def test_tables_without_transactions_are_remarked(play, tmp_path):
    # Faults 16: --single-transaction is no protection for MyISAM.
    play({**MARIADB, "mariadb": "printf '8.0.36\\t2\\t4096.0\\t1\\t1\\n'"})
    made = dump(of("mysql"), str(tmp_path / "staged"))
    assert made.engine == "MySQL 8.0.36"
    assert made.remarks[0].startswith("1 tablas no son InnoDB")


@pytest.mark.parametrize(
    ("engine", "lie", "words"),
    [
        ("postgresql", {"psql": "echo 'could not connect' >&2; exit 2"}, "psql terminó con el código 2: could not"),
        ("postgresql", {"psql": "echo muchos"}, "no se entiende"),
        ("postgresql", {"psql": ""}, "no se entiende"),
        ("postgresql", {"pg_dumpall": "echo 'CREATE ROLE a;'"}, "volcado de roles"),
        ("postgresql", {"pg_dumpall": "echo half; exit 7"}, "pg_dumpall terminó con el código 7"),
        ("postgresql", {"pg_dump": "echo half; exit 7"}, "pg_dump terminó con el código 7"),
        ("postgresql", {"pg_dump": "echo half; kill -9 $$"}, "pg_dump terminó con el código -9"),
        # A truncated archive passes --list; only reading it to its end fails.
        ("postgresql", {"pg_restore": 'case "$1" in --file*) exit 1;; esac'}, "pg_restore terminó con el código 1"),
        ("mariadb", {"mariadb": "printf 'ERROR 2002\\033[31m\\n' >&2; exit 1"}, r"ERROR 2002\x1b[31m"),
        ("mariadb", {"mariadb": "echo welcome"}, "no se entiende"),
        ("mariadb", {"mariadb": "printf 'v\\t2\\t4096\\t0\\tmany\\n'"}, "no se entiende"),
        ("mariadb", {"mariadb": "printf '10\\t0\\t0\\t0\\t0\\n'"}, "no existe en este servidor"),
        ("mariadb", {"mariadb-dump": "printf 'CREATE TABLE `a`'; exit 7"}, "mariadb-dump terminó con el código 7"),
        ("mariadb", {"mariadb-dump": "printf 'CREATE TABLE `a` (\\nCREATE TABLE `b` (\\n'"}, "«Dump completed»"),
        ("mariadb", {"mariadb-dump": f"printf 'CREATE TABLE `a` (\\n{TRAILER}'"}, "1 tablas y la base de datos 2"),
        ("mariadb", {"mariadb-dump": f"printf 'x{TRAILER}\\n'"}, "«Dump completed»"),
        ("mariadb", {"mariadb-dump": ":"}, "«Dump completed»"),
    ],
)
def test_a_dump_that_died_was_cut_or_lies_is_none(play, tmp_path, engine, lie, words):
    # Faults 15: a program that ends well is not yet a dump.
    play({**(PSQL if engine == "postgresql" else MARIADB), **lie})
    assert words in refusal(of(engine), tmp_path / "staged")


def test_a_database_larger_than_the_disk_is_not_dumped(play, tmp_path):
    play({**PSQL, "psql": f"echo {10**18}", "pg_dump": f"touch {tmp_path}/called"})
    assert "espacio insuficiente" in refusal(of("postgresql"), tmp_path / "staged")
    assert not (tmp_path / "called").exists()


def test_a_missing_program_or_user_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "falta el programa «mariadb»" in refusal(of("mariadb"), tmp_path / "staged")
    monkeypatch.setattr(database_programs.pwd, "getpwnam", {}.__getitem__)
    assert "no tiene el usuario «postgres»" in refusal(of("postgresql"), tmp_path / "staged")


HOSTILE = "--help x=y'; DROP TABLE a; -- $(touch %s/pwned)\n\\"


def test_a_hostile_name_is_a_name(play, tmp_path):
    # Faults 20: neither an option, nor SQL, nor a shell's word, nor a connection string.
    record = f'printf "%s\\n" "$@" "$PGDATABASE" >> {tmp_path}/seen-"${{0##*/}}"\n'
    play({name: record + script for name, script in {**PSQL, **MARIADB}.items()})
    name = HOSTILE % tmp_path
    for engine in ("postgresql", "mariadb"):
        dump(database_item(database={"engine": engine, "name": name}), str(tmp_path / "staged"))
    assert (tmp_path / "seen-pg_dump").read_text().endswith(f"--no-password\n{name}\n")
    assert (tmp_path / "seen-mariadb-dump").read_text().endswith(f"--\n{name}\n\n")
    quoted = "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
    assert f"table_schema = {quoted}" in (tmp_path / "seen-mariadb").read_text()
    assert not (tmp_path / "pwned").exists()


def test_the_environment_brings_nothing_along(play, tmp_path, monkeypatch):
    # A stray PGHOST would dump somebody else's database.
    monkeypatch.setenv("PGHOST", "elsewhere")
    play({**PSQL, "psql": f"env > {tmp_path}/environment; echo 1000"})
    dump(of("postgresql"), str(tmp_path / "staged"))
    assert "PGHOST" not in (tmp_path / "environment").read_text()


@pytest.mark.parametrize("shift", range(-16, 3))
def test_tables_are_counted_across_the_edges_of_reading(tmp_path, monkeypatch, shift):
    # A mark cut in two is one table, not none and not two.
    monkeypatch.setattr(dump_contents, "_LONGEST", 64)
    text = b"CREATE TABLE a\n" + b"x" * (64 + shift - 15) + b"\nCREATE TABLE b\n" + b"y CREATE TABLE c\n" * 9
    (tmp_path / "dump.sql").write_bytes(text)
    digest, tables, complete, _schema = databases._read_sql(str(tmp_path / "dump.sql"))
    assert (digest, tables, complete) == (hashlib.sha256(text).hexdigest(), 2, False)


def test_a_dump_that_is_not_understood_is_read_to_its_end_all_the_same(tmp_path):
    text = b"CREATE TABLE `a` (\n);\nINSERT INTO `" + b"x" * 100 + b"\nCREATE TABLE `b` (\n);\n-- Dump completed\n"
    (tmp_path / "dump.sql").write_bytes(text)
    found = databases._read_sql(str(tmp_path / "dump.sql"))
    assert found == (hashlib.sha256(text).hexdigest(), 2, True, "")
