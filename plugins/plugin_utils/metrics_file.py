# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of metrics: replaced in one step by each run, with what earlier runs told of themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.metrics import ALL, Sample

_LONGEST_LABEL = 200


_OF_RUNS = {name for name, (labels, _help) in ALL.items() if labels == ("playbook",)}


def write(path: str, of_run: list[Sample], of_ledger: list[Sample] | None) -> str:
    """Write the metrics of a run and of the ledger; return in words what went wrong.

    What the runs of other playbooks told of themselves stays and, where the ledger could not be read (None), what it
    was known to amount to.
    """
    if not path.endswith(".prom"):
        return f"{readable(path)} debe terminar en .prom"
    try:
        from prometheus_client import CollectorRegistry, core, parser, write_to_textfile  # noqa: PLC0415 (may be missing)
    except ImportError:
        return "falta prometheus_client, con el que se escriben las métricas: pip install prometheus_client"
    mine = {each[:2] for each in of_run}
    known = _read(path, parser.text_string_to_metric_families)
    kept = [each for each in known if (each.name in _OF_RUNS or of_ledger is None) and each[:2] not in mine]
    registry = CollectorRegistry()
    registry.register(_Collector([*(of_ledger or []), *kept, *of_run], core.GaugeMetricFamily))
    try:
        write_to_textfile(path, registry)
        os.chmod(path, 0o644)  # Whatever the umask: it is another user who reads it.
    except OSError as error:
        return f"no se pudieron escribir las métricas en {readable(path)}: {error.strerror}"
    return ""


class _Collector:
    """What prometheus_client asks for the metrics; ``family`` is its own for gauges."""

    def __init__(self, samples: list[Sample], family: Callable[..., Any]) -> None:
        self._samples = samples
        self._family = family

    def describe(self) -> list[Any]:
        """Return that nothing is known of it beforehand."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield the metrics, in the order in which they are listed."""
        families = {name: self._family(name, words, labels=labels) for name, (labels, words) in ALL.items()}
        for each in self._samples:
            families[each.name].add_metric([readable(label, _LONGEST_LABEL) for label in each.labels], each.value)
        yield from (family for family in families.values() if family.samples)


def _read(path: str, parse: Callable[[str], Iterable[Any]]) -> list[Sample]:
    """Return the samples of the file as it stands; nothing where there is none, or where somebody else wrote it."""
    try:
        with open(path, encoding="utf-8") as stream:
            samples = [sample for family in parse(stream.read()) for sample in family.samples]
    except (OSError, ValueError):
        return []
    return [
        Sample(each.name, tuple(each.labels.get(label, "") for label in ALL[each.name][0]), each.value)
        for each in samples
        if each.name in ALL
    ]
