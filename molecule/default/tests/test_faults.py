"""How backups really get lost: each fault is caused on the real hosts, and afterwards five promises must hold.

A class is one fault. Its fixture `scene` causes it, runs backup.yml, ends it and runs backup.yml again; `Aftermath`
holds the five promises, the class adds what is special to its fault.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import backups
import hosts
import official_record
import pytest
from backups import Run

DUMPS = "/usr/local/sbin"  # Before /usr/bin in the PATH of what Ansible starts.
UNREACHABLE = "^no se pudo contactar con {} por SSH"
# What the faults of files strike, each below /srv/pruebas; "vecino" is there to be left in peace.
FILES = ("montaje", "vacio", "origen", "enlace", "ilegible", "desaparece")
SOURCES = ("vecino", "grande", *FILES)
# Read after the scenario's own inventory: its variables win.
INVENTORY = hosts.RUN_DIRECTORY / "faults"


class Scene(NamedTuple):
    """A fault and what followed: the run it struck, which items fail and why, what was good before, the next run."""

    run: Run
    failed: dict[str, str]
    kept: dict[str, str]
    after: Run


class Aftermath:
    """What must be true after every fault."""

    def test_the_exit_status_tells(self, scene):
        assert (scene.run.status != 0) == bool(scene.failed), scene.run.summary

    def test_each_planned_item_has_its_one_outcome(self, scene):
        assert set(scene.run.results) == {each["item_id"] for each in first_record(scene.run)["planned"]}
        official_record.check(backups.LEDGER)

    def test_what_failed_is_in_dse_05_with_a_cause_a_person_understands(self, scene):
        for item, cause in scene.failed.items():
            (failure,) = self.failures(scene, item)
            assert failure["form_code"] == "FOR 7.5 DSE 05"
            assert re.search(cause, failure["error_message"]), failure["error_message"]

    def test_what_did_not_fail_is_conforming(self, scene):
        results = scene.run.results
        assert {item: results[item] for item in results.keys() - scene.failed.keys()} == dict.fromkeys(
            results.keys() - scene.failed.keys(), "conforming"
        )

    def test_earlier_backups_restore_as_before(self, scene):
        for server in ("srv-web01", "srv-db01"):
            good = {each["file_name"] for each in backups.conforming() if each["server"] == server}
            assert good <= backups.snapshots(server)
        sampled = {file_name: digest for file_name, digest in scene.kept.items() if digest}
        before = [each for each in backups.conforming() if each["file_name"] in sampled]
        assert {each["file_name"]: backups.restored(each) for each in before} == sampled

    def test_no_secret_is_in_any_output_record_or_journal(self, scene):
        secrets = [secret.strip() for secret in backups.secrets()]
        ledger = b"".join(path.read_bytes() for path in backups.LEDGER.rglob("*") if path.is_file())
        told = (scene.run.output + scene.after.output).encode() + ledger
        assert not [secret for secret in secrets if secret in told]
        look = (
            "cat > /root/patterns; { grep -rlaFf /root/patterns --exclude-dir=cache /var/lib/dse-backup /var/log /tmp;"
            " journalctl --quiet --boot | grep -aFf /root/patterns; }; rm /root/patterns"
        )
        for name in hosts.NAMES:
            assert hosts.shell(name, look, stdin=b"\n".join(secrets), check=False).stdout == b""

    def test_the_next_run_succeeds_without_help(self, scene):
        assert scene.after.status == 0, scene.after.summary
        assert set(scene.after.results.values()) == {"conforming"}

    def test_what_failed_was_never_the_baseline(self, scene):
        for item in scene.failed.keys() & scene.after.outcomes.keys():
            assert scene.after.outcomes[item]["baseline_file_name"] in scene.kept

    @staticmethod
    def failures(scene: Scene, item: str) -> list[dict[str, Any]]:
        return [
            each
            for each in backups.records()
            if each["record_type"] == "failure" and (each.get("run_id"), each["item_id"]) == (scene.run.run_id, item)
        ]


def backup(*items: str, **how: Any) -> Run:
    """Back up items of the test's inventory, now."""
    return start(*items, **how).end()


