# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read of a loan: what it is of, what it has come to, and the very next command, with whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.loans import STEPS, TRANSFER, Loan, Wanted
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import LoanTerms
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command, table

# So many of what is lent are named; the rest is counted.
_NAMED = 5
# What a step's command must say besides.
_ANSWERS = {
    "reject": " -e 'loan_reason=\"…\"'",
    "cancel": " -e 'loan_reason=\"…\"'",
    "check": " -e loan_check_result=conforming",
}


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what is going to be recorded."""
    return "\n".join(["", f"PRÉSTAMO DE CSC · {result['context']['operator_role']}", *result["shown"], ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    return "Revisión (--check): no se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what each loan has come to, and what comes next."""
    folios = [each["folio"] if each["record_type"] == "loan" else each["about_folio"] for each in others]
    lines = []
    with ledger.read() as index:
        for folio in dict.fromkeys(folios):
            loan = index.loan(folio)
            if loan:
                lines += [*_come_to(loan), *what_next(loan)]
    return "\n".join([*lines, "", f"Registro oficial: {ledger.directory}", ""])


def of_request(wanted: Wanted, standing: str) -> list[str]:
    """Return what one loan is asked for of."""
    where = f"medio {wanted.media_id}" if wanted.media_id else f"la copia de {wanted.server}, en sólo lectura"
    lines = [f"  Se solicita a CSC: {where}", *(f"    {each}" for each in _named(wanted.files))]
    if standing and wanted.delivery_method == TRANSFER:
        lines.append(f"    Con la autorización permanente de CSC: {standing}")
    return lines


def of_step(loan: Loan, name: str, reason: str) -> list[str]:
    """Return which step is taken of which loan."""
    lines = [f"  {loan.folio} · {loan.what} · está {loan.spoken_state}", f"  Paso: {STEPS[name].act}"]
    return [*lines, f"  Motivo: {reason}"] if reason else lines


def still_open(loans: list[Loan], terms: LoanTerms, today: date, directory: str) -> list[str]:
    """Return the loans that are open, whose turn each is, what is late, and the next command of each."""
    lines = ["", "PRÉSTAMOS DE CSC ABIERTOS"]
    if loans:
        heading = ["Folio", "Estado", "Le toca a", "Devolver a más tardar", "Qué", "Respaldos", "Falla"]
        lines += table([heading, *(_row(each, terms, today) for each in loans)])
        for each in loans:
            lines += what_next(each)
    else:
        lines += [
            "  Ninguno. Para solicitar uno:",
            f"    {command('loan', loan_request='CLAVE', loan_failure_folio='FOLIO-DE-LA-FALLA')}",
        ]
    late = sum(each.is_overdue(today) for each in loans)
    return [*lines, "", f"Abiertos: {len(loans)}; vencidos: {late}.", f"Registro oficial: {directory}", ""]


def _row(loan: Loan, terms: LoanTerms, today: date) -> list[str]:
    due = spoken_day(loan.due_back_on) if loan.due_back_on else ""
    answer = loan.answer_due(terms)
    late = ", CON RETRASO" if answer and answer < today else ""
    return [
        loan.folio,
        loan.spoken_state,
        loan.turn + late,
        f"VENCIDO: {due}" if loan.is_overdue(today) else due,
        loan.what,
        ", ".join(dict.fromkeys(each["item_id"] for each in loan.files)),
        loan.failure_folio,
    ]


def _come_to(loan: Loan) -> Iterator[str]:
    reason = f" ({loan.refusal_reason})" if loan.refusal_reason else ""
    yield f"REGISTRADO: {loan.folio} · {loan.what} · {loan.spoken_state}{reason}."
    yield from (f"  {each}" for each in _named(loan.files))
    if loan.due_back_on and loan.is_open:
        yield f"  JAA lo devuelve a más tardar el {spoken_day(loan.due_back_on)}."
    if loan.state == "checked" and not loan.is_granted:
        yield "  Lo recibido no es conforme: de ahí no se recupera nada, sólo se devuelve."


def what_next(loan: Loan) -> Iterator[str]:
    """Yield the next commands, the one that is expected first."""
    if not loan.is_open:
        return
    for position, name in enumerate(loan.next_steps):
        step = STEPS[name]
        yield f"{'Sigue' if position == 0 else '  o bien'}, {step.role}: {step.act} ({loan.folio})"
        yield f"  {command('loan', loan_folio=loan.folio, loan_step=name, loan_as=step.role)}{_ANSWERS.get(name, '')}"


def _named(files: list[dict[str, Any]]) -> Iterator[str]:
    for each in files[:_NAMED]:
        yield f"{each['item_id']} · {each['folio']} · entregado con {each['delivery_folio']}"
    if len(files) > _NAMED:
        yield f"… y {len(files) - _NAMED} más"
