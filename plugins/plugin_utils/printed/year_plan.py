# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FOR 7.5 CSC 01: the year's plan as it was approved, each item with how much of it is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import views
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import is_whole
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed.fields import ELSEWHERE
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import (
    PrintedForm,
    Row,
    Sheet,
    Table,
    Value,
    in_rows,
)
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source, fields_of
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form
from ansible_collections.dse.backup.plugins.plugin_utils.views import Fulfilment

_WIDTH = 6
_COLUMNS = (
    *("folio", "item_id", "information_type", "frequency", "planned", "done", "late", "missed", "compliance_pct"),
    *("deliveries_planned", "deliveries_done", "restore_tests_planned", "restore_tests_done", "status"),
)
_UNPLANNED = "sin renglón en el plan aprobado"


def printed(source: Source, form: Form, name: str, entries: list[Entry]) -> PrintedForm:
    """Return a year's plan. Of an item's lines the newest version counts; older ones stand below."""
    plan = _Plan(source, form, int(name.rpartition("-")[2]))
    counted = views.fulfilments(source.expected, plan.year, source.index, source.now, source.procedure.delivery)
    done = {each.item_id: each for each in counted}
    newest = {entry.record["item_id"]: entry for entry in entries}
    older = [entry for entry in entries if newest[entry.record["item_id"]] is not entry]
    versions = [entry.record.get("plan_version") for entry in entries]
    said = [
        *source.labelled(
            form,
            plan_year=plan.year,
            plan_version=max((each for each in versions if isinstance(each, int)), default=None),
        ),
        Value("Cumplimiento calculado al", source.words.moment(source.now.isoformat()), "as_of"),
    ]
    rows = [plan.row(entry, done.get(item_id)) for item_id, entry in sorted(newest.items())]
    rows += [plan.unplanned(each) for item_id, each in sorted(done.items()) if item_id not in newest]
    headings = [plan.fields[name].label for name in plan.columns]
    parts = [Sheet("Periodo", in_rows(said, _WIDTH)), Table("Plan y cumplimiento", headings, rows)]
    if older:
        parts.append(Table("Versiones anteriores", headings, [plan.row(entry, None) for entry in older]))
    return source.framed(form, name, f"año {plan.year}", parts, entries, also_about=(name,), is_wide=True)


@dataclass(frozen=True)
class _Plan:
    """A year of one form."""

    source: Source
    form: Form
    year: int

    @property
    def fields(self) -> dict[str, Any]:
        return fields_of(self.form)

    @property
    def columns(self) -> list[str]:
        return [name for name in _COLUMNS if name in self.fields]

    def row(self, entry: Entry, done: Fulfilment | None) -> Row:
        """Return a line of the plan as it was recorded, with what was done of it."""
        acknowledged = entry.standing.acknowledgements if entry.standing else ()
        received = [each.role for each in acknowledged if each.role == "CSC" and each.action == "accepted"]
        more = {**(self._counted(done) if done else {}), "received_by": received[0] if received else None}
        later = self.source.later([entry])
        skip = (ELSEWHERE - {"folio"}) | {"plan_year"}
        read = self.source.fields.values(entry, later, skip=skip, more=more, with_empty=False)
        values = {value.name: value for value in read}
        detail = [
            value._replace(text="") if name in self.columns else value
            for name, value in values.items()
            if name not in self.columns or value.notes
        ]
        cells = [values[name].text if name in values else "" for name in self.columns]
        return Row(cells, [*detail, *_rest(done)], not is_whole(entry.record))

    def unplanned(self, done: Fulfilment) -> Row:
        """Return the row of what is expected by its request and stands in no line of the plan."""
        said = {name: getattr(done, name) for name in ("item_id", "information_type", "frequency")}
        values = {value.name: value.text for value in self.source.labelled(self.form, **said, **self._counted(done))}
        return Row([{**values, "folio": _UNPLANNED}.get(name, "") for name in self.columns], list(_rest(done)))

    def _counted(self, done: Fulfilment) -> dict[str, Any]:
        """Return what is counted for an item, by the names of the form's fields."""
        names = ("planned", "done", "late", "compliance_pct", "deliveries_planned", "deliveries_done")
        trials = self.source.index.trials(done.item_id)
        return {
            **{name: getattr(done, name) for name in names},
            "missed": done.missed + done.mitigated,
            "restore_tests_done": sum(each.record_type == "drill" and each.moment.year == self.year for each in trials),
        }


def _rest(done: Fulfilment | None) -> Iterator[Value]:
    """Yield what of a year's counts has no field of its own."""
    if done and done.mitigated:
        yield Value("De los omitidos, mitigados", str(done.mitigated), "mitigated")
    if done and done.pending:
        yield Value("Aún por hacer", str(done.pending), "pending")
