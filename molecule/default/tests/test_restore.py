"""Recoveries on real hosts: restore.yml brings back what was there, and nothing that is there is lost by it.

What is restored are sources of the tests' own, each backed up once. The classes go from what JAA is asked for on the
telephone to what an adversary does to it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from contextlib import contextmanager
from typing import Any

import backups
import hosts
import official_record
import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import procedure
from test_backup import description

# Read after the scenario's own inventory: its variables win.
INVENTORY = hosts.RUN_DIRECTORY / "recoveries"
WEB, DATABASES, STORE = "srv-web01", "srv-db01", "srv-bkp01"
HERE = "/srv/recuperacion"
TREE, ARENA = f"{HERE}/portal", f"{HERE}/asalto"
ELSEWHERE = "/srv/recuperado"
KARDEX, COURSES = "prueba_kardex", "prueba_cursos"

# Everything that a file can be, and names that a script with one missing quote executes, splits or cannot decode.
MAKE = f"""
import os, shutil, subprocess
shutil.rmtree("{HERE}", ignore_errors=True)
shutil.rmtree("{ELSEWHERE}", ignore_errors=True)
os.makedirs("{TREE}/nombres")
os.chdir("{TREE}")
names = [b"con espacios", b"con\\nsalto", b"-rf", b"--exclude=*", b"$(touch EJECUTADO)", b"`touch EJECUTADO`",
         b"; touch EJECUTADO", b"comilla'y\\"comillas", b"barra\\\\", b"asterisco*", b"[a]", b"latin1-\\xf1",
         b"\\x1b[31mrojo", b"=cmd()", b".oculto", b"n" * 255]
for name in names:
    with open(b"nombres/" + name, "wb") as file:
        file.write(b"contenido de " + name)
for number in range(8):
    os.makedirs("src/m%d" % number)
    with open("src/m%d/pagina.php" % number, "wb") as file:
        file.write(b"<?php echo %d; ?>\\n" % number * 4000)
for command in (
    "mkdir vacio directorio-cerrado", "ln src/m0/pagina.php enlace-duro", "ln -s src/m1 enlace", "mkfifo tubo",
    "ln -s /no/existe enlace-roto", "truncate --size=8M disperso", "sh -c 'echo fin >> disperso'",
    "install -m 4750 -o www-data -g adm /bin/true con-privilegio", "chown -h www-data:adm enlace-roto",
    "install -m 600 -o 4321 -g 1234 /etc/hostname de-nadie", "chmod 1730 directorio-cerrado",
    "setfacl -m u:www-data:r,g:adm:rw,m::rw de-nadie", "setfacl -d -m u:www-data:rwx vacio",
    "setfattr -n user.origen -v escáner src/m2/pagina.php", "setfattr -n user.nota -v antigua vacio",
    "touch --date=2001-02-03T04:05:06.789012345 src/m3/pagina.php", "touch -h --date=1999-12-31 enlace",
    "touch --date=2005-05-05T05:05:05.5 src/m4",
):
    subprocess.run(["sh", "-c", command], check=True)
for number in range(30):
    os.makedirs("{ARENA}/d%02d" % number)
    for each in range(10):
        with open("{ARENA}/d%02d/f%d" % (number, each), "w") as file:
            file.write("respaldado %d\\n" % (10 * number + each) * 200)
subprocess.run(["chown", "-R", "www-data:www-data", "{ARENA}"], check=True)
"""

KARDEX_SQL = f"""
DROP DATABASE IF EXISTS {KARDEX} WITH (FORCE);
DROP DATABASE IF EXISTS {KARDEX}_copia;
DROP ROLE IF EXISTS prueba_app;
DROP ROLE IF EXISTS prueba_lectura;
CREATE ROLE prueba_lectura NOLOGIN;
CREATE ROLE prueba_app LOGIN PASSWORD 'solo-para-pruebas' IN ROLE prueba_lectura;
CREATE DATABASE {KARDEX} OWNER prueba_app;
ALTER DATABASE {KARDEX} SET search_path = escuela, public;
\\connect {KARDEX}
SET ROLE prueba_app;
CREATE SCHEMA escuela;
CREATE TABLE escuela.alumno (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, nombre text NOT NULL, foto bytea);
CREATE TABLE escuela.calificacion (alumno_id integer REFERENCES escuela.alumno, nota numeric(4, 2));
CREATE TABLE escuela."Mi ""tabla""; ñ" (c text);
INSERT INTO escuela.alumno (nombre, foto) SELECT E'Persona ñ ✓ \\\\. \\n' || n, sha256(n::text::bytea)
    FROM generate_series(1, 2000) n;
