# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of more than one question, and what people see of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    ITEM_ID,
    SERVER,
    Asked,
    Row,
    count,
    day,
    listed,
    moment,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import by_hand, command

LACKING = (
    *(SERVER, ITEM_ID, count("Respaldos", "backup_folios"), listed("Folios", "backup_folios")),
    *(day("Desde el", "oldest_backup_date"), day("Vence el", "due_on")),
)
UNSAID = (
    *(text("Folio", "delivery_folio"), SERVER, count("Respaldos", "backup_folios")),
    *(moment("Entregada", "delivered_at"), day("Vence el", "due_on")),
)
REFUSED = (SERVER, ITEM_ID, text("Folio", "request_folio"), text("Por qué", "message"))


def refused(asked: Asked, screened: Register) -> list[Row]:
    """Return what of the inventory, once it was compared with the requests, is not backed up, and why."""
    return [
        {
            **{"server": each.server, "item_id": each.item_id, "message": each.message},
            "request_folio": folio if isinstance(folio := each.definition.get("request_folio"), str) else None,
        }
        for each in screened.refusals
        if asked.has(each.server, each.item_id)
    ]


def lacking(asked: Asked, backups: Iterable[Backup]) -> list[Row]:
    """Return what CSC lacks, a row an item."""
    of_items: dict[tuple[str, str], list[Backup]] = {}
    for backup in backups:
        of_items.setdefault((backup.server, backup.item_id), []).append(backup)
    return [
        {
            **{"server": server, "item_id": item_id, "backup_folios": [each.folio for each in several]},
            "oldest_backup_date": several[0].backup_date,
            "due_on": waiting.delivery_due(several[0], asked.procedure.delivery).isoformat(),
        }
        for (server, item_id), several in of_items.items()
    ]


def unsaid(asked: Asked, deliveries: Iterable[dict[str, Any]]) -> list[Row]:
    """Return the deliveries that wait for CSC's word."""
    return [
        {
            **{"delivery_folio": each["folio"], "server": each["server"], "delivered_at": each["delivered_at"]},
            "backup_folios": [file["folio"] for file in each["files"]],
            "due_on": waiting.acknowledgement_due(each, asked.procedure.delivery).isoformat(),
        }
        for each in deliveries
    ]


def has_delivery(asked: Asked, delivery: dict[str, Any]) -> bool:
    """Tell whether anything in a delivery is asked about."""
    return asked.has(delivery["server"], *(file["item_id"] for file in delivery["files"]))


def remedy(asked: Asked, failure: Failure) -> str:
    """Return the command that makes good what failed, and by which the failure closes; else that of JAA's decision."""
    backup = asked.index.backup(failure.backup_folio) if failure.backup_folio else None
    found = _for_a_backup(asked, failure, backup) if failure.is_of_a_backup else _for_a_copy(failure, backup)
    return found or command(
        "acknowledge", acknowledge_folio=failure.folio, acknowledge_result="accepted", acknowledge_reason="CAUSA"
    )


def _for_a_backup(asked: Asked, failure: Failure, backup: Backup | None) -> str:
    if backup and not backup.conforms and backup.decision is None:
        return command("accept", accept_folio=backup.folio, accept_decision="DICTAMEN", accept_reason="MOTIVO")
    if _is_followed(asked, failure):
        return ""
    return by_hand([failure.item_id], "--limit", failure.server)


def _for_a_copy(failure: Failure, backup: Backup | None) -> str:
    if failure.failure_stage == "csc_delivery":
        return command("deliver", "--limit", failure.server)
    if failure.failure_stage == "restore":
        return command("drill", drill_items=[failure.item_id])
    if failure.failure_stage == "jaa_copy" and backup and backup.is_damaged:
        playbook, said = ("repair", {}) if backup.delivery_folio else ("verify", {"verify_all": "true"})
        return command(playbook, "--limit", failure.server, **said)
    return ""


def _is_followed(asked: Asked, failure: Failure) -> bool:
    """Tell whether a backup came after what failed: then another one does not make up for it any more."""
    names = asked.index.also_known_as(failure.item_id, failure.server)
    there = [each for name in names for each in asked.index.backups(item_id=name) if each.server == failure.server]
    last = newest(there)
    return last is not None and last.moment >= failure.moment
