# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import expectations, ledger_chain
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import extent, read_lines
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.register import read_register
from ansible_collections.dse.backup.plugins.plugin_utils.screen import report
from ansible_collections.dse.backup.tests.unit.factories import index_of, item


@pytest.fixture
def ask_it(in_memory, procedure):
    """Ask a question of a ledger of these records on a day, with an inventory: server -> its elements."""

    def answer(question, *records, today="2026-11-24", at="08:00", inventory=None, **changes):
        now = datetime.fromisoformat(f"{today}T{at}:00").replace(tzinfo=procedure.zone)
        declared = {"srv-web01": [item()]} if inventory is None else inventory
        directory = str(in_memory)
        with index_of(in_memory, list(records)) as index:
            holders = {item_id: standing.server for item_id, standing in index.standings().items()}
            register = read_register(declared, members=set(declared), holders=holders, procedure=procedure)

            def lines():
                return read_lines(directory, extent(directory))

            given = Asked(
                index,
                procedure,
                now,
                register=lambda: register,
                expected=functools.partial(expectations.expected_by, index, register, procedure, now.date()),
                lines=lines,
                chain=lambda: ledger_chain.verify(lines, csv_rows={}),
                **{"servers": tuple(declared), **changes},
            )
            answered = question(given)
            # Whatever the rows have, each column can say it.
            report.answer(answered, "hoy", directory)
            return answered

    return answer
