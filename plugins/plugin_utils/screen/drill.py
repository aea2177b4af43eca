# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of the drills: what is tried, what came back."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import succeeded
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import failures, table, verdict


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return which backups are tried, and since when they have waited."""
    lines = ["", f"SIMULACROS DE RECUPERACIÓN {run_id}"]
    rows = [
        [
            drill["server"],
            drill["item_id"],
            f"{drill['backup']['folio']} del {spoken_day(drill['backup']['backup_date'])}",
            human_size(drill["backup"]["size_bytes"]),
            f"último simulacro: {spoken_day(drill['tested_on']) if drill['tested_on'] else 'nunca'}",
        ]
        for server in result["servers"]
        for drill in server["drills"]
    ]
    lines += table(rows) if rows else ["  No hay ningún respaldo que probar."]
    lines += [
        f"  no se puede probar: {each['server']} · {each['item_id']} · {each['reason']}" for each in result["waiting"]
    ]
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a run in check mode."""
    return "Revisión (--check): no se restauró nada ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what came back of each backup."""
    lines = ["", "RESULTADO DE LOS SIMULACROS"]
    heading = ["Servidor", "Respaldo", "Resultado", "Recuperado", "Archivos o tablas", "Duración", "Usado"]
    lines += table([heading, *map(_row, shown)]) if shown else ["  No había nada que probar."]
    lines += failures([*shown, *others])
    good = sum(map(succeeded, shown))
    if shown:
        lines += ["", verdict(good, len(shown), "TODOS SE RECUPERARON", "HAY FALLAS")]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _row(record: dict[str, Any]) -> list[str]:
    if record["record_type"] == "failure":
        return [record["server"], record["item_id"], "NO SE HIZO", "", "", "", ""]
    return [
        record["server"],
        record["item_id"],
        {"passed": "recuperado", "failed": "FALLÓ"}[record["result"]],
        human_size(record.get("restored_bytes") or 0),
        str(record.get("entry_count") or 0),
        f"de {record['started_at'][11:19]} a {record['finished_at'][11:19]}",
        record["backup_folio"],
    ]
