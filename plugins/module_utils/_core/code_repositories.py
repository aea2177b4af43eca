# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds repositories of code in other people's directories.

A bounded look: level by level, by descriptor and along no link, never into pseudo file systems or other servers' disks.
Of a repository only its settings are read; running git in a directory of somebody else would run their hooks as root.
"""

from __future__ import annotations

import collections
import errno
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .safe_tree import mount_of, opened, opened_path

_MARKS = {".git": "git", ".hg": "hg", ".svn": "svn"}
# What a repository without a working copy consists of, as a server of repositories keeps it.
_BARE = {"git": {"HEAD", "objects", "refs"}, "svn": {"format", "db", "hooks", "locks"}}
# Large, and nobody's own work. Hidden directories hold the tools of people, many of which are clones.
_NOT_INSIDE = ("node_modules", "lost+found")
# Types of file systems, by how their names begin.
_NETWORK = ("nfs", "cifs", "smb", "ceph", "9p", "afs", "gluster", "lustre", "fuse.", "ocfs", "gfs")
_DISKS = ("ext", "xfs", "btrfs", "zfs", "jfs", "f2fs", "reiser", "bcachefs", "overlay", "fuseblk", "vfat", "ntfs")
_SETTINGS_BYTES = 64 * 1024
_ERRORS = 5
# It is gone, or is no directory (any more): nothing to look into.
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Repository(NamedTuple):
    """A repository: its directory, ``git``, ``hg`` or ``svn``, and where it comes from, empty where nothing says so."""

    path: str
    system: str
    remote: str


@dataclass
class Found:
    """What a look found; in words, what was left out with reason (``remarks``), why it is not whole (``problems``)."""

    repositories: list[Repository] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find_repositories(
    top: str, *, depth: int, directories: int, deadline: float, mounts: Mapping[str, str], seen: set[tuple[int, int]]
) -> Found:
    """Look for repositories at ``top`` and at most ``depth`` levels below it, in at most so many ``directories``.

    ``deadline`` is of time.monotonic(). ``mounts`` tells the types of the file systems (see safe_tree), ``seen`` the
    directories that an earlier look was in, by device and inode: it grows. What is below a repository is part of it.
    """
    found = Found()
    top = entrance(top, mounts, found.remarks)
    waiting = collections.deque([(top, depth)] if top else [])
    left = directories
    while waiting:
        path, levels = waiting.popleft()
        system = mounts.get(path, "") if path != top else ""
        if system.startswith(_NETWORK):
            found.remarks.append(_elsewhere(path, system))
            continue
        if system and not system.startswith(_DISKS):
            continue
        if left == 0 or time.monotonic() > deadline:
            found.problems.append(_unfinished(top, path, "directorios" if left == 0 else "tiempo"))
            break
        left -= 1
        try:
            with opened_path(path) as directory:
                names = _look_into(directory, path, found, seen)
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                found.problems.append(f"no se pudo leer {path}: {error.strerror}")
            continue
        if levels:
            waiting.extend((os.path.join(path, name), levels - 1) for name in names)
    if len(found.problems) > _ERRORS:
        found.problems[_ERRORS:] = [f"{top}: {len(found.problems) - _ERRORS} problemas más como éstos"]
    return found


def entrance(top: str, mounts: Mapping[str, str], remarks: list[str]) -> str:
    """Return where ``top`` really is; empty, with a remark, where that is another server's disk.

    One in memory is looked at, for somebody named it.
    """
    # Before its links are followed too: only to ask for what is there hangs when the other server does not answer.
    for place in (lambda: os.path.normpath(top), lambda: os.path.realpath(top)):
        path = place()
        system = mounts.get(mount_of(path, mounts), "")
        if system.startswith(_NETWORK):
            remarks.append(_elsewhere(path, system))
            return ""
    return path


def _elsewhere(path: str, system: str) -> str:
    return f"{path} está en otro equipo ({system}): no se revisó"


def _look_into(directory: int, path: str, found: Found, seen: set[tuple[int, int]]) -> list[str]:
    """Take a repository down, or return the directories to look into next."""
    status = os.fstat(directory)
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return []
    seen.add(identity)
    with os.scandir(directory) as entries:
        kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    system = next((_MARKS[name] for name in _MARKS if name in kinds), "")
    if system:
        found.repositories.append(Repository(path, system, _remote(directory, system)))
        return []
    for bare, parts in _BARE.items():
        if parts <= kinds.keys():
            found.repositories.append(Repository(path, bare, _remote(directory, bare, is_bare=True)))
            return []
    return sorted(
        name for name, is_dir in kinds.items() if is_dir and not name.startswith(".") and name not in _NOT_INSIDE
    )


def _unfinished(top: str, path: str, of_what: str) -> str:
    return (
        f"{top} no se revisó completo en busca de código: se agotó el límite de {of_what} al llegar a {path}; "
        "aumente coverage_directories o coverage_time_limit, o acote coverage_code_roots"
    )


def _remote(directory: int, system: str, *, is_bare: bool = False) -> str:
    if system == "svn":
        return ""
    try:
        if is_bare:
            settings = _settings(directory, "config")
        else:
            with opened("." + system, directory) as own:
                settings = _settings(own, "config" if system == "git" else "hgrc")
    except OSError:
        return ""
    return without_secrets(_named_remote(settings, system))


def _settings(directory: int, name: str) -> str:
    """Return a file of settings as text; a pipe in its place would hold us for ever, a link lead elsewhere."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(descriptor, _SETTINGS_BYTES).decode("utf-8", "surrogateescape")
    finally:
        os.close(descriptor)


def _named_remote(settings: str, system: str) -> str:
    """Return the address of ``origin`` (of ``default`` in Mercurial), or of the first other one."""
    wanted, section = "", ""
    for line in settings.split("\n"):
        heading = re.match(r'\s*\[\s*([\w-]+)\s*(?:"([^"]*)")?\s*\]', line)
        if heading:
            section = f"{heading[1].lower()} {heading[2] or ''}".strip()
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        is_remote = (key == "url" and section.startswith("remote")) if system == "git" else section == "paths"
        if equals and is_remote:
            if section == "remote origin" or key == "default":
                return value
            wanted = wanted or value
    return wanted


def without_secrets(address: str) -> str:
    """Return the address of a repository without user and password, which many keep in it.

    >>> without_secrets("https://ana:secreto@git.example.mx/portal.git?token=x")
    'https://git.example.mx/portal.git'
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        # host:path as ssh has it, whose user is no secret, or a path of this server.
        user, at, place = address.rpartition("@")
        return place if ":" in user else user + at + place
    # Whatever stands before the last @, for a password may hold any character.
    return scheme + separator + re.split("[?#]", rest.rpartition("@")[2])[0]
