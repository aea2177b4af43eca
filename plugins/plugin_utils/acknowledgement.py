# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has to say of a record, or of a view over records, and why it cannot be recorded as it was said.

Pure: each function returns the records of what is said and, in words, the faults; with any fault nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import DONE, LATE
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.views import Fulfilment, View, unapproved

ACCEPTED, REJECTED = "accepted", "rejected"
# Who says of a record of each type that it is right, and what that is called.
BY_ROLE = {
    "recovery": ("CGDW", "dar la conformidad a una recuperación"),
    "service_request": ("CGDW", "dar la conformidad a un servicio"),
    "delivery": ("CSC", "acusar recibo de una entrega"),
    "failure": ("JAA", "cerrar una falla"),
}
# What is decided with another playbook.
ELSEWHERE = {
    "backup_request": "request.yml -e request_folio=… -e request_decision=…",
    "backup": "accept.yml, si está en cuarentena; si no, con su semana (DSE-03-2026-W47) o su año (DSE-04-2026)",
    "loan": "loan.yml -e loan_folio=… -e loan_step=…",
    "plan": "el plan de su año (CSC-01-AÑO)",
}
_FOLIO, _RESULT, _REASON = "acknowledge_folio", "acknowledge_result", "acknowledge_reason"

Records = list[dict[str, Any]]
Faults = list[str]


class Said(NamedTuple):
    """What is said, in which role, and when (aware). Texts are safe to record; empty is not said."""

    role: str
    result: str
    reason: str
    now: datetime
    nonconformity_ref: str = ""
    maintenance_ref: str = ""
    satisfaction: Any = None
    complaint_ref: str = ""
    storage_location: str = ""

    @property
    def moment(self) -> str:
        """When, as in the records."""
        return self.now.isoformat(timespec="seconds")


def faults_of(said: Said) -> Iterator[str]:
    """Yield what is wrong whatever it is about."""
    if said.result not in (ACCEPTED, REJECTED):
        what = f"«{said.result}» debe ser" if said.result else "falta el resultado:"
        yield f"{_RESULT}: {what} accepted (conforme) o rejected (no conforme)"
    elif said.result == REJECTED and not said.reason:
        yield f"{_REASON}: falta el motivo del rechazo"


