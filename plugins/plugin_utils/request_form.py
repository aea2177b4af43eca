# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what somebody answers to the record of a request (FOR 7.5 DSE 05-A, FOR 7.2 DAU 01), or to all that is wrong.

Pure: answers are the extra-vars of request.yml without ``request_``. Nothing is recorded while a fault is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any

from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.dse.backup.plugins.module_utils._core.items import item_faults
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.procedure_source import FIELD_TYPES
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import (
    ACCEPTED,
    CANCELLED,
    PENDING,
    REJECTED,
    Request,
    Requests,
    parts,
)

DECISIONS = {ACCEPTED: "aceptada", REJECTED: "rechazada", CANCELLED: "cancelada"}
# Which answer an item's key stands for, in what is said of it.
_ANSWERS = {"paths": "source", "database.name": "source", "database.path": "source", "exclude": "exclusions"}
# 4.3, and 4.1.1 for what JAA runs itself.
_REQUESTERS = ("CGDW", "JAA")
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


class Form:
    """Answers, and the faults found in them so far, each with its variable."""

    def __init__(self, answers: Mapping[str, Any], procedure: Procedure) -> None:
        self._answers = answers
        self._procedure = procedure
        self.faults: list[str] = []

    def answer(self, name: str) -> Any:
        """Return an answer as it was given."""
        return self._answers.get(name)

    def has(self, *names: str) -> list[str]:
        """Return which of these answers were given."""
        return [name for name in names if self._answers.get(name) not in (None, "", [])]

    def text(self, name: str, what: str, *, required: bool = True) -> str:
        """Return an answer in words."""
        value = self._answers.get(name)
        if value in (None, "") and not required:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.fault(name, f"falta {what}" if required else f"debe ser {what}, en texto")
            return ""
        return readable(value.strip())

    def choice(self, name: str, choices: Collection[str], what: str) -> str:
        """Return one of a closed list."""
        value = self.text(name, f"{what}: {', '.join(choices)}")
        if value and value not in choices:
            self.fault(name, f"«{value}» no es {what}; debe ser uno de: {', '.join(choices)}")
        return value

    def texts(self, name: str, what: str, *, required: bool = True) -> list[str]:
        """Return a list of texts; one alone may be given as it is."""
        value = self._answers.get(name) or []
        several = [value] if isinstance(value, str) else value
        if not isinstance(several, list) or not all(isinstance(each, str) and each.strip() for each in several):
            self.fault(name, f"debe ser {what}, en una lista")
            return []
        for each in several:
            if not _is_utf8(each):
                self.fault(name, f"«{readable(each)}» no puede registrarse: no está en UTF-8")
                return []
        if required and not several:
            self.fault(name, f"falta {what}")
        return [each.strip() for each in several]

    def flag(self, name: str, what: str) -> bool | None:
        """Return yes or no: a question that must be answered."""
        value = self._answers.get(name)
        try:
            return boolean(value)
        except TypeError:
            self.fault(name, f"falta decir si {what}: true o false")
            return None

    def email(self, name: str) -> str:
        """Return the address of an area."""
        value = self.text(name, "el correo institucional del área")
        if value and not FIELD_TYPES["email"](value):
            self.fault(name, f"«{value}» no es un correo")
        return value

    def size(self, name: str) -> int:
        """Return a number of bytes: 650117120, or 620 MiB."""
        value = str(self._answers.get(name) or "").strip()
        try:
            size = human_to_bytes(re.sub(r"(?<=[KMGT])i?B$", "", value, flags=re.IGNORECASE))
        except (ValueError, OverflowError):
            size = -1
        if size < 0 or not value:
            self.fault(name, "falta el tamaño estimado, en bytes o como «620 MiB»")
        return int(size)

    def day(self, name: str) -> str:
        """Return a date, empty where none was given."""
        value = self.text(name, "una fecha", required=False)
        if value and not FIELD_TYPES["date"](value):
            self.fault(name, f"«{value}» no es una fecha (2026-11-25)")
            return ""
        return value

    def instant(self, name: str, now: datetime) -> str:
        """Return a moment with its offset; now where none was given."""
        value = self.text(name, "un instante", required=False)
        try:
            moment = datetime.fromisoformat(value) if value else now
        except ValueError:
            self.fault(name, f"«{value}» no es un instante (2026-11-25T08:50)")
            return ""
        return (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)).isoformat(timespec="seconds")

    def fault(self, name: str, message: str) -> None:
        """Add one, with its variable."""
        self.faults.append(f"request_{name}: {message}")

    def nothing_else(self, *names: str) -> None:
        """Fault every answer that is given and does not belong here: it was meant for something."""
        for name in self.has(*self._answers):
            if name not in names:
                self.fault(name, "no corresponde a lo que se pide")