INSERT INTO escuela.calificacion SELECT id, (id % 1001) / 100.0 FROM escuela.alumno;
INSERT INTO escuela."Mi ""tabla""; ñ" VALUES (E'\\\\.\\n$(x)');
CREATE VIEW escuela.promedio AS SELECT avg(nota) AS promedio FROM escuela.calificacion;
CREATE FUNCTION escuela.total() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM escuela.alumno';
GRANT SELECT ON escuela.alumno TO prueba_lectura;
"""

COURSES_SH = f"""
mariadb -e 'DROP DATABASE IF EXISTS {COURSES}; DROP DATABASE IF EXISTS {COURSES}_copia; CREATE DATABASE {COURSES}'
mariadb-dump --routines --events --triggers lms | mariadb {COURSES}
"""


def item(name: str, request: int, kind: str, information: str, **source: Any) -> dict[str, Any]:
    """Return an item as an administrator would write it; ``request`` is the number of its request's folio."""
    return {
        "id": name,
        "service": "Portal Institucional",
        "repository_type": kind,
        "information_type": information,
        # Of a year in which the ledger gives no folios: the tests' failures take those of this one.
        "request_folio": f"DSE-05-2025-{request:04}",
        **source,
    }


def write_inventory(port: int | None = None) -> None:
    """Write the inventory of the tests' own items; ``port`` is where PostgreSQL is now."""
    at = {"port": port} if port else {}
    items = {
        WEB: [
            item("prueba-portal", 201, "web_publication", "source_code", paths=[TREE]),
            item("prueba-asalto", 202, "web_publication", "source_code", paths=[ARENA]),
        ],
        DATABASES: [
            item("prueba-kardex", 203, "database", "database", database={"engine": "postgresql", "name": KARDEX, **at}),
            item("prueba-cursos", 204, "database", "database", database={"engine": "mariadb", "name": COURSES}),
        ],
    }
    (INVENTORY / "host_vars").mkdir(parents=True, exist_ok=True)
    (INVENTORY / "hosts.yml").write_text(json.dumps({"all": {"hosts": {name: {} for name in items}}}))
    for name, listed in items.items():
        (INVENTORY / "host_vars" / f"{name}.yml").write_text(json.dumps({"backup_client_items": listed}))


def backup(*items: str) -> backups.Run:
    return backups.backup(*items, inventories=(INVENTORY,), options=("-vvv",))


def restore(what: str, *options: str, **answers: Any) -> backups.Run:
    """Restore an item, asked for by its area after an accident; ``answers`` are extra-vars without ``restore_``."""
    if what:
        answers["item"] = what
    answers = {"requester": "Servicios Escolares", "reason": "accidental_deletion", **answers}
    extra = json.dumps({f"restore_{key}": value for key, value in answers.items()})
    sources = [hosts.INVENTORY, INVENTORY]
    return backups.Started("restore.yml", *options, f"--extra-vars={extra}", environment={}, inventories=sources).end()


def undo(record: dict[str, Any]) -> backups.Run:
    return restore("", undo=record["folio"])


def recovery(run: backups.Run) -> dict[str, Any]:
    """Return the record of a recovery that succeeded, which is all that the run recorded."""
    assert run.status == 0, run.output
    (record,) = run.outcomes.values()
    assert (record["record_type"], record["form_code"]) == ("recovery", "FOR 7.5 DSE 05"), record
    assert record["result"] == "restored"
    return record


def failure(run: backups.Run) -> str:
    """Return why a restore failed, as FOR 7.5 DSE 05 has it."""
    assert run.status != 0, run.output
    failed = [each for each in backups.records() if each.get("run_id") == run.run_id]
    (told,) = [each for each in failed if each["record_type"] == "failure"]
    assert (told["form_code"], told["failure_stage"]) == ("FOR 7.5 DSE 05", "restore")
    return told["error_message"]


def previewed(run: backups.Run) -> dict[str, Any]:
    """Return what a preview announces, as the task gave it (-v)."""
    line = next(line for line in run.output.splitlines() if '"preview": {' in line)
    return json.loads(line[line.index("{") :])["preview"]