def first_record(run: Run) -> dict[str, Any]:
    """Return the record with which a run started."""
    return next(each for each in official_record.runs(backups.records()) if each["run_id"] == run.run_id)


def start(*items: str, **how: Any) -> backups.Started:
    """Start to; everything Ansible can tell is printed, so that a secret in it is found."""
    limits = {"backup_client_time_limit": 60, "backup_client_progress_interval": 2}
    return backups.start(*items, inventories=(INVENTORY,), options=("-vvv",), **{**limits, **how})


def kept(*items: str) -> dict[str, str]:
    """Return the ids of the items' last good backups and, of the first, what it restores to."""
    good = [backups.newest(item) for item in items]
    return {**{record["file_name"]: "" for record in good}, good[0]["file_name"]: backups.restored(good[0])}


def strike(*faults: Any, items: tuple[str, ...], failed: dict[str, str], **how: Any) -> Scene:
    """Back up while the faults last, and again when they are over."""
    before = kept(*items)
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault)
        run = backup(*items, **how)
    return Scene(run, failed, before, backup(*items))


def make(path: str) -> str:
    """Return a shell command that makes a source of a few files, always the same."""
    return f"mkdir -p {path} && cd {path} && seq 2000 > uno && seq 5000 > dos"


def renew_large_source() -> None:
    """Give an item 20 MB that no repository has, so that there is something to upload."""
    hosts.shell("srv-web01", "head -c 20M /dev/urandom > /srv/pruebas/grande/nuevo")


def mount(path: str) -> None:
    """Mount a volume with its files."""
    hosts.mount("srv-web01", "mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", path)
    hosts.shell("srv-web01", make(path))


def unmount(path: str) -> None:
    """Unmount it; the empty directory below it remains."""
    hosts.mount("srv-web01", "umount", path)


def write_inventory() -> None:
    """Write what an administrator would add so that the sources are backed up."""
    items = [
        {
            "id": f"prueba-{name}",
            "service": "Portal Institucional",
            "repository_type": "web_publication",
            "information_type": "source_code",
            # Of a year in which the ledger gives no folios: the tests' failures take those of this one.
            "request_folio": f"DSE-05-2025-{number:04}",
            "paths": [f"/srv/pruebas/{name}"],
        }
        for number, name in enumerate(SOURCES, start=101)
    ]
    items[SOURCES.index("montaje")]["mountpoint"] = "/srv/pruebas/montaje"
    (INVENTORY / "host_vars").mkdir(parents=True, exist_ok=True)
    (INVENTORY / "hosts.yml").write_text("all: {hosts: {srv-web01: {}}}\n")
    (INVENTORY / "host_vars" / "srv-web01.yml").write_text(json.dumps({"backup_client_items": items}))


@pytest.fixture(scope="module", autouse=True)
def sources():
    """Everything that the faults strike, whole and backed up."""
    hosts.forget_connections()
    write_inventory()
    backups.request(INVENTORY)
    hosts.shell("srv-web01", "mkdir -p /srv/pruebas/montaje")
    for name in SOURCES:
        if name != "montaje":
            hosts.shell("srv-web01", make(f"/srv/pruebas/{name}"))
    renew_large_source()
    mount("/srv/pruebas/montaje")
    try:
        items = (*(f"prueba-{name}" for name in SOURCES), "db-portal", "db-escolares", "db-lms")
        first = backup(*items)
        assert first.status == 0, first.summary
        yield
    finally:
        unmount("/srv/pruebas/montaje")
        hosts.shell("srv-web01", "rm -rf /srv/pruebas")


# --- What is to be backed up is not there, or not whole -----------------------------------------------------------


@contextmanager
def moved_away(path: str, instead: str = "true"):
    """Take a source away and put what a shell command makes in its place."""
    hosts.shell("srv-web01", f"cd /srv/pruebas && mv {path} {path}.aparte && {instead}")
    try:
        yield
    finally:
        hosts.shell("srv-web01", f"cd /srv/pruebas && rm -rf {path} && mv {path}.aparte {path}")


