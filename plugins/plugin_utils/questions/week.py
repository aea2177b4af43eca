# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show me week 47: what was expected of each item, what was done, what is missing, and whether JAA closed it.

Of FOR 7.5 DSE 02 a slot an item, of DSE 03 its seven days, of DSE 04 what was done in those days.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, views, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import MISSED, Slot
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    BACKUP,
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    count,
    day,
    names,
    size,
    span,
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, by_hand, command
from ansible_collections.dse.backup.plugins.plugin_utils.views import Line, View

_DAYS = ("Lun", "Mar", "Mié", "Jue", "Vie", "Sáb", "Dom")
_OF_ELAPSED = "elapsed_days"


class _Week(NamedTuple):
    """One form's view of the week, and what JAA said of it as a whole."""

    view: View
    unit: str
    review: waiting.Review
    has_ended: bool

    @property
    def uncovered(self) -> list[tuple[Line, Slot]]:
        """What nothing covered or made up for."""
        return [(line, slot) for line in self.view.lines for slot in line.slots if slot.state == MISSED]


def week(asked: Asked) -> Answer:
    """Tell of one ISO week, by default the last that has ended; what is missing or not closed needs action."""
    today = asked.now.date()
    name = asked.week or calendar.iso_week(today - timedelta(days=7))
    first, last = calendar.week_days(name)
    weeks = [_week(asked, form, unit, name, first, last) for form, unit in _forms(asked)]
    closable = [each for each in weeks if each.unit != _OF_ELAPSED and each.view.lines]
    problems = [problem for each in closable for problem in _problems(each)]
    sections = [Section("weeks", "REVISIÓN DE LA SEMANA", _WEEK, [_row(each) for each in closable])]
    services = {each.item_id: each.request.service for each in asked.expected()}
    sections += [_section(each, services) for each in weeks]
    return Answer(
        f"SEMANA {name} · del {first:%d/%m/%Y} al {last:%d/%m/%Y}",
        sections,
        problems,
        next_command=next((said for each in closable if _problems(each) and (said := _next(each))), ""),
        all_is_well="Nada que hacer." if any(each.view.lines for each in weeks) else "No se esperaba ningún respaldo.",
    )


def _forms(asked: Asked) -> list[tuple[Form, str]]:
    """Return the forms of the backups, each with how its slots are counted."""
    units = {kind.form_code: kind.schedule.unit for kind in asked.procedure.information_types.values()}
    return [(form, units[form.code]) for form in asked.procedure.forms.values() if form.code in units]


def _week(asked: Asked, form: Form, unit: str, name: str, first: date, last: date) -> _Week:
    view_name = f"{form.series}-{name}"
    whole = views.view(view_name, form, first, last, all_expected=asked.expected(), index=asked.index, now=asked.now)
    lines = [line for line in whole.lines if asked.has(line.server, line.item_id)]
    shown = whole._replace(lines=sorted(lines, key=lambda line: (line.server, line.item_id)))
    return _Week(shown, unit, waiting.review(asked.index, view_name, shown.backups), last < asked.now.date())


def _problems(each: _Week) -> list[str]:
    view, review, found = each.view, each.review, []
    if each.uncovered and not review.said:
        found.append(f"{view.name}: sin respaldo conforme: {len(each.uncovered)}")
    if view.waiting:
        found.append(f"{view.name}: esperan el dictamen de JAA: {names(view.waiting)}")
    if each.has_ended and not review.said:
        found.append(f"{view.name}: terminó y JAA no la ha cerrado")
    elif review.said and review.news:
        found.append(f"{view.name}: después de cerrarse llegó {names(review.news)}")
    return found


def _next(each: _Week) -> str:
    """Return what comes next: JAA's decision, then, of a week that goes on, the run by hand, else its closing."""
    view = each.view
    if view.waiting:
        said = {"accept_decision": "DICTAMEN", "accept_reason": "MOTIVO"}
        return command("accept", accept_folio=view.waiting[0], **said)
    if not each.has_ended:
        return by_hand(line.item_id for line, _slot in each.uncovered)
    if view.pending:
        return ""  # It may still be done; then it can be closed.
    reason = {"acknowledge_reason": "MOTIVO"} if view.missing or each.review.said else {}
    return command("acknowledge", acknowledge_folio=view.name, acknowledge_result="accepted", **reason)


def _row(each: _Week) -> Row:
    view, said = each.view, each.review.said
    slots = [slot for line in view.lines for slot in line.slots]
    return {
        **{"week": view.name, "form_code": view.form.code, "title": view.form.title},
        **{"week_start": view.first.isoformat(), "week_end": view.last.isoformat(), "has_ended": each.has_ended},
        **{"item_count": len(view.lines), "slots_expected": len(slots)},
        "slots_covered": sum(slot.state in (calendar.DONE, calendar.LATE) for slot in slots),
        **{"missing": view.missing, "pending": view.pending, "undecided_folios": view.waiting},
        "closed_on": said[0]["recorded_at"][:10] if said else None,
        "week_closed_by": said[0].get("operator_role") if said else None,
        "cause": next((record["cause"] for record in reversed(said) if record.get("cause")), None),
        "news": each.review.news if said else [],
    }


