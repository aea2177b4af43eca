"""What is kept stays good, and whoever keeps it says so: verifications, drills, pruning and decisions on real hosts.

The tests have sources and a ledger of their own: what they damage, forge and prune is theirs alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from contextlib import contextmanager
from typing import Any, NamedTuple

import backups
import hosts
import official_record
import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import procedure
from test_backup import ask_by_http
from test_restore import DATABASES, STORE, WEB, item, mariadb, postgresql

INVENTORY = hosts.RUN_DIRECTORY / "keeping"
LEDGER = hosts.RUN_DIRECTORY / "ledger-keeping"
# With it a backup may go on the day on which it was made.
PROCEDURE = hosts.RUN_DIRECTORY / "procedure-keeping"
HERE, ELSEWHERE = "/srv/conservacion", "/srv/conservacion-recuperada"
ARCHIVE, NOTES, LARGE = (f"{HERE}/{name}" for name in ("acervo", "notas", "grande"))
STUDENTS, SHOP = "prueba_alumnos", "prueba_tienda"
PIECE, PIECES = 100_000, 8
DAMAGED = "DAÑADO en la copia de JAA"

ITEMS = {
    WEB: [
        item("prueba-acervo", 301, "web_publication", "images_documents", paths=[ARCHIVE], retention={"cycles": 1}),
        item("prueba-notas", 302, "web_publication", "images_documents", paths=[NOTES]),
        item("prueba-subida", 303, "web_publication", "images_documents", paths=[LARGE]),
    ],
    DATABASES: [
        item("prueba-alumnos", 304, "database", "database", database={"engine": "postgresql", "name": STUDENTS}),
        item("prueba-tienda", 305, "database", "database", database={"engine": "mariadb", "name": SHOP}),
    ],
}

STUDENTS_SQL = f"""
DROP DATABASE IF EXISTS {STUDENTS} WITH (FORCE);
CREATE DATABASE {STUDENTS};
\\connect {STUDENTS}
CREATE TABLE alumno (id integer PRIMARY KEY, nombre text);
CREATE TABLE beca (alumno_id integer REFERENCES alumno);
INSERT INTO alumno SELECT n, 'Persona ñ ' || n FROM generate_series(1, 500) n;
INSERT INTO beca SELECT id FROM alumno WHERE id % 5 = 0;
"""
SHOP_SQL = f"""
DROP DATABASE IF EXISTS {SHOP};
CREATE DATABASE {SHOP};
USE {SHOP};
CREATE TABLE venta (id INT PRIMARY KEY, concepto TEXT) ENGINE=InnoDB;
CREATE TABLE folio (id INT PRIMARY KEY) ENGINE=MyISAM;
INSERT INTO venta SELECT seq, CONCAT('café ', seq) FROM seq_1_to_700;
INSERT INTO folio SELECT seq FROM seq_1_to_30;
"""

Record = dict[str, Any]


class Told(NamedTuple):
    """How a playbook ended: its exit status, what it printed, what it recorded."""

    status: int
    output: str
    records: list[Record]

    def of(self, record_type: str, **fields: str) -> list[Record]:
        wanted = {"record_type": record_type, **fields}
        return [each for each in self.records if wanted.items() <= each.items()]


class Going:
    """A playbook that is running on the tests' own items and ledger."""

    def __init__(self, playbook: str, *options: str, **extra: Any) -> None:
        self._before = len(backups.records(LEDGER))
        self.started = backups.Started(
            f"{playbook}.yml",
            *options,
            f"--extra-vars={json.dumps(extra)}",
            environment={"DSE_BACKUP_LEDGER": str(LEDGER), "DSE_BACKUP_PROCEDURE": str(PROCEDURE)},
            inventories=[hosts.INVENTORY, INVENTORY],
        )

    def stop(self) -> None:
        """Ask ansible-playbook to stop, as a scheduler does."""
        os.kill(self.started.process.pid, signal.SIGTERM)

    def end(self) -> Told:
        done = self.started.end()
        return Told(done.status, done.output, backups.records(LEDGER)[self._before :])


def play(playbook: str, *options: str, **extra: Any) -> Told:
    return Going(playbook, *options, **extra).end()


def backup(*items: str, **extra: Any) -> Told:
    return play("backup", backup_items=items, backup_force=True, **extra)


def restore(folio: str, **extra: Any) -> Going:
    answers = {"restore_requester": "Servicios Escolares", "restore_reason": "accidental_deletion"}
    return Going("restore", restore_folio=folio, restore_target=ELSEWHERE, **answers, **extra)


