# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds which copy of each item, since when, and is it proved? The custody report (4.1.6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING
from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import custody
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.custody import Custody, ItemCustody
from ansible_collections.dse.backup.plugins.plugin_utils.loans import CHECKED
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
    listed,
    moment,
    names,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import by_hand, command, receipt

_OF_JAA = {"held": "en custodia", "damaged": "DAÑADA", "removed": "depurada"}
_OF_CSC = {
    "acknowledged": "con acuse del {acknowledged_at}",
    "unacknowledged": "sin acuse; se espera antes del {due_on}",
    "acknowledgement_overdue": "SIN ACUSE; vencido desde el {due_on}",
    "undelivered": "por entregar antes del {due_on}",
    "delivery_overdue": "SIN ENTREGAR; vencida desde el {due_on}",
    "rejected": "RECHAZADA el {waits_since}",
    "absent": "no la tiene",
}
_LACKS = (custody.UNDELIVERED, custody.DELIVERY_OVERDUE, custody.REJECTED)
_OF_BOTH = {
    "complete": "dos copias",
    "unacknowledged": "falta el acuse de CSC",
    "undelivered": "por entregar a CSC",
    "acknowledgement_overdue": "ACUSE DE CSC VENCIDO",
    "delivery_overdue": "ENTREGA A CSC VENCIDA",
    "rejected": "RECHAZADO POR CSC",
    "damaged": "DAÑADO CON JAA; CSC LO TIENE",
    "lost": "DAÑADO CON JAA Y SIN COPIA DE CSC",
    "no_backup": "SIN RESPALDO CONFORME",
}


def copies(asked: Asked) -> Answer:
    """Tell where both copies of each item's newest conforming backup are, with whom, since when, proved equal when."""
    rule, today = asked.procedure.delivery, asked.now.date()
    backups = [each for each in asked.index.backups() if asked.has(each.server, each.item_id)]
    unsaid = asked.index.unacknowledged_deliveries()
    deliveries = [each for each in unsaid if rows.has_delivery(asked, each)]
    rejected = _rejected(asked, backups)
    items = custody.by_item(
        backups,
        unsaid={each["folio"]: each for each in unsaid},
        rejected={folio for each in rejected for folio in each["lacking_folios"]},
        rule=rule,
        today=today,
    )
    every = [each for item in items for each in item.custodies]
    lacking = [each.backup for each in every if each.csc in _LACKS]
    rejected_on = {folio: each["rejected_at"] for each in rejected for folio in each["lacking_folios"]}
    sections = [
        Section("copies", "LAS DOS COPIAS DEL RESPALDO CONFORME MÁS RECIENTE", _COPY, [
            row for item in items if item.newest for row in _both(asked, item.newest, rejected_on)
        ]),
        Section("items", "TODOS LOS RESPALDOS CONFORMES", _ITEM, [_item(each) for each in items]),
        Section("lacking", "LE FALTA A CSC (deliver.yml)", rows.LACKING, rows.lacking(asked, lacking)),
        Section("acknowledgements", "ENTREGAS SIN ACUSE DE CSC (acknowledge.yml)", rows.UNSAID,
                rows.unsaid(asked, deliveries)),
        Section("rejected", "ENTREGAS QUE CSC RECHAZÓ (deliver.yml)", _REJECTED, rejected),
        Section("damaged", "COPIAS DE JAA DAÑADAS (repair.yml)", _DAMAGED, [
            _damaged(each) for each in every if each.jaa == custody.DAMAGED
        ]),
    ]  # fmt: skip
    problems = [
        f"{_OF_BOTH[state]}: {names(several)}"
        for state in custody.NEED_ACTION
        if (several := [item.item_id for item in items if item.state == state])
    ]
    return Answer(
        "CUSTODIA DE LAS COPIAS",
        sections,
        problems,
        next_command=_next_for(items, deliveries),
        all_is_well="Nada que hacer: cada respaldo conforme tiene sus dos copias." if items else "Sin respaldos.",
    )


def _next_for(items: list[ItemCustody], deliveries: list[dict[str, Any]]) -> str:
    """Return the command for the worst that was found, "" where nothing is wanting."""
    worst = min((item.state for item in items), key=custody.STATES.index, default=custody.COMPLETE)
    concerned = [item for item in items if item.state == worst]
    if worst == custody.NO_BACKUP:
        return by_hand(item.item_id for item in concerned)
    if worst in (custody.LOST, custody.DAMAGED):
        playbook, said = ("repair", {}) if worst == custody.DAMAGED else ("verify", {"verify_all": "true"})
        servers = {each.backup.server for item in concerned for each in item.custodies if each.jaa == custody.DAMAGED}
        return command(playbook, "--limit", ",".join(sorted(servers)), **said)
    if worst in (custody.REJECTED, custody.DELIVERY_OVERDUE, custody.UNDELIVERED):
        return command("deliver")
    return receipt([each["folio"] for each in deliveries]) if worst != custody.COMPLETE else ""


def _both(asked: Asked, held: Custody, rejected_on: dict[str, str]) -> list[Row]:
    """Return the two copies of a backup. That they are equal is a fact about both."""
    backup = held.backup
    delivery = asked.index.record(backup.delivery_folio) if backup.delivery_folio else None
    of_backup = {
        **{key: getattr(backup, key) for key in ("server", "item_id", "service", "information_type")},
        **{"backup_folio": backup.folio, "backup_date": backup.backup_date, "size_bytes": backup.size_bytes},
        **dict.fromkeys(_OF_COPY),
        "proved_equal_at": _proved_at(asked, backup, delivery) if delivery else None,
    }
    jaa = {
        **of_backup,
        "custodian": "JAA",
        "state": held.jaa,
        "place": None if held.jaa == custody.REMOVED else asked.place_of(backup.server),
        "since": backup.finished_at or None,
    }
    csc = {
        **of_backup,
        "custodian": "CSC",
        "state": held.csc,
        "due_on": held.due and held.due.isoformat(),
        "waits_since": rejected_on.get(backup.folio, backup.finished_at or None) if held.due else None,
    }
    if delivery:
        csc |= _with_csc(asked, delivery, is_waiting=held.due is not None)
    return [jaa, csc]


