# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record's later ones make of it: its state, when it was closed, until when it is kept, who acknowledged it.

A line is never changed, so none of this stands in it: it is the fold of the lines that speak of it. Pure. First every
record is added, in order; then any of them can be asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import calendar, loans
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form, Procedure

OPEN, CLOSED, ATTENDED = "abierto", "cerrado", "atendido"
ACCEPTED, REJECTED, CANCELLED = "aceptado", "rechazado", "cancelado"
LENT = "prestado"
_OF_LOANS = {
    **{loans.REQUESTED: OPEN, loans.AUTHORISED: OPEN, loans.REJECTED: REJECTED, loans.CANCELLED: CANCELLED},
    # Until CSC has it back.
    **{loans.LENT: LENT, loans.CHECKED: LENT, loans.RETURNED: LENT, loans.RECEIVED_BACK: CLOSED},
}


class Acknowledgement(NamedTuple):
    """One role's acknowledgement. ``sha256`` is the hash of what that role saw."""

    role: str
    action: str
    at: str
    sha256: str
    reason: str = ""
    storage_location: str = ""


class FormStanding(NamedTuple):
    """What a form has come to. Dates are None while it is open."""

    status: str
    closed_on: date | None
    retention_until: date | None
    acknowledgements: list[Acknowledgement]
    corrections: list[dict[str, Any]]
    # Of a backup, the delivery by which CSC has it, and the first failure that was found in it.
    csc_delivery_folio: str | None = None
    failure_folio: str | None = None
    # Of a loan, what its steps add to its form.
    later: Mapping[str, str] = MappingProxyType({})

    def as_fields(self) -> dict[str, Any]:
        """Return plain data, for JSON; what there is none of is left out."""
        fields = {
            "status": self.status,
            "closed_on": self.closed_on and self.closed_on.isoformat(),
            "retention_until": self.retention_until and self.retention_until.isoformat(),
            "acknowledgements": [{k: v for k, v in each._asdict().items() if v} for each in self.acknowledgements],
            "later_corrections": self.corrections,
            "csc_delivery_folio": self.csc_delivery_folio,
            "failure_folio": self.failure_folio,
            **self.later,
        }
        return {name: value for name, value in fields.items() if value}


