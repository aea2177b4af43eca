# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage engine, restic, behind the few calls that the procedure needs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

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


class Answer(NamedTuple):
    """What came of one call: its exit code, what it printed, and the lines it complained with."""

    code: int
    output: bytes
    complaints: list[bytes]

    @property
    def summary(self) -> dict[str, Any]:
        """The ``summary`` among its messages; empty where there is none."""
        lines = self.output.splitlines()
        return next((each for each in _messages(lines) if each.get("message_type") == "summary"), {})

    @property
    def texts(self) -> list[str]:
        """All that it complained about, one line each."""
        return [text for text in map(_complaint, self.complaints) if text]

    @property
    def explanation(self) -> str:
        """Why it did not end well, in words."""
        return _explain(self.code, self.complaints)

    @property
    def is_full(self) -> bool:
        """Whether it did not end well because a disk has no room left."""
        return self.code != 0 and _is_full(self.texts)


@dataclass(frozen=True)
class Restic:
    """One repository and how to reach it. ``owner`` (uid, gid) is who the calls run as; None: whoever we are.

    ``credentials_file`` is what an S3 store asks for, as its programs share it: AWS_SHARED_CREDENTIALS_FILE.
    ``ca_file`` has the authority that signs its certificate.
    """

    repository: str
    password_file: str
    program: str = "restic"
    options: Sequence[str] = ()
    cache_dir: str | None = None
    owner: tuple[int, int] | None = None
    credentials_file: str | None = None
    ca_file: str | None = None

    @classmethod
    def of(cls, config: dict[str, Any]) -> Restic:
        """Return the repository that a server's ``config.json`` names."""
        return cls(
            config["repository"],
            config["password_file"],
            config["restic"],
            config["restic_options"],
            config["cache_dir"],
        )

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
        directory: int | None = None,
        on_status: Callable[[dict[str, Any]], None] = lambda status: None,
    ) -> Stored:
        """Store ``paths`` as one snapshot; raise ResticError when none was made.

        With ``directory``, an open one, the paths are relative to it, and so are those in the snapshot.
        ``on_status`` receives restic's status objects (``percent_done`` 0 to 1, ``total_bytes``, ``bytes_done``).
        """
        command = self._command("backup", "--host", host, *flags, "--files-from-raw", "-")
        command += [f"--tag={tag}" for tag in tags] + [f"--exclude={pattern}" for pattern in exclude]
        listing = b"".join(os.fsencode(path) + b"\0" for path in paths)
        unreadable: list[str] = []
        vanished: list[str] = []
        cwd = "/" if directory is None else f"/proc/self/fd/{directory}"
        with self._start(command, stdin=subprocess.PIPE, cwd=cwd) as process:
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
        return (message for message in self._listed(snapshot_id) if _kind(message) == "node")

    def listing(self, snapshot_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return a snapshot and its ``nodes``, with each ``path`` byte for byte (``os.fsdecode``).

        restic's JSON has no way to write bytes that are not UTF-8, its plain text none to tell where a name with a
        newline ends; together they tell. The second listing is made only where a name needs it.
        """
        snapshot: dict[str, Any] = {}
        nodes = []
        for message in self._listed(snapshot_id):
            if _kind(message) == "node":
                nodes.append(message)
            elif _kind(message) == "snapshot":
                snapshot = message
        if any("\ufffd" in node["path"] for node in nodes):
            text = os.fsdecode(self._output(self._command("ls", "--quiet", "--no-lock", snapshot_id, json=False)))
            written = [node["path"] for node in nodes]
            exact = _exact(written, text, swallowed="") or _exact(written, text, swallowed="\n")
            if not exact:
                raise ResticError(
                    "restic escribe los nombres de archivo de un modo que no se entiende; use 0.17 a 0.19"
                )
            for node, path in zip(nodes, exact):
                node["path"] = path
        return snapshot, nodes

    def exact_nodes(self, snapshot_id: str) -> list[dict[str, Any]]:
        """Return a snapshot's nodes with their exact paths."""
        return self.listing(snapshot_id)[1]

    def _listed(self, snapshot_id: str) -> Iterator[dict[str, Any]]:
        with self._start(self._command("ls", "--no-lock", snapshot_id)) as process:
            errors = _Drain(process.stderr)
            yield from _messages(process.stdout)
            code = process.wait()
            if code != 0:
                raise ResticError(_explain(code, errors.lines()))

    def restore(
        self,
        snapshot_id: str,
        directory: int,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        verify: bool = False,
        on_status: Callable[[dict[str, Any]], None] = lambda status: None,
    ) -> None:
        """Write a snapshot below the open ``directory``, in ``content``, with owners, modes, times and all.

        Through the descriptor, so that nobody leads restic elsewhere by moving the directory. ``include`` and
        ``exclude`` are restic's patterns, one of the two; ``verify`` reads everything back. Raises ResticError.
        """
        command = self._command("restore", "--no-lock", "--sparse", *(["--verify"] if verify else []))
        command += [f"--include={pattern}" for pattern in include] + [f"--exclude={pattern}" for pattern in exclude]
        command += [f"--target=/proc/self/fd/{directory}/content", snapshot_id]
        with self._start(command, pass_fds=(directory,)) as process:
            errors = _Drain(process.stderr)
            _followed(process, errors, on_status)
            code = process.wait()
            if code != 0:
                raise ResticError(_explain(code, errors.lines()))

    def news(self, older: str, newer: str) -> tuple[int, set[str]]:
        """Return the bytes of ``newer`` that ``older`` does not hold, and which files are new or have other content.

        The bytes are also those of restic's own trees, which are new wherever a time or an owner is.
        """
        changed: set[str] = set()
        for message in _messages(self._output(self._command("diff", "--no-lock", older, newer)).splitlines()):
            if message.get("message_type") == "change" and set(message["modifier"]) & {"+", "M", "T"}:
                changed.add(message["path"])
            elif message.get("message_type") == "statistics":
                return message["added"]["bytes"] if message["added"]["data_blobs"] else 0, changed
        raise ResticError("restic diff no dio su estadística")

    # What only the backup server does: see integrity, drill and prune.

    def answer(self, verb: str, *arguments: str, directory: str = "/", patience: float | None = None) -> Answer:
        """Make one call and return what came of it, whatever that is; raise ResticError only where it cannot start.

        ``directory`` is where it runs: ``repair packs`` leaves there what it takes out. A call that complains, and goes
        on for longer than ``patience``, in seconds, is asked to stop: where a place does not answer, restic tries again
        for a quarter of an hour. What is only slow is not disturbed.
        """
        with self._start(self._command(verb, *arguments), cwd=directory) as process:
            errors = _Drain(process.stderr)
            with _asked_to_stop(process, errors, patience):
                output = process.stdout.read()
                return Answer(process.wait(), output, errors.lines())

    def output(self, verb: str, *arguments: str) -> bytes:
        """Make one call and return what it printed; raise ResticError where it did not end well."""
        return self._output(self._command(verb, *arguments))

    def content(self, snapshot_id: str, path: str) -> Iterator[bytes]:
        """Read one file of a snapshot, block by block; raise ResticError where it cannot be read to its end."""
        with self._start(self._command("dump", "--no-lock", snapshot_id, path)) as process:
            errors = _Drain(process.stderr)
            yield from iter(lambda: process.stdout.read(1 << 20), b"")
            code = process.wait()
            if code != 0:
                raise ResticError(_explain(code, errors.lines()))

    def copy_from(self, source: Restic, ids: Sequence[str], *, read_only: bool = False) -> Answer:
        """Copy snapshots of another repository into this one, those that it has already left out.

        With ``read_only`` nothing is written to ``source``, not even a lock. One of the two is elsewhere, and what is
        needed to reach it is said for both: restic has no way to tell them apart.
        """
        # What is on a medium is root's alone to read: what root leaves here would stop this repository's owner.
        as_root = self.owner is not None and source.owner is None
        reached = replace(
            self,
            owner=None if as_root else self.owner,
            options=(*self.options, *source.options),
            credentials_file=self.credentials_file or source.credentials_file,
            ca_file=self.ca_file or source.ca_file,
        )
        # A lock of another user's in the source would stop its owner; our own lock on it stands for it.
        lock = ["--no-lock"] if read_only or self.owner != source.owner else []
        try:
            return reached.answer(
                "copy", *lock, "--from-repo", source.repository, "--from-password-file", source.password_file, *ids
            )
        finally:
            if as_root:
                _hand_over(self.repository, self.owner)

    def users_of(self, blobs: Collection[str]) -> set[str]:
        """Return the ids of the snapshots that need any of ``blobs``, or whose directories cannot be read in full.

        One walk through all snapshots for each ten thousand blobs, at least one. Raises ResticError.
        """
        wanted = sorted(blobs)
        users: set[str] = set()
        for start in range(0, max(1, len(wanted)), 10_000):
            # An id that no blob has: what cannot be read is told by the walk, whatever it looks for.
            ids = wanted[start : start + 10_000] or ["0" * 64]
            with self._start(self._command("find", "--no-lock", "--blob", *ids)) as process:
                errors = _Drain(process.stderr)
                rest = b""
                for block in iter(lambda: process.stdout.read(1 << 20), b""):
                    users.update(match[1].decode() for match in _USER.finditer(rest + block))
                    rest = (rest + block)[-200:]
                code = process.wait()
                if code != 0:
                    raise ResticError(_explain(code, errors.lines()))
        return users

    def _command(self, verb: str, *arguments: str, json: bool = True) -> list[str]:
        command = [self.program, *(["--json"] if json else [])]
        command += ["--repo", self.repository, "--password-file", self.password_file]
        command += ["--cacert", self.ca_file] if self.ca_file else []
        for option in self.options:
            command += ["-o", option]
        command += ["--cache-dir", self.cache_dir] if self.cache_dir else ["--no-cache"]
        return [*command, verb, *arguments]

    def _start(self, command: list[str], stdin: int | None = subprocess.DEVNULL, **how: Any) -> _Process:
        identity: dict[str, Any] = {}
        if self.owner and self.owner[0] != os.geteuid():
            identity = {"user": self.owner[0], "group": self.owner[1], "extra_groups": []}
        secrets = {"AWS_SHARED_CREDENTIALS_FILE": self.credentials_file} if self.credentials_file else {}
        try:
            return _Process(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**_ENVIRONMENT, **secrets},
                **{"cwd": "/", **identity, **how},
            )
        except OSError as error:
            raise ResticError(f"no se puede ejecutar {self.program}: {error}") from None

    def _output(self, command: list[str], stdin: bytes = b"") -> bytes:
        with self._start(command, stdin=subprocess.PIPE) as process:
            output, errors = process.communicate(stdin)
        if process.returncode != 0:
            raise ResticError(_explain(process.returncode, errors.splitlines()))
        return output


