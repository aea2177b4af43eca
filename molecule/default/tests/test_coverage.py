"""What nobody asked for on real hosts: sites, code, configuration, and the databases of real servers. 4.1.1.

The tests have sources and a ledger of their own; of what else is on the hosts they say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import backups
import hosts
import pytest
from test_restore import DATABASES, WEB, item, mariadb, postgresql

INVENTORY = hosts.RUN_DIRECTORY / "coverage"
LEDGER = hosts.RUN_DIRECTORY / "ledger-coverage"
OUTPUT = hosts.RUN_DIRECTORY / "coverage.json"
HERE = "/srv/cobertura"
PAYROLL, SHOP = "prueba_nómina", "prueba_taller"
# The second cluster has a database of the same name, for which nobody asked.
OTHER = "cobertura"

ITEMS = {
    WEB: [
        item("prueba-sitio", 401, "web_publication", "source_code", paths=[f"{HERE}/sitio"]),
        item("prueba-ssh", 402, "server_configuration", "server_configuration", paths=["/etc/ssh"]),
        item("prueba-ido", 403, "web_publication", "images_documents", paths=[f"{HERE}/ido"]),
    ],
    DATABASES: [
        item("prueba-escolares", 404, "database", "database", database={"engine": "postgresql", "name": "escolares"}),
        item("prueba-lms", 405, "database", "database", database={"engine": "mariadb", "name": "lms"}),
        item("prueba-ida", 406, "database", "database", database={"engine": "mariadb", "name": "prueba_ida"}),
    ],
}

# nginx is not installed: its configuration is read, nobody is asked.
SITE_SH = f"""
mkdir -p {HERE}/sitio {HERE}/blog/.git {HERE}/memoria /etc/nginx/sites-enabled
echo x > {HERE}/sitio/index.php
head -c 5000000 /dev/zero > {HERE}/blog/foto.jpg
printf '[remote "origin"]\\n\\turl = https://ana:secreto@git.example.mx/blog.git\\n' > {HERE}/blog/.git/config
chown -R www-data:www-data {HERE}/blog
echo 'http {{ include /etc/nginx/sites-enabled/*; }}' > /etc/nginx/nginx.conf
echo 'server {{ server_name blog.example.mx; root {HERE}/blog; }}' > /etc/nginx/sites-enabled/blog
"""
PAYROLL_SQL = f"""
DROP DATABASE IF EXISTS "{PAYROLL}";
DROP ROLE IF EXISTS prueba_rh;
CREATE ROLE prueba_rh;
CREATE DATABASE "{PAYROLL}" OWNER prueba_rh;
"""
SHOP_SQL = f"""
DROP DATABASE IF EXISTS {SHOP};
CREATE DATABASE {SHOP};
CREATE TABLE {SHOP}.venta (id INT PRIMARY KEY, concepto TEXT) ENGINE=InnoDB;
CREATE OR REPLACE USER prueba_taller@localhost IDENTIFIED BY 'solo-para-pruebas';
GRANT ALL ON `prueba\\_taller`.* TO prueba_taller@localhost;
"""

Record = dict[str, Any]


class Told(NamedTuple):
    """How a playbook ended: its exit status, what it printed, what coverage.yml wrote as JSON."""

    status: int
    output: str
    found: Record

    def listed(self, **fields: Any) -> list[Record]:
        """Return what nobody asked for and has these fields."""
        return [each for each in self.found["uncovered"] if fields.items() <= each.items()]


def play(playbook: str, *options: str, **extra: Any) -> backups.Run:
    return backups.Started(
        f"{playbook}.yml",
        *options,
        f"--extra-vars={json.dumps(extra)}",
        environment={"DSE_BACKUP_LEDGER": str(LEDGER)},
        inventories=[hosts.INVENTORY, INVENTORY],
    ).end()


def look(*options: str, **extra: Any) -> Told:
    OUTPUT.unlink(missing_ok=True)
    done = play("coverage", *options, coverage_output=str(OUTPUT), **extra)
    return Told(done.status, done.output, json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {})


@pytest.fixture(scope="module", autouse=True)
def sources() -> Iterator[None]:
    """Something that was asked for, something that was not, and something that is gone, on both servers."""
    (INVENTORY / "host_vars").mkdir(parents=True, exist_ok=True)
    (INVENTORY / "hosts.yml").write_text("{}\n")
    for server, items in ITEMS.items():
        (INVENTORY / "host_vars" / f"{server}.yml").write_text(json.dumps({"backup_client_items": items}))
    hosts.shell(WEB, SITE_SH)
    postgresql(PAYROLL_SQL, "postgres")
    mariadb("", SHOP_SQL)
    requested = play("request", request_take_over=True)
    assert requested.status == 0, requested.output
    yield
    hosts.shell(WEB, f"rm -rf {HERE} /etc/nginx")
    postgresql(f'DROP DATABASE "{PAYROLL}"; DROP ROLE prueba_rh;', "postgres")
    mariadb("", f"DROP DATABASE {SHOP}; DROP USER prueba_taller@localhost;")


@pytest.fixture(scope="module")
def told(sources) -> Told:
    done = look()
    assert done.status == 0, done.output
    return done


@pytest.fixture
def other_cluster() -> Iterator[str]:
    """The data directory of a second PostgreSQL of the same host, which has a database ``escolares`` too."""
    version = hosts.shell(DATABASES, "pg_lsclusters -h | cut -d' ' -f1 | head -n1").stdout.decode().strip()
    remove = f"pg_dropcluster --stop {version} {OTHER}"
    hosts.shell(DATABASES, f"{remove} 2>/dev/null; pg_createcluster {version} {OTHER} --start")
    create = f"cd / && runuser -u postgres -- createdb --cluster {version}/{OTHER} escolares"
    hosts.shell(DATABASES, create)
    yield f"/var/lib/postgresql/{version}/{OTHER}"
    hosts.shell(DATABASES, remove)


def test_a_site_nobody_asked_for_has_all_that_helps_to_find_its_owner(told):
    """Breaks: nginx's configuration or git's is not read, or the password in it is shown."""
    (blog,) = told.listed(server=WEB, path=f"{HERE}/blog")
    assert blog["kinds"] == ["web", "code"]
    assert (blog["owner"], blog["sites"], blog["remote"]) == (
        "www-data",
        ["blog.example.mx"],
        "https://git.example.mx/blog.git",
    )
    assert 5_000_000 <= blog["size_bytes"] < 5_100_000
    line = next(line for line in told.output.splitlines() if f"{HERE}/blog" in line)
    assert "SIN SOLICITUD" in line and "4.8 MiB" in line
    assert "secreto" not in told.output + json.dumps(told.found)


def test_what_was_asked_for_is_not_listed_and_what_was_in_part_says_so(told):
    """Breaks: an item's own source is called unrequested, or /etc is covered by a part of it."""
    assert not told.listed(server=WEB, path=f"{HERE}/sitio")
    (etc,) = told.listed(server=WEB, path="/etc")
    assert (etc["situation"], etc["covered_parts"]) == ("partly", [{"path": "/etc/ssh", "by": "prueba-ssh"}])
    (etc,) = told.listed(server=DATABASES, path="/etc")
    assert etc["situation"] == "unrequested"


