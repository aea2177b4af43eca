"""docs/recuperacion-de-desastre.md, followed word by word: a copy of the repository, the escrowed key, nothing else.

Each block of the page is typed in its order, in one terminal, on a server that never held what is restored. Only the
values of its step 1 are changed, as the page asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import backups
import hosts
import pytest
from test_backup import description

PAGE = (backups.CHECKOUT / "docs" / "recuperacion-de-desastre.md").read_text(encoding="utf-8")
# What is typed in each step: its title and its blocks.
STEPS = {
    title: re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
COMMON = ("1. Qué se recupera", "2. Abrir el repositorio", "3. Traerlo y comprobarlo")
LAST = "5. Terminar"
KINDS = ("4. Archivos", "4. PostgreSQL", "4. MariaDB o MySQL", "4. SQLite")
NEW = "srv-db01"
SCRATCH = "/root/desastre"


@pytest.fixture(scope="module", autouse=True)
def copies() -> Iterator[None]:
    """What is left of the institution: a copy of each server's repository, on the new server."""
    assert backups.backup().status == 0
    hosts.shell(NEW, f"rm -rf {SCRATCH} && mkdir -m 700 {SCRATCH}")
    archive = hosts.shell("srv-bkp01", "tar -C /srv/dse-backup -cf - srv-web01/repository srv-db01/repository").stdout
    hosts.shell(NEW, f"tar -C {SCRATCH} -xf -", stdin=archive)
    yield
    hosts.shell(NEW, f"rm -rf {SCRATCH}")


def escrowed(server: str) -> bytes:
    """Return the password that is in the envelope."""
    return hosts.shell("srv-bkp01", f"cat /srv/dse-backup/{server}/repository.key").stdout


def commands(kind: str, **values: str) -> str:
    """Return all that the page has typed for one kind of item, with these values in its step 1."""
    blocks = [block for step in (*COMMON, kind, LAST) for block in STEPS[step]]
    for name, value in values.items():
        blocks[0], changed = re.subn(rf"^{name}=.*$", f"{name}='{value}'", blocks[0], flags=re.MULTILINE)
        assert changed == 1, name
    return "\n".join(["set -e", *blocks])


def follow(kind: str, server: str, item: str, *, key: bytes = b"", check: bool = True, **values: str) -> str:
    """Follow the page to its end and return what the terminal shows; the repository's copy must stay as it was."""
    repository = f"{SCRATCH}/{server}/repository"
    state = f"find {repository} -printf '%p %s %T@ %U\\n' | sort | sha256sum"
    before = hosts.shell(NEW, state).stdout
    script = commands(
        kind,
        SERVIDOR=server,
        ELEMENTO=item,
        REPOSITORIO=repository,
        CLAVE=f"{SCRATCH}/clave",
        DESTINO=f"{SCRATCH}/{item}",
        **values,
    )
    hosts.shell(NEW, f"cat > {SCRATCH}/pasos", stdin=script.encode())
    done = hosts.shell(NEW, f"bash {SCRATCH}/pasos 2>&1", stdin=key or escrowed(server), check=False)
    shown = done.stdout.decode()
    assert (done.returncode == 0) == check, shown
    assert hosts.shell(NEW, state).stdout == before
    return shown


def test_every_step_of_the_page_is_followed():
    assert set(STEPS) == {*COMMON, *KINDS, LAST}
    assert all(STEPS.values())


def test_files_come_back_to_their_place():
    place = backups.newest("portal-src")["source"]
    assert hosts.shell(NEW, f"test -e {place}", check=False).returncode != 0
    try:
        follow("4. Archivos", "srv-web01", "portal-src", LUGAR=place)
        assert description(NEW, place) == description("srv-web01", place)
    finally:
        hosts.shell(NEW, f"rm -rf {place} && rmdir --ignore-fail-on-non-empty $(dirname {place})")


