# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run on one server: backups (preflight or dump, restic, journal, item after item), or a restoration.

What a run leaves behind lies in its own directory below ``runs/`` of the script's state directory:
``request.json`` (what was asked), ``progress.json`` (where it is) and ``result.json`` (how each item ended).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, TextIO

from . import VERSION, databases, preflight, repository_lock, restore
from .items import is_database
from .journal import Busy, Journal, exclusive
from .json_file import read_json, write_json
from .restic import Restic, ResticError
from .restore_error import RestoreError
from .text import readable

# Directories of earlier runs that are kept for whoever looks into what happened.
_KEPT_RUNS = 20

Progress = Callable[[dict[str, Any]], None]


class Stopped(BaseException):
    """The run was asked to stop, by a signal or because its time was over."""


def execute(
    config: dict[str, Any], items: list[dict[str, Any]], *, run_id: str, mode: str, time_limit: int, progress: Progress
) -> dict[str, Any]:
    """Back up ``items`` and return the run's result; raise Busy where another run holds the server.

    ``config`` is the server's ``config.json``; ``mode`` is automatic or manual; ``time_limit`` is in seconds, 0 for
    none. The result has ``outcomes``, one per item, each with ``state``: ``stored`` (a snapshot lies in the repository)
    or ``failed``.
    """
    state_dir = config["state_dir"]
    run = _run_facts(run_id, mode)
    holder = {"run_id": run_id, "pid": os.getpid(), "since": _now(), "mode": mode}
    lock = exclusive(os.path.join(state_dir, "lock"), holder)
    with lock, _stoppable(time_limit), repository_lock.shared(config.get("lock_file")):
        journal = Journal(state_dir)
        outcomes = []
        stopped = ""
        for position, item in enumerate(items, start=1):
            step = {"item_id": item["id"], "position": position, "of": len(items)}
            outcome: dict[str, Any] = {"item_id": item["id"], "state": "failed", "started_at": _now()}
            try:
                if stopped:
                    raise Stopped(stopped)
                facts = _store(config, item, run, lambda news, step=step: progress({**step, **news}))
                outcome.update(facts, state="stored")
            except (preflight.PreflightError, databases.DumpError, ResticError, OSError) as error:
                outcome["message"] = readable(str(error))
            except Stopped as stop:
                outcome["message"] = stopped = str(stop)
            except Exception as error:  # Whatever it is, it stops one item and not the others.
                outcome["message"] = readable(f"error inesperado: {error!r}")
            outcome["finished_at"] = _now()
            with contextlib.suppress(OSError):  # The snapshot's tags and the result tell the same story.
                journal.append({**run, **outcome})
            outcomes.append(outcome)
        _forget_old_runs(os.path.join(state_dir, "runs"))
    return {**run, "server": config["server"], "outcomes": outcomes}