@contextmanager
def unmounted(path: str):
    """Unmount a volume for a while."""
    unmount(path)
    try:
        yield
    finally:
        mount(path)


# Whoever opens a file on which another process has a lease is kept waiting until that process lets go of it.
VANISH = b"""
import fcntl, os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
file = os.open("dos", os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
os.mkdir("/run/leased")
signal.sigtimedwait([signal.SIGIO], 60)
os.unlink("z")
os.rmdir("/run/leased")
"""


@contextmanager
def vanishing(directory: str):
    """Delete the last file of a directory, "z", when restic has listed the directory and opens the first one."""
    with ThreadPoolExecutor() as pool:
        deleted = pool.submit(hosts.shell, "srv-web01", f"cd {directory} && touch dos z && python3 -", stdin=VANISH)
        hosts.shell("srv-web01", "timeout 10 sh -c 'until [ -e /run/leased ]; do sleep 0.1; done'")
        try:
            yield
        finally:
            deleted.result()


class TestSourcesThatAreNotWhatWasRequested(Aftermath):
    """Unmounted, empty, removed, a symlink, unreadable: never conforming. A file may vanish while it is read."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return strike(
            unmounted("/srv/pruebas/montaje"),
            moved_away("vacio", "mkdir vacio"),
            moved_away("origen"),
            moved_away("enlace", "ln -s vecino enlace"),
            hosts.unreadable("srv-web01", "/srv/pruebas/ilegible/uno"),
            vanishing("/srv/pruebas/desaparece"),
            items=("prueba-vecino", *(f"prueba-{name}" for name in FILES)),
            failed={
                "prueba-montaje": "^/srv/pruebas/montaje no está montado: monte el volumen",
                "prueba-vacio": "^/srv/pruebas/vacio está vacío",
                "prueba-origen": "^/srv/pruebas/origen no existe",
                "prueba-enlace": "^/srv/pruebas/enlace pasa por un enlace simbólico",
                "prueba-ilegible": "no se pudieron leer: /srv/pruebas/ilegible/uno$",
            },
        )

    def test_a_partial_backup_is_recorded_as_nonconforming(self, scene):
        assert scene.run.results["prueba-ilegible"] == "nonconforming"

    def test_a_vanished_file_is_no_fault(self, scene):
        """restic may say that it was there (then it is a remark) or pass over it."""
        record = scene.run.outcomes["prueba-desaparece"]
        assert record["verification_result"] == "conforming"
        assert record["entry_count"] == 2


# --- Databases ------------------------------------------------------------------------------------------------------


class TestDumpersThatDie(Aftermath):
    """They print half of a dump and exit 7."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return strike(
            hosts.program("srv-db01", f"{DUMPS}/pg_dump", '/usr/bin/pg_dump "$@" | head -c 200000; exit 7'),
            hosts.program("srv-db01", f"{DUMPS}/mariadb-dump", '/usr/bin/mariadb-dump "$@" | head -c 300000; exit 7'),
            items=("db-escolares", "db-lms", "prueba-vecino"),
            failed={
                "db-escolares": "^pg_dump terminó con el código 7",
                "db-lms": "^mariadb-dump terminó con el código 7",
            },
        )

    def test_no_part_of_a_dump_is_in_the_repository(self, scene):
        tags = backups.ask("srv-db01", "snapshots", "--json", "--tag", f"run={scene.run.run_id}")
        assert tags.strip() == b"[]"

    def test_no_part_of_a_dump_is_left_on_the_server(self, scene):
        assert hosts.shell("srv-db01", "ls /var/lib/dse-backup/staging").stdout == b""