def test_databases_nobody_asked_for_are_listed_with_their_owners_and_the_systems_are_not(told):
    """Breaks: the socket's way in does not list all databases, or lists the server's own."""
    databases = {each["name"]: each for each in told.listed(server=DATABASES, kinds=["database"])}
    assert databases[PAYROLL]["engine"] == "postgresql" and databases[PAYROLL]["owner"] == "prueba_rh"
    assert databases[PAYROLL]["size_bytes"] > 1_000_000
    assert databases[SHOP]["engine"] == "mariadb" and databases[SHOP]["owner"] == "prueba_taller@localhost"
    assert databases[SHOP]["size_bytes"] >= 16384
    # Of the scenario's own items, whose ledger is another.
    assert "portal" in databases
    known = {"escolares", "lms", "postgres", "template1", "mysql", "information_schema", "performance_schema", "sys"}
    assert not known & set(databases)


def test_what_was_asked_for_and_is_gone_is_listed(told):
    """Breaks: a path or a database that somebody removed is missed only when its backup fails."""
    assert {(each["server"], each["name"], each["what"]) for each in told.found["gone"]} == {
        (WEB, "prueba-ido", f"{HERE}/ido"),
        (DATABASES, "prueba-ida", "prueba_ida"),
    }


def test_a_second_server_on_the_same_host_is_looked_at_and_a_name_is_not_enough(other_cluster):
    """Breaks: only the first PostgreSQL is asked, or a request for one database covers another server's of its name."""
    done = look("--limit", DATABASES)
    assert done.status == 0, done.output
    (found,) = done.listed(name="escolares")
    assert found["instance"] == other_cluster


def test_code_in_memory_is_not_entered():
    """Breaks: the search crosses into pseudo file systems."""
    with hosts.small_disk(WEB, f"{HERE}/memoria", "1m"):
        hosts.shell(WEB, f"mkdir -p {HERE}/memoria/a/.git")
        done = look("--limit", WEB)
    assert done.status == 0, done.output
    assert not done.listed(path=f"{HERE}/memoria/a")


def test_a_database_server_that_is_stopped_is_named_and_fails_and_what_it_holds_is_not_called_gone():
    """Breaks: a server that does not answer looks like one without databases, or all of its own look removed."""
    with hosts.stopped(DATABASES, "mariadb.service"):
        done = look()
    assert done.status == 2, done.output
    problems = done.found["problems"][DATABASES]
    assert any("MariaDB o MySQL en /var/lib/mysql" in problem for problem in problems), problems
    assert not [each for each in done.found["gone"] if each["server"] == DATABASES]
    # What could be looked at is shown all the same.
    assert done.listed(name=PAYROLL) and done.listed(path=f"{HERE}/blog")


@pytest.mark.parametrize("fault", [hosts.cut_off, hosts.paused])
def test_a_server_that_is_away_is_named_and_the_others_are_shown(fault):
    """Breaks: one server that hangs takes the report of all others away, or is taken for one where all is well."""
    hosts.forget_connections()
    with fault(DATABASES):
        done = look()
    hosts.forget_connections()
    assert done.status == 2, done.output
    assert list(done.found["problems"]) == [DATABASES]
    assert f"✗ {DATABASES}: no se pudo contactar por SSH" in done.output
    assert done.listed(path=f"{HERE}/blog")


def test_nothing_is_recorded(told):
    """Breaks: a look leaves a record, or makes the ledger's files anew."""
    before = {file.name: file.read_bytes() for file in LEDGER.iterdir() if file.is_file()}
    assert look("--check").status == 0
    assert not OUTPUT.exists()
    assert {file.name: file.read_bytes() for file in LEDGER.iterdir() if file.is_file()} == before
