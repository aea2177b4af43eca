# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can the record and the repositories be believed? The ledger's chain and anchors, what was read of each repository."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.integrity import PARTS
from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import rotation
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_verification import Verification
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
    spoken,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command

INTACT, DAMAGED, OVERDUE, NEW = "intact", "damaged", "overdue", "new"
_STATES = {
    **{INTACT: "íntegro", DAMAGED: "DAÑADO", OVERDUE: "SIN LEER COMPLETO A TIEMPO"},
    NEW: "sin verificar todavía",
}


def integrity(asked: Asked) -> Answer:
    """Tell whether the ledger is whole and the repositories can be read; what is not, or nobody knows, needs action."""
    chain = asked.chain()
    ledger = Verification(chain, [], [])
    stored: dict[str, list[Backup]] = {}
    for backup in asked.index.backups():
        if backup.removed_on is None and asked.has(backup.server, backup.item_id):
            stored.setdefault(backup.server, []).append(backup)
    verified = _last_verifications(asked, stored)
    # What hits no recorded backup stays a failure of the whole repository; the last night read another share of it.
    failing = {each.server for each in asked.index.open_failures() if each.is_of_a_repository}
    repositories = [
        _repository(asked, server, backups, verified.get(server, {}), failing)
        for server, backups in sorted(stored.items())
    ]
    damaged = [_damaged(each) for backups in stored.values() for each in backups if each.is_damaged]
    anchors = [_anchor(each) for each in asked.index.newest_first("anchor")]
    sections = [
        Section("ledger", "EL REGISTRO OFICIAL (ledger.yml)", _LEDGER, [{
            "is_whole": not ledger.wrong, "verdict": ledger.verdict, "record_count": chain.record_count,
            "head_sha256": chain.head, "fault_count": chain.fault_count + len(chain.csv_faults),
            "disposed_year": chain.begins_after.ledger_year if chain.begins_after else None,
            "highest_folios": chain.highest_folios,
        }]),
        Section("faults", "QUÉ TIENE MAL", _FAULT, [{"what": each} for each in ledger.wrong]),
        Section("anchors", "HUELLAS DEL REGISTRO, RESGUARDADAS FUERA", _ANCHOR, anchors),
        Section("repositories", "LOS REPOSITORIOS DE JAA (verify.yml)", _REPOSITORY, repositories),
        Section("damaged", "RESPALDOS DAÑADOS EN LA COPIA DE JAA (repair.yml)", _DAMAGED, damaged),
    ]  # fmt: skip
    overdue = [row["server"] for row in repositories if row["state"] == OVERDUE]
    broken = [row["server"] for row in repositories if row["state"] == DAMAGED]
    problems = [f"{ledger.verdict}: {ledger.wrong[0]}"] if ledger.wrong else []
    problems += [f"REPOSITORIOS DAÑADOS: {names(broken)}"] if broken else []
    if overdue:
        problems.append(f"SIN LEER COMPLETOS EN {rotation.PERIOD_DAYS} DÍAS: {names(overdue)}")
    next_command = command("verify", "--limit", ",".join(overdue)) if overdue else ""
    if broken:
        playbook, said = ("repair", {}) if any(row["delivery_folio"] for row in damaged) else ("verify", _ALL)
        next_command = command(playbook, "--limit", ",".join(broken), **said)
    return Answer(
        "INTEGRIDAD DEL REGISTRO Y DE LOS REPOSITORIOS",
        sections,
        problems,
        next_command=command("ledger") if ledger.wrong else next_command,
        all_is_well="Registro íntegro; los repositorios se han leído a tiempo." if anchors else _NO_ANCHOR,
    )


