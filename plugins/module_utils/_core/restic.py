# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage engine, restic, behind the few calls that the procedure needs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .text import readable

MINIMUM_VERSION = (0, 17)

# What restic's exit codes mean (0.17 and newer), in words for the records. Any other code is a failure too.
_EXIT_CODES = {
    10: "el repositorio no existe o no es alcanzable",
    11: "el repositorio está bloqueado por otro proceso",
    12: "la contraseña del repositorio no es correcta",
    130: "restic fue interrumpido",
}


class ResticError(Exception):
    """A call of restic that did not end well; the text is for people."""


@dataclass(frozen=True)
class Stored:
    """What one ``restic backup`` left behind: the snapshot's id, and the files that could not be read.

    ``unreadable`` are real losses, ``vanished`` were deleted while the backup ran.
    """

    snapshot_id: str
    unreadable: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Restic:
    """One repository and how to reach it. ``owner`` (uid, gid) is who the calls run as; None: whoever we are."""

    repository: str
    password_file: str
    program: str = "restic"
    options: Sequence[str] = ()
    cache_dir: str | None = None
    owner: tuple[int, int] | None = None

    def version(self) -> tuple[int, ...]:
        """Return the engine's version, ``(0, 18, 0)``; raise ResticError where it is missing or too old."""
        try:
            run = subprocess.run([self.program, "version"], capture_output=True, check=True)
            version = tuple(int(part) for part in run.stdout.split()[1].split(b".")[:3])
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError) as error:
            raise ResticError(
                f"no se puede ejecutar {self.program}: {error}; ejecute deploy.yml en este servidor"
            ) from None
        if version < MINIMUM_VERSION:
            raise ResticError(
                f"{self.program} es la versión {'.'.join(map(str, version))} y se requiere la 0.17 o posterior; "
                "ejecute deploy.yml (variable backup_restic_source)"
            )
        return version

    def backup(
        self,
        paths: Iterable[str],
        *,
        host: str,
        tags: Iterable[str],
        exclude: Iterable[str] = (),
        flags: Iterable[str] = (),
        on_status: Callable[[dict[str, Any]], None] = lambda status: None,
    ) -> Stored:
        """Store ``paths`` as one snapshot; raise ResticError when none was made.

        ``on_status`` receives restic's status objects (``percent_done`` 0 to 1, ``total_bytes``, ``bytes_done``).
        """
        command = self._command("backup", "--host", host, *flags, "--files-from-raw", "-")
        command += [f"--tag={tag}" for tag in tags] + [f"--exclude={pattern}" for pattern in exclude]
        listing = b"".join(os.fsencode(path) + b"\0" for path in paths)
        unreadable: list[str] = []
        vanished: list[str] = []
        with self._start(command, stdin=subprocess.PIPE) as process:
            errors = _Drain(process.stderr)
            try:
                process.stdin.write(listing)
                process.stdin.close()
            except BrokenPipeError:
                pass  # It ended before it read: its exit code and its messages say why.
            summary = _followed(process, errors, on_status)
            code = process.wait()
            lines = errors.lines()
        if code not in (0, 3) or not summary.get("snapshot_id"):
            raise ResticError(_explain(code, lines))
        unreadable, vanished = _unread(lines)
        if code == 3 and not vanished and not unreadable:
            unreadable.append(_explain(code, lines))
        return Stored(summary["snapshot_id"], unreadable, vanished, summary)

    def store_text(self, text: str, *, name: str, host: str, tags: Iterable[str]) -> str:
        """Store a small text as a snapshot of its own and return the snapshot's id."""
        command = self._command("backup", "--host", host, "--stdin", f"--stdin-filename={name}")
        command += [f"--tag={tag}" for tag in tags]
        for message in _messages(self._output(command, text.encode("utf-8")).splitlines()):
            if message.get("message_type") == "summary":
                return message["snapshot_id"]
        raise ResticError("restic no confirmó el respaldo")

    def read_text(self, snapshot_id: str, path: str) -> str:
        """Return one small file of a snapshot as text."""
        return self._output(self._command("dump", "--no-lock", snapshot_id, path)).decode("utf-8", "replace")

    def snapshots(self, ids: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the snapshots as restic describes them (``id``, ``time``, ``tree``, ``tags``...), oldest first."""
        listed = json.loads(self._output(self._command("snapshots", "--no-lock", *ids)) or b"[]") or []
        return sorted(listed, key=lambda snapshot: snapshot["time"])

    def nodes(self, snapshot_id: str) -> Iterator[dict[str, Any]]:
        """Walk a snapshot's tree: a dict for each file and directory (``type``, ``path``, ``size``...)."""
        with self._start(self._command("ls", "--no-lock", snapshot_id)) as process:
            errors = _Drain(process.stderr)
            for message in _messages(process.stdout):
                if message.get("message_type", message.get("struct_type")) == "node":
                    yield message
            code = process.wait()
            if code != 0:
                raise ResticError(_explain(code, errors.lines()))

    def added_bytes(self, older: str, newer: str) -> int:
        """Return the bytes of ``newer`` that ``older`` does not hold."""
        for message in _messages(self._output(self._command("diff", "--no-lock", older, newer)).splitlines()):
            if message.get("message_type") == "statistics":
                return message["added"]["bytes"]
        raise ResticError("restic diff no dio su estadística")

    def _command(self, verb: str, *arguments: str) -> list[str]:
        command = [self.program, "--json", "--repo", self.repository, "--password-file", self.password_file]
        for option in self.options:
            command += ["-o", option]
        command += ["--cache-dir", self.cache_dir] if self.cache_dir else ["--no-cache"]
        return [*command, verb, *arguments]

    def _start(self, command: list[str], stdin: int | None = subprocess.DEVNULL) -> _Process:
        identity: dict[str, Any] = {}
        if self.owner and self.owner[0] != os.geteuid():
            identity = {"user": self.owner[0], "group": self.owner[1], "extra_groups": []}
        try:
            return _Process(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
                **identity,
            )
        except OSError as error:
            raise ResticError(f"no se puede ejecutar {self.program}: {error}") from None

    def _output(self, command: list[str], stdin: bytes = b"") -> bytes:
        with self._start(command, stdin=subprocess.PIPE) as process:
            output, errors = process.communicate(stdin)
        if process.returncode != 0:
            raise ResticError(_explain(process.returncode, errors.splitlines()))
        return output


# Nothing of the caller's environment reaches restic: a stray RESTIC_REPOSITORY would send a backup elsewhere.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "RESTIC_PROGRESS_FPS": "1",
}