def _proved_at(asked: Asked, backup: Backup, delivery: dict[str, Any]) -> str:
    """Return when CSC's copy was last read to its end and found equal: as delivered, as lent, as JAA's was mended."""
    moments = [delivery["delivered_at"]]
    moments += [
        each.moment.isoformat(timespec="seconds")
        for each in asked.index.trials(backup.item_id)
        if each.record_type == "repair" and each.backup_folio == backup.folio
    ]
    for loan in asked.index.loans():
        # A check is of what was read, by its digest; of several at once a repair tells.
        read = {each["folio"] for each in loan.files if each.get("sha256") == loan.check_on_receipt_sha256 != ""}
        if loan.check_on_receipt == CONFORMING and backup.folio in read:
            said = asked.index.about(loan.folio, "acknowledgement")
            moments += [each["loan_step_at"] for each in said if each.get("loan_step") == CHECKED]
    return max(moments, key=datetime.fromisoformat)


def _with_csc(asked: Asked, delivery: dict[str, Any], *, is_waiting: bool) -> Row:
    said = asked.index.about(delivery["folio"], "acknowledgement")
    return {
        "delivery_folio": delivery["folio"],
        "delivery_method": delivery.get("delivery_method"),
        "media_id": delivery.get("media_id"),
        "place": delivery.get("media_id") or delivery.get("destination"),
        "since": delivery["delivered_at"],
        "acknowledged_at": said[-1]["recorded_at"] if said else None,
        "storage_location": said[-1].get("storage_location") if said else None,
        "waits_since": delivery["delivered_at"] if is_waiting else None,
    }


# What only one of the copies has.
_OF_COPY = (
    *("custodian", "place", "since", "proved_equal_at", "state", "delivery_folio", "delivery_method", "media_id"),
    *("acknowledged_at", "storage_location", "due_on", "waits_since"),
)


def _item(item: ItemCustody) -> Row:
    newest = item.newest.backup if item.newest else None
    waits = (custody.UNACKNOWLEDGED, custody.ACKNOWLEDGEMENT_OVERDUE)
    return {
        **{key: getattr(item, key) for key in ("server", "item_id", "service", "information_type", "state")},
        "newest_backup_folio": newest and newest.folio,
        "newest_backup_date": newest and newest.backup_date,
        "backup_count": len(item.custodies),
        "with_both": item.count(jaa=True, csc=True),
        "only_with_jaa": item.count(jaa=True, csc=False),
        "only_with_csc": item.count(jaa=False, csc=True),
        "with_neither": item.count(jaa=False, csc=False),
        "unacknowledged": sum(each.csc in waits for each in item.custodies),
        "needs_action": item.state in custody.NEED_ACTION,
    }


def _damaged(held: Custody) -> Row:
    backup = held.backup
    return {
        **{"server": backup.server, "item_id": backup.item_id, "backup_folio": backup.folio},
        **{"backup_date": backup.backup_date, "delivery_folio": backup.delivery_folio},
    }


def _rejected(asked: Asked, backups: list[Backup]) -> list[Row]:
    """Return the deliveries that CSC sent back and of which it still lacks something."""
    lacking = {each.folio for each in backups if each.conforms and each.is_there and each.delivery_folio is None}
    found = []
    for delivery in asked.index.rejected_deliveries():
        folios = [file["folio"] for file in delivery["files"] if file["folio"] in lacking]
        if folios:
            said = asked.index.about(delivery["folio"], "acknowledgement")[-1]
            found.append(
                {
                    **{"delivery_folio": delivery["folio"], "server": delivery["server"], "lacking_folios": folios},
                    **{"rejected_at": said["recorded_at"], "reason": said.get("reason")},
                }
            )
    return found


def _place(row: Row) -> str:
    place = f"medio {row['media_id']}" if row["media_id"] else row["place"] or "—"
    return f"{place} ({row['storage_location']})" if row["storage_location"] else place


def _state(row: Row) -> str:
    days = {key: spoken_day(row[key]) if row[key] else "—" for key in ("due_on", "acknowledged_at", "waits_since")}
    return {**_OF_JAA, **_OF_CSC}[row["state"]].format(**days)


_COPY = (
    *(SERVER, ITEM_ID, BACKUP, text("Custodio", "custodian"), Column("Lugar", _place), moment("Desde", "since")),
    *(moment("Comprobadas iguales", "proved_equal_at"), Column("Estado", _state)),
)
_ITEM = (
    *(SERVER, ITEM_ID, text("Servicio", "service", 40), text("Respaldos", "backup_count")),
    *(text("Dos copias", "with_both"), text("Sólo JAA", "only_with_jaa"), text("Sólo CSC", "only_with_csc")),
    *(text("Sin acuse", "unacknowledged"), Column("Situación", lambda row: _OF_BOTH[row["state"]])),
)
_REJECTED = (
    *(text("Folio", "delivery_folio"), SERVER, moment("Rechazada", "rejected_at"), text("Motivo", "reason")),
    listed("Le falta a CSC", "lacking_folios"),
)
_DAMAGED = (SERVER, ITEM_ID, BACKUP, day("Del", "backup_date"), text("Entrega a CSC", "delivery_folio"))
