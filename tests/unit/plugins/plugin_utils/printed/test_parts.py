# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fields fill rows, how wide columns are, and how a recorded value is written."""

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import Row, Table, Value, in_rows
from ansible_collections.dse.backup.plugins.plugin_utils.printed.words import Words, days, decimal, number
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Field
from hypothesis import given
from hypothesis import strategies as st


def field(kind: str, name: str = "any") -> Field:
    """A field of that type."""
    return Field(name, "Etiqueta", kind, "system", "required")


@given(st.lists(st.integers(0, 200)), st.integers(2, 6))
def test_every_row_is_filled_and_no_field_is_lost(lengths, width):
    """Breaks: a field falls off the form, stands out of its order, or a row is wider than the paper."""
    values = [Value(str(number), "x" * length) for number, length in enumerate(lengths)]
    rows = in_rows(values, width)
    assert [value.label for row in rows for value in row] == [value.label for value in values]
    assert all(sum(value.span for value in row) == width for row in rows)


def test_a_column_is_as_wide_as_its_longest_word_wants_and_a_long_text_has_more():
    """Breaks: a folio is broken in two, or a sentence stands in a column of one word a line."""
    rows = [Row(["DSE-02-2026-0046", "1", "una explicación larga " * 8], [])]
    folio, count, text = Table("", ["Folio", "Núm.", "Detalle"], rows).widths
    assert count < folio < text and sum((folio, count, text)) == pytest.approx(100, abs=0.1)
    assert len(Table("", ["Folio", "Núm."], []).widths) == 2


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("datetime", "2026-11-22T05:40:10+00:00", "21/11/2026 23:40:10"),
        ("datetime", "2026-11-21T23:40:10-06:00", "21/11/2026 23:40:10"),
        ("datetime", "ayer", "ayer"),
        ("date", "2026-11-22", "22/11/2026"),
        ("date", "2026-13-22", "2026-13-22"),
        ("bool", False, "No"),
        ("int", 2026, "2026"),
        ("int", 40802, "40,802"),
        ("decimal", -0.2, "-0.20"),
        ("decimal", 3.3333, "3.3333"),
        ("list", ["a", "b"], "a; b"),
        ("list", [{"a": 1, "b": None}], "a: 1; b: "),
        ("list", [], ""),
        ("str", None, ""),
        ("str", "2026-11-22", "2026-11-22"),
        ("int", "no es un número\x1b", "no es un número\\x1b"),
    ],
)
def test_a_value_is_written_as_people_read_it_and_what_is_none_as_it_stands(procedure, kind, value, written):
    """Breaks: an hour of another zone is taken for a local one, a digit is rounded away, or a wrong value stops it."""
    assert Words(procedure).value(field(kind), value) == written


def test_sizes_plans_and_enumerations_have_words_of_their_own(procedure):
    """Breaks: nobody can read a size of eleven digits, or people see what is recorded and not what it is called."""
    words = Words(procedure)
    assert words.value(field("int", "size_bytes"), 650117120) == "650,117,120 (620.0 MiB)"
    assert words.value(field("enum", "verification_result"), "first") == "Primero"
    assert words.value(field("str", "information_type"), "source_code") == "Código fuente"
    assert words.value(
        field("list", "planned_dates"), ["2026-11-17/2026-12-31", "2026-W47", "2026-11-20/2026-11-20"]
    ) == ("17/11/2026 a 31/12/2026; 2026-W47; 20/11/2026")
    assert (days("x"), number(True), decimal(1234.5)) == ("x", "Sí", "1,234.50")