class _Process(subprocess.Popen):
    """A restic that is asked to stop, and leaves no lock behind, when the block that uses it ends early."""

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if kind is not None and self.poll() is None:
            self.send_signal(signal.SIGINT)
            try:
                self.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        super().__exit__(kind, value, traceback)


class _Drain:
    """Reads a stream in a thread of its own, so that a chatty stderr never blocks the process."""

    def __init__(self, stream: Any) -> None:
        self._lines: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            # The first thousand tell what is wrong; a million unreadable files must not fill the memory.
            if len(self._lines) < 1000:
                self._lines.append(line)

    def so_far(self) -> list[bytes]:
        return list(self._lines)

    def lines(self) -> list[bytes]:
        self._thread.join()
        return self._lines


def _followed(process: _Process, errors: _Drain, on_status: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Pass on how far a backup is and return its summary, empty where there is none."""
    summary: dict[str, Any] = {}
    try:
        for message in _messages(process.stdout):
            if message.get("message_type") == "status":
                on_status(message)
            elif message.get("message_type") == "summary":
                summary = message
    except BaseException as stop:
        # restic tries again for a quarter of an hour: what it tried in vain is the cause, not what put an end to it.
        reason = _said(errors.so_far())
        if reason:
            stop.args = (f"{stop}; restic reintentaba: {reason}",)
        raise
    return summary


def _messages(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict):
            yield message


def _unread(lines: Iterable[bytes]) -> tuple[list[str], list[str]]:
    """Return the files that could not be read, and those that were deleted before they could be."""
    unreadable: list[str] = []
    vanished: list[str] = []
    for message in _messages(lines):
        if message.get("message_type") == "error":
            text = message.get("error", {}).get("message", "")
            # At the very end, where no file's name can stand: a file may be called just so.
            group = vanished if text.endswith(": no such file or directory") else unreadable
            group.append(readable(message.get("item") or text))
    return unreadable, vanished


def _explain(code: int, lines: Iterable[bytes]) -> str:
    reason = _EXIT_CODES.get(code, "interrumpido por una señal" if code < 0 else f"restic terminó con el código {code}")
    said = _said(lines)
    return readable(f"{reason}: {said}" if said else reason)


def _said(lines: Iterable[bytes]) -> str:
    """Return the last of what restic, and rclone behind it, complained about."""
    texts = []
    for line in lines:
        try:
            message = json.loads(line)
            text = message.get("message") or message.get("error", {}).get("message", "")
        except (ValueError, AttributeError):
            text = line.decode("utf-8", "backslashreplace")
        if text.strip():
            texts.append(text.strip())
    full = any(mark in text for text in texts for mark in ("remaining disk space", "no space left on device"))
    return readable(("no hay espacio en el disco: " if full else "") + " · ".join(texts[-3:]))
