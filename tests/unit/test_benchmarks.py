# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A figure is worth what is said about it: whether cases really take turns, and what counts as an aim that is met."""

from __future__ import annotations

import pytest

from benchmarks.measure import Aim, Case, Line, Sample, Table, side_by_side
from benchmarks.report import load, render, save
from benchmarks.scale import FULL


def test_cases_take_turns_and_what_sets_the_scene_comes_before_each():
    seen = []
    cases = [
        Case("a", run=lambda: seen.append("A"), before=lambda: seen.append("a")),
        Case("b", run=lambda: seen.append("B")),
    ]
    samples = side_by_side(cases, rounds=3)
    assert "".join(seen) == "aABaABaAB"
    assert {name: len(sample.values) for name, sample in samples.items()} == {"a": 3, "b": 3}


def test_what_sets_the_scene_is_not_counted(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("benchmarks.measure.time.perf_counter", lambda: float(next(clock)))
    samples = side_by_side([Case("a", run=lambda: next(clock), before=lambda: [next(clock) for _step in range(10)])], 2)
    assert samples["a"].values == [2.0, 2.0]


def test_a_case_that_fails_is_no_figure():
    with pytest.raises(ZeroDivisionError):
        side_by_side([Case("a", run=lambda: 1 / 0)], 5)


@pytest.mark.parametrize(
    ("aim", "ours", "beside", "met"),
    [
        (Aim(ratio=1.1, plus=4), 15.0, 10.0, True),
        (Aim(ratio=1.1, plus=4), 15.1, 10.0, False),
        (Aim(ratio=1, plus=3), 4.9, 2.0, True),
        (Aim(ratio=1.2), 1.3, 1.0, False),
        (Aim(plus=1), 0.9, 0.0, True),
        (Aim(plus=1), 1.1, 0.0, False),
    ],
)
def test_an_aim_is_a_share_of_what_stands_beside_and_a_constant(aim, ours, beside, met):
    line = Line("x", Sample([ours]), "y", Sample([beside]) if beside else None, aim)
    assert line.is_met is met


def test_the_median_decides_not_the_one_that_was_disturbed():
    assert Line("x", Sample([1, 1, 90, 1, 1]), "y", Sample([1, 1, 1, 1, 1]), Aim(ratio=1.1)).is_met


def table(ours: float) -> Table:
    lines = [
        Line("first", Sample([ours, ours, ours + 1]), "raw restic", Sample([2.0, 2.0, 2.5]), Aim(1.1, 4)),
        Line("memory", Sample([80.0], "MB")),
    ]
    return Table("backup", "One host", "16,000 files.", lines, ["borg compresses with lz4"])


def test_the_page_has_each_line_with_its_figures_its_aim_and_whether_it_is_met():
    page = render([table(6.0)], {"processor": "2 × Z80"}, FULL, {})
    figures = "6.00 s (6.00 – 7.00) | raw restic | 2.00 s (2.00 – 2.50) | 3.00 | +4.00 s | ≤ 1.1 × + 4 s | yes"
    assert f"| first | {figures} |" in page.splitlines()
    assert "| memory | 80.0 MB |  |  |  |  |  |  |" in page.splitlines()
    assert "1 of 1 aims met" in page
    assert "| processor | 2 × Z80 |" in page
    assert "- borg compresses with lz4" in page


def test_what_takes_milliseconds_is_told_in_them():
    line = Line("append", Sample([0.0046, 0.0048, 0.0051]), "SQLite", Sample([0.001]), Aim(plus=1))
    page = render([Table("ledger", "Ledger", "", [line])], {}, FULL, {})
    assert "| append | 4.80 ms (4.60 – 5.10) | SQLite | 1.00 ms | 4.80 | +3.80 ms | ≤ 1 s | yes |" in page.splitlines()


def test_a_missed_aim_says_why():
    page = render([table(9.0)], {}, FULL, {"backup: first beside raw restic": "the dog ate it."})
    assert "0 of 1 aims met" in page
    assert "**no**" in page
    assert "- **Missed**, first beside raw restic: the dog ate it." in page


def test_nothing_is_excused_that_is_met():
    assert "dog" not in render([table(6.0)], {}, FULL, {"backup: first beside raw restic": "the dog ate it."})


def test_the_page_can_be_written_again_from_what_was_kept(tmp_path):
    save(tmp_path / "results.json", [table(6.0)], {"processor": "2 × Z80"})
    tables, machine = load(tmp_path / "results.json")
    assert render(tables, machine, FULL, {}) == render([table(6.0)], {"processor": "2 × Z80"}, FULL, {})
