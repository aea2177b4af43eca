# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables as people read them, and the machine on which they were measured."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .measure import Aim, Line, Sample, Table
from .scale import Scale

_HOW = """\
Each round measures every case once, in turn (A B C, A B C); what sets the scene is not counted. Figures are medians of
{rounds} rounds, with the smallest and the largest; ratio and difference are those of the medians. The machine is its
own backup server, controller and servers at once: all share its cores, which a real institution's do not. Absolute
figures are this machine's; the ratios are what carries over.
"""


def render(tables: Sequence[Table], machine: Mapping[str, str], scale: Scale, reasons: Mapping[str, str]) -> str:
    """Return the page as Markdown.

    ``reasons`` say why an aim is missed, by table and line: ``backup: unchanged beside restic``.
    """
    lines = [line for table in tables for line in table.lines if line.is_met is not None]
    parts = [
        "# What it costs\n",
        "Written by `make bench`, which measures all of it again on your machine; "
        f"{sum(bool(line.is_met) for line in lines)} of {len(lines)} aims met.\n",
        _HOW.format(rounds=scale.rounds),
        "## The machine\n",
        "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in machine.items()),
        *(_section(table, reasons) for table in tables),
    ]
    return "\n".join(parts)


def _section(table: Table, reasons: Mapping[str, str]) -> str:
    rows = ["| | here | beside | | ratio | difference | aim | met |", "|---|---|---|---|---|---|---|---|"]
    rows += [_row(line) for line in table.lines]
    missed = [
        f"- **Missed**, {_named(line)}: {reasons.get(f'{table.name}: {_named(line)}', 'not explained yet.')}"
        for line in table.lines
        if line.is_met is False
    ]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"## {table.title}\n", table.about, "", *rows, "", *missed, *notes]).rstrip() + "\n"


def _named(line: Line) -> str:
    return f"{line.what} beside {line.beside}" if line.beside else line.what


def _row(line: Line) -> str:
    ours, other = line.sample.median, line.other.median if line.other else 0.0
    cells = [
        line.what,
        _shown(line.sample),
        line.beside,
        _shown(line.other) if line.other else "",
        f"{ours / other:.2f}" if other > 0 else "",
        _difference(ours, other, line.sample.unit) if line.other else "",
        _aim(line.aim, line.sample.unit) if line.aim else "",
        {True: "yes", False: "**no**", None: ""}[line.is_met],
    ]
    return "| " + " | ".join(cells) + " |"


def _shown(sample: Sample) -> str:
    """Return ``6.12 s (5.98 – 6.40)``."""
    if sample.unit == "s" and sample.median < 0.1:
        sample = Sample([value * 1000 for value in sample.values], "ms")
    text = _number(sample.median, sample.unit)
    if len(sample.values) == 1:
        return text
    low, high = (_number(each, sample.unit).split()[0] for each in (min(sample.values), max(sample.values)))
    return f"{text} ({low} – {high})"


def _difference(ours: float, other: float, unit: str) -> str:
    if unit == "s" and max(ours, other) < 0.1:
        ours, other, unit = ours * 1000, other * 1000, "ms"
    return f"{'−' if ours < other else '+'}{_number(abs(ours - other), unit)}"


def _number(value: float, unit: str) -> str:
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def _aim(aim: Aim, unit: str) -> str:
    """Return ``≤ 1.1 × + 4 s`` and the like."""
    parts = [f"{aim.ratio:g} ×"] if aim.ratio else []
    parts += [f"{aim.plus:g} {unit}"] if aim.plus else []
    return "≤ " + " + ".join(parts)


def this_machine(programs: Mapping[str, str]) -> dict[str, str]:
    """Describe this machine; ``programs`` are those that were measured, with their versions."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        models = {line.partition(":")[2].strip() for line in stream if line.startswith("model name")}
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": f"{os.cpu_count()} × {', '.join(sorted(models)) or platform.machine()}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "controller": f"Python {platform.python_version()}, ansible-core {version('ansible-core')}",
        **programs,
    }


def save(path: Path, tables: Sequence[Table], machine: Mapping[str, str]) -> None:
    """Keep what was measured, so that the page can be written again without measuring again."""
    path.write_text(json.dumps([machine, [asdict(table) for table in tables]], ensure_ascii=False), "utf-8")


def load(path: Path) -> tuple[list[Table], dict[str, str]]:
    """Return what `save` kept."""
    machine, tables = json.loads(path.read_text("utf-8"))
    return [Table(**{**table, "lines": [_line(**line) for line in table["lines"]]}) for table in tables], machine


def _line(*, sample: Any, other: Any, aim: Any, **more: Any) -> Line:
    return Line(
        sample=Sample(**sample), other=Sample(**other) if other else None, aim=Aim(**aim) if aim else None, **more
    )
