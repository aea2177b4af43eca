# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of a verification: how much of each repository is read, what is damaged, what to do."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import succeeded
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import failures, table, verdict


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return which repositories are verified, and how much of each is read."""
    lines = ["", f"VERIFICACIÓN DE REPOSITORIOS {run_id}"]
    rows = [
        [
            each["server"],
            _share(each["read"]),
            f"última: {spoken_day(each['verified_on']) if each['verified_on'] else 'nunca'}",
        ]
        for each in result["servers"]
    ]
    lines += table(rows) if rows else ["  No hay repositorios con respaldos registrados que verificar."]
    if result["left"]:
        lines.append(
            f"  ! tienen respaldos y ya no están en el inventario, no se verifican: {', '.join(result['left'])}"
        )
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a run in check mode."""
    return "Revisión (--check): no se leyó ningún repositorio ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what was found in each repository."""
    lines = ["", "RESULTADO DE LA VERIFICACIÓN"]
    rows = [_row(record) for record in shown]
    lines += (
        table([["Servidor", "Resultado", "Leído", "Respaldos"], *rows]) if rows else ["  No había nada que verificar."]
    )
    # A verification that finds something known again has no failure of its own: what it found is shown all the same.
    for record in shown:
        if record.get("result") == "damaged":
            lines += ["", f"DAÑOS EN {record['server']}: respaldos afectados, {len(record['damaged_file_names'])}"]
            lines += [f"  · {error}" for error in record["errors"][:10]]
    lines += failures([*shown, *others])
    good = sum(map(succeeded, shown))
    if shown:
        lines += ["", verdict(good, len(shown), "TODO ÍNTEGRO", "HAY REPOSITORIOS QUE ATENDER")]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _row(record: dict[str, Any]) -> list[str]:
    if record["record_type"] == "failure":
        return [record["server"], "NO SE VERIFICÓ", "", ""]
    label = {"intact": "íntegro", "damaged": "DAÑADO"}[record["result"]]
    return [record["server"], label, _share(record["read"]), str(record["checked_count"])]


def _share(read: str) -> str:
    """Return how much is read, in words: ``3/30`` is the third of thirty parts."""
    part, _slash, parts = read.partition("/")
    return (
        f"parte {part} de {parts} de los datos" if parts else {"all": "todos los datos"}.get(read, "sólo la estructura")
    )