def registered(
    form: Form, procedure: Procedure, requests: Requests, service_requests: Callable[[str], bool]
) -> dict[str, Any]:
    """Return the record of a new request for a backup, or of one that changes another (``changes``)."""
    form.nothing_else(
        *("requester", "area", "contact", "service", "servers", "repository_type", "information_type", "source"),
        *("exclusions", "estimated_bytes", "personal_data", "service_request", "changes", "remarks"),
    )
    changes = form.text("changes", "el folio de la solicitud que cambia", required=False)
    amended = requests.get(changes)
    sources = form.texts("source", "el origen: rutas absolutas, o el nombre de una base de datos")
    record = {
        "record_type": "backup_request",
        "form_code": procedure.form_for("backup_request").code,
        "prepared_by": procedure.institution.prepared_by,
        "requester_role": form.choice("requester", _REQUESTERS, "el puesto de quien solicita"),
        "requester_area": form.text("area", "el área que solicita"),
        "requester_contact": form.email("contact"),
        "service": form.text("service", "el servicio electrónico"),
        "servers": form.texts("servers", "el servidor o los servidores"),
        "repository_type": form.choice("repository_type", procedure.repository_types, "un tipo de repositorio"),
        "information_type": form.choice("information_type", procedure.information_types, "un tipo de información"),
        "source": ", ".join(sources),
        "exclusions": form.texts("exclusions", "el conjunto de rutas o patrones", required=False) or None,
        "estimated_bytes": form.size("estimated_bytes"),
        "contains_personal_data": form.flag("personal_data", "contiene datos personales"),
        "service_request_folio": form.text("service_request", "el folio de la solicitud de servicio", required=False)
        or None,
        "amends_folio": changes or None,
        "remarks": form.text("remarks", "una observación", required=False) or None,
    }
    for server in record["servers"]:
        if not _SERVER.fullmatch(server):
            form.fault("servers", f"«{readable(server)}» no es el nombre de un servidor")
    if record["information_type"] == "database" and len(sources) > 1:
        form.fault("source", "una base de datos por solicitud")
    _check_source(form, record)
    kind = procedure.information_types.get(record["information_type"])
    record["frequency"] = kind.frequency if kind else ""
    if record["requester_role"] == "JAA":
        # 4.1.1: whoever integrates or publishes asks; JAA for itself only what it runs itself.
        if kind and kind.key != "server_configuration":
            form.fault("requester", "JAA sólo solicita por sí mismo configuración de servidores; lo demás, su CGDW")
        record["remarks"] = "; ".join(filter(None, [record["remarks"], "solicitada por el propio JAA"]))
    linked = record["service_request_folio"]
    if linked and not service_requests(linked):
        form.fault("service_request", f"«{linked}» no es el folio de una solicitud de servicio (FOR 7.2 DAU 01)")
    if changes:
        _check_amended(form, changes, amended)
    _check_twins(form, record, requests)
    return record


def _check_source(form: Form, record: dict[str, Any]) -> None:
    """Fault what an item could not be made of: a request that nobody can carry out is not registered."""
    kind, where = record["information_type"], record["source"]
    if not (where and kind and record["repository_type"] and record["service"]):
        return
    item = {
        "id": "x",
        "request_folio": "DSE-05-2026-0001",
        **{key: record[key] for key in ("service", "repository_type", "information_type")},
    }
    if kind == "database":
        engine, key = ("sqlite", "path") if where.startswith("/") else ("postgresql", "name")
        item["database"] = {"engine": engine, key: where}
    else:
        item.update(paths=where.split(", "), exclude=record["exclusions"] or [])
    for fault in item_faults(item):
        form.fault(_ANSWERS.get(fault.key, fault.key), fault.message)


def _check_amended(form: Form, folio: str, amended: Request | None) -> None:
    if amended is None:
        form.fault("changes", f"«{folio}» no es el folio de una solicitud de respaldo")
    elif amended.amended_by:
        form.fault("changes", f"{folio} ya fue cambiada por {amended.amended_by}: cambie ésa")
    elif amended.state != ACCEPTED:
        state = "está pendiente de aceptación" if amended.state == PENDING else f"está {DECISIONS[amended.state]}"
        form.fault("changes", f"{folio} {state}: sólo se cambia una solicitud aceptada")


