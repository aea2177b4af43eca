# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup's size cannot see: content replaced at the same size (re-encryption), files or tables that are gone.

What is found here makes a backup suspect, not wrong: JAA decides. The limits were tuned on generated histories, which
are also where the rates of false alarms are measured (tests/unit/.../test_signals.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from .sizes import Tolerance, change_pct

# Where one file is more than a quarter of an item, replacing it says nothing about the rest.
_PIECES = 4
# A dump is one file, of which restic finds again what has not changed, in chunks of up to this many bytes.
LARGEST_CHUNK = 8 * 1024 * 1024
# So many earlier shares of new data say what is usual for an item, and so much more than that (%) is unusual.
_KNOWN_FROM = 5
_MARGIN = 30


def replaced_pct(*, new: int, size: int, baseline: int, largest: int) -> float | None:
    """Return how much (%) of an earlier backup of ``baseline`` bytes was replaced; None where that cannot be told.

    ``new`` bytes of the present ``size`` are not in the earlier one; ``largest`` are the bytes of the piece that can
    only change as a whole. What merely grew replaced nothing, however much of it is new:

    >>> replaced_pct(new=100, size=200, baseline=100, largest=1)
    0.0
    """
    if not size or not baseline or largest * _PIECES > size:
        return None
    growth = max(0, size - baseline)
    return round(min(100.0, max(0.0, (new - growth) * 100 / (size - growth))), 2)


def suspicions(
    *,
    entries: int,
    baseline_entries: int | None,
    replaced: float | None,
    usual: Sequence[float],
    tolerance: Tolerance,
    is_dump: bool,
) -> list[str]:
    """Return, in words, why a backup is suspect although its size may be in order.

    ``entries`` are files, or the tables of a dump; ``replaced`` comes from `replaced_pct`; ``usual`` are the shares of
    new data (%) of the last conforming backups.
    """
    found = []
    change = change_pct(entries, baseline_entries)
    if change is not None and change < -tolerance.entries_shrink_pct:
        found.append(
            f"el número de {'tablas' if is_dump else 'archivos'} bajó de {baseline_entries} a {entries} "
            f"({-change:.2f} %); se tolera {tolerance.entries_shrink_pct:g} %"
        )
    known = len(usual) >= _KNOWN_FROM
    # Updates here and there renew most of a dump: only its own past tells whether that is unusual.
    if replaced is not None and (known or not is_dump):
        # Not the highest: one upgrade in the past must not blind this for the years that it is remembered.
        limit = max(tolerance.replaced_pct, sorted(usual)[-2] + _MARGIN if known else 0)
        if replaced > limit:
            found.append(
                f"se reemplazó el {replaced:.2f} % del contenido del último conforme; se tolera {limit:g} %: "
                "¿se cifró o se reescribió todo? Si es lo usual, ajuste tolerance.replaced_pct de este elemento"
            )
    return found
