# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking something up in the ledger: its lines are read twice, once for what was said later, once for what is sought.

No record is held: what is found is given one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import folios
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import FormStanding, Reading, view, week_of
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

# What comes of a line that is JSON and no record of ours.
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class Entry(NamedTuple):
    """One record, the file it is in, and what it has come to; None for what is no form."""

    file: str
    record: dict[str, Any]
    standing: FormStanding | None

    @property
    def fields(self) -> dict[str, Any]:
        """The record with what is worked out on reading."""
        return {**self.record, **(self.standing.as_fields() if self.standing else {})}


@dataclass(frozen=True)
class Filter:
    """What is sought; "" asks for nothing. ``folio`` may be a view, such as a week: then it is all of its lines."""

    folio: str = ""
    item: str = ""
    week: str = ""
    status: str = ""
    record_type: str = ""

    def takes(self, entry: Entry, procedure: Procedure) -> bool:
        """Tell whether an entry is sought."""
        record = entry.record
        return (
            (not self.folio or self._is_folio(record, procedure))
            and self.item in ("", record.get("item_id"))
            and self.record_type in ("", record.get("record_type"))
            and (not self.status or (entry.standing is not None and entry.standing.status == self.status))
            and (not self.week or _week(record) == self.week)
        )

    def _is_folio(self, record: Mapping[str, Any], procedure: Procedure) -> bool:
        form = procedure.forms.get(record.get("form_code") or "")
        return form is not None and self.folio in (record["folio"], view(form, record))


class Lookup:
    """The ledger as of one moment. ``read`` gives its lines from the first on, as often as it is called."""

    def __init__(self, read: Callable[[], Iterable[Line]], procedure: Procedure, today: date) -> None:
        self._read = read
        self._procedure = procedure
        self._today = today
        self._reading = Reading(procedure)
        self.items: set[str] = set()
        self.damaged = 0
        for position, line in enumerate(read()):
            try:
                record = _record(line.content)
                self._reading.add(position, record)
                if record.get("item_id"):
                    self.items.add(record["item_id"])
            except _DAMAGED:
                self.damaged += 1

    def found(self, sought: Filter) -> Iterator[Entry]:
        """Yield what is sought, in the order of the records."""
        containing = sought.folio if folios.parse(sought.folio) else ""
        return (entry for entry in self._entries(containing) if sought.takes(entry, self._procedure))

    def mentions(self, folio: str, view: str) -> Iterator[Entry]:
        """Yield the records that name a folio, other than its own, or are about the view in which it is printed."""
        for entry in self._entries(""):
            record = entry.record
            if record.get("folio") != folio and (record.get("about_folio") == view or _names(record, folio)):
                yield entry

    def _entries(self, containing: str) -> Iterator[Entry]:
        sought = containing.encode()
        for position, line in enumerate(self._read()):
            if sought not in line.content:
                continue
            try:
                record = _record(line.content)
                entry = Entry(line.file, record, self._reading.standing(position, record, self._today))
            except _DAMAGED:
                continue  # It was counted when it was first read.
            yield entry


def _week(record: Mapping[str, Any]) -> str:
    """Return a record's week; "" where what somebody put in its place is no day."""
    try:
        return week_of(record)
    except _DAMAGED:
        return ""


def _record(content: bytes) -> dict[str, Any]:
    """Return a line's record; raises one of `_DAMAGED` where it lacks what every record has."""
    record = json.loads(content)
    date.fromisoformat(record["recorded_at"][:10])
    record["record_type"].strip()
    return record


def _names(record: Mapping[str, Any], folio: str) -> bool:
    """Tell whether a record names a folio. How far a series had come, when its end was kept elsewhere, says nothing."""
    return any(
        value == folio or (isinstance(value, list) and folio in value)
        for name, value in record.items()
        if name != "highest_folios"
    )
