# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A loan of what CSC keeps (FOR 7.5 CSC 03, 4.3.1 c): what it has come to, who may take which step, and why not.

    requested -> authorised -> lent -> checked -> returned -> received_back
        |            |                             (JAA gives back, CSC receives)
        +- rejected  +- cancelled (also of what is only requested)

Pure. The request is one line, which is never changed; every step is a record about it. A loan of CSC's repository
(``transfer``) is read-only access to it: the original never leaves CSC, so several may go on at once, and one that was
never used goes back without having been checked. A medium is lent once at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, NONCONFORMING
from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import LoanTerms, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.procedure_source import FIELD_TYPES

REQUESTED, AUTHORISED, LENT, CHECKED, RETURNED = "requested", "authorised", "lent", "checked", "returned"
RECEIVED_BACK, REJECTED, CANCELLED = "received_back", "rejected", "cancelled"
MEDIA, TRANSFER = "media", "transfer"
JAA, CSC = "JAA", "CSC"
# The longest that CSC may lend.
_LONGEST = timedelta(days=365)

Records = list[dict[str, Any]]
Faults = list[str]


class Step(NamedTuple):
    """One step: what the loan is afterwards, as which record, whose it is, and after which states.

    ``electronic`` are the states after which it may be taken besides, where nothing left CSC.
    """

    state: str
    record_type: str
    role: str
    act: str
    after: tuple[str, ...]
    electronic: tuple[str, ...] = ()


# In the order in which they are told of: the first that may follow is the one that is expected.
STEPS = {
    "authorise": Step(AUTHORISED, "decision", CSC, "autorizar el préstamo", (REQUESTED,)),
    "reject": Step(REJECTED, "decision", CSC, "rechazar el préstamo", (REQUESTED,)),
    "lend": Step(LENT, "acknowledgement", CSC, "prestar", (AUTHORISED,)),
    # Who reads what CSC authorised has proved that the access to it is open.
    "check": Step(CHECKED, "acknowledgement", JAA, "verificar lo recibido", (LENT,), (AUTHORISED,)),
    "return": Step(RETURNED, "acknowledgement", JAA, "devolver", (CHECKED,), (LENT,)),
    "receive_back": Step(RECEIVED_BACK, "closing", CSC, "recibir la devolución", (RETURNED,)),
    "cancel": Step(CANCELLED, "closing", JAA, "cancelar el préstamo", (REQUESTED, AUTHORISED)),
}
STATES = {
    REQUESTED: "solicitado",
    AUTHORISED: "autorizado",
    LENT: "prestado",
    CHECKED: "prestado y verificado",
    RETURNED: "devuelto por JAA, sin que CSC lo haya recibido",
    RECEIVED_BACK: "cerrado: CSC lo recibió de vuelta",
    REJECTED: "rechazado por CSC",
    CANCELLED: "cancelado",
}
_BY_STATE = {step.state: name for name, step in STEPS.items()}
_OUT = (LENT, CHECKED, RETURNED)
_CLOSED = (RECEIVED_BACK, REJECTED, CANCELLED)
# What a request's own line says, and what the records of its steps add to its form.
_OF_THE_REQUEST = (
    *(
        "folio",
        "form_code",
        "server",
        "delivery_method",
        "media_id",
        "delivery_folio",
        "failure_folio",
        "restore_folio",
    ),
    *("files", "requested_by", "requested_at", "record_sha256"),
)
_OF_ITS_STEPS = (
    *("authorized_by", "lent_at", "due_back_on", "check_on_receipt", "check_on_receipt_sha256"),
    *("returned_at", "returned_by", "received_back_by"),
)


