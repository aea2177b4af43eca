# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a restore: which backup, to where, for whom and why, before any server is contacted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.dse.backup.plugins.plugin_utils import csc_copy
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.restore_request import resolve

_DAMAGED = "según el registro oficial"
_ANSWERS = (
    *("item", "folio", "as_of", "target", "in_place", "include", "undo", "verify"),
    *("reason", "reason_detail", "requester", "preview", "loan"),
)


class ActionModule(PlanAction):
    """See plugins/modules/plan_restore.py for its options and result."""

    job = "restore"
    act = "recuperar información"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            operator_role={"type": "str", "default": ""}, **{key: {"type": "raw", "default": ""} for key in _ANSWERS}
        )
        self.set_context(options.pop("operator_role"), "manual")
        wrong = []
        try:
            is_preview = self._task.check_mode or boolean(options.pop("preview") or False)
        except TypeError:
            is_preview = True
            wrong.append("restore_preview: debe ser true o false")
        with self.ledger.read() as index:
            histories = index.histories()
            register = self.register(task_vars, histories)
            request = resolve(
                options,
                index=index,
                items={item.item_id: item.definition for item in register.items},
                hosts=task_vars["groups"].get("dse_servers", []),
                now=self.now,
                is_preview=is_preview,
            )
            if request.faults or wrong:
                raise AnsibleActionFail("no se restauró nada:\n  " + "\n  ".join([*wrong, *request.faults]))
            backup = request.backup
            standing, faults = self.standing_loan(backup.server, task_vars)
            # From a repository that is not the host's own, or that CSC lends: its password has to be brought.
            is_guest = request.host != backup.server or request.loan is not None or bool(standing and request.use_csc)
            if is_guest and not _knows_password(backup.server, task_vars):
                faults.append(
                    f"backup_client_repository_password de {backup.server} no puede leerse, y hace falta para esta "
                    "recuperación: repita la orden con --vault-password-file ARCHIVO (o --ask-vault-pass)"
                )
            if faults:
                raise AnsibleActionFail("no se restauró nada:\n  " + "\n  ".join(faults))
            planned = self.planned(
                backup.server,
                "restore",
                item_id=backup.item_id,
                service=backup.service,
                information_type=backup.information_type,
                backup_folio=backup.folio,
            )
            record = {
                "requester_role": "CGDW",
                "requester_area": request.requester,
                "reason": request.reason,
                "reason_detail": request.reason_detail or None,
                "wanted_as_of": request.wanted_as_of,
                "backup_folio": backup.folio,
                "file_name": backup.file_name,
                "destination": request.destination,
                "destination_server": request.host,
                "overwrite_allowed": request.in_place,
                "included_paths": request.include or None,
                "undoes_folio": request.undo["folio"] if request.undo else None,
                "related_folios": [request.resumes] if request.resumes else None,
            }
            return self.result(
                index,
                [planned],
                restore={
                    "server": backup.server,
                    "host": request.host,
                    "request": request.for_host(),
                    "record": record,
                    "planned": planned,
                    "context": asdict(self.run_context),
                    "is_preview": is_preview,
                    "use_csc": request.use_csc,
                    "with_csc": request.with_csc,
                    "known_damage": _DAMAGED if backup.is_damaged else "",
                    "dump_sha256": backup.sha256 if backup.information_type == "database" else "",
                    "lent": [backup.folio],
                    "medium": csc_copy.medium_of(index, backup),
                    "standing": standing,
                },
                backup={key: value for key, value in asdict(backup).items() if value is not None},
                remarks=request.remarks,
                is_preview=is_preview,
            )


def _knows_password(server: str, task_vars: dict[str, Any]) -> bool:
    """Tell whether this run can read the password of a server's repository: it may lie in a vault that is shut."""
    try:
        return bool(str(task_vars["hostvars"][server].get("backup_client_repository_password") or "").strip())
    except AnsibleError:
        return False
