# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Was each backup verified, against what, and how did it turn out? Both sizes, the change, what is tolerated (4.2)."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import FIRST
from ansible_collections.dse.backup.plugins.plugin_utils import waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.questions import rows
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    BACKUP,
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    day,
    first,
    names,
    percent,
    size,
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

# So many of each item's newest are told of; of the items that are asked for by name, so many.
_NEWEST, _NEWEST_OF_ONE = 3, 30
# From this share of what may be lost within the window on, an item that shrinks slowly is told of.
_SHRINKING = 0.5
_OF_A_RECORD = (
    *("size_bytes", "previous_file_name", "previous_size_bytes", "size_change_pct", "baseline_size_bytes"),
    *("baseline_change_pct", "size_change_accumulated_pct", "entry_count", "new_data_pct", "verified_at"),
    *("verification_result", "remarks"),
)


def verification(asked: Asked) -> Answer:
    """Tell the verdict on each item's newest backups; one in review or not conforming waits for JAA's decision."""
    of_items: dict[str, list[Backup]] = {}
    for backup in asked.index.backups():
        if asked.has(backup.server, backup.item_id):
            of_items.setdefault(backup.item_id, []).append(backup)
    own = {each.item_id: each.definition.get("tolerance") for each in asked.register().items}
    count = _NEWEST_OF_ONE if asked.items else _NEWEST
    newest = [
        _row(asked, each, own)
        for _item_id, backups in sorted(of_items.items(), key=lambda each: (each[1][-1].server, each[0]))
        for each in reversed(backups[-count:])
    ]
    undecided = [
        _row(asked, asked.index.backup(made["folio"]), own)
        for item_id, server, made in waiting.quarantined(asked.index)
        if asked.has(server, item_id)
    ]
    backups = [each for several in of_items.values() for each in several]
    sections = [
        Section("undecided", "EN CUARENTENA, SIN DICTAMEN DE JAA (accept.yml)", _DOUBTFUL, undecided),
        Section("shrinking", "DISMINUYEN POCO A POCO", _SHRINKS, _shrinking(newest)),
        Section("newest", "LOS MÁS RECIENTES", _VERDICT, newest),
        Section("decided", "DICTÁMENES DE JAA", _DECIDED, [
            {**_row(asked, each, own), **_decision(asked, each)} for each in backups if each.decision
        ]),
        Section("first", "PRIMEROS: NO HUBO CON QUÉ COMPARARLOS", _FIRST, [
            _row(asked, each, own) for each in backups if each.verification_result == FIRST
        ]),
    ]  # fmt: skip
    said = {"accept_decision": "DICTAMEN", "accept_reason": "MOTIVO"}
    return Answer(
        "VERIFICACIÓN DE LOS RESPALDOS",
        sections,
        [f"ESPERAN EL DICTAMEN DE JAA: {names([row['backup_folio'] for row in undecided])}"] if undecided else [],
        next_command=command("accept", accept_folio=first(undecided, "backup_folio"), **said) if undecided else "",
        all_is_well="Nada que hacer: ningún respaldo espera dictamen." if backups else "Sin respaldos.",
    )


def _row(asked: Asked, backup: Backup, own: dict[str, Any]) -> Row:
    record = asked.index.record(backup.folio) or {}
    tolerated = asked.procedure.tolerances(backup.information_type, own.get(backup.item_id))
    return {
        **{"server": backup.server, "item_id": backup.item_id, "information_type": backup.information_type},
        **{"backup_folio": backup.folio, "backup_date": backup.backup_date, "decision": backup.decision},
        **{key: record.get(key) for key in _OF_A_RECORD},
        **{key: tolerated[key] for key in ("shrink_pct", "grow_pct", "accumulated_shrink_pct")},
        "failure_folio": backup.failure_folio,
    }


def _decision(asked: Asked, backup: Backup) -> Row:
    record = asked.index.about(backup.folio, "decision")[-1]
    return {
        "decided_at": record["recorded_at"],
        "decided_by": record.get("operator_user"),
        "reason": record.get("decision_reason"),
    }


def _shrinking(newest: list[Row]) -> list[Row]:
    """Return the newest backup of each item that has lost much of what it may lose, pair by pair unseen."""
    last: dict[str, Row] = {}
    for row in newest:
        last.setdefault(row["item_id"], row)
    return [
        row
        for row in last.values()
        if (row["size_change_accumulated_pct"] or 0) <= -_SHRINKING * row["accumulated_shrink_pct"]
    ]


def _change(row: Row) -> str:
    return f"{row['size_change_pct']:+.2f} %" if row["size_change_pct"] is not None else "—"


def _tolerated(row: Row) -> str:
    return f"−{row['shrink_pct']:g} % a +{row['grow_pct']:g} %"


_WHICH = (SERVER, ITEM_ID, BACKUP, day("Del", "backup_date"), size("Tamaño", "size_bytes"))
_COMPARED = (
    *(size("Anterior", "previous_size_bytes"), Column("Variación", _change), Column("Se tolera", _tolerated)),
    Column("Verificación", rows.verdict),
)
_VERDICT = (*_WHICH, *_COMPARED)
_DOUBTFUL = (*_WHICH, *_COMPARED, text("Por qué", "remarks"), text("Falla", "failure_folio"))
_DECIDED = (
    *(*_WHICH, spoken("Dictamen", "decision", {"accepted": "aceptado", "rejected": "rechazado"})),
    *(day("El", "decided_at"), text("Motivo", "reason")),
)
_SHRINKS = (
    *(*_WHICH, percent("Variación acumulada", "size_change_accumulated_pct")),
    percent("Se tolera una baja de", "accumulated_shrink_pct", 0),
)
_FIRST = _WHICH
