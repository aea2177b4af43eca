"""CSC's copy on a host of CSC's: delivered over SFTP, proved, and out of reach of whoever may only read it. 4.1.6.

The tests have a source and a ledger of their own. CSC's repository is asked with restic itself, from the backup server,
where CSC's password and the two keys are.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from typing import Any

import backups
import hosts
import pytest
from test_restore import STORE, WEB, item

CSC = "srv-csc01"
ACCOUNT = "cc-srv-web01"
INVENTORY = hosts.RUN_DIRECTORY / "delivery"
LEDGER = hosts.RUN_DIRECTORY / "ledger-delivery"
HERE = "/srv/entrega"
# Another one each time: what an earlier run has left in the repositories is none of it.
ITEM = f"prueba-entrega-{int(time.time())}"
PLACE = f"sftp:{ACCOUNT}@{CSC}:/repository"
AT = "/srv/dse-backup/srv-web01"
LOAN, DELIVERY = "loan", "delivery"

Record = dict[str, Any]


def start(playbook: str, **extra: Any) -> backups.Started:
    return backups.Started(
        f"{playbook}.yml",
        f"--extra-vars={json.dumps(extra)}",
        environment={"DSE_BACKUP_LEDGER": str(LEDGER)},
        inventories=[hosts.INVENTORY, INVENTORY],
    )


def play(playbook: str, **extra: Any) -> str:
    """Run a playbook to its good end and return what it printed."""
    done = start(playbook, **extra).end()
    assert done.status == 0, done.output
    return done.output


def backup() -> Record:
    """Back up the source with new content and return the record of it."""
    hosts.shell(WEB, f"mkdir -p {HERE} && head -c 12M /dev/urandom > {HERE}/contenido")
    play("backup", backup_items=[ITEM], backup_force=True)
    return recorded("backup")[-1]


def recorded(record_type: str, **fields: Any) -> list[Record]:
    wanted = {"record_type": record_type, **fields}
    return [each for each in backups.records(LEDGER) if wanted.items() <= each.items()]


def refused(run: backups.Run) -> Record:
    """Return the failure of a delivery that brought nothing to CSC."""
    assert run.status == 2, run.output
    failure = recorded("failure", failure_stage="csc_delivery")[-1]
    assert failure["folio"] in run.output, run.output
    return failure


def as_owner(*command: str) -> str:
    """Return a shell command of the repository's owner, on the backup server."""
    return shlex.join(["runuser", "-u", "bk-srv-web01", "--", *command])


def ssh(key: str) -> list[str]:
    """Return the options with which the repository's owner reaches CSC's host."""
    known = ["BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={AT}/csc_known_hosts", "HostKeyAlias=csc"]
    return ["-F", "none", *(f"-o{each}" for each in known), "-oLogLevel=ERROR", f"-i{AT}/csc_{key}_ed25519"]


def way(key: str) -> str:
    """Return the option by which restic reaches CSC's host."""
    return f"sftp.args={' '.join(ssh(key))}"


def restic(*arguments: str, key: str = DELIVERY, opened_by: str = "csc.key") -> str:
    """Return the command that asks CSC's repository of the web server."""
    place = ["--repo", PLACE, "--option", way(key)]
    return as_owner("restic", *place, "--password-file", f"{AT}/{opened_by}", "--no-cache", *arguments)


def at_csc() -> dict[str, str]:
    """Return what CSC holds: the id in JAA's repository -> the id there."""
    listed = hosts.shell(STORE, restic("snapshots", "--no-lock", "--json", key=LOAN)).stdout
    return {each["original"]: each["id"] for each in json.loads(listed)}


def packs() -> bytes:
    """Return when each file of CSC's repository was written."""
    find = "find . -type f -not -path './locks/*' -printf '%p %T@\n' | sort"
    return hosts.shell(CSC, f"cd /srv/dse-csc/{ACCOUNT}/repository && {find}").stdout


def sftp(commands: str, *, key: str, account: str = ACCOUNT) -> str:
    """Return what the commands, one a line, answered; each is tried whether or not the one before was refused."""
    batch = "".join(f"-{line}\n" for line in commands.splitlines())
    command = as_owner("sftp", "-b-", *ssh(key), f"{account}@{CSC}") + " 2>&1"
    return hosts.shell(STORE, command, stdin=batch.encode(), check=False).stdout.decode()


