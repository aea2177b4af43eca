# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what was found on all servers with what was requested, and shows the difference in one table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.json_file import write_json
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.coverage import (
    Claim,
    Gone,
    Uncovered,
    believable,
    compare,
    requested_of,
)
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.screen.coverage import report

display = Display()


class ActionModule(LedgerAction):
    """See plugins/modules/report_coverage.py for its options and result."""

    BYPASS_HOST_LOOP = True

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            plan={"type": "dict", "required": True},
            looks={"type": "list", "elements": "dict", "required": True},
            output={"type": "path", "default": ""},
        )
        claimed = [Claim(**each) for each in options["plan"]["claims"]]
        uncovered: list[Uncovered] = []
        gone: list[Gone] = []
        problems: dict[str, list[str]] = {}
        remarks: dict[str, list[str]] = {}
        hosts = task_vars["ansible_play_hosts_all"]
        for server, said in zip(hosts, options["looks"]):
            asked = sum(len(each.asked) for each in requested_of(claimed) if each.server == server)
            try:
                look = believable(said, asked)
            except ValueError:
                problems[server] = [_why(said)]
                continue
            found, missing = compare(server, look, claimed)
            uncovered += found
            gone += missing
            if look.problems:
                problems[server] = look.problems
            if look.remarks:
                remarks[server] = look.remarks
        display.display(report(uncovered, gone, servers=hosts, problems=problems, remarks=remarks))
        result = {
            "uncovered": [each.plain() for each in uncovered],
            "gone": [each._asdict() for each in gone],
            "problems": problems,
            "remarks": remarks,
        }
        if options["output"] and not self._task.check_mode:
            self._write(options["output"], hosts, result)
        if problems:
            raise AnsibleActionFail(f"no se pudo revisar, o no completo: {', '.join(problems)}; vea arriba la causa")
        return {"changed": False, **result}

    def _write(self, output: str, servers: list[str], result: dict[str, Any]) -> None:
        now = datetime.now(self.procedure.zone).isoformat(timespec="seconds")
        try:
            write_json(output, {"looked_at": now, "servers": list(servers), **result})
        except OSError as error:
            raise AnsibleActionFail(
                f"coverage_output: no se pudo escribir {readable(output)}: {error.strerror}"
            ) from None


def _why(said: Mapping[str, Any]) -> str:
    """Return why there is no look at a server, as Ansible tells it of a task that failed."""
    message = readable(str(said.get("msg") or "no se llegó a revisar"))
    message = message.removeprefix("Task failed: ").removeprefix("Action failed: ")
    return f"no se pudo contactar por SSH: {message}" if said.get("unreachable") else message