def _hand_over(directory: str, owner: tuple[int, int]) -> None:
    """Give to a repository's owner what root has left in it."""
    for where, directories, names in os.walk(directory):
        for name in (*directories, *names):
            path = os.path.join(where, name)
            if os.lstat(path).st_uid == 0 != owner[0]:
                os.lchown(path, *owner)


# How ``find`` names a snapshot: in its JSON (where a quote in a file's name is escaped), and on a line of its own.
_USER = re.compile(rb'(?:"snapshot":"|^ \.\.\. which belongs to snapshot )([0-9a-f]{64})', re.MULTILINE)

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


@contextmanager
def _asked_to_stop(process: _Process, errors: _Drain, patience: float | None) -> Iterator[None]:
    """Ask a restic that complains to stop when the block takes longer than so many seconds; None: never."""
    over = threading.Event()

    def watch() -> None:
        over.wait(patience)
        while not over.is_set():
            if errors.so_far():
                process.send_signal(signal.SIGINT)
                return
            over.wait(1)

    watcher = threading.Thread(target=watch, daemon=True)
    if patience is not None:
        watcher.start()
    try:
        yield
    finally:
        over.set()


def _followed(process: _Process, errors: _Drain, on_status: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Pass on how far a backup or a restore is and return its summary, empty where there is none."""
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


def _kind(message: dict[str, Any]) -> str | None:
    return message.get("message_type", message.get("struct_type"))


def _exact(written: list[str], text: str, *, swallowed: str) -> list[str] | None:
    """Return the paths of a listing in ``text``, which JSON has as ``written``; None where the two do not agree.

    From 0.19 on, the newline with which a name ends is also the one with which its line ends: it is ``swallowed``.
    """
    lines = iter(text.split("\n"))
    exact = []
    for path in written:
        end = swallowed if swallowed and path.endswith(swallowed) else ""
        found = "\n".join(next(lines, "") for _part in path[: len(path) - len(end)].split("\n")) + end
        if re.sub("[\udc80-\udcff]", "\ufffd", found) != path:
            return None
        exact.append(found)
    return exact


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


def tags_of(snapshot: dict[str, Any]) -> dict[str, str]:
    """Return the tags ``key=value`` of a snapshot; what its server wrote, and no more to be believed than that."""
    return dict(tag.split("=", 1) for tag in snapshot.get("tags") or [] if "=" in tag)


def _explain(code: int, lines: Iterable[bytes]) -> str:
    reason = _EXIT_CODES.get(code, "interrumpido por una señal" if code < 0 else f"restic terminó con el código {code}")
    said = _said(lines)
    return readable(f"{reason}: {said}" if said else reason)


def _said(lines: Iterable[bytes]) -> str:
    """Return the last of what restic, and rclone behind it, complained about."""
    texts = [text for text in map(_complaint, lines) if text and "signal interrupt received" not in text]
    return readable(("no hay espacio en el disco: " if _is_full(texts) else "") + " · ".join(texts[-3:]))


def _is_full(texts: Iterable[str]) -> bool:
    return any(mark in text for text in texts for mark in ("remaining disk space", "no space left on device"))


def _complaint(line: bytes) -> str:
    """Return the text of one line of complaint, plain or in JSON."""
    try:
        message = json.loads(line)
        text = message.get("message") or message.get("error", {}).get("message", "")
    except (ValueError, AttributeError):
        text = line.decode("utf-8", "backslashreplace")
    return text.strip()
