# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asked for which backup, what JAA decided, what carries it out, and how often it was done (4.1.1)."""

from __future__ import annotations

import functools
from collections.abc import Container
from datetime import date, timedelta
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import expectations, request_register
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.questions import rows
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    day,
    first,
    listed,
    names,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import (
    ACCEPTED,
    CANCELLED,
    PENDING,
    REJECTED,
    Request,
    Requests,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command


class _Known(NamedTuple):
    """What the ledger and the inventory have of the requests: their backups and items, by folio in force."""

    register: Requests
    inventory: Register
    backups: dict[str, list[Backup]]
    items: dict[str, list[str]]


def requests(asked: Asked) -> Answer:
    """Tell of every request. What waits for JAA, what was accepted and is not done, what is refused needs action."""
    known = _known(asked)
    today = asked.now.date()
    found = [_row(asked, each, known) for each in known.register.values()]
    found = [row for row in found if _is_asked(asked, row)]
    pending = [row for row in found if row["state"] == PENDING]
    absent = [
        {"request_folio": each.request.folio, "server": each.server, "service": each.request.service,
         "source": each.request.source, "valid_from": each.request.valid_from}
        for each in request_register.absent(known.inventory, known.register, today)
        if asked.has(each.server, each.request.folio, *known.items.get(each.request.folio, []))
    ]  # fmt: skip
    refused = rows.refused(asked, known.inventory)
    undone = _undone(asked, {(row["server"], row["item_id"]) for row in refused})
    sections = [
        Section("pending", "SIN DICTAMEN DE JAA (request.yml)", _PENDING, pending),
        Section("absent", "ACEPTADAS Y VIGENTES, SIN ELEMENTO EN EL INVENTARIO", _ABSENT, absent),
        Section("undone", "VIGENTES, SIN NINGÚN RESPALDO (backup.yml)", _UNDONE, undone),
        Section("refused", "ELEMENTOS DEL INVENTARIO QUE NO SE RESPALDAN (backup.yml --check)", rows.REFUSED, refused),
        Section("requests", "TODAS LAS SOLICITUDES", _REQUEST, found),
    ]
    problems = [
        f"{words}: {names([row[key] for row in several])}"
        for words, key, several in (
            ("SIN DICTAMEN", "request_folio", pending),
            ("SIN ELEMENTO EN EL INVENTARIO", "request_folio", absent),
            ("SIN NINGÚN RESPALDO", "request_folio", undone),
            ("RECHAZADOS POR EL INVENTARIO", "item_id", refused),
        )
        if several
    ]
    return Answer(
        "SOLICITUDES DE RESPALDO",
        sections,
        problems,
        next_command=_next(pending, [*absent, *refused], undone),
        all_is_well="Nada que hacer: cada solicitud tiene su dictamen, y lo aceptado se respalda."
        if found
        else "Ninguna solicitud.",
    )


def _known(asked: Asked) -> _Known:
    """Sort backups and items by the request that was in force when they were made, or is: they may name an older."""
    register, today = asked.index.requests(), asked.now.date()
    inventory = request_register.screen(asked.register(), register, today)

    @functools.cache
    def in_force(folio: str, on: str) -> str:
        version = register.version(folio, date.fromisoformat(on))
        return version.folio if version else folio

    backups: dict[str, list[Backup]] = {}
    for backup in asked.index.backups():
        backups.setdefault(in_force(backup.request_folio, backup.backup_date), []).append(backup)
    items: dict[str, list[str]] = {}
    for item in inventory.items:
        folio = in_force(item.definition["request_folio"], today.isoformat())
        items.setdefault(folio, []).append(item.item_id)
    return _Known(register, inventory, backups, items)


def _row(asked: Asked, request: Request, known: _Known) -> Row:
    record = asked.index.record(request.folio) or {}
    decisions = asked.index.about(request.folio, "decision")
    backups = known.backups.get(request.folio, [])
    conforming = [each for each in backups if each.conforms]
    last_day = _last_day(request, known.register)
    return {
        **{"request_folio": request.folio, "requester_role": record.get("requester_role")},
        **{"requester_area": request.area, "requester_contact": request.contact or None},
        **{"service": request.service, "servers": request.servers, "repository_type": request.repository_type},
        **{"information_type": request.information_type, "source": request.source, "exclusions": request.exclusions},
        **{"frequency": record.get("frequency"), "estimated_bytes": record.get("estimated_bytes")},
        **{"contains_personal_data": record.get("contains_personal_data"), "is_taken_over": request.is_taken_over},
        **{"registered_at": record.get("recorded_at"), "registered_by": record.get("operator_user")},
        **{"state": request.state, "reason": request.reason or None},
        "decided_at": decisions[-1]["recorded_at"] if decisions else None,
        "valid_from": request.valid_from or None,
        "valid_until": last_day.isoformat() if last_day else None,
        "is_in_force": known.register.holds(request, asked.now.date()),
        "amends": request.amends or None,
        "amended_by": request.amended_by or None,
        "service_request_folio": record.get("service_request_folio"),
        "item_ids": list(dict.fromkeys([*known.items.get(request.folio, []), *(each.item_id for each in backups)])),
        "backup_count": len(backups),
        "conforming_count": len(conforming),
        "last_backup_folio": conforming[-1].folio if conforming else None,
        "last_backup_date": conforming[-1].backup_date if conforming else None,
    }


def _undone(asked: Asked, refused: Container[tuple[str, str]]) -> list[Row]:
    """Return what is in force and in the inventory and was never backed up, not even under an earlier request."""
    today = asked.now.date()
    return [
        {
            **{"request_folio": each.request.folio, "server": each.server, "item_id": each.item_id},
            **{"service": each.request.service, "source": each.request.source},
            "valid_from": each.stretches[0].begins.isoformat(),
        }
        for each in asked.expected()
        if asked.has(each.server, *each.item_ids)
        and (each.server, each.item_id) not in refused
        # What was accepted today has its first night still to come.
        and each.stretches[0].begins < today
        and expectations.waits_for_its_first(each, asked.index, today)
    ]


def _last_day(request: Request, register: Requests) -> date | None:
    """Return the last day on which a request holds: by itself, or until another one takes its place."""
    after = register.get(request.amended_by)
    ends = [request.last_day] if request.last_day else []
    ends += [date.fromisoformat(after.valid_from) - timedelta(days=1)] if after and after.valid_from else []
    return min(ends, default=None)


def _is_asked(asked: Asked, row: Row) -> bool:
    """Tell whether a request is asked about. One without a backup yet has no item, and is told of with all alone."""
    return any(asked.has(server, *row["item_ids"]) for server in row["servers"])


def _next(pending: list[Row], mistakes: list[Row], undone: list[Row]) -> str:
    if pending:
        return command("request", request_folio=first(pending, "request_folio"), request_decision="DICTAMEN")
    if mistakes:
        return command("backup", "--check")
    return command("backup", backup_items=[row["item_id"] for row in undone]) if undone else ""


def _state(row: Row) -> str:
    if row["state"] == ACCEPTED:
        words = "vigente" if row["is_in_force"] else "aceptada, no vigente"
        return f"cambiada por {row['amended_by']}" if row["amended_by"] and not row["is_in_force"] else words
    return {PENDING: "SIN DICTAMEN", REJECTED: "rechazada", CANCELLED: "cancelada"}[row["state"]]


def _period(row: Row) -> str:
    if not row["valid_from"]:
        return "—"
    return f"{spoken_day(row['valid_from'])} – {spoken_day(row['valid_until']) if row['valid_until'] else ''}".rstrip()


_FOLIO, _AREA = text("Folio", "request_folio"), text("Área", "requester_area", 40)
_WHERE = (listed("Servidores", "servers"), text("Origen", "source"))
_PENDING = (_FOLIO, _AREA, *_WHERE, day("Registrada", "registered_at"))
_ABSENT = (
    _FOLIO,
    SERVER,
    text("Servicio", "service", 40),
    text("Origen", "source"),
    day("Vigente desde", "valid_from"),
)
_UNDONE = (*_ABSENT[:2], ITEM_ID, *_ABSENT[2:])
_REQUEST = (
    *(_FOLIO, _AREA, text("Solicitó", "requester_role"), text("Servicio", "service", 40), *_WHERE),
    *(Column("Dictamen", _state), day("Del", "decided_at"), Column("Vigencia", _period), text("Motivo", "reason")),
    *(listed("Elemento", "item_ids"), text("Respaldos", "backup_count"), day("El último", "last_backup_date")),
)
