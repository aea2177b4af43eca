# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the forms that are asked for, and what was recorded about them later, out of the whole ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry, Filter, Lookup
from ansible_collections.dse.backup.plugins.plugin_utils.printed.asked import Asked, FormKey, key_of
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure


@dataclass
class Gathered:
    """What was found. ``later`` has by folio, or by the name of a view, the records about it that are no form.

    ``derived`` has by the folio of a service request what came of it, ``amended_by`` by a folio those that correct it.
    """

    entries: dict[FormKey, list[Entry]] = field(default_factory=dict)
    later: dict[str, list[Entry]] = field(default_factory=dict)
    derived: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    amended_by: dict[str, list[str]] = field(default_factory=dict)
    damaged: int = 0

    def about(self, *names: str) -> list[Entry]:
        """Return what was recorded about any of these folios or views, in order."""
        found = [entry for name in dict.fromkeys(names) for entry in self.later.get(name, [])]
        return sorted(found, key=lambda entry: entry.record["recorded_at"])


def gather(lookup: Lookup, asked: Collection[Asked], procedure: Procedure) -> Gathered:
    """Read the ledger once for what is asked for; where a week is, once more before, for which forms it touches."""
    found = Gathered(damaged=lookup.damaged)
    keys = {each.key for each in asked if each.key}
    names = {each.view for each in asked if each.view}
    if any(each.week for each in asked):
        keys |= {
            key for key, entry in _forms(lookup, procedure) if any(each.takes(key, entry.record) for each in asked)
        }
    for entry in lookup.found(Filter()):
        record = entry.record
        form = procedure.forms.get(record.get("form_code") or "")
        if form is None:
            if about := record.get("about_folio"):
                found.later.setdefault(str(about), []).append(entry)
            continue
        key = key_of(form, record)
        if key in keys or key.name in names:
            found.entries.setdefault(key, []).append(entry)
        if origin := record.get("service_request_folio"):
            found.derived.setdefault(str(origin), []).append(record)
        if amended := record.get("amends_folio"):
            found.amended_by.setdefault(str(amended), []).append(record["folio"])
    return found


def _forms(lookup: Lookup, procedure: Procedure) -> Iterator[tuple[FormKey, Entry]]:
    for entry in lookup.found(Filter()):
        if form := procedure.forms.get(entry.record.get("form_code") or ""):
            yield key_of(form, entry.record), entry