def recorded(item_id: str) -> list[Record]:
    """Return all backups of an item, oldest first."""
    return [
        each for each in backups.records(LEDGER) if (each["record_type"], each.get("item_id")) == ("backup", item_id)
    ]


def renew(piece: int | str) -> None:
    """Give one piece of the archive other content of the same size."""
    hosts.shell(WEB, f"mkdir -p {ARCHIVE} && head -c {PIECE} /dev/urandom > {ARCHIVE}/{piece}")


def repository(server: str, script: str) -> str:
    """Return what a shell script prints in a server's repository."""
    return hosts.shell(STORE, f"cd /srv/dse-backup/{server}/repository && {script}").stdout.decode().strip()


def largest_new_pack(item_id: str) -> str:
    """Back up an item and return the path of the pack with the content that was new in it."""
    repository(WEB, "touch /root/antes")
    done = backup(item_id)
    assert done.status == 0, done.output
    find = "find data -type f -newer /root/antes -printf '%s %p\n' | sort -n | tail -1; rm /root/antes"
    return repository(WEB, find).split()[1]


def forget() -> None:
    """Take all that these tests stored, in this run or an earlier one, out of the repositories."""
    for server, listed in ITEMS.items():
        tags = [f"--tag=item={each['id']}" for each in listed]
        found = json.loads(backups.ask(server, "snapshots", "--json", *tags))
        if found:
            at = f"/srv/dse-backup/{server}"
            command = f"runuser -u bk-{server} -- restic -q --repo {at}/repository -p {at}/repository.key --no-cache"
            hosts.shell(STORE, f"cd / && {command} forget --prune {' '.join(each['id'] for each in found)}")


@pytest.fixture(scope="module", autouse=True)
def packs():
    """Five items, of which the archive has three backups; the packs that only the newest one and the notes need."""
    hosts.forget_connections()
    for server, listed in ITEMS.items():
        (INVENTORY / "host_vars").mkdir(parents=True, exist_ok=True)
        (INVENTORY / "host_vars" / f"{server}.yml").write_text(json.dumps({"backup_client_items": listed}))
    (INVENTORY / "hosts.yml").write_text(json.dumps({"all": {"hosts": {name: {} for name in ITEMS}}}))
    forget()
    for directory in (LEDGER, PROCEDURE):
        shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(backups.CHECKOUT / "procedure", PROCEDURE)
    kinds = PROCEDURE / "information_types.yml"
    kinds.write_text(re.sub(r"settle_days: \d+", "settle_days: 0", kinds.read_text("utf-8")), "utf-8")
    hosts.shell(WEB, f"rm -rf {HERE} {ELSEWHERE}; mkdir -p {NOTES} {LARGE}; head -c 150000 /dev/urandom > {NOTES}/uno; "
                     f"head -c 12M /dev/urandom > {LARGE}/uno")  # fmt: skip
    for piece in range(PIECES):
        renew(piece)
    postgresql(STUDENTS_SQL, "postgres")
    mariadb("", SHOP_SQL)
    requested = play("request", request_take_over=True)
    assert requested.status == 0, requested.output
    first = backup("prueba-acervo", "prueba-alumnos", "prueba-tienda")
    assert first.status == 0, first.output
    found = {"notas": largest_new_pack("prueba-notas")}
    for piece in range(2):
        renew(piece)
        found["acervo"] = largest_new_pack("prueba-acervo")
    yield found
    forget()
    hosts.shell(WEB, f"rm -rf {HERE} {ELSEWHERE}")
    postgresql(f"DROP DATABASE {STUDENTS}", "postgres")
    mariadb("", f"DROP DATABASE {SHOP}")


# --- Drills -----------------------------------------------------------------------------------------------------------


def production() -> list[str]:
    """Return what the database servers have, and since when they run."""
    return [
        postgresql(
            "SELECT pg_postmaster_start_time(), string_agg(datname, ' ' ORDER BY 1) FROM pg_database", "postgres"
        ),
        postgresql("SELECT md5(string_agg(t::text, ';' ORDER BY 1)) FROM alumno t", STUDENTS),
        mariadb("", f"SHOW DATABASES; CHECKSUM TABLE {SHOP}.venta, {SHOP}.folio EXTENDED"),
        hosts.shell(DATABASES, "systemctl show --property=MainPID mariadb.service; pg_lsclusters").stdout.decode(),
    ]


