# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept, why and until when: the backups by their rule, the records for a year from their closing (6.0)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import ledger_disposal, pruning
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry, Filter, Lookup
from ansible_collections.dse.backup.plugins.plugin_utils.pruning import ItemFates
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
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.retention import Fate, outdated_safety
from ansible_collections.dse.backup.plugins.plugin_utils.screen import ledger_answers
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

_RULES = {"daily": "diarios", "weekly": "semanales", "cycles": "de ciclo", "monthly": "mensuales"}


def retention(asked: Asked) -> Answer:
    """Tell what is kept and why, and what may go; too few conforming ones, or a pruning cut short, need action."""
    items = list(pruning.of_items(asked.index, asked.register(), asked.procedure, asked.now.date(), wants=asked.has))
    keep_last = asked.procedure.safeguards.keep_last
    rows = [_item(each, keep_last) for each in items]
    prunes = _prunes(asked)
    years, forms = _records(asked)
    going = [_fate(fate) for each in items for fate in each.fates if fate.goes]
    sections = [
        Section("items", "POR RESPALDO", _ITEM, rows),
        Section("prunable", "PUEDEN DEPURARSE (prune.yml)", _FATE, [*going, *_safety(asked, items)]),
        Section("prunes", "ÚLTIMA DEPURACIÓN DE CADA SERVIDOR", _PRUNE, prunes),
        Section("forms", "REGISTROS, POR FORMATO", _FORM, forms),
        Section("years", "AÑOS DEL REGISTRO OFICIAL (ledger.yml -e ledger_disposable=true)", _YEAR, years),
        Section("kept", "SE CONSERVAN", _FATE, [_fate(fate) for each in items for fate in each.fates if not fate.goes]),
    ]
    few = [row["item_id"] for row in rows if row["is_short"]]
    cut_off = [row["server"] for row in prunes if row["result"] != "done"]
    problems = [f"QUEDAN MENOS DE {keep_last} CONFORMES: {names(few)}"] if few else []
    problems += [f"SU ÚLTIMA DEPURACIÓN NO TERMINÓ: {names(cut_off)}"] if cut_off else []
    next_command = command("prune") if going or cut_off else ""
    return Answer(
        "CONSERVACIÓN DE RESPALDOS Y REGISTROS",
        sections,
        problems,
        next_command=command("report", question="copies") if few else next_command,
        all_is_well="Nada que hacer: nada excede su plazo." if rows else "Sin respaldos.",
    )


def _item(each: ItemFates, keep_last: int) -> Row:
    """Return what is kept of an item. It is short of conforming ones where it had as many, and has them no more."""
    kept = [fate for fate in each.fates if not fate.goes]
    conforming = [backup for backup in each.backups if backup.conforms]
    there = [backup for backup in conforming if backup.is_there]
    return {
        **{"server": each.server, "item_id": each.item_id, "information_type": each.backups[-1].information_type},
        **{"rule": asdict(each.retention), "kept_count": len(kept), "prunable_count": len(each.fates) - len(kept)},
        "removed_count": sum(backup.removed_on is not None for backup in each.backups),
        "oldest_kept": min((fate.backup.backup_date for fate in kept), default=None),
        "conforming_count": len(there),
        "is_short": len(there) < keep_last <= len(conforming),
        "reasons": dict(Counter(fate.reason for fate in kept)),
    }


def _fate(fate: Fate) -> Row:
    backup = fate.backup
    kept = ("server", "item_id", "backup_date", "size_bytes")
    return {"backup_folio": backup.folio, **{key: getattr(backup, key) for key in kept}, "reason": fate.reason}


def _safety(asked: Asked, items: Iterable[ItemFates]) -> Iterator[Row]:
    """Yield what was stored before something was restored in place and may go; it is no version of any item."""
    for server in dict.fromkeys(each.server for each in items) if not asked.items else ():
        stored = asked.index.safety_snapshots(server)
        for name in outdated_safety(stored, asked.procedure.safeguards, asked.now.date()):
            yield {
                **{"server": server, "item_id": None, "backup_folio": None, "backup_date": stored[name]},
                "size_bytes": None,
                "reason": f"guardado antes de una restauración ({name[:8]}); cumplió su plazo",
            }


