# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every version of each item and where it is; and by which script it was made, under which revision (2.0, 4.1.5, 7.0).

list.yml says what can be brought back; this is the evidence: which copies there are, what was pruned, what is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest
from ansible_collections.dse.backup.plugins.plugin_utils.custody import DAMAGED, HELD, REMOVED, of_jaa
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
    moment,
    names,
    size,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

# So many of each item's newest are told of; of items that are asked for by name, all.
_NEWEST = 10
_OF_BACKUP = (
    *("server", "item_id", "service", "information_type", "backup_date", "started_at", "size_bytes", "entry_count"),
    *("verification_result", "decision", "execution_mode", "request_folio", "file_name", "sha256", "removed_on"),
    *("delivery_folio", "failure_folio", "tool", "tool_sha256"),
)


def versions(asked: Asked) -> Answer:
    """Tell every version of what is asked about, and the scripts; a server whose script is another needs action."""
    backups = [each for each in asked.index.backups() if asked.has(each.server, each.item_id)]
    of_items: dict[str, list[Backup]] = {}
    for backup in backups:
        of_items.setdefault(backup.item_id, []).append(backup)
    unsaid = {each["folio"] for each in asked.index.unacknowledged_deliveries()}
    ordered = sorted(of_items.items(), key=lambda each: (each[1][-1].server, each[0]))
    shown = None if asked.items else _NEWEST
    scripts = _scripts(asked, backups)
    odd = sorted({row["server"] for row in scripts if row["is_newest"] and row["is_deployed"] is False})
    revision = asked.procedure.revisions[-1]
    return Answer(
        "VERSIONES DE LOS RESPALDOS, DEL SCRIPT Y DEL PROCEDIMIENTO",
        [
            Section("items", "POR RESPALDO", _ITEM, [_item(several) for _item_id, several in ordered]),
            Section("versions", f"VERSIONES{f': LAS {shown} MÁS RECIENTES DE CADA UNO' if shown else ''}", _VERSION, [
                _version(each, unsaid) for _item_id, several in ordered for each in _newest_first(several)[:shown]
            ]),
            Section("scripts", "SCRIPTS CON QUE SE HICIERON", _SCRIPT, scripts),
            Section("procedure", "PROCEDIMIENTO", _PROCEDURE, [{
                "revision": revision.number, "date": revision.date.isoformat(), "description": revision.description,
                "form_revision": asked.procedure.institution.form_revision,
            }]),
        ],
        [f"SU SCRIPT NO ES EL DE ESTE CONTROLADOR: {names(odd)}"] if odd else [],
        next_command=command("deploy", "--limit", ",".join(odd)) if odd else "",
    )  # fmt: skip


def _newest_first(backups: Iterable[Backup]) -> list[Backup]:
    return sorted(backups, key=lambda each: each.started_at, reverse=True)


def _item(backups: list[Backup]) -> Row:
    there = [each for each in backups if each.conforms and each.is_there]
    last = newest(backups)
    return {
        **{"server": backups[-1].server, "item_id": backups[-1].item_id, "service": backups[-1].service},
        **{"version_count": len(backups), "restorable_count": len(there)},
        "with_csc_count": sum(each.delivery_folio is not None for each in backups),
        "damaged_count": sum(each.is_damaged and each.removed_on is None for each in backups),
        "removed_count": sum(each.removed_on is not None for each in backups),
        "oldest_restorable": min((each.backup_date for each in there), default=None),
        "newest_folio": last and last.folio,
        "newest_restorable": last and last.backup_date,
    }


def _version(backup: Backup, unsaid: set[str]) -> Row:
    return {
        "backup_folio": backup.folio,
        **{key: getattr(backup, key) or None for key in _OF_BACKUP},
        "size_bytes": backup.size_bytes,
        "entry_count": backup.entry_count,
        "jaa": of_jaa(backup),
        "is_acknowledged": backup.delivery_folio not in unsaid if backup.delivery_folio else None,
        "is_restorable": backup.is_there or backup.can_be_lent,
    }


def _scripts(asked: Asked, backups: list[Backup]) -> list[Row]:
    """Return each script by which a server's backups were made, the newest last: a change of it shows.

    A digest that is not known (a run of which only the backup server knows) says nothing.
    """
    found: dict[tuple[str, str, str], Row] = {}
    for backup in backups:
        if not backup.tool_sha256:
            continue
        row = found.setdefault(
            (backup.server, backup.tool, backup.tool_sha256),
            {
                **{"server": backup.server, "tool": backup.tool, "tool_sha256": backup.tool_sha256},
                **{"since": backup.started_at, "until": "", "backup_count": 0},
            },
        )
        row["until"] = max(row["until"], backup.started_at)
        row["backup_count"] += 1
    last = {row["server"]: row for row in sorted(found.values(), key=lambda row: row["until"])}
    for row in found.values():
        row["is_newest"] = last[row["server"]] is row
        row["is_deployed"] = row["tool_sha256"] == asked.script_sha256 if asked.script_sha256 else None
    return sorted(found.values(), key=lambda row: (row["server"], row["until"]))


def _jaa(row: Row) -> str:
    if row["jaa"] == REMOVED:
        return f"depurada el {spoken_day(row['removed_on'])}"
    return {DAMAGED: "DAÑADA", HELD: "en custodia"}[row["jaa"]]


def _csc(row: Row) -> str:
    if not row["delivery_folio"]:
        return "—"
    return f"{row['delivery_folio']}{'' if row['is_acknowledged'] else ', sin acuse'}"


def _which(row: Row) -> str:
    known = {True: "el de este controlador", False: "OTRO", None: "—"}[row["is_deployed"]]
    return known if row["is_newest"] else "anterior"


_ITEM = (
    *(SERVER, ITEM_ID, text("Servicio", "service", 40), text("Versiones", "version_count")),
    *(text("Recuperables", "restorable_count"), text("Con CSC", "with_csc_count"), text("Dañadas", "damaged_count")),
    *(text("Depuradas", "removed_count"), day("Desde", "oldest_restorable"), day("Hasta", "newest_restorable")),
)
_VERSION = (
    *(SERVER, ITEM_ID, BACKUP, moment("Fecha", "started_at"), size("Tamaño", "size_bytes")),
    *(text("Archivos o tablas", "entry_count"), Column("Verificación", rows.verdict)),
    *(Column("Copia de JAA", _jaa), Column("Copia de CSC", _csc)),
)
_SCRIPT = (
    *(SERVER, text("Herramienta", "tool"), text("Huella", "tool_sha256", 17), day("Desde", "since")),
    *(day("Hasta", "until"), text("Respaldos", "backup_count"), Column("Es", _which)),
)
_PROCEDURE = (
    *(text("Revisión vigente", "revision"), day("Del", "date"), text("Qué cambió", "description")),
    text("Revisión de los formatos", "form_revision"),
)