@pytest.fixture(scope="module", autouse=True)
def delivery() -> Record:
    """The record of a first delivery."""
    hosts.forget_connections()
    shutil.rmtree(LEDGER, ignore_errors=True)
    (INVENTORY / "host_vars").mkdir(parents=True, exist_ok=True)
    # Its content is new each time, and that is no fault of it.
    tolerance = {"replaced_pct": 100, "shrink_pct": 99}
    items = [item(ITEM, 401, "web_publication", "images_documents", paths=[HERE], tolerance=tolerance)]
    (INVENTORY / "host_vars" / f"{WEB}.yml").write_text(json.dumps({"backup_client_items": items}))
    (INVENTORY / "host_vars" / "srv-db01.yml").write_text(json.dumps({"backup_client_items": []}))
    (INVENTORY / "hosts.yml").write_text(json.dumps({"all": {"hosts": {WEB: {}, "srv-db01": {}}}}))
    hosts.shell(WEB, f"rm -rf {HERE} && mkdir {HERE} && seq 1000 > {HERE}/lista && touch {HERE}/contenido")
    play("request", request_take_over=True)
    backup()
    play("deliver")
    yield recorded("delivery")[-1]
    hosts.shell(WEB, f"rm -rf {HERE}")


def test_a_delivery_is_at_csc_and_is_what_jaa_has(delivery):
    """Breaks: CSC has nothing, or something else, and the form says that it has it."""
    (stored,) = recorded("backup")
    (file,) = delivery["files"]
    assert (delivery["form_code"], delivery["result"], delivery["key_reference"]) == (
        *("FOR 7.5 CSC 02", "done", "K-2026-02"),
    )
    assert delivery["destination"] == PLACE
    assert (file["file"], file["bytes_received"], file["matches"]) == (stored["file_name"], stored["size_bytes"], True)
    assert at_csc()[stored["file_name"]] == file["csc_file"] != stored["file_name"]
    # What is lent restores to the same bytes, names, owners and times.
    copied = hosts.shell(STORE, restic("dump", "--no-lock", file["csc_file"], "/", key=LOAN) + " | sha256sum").stdout
    assert copied.split()[0].decode() == backups.restored(stored)


def test_what_csc_has_is_not_sent_again(delivery):
    """Breaks: each delivery sends everything, or a rehearsal sends something."""
    before = packs()
    assert "CSC tiene ya todos los respaldos verificados" in play("deliver")
    # What CSC rejects is read back again, under another folio.
    rejection = {"acknowledge_folio": delivery["folio"], "acknowledge_as": "CSC", "acknowledge_result": "rejected"}
    play("acknowledge", **rejection, acknowledge_reason="no abre")
    play("deliver")
    assert recorded("delivery")[-1]["files"] == delivery["files"]
    assert packs() == before


@pytest.mark.parametrize("key", [DELIVERY, LOAN])
class TestTheAccountAtCsc:
    """It does SFTP in its own directory: nothing else on CSC's host is within its reach."""

    def test_it_runs_no_command(self, key):
        for command in ("id", "internal-sftp; id", ""):
            done = hosts.shell(STORE, as_owner("ssh", *ssh(key), f"{ACCOUNT}@{CSC}", command), check=False)
            assert done.returncode != 0, command
            assert b"uid=" not in done.stdout

    def test_it_forwards_nothing(self, key):
        done = hosts.shell(STORE, as_owner("ssh", *ssh(key), "-W", "127.0.0.1:22", f"{ACCOUNT}@{CSC}"), check=False)
        assert done.returncode != 0 and b"SSH-2.0" not in done.stdout
        asked = ["-N", "-oExitOnForwardFailure=yes", "-R", "127.0.0.1:2222:127.0.0.1:22"]
        command = ["timeout", "10", "ssh", *ssh(key), *asked, f"{ACCOUNT}@{CSC}"]
        done = hosts.shell(STORE, as_owner(*command), check=False)
        assert done.returncode not in (0, 124), done.stderr

    def test_it_cannot_leave_its_directory(self, key):
        told = sftp("ls -1 /\ncd ..\npwd\nls -1 /srv\nget /etc/passwd /dev/null\nln -s /etc repository/fuga", key=key)
        assert re.findall(r"^/?(\S+)$", told, flags=re.MULTILINE).count("repository") == 1, told
        assert "Remote working directory: /\n" in told, told
        assert '/etc/passwd" not found' in told and '"/srv" not found' in told, told
        hosts.shell(CSC, f"rm -f /srv/dse-csc/{ACCOUNT}/repository/fuga")

    def test_it_changes_nothing_of_what_confines_it(self, key):
        keys = hosts.shell(CSC, "sha256sum /etc/ssh/dse-csc/*").stdout
        sftp(
            "put /etc/hostname /intruso\nmkdir /intruso\nrename /repository /otro\nmkdir /.ssh\nrmdir /repository",
            key=key,
        )
        assert hosts.shell(CSC, f"ls -A /srv/dse-csc/{ACCOUNT}").stdout == b"repository\n"
        assert hosts.shell(CSC, "sha256sum /etc/ssh/dse-csc/*").stdout == keys

    def test_another_servers_copy_is_closed_to_it(self, key):
        assert "Permission denied" in sftp("ls -1 /", key=key, account="cc-srv-db01")
        other = "ls /srv/dse-csc/cc-srv-db01 /srv/dse-csc/cc-srv-db01/repository"
        done = hosts.shell(CSC, f"cd / && runuser -u {ACCOUNT} -- {other}", check=False)
        assert done.returncode != 0 and done.stdout == b""


