# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts on which is measured: molecule/bench, deployed as an institution's are, each with a restic of its own.

Raw restic takes the very way in that our script takes, to a repository of the same password: behind the server's
``repository`` stands, by turns, the one of each side.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .controller import BIN, CHECKOUT, Failed, environment, run

# Measured side by side, each with its own repository and cache.
OURS, RAW = "ours", "raw"
BACKUP_SERVER = "srv-bkp01"
CSC = "srv-csc01"
ONE_HOST = "srv-db01"
SOURCE = "/srv/bench/site"


class Hosts:
    """The running hosts; the first of ``fleet`` is srv-01."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.directory = CHECKOUT / ".cache" / "molecule" / "bench"
        self.inventory = self.directory / "inventory"

    def start(self, fleet: int) -> None:
        """Make the hosts and deploy to all but the servers of the fleet after the first ``fleet``."""
        servers = [ONE_HOST, BACKUP_SERVER, CSC, *map(server, range(1, fleet + 1))]
        self._molecule("destroy")
        self._molecule("create")
        self._molecule("prepare")
        self._molecule("converge", "--", "--limit", ",".join(["localhost", *servers]))
        for each in servers:
            if each not in (BACKUP_SERVER, CSC):
                self.ssh(BACKUP_SERVER, f"cd /srv/dse-backup/{each} && mkdir kept && mv repository kept/empty")

    def stop(self) -> None:
        """Remove the hosts."""
        self._molecule("destroy")

    def ssh(self, host: str, command: str, stdin: bytes = b"") -> str:
        """Run a shell command as root on a host, to its good end; return what it printed."""
        # The same connection for all commands, as Ansible has one.
        options = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]
        done = subprocess.run(
            ["ssh", "-F", self.directory / "ssh_config", *options, host, command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            raise Failed(f"{host}: {command}\nended with {done.returncode}:\n{text[-4000:]}")
        return text

    def script(self, host: str, path: Path, *arguments: object) -> str:
        """Run a Python program of ours on a host."""
        return self.ssh(host, shlex.join(["python3", "-", *map(str, arguments)]), path.read_bytes())

    def empty(self, side: str, servers: Iterable[str] = (ONE_HOST,)) -> None:
        """Give each server a new repository of that side, and forget all that it remembers of the one before."""
        for each in servers:
            self.ssh(
                BACKUP_SERVER,
                f"cd /srv/dse-backup/{each} && rm -rf kept/{side} && cp -a kept/empty kept/{side}",
            )
            self.ssh(each, f"rm -rf {_REMEMBERED[side]}")
        self.use(side, servers)

    def use(self, side: str, servers: Iterable[str] = (ONE_HOST,)) -> None:
        """Let the servers' way in, and the backup server itself, lead to the repositories of that side."""
        commands = [f"ln -sfn kept/{side} /srv/dse-backup/{each}/repository" for each in servers]
        self.ssh(BACKUP_SERVER, " && ".join(commands))

    def _molecule(self, action: str, *arguments: str) -> None:
        env = environment(
            self.directory / "ledger",
            MOLECULE_EPHEMERAL_DIRECTORY=str(self.directory),
            PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}",
        )
        run([BIN / "molecule", action, "--scenario-name", "bench", *arguments], env)


# What is kept on a server between two runs.
_REMEMBERED = {OURS: "/var/lib/dse-backup/{cache/*,runs/*,journal.jsonl}", RAW: "/var/cache/raw"}


def server(number: int) -> str:
    """Return the name of a server of the fleet: 1 is srv-01."""
    return f"srv-{number:02}"


def raw_restic(*arguments: str) -> str:
    """Return the shell command of raw restic on a server, by the way in that the deployment gave it."""
    return shlex.join(
        [
            *("restic", "--repo", "rclone:", "-o", "rclone.program=ssh -F /etc/dse-backup/ssh/config backup-server"),
            *("--password-file", "/etc/dse-backup/repository.key", "--cache-dir", "/var/cache/raw"),
            *arguments,
        ]
    )
