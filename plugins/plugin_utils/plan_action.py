# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all plans share: decided on the controller, once for all hosts, before any of them is contacted."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.utils.vars import load_extra_vars
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected, expected_by
from ansible_collections.dse.backup.plugins.plugin_utils.history import History, Standing
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.operators import operator, role_of
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import Context, unit
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register, Unreadable, read_register

_ABSENT = object()
_STANDING_LOAN = "backup_server_csc_standing_loan"
_BY = ("run_id", "operator_role", "operator_user")


class PlanAction(LedgerAction):
    """An action ``plan…``: the callback opens the run by its name and takes ``planned`` from its result.

    Each element of ``planned`` must end with exactly one outcome. It has ``server``, ``scheduled_for``, where it is
    about an item ``item_id``, and ``stage``, which stands in the failure of what has no outcome.
    """

    BYPASS_HOST_LOOP = True
    # What the job does, as a verb in words, and the roles to which the procedure leaves it.
    act = ""
    reserved_to: tuple[str, ...] = ("JAA",)

    def set_context(self, operator_role: str, mode: str, maintenance_ref: str | None = None) -> None:
        """Fix what all records of this run share; raise AnsibleActionFail where the operator's role may not do this.

        ``mode`` is automatic or manual.
        """
        faults = self.take_operator(operator_role, mode, maintenance_ref)
        if faults:
            raise AnsibleActionFail("no se hizo nada:\n  " + "\n  ".join(faults))

    def take_operator(
        self,
        operator_role: str,
        mode: str,
        maintenance_ref: str | None = None,
        *,
        reserved_to: tuple[str, ...] = (),
        act: str = "",
    ) -> list[str]:
        """As `set_context`, but return in words why the operator may not do this, for whoever collects all faults."""
        user = operator(self.task_vars)
        role, faults = role_of(
            operator_role.strip(),
            user=user.name,
            mapping=self._templar.template(self.task_vars.get("operator_roles") or {}),
            roles=self.procedure.institution.roles,
            default=self.procedure.institution.prepared_by,
            allowed=reserved_to or self.reserved_to,
            act=act or self.act,
        )
        if "operator_roles" in load_extra_vars(self._loader):
            # They would outweigh the inventory's, which are there to hold off whoever runs this.
            faults = ["operator_roles: no se acepta con -e; quién es quién lo dice sólo el inventario"]
        self.now = datetime.now(self.procedure.zone)
        self.run_context = Context(
            run_id=self.mark.run_id,
            execution_mode=mode,
            operator_role=readable(role),
            operator_user=user.recorded,
            maintenance_ref=maintenance_ref,
        )
        return faults

    def standing_loan(self, server: str, task_vars: dict[str, Any]) -> tuple[str, list[str]]:
        """Return the reference of CSC's standing authorisation to read its copy of ``server``, and in words its fault.

        It is what the inventory says: with -e whoever runs this would authorise himself.
        """
        if _STANDING_LOAN in load_extra_vars(self._loader):
            return "", [f"{_STANDING_LOAN}: no se acepta con -e; lo que CSC autoriza lo dice sólo el inventario"]
        hostvars = task_vars["hostvars"]
        said = hostvars[server].get(_STANDING_LOAN) if server in hostvars else ""
        return readable(str(said or "").strip()), []

    def acted(self, records: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Return the result of an act that is over with its records: it plans nothing that is still to come."""
        return {
            "changed": bool(records),
            "job": self.job,
            "planned": [],
            "refused": [],
            "context": asdict(self.run_context),
            "backup_records": records,
            **more,
        }

    @property
    def years(self) -> range:
        """The years that can be asked about: next year's plan is approved in this one."""
        return range(2000, self.now.year + 2)

    @property
    def by(self) -> dict[str, Any]:
        """Who acted, in which run: what every record of an act has."""
        return {key: value for key, value in asdict(self.run_context).items() if key in _BY}

    def register(self, task_vars: dict[str, Any], histories: Mapping[str, History | Standing]) -> Register:
        """Return the items of the whole inventory, and its mistakes."""
        return read_register(
            _declared(task_vars),
            members=set(task_vars["groups"].get("dse_servers", [])),
            holders={item_id: history.server for item_id, history in histories.items()},
            procedure=self.procedure,
        )

    def expected(self, task_vars: dict[str, Any], index: Index) -> list[Expected]:
        """Return what JAA ever accepted, on which server and since when."""
        register = self.register(task_vars, index.standings())
        return expected_by(index, register, self.procedure, self.now.date())

    def limited(self, task_vars: dict[str, Any]) -> Callable[[str], bool]:
        """Return what tells whether a server is part of this run: without --limit all are, also those forgotten."""
        hosts, members = set(task_vars["ansible_play_hosts_all"]), set(task_vars["groups"].get("dse_servers", []))
        return lambda server: hosts == members or server in hosts

    def require_backed_up(self, wanted: list[str], known: Collection[str]) -> None:
        """Raise AnsibleActionFail, with the nearest name, for an item among ``wanted`` that has no backups."""
        for item_id in wanted:
            if item_id not in known:
                close = difflib.get_close_matches(item_id, known, n=1)
                hint = f"¿quiso decir «{close[0]}»?" if close else f"hay: {', '.join(sorted(known)) or 'ninguno'}"
                raise AnsibleActionFail(
                    f"{self.job}_items: «{readable(item_id)}» no tiene respaldos en el registro; {hint}"
                )

    def planned(self, server: str, stage: str, **more: Any) -> dict[str, Any]:
        """Return one element of ``planned``."""
        return {
            "server": server,
            "stage": stage,
            "scheduled_for": self.now.isoformat(timespec="seconds"),
            "execution_mode": self.run_context.execution_mode,
            **more,
        }

    def result(
        self, index: Index, planned: list[dict[str, Any]], records: list[dict[str, Any]] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return the plan: what the callback shows and records, and ``more`` for the plays that follow."""
        opening = {
            "record_type": "run",
            "run_event": "started",
            "job": self.job,
            **asdict(self.run_context),
            "planned": planned,
            **more.pop("also_recorded", {}),
        }
        return {
            "changed": False,
            "job": self.job,
            "planned": planned,
            "refused": [],
            "context": asdict(self.run_context),
            "backup_records": [*self._cut_off(index.open_runs()), opening, *(records or [])],
            **more,
        }

    def _cut_off(self, open_runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Close the runs whose controller died: what they planned and has no outcome gets its failure."""
        records: list[dict[str, Any]] = []
        for run_id, pending in open_runs.items():
            if run_id == self.mark.run_id or self.ledger.is_alive(run_id):
                continue
            context = Context(**{**asdict(self.run_context), "run_id": run_id})
            for planned in pending:
                records.append(
                    outcomes.failure(
                        {**planned, "id": unit(planned)},
                        planned["server"],
                        f"la corrida {run_id} se interrumpió en el controlador antes de registrar su resultado",
                        context=context,
                        procedure=self.procedure,
                        scheduled_for=datetime.fromisoformat(planned["scheduled_for"]),
                        stage=planned.get("stage", "backup"),
                        mode=planned["execution_mode"],
                    )
                )
            records.append({"record_type": "run", "run_event": "cut_off", **asdict(context)})
        return records


def _declared(task_vars: dict[str, Any]) -> dict[str, Any]:
    """Return every host's ``backup_client_items``; hosts without the variable are left out."""
    declared: dict[str, Any] = {}
    hostvars = task_vars["hostvars"]
    for host in task_vars["groups"]["all"]:
        raw = hostvars.raw_get(host).get("backup_client_items", _ABSENT)
        if raw is _ABSENT:
            continue
        try:
            declared[host] = raw if _is_plain(raw) else hostvars[host]["backup_client_items"]
        except AnsibleError as error:
            declared[host] = Unreadable(f"no se puede evaluar: {error.message}")
    return declared


def _is_plain(value: Any) -> bool:
    """Tell whether nothing in ``value`` is a template: evaluating thousands of items for nothing takes seconds."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and "{#" not in value
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float))
