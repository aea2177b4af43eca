# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads in the morning: what did not happen, what closed which failure, what still waits for somebody."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import failures, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Delivery, LoanTerms, Media, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.screen import medium
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return how much is compared, and into which repositories it is worth looking."""
    lines = ["", f"CONCILIACIÓN {run_id}", f"  Respaldos aceptados: {result['expected_count']}."]
    if result["servers"]:
        names = ", ".join(each["server"] for each in result["servers"])
        lines.append(f"  Antes de dar algo por omitido se revisa el repositorio de: {names}.")
    return "\n".join([*lines, ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    found = _section("FALTAN, SEGÚN EL REGISTRO; pueden estar en el servidor de respaldos", result["gaps"])
    return "\n".join([*found, "Revisión (--check): no se contactó a ningún servidor ni se registró nada."])


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what is new and what is open, the oldest first."""
    new = [each for each in others if each["record_type"] == "failure"]
    closed = [each for each in others if each["record_type"] == "closing"]
    lines = ["", "RESULTADO DE LA CONCILIACIÓN"]
    lines += _section(
        "FALLAS NUEVAS",
        [f"✗ {each['server']} · {each['item_id']}: {each['error_message']} ({each['folio']})" for each in new],
    )
    lines += _section(
        "REPOSITORIOS QUE NO SE PUDIERON REVISAR; lo que falte ahí se juzgó sólo con el registro",
        [f"✗ {server}: {reason}" for server, reason in result["unseen"].items()],
    )
    lines += _section(
        "RESPALDOS HALLADOS EN EL SERVIDOR DE RESPALDOS",
        [
            f"· {each['server']} · {each['item_id']}: {each['started_at'][:16].replace('T', ' ')}, "
            f"{RESULTS[each['verification_result']]} ({each['folio']})"
            for each in others
            if each["record_type"] == "backup"
        ],
    )
    lines += _section(
        "FALLAS QUE SE CERRARON, CON SU EVIDENCIA",
        [f"· {each['about_folio']} · {each['item_id']}: {each['remarks']}" for each in closed],
    )
    with ledger.read() as index:
        waiting = pending(index, ledger.procedure, datetime.now(ledger.procedure.zone).date())
    lines += waiting
    lines.append("")
    if new:
        lines.append(f"HAY FALLAS NUEVAS: {len(new)}.")
    if result["unseen"]:
        lines.append("CONCILIACIÓN INCOMPLETA: corrija lo anterior y vuelva a ejecutar reconcile.yml.")
    if not new and not result["unseen"]:
        lines.append(
            "Sin fallas nuevas; quedan pendientes." if waiting else "TODO AL DÍA: sin fallas y sin pendientes."
        )
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def pending(index: Index, procedure: Procedure, today: date, told: Collection[str] = ()) -> list[str]:
    """Return what waits for somebody, under its headings; nothing where nothing does.

    ``told`` are the folios of open failures of which that somebody knows already.
    """
    return [
        *_open_failures(index, procedure, today, told),
        *_other_waiting(index, today),
        *_unclosed(index, procedure, today),
        *_deliveries(index, procedure.delivery, today),
        *_loans(index, procedure.loan, today),
        *_media(index, procedure.media),
    ]


def _open_failures(index: Index, procedure: Procedure, today: date, told: Collection[str]) -> Iterator[str]:
    still_open = [each for each in index.open_failures() if each.folio not in told]
    rows = [
        f"{each.folio} · {each.server} · {each.item_id} · {spoken_day(each.scheduled_for)}: {each.error_message}"
        for each in still_open
    ]
    yield from _section("FALLAS ABIERTAS; se cierran con un respaldo que las cubra o con acknowledge.yml", rows)
    rule = procedure.repetition
    since = (today - timedelta(days=rule.within_days)).isoformat()
    repeated = failures.repeated(index.failures(since=since), rule, today)
    yield from _section(
        "SE REPITEN; considere el control de producto no conforme (PRO 8.3 CNO 01)",
        [
            f"{several[-1].server} · {item_id}: {len(several)} fallas en {rule.within_days} días "
            f"({'… ' if len(several) > 5 else ''}{', '.join(each.folio for each in several[-5:])})"
            for item_id, several in repeated.items()
        ],
    )


