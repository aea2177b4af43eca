# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup on loan: read from CSC's copy, which stays where it is, into a repository of its own (4.3.1 c)."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from typing import NamedTuple

from .csc_place import remedy, snapshots_of
from .delivery import identity_of
from .read_back import read_back
from .restic import Restic, ResticError
from .text import human_size, readable

# How restic says that what it read is not what was stored; all else is no word about the copy.
_DAMAGE = re.compile(
    "ciphertext verification failed|error decrypting|nonce is invalid|message authentication|hash mismatch|wrong hash"
    "|wrong data|invalid data|invalid tree|is incorrect|not found in (the )?(repository|index)|unexpected EOF"
)
# What a restore that was killed left behind goes after so many seconds: none takes as long.
_ABANDONED = 2 * 86400
_OF_A_RUN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
# Kept free for the backups that arrive meanwhile.
_RESERVE = 256 << 20


class Borrowed(NamedTuple):
    """What came: its id in the repository on loan, its bytes, its digest, and why it is not what CSC was given.

    ``sha256`` is a dump's digest as it was read or, of files, the tree id.
    """

    snapshot: str = ""
    size_bytes: int = 0
    sha256: str = ""
    problem: str = ""


def borrow(
    csc: Restic, on_loan: Restic, original: str, sha256: str, dump_sha256: str = "", *, size_bytes: int = 0
) -> Borrowed:
    """Copy one backup from ``csc``, which is only read, into ``on_loan``, made anew, and read it there to its end.

    ``original`` is the id that it was given when it was made, ``sha256`` what it must have: its dump's digest or its
    tree id. Raises ResticError or OSError where it could not be read now, which says nothing of CSC's copy.
    """
    give_back(on_loan)
    _make_room(on_loan, size_bytes)
    on_loan.output("init")
    there = {identity_of(each): each["id"] for each in snapshots_of(csc)}
    if original not in there:
        return Borrowed(problem="la copia de CSC no lo tiene")
    answer = on_loan.copy_from(csc, [there[original]], read_only=True)
    if answer.code != 0 and (answer.is_full or not _DAMAGE.search("\n".join(answer.texts))):
        raise ResticError(remedy(answer.explanation))
    if answer.code != 0:
        return Borrowed(problem=f"la copia de CSC está dañada: {answer.explanation}")
    (here,) = on_loan.snapshots()
    reading = read_back(on_loan, here["id"], dump_sha256)
    if not reading.problem and not dump_sha256 and here["tree"] != sha256:
        return Borrowed(problem="la copia de CSC no es lo que se le entregó")
    return Borrowed(here["id"], reading.size_bytes, dump_sha256 or here["tree"], reading.problem)


def give_back(on_loan: Restic) -> None:
    """Remove what was on loan, and what others left behind; nothing where there is nothing."""
    own = os.path.dirname(on_loan.repository)
    around = os.path.dirname(own)
    shutil.rmtree(own, ignore_errors=True)
    for each in os.scandir(around) if os.path.isdir(around) else []:
        if _OF_A_RUN.fullmatch(each.name) and time.time() - each.stat(follow_symlinks=False).st_mtime > _ABANDONED:
            shutil.rmtree(each.path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(around)


def _make_room(on_loan: Restic, size_bytes: int) -> None:
    """Make the directory; raise OSError where a disk that is full would stop every backup."""
    own = os.path.dirname(on_loan.repository)
    os.makedirs(os.path.dirname(own), mode=0o711, exist_ok=True)
    os.mkdir(own, 0o700)
    if on_loan.owner:
        os.chown(own, *on_loan.owner)
    free = shutil.disk_usage(own).free
    if free < size_bytes + _RESERVE:
        give_back(on_loan)
        raise OSError(
            f"no hay espacio en {readable(own)} para lo prestado: hacen falta {human_size(size_bytes)} y quedan "
            f"{human_size(free)}, de los que {human_size(_RESERVE)} se reservan; libere espacio, o indique otro "
            "directorio en backup_server_loan_directory"
        )
