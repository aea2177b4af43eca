# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""That ``make bench`` still measures: those of its tables that need no test hosts, on next to nothing."""

from __future__ import annotations

import dataclasses
import sys

import pytest
from institution import CHECKOUT

sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "collections")]

from benchmarks import ledger, nothing_due, page  # noqa: E402 - found by the path above
from benchmarks.report import render  # noqa: E402 - the same
from benchmarks.scale import QUICK  # noqa: E402 - the same

TINY = dataclasses.replace(QUICK, inventories=(2, 4), records=(1_000, 2_000), page_items=5)


@pytest.mark.parametrize("measure", [nothing_due.nothing_due, ledger.ledger, page.page])
def test_a_table_is_measured_and_can_be_read(measure, tmp_path):
    """Breaks: a change of ours that the benchmarks were not told of, found only by whoever measures next."""
    table = measure(TINY, tmp_path)
    assert all(value > 0 for line in table.lines for value in line.sample.values)
    page = render([table], {}, TINY, {})
    assert f"## {table.title}" in page
    assert all(f"| {line.what} |" in page for line in table.lines)
