# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FOR 7.5 DSE 04: what one run backed up of one server."""

from __future__ import annotations

from ansible_collections.dse.backup.plugins.plugin_utils.folios import parse
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.printed import lines
from ansible_collections.dse.backup.plugins.plugin_utils.printed.asked import FormKey
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm, Sheet, in_rows
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import days as spoken
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form

_WIDTH = 6
_COLUMNS = (
    *("folio", "item_id", "content_class", "cycle_number", "previous_backup_on", "due_on", "backup_date"),
    *("days_elapsed", "next_due_on", "size_bytes", "size_change_pct", "verification_result", "status"),
)


def printed(source: Source, form: Form, key: FormKey, entries: list[Entry]) -> PrintedForm:
    """Return the form of a run on a server."""
    records = [entry.record for entry in entries]
    days = sorted({str(record.get("backup_date")) for record in records})
    run = {name: records[0].get(name) for name in ("run_id", "host_run_id") if records[0].get(name)}
    said = source.labelled(form, server=key.server, **run)
    folios = [record["folio"] for record in records]
    numbers = [parsed.number for folio in folios if (parsed := parse(folio))]
    is_gapless = len(folios) > 1 and numbers == list(range(numbers[0], numbers[0] + len(folios)))
    name = f"{folios[0]} a {folios[-1]}" if is_gapless else ", ".join(folios)
    when = spoken(f"{days[0]}/{days[-1]}")
    parts = [
        Sheet("Corrida", in_rows(said, _WIDTH)),
        *lines.parts(source, form, entries, _COLUMNS, said),
    ]
    return source.framed(form, name, f"{key.server} · {when}", parts, entries, also_about=(key.name,), is_wide=True)