class TestDumpersThatCutShortAndSayNothing(TestDumpersThatDie):
    """They print a truncated dump and exit 0: only what is read in full can tell."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return strike(
            hosts.program("srv-db01", f"{DUMPS}/pg_dump", '/usr/bin/pg_dump "$@" | head -c 200000'),
            hosts.program("srv-db01", f"{DUMPS}/mariadb-dump", '/usr/bin/mariadb-dump "$@" | head -n -1'),
            items=("db-escolares", "db-lms", "prueba-vecino"),
            failed={"db-escolares": "^pg_restore terminó con el código 1", "db-lms": "el volcado está incompleto"},
        )


class TestPostgresqlStopped(TestDumpersThatDie):
    """The database system is down."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return strike(
            hosts.stopped("srv-db01", "postgresql.service"),
            items=("db-escolares", "prueba-vecino"),
            failed={"db-escolares": "^psql terminó con el código 2: .*Is the server running"},
        )


# --- Full disks -----------------------------------------------------------------------------------------------------


class TestStagingDiskFull(TestDumpersThatDie):
    """Too small for one dump, which is seen before; full in the middle of another, which is larger than it seemed."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        return strike(
            hosts.small_disk("srv-db01", "/var/lib/dse-backup/staging", "20m"),
            hosts.program("srv-db01", f"{DUMPS}/mariadb-dump", "head -c 40m /dev/zero"),
            items=("db-escolares", "db-lms", "prueba-vecino"),
            failed={
                "db-escolares": "^espacio insuficiente en /var/lib/dse-backup/staging/.*: hay .* y se requieren",
                "db-lms": "No space left on device",
            },
        )


@contextmanager
def small_repository_disk(server: str):
    """Move a server's repository to a disk that is 48 MB larger, for a while; what was added there is kept."""
    path = f"/srv/dse-backup/{server}/repository"
    size = f"{int(hosts.shell('srv-bkp01', f'du -sm {path}').stdout.split()[0]) + 48}m"
    hosts.shell("srv-bkp01", f"tar -C {path} -cf /root/repository.tar .")
    with hosts.small_disk("srv-bkp01", path, size):
        hosts.shell("srv-bkp01", f"tar -C {path} -xf /root/repository.tar")
        yield path
        hosts.shell("srv-bkp01", f"rm -f {path}/relleno; tar -C {path} -cf /root/repository.tar .")
    hosts.shell("srv-bkp01", f"tar -C {path} -xf /root/repository.tar; rm /root/repository.tar")


class TestRepositoryDiskFull(Aftermath):
    """The backup server has no space left for one server; the other's backups go on."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        items = ("prueba-grande", "db-portal")
        before = kept(*items)
        renew_large_source()
        with small_repository_disk("srv-web01") as path:
            hosts.shell("srv-bkp01", f"cat /dev/zero > {path}/relleno", check=False)
            run = backup(*items, backup_client_time_limit=8)
            hosts.shell("srv-bkp01", f"rm {path}/relleno")
            after = backup(*items)
        return Scene(run, {"prueba-grande": "no hay espacio en el disco"}, before, after)


@contextmanager
def ledger_on_a_small_disk():
    """Move the ledger to a small disk for a while."""
    disk = hosts.RUN_DIRECTORY / "ledger-disk"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(backups.LEDGER, disk, dirs_exist_ok=True)
        yield disk
        shutil.rmtree(backups.LEDGER)
        shutil.copytree(disk, backups.LEDGER, ignore=shutil.ignore_patterns("relleno"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte and return the file to delete."""
    filler = disk / "relleno"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
    return filler