def _last_verifications(asked: Asked, servers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the record of the last verification of each server that ever was verified."""
    sought = {server for server in servers if asked.index.repository(server).verified_on}
    found: dict[str, dict[str, Any]] = {}
    for record in asked.index.newest_first("run") if sought else ():
        if record["run_event"] == "verified" and record["server"] in sought:
            found.setdefault(record["server"], record)
            if len(found) == len(sought):
                break
    return found


def _repository(
    asked: Asked, server: str, backups: list[Backup], verified: dict[str, Any], failing: Collection[str]
) -> Row:
    """Return what is known of a repository. A part of it that was never read waits since it was first verified."""
    history, today = asked.index.repository(server), asked.now.date()
    unread = [history.unread_since(part) for part in range(PARTS)]
    # What was never verified at all waits since its first backup.
    oldest = min((each for each in unread if each), default=date.fromisoformat(backups[0].backup_date))
    read = [each for each in history.read_on.values() if each]
    if any(each.is_damaged for each in backups) or verified.get("errors") or server in failing:
        state = DAMAGED
    elif oldest + timedelta(days=rotation.PERIOD_DAYS) < today:
        state = OVERDUE
    else:
        state = INTACT if history.verified_on else NEW
    return {
        **{"server": server, "state": state, "backup_count": len(backups)},
        **{"place": asked.place_of(server), "verified_on": history.verified_on},
        "verified_at": verified.get("finished_at"),
        **{key: verified.get(key) for key in ("result", "read", "checked_count", "run_id")},
        "errors": verified.get("errors") or [],
        "parts_read": len(read),
        "oldest_read_on": min(read, default=None) if len(read) == PARTS else None,
        "unread_since": oldest.isoformat(),
        "due_on": (oldest + timedelta(days=rotation.PERIOD_DAYS)).isoformat(),
        "damaged_count": sum(each.is_damaged for each in backups),
    }


def _damaged(backup: Backup) -> Row:
    kept = ("server", "item_id", "backup_date", "delivery_folio", "failure_folio")
    return {"backup_folio": backup.folio, **{key: getattr(backup, key) for key in kept}}


def _anchor(record: dict[str, Any]) -> Row:
    kept = ("anchored_at", "record_count", "head_sha256", "kept_in")
    return {
        **{key: record.get(key) for key in kept},
        **{"kept_by": record.get("kept_by") or [], "operator_role": record.get("operator_role")},
    }


def _kept(row: Row) -> str:
    return ", ".join(filter(None, (row["kept_in"], *(f"CSC ({host})" for host in row["kept_by"])))) or "—"


def _share(row: Row) -> str:
    return {None: "—", "all": "todo", "structure": "la estructura"}.get(row["read"], row["read"])


def _whole(row: Row) -> str:
    if row["oldest_read_on"]:
        return f"todo desde el {spoken_day(row['oldest_read_on'])}"
    return f"{row['parts_read']} de {PARTS} partes"


_ALL = {"verify_all": "true"}
_NO_ANCHOR = (
    "Registro íntegro; los repositorios se han leído a tiempo. Que al registro no le falte el final sólo lo prueba una "
    "huella resguardada fuera: ledger.yml -e ledger_anchor_to=ARCHIVO"
)
_LEDGER = (
    *(text("Veredicto", "verdict"), text("Registros", "record_count"), text("Última huella", "head_sha256")),
    *(text("Problemas", "fault_count"), text("Comienza después de la baja de", "disposed_year")),
)
_FAULT = (text("Qué", "what", 300),)
_ANCHOR = (
    *(moment("Resguardada", "anchored_at"), text("Registros", "record_count"), text("Huella", "head_sha256", 17)),
    Column("Dónde", _kept),
)
_REPOSITORY = (
    *(SERVER, text("Respaldos", "backup_count"), moment("Última verificación", "verified_at")),
    *(Column("Se leyó", _share), Column("Leído", _whole), day("Vence el", "due_on")),
    *(text("Dañados", "damaged_count"), spoken("Situación", "state", _STATES)),
)
_DAMAGED = (
    *(SERVER, ITEM_ID, BACKUP, day("Del", "backup_date"), text("Entrega a CSC", "delivery_folio")),
    text("Falla", "failure_folio"),
)