@pytest.fixture(scope="module", autouse=True)
def stored():
    """All that the portal's files were when everything was backed up."""
    hosts.forget_connections()
    backups.secrets()
    write_inventory()
    backups.request(INVENTORY)
    hosts.shell(WEB, "python3 -", stdin=MAKE.encode())
    hosts.shell(DATABASES, "cd / && runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1", stdin=KARDEX_SQL.encode())
    hosts.shell(DATABASES, COURSES_SH)
    run = backup("prueba-portal", "prueba-asalto", "prueba-kardex", "prueba-cursos")
    assert run.status == 0, run.output
    yield everything(WEB, TREE)
    hosts.shell(WEB, f"rm -rf {HERE} {ELSEWHERE}")
    gone = f"DROP DATABASE IF EXISTS {KARDEX} WITH (FORCE);\nDROP DATABASE IF EXISTS {KARDEX}_copia;\n" \
           "DROP ROLE IF EXISTS prueba_app;\nDROP ROLE IF EXISTS prueba_lectura;\n"  # fmt: skip
    hosts.shell(DATABASES, "cd / && runuser -u postgres -- psql -Xq", stdin=gone.encode())
    hosts.shell(DATABASES, f"rm -rf {ELSEWHERE}; mariadb -e 'DROP DATABASE IF EXISTS {COURSES}'")


# --- Files ------------------------------------------------------------------------------------------------------------


def everything(server: str, tree: str) -> list[str]:
    """Return all that a tree's files are: what describe_tree.py says, and times, ACLs and extended attributes."""
    asked = {
        r"find . -printf '%p\t%y %m %U:%G %T@ %n\0' | sort -z": b"\0",
        "getfacl --recursive --physical --numeric .": b"\n\n",
        "getfattr --recursive --no-dereference --dump --match=^user .": b"\n\n",
    }
    found = [str(entry) for entry in description(server, tree)]
    for command, separator in asked.items():
        answer = hosts.shell(server, f"cd {shlex.quote(tree)} && {command}").stdout
        found += [entry.decode("latin-1") for entry in answer.split(separator)]
    return found


def places(tree: str) -> dict[str, bytes]:
    """Return, of each name in a tree that is no directory, which file it is and when it last changed in any way."""
    listed = hosts.shell(WEB, rf"find {tree} -not -type d -printf '%p\t%i %C@ %s\0'").stdout
    pairs = (entry.rpartition(b"\t") for entry in listed.split(b"\0") if entry)
    return {readable(os.fsdecode(path)): state for path, _tab, state in pairs}


class TestAnotherPlace:
    """The usual recovery: beside what is there, for the area to take what it needs."""

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls):
        return restore("prueba-portal", target=ELSEWHERE, verify=True)

    def test_everything_is_as_it_was_below_its_full_path(self, run, stored):
        assert run.status == 0, run.output
        assert everything(WEB, ELSEWHERE + TREE) == stored
        assert everything(WEB, TREE) == stored
        facts = str(stored)
        # What is compared does contain what restores lose.
        for part in ("user.origen", "user:33:r--", "default:user:33:rwx", "1730", "4750", "4321:1234", ".7890123450"):
            assert part in facts, part

    def test_nothing_was_executed(self):
        assert hosts.shell(WEB, "find / -xdev -name EJECUTADO").stdout == b""

    def test_only_root_may_look(self):
        assert hosts.shell(WEB, f"stat -c %a:%U {ELSEWHERE}").stdout == b"700:root\n"

    def test_the_record_tells_it(self, run):
        record, used = recovery(run), backups.newest("prueba-portal")
        assert record["sha256_matches"] is True
        assert (record["backup_folio"], record["file_name"]) == (used["folio"], used["file_name"])
        assert (record["restored_bytes"], record["entry_count"]) == (used["size_bytes"], used["entry_count"])
        assert (record["destination"], record["overwrite_allowed"]) == (ELSEWHERE, False)
        assert (record["requester_area"], record["reason"]) == ("Servicios Escolares", "accidental_deletion")
        assert record["started_at"] <= record["finished_at"]


