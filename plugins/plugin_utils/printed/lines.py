# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of FOR 7.5 DSE 02, 03 and 04: what is compared at a glance in columns, everything else below each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.dse.backup.plugins.plugin_utils.ledger import is_whole
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed.fields import ELSEWHERE
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import Part, Row, Sheet, Table, Value, in_rows
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source, fields_of
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form

_WIDTH = 6
# Worked out for a week, not for a line: they stand in its grid.
_OF_THE_WEEK = frozenset({"daily_results", "days_expected", "days_conforming", "week_closed_by"})
_SKIPPED = (ELSEWHERE - {"folio"}) | _OF_THE_WEEK


def parts(
    source: Source, form: Form, entries: list[Entry], columns: tuple[str, ...], heading: Iterable[Value]
) -> Iterator[Part]:
    """Yield the lines, and what all of them have in common; what ``heading`` says is not said again."""
    above = {(value.name, value.text) for value in heading}
    read = [
        {
            value.name: value
            for value in source.fields.values(entry, source.later([entry]), skip=_SKIPPED, with_empty=False)
            if value.notes or (value.name, value.text) not in above
        }
        for entry in entries
    ]
    fields = fields_of(form)
    shown = [name for name in columns if name in fields]
    common = [
        value
        for name, value in (read[0] if len(read) > 1 else {}).items()
        if name not in shown and all(values.get(name) == value for values in read)
    ]
    hidden = {value.name for value in common}
    rows = [_row(entry, values, shown, hidden) for entry, values in zip(entries, read)]
    if rows:
        yield Table("Renglones", [fields[name].label for name in shown], rows)
    if common:
        yield Sheet("Común a todos los renglones", in_rows(common, _WIDTH))


def _row(entry: Entry, values: dict[str, Value], shown: list[str], hidden: set[str]) -> Row:
    detail = [
        # Of a column only what was said of it later is left to be said.
        value._replace(text="") if name in shown else value
        for name, value in values.items()
        if name not in hidden and (name not in shown or value.notes)
    ]
    cells = [values[name].text if name in values else "" for name in shown]
    return Row(cells, detail, not is_whole(entry.record))
