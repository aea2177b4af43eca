# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill with files: a backup is restored into scratch on the backup server, read back, compared, removed again."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from .path_pattern import literal
from .restic import Restic
from .text import human_size, readable

# What is kept free beside what is restored: a full disk would stop every client's backup.
_RESERVE = 1 << 30
_BLOCK = 1 << 20
_RESTORED = ("file", "dir", "symlink")
_SHOWN = 20
_PREFIX = "drill-"


@dataclass(frozen=True)
class Drill:
    """What came back. ``content_sha256`` is one digest over all names and contents: equal content, equal digest.

    ``matches`` is whether each file was read back from the disk and has the content that the backup says; ``problems``
    name what does not, ``remarks`` what a drill cannot show.
    """

    matches: bool
    restored_bytes: int = 0
    entry_count: int = 0
    content_sha256: str | None = None
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def drill_files(restic: Restic, snapshot_id: str, scratch_dir: str) -> Drill:
    """Restore a snapshot below ``scratch_dir``, read all of it back, compare it and remove it again.

    The engine compares each file's content, as it is read back from the disk, with the hashes in the backup; names,
    kinds and sizes are compared here with the backup's own listing. Raises ResticError, or OSError for want of space.
    """
    nodes = {node["path"]: node for node in restic.exact_nodes(snapshot_id)}
    size = sum(node.get("size", 0) for node in nodes.values() if node["type"] == "file")
    closed = _closed(nodes)
    odd = [path for path, node in nodes.items() if node["type"] not in _RESTORED]
    with _scratch(restic, scratch_dir, size) as target:
        answer = restic.answer("restore", snapshot_id, *_flags(restic, [*odd, *closed]), "--target", target)
        if answer.code != 0:
            return Drill(False, problems=[answer.explanation])

        def read(path: str) -> Iterator[bytes]:
            return restic.content(snapshot_id, path) if path in closed else _blocks(target + path)

        problems, content, restored, count = _compare(target, nodes, closed, read)
    remarks = [f"no se prueban en un simulacro (dispositivos, tuberías): {len(odd)}"] if odd else []
    if closed:
        remarks.append(f"leídos del repositorio sin escribirlos, porque su modo no deja leerlos: {len(closed)}")
    return Drill(not problems, restored, count, content, [readable(each) for each in problems], remarks)


def _closed(nodes: dict[str, dict[str, Any]]) -> set[str]:
    """Return the files that only root could read back: their mode, or that of a directory above, keeps others out."""
    modes = {path: node.get("mode", 0) for path, node in nodes.items()}  # restic leaves a zero out.
    shut = {path for path, node in nodes.items() if node["type"] == "dir" and modes[path] & 0o500 != 0o500}
    return {
        path
        for path, node in nodes.items()
        if node["type"] == "file"
        and (not modes[path] & 0o400 or (shut and not shut.isdisjoint(map(str, PurePosixPath(path).parents))))
    }


def _flags(restic: Restic, odd: list[str]) -> list[str]:
    flags = ["--no-lock", "--verify", *(f"--exclude={literal(path).engine}" for path in odd)]
    # Only root may set some attributes; they are not what a drill is about.
    return flags + (["--exclude-xattr=*"] if restic.version() >= (0, 18) else [])


@contextlib.contextmanager
def _scratch(restic: Restic, scratch_dir: str, size: int) -> Iterator[str]:
    """Give a directory that only the repository's owner can enter, and remove it whatever happens."""
    os.makedirs(scratch_dir, mode=0o711, exist_ok=True)
    free = shutil.disk_usage(scratch_dir).free
    if free < size + _RESERVE:
        raise OSError(
            f"no hay espacio en {readable(scratch_dir)} para el simulacro: hacen falta {human_size(size)} y quedan "
            f"{human_size(free)}, de los que {human_size(_RESERVE)} se reservan; indique otro directorio en "
            "backup_server_scratch_dir"
        )
    _remove_abandoned(scratch_dir)
    target = tempfile.mkdtemp(prefix=_PREFIX, dir=scratch_dir)
    held = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        if restic.owner:
            os.chown(target, *restic.owner)
        yield target
    finally:
        os.close(held)
        shutil.rmtree(target)


def _remove_abandoned(scratch_dir: str) -> None:
    """Remove what a drill that was killed left: nobody holds its directory any more."""
    for name in os.listdir(scratch_dir):
        if name.startswith(_PREFIX):
            held = os.open(os.path.join(scratch_dir, name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # Another drill, of another server, at this very moment.
            finally:
                os.close(held)
            shutil.rmtree(os.path.join(scratch_dir, name))


def _compare(
    target: str, nodes: dict[str, dict[str, Any]], closed: set[str], read: Callable[[str], Iterator[bytes]]
) -> tuple[list[str], str, int, int]:
    """Return how what lies below ``target`` differs from ``nodes``, its digest, and the bytes and files read."""
    problems = []
    digest = hashlib.sha256()
    restored = count = 0
    for path in sorted(nodes):
        node = nodes[path]
        if node["type"] not in _RESTORED:
            continue
        if path not in closed:
            try:
                found = os.lstat(target + path)
            except OSError:
                problems.append(f"{path}: no se restauró")
                continue
            if stat.S_IFMT(found.st_mode) != _KINDS[node["type"]]:
                problems.append(f"{path}: es de otro tipo que en el respaldo")
                continue
        if node["type"] == "symlink":
            digest.update(os.fsencode(f"{path}\0{os.readlink(target + path)}\0"))
        elif node["type"] == "file":
            size, content = _digest_of(read(path))
            if size != node.get("size", 0):
                problems.append(f"{path}: mide {size} y en el respaldo {node.get('size', 0)} bytes")
            digest.update(os.fsencode(path) + b"\0" + content)
            restored += size
            count += 1
    return problems[:_SHOWN], digest.hexdigest(), restored, count


_KINDS = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK}


def _digest_of(blocks: Iterable[bytes]) -> tuple[int, bytes]:
    digest = hashlib.sha256()
    size = 0
    for block in blocks:
        digest.update(block)
        size += len(block)
    return size, digest.digest()


def _blocks(path: str) -> Iterator[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        yield from iter(lambda: stream.read(_BLOCK), b"")
