# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was expected to be backed up, as the ledger alone tells it: a form does not change with today's inventory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ansible_collections.dse.backup.plugins.plugin_utils import expectations
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Register


def expected(index: Index, procedure: Procedure, today: date) -> list[Expected]:
    """Return what JAA ever accepted, by server, with the items that carry it out."""
    requests, carried_out = index.requests(), index.carried_out()
    items: list[Item] = []
    for chain in requests.chains():
        folios = [version.folio for version in chain]
        places = [(folio, server) for folio, server in carried_out if folio in folios]
        for server in dict.fromkeys(server for _folio, server in places):
            names = {name for place in places if place[1] == server for name in carried_out[place]}
            spans = {name: _span(index, name, server, folios) for name in names}
            for folio, each in places:
                if each == server:
                    items += [
                        Item(server, {"id": name, "request_folio": folio})
                        for name in carried_out[folio, server]
                        if not _was_renamed(name, spans)
                    ]
    return expectations.expected(requests, Register(items, []), carried_out, procedure, today, index.begins_on)


def _span(index: Index, name: str, server: str, folios: list[str]) -> tuple[str, str]:
    """Return the first and the last day of an item's backups for these requests; ("", "") where none is known."""
    days = [
        backup.backup_date
        for backup in index.backups(item_id=name)
        if backup.server == server and backup.request_folio in folios
    ]
    return min(days, default=""), max(days, default="")


def _was_renamed(name: str, spans: Mapping[str, tuple[str, str]]) -> bool:
    """Tell whether another item took a request over: begun after this one's last backup.

    Two that were ever backed up by turns share the request, and both go on being expected.
    """
    last = spans[name][1]
    return any(first > last for other, (first, _last) in spans.items() if other != name)