class TestInPlaceAndBack:
    """One file was deleted, others changed, one is new; then the restore turns out to have been a mistake."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls):
        accident = (
            f"cd {TREE} && rm src/m5/pagina.php 'nombres/$(touch EJECUTADO)' && rm -r src/m6 && "
            "echo trabajo de hoy > src/m0/pagina.php && echo hoy > 'src/m1/nuevo ñ' && "
            "chown nobody:adm de-nadie && chmod 640 de-nadie && setfacl -b de-nadie && chmod 755 directorio-cerrado && "
            "setfattr -x user.nota vacio && touch src/m4"
        )
        hosts.shell(WEB, accident)
        cls.before, cls.there = everything(WEB, TREE), places(TREE)
        cls.announced = restore("prueba-portal", "--check", "-v", in_place=True)
        cls.untouched = places(TREE) == cls.there
        done = restore("prueba-portal", in_place=True, verify=True)
        cls.done, cls.now = everything(WEB, TREE), places(TREE)
        undone = undo(recovery(done))
        cls.after = everything(WEB, TREE)
        return done, undone

    def test_what_was_backed_up_is_back(self, runs, stored):
        assert recovery(runs[0])["sha256_matches"] is True
        assert [entry for entry in self.done if "nuevo" not in entry] == stored

    def test_what_is_new_stays(self, runs):
        assert recovery(runs[0])
        path = f"{TREE}/src/m1/nuevo ñ"
        assert self.now[path] == self.there[path]

    def test_the_effect_is_what_the_preview_announced_file_by_file(self, runs):
        assert recovery(runs[0])
        assert self.announced.status == 0, self.announced.output
        told = previewed(self.announced)
        files = {
            key: {each["path"] for each in told[key] if each["type"] != "dir"}
            for key in ("written", "replaced", "left", "removed")
        }
        assert files == {
            "written": self.now.keys() - self.there.keys(),
            "replaced": {path for path in self.now.keys() & self.there.keys() if self.now[path] != self.there[path]},
            "left": {path for path in self.now.keys() & self.there.keys() if self.now[path] == self.there[path]},
            "removed": self.there.keys() - self.now.keys(),
        }
        assert files["written"] > {f"{TREE}/src/m5/pagina.php"}
        sizes = {each["path"]: each["size"] for each in told["written"] + told["replaced"] if each["type"] == "file"}
        assert sizes == {path: int(self.now[path].split()[-1]) for path in sizes}

    def test_a_preview_writes_nothing_anywhere(self, runs):
        assert self.untouched
        assert not [each for each in backups.records() if each.get("run_id") == self.announced.run_id]

    def test_undo_brings_back_what_was_there_before(self, runs):
        record = recovery(runs[1])
        assert record["undoes_folio"] == recovery(runs[0])["folio"]
        assert self.after == self.before


# --- What must not happen ---------------------------------------------------------------------------------------------

OUTSIDE = "/root/ajeno"
FINGERPRINT = f"find {OUTSIDE} -printf '%p %y %m %u %i %s %T@ %C@\\n' | sort; find {OUTSIDE} -type f | xargs cat"


@contextmanager
def outside():
    """Give what lies outside, where an attacker would like root to write; it must not change at all."""
    lay = f"rm -rf {OUTSIDE} && mkdir -m 700 {OUTSIDE} && cd {OUTSIDE} && for d in $(seq -w 0 29); do mkdir d$d; " \
          "for f in 0 1 2 3 4 5 6 7 8 9; do echo ajeno > d$d/f$f; done; done; echo ajeno > pagina.php"  # fmt: skip
    hosts.shell(WEB, lay)
    before = hosts.shell(WEB, FINGERPRINT).stdout
    try:
        yield
        assert hosts.shell(WEB, FINGERPRINT).stdout == before
    finally:
        hosts.shell(WEB, f"rm -rf {OUTSIDE}")


class TestRefused:
    """Faults 18. Nothing is overwritten unless said, and no link in the target leads outside it."""

    def test_a_link_where_the_backup_has_a_directory(self):
        hosts.shell(WEB, f"mv {TREE}/src/m7 {HERE}/m7 && ln -s {OUTSIDE} {TREE}/src/m7")
        try:
            with outside():
                before = places(TREE)
                run = restore("prueba-portal", in_place=True)
                assert places(TREE) == before
            assert re.search(f"{TREE}/src/m7 es un enlace simbólico", failure(run))
        finally:
            hosts.shell(WEB, f"rm {TREE}/src/m7 && mv {HERE}/m7 {TREE}/src/m7")

    @pytest.mark.parametrize(
        ("target", "reason"),
        [
            (f"{HERE}/ocupado", "no está vacío"),
            (f"{HERE}/enlace/dentro", f"{HERE}/enlace es un enlace simbólico"),
            ("/srv/www/portal-media/2026", "/srv/www/portal-media"),
            ("/etc/recuperado", "es del sistema"),
        ],
    )
    def test_a_target_that_is_somebody_elses(self, target, reason):
        hosts.shell(WEB, f"cd {HERE} && mkdir -p ocupado && echo algo > ocupado/algo && ln -sfn {OUTSIDE} enlace")
        look = f"find {HERE} /srv/www /etc -printf '%p %i %C@\\n' | sort | md5sum"
        with outside():
            before = hosts.shell(WEB, look).stdout
            run = restore("prueba-portal", "--check", target=target)
            assert hosts.shell(WEB, look).stdout == before
        assert run.status != 0
        assert reason in run.output


# It waits until the restore has made its plan and begins to write, and then keeps one directory at a time a link.
ATTACK = f"""
import ctypes, glob, os, time
exchange = lambda a, b: ctypes.CDLL(None).renameat2(-100, a.encode(), -100, b.encode(), 2)
os.chdir("{ARENA}")
names = sorted(glob.glob("d*"))
for name in names:
    os.symlink("{OUTSIDE}/" + name, "trampa-" + name)
