# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A removable medium on the backup server: which one it is, by the electronic label at its root (4.2.2).

Nothing is written to a medium, or read from it, before its label says that it is the right one; and nothing at all
where no medium is mounted: what is meant for it would fill the disk below.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, NamedTuple

from .text import readable

LABEL_FILE = "dse-backup-medio.json"
VERSION = 1
# Less than this is no room for any backup.
_LEAST_FREE = 4 << 20
_LONGEST_LABEL = 16 << 10
_MEDIA_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What mkfs leaves in a new file system, and what systems that it was once put into leave.
_NO_CONTENT = {"lost+found", "System Volume Information", "$RECYCLE.BIN", ".Trashes", ".fseventsd", ".Spotlight-V100"}


class MediumError(OSError):
    """Why a medium is neither written to nor read; the text says what to do."""


class FullError(MediumError):
    """The medium has no room left."""


@dataclass(frozen=True)
class Label:
    """What an electronic label says. ``labelled_at`` is ISO text."""

    media_id: str
    medium_uuid: str
    custodian: str
    institution: str
    labelled_at: str

    def written(self) -> bytes:
        """Return the label as its file holds it."""
        said = {"version": VERSION, **asdict(self)}
        return (json.dumps({**said, "sha256": _digest(said)}, indent=1, ensure_ascii=False) + "\n").encode("utf-8")

    @classmethod
    def parse(cls, content: bytes) -> Label:
        """Return what a label's file says; raise MediumError where it is damaged."""
        try:
            said = json.loads(content.decode("utf-8"))
            digest = said.pop("sha256")
            version = said.pop("version")
            label = cls(**said)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise MediumError("no se entiende lo que dice") from None
        if not all(isinstance(value, str) for value in (*said.values(), digest)) or not isinstance(version, int):
            raise MediumError("no se entiende lo que dice")
        if version > VERSION:
            raise MediumError(f"la escribió una versión más nueva de este programa ({version})")
        if digest != _digest({"version": version, **said}):
            raise MediumError("su contenido no coincide con su propia huella")
        if not is_media_id(label.media_id) or not _UUID.fullmatch(label.medium_uuid):
            raise MediumError("su clave no es la de un medio")
        return label


def is_media_id(value: str) -> bool:
    """Tell whether ``value`` can be a medium's id, such as ``CSC-HD-11``."""
    return _MEDIA_ID.fullmatch(value) is not None


class Sought(NamedTuple):
    """The medium that must be mounted; ``media_next`` says in words which is to be put in where it is full."""

    directory: str
    media_id: str
    medium_uuid: str
    media_next: str = ""


class Room(NamedTuple):
    """How large a mounted file system is, and what is free of it, in bytes."""

    size: int
    free: int


@contextlib.contextmanager
def mounted(directory: str) -> Iterator[int]:
    """Give the open root of the medium that is mounted at ``directory``; raise MediumError where none is."""
    try:
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        reason = "no existe" if error.errno == errno.ENOENT else f"no se puede abrir ({os.strerror(error.errno)})"
        raise MediumError(
            f"no hay ningún medio en {readable(directory)}: ese directorio {reason}; móntelo ahí, o diga dónde está en "
            "backup_server_medium_directory"
        ) from None
    try:
        if not _is_mount_point(root):
            raise MediumError(
                f"no hay ningún medio montado en {readable(directory)}: conecte el medio al servidor de respaldos y "
                f"móntelo ahí (mount); nada se escribe en el disco que está debajo"
            )
        yield root
    finally:
        os.close(root)


def _is_mount_point(root: int) -> bool:
    here, above = os.fstat(root), os.stat("..", dir_fd=root)
    return here.st_dev != above.st_dev or here.st_ino == above.st_ino


def label_of(root: int) -> Label | None:
    """Return the label of the medium whose root is open, None where it has none; raise MediumError."""
    try:
        with open_file(root, LABEL_FILE) as stream:
            content = stream.read(_LONGEST_LABEL + 1)
        if len(content) > _LONGEST_LABEL:
            raise MediumError("es demasiado grande")
        return Label.parse(content)
    except FileNotFoundError:
        return None
    except MediumError as error:
        why = str(error)
    except OSError as error:
        why = os.strerror(error.errno)
    raise MediumError(
        f"la etiqueta electrónica del medio ({LABEL_FILE}) está dañada: {why}; no se usa: declárelo dañado con "
        "medium.yml (medium_state=damaged) y ponga otro"
    )


