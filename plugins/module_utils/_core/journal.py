# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own memory of what ``dse-backup`` did, one JSON object a line, while the controller is away.

It is a spool, not the official record: the ledger takes from it what it does not know yet.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# How the ids of runs begin that somebody started on the server itself.
BY_HAND = "manual-"


class Journal:
    """``journal.jsonl`` in the script's state directory; each line is the outcome of one item in one run."""

    def __init__(self, state_dir: str) -> None:
        self.path = os.path.join(state_dir, "journal.jsonl")

    def append(self, entry: dict[str, Any]) -> None:
        """Add one entry and return only when it is on the disk."""
        line = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as stream:
            size = stream.seek(0, os.SEEK_END)
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # The last line was torn by a power cut: it must not swallow this one.
            if stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
            os.fsync(descriptor)

    def entries(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the newest ``limit`` entries, oldest first; lines that cannot be read are left out."""
        try:
            with open(self.path, "rb") as stream:
                lines = stream.readlines()[-limit:]
        except FileNotFoundError:
            return []
        return [entry for entry in map(_parsed, lines) if entry]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


class Busy(Exception):
    """Another run holds the server; ``holder`` says which (``run_id``, ``pid``, ``since``)."""

    def __init__(self, holder: dict[str, Any]) -> None:
        super().__init__(holder.get("run_id", ""))
        self.holder = holder


@contextmanager
def exclusive(path: str, holder: dict[str, Any]) -> Iterator[None]:
    """Hold the lock file at ``path`` for the block, leaving ``holder`` in it for others to read; raise Busy.

    The kernel lets go of the lock when the process ends, however it ends: nothing to clean up after a crash.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(_parsed(os.pread(descriptor, 4096, 0)) or {}) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
