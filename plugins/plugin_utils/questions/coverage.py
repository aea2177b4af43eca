# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of that which was accepted is really backed up: request, inventory and newest backup, side by side (4.1.1).

What lies on the servers that nobody asked for only the servers know: coverage.yml looks there.
"""

from __future__ import annotations

from datetime import date

from ansible_collections.dse.backup.plugins.plugin_utils import expectations, request_register
from ansible_collections.dse.backup.plugins.plugin_utils.backups import newest
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import MISSED, PENDING
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.questions import rows
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    BACKUP,
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Row,
    Section,
    day,
    names,
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import by_hand, command

# The worst first; those before NEW need action.
ABSENT, REFUSED, NEVER, OVERDUE, NEW, COVERED = "absent", "refused", "never", "overdue", "new", "covered"
_PROBLEMS = {
    ABSENT: "ACEPTADO Y SIN ELEMENTO EN EL INVENTARIO",
    REFUSED: "RECHAZADO POR EL INVENTARIO",
    NEVER: "SIN NINGÚN RESPALDO UTILIZABLE",
    OVERDUE: "CON EL ÚLTIMO PERIODO OMITIDO",
}
_STATES = {
    **{ABSENT: "NO ESTÁ EN EL INVENTARIO", REFUSED: "RECHAZADO", NEVER: "SIN RESPALDO", OVERDUE: "OMITIDO"},
    **{NEW: "por respaldar: se aceptó hoy", COVERED: "cubierto"},
}


def coverage(asked: Asked) -> Answer:
    """Tell of each accepted backup whether an item carries it out and when it was last done."""
    today = asked.now.date()
    screened = request_register.screen(asked.register(), asked.index.requests(), today)
    refused = rows.refused(asked, screened)
    objected = {(row["server"], row["item_id"]) for row in refused}
    items = [
        _row(asked, each, objected)
        for each in asked.expected()
        if asked.has(each.server, *each.item_ids) and any(one.holds(today) for one in each.stretches)
    ]
    items.sort(key=lambda row: (row["server"], row["information_type"], row["item_id"]))
    # One that no request covers is in nobody's way and is named all the same.
    wrong = {state: [row["item_id"] for row in items if row["state"] == state] for state in _PROBLEMS}
    wrong[REFUSED] = list(dict.fromkeys([*wrong[REFUSED], *(row["item_id"] for row in refused)]))
    idle = sorted({each for each in asked.servers if asked.has_server(each)} - {row["server"] for row in items})
    sections = [
        Section("kinds", "POR SERVIDOR Y TIPO DE INFORMACIÓN", _KIND, _kinds(asked, items)),
        Section("items", "LO ACEPTADO Y VIGENTE", _ITEM, items),
        Section("refused", "ELEMENTOS DEL INVENTARIO QUE NO SE RESPALDAN (backup.yml --check)", rows.REFUSED, refused),
        Section("servers", "SERVIDORES SIN NINGÚN RESPALDO ACEPTADO (coverage.yml)", (SERVER,), [
            {"server": server} for server in idle if not asked.items
        ]),
    ]  # fmt: skip
    return Answer(
        "COBERTURA DE LOS RESPALDOS",
        sections,
        [f"{words}: {names(wrong[state])}" for state, words in _PROBLEMS.items() if wrong[state]],
        next_command=_next(wrong, items),
        all_is_well="Lo aceptado se respalda. Lo que nadie ha solicitado lo busca en los servidores coverage.yml."
        if items
        else "Ningún respaldo aceptado y vigente.",
    )


def _row(asked: Asked, each: Expected, objected: set[tuple[str, str]]) -> Row:
    today = asked.now.date()
    backups = list(expectations.backups(each, asked.index))
    last = newest(backups, or_with_csc=True)
    kind = next(one.kind for one in reversed(each.stretches) if one.begins <= today)
    if not each.is_in_inventory:
        state = ABSENT
    elif (each.server, each.item_id) in objected:
        state = REFUSED
    elif last is None:
        state = NEVER if backups or each.stretches[0].begins < today else NEW
    else:
        slots = expectations.slots(each, asked.index, asked.now, known=backups)
        ended = [slot.state for slot in slots if slot.state != PENDING]
        state = OVERDUE if ended and ended[-1] == MISSED else COVERED
    return {
        **{"server": each.server, "item_id": each.item_id, "service": each.request.service},
        **{"information_type": kind.key, "information_type_label": kind.label},
        **{"request_folio": each.request.folio, "source": each.request.source, "state": state},
        **{"is_in_inventory": each.is_in_inventory, "backup_folio": last.folio if last else None},
        "backup_date": last.backup_date if last else None,
        "age_days": (today - date.fromisoformat(last.backup_date)).days if last else None,
    }


def _kinds(asked: Asked, items: list[Row]) -> list[Row]:
    """Return of each server and kind how much was accepted, how much of it an item carries out, and is covered."""
    found: dict[tuple[str, str], Row] = {}
    for row in items:
        place = (row["server"], row["information_type"])
        new = {
            **{"server": row["server"], "information_type": row["information_type"]},
            "information_type_label": row["information_type_label"],
            **dict.fromkeys(("accepted", "in_inventory", "covered"), 0),
            "oldest_backup_date": None,
        }
        counts = found.setdefault(place, new)
        counts["accepted"] += 1
        counts["in_inventory"] += row["state"] not in (ABSENT, REFUSED)
        counts["covered"] += row["state"] == COVERED
        dates = filter(None, (counts["oldest_backup_date"], row["backup_date"]))
        counts["oldest_backup_date"] = min(dates, default=None)
    return list(found.values())


def _next(wrong: dict[str, list[str]], items: list[Row]) -> str:
    if wrong[ABSENT] or wrong[REFUSED]:
        return command("backup", "--check")
    undone = [*wrong[NEVER], *wrong[OVERDUE]]
    if undone:
        return by_hand(undone)
    return command("coverage") if items else ""


_TYPE = text("Tipo de información", "information_type_label")
_KIND = (
    *(SERVER, _TYPE, text("Aceptados", "accepted"), text("En el inventario", "in_inventory")),
    *(text("Cubiertos", "covered"), day("El más antiguo de los últimos", "oldest_backup_date")),
)
_ITEM = (
    *(SERVER, ITEM_ID, text("Servicio", "service", 40), _TYPE, text("Solicitud", "request_folio")),
    *(BACKUP, day("Del", "backup_date"), text("Días", "age_days"), spoken("Situación", "state", _STATES)),
)