def acknowledgement(said: Said, about: str, record: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the record of what is said about a folio or a view, and of which record exactly."""
    return {
        "record_type": "acknowledgement",
        "about_folio": about,
        "acknowledged_as": said.role,
        "result": said.result,
        "reason": said.reason or None,
        "about_sha256": record["record_sha256"] if record else None,
        **more,
    }


def of_record(said: Said, record: dict[str, Any], earlier: list[tuple[str, str]]) -> tuple[Records, Faults]:
    """Say of a recovery, a service or a delivery that it is right, or not. ``earlier`` is who said what before."""
    folio, faults = record["folio"], []
    if earlier and earlier[-1][1] == ACCEPTED:
        faults.append(f"{_FOLIO}: {folio} ya tiene la conformidad de {earlier[-1][0]}, y un registro no se cambia")
    if record.get("result") == "not_restored" and said.result == ACCEPTED:
        faults.append(f"{_FOLIO}: {folio} no recuperó nada: no hay qué dar por bueno")
    if record["record_type"] == "delivery" and earlier and earlier[-1][1] == REJECTED:
        # Its backups are delivered once more, in a record of their own.
        faults.append(f"{_FOLIO}: {folio} ya fue rechazada; entréguela de nuevo con deliver.yml, que le da otro folio")
    more: dict[str, Any] = {"storage_location": said.storage_location or None}
    value = "" if said.satisfaction is None else str(said.satisfaction).strip()
    if value or said.complaint_ref:
        if record["record_type"] != "service_request":
            faults.append("acknowledge_satisfaction, acknowledge_complaint_ref: sólo de una solicitud de servicio")
        if value not in ("", "1", "2", "3", "4", "5"):
            faults.append(f"acknowledge_satisfaction: «{readable(value, 80)}» debe ser de 1 a 5")
        else:
            more |= {"satisfaction": int(value) if value else None, "complaint_ref": said.complaint_ref or None}
    return [acknowledgement(said, folio, record, **more)], faults


def of_failure(said: Said, record: dict[str, Any], is_open: bool) -> tuple[Records, Faults]:
    """Close a failure by JAA's reasoned decision."""
    folio, faults = record["folio"], []
    if not is_open:
        faults.append(f"{_FOLIO}: la falla {folio} ya está cerrada")
    if said.result == REJECTED:
        faults.append(f"{_RESULT}: la falla {folio} se cierra con accepted, o se deja abierta")
    if not said.reason:
        faults.append(f"{_REASON}: falta la causa de {folio} y cómo se resolvió")
    closing = {
        "record_type": "closing",
        "about_folio": folio,
        "item_id": record.get("item_id"),
        "server": record.get("server"),
        "evidence": "decision",
        "cause": said.reason,
        "nonconformity_ref": said.nonconformity_ref or None,
        "maintenance_ref": said.maintenance_ref or None,
        "resolved_at": said.moment,
    }
    return [closing], faults


def of_view(said: Said, view: View, earlier: Records) -> tuple[Records, Faults]:
    """Close a week or a year that JAA has reviewed; one that is closed takes in what is new, as a correction.

    ``earlier`` are its closing and its corrections until now.
    """
    reviewed = {folio for record in earlier for folio in record["reviewed_folios"]}
    new = [backup.folio for backup in view.backups if backup.folio not in reviewed]
    slots = [slot for line in view.lines for slot in line.slots]
    record = {
        "record_type": "correction" if earlier else "closing",
        "about_folio": view.name,
        "evidence": "review",
        "reviewed_form": view.form.code,
        "reviewed_folios": new,
        "slots_expected": len(slots),
        "slots_covered": sum(slot.state in (DONE, LATE) for slot in slots),
        "missing": view.missing,
        "cause": said.reason or None,
        "resolved_at": said.moment,
    }
    return [record], list(_view_faults(said, view, earlier, new))


def _view_faults(said: Said, view: View, earlier: Records, new: list[str]) -> Iterator[str]:
    # What a week lacks cannot come any more; a year of DSE 04 goes on.
    is_week = (view.last - view.first).days == 6
    if is_week and said.now.date() <= view.last:
        yield f"{_FOLIO}: {view.name} no ha terminado: es del {view.first:%d/%m/%Y} al {view.last:%d/%m/%Y}"
    elif is_week and view.pending:
        yield f"{_FOLIO}: en {view.name} aún puede hacerse: {'; '.join(view.pending)}"
    if not view.lines:
        yield f"{_FOLIO}: en {view.name} no se esperaba ni se hizo ningún respaldo"
    if said.result == REJECTED:
        yield f"{_RESULT}: {view.name} se cierra con accepted, o se deja abierta"
    if view.waiting:
        yield f"{_FOLIO}: en {view.name} esperan dictamen (accept.yml): {', '.join(view.waiting)}"
    if earlier and not new:
        closed = datetime.fromisoformat(earlier[0]["recorded_at"])
        yield f"{_FOLIO}: {view.name} ya se cerró el {closed:%d/%m/%Y}, y nada ha llegado después"
    elif earlier and not said.reason:
        late = ", ".join(new)
        yield f"{_REASON}: {view.name} ya está cerrada; lo que llegó después ({late}) se asienta con su motivo"
    elif is_week and not earlier and view.missing and not said.reason:
        yield f"{_REASON}: en {view.name} falta lo siguiente, diga por qué: {'; '.join(view.missing)}"


def of_plan_by_jaa(
    said: Said, name: str, year: int, planned: Collection[Fulfilment], lines: Records, procedure: Procedure
) -> tuple[Records, Faults]:
    """Approve a year's plan: its new and changed lines are recorded, and that JAA approved them."""
    faults = []
    if said.result == REJECTED:
        faults.append(f"{_RESULT}: {name} se aprueba con accepted, o no se aprueba")
    if year < said.now.year:
        faults.append(f"{_FOLIO}: {name} es de un año que ya pasó")
    changed = unapproved(planned, lines)
    if not changed and lines:
        faults.append(f"{_FOLIO}: {name} ya está aprobado y no ha cambiado")
    elif not changed:
        faults.append(f"{_FOLIO}: en {year} no hay nada que planear: ninguna solicitud aceptada")
    version = 1 + max((line["plan_version"] for line in lines), default=0)
    records = [
        {
            "record_type": "plan",
            "form_code": procedure.form_for("plan").code,
            "prepared_by": procedure.institution.prepared_by,
            "plan_year": year,
            "plan_version": version,
            **{key: getattr(each, key) for key in ("item_id", "information_type", "frequency", "planned_dates")},
            "approved_by": said.role,
        }
        for each in changed
    ]
    return [*records, acknowledgement(said, name, plan_version=version)], faults


def of_plan_by_csc(said: Said, name: str, lines: Records, earlier: list[tuple[str, str]]) -> tuple[Records, Faults]:
    """Receive a year's plan as JAA approved it, or reject it."""
    faults = []
    if not lines:
        faults.append(f"{_FOLIO}: {name} aún no ha sido aprobado por JAA: no hay qué recibir")
    elif earlier and earlier[-1] == ("CSC", ACCEPTED):
        faults.append(f"{_FOLIO}: {name} ya fue recibido, y JAA no lo ha cambiado después")
    version = max((line["plan_version"] for line in lines), default=0)
    return [acknowledgement(said, name, plan_version=version)], faults
