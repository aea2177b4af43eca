# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what is due is decided on the controller, from inventory and ledger, before any server is contacted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.dse.backup.plugins.module_utils._core.items import source
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction, operator_user
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import Context
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal, Unreadable, read_register

_ABSENT = object()


class ActionModule(LedgerAction):
    """See plugins/modules/plan.py for its options and result."""

    BYPASS_HOST_LOOP = True

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            items={"type": "list", "elements": "str", "default": []},
            information_type={"type": "str", "choices": ["", *self.procedure.information_types], "default": ""},
            force={"type": "bool", "default": False},
            maintenance_ref={"type": "str", "default": ""},
            operator_role={"type": "str", "default": ""},
        )
        now = datetime.now(self.procedure.zone)
        with self.ledger.read() as index:
            histories = index.histories()
            open_runs = index.open_runs()
        groups = task_vars["groups"]
        members = set(groups.get("dse_servers", []))
        register = read_register(
            _declared(task_vars),
            members=members,
            holders={item_id: history.server for item_id, history in histories.items()},
            procedure=self.procedure,
        )
        _require_known(options["items"], register.items, register.refusals)
        # An extra backup before maintenance is asked for because nothing is due.
        forced = options["force"] or bool(options["maintenance_ref"])
        self.run_context = Context(
            run_id=self.mark.run_id,
            execution_mode="manual" if forced else "automatic",
            operator_role=readable(options["operator_role"]) or self.procedure.institution.prepared_by,
            operator_user=readable(operator_user()),
            maintenance_ref=readable(options["maintenance_ref"]) or None,
        )
        reference = self.run_context.maintenance_ref
        wanted = f"antes de mantenimiento {reference}" if reference else "pedido aunque no vence"
        selects = _selection(options, hosts=set(task_vars["ansible_play_hosts_all"]), members=members)
        refused = [each for each in register.refusals if selects(each.server, each.item_id, each.definition)]
        servers: dict[str, dict[str, Any]] = {}
        waiting = []
        for item in register.items:
            if not selects(item.server, item.item_id, item.definition):
                continue
            kind = self.procedure.information_type(item.definition["information_type"])
            due = calendar.due(kind, histories.get(item.item_id, History()), now)
            if forced or due.now:
                plan = servers.setdefault(item.server, {"server": item.server, "items": [], "due": {}})
                plan["due"][item.item_id] = self._planned(item, wanted if forced else due.reason, now)
            elif due.reason != calendar.COVERED:
                waiting.append({"item_id": item.item_id, "server": item.server, "reason": due.reason})
        for item in register.items:
            if item.server in servers:
                servers[item.server]["items"].append(item.definition)
        planned = [each for plan in servers.values() for each in plan["due"].values()]
        planned += [self._planned(each, each.message, now) for each in refused]
        return {
            "changed": False,
            "servers": [{**plan, "context": asdict(self.run_context)} for plan in servers.values()],
            "planned": planned,
            "waiting": waiting,
            "refused": [f"{each.server} · {each.item_id} · {each.message}" for each in refused],
            "context": asdict(self.run_context),
            "backup_records": [
                *self._cut_off(open_runs),
                self._started(planned, register.highest_request_folios),
                *(self._refusal(each, now) for each in refused),
            ],
        }

    def _started(self, planned: list[dict[str, Any]], highest: list[str]) -> dict[str, Any]:
        return {
            "record_type": "run",
            "run_event": "started",
            **asdict(self.run_context),
            "planned": planned,
            "highest_request_folios": highest,
        }

    def _refusal(self, refusal: Refusal, now: datetime) -> dict[str, Any]:
        definition = refusal.definition
        item = {"id": refusal.item_id}
        if isinstance(definition.get("service"), str):
            item["service"] = definition["service"]
        kind = definition.get("information_type")
        if isinstance(kind, str) and kind in self.procedure.information_types:
            item["information_type"] = kind
        return outcomes.failure(
            item,
            refusal.server,
            f"rechazado por el inventario: {refusal.message}",
            context=self.run_context,
            procedure=self.procedure,
            scheduled_for=now,
            kind="not_run",
        )

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
                        {**planned, "id": planned["item_id"]},
                        planned["server"],
                        f"la corrida {run_id} se interrumpió en el controlador antes de registrar este respaldo",
                        context=context,
                        procedure=self.procedure,
                        scheduled_for=datetime.fromisoformat(planned["scheduled_for"]),
                        mode=planned["execution_mode"],
                    )
                )
            records.append({"record_type": "run", "run_event": "cut_off", **asdict(context)})
        return records

    def _planned(self, element: Item | Refusal, reason: str, now: datetime) -> dict[str, Any]:
        """Return what is expected of one item in this run: it must end with exactly one outcome."""
        definition = element.definition
        planned = {
            "item_id": element.item_id,
            "server": element.server,
            "scheduled_for": now.isoformat(timespec="seconds"),
            "execution_mode": self.run_context.execution_mode,
            "reason": reason,
        }
        if isinstance(element, Item):
            planned.update(
                service=readable(definition["service"]),
                information_type=definition["information_type"],
                source=readable(source(definition)),
            )
        return planned


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


def _selection(
    options: dict[str, Any], *, hosts: set[str], members: set[str]
) -> Callable[[str, str, dict[str, Any]], bool]:
    """Return what tells whether an element is part of this run: by --limit, backup_items, backup_information_type."""
    whole = hosts == members

    def selects(server: str, item_id: str, definition: dict[str, Any]) -> bool:
        return (
            (server in hosts or (whole and server not in members))
            and (not options["items"] or item_id in options["items"])
            and options["information_type"] in ("", definition.get("information_type"))
        )

    return selects


def _require_known(wanted: list[str], items: list[Item], refusals: list[Refusal]) -> None:
    known = {item.item_id for item in items} | {refusal.item_id for refusal in refusals}
    unknown = [item_id for item_id in wanted if item_id not in known]
    if unknown:
        raise AnsibleActionFail(
            f"backup_items: no están en el inventario: {', '.join(unknown)}. Hay: {', '.join(sorted(known))}"
        )
