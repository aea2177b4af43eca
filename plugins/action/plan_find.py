# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to look for a file: which versions of which items, from the ledger alone."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction


class ActionModule(LedgerAction):
    """See plugins/modules/plan_find.py for its options and result."""

    BYPASS_HOST_LOOP = True

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            pattern={"type": "str", "default": ""},
            item={"type": "str", "default": ""},
            as_of={"type": "str", "default": ""},
        )
        item_id = options["item"].strip()
        hosts = set(task_vars["ansible_play_hosts_all"])
        with self.ledger.read() as index:
            known = [each for each in index.backups() if each.server in hosts and each.information_type != "database"]
        faults = []
        if not options["pattern"].strip():
            faults.append("find_pattern: falta el nombre o patrón que se busca, como index.php, '*.css' o /etc/fstab")
        if item_id and item_id not in {each.item_id for each in known}:
            close = difflib.get_close_matches(item_id, {each.item_id for each in known}, n=1)
            hint = f"; ¿quiso decir «{close[0]}»?" if close else ""
            faults.append(f"find_item: «{readable(item_id)}» no tiene respaldos de archivos en el registro{hint}")
        as_of = self._instant(options["as_of"].strip(), faults)
        if faults:
            raise AnsibleActionFail("no se buscó nada:\n  " + "\n  ".join(faults))
        servers: dict[str, dict[str, Any]] = {}
        for backup in sorted(known, key=lambda each: each.started_at, reverse=True):
            wanted = backup.is_there and item_id in ("", backup.item_id)
            if wanted and (as_of is None or backup.moment <= as_of):
                plan = servers.setdefault(backup.server, {"server": backup.server, "pattern": options["pattern"]})
                plan.setdefault("versions", []).append(
                    {key: getattr(backup, key) for key in ("folio", "item_id", "file_name", "snapshot", "started_at")}
                )
        return {"changed": False, "servers": list(servers.values())}

    def _instant(self, text: str, faults: list[str]) -> datetime | None:
        """Return the instant that ``text`` names: of a date alone, its end."""
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(f"{text}T23:59:59" if len(text) == 10 else text)
        except ValueError:
            faults.append(
                f"find_as_of: «{readable(text)}» no es una fecha ni un instante (2026-11-14 o 2026-11-14T23:59)"
            )
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self.procedure.zone)
