# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A delivery onto a removable medium: into CSC's repository for the server on it, until the medium is full (4.1.6).

Elsewhere a repository is made by deploy.yml alone. Here the label proves that the disk is the right one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import medium, medium_guide
from .csc_place import repository_of, sought
from .delivery import Delivered, Wanted, deliver
from .medium import FullError, MediumError
from .medium_guide import Guide, Row
from .restic import Answer, Restic, ResticError
from .text import readable


@dataclass(frozen=True)
class OntoMedium:
    """What came of a delivery onto a medium: of each backup, whether the medium is full, what else is to be said."""

    delivered: list[Delivered]
    is_full: bool = False
    remark: str = ""


def deliver_onto(
    jaa: Restic,
    place: dict[str, Any],
    wanted: Sequence[Wanted],
    *,
    rows: dict[str, Row],
    contents: Iterable[Row],
    label_text: str,
) -> OntoMedium:
    """Deliver until the medium is full, and leave on it what is needed to restore from it elsewhere.

    ``rows`` describe the wanted backups, by their ids in JAA's repository, for the medium's table of contents, and
    ``contents`` what the ledger says it holds already. Raises MediumError, ResticError where nothing is delivered.
    """
    seeks = sought(place)
    with medium.opened(seeks, writes=True) as root:
        guide = Guide(medium.label_of(root), label_text)
        try:
            csc = repository_of(place, jaa)
            _require_repository(root, jaa, csc)
            # Before anything else: what fills the medium must not be what keeps its instructions out.
            medium_guide.write(root, guide, contents, jaa.program)
        except OSError as error:
            raise _full_or(error, seeks) from None
        copying = _UntilFull(root, seeks)
        delivered = deliver(jaa, csc, wanted, copy=copying)
        if copying.is_full:
            why = medium.full(seeks)
            delivered = [
                replace(each, problem=why) if not each.copy and copying.had_no_room_for(each.snapshot) else each
                for each in delivered
            ]
        proved = [
            rows[each.snapshot]._replace(snapshot=each.copy, sha256=each.sha256) for each in delivered if each.matches
        ]
        try:
            medium_guide.write(root, guide, [*contents, *proved], jaa.program)
            os.sync()
        except OSError as error:
            remark = f"no se pudo actualizar LEAME.txt ni CONTENIDO.csv en {seeks.media_id}: {error}"
            return OntoMedium(delivered, copying.is_full, readable(f"{remark}; se rehacen en la siguiente entrega"))
        return OntoMedium(delivered, copying.is_full)


def _full_or(error: OSError, seeks: medium.Sought) -> OSError:
    return FullError(medium.full(seeks)) if error.errno == errno.ENOSPC else error


class _UntilFull:
    """Copies one backup after the other, so that each is whole before the next, and stops where nothing more fits."""

    def __init__(self, root: int, seeks: medium.Sought) -> None:
        self._root = root
        self._seeks = seeks
        self._answers: dict[str, Answer] = {}
        self.is_full = False

    def __call__(self, jaa: Restic, csc: Restic, ids: Sequence[str]) -> dict[str, Answer]:
        self._answers = answers = {}
        for each in ids:
            answers[each] = csc.copy_from(jaa, [each])
            if answers[each].code != 0 and self._ends(answers[each]):
                answers[""] = answers[each]
                break
        _settle(csc.repository)
        return answers

    def had_no_room_for(self, snapshot: str) -> bool:
        """Tell whether the medium was full when its turn came, or before."""
        answer = self._answers.get(snapshot)
        return answer is None or answer.is_full

    def _ends(self, answer: Answer) -> bool:
        self.is_full = answer.is_full
        if self.is_full:
            return True
        try:
            medium.require(self._seeks, medium.label_of(self._root))
        except OSError:
            return True  # It was pulled out: restic would try each of the others for a quarter of an hour.
        return False


def _settle(repository: str) -> None:
    """Bring what was written onto the disk and out of the memory: what is read back comes from the medium itself."""
    os.sync()
    for path in _files(repository):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _files(directory: str) -> Iterator[str]:
    for where, _directories, names in os.walk(directory):
        yield from (os.path.join(where, name) for name in names)


def _require_repository(root: int, jaa: Restic, csc: Restic) -> None:
    """Make CSC's repository for a server where the medium has none; raise OSError, ResticError.

    Under another name until it is whole: what a run that was killed left behind is made anew.
    """
    directory, name = os.path.split(csc.repository)
    if _exists(f"{name}/config", root):
        return
    if _password(csc) == _password(jaa):
        raise ResticError(
            "la contraseña de CSC es la misma que la de JAA, y la copia de CSC debe tener la suya (4.1.6): defina otra "
            "en backup_server_csc_password y ejecute deploy.yml"
        )
    begun = f".{name}.nuevo"
    medium.require_own_tree(root, begun)
    if _exists(begun, root):
        shutil.rmtree(os.path.join(directory, begun))
    made = replace(csc, repository=os.path.join(directory, begun)).answer(
        *("init", "--copy-chunker-params", "--from-repo", jaa.repository, "--from-password-file", jaa.password_file)
    )
    if made.is_full:
        raise OSError(errno.ENOSPC, "no hay espacio en el disco")
    if made.code != 0:
        raise ResticError(made.explanation)
    os.sync()
    try:
        os.rename(begun, name, src_dir_fd=root, dst_dir_fd=root)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise MediumError(
            f"en el medio hay ya algo que se llama {readable(name)} y no es un repositorio ({error.strerror}): muévalo"
        ) from None


def _exists(path: str, root: int) -> bool:
    try:
        os.stat(path, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _password(restic: Restic) -> bytes:
    try:
        with open(restic.password_file, "rb") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        raise ResticError(
            f"falta {readable(restic.password_file)}: defina backup_server_csc_password y ejecute deploy.yml"
        ) from None
