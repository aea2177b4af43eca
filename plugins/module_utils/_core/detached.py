# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a run of the deployed script apart from the connection that asked for it, and finds it again.

The run goes on when the connection breaks: asking again with the same run id attaches to it. Each call waits a while
for the end, so a short run costs one call and a long one a call per look at its progress.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from typing import Any

from .journal import BY_HAND, Journal
from .json_file import read_json, write_json

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOOK_EVERY = 0.02


class NotStarted(Exception):
    """The script is not there or does not start; the text says what to do."""


def attend(script: str, state_dir: str, request: dict[str, Any], *, wait: float) -> dict[str, Any]:
    """Start the run that ``request`` describes, unless it was started before, and wait for it ``wait`` seconds.

    ``request`` has ``run_id``, ``mode``, ``time_limit`` (seconds) and ``items``, or another ``job`` and what that
    needs. Returns ``finished`` with either
    ``result`` and ``journal`` (what failed in runs by hand) or ``progress``; raises NotStarted.
    """
    if not _RUN_ID.fullmatch(request["run_id"]):
        raise NotStarted(f"«{request['run_id']}» no es una clave de corrida")
    run_dir = os.path.join(state_dir, "runs", request["run_id"])
    alive = os.path.join(run_dir, "alive")
    try:
        os.makedirs(run_dir, mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise NotStarted(f"no se puede escribir en {state_dir}: {error.strerror}; ejecute deploy.yml") from None
    else:
        _start(script, run_dir, alive, request)
    deadline = time.monotonic() + wait
    while True:
        running = _is_held(alive)
        result = _left_behind(run_dir, "result.json")
        if result is not None:
            by_hand = [each for each in Journal(state_dir).entries() if str(each.get("run_id")).startswith(BY_HAND)]
            failed = [each for each in by_hand if each.get("state") == "failed"]
            return {"finished": True, "result": result, "journal": failed[-50:]}
        if not running:
            return {
                "finished": True,
                "result": {"error": f"el script terminó sin dejar su resultado; vea {run_dir}/log"},
            }
        if time.monotonic() >= deadline:
            return {"finished": False, "progress": _left_behind(run_dir, "progress.json") or {}}
        time.sleep(_LOOK_EVERY)


def _left_behind(run_dir: str, name: str) -> Any:
    """Return what the script wrote, or None: our own writes whole files, one that was replaced may not."""
    try:
        return read_json(os.path.join(run_dir, name))
    except ValueError:
        return None


def _start(script: str, run_dir: str, alive: str, request: dict[str, Any]) -> None:
    write_json(os.path.join(run_dir, "request.json"), request)
    # The script inherits this lock and holds it while it lives: free and no result means that it died.
    marker = os.open(alive, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(marker, fcntl.LOCK_EX)
        with open(os.path.join(run_dir, "log"), "wb") as log:
            subprocess.Popen(
                [script, "run", "--run-dir", run_dir],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                pass_fds=(marker,),
            )
    except OSError as error:
        raise NotStarted(
            f"no se puede ejecutar {script}: {error.strerror}; ejecute deploy.yml en este servidor"
        ) from None
    finally:
        os.close(marker)


def _is_held(path: str) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
