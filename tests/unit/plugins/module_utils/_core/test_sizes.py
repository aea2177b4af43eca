# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.sizes import (
    Tolerance,
    add_peak,
    change_pct,
    judge,
    window_peak,
)
from hypothesis import given
from hypothesis import strategies as st

TOLERANCE = Tolerance(
    shrink_pct=10,
    grow_pct=50,
    accumulated_shrink_pct=25,
    nonconforming_below_pct=50,
    entries_shrink_pct=10,
    replaced_pct=90,
)


def verdict(size, baseline=1000, peak=None, entries=5, faults=()):
    return judge(size=size, entries=entries, baseline=baseline, peak=peak, tolerance=TOLERANCE, faults=faults)


@pytest.mark.parametrize(
    ("size", "result"),
    [
        (499, "nonconforming"),
        (500, "review"),
        (899, "review"),
        (900, "conforming"),
        (1000, "conforming"),
        (1500, "conforming"),
        (1501, "review"),
        (0, "nonconforming"),
    ],
)
def test_the_edges_of_the_tolerance(size, result):
    # «Tolerado» includes the limit itself; below half nobody needs to look.
    assert verdict(size).result == result


@pytest.mark.parametrize("baseline", [None, 0])
def test_without_a_baseline_it_is_the_first(baseline):
    assert verdict(7, baseline=baseline) == ("first", [])


@pytest.mark.parametrize(
    "how", [{"size": 0, "baseline": None}, {"size": 10, "entries": 0, "baseline": None}, {"size": 1000, "entries": 0}]
)
def test_nothing_empty_is_ever_conforming_or_first(how):
    # Faults 13: an empty source is never conforming, never the baseline.
    assert verdict(**how).result == "nonconforming"
    assert "vacío" in verdict(**how).reasons[0]


def test_a_fault_found_elsewhere_outweighs_a_good_size():
    assert verdict(1000, faults=("no se pudieron leer: a",)) == ("nonconforming", ["no se pudieron leer: a"])


def test_a_suspicion_needs_a_look_and_a_fault_needs_none():
    how = {"size": 1000, "entries": 5, "baseline": 1000, "peak": None, "tolerance": TOLERANCE}
    assert judge(**how, suspicions=["raro"]) == ("review", ["raro"])
    assert judge(**how, suspicions=["raro"], faults=["ilegible"]) == ("nonconforming", ["ilegible"])


def test_slow_shrinking_is_found():
    # Faults 29: ten times -8 % passes pair by pair.
    size, baseline, peaks, results = 1000, None, [], []
    for day in range(1, 11):
        date = f"2026-11-{day:02d}"
        result = verdict(size, baseline, window_peak(peaks, "2026-11-01")).result
        results.append(result)
        if result in ("first", "conforming"):
            baseline, peaks = size, add_peak(peaks, date, size)
        size = size * 92 // 100
    assert results[:4] == ["first", "conforming", "conforming", "conforming"]
    assert "conforming" not in results[4:]


@pytest.mark.parametrize(
    ("size", "before", "change"), [(40, 100, -60.0), (1, 3, -66.67), (5, None, None), (5, 0, None)]
)
def test_change(size, before, change):
    assert change_pct(size, before) == change


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 10**12)), max_size=60), st.integers(0, 400))
def test_the_kept_peaks_answer_like_all_sizes(sizes, since):
    # What add_peak forgets can never be a window's largest.
    days = [(f"{day:04d}", size) for day, size in sorted(sizes, key=lambda each: each[0])]
    peaks = []
    for day, size in days:
        peaks = add_peak(peaks, day, size)
    start = f"{since:04d}"
    assert window_peak(peaks, start) == max((size for day, size in days if day >= start), default=None)


@given(st.integers(0, 10**15), st.none() | st.integers(0, 10**15), st.none() | st.integers(0, 10**15))
def test_every_verdict_but_good_ones_says_why(size, baseline, peak):
    # JAA is never asked to decide about something without a reason.
    result = verdict(size, baseline, peak)
    assert bool(result.reasons) == (result.result in ("review", "nonconforming"))
