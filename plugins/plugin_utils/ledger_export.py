# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found in the ledger, as a file for other programs: JSON, JSON Lines, or CSV with the forms' own words.

What is worked out on reading (the state, its dates, acknowledgements, corrections) stands beside what was recorded; it
is no part of what ``record_sha256`` is the hash of.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

from ansible_collections.dse.backup.plugins.plugin_utils import whole_file
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_csv import MARK, cell, csv_line
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

ACTIONS = {
    **{"accepted": "aceptó", "rejected": "rechazó"},
    **{"lent": "prestó", "checked": "verificó", "returned": "devolvió"},
}
_LABELS = {"later_corrections": "Correcciones posteriores"}


def export(path: str, found: Callable[[], Iterable[Entry]], procedure: Procedure) -> int:
    """Write what ``found`` gives to ``path``, by its suffix, whole or not at all; return how many. Raises OSError."""
    write = {".json": _json, ".jsonl": _json_lines, ".csv": _csv}[suffix(path)]
    with whole_file.writing(path) as stream:
        return write(stream, found, procedure)


def suffix(path: str) -> str:
    """Return what says which kind of file it is: ``.json``, ``.jsonl``, ``.csv``, or another."""
    return os.path.splitext(path)[1].lower()


def fault(path: str, ledger: str) -> str:
    """Return in words why nothing may be written to ``path``, "" where it may: never among the ledger's own files."""
    place = os.path.realpath(path)
    if os.path.commonpath([place, os.path.realpath(ledger)]) == os.path.realpath(ledger):
        return f"{path} está en el directorio del registro oficial: indique un archivo en otro lugar"
    if not os.path.isdir(os.path.dirname(place)):
        return f"no existe el directorio {os.path.dirname(place)}"
    return ""


def _json_lines(stream: IO[bytes], found: Callable[[], Iterable[Entry]], procedure: Procedure) -> int:
    count = 0
    for entry in found():
        stream.write(canonical(entry.fields) + b"\n")
        count += 1
    return count


def _json(stream: IO[bytes], found: Callable[[], Iterable[Entry]], procedure: Procedure) -> int:
    count = 0
    stream.write(b"[")
    for entry in found():
        stream.write((b",\n" if count else b"\n") + canonical(entry.fields))
        count += 1
    stream.write(b"\n]\n")
    return count


def _csv(stream: IO[bytes], found: Callable[[], Iterable[Entry]], procedure: Procedure) -> int:
    columns = list(_columns({name for entry in found() for name in entry.fields}, procedure))
    stream.write(MARK + csv_line([label for _name, label in columns]))
    count = 0
    for entry in found():
        fields = {**entry.fields, **_spoken(entry, procedure)}
        stream.write(csv_line([cell(procedure, name, fields.get(name)) for name, _label in columns]))
        count += 1
    return count


def _columns(names: set[str], procedure: Procedure) -> Iterator[tuple[str, str]]:
    """Yield the columns (name, heading) for the fields found: those of forms first, in their order and words."""
    labels: dict[str, list[str]] = {}
    for form in procedure.forms.values():
        for record_type in form.record_types:
            for field in form.fields_for(record_type):
                if field.label not in labels.setdefault(field.name, []):
                    labels[field.name].append(field.label)
    for name, several in labels.items():
        if name in names:
            yield name, " / ".join(several)
    for name in sorted(names - labels.keys()):
        yield name, _LABELS.get(name, name)


def _spoken(entry: Entry, procedure: Procedure) -> dict[str, list[str]]:
    """Return what is no plain value as a person reads it: ``CSC / aceptó / 2026-11-23T09:12 / 9c1e…``."""
    spoken = {}
    if isinstance(entry.record.get("corrections"), dict):
        spoken["corrections"] = _corrections(entry.record, procedure)
    if entry.standing:
        spoken["acknowledgements"] = [
            f"{each.role} / {ACTIONS.get(each.action, each.action)} / {each.at} / {each.sha256}"
            for each in entry.standing.acknowledgements
        ]
        spoken["later_corrections"] = [
            f"{said} ({each['reason']})"
            for each in entry.standing.corrections
            for said in _corrections(each, procedure)
        ]
    return spoken


def _corrections(record: Mapping[str, Any], procedure: Procedure) -> list[str]:
    return [f"{name}: {cell(procedure, name, value)}" for name, value in record["corrections"].items()]
