# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing side by side: machines are shared and noisy, so each round times every case once, and ratios are reported."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One of the things that are timed in turn. ``before`` sets the scene, outside of the time."""

    name: str
    run: Callable[[], Any]
    before: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Sample:
    """What was measured, once a round, in ``unit``."""

    values: Sequence[float]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True)
class Aim:
    """At most ``ratio`` times what it stands beside plus ``plus``; beside nothing, at most ``plus``."""

    ratio: float = 0.0
    plus: float = 0.0

    def is_met(self, ours: float, beside: float = 0.0) -> bool:
        return ours <= beside * self.ratio + self.plus


@dataclass(frozen=True)
class Line:
    """One line of a table: our ``sample`` beside another. Without an aim the ratio alone is reported."""

    what: str
    sample: Sample
    beside: str = ""
    other: Sample | None = None
    aim: Aim | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the aim was met; None where there is none."""
        return self.aim and self.aim.is_met(self.sample.median, self.other.median if self.other else 0.0)


@dataclass(frozen=True)
class Table:
    """What one benchmark found. ``about`` says what was measured on what; ``notes`` what is to be read with it."""

    name: str
    title: str
    about: str
    lines: Sequence[Line]
    notes: Sequence[str] = field(default=())


def side_by_side(cases: Sequence[Case], rounds: int) -> dict[str, Sample]:
    """Time every case once in each round, A B C, A B C, and return the seconds by the case's name."""
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for turn in range(1, rounds + 1):
        for case in cases:
            case.before()
            started = time.perf_counter()
            case.run()
            seconds[case.name].append(time.perf_counter() - started)
            print(f"    {turn}/{rounds}  {case.name}: {seconds[case.name][-1]:.2f} s", flush=True)
    return {name: Sample(values) for name, values in seconds.items()}