def test_the_key_of_a_loan_reads_and_changes_nothing(delivery):
    """Breaks: who reads CSC's copy on loan can destroy it."""
    before, held = packs(), at_csc()
    (copy,) = {each["csc_file"] for each in delivery["files"]}
    for arguments in (("forget", copy), ("tag", "--add", "mío", copy)):
        done = hosts.shell(STORE, restic(*arguments, key=LOAN), check=False)
        assert done.returncode != 0 and b"permission denied" in done.stderr, done
    attempts = [
        *(f"rm repository/snapshots/{copy}", "rm repository/config", "rename repository/config repository/otro"),
        *(
            "put /etc/hostname repository/intruso",
            "mkdir repository/x",
            "chmod 777 repository",
            "rmdir repository/locks",
        ),
        "ln repository/config repository/y",
    ]
    told = sftp("\n".join(attempts), key=LOAN)
    assert told.count("Permission denied") >= 6, told
    assert at_csc() == held and packs() == before
    # What a repair does: copy it into a repository of JAA's.
    scratch, new = "/run/prestamo", ["--password-file", f"{AT}/repository.key", "--no-cache"]
    hosts.shell(STORE, f"install -d -o bk-srv-web01 {scratch}")
    try:
        hosts.shell(STORE, as_owner("restic", "--repo", scratch, *new, "init"))
        source = ["--from-repo", PLACE, "--from-password-file", f"{AT}/csc.key", "--option", way(LOAN)]
        hosts.shell(STORE, as_owner("restic", "--repo", scratch, *new, "copy", "--no-lock", *source, copy))
        assert hosts.shell(STORE, f"ls {scratch}/snapshots").stdout.split()
    finally:
        hosts.shell(STORE, f"rm -rf {scratch}")


class TestADeliveryThatFails:
    """Refused, killed, cut off: nothing is recorded as delivered, and the next one brings all of it."""

    @pytest.fixture(scope="class")
    @classmethod
    def stored(cls):
        return backup()

    @pytest.fixture(autouse=True)
    def nothing_is_delivered(self, stored):
        """Hold for each of them what must be true afterwards."""
        before = recorded("delivery")
        yield
        assert recorded("delivery") == before
        assert stored["file_name"] not in at_csc()

    def test_jaas_password_at_csc_is_refused(self):
        added = hosts.shell(STORE, restic("key", "add", "--json", "--new-password-file", f"{AT}/repository.key"))
        assert added.returncode == 0
        try:
            failure = refused(start("deliver").end())
        finally:
            listed = json.loads(hosts.shell(STORE, restic("key", "list", "--json", opened_by="repository.key")).stdout)
            (jaas,) = [each["id"] for each in listed if each["current"]]
            hosts.shell(STORE, restic("key", "remove", jaas))
        assert "la contraseña de JAA abre el repositorio de CSC" in failure["error_message"]

    def test_jaas_key_at_csc_is_refused(self):
        """Somebody copies JAA's repository to CSC, file by file, and gives it CSC's password."""
        there = f"/srv/dse-csc/{ACCOUNT}"
        keys = hosts.shell(STORE, f"cd {AT}/repository && tar -c config keys").stdout
        made = "mv repository aside && mkdir -m 700 repository && cd repository && mkdir locks data index snapshots"
        try:
            hosts.shell(CSC, f"cd {there} && {made} && tar -x && chown -R {ACCOUNT}: .", stdin=keys)
            added = restic("key", "add", "--new-password-file", f"{AT}/csc.key", opened_by="repository.key")
            hosts.shell(STORE, added)
            failure = refused(start("deliver").end())
        finally:
            hosts.shell(CSC, f"cd {there} && rm -rf repository && mv aside repository")
        assert "tiene su misma llave" in failure["error_message"]

    def test_a_copy_that_is_killed(self):
        with hosts.slow_link(CSC, "16mbit"):
            run = start("deliver")
            hosts.shell(STORE, f"kill -KILL $({COPYING})")
            failure = refused(run.end())
        assert "interrumpido por una señal" in failure["error_message"], failure["error_message"]

    def test_a_link_that_is_cut(self):
        with hosts.slow_link(CSC, "16mbit"):
            run = start("deliver", backup_server_csc_timeout=4)
            hosts.shell(STORE, COPYING)
            with hosts.cut_off(CSC):
                failure = refused(run.end())
        assert "CSC no contesta" in failure["error_message"], failure["error_message"]


