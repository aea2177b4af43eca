# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loans of what CSC keeps: which are open, a request for one, its next step; each a record of FOR 7.5 CSC 03."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import loan_request, loans
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Said
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.screen import loan as screen

display = Display()

_TEXTS = (
    *("folio", "step", "failure_folio", "restore_folio", "due_back_on", "check_result", "check_sha256"),
    *("reason", "as"),
)
_OF_A_REQUEST = ("failure_folio", "restore_folio")
_OF_A_STEP = ("folio", "step", "due_back_on", "check_result", "check_sha256")


class ActionModule(PlanAction):
    """See plugins/modules/loan.py for its options and result."""

    job = "loan"
    act = "actuar en un préstamo"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            request={"type": "raw"},
            operator_role={"type": "str", "default": ""},
            **{name: {"type": "str", "default": ""} for name in _TEXTS},
        )
        self.answers = {name: readable(options[name].strip()) for name in _TEXTS}
        asked = options["request"] not in (None, "", [])
        if not asked and not any(self.answers[name] for name in _TEXTS if name != "as"):
            return self._list()
        role = self.answers["as"] or options["operator_role"]
        self.faults = self.take_operator(role, "manual", reserved_to=tuple(self.procedure.institution.roles))
        self.faults += self._misplaced(_OF_A_STEP if asked else _OF_A_REQUEST, asked)
        with self.ledger.read() as index:
            if asked:
                records, shown = self._request(options["request"], task_vars, index)
            else:
                records, shown = self._step(index)
        if self.faults:
            raise AnsibleActionFail("no se registró nada:\n  " + "\n  ".join(dict.fromkeys(self.faults)))
        return self.acted(records, shown=shown)

    def _list(self) -> dict[str, Any]:
        today = datetime.now(self.procedure.zone).date()
        with self.ledger.read() as index:
            still_open = index.loans(is_open=True)
        display.display("\n".join(screen.still_open(still_open, self.procedure.loan, today, self.ledger.directory)))
        return {"changed": False, "loans": [each.as_dict() for each in still_open]}

    def _misplaced(self, names: tuple[str, ...], asked: bool) -> list[str]:
        """Return in words what was answered and does not belong here: it was meant for something."""
        what = "un paso de un préstamo, no de una solicitud" if asked else "una solicitud (loan_request), no de un paso"
        return [f"loan_{name}: es de {what}" for name in names if self.answers[name]]

    def _said(self) -> Said:
        said = {name: self.answers[name] for name in ("reason", "due_back_on", "check_result", "check_sha256")}
        return Said(role=self.run_context.operator_role, now=self.now, by=self.by, **said)

    def _step(self, index: Index) -> tuple[list[dict[str, Any]], list[str]]:
        folio = self.answers["folio"]
        loan = index.loan(folio)
        if loan is None:
            what = f"«{folio}» no es el folio de un préstamo" if folio else "falta el folio del préstamo"
            names = ", ".join(each.folio for each in index.loans(is_open=True)) or "ninguno"
            self.faults.append(f"loan_folio: {what}; abiertos: {names}")
            return [], []
        records, faults = loans.step(
            loan, self.answers["step"], self._said(), terms=self.procedure.loan, others=index.loans(is_open=True)
        )
        self.faults += faults
        return records, [] if faults else screen.of_step(loan, self.answers["step"], self.answers["reason"])

    def _request(self, asked: Any, task_vars: dict[str, Any], index: Index) -> tuple[list[dict[str, Any]], list[str]]:
        self.faults += self._reason_faults(index)
        backups, faults = loan_request.chosen(asked, index)
        self.faults += faults
        records, shown = [], []
        others = index.loans(is_open=True)
        for wanted in loan_request.wanted(backups, index):
            standing, faults = self.standing_loan(wanted.server, task_vars)
            self.faults += faults
            made, faults = loans.requested(
                wanted,
                self._said(),
                failure_folio=self.answers["failure_folio"],
                restore_folio=self.answers["restore_folio"],
                standing=standing,
                others=others,
                procedure=self.procedure,
            )
            self.faults += faults
            records += made
            shown += screen.of_request(wanted, standing)
        return records, shown

    def _reason_faults(self, index: Index) -> list[str]:
        """Return in words which folio of what the loan is asked for is none."""
        faults = []
        for name, kind, words in (
            ("failure_folio", "failure", "una falla (FOR 7.5 DSE 05)"),
            ("restore_folio", "recovery", "una recuperación (FOR 7.5 DSE 05)"),
        ):
            folio = self.answers[name]
            record = index.record(folio) if folio else None
            if folio and (record is None or record["record_type"] != kind):
                faults.append(f"loan_{name}: «{folio}» no es el folio de {words}")
        if not self.answers["failure_folio"]:
            open_ones = ", ".join(each.folio for each in index.open_failures()[-5:]) or "ninguna"
            faults.append(f"loan_failure_folio: falta la falla que motiva el préstamo; abiertas: {open_ones}")
        return faults
