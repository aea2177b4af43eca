# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database systems' own programs: how they are called, as whom, and against which server.

A database is the item's ``database`` of the inventory. A scratch server of our own adds ``socket``: for PostgreSQL the
directory that its socket is in, for MariaDB the socket; and ``bin``, the directory of the server's own programs.
Passwords never stand in an argument: what is secret goes through standard input or a file of options.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from .text import human_size, readable

# Left free on a disk, so that the server itself does not stop.
_RESERVE = 16 * 1024 * 1024


class DatabaseError(Exception):
    """A program of a database system did not end well, or cannot be called; the text is for people."""


class NoSpace(DatabaseError):
    """The disk is too small for what is about to be written."""


def postgresql(database: dict[str, Any], name: str) -> dict[str, Any]:
    """Return how ``query``, ``write`` and ``piped`` reach a PostgreSQL server's database ``name``."""
    # The database's name goes in the environment: as an argument, one with "=" would be read as a connection string.
    options = "-c statement_timeout=0 -c standard_conforming_strings=on"
    environment = {"PGDATABASE": name, "PGCONNECT_TIMEOUT": "30", "PGOPTIONS": options}
    if "port" in database:
        environment["PGPORT"] = str(database["port"])
    if "socket" in database:
        environment.update(PGHOST=database["socket"], PATH=f"{database['bin']}:{_search_path()}")
    return {"as_user": "postgres", "environment": environment}


def mariadb(database: dict[str, Any]) -> list[str]:
    """Return the arguments by which a client reaches a MariaDB or MySQL server; they come first."""
    if "socket" in database:
        return ["--no-defaults", f"--socket={database['socket']}", "--user=root"]
    connection = [f"--defaults-extra-file={database['defaults_file']}"] if "defaults_file" in database else []
    if "port" in database:
        connection += [f"--port={database['port']}", "--protocol=tcp"]
    return connection


def first_program(*names: str) -> str:
    """Return the first of these programs that this server has; the first one where it has none."""
    return next((name for name in names if shutil.which(name)), names[0])


def sql_text(value: str) -> str:
    """Return a text as a literal of MariaDB's SQL: the client has no bound parameters."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def require_space(directory: str, needed: int, *, remedy: str) -> None:
    """Raise NoSpace unless the disk of ``directory`` has ``needed`` bytes, and a reserve, free."""
    free = shutil.disk_usage(directory).free
    if free < needed + _RESERVE:
        raise NoSpace(
            f"espacio insuficiente en {directory}: hay {human_size(free)} libres y se requieren "
            f"{human_size(needed + _RESERVE)}; {remedy}"
        )


def query(command: Sequence[str], **how: Any) -> str:
    """Run a program to its end and return what it printed, as text; ``how`` as in ``run``."""
    return run(command, stdout=subprocess.PIPE, **how).decode("utf-8", "replace").strip()


def write(command: Sequence[str], file: str, **how: Any) -> None:
    """Run a program to its end and leave what it printed in ``file``, made here and readable by its owner only."""
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o600)) as output:
        run(command, stdout=output, **how)
        os.fsync(output.fileno())


def run(command: Sequence[str], *, stdout: Any, stdin: bytes | IO[bytes] = b"", **how: Any) -> bytes:
    """Run a program to its end; raise DatabaseError with what it said unless it ended well.

    ``stdin`` is a text or an open file; ``as_user`` whom it runs as; ``environment`` what is added to a bare one.
    """
    given = isinstance(stdin, bytes)
    with _started(command, stdin=subprocess.PIPE if given else stdin, stdout=stdout, **how) as process:
        output, errors = process.communicate(stdin if given else None)
    _require_success(command, process, errors)
    return output or b""


@contextlib.contextmanager
def piped(command: Sequence[str], **how: Any) -> Iterator[IO[bytes]]:
    """Run a program and give what it prints as a stream; raise DatabaseError at the end unless it ended well."""
    # Its complaints go to a file: a pipe that nobody reads would hold it up.
    with _complaints() as errors:
        with _started(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, **how) as process:
            yield process.stdout
            process.stdout.read()
        _require_success(command, process, _said(errors))


def fed(command: Sequence[str], pieces: Iterable[bytes], **how: Any) -> None:
    """Run a program on what ``pieces`` yields; raise DatabaseError with what it said unless it ended well."""
    with _complaints() as errors:
        with _started(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, **how) as process:
            # Where it ends before it has read everything, its exit code and its complaint say why.
            with contextlib.suppress(BrokenPipeError):
                for piece in pieces:
                    process.stdin.write(piece)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        _require_success(command, process, _said(errors))


def user(name: str) -> pwd.struct_passwd:
    """Return the account that a database system runs as; raise DatabaseError where this server has none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise DatabaseError(f"este servidor no tiene el usuario «{name}»: ¿está instalado el manejador?") from None


def identity(name: str) -> dict[str, Any]:
    """Return the arguments of Popen that make a program run as that user."""
    entry = user(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(name, entry.pw_gid)}


@contextlib.contextmanager
def _started(
    command: Sequence[str],
    *,
    stdin: Any,
    stdout: Any,
    stderr: Any = subprocess.PIPE,
    as_user: str = "",
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen]:
    """Give the program, running; whatever ends the block early ends the program too."""
    base = {"PATH": _search_path(), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    if not as_user:
        base["HOME"] = os.path.expanduser("~")
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**base, **(environment or {})},
            cwd="/",
            **(identity(as_user) if as_user else {}),
        )
    except FileNotFoundError:
        raise DatabaseError(f"falta el programa «{command[0]}» en este servidor") from None
    with process:
        try:
            yield process
        except BaseException:
            process.send_signal(signal.SIGTERM)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
            raise


def _require_success(command: Sequence[str], process: subprocess.Popen, errors: bytes) -> None:
    if process.returncode != 0:
        said = readable(errors[-1000:].strip())
        raise DatabaseError(f"{os.path.basename(command[0])} terminó con el código {process.returncode}: {said}")


def _complaints() -> IO[bytes]:
    return open(os.memfd_create("complaints"), "w+b", buffering=0)


def _said(errors: IO[bytes]) -> bytes:
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 1000))
    return errors.read()


def _search_path() -> str:
    return os.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