def _prunes(asked: Asked) -> list[Row]:
    found: dict[str, dict[str, Any]] = {}
    for record in asked.index.newest_first("disposal"):
        # The disposal of a year of the ledger has no server.
        if record.get("server") and asked.has_server(record["server"]):
            found.setdefault(record["server"], record)
    return [
        {
            **{"server": server, "recorded_at": record["recorded_at"], "result": record.get("result", "done")},
            **{"removed_count": len(record["disposed"]), "kept_count": record.get("kept_count")},
            **{"freed_bytes": record.get("freed_bytes"), "operator_user": record.get("operator_user")},
        }
        for server, record in sorted(found.items())
    ]


def _records(asked: Asked) -> tuple[list[Row], list[Row]]:
    """Return which years of the ledger may go, and of each form how many of its records are open, kept and past it."""
    today, procedure = asked.now.date(), asked.procedure
    lookup = Lookup(asked.lines, procedure, today)
    forms: dict[str, Row] = {
        form.code: {
            **{"form_code": form.code, "title": form.title, "retention_years": form.retention_years},
            **dict.fromkeys(("record_count", "open_count", "kept_count", "past_count"), 0),
            **{"next_until": None, "last_until": None},
        }
        for form in procedure.forms.values()
    }

    def counted() -> Iterator[Entry]:
        for entry in lookup.found(Filter()):
            if entry.standing:
                _count(forms[entry.record["form_code"]], entry, today.isoformat())
            yield entry

    stored = {backup.folio for backup in asked.index.backups() if backup.removed_on is None}
    running = set(asked.index.open_runs())
    assessed = ledger_disposal.assess(counted(), stored=stored, running=running, procedure=procedure, today=today)
    years = []
    for each in assessed:
        why = [*ledger_disposal.objections(assessed, each.year, today.year), *ledger_answers.kept(each)]
        until = [kept.until for kept in each.kept.values() if kept.until]
        years.append(
            {
                **{"ledger_year": each.year, "record_count": each.records, "is_disposable": not why, "kept_by": why},
                "known_until": max(until).isoformat() if until else None,
            }
        )
    return years, [row for row in forms.values() if row["record_count"]]


def _count(row: Row, entry: Entry, today: str) -> None:
    """Count one record of a form: open, kept until a day, or past it. ``next_until`` is the first day still to come."""
    row["record_count"] += 1
    if entry.standing is None or entry.standing.retention_until is None:
        row["open_count"] += 1
        return
    until = entry.standing.retention_until.isoformat()
    row["past_count" if until < today else "kept_count"] += 1
    row["last_until"] = max(until, row["last_until"] or until)
    if until >= today:
        row["next_until"] = min(until, row["next_until"] or until)


def _rule(row: Row) -> str:
    return ", ".join(f"{count} {_RULES[name]}" for name, count in row["rule"].items() if count) or "—"


def _reasons(row: Row) -> str:
    return "; ".join(f"{reason}: {count}" for reason, count in row["reasons"].items()) or "—"


_ITEM = (
    *(
        SERVER,
        ITEM_ID,
        Column("Regla", _rule),
        text("Se conservan", "kept_count"),
        text("Conformes", "conforming_count"),
    ),
    *(text("Pueden depurarse", "prunable_count"), text("Depurados", "removed_count"), day("Desde", "oldest_kept")),
    Column("Por qué se conservan", _reasons),
)
_FATE = (
    *(SERVER, ITEM_ID, BACKUP, day("Del", "backup_date"), size("Tamaño", "size_bytes"), text("Por qué", "reason")),
)
_PRUNE = (
    *(
        SERVER,
        moment("Cuándo", "recorded_at"),
        spoken("Resultado", "result", {"done": "hecha", "partial": "INCOMPLETA"}),
    ),
    *(text("Depurados", "removed_count"), text("Conservados", "kept_count"), size("Espacio liberado", "freed_bytes")),
)
_FORM = (
    *(text("Formato", "form_code"), text("Título", "title", 60), text("Registros", "record_count")),
    *(text("Abiertos", "open_count"), text("Por conservar", "kept_count"), text("Cumplieron su plazo", "past_count")),
    *(day("El próximo cumple el", "next_until"), day("El último, el", "last_until")),
)
_YEAR = (
    *(text("Año", "ledger_year"), text("Registros", "record_count")),
    Column("Puede darse de baja", lambda row: "SÍ" if row["is_disposable"] else "no"),
    Column("Lo conservan", lambda row: "; ".join(row["kept_by"]) or "—"),
)
