# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's files, line by line, as they stood at one moment; reading them writes nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import ledger_files


class Line(NamedTuple):
    """One line with its end, where it has one. ``number`` counts from 1 in each file."""

    file: str
    number: int
    content: bytes


class Extent(NamedTuple):
    """How far the ledger reached: the size of each file, oldest year first, and how many rows each CSV file had."""

    files: tuple[tuple[str, int], ...]
    csv_rows: Mapping[str, int]


def extent(directory: str) -> Extent:
    """Return how far the ledger reaches, found while nobody writes to it; raises OSError."""
    with _shared(directory):
        names = ledger_files(directory)
        return Extent(
            tuple((name, os.path.getsize(os.path.join(directory, name))) for name in names),
            dict(_csv_rows(os.path.join(directory, "csv"))),
        )


def read_lines(directory: str, reach: Extent) -> Iterator[Line]:
    """Yield the lines up to ``reach``, in the order of the chain; raises OSError."""
    for name, size in reach.files:
        left, number = size, 0
        with open(os.path.join(directory, name), "rb") as stream:
            while left > 0 and (content := stream.readline(left)):
                left -= len(content)
                number += 1
                yield Line(name, number, content)


@contextmanager
def _shared(directory: str) -> Iterator[None]:
    """Wait until nobody writes. A copy of the ledger's files may have no lock: nobody writes to it."""
    try:
        descriptor = os.open(os.path.join(directory, "ledger.lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = None
    try:
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _csv_rows(directory: str) -> Iterator[tuple[str, int]]:
    """Yield how many rows each CSV file has below its heading; a cell never holds the end of a line."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".csv"))
    except FileNotFoundError:
        return
    for name in names:
        ends = 0
        with open(os.path.join(directory, name), "rb") as stream:
            while block := stream.read(1 << 20):
                ends += block.count(b"\n")
        yield name, ends - 1
