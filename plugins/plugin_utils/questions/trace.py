# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup from its request to its restore, each record with its hash; or of all of them, where a chain is broken."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_chain, trail
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
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
    span,
    spoken,
    text,
    yes_or_no,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, command, receipt
from ansible_collections.dse.backup.plugins.plugin_utils.trail import BROKEN, NONE, OK, PENDING, Links, Step

# In the order of the chain.
_LINKS = {
    trail.REQUEST: "Solicitud aceptada",
    trail.DECISION: "Verificación y dictamen",
    trail.JAA_COPY: "Copia de JAA",
    trail.DELIVERY: "Entrega a CSC y su acuse",
    trail.ACCEPTANCE: "Conformidad del CGDW",
}
_STATES = {OK: "completo", PENDING: "pendiente, en plazo", BROKEN: "ROTO", NONE: "—"}


def trace(asked: Asked) -> Answer:
    """Trace the backup of a folio, or that folio's newest; without a folio tell of all where their chain is broken."""
    return _one(asked) if asked.folio else _all(asked)


def _one(asked: Asked) -> Answer:
    backups = trail.concerned(asked.index, asked.folio)
    if not backups:
        known = asked.index.knows(asked.folio)
        why = "no lleva a ningún respaldo" if known else "no está en el registro oficial"
        return Answer(
            f"RASTRO DE {readable(asked.folio, 40)}",
            [Section(name, "", (), []) for name in ("backup", "links", "steps", "others")],
            [f"{readable(asked.folio, 40)}: {why}"],
            next_command=command("ledger", ledger_folio=asked.folio) if known else command("list"),
        )
    backup = backups[-1]
    steps = [_step(each) for each in trail.steps(backup, asked.index, asked.lines, asked.expected(), asked.now)]
    of_item = asked.index.backups(item_id=backup.item_id)
    found = Links(asked.index, of_item, asked.procedure, asked.now.date()).of(backup)
    waits = [f"{_LINKS[each.link]}: {each.detail}" for each in found if each.state == PENDING]
    altered = [row["folio"] or row["record_type"] for row in steps if row["is_intact"] is False]
    broken = [each for each in found if each.state == BROKEN]
    problems = [f"{_LINKS[each.link]}: {each.detail}" for each in broken]
    if altered:
        problems.insert(0, f"REGISTROS ALTERADOS: {names(altered)}")
    return Answer(
        f"RASTRO DE {backup.folio} · {backup.server} · {backup.item_id}",
        [
            Section("backup", "EL RESPALDO", _BACKUP, [_row(backup)]),
            Section("links", "LA CADENA", _LINK, [
                {**each._asdict(), "link_label": _LINKS[each.link]} for each in found
            ]),
            Section("steps", "PASO A PASO", _STEP, steps),
            Section("others", f"OTROS RESPALDOS DE {asked.folio}", _BACKUP, [_row(each) for each in backups[:-1]]),
        ],
        problems,
        next_command=command("ledger") if altered else _remedy(broken[0].link, [backup]) if broken else "",
        all_is_well=f"Ningún eslabón roto; en plazo: {'; '.join(waits)}."
        if waits
        else "La cadena está completa, y cada registro da la huella que lleva.",
    )  # fmt: skip