def _section(each: _Week, services: dict[str, str]) -> Section:
    view = each.view
    name, heading = view.form.series.lower().replace("-", "_"), f"{view.form.code} · {view.form.title.upper()}"
    if each.unit == _OF_ELAPSED:
        return Section(name, heading, _RUN, [_run(line, backup) for line in view.lines for backup in line.backups])
    length = 1 if each.unit == "day" else 7
    firsts = [view.first + timedelta(days=number) for number in range(0, 7, length)]
    columns = _grid(firsts) if each.unit == "day" else _WHOLE
    rows = [_line(line, firsts, length, services.get(line.item_id)) for line in view.lines]
    return Section(name, heading, columns, rows)


def _line(line: Line, firsts: list[date], length: int, service: str | None) -> Row:
    """Return an item's week: always all its days, or the one slot that it is, also where nothing was expected."""
    slots = {slot.first: slot for slot in line.slots}
    return {
        **{"server": line.server, "item_id": line.item_id},
        "service": line.backups[-1].service if line.backups else service,
        "slots": [_slot(first, first + timedelta(days=length - 1), slots.get(first), line.backups) for first in firsts],
        "backup_folios": [backup.folio for backup in line.backups],
    }


def _slot(first: date, last: date, slot: Slot | None, backups: list[Backup]) -> dict[str, Any]:
    """Return what was expected in a slot and the backup that stands for it: the one that covers it, else the last."""
    there = [each for each in backups if first.isoformat() <= each.backup_date <= last.isoformat()]
    cover = next((each for each in there if slot and each.folio == slot.folio), there[-1] if there else None)
    return {
        **{"first": first.isoformat(), "last": last.isoformat(), "state": slot.state if slot else None},
        "covered_on": slot.covered_on.isoformat() if slot and slot.covered_on else None,
        "backup_folio": cover.folio if cover else slot.folio if slot and slot.folio else None,
        "size_bytes": cover.size_bytes if cover else None,
        "verification_result": cover.verification_result if cover else None,
        "decision": cover.decision if cover else None,
        "execution_mode": cover.execution_mode or None if cover else None,
    }


def _run(line: Line, backup: Backup) -> Row:
    kept = ("service", "information_type", "backup_date", "size_bytes", "verification_result", "execution_mode")
    return {
        **{"server": line.server, "item_id": line.item_id, "backup_folio": backup.folio},
        **{key: getattr(backup, key) for key in kept},
    }


def _words(slot: dict[str, Any]) -> str:
    """Return a slot as it is read in a grid: what became of it and, where that is not all, of the backup made in it."""
    made = slot["verification_result"]
    if slot["state"] is None:
        return f"({RESULTS[made]})" if made else "—"
    doubt = ""
    if made in ("review", "nonconforming"):
        doubt = " (aceptado por JAA)" if slot["decision"] == "accepted" else f" ({RESULTS[made]})"
    by_hand = (
        " a mano" if slot["state"] in (calendar.DONE, calendar.LATE) and slot["execution_mode"] == "manual" else ""
    )
    later = f" el {spoken_day(slot['covered_on'])[:5]}" if slot["state"] == calendar.MITIGATED else ""
    return f"{_GRID[slot['state']]}{by_hand}{later}{doubt}"


def _grid(days: list[date]) -> tuple[Column, ...]:
    """Return the columns of a week of days."""
    named = [
        Column(f"{_DAYS[number]} {each:%d/%m}", lambda row, number=number: _words(row["slots"][number]))
        for number, each in enumerate(days)
    ]
    return (SERVER, ITEM_ID, *named, span("Folios", "backup_folios"))


def _closed(row: Row) -> str:
    if row["closed_on"] is None:
        return "SIN CERRAR" if row["has_ended"] else "en curso"
    after = f"; DESPUÉS LLEGÓ {names(row['news'])}" if row["news"] else ""
    return f"cerrada por {row['week_closed_by'] or 'JAA'} el {spoken_day(row['closed_on'])}{after}"


_GRID = {**views.STATES, calendar.DONE: "✓"}
_WEEK = (
    *(text("Semana", "week"), text("Elementos", "item_count"), text("Programados", "slots_expected")),
    *(text("Cubiertos", "slots_covered"), count("Faltan", "missing"), Column("Revisión", _closed)),
    text("Motivo", "cause"),
)
_WHOLE = (
    *(SERVER, ITEM_ID, text("Servicio", "service", 40), Column("Semana", lambda row: _words(row["slots"][0]))),
    span("Folios", "backup_folios"),
)
_RUN = (
    *(SERVER, ITEM_ID, BACKUP, day("Del", "backup_date"), size("Tamaño", "size_bytes")),
    spoken("Verificación", "verification_result", RESULTS),
)
