# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of a repair: what is damaged and comes back from CSC's copy, and how the repository is afterwards."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import succeeded
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import failures, table, verdict
from ansible_collections.dse.backup.plugins.plugin_utils.screen.loan import what_next


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return which repositories are mended, and what waits for CSC."""
    lines = ["", f"REPARACIÓN DE LA COPIA DE JAA {run_id}"]
    rows = [
        [
            each["server"],
            f"dañados: {len(each['damaged'])}",
            f"con copia en CSC: {len(each['lent'])}",
            ", ".join(each["damaged"][:10]),
        ]
        for each in result["servers"]
    ]
    lines += table(rows) if rows else []
    lines += [f"  ✗ {each}" for each in result["refused"]]
    if not rows and not result["refused"]:
        lines.append("  Ningún respaldo registrado está dañado, según la última verificación (verify.yml).")
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a run in check mode."""
    return "Revisión (--check): no se reparó, ni se pidió, ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what came back, what did not, and what is to be done next."""
    lines = ["", "RESULTADO DE LA REPARACIÓN"]
    for record in shown:
        if record["record_type"] == "failure":
            continue
        state = {"intact": "íntegro, leído por completo", "damaged": "SIGUE DAÑADO"}[record["result"]]
        size = human_size(sum(each["size_bytes"] for each in record["repaired"]))
        lines.append(f"  {record['server']}: {state}; respaldos traídos de CSC: {len(record['repaired'])} ({size})")
        lines += [f"    {each['folio']}  {each['file'][:8]} → {each['stored_as'][:8]}" for each in record["repaired"]]
        lines += [f"  ! {record['remarks']}"] if record.get("remarks") else []
    lines += failures([*shown, *others])
    lines += [f"  ✗ {each}" for each in result["refused"]]
    with ledger.read() as index:
        for record in others:
            if record["record_type"] == "loan":
                lines += ["", f"Préstamo solicitado: {record['folio']}", *what_next(index.loan(record["folio"]))]
    if shown:
        lines += ["", verdict(sum(map(succeeded, shown)), len(shown), "TODO REPARADO", "HAY REPOSITORIOS QUE ATENDER")]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])