def leftovers() -> dict[str, str]:
    """Return what drills and restores have left: servers, directories, locks; empty where there is nothing."""
    servers = "pgrep -af -- '/var/lib/dse-backup/[^ ]*/server|--skip-networking'; true"
    directories = "cd /var/lib/dse-backup && ls -A staging restores 2>/dev/null | grep -v ':$'; true"
    found = {f"{server}: {directories}": hosts.shell(server, directories).stdout for server in ITEMS}
    found["servers"] = hosts.shell(DATABASES, servers).stdout
    found["scratch"] = hosts.shell(STORE, "ls -A /srv/dse-backup/.scratch").stdout
    found["locks"] = hosts.shell(
        STORE, "cd /srv/dse-backup && ls -A srv-*/repository/locks | grep -v ':$'; true"
    ).stdout
    return {where: what.decode().strip() for where, what in found.items() if what.strip()}


class TestDrills:
    """Files on the backup server, both kinds of databases in servers of their own beside production."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls):
        cls.before = production()
        items = ["prueba-acervo", "prueba-notas", "prueba-alumnos", "prueba-tienda"]
        return play("drill", drill_items=items, backup_client_progress_interval=1)

    def test_all_passed_and_what_came_back_is_counted(self, told):
        assert told.status == 0, told.output
        drills = {each["item_id"]: each for each in told.of("drill", result="passed")}
        counts = {name: (each["entry_count"], each["sha256_matches"]) for name, each in drills.items()}
        assert counts == {
            "prueba-acervo": (PIECES, True),
            "prueba-notas": (1, True),
            "prueba-alumnos": (2, True),
            "prueba-tienda": (2, True),
        }
        assert drills["prueba-acervo"]["restored_bytes"] == PIECE * PIECES
        for name in ("prueba-alumnos", "prueba-tienda"):
            assert (drills[name]["rows_match"], drills[name]["schema_matches"]) == (True, True)
            assert drills[name]["restored_bytes"] == recorded(name)[-1]["size_bytes"]

    def test_they_ran_where_they_had_to(self, told):
        engines = {each["item_id"]: each.get("database_engine") for each in told.of("drill")}
        assert engines["prueba-alumnos"].startswith("PostgreSQL")
        assert engines["prueba-tienda"].startswith("MariaDB")
        assert engines["prueba-acervo"] is None

    def test_production_is_untouched_and_nothing_is_left(self, told):
        assert production() == self.before
        assert leftovers() == {}


# --- 12: a bit flipped, a pack deleted --------------------------------------------------------------------------------

FLIP = (
    "import os, sys; f = os.open(sys.argv[1], os.O_RDWR); "
    "b = os.pread(f, 1, 1000)[0]; os.pwrite(f, bytes([b ^ 1]), 1000)"
)


class TestDamage:
    """The newest content of one item has a wrong bit, the only one of another is gone."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls, packs):
        aside = "/root/aparte"
        repository(
            WEB, f"rm -rf {aside} && mkdir {aside} && cp -a --parents {packs['acervo']} {packs['notas']} {aside}"
        )
        repository(WEB, f"chmod u+w {packs['acervo']} && python3 -c '{FLIP}' {packs['acervo']} && rm {packs['notas']}")
        try:
            runs = {"backup": backup("prueba-acervo"), "verify": play("verify", verify_all=True)}
            runs["list"] = play("list", list_item="prueba-acervo")
            runs["restore"] = restore(recorded("prueba-acervo")[-1]["folio"]).end()
        finally:
            repository(WEB, f"cp -af {aside}/data . && rm -r {aside}")
        runs["mended"] = play("verify", verify_all=True)
        runs["list again"] = play("list", list_item="prueba-acervo")
        return runs

    def test_a_backup_does_not_notice(self, runs):
        assert runs["backup"].status == 0, runs["backup"].output

    def test_the_verification_names_what_is_damaged_and_what_still_stands(self, runs):
        verify = runs["verify"]
        assert verify.status == 2, verify.output
        results = {each["server"]: each["result"] for each in verify.of("run", run_event="verified", read="all")}
        assert results == {WEB: "damaged", DATABASES: "intact"}
        failures = {each["item_id"]: each for each in verify.of("failure", failure_stage="jaa_copy")}
        assert sorted(failures) == ["prueba-acervo", "prueba-notas"]
        *_older, before, damaged, copy = (each["folio"] for each in recorded("prueba-acervo"))
        told = failures["prueba-acervo"]["error_message"]
        assert failures["prueba-acervo"]["form_code"] == "FOR 7.5 DSE 05"
        assert damaged in told
        assert copy in told
        assert f"sigue en pie {before} " in told
        assert "NO QUEDA NINGÚN RESPALDO CONFORME" in failures["prueba-notas"]["error_message"]
        for failure in failures.values():
            assert failure["error_message"] in verify.output

    def test_the_list_shows_it(self, runs):
        assert runs["list"].output.count(DAMAGED) == 2, runs["list"].output

    def test_a_restore_from_it_is_refused_with_what_to_do(self, runs):
        assert runs["restore"].status != 0
        words = "está dañado en la copia de JAA y CSC no lo tiene; use otro: hay"
        assert words in " ".join(runs["restore"].output.split())
        assert runs["restore"].of("recovery") == []

    def test_once_mended_the_marks_are_gone(self, runs):
        assert runs["mended"].status == 0, runs["mended"].output
        assert DAMAGED not in runs["list again"].output


