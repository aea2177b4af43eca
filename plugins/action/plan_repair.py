# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a repair: which repositories are damaged, what CSC has of it, and whether CSC lends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction


class ActionModule(PlanAction):
    """See plugins/modules/plan_repair.py for its options and result."""

    job = "repair"
    act = "reparar la copia de JAA"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(operator_role={"type": "str", "default": ""})
        self.set_context(options["operator_role"], "manual")
        included = self.limited(task_vars)
        servers: list[dict[str, Any]] = []
        refused: list[str] = []
        records: list[dict[str, Any]] = []
        with self.ledger.read() as index:
            of_servers: dict[str, list[Backup]] = {}
            for backup in index.backups():
                if backup.removed_on is None and included(backup.server):
                    of_servers.setdefault(backup.server, []).append(backup)
            for server, backups in sorted(of_servers.items()):
                damaged = [backup for backup in backups if backup.is_damaged]
                lent = _of_one_place([backup for backup in damaged if backup.can_be_lent], index)
                if not lent:
                    refused += [f"{server}: CSC no tiene copia de lo dañado"] if damaged else []
                    continue
                requests, waits = self._loan(lent, task_vars, index)
                records += requests
                refused += [waits] if waits else []
                if not waits:
                    medium = csc_copy.medium_of(index, lent[-1])
                    servers.append({**self._of_server(server, backups, damaged, lent), "medium": medium})
            planned = [each["planned"] for each in servers]
            return self.result(index, planned, records, servers=servers, refused=refused)

    def _loan(self, lent: list[Backup], task_vars: dict[str, Any], index: Index) -> tuple[list[dict[str, Any]], str]:
        """Return the request of the loan, where there is none yet, and in words what is waited for."""
        server = lent[0].server
        loan = csc_copy.covering(index, [backup.folio for backup in lent])
        if loan:
            return (
                [],
                "" if loan.is_granted else f"{server}: espera el préstamo {loan.folio}, que está {loan.spoken_state}",
            )
        standing, faults = self.standing_loan(server, task_vars)
        if faults:
            raise AnsibleActionFail("no se reparó nada:\n  " + "\n  ".join(faults))
        try:
            records = csc_copy.requests(
                index, lent, context=self.run_context, procedure=self.procedure, now=self.now, standing=standing
            )
        except AnsibleActionFail as error:
            return [], f"{server}: {error.message}"
        # A medium has to be lent by somebody, whatever is allowed.
        is_granted = standing and not csc_copy.medium_of(index, lent[-1])
        return records, "" if is_granted else f"{server}: se pide a CSC su copia en préstamo (FOR 7.5 CSC 03)"

    def _of_server(
        self, server: str, backups: list[Backup], damaged: list[Backup], lent: list[Backup]
    ) -> dict[str, Any]:
        return {
            "server": server,
            "context": asdict(self.run_context),
            "planned": self.planned(server, "jaa_copy"),
            "damaged": [backup.folio for backup in damaged],
            "lent": [backup.folio for backup in lent],
            "backups": [
                {
                    **{key: getattr(backup, key) for key in ("folio", "item_id", "file_name", "snapshot")},
                    "dump_sha256": backup.sha256 if backup.information_type == "database" else "",
                    "tree": "" if backup.information_type == "database" else backup.sha256,
                }
                for backup in backups
            ],
        }


def _of_one_place(lent: list[Backup], index: Index) -> list[Backup]:
    """Return what lies where the newest lies: one place is read at a time, and the others by running it again."""
    places = [csc_copy.medium_of(index, backup) for backup in lent]
    return [backup for backup, place in zip(lent, places) if place == places[-1]]
