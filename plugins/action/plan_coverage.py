# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each server is to be asked: what was requested of it, from inventory and register of requests."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.coverage import claims, requested_of
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import screen


class ActionModule(PlanAction):
    """See plugins/modules/plan_coverage.py for its options and result. It opens no run: nothing is recorded."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(output={"type": "path", "default": ""})
        _require_place(options["output"])
        today = datetime.now(self.procedure.zone).date()
        with self.ledger.read() as index:
            requests = index.requests()
            register = screen(self.register(task_vars, index.standings()), requests, today)
        hosts = task_vars["ansible_play_hosts_all"]
        claimed = [each for each in claims(register, requests, today) if each.server in hosts]
        asked: dict[str, list[dict[str, Any]]] = {host: [] for host in hosts}
        for claim in requested_of(claimed):
            asked[claim.server] += claim.asked
        return {"changed": False, "claims": [asdict(each) for each in claimed], "requested": asked}


def _require_place(output: str) -> None:
    """Raise AnsibleActionFail where the result could not be written, before any server is looked at."""
    directory = os.path.dirname(os.path.abspath(output))
    if output and (os.path.isdir(output) or not os.access(directory, os.W_OK | os.X_OK)):
        raise AnsibleActionFail(
            f"coverage_output: no se puede escribir {readable(output)} en este controlador; indique un archivo en un "
            "directorio que exista y permita escribir"
        )
