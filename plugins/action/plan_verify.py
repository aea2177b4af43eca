# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a verification: which repositories, and which share of each is read now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.integrity import ALL
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import PERIOD_DAYS, next_share


class ActionModule(PlanAction):
    """See plugins/modules/plan_verify.py for its options and result."""

    job = "verify"
    act = "verificar los repositorios"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            all={"type": "bool", "default": False},
            period_days={"type": "int", "default": PERIOD_DAYS},
            servers={"type": "list", "elements": "str", "default": []},
            operator_role={"type": "str", "default": ""},
        )
        if options["period_days"] < 1:
            raise AnsibleActionFail("verify_period_days: debe ser un número de días, de 1 en adelante")
        self.set_context(options["operator_role"], "manual" if options["all"] or options["servers"] else "automatic")
        with self.ledger.read() as index:
            return self._plan(options, task_vars, index)

    def _plan(self, options: dict[str, Any], task_vars: dict[str, Any], index: Index) -> dict[str, Any]:
        expected: dict[str, list[str]] = {}
        for backup in index.backups():
            if backup.removed_on is None:
                expected.setdefault(backup.server, []).append(backup.snapshot)
        unknown = [readable(server) for server in options["servers"] if server not in expected]
        if unknown:
            raise AnsibleActionFail(
                f"verify_servers: sin respaldos en el registro: {', '.join(unknown)}. "
                f"Hay de: {', '.join(sorted(expected)) or 'ninguno'}"
            )
        hosts, members = set(task_vars["ansible_play_hosts_all"]), set(task_vars["groups"].get("dse_servers", []))
        servers = []
        for server in sorted(expected.keys() & hosts):
            if options["servers"] and server not in options["servers"]:
                continue
            history = index.repository(server)
            read = ALL if options["all"] else next_share(history, self.now.date(), options["period_days"])
            servers.append(
                {
                    "server": server,
                    "read": read,
                    "expected": [*expected[server], *index.safety_snapshots(server)],
                    "context": asdict(self.run_context),
                    "verified_on": history.verified_on,
                    "planned": self.planned(server, "jaa_copy"),
                }
            )
        # Whoever left the inventory still has backups that somebody may ask for.
        left = sorted(expected.keys() - members) if hosts == members else []
        return self.result(index, [each["planned"] for each in servers], servers=servers, left=left)
