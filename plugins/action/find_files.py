# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for a file in the versions of one server's backups and shows where it is."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.measure import parse_time
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.repository_action import REPOSITORY_OPTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table

display = Display()


class ActionModule(LedgerAction):
    """See plugins/modules/find_files.py; as a task it takes the plan."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(**REPOSITORY_OPTIONS, limit={"type": "int", "default": 500})
        plan = options.pop("plan")
        versions = {each["snapshot"]: each for each in plan["versions"]}
        answer = self._execute_module(
            "dse.backup.find_files",
            module_args={**options, "pattern": plan["pattern"], "snapshots": list(versions)},
            task_vars=task_vars,
        )
        if answer.get("failed") or "found" not in answer:
            raise AnsibleActionFail(text(answer.get("msg")) or "el servidor de respaldos no respondió")
        found = [
            {**hit, "mtime": _local(hit["mtime"], self.procedure.zone), **versions[hit["snapshot"]]}
            for hit in answer["found"]
        ]
        display.display("\n".join(_lines(plan, found, answer["cut"])))
        return {"changed": False, "found": found}


def _local(mtime: Any, zone: tzinfo) -> str | None:
    """Return when a file was changed in the institution's time; None where that is no time at all."""
    try:
        return parse_time(mtime).astimezone(zone).isoformat(timespec="seconds")
    except (AttributeError, ValueError, OverflowError):
        return None


def _lines(plan: dict[str, Any], found: list[dict[str, Any]], cut: bool) -> list[str]:
    heading = f"«{readable(plan['pattern'], 200)}» EN LOS RESPALDOS DE {plan['server']}"
    if not found:
        return ["", heading, f"  No está en ninguna de las {len(plan['versions'])} versiones que se revisaron.", ""]
    rows = [["Ruta", "Tamaño", "Modificado", "Respaldo", "Fecha", "Folio"]]
    # All versions of one file together, the newest first, which is the order in which they come.
    for hit in sorted(found, key=lambda hit: hit["path"]):
        size = human_size(hit["size"] or 0) if hit["type"] == "file" else hit["type"]
        dates = [(hit[key] or "")[:16].replace("T", " ") for key in ("mtime", "started_at")]
        rows.append([readable(hit["path"], 500), size, dates[0], hit["item_id"], dates[1], hit["folio"]])
    more = [f"  … hay más: acote el patrón o indique find_item (se muestran {len(found)})"] if cut else []
    return [
        "",
        heading,
        *table(rows),
        *more,
        "Recuperar uno: restore.yml -e restore_folio=FOLIO -e restore_include=RUTA …",
        "",
    ]