end = time.monotonic() + 100
open("/tmp/carrera-lista", "w").close()
def staged():
    return any(name.startswith(".dse-backup-restore-") for top in (".", "..") for name in os.listdir(top))
while not staged() and time.monotonic() < end:
    time.sleep(0.001)
turns = 0
while os.path.exists("/tmp/carrera-lista") and time.monotonic() < end:
    for name in names:
        turns += exchange(name, "trampa-" + name) == 0
        exchange(name, "trampa-" + name)
for name in names:
    os.unlink("trampa-" + name)
print(turns)
"""


class TestRace:
    """Faults 19. A web server that was broken into turns directories into links while root restores into them."""

    def test_nothing_outside_is_touched_and_the_next_restore_works(self):
        hosts.shell(WEB, f"rm -f /tmp/carrera-lista /tmp/carrera; cd {ARENA} && echo nuevo | tee d*/f* > /dev/null")
        with outside():
            program = "cat > /tmp/carrera.py; runuser -u www-data -- sh -c 'cd / && setsid python3 /tmp/carrera.py " \
                      "> /tmp/carrera 2>&1 < /dev/null &'"  # fmt: skip
            hosts.shell(WEB, program, stdin=ATTACK.encode())
            hosts.shell(WEB, "timeout 20 sh -c 'until [ -e /tmp/carrera-lista ]; do sleep 0.1; done'")
            run = restore("prueba-asalto", in_place=True)
            wait = "timeout 20 sh -c 'until [ -s /tmp/carrera ]; do sleep 0.1; done'"
            hosts.shell(WEB, f"rm -f /tmp/carrera-lista; {wait}")
        assert int(hosts.shell(WEB, "cat /tmp/carrera; rm /tmp/carrera /tmp/carrera.py").stdout) > 100
        (outcome,) = run.outcomes.values()
        # Either may come of it, and the record says which; a failure names the directory.
        if outcome["result"] != "restored":
            assert re.search(r"\bd\d\d\b", failure(run))
        # However far it came: what was there is still there, or comes back.
        if outcome.get("safety_file_name"):
            recovery(undo(outcome))
        assert hosts.shell(WEB, f"cat {ARENA}/d*/f* | sort | uniq -c").stdout.split() == [b"300", b"nuevo"]
        again = recovery(restore("prueba-asalto", in_place=True))
        assert again["entry_count"] == 300
        found = hosts.shell(WEB, f"cat {ARENA}/d*/f* | sort | uniq | wc -l; stat -c %U {ARENA}/d*/f* | sort -u; "
                                 f"ls -A {HERE} {ARENA} | grep dse-backup-restore || true")  # fmt: skip
        assert found.stdout.split() == [b"300", b"www-data"]


# --- Another server ---------------------------------------------------------------------------------------------------


class TestAnotherServer:
    """What was on the web server comes back on the database server, which may read the repository only meanwhile."""

    GUESTS = f"/srv/dse-backup/{WEB}/.ssh/guests"

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls):
        return restore("prueba-portal", "-vvv", target=f"{DATABASES}:{ELSEWHERE}", verify=True)

    def test_everything_is_as_it_was(self, run, stored):
        record = recovery(run)
        assert (record["server"], record["destination_server"]) == (WEB, DATABASES)
        assert record["sha256_matches"] is True
        assert everything(DATABASES, ELSEWHERE + TREE) == stored

    def test_the_way_in_is_closed_again(self, run):
        assert hosts.shell(STORE, f"cat {self.GUESTS}").stdout.strip() == b""
        assert hosts.shell(DATABASES, "ls /var/lib/dse-backup | grep guest || true").stdout == b"", "its key is left"
        attempt = f"ssh -F /etc/dse-backup/ssh/config -l bk-{WEB} backup-server true"
        assert b"Permission denied" in hosts.shell(DATABASES, attempt, check=False).stderr

    def test_no_password_is_left_or_was_shown(self, run):
        secrets = [secret.strip() for secret in backups.secrets()]
        assert not [secret for secret in secrets if secret in run.output.encode()]
        web = hosts.shell(WEB, "cat /etc/dse-backup/repository.key").stdout
        places = "/etc /root /run /srv /tmp /usr/local /var"
        look = f"cat > /dev/shm/patron; grep -rlaFf /dev/shm/patron {places} 2>/dev/null; rm /dev/shm/patron"
        assert hosts.shell(DATABASES, look, stdin=web).stdout == b""


# --- Databases --------------------------------------------------------------------------------------------------------


def postgresql(question: str, database: str = KARDEX, port: int = 5432) -> str:
    command = f"cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -p {port} -d {database}"
    return hosts.shell(DATABASES, command, stdin=question.encode()).stdout.decode()


def kardex(database: str = KARDEX, port: int = 5432) -> str:
    """Return all rows of the tests' database, whose they are, and what else belongs to it."""
    rows = "".join(
        f"SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM escuela.{table} t;"
        for table in ("alumno", "calificacion", '"Mi ""tabla""; ñ"', "promedio")
    )
    return postgresql(
        rows + "SELECT escuela.total();"
        "SELECT relname, relkind, relowner::regrole, relacl FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = 'escuela' ORDER BY 1;"
        "SELECT datdba::regrole FROM pg_database WHERE datname = current_database(); SHOW search_path",
        database,
        port,
    )


