# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be got back? Answered from the ledger alone."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, table

display = Display()


class ActionModule(LedgerAction):
    """See plugins/modules/list_backups.py for its options and result."""

    BYPASS_HOST_LOOP = True

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(item={"type": "str", "default": ""})
        hosts = set(task_vars["ansible_play_hosts_all"])
        whole = hosts == set(task_vars["groups"].get("dse_servers", []))
        with self.ledger.read() as index:
            # A server that has left the inventory still has its backups.
            backups = [each for each in index.backups() if whole or each.server in hosts]
        item_id = options["item"].strip()
        items: dict[str, list[Backup]] = {}
        for backup in backups:
            items.setdefault(backup.item_id, []).append(backup)
        if item_id and item_id not in items:
            close = difflib.get_close_matches(item_id, items, n=1)
            hint = f"¿quiso decir «{close[0]}»?" if close else f"hay: {', '.join(sorted(items)) or 'ninguno'}"
            raise AnsibleActionFail(f"list_item: «{readable(item_id)}» no tiene respaldos en el registro; {hint}")
        if item_id:
            lines = _versions(item_id, items[item_id])
            shown = items[item_id]
        else:
            lines = _overview(items)
            shown = backups
        display.display("\n".join(["", *lines, f"Registro oficial: {self.ledger.directory}", ""]))
        return {
            "changed": False,
            "backups": [
                {
                    **{key: value for key, value in asdict(each).items() if value is not None},
                    "restorable": each.is_there,
                }
                for each in shown
            ],
        }


def _overview(items: dict[str, list[Backup]]) -> list[str]:
    rows = [["Servidor", "Respaldo", "Servicio", "Versiones", "Desde", "Más reciente", "Tamaño", "Folio"]]
    for item_id, backups in sorted(items.items(), key=lambda each: (each[1][-1].server, each[0])):
        good = [each for each in backups if each.conforms and each.is_there]
        last = newest(backups)
        row = [backups[-1].server, item_id, readable(backups[-1].service, 40), str(len(good))]
        if last is None:
            rows.append([*row, "", "NINGUNO UTILIZABLE", "", ""])
        else:
            rows.append([*row, good[0].backup_date, _when(last), human_size(last.size_bytes), last.folio])
    if not items:
        return ["El registro no tiene ningún respaldo."]
    return [
        "QUÉ SE PUEDE RECUPERAR",
        *table(rows),
        "",
        "Versiones de uno: list.yml -e list_item=CLAVE · Recuperar: restore.yml -e restore_item=CLAVE …",
    ]


def _versions(item_id: str, backups: list[Backup]) -> list[str]:
    rows = [["Folio", "Fecha", "Tamaño", "Archivos o tablas", "Verificación", "Modo", "Se puede recuperar"]]
    for each in sorted(backups, key=lambda backup: backup.started_at, reverse=True):
        verdict = RESULTS[each.verification_result]
        if each.decision:
            verdict += {"accepted": ", aceptado por JAA", "rejected": ", rechazado por JAA"}[each.decision]
        mode = {"automatic": "automático", "manual": "manual"}.get(each.execution_mode, "")
        row = [each.folio, _when(each), human_size(each.size_bytes), str(each.entry_count), verdict, mode]
        rows.append([*row, _availability(each)])
    last = backups[-1]
    return [f"VERSIONES DE {item_id} · {last.server} · {readable(last.source, 200)}", *table(rows)]


def _availability(backup: Backup) -> str:
    if backup.removed_on:
        return f"no: depurado el {spoken_day(backup.removed_on)}"
    if backup.is_damaged:
        return "no: DAÑADO en la copia de JAA"
    return "sí" if backup.conforms else "sí, sólo por su folio"


def _when(backup: Backup) -> str:
    return backup.started_at[:16].replace("T", " ")