def restore_one(config: dict[str, Any], request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Restore what ``request["restore"]`` says and return the run's result; raise Busy where a run holds the server.

    Only a restoration in place waits for nobody else to be at work: a daily backup is not held up by the others.
    """
    wanted = request["restore"]
    outcome: dict[str, Any] = {
        "state": "failed",
        "message": "",
        "started_at": _now(),
        "restored_bytes": 0,
        "entry_count": 0,
        "sha256_matches": None,
        "safety_snapshot": None,
        "remarks": [],
        "database": None,
    }
    with contextlib.ExitStack() as held:
        if wanted["in_place"]:
            holder = {"run_id": request["run_id"], "pid": os.getpid(), "since": _now(), "mode": request["mode"]}
            held.enter_context(exclusive(os.path.join(config["state_dir"], "lock"), holder))
        held.enter_context(_stoppable(request["time_limit"], "la restauración fue interrumpida"))
        try:
            outcome.update(restore.perform(config, request, progress), state="restored")
        except RestoreError as error:
            outcome.update(error.facts, message=readable(str(error)))
        except (ResticError, OSError, Stopped) as error:
            # What was true when it was stopped: a safety snapshot above all.
            outcome.update(getattr(error, "facts", {}), message=readable(str(error)))
        except Exception as error:
            outcome["message"] = readable(f"error inesperado: {error!r}")
    _forget_old_runs(os.path.join(config["state_dir"], "runs"))
    outcome["finished_at"] = _now()
    return {**_run_facts(request["run_id"], request["mode"]), "server": config["server"], "restore": outcome}


def _run_facts(run_id: str, mode: str) -> dict[str, str]:
    return {"run_id": run_id, "mode": mode, "tool": f"dse-backup {VERSION}", "tool_sha256": tool_sha256()}


def _store(config: dict[str, Any], item: dict[str, Any], run: dict[str, Any], progress: Progress) -> dict[str, Any]:
    restic = Restic.of(config)
    tags = [f"item={item['id']}", f"run={run['run_id']}", f"mode={run['mode']}", f"tool={run['tool']}"]
    facts: dict[str, Any] = {}
    staged = ""
    if is_database(item):
        progress({"phase": "dump"})
        staged = os.path.join(config["staging_dir"], item["id"])
        try:
            dump = databases.dump(item, staged)
        except BaseException:
            # A partial dump is good for nothing and its disk may be full. A whole one stays until it is stored.
            shutil.rmtree(staged, ignore_errors=True)
            raise
        facts = {"sha256": dump.sha256, "tables": dump.tables, "engine": dump.engine, "remarks": dump.remarks}
        tags += [f"sha256={dump.sha256}", f"tables={dump.tables}", f"engine={dump.engine}", f"schema={dump.schema}"]
        paths, flags, exclude = [staged], [], []
    else:
        paths = preflight.checked_paths(item)
        flags = ["--one-file-system"] if item.get("one_file_system") else []
        exclude = item.get("exclude", [])
        revision = _source_revision(paths[0]) if item["information_type"] == "source_code" else ""
        if revision:
            facts["source_revision"] = revision
            tags.append(f"revision={revision}")
    stored = restic.backup(
        paths,
        host=config["server"],
        tags=[tag.replace(",", ";") for tag in tags],
        exclude=exclude,
        flags=flags,
        on_status=lambda status: progress({"phase": "store", **_share(status)}),
    )
    if staged:
        shutil.rmtree(staged)
    if stored.unreadable:
        # An append-only client cannot take its snapshot back: it says beside it that it is not whole, so that the
        # backup server knows even when this result never reaches the controller.
        restic.store_text(
            json.dumps(stored.unreadable),
            name="unreadable.json",
            host=config["server"],
            tags=[f"item={item['id']}", f"partial={stored.snapshot_id}"],
        )
    return {
        **facts,
        "snapshot_id": stored.snapshot_id,
        "unreadable": stored.unreadable[:100],
        "vanished": stored.vanished[:100],
        "size_bytes": stored.summary.get("total_bytes_processed", 0),
    }


def _share(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "percent": round(100 * status.get("percent_done", 0)),
        "bytes_done": status.get("bytes_done", 0),
        "bytes_total": status.get("total_bytes", 0),
    }


def _source_revision(path: str) -> str:
    """Return ``git 3f9a12c`` for a directory that git keeps, else nothing: the form's field is optional.

    Only the files of ``.git`` are read; running git as root in a directory of somebody else runs their hooks.
    """
    git = os.path.join(path, ".git")
    try:
        head = _first_line(os.path.join(git, "HEAD"))
        if head.startswith("ref: "):
            reference = head[5:]
            try:
                head = _first_line(os.path.join(git, *reference.split("/")))
            except OSError:
                with _regular(os.path.join(git, "packed-refs")) as packed:
                    head = next((line.split()[0] for line in packed if line.rstrip().endswith(" " + reference)), "")
    except (OSError, ValueError):
        return ""
    return f"git {head[:12]}" if head and all(char in "0123456789abcdef" for char in head) else ""


def _first_line(path: str) -> str:
    with _regular(path) as stream:
        return stream.readline(256).strip()


def _regular(path: str) -> TextIO:
    """Open a file of somebody else's directory: a pipe there would hold the run for ever, a link lead out of it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    return open(descriptor, encoding="ascii", errors="replace")


def tool_sha256() -> str:
    """Return one digest of all the script's own files: a changed script shows in the record."""
    directory = os.path.dirname(os.path.abspath(__file__))
    digest = hashlib.sha256()
    for name in SCRIPT_FILES:
        with open(os.path.join(directory, name), "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()


# The files that make up the script on a server; the role copies these.
SCRIPT_FILES = (
    "__init__.py",
    "cli.py",
    "database_programs.py",
    "database_restore.py",
    "database_servers.py",
    "databases.py",
    "dump_contents.py",
    "file_plan.py",
    "file_restore.py",
    "items.py",
    "journal.py",
    "json_file.py",
    "path_pattern.py",
    "preflight.py",
    "repository_lock.py",
    "restic.py",
    "restore.py",
    "restore_error.py",
    "run.py",
    "safe_tree.py",
    "scratch_server.py",
    "sqlite_files.py",
    "text.py",
)


@contextlib.contextmanager
def _stoppable(time_limit: int, said: str = "el respaldo fue interrumpido") -> Iterator[None]:
    """Turn SIGTERM, SIGINT, SIGHUP and the end of the time into Stopped, once, so that what runs can clean up."""

    def stop(number: int, frame: Any) -> None:
        for each in handlers:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGALRM:
            raise Stopped(f"se agotó el tiempo límite de {time_limit} s")
        raise Stopped(f"{said} ({signal.Signals(number).name})")

    handlers = {number: signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)}
    for number in handlers:
        handlers[number] = signal.signal(number, stop)
    signal.alarm(time_limit)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _forget_old_runs(directory: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        runs = sorted(os.scandir(directory), key=lambda entry: entry.stat().st_mtime)
        for entry in runs[:-_KEPT_RUNS]:
            shutil.rmtree(entry.path, ignore_errors=True)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def perform(run_dir: str, config: dict[str, Any]) -> dict[str, Any]:
    """Carry out the request that lies in ``run_dir`` and leave its result there, whatever happens."""
    request = read_json(os.path.join(run_dir, "request.json"))
    progress_file = os.path.join(run_dir, "progress.json")

    def progress(news: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # A full disk must not stop a backup that does not need it.
            write_json(progress_file, news)

    try:
        Restic("", "", config["restic"]).version()
        if request.get("job") == "restore":
            result = restore_one(config, request, progress)
        else:
            result = execute(
                config,
                request["items"],
                run_id=request["run_id"],
                mode=request["mode"],
                time_limit=request["time_limit"],
                progress=progress,
            )
    except Busy as busy:
        result = {"busy": busy.holder}
    except Stopped as stop:  # Between two items; what was stored lies in the repository and in the journal.
        result = {"error": str(stop)}
    except (OSError, ResticError, subprocess.SubprocessError) as error:
        result = {"error": readable(str(error))}
    write_json(os.path.join(run_dir, "result.json"), result)
    return result
