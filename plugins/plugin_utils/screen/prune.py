# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of a pruning: what goes, why the rest stays, how much room was made."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import succeeded
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import failures, table, verdict


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what goes and, per item, for which reasons the others stay."""
    going = [fate for fate in result["fates"] if fate["goes"]]
    lines = ["", f"DEPURACIÓN {run_id}"]
    if going:
        lines += ["  Se depuran:", *table([_row(fate) for fate in going])]
    else:
        lines.append("  No hay nada que depurar.")
    reasons: dict[tuple[str, str], dict[str, int]] = {}
    for fate in result["fates"]:
        if not fate["goes"]:
            of_item = reasons.setdefault((fate["server"], fate["item_id"]), {})
            of_item[fate["reason"]] = of_item.get(fate["reason"], 0) + 1
    if reasons:
        lines += ["", "  Se conservan:"]
        lines += table(
            [
                [server, item_id, "; ".join(f"{count}: {reason}" for reason, count in of_item.items())]
                for (server, item_id), of_item in reasons.items()
            ]
        )
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a run in check mode."""
    return "Revisión (--check): no se depuró ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what is gone from each repository."""
    lines = ["", "RESULTADO DE LA DEPURACIÓN"]
    rows = [
        [
            record["server"],
            f"depurados: {len(record['disposed'])}",
            f"quedan: {record['kept_count']}",
            f"liberado: {human_size(record['freed_bytes'])}",
        ]
        for record in shown
        if record["record_type"] == "disposal"
    ]
    lines += table(rows) if rows else ["  No se depuró nada."]
    lines += failures([*shown, *others])
    if shown:
        good = sum(map(succeeded, shown))
        lines += ["", verdict(good, len(shown), "DEPURACIÓN TERMINADA", "HAY FALLAS")]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _row(fate: dict[str, Any]) -> list[str]:
    size = human_size(fate["size_bytes"]) if "size_bytes" in fate else ""
    return [fate["server"], fate["item_id"], fate["folio"], fate.get("backup_date", ""), size, fate["reason"]]