# --- 3: a live lock, a stale one --------------------------------------------------------------------------------------


def locks() -> str:
    return repository(WEB, "ls locks")


@contextmanager
def slow_upload():
    """Start an upload and stop restic in the middle of it, with its connection open and its lock in the repository."""
    hosts.shell(WEB, f"head -c 12M /dev/urandom > {LARGE}/uno")
    with hosts.slow_link(STORE, "16mbit"):
        going = Going("backup", backup_items=["prueba-subida"], backup_force=True, backup_client_progress_interval=1)
        going.started.wait_for(r"prueba-subida \(1 de 1\), guardando: \d")
        backups.until(locks, "restic's lock")
        hosts.shell(WEB, "pkill -STOP -x restic")
    yield going


class TestLocks:
    """One client uploads slowly while the backup server would prune; another loses its power."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls):
        with slow_upload() as going:
            lock = locks()
            refused = play("prune", backup_server_lock_wait=2)
            cls.lock_stayed = locks() == lock
            hosts.shell(WEB, "pkill -CONT -x restic")
            slow = going.end()
        with slow_upload() as going:
            with hosts.killed(WEB):
                going.started.wait_for("se perdió la conexión")
            cls.stale = locks()
            killed = going.end()
        return {"refused": refused, "slow": slow, "killed": killed, "pruned": play("prune", backup_server_lock_wait=15)}

    def test_beside_a_live_client_nothing_is_pruned_and_it_is_named(self, runs):
        assert runs["refused"].status == 2, runs["refused"].output
        (failure,) = runs["refused"].of("failure", failure_stage="jaa_copy")
        told = r"lo está usando rclone \(proceso \d+\) y no lo soltó en 2 s; repita cuando termine"
        assert re.search(told, failure["error_message"]), failure["error_message"]
        assert runs["refused"].of("disposal") == []
        assert self.lock_stayed

    def test_the_live_client_ends_well(self, runs):
        assert runs["slow"].status == 0, runs["slow"].output

    def test_the_lock_of_a_dead_client_is_cleared_at_once(self, runs):
        assert self.stale
        assert runs["killed"].status != 0
        assert len(runs["killed"].of("failure", item_id="prueba-subida")) == 1
        assert runs["pruned"].status == 0, runs["pruned"].output
        assert locks() == ""

    def test_what_was_past_its_time_is_gone_and_nothing_else(self, runs):
        (disposal,) = runs["pruned"].of("disposal")
        first, *middle, _last, _newest = recorded("prueba-acervo")
        assert sorted(each["folio"] for each in disposal["disposed"]) == sorted(each["folio"] for each in middle)
        assert first["file_name"] in backups.snapshots(WEB)

    def test_the_next_run_is_healthy(self, runs):
        done = backup("prueba-subida")
        assert done.status == 0, done.output


# --- 2: asked to stop -------------------------------------------------------------------------------------------------


class TestAskedToStop:
    """By SIGTERM and by the limit of time, in the middle of each job. The backup server is held while it reads."""

    SLOW = "/usr/local/bin/restic-lento"
    HELD = """case " $* " in *" check "*|*" restore "*) touch /tmp/restic-lento; sleep 4;; esac
