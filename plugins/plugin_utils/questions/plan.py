# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The year's plan (FOR 7.5 CSC 01) item by item with its fulfilment, and whether JAA approved it and CSC has it."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import views
from ansible_collections.dse.backup.plugins.plugin_utils.acknowledgement import ACCEPTED
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    day,
    listed,
    names,
    percent,
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command
from ansible_collections.dse.backup.plugins.plugin_utils.views import Fulfilment

APPROVED, UNAPPROVED, CHANGED = "approved", "unapproved", "changed"
_CSC = "CSC"


def plan(asked: Asked) -> Answer:
    """Tell of a year's plan, by default this one's; what JAA has not approved, or CSC not received, needs action."""
    year = asked.year or asked.now.year
    name = f"{asked.procedure.form_for('plan').series}-{year}"
    expected = [each for each in asked.expected() if asked.has(each.server, *each.item_ids)]
    planned = views.fulfilments(expected, year, asked.index, asked.now, asked.procedure.delivery)
    lines = asked.index.plan_lines(year)
    said = asked.index.about(name, "acknowledgement")
    known = {line["item_id"]: line["plan_version"] for line in lines}
    unapproved = {each.item_id for each in views.unapproved(planned, lines)}
    versions = _versions(lines, said)
    found = [_row(asked, each, known, unapproved) for each in planned]
    problems, next_command = [], ""
    if planned and versions and (problem := _unreceived(name, versions[-1])):
        problems = [problem]
        told = {"acknowledge_as": _CSC, "acknowledge_result": "RESULTADO"}
        next_command = command("acknowledge", acknowledge_folio=name, **told)
    # Of a year that is over nobody can approve a plan any more.
    if unapproved and year >= asked.now.year:
        what = "JAA no ha aprobado el plan" if not lines else "cambió después de aprobarse"
        problems.insert(0, f"{name}: {what}: {names([row['item_id'] for row in found if row['state'] != APPROVED])}")
        next_command = command("acknowledge", acknowledge_folio=name, acknowledge_result="accepted")
    return Answer(
        f"PLAN ANUAL Y CONTROL DE RESPALDOS {year} · {name}",
        [
            Section("items", "CUMPLIMIENTO A LA FECHA", _ITEM, found),
            Section("total", "EN TOTAL", _TOTAL, [_total(planned)] if planned else []),
            Section("versions", "VERSIONES DEL PLAN", _VERSION, versions),
        ],
        problems,
        next_command=next_command,
        all_is_well="Nada que hacer." if planned else "En ese año no se espera ningún respaldo.",
    )


def _row(asked: Asked, each: Fulfilment, known: dict[str, int], unapproved: set[str]) -> Row:
    state = APPROVED if each.item_id not in unapproved else CHANGED if each.item_id in known else UNAPPROVED
    return {
        **each._asdict(),
        "compliance_pct": each.compliance_pct,
        "frequency_label": asked.procedure.frequencies[each.frequency].label,
        "plan_version": known.get(each.item_id),
        "state": state,
    }


def _total(planned: list[Fulfilment]) -> Row:
    """Return the whole year's; its fulfilment is that of all slots, not the mean of the items'."""
    counted = ("planned", "done", "late", "missed", "mitigated", "pending", "deliveries_planned", "deliveries_done")
    sums = {key: sum(getattr(each, key) for each in planned) for key in counted}
    whole = planned[0]._replace(**sums)
    return {"item_count": len(planned), **sums, "compliance_pct": whole.compliance_pct}


def _versions(lines: list[dict[str, Any]], said: list[dict[str, Any]]) -> list[Row]:
    """Return each version of the plan, with who approved it and what CSC last said of it."""
    rows = []
    for version in sorted({line["plan_version"] for line in lines}):
        of_it = [line for line in lines if line["plan_version"] == version]
        by_csc = views.said_of_plan(_CSC, version, said) or {}
        rows.append(
            {
                **{"plan_version": version, "line_count": len(of_it)},
                **{"approved_by": of_it[0].get("approved_by"), "approved_at": of_it[0]["recorded_at"]},
                "received_by": _CSC if by_csc.get("result") == ACCEPTED else None,
                **{"csc_result": by_csc.get("result"), "csc_said_at": by_csc.get("recorded_at")},
                "reason": by_csc.get("reason"),
                "item_ids": [line["item_id"] for line in of_it],
            }
        )
    return rows


def _unreceived(name: str, version: Row) -> str:
    """Return in words why CSC does not have the last version; "" where it has."""
    if version["received_by"]:
        return ""
    if version["csc_result"]:
        return f"{name}: CSC rechazó la versión {version['plan_version']}: {version['reason'] or 'sin motivo'}"
    return f"{name}: CSC no ha recibido la versión {version['plan_version']}"


_STATES = {APPROVED: "aprobado", UNAPPROVED: "SIN APROBAR", CHANGED: "CAMBIÓ; SIN APROBAR"}
_COUNTS = (
    *(text("Programados", "planned"), text("Realizados", "done"), text("Tardíos", "late"), text("Omitidos", "missed")),
    *(text("Mitigados", "mitigated"), text("Pendientes", "pending")),
    Column("Entregas a CSC", lambda row: f"{row['deliveries_done']}/{row['deliveries_planned']}"),
    percent("Cumplimiento", "compliance_pct", 1),
)
_ITEM = (SERVER, ITEM_ID, text("Periodicidad", "frequency_label"), *_COUNTS, spoken("Plan", "state", _STATES))
_TOTAL = (text("Respaldos", "item_count"), *_COUNTS)
_VERSION = (
    *(text("Versión", "plan_version"), text("Aprobó", "approved_by"), day("El", "approved_at")),
    *(text("Renglones", "line_count"), listed("Respaldos", "item_ids"), text("Recibió", "received_by")),
    *(day("CSC respondió", "csc_said_at"), text("Motivo", "reason")),
)