class TestLedgerDiskFull(Aftermath):
    """Full before a run, nothing starts. Full in the middle, the server's own record is what the next run reads."""

    items = ("prueba-vecino", "prueba-origen", "prueba-vacio", "prueba-enlace", "prueba-montaje")

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        before = kept(*cls.items[:2])
        with ledger_on_a_small_disk() as disk:
            filler = fill(disk)
            lines = len(backups.records(disk))
            snapshots = backups.snapshots("srv-web01")
            cls.refused = backup(*cls.items, ledger=disk)
            cls.untouched = len(backups.records(disk)) == lines and backups.snapshots("srv-web01") == snapshots
            filler.unlink()
            started = start(*cls.items, ledger=disk)
            started.wait_for("PLAN DE LA CORRIDA")
            filler = fill(disk)
            run = started.end()
            filler.unlink()
            after = backup(*cls.items, ledger=disk)
        failed = dict.fromkeys(cls.items, f"^la corrida {run.run_id} se interrumpió en el controlador")
        return Scene(run, failed, before, after)

    def test_a_full_disk_stops_the_run_before_it_starts(self, scene):
        assert self.refused.status == 3
        assert "no se puede escribir el registro oficial" in self.refused.output
        assert self.untouched

    def test_a_disk_that_fills_up_ends_the_run(self, scene):
        assert scene.run.status == 3
        assert "no se puede escribir el registro oficial" in scene.run.output

    def test_the_backups_that_were_made_meanwhile_are_recorded_by_the_next_run(self, scene):
        found = [each for each in backups.conforming() if each.get("host_run_id") == scene.run.run_id]
        assert sorted(each["item_id"] for each in found) == sorted(self.items)

    # What the run could not record was good, and is the baseline.
    test_what_failed_was_never_the_baseline = None


# --- Hosts and networks ---------------------------------------------------------------------------------------------


# The controller has heard of the backup, which waits at the gate.
IN_THE_MIDDLE = r"srv-db01: db-portal \(1 de 1\), volcando"


def settled(name: str, run_id: str) -> None:
    """Wait until the script on a server has ended a run."""
    result = f"/var/lib/dse-backup/runs/{run_id}/result.json"
    hosts.shell(name, f"timeout 60 sh -c 'until [ -e {result} ]; do sleep 0.1; done'")


def dump_gate():
    """Hold the dumps of MariaDB: what is in the middle of one is in the middle of a backup."""
    return hosts.gate("srv-db01", f"{DUMPS}/mariadb-dump", "/usr/bin/mariadb-dump")


class TestCutOffMidwayAndBack(Aftermath):
    """The cable is pulled in the middle of an upload and put back: the run goes on as if nothing had been."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        items = ("prueba-grande", "db-portal")
        before = kept(*items)
        renew_large_source()
        with hosts.slow_link("srv-bkp01", "16mbit"):
            started = start(*items)
            started.wait_for(r"prueba-grande \(1 de 1\), guardando: \d")
            with hosts.cut_off("srv-web01"):
                started.wait_for("srv-web01: se perdió la conexión")
            run = started.end()
        return Scene(run, {}, before, backup(*items))


class TestCutOffMidwayForGood(Aftermath):
    """The cable is pulled in the middle of a dump and stays out until the run has given up."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        items = ("db-portal", "prueba-vecino")
        before = kept(*items)
        begin = time.monotonic()
        with dump_gate() as gate:
            started = start(*items, backup_client_time_limit=300)
            started.wait_for(IN_THE_MIDDLE)
            with hosts.cut_off("srv-db01"):
                run = started.end()
            assert time.monotonic() - begin < 100
            gate.open()
            settled("srv-db01", run.run_id)
        return Scene(run, {"db-portal": UNREACHABLE.format("srv-db01")}, before, backup(*items))

    def test_what_the_server_then_did_on_its_own_is_recorded_by_the_next_run(self, scene):
        (found,) = [each for each in backups.conforming() if each.get("host_run_id") == scene.run.run_id
                    and each["item_id"] == "db-portal"]  # fmt: skip
        assert "run_id" not in found

    # What the server did on its own is good, and is the baseline.
    test_what_failed_was_never_the_baseline = None


class TestFrozenServer(Aftermath):
    """It accepts connections and never answers."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        begin = time.monotonic()
        scene = strike(
            hosts.paused("srv-db01"),
            items=("db-portal", "prueba-vecino"),
            failed={"db-portal": UNREACHABLE.format("srv-db01")},
        )
        assert time.monotonic() - begin < 40
        return scene


class TestBackupServerUnreachable(Aftermath):
    """Without the backup server nothing can be backed up, and everything says so."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        items = ("db-portal", "prueba-vecino")
        return strike(
            hosts.cut_off("srv-bkp01"), items=items, failed=dict.fromkeys(items, UNREACHABLE.format("srv-bkp01"))
        )


