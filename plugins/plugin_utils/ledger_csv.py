# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms as CSV, one file per form and year, for whoever opens a spreadsheet. Derived from the ledger's lines."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form, Procedure

# By it spreadsheets know that accents are in UTF-8.
MARK = b"\xef\xbb\xbf"
# What makes a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


class CsvFiles:
    """The CSV files of a ledger's directory."""

    def __init__(self, directory: str, procedure: Procedure) -> None:
        self._ledger = directory
        self._procedure = procedure

    def append(self, records: list[dict[str, Any]], year: int, index: Index) -> None:
        """Add the records that are forms; a file that is not as it was left is made again from the ledger."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            rows.setdefault(record["form_code"], []).append(record)
        for code, of_year in sorted(index.outdated_csv() | {(code, year) for code in rows if code}):
            if form := self._procedure.forms.get(code):
                self._add(form, of_year, rows.get(code, []), index)

    def _add(self, form: Form, year: int, rows: list[dict[str, Any]], index: Index) -> None:
        path = os.path.join(self._ledger, "csv", f"{form.file_stem}-{year}.csv")
        os.makedirs(os.path.dirname(path), mode=0o750, exist_ok=True)
        expected = index.csv_size(form.code, year)
        if expected is not None and os.path.exists(path) and os.path.getsize(path) == expected:
            with open(path, "ab") as stream:
                stream.write(self._lines(form, _complete(rows, index)))
        else:
            self._rebuild(form, path, os.path.join(self._ledger, f"ledger-{year}.jsonl"), index)
        index.set_csv_size(form.code, year, os.path.getsize(path))

    def _rebuild(self, form: Form, path: str, ledger: str, index: Index) -> None:
        with open(path + ".new", "wb") as stream, open(ledger, "rb") as lines:
            stream.write(MARK + csv_line([label for _name, label in form.csv_columns()]))
            # Many at a time: a year of a large institution is a million lines.
            records = _records(form, lines)
            while some := list(islice(records, 1000)):
                stream.write(self._lines(form, _complete(some, index)))
        os.replace(path + ".new", path)

    def _lines(self, form: Form, records: Iterable[dict[str, Any]]) -> bytes:
        names = [name for name, _label in form.csv_columns()]
        return b"".join(
            csv_line([cell(self._procedure, name, record.get(name)) for name in names]) for record in records
        )


def _complete(records: Iterable[dict[str, Any]], index: Index) -> Iterator[dict[str, Any]]:
    """Yield the records with what later ones add to their forms."""
    for record in records:
        loan = index.loan(record["folio"]) if record.get("record_type") == "loan" else None
        yield {**record, **loan.later_fields} if loan else record


def cell(procedure: Procedure, name: str, value: Any) -> str:
    """Return a field's value as a cell: in the forms' words, on one line, never a formula."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)  # A negative number is no formula.
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    text = readable(procedure.label(name, value))
    return "'" + text if text.startswith(_FORMULA) else text


def csv_line(cells: list[str]) -> bytes:
    """Return the cells as one row of a CSV file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode("utf-8")


def _records(form: Form, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    code = form.code.encode()
    for line in lines:
        if code in line and line.endswith(b"\n"):
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and record.get("form_code") == form.code:
                    yield record
