# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the builders of forms share: where they read, and what the frame of every form says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import views
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed import expected as accepted
from ansible_collections.dse.backup.plugins.plugin_utils.printed import later as laters
from ansible_collections.dse.backup.plugins.plugin_utils.printed.fields import Fields
from ansible_collections.dse.backup.plugins.plugin_utils.printed.gathered import Gathered
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import Part, PrintedForm, Value
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import Words, days, plain
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Field, Form, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.views import View

PROPOSAL = "Propuesta"


@dataclass(frozen=True)
class Source:
    """The ledger at the moment ``now`` (aware, in the institution's zone), and what was gathered out of it."""

    procedure: Procedure
    index: Index
    now: datetime
    gathered: Gathered
    _views: dict[str, View] = field(default_factory=dict)

    @cached_property
    def expected(self) -> list[Expected]:
        """What JAA ever accepted: most forms need not know, and all backups are read for it."""
        return accepted.expected(self.index, self.procedure, self.now.date())

    def view(self, name: str) -> View:
        """Return a week as it stands now; it is worked out once for all servers that have a form of it."""
        if name not in self._views:
            form, first, last = views.parse(name, self.procedure)
            known = {"all_expected": self.expected, "index": self.index, "now": self.now}
            self._views[name] = views.view(name, form, first, last, **known)
        return self._views[name]

    @property
    def fields(self) -> Fields:
        """What reads a record's fields."""
        return Fields(self.procedure)

    @property
    def words(self) -> Words:
        """How values are written."""
        return Words(self.procedure)

    def labelled(self, form: Form, **values: Any) -> list[Value]:
        """Return values by the labels that their fields have in a form; what it has no field for is left out."""
        fields = fields_of(form)
        return [
            Value(fields[name].label, self.words.value(fields[name], value), name)
            for name, value in values.items()
            if name in fields
        ]

    def framed(
        self,
        form: Form,
        name: str,
        about: str,
        parts: Iterable[Part],
        entries: list[Entry],
        *,
        use: str = "",
        also_about: tuple[str, ...] = (),
        is_wide: bool = False,
    ) -> PrintedForm:
        """Return a form with its frame: what was said of its records, or of ``also_about``, and all of their hashes."""
        later = self.later(entries, *also_about)
        revisions = dict.fromkeys(plain(entry.record.get("form_revision")) for entry in entries)
        revision = ", ".join(filter(None, revisions)) or self.procedure.institution.form_revision
        approved_on = self.procedure.institution.layouts_approved_on.get(form.code)
        marks = laters.marks(entries, later, self.procedure, self.words)
        return PrintedForm(
            form.code,
            form.title,
            use,
            plain(name),
            plain(about),
            revision,
            f"Formato aprobado el {days(approved_on)}" if approved_on else PROPOSAL,
            is_wide,
            [
                *parts,
                *laters.happened(later, form, self.procedure, self.words),
                laters.signatures(entries, later, self.words),
            ],
            marks,
            marks[0] if len(entries) == 1 else None,
        )

    def later(self, entries: Iterable[Entry], *views: str) -> list[Entry]:
        """Return what was recorded about any of these records, or about the views."""
        return self.gathered.about(*(entry.record["folio"] for entry in entries), *views)


def fields_of(form: Form) -> dict[str, Field]:
    """Return a form's fields by name, whatever their use."""
    return {field.name: field for use in form.uses for field in form.fields_for(use.record_type)}
