# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the script on one server and shows how far it is, from time to time, until it ends."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import follow, text, texts


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
        answer = follow(self, "dse.backup.run", options, task_vars, task_vars["inventory_hostname"])
        return {"changed": True, **_believable(answer)}


def _believable(answer: dict[str, Any]) -> dict[str, Any]:
    """Keep of a server's answer only what is known, in its type: it goes into the official records."""
    result = answer.get("result")
    result = result if isinstance(result, dict) else {}
    busy = result.get("busy")
    return {
        "error": text(result.get("error")),
        "busy": f"{text(busy.get('run_id'))}, desde {text(busy.get('since'))}" if isinstance(busy, dict) else "",
        "outcomes": [_outcome(each, result) for each in _list(result.get("outcomes")) if isinstance(each, dict)],
        "journal": [
            {**_outcome(each, each), "run_id": text(each.get("run_id"))}
            for each in _list(answer.get("journal"))
            if isinstance(each, dict)
        ],
    }


def _outcome(each: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    said = ("item_id", "state", "started_at", "finished_at", "snapshot_id", "message")
    named = ("unreadable", "vanished", "remarks")
    return {
        **{key: text(each.get(key)) for key in said},
        **{key: texts(each.get(key)) for key in named},
        "tool_sha256": text(run.get("tool_sha256")),
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
