# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host, from the administrator's command to its end: backups of files and their restoration, beside the others'."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import borg
from .controller import Failed, playbook, request
from .hosts import BACKUP_SERVER, ONE_HOST, OURS, RAW, SOURCE, Hosts, raw_restic
from .measure import Aim, Case, Line, Sample, Table, side_by_side
from .scale import MB, Scale

DATA = Path(__file__).parent / "data.py"
RESTIC, BORGMATIC = "restic", "borgmatic with borg"
_ARCHIVES = "/srv/bench/archives"
_RESTORED = "/srv/bench/restored"


@dataclass(frozen=True)
class Side:
    """One way to back up the same data: ``empty`` makes a new repository, ``use`` turns to the one that was made."""

    name: str
    empty: Callable[[], Any]
    use: Callable[[], Any]
    first: Callable[[], Any]
    again: Callable[[], Any]
    stored: Callable[[], int]


def backup(scale: Scale, hosts: Hosts) -> Table:
    """Back up the files for the first time, and again with nothing changed."""
    make_tree(scale, hosts)
    borg.install(hosts)
    sides = [
        ours(hosts, "site"),
        raw(hosts, raw_restic("backup", SOURCE)),
        borgmatic(hosts, source_directories=[SOURCE]),
    ]
    archives = [_archive(hosts, "tar czf", "gzip"), _archive(hosts, "tar with zstd -T0", "zstd -T0")]
    first, again = first_and_again(sides, scale.rounds, archives)
    others = [BORGMATIC, *(case.name for case in archives)]
    return Table(
        name="backup",
        title="A backup of files, one host",
        about=f"{files(scale)}, half of it text, over SSH to the backup server",
        lines=[
            Line("first", first[OURS], RESTIC, first[RAW], Aim(1.1, 4)),
            *(Line("first", first[OURS], other, first[other]) for other in others),
            Line("unchanged", again[OURS], RESTIC, again[RAW], Aim(1, 3)),
            Line("unchanged", again[OURS], BORGMATIC, again[BORGMATIC], Aim(1)),
        ],
        notes=[
            "Ours starts Ansible, plans, stores, measures the backup on the backup server, judges and records it; the "
            "others store.",
            f"Compression: restic's own default (zstd) on both sides; borg {borg.COMPRESSION}. All three encrypt.",
            "tar writes to the host's own disk, not encrypted: its archive is no backup yet.",
        ],
    )


def restore(scale: Scale, hosts: Hosts) -> Table:
    """Restore the files to a new directory, and read them back."""
    make_tree(scale, hosts)
    borg.install(hosts)
    sides = [
        ours(hosts, "site"),
        raw(hosts, raw_restic("backup", SOURCE)),
        borgmatic(hosts, source_directories=[SOURCE]),
    ]
    for side in sides:
        side.empty()
        side.first()
    target = _Target(hosts, scale)

    def restored(**more: Any) -> None:
        answers = {
            "restore_item": "site",
            "restore_target": _RESTORED,
            "restore_reason": "accidental_deletion",
            "restore_requester": "Portal Institucional",
        }
        playbook("restore.yml", hosts.inventory, ledger(hosts), "-e", json.dumps({**answers, **more}))

    plain = raw_restic("restore", "latest", "--target", _RESTORED)
    reading = f"{RESTIC}, reading back"
    cases = [
        Case(OURS, restored, target.ready(sides[0])),
        Case(RAW, lambda: hosts.ssh(ONE_HOST, plain), target.ready(sides[1])),
        Case(BORGMATIC, lambda: borg.extract(hosts, _RESTORED), target.ready(sides[2], made=True)),
        Case("ours, reading back", lambda: restored(restore_verify=True), target.ready(sides[0])),
        Case(reading, lambda: hosts.ssh(ONE_HOST, f"{plain} --verify"), target.ready(sides[1])),
    ]
    timed = side_by_side(cases, scale.rounds)
    target.clear()
    return Table(
        name="restore",
        title="A restoration of files, one host",
        about=f"{files(scale)}, from the backup server to a new directory",
        lines=[
            Line("restoring", timed[OURS], RESTIC, timed[RAW], Aim(1.1, 4)),
            Line("restoring", timed[OURS], BORGMATIC, timed[BORGMATIC]),
            Line("restoring and reading back", timed["ours, reading back"], f"{RESTIC} --verify", timed[reading]),
            Line("restoring and reading back", timed["ours, reading back"], "ours, without", timed[OURS]),
        ],
        notes=[
            "Ours restores into a closed directory, compares what came with the backup's list, moves it and records it."
        ],
    )


