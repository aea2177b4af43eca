# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows a job that runs on a server apart from the connection, until it ends, and shows how far it is."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable

display = Display()

# How long a connection that broke midway is tried again; the job on the server does not depend on it.
_RECONNECT_FOR = 60
_RECONNECT_EVERY = 10
_BREATH = 0.2
_PHASES = {
    "dump": "volcando la base de datos",
    "store": "guardando",
    "safety": "guardando lo que había",
    "restore": "restaurando",
    "verify": "leyendo y comparando huellas",
    "move": "poniendo en su lugar",
    "load": "cargando la base de datos",
    "compare": "comparando",
    "server": "preparando el servidor de prueba",
}


def follow(
    action: ActionBase, module: str, options: dict[str, Any], task_vars: dict[str, Any], host: str
) -> dict[str, Any]:
    """Call ``module`` again and again until its job has ended, and return its last answer.

    ``options`` has ``time_limit`` (seconds): the job stops itself then; a minute more, and it is given up here. Raises
    AnsibleActionFail, or AnsibleConnectionFailure where a connection does not come back.
    """
    deadline = time.monotonic() + options["time_limit"] + 60
    lost_since = None
    started = False
    while time.monotonic() < deadline:
        try:
            answer = action._execute_module(module, module_args=options, task_vars=task_vars)
        except AnsibleConnectionFailure:
            lost_since = lost_since or time.monotonic()
            if not started or time.monotonic() - lost_since > _RECONNECT_FOR:
                raise
            display.display(f"{host}: se perdió la conexión; el trabajo sigue en el servidor, reconectando")
            action._connection.reset()
            time.sleep(_RECONNECT_EVERY)
            continue
        lost_since = None
        started = True
        # Never the answer itself: whatever a server puts into it (records, facts) would be taken for the action's.
        if answer.get("failed") or "finished" not in answer:
            raise AnsibleActionFail(text(answer.get("msg")) or "la respuesta del servidor no se entiende")
        if answer.get("finished"):
            return answer
        display.display(f"{host}: {progress(answer.get('progress') or {})}")
        # The waiting is done on the server; one that answers at once all the time shall not keep us busy.
        time.sleep(_BREATH)
    raise AnsibleActionFail(f"se agotó el tiempo límite ({options['time_limit']} s)")


def progress(news: dict[str, Any]) -> str:
    """Return ``portal-src (1 de 3), guardando: 42 %, 260.0 MiB de 620.0 MiB``."""
    try:
        line = readable(news["item_id"], 80)
        if "of" in news:
            line += f" ({int(news['position'])} de {int(news['of'])})"
        line += f", {_PHASES[news['phase']]}"
        if "percent" in news:
            done, total = human_size(int(news["bytes_done"])), human_size(int(news["bytes_total"]))
            line += f": {int(news['percent'])} %, {done} de {total}"
    except (KeyError, TypeError, ValueError):
        return "preparando"
    return line


def text(value: Any) -> str:
    """Return what a server said, safe to print and to record; empty where it is no text."""
    return readable(value) if isinstance(value, str) else ""


def texts(value: Any, limit: int = 100) -> list[str]:
    """Return a server's list of texts, cut to ``limit``."""
    return [text(each) for each in value[:limit]] if isinstance(value, list) else []
