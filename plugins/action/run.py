# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the script on one server and shows how far it is, from time to time, until it ends."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction

display = Display()

# How long a connection that broke midway is tried again; the run on the server does not depend on it.
_RECONNECT_FOR = 60
_RECONNECT_EVERY = 10
_BREATH = 1
_PHASES = {"dump": "volcando la base de datos", "store": "guardando"}


class ActionModule(LedgerAction):
    """See plugins/modules/run.py for its options and result."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            run_id={"type": "str", "required": True},
            mode={"type": "str", "required": True},
            items={"type": "list", "elements": "dict", "required": True},
            script={"type": "path", "required": True},
            state_dir={"type": "path", "required": True},
            time_limit={"type": "int", "required": True},
            wait={"type": "int", "default": 10},
        )
        host = task_vars["inventory_hostname"]
        # The script stops itself at its limit; a minute more, and it is given up here.
        deadline = time.monotonic() + options["time_limit"] + 60
        lost_since = None
        started = False
        while time.monotonic() < deadline:
            try:
                answer = self._execute_module("dse.backup.run", module_args=options, task_vars=task_vars)
            except AnsibleConnectionFailure:
                lost_since = lost_since or time.monotonic()
                if not started or time.monotonic() - lost_since > _RECONNECT_FOR:
                    raise
                display.display(f"{host}: se perdió la conexión; el respaldo sigue en el servidor, reconectando")
                self._connection.reset()
                time.sleep(_RECONNECT_EVERY)
                continue
            lost_since = None
            started = True
            # Never the answer itself: whatever a server puts into it (records, facts) would be taken for this action's.
            if answer.get("failed") or "finished" not in answer:
                raise AnsibleActionFail(_text(answer.get("msg")) or "la respuesta del servidor no se entiende")
            if answer.get("finished"):
                return {"changed": True, **_believable(answer)}
            display.display(f"{host}: {_progress(answer.get('progress') or {})}")
            # The waiting is done on the server; one that answers at once all the time shall not keep us busy.
            time.sleep(_BREATH)
        raise AnsibleActionFail(f"se agotó el tiempo límite ({options['time_limit']} s)")


def _progress(news: dict[str, Any]) -> str:
    """Return ``portal-src (1 de 3), guardando: 42 %, 260.0 MiB de 620.0 MiB``."""
    try:
        text = (
            f"{readable(news['item_id'], 80)} ({int(news['position'])} de {int(news['of'])}), {_PHASES[news['phase']]}"
        )
        if "percent" in news:
            done, total = human_size(int(news["bytes_done"])), human_size(int(news["bytes_total"]))
            text += f": {int(news['percent'])} %, {done} de {total}"
    except (KeyError, TypeError, ValueError):
        return "preparando"
    return text


def _believable(answer: dict[str, Any]) -> dict[str, Any]:
    """Keep of a server's answer only what is known, in its type: it goes into the official records."""
    result = answer.get("result")
    result = result if isinstance(result, dict) else {}
    busy = result.get("busy")
    return {
        "error": _text(result.get("error")),
        "busy": f"{_text(busy.get('run_id'))}, desde {_text(busy.get('since'))}" if isinstance(busy, dict) else "",
        "outcomes": [_outcome(each, result) for each in _list(result.get("outcomes")) if isinstance(each, dict)],
        "journal": [
            {**_outcome(each, each), "run_id": _text(each.get("run_id"))}
            for each in _list(answer.get("journal"))
            if isinstance(each, dict)
        ],
    }


def _outcome(each: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    texts = ("item_id", "state", "started_at", "finished_at", "snapshot_id", "message")
    lists = ("unreadable", "vanished", "remarks")
    return {
        **{key: _text(each.get(key)) for key in texts},
        **{key: [_text(value) for value in _list(each.get(key))[:100]] for key in lists},
        "tool_sha256": _text(run.get("tool_sha256")),
    }


def _text(value: Any) -> str:
    return readable(value) if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