def ours(hosts: Hosts, item_id: str) -> Side:
    """Return our side of a backup of one item."""

    def empty() -> None:
        shutil.rmtree(ledger(hosts), ignore_errors=True)
        request(hosts.inventory, ledger(hosts))
        hosts.empty(OURS)

    def run(**more: Any) -> None:
        wanted = json.dumps({"backup_items": [item_id], **more})
        playbook("backup.yml", hosts.inventory, ledger(hosts), "-e", wanted)

    return Side(
        OURS,
        empty,
        use=lambda: hosts.use(OURS),
        first=run,
        again=lambda: run(backup_force=True),
        stored=lambda: _snapshots(hosts, OURS),
    )


def raw(hosts: Hosts, command: str) -> Side:
    """Return the side of raw restic, with the shell command that backs up."""

    def run() -> None:
        hosts.ssh(ONE_HOST, f"set -o pipefail; {command}")

    return Side(RAW, lambda: hosts.empty(RAW), lambda: hosts.use(RAW), run, run, stored=lambda: _snapshots(hosts, RAW))


def borgmatic(hosts: Hosts, **sources: Any) -> Side:
    """Return the side of borgmatic, with what its configuration says to back up."""

    def run() -> None:
        borg.create(hosts)

    return Side(
        BORGMATIC, lambda: borg.empty(hosts, **sources), lambda: None, run, run, stored=lambda: borg.archives(hosts)
    )


def first_and_again(
    sides: Sequence[Side], rounds: int, more: Sequence[Case] = ()
) -> tuple[dict[str, Sample], dict[str, Sample]]:
    """Time the first backup into a new repository and the next one, nothing changed, by each side."""
    cases = [Case(f"{side.name}, first", side.first, _then_settle(side.empty)) for side in sides]
    cases += more
    cases += [Case(f"{side.name}, unchanged", side.again, _then_settle(_turned_to(side))) for side in sides]
    timed = side_by_side(cases, rounds)
    for side in sides:
        _require_stored(side, 2)
    first = {side.name: timed[f"{side.name}, first"] for side in sides}
    again = {side.name: timed[f"{side.name}, unchanged"] for side in sides}
    return {**first, **{case.name: timed[case.name] for case in more}}, again


def make_tree(scale: Scale, hosts: Hosts, host: str = ONE_HOST) -> None:
    """Make the files that are backed up, unless they are there."""
    hosts.script(host, DATA, "tree", SOURCE, scale.files, scale.file_bytes)


def _turned_to(side: Side) -> Callable[[], None]:
    def turn() -> None:
        side.use()
        _require_stored(side, 1)

    return turn


def _require_stored(side: Side, number: int) -> None:
    stored = side.stored()
    if stored != number:
        raise Failed(f"{side.name}: the repository has {stored} backups instead of {number}")


def _then_settle(scene: Callable[[], Any]) -> Callable[[], None]:
    """Return what sets a scene and then lets the disk come to rest: nobody pays for what another has written."""

    def set_scene() -> None:
        scene()
        os.sync()

    return set_scene


def _archive(hosts: Hosts, name: str, program: str) -> Case:
    command = f"tar cf {_ARCHIVES}/site.tar --use-compress-program={program!r} -C / {SOURCE.lstrip('/')}"
    before = _then_settle(lambda: hosts.ssh(ONE_HOST, f"rm -rf {_ARCHIVES} && mkdir -p {_ARCHIVES}"))
    return Case(name, lambda: hosts.ssh(ONE_HOST, command), before)


class _Target:
    """The directory that is restored to; what a restoration left there is looked at before the next one."""

    def __init__(self, hosts: Hosts, scale: Scale) -> None:
        self._hosts = hosts
        self._files = scale.files
        self._is_expected = False

    def clear(self) -> None:
        """Remove what was restored, which must be all."""
        is_whole = f"test $(find {_RESTORED}{SOURCE} -type f | wc -l) = {self._files}"
        self._hosts.ssh(ONE_HOST, f"{is_whole if self._is_expected else 'true'} && rm -rf {_RESTORED}")
        self._is_expected = True

    def ready(self, side: Side, *, made: bool = False) -> Callable[[], None]:
        """Return what clears the directory, or makes it anew, and turns to the repository of a side."""

        def set_scene() -> None:
            self.clear()
            if made:
                self._hosts.ssh(ONE_HOST, f"mkdir {_RESTORED}")
            side.use()

        return _then_settle(set_scene)


def _snapshots(hosts: Hosts, side: str) -> int:
    return int(hosts.ssh(BACKUP_SERVER, f"ls /srv/dse-backup/{ONE_HOST}/kept/{side}/snapshots | wc -l"))


def ledger(hosts: Hosts) -> Path:
    """Return where our runs on the one host are recorded."""
    return hosts.work / "ledger-one-host"


def files(scale: Scale) -> str:
    """Say how much the one host has."""
    return f"{scale.files:,} files, {scale.file_bytes / MB:,.0f} MB"