class TestPowerCutMidway(Aftermath):
    """The server loses its power in the middle of a dump and comes back while the run still looks for it."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        items = ("db-portal", "prueba-vecino")
        before = kept(*items)
        with dump_gate():
            started = start(*items)
            started.wait_for(IN_THE_MIDDLE)
            with hosts.killed("srv-db01"):
                started.wait_for("srv-db01: se perdió la conexión")
            run = started.end()
        return Scene(run, {"db-portal": "^el script terminó sin dejar su resultado"}, before, backup(*items))


# --- Two at once, and none ------------------------------------------------------------------------------------------


class TestTwoRunsAtOnce(Aftermath):
    """The second one says which run it met, and backs up what it can."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        items = ("db-portal", "prueba-vecino")
        before = kept(*items)
        with dump_gate() as gate:
            # The first of these is in the repository when the second run looks, and in no record yet.
            first = start("db-escolares", "db-lms")
            gate.wait_until_reached()
            run = backup(*items)
            gate.open()
            cls.first = first.end()
        return Scene(
            run, {"db-portal": f"ocupado con otra corrida: {cls.first.run_id}, desde "}, before, backup(*items)
        )

    def test_the_second_one_is_recorded_as_not_run(self, scene):
        assert scene.run.results["db-portal"] == "not_run"

    def test_the_first_one_is_not_disturbed(self, scene):
        assert self.first.status == 0, self.first.summary
        assert self.first.results == {"db-escolares": "conforming", "db-lms": "conforming"}


class TestControllerKilled(Aftermath):
    """kill -9 of ansible-playbook and all that it started, in the middle of a dump."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        before = kept("db-portal")
        with dump_gate() as gate:
            started = start("db-portal")
            gate.wait_until_reached()
            os.killpg(started.process.pid, signal.SIGKILL)
            run = started.end()
            gate.open()
            settled("srv-db01", run.run_id)
        after = backup("db-portal")
        failed = {"db-portal": f"^la corrida {run.run_id} se interrumpió en el controlador"}
        return Scene(run, failed, before, after)

    def test_the_next_run_reports_what_was_open(self, scene):
        assert official_record.ended(backups.records())[scene.run.run_id] == "cut_off"
        assert f"la corrida {scene.run.run_id} se interrumpió" in scene.after.output

    def test_what_the_server_finished_alone_is_recorded(self, scene):
        (found,) = [each for each in backups.conforming() if each.get("host_run_id") == scene.run.run_id]
        assert "run_id" not in found

    # What the server did on its own is good, and is the baseline.
    test_what_failed_was_never_the_baseline = None


# --- Who means harm -------------------------------------------------------------------------------------------------

# A formula, a line break, a terminal's escape sequence, a mark that turns the text around.
POISON = "=cmd()\r\n\x1b[31mrojo\u202e"


def is_neutral(text: str) -> bool:
    return not re.search("[\0-\x1f\x7f\u202e]", text)


def check_csv() -> None:
    """No cell of the spreadsheets is a formula or reaches beyond its line."""
    for path in backups.LEDGER.glob("csv/*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert is_neutral(cell), cell
                    assert not re.match(r"[=+@|]|-(?![\d.]+$)", cell), cell


class TestHostileTags(Aftermath):
    """A server's own key may write what it likes into its repository: it is data, on one line, and never a formula."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        fields = ("run", "tool", "revision", "engine", "tables", "sha256")
        tags = " ".join(f"--tag '{name}={POISON}'" for name in fields)
        command = (
            'restic -r rclone: -o "rclone.program=ssh -F /etc/dse-backup/ssh/config backup-server" '
            "-p /etc/dse-backup/repository.key backup /srv/pruebas/vecino --tag item=prueba-vecino --tag mode=="
        )
        before = kept("prueba-vecino")
        hosts.shell("srv-web01", f"{command} {tags}")
        run = backup("prueba-vecino")
        return Scene(run, {}, before, backup("prueba-vecino"))

    def test_the_record_is_neutral(self, scene):
        (found,) = [each for each in backups.records() if each.get("tool", "").startswith("=cmd()")
                    and each["recorded_at"] > first_record(scene.run)["recorded_at"]]  # fmt: skip
        assert all(is_neutral(str(value)) for value in found.values())
        assert found["execution_mode"] == "manual"
        check_csv()

    def test_the_output_is_neutral(self, scene):
        assert "\x1b[31mrojo" not in scene.run.output
        assert "\u202e" not in scene.run.output


