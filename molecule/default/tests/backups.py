"""What a test of backups does: run backup.yml as an administrator does, read the ledger, ask the repositories.

Repositories are asked with restic itself, never with the product's own code, as their owner and without a lock.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import hosts
import official_record

CHECKOUT = Path(__file__).resolve().parents[3]
LEDGER = hosts.RUN_DIRECTORY / "ledger"
# Longer than any run of these tests takes, so that one which hangs is a failure.
LIMIT = 150
# Connections that die are given up after three seconds, not after a minute.
_IMPATIENT = {
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=1 -o ServerAliveCountMax=3",
    "ANSIBLE_TIMEOUT": "4",
}

Record = dict[str, Any]


class Run(NamedTuple):
    """A run of a playbook that has ended: exit status, all that it printed, its id."""

    status: int
    output: str
    run_id: str

    @property
    def summary(self) -> str:
        """Return how it says itself that it ended, errors included."""
        errors = re.findall(r"^(?:ERROR|\[ERROR\]|fatal:).*", self.output, flags=re.MULTILINE)
        return "\n".join([*errors, self.output[self.output.rfind("PLAY RECAP") :]])

    @property
    def outcomes(self) -> dict[str, Record]:
        """Return the one outcome of each item, by the item's id."""
        return {record["item_id"]: record for record in official_record.outcomes(records(), self.run_id)}

    @property
    def results(self) -> dict[str, str]:
        """Return how each item ended: the verdict on its backup, or the type of its failure."""
        return {
            item: record.get("verification_result") or record["failure_type"] for item, record in self.outcomes.items()
        }


class Started:
    """An ansible-playbook that is running."""

    def __init__(self, playbook: str, *options: str, environment: dict[str, str], inventories: list[Path]) -> None:
        self._output = tempfile.NamedTemporaryFile(prefix="dse-backup-test-")  # noqa: SIM115 - closed with the object
        sources = [argument for inventory in inventories for argument in ("-i", str(inventory))]
        self.process = subprocess.Popen(
            [str(Path(sys.executable).parent / "ansible-playbook"), *sources, *options, f"playbooks/{playbook}"],
            cwd=CHECKOUT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DSE_"))},
                "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
                "ANSIBLE_VAULT_PASSWORD_FILE": str(hosts.RUN_DIRECTORY / "vault-password"),
                "DSE_BACKUP_LEDGER": str(LEDGER),
                **_IMPATIENT,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        return Path(self._output.name).read_text(encoding="utf-8")

    def wait_for(self, text: str) -> re.Match[str]:
        """Wait until the playbook has printed what a regular expression finds."""
        return until(lambda: re.search(text, self.output), f"«{text}» in the output", context=lambda: self.output)

    def end(self) -> Run:
        """Wait until it ends."""
        status = self.process.wait(timeout=LIMIT)
        run_id = re.search(r"^(?:PLAN DE LA CORRIDA|RESTAURACIÓN) (\S+)", self.output, flags=re.MULTILINE)
        return Run(status, self.output, run_id[1] if run_id else "")


def start(
    *items: str, options: tuple[str, ...] = (), inventories: tuple[Path, ...] = (), ledger: Path = LEDGER, **extra: Any
) -> Started:
    """Start backup.yml. With ``items``, these are backed up although they are not due; ``extra`` are extra-vars."""
    if items:
        extra = {"backup_items": items, "backup_force": True, **extra}
    return Started(
        "backup.yml",
        *options,
        f"--extra-vars={json.dumps(extra)}",
        environment={"DSE_BACKUP_LEDGER": str(ledger)},
        inventories=[hosts.INVENTORY, *inventories],
    )


def backup(*items: str, **how: Any) -> Run:
    """Run backup.yml to its end."""
    return start(*items, **how).end()


def request(inventory: Path) -> None:
    """Have all that an inventory backs up requested and accepted: nothing else is backed up (4.1.1)."""
    sources = [hosts.INVENTORY, inventory]
    done = Started("request.yml", "--extra-vars=request_take_over=true", environment={}, inventories=sources).end()
    assert done.status == 0, done.output


def until(condition: Callable[[], Any], what: str, *, seconds: float = 60, context: Callable[[], str] = str) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}\n{context()}"
        time.sleep(0.05)
    return result


def records(ledger: Path = LEDGER) -> list[Record]:
    """Return all that the ledger holds, oldest first."""
    return official_record.read(ledger)


def conforming(ledger: Path = LEDGER) -> list[Record]:
    """Return the backups that the ledger calls good, oldest first."""
    return [each for each in records(ledger) if each.get("verification_result") in ("conforming", "first")]


def newest(item: str) -> Record:
    """Return an item's last good backup."""
    return [each for each in conforming() if each["item_id"] == item][-1]


def restic(server: str, *arguments: str, program: str = "") -> str:
    """Return the command with which the owner of a server's repository asks it, on the backup server."""
    at = f"/srv/dse-backup/{server}"
    command = ["restic", "--repo", f"{at}/repository", "--password-file", f"{at}/repository.key"]
    command = ["runuser", "-u", f"bk-{server}", "--", *command, "--no-lock", "--no-cache", *arguments]
    return f"cd / && {shlex.join(command)}"


def ask(server: str, *arguments: str) -> bytes:
    """Return what restic answers about a server's repository."""
    return hosts.shell("srv-bkp01", restic(server, *arguments)).stdout


def snapshots(server: str) -> set[str]:
    """Return the ids of all that a server's repository holds."""
    return {each["id"] for each in json.loads(ask(server, "snapshots", "--json"))}


def dumped(record: Record, name: str) -> bytes:
    """Return one file of the backup of a database."""
    return ask(record["server"], "dump", record["file_name"], f"/var/lib/dse-backup/staging/{record['item_id']}/{name}")


@functools.cache
def secrets() -> list[bytes]:
    """Return, one a line, what nobody may see: passwords, private keys, the database's password verifiers."""
    found = [(hosts.RUN_DIRECTORY / "vault-password").read_bytes().strip() + b"\n"]
    for server in ("srv-web01", "srv-db01"):
        found.append(hosts.shell(server, "cat /etc/dse-backup/repository.key").stdout)
        found.append(hosts.shell(server, "sed -n 3p /etc/dse-backup/ssh/id_ed25519").stdout)
        at_backup_server = (
            f"cd /srv/dse-backup/{server} && cat csc.key && sed -sn 3p csc_delivery_ed25519 csc_loan_ed25519"
        )
        found += hosts.shell("srv-bkp01", at_backup_server).stdout.splitlines(keepends=True)
    verifiers = "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL"
    found.append(hosts.shell("srv-db01", f"cd / && runuser -u postgres -- psql -XAtqc '{verifiers}'").stdout)
    assert all(len(secret) > 20 for secret in found)
    return found


def restored(record: Record) -> str:
    """Return the digest of all that a backup restores: names, owners, modes, times and bytes, as a tar."""
    pipe = restic(record["server"], "dump", record["file_name"], "/") + " | sha256sum"
    return hosts.shell("srv-bkp01", f"bash -c {shlex.quote('set -o pipefail; ' + pipe)}").stdout.decode().split()[0]
