# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second copy: backups are copied into CSC's own repository, with CSC's own key, and read back from there (4.1.6).

Equal tree ids in both repositories say that both name the same content; that CSC's bytes are that content is shown by
reading them: the engine compares every piece that it reads with its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .csc_place import PATIENCE
from .read_back import read_back
from .restic import Answer, Restic, ResticError
from .text import readable

_NO_REPOSITORY, _WRONG_PASSWORD = 10, 12


class Wanted(NamedTuple):
    """A backup that is to be delivered: its full id in JAA's repository and, of a database, its dump's digest."""

    snapshot: str
    dump_sha256: str = ""


@dataclass(frozen=True)
class Delivered:
    """What became of one backup: its id in each repository, the bytes of its files there, and why it does not match.

    ``bytes_received`` were read back from CSC's repository, to the end. ``sha256`` is the dump's digest as it was read
    or, of files, the tree id that both repositories have.
    """

    snapshot: str
    copy: str = ""
    bytes_received: int = 0
    sha256: str = ""
    problem: str = ""

    @property
    def matches(self) -> bool:
        return not self.problem


def deliver(
    jaa: Restic,
    csc: Restic,
    wanted: Sequence[Wanted],
    *,
    read_back: bool = True,
    copy: Callable[[Restic, Restic, Sequence[str]], dict[str, Answer]] | None = None,
) -> list[Delivered]:
    """Copy the backups that CSC's repository lacks, prove each one and return what became of each, in their order.

    What is there already is not sent again, so that a delivery that was cut off goes on where it ended. ``copy`` does
    the copying and says what came of each id, under "" of all others. Raises ResticError where nothing can be delivered
    at all: CSC's repository is not there, or is not CSC's own.
    """
    _require_own_key(jaa, csc)
    ids = [each.snapshot for each in wanted]
    answers = (copy or _copy)(jaa, csc, ids)
    with ThreadPoolExecutor() as pool:
        listed = [pool.submit(repository.snapshots) for repository in (jaa, csc)]
    # JAA's by their own ids: a client may store what calls itself a copy of anything.
    of_id = {each["id"]: each for each in listed[0].result()}
    there = {identity_of(each): each for each in listed[1].result()}
    delivered = []
    for each in wanted:
        answer = answers.get(each.snapshot) or answers[""]
        said = answer.explanation if answer.code != 0 else ""
        found = _compare(each, of_id.get(each.snapshot), there, said)
        delivered.append(_read_back(csc, found, each) if read_back and found.matches else found)
    return delivered


def _copy(jaa: Restic, csc: Restic, ids: Sequence[str]) -> dict[str, Answer]:
    answers = {"": csc.copy_from(jaa, ids)}
    if answers[""].code != 0 and len(ids) > 1:
        # One that cannot be read must not keep the others from CSC.
        answers = {each: csc.copy_from(jaa, [each]) for each in ids}
    return answers


def _require_own_key(jaa: Restic, csc: Restic) -> None:
    """Raise ResticError unless CSC's repository is there, and neither JAA's password nor JAA's key opens it."""
    borrowed = replace(csc, password_file=jaa.password_file)
    with ThreadPoolExecutor() as pool:
        by_jaa = pool.submit(borrowed.answer, "cat", "config", "--no-lock", patience=PATIENCE)
        keys = [pool.submit(each.answer, "cat", "masterkey", "--no-lock", patience=PATIENCE) for each in (jaa, csc)]
    theirs, ours = keys[1].result(), keys[0].result()
    if theirs.code == _NO_REPOSITORY:
        raise ResticError(
            f"el repositorio de CSC no está en {readable(csc.repository)}: falta prepararlo con deploy.yml, o su disco "
            "o servidor no está disponible"
        )
    for answer in (theirs, ours):
        if answer.code != 0:
            raise ResticError(answer.explanation)
    if json.loads(theirs.output) == json.loads(ours.output):
        raise ResticError(
            "el repositorio de CSC es una copia, archivo por archivo, del de JAA y tiene su misma llave; la copia "
            "de CSC debe tener la suya (4.1.6): indique otro lugar en backup_server_csc_repository y ejecute deploy.yml"
        )
    if by_jaa.result().code != _WRONG_PASSWORD:
        raise ResticError(
            "la contraseña de JAA abre el repositorio de CSC, que debe tener la suya (4.1.6): cámbiela ahí con «restic "
            "key passwd» y defina la nueva en backup_server_csc_password"
        )


def identity_of(snapshot: dict[str, Any]) -> str:
    """Return what stays the same in every copy of a snapshot."""
    return snapshot.get("original") or snapshot["id"]


def _compare(wanted: Wanted, here: dict[str, Any] | None, there: dict[str, dict[str, Any]], said: str) -> Delivered:
    name = wanted.snapshot
    if here is None:
        return Delivered(name, problem="no está en el repositorio de JAA")
    copy = there.get(identity_of(here))
    if copy is None:
        return Delivered(name, problem=said or "no llegó al repositorio de CSC")
    if copy["tree"] != here["tree"]:
        return Delivered(name, copy["id"], problem="su contenido en el repositorio de CSC es otro que en el de JAA")
    return Delivered(name, copy["id"], sha256=copy["tree"])


def _read_back(csc: Restic, found: Delivered, wanted: Wanted) -> Delivered:
    reading = read_back(csc, found.copy, wanted.dump_sha256)
    if reading.problem:
        problem = f"en el repositorio de CSC {reading.problem}"
        return replace(found, bytes_received=reading.size_bytes, sha256="", problem=problem)
    return replace(found, bytes_received=reading.size_bytes, sha256=wanted.dump_sha256 or found.sha256)