def postgresql(port: str, question: str) -> str:
    command = f"cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -p {port} -d escolares"
    return hosts.shell(NEW, command, stdin=question.encode()).stdout.decode()


@pytest.fixture
def empty_cluster() -> Iterator[str]:
    """The port of a PostgreSQL that knows no role but its own."""
    version = hosts.shell(NEW, "pg_lsclusters -h | cut -d' ' -f1 | head -n1").stdout.decode().strip()
    remove = f"pg_dropcluster --stop {version} desastre"
    hosts.shell(NEW, f"{remove} 2>/dev/null; pg_createcluster {version} desastre --start")
    yield hosts.shell(NEW, f"pg_conftool -s {version} desastre show port").stdout.decode().strip()
    hosts.shell(NEW, remove)


def test_postgresql_comes_back_with_its_roles(empty_cluster):
    # Faults 17.
    shown = follow("4. PostgreSQL", "srv-db01", "db-escolares", BASE="escolares", PUERTO=empty_cluster)
    assert re.findall("ERROR: .*", shown) == ['ERROR:  role "postgres" already exists']
    question = (
        "SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM alumno t;"
        "SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM inscripcion t;"
        "SELECT relname, relowner::regrole, relacl FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace ORDER BY 1;"
        "SELECT rolname, rolcanlogin, rolpassword FROM pg_authid WHERE rolname LIKE 'escolares%' ORDER BY 1"
    )
    assert postgresql(empty_cluster, question) == postgresql("5432", question)


def test_mariadb_comes_back():
    database = "lms_desastre"
    try:
        follow("4. MariaDB o MySQL", "srv-db01", "db-lms", BASE=database)
        tables = hosts.shell(NEW, "mariadb -BN lms -e 'SHOW FULL TABLES'").stdout.decode().splitlines()
        names = ", ".join(f"`{line.split(chr(9))[0]}`" for line in tables if line.endswith("BASE TABLE"))
        sums = [
            hosts.shell(NEW, f"mariadb -BN {each}", stdin=f"CHECKSUM TABLE {names} EXTENDED".encode()).stdout.decode()
            for each in ("lms", database)
        ]
        assert sums[0].replace("lms.", f"{database}.") == sums[1]
        assert "NULL" not in sums[0]
    finally:
        hosts.shell(NEW, f"mariadb -e 'DROP DATABASE IF EXISTS {database}'")


def test_sqlite_comes_back():
    """The scenario has no such item: one is put into the copy, as dse-backup stores it."""
    staging = f"{SCRATCH}/staging/db-biblioteca"
    dump = f"{staging}/db-biblioteca.sqlite"
    write = "import sqlite3; c = sqlite3.connect('{}'); c.execute('CREATE TABLE libro (t)'); " \
            "c.executemany('INSERT INTO libro VALUES (?)', [(str(n),) for n in range(999)]); c.commit()"  # fmt: skip
    hosts.shell(NEW, f'mkdir -p {staging} && python3 -c "{write.format(dump)}"')
    digest = hosts.shell(NEW, f"sha256sum < {dump}").stdout.decode()[:64]
    hosts.shell(
        NEW,
        f"restic --repo {SCRATCH}/srv-web01/repository --password-file /dev/stdin --no-cache backup --quiet "
        f"--tag item=db-biblioteca,mode=automatic,sha256={digest} {staging}",
        stdin=escrowed("srv-web01"),
    )
    follow("4. SQLite", "srv-web01", "db-biblioteca", LUGAR=f"{SCRATCH}/var/biblioteca.sqlite")
    assert hosts.shell(NEW, f"sha256sum < {SCRATCH}/var/biblioteca.sqlite").stdout.decode()[:64] == digest


def test_a_wrong_key_is_said_plainly():
    # Faults 27: how the yearly check finds an envelope that no longer opens anything.
    shown = follow("4. Archivos", "srv-web01", "portal-media", key=b"otra\n", check=False)
    assert "wrong password or no key found" in shown
