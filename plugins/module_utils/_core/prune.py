# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes backups from a repository, on the backup server, and shows by comparing lists that no other one is gone.

Only ids that the controller names are removed, by our own record: restic's own rules go by dates that a client writes.
The caller holds the repository's exclusive lock (`repository_lock`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from .repository_lock import opened
from .restic import Restic, ResticError, tags_of
from .text import readable

# A command line holds thousands of ids.
_AT_ONCE = 500
# Seconds after which a lock is written, or never will be.
_SETTLED = 60
# Beside a repository, where a repair puts what it takes out meanwhile.
ASIDE = "repair"


@dataclass(frozen=True)
class Pruning:
    """What became of it: full ids of the snapshots that are gone and that were not there, bytes, what went wrong."""

    removed: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    kept: int = 0
    freed_bytes: int = 0
    error: str = ""


def prune(restic: Restic, wanted: Collection[str]) -> Pruning:
    """Remove the snapshots with the full ids ``wanted``, what was stored along with them, and their data.

    Raises ResticError where nothing was removed. Once something may be gone, what went wrong is in ``error``.
    """
    _refuse_half_repaired(restic)
    clear_stale_locks(restic)
    before = _listed(restic)
    going = set(wanted) & before
    going = sorted(going | _companions(restic, going))
    size = _size(restic.repository)
    error = ""
    try:
        for start in range(0, len(going), _AT_ONCE):
            restic.output("forget", *going[start : start + _AT_ONCE])
        restic.output("prune")
    except ResticError as failed:
        error = str(failed)
    # Exit codes are not believed: some versions report a removal that was denied as done.
    after = _listed(restic)
    gone = before - after
    if not error and set(going) - gone:
        error = f"siguen en el repositorio: {', '.join(sorted(set(going) - gone))}"
    if gone - set(going):
        error = f"FALTAN RESPALDOS QUE NO SE PIDIÓ DEPURAR: {', '.join(sorted(gone - set(going)))}. {error}".rstrip()
    return Pruning(
        removed=sorted(gone),
        absent=sorted(set(wanted) - before),
        kept=len(after),
        freed_bytes=max(0, size - _size(restic.repository)),
        error=error,
    )


def _refuse_half_repaired(restic: Restic) -> None:
    """Raise ResticError while a repair that was cut short has backups aside: their data would go as nobody's."""
    aside = os.path.join(os.path.dirname(restic.repository), ASIDE)
    if os.path.isdir(aside) and any(len(name) == 64 for name in os.listdir(aside)):
        raise ResticError(f"hay una reparación a medias en {readable(aside)}: ejecute repair.yml antes de depurar")


def _companions(restic: Restic, going: set[str]) -> set[str]:
    """Return what the ledger does not name: marks of partial backups, and the parts of a safety snapshot."""
    companions: set[str] = set()
    tags = {snapshot["id"]: tags_of(snapshot) for snapshot in restic.snapshots()} if going else {}
    # A backup is nobody's part, whatever else its server wrote on it.
    safety = {tags[each]["safety"] for each in going if "safety" in tags.get(each, {}) and "item" not in tags[each]}
    for snapshot_id, of in tags.items():
        if of.get("partial") in going or ("item" not in of and of.get("safety") in safety):
            companions.add(snapshot_id)
    return companions


def clear_stale_locks(restic: Restic) -> None:
    """Remove restic's own locks, left by clients that were killed; raise ResticError where one is in use.

    With the exclusive lock held no client is connected. Somebody who works here by hand, past that lock, is found by
    the process that restic's lock names.
    """
    directory = os.path.join(restic.repository, "locks")
    names = os.listdir(directory)
    for name in names:
        try:
            lock = json.loads(restic.output("cat", "--no-lock", "lock", name))
            pid = int(lock["pid"])
        except (ResticError, ValueError, KeyError, TypeError):
            if _is_new(os.path.join(directory, name)):
                raise ResticError("alguien acaba de comenzar a usarlo en este servidor; repita en un minuto") from None
            continue  # Torn: it was being written when its owner died.
        if lock.get("hostname") == socket.gethostname() and _is_restic(pid):
            raise ResticError(
                f"restic lo está usando en este servidor (proceso {pid}, de {readable(str(lock.get('username')), 40)});"
                " repita cuando termine"
            )
    if names:
        restic.output("unlock", "--remove-all")


def clear_locks_if_alone(options: dict[str, Any]) -> None:
    """Clear what was left in a repository, opened with ``options`` (`repository_lock`), unless somebody is at work.

    An exclusive lock, of a pruning whose server lost its power or of a client that tried, would stop every backup from
    then on; and of an item that fails nothing is pruned. What cannot be cleared is said by whoever it stops.
    """
    with contextlib.suppress(OSError, ResticError), opened({**options, "lock_timeout": 0}, exclusive=True) as restic:
        clear_stale_locks(restic)


def _is_new(path: str) -> bool:
    """Tell whether a lock that cannot be read may still be on its way to the disk; one that is gone was."""
    try:
        return time.time() - os.stat(path).st_mtime < _SETTLED
    except FileNotFoundError:
        return True


def _is_restic(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/comm", "rb") as comm:
            return b"restic" in comm.read()
    except OSError:
        return False


def _listed(restic: Restic) -> set[str]:
    return set(os.listdir(os.path.join(restic.repository, "snapshots")))


def _size(directory: str) -> int:
    total = 0
    for where, _directories, names in os.walk(directory):
        for name in names:
            total += os.lstat(os.path.join(where, name)).st_size
    return total