class _Said(NamedTuple):
    """What one later record says of a folio or a view, at its ``position``."""

    position: int
    day: date
    record_type: str
    # accepted or rejected, of an acknowledgement and a decision; the evidence of a closing.
    what: str = ""
    role: str = ""
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass
class Reading:
    """The fold. It holds what was said of others, not the records."""

    procedure: Procedure
    _said: dict[str, list[_Said]] = field(default_factory=dict)
    _acknowledged: dict[str, list[tuple[int, Acknowledgement]]] = field(default_factory=dict)
    _corrected: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # Folio of a request -> those of the requests that amend it.
    _amended_by: dict[str, list[str]] = field(default_factory=dict)
    # Item and year -> (version, day) of its lines in the annual plan.
    _plans: dict[tuple[str, int], list[tuple[int, date]]] = field(default_factory=dict)
    _attended: set[str] = field(default_factory=set)
    # Folio of a backup -> those of its deliveries to CSC.
    _delivered: dict[str, list[str]] = field(default_factory=dict)
    # Folio of a backup -> that of the first failure about it.
    _failed: dict[str, str] = field(default_factory=dict)
    # Folio of a recovery that waited for CSC -> those that went on with it.
    _resumed_by: dict[str, list[str]] = field(default_factory=dict)
    # Folio of a loan -> the records that took it further.
    _of_loans: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def add(self, position: int, record: Mapping[str, Any]) -> None:
        """Take one more record into account; ``position`` grows from record to record."""
        record_type, about = record.get("record_type"), record.get("about_folio")
        if about and record_type in ("closing", "acknowledgement", "decision", "correction"):
            self._add_about(position, record)
        elif record_type == "plan":
            version = (record["plan_version"], _day(record))
            self._plans.setdefault((record["item_id"], record["plan_year"]), []).append(version)
        elif about and record_type == "failure":
            self._failed.setdefault(about, record["folio"])
        elif record_type == "delivery":
            for file in record.get("files", []):
                self._delivered.setdefault(file["folio"], []).append(record["folio"])
        elif record_type == "backup_request" and record.get("amends_folio"):
            self._amended_by.setdefault(record["amends_folio"], []).append(record["folio"])
        elif record_type == "recovery":
            self._add_recovery(record)
        if about and record.get("loan_step"):
            self._of_loans.setdefault(about, []).append(record)
        if record.get("service_request_folio") and record.get("folio", "").startswith("DSE-05-"):
            self._attended.add(record["service_request_folio"])

    def standing(self, position: int, record: Mapping[str, Any], today: date) -> FormStanding | None:
        """Return what a form has come to by ``today``; None for a record that is no form."""
        form = self.procedure.forms.get(record.get("form_code") or "")
        if form is None:
            return None
        loan = self._loan(record) if record["record_type"] == "loan" else None
        status, closed_on = _state_of_loan(loan) if loan else self._state(form, position, record, today)
        if status == OPEN and OPEN not in _statuses(form):
            status = next(iter(_statuses(form)))
        keep = years_after(closed_on, form.retention_years) if closed_on else None
        names = (record["folio"], view(form, record))
        acknowledged = [each for name in names for where, each in self._acknowledged.get(name, []) if where > position]
        corrected, delivery = self._corrected.get(record["folio"], []), self._delivery(record["folio"])
        failure = self._failed.get(record["folio"])
        later = loan.later_fields if loan else {}
        return FormStanding(status, closed_on, keep, acknowledged, corrected, delivery, failure, later)

    def _loan(self, record: Mapping[str, Any]) -> loans.Loan:
        loan = loans.Loan.of(record)
        for each in self._of_loans.get(loan.folio, []):
            loan.add(each)
        return loan

    def _add_recovery(self, record: Mapping[str, Any]) -> None:
        if record.get("loan_folio"):
            self._of_loans.setdefault(record["loan_folio"], []).append(record)
        for folio in record.get("related_folios") or []:
            self._resumed_by.setdefault(folio, []).append(record["folio"])

    def _add_about(self, position: int, record: Mapping[str, Any]) -> None:
        record_type, about = record["record_type"], record["about_folio"]
        if record_type == "correction" and "corrections" in record:
            named = ("corrections", "reason", "recorded_at", "operator_role")
            self._corrected.setdefault(about, []).append({name: record[name] for name in named if name in record})
            return
        what = {"acknowledgement": "result", "decision": "decision"}.get(record_type, "evidence")
        said = _Said(
            position,
            _day(record),
            # What arrives after a week was closed is reviewed by a correction of its closing.
            "closing" if record_type == "correction" else record_type,
            record.get(what, ""),
            record.get("acknowledged_as", ""),
            _date(record.get("valid_from")),
            _date(record.get("valid_until")),
        )
        self._said.setdefault(about, []).append(said)
        if record_type == "acknowledgement":
            seen = Acknowledgement(
                *(
                    said.role,
                    record.get("loan_step") or said.what,
                    record["recorded_at"],
                    record.get("about_sha256", ""),
                ),
                *(record.get("reason", ""), record.get("storage_location", "")),
            )
            self._acknowledged.setdefault(about, []).append((position, seen))

    def _state(self, form: Form, position: int, record: Mapping[str, Any], today: date) -> tuple[str, date | None]:
        """Return a form's status, and since when it is closed."""
        folio, record_type = record["folio"], record["record_type"]
        if record_type == "backup_request":
            return self._state_of_request(folio, today)
        if record_type == "backup":
            names = (view(form, record), *((folio,) if form.series == "DSE-04" else ()))
            ends = self._days(names, position, "closing")
        elif record_type == "failure":
            ends = self._days((folio,), position, "closing")
        elif record_type == "plan":
            ends = self._ends_of_plan(form, position, record, today)
        else:
            # Who asked says whether it is right; a delivery, whoever received it.
            role = "CGDW" if record_type in ("recovery", "service_request") else ""
            # What waited for CSC is over with the recovery that went on with it.
            names = (folio, *(self._resumed_by.get(folio, []) if record_type == "recovery" else []))
            ends = self._days(names, position, "acknowledgement", "accepted", role)
        if not ends and record_type == "delivery":
            rejected = self._days((folio,), position, "acknowledgement", "rejected")
            return (REJECTED, rejected[0]) if rejected else (OPEN, None)
        return _closed(ends, otherwise=ATTENDED if folio in self._attended else OPEN)

    def _state_of_request(self, folio: str, today: date) -> tuple[str, date | None]:
        for said in reversed(self._said.get(folio, [])):
            if said.record_type == "closing":
                return CANCELLED, said.day
            if said.record_type == "decision" and said.what == "rejected":
                return REJECTED, said.day
            if said.record_type == "decision":
                ends = [said.valid_until] if said.valid_until and said.valid_until < today else []
                ends += [day for day in self._amended_on(folio) if day <= today]
                return _closed(ends, otherwise=ACCEPTED)
        return OPEN, None

    def _amended_on(self, folio: str) -> Iterator[date]:
        """Yield the days from which an accepted change of a request is in force in its place."""
        for change in self._amended_by.get(folio, []):
            said_of_it = self._said.get(change, [])
            cancelled = [said.day for said in said_of_it if said.record_type == "closing"]
            for said in said_of_it:
                if said.record_type == "decision" and said.what == "accepted":
                    begins = max(said.day, said.valid_from or said.day)
                    # What is cancelled on its first day, or before, changes nothing.
                    if not cancelled or cancelled[0] > begins:
                        yield begins

    def _ends_of_plan(self, form: Form, position: int, record: Mapping[str, Any], today: date) -> list[date]:
        year, version = record["plan_year"], record["plan_version"]
        ends = [day for newer, day in self._plans.get((record["item_id"], year), []) if newer > version]
        last_day = date(year, 12, 31)
        if last_day < today:
            received = self._days((view(form, record),), position, "acknowledgement", "accepted", "CSC")
            ends += [max(last_day, day) for day in received]
        return ends

    def _delivery(self, backup: str) -> str | None:
        """Return the last delivery of a backup that CSC has not rejected; acknowledged or not, CSC was given it."""
        deliveries = reversed(self._delivered.get(backup, []))
        return next((each for each in deliveries if not self._days((each,), -1, "acknowledgement", "rejected")), None)

    def _days(self, names: tuple[str, ...], after: int, record_type: str, what: str = "", role: str = "") -> list[date]:
        """Return the days on which that was said of any of ``names``, after a position, in order."""
        return sorted(
            said.day
            for name in names
            for said in self._said.get(name, [])
            if said.position > after
            and said.record_type == record_type
            and what in ("", said.what)
            and role in ("", said.role)
        )


