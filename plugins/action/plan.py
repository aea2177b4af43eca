# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what is due is decided on the controller, from inventory and ledger, before any server is contacted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.items import source
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, outcomes, request_register
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal


class ActionModule(PlanAction):
    """See plugins/modules/plan.py for its options and result."""

    job = "backup"
    act = "respaldar"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options, faults = self.answers(
            items={"type": "list", "elements": "str", "default": []},
            information_type={"type": "str", "choices": ["", *self.procedure.information_types], "default": ""},
            force={"type": "bool", "default": False},
            maintenance_ref={"type": "str", "default": ""},
            operator_role={"type": "str", "default": ""},
        )
        # An extra backup before maintenance is asked for because nothing is due.
        reference = readable(options["maintenance_ref"]) or None
        forced = options["force"] or reference is not None
        faults += self.take_operator(options["operator_role"], "manual" if forced else "automatic", reference)
        with self.ledger.read() as index:
            return self._plan(options, faults, task_vars, index)

    def _plan(
        self, options: dict[str, Any], faults: list[str], task_vars: dict[str, Any], index: Index
    ) -> dict[str, Any]:
        standings = index.standings()
        members = set(task_vars["groups"].get("dse_servers", []))
        requests, today = index.requests(), self.now.date()
        # 4.1.1: what nobody asked for, or JAA has not accepted, is not backed up.
        register = request_register.screen(self.register(task_vars, standings), requests, today)
        faults += _unknown(options["items"], register.items, register.refusals)
        if faults:
            raise AnsibleActionFail("no se hizo nada:\n  " + "\n  ".join(faults))
        reference = self.run_context.maintenance_ref
        forced = self.run_context.execution_mode == "manual"
        wanted = f"antes de mantenimiento {reference}" if reference else "pedido aunque no vence"
        selects = _selection(options, hosts=set(task_vars["ansible_play_hosts_all"]), members=members)
        refused = [each for each in register.refusals if selects(each.server, each.item_id, each.definition)]
        servers: dict[str, dict[str, Any]] = {}
        waiting = []
        for item in register.items:
            if not selects(item.server, item.item_id, item.definition):
                continue
            kind = self.procedure.information_type(item.definition["information_type"])
            due = calendar.due(kind, standings.get(item.item_id) or History(), self.now)
            if forced or due.now:
                plan = servers.setdefault(item.server, {"server": item.server, "items": [], "due": {}})
                plan["due"][item.item_id] = self._planned(item, wanted if forced else due.reason)
            elif due.reason != calendar.COVERED:
                waiting.append({"item_id": item.item_id, "server": item.server, "reason": due.reason})
        for item in register.items:
            if item.server in servers:
                servers[item.server]["items"].append(item.definition)
        planned = [each for plan in servers.values() for each in plan["due"].values()]
        planned += [self._planned(each, each.message) for each in refused]
        return self.result(
            index,
            planned,
            [self._refusal(each) for each in refused],
            servers=[{**plan, "context": asdict(self.run_context)} for plan in servers.values()],
            waiting=waiting,
            absent=[
                {"folio": each.request.folio, "server": each.server, "source": each.request.source}
                for each in request_register.absent(register, requests, today)
                if selects(each.server, "", asdict(each.request))
            ],
            refused=[f"{each.server} · {each.item_id} · {each.message}" for each in refused],
            also_recorded={"highest_request_folios": register.highest_request_folios},
        )

    def _refusal(self, refusal: Refusal) -> dict[str, Any]:
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
            scheduled_for=self.now,
            kind="not_run",
        )

    def _planned(self, element: Item | Refusal, reason: str) -> dict[str, Any]:
        definition = element.definition
        planned = self.planned(element.server, "backup", item_id=element.item_id, reason=reason)
        if isinstance(element, Item):
            planned.update(
                service=readable(definition["service"]),
                information_type=definition["information_type"],
                source=readable(source(definition)),
            )
        return planned


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


def _unknown(wanted: list[str], items: list[Item], refusals: list[Refusal]) -> Iterator[str]:
    known = {item.item_id for item in items} | {refusal.item_id for refusal in refusals}
    unknown = [item_id for item_id in wanted if item_id not in known]
    if unknown:
        yield f"backup_items: no están en el inventario: {', '.join(unknown)}. Hay: {', '.join(sorted(known))}"