exec /usr/bin/restic "$@\""""

    @pytest.mark.parametrize(
        ("playbook", "answers"),
        [("verify", {"verify_all": True, "verify_servers": [WEB]}), ("drill", {"drill_items": ["prueba-notas"]})],
    )
    def test_the_playbook_in_the_middle_of_reading_on_the_backup_server(self, playbook, answers):
        with hosts.program(STORE, self.SLOW, self.HELD):
            going = Going(playbook, backup_server_restic=self.SLOW, **answers)
            hosts.shell(
                STORE, "timeout 30 sh -c 'until [ -e /tmp/restic-lento ]; do sleep 0.1; done'; rm /tmp/restic-lento"
            )
            going.stop()
            told = going.end()
            backups.until(lambda: not hosts.shell(STORE, "pgrep -x restic-lento; pgrep -x restic", check=False).stdout,
                          "the end of what was started")  # fmt: skip
        assert told.status != 0
        healthy = play(playbook, **answers)
        assert healthy.status == 0, healthy.output
        (stopped,) = told.of("run", run_event="started")
        (failure,) = healthy.of("failure", run_id=stopped["run_id"])
        assert f"la corrida {stopped['run_id']} se interrumpió en el controlador" in failure["error_message"]
        assert leftovers() == {}

    def test_a_drill_of_postgresql_by_the_limit_of_time(self):
        loader = hosts.shell(DATABASES, "ls /usr/lib/postgresql/*/bin/pg_restore").stdout.decode().split()[0]
        with hosts.program(DATABASES, loader, "exec sleep 120"):
            told = play("drill", drill_items=["prueba-alumnos"], backup_client_time_limit=5)
        self.failed(told, "se agotó el tiempo límite de 5 s")

    def test_a_drill_of_mariadb_by_a_signal_to_the_script(self):
        going = Going("drill", drill_items=["prueba-tienda"], backup_client_progress_interval=1)
        wait = "until pgrep -f '[s]kip-networking'; do sleep 0.1; done; pkill -TERM -f '[d]se-backup run --run-dir'"
        hosts.shell(DATABASES, f"timeout 60 sh -c {json.dumps(wait)}")
        self.failed(going.end(), r"interrumpid[ao] \(SIGTERM\)")

    @staticmethod
    def failed(told: Told, why: str) -> None:
        assert told.status == 2, told.output
        (drill,) = told.of("drill", result="failed")
        assert re.search(why, drill["error_message"]), drill
        assert len(told.of("failure", failure_stage="restore")) == 1
        assert leftovers() == {}
        healthy = play("drill", drill_items=[drill["item_id"]])
        assert healthy.status == 0, healthy.output

    def test_a_restore_by_the_limit_of_time(self):
        folio = recorded("prueba-acervo")[0]["folio"]
        with hosts.slow_link(WEB, "1mbit"):
            told = restore(folio, backup_client_time_limit=4).end()
        assert told.status != 0
        (failure,) = told.of("failure", failure_stage="restore")
        assert "se agotó el tiempo límite de 4 s" in failure["error_message"]
        assert leftovers() == {}
        assert hosts.shell(WEB, f"ls -A {ELSEWHERE} 2>/dev/null; true").stdout == b""
        healthy = restore(folio, restore_verify=True).end()
        assert healthy.status == 0, healthy.output


# --- 23: a hostile client ---------------------------------------------------------------------------------------------

RESTIC = (
    'restic -r rclone: -o "rclone.program=ssh -F /etc/dse-backup/ssh/config backup-server" '
    "-p /etc/dse-backup/repository.key"
)