def _check_twins(form: Form, record: dict[str, Any], requests: Requests) -> None:
    """Fault a request for what another one asks for already."""
    for other in requests.values():
        asks_the_same = (
            other.information_type == record["information_type"]
            and parts(other.source) == parts(record["source"])
            and set(other.servers) & set(record["servers"])
        )
        holds = other.state in (PENDING, ACCEPTED) and not other.amended_by
        if asks_the_same and holds and other.folio != record["amends_folio"]:
            form.fault(
                "source", f"{other.folio} ya lo pide en {', '.join(other.servers)}; para cambiarla use request_changes"
            )


def decided(
    form: Form, requests: Requests, *, members: Collection[str], now: datetime
) -> tuple[list[dict[str, Any]], str]:
    """Return the records of a decision on a request, or of its cancellation, and the folio that they are about."""
    form.nothing_else("folio", "decision", "reason", "valid_from", "valid_until")
    folio = form.text("folio", "el folio de la solicitud")
    decision = form.choice("decision", DECISIONS, "una decisión")
    reason = form.text("reason", "el motivo", required=decision in (REJECTED, CANCELLED))
    since, until = form.day("valid_from"), form.day("valid_until")
    request = requests.get(folio)
    if folio and request is None:
        pending = [each.folio for each in requests.values() if each.state == PENDING]
        form.fault("folio", f"«{folio}» no es el folio de una solicitud; pendientes: {', '.join(pending) or 'ninguna'}")
    if request is None or decision not in DECISIONS:
        return [], folio
    if decision == CANCELLED:
        _check_cancelled(form, request)
        closing = {"record_type": "closing", "about_folio": folio, "evidence": "cancellation", "cause": reason}
        return [{**closing, "resolved_at": now.isoformat(timespec="seconds")}], folio
    if request.state != PENDING:
        form.fault("folio", f"{folio} ya está {DECISIONS[request.state]}, y un registro no se cambia")
    record = {"record_type": "decision", "about_folio": folio, "decision": decision, "decision_reason": reason or None}
    if decision == ACCEPTED:
        outside = [server for server in request.servers if server not in members]
        if outside:
            form.fault(
                "decision",
                f"no puede aceptarse: {', '.join(outside)} no pertenece al grupo dse_servers (alcance, 1.2)",
            )
        amended = requests.get(request.amends)
        _check_validity(form, since, until, amended, now.date())
        record.update(valid_from=since or now.date().isoformat(), valid_until=until or None)
    return [record], folio


def _check_cancelled(form: Form, request: Request) -> None:
    if request.state in (REJECTED, CANCELLED):
        form.fault("folio", f"{request.folio} ya está {DECISIONS[request.state]}")
    elif request.amended_by:
        form.fault("folio", f"{request.folio} ya fue cambiada por {request.amended_by}: cancele ésa")


def _check_validity(form: Form, since: str, until: str, amended: Request | None, today: date) -> None:
    first = since or today.isoformat()
    if since and since < today.isoformat():
        form.fault("valid_from", f"{spoken_day(since)} ya pasó: una solicitud no obliga hacia atrás")
    if until and until < first:
        form.fault("valid_until", f"{spoken_day(until)} es anterior a {spoken_day(first)}, en que comienza")
    if amended and amended.amended_by:
        form.fault("folio", f"{amended.folio}, a la que cambia, ya fue cambiada por {amended.amended_by}")
    elif amended and amended.state != ACCEPTED:
        form.fault("folio", f"{amended.folio}, a la que cambia, está {DECISIONS[amended.state]}")
    elif amended and first < amended.valid_from:
        # Both would be in force in between.
        form.fault(
            "valid_from",
            f"{spoken_day(first)} es anterior a {spoken_day(amended.valid_from)}, en que comienza {amended.folio}",
        )


def service_requested(form: Form, procedure: Procedure, now: datetime) -> dict[str, Any]:
    """Return the record of a user's request for a service."""
    form.nothing_else("service_type", "channel", "area", "contact", "description", "priority", "received_at", "remarks")
    code = procedure.form_for("service_request").code
    values = {field.name: field.values for field in procedure.forms[code].fields_for("service_request")}
    return {
        "record_type": "service_request",
        "form_code": code,
        "prepared_by": procedure.institution.prepared_by,
        "received_at": form.instant("received_at", now),
        "channel": form.choice("channel", values["channel"], "el medio por el que se recibió"),
        "requester_area": form.text("area", "el área que solicita"),
        "requester_contact": form.email("contact"),
        "service_type": form.choice("service_type", values["service_type"], "un tipo de servicio"),
        "description": form.text("description", "la descripción de lo que se pide"),
        "priority": form.choice("priority", values["priority"], "una prioridad"),
        "assigned_to": procedure.institution.prepared_by,
        "remarks": form.text("remarks", "una observación", required=False) or None,
    }


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