def _all(asked: Asked) -> Answer:
    """Tell of each item how many chains are complete, and of each broken link whose it is."""
    backups = [each for each in asked.index.backups() if asked.has(each.server, each.item_id)]
    links = Links(asked.index, backups, asked.procedure, asked.now.date())
    counts: dict[str, Row] = {}
    broken: dict[tuple[str, str, str], list[Backup]] = {}
    details: dict[tuple[str, str, str], str] = {}
    for backup in backups:
        found = links.of(backup)
        states = {each.state for each in found}
        state = BROKEN if BROKEN in states else PENDING if PENDING in states else OK
        new = {"server": backup.server, "item_id": backup.item_id, "backup_count": 0, OK: 0, PENDING: 0, BROKEN: 0}
        row = counts.setdefault(backup.item_id, new)
        row["backup_count"] += 1
        row[state] += 1
        for each in found:
            if each.state == BROKEN:
                key = (each.link, backup.server, backup.item_id)
                broken.setdefault(key, []).append(backup)
                details[key] = each.detail
    ordered = sorted(broken, key=lambda key: (list(_LINKS).index(key[0]), key[1:]))
    altered = [
        {"file": line.file, "line": line.number}
        for line in asked.lines()
        if not ledger_chain.gives_its_hash(line.content)
    ]
    problems = [f"LÍNEAS ALTERADAS EN EL REGISTRO: {len(altered)}"] if altered else []
    for link, label in _LINKS.items():
        items = [item_id for each, _server, item_id in ordered if each == link]
        if items:
            problems.append(f"{label.upper()}: {names(items)}")
    next_command = _remedy(ordered[0][0], broken[ordered[0]]) if ordered else ""
    return Answer(
        "CADENA DE CADA RESPALDO, DE LA SOLICITUD A LA RECUPERACIÓN",
        [
            Section("items", "POR RESPALDO", _ITEM, [
                counts[item_id] for item_id in sorted(counts, key=lambda each: (counts[each]["server"], each))
            ]),
            Section("broken", "DÓNDE ESTÁ ROTA", _BROKEN, [
                {
                    **{"server": server, "item_id": item_id, "link": link, "link_label": _LINKS[link]},
                    **{"detail": details[link, server, item_id], "since": broken[link, server, item_id][0].backup_date},
                    "backup_folios": [each.folio for each in broken[link, server, item_id]],
                }
                for link, server, item_id in ordered
            ]),
            Section("altered", "LÍNEAS ALTERADAS (ledger.yml)", _ALTERED, altered),
        ],
        problems,
        next_command=command("ledger") if altered else next_command,
        all_is_well="Nada que hacer: ninguna cadena está rota." if counts else "Sin respaldos.",
    )  # fmt: skip


def _remedy(link: str, backups: list[Backup]) -> str:
    """Return the command that mends a link of these backups, the oldest first."""
    first, server = backups[0], ("--limit", backups[0].server)
    if link == trail.REQUEST:
        return command("report", question="requests")
    if link == trail.DECISION:
        return command("accept", accept_folio=first.folio, accept_decision="DICTAMEN", accept_reason="MOTIVO")
    if link == trail.JAA_COPY:
        has_both = any(each.delivery_folio for each in backups)
        return command("repair", *server) if has_both else command("verify", *server, verify_all="true")
    if link == trail.DELIVERY:
        return receipt([first.delivery_folio]) if first.delivery_folio else command("deliver", *server)
    return command("report", question="restores")


def _row(backup: Backup) -> Row:
    kept = ("server", "item_id", "service", "information_type", "source", "backup_date", "size_bytes", "sha256")
    more = ("verification_result", "file_name", "request_folio")
    return {"backup_folio": backup.folio, **{key: getattr(backup, key) for key in (*kept, *more)}}


def _step(step: Step) -> Row:
    return {**step._asdict(), "step_label": trail.STEPS[step.step]}


def _hash(row: Row) -> str:
    return f"{row['record_sha256'][:12]}…" if row["record_sha256"] else "—"


def _of(rows: Iterable[str]) -> tuple[Column, ...]:
    labels = {OK: "Completas", PENDING: "Pendientes, en plazo", BROKEN: "Rotas"}
    return tuple(text(labels[each], each) for each in rows)


_BACKUP = (
    *(
        BACKUP,
        SERVER,
        ITEM_ID,
        text("Servicio", "service", 40),
        day("Del", "backup_date"),
        size("Tamaño", "size_bytes"),
    ),
    *(spoken("Verificación", "verification_result", RESULTS), text("Huella SHA-256", "sha256", 17)),
)
_LINK = (text("Eslabón", "link_label"), spoken("Estado", "state", _STATES), text("Cómo", "detail"))
_STEP = (
    *(moment("Cuándo", "at"), text("Paso", "step_label"), text("Folio", "folio"), text("Qué", "what", 160)),
    *(text("Quién", "who"), Column("Huella", _hash), yes_or_no("Coincide", "is_intact")),
)
_ITEM = (SERVER, ITEM_ID, text("Respaldos", "backup_count"), *_of((OK, PENDING, BROKEN)))
_BROKEN = (
    *(SERVER, ITEM_ID, text("Eslabón", "link_label"), text("Qué falta", "detail"), span("Respaldos", "backup_folios")),
    day("Desde", "since"),
)
_ALTERED = (text("Archivo", "file"), text("Línea", "line"))
