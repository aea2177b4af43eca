# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of other people, in which root works: by descriptor, so that no symbolic link leads outside them.

A path is looked up anew at every use, and its owner can put a link in its way in between. A descriptor stays what it
is, wherever its directory is moved to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Collection, Iterator

# Nobody's tree is deeper; what is would use up descriptors and the interpreter's stack.
DEPTH_LIMIT = 300

# SELinux's and other labels belong to the place, not to what was backed up.
_FOREIGN_ATTRIBUTES = ("security.", "trusted.")


@contextlib.contextmanager
def opened(name: str, parent: int | None = None) -> Iterator[int]:
    """Hold the directory ``name`` of the directory ``parent`` open; a symbolic link or a file raises OSError."""
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def opened_path(path: str, top: int | None = None) -> Iterator[int]:
    """Hold the directory at an absolute ``path`` (below ``top``, an open directory) open, no link on the whole way."""
    with contextlib.ExitStack() as stack:
        descriptor = stack.enter_context(opened("/")) if top is None else top
        for name in filter(None, path.split("/")):
            descriptor = stack.enter_context(opened(name, descriptor))
        yield descriptor


def look(name: str, parent: int) -> os.stat_result | None:
    """Return what the directory ``parent`` has under ``name``, not followed; None where there is nothing."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def kind(status: os.stat_result) -> str:
    """Return the type as restic calls it: file, dir, symlink, fifo, dev, chardev or socket."""
    return _KINDS[stat.S_IFMT(status.st_mode)]


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFBLK: "dev",
    stat.S_IFCHR: "chardev",
    stat.S_IFSOCK: "socket",
}


def remove(name: str, parent: int) -> None:
    """Remove what the directory ``parent`` has under ``name``, and everything below it; what is gone is gone."""
    with contextlib.suppress(FileNotFoundError):
        try:
            os.unlink(name, dir_fd=parent)
        except IsADirectoryError:
            with opened(name, parent) as directory:
                for each in os.listdir(directory):
                    remove(each, directory)
            os.rmdir(name, dir_fd=parent)


def copy_attributes(source: int, target: int, *, status: os.stat_result) -> None:
    """Give the open directory ``target`` owner, mode, times, ACL and extended attributes of ``source``.

    ``status`` is what ``source`` was before anything was moved out of it: that changes its times.
    """
    os.fchown(target, status.st_uid, status.st_gid)
    wanted = _attributes(source)
    for name in set(_attributes(target)) - set(wanted):
        os.removexattr(target, name)
    for name, value in wanted.items():
        os.setxattr(target, name, value)
    # After the ACL: the mode's group bits are its mask.
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _attributes(directory: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(directory)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(directory, name) for name in names if not name.startswith(_FOREIGN_ATTRIBUTES)}


def mount_points() -> frozenset[str]:
    """Return the paths where something is mounted; between two of them nothing can be moved by renaming."""
    return frozenset(mounts())


def mounts() -> dict[str, str]:
    """Return the paths where something is mounted, each with the type of what one sees there: ``ext4``, ``proc``."""
    found = {}
    with open("/proc/self/mountinfo", "rb") as lines:
        for line in lines:
            place, _dash, system = line.partition(b" - ")
            # What was mounted later hides what was there before.
            found[os.fsdecode(_without_octal(place.split(b" ")[4]))] = os.fsdecode(system.split(b" ")[0])
    return found


def mount_of(path: str, mounted: Collection[str]) -> str:
    """Return which of the mounted paths an absolute ``path`` without links lies on."""
    while path not in mounted and path != "/":
        path = os.path.dirname(path)
    return path


def _without_octal(name: bytes) -> bytes:
    """The kernel writes blanks and backslashes of a name in octal."""
    head, *rest = name.split(b"\\")
    return head + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in rest)
