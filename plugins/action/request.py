# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of requests: registers, changes, accepts, rejects, cancels, takes an inventory over; each a record."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.dse.backup.plugins.module_utils._core.items import source
from ansible_collections.dse.backup.plugins.plugin_utils import request_form
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import TAKEN_FOLIOS
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item
from ansible_collections.dse.backup.plugins.plugin_utils.request_form import Form
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import CANCELLED, taken_over

_ANSWERS = (
    *("folio", "decision", "reason", "valid_from", "valid_until", "changes", "take_over", "remarks"),
    *("requester", "area", "contact", "service", "servers", "repository_type", "information_type", "source"),
    *("exclusions", "estimated_bytes", "personal_data", "service_request"),
    *("service_type", "channel", "description", "priority", "received_at"),
)


class ActionModule(PlanAction):
    """See plugins/modules/request.py for its options and result."""

    job = "request"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            operator_role={"type": "str", "default": ""}, **{name: {"type": "raw"} for name in _ANSWERS}
        )
        role = options.pop("operator_role")
        form = Form(options, self.procedure)
        with self.ledger.read() as index:
            if form.has("take_over"):
                records, more = self._take_over(form, role, task_vars, index)
            elif form.has("folio", "decision"):
                records, more = self._decide(form, role, task_vars, index)
            elif form.has("service_type"):
                faults = self.take_operator(
                    role, "manual", reserved_to=("DAU", "JAA"), act="recibir una solicitud de servicio"
                )
                form.faults += faults
                records, more = [request_form.service_requested(form, self.procedure, self.now)], {}
            else:
                records, more = self._register(form, role, task_vars, index)
        if form.faults:
            raise AnsibleActionFail("no se registró nada:\n  " + "\n  ".join(form.faults))
        return self.acted([{**record, **self.by} for record in records], **more)

    def _register(
        self, form: Form, role: str, task_vars: dict[str, Any], index: Index
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        form.faults += self.take_operator(
            role, "manual", reserved_to=("JAA", "CGDW", "DAU"), act="registrar una solicitud"
        )
        record = request_form.registered(form, self.procedure, index.requests(), self._is_service_request(index))
        # Requests may have been numbered before there was a ledger: the inventory knows their folios.
        register = self.register(task_vars, index.histories())
        outside = sorted(set(record["servers"]) - set(task_vars["groups"].get("dse_servers", [])))
        return [{**record, TAKEN_FOLIOS: register.highest_request_folios}], {"outside": outside}

    def _decide(
        self, form: Form, role: str, task_vars: dict[str, Any], index: Index
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        is_cancelled = form.has("decision") and str(form.answer("decision")).strip() == CANCELLED
        if is_cancelled:
            form.faults += self.take_operator(role, "manual", reserved_to=("JAA", "CGDW"), act="cancelar una solicitud")
        else:
            form.faults += self.take_operator(role, "manual", act="aceptar o rechazar una solicitud")
        requests = index.requests()
        members = task_vars["groups"].get("dse_servers", [])
        records, folio = request_form.decided(form, requests, members=members, now=self.now)
        request = requests.get(folio)
        return records, {"request": vars(request) if request else {}}

    def _take_over(
        self, form: Form, role: str, task_vars: dict[str, Any], index: Index
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        form.faults += self.take_operator(role, "manual", act="tomar el inventario como registro de solicitudes")
        form.nothing_else("take_over")
        try:
            if not boolean(form.answer("take_over")):
                form.fault("take_over", "debe ser true: toma todo el inventario")
        except TypeError:
            form.fault("take_over", "debe ser true o false")
        requests = index.requests()
        register = self.register(task_vars, index.histories())
        groups, refused = taken_over(register.items, requests)
        for folio in [folio for folio in groups if index.knows(folio)]:
            names = ", ".join(item.item_id for item in groups.pop(folio))
            refused.append(f"{names}: {folio} ya es el folio de otro registro; deles el de su solicitud")
        refused += [f"{each.server} · {each.item_id} · {each.message}" for each in register.refusals]
        records = [record for folio, items in groups.items() for record in self._taken(folio, items, index)]
        taken = {folio: [item.item_id for item in items] for folio, items in groups.items()}
        return records, {"taken": taken, "refused": refused}

    def _taken(self, folio: str, items: list[Item], index: Index) -> list[dict[str, Any]]:
        """Return the records of a request that existed before the register, and of its acceptance."""
        item = items[0].definition
        kind = self.procedure.information_type(item["information_type"])
        backups = [backup for each in items for backup in index.backups(item_id=each.item_id)]
        first = min((backup.backup_date for backup in backups), default=self.now.date().isoformat())
        request = {
            "record_type": "backup_request",
            "folio": folio,
            "form_code": self.procedure.form_for("backup_request").code,
            "prepared_by": self.procedure.institution.prepared_by,
            "service": item["service"],
            "servers": list(dict.fromkeys(each.server for each in items)),
            "repository_type": item["repository_type"],
            "information_type": kind.key,
            "frequency": kind.frequency,
            "source": source(item),
            "exclusions": item.get("exclude") or None,
            "is_taken_over": True,
            "remarks": "tomada del inventario; el solicitante y el tamaño estimado constan en el formato original",
        }
        decision = {
            "record_type": "decision",
            "about_folio": folio,
            "decision": "accepted",
            "decision_reason": "tomada del inventario, en una sola operación",
            "valid_from": first,
        }
        return [request, decision]

    def _is_service_request(self, index: Index) -> Any:
        def test(folio: str) -> bool:
            record = index.record(folio)
            return record is not None and record["record_type"] == "service_request"

        return test