def _other_waiting(index: Index, today: date) -> Iterator[str]:
    yield from _section(
        "SOLICITUDES SIN DICTAMEN DE JAA (request.yml)",
        [
            f"{each.folio} · {each.area} · {', '.join(each.servers)} · {each.source}"
            for each in waiting.pending_requests(index)
        ],
    )
    yield from _section(
        "EN CUARENTENA, SIN DICTAMEN DE JAA (accept.yml)",
        [
            f"{made['folio']} · {server} · {item_id} del {spoken_day(made['backup_date'])}"
            for item_id, server, made in waiting.quarantined(index)
        ],
    )
    yield from _section(
        "RECUPERACIONES SIN LA CONFORMIDAD DEL CGDW (acknowledge.yml)",
        [
            f"{each['folio']} · {each['requester_area']} · {each['item_id']}{_overdue(each, today)}"
            for each in index.unaccepted_recoveries()
        ],
    )


def _unclosed(index: Index, procedure: Procedure, today: date) -> Iterator[str]:
    yield from _section(
        "SEMANAS TERMINADAS, SIN LA REVISIÓN DE JAA (acknowledge.yml)",
        [
            f"{each.name}: cerrada, y después llegó {', '.join(each.news)}" if each.is_closed else each.name
            for each in waiting.unclosed_weeks(index, procedure, today)
        ],
    )


def _deliveries(index: Index, rule: Delivery, today: date) -> Iterator[str]:
    """Yield what CSC should have by now, and of what it should have said that it has it (4.1.6)."""
    late: dict[str, list[Backup]] = {}
    until = (today - timedelta(days=rule.within_days)).isoformat()
    # Of a hundred thousand backups, which are all with CSC, none is read.
    backups = index.backups(until=until) if index.count_undelivered(until) else []
    for backup in waiting.late_for_csc(backups, rule, today):
        late.setdefault(backup.server, []).append(backup)
    yield from _section(
        f"SIN ENTREGAR A CSC DESPUÉS DE {rule.within_days} DÍAS (deliver.yml)",
        [
            f"{server}: {len(several)}; desde {several[0].folio} · {several[0].item_id} "
            f"del {spoken_day(several[0].backup_date)}"
            for server, several in late.items()
        ],
    )
    yield from _section(
        f"ENTREGAS SIN ACUSE DE CSC DESPUÉS DE {rule.acknowledge_within_days} DÍAS (acknowledge.yml)",
        [
            f"{each['folio']} · {each['server']} del {spoken_day(each['delivered_at'])}"
            for each in waiting.unacknowledged(index, rule, today)
        ],
    )


def _loans(index: Index, terms: LoanTerms, today: date) -> Iterator[str]:
    """Yield what should be back with CSC by now, and which loans have waited too long for CSC (4.3.1 c)."""
    yield from _section(
        "PRÉSTAMOS DE CSC VENCIDOS (loan.yml)",
        [
            f"{each.folio} · {each.what}: JAA debía devolverlo el {spoken_day(each.due_back_on)}"
            for each in waiting.loans_to_return(index, today)
        ],
    )
    days = terms.answer_within_working_days
    yield from _section(
        f"PRÉSTAMOS QUE ESPERAN A CSC DESPUÉS DE {days} {'DÍA HÁBIL' if days == 1 else 'DÍAS HÁBILES'} (loan.yml)",
        [
            f"{each.folio} · {each.what}: {each.spoken_state} desde el {spoken_day(each.since)}"
            for each in waiting.loans_without_answer(index, terms, today)
        ],
    )


def _media(index: Index, rules: Media) -> Iterator[str]:
    """Yield the media that are where they should not be, or that somebody has to replace (4.4)."""
    out_of_place = [each for each in index.media() if each.is_misplaced(rules.office)]
    yield from _section(
        "MEDIOS DE JAA FUERA DE SU OFICINA (medium.yml)",
        [f"{each.media_id}: {medium.misplaced(each, rules)}" for each in out_of_place],
    )


def _overdue(recovery: dict[str, Any], today: date) -> str:
    if recovery["is_rejected"]:
        return ", RECHAZADA: recupérela de nuevo"
    until = waiting.acceptance_due(recovery)
    return f", VENCIDA desde el {until:%d/%m/%Y}" if until < today else f", a más tardar el {until:%d/%m/%Y}"


def _section(heading: str, rows: list[str]) -> list[str]:
    return ["", heading, *(f"  {row}" for row in rows)] if rows else []
