# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has to say of a record or of a view of records: that it is right, received, reviewed, resolved."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import acknowledgement, views
from ansible_collections.dse.backup.plugins.plugin_utils.acknowledgement import BY_ROLE, ELSEWHERE, Said
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction

_TEXTS = (
    *("as", "result", "reason", "nonconformity_ref", "maintenance_ref", "complaint_ref"),
    "storage_location",
)


class ActionModule(PlanAction):
    """See plugins/modules/acknowledge.py for its options and result."""

    job = "acknowledge"
    act = "dar un acuse"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            folio={"type": "raw"},
            satisfaction={"type": "raw"},
            operator_role={"type": "str", "default": ""},
            **{name: {"type": "str", "default": ""} for name in _TEXTS},
        )
        self.answers = {name: readable(options[name].strip()) for name in _TEXTS}
        self.role = self.answers.pop("as") or options["operator_role"]
        self.satisfaction = options["satisfaction"]
        self.faults: list[str] = []
        records: list[dict[str, Any]] = []
        shown: list[list[str]] = []
        folios = _folios(options["folio"])
        if not folios:
            self.faults.append("acknowledge_folio: falta el folio, una lista de folios o una vista (DSE-03-2026-W47)")
        # For what does not depend on the folio, whatever it may be.
        self.faults += acknowledgement.faults_of(self._said(tuple(self.procedure.institution.roles), self.act))
        with self.ledger.read() as index:
            for folio in folios:
                said, what = self._one(folio, task_vars, index)
                records += said
                shown.append(what)
        if self.faults:
            raise AnsibleActionFail("no se registró ningún acuse:\n  " + "\n  ".join(dict.fromkeys(self.faults)))
        return self.acted([{**record, **self.by} for record in records], shown=shown, reason=self.answers["reason"])

    def _said(self, roles: tuple[str, ...], act: str) -> Said:
        """Return what is said, once it is sure in which role; a role that has no say here is a fault."""
        self.faults += self.take_operator(self.role, "manual", reserved_to=roles, act=act)
        return Said(role=self.run_context.operator_role, now=self.now, satisfaction=self.satisfaction, **self.answers)

    def _one(self, folio: str, task_vars: dict[str, Any], index: Index) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the records of what is said about one folio or view, and in lines what it is about."""
        parsed = views.parse(folio, self.procedure)
        record = None if parsed else index.record(folio)
        if self.answers["storage_location"] and (parsed or (record and record["record_type"] != "delivery")):
            self.faults.append(f"acknowledge_storage_location: sólo de una entrega a CSC, y {folio} no lo es")
        if parsed:
            if parsed[1].year not in self.years:
                first, last = self.years[0], self.years[-1]
                self.faults.append(f"acknowledge_folio: «{folio}» no es de un año de {first} a {last}")
                return [], []
            return self._view(folio, *parsed, task_vars=task_vars, index=index)
        if record is None:
            self.faults.append(
                f"acknowledge_folio: «{folio}» no es un folio del registro, ni una vista (DSE-03-2026-W47)"
            )
            return [], []
        kind = record["record_type"]
        label = self.procedure.label("record_type", kind)
        if kind not in BY_ROLE:
            how = ELSEWHERE.get(kind, "su propio playbook")
            self.faults.append(f"acknowledge_folio: de {folio} ({label}) se decide con {how}")
            return [], []
        role, act = BY_ROLE[kind]
        said = self._said((role,), act)
        if kind == "failure":
            is_open = folio in {each.folio for each in index.open_failures()}
            records, faults = acknowledgement.of_failure(said, record, is_open)
        else:
            records, faults = acknowledgement.of_record(said, record, index.acknowledged(folio))
        self.faults += faults
        return records, [f"{folio} · {label} · {_subject(record)}"]

    def _view(
        self, name: str, form: Any, first: Any, last: Any, *, task_vars: dict[str, Any], index: Index
    ) -> tuple[list[dict[str, Any]], list[str]]:
        if "plan" not in form.record_types:
            said = self._said(("JAA",), "revisar y cerrar")
            expected = self.expected(task_vars, index)
            view = views.view(name, form, first, last, all_expected=expected, index=index, now=self.now)
            earlier = [each for each in index.about(name) if each["record_type"] in ("closing", "correction")]
            records, faults = acknowledgement.of_view(said, view, earlier)
            lines = [f"{name} · {form.title}", *("  " + "  ".join(row) for row in views.grid(view))]
        else:
            said = self._said(("JAA", "CSC"), "aprobar (JAA) o recibir (CSC) el plan anual")
            recorded = index.plan_lines(first.year)
            if said.role == "CSC":
                records, faults = acknowledgement.of_plan_by_csc(said, name, recorded, index.acknowledged(name))
            else:
                planned = views.fulfilments(
                    self.expected(task_vars, index), first.year, index, self.now, self.procedure.delivery
                )
                records, faults = acknowledgement.of_plan_by_jaa(
                    said, name, first.year, planned, recorded, self.procedure
                )
            lines = [f"{name} · {form.title}, versión {records[-1]['plan_version']}"]
        self.faults += faults
        return records, lines


def _folios(given: Any) -> list[str]:
    """Return the folios, once each; a list, or a text with commas."""
    several = str(given).split(",") if isinstance(given, (str, int)) else given
    texts = [readable(str(folio).strip()) for folio in several] if isinstance(several, list) else []
    return list(dict.fromkeys(text for text in texts if text))


def _subject(record: dict[str, Any]) -> str:
    parts = [record.get(key) for key in ("requester_area", "item_id", "server", "description", "error_message")]
    return " · ".join(readable(str(part), 200) for part in parts if part)