class TestPostgresql:
    """A developer dropped a table of a database that people are using."""

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls):
        return kardex()

    def test_beside(self, before):
        record = recovery(restore("prueba-kardex", target=f"{KARDEX}_copia"))
        assert record["sha256_matches"] is True
        assert (record["rows_match"], record["schema_matches"]) == (True, True)
        assert [row for row in record["table_rows"] if row.endswith("alumno: 2000 de 2000")]
        assert record["entry_count"] == len(record["table_rows"]) == 3
        assert kardex(f"{KARDEX}_copia") == before
        assert kardex() == before
        postgresql(f"DROP DATABASE {KARDEX}_copia", "postgres")

    def test_in_place_and_back(self, before):
        postgresql("DROP TABLE escuela.calificacion CASCADE; INSERT INTO escuela.alumno (nombre) VALUES ('de hoy')")
        session = f"cd / && runuser -u postgres -- psql -XAtq -d {KARDEX} -c 'SELECT pg_sleep(120)'"
        hosts.shell(DATABASES, f'setsid sh -c "{session}" > /dev/null 2>&1 < /dev/null &')
        run = restore("prueba-kardex", in_place=True)
        record = recovery(run)
        assert (record["rows_match"], record["schema_matches"]) == (True, True)
        assert kardex() == before
        back = recovery(undo(record))
        assert back["undoes_folio"] == record["folio"]
        found = postgresql("SELECT count(*), to_regclass('escuela.calificacion') IS NULL FROM escuela.alumno "
                           "WHERE nombre = 'de hoy' OR id = 1")  # fmt: skip
        assert found == "2|t\n"

    def test_into_an_empty_cluster(self, before):
        """Faults 17. The cluster was lost, with its roles."""
        version = hosts.shell(DATABASES, "pg_lsclusters -h | cut -d' ' -f1 | head -n1").stdout.decode().strip()
        remove = f"pg_dropcluster --stop {version} recuperacion"
        hosts.shell(DATABASES, f"{remove} 2>/dev/null; pg_createcluster {version} recuperacion --start")
        try:
            port = int(hosts.shell(DATABASES, f"pg_conftool -s {version} recuperacion show port").stdout)
            write_inventory(port)
            record = recovery(restore("prueba-kardex", reason="physical_damage", in_place=True))
            assert record["rows_match"] is True
            assert re.search("se crearon los roles que faltaban: .*prueba_app", record["remarks"])
            assert kardex(port=port) == before
            login = f"PGPASSWORD=solo-para-pruebas psql -XAtq -h 127.0.0.1 -p {port} -U prueba_app {KARDEX} -c " \
                    "'UPDATE escuela.alumno SET nombre = nombre RETURNING 1' | sort -u"  # fmt: skip
            assert hosts.shell(DATABASES, login).stdout == b"1\n"
        finally:
            write_inventory()
            hosts.shell(DATABASES, remove)