class TestHostileClient:
    """Whoever took over a server has its key, and wants its good backups to go."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls, packs):
        cls.good = recorded("prueba-acervo")
        cls.present = backups.snapshots(WEB)
        digests = "find config data keys snapshots index -type f | sort | xargs sha256sum"
        before = set(repository(WEB, digests).splitlines())
        # One that is there now: a pruning may have packed anew what was there when the tests began.
        there = repository(WEB, "ls data/*/* | head -n 1").strip()
        cls.overwritten = ask_by_http(WEB, "POST", f"/data/{os.path.basename(there)}")
        dates = ("2001-01-01", "2026-01-15", "2090-12-31")
        flood = "".join(
            f"for n in 0 1 2 3 4 5 6 7; do head -c {PIECE} /dev/urandom > $n; done && {RESTIC} backup {ARCHIVE} "
            f"--time '{day} 10:00:00' --tag item=prueba-acervo,mode=automatic,run=R{day} && "
            for day in dates
        )
        hosts.shell(WEB, f"cp -a {ARCHIVE} {HERE}/aparte && cd {ARCHIVE} && {flood} cp -a {HERE}/aparte/* {ARCHIVE}/")
        cls.forged = backups.snapshots(WEB) - cls.present
        cls.forget = hosts.shell(WEB, f"timeout -s KILL 4 {RESTIC} forget {cls.good[-1]['file_name']}", check=False)
        # Stopped like this it leaves a lock that says that nobody else may work here.
        cls.locked = locks()
        cls.intact = before <= set(repository(WEB, digests).splitlines())
        runs = {"backup": backup("prueba-acervo")}
        return {**runs, "prune": play("prune", prune_items=["prueba-acervo"])}

    def test_nothing_is_deleted_or_overwritten(self, runs):
        assert self.overwritten == 403
        assert self.intact
        assert b"removed" not in self.forget.stdout

    def test_the_lock_that_it_left_stops_nobody(self, runs):
        assert self.locked
        assert runs["backup"].of("backup", file_name=recorded("prueba-acervo")[-1]["file_name"])
        assert locks() == ""

    def test_what_was_forged_is_recorded_and_never_good(self, runs):
        forged = [each for each in recorded("prueba-acervo") if each["file_name"] in self.forged]
        assert len(forged) == len(self.forged) == 3
        assert {each["verification_result"] for each in forged} <= {"review", "nonconforming"}

    def test_no_good_backup_goes_in_favour_of_a_forged_one(self, runs):
        assert runs["prune"].status == 0, runs["prune"].output
        # What goes is what would have gone without them: neither the first of its cycle nor one of the last good ones.
        (disposal,) = runs["prune"].of("disposal")
        expected = [each["folio"] for each in self.good[1:-1] if each["file_name"] in self.present]
        assert [each["folio"] for each in disposal["disposed"]] == expected != []
        assert self.forged < backups.snapshots(WEB)
        assert recorded("prueba-acervo")[-1]["verification_result"] == "conforming"

    def test_the_good_ones_can_be_read(self, runs):
        for record in (self.good[0], self.good[-1]):
            backups.restored(record)


# --- 29: what the size cannot see, and JAA's decision -----------------------------------------------------------------


class TestSameSizeOtherContent:
    """Everything was encrypted by somebody else, or a table is gone; JAA looks at it."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls):
        for piece in range(PIECES):
            renew(piece)
        postgresql("DROP TABLE beca", STUDENTS)
        runs = {"backup": backup("prueba-acervo", "prueba-alumnos")}
        cls.suspect = {name: recorded(name)[-1] for name in ("prueba-acervo", "prueba-alumnos")}
        folio = cls.suspect["prueba-alumnos"]["folio"]
        answers = {"accept_decision": "accepted", "accept_reason": "las becas pasaron a otro sistema"}
        runs["accept"] = play("accept", accept_folio=folio, **answers)
        return {**runs, "next": backup("prueba-alumnos")}

    def test_both_are_in_review_and_say_why(self, runs):
        assert runs["backup"].status == 2, runs["backup"].output
        assert {each["verification_result"] for each in self.suspect.values()} == {"review"}
        archive, students = self.suspect.values()
        assert archive["size_bytes"] == PIECE * PIECES
        why = {each["item_id"]: each["error_message"] for each in runs["backup"].of("failure")}
        assert "¿se cifró o se reescribió todo?" in why["prueba-acervo"]
        assert "el número de tablas bajó de 2 a 1" in why["prueba-alumnos"]
        assert students["schema_sha256"] != recorded("prueba-alumnos")[0]["schema_sha256"]

    def test_what_jaa_accepts_is_the_next_baseline_and_closes_its_failure(self, runs):
        assert runs["accept"].status == 0, runs["accept"].output
        failure = next(each for each in runs["backup"].of("failure") if each["item_id"] == "prueba-alumnos")
        (closing,) = runs["accept"].of("closing")
        assert closing["about_folio"] == failure["folio"]
        assert runs["next"].status == 0, runs["next"].output
        (record,) = runs["next"].of("backup")
        assert record["baseline_file_name"] == self.suspect["prueba-alumnos"]["file_name"]


class TestTheEnd:
    """After all that."""

    def test_the_record_is_whole_and_every_line_as_its_form_wants_it(self):
        official_record.check(LEDGER)
        forms = procedure.load()
        for record in backups.records(LEDGER):
            assert forms.check_record(record) == [], record

    def test_every_byte_can_be_read_and_nothing_is_roots(self):
        for server in ITEMS:
            backups.ask(server, "check", "--read-data")
            assert repository(server, f"find . -not -user bk-{server}") == ""
        assert leftovers() == {}
