# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What should have been done by now, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import waiting
from ansible_collections.dse.backup.plugins.plugin_utils.questions import loans, rows
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    BACKUP,
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Section,
    day,
    first,
    listed,
    moment,
    names,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, command, receipt


def overdue(asked: Asked) -> Answer:
    """Tell what is late for CSC and from CSC, failed and is open for long, or waits for JAA's or the CGDW's word."""
    sections = [each(asked) for each in _SECTIONS]
    waiting_ones = [each for each in sections if each.rows]
    return Answer(
        "LO QUE ESPERA A ALGUIEN",
        sections,
        [f"{each.heading}: {len(each.rows)}" for each in waiting_ones],
        next_command=waiting_ones[0].next_command if waiting_ones else "",
        all_is_well="Nada vencido y nada por dictaminar; lo abierto en plazo está en question=failures, copies, loans.",
    )


def _open_failures(asked: Asked) -> Section:
    failures = [each for each in asked.index.open_failures() if asked.has(each.server, each.item_id)]
    kept = ("server", "item_id", "failure_stage", "failure_type", "scheduled_for", "recorded_at", "error_message")
    found = [
        {"failure_folio": each.folio, **{key: getattr(each, key) for key in kept}}
        for each in waiting.open_for_long(failures, asked.procedure, asked.now.date())
    ]
    return Section(
        "failures",
        f"FALLAS ABIERTAS DESDE HACE {asked.procedure.resolve_within_days} DÍAS O MÁS (ledger.yml)",
        _FAILURE,
        found,
        command("ledger", ledger_folio=first(found, "failure_folio")),
    )


def _late_deliveries(asked: Asked) -> Section:
    rule = asked.procedure.delivery
    late = waiting.late_for_csc(asked.index.backups(), rule, asked.now.date())
    return Section(
        "deliveries",
        f"SIN ENTREGAR A CSC DESPUÉS DE {rule.within_days} DÍAS (deliver.yml)",
        rows.LACKING,
        rows.lacking(asked, [each for each in late if asked.has(each.server, each.item_id)]),
        command("deliver"),
    )


def _late_acknowledgements(asked: Asked) -> Section:
    rule = asked.procedure.delivery
    late = waiting.unacknowledged(asked.index, rule, asked.now.date())
    found = rows.unsaid(asked, [each for each in late if rows.has_delivery(asked, each)])
    return Section(
        "acknowledgements",
        f"ENTREGAS SIN ACUSE DE CSC DESPUÉS DE {rule.acknowledge_within_days} DÍAS (acknowledge.yml)",
        rows.UNSAID,
        found,
        receipt([each["delivery_folio"] for each in found]),
    )


def _late_loans(asked: Asked) -> Section:
    late = loans.overdue(asked)
    return Section(
        "loans",
        "PRÉSTAMOS DE CSC VENCIDOS, O SIN SU RESPUESTA (loan.yml)",
        loans.OPEN,
        [loans.row(each) for each in late],
        loans.next_step(late),
    )


def _undecided(asked: Asked) -> Section:
    found = [
        {
            **{"server": server, "item_id": item_id, "backup_folio": made["folio"], "backup_date": made["backup_date"]},
            "verification_result": asked.index.backup(made["folio"]).verification_result,
        }
        for item_id, server, made in waiting.quarantined(asked.index)
        if asked.has(server, item_id)
    ]
    folio = first(found, "backup_folio")
    return Section(
        "decisions",
        "EN CUARENTENA, SIN DICTAMEN DE JAA (accept.yml)",
        _UNDECIDED,
        found,
        command("accept", accept_folio=folio, accept_decision="DICTAMEN", accept_reason="MOTIVO"),
    )


def _unaccepted(asked: Asked) -> Section:
    found = []
    for recovery in asked.index.unaccepted_recoveries():
        due = waiting.acceptance_due(recovery)
        is_late = recovery["is_rejected"] or due < asked.now.date()
        if is_late and asked.has(recovery["destination_server"], recovery["item_id"]):
            kept = ("destination_server", "item_id", "requester_area", "finished_at", "is_rejected")
            row = {key: recovery.get(key) for key in kept}
            found.append({"recovery_folio": recovery["folio"], **row, "due_on": due.isoformat()})
    said = {"acknowledge_as": "CGDW", "acknowledge_result": "RESULTADO"}
    return Section(
        "recoveries",
        "RECUPERACIONES SIN LA CONFORMIDAD DEL CGDW (acknowledge.yml)",
        _UNACCEPTED,
        found,
        command("acknowledge", acknowledge_folio=first(found, "recovery_folio"), **said),
    )


def _unclosed(asked: Asked) -> Section:
    found = [
        {"week": each.name, "ended_on": each.ended_on.isoformat(), "is_closed": each.is_closed, "news": each.news}
        for each in waiting.unclosed_weeks(asked.index, asked.procedure, asked.now.date())
        if any(asked.has(backup.server, backup.item_id) for backup in each.backups)
    ]
    said = {"acknowledge_as": "JAA", "acknowledge_result": "accepted"}
    return Section(
        "weeks",
        "SEMANAS TERMINADAS, SIN LA REVISIÓN DE JAA (acknowledge.yml)",
        _WEEK,
        found,
        command("acknowledge", acknowledge_folio=first(found, "week"), **said),
    )


def _undecided_requests(asked: Asked) -> Section:
    found = [
        {
            **{"request_folio": each.folio, "requester_area": each.area, "servers": each.servers},
            **{"source": each.source, "registered_at": asked.index.record(each.folio)["recorded_at"]},
        }
        for each in waiting.pending_requests(asked.index)
        # No item carries it out yet.
        if not asked.items and any(map(asked.has_server, each.servers))
    ]
    return Section(
        "requests",
        "SOLICITUDES SIN DICTAMEN DE JAA (request.yml)",
        _REQUEST,
        found,
        command("request", request_folio=first(found, "request_folio"), request_decision="DICTAMEN"),
    )


# The most urgent first: its command is the next one.
_SECTIONS: tuple[Callable[[Asked], Section], ...] = (
    *(_open_failures, _late_deliveries, _late_acknowledgements, _late_loans),
    *(_undecided, _unaccepted, _unclosed, _undecided_requests),
)

_FAILURE = (
    *(text("Folio", "failure_folio"), SERVER, ITEM_ID, day("Programado", "scheduled_for")),
    *(day("Abierta desde", "recorded_at"), text("Causa", "error_message")),
)
_UNDECIDED = (
    *(SERVER, ITEM_ID, BACKUP, day("Del", "backup_date")),
    Column("Verificación", lambda row: RESULTS[row["verification_result"]]),
)
_UNACCEPTED = (
    *(text("Folio", "recovery_folio"), text("Área", "requester_area"), ITEM_ID, moment("Terminó", "finished_at")),
    Column(
        "Estado", lambda row: "RECHAZADA" if row["is_rejected"] else f"vencida; era para el {spoken_day(row['due_on'])}"
    ),
)
_WEEK = (
    *(text("Semana", "week"), day("Terminó", "ended_on")),
    Column("Estado", lambda row: f"cerrada; después llegó {names(row['news'])}" if row["is_closed"] else "sin cerrar"),
)
_REQUEST = (
    *(text("Folio", "request_folio"), text("Área", "requester_area"), listed("Servidores", "servers")),
    *(text("Origen", "source"), day("Registrada", "registered_at")),
)
