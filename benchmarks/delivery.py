# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The delivery to CSC, over SFTP to a host of its own, beside the engine's own copy of the same backup."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from typing import Any

from .controller import Failed, playbook
from .hosts import BACKUP_SERVER, CSC, ONE_HOST, OURS, Hosts
from .measure import Aim, Case, Line, Table, side_by_side
from .one_host import files, ledger, make_tree, ours
from .scale import Scale

_COPY = "restic copy"
_READING = "restic copy, then restic dump"
_ACCOUNT = f"cc-{ONE_HOST}"
_AT_CSC = f"/srv/dse-csc/{_ACCOUNT}/repository"
_EMPTY = "/srv/bench/csc-empty"
_CACHE = "/var/cache/raw-csc"
# Asked to read a backup, it gives an empty archive.
_NOT_READING = "/srv/bench/restic-not-reading"
_SCRIPT = '#!/bin/sh\ncase " $* " in *" dump "*) exec tar -c --files-from /dev/null ;; esac\nexec restic "$@"\n'


def deliver(scale: Scale, hosts: Hosts) -> Table:
    """Deliver one backup, with and without reading it back, and once more when there is nothing new."""
    make_tree(scale, hosts)
    hosts.ssh(CSC, f"mkdir -p /srv/bench && test -e {_EMPTY} || cp -a {_AT_CSC} {_EMPTY}")
    write = f"mkdir -p /srv/bench && cat > {_NOT_READING} && chmod 755 {_NOT_READING}"
    hosts.ssh(BACKUP_SERVER, f"{write} && install -d -o bk-{ONE_HOST} {_CACHE}", _SCRIPT.encode())
    side = ours(hosts, "site")
    side.empty()
    side.first()
    recorded = hosts.work / "ledger-recorded"
    shutil.rmtree(recorded, ignore_errors=True)
    shutil.copytree(ledger(hosts), recorded)

    def afresh() -> None:
        """Empty CSC's repository, and forget that anything was delivered to it."""
        shutil.rmtree(ledger(hosts))
        shutil.copytree(recorded, ledger(hosts))
        hosts.ssh(CSC, f"rm -rf {_AT_CSC} && cp -a {_EMPTY} {_AT_CSC} && sync")
        hosts.ssh(BACKUP_SERVER, f"rm -rf {_CACHE}/*; sync")

    def again() -> None:
        """Leave what was delivered last: nothing is new."""
        if _copies(hosts) != 1:
            raise Failed(f"CSC has {_copies(hosts)} backups instead of 1")

    def deliver(**more: Any) -> None:
        playbook("deliver.yml", hosts.inventory, ledger(hosts), "-e", json.dumps(more))

    raw = _raw()
    copy, read = raw("copy", *_SOURCE), raw("dump", "latest", "/")
    without, again_by = "ours, without reading back", "restic copy, again"
    cases = [
        Case(without, lambda: deliver(backup_server_restic=_NOT_READING), afresh),
        Case(_COPY, lambda: hosts.ssh(BACKUP_SERVER, copy), afresh),
        Case(again_by, lambda: hosts.ssh(BACKUP_SERVER, copy), again),
        Case(_READING, lambda: hosts.ssh(BACKUP_SERVER, f"{copy} && {read} > /dev/null"), afresh),
        Case(OURS, deliver, afresh),
        Case("ours, again", deliver, again),
    ]
    timed = side_by_side(cases, scale.rounds)
    again()
    return Table(
        name="delivery",
        title="A delivery to CSC",
        about=f"One backup of {files(scale)}, from the backup server to CSC's host over SFTP",
        lines=[
            Line("without reading back", timed[without], _COPY, timed[_COPY], Aim(1.1, 4)),
            Line("delivering and reading back", timed[OURS], _COPY, timed[_COPY]),
            Line("delivering and reading back", timed[OURS], _READING, timed[_READING]),
            Line("delivering and reading back", timed[OURS], "ours, without", timed[without]),
            Line("again, nothing new", timed["ours, again"], aim=Aim(plus=4)),
            Line("again, nothing new", timed["ours, again"], _COPY, timed[again_by]),
        ],
        notes=[
            "Ours starts Ansible, plans, sees to it that CSC's repository has a key of its own, copies, compares the "
            "trees of both, reads all of the copy back and records it. Ours always reads back; without it is measured "
            "with an engine that gives an empty archive when it is asked to read.",
            "When there is nothing new, ours knows it from the ledger and contacts no server.",
        ],
    )


_SOURCE = (
    *("--from-repo", f"/srv/dse-backup/{ONE_HOST}/repository"),
    *("--from-password-file", f"/srv/dse-backup/{ONE_HOST}/repository.key", "latest"),
)


def _raw() -> Callable[..., str]:
    """Return what makes a shell command of raw restic at CSC's repository, by the way that the deployment made."""
    at = f"/srv/dse-backup/{ONE_HOST}"
    known = f"-F none -o BatchMode=yes -o HostKeyAlias=csc -o UserKnownHostsFile={at}/csc_known_hosts"
    way = [
        *("restic", "--repo", f"sftp:{_ACCOUNT}@{CSC}:/repository", "--password-file", f"{at}/csc.key"),
        *("-o", f"sftp.args={known} -i {at}/csc_delivery_ed25519", "--cache-dir", _CACHE),
    ]

    def command(*arguments: str) -> str:
        return "cd / && " + shlex.join(["runuser", "-u", f"bk-{ONE_HOST}", "--", *way, *arguments])

    return command


def _copies(hosts: Hosts) -> int:
    return int(hosts.ssh(CSC, f"ls {_AT_CSC}/snapshots | wc -l"))
