# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read after something happened to a request: its folio, and what comes next."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command, table


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what is going to be recorded."""
    if "taken" in result:
        lines = ["", "SOLICITUDES QUE SE TOMAN DEL INVENTARIO"]
        rows = [[folio, ", ".join(item_ids)] for folio, item_ids in result["taken"].items()]
        lines += table(rows) if rows else ["  Todas las del inventario están ya en el registro."]
        if result["refused"]:
            lines += ["", "NO SE TOMAN HASTA CORREGIRLOS EN EL INVENTARIO"]
            lines += [f"  ✗ {each}" for each in result["refused"]]
        return "\n".join(lines)
    record = result["backup_records"][0]
    if record["record_type"] == "service_request":
        return f"\nSOLICITUD DE SERVICIO de {record['requester_area']}: {record['description']}"
    if record["record_type"] != "backup_request":
        return f"\nSOLICITUD {record['about_folio']}: {_asked(result['request'])}"
    amends = f" QUE CAMBIA A {record['amends_folio']}" if record["amends_folio"] else ""
    lines = ["", f"SOLICITUD DE RESPALDO{amends}", *_rows(record)]
    if result["outside"]:
        names = ", ".join(result["outside"])
        lines.append(f"  ! fuera del alcance (1.2), JAA no podrá aceptarla: {names} no pertenece a dse_servers")
    return "\n".join(lines)


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    return "Revisión (--check): no se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what was recorded, and what is to be done with it."""
    lines = [""]
    if "taken" in result:
        lines.append(f"Solicitudes tomadas del inventario y aceptadas: {len(result['taken'])}.")
    else:
        for record in others:
            lines += _recorded(record, result)
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _recorded(record: dict[str, Any], result: dict[str, Any]) -> list[str]:
    kind = record["record_type"]
    if kind == "service_request":
        if record["service_type"] == "restore":
            what, how = "Para atenderla", "restore.yml … (qué hay: list.yml y find.yml)"
        else:
            what = "Para derivar de ella una solicitud de respaldo"
            how = f"{command('request', request_service_request=record['folio'])} …"
        return [f"REGISTRADA: {record['folio']}. {what}:", f"  {how}"]
    if kind == "backup_request":
        return [
            f"REGISTRADA: {record['folio']}. Nada se respalda hasta que JAA la acepte:",
            f"  {command('request', request_folio=record['folio'], request_decision='accepted')}",
        ]
    if kind == "closing" and record["evidence"] != "cancellation":
        return [f"Falla cerrada: {record['about_folio']}."]
    if kind == "closing":
        return [f"CANCELADA: {record['about_folio']}. Quite del inventario los elementos que la nombran."]
    if record["decision"] == "rejected":
        return [f"RECHAZADA: {record['about_folio']} ({record['decision_reason']})."]
    instead = f" en lugar de {result['request']['amends']}" if result["request"].get("amends") else ""
    since = spoken_day(record["valid_from"])
    return [
        f"ACEPTADA: {record['about_folio']}{instead}, desde el {since}. En el inventario:",
        *_element(record["about_folio"], result["request"]),
    ]


def _element(folio: str, request: dict[str, Any]) -> list[str]:
    """Return the item to add to the inventory, as it is written there."""
    if request["information_type"] == "database":
        what = (
            f"database: {{engine: …, {'path' if request['source'].startswith('/') else 'name'}: {request['source']}}}"
        )
    else:
        what = f"paths: [{request['source']}]"
    lines = [
        f"  host_vars/{', '.join(request['servers'])}/items.yml, en backup_client_items:",
        "    - id: …",
        f"      service: {request['service']}",
        f"      repository_type: {request['repository_type']}",
        f"      information_type: {request['information_type']}",
        f"      request_folio: {folio}",
        f"      {what}",
    ]
    if request["exclusions"]:
        lines.append(f"      exclude: [{', '.join(request['exclusions'])}]")
    return [*map(readable, lines), "  y después deploy.yml."]


def _rows(record: dict[str, Any]) -> list[str]:
    rows = [
        ["Solicita", f"{record['requester_role']} · {record['requester_area']} · {record['requester_contact']}"],
        ["Servicio", f"{record['service']} · {', '.join(record['servers'])}"],
        ["Información", f"{record['information_type']}: {record['source']}"],
        ["Tamaño estimado", human_size(record["estimated_bytes"])],
        ["Exclusiones", ", ".join(record["exclusions"] or []) or "ninguna"],
        ["Datos personales", "sí" if record["contains_personal_data"] else "no"],
    ]
    return table([[name, readable(value)] for name, value in rows])


def _asked(request: dict[str, Any]) -> str:
    return readable(f"{request['area']} · {', '.join(request['servers'])} · {request['source']}")
