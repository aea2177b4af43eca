# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of one record by their labels: as recorded, with what later records add to them or correct in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import Value
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import Words, plain
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Field, Form, Procedure

# Printed in places of their own: in the heading, as signatures, at the foot.
ELSEWHERE = frozenset(
    {"folio", "form_code", "acknowledgements", "recorded_at", "record_sha256", "previous_sha256", "files"}
)
# What every record says of itself, and of no other.
_OF_ITSELF = frozenset(
    {
        *("folio", "form_code", "record_type", "form_revision", "procedure_revision", "issued_at", "prepared_by"),
        *("run_id", "host_run_id", "operator_role", "operator_user", "execution_mode", "recorded_at"),
        *("record_sha256", "previous_sha256", "about_folio", "related_folios", "amends_folio"),
        *("remarks", "reason", "result", "server", "item_id", "service", "information_type", "files"),
    }
)


class Fields:
    """Reads the fields of records. Texts come out in the forms' words, safe to set."""

    def __init__(self, procedure: Procedure) -> None:
        self.words = Words(procedure)
        self._procedure = procedure

    def form_of(self, record: Mapping[str, Any]) -> Form:
        """Return the form of a record that is one."""
        return self._procedure.forms[record["form_code"]]

    def values(
        self,
        entry: Entry,
        later: Iterable[Entry] = (),
        *,
        skip: Collection[str] = (),
        more: Mapping[str, Any] | None = None,
        with_empty: bool = True,
    ) -> Iterator[Value]:
        """Yield the fields of a record in their form's order, but those in ``skip``; ``more`` are computed ones.

        What is recorded under a name that the form does not have comes last, under that name. Of empty fields only the
        procedure's own are given, and none without ``with_empty``.
        """
        fields = self.form_of(entry.record).fields_for(entry.record["record_type"])
        for field in fields:
            if field.name in skip:
                continue
            value = self.value(field, entry, later, more or {})
            is_blank = not value.text and not value.notes
            if not is_blank or (with_empty and field.origin == "procedure"):
                yield value
        known = {field.name for field in fields}
        for name, each in entry.record.items():
            if name not in known and name not in skip and name not in ELSEWHERE:
                yield Value(plain(name), plain(each), plain(name))

    def value(self, field: Field, entry: Entry, later: Iterable[Entry], more: Mapping[str, Any]) -> Value:
        """Return one field. What is computed on reading is never taken from the record itself."""
        recorded = None if field.computed else entry.record.get(field.name)
        notes: list[str] = []
        if recorded is None:
            recorded = {**(entry.standing.as_fields() if entry.standing else {}), **more}.get(field.name)
        if recorded is None:
            recorded, source = _said_later(field.name, entry.record["record_type"], later)
            if source:
                what = self._procedure.label("record_type", source["record_type"])
                notes.append(f"según {what.lower()} del {self.words.moment(source['recorded_at'])}")
        text = self.words.value(field, recorded)
        for each in entry.standing.corrections if entry.standing else ():
            if isinstance(each["corrections"], Mapping) and field.name in each["corrections"]:
                said = self.words.value(field, each["corrections"][field.name]) or "sin dato"
                who = plain(each.get("operator_role")) or "sistema"
                when, why = self.words.moment(each["recorded_at"]), plain(each.get("reason"))
                notes.append(f"CORREGIDO: {said} — {when}, {who}: {why}")
        return Value(field.label, text, field.name, tuple(notes))


def _said_later(name: str, record_type: str, later: Iterable[Entry]) -> tuple[Any, Mapping[str, Any] | None]:
    """Return what a later record fills into a field, and that record; (None, None) where none does."""
    found: tuple[Any, Mapping[str, Any] | None] = (None, None)
    for entry in later:
        record = entry.record
        value = None
        if record["record_type"] == "acknowledgement" and not record.get("loan_step"):
            value = _acknowledged(record_type, record).get(name)
        if value is None and name not in _OF_ITSELF and record["record_type"] != "correction":
            value = record.get(name)
        if value is not None:
            found = (value, record)
    return found


def _acknowledged(record_type: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an acknowledgement fills into the form that it is about."""
    if record_type == "delivery":
        return {
            "received_by": said.get("acknowledged_as"),
            "received_at": said["recorded_at"],
            "receipt_result": said.get("result"),
        }
    names = {"recovery": "requester_accepts", "service_request": "user_accepts"}
    return {names[record_type]: said.get("result") == "accepted"} if record_type in names else {}
