# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a backup, from sizes that were measured in the repository (clause 4.2.1).

Sizes are bytes, changes are percentages with two decimals: ``-60.0`` is a loss of 60 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .text import human_size

CONFORMING = "conforming"
REVIEW = "review"
NONCONFORMING = "nonconforming"
FIRST = "first"


class Tolerance(NamedTuple):
    """How far a size may move before JAA has to look; every value a positive percentage."""

    shrink_pct: float
    grow_pct: float
    # Loss against the largest conforming backup of the window: ten times -8 % passes pair by pair.
    accumulated_shrink_pct: float
    # At or below this share of the last conforming backup nobody needs to look to know that it is wrong.
    nonconforming_below_pct: float
    # What size cannot see (signals.py): loss of files or tables, and content replaced by other content.
    entries_shrink_pct: float
    replaced_pct: float


class Verdict(NamedTuple):
    """``result`` and, in words, why; ``reasons`` is empty for what is conforming."""

    result: str
    reasons: list[str]


def change_pct(size: int, reference: int | None) -> float | None:
    """Return the change from ``reference`` to ``size`` in %, or None where there is nothing to compare with.

    >>> change_pct(40, 100)
    -60.0
    """
    if not reference:
        return None
    return round((size - reference) * 100 / reference, 2)


def judge(
    *,
    size: int,
    entries: int,
    baseline: int | None,
    peak: int | None,
    tolerance: Tolerance,
    faults: Sequence[str] = (),
    suspicions: Sequence[str] = (),
) -> Verdict:
    """Judge one backup.

    ``baseline`` is the size of the last *conforming* backup (None: there is none), ``peak`` the largest conforming
    size of the window. ``faults`` are reasons found elsewhere for which it cannot be trusted at all (files that could
    not be read), ``suspicions`` those for which JAA has to look (signals.py).
    """
    reasons = list(faults)
    if size == 0 or entries == 0:
        reasons.append("el respaldo está vacío")
    change = change_pct(size, baseline)
    if change is not None and size * 100 < baseline * tolerance.nonconforming_below_pct:
        reasons.append(f"el tamaño cayó {-change:.2f} %{_against(baseline)}")
    if reasons:
        return Verdict(NONCONFORMING, reasons)
    if change is None:
        return Verdict(FIRST, [])
    if change < -tolerance.shrink_pct:
        reasons.append(f"el tamaño bajó {-change:.2f} %{_against(baseline)}; se tolera {tolerance.shrink_pct:g} %")
    if change > tolerance.grow_pct:
        reasons.append(f"el tamaño subió {change:.2f} %{_against(baseline)}; se tolera {tolerance.grow_pct:g} %")
    accumulated = change_pct(size, peak)
    if accumulated is not None and accumulated < -tolerance.accumulated_shrink_pct:
        reasons.append(
            f"la baja acumulada es de {-accumulated:.2f} %; se tolera {tolerance.accumulated_shrink_pct:g} %"
        )
    reasons += suspicions
    return Verdict(REVIEW if reasons else CONFORMING, reasons)


def _against(baseline: int) -> str:
    # Said each time, because the summary's own column compares with the last one generated, which may be another.
    return f" respecto del último conforme ({human_size(baseline)})"


def window_peak(peaks: list[list[Any]], since: str) -> int | None:
    """Return the largest size of ``peaks`` ([date, size], dates as ISO text) that is not older than ``since``."""
    return max((size for date, size in peaks if date >= since), default=None)


def add_peak(peaks: list[list[Any]], date: str, size: int) -> list[list[Any]]:
    """Return ``peaks`` with a conforming size added, keeping only those that can still be a window's largest.

    The list falls strictly, so it stays short unless the item shrinks each time, which is what it is kept for.
    """
    return [peak for peak in peaks if peak[1] > size] + [[date, size]]
