# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of one record each: FOR 7.5 DSE 05 in its three uses, DAU 01, CSC 02 with its files, CSC 03 its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed.fields import ELSEWHERE
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import (
    Part,
    PrintedForm,
    Row,
    Sheet,
    Table,
    Value,
    in_rows,
)
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import number, plain
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Field, Form

_WIDTH = 4
# A value that is longer goes below its row: hashes, the ids of snapshots.
_LONGEST_CELL = 24


def printed(source: Source, form: Form, entry: Entry) -> PrintedForm:
    """Return the form of one record."""
    use = next(each for each in form.uses if each.record_type == entry.record["record_type"])
    folio = entry.record["folio"]
    subtitle = use.title if len(form.uses) > 1 else ""
    return source.framed(form, folio, "", _parts(source, form, use.title, entry), [entry], use=subtitle)


def _parts(source: Source, form: Form, title: str, entry: Entry) -> Iterator[Part]:
    record = entry.record
    fields = {field.name: field for field in form.fields_for(record["record_type"])}
    more = _attended(source, record) if record["record_type"] == "service_request" else {}
    values = list(source.fields.values(entry, source.later([entry]), skip=ELSEWHERE, more=more))
    amended = source.gathered.amended_by.get(record["folio"], [])
    if amended:
        values.append(Value("Corregido por el folio", "; ".join(map(plain, amended)), "amended_by"))
    of_head = {field.name for field in form.head}
    of_system = {name for name, field in fields.items() if field.origin == "product"}
    for heading, several in (
        ("Registro", [each for each in values if each.name in of_head]),
        (title, [each for each in values if each.name not in of_head | of_system]),
    ):
        yield Sheet(heading, in_rows(several, _WIDTH))
    if isinstance(record.get("files"), list) and "files" in fields:
        yield _listed(fields["files"], record["files"])
    if added := [each for each in values if each.name in of_system]:
        yield Sheet("Datos que agrega el sistema", in_rows(added, _WIDTH))


def _attended(source: Source, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return when a service request was attended to, by which folio, and after how many hours, where it was."""
    derived = source.gathered.derived.get(record["folio"], [])
    if not derived:
        return {}
    more: dict[str, Any] = {"derived_folio": "; ".join(plain(each["folio"]) for each in derived)}
    try:
        attended_at = derived[0]["issued_at"]
        taken = datetime.fromisoformat(attended_at) - datetime.fromisoformat(record["received_at"])
    except (KeyError, TypeError, ValueError):
        return more
    return {**more, "attended_at": attended_at, "response_hours": round(taken.total_seconds() / 3600, 1)}


def _listed(field: Field, files: list[Any]) -> Table:
    """Return a list of things with several facts each as a table; what is long stands below its row."""
    rows = [each if isinstance(each, Mapping) else {field.name: each} for each in files]
    names = {name: plain(label) for name, label in (field.columns or {}).items()}
    names |= {name: plain(name) for row in rows for name in row if name not in names}
    cells = [{name: _cell(row.get(name)) for name in names} for row in rows]
    long = {name for name in names if any(len(row[name]) > _LONGEST_CELL for row in cells)}
    short = [name for name in names if name not in long and any(row[name] for row in cells)]
    below = [name for name in names if name in long]
    return Table(
        field.label,
        [names[name] for name in short],
        [
            Row([row[name] for name in short], [Value(names[name], row[name], name) for name in below if row[name]])
            for row in cells
        ],
    )


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, int) else plain(value)
