# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup on loan: read from CSC's copy, which stays where it is, into a repository of its own (4.3.1 c)."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from .csc_place import snapshots_of
from .delivery import identity_of
from .read_back import read_back
from .restic import Restic


class Borrowed(NamedTuple):
    """What came: its id in the repository on loan, its bytes, its digest, and why it is not what CSC was given.

    ``sha256`` is a dump's digest as it was read or, of files, the tree id.
    """

    snapshot: str = ""
    size_bytes: int = 0
    sha256: str = ""
    problem: str = ""


def borrow(csc: Restic, on_loan: Restic, original: str, sha256: str, dump_sha256: str = "") -> Borrowed:
    """Copy one backup from ``csc``, which is only read, into ``on_loan``, made anew, and read it there to its end.

    ``original`` is the id that it was given when it was made, ``sha256`` what it must have: its dump's digest or its
    tree id. Raises ResticError or OSError where neither repository can be worked on.
    """
    give_back(on_loan)
    os.makedirs(os.path.dirname(on_loan.repository), mode=0o700)
    if on_loan.owner:
        os.chown(os.path.dirname(on_loan.repository), *on_loan.owner)
    on_loan.output("init")
    there = {identity_of(each): each["id"] for each in snapshots_of(csc)}
    if original not in there:
        return Borrowed(problem="la copia de CSC no lo tiene")
    answer = on_loan.copy_from(csc, [there[original]], read_only=True)
    if answer.code != 0:
        return Borrowed(problem=f"la copia de CSC no se pudo leer: {answer.explanation}")
    (here,) = on_loan.snapshots()
    reading = read_back(on_loan, here["id"], dump_sha256)
    if not reading.problem and not dump_sha256 and here["tree"] != sha256:
        return Borrowed(problem="la copia de CSC no es lo que se le entregó")
    return Borrowed(here["id"], reading.size_bytes, dump_sha256 or here["tree"], reading.problem)


def give_back(on_loan: Restic) -> None:
    """Remove what was on loan; nothing where there is nothing."""
    shutil.rmtree(os.path.dirname(on_loan.repository), ignore_errors=True)
