# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a printed form is made of: plain text in its places. A template sets it; nothing here knows HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Union

# How long a text may be to take one part of a row, or two; longer ones take all of it.
_ONE, _TWO = 21, 66
# A column is no wider, in letters.
_WIDEST = 40


class Value(NamedTuple):
    """One field: its label, its text ("" where there is none), its name, what is said of it below, its width."""

    label: str
    text: str
    name: str = ""
    notes: tuple[str, ...] = ()
    span: int = 1


class Sheet(NamedTuple):
    """Fields in rows, as on a form that is filled in."""

    title: str
    rows: list[list[Value]]
    kind: str = "sheet"


class Row(NamedTuple):
    """One row of a table: its cells, and below them what else its record says."""

    cells: list[str]
    detail: list[Value]
    is_broken: bool = False


class Table(NamedTuple):
    """Rows under headings."""

    title: str
    headings: list[str]
    rows: list[Row]
    kind: str = "table"

    @property
    def widths(self) -> list[float]:
        """How wide each column is, in percent: by its longest word, so that no folio is broken, or its texts."""
        columns = zip(self.headings, *(row.cells for row in self.rows))
        needed = [
            min(1.5 + max(max(len(text) / 4, *map(len, text.split())) for text in cells if text), _WIDEST)
            for cells in columns
        ]
        return [round(100 * each / sum(needed), 2) for each in needed]


class Day(NamedTuple):
    """One square of a week's grid: what was made (mark and size), the state in words, the folios that prove it.

    ``said`` is what there is to say of the state besides.

    ``weight`` says how much it must strike the eye: "", "note" or "alarm"; the words say the same without it.
    """

    made: list[str]
    state: str
    folios: list[str]
    said: str = ""
    weight: str = ""


class GridRow(NamedTuple):
    """One item of a week."""

    name: str
    said: list[str]
    days: list[Day]
    totals: list[str]


class Grid(NamedTuple):
    """A week: a row an item, a column a slot."""

    title: str
    headings: list[str]
    totals: list[str]
    rows: list[GridRow]
    legend: list[str]
    kind: str = "grid"


class Signature(NamedTuple):
    """An electronic acknowledgement: in which role, what was done, when, why, and the hash of what was seen."""

    role: str
    act: str
    at: str
    said: str = ""
    sha256: str = ""


class Signatures(NamedTuple):
    """Where a paper form has its signatures."""

    title: str
    signatures: list[Signature]
    kind: str = "signatures"


class Mark(NamedTuple):
    """One record of which the form was made: where it is, its hash, which may be wrong, and the hash before it."""

    name: str
    recorded_at: str
    file: str
    sha256: str
    previous_sha256: str
    is_whole: bool


Part = Union[Sheet, Table, Grid, Signatures]


@dataclass(frozen=True)
class PrintedForm:
    """One form. ``name`` is a folio or a view's, ``approval`` says whether its layout is a proposal."""

    code: str
    title: str
    use: str
    name: str
    about: str
    form_revision: str
    approval: str
    is_wide: bool
    parts: list[Part]
    marks: list[Mark] = field(default_factory=list)
    # The one record that the form is, where it is one.
    record: Mark | None = None

    @property
    def broken(self) -> list[str]:
        """The records whose content does not give the hash that they carry."""
        return [mark.name for mark in self.marks if not mark.is_whole]


def in_rows(values: Iterable[Value], width: int) -> list[list[Value]]:
    """Return fields in rows of ``width`` parts, in their order; the last one of a row takes what is left of it."""
    rows: list[list[Value]] = []
    left = 0
    for value in values:
        length = max(len(value.text), len(value.label) * 3 // 4, *(len(note) // 2 for note in value.notes or ("",)))
        span = 1 if length <= _ONE else 2 if length <= _TWO else width
        if span > left:
            if rows and left:
                rows[-1][-1] = rows[-1][-1]._replace(span=rows[-1][-1].span + left)
            rows.append([])
            left = width
        rows[-1].append(value._replace(span=span))
        left -= span
    if rows and left:
        rows[-1][-1] = rows[-1][-1]._replace(span=rows[-1][-1].span + left)
    return rows
