# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether everything in a repository can be read, and which backups are hit where it cannot (clause 4.3.1 c).

restic tells packs, trees and indexes; what JAA needs to know are backups. Nothing here writes to the repository.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .restic import Answer, Restic, ResticError
from .text import readable

# Every repository's packs fall into so many parts by the first byte of their ids: what is read is counted in them.
PARTS = 60
ALL = "all"
STRUCTURE = "structure"

_SHARE = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")
_DAMAGED = "repository contains errors"
_PACK = re.compile(r"\bpack ([0-9a-f]{64})\b")
_BLOB = re.compile(r"\bblob ([0-9a-f]{64})\b")
# restic's advice on how to repair is not for the record: first of all CSC's copy is asked for.
_ADVICE = ("restic repair", "repaired", "Damaged pack files", "Damaged snapshot files", "damaged pack files", _DAMAGED)
# The first tell what is wrong.
_SHOWN = 50


@dataclass(frozen=True)
class Verification:
    """What a verification found. ``read`` is ``all``, ``structure`` or the share ``n/t`` of the data that was read.

    ``damaged_snapshots`` are full ids of backups that cannot be restored in full, or are gone, among them those of
    ``expected`` that the repository does not have. ``broken_packs`` are the files of data that are wrong or gone.
    """

    read: str
    errors: list[str] = field(default_factory=list)
    damaged_snapshots: list[str] = field(default_factory=list)
    checked_snapshots: int = 0
    broken_packs: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        return "damaged" if self.errors or self.damaged_snapshots else "intact"


def is_share(read: str) -> bool:
    """Tell whether ``read`` says what to read: ``all``, ``structure``, or ``3/30`` with a number that divides 60."""
    match = _SHARE.fullmatch(read)
    if match is None:
        return read in (ALL, STRUCTURE)
    part, parts = int(match[1]), int(match[2])
    return 1 <= part <= parts and PARTS % parts == 0


def verify(restic: Restic, read: str, expected: Collection[str] = ()) -> Verification:
    """Check the structure, read the share ``read`` of the data, and find which backups are hit by what is wrong.

    ``expected`` are the full ids of the backups that the ledger says are here. What is wrong is looked at twice before
    it is believed: a backup may be arriving. Raises ResticError where the repository cannot be opened at all.
    """
    found = _examine(restic, read, expected)
    return _examine(restic, read, expected) if found.result == "damaged" else found


def _examine(restic: Restic, read: str, expected: Collection[str]) -> Verification:
    files = set(os.listdir(os.path.join(restic.repository, "snapshots")))
    # Every call derives the key anew, for half a second: both at once.
    with ThreadPoolExecutor() as pool:
        listed = pool.submit(restic.snapshots)
        answer = restic.answer("check", "--no-lock", *_flags(read))
    loadable = {snapshot["id"] for snapshot in listed.result()}
    if answer.code not in (0, 1) or (answer.code == 1 and not _is_damage(answer)):
        raise ResticError(answer.explanation)
    errors = [f"falta el respaldo {name}" for name in sorted(set(expected) - files - loadable)]
    errors += [f"no se puede leer el archivo del respaldo {name}" for name in sorted(files - loadable)]
    damaged = (files | set(expected)) - loadable
    packs: set[str] = set()
    if answer.code != 0:
        errors += _said(answer)
        packs = _packs(answer)
        damaged |= _hit(restic, answer, packs, loadable, errors)
    return Verification(read, errors[:_SHOWN], sorted(damaged), len(loadable), sorted(packs))


def _flags(read: str) -> list[str]:
    if read == STRUCTURE:
        return []
    return ["--read-data"] if read == ALL else [f"--read-data-subset={read}"]


def _is_damage(answer: Answer) -> bool:
    """Tell a repository with errors from one that could not be checked: both end with 1."""
    return any(_DAMAGED in text for text in (*answer.texts, answer.output.decode("utf-8", "replace")))


def _said(answer: Answer) -> list[str]:
    """Return what is wrong in restic's words. Before 0.18 they came on its output, as plain text."""
    plain = [line for line in answer.output.decode("utf-8", "replace").splitlines() if not line.startswith("{")]
    wrong = dict.fromkeys(text for text in (*answer.texts, *plain) if text.strip())
    return [readable(text.strip(), 500) for text in wrong if not any(advice in text for advice in _ADVICE)]


def _packs(answer: Answer) -> set[str]:
    return {*_PACK.findall(_all_of(answer)), *(answer.summary.get("broken_packs") or [])}


def _all_of(answer: Answer) -> str:
    return "\n".join((*answer.texts, answer.output.decode("utf-8", "replace")))


def _hit(restic: Restic, answer: Answer, packs: set[str], snapshots: set[str], errors: list[str]) -> set[str]:
    """Return which snapshots need what is damaged or missing: all of them where not even that can be told."""
    try:
        # Blobs that no index has stand in the errors themselves; one that stands in a pack counts with its pack.
        return restic.users_of(_blobs_of(restic, packs) | set(_BLOB.findall(_all_of(answer)))) & snapshots
    except ResticError as error:
        errors.append(f"no se puede leer ningún respaldo mientras no se repare: {error}")
        return snapshots


def _blobs_of(restic: Restic, packs: set[str]) -> set[str]:
    """Return the ids of all that was stored in ``packs``, from the indexes: the packs themselves may be gone."""
    blobs: set[str] = set()
    wanted = set(packs)
    for name in sorted(os.listdir(os.path.join(restic.repository, "index"))) if wanted else []:
        for pack in json.loads(restic.output("cat", "--no-lock", "index", name)).get("packs") or []:
            if pack["id"] in wanted:
                wanted.discard(pack["id"])
                blobs.update(blob["id"] for blob in pack["blobs"])
        if not wanted:
            break
    return blobs
