# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much is measured: in full, or quickly to see that all of it runs."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Scale:
    """``file_bytes`` and ``database_bytes`` are sums; ``inventories`` and ``hosts`` numbers of servers.

    ``page_items`` is how many items the page of `report.yml` tells of.
    """

    name: str
    rounds: int
    files: int
    file_bytes: int
    database_bytes: int
    items: int
    snapshots: int
    inventories: tuple[int, ...]
    hosts: tuple[int, ...]
    records: tuple[int, ...]
    page_items: int


FULL = Scale(
    name="full",
    rounds=5,
    files=16_000,
    file_bytes=540 * MB,
    database_bytes=220 * MB,
    items=50,
    snapshots=300,
    inventories=(100, 1_000, 10_000),
    hosts=(1, 5, 10),
    records=(1_000, 100_000, 1_000_000),
    page_items=1_000,
)
QUICK = Scale(
    name="quick",
    rounds=1,
    files=2_000,
    file_bytes=60 * MB,
    database_bytes=20 * MB,
    items=5,
    snapshots=10,
    inventories=(100, 1_000),
    hosts=(1, 2),
    records=(1_000, 20_000),
    page_items=100,
)
