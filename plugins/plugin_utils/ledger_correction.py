# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A correction is a record of its own about the one that it corrects: the original stays as it was written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_csv import cell
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Field, Form, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.procedure_source import FIELD_TYPES

# What JAA decides on a request is a record of its own; a correction would say so, and change nothing.
_DECIDED = ("decision", "decision_reason", "valid_from", "valid_until")


def faults(
    record: Mapping[str, Any], form: Form, corrections: Mapping[str, Any], before: Iterable[Mapping[str, Any]] = ()
) -> Iterator[str]:
    """Yield in words why ``record`` may not be corrected so. ``before`` are the earlier corrections, in their order."""
    fields = {field.name: field for field in form.fields_for(record["record_type"])}
    now = dict(record)
    for each in before:
        now.update(each["corrections"])
    if not corrections:
        yield f'ledger_corrections: falta qué se corrige, como {{"campo": "valor"}}; {_choices(fields.values())}'
    for name, value in corrections.items():
        field, said = fields.get(name), f"ledger_corrections: {readable(str(name), 80)}"
        if field is None:
            yield f"{said}: el formato no tiene este campo; {_choices(fields.values())}"
        elif name in _DECIDED:
            yield f"{said}: «{field.label}» lo fija un dictamen sobre la solicitud, no una corrección"
        elif not _is_of_people(field):
            yield f"{said}: «{field.label}» lo asienta el sistema y no se corrige; lo medido se dictamina (accept.yml)"
        elif not FIELD_TYPES[field.type](value):
            yield f"{said}: «{readable(str(value), 80)}» no es del tipo {field.type}"
        elif field.values is not None and value not in field.values:
            yield f"{said}: «{readable(str(value), 80)}» no es uno de sus valores ({', '.join(field.values)})"
        elif now.get(name) == value:
            yield f"{said}: ya dice «{readable(str(value), 80)}»"


def _is_of_people(field: Field) -> bool:
    return field.filled_by not in ("system", "ledger") and not field.computed


def _choices(fields: Iterable[Field]) -> str:
    names = [field.name for field in fields if _is_of_people(field) and field.name not in _DECIDED]
    return f"se pueden corregir: {', '.join(names)}"


def shown(entry: Entry, form: Form, corrections: Mapping[str, Any], procedure: Procedure) -> dict[str, Any]:
    """Return what is shown of a correction: each field by its label, as it was recorded and as it is from now on."""
    labels = {field.name: field.label for field in form.fields_for(entry.record["record_type"])}
    return {
        "folio": entry.record["folio"],
        "is_request": entry.record["record_type"] == "backup_request",
        "fields": [
            {
                "label": labels[name],
                "was": cell(procedure, name, entry.record.get(name)),
                "is": cell(procedure, name, value),
            }
            for name, value in corrections.items()
        ],
    }