# Prints the process of a copy that has begun to send.
COPYING = """timeout 60 sh -c '
until process=$(pgrep -f "^[r]estic .* copy " || pgrep -f "^/usr/bin/[r]estic .* copy "); do sleep 0.05; done
sleep 1.5; echo $process'"""


def test_the_next_delivery_brings_what_did_not_arrive():
    """Breaks: what a killed or cut delivery left at CSC keeps the next one out, or stays damaged."""
    stored = recorded("backup")[-1]
    assert stored["file_name"] not in at_csc()
    play("deliver")
    record = recorded("delivery")[-1]
    (file,) = record["files"]
    assert (file["file"], file["csc_file"]) == (stored["file_name"], at_csc()[stored["file_name"]])
    failures = {each["folio"] for each in recorded("failure", failure_stage="csc_delivery")}
    assert {each["about_folio"] for each in recorded("closing", evidence="delivery")} == failures != set()
    hosts.shell(STORE, restic("check", "--no-lock", "--read-data", key=LOAN))


class TestWhenJaasCopyFails:
    """4.3.1 c, faults 12: CSC's copy saves the restore, over SSH and read-only, and mends JAA's repository."""

    TARGET = "/srv/de-csc"

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def damaged(cls):
        """One bit of the newest backup's content, in JAA's repository."""
        repository = f"{AT}/repository/data"
        newest = f"find {repository} -type f -size +1M -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2"
        flip = (
            "import sys; pack = open(sys.argv[1], 'r+b'); pack.seek(90000); byte = pack.read(1)[0]; "
            "pack.seek(90000); pack.write(bytes([byte ^ 1]))"
        )
        hosts.shell(STORE, f"pack=$({newest}) && chmod u+w $pack && python3 -c {shlex.quote(flip)} $pack")
        hosts.shell(WEB, f"rm -rf {cls.TARGET}")
        yield
        hosts.shell(WEB, f"rm -rf {cls.TARGET}")

    def test_a_restore_goes_on_from_csc_s_copy(self):
        """Breaks: it fails; or CSC's repository is written to; or what was let in for it stays."""
        before = packs()
        standing = {WEB: {"backup_server_csc_standing_loan": "oficio CSC-12"}}
        (INVENTORY / "standing.yml").write_text(json.dumps({"all": {"hosts": standing}}))
        asked = {"restore_item": ITEM, "restore_target": self.TARGET}
        told = {"restore_reason": "physical_damage", "restore_requester": "Portal"}
        play("restore", **asked, **told)
        recovery = recorded("recovery")[-1]
        assert (recovery["copy_used"], recovery["result"]) == ("csc", "restored")
        (loan,) = recorded("loan")
        assert recovery["loan_folio"] == loan["folio"]
        (check,) = recorded("acknowledgement", loan_step="checked")
        assert check["check_on_receipt"] == "conforming"
        same = hosts.shell(WEB, f"diff -r {HERE} {self.TARGET}{HERE}", check=False)
        assert same.returncode == 0, same.stdout
        assert packs() == before
        assert hosts.shell(STORE, f"cat {AT}/.ssh/guests; ls {AT} | grep loan$ || true").stdout.strip() == b""
        assert hosts.shell(WEB, "ls /var/lib/dse-backup | grep guest || true").stdout == b""

    def test_the_repository_is_mended_and_proved(self):
        assert start("verify", verify_all=True, verify_servers=[WEB]).end().status == 2
        before = packs()
        assert "TODO REPARADO" in play("repair")
        assert packs() == before
        record = recorded("run", run_event="verified")[-1]
        stored = recorded("backup")[-1]
        assert record["result"] == "intact"
        assert {each["folio"]: each["sha256"] for each in record["repaired"]}[stored["folio"]] == stored["sha256"]
        jaa = f"restic --repo {AT}/repository --password-file {AT}/repository.key --no-cache"
        hosts.shell(STORE, as_owner(*shlex.split(f"{jaa} check --no-lock --read-data")))
        damages = {each["folio"] for each in recorded("failure", failure_stage="jaa_copy")}
        assert damages and damages <= {each["about_folio"] for each in recorded("closing")}
        # And the server, whose files in the repository they are, goes on as before.
        backup()