@dataclass
class Loan:
    """One loan, folded from its records. Days and instants are ISO text; what there is none of is empty.

    ``files`` are what is lent: each has folio, item_id, server, file (JAA's snapshot), csc_file, sha256 and
    delivery_folio. ``server`` is the files' server; of a medium there may be several, with ", " between them. ``since``
    is when the last step was taken.
    """

    folio: str
    form_code: str = ""
    server: str = ""
    delivery_method: str = TRANSFER
    media_id: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    delivery_folio: str = ""
    failure_folio: str = ""
    restore_folio: str = ""
    requested_by: str = ""
    requested_at: str = ""
    record_sha256: str = ""
    state: str = REQUESTED
    since: str = ""
    authorized_by: str = ""
    lent_at: str = ""
    due_back_on: str = ""
    check_on_receipt: str = ""
    check_on_receipt_sha256: str = ""
    returned_at: str = ""
    returned_by: str = ""
    received_back_by: str = ""
    refusal_reason: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Loan:
        """Return the loan as it was asked for."""
        asked = {key: record[key] for key in _OF_THE_REQUEST if record.get(key) is not None}
        return cls(**asked, since=record["requested_at"])

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a later record about it into account: a step, or the recovery that used it.

        A step that cannot follow changes nothing.
        """
        if record["record_type"] == "recovery":
            self.restore_folio = self.restore_folio or record["folio"]
            return
        name = _BY_STATE.get(record["loan_step"], "")
        if not self.allows(name):
            return
        self.state, self.since = record["loan_step"], record["loan_step_at"]
        for key in _OF_ITS_STEPS:
            if record.get(key) is not None:
                setattr(self, key, record[key])
        if self.state in (REJECTED, CANCELLED):
            self.refusal_reason = record.get("decision_reason") or record.get("cause") or ""

    def allows(self, name: str) -> bool:
        """Tell whether the step of that name may follow now."""
        step = STEPS.get(name)
        return step is not None and (self.state in step.after or (self.is_electronic and self.state in step.electronic))

    @property
    def next_steps(self) -> list[str]:
        """The names of the steps that may follow; the first is the one that is expected."""
        return [name for name in STEPS if self.allows(name)]

    @property
    def turn(self) -> str:
        """Whose step is expected; empty once the loan is over."""
        return STEPS[self.next_steps[0]].role if self.is_open else ""

    @property
    def is_electronic(self) -> bool:
        """Whether it is access to CSC's repository: nothing leaves CSC."""
        return self.delivery_method == TRANSFER

    @property
    def is_open(self) -> bool:
        """Whether anybody still has to take a step."""
        return self.state not in _CLOSED

    @property
    def is_out(self) -> bool:
        """Whether a medium is not with CSC, or not yet back there."""
        return not self.is_electronic and self.state in _OUT

    @property
    def is_granted(self) -> bool:
        """Whether a restore may go on from it: an access that is authorised, a medium that JAA has in its hands.

        Not from what was checked and does not conform.
        """
        if self.state == CHECKED:
            return self.check_on_receipt == CONFORMING
        return self.state == LENT or (self.is_electronic and self.state == AUTHORISED)

    @property
    def later_fields(self) -> dict[str, str]:
        """What its steps, and the recovery that used it, add to its form."""
        found = {key: getattr(self, key) for key in (*_OF_ITS_STEPS, "restore_folio", "refusal_reason")}
        return {key: value for key, value in found.items() if value}

    @property
    def spoken_state(self) -> str:
        """Its state in words."""
        words = STATES[self.state]
        return f"{words}: NO CONFORME" if self.state == CHECKED and self.check_on_receipt != CONFORMING else words

    @property
    def what(self) -> str:
        """What is lent, in words."""
        return f"medio {self.media_id}" if self.media_id else f"acceso de sólo lectura a la copia de {self.server}"

    def is_overdue(self, today: date) -> bool:
        """Tell whether JAA should have given it back before ``today``."""
        return self.state in (LENT, CHECKED) and self.due_back_on < today.isoformat()

    def answer_due(self, terms: LoanTerms) -> date | None:
        """Return the last day on which CSC's step is on time; None where it is not CSC's turn."""
        if self.turn != CSC:
            return None
        day = date.fromisoformat(self.since[:10])
        for _each in range(terms.answer_within_working_days):
            day = calendar.working_day_after(day)
        return day

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, of which `Loan` can be made again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Wanted(NamedTuple):
    """What one loan is to be of: backups of which CSC's copy is in one place."""

    server: str
    delivery_method: str
    media_id: str
    delivery_folio: str
    files: list[dict[str, Any]]