def view(form: Form, record: Mapping[str, Any]) -> str:
    """Return the view in which a form's line is printed, and reviewed or acknowledged as one: ``DSE-03-2026-W47``.

    Of what has no week it is the form's year.
    """
    if record.get("iso_week"):
        return f"{form.series}-{record['iso_week']}"
    if record.get("plan_year"):
        return f"{form.series}-{record['plan_year']}"
    return record["folio"].rpartition("-")[0]


def week_of(record: Mapping[str, Any]) -> str:
    """Return the ISO week of a record: its own, else that of the backup or failure, else when it was written."""
    if record.get("iso_week"):
        return record["iso_week"]
    moment = record.get("backup_date") or record.get("scheduled_for") or record["recorded_at"]
    return calendar.iso_week(date.fromisoformat(moment[:10]))


def years_after(day: date, years: int) -> date:
    """Return the same day so many years later; 1 March for a 29 February, so that nothing is kept a day less."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _state_of_loan(loan: loans.Loan) -> tuple[str, date | None]:
    return _OF_LOANS[loan.state], None if loan.is_open else date.fromisoformat(loan.since[:10])


def _closed(days: list[date], otherwise: str = OPEN) -> tuple[str, date | None]:
    return (CLOSED, min(days)) if days else (otherwise, None)


def _statuses(form: Form) -> Mapping[str, str]:
    return next(each.values for each in form.head if each.name == "status") or {}


def _day(record: Mapping[str, Any]) -> date:
    return date.fromisoformat(record["recorded_at"][:10])


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
