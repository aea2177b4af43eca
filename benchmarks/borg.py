# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one would otherwise use: borgmatic with borg, over SSH to an append-only repository, encrypted as ours is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

from .controller import run
from .hosts import BACKUP_SERVER, ONE_HOST, Hosts

VERSION = "2.1.10"
COMPRESSION = "zstd,3"
_LIBRARY = "/opt/borgmatic"
_CONFIG = "/etc/borgmatic/config.yaml"
_REPOSITORY = "/srv/borg/bench"
_COMMAND = f"PYTHONPATH={_LIBRARY} python3 -m borgmatic.commands.borgmatic"
_ENCRYPTION = "repokey-blake2"


def install(hosts: Hosts) -> None:
    """Bring borgmatic, which Debian has only in an old version, to the host: it has Python, and no pip."""
    if hosts.ssh(ONE_HOST, f"cat {_LIBRARY}/version 2> /dev/null || true").strip() == VERSION:
        return
    library = hosts.work / "borgmatic"
    shutil.rmtree(library, ignore_errors=True)
    python = hosts.ssh(ONE_HOST, "python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'").strip()
    wheels = ["--only-binary", ":all:", "--python-version", python, "--target", library]
    run([sys.executable, "-m", "pip", "install", "--quiet", *wheels, f"borgmatic=={VERSION}"])
    (library / "version").write_text(VERSION, encoding="ascii")
    packed = subprocess.run(["tar", "c", "-C", library, "."], capture_output=True, check=True).stdout
    hosts.ssh(ONE_HOST, f"rm -rf {_LIBRARY} && mkdir -p {_LIBRARY} && tar x -C {_LIBRARY}", packed)


def empty(hosts: Hosts, **sources: Any) -> None:
    """Give the host a new repository and nothing remembered of the one before; ``sources`` as in a configuration."""
    configuration = {
        **sources,
        "repositories": [{"path": f"ssh://root@{BACKUP_SERVER}{_REPOSITORY}"}],
        "ssh_command": "ssh -i ~/.ssh/borg",
        "encryption_passphrase": "bench",
        "compression": COMPRESSION,
    }
    hosts.ssh(BACKUP_SERVER, f"rm -rf {_REPOSITORY} && mkdir -p {_REPOSITORY}")
    hosts.ssh(ONE_HOST, "rm -rf ~/.cache/borg ~/.config/borg && mkdir -p /etc/borgmatic")
    # JSON is YAML too.
    hosts.ssh(ONE_HOST, f"cat > {_CONFIG} && chmod 600 {_CONFIG}", json.dumps(configuration).encode())
    _borgmatic(hosts, f"repo-create --encryption {_ENCRYPTION}")


def create(hosts: Hosts) -> None:
    """Back up."""
    _borgmatic(hosts, "create")


def extract(hosts: Hosts, directory: str) -> None:
    """Restore the newest backup to a directory that is there."""
    _borgmatic(hosts, f"extract --archive latest --destination {directory}")


def archives(hosts: Hosts) -> int:
    """Return how many backups there are."""
    return len(json.loads(_borgmatic(hosts, "repo-list --json"))[0]["archives"])


def _borgmatic(hosts: Hosts, action: str) -> str:
    return hosts.ssh(ONE_HOST, f"{_COMMAND} {action}")
