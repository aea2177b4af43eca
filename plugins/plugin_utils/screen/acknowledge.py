# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read after they said what they had to say of a record."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger

_RESULTS = {"accepted": "conforme", "rejected": "NO CONFORME"}


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what it is about."""
    lines = ["", f"ACUSE DE {result['context']['operator_role']}"]
    lines += [f"  {line}" for what in result["shown"] for line in what]
    if result["reason"]:
        lines.append(f"  Motivo: {result['reason']}")
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    return "Revisión (--check): no se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what was recorded."""
    lines = [line for record in others if (line := _recorded(record))]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _recorded(record: dict[str, Any]) -> str:
    about = record.get("about_folio", "")
    if record["record_type"] == "plan":
        return f"  {record['folio']} · {record['item_id']}"
    if record["record_type"] == "acknowledgement":
        return f"REGISTRADO: {about}, {_RESULTS[record['result']]} ({record['acknowledged_as']})."
    if record["record_type"] == "correction":
        return f"CORREGIDA: a {about}, ya cerrada, se agregan {', '.join(record['reviewed_folios'])}."
    if record.get("evidence") == "review":
        covered, expected = record["slots_covered"], record["slots_expected"]
        return f"CERRADA: {about}; esperados {expected}, cubiertos {covered}."
    return f"Falla cerrada: {about}."
