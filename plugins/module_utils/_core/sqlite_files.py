# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite files, as a restoration needs them: put a new one in its place, write into a live one, count what is in it.

Their directories belong to services that may be hostile: nothing is followed that is a symbolic link, and what SQLite
itself opens by name, the live file and its journals, it opens with the rights of the file's owner.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator

from .database_programs import DatabaseError
from .databases import patience, sqlite, sqlite_schema
from .dump_contents import Contents
from .safe_tree import look, opened_path
from .text import readable

# Beside a file of that name SQLite takes these for what is still to be written into it.
_COMPANIONS = ("-wal", "-shm", "-journal")


def contents(path: str) -> Contents:
    """Read a whole SQLite file: its rows by table, and its schema; raise DatabaseError where it is damaged."""
    with _errors(path), sqlite(path, "ro") as connection:
        fault = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if fault != "ok":
            raise DatabaseError(f"{path} está dañado: {readable(fault)}")
        # A virtual table has no rows of its own: they are in tables beside it.
        listed = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'"
        )
        rows = {}
        for (name,) in listed.fetchall():
            quoted = name.replace('"', '""')
            rows[name] = connection.execute(f'SELECT COUNT(*) FROM "{quoted}"').fetchone()[0]  # noqa: S608  quoted
        return Contents(rows, sqlite_schema(connection))


def overwrite(path: str, source: str) -> None:
    """Make the live database at ``path`` what ``source`` is; programs that use it see the one or the other.

    SQLite's own copy: it waits for those who read and write, and the file keeps its owner and mode.
    """
    # Immutable: nobody writes into a dump of ours, and its journals could not be opened with another's rights.
    with _errors(path), sqlite(source, "ro&immutable=1") as origin, _as_owner_of(path), sqlite(path, "rw") as target:
        origin.backup(target, progress=patience())


def place(path: str, source: str, *, owner: tuple[int, int], mode: int) -> None:
    """Make a new file at ``path`` with the bytes of ``source``; raise DatabaseError where there is one already."""
    directory, name = os.path.split(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    with opened_path(directory) as parent:
        temporary = f".{name[:200]}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        try:
            with open(descriptor, "wb") as target, open(source, "rb") as origin:
                shutil.copyfileobj(origin, target)
                os.fchown(target.fileno(), *owner)
                os.fchmod(target.fileno(), mode)
                target.flush()
                os.fsync(target.fileno())
            # A link, because unlike a rename it never takes the place of something else.
            os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
        except FileExistsError:
            raise DatabaseError(f"{path} ya existe") from None
        finally:
            os.unlink(temporary, dir_fd=parent)


def set_aside(path: str, suffix: str) -> list[str]:
    """Rename the file at ``path`` and what belongs to it, those that are there; return their new paths."""
    moved = []
    directory, name = os.path.split(path)
    if not os.path.isdir(directory):
        return []
    with opened_path(directory) as parent:
        for each in (name, *(name + companion for companion in _COMPANIONS)):
            if look(each, parent) is not None:
                os.rename(each, each + suffix, src_dir_fd=parent, dst_dir_fd=parent)
                moved.append(path + each[len(name) :] + suffix)
    return moved


def obstacle(path: str) -> str:
    """Tell what keeps a file from being at ``path``, in words; nothing where it is there or can be made."""
    if not path.startswith("/") or os.path.normpath(path) != path:
        return f"{path} no es una ruta absoluta sin «..»"
    if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path) or os.path.islink(path):
        return f"{path} pasa por un enlace simbólico: indique la ruta real"
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        return f"{path} existe y no es un archivo"
    return ""


@contextlib.contextmanager
def _as_owner_of(path: str) -> Iterator[None]:
    """Act with the rights of the file's owner: a link that is put in its place then opens no other's file."""
    directory, name = os.path.split(path)
    with opened_path(directory) as parent:
        status = look(name, parent)
    if status is None or not stat.S_ISREG(status.st_mode):
        raise DatabaseError(f"{path} ya no es un archivo")
    former = os.geteuid(), os.getegid(), os.getgroups()
    if former[0] != 0 or _is_root_s_way(directory):
        # Where only root changes names, nobody puts a link there, and perhaps nobody else may write a journal.
        yield
        return
    os.setgroups([])
    os.setegid(status.st_gid)
    os.seteuid(status.st_uid)
    try:
        yield
    finally:
        os.seteuid(former[0])
        os.setegid(former[1])
        os.setgroups(former[2])


def _is_root_s_way(directory: str) -> bool:
    """Tell whether only root can put something else in the place of this directory's entries, or of the directory."""
    # A sticky bit protects root's own entries, which those above are; the file in question is somebody else's.
    protected = 0
    while True:
        status = os.lstat(directory)
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & protected
        if status.st_uid != 0 or shared:
            return False
        if directory == "/":
            return True
        directory = os.path.dirname(directory)
        protected = stat.S_ISVTX


@contextlib.contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseError(f"SQLite no pudo trabajar con {path}: {readable(str(error))}") from None
