# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was expected and not done on time: missed, made up for by hand, late; and is its failure recorded and closed?"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, expectations, views
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import LATE, MISSED, MITIGATED
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.questions import rows
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    listed,
    names,
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

_GAPS = (MISSED, MITIGATED, LATE)
UNRECORDED, OPEN, CLOSED = "unrecorded", "open", "closed"


def gaps(asked: Asked) -> Answer:
    """Tell each slot that was not covered on time, of ``year`` or of all times; one whose failure is not closed, or
    not even recorded, needs action (4.3.1)."""
    unclosed = {each.folio: each for each in asked.index.open_failures()}
    found = sorted(
        (
            row
            for each in asked.expected()
            if asked.has(each.server, *each.item_ids)
            for row in _of_item(asked, each, unclosed)
        ),
        key=lambda row: (row["last"], row["server"], row["item_id"]),
    )
    problems = []
    for state, words in ((UNRECORDED, "SIN ASENTAR EN LA BITÁCORA DE FALLAS"), (OPEN, "CON SU FALLA ABIERTA")):
        concerned = [row for row in found if row["failure_state"] == state]
        if concerned:
            items = names(list(dict.fromkeys(row["item_id"] for row in concerned)))
            problems.append(f"{words}: {len(concerned)} ({items})")
    return Answer(
        f"LO QUE NO SE RESPALDÓ A TIEMPO{f' EN {asked.year}' if asked.year else ''}",
        [
            Section("items", "POR RESPALDO", _ITEM, _by_item(found)),
            Section("gaps", "DÍAS, SEMANAS Y CICLOS SIN CUBRIR A TIEMPO", _GAP, found),
        ],
        problems,
        next_command=_next(asked, found, unclosed),
        all_is_well="Nada que hacer: cada hueco está asentado y su falla, cerrada."
        if found
        else "Ningún hueco: todo se respaldó a tiempo.",
    )


def _of_item(asked: Asked, each: Expected, unclosed: dict[str, Failure]) -> Iterator[Row]:
    slots = expectations.slots(each, asked.index, asked.now)
    gone_wrong = [
        slot for slot in slots if slot.state in _GAPS and (not asked.year or views.year_of(slot) == asked.year)
    ]
    failures = list(expectations.failures(each, asked.index)) if gone_wrong else []
    for slot in gone_wrong:
        of_it = [failure for failure in failures if calendar.speaks_of(slot, failure.moment.date())]
        yield {
            **{"server": each.server, "item_id": each.item_id, "service": each.request.service},
            **{"information_type": slot.kind.key, "slot": views.slot_name(slot), "state": slot.state},
            **{"first": slot.first.isoformat(), "last": slot.last.isoformat()},
            "covered_by": slot.folio or None,
            "covered_on": slot.covered_on.isoformat() if slot.covered_on else None,
            "failure_folios": [failure.folio for failure in of_it],
            **_state(asked, of_it, unclosed),
        }


def _state(asked: Asked, failures: list[Failure], unclosed: dict[str, Failure]) -> Row:
    """Return what became of a gap's failures: closed only where all of them are."""
    row: Row = {"failure_state": UNRECORDED, "closed_on": None, "evidence": None}
    if any(each.folio in unclosed for each in failures):
        row["failure_state"] = OPEN
    elif failures:
        closings = [closing for each in failures for closing in asked.index.about(each.folio, "closing")]
        last = max(closings, key=lambda closing: closing["recorded_at"])
        row = {
            "failure_state": CLOSED,
            "closed_on": last["recorded_at"][:10],
            "evidence": last.get("remarks") or last.get("cause"),
        }
    return row


def _by_item(found: list[Row]) -> list[Row]:
    of_items: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        of_items.setdefault((row["server"], row["item_id"]), []).append(row)
    return [
        {
            **{"server": server, "item_id": item_id, "service": several[-1]["service"]},
            **{state: sum(row["state"] == state for row in several) for state in _GAPS},
            "unclosed": sum(row["failure_state"] != CLOSED for row in several),
            "last": several[-1]["slot"],
        }
        for (server, item_id), several in sorted(of_items.items())
    ]


def _next(asked: Asked, found: list[Row], unclosed: dict[str, Failure]) -> str:
    if any(row["failure_state"] == UNRECORDED for row in found):
        return command("reconcile")
    for row in found:
        for folio in row["failure_folios"]:
            if folio in unclosed:
                return rows.remedy(asked, unclosed[folio])
    return ""


def _failure(row: Row) -> str:
    if row["failure_state"] == CLOSED:
        return f"cerrada el {spoken_day(row['closed_on'])}"
    return {UNRECORDED: "SIN ASENTAR", OPEN: "ABIERTA"}[row["failure_state"]]


_ITEM = (
    *(SERVER, ITEM_ID, text("Servicio", "service", 40), text("Omitidos", MISSED), text("Mitigados", MITIGATED)),
    *(text("Tardíos", LATE), text("Con falla sin cerrar", "unclosed"), text("El último", "last")),
)
_GAP = (
    *(SERVER, ITEM_ID, text("Corresponde a", "slot"), spoken("Estado", "state", views.STATES)),
    *(text("Lo cubrió", "covered_by"), listed("Falla", "failure_folios"), Column("Situación", _failure)),
    text("Cómo se cerró", "evidence"),
)