class TestHostileScript(Aftermath):
    """A server whose script was replaced tells the controller what it likes: it cannot write a record of its own."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls):
        forged = {
            "outcomes": [{"item_id": "prueba-vecino", "state": "failed", "message": POISON, "started_at": POISON}],
            "backup_records": [{"record_type": "backup", "item_id": "falsificado"}],
            "ansible_facts": {"backup_plan": {}},
        }
        script = f"cat > $3/result.json <<'END'\n{json.dumps(forged)}\nEND"
        return strike(
            hosts.program("srv-web01", "/usr/local/sbin/dse-backup", script),
            items=("prueba-vecino", "db-portal"),
            failed={"prueba-vecino": re.escape(r"=cmd()\r\n\x1b[31mrojo\u202e")},
        )

    def test_the_record_is_neutral(self, scene):
        (failure,) = self.failures(scene, "prueba-vecino")
        assert all(is_neutral(str(value)) for value in failure.values())
        assert not [each for each in backups.records() if each.get("item_id") == "falsificado"]
        check_csv()


class TestSecrets:
    """While everything is deployed and backed up: no password in any process's arguments or environment."""

    def test_no_process_shows_a_secret(self):
        secrets = [secret.strip() for secret in backups.secrets()]
        with watched(secrets) as seen:
            deployed = backups.Started("deploy.yml", "-vvv", inventories=[hosts.INVENTORY], environment={}).end()
            run = backup("db-portal", "db-escolares", "prueba-vecino")
        assert deployed.status == 0, deployed.summary
        assert run.status == 0, run.summary
        assert not [secret for secret in secrets if secret in (deployed.output + run.output).encode()]
        assert any("restic" in command for command in seen.commands)  # The watch did see the hosts' processes.
        assert seen.leaks == set()


class Seen(NamedTuple):
    """What was seen in the machine's processes, those of its hosts among them."""

    commands: set[str]
    leaks: set[str]


@contextmanager
def watched(secrets: list[bytes]):
    """Look at all processes of all hosts, all the time."""
    seen, over = Seen(set(), set()), threading.Event()

    def watch() -> None:
        looked_at: set[str] = set()
        while not over.wait(0.005):
            present = {name for name in os.listdir("/proc") if name.isdigit()}
            for process in present:
                arguments = _read(f"/proc/{process}/cmdline")
                # The environment is looked at once for each program that a process becomes.
                key = f"{process} {arguments!r}"
                if key in looked_at:
                    continue
                looked_at.add(key)
                command = arguments.replace(b"\0", b" ").decode(errors="replace")
                seen.commands.add(command)
                shown = arguments + _read(f"/proc/{process}/environ")
                if any(secret in shown for secret in secrets):
                    seen.leaks.add(command)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # The process has ended.
        return b""


class TestTheEnd:
    """After all that."""

    @pytest.mark.parametrize("server", ["srv-web01", "srv-db01"])
    def test_every_byte_of_the_repository_is_readable(self, server):
        backups.ask(server, "check", "--read-data")

    def test_nothing_is_left_in_the_repositories_that_stops_their_owners(self):
        for server in ("srv-web01", "srv-db01"):
            look = f"find /srv/dse-backup/{server}/repository -not -user bk-{server}"
            assert hosts.shell("srv-bkp01", look).stdout == b""
