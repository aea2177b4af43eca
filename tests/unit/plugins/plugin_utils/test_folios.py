# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.folios import parse
from hypothesis import given
from hypothesis import strategies as st


@given(st.sampled_from(["DSE-02", "DSE-05", "CSC-03", "DAU-01"]), st.integers(0, 9999), st.integers(0, 999_999_999))
def test_a_folio_is_what_its_parts_make(series, year, number):
    assert parse(f"{series}-{year:04d}-{number:04d}") == (series, year, number)


@pytest.mark.parametrize(
    "text",
    ["", "DSE-02-2026", "DSE-02-2026-W47", "DSE-02-2026-047", "DSE-02-2026-0047\n", " DSE-02-2026-0047",
     "dse-02-2026-0047", "DSE-02-٢٠٢٦-0047", "DSE-02-2026-0000000047", "DSE-2-2026-0047"],
)  # fmt: skip
def test_what_is_none_is_none(text):
    """Breaks: a week's name, a date or a digit of another script passes for a folio."""
    assert parse(text) is None