def open_file(root: int, name: str) -> BinaryIO:
    """Open a file of a medium to read it; raise OSError where it is none, or a link."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=root)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MediumError("no es un archivo")
    return open(descriptor, "rb")


@contextlib.contextmanager
def opened(sought: Sought, *, writes: bool) -> Iterator[int]:
    """Give the open root of the very medium that is wanted; raise MediumError that says what to do where it is not.

    Where it is to be written to, it must not be read-only, nor full.
    """
    with mounted(sought.directory) as root:
        try:
            label = label_of(root)
        except MediumError as error:
            raise MediumError(f"{error}: {sought.media_next}".rstrip(": ")) from None
        require(sought, label)
        if writes:
            _require_writable(sought, root)
        yield root


def require(sought: Sought, label: Label | None) -> None:
    """Raise MediumError unless the label is that of the wanted medium."""
    if label is None:
        raise MediumError(
            f"el medio montado en {readable(sought.directory)} no tiene etiqueta electrónica y se pidió "
            f"{sought.media_id}: ponga ese medio; si es nuevo, regístrelo con medium.yml"
        )
    found = readable(label.media_id)
    if label.media_id != sought.media_id:
        raise MediumError(
            f"está montado {found} y se pidió {sought.media_id}: cambie el medio; si es una entrega y {found} es el "
            f"que toca, pídala en él (deliver_medium={found})"
        )
    if label.medium_uuid != sought.medium_uuid:
        raise MediumError(
            f"hay dos medios con la clave {found}: la etiqueta electrónica del que está montado es {label.medium_uuid} "
            f"y la del registro, {sought.medium_uuid}; retire éste y ponga el verdadero"
        )


def _require_writable(sought: Sought, root: int) -> None:
    if os.fstatvfs(root).f_flag & os.ST_RDONLY:
        raise MediumError(
            f"{sought.media_id} está montado de sólo lectura: quítele el seguro, o móntelo de nuevo con escritura "
            "(mount -o remount,rw); si el sistema lo dejó así por errores, declárelo dañado con medium.yml"
        )
    if room(root).free < _LEAST_FREE:
        raise FullError(full(sought))


def full(sought: Sought) -> str:
    """Return in words that a medium is full, and what comes next."""
    return f"{sought.media_id} está lleno: {sought.media_next}".rstrip(": ")


def room(root: int) -> Room:
    """Return the size of the medium whose root is open, and what is free of it."""
    of = os.fstatvfs(root)
    # Root may use what is kept back from others.
    return Room(of.f_blocks * of.f_frsize, (of.f_bfree if os.geteuid() == 0 else of.f_bavail) * of.f_frsize)


def write_label(root: int, label: Label, *, not_empty: bool = False) -> Label:
    """Write the label of a new medium and return the one that it now has; raise MediumError where that must not be.

    What carries this very id already keeps its label, so that a labelling that was cut off goes on.
    """
    there = label_of(root)
    if there is not None and there.media_id == label.media_id and there.custodian == label.custodian:
        return there
    if there is not None:
        raise MediumError(
            f"lo que está montado es ya {readable(there.media_id)} ({readable(there.custodian)}) y no se le pone la "
            f"etiqueta de {label.media_id}: ponga el medio nuevo"
        )
    content = sorted(set(os.listdir(root)) - _NO_CONTENT)
    if content and not not_empty:
        shown = ", ".join(readable(name, 60) for name in content[:5]) + (", …" if len(content) > 5 else "")
        raise MediumError(
            f"el medio montado no está vacío ({shown}) y no se le pone etiqueta: vacíelo, o confirme con "
            "medium_not_empty=true que es el que se quiere usar; lo que tiene no se borra"
        )
    if os.fstatvfs(root).f_flag & os.ST_RDONLY:
        raise MediumError(
            f"el medio está montado de sólo lectura y no se le puede poner la etiqueta de {label.media_id}"
        )
    write_file(root, LABEL_FILE, label.written())
    return label


def write_file(root: int, name: str, content: bytes, mode: int = 0o644) -> None:
    """Write one file at the root of a medium, whole or not at all, and sync it. Raises OSError."""
    new = f".{name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=root)
    # O_EXCL: a link that somebody left on the medium leads nowhere.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=root)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
            with contextlib.suppress(PermissionError):  # A file system without modes.
                os.fchmod(descriptor, mode)
        os.rename(new, name, src_dir_fd=root, dst_dir_fd=root)
        os.fsync(root)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=root)
        raise


@contextlib.contextmanager
def alone(root: int) -> Iterator[None]:
    """Keep others from what all servers share on a medium while this one changes it."""
    fcntl.flock(root, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(root, fcntl.LOCK_UN)


def require_own_tree(root: int, name: str) -> None:
    """Raise MediumError where a repository on a medium leads elsewhere: root works in it, and CSC had the disk.

    No link and no other file system as far as restic's own directories go.
    """
    device = os.fstat(root).st_dev
    waiting = [(name, 0)]
    while waiting:
        path, depth = waiting.pop()
        try:
            found = os.stat(path, dir_fd=root, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(found.st_mode) or found.st_dev != device:
            raise MediumError(
                f"en el medio, {readable(path)} lleva a otro lugar (es un enlace, o hay algo montado ahí) y no se usa: "
                "revise el medio con quien lo tuvo"
            )
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            raise MediumError(
                f"en el medio, {readable(path)} no es un archivo ni un directorio y no se usa: revise el medio con "
                "quien lo tuvo"
            )
        if stat.S_ISDIR(found.st_mode) and depth < 3:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
            try:
                waiting += [(f"{path}/{each}", depth + 1) for each in os.listdir(descriptor)]
            finally:
                os.close(descriptor)


def _digest(said: dict[str, Any]) -> str:
    written = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "backslashreplace")).hexdigest()
