# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was said of a form after it was written: acknowledgements, as signatures, decisions, closings and the like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger import is_whole
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_export import ACTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import Mark, Row, Signature, Signatures, Table
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import Words, plain
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.screen.ledger_answers import outcome

_TEXTS = ("cause", "reason", "decision_reason", "error_message", "remarks")


def signatures(entries: Iterable[Entry], later: Iterable[Entry], words: Words) -> Signatures:
    """Return who prepared the form, and who acknowledged, reviewed or approved it."""
    prepared: dict[str, list[str]] = {}
    found: dict[Signature, None] = {}
    for entry in entries:
        prepared.setdefault(plain(entry.record.get("prepared_by")), []).append(str(entry.record.get("issued_at")))
        for each in entry.standing.acknowledgements if entry.standing else ():
            said = "; ".join(filter(None, (plain(each.reason), plain(each.storage_location))))
            act = ACTIONS.get(each.action, plain(each.action))
            found[Signature(plain(each.role), act, words.moment(each.at), said, plain(each.sha256))] = None
    for entry in later:
        record = entry.record
        if record["record_type"] in ("closing", "correction") and record.get("evidence") == "review":
            act = "revisó y cerró" if record["record_type"] == "closing" else "revisó lo que llegó después"
            role, at = plain(record.get("operator_role")), words.moment(record["recorded_at"])
            found[Signature(role, act, at, plain(record.get("cause")))] = None
    first = [Signature(role, "elaboró", words.moment(max(moments))) for role, moments in prepared.items()]
    return Signatures("Acuses electrónicos", [*first, *found])


def happened(later: Iterable[Entry], form: Form, procedure: Procedure, words: Words) -> Iterator[Table]:
    """Yield the table of what was recorded about the form later, acknowledgements apart; nothing where nothing was."""
    labels = {field.name: field.label for use in form.uses for field in form.fields_for(use.record_type)}
    rows = [
        Row(
            [
                words.moment(record["recorded_at"]),
                procedure.label("record_type", record["record_type"]),
                plain(record.get("about_folio")),
                outcome(record, procedure),
                plain(record.get("acknowledged_as") or record.get("operator_role")) or "sistema",
                "; ".join(_texts(record, labels, procedure)),
            ],
            [],
        )
        for record in (entry.record for entry in later)
        if record["record_type"] != "acknowledgement" or record.get("loan_step")
    ]
    if rows:
        yield Table("Actuaciones posteriores", ["Fecha", "Registro", "Sobre", "Sentido", "Puesto", "Detalle"], rows)


def _texts(record: Mapping[str, Any], labels: Mapping[str, str], procedure: Procedure) -> Iterator[str]:
    if isinstance(record.get("corrections"), Mapping):
        for name, value in record["corrections"].items():
            yield f"{labels.get(name, plain(name))}: {plain(procedure.label(name, value))}"
    yield from dict.fromkeys(plain(record[name]) for name in _TEXTS if record.get(name))
    if missing := record.get("missing"):
        yield "faltó: " + "; ".join(map(plain, missing))


def marks(entries: Iterable[Entry], later: Iterable[Entry], procedure: Procedure, words: Words) -> list[Mark]:
    """Return every record of which the form consists, with its hash, and whether its content still gives it."""
    found = []
    for entry in (*entries, *later):
        record = entry.record
        what = procedure.label("record_type", record["record_type"])
        about = f" de {plain(record['about_folio'])}" if record.get("about_folio") else ""
        name = plain(record.get("folio")) or f"{what}{about}"
        sha256, before = record.get("record_sha256"), record.get("previous_sha256")
        at = words.moment(record["recorded_at"])
        found.append(Mark(name, at, entry.file, plain(sha256), plain(before), is_whole(record)))
    return found
