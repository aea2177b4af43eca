# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers are played by programs on PATH; the real ones are asked on the real hosts."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import database_programs, local_databases
from ansible_collections.dse.backup.plugins.module_utils._core.database_servers import Listed
from ansible_collections.dse.backup.plugins.module_utils._core.local_databases import LocalDatabases


def hexadecimal(text):
    return text.encode().hex()


# «nómina» and the end of a line: no line of an answer may become two.
PSQL = f"""
sql=$(cat)
case "$sql" in
*data_directory*) echo "/var/lib/postgresql/15/$PGPORT";;
*config_file*) printf '%s\\n' /etc/postgresql/postgresql.conf /srv/pg/pg_hba.conf /srv/pg/pg_ident.conf;;
*"NOT IN ('template0', 'template1', 'postgres')"*)
    echo '{hexadecimal("escolares")}|{hexadecimal("ana")}|4096'
    echo '{hexadecimal("nómina" + chr(10))}|{hexadecimal("rh")}|1';;
esac
"""
SCHEMATA = ["mysql", "sys", "information_schema", "performance_schema", "#mysql50#lost+found", "portal_2", "vacía"]
# Rights are given on a pattern: the name of one database has its wildcards escaped.
PATTERN = hexadecimal(r"portal\_2")
MARIADB = f"""
sql=$(cat)
case "$sql" in
*datadir*) echo /var/lib/mysql/;;
*"SELECT COUNT"*) echo ${{TABLES:-3}};;
*mysql.db*) printf '{PATTERN}\\t{hexadecimal("app@localhost")}\\n{PATTERN}\\t{hexadecimal("web@%")}\\n';;
*schemata*) printf '%s\\n' ${{SCHEMATA:-{" ".join(map(hexadecimal, SCHEMATA))}}};;
*"SUM(data_length"*) printf '{hexadecimal("portal_2")}\\t2048.0\\n';;
esac
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A server with these programs, these sockets and these directories of data."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    monkeypatch.setattr(database_programs.pwd, "getpwnam", lambda name: pwd.getpwuid(os.getuid()))
    sockets = {"postgresql": [], "mariadb": []}
    data = {"postgresql": [], "mariadb": []}
    monkeypatch.setattr(local_databases, "SOCKETS", sockets)
    monkeypatch.setattr(local_databases, "DATA", data)

    def install(programs, *, listening=(), data_marks=()):
        for name, script in programs.items():
            (directory / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            (directory / name).chmod(0o755)
        for family, name in listening:
            (tmp_path / name).touch()
            sockets[family].append(str(tmp_path / name))
        for family, name in data_marks:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
            data[family].append(str(tmp_path / name))

    return install


def find(*requested, families=("postgresql", "mariadb")):
    found = LocalDatabases()
    found.find(families, requested)
    return found


def test_every_postgresql_that_listens_is_asked_for_all_but_its_own(host, tmp_path):
    host({"psql": PSQL}, listening=[("postgresql", ".s.PGSQL.5432"), ("postgresql", ".s.PGSQL.5433")])
    found = find()
    theirs = [Listed("escolares", "ana", 4096), Listed("nómina\n", "rh", 1)]
    assert found.listed == {
        ("postgresql", "/var/lib/postgresql/15/5432"): theirs,
        ("postgresql", "/var/lib/postgresql/15/5433"): theirs,
    }
    assert "/srv/pg/pg_hba.conf" in found.configuration
    assert (found.problems, found.remarks) == ([], [])


def test_mariadb_is_asked_for_all_but_its_own_with_the_accounts_that_use_them(host):
    host({"mariadb": MARIADB}, listening=[("mariadb", "mysqld.sock")])
    assert find().listed == {
        ("mariadb", "/var/lib/mysql"): [Listed("portal_2", "app@localhost, web@%", 2048), Listed("vacía", "", 0)]
    }


def test_the_sizes_of_very_many_tables_are_not_asked_for(host, monkeypatch):
    host({"mariadb": "TABLES=20001\n" + MARIADB}, listening=[("mariadb", "mysqld.sock")])
    assert [each.size for each in find().listed["mariadb", "/var/lib/mysql"]] == [None, None]


def test_an_account_that_may_not_know_who_uses_what_lists_all_the_same(host):
    denied = "*mysql.db*) echo 'ERROR 1142: SELECT command denied' >&2; exit 1;;\n*mysql.db.*)"
    host({"mariadb": MARIADB.replace("*mysql.db*)", denied)}, listening=[("mariadb", "mysqld.sock")])
    assert [each.owner for each in find().listed["mariadb", "/var/lib/mysql"]] == ["", ""]


def test_a_host_without_databases_is_no_problem(host):
    host({})
    assert (find().listed, find().problems) == ({}, [])


def test_a_server_that_does_not_run_is_a_problem_that_names_its_data(host, tmp_path):
    host({"psql": PSQL}, data_marks=[("postgresql", "15/main/PG_VERSION")])
    (problem,) = find().problems
    assert f"{tmp_path}/15/main (¿está detenido?)" in problem


def test_a_server_that_does_not_let_us_in_says_why_once(host, tmp_path):
    host(
        {"mariadb": "echo 'ERROR 1045 Access denied' >&2; exit 1"},
        listening=[("mariadb", "mysqld.sock")],
        data_marks=[("mariadb", "data/mysql")],
    )
    (problem,) = find().problems
    assert f"{tmp_path}/data" in problem and "ERROR 1045 Access denied" in problem


def test_a_server_with_its_data_elsewhere_that_does_not_let_us_in_is_a_problem_too(host):
    host({"mariadb": "echo 'ERROR 1045 Access denied' >&2; exit 1"}, listening=[("mariadb", "mysqld.sock")])
    assert "ERROR 1045" in find().problems[0]


def test_the_way_in_of_an_item_does_where_root_has_none_and_is_remarked(host):
    own = {"engine": "mariadb", "name": "portal_2", "defaults_file": "/etc/mysql/backup.cnf"}
    denied = f"case $1 in --defaults-extra-file=*) ;; *) echo denied >&2; exit 1;; esac\n{MARIADB}"
    host({"mariadb": denied}, listening=[("mariadb", "mysqld.sock")])
    found = find(own)
    assert found.problems == []
    assert found.remarks == ["de /var/lib/mysql sólo se sabe lo que puede ver la cuenta de /etc/mysql/backup.cnf"]
    assert found.standing("portal_2", own) == ("present", "/var/lib/mysql")


def test_root_is_asked_first_who_sees_everything(host):
    own = {"engine": "mariadb", "name": "portal_2", "defaults_file": "/etc/mysql/backup.cnf"}
    sees_one = f"case $1 in --defaults-extra-file=*) SCHEMATA={hexadecimal('portal_2')};; esac\n{MARIADB}"
    host({"mariadb": sees_one}, listening=[("mariadb", "mysqld.sock")])
    found = find(own)
    assert len(found.listed["mariadb", "/var/lib/mysql"]) == 2
    assert found.remarks == []


def test_whether_what_is_requested_is_there(host):
    host({"psql": PSQL, "mariadb": MARIADB}, listening=[("postgresql", ".s.PGSQL.5432"), ("mariadb", "mysqld.sock")])
    there = {"engine": "postgresql", "name": "escolares", "port": 5432}
    gone = {**there, "name": "otra"}
    found = find(there, gone, {"engine": "mysql", "name": "portal_2"})
    assert found.standing("escolares", there) == ("present", "/var/lib/postgresql/15/5432")
    assert found.standing("otra", gone) == ("gone", "/var/lib/postgresql/15/5432")
    assert found.standing("portal_2", {"engine": "mysql", "name": "portal_2"}) == ("present", "/var/lib/mysql")
    # Of a request only the name is known.
    assert found.standing("vacía") == ("present", "/var/lib/mysql")
    assert found.standing("otra") == ("gone", "")


def test_what_could_not_be_asked_for_is_unknown_and_a_problem(host):
    item = {"engine": "postgresql", "name": "escolares", "port": 5499}
    host({"psql": "echo 'could not connect' >&2; exit 2"})
    found = find(item)
    assert found.standing("escolares", item) == ("unknown", "")
    assert found.standing("escolares") == ("unknown", "")
    assert "«escolares»: puerto 5499: psql terminó con el código 2: could not connect" in found.problems[0]


def test_what_nobody_wants_to_look_at_is_left_alone(host, tmp_path):
    host({"psql": f"touch {tmp_path}/called"}, listening=[("postgresql", ".s.PGSQL.5432")])
    item = {"engine": "postgresql", "name": "escolares"}
    found = find(item, families=("mariadb",))
    assert not (tmp_path / "called").exists()
    assert (found.problems, found.standing("escolares", item)) == ([], ("unknown", ""))


def test_a_server_that_hangs_holds_nothing_up(host, monkeypatch):
    monkeypatch.setattr(local_databases, "_SECONDS_TO_ANSWER", 1)
    host({"psql": "exec sleep 60"}, listening=[("postgresql", ".s.PGSQL.5432")])
    assert "no respondió en 1 s" in find().problems[0]


@pytest.mark.parametrize("nonsense", ["echo x", "echo 'zz|zz|zz'", "printf '\\377\\n'", ":", "echo /data"])
def test_an_answer_without_sense_is_a_problem(host, nonsense):
    host({"psql": nonsense}, listening=[("postgresql", ".s.PGSQL.5432")])
    assert len(find().problems) == 1
