# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FOR 7.5 DSE 02 and 03: a week as a grid of what was expected and what was made, then its lines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import FIRST, NONCONFORMING, REVIEW
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size
from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import DONE, LATE, MISSED, MITIGATED, PENDING, Slot
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed import lines
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import (
    Day,
    Grid,
    GridRow,
    PrintedForm,
    Sheet,
    in_rows,
)
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source, fields_of
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import plain
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form
from ansible_collections.dse.backup.plugins.plugin_utils.views import Line, View

DAYS = ("Lun", "Mar", "Mié", "Jue", "Vie", "Sáb", "Dom")
_WIDTH = 6
_COLUMNS = (
    *("folio", "backup_date", "item_id", "execution_mode", "size_bytes", "previous_size_bytes", "size_change_pct"),
    *("verification_result", "csc_delivery_folio", "failure_folio", "status"),
)
_SIGNS = {FIRST: "P", REVIEW: "R", NONCONFORMING: "✗"}
LEGEND = [
    "✓ conforme, automático",
    "M hecho a mano; sin otro signo, conforme",
    "P primero, sin anterior con qué comparar",
    "A aceptado por JAA",
    "R en revisión",
    "✗ no conforme o rechazado",
    "OMITIDO: no hay respaldo conforme de ese día o semana",
    "mitigado: se hizo a mano después",
    "tardío: se hizo después de haber fallado",
]


def servers(source: Source, name: str) -> list[str]:
    """Return the servers of which a week has anything to show, in order."""
    return sorted({line.server for line in source.view(name).lines})


def printed(source: Source, form: Form, name: str, server: str, entries: list[Entry]) -> PrintedForm:
    """Return a week's form; of FOR 7.5 DSE 03, that of one server."""
    view = source.view(name)
    shown = sorted(
        (line for line in view.lines if server in ("", line.server)), key=lambda line: (line.server, line.item_id)
    )
    week = calendar.iso_week(view.first)
    closings = [each for each in source.later([], name) if each.record.get("evidence") == "review"]
    said = source.labelled(
        form,
        iso_week=week,
        week_start=view.first.isoformat(),
        week_end=view.last.isoformat(),
        **({"database_server": server} if server else {}),
        week_closed_by=closings[0].record.get("operator_role") if closings else None,
    )
    by_day = any(slot.kind.schedule.unit == "day" for line in shown for slot in line.slots) or bool(server)
    parts = [
        Sheet("Periodo", in_rows(said, _WIDTH)),
        _grid(source, form, view, shown, by_day),
        *lines.parts(source, form, entries, _COLUMNS, said),
    ]
    period = f"semana {week}, del {view.first:%d/%m/%Y} al {view.last:%d/%m/%Y}"
    about = f"{server} · {period}" if server else period
    return source.framed(form, name, about, parts, entries, also_about=(name,), is_wide=True)


def _grid(source: Source, form: Form, view: View, shown: Iterable[Line], by_day: bool) -> Grid:
    fields = fields_of(form)
    days = [view.first + timedelta(days=number) for number in range(7)]
    headings = [f"{word} {day:%d/%m}" for word, day in zip(DAYS, days)] if by_day else ["Semana"]
    spans = [(day, day) for day in days] if by_day else [(view.first, view.last)]
    names = [name for name in ("days_expected", "days_conforming") if name in fields]
    totals = [fields[name].label for name in names] or ["Programados", "Conformes"]
    title = "Control de la semana" + (f": {fields['daily_results'].label}" if "daily_results" in fields else "")
    failures = _failures(source, view)
    rows = [
        GridRow(
            plain(line.item_id),
            [plain(line.server), *dict.fromkeys(plain(each.request_folio) for each in line.backups)],
            [_day(line, first, last, failures.get((line.server, line.item_id), [])) for first, last in spans],
            [str(len(line.slots)), str(sum(slot.state in (DONE, LATE) for slot in line.slots))],
        )
        for line in shown
    ]
    return Grid(title, headings, totals, rows, LEGEND)


def _failures(source: Source, view: View) -> dict[tuple[str, str], list[Failure]]:
    """Return the failures of a week by server and item, whatever the item was called when they were recorded."""
    # A name that is somebody's now is his.
    called = {(each.server, each.item_id): each.item_id for each in source.expected}
    for each in source.expected:
        for name in (*each.item_ids, *each.folios):
            called.setdefault((each.server, name), each.item_id)
    found: dict[tuple[str, str], list[Failure]] = {}
    for failure in source.index.failures(since=view.first.isoformat()):
        if failure.is_of_a_backup and failure.scheduled_for[:10] <= view.last.isoformat():
            item_id = called.get((failure.server, failure.item_id), failure.item_id)
            found.setdefault((failure.server, item_id), []).append(failure)
    return found


def _day(line: Line, first: date, last: date, failures: list[Failure]) -> Day:
    slot = next((slot for slot in line.slots if first <= slot.first <= last), None)
    made = [each for each in line.backups if first.isoformat() <= each.backup_date <= last.isoformat()]
    failed = [each.folio for each in failures if first.isoformat() <= each.scheduled_for[:10] <= last.isoformat()]
    state, said, weight = _state(slot, bool(made))
    doubtful = any(_mark(each)[0] in "R✗" for each in made)
    return Day(
        [f"{_mark(each)} {human_size(each.size_bytes)}" for each in made],
        state,
        [plain(folio) for folio in (*(each.folio for each in made), *failed)],
        said,
        weight or ("note" if doubtful else ""),
    )


def _state(slot: Slot | None, is_made: bool) -> tuple[str, str, str]:
    """Return in words what became of a slot, what there is to say of that, and how much it must strike the eye."""
    if slot is None:
        return ("" if is_made else "no se esperaba"), "", ""
    if slot.state == MITIGATED:
        return "OMITIDO", f"mitigado el {slot.covered_on:%d/%m} con {slot.folio}", "alarm"
    words = {MISSED: ("OMITIDO", "alarm"), LATE: ("tardío", "note"), PENDING: ("pendiente", "note")}
    state, weight = words.get(slot.state, ("", ""))
    return state, "", weight


def _mark(backup: Backup) -> str:
    """Return the sign that says how a backup turned out, and whether it was made by hand."""
    by_hand = backup.execution_mode == "manual"
    if backup.decision:
        sign = "A" if backup.decision == "accepted" else "✗"
    elif backup.verification_result in _SIGNS:
        sign = _SIGNS[backup.verification_result]
    else:
        return "M" if by_hand else "✓"
    return f"{sign} M" if by_hand else sign
