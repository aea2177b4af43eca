# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.text import LIMIT, human_size, readable, spoken_day
from hypothesis import given
from hypothesis import strategies as st


@given(st.one_of(st.binary(), st.text(st.characters(exclude_categories=()))))
def test_anything_becomes_one_printable_line_that_can_be_recorded(text):
    # Hostile names: never an exception, a control character, or what UTF-8 cannot carry.
    safe = readable(text)
    safe.encode("utf-8")
    assert safe.isprintable() or safe == safe.replace("\n", "").replace("\r", "").replace("\x1b", "")
    assert len(safe.splitlines()) <= 1
    assert readable(safe) == safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Configuración · año", "Configuración · año"),
        (b"informe\xff\n\x1b[31m", r"informe\xff\n\x1b[31m"),
        ("informe\udcff.pdf", r"informe\xff.pdf"),
        ("\ud800", r"\ud800"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("uno\u2028dos\r\n", r"uno\u2028dos\r\n"),
        ("\x00\x7f\x85", r"\x00\x7f\x85"),
    ],
)
def test_what_is_not_readable_is_shown_by_its_code(text, shown):
    # Nothing is dropped, and nothing moves the cursor, colours the terminal or turns the reading direction.
    assert readable(text) == shown


def test_a_long_message_is_cut_and_says_so():
    # A server that answers with megabytes cannot fill the ledger.
    assert readable("x" * LIMIT) == "x" * LIMIT
    assert readable("x" * (LIMIT + 1)) == "x" * (LIMIT - 1) + "…"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (650117120, "620.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3 * 1024**5, "3072.0 TiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_sizes_as_people_read_them(size, shown):
    assert human_size(size) == shown


@pytest.mark.parametrize("moment", ["2026-11-05", "2026-11-05T23:59:59.123-06:00"])
def test_days_as_people_say_them(moment):
    assert spoken_day(moment) == "05/11/2026"
