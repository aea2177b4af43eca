# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads after a decision on a backup in quarantine."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS

_MEANINGS = {
    "accepted": "ACEPTADO: cuenta como conforme y es la referencia del siguiente, si no hay otro más nuevo.",
    "rejected": "RECHAZADO: no es referencia de ningún otro, y el respaldo vuelve a vencer.",
}


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return which backup the decision is about."""
    backup = result["backup"]
    return (
        f"\nDICTAMEN SOBRE {backup['folio']}\n"
        f"  {backup['server']} · {backup['item_id']} · {backup['started_at'][:16].replace('T', ' ')} · "
        f"{human_size(backup['size_bytes'])} · {RESULTS[backup['verification_result']]}\n"
        f"  {backup.get('remarks') or 'sin observaciones'}"
    )


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    return f"  {_MEANINGS[result['decision']]}\nRevisión (--check): no se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what the decision means and what it closed."""
    closed = [f"Falla cerrada: {each['about_folio']}." for each in others if each["record_type"] == "closing"]
    return "\n".join([f"  {_MEANINGS[result['decision']]}", *closed, f"Registro oficial: {ledger.directory}", ""])
