# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CSC has lent, or was asked to lend: how far each loan has come, whose turn it is, what is late (4.3.1 c)."""

from __future__ import annotations

from ansible_collections.dse.backup.plugins.plugin_utils import waiting
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Loan
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    Answer,
    Asked,
    Column,
    Row,
    Section,
    day,
    listed,
    text,
)
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command


def loans(asked: Asked) -> Answer:
    """Tell of the loans that are open and of those that are over; late ones need action."""
    several = [each for each in asked.index.loans() if has_loan(asked, each)]
    late = overdue(asked)
    still_open = [each for each in several if each.is_open]
    sections = [
        Section("open", "PRÉSTAMOS DE CSC ABIERTOS (loan.yml)", OPEN, [row(each) for each in still_open]),
        Section("closed", "PRÉSTAMOS CONCLUIDOS", _CLOSED, [row(each) for each in several if not each.is_open]),
    ]
    return Answer(
        "PRÉSTAMOS DE CSC",
        sections,
        [f"{each.folio}: {each.what}, {each.spoken_state}" for each in late],
        next_command=next_step(late or still_open),
        all_is_well="Ningún préstamo abierto.",
    )


def overdue(asked: Asked) -> list[Loan]:
    """Return the loans that should be back by now, and those on which CSC should have answered."""
    today = asked.now.date()
    late = waiting.loans_to_return(asked.index, today)
    late += waiting.loans_without_answer(asked.index, asked.procedure.loan, today)
    return [each for each in late if has_loan(asked, each)]


def has_loan(asked: Asked, loan: Loan) -> bool:
    """Tell whether anything that is lent is asked about."""
    return any(asked.has(each["server"], each["item_id"]) for each in loan.files)


def next_step(several: list[Loan]) -> str:
    """Return the command for the next step of the first of them; "" where there is none."""
    if not several:
        return ""
    loan = several[0]
    return command("loan", loan_folio=loan.folio, loan_step=loan.next_steps[0], loan_as=loan.turn)


def row(loan: Loan) -> Row:
    """Return a loan as a row."""
    return {
        **{"loan_folio": loan.folio, "server": loan.server, "what": loan.what, "media_id": loan.media_id or None},
        **{"state": loan.state, "spoken_state": loan.spoken_state, "turn": loan.turn or None},
        **{"requested_at": loan.requested_at, "since": loan.since, "due_back_on": loan.due_back_on or None},
        **{"backup_folios": [each["folio"] for each in loan.files], "failure_folio": loan.failure_folio},
        **{"restore_folio": loan.restore_folio or None, "check_on_receipt": loan.check_on_receipt or None},
    }


_FOLIO, _WHAT = text("Folio", "loan_folio"), text("Qué", "what")
OPEN = (
    *(_FOLIO, _WHAT, text("Estado", "spoken_state"), day("Desde", "since"), text("Le toca a", "turn")),
    *(day("Devolver a más tardar", "due_back_on"), listed("Respaldos", "backup_folios")),
)
_CLOSED = (
    *(_FOLIO, _WHAT, Column("Estado", lambda each: each["spoken_state"]), day("Solicitado", "requested_at")),
    *(day("Concluido", "since"), text("Falla", "failure_folio"), text("Recuperación", "restore_folio")),
)
