# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running Ansible as an administrator or cron does, and what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PLAYBOOKS = CHECKOUT / "playbooks"


class Failed(Exception):
    """A measured program did not end as it should; the text has what it printed."""


def environment(ledger: Path, **more: str) -> dict[str, str]:
    """Return the environment of a run that records in ``ledger``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "DSE_BACKUP_"))}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "DSE_BACKUP_LEDGER": str(ledger),
        "LC_ALL": "C.UTF-8",
        **more,
    }


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> tuple[str, float]:
    """Run a program to its good end; return what it printed and its peak memory in MB (10⁶ bytes)."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=CHECKOUT,
        )
        # wait4 instead of wait: it is the one that tells what the process used.
        status, usage = os.wait4(process.pid, 0)[1:]
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{text[-4000:]}")
    return text, usage.ru_maxrss * 1024 / 1e6


def playbook(path: str | Path, inventory: Path, ledger: Path, *arguments: str) -> tuple[str, float]:
    """Run a playbook, ours by its file's name; return what it printed and its peak memory in MB."""
    return run(
        [BIN / "ansible-playbook", "-i", inventory, PLAYBOOKS / path, *arguments],
        environment(ledger),
    )


def request(inventory: Path, ledger: Path) -> None:
    """Have all that an inventory backs up requested and accepted, in one operation: nothing else is backed up."""
    playbook("request.yml", inventory, ledger, "-e", "request_take_over=true")
