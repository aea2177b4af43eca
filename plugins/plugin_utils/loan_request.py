# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the backups that are asked for to the loans that they take: where CSC has each, by which delivery."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.loans import MEDIA, TRANSFER, Wanted

_VARIABLE = "loan_request"


def chosen(asked: Any, index: Index) -> tuple[list[Backup], list[str]]:
    """Return the backups that are asked for by their folio, or as an item's newest, and in words what is wrong."""
    several = asked.split(",") if isinstance(asked, str) else asked
    if not isinstance(several, list):
        return [], [f"{_VARIABLE}: debe ser una lista de folios de respaldos o de claves"]
    names = list(dict.fromkeys(readable(str(each).strip(), 200) for each in several if str(each).strip()))
    backups, faults = [], []
    for name in names:
        backup, fault = _one(name, index)
        faults += [f"{_VARIABLE}: {fault}"] if fault else []
        backups += [backup] if backup and backup not in backups else []
    if not names:
        faults.append(f"{_VARIABLE}: falta qué se pide: folios de respaldos o claves")
    return backups, faults


def wanted(backups: Iterable[Backup], index: Index) -> list[Wanted]:
    """Return what each loan is to be of: a medium, or the copy of a server; all ``backups`` must be with CSC."""
    places: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for backup in backups:
        delivery = index.record(backup.delivery_folio)
        media_id = delivery.get("media_id", "") if delivery.get("delivery_method") == MEDIA else ""
        (file,) = [each for each in delivery["files"] if each["folio"] == backup.folio]
        lent = {
            "folio": backup.folio,
            "item_id": backup.item_id,
            "server": backup.server,
            "file": backup.file_name,
            "csc_file": file.get("csc_file"),
            "sha256": file.get("sha256"),
            "delivery_folio": backup.delivery_folio,
        }
        places.setdefault((media_id, "" if media_id else backup.server), []).append((delivery["delivered_at"], lent))
    return [
        Wanted(
            server=", ".join(dict.fromkeys(file["server"] for _moment, file in several)),
            delivery_method=MEDIA if media_id else TRANSFER,
            media_id=media_id,
            delivery_folio=max(several, key=lambda each: each[0])[1]["delivery_folio"],
            files=[file for _moment, file in several],
        )
        for (media_id, _server), several in places.items()
    ]


def _one(name: str, index: Index) -> tuple[Backup | None, str]:
    backup = index.backup(name)
    if backup:
        if backup.delivery_folio:
            return backup, ""
        return None, f"{name} ({backup.item_id}) no está con CSC: no se le ha entregado, o lo rechazó (deliver.yml)"
    of_item = index.backups(item_id=name)
    with_csc = [each for each in of_item if each.delivery_folio and each.conforms]
    if with_csc:
        return max(with_csc, key=lambda each: each.moment), ""
    if of_item:
        return None, f"CSC no tiene ningún respaldo conforme de «{name}» (deliver.yml)"
    known = sorted(index.histories())
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"¿quiso decir «{close[0]}»?" if close else f"hay: {', '.join(known) or 'ninguno'}"
    return None, f"«{name}» no es el folio de un respaldo ni la clave de un elemento que se respalde; {hint}"