@dataclass(frozen=True)
class Said:
    """What is said of a loan, in which role, and when (aware). Texts are safe to record; empty is not said.

    ``by`` is what the records have besides: the run, the operator.
    """

    role: str
    now: datetime
    reason: str = ""
    due_back_on: str = ""
    check_result: str = ""
    check_sha256: str = ""
    by: Mapping[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> str:
        """When, as in the records."""
        return self.now.isoformat(timespec="seconds")

    @property
    def today(self) -> date:
        """The day on which it is said."""
        return self.now.date()


def requested(
    wanted: Wanted,
    said: Said,
    *,
    failure_folio: str,
    procedure: Procedure,
    restore_folio: str = "",
    standing: str = "",
    others: Iterable[Loan] = (),
) -> tuple[Records, Faults]:
    """Return the record of a request, and in words why it cannot be made.

    ``standing`` is the reference of CSC's standing authorisation: with it an electronic loan is authorised and lent at
    once, by records that follow the request's own. ``others`` are the loans that there are.
    """
    faults = []
    if said.role != JAA:
        faults.append(f"loan_as: solicitar un préstamo corresponde a {JAA}, no a {said.role}")
    if wanted.delivery_method == MEDIA:
        faults += _out_elsewhere(wanted.media_id, others, "loan_request")
    record = {
        "record_type": "loan",
        "form_code": procedure.form_for("loan").code,
        "prepared_by": procedure.institution.prepared_by,
        "requested_by": said.role,
        "requested_at": said.moment,
        "failure_folio": failure_folio,
        "restore_folio": restore_folio or None,
        "server": wanted.server,
        "delivery_method": wanted.delivery_method,
        "delivery_folio": wanted.delivery_folio,
        "media_id": wanted.media_id or None,
        "files": wanted.files,
        "related_folios": [each["folio"] for each in wanted.files],
        "remarks": said.reason or None,
        **said.by,
    }
    if standing and wanted.delivery_method == TRANSFER:
        remarks = {"remarks": f"autorización permanente de CSC: {standing}"}
        lent = {"lent_at": said.moment, "due_back_on": _default_due(said, procedure.loan)}
        record["follow_ups"] = [
            {**_record("authorise", said), **remarks, "decision": "accepted", "authorized_by": CSC},
            {**_record("lend", said), **remarks, **lent, "acknowledged_as": CSC},
        ]
    return [record], faults


def step(loan: Loan, name: str, said: Said, *, terms: LoanTerms, others: Iterable[Loan] = ()) -> tuple[Records, Faults]:
    """Return the records of a step, and in words why it cannot be taken; with any fault nothing is to be recorded."""
    faults = list(_step_faults(loan, name, said, others))
    if faults:
        return [], faults
    about = {"about_folio": loan.folio, "about_sha256": loan.record_sha256 or None}
    return [{**_record(name, said), **about, **_more(loan, name, said, terms)}], []


def objection(entries: Iterable[Mapping[str, Any]], loans: Iterable[Loan]) -> str:
    """Return in words which of ``entries`` cannot follow what the ledger has of ``loans``, and why; empty: all can.

    They were made by what somebody read; another job may have taken the same step, or lent the same medium, since.
    """
    known = {loan.folio: loan for loan in loans}
    for entry in entries:
        if entry["record_type"] == "loan":
            faults = _out_elsewhere(entry.get("media_id", ""), known.values(), "loan_request")
            if why := next(faults, ""):
                return why
        elif entry.get("loan_step") and entry.get("about_folio"):
            loan, name = known.get(entry["about_folio"]), _BY_STATE.get(entry["loan_step"], "")
            if loan is None:
                return f"{entry['about_folio']} no es el folio de un préstamo"
            if not loan.allows(name):
                return refusal(loan, name)
            if name == "lend" and (why := next(_out_elsewhere(loan.media_id, known.values(), "loan_step"), "")):
                return why
            loan.add(entry)
    return ""


def refusal(loan: Loan, name: str) -> str:
    """Return in words why a step cannot follow now, and which may."""
    act = STEPS[name].act if name in STEPS else "darse ese paso"
    return f"loan_step: {loan.folio} está {loan.spoken_state}: no se puede {act}; {expected(loan)}"


def expected(loan: Loan) -> str:
    """Return in words which steps may follow, and whose each is."""
    if not loan.is_open:
        return "ya no le sigue ningún paso"
    steps = [f"{STEPS[name].act} ({STEPS[name].role}, loan_step={name})" for name in loan.next_steps]
    return f"sigue {' o '.join(steps)}"


def _step_faults(loan: Loan, name: str, said: Said, others: Iterable[Loan]) -> Iterator[str]:
    if name not in STEPS:
        what = f"«{name}» no es un paso" if name else f"falta el paso de {loan.folio}"
        yield f"loan_step: {what}: {', '.join(STEPS)}; {expected(loan)}"
        return
    if not loan.allows(name):
        yield refusal(loan, name)
        return
    if said.role != STEPS[name].role:
        yield f"loan_as: {STEPS[name].act} ({loan.folio}) corresponde a {STEPS[name].role}, no a {said.role}"
    if name in ("reject", "cancel") and not said.reason:
        yield f"loan_reason: falta el motivo para {STEPS[name].act}"
    if name == "lend":
        yield from _out_elsewhere(loan.media_id, others, "loan_step")
        yield from _due_faults(said)
    elif said.due_back_on:
        yield "loan_due_back_on: la fecha la fija CSC al prestar (loan_step=lend)"
    if name == "check":
        yield from _check_faults(loan, said)
    elif said.check_result or said.check_sha256:
        yield "loan_check_result, loan_check_sha256: sólo al verificar (loan_step=check)"


def _due_faults(said: Said) -> Iterator[str]:
    if not said.due_back_on:
        return
    if not FIELD_TYPES["date"](said.due_back_on):
        yield f"loan_due_back_on: «{said.due_back_on}» no es una fecha (2026-11-26)"
    elif said.due_back_on < said.today.isoformat():
        yield f"loan_due_back_on: {spoken_day(said.due_back_on)} ya pasó"
    elif said.due_back_on > (said.today + _LONGEST).isoformat():
        yield f"loan_due_back_on: {spoken_day(said.due_back_on)} es dentro de más de un año"


def _check_faults(loan: Loan, said: Said) -> Iterator[str]:
    if said.check_result not in (CONFORMING, NONCONFORMING):
        what = f"«{said.check_result}» debe ser" if said.check_result else "falta el resultado de la verificación:"
        yield f"loan_check_result: {what} {CONFORMING} (conforme) o {NONCONFORMING} (no conforme)"
    elif said.check_result == NONCONFORMING and not said.reason:
        yield "loan_reason: falta decir qué tiene lo recibido que no es conforme"
    if not said.check_sha256:
        return
    delivered = {each["sha256"] for each in loan.files if each.get("sha256")}
    if not FIELD_TYPES["sha256"](said.check_sha256):
        yield f"loan_check_sha256: «{said.check_sha256}» no es una huella SHA-256"
    elif said.check_result == CONFORMING and delivered and said.check_sha256 not in delivered:
        yield "loan_check_sha256: no es la huella de nada de lo prestado, tal como se entregó: no es conforme"


def _out_elsewhere(media_id: str, others: Iterable[Loan], variable: str) -> Iterator[str]:
    """Yield in words, where a medium is out, which loan has it."""
    for other in others:
        if media_id and other.is_out and other.media_id == media_id:
            yield (
                f"{variable}: el medio {media_id} no se presta dos veces: lo tiene el préstamo {other.folio}, que está "
                f"{other.spoken_state}; {expected(other)}"
            )


def _record(name: str, said: Said) -> dict[str, Any]:
    """Return what every step's record has."""
    taken = STEPS[name]
    return {
        "record_type": taken.record_type,
        "loan_step": taken.state,
        "loan_step_at": said.moment,
        "acknowledged_as": said.role if taken.record_type == "acknowledgement" else None,
        "reason": said.reason or None,
        **said.by,
    }


def _more(loan: Loan, name: str, said: Said, terms: LoanTerms) -> dict[str, Any]:
    """Return what is of one step alone."""
    lent = {"lent_at": said.moment, "due_back_on": said.due_back_on or _default_due(said, terms)}
    return {
        "authorise": {"decision": "accepted", "authorized_by": said.role},
        "reject": {"decision": "rejected", "decision_reason": said.reason},
        "lend": lent,
        "check": {
            **(lent if loan.state == AUTHORISED else {}),
            "check_on_receipt": said.check_result,
            "check_on_receipt_sha256": said.check_sha256 or None,
        },
        "return": {"returned_at": said.moment, "returned_by": said.role},
        "receive_back": {"evidence": "return", "received_back_by": said.role, "resolved_at": said.moment},
        "cancel": {"evidence": "cancellation", "cause": said.reason, "resolved_at": said.moment},
    }[name]


def _default_due(said: Said, terms: LoanTerms) -> str:
    return (said.today + timedelta(days=terms.return_within_days)).isoformat()
