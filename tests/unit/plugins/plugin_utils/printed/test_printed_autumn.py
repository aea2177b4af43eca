# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real ledger of the sample institution's autumn: every record of it that is a form can be printed."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.dse.backup.plugins.plugin_utils.printed import html
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import Grid

from tests.unit.conftest import CHECKOUT

LINES = Path(CHECKOUT, "tests/fixtures/autumn/ledger-2026.jsonl").read_bytes().splitlines(keepends=True)


def test_every_form_of_a_real_ledger_is_printed_with_its_records_whole(printed, procedure, now):
    """Breaks: a record as the product really writes it cannot be printed, or is on no form."""
    folios = [record["folio"] for record in map(json.loads, LINES) if record.get("folio")]
    found = printed([], *folios, lines=LINES)
    assert {mark.name for form in found for mark in form.marks} >= set(folios) and len(folios) > 50
    assert {form.code for form in found} == {record["form_code"] for record in map(json.loads, LINES)} - {None}
    assert not [form.name for form in found if form.broken]
    assert len(html.page(found, 0, procedure, now)) > 100_000


def test_the_week_of_the_power_cut_shows_what_became_of_each_day(printed):
    """Breaks: the Sunday on which the controller was off looks like the others, or Wednesday's run by hand."""
    (form,) = printed([], "DSE-03-2026-W47", lines=LINES)
    (grid,) = (part for part in form.parts if isinstance(part, Grid))
    days = {row.name: row.days for row in grid.rows}
    assert set(days) == {"db-escolares", "db-lms", "db-portal"}
    assert all(row[6].state == "OMITIDO" and row[6].folios and not row[6].made for row in days.values())
    by_hand = days["db-escolares"][2]
    assert by_hand.state == "tardío" and by_hand.made[0][0] == "M" and len(by_hand.folios) == 2
    assert days["db-lms"][4].made[0][0] == "A" and days["db-lms"][3].made[0][0] == "✓"