def mariadb(database: str, question: str) -> str:
    command = f"mariadb --batch --skip-column-names --default-character-set=utf8mb4 {database}"
    return hosts.shell(DATABASES, command, stdin=question.encode()).stdout.decode()


def courses(database: str = COURSES) -> str:
    """Return the sums of all tables, and all else that a database has."""
    return mariadb(
        database,
        "CHECKSUM TABLE curso, entrega, bitacora EXTENDED; SELECT * FROM entregas_por_curso ORDER BY 1;"
        "SELECT routine_name, MD5(routine_definition) FROM information_schema.routines "
        "WHERE routine_schema = DATABASE() UNION "
        "SELECT trigger_name, MD5(action_statement) FROM information_schema.triggers "
        "WHERE trigger_schema = DATABASE() UNION "
        "SELECT event_name, MD5(event_definition) FROM information_schema.events "
        "WHERE event_schema = DATABASE() ORDER BY 1",
    ).replace(f"{database}.", "")


class TestMariadb:
    @pytest.fixture(scope="class")
    @classmethod
    def before(cls):
        return courses()

    def test_beside(self, before):
        assert all(name in before for name in ("contar_entregas", "entrega_registrada", "depurar_bitacora"))
        record = recovery(restore("prueba-cursos", target=f"{COURSES}_copia"))
        assert (record["sha256_matches"], record["rows_match"], record["schema_matches"]) == (True, True, True)
        assert courses(f"{COURSES}_copia") == before
        assert courses() == before
        mariadb("", f"DROP DATABASE {COURSES}_copia")

    def test_in_place_and_back(self, before):
        mariadb(COURSES, "SET foreign_key_checks = 0; DROP TABLE curso; INSERT INTO bitacora (entrega_id) VALUES (-7)")
        run = restore("prueba-cursos", in_place=True)
        record = recovery(run)
        assert (record["rows_match"], record["schema_matches"]) == (True, True)
        # A view without its table stops a dump: it is left out of the safety one, and that is said.
        assert "no están en su respaldo de seguridad: entregas_por_curso" in record["remarks"]
        assert courses() == before
        recovery(undo(record))
        assert mariadb(COURSES, "SELECT COUNT(*) FROM bitacora WHERE entrega_id = -7").strip() == "1"
        assert "curso" not in mariadb(COURSES, "SHOW TABLES").split()


# --- The key, and the disaster ----------------------------------------------------------------------------------------


