# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One repository on the backup server, opened as its owner and under its lock.

Who works in a repository holds a lock on one file: shared as long as it only adds or reads (every client does, by its
forced command), exclusive where something is removed. Who holds the exclusive one knows that nobody is connected.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Any

from .restic import Restic
from .text import readable

# What the modules that work on a repository have in common, as options.
OPTIONS: dict[str, dict[str, Any]] = {
    "repository": {"type": "path", "required": True},
    "password_file": {"type": "path", "required": True},
    "lock_file": {"type": "path", "required": True},
    "restic": {"type": "str", "default": "restic"},
    "lock_timeout": {"type": "int", "default": 600},
}

_EVERY = 0.5


@contextlib.contextmanager
def opened(options: dict[str, Any], *, exclusive: bool = False) -> Iterator[Restic]:
    """Hold the repository's lock and give the repository, worked on as its owner; raise OSError that says why not.

    ``options`` are those of `OPTIONS`. As root, restic would leave files there that stop the client.
    """
    repository = options["repository"]
    if not os.path.isdir(repository):
        raise FileNotFoundError(
            f"el servidor de respaldos no tiene el repositorio {readable(repository)}: falta preparar el servidor con "
            "deploy.yml (--limit SERVIDOR), o el disco de los repositorios no está montado"
        )
    owner = os.stat(repository)
    with open(options["lock_file"], "rb") as lock:
        _hold(lock.fileno(), exclusive, options["lock_timeout"])
        yield Restic(repository, options["password_file"], options["restic"], owner=(owner.st_uid, owner.st_gid))


@contextlib.contextmanager
def shared(lock_file: str | None, *, timeout: float = 600) -> Iterator[None]:
    """Hold the lock as a client does; with None its forced command does that. Raises OSError that says why not."""
    if lock_file is None:
        yield
        return
    with open(lock_file, "rb") as lock:
        _hold(lock.fileno(), False, timeout)
        yield


def _hold(descriptor: int, exclusive: bool, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(
                    f"lo está usando {', '.join(holders(descriptor)) or 'otro trabajo'} y no lo soltó en {timeout} s; "
                    "repita cuando termine"
                ) from None
            time.sleep(_EVERY)


def holders(descriptor: int) -> list[str]:
    """Return who holds a lock on an open file, as far as the system tells: ``rclone (proceso 4711)``."""
    inode = os.fstat(descriptor).st_ino
    with open("/proc/locks", encoding="ascii") as locks:
        # 2: FLOCK  ADVISORY  READ 4711 08:01:393217 0 EOF
        rows = [line.split() for line in locks]
    found = {int(row[4]) for row in rows if row[1] == "FLOCK" and row[5].endswith(f":{inode}") and int(row[4]) > 0}
    return [f"{_name(pid)} (proceso {pid})" for pid in sorted(found)]


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as comm:
            return readable(comm.read().strip(), 40)
    except OSError:
        return "un trabajo que acaba de terminar"
