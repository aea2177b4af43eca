# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Was anything ever brought back? Recoveries for whom they were made, drills, and what was not tried for long (4.3)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import drills, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Trial
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    day,
    moment,
    names,
    size,
    spoken,
    text,
    yes_or_no,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

# The CGDW's word on a recovery; REPEATED: another recovery of the same item was called right.
ACCEPTED, REJECTED, PENDING, LATE, REPEATED = "accepted", "rejected", "pending", "late", "repeated"
# Whether an item was tried: lately, for too long not, not yet and still in time; the last drill failed; it cannot be.
PROVED, OVERDUE, NEW, FAILED, IMPOSSIBLE = "proved", "overdue", "new", "failed", "impossible"
# A loan is a recovery from CSC's copy. Deliveries and repairs read a copy and bring nothing back.
_BROUGHT_BACK = ("drill", "recovery", "loan")

# So many are brought back in one run; the next ones are told of then.
_AT_ONCE = 20


def restores(asked: Asked) -> Answer:
    """Tell what was brought back, of ``year`` or of all times, and which items were not tried for too long."""
    unaccepted = {each["folio"]: each for each in asked.index.unaccepted_recoveries()}
    recoveries = [
        _recovery(asked, each, unaccepted.get(each["folio"]))
        for each in asked.index.newest_first("recovery")
        if _is_asked(asked, each) and asked.has(each.get("destination_server", each["server"]), each["item_id"])
    ]
    tried = [
        _drill(each)
        for each in asked.index.newest_first("drill")
        if _is_asked(asked, each) and asked.has(each["server"], each["item_id"])
    ]
    items = _items(asked)
    unsaid = [row for row in recoveries if row["acceptance"] in (REJECTED, LATE)]
    wrong = {state: [row["item_id"] for row in items if row["state"] == state] for state in (FAILED, OVERDUE)}
    problems = []
    if unsaid:
        problems.append(f"SIN LA CONFORMIDAD DEL CGDW: {names([row['recovery_folio'] for row in unsaid])}")
    for state, words in (
        (FAILED, "SU ÚLTIMO SIMULACRO FALLÓ"),
        (OVERDUE, f"SIN PROBAR DESDE HACE MÁS DE {drills.PERIOD_DAYS} DÍAS"),
    ):
        if wrong[state]:
            problems.append(f"{words}: {names(wrong[state])}")
    of_year = f", DE {asked.year}" if asked.year else ""
    return Answer(
        "RECUPERACIONES Y SIMULACROS",
        [
            Section("recoveries", f"RECUPERACIONES{of_year}", _RECOVERY, recoveries),
            Section("items", "ÚLTIMA PRUEBA DE CADA RESPALDO (drill.yml)", _ITEM, items),
            Section("drills", f"SIMULACROS{of_year}", _DRILL, tried),
        ],
        problems,
        next_command=_next(unsaid, [*wrong[FAILED], *wrong[OVERDUE]]),
        all_is_well="Nada que hacer: cada respaldo se ha probado a tiempo." if items else "Sin respaldos.",
    )


def _is_asked(asked: Asked, record: dict[str, Any]) -> bool:
    return asked.year in (0, int(record["started_at"][:4]))


def _recovery(asked: Asked, record: dict[str, Any], unaccepted: dict[str, Any] | None) -> Row:
    said = asked.index.about(record["folio"], "acknowledgement")
    acceptance, due = None, None
    if said and said[-1]["result"] == ACCEPTED:
        acceptance = ACCEPTED
    elif unaccepted:
        due = waiting.acceptance_due(unaccepted)
        acceptance = REJECTED if unaccepted["is_rejected"] else LATE if due < asked.now.date() else PENDING
    elif record["result"] == "restored":
        acceptance = REPEATED
    kept = ("requester_role", "requester_area", "reason", "reason_detail", "wanted_as_of", "backup_folio", "file_name")
    more = ("destination", "overwrite_allowed", "copy_used", "loan_folio", "started_at", "finished_at")
    return {
        **{"recovery_folio": record["folio"], "server": record["server"], "item_id": record["item_id"]},
        "destination_server": record.get("destination_server"),
        **{key: record.get(key) for key in (*kept, *more, "restored_bytes", "sha256_matches", "result", "remarks")},
        "reason_label": asked.procedure.label("reason", record.get("reason")),
        **{"minutes": _minutes(record), "acceptance": acceptance, "acceptance_due_on": due and due.isoformat()},
        "accepted_at": said[-1]["recorded_at"] if said else None,
        "operator_user": record.get("operator_user"),
    }


def _drill(record: dict[str, Any]) -> Row:
    kept = ("server", "item_id", "backup_folio", "started_at", "finished_at", "result", "restored_bytes")
    checks = ("sha256_matches", "rows_match", "schema_matches", "error_message")
    return {**{key: record.get(key) for key in (*kept, *checks)}, "minutes": _minutes(record)}


