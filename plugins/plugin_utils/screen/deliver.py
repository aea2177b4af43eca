# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of a delivery: what goes to CSC, what CSC now has, what it could not be given."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size
from ansible_collections.dse.backup.plugins.plugin_utils import media
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import succeeded
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command, failures, receipt, table, verdict


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return how much each server has for CSC."""
    lines = ["", f"ENTREGA A CSC {run_id}"]
    if medium := result.get("medium"):
        lines.append(f"  En el medio {medium['media_id']} ({medium['location']}); {medium['media_next']}.")
        if medium["turn"] != medium["media_id"]:
            lines.append(f"  ! según la rotación tocaba {medium['turn']}")
    rows = [
        [
            each["server"],
            f"respaldos: {len(each['backups'])}",
            human_size(sum(backup["size_bytes"] for backup in each["backups"])),
            ", ".join(dict.fromkeys(backup["item_id"] for backup in each["backups"])),
        ]
        for each in result["servers"]
    ]
    lines += table(rows) if rows else ["  CSC tiene ya todos los respaldos verificados."]
    if result["left"]:
        lines.append(f"  ! tienen respaldos sin entregar y ya no están en el inventario: {', '.join(result['left'])}")
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a run in check mode."""
    return "Revisión (--check): no se entregó ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return each delivery with its folio, and what is to be done with it."""
    delivered = [record for record in shown if record["record_type"] == "delivery"]
    lines = ["", "RESULTADO DE LA ENTREGA"]
    rows = [
        [
            record["folio"],
            record["server"],
            f"respaldos: {len(record['files'])}",
            f"leídos en CSC: {human_size(sum(file['bytes_received'] for file in record['files']))}",
        ]
        for record in delivered
    ]
    lines += table(rows) if rows else ["  No se entregó nada."]
    lines += [f"  ! {record['remarks']}" for record in delivered if record.get("remarks")]
    lines += failures([*shown, *others])
    lines += _filled(others, ledger)
    if delivered:
        lines += ["", "Falta el acuse de CSC:", "  " + receipt([record["folio"] for record in delivered])]
    if shown:
        good = sum(map(succeeded, shown))
        lines += ["", verdict(good, len(shown), "TODO ENTREGADO Y COMPROBADO", "HAY ENTREGAS QUE ATENDER")]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _filled(others: list[dict[str, Any]], ledger: Ledger) -> list[str]:
    """Return which medium has no room left, and which one comes next."""
    names = [each["media_id"] for each in others if each["record_type"] == "medium"]
    if not names:
        return []
    with ledger.read() as index:
        following = media.next_in_rotation(index.media())
    lines = ["", f"SE LLENÓ EL MEDIO {names[0]}: {media.asked_for(following)}."]
    if following:
        lines += [
            "Retírelo, monte el siguiente y entregue lo que falta:",
            f"  {command('deliver', deliver_medium=following.media_id)}",
        ]
    return lines
