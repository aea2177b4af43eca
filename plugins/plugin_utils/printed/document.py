# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names that were asked for to the forms, in their order, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.dse.backup.plugins.plugin_utils import views
from ansible_collections.dse.backup.plugins.plugin_utils.printed import run_form, single, week, year_plan
from ansible_collections.dse.backup.plugins.plugin_utils.printed.asked import Asked, FormKey
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source


def forms(asked: Iterable[Asked], source: Source) -> tuple[list[PrintedForm], list[str]]:
    """Return the forms, and in words the names that have none: nothing was expected then, and nothing was made."""
    keys: dict[FormKey, None] = {}
    faults = []
    for each in asked:
        found = list(_keys(each, source))
        if not found:
            faults.append(f"report_form: en «{each.name}» no se esperaba ni se registró nada")
        keys.update(dict.fromkeys(found))
    return [_printed(key, source) for key in keys] if not faults else [], faults


def _keys(asked: Asked, source: Source) -> Iterator[FormKey]:
    if asked.key:
        yield from [asked.key] if asked.key in source.gathered.entries else []
    elif asked.view:
        yield from _of_view(asked.view, source)
    else:
        touched = [
            key
            for key, entries in source.gathered.entries.items()
            if any(asked.takes(key, entry.record) for entry in entries)
        ]
        # The backups first, then what is about them.
        for form in sorted(source.procedure.forms.values(), key=lambda each: "backup" not in each.record_types):
            name = f"{form.series}-{asked.week}"
            of_week = list(_of_view(name, source)) if views.parse(name, source.procedure) else []
            yield from of_week or sorted(key for key in touched if key.form_code == form.code)


def _of_view(name: str, source: Source) -> Iterator[FormKey]:
    form, first, last = views.parse(name, source.procedure)
    entries = sorted(key for key in source.gathered.entries if key.name == name)
    if (last - first).days > 6 or not (servers := week.servers(source, name)):
        # A year: of its plan one form, of DSE 04 one a run and server.
        is_plan = "plan" in form.record_types
        yield from [FormKey(form.code, name)] if is_plan and source.expected and not entries else entries
    elif any(field.name == "database_server" for use in form.uses for field in use.own_fields):
        yield from sorted({*entries, *(FormKey(form.code, name, server) for server in servers)})
    else:
        yield FormKey(form.code, name)


def _printed(key: FormKey, source: Source) -> PrintedForm:
    form, entries = source.procedure.forms[key.form_code], source.gathered.entries.get(key, [])
    if "plan" in form.record_types:
        return year_plan.printed(source, form, key.name, entries)
    if key.run:
        return run_form.printed(source, form, key, entries)
    if "backup" in form.record_types:
        return week.printed(source, form, key.name, key.server, entries)
    return single.printed(source, form, entries[0])