def _minutes(record: dict[str, Any]) -> float:
    took = datetime.fromisoformat(record["finished_at"]) - datetime.fromisoformat(record["started_at"])
    return round(took.total_seconds() / 60, 1)


def _items(asked: Asked) -> list[Row]:
    """Return of each item when it was last brought back, by a drill or a recovery; the longest ago first."""
    backups = [each for each in asked.index.backups() if asked.has(each.server, each.item_id)]
    first: dict[str, Backup] = {}
    for backup in backups:
        first.setdefault(backup.item_id, backup)
    candidates, impossible = drills.candidates(backups, {each.item_id for each in asked.register().items})
    histories = asked.index.histories()
    rows = [
        _item(asked, first[item_id], histories.get(item_id, History()), _last_trial(asked, item_id))
        for item_id in candidates
    ]
    for each in impossible:
        row = _item(asked, first[each["item_id"]], History(), _last_trial(asked, each["item_id"]))
        rows.append({**row, "state": IMPOSSIBLE, "due_on": None, "reason": each["reason"]})
    return sorted(rows, key=lambda row: (row["proved_on"] or "", row["server"], row["item_id"]))


def _last_trial(asked: Asked, item_id: str) -> Trial | None:
    trials = (each for each in asked.index.trials(item_id) if each.record_type in _BROUGHT_BACK)
    return max(trials, key=lambda each: each.moment, default=None)


def _item(asked: Asked, first: Backup, history: History, last: Trial | None) -> Row:
    """Return when an item was last brought back; what never was waits since its first backup."""
    proved_on = last.moment.astimezone(asked.procedure.zone).date() if last else None
    due = (proved_on or date.fromisoformat(first.backup_date)) + timedelta(days=drills.PERIOD_DAYS)
    if history.drill_tried_on and history.drill_tried_on > max(history.drilled_on or "", str(proved_on or "")):
        state = FAILED
    elif due < asked.now.date():
        state = OVERDUE
    else:
        state = PROVED if last else NEW
    return {
        **{"server": first.server, "item_id": first.item_id, "service": first.service, "state": state},
        **{"proved_on": proved_on and proved_on.isoformat(), "proved_by": last and last.record_type},
        **{"proved_folio": last.folio or None if last else None, "backup_folio": last and last.backup_folio},
        **{"tried_on": history.drill_tried_on, "due_on": due.isoformat(), "reason": None},
    }


def _next(unsaid: list[Row], untried: list[str]) -> str:
    if unsaid:
        said = {"acknowledge_as": "CGDW", "acknowledge_result": "RESULTADO"}
        return command("acknowledge", acknowledge_folio=unsaid[0]["recovery_folio"], **said)
    return command("drill", drill_items=untried[:_AT_ONCE]) if untried else ""


_ACCEPTANCES = {
    **{ACCEPTED: "conforme", REJECTED: "RECHAZADA", PENDING: "pendiente", LATE: "VENCIDA"},
    REPEATED: "se recuperó otra vez",
}
_TRIALS = {"drill": "simulacro", "recovery": "recuperación", "loan": "recuperación con la copia de CSC"}
_STATES = {
    **{PROVED: "probado", OVERDUE: "VENCIDO", NEW: "sin probar, en plazo", FAILED: "FALLÓ"},
    IMPOSSIBLE: "no se puede probar",
}
_TIMES = (moment("Inicio", "started_at"), text("Minutos", "minutes"), size("Tamaño", "restored_bytes"))
_RECOVERY = (
    *(text("Folio", "recovery_folio"), ITEM_ID, text("Área", "requester_area", 40), text("Motivo", "reason_label")),
    *(text("Respaldo usado", "backup_folio"), spoken("Copia", "copy_used", {"jaa": "JAA", "csc": "CSC"})),
    *(text("Destino", "destination"), *_TIMES, yes_or_no("Huella coincide", "sha256_matches")),
    *(
        spoken("Resultado", "result", {"restored": "recuperado", "not_restored": "NO RECUPERADO"}),
        spoken("Conformidad del CGDW", "acceptance", _ACCEPTANCES),
    ),
)
_ITEM = (
    *(SERVER, ITEM_ID, day("Última prueba", "proved_on"), spoken("Fue", "proved_by", _TRIALS)),
    *(text("Con", "backup_folio"), day("Vence el", "due_on")),
    Column("Situación", lambda row: ": ".join(filter(None, (_STATES[row["state"]], row["reason"])))),
)
_DRILL = (
    *(SERVER, ITEM_ID, text("Respaldo usado", "backup_folio"), *_TIMES),
    *(yes_or_no("Huella coincide", "sha256_matches"), yes_or_no("Registros coinciden", "rows_match")),
    *(spoken("Resultado", "result", {"passed": "aprobado", "failed": "FALLÓ"}), text("Mensaje", "error_message")),
)
