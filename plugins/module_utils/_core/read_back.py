# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a whole backup out of a repository: what shows that a copy, JAA's or CSC's, really holds it.

The engine compares every piece that it reads with its id; of a dump, the digest that it had when it was made tells too.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .restic import Restic, ResticError
from .text import readable

_BLOCK = 1 << 20


class Reading(NamedTuple):
    """The bytes of the files that were read, and why that is not the whole backup; empty where it is."""

    size_bytes: int = 0
    problem: str = ""


def read_back(restic: Restic, snapshot_id: str, dump_sha256: str = "") -> Reading:
    """Read all of a snapshot; one of its files must have the digest ``dump_sha256``, where that is given."""
    size, digests = 0, set()
    try:
        blocks = _Blocks(restic.content(snapshot_id, "/"))
        with tarfile.open(fileobj=blocks, mode="r|", bufsize=_BLOCK) as archive:
            for member in archive:
                if member.isreg():
                    size += member.size
                    if dump_sha256:
                        digests.add(_digest(archive.extractfile(member)))
        blocks.drain()
    except (ResticError, tarfile.TarError) as error:
        return Reading(size, f"no se pudo leer completo ({readable(str(error))})")
    if dump_sha256 and dump_sha256 not in digests:
        return Reading(size, "el volcado no tiene la huella registrada")
    return Reading(size)


def _digest(stream: Any) -> str:
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(_BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


class _Blocks:
    """A stream of blocks, of any size, as a file to read from."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks: Iterator[bytes] = iter(blocks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            block = next(self._blocks, b"")
            if not block:
                break
            self._rest += block
        wanted, self._rest = self._rest[:size], self._rest[size:]
        return wanted

    def drain(self) -> None:
        """Read what is left: only the end of the stream says whether it was whole."""
        for _block in self._blocks:
            pass
