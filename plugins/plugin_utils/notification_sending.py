# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands messages to a process of their own, which sends them: whatever becomes of that one, the run goes on.

No message, no address and no password is an argument or a variable of the environment of that process.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.notification import Message

_PROGRAM = Path(__file__).with_name("notification_program.py")


def send(messages: list[Message], file: str, wait: float) -> list[str]:
    """Send ``messages`` to the services of Apprise's configuration ``file``; wait for them ``wait`` seconds at most.

    Returns in words what went wrong; raises nothing that a file or a service can cause.
    """
    file = os.path.abspath(os.path.expanduser(file))
    fault = _fault(file)
    if fault:
        return [fault]
    request = json.dumps({"file": file, "messages": [message._asdict() for message in messages]}).encode()
    # A file, not a pipe: it has all of it also where nobody waits any more. In memory: the disk may be what is full.
    with os.fdopen(os.memfd_create("notification"), "w+b") as stream:
        stream.write(request)
        stream.seek(0)
        # -P: this directory's calendar.py is not Python's. A session of its own: Ctrl-C is meant for the run.
        process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=stream,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    try:
        said, hung = process.communicate(timeout=wait)[0], False
    except subprocess.TimeoutExpired as cut_off:
        said, hung = cut_off.output or b"", True
    faults = _faults(said)
    if hung:
        faults.append(f"no terminó de avisar en {wait:g} s, y se siguió sin esperar")
    elif process.returncode:
        faults.append(f"el envío de los avisos terminó con estado {process.returncode}")
    if not faults:
        return []
    why = "apprise -vv --config=ARCHIVO --tag=failure --body=prueba"
    return [f"{readable(file)}: {'; '.join(map(readable, faults))}. Para ver por qué: {why}"]


def _fault(file: str) -> str:
    """Return in words why the configuration is not to be used: it holds passwords."""
    try:
        status = os.stat(file)
    except OSError as error:
        return f"{readable(file)}: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"{readable(file)} no es un archivo"
    if status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid()):
        return (
            f"{readable(file)} guarda claves y sólo debe poder leerlo su dueño: chmod 600 {shlex.quote(readable(file))}"
        )
    if not os.access(file, os.R_OK):
        return f"{readable(file)} no puede leerlo el usuario que ejecuta la corrida"
    return ""


def _faults(said: bytes) -> list[str]:
    """Return in words what the program's lines tell of what went wrong; see there for what they are."""
    lines = [json.loads(line) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    faults = [line["fault"] for line in lines if "fault" in line]
    services = [name for line in lines for name in line.get("services", [])]
    delivered = {line["done"] for line in lines if line.get("delivered")}
    missing = [name for name in services if name not in delivered]
    if missing:
        faults.append(f"no recibieron su aviso: {', '.join(missing)}")
    return faults
