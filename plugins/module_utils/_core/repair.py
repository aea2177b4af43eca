# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mends JAA's repository from CSC's copy, and proves it (4.3.1 c).

restic's ``copy`` leaves out a backup that is there, however damaged it is: it has to be out of the way first. It is set
aside, not deleted, until the one from CSC has been read to its end. The caller holds the exclusive lock.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .csc_place import snapshots_of
from .delivery import identity_of
from .integrity import ALL, Verification, verify
from .prune import clear_stale_locks
from .read_back import read_back
from .restic import Restic, ResticError


class Recorded(NamedTuple):
    """A backup that JAA's repository should have, by the ledger.

    Its full id there, the id that it was given when it was made (which its copies name as theirs ``original``) and what
    it was then: of a database its dump's digest, of files their tree id.
    """

    snapshot: str
    original: str
    dump_sha256: str = ""
    tree: str = ""


@dataclass(frozen=True)
class Mended:
    """What became of one damaged backup: its id from now on, what was read of it, and why it is not mended."""

    original: str
    snapshot: str = ""
    csc_snapshot: str = ""
    sha256: str = ""
    size_bytes: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Repair:
    """Each damaged backup of the ledger's, and how the whole repository is afterwards (everything was read)."""

    verification: Verification
    backups: list[Mended] = field(default_factory=list)


def repair(jaa: Restic, csc: Restic, recorded: Sequence[Recorded], aside: str) -> Repair:
    """Bring back from ``csc``, which is only read, what is damaged in ``jaa``; what is sound stays as it is.

    ``aside`` is a directory for what is taken out meanwhile; it is left where something could not be mended. A repair
    that was cut off is made again and converges. Raises ResticError where either repository cannot be opened, OSError.
    """
    clear_stale_locks(jaa)
    found = verify(jaa, ALL, [each.snapshot for each in recorded])
    damaged = [each for each in recorded if each.snapshot in found.damaged_snapshots]
    if found.result == "intact":
        return Repair(found)
    there = {identity_of(each): each for each in snapshots_of(csc)}
    # What CSC says of itself is no proof: it must be what was made then.
    objections = {each.original: _objection(each, there.get(each.original)) for each in damaged}
    backups = _mended(jaa, csc, found, damaged, objections, there, aside)
    now = {each.original: mended.snapshot for each, mended in zip(damaged, backups) if not mended.problem}
    after = verify(jaa, ALL, [now.get(each.original, each.snapshot) for each in recorded])
    # Proved is what the repository as a whole says is sound, too.
    backups = [
        replace(each, problem="sigue dañado después de repararlo") if each.snapshot in after.damaged_snapshots else each
        for each in backups
    ]
    for each, mended in zip(damaged, backups):
        if not mended.problem:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(aside, each.snapshot))
    if after.result == "intact":
        shutil.rmtree(aside)
    return Repair(after, backups)


def _mended(
    jaa: Restic,
    csc: Restic,
    found: Verification,
    damaged: Sequence[Recorded],
    objections: dict[str, str],
    there: dict[str, dict[str, Any]],
    aside: str,
) -> list[Mended]:
    """Bring back what CSC can give; what it cannot is left as it was, also where this is cut short."""
    os.makedirs(aside, mode=0o700, exist_ok=True)
    if jaa.owner:
        os.chown(aside, *jaa.owner)
    wanted = [each for each in damaged if not objections[each.original]]
    backups: list[Mended] = []
    try:
        for each in wanted:
            _move(_file(jaa, each.snapshot), os.path.join(aside, each.snapshot))
        said = _mend(jaa, csc, found, [there[each.original]["id"] for each in wanted], aside)
        for each in damaged:
            problem = objections[each.original]
            copy = there.get(each.original)
            backups.append(Mended(each.original, problem=problem) if problem else _proved(jaa, each, copy, said))
    finally:
        mended = {each.original for each in backups if not each.problem}
        for each in damaged:
            if each.original not in mended:
                # What can still be read of it shall not be lost, whichever run took it out.
                _move(os.path.join(aside, each.snapshot), _file(jaa, each.snapshot))
    return backups


def _objection(wanted: Recorded, copy: dict[str, Any] | None) -> str:
    """Return in words why CSC's copy is not taken; empty where it is."""
    if copy is None:
        return "CSC no lo tiene en este lugar; si está en otro, ejecute repair.yml otra vez"
    if wanted.tree and copy["tree"] != wanted.tree:
        return "la copia de CSC no es lo que se le entregó"
    return ""


def _mend(jaa: Restic, csc: Restic, found: Verification, ids: Sequence[str], aside: str) -> dict[str, str]:
    """Take what is broken out of the repository and copy ``ids`` into it; return, by id, what could not be copied."""
    present = [name for name in found.broken_packs if os.path.exists(_pack(jaa, name))]
    if present:
        # What is sound in them is kept; the files themselves stay in the directory, of which restic wants that they are
        # not there: each time another one, as the last may have been cut short.
        kept = tempfile.mkdtemp(prefix="packs-", dir=aside)
        if jaa.owner:
            os.chown(kept, *jaa.owner)
        answer = jaa.answer("repair", "packs", *present, directory=kept)
        if answer.code != 0:
            raise ResticError(f"no se pudo apartar lo dañado: {answer.explanation}")
    jaa.output("repair", "index")
    if not ids or jaa.copy_from(csc, ids, read_only=True).code == 0:
        return {}
    # One that CSC cannot read either must not keep the others away.
    answers = {each: jaa.copy_from(csc, [each], read_only=True) for each in ids}
    return {each: answer.explanation for each, answer in answers.items() if answer.code != 0}


def _proved(jaa: Restic, wanted: Recorded, copy: dict[str, Any], said: dict[str, str]) -> Mended:
    """Return what is in JAA's repository now, read to its end, if it is what CSC has."""
    # A client may store what calls itself a copy of anything: only what has the very content is one.
    same = [each for each in jaa.snapshots() if identity_of(each) == wanted.original and each["tree"] == copy["tree"]]
    mended = Mended(wanted.original, csc_snapshot=copy["id"])
    if not same:
        return replace(mended, problem=said.get(copy["id"]) or "no llegó de la copia de CSC")
    here = same[-1]
    reading = read_back(jaa, here["id"], wanted.dump_sha256)
    return replace(
        mended,
        snapshot=here["id"],
        sha256="" if reading.problem else wanted.dump_sha256 or here["tree"],
        size_bytes=reading.size_bytes,
        problem=reading.problem,
    )


def _file(restic: Restic, snapshot_id: str) -> str:
    return os.path.join(restic.repository, "snapshots", snapshot_id)


def _pack(restic: Restic, name: str) -> str:
    return os.path.join(restic.repository, "data", name[:2], name)


def _move(source: str, target: str) -> None:
    """Move a file of the repository, with its owner, if it is there and nothing is in its place."""
    if os.path.exists(source) and not os.path.exists(target):
        shutil.move(source, target)
