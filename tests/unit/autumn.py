# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sample institution: its autumn as the story's test hosts recorded it, and its inventory as it is shipped."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_chain
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import expected_by
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register, read_register

_CHECKOUT = Path(__file__).resolve().parents[2]
LEDGER = _CHECKOUT / "tests" / "fixtures" / "autumn"
# When the story ends: every morning's work of that Tuesday is done.
END = "2026-11-24T12:00"


def register(procedure: Procedure) -> Register:
    """The inventory's items."""
    files = sorted((_CHECKOUT / "inventory" / "host_vars").glob("*/items.yml"))
    declared = {file.parent.name: yaml.safe_load(file.read_text("utf-8"))["backup_client_items"] for file in files}
    return read_register(declared, members=set(declared), holders={}, procedure=procedure)


def asked(index: Index, procedure: Procedure, moment: str = END, **about: Any) -> Asked:
    """What a question is asked of at a moment of the institution's time; ``about`` is what `Asked` may have besides.

    ``index`` is `Index.for_reading` of the ledger, which the caller closes.
    """
    now = datetime.fromisoformat(moment).replace(tzinfo=procedure.zone)
    ledger = Ledger(str(LEDGER), procedure)
    reach = ledger.extent()

    @functools.cache
    def items() -> Register:
        return register(procedure)

    def lines() -> Iterator[Line]:
        return ledger.lines(reach)

    return Asked(
        index,
        procedure,
        now,
        **{
            "place_of": lambda server: f"srv-bkp01:/srv/dse-backup/{server}/repository",
            "servers": tuple(sorted({item.server for item in items().items})),
            "register": items,
            "expected": lambda: expected_by(index, items(), procedure, now.date()),
            "lines": lines,
            "chain": functools.cache(lambda: ledger_chain.verify(lines, csv_rows=reach.csv_rows)),
            **about,
        },
    )
