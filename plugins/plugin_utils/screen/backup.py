# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of a backup: the plan before a run, the result after it."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, FIRST
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, table, verdict

_MODES = {"automatic": "automático", "manual": "manual"}


def checked(result: dict[str, Any]) -> str:
    """Return the end of a run in check mode."""
    errors = len(result["refused"])
    wrong = f" EL INVENTARIO TIENE ERRORES: {errors}, arriba." if errors else ""
    return f"Revisión (--check): no se contactó a ningún servidor ni se registró nada.{wrong}"


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what this run is going to do: what is due, what waits, what the inventory gets wrong."""
    refused = result["refused"]
    due = [each for each in result["planned"] if "source" in each]
    lines = ["", f"PLAN DE LA CORRIDA {run_id}"]
    if due:
        lines += table([[each["server"], each["item_id"], each["reason"]] for each in due])
    else:
        lines.append("  Nada vence ahora: no se contacta a ningún servidor.")
    lines += [f"  en espera: {each['server']} · {each['item_id']} · {each['reason']}" for each in result["waiting"]]
    if result["absent"]:
        lines += [
            "",
            "SOLICITADO, ACEPTADO Y AUSENTE DEL INVENTARIO; agréguelo, o cancele la solicitud con request.yml:",
        ]
        lines += [f"  ! {each['server']} · {each['folio']} · {readable(each['source'])}" for each in result["absent"]]
    if refused:
        lines += ["", "EL INVENTARIO TIENE ERRORES; estos elementos no se respaldan hasta corregirlos:"]
        lines += [f"  ✗ {line}" for line in refused]
    return "\n".join([*lines, ""])


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return how each planned item ended, what was found besides, and where the record lies."""
    lines = ["", "RESULTADO DE LOS RESPALDOS"]
    rows = [_row(record) for record in shown]
    if rows:
        heading = ["Servidor", "Respaldo", "Resultado", "Tamaño", "Anterior", "Variación", "Folio"]
        lines += table([heading, *rows])
    else:
        lines.append("  Nada vencía: no se contactó a ningún servidor.")
    problems = [record for record in shown if record.get("verification_result") not in (CONFORMING, FIRST)]
    if problems:
        lines += ["", "REQUIEREN ATENCIÓN"]
        lines += [f"  ✗ {each['server']} · {each['item_id']}: {_reason(each)}" for each in problems]
    caught_up = [record for record in others if record["record_type"] == "backup"]
    late = [record for record in others if record["record_type"] == "failure" and "about_folio" not in record]
    if caught_up or late:
        lines += ["", "ADEMÁS SE REGISTRÓ"]
        lines += [
            f"  · {each['server']} · {each['item_id']}: respaldo {_MODES[each['execution_mode']]} del "
            f"{each['started_at'][:16].replace('T', ' ')} hallado en el servidor de respaldos, "
            f"{RESULTS[each['verification_result']]} ({each['folio']})"
            for each in caught_up
        ]
        lines += [
            f"  · {each['server']} · {each['item_id']}: {each['error_message']} ({each['folio']})" for each in late
        ]
    good = len(shown) - len(problems)
    firsts = sum(record.get("verification_result") == FIRST for record in shown)
    if shown:
        lines += ["", verdict(good, len(shown), "TODO CONFORME", "HAY RESPALDOS QUE ATENDER")]
    if firsts:
        lines.append(f"Sin respaldo anterior con el cual comparar: {firsts}; confirme que su tamaño es el esperado.")
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _row(record: dict[str, Any]) -> list[str]:
    if record["record_type"] == "failure":
        return [record["server"], record["item_id"], "FALLÓ", "", "", "", record["folio"]]
    previous = record.get("previous_size_bytes")
    change = record.get("size_change_pct")
    return [
        record["server"],
        record["item_id"],
        RESULTS[record["verification_result"]],
        human_size(record["size_bytes"]),
        "" if previous is None else human_size(previous),
        "" if change is None else f"{change:+.2f} %",
        record["folio"],
    ]


def _reason(record: dict[str, Any]) -> str:
    return record.get("error_message") or record.get("remarks") or "sin explicación"