class TestWrongKey:
    """Faults 27. The server's key file is not the repository's."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls):
        file = "/etc/dse-backup/repository.key"
        right = hosts.shell(WEB, f"cat {file}").stdout
        assert right in backups.secrets()
        try:
            hosts.shell(WEB, f"cat > {file}", stdin=b"clave de otro repositorio\n")
            return backup("prueba-portal"), restore("prueba-portal", "-vvv", target=f"{ELSEWHERE}/llave")
        finally:
            hosts.shell(WEB, f"cat > {file}", stdin=right)

    def test_it_is_said_plainly(self, runs):
        backed_up, restored = runs
        assert backed_up.status != 0
        plainly = "la contraseña del repositorio no es correcta"
        assert plainly in backed_up.outcomes["prueba-portal"]["error_message"]
        assert plainly in failure(restored)

    def test_no_secret_is_shown(self, runs):
        shown = b"".join(run.output.encode() for run in runs)
        assert not [secret for secret in backups.secrets() if secret.strip() in shown]


PAGE = (backups.CHECKOUT / "docs" / "recuperacion-de-desastre.md").read_text(encoding="utf-8")
STEPS = ("deploy", "list", "preview", "done")


class TestLostServer:
    """docs/recuperacion-de-desastre.md, «Con los playbooks»: the server is another machine that has nothing of it.

    The repository is there, and the inventory with its escrowed key.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls):
        """Type the page's commands, in its order."""
        section = re.search(r"^## Con los playbooks\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)[1]
        (block,) = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        # The inventory and the vault's password are in the tests' environment.
        for written, typed in {
            "\\\n": "",
            "$ ansible-playbook -i INVENTARIO playbooks/": "",
            "--vault-password-file ARCHIVO": "",
            "SERVIDOR": WEB,
            "ELEMENTO": "prueba-portal",
        }.items():
            assert written in block
            block = block.replace(written, typed)
        cls.lost = hosts.shell(WEB, "cat /etc/dse-backup/ssh/id_ed25519").stdout
        backups.secrets.cache_clear()  # The new machine's key is another one.
        hosts.shell(WEB, f"rm -rf {HERE} /etc/dse-backup /var/lib/dse-backup /usr/local/*/dse-backup")
        return {name: cls.typed(*shlex.split(line)) for name, line in zip(STEPS, block.splitlines(), strict=True)}

    @staticmethod
    def typed(playbook: str, *options: str) -> backups.Run:
        # The tests' own items are not what the server is deployed with.
        sources = [hosts.INVENTORY] if playbook == "deploy.yml" else [hosts.INVENTORY, INVENTORY]
        return backups.Started(playbook, *options, environment={}, inventories=sources).end()

    def test_every_command_works(self, runs):
        assert {name: run.status for name, run in runs.items()} == dict.fromkeys(runs, 0), [
            run.summary for run in runs.values()
        ]
        newest = backups.newest("prueba-portal")["folio"]
        assert newest in runs["list"].output
        assert "no se escribió ni se registró nada" in runs["preview"].output

    def test_the_information_is_back(self, runs, stored):
        record = recovery(runs["done"])
        assert record["sha256_matches"] is True
        assert record["reason"] == "physical_damage"
        assert everything(WEB, TREE) == stored

    def test_the_lost_servers_ssh_key_opens_nothing(self, runs):
        """A stolen machine must not read its repository any more once another one took its place."""
        command = (
            "cd /dev/shm && umask 077 && cat > perdida && "
            "sed 's,IdentityFile .*,IdentityFile /dev/shm/perdida,' /etc/dse-backup/ssh/config > perdida.conf && "
            "ssh -F perdida.conf backup-server true; rm perdida perdida.conf"
        )
        refused = hosts.shell(WEB, command, stdin=self.lost, check=False)
        assert b"Permission denied" in refused.stderr

    def test_the_page_ends_with_a_backup_which_works(self, runs):
        assert "`playbooks/backup.yml --limit SERVIDOR -e backup_force=true`" in PAGE
        run = backups.backup(options=("--limit", WEB), backup_force=True)
        assert run.status == 0, run.summary
        assert len(run.results) >= 3


class TestTheEnd:
    """After all that."""

    def test_the_record_is_whole_and_every_line_as_its_form_wants_it(self):
        official_record.check(backups.LEDGER)
        forms = procedure.load()
        for record in backups.records():
            assert forms.check_record(record) == [], record

    def test_nothing_is_left_on_the_servers(self):
        for server in (WEB, DATABASES):
            assert hosts.shell(server, "ls -A /var/lib/dse-backup/staging").stdout == b""
            assert hosts.shell(server, "ls -A /var/lib/dse-backup/restores 2>/dev/null; true").stdout == b""
            assert hosts.shell(server, "find / -xdev -name '.dse-backup-restore-*'").stdout == b""
        assert postgresql("SELECT datname FROM pg_database WHERE datname LIKE 'dse\\_%'", "postgres") == ""

    @pytest.mark.parametrize("server", [WEB, DATABASES])
    def test_no_file_of_root_lies_in_a_repository(self, server):
        look = f"find /srv/dse-backup/{server}/repository -not -user bk-{server}"
        assert hosts.shell(STORE, look).stdout == b""
