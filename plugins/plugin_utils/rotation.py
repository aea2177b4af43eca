# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at next, so that everything is looked at within a period: a repository's data, each item by a drill.

Pure: dates come in, a choice goes out. A repository's data falls into sixty parts by the first byte of a pack's id;
restic reads the packs whose part leaves n - 1 when divided by t, which it calls the share n/t. With a t that divides
sixty a share is a whole number of parts, so that what was read can be counted whatever t was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.integrity import ALL, PARTS, STRUCTURE, is_share

# Within so many days all of a repository is read, unless verify.yml is told otherwise.
PERIOD_DAYS = 30
_DIVISORS = [number for number in range(PARTS, 0, -1) if PARTS % number == 0]


@dataclass
class RepositoryHistory:
    """What the ledger says of one repository's verifications. Dates are ISO text; absent means never."""

    first_on: str | None = None
    verified_on: str | None = None
    # Of each part, by its number as text: the day on which it was last read.
    read_on: dict[str, str] = field(default_factory=dict)

    def add(self, record: dict[str, Any]) -> None:
        """Take one more verification into account; what was found damaged was read all the same."""
        day = record["recorded_at"][:10]
        self.first_on = self.first_on or day
        self.verified_on = day
        for part in _parts_of(record.get("read", STRUCTURE)):
            self.read_on[str(part)] = day

    def unread_since(self, part: int) -> date | None:
        """Return since when a part waits to be read: a part that was never read, since the first verification."""
        day = self.read_on.get(str(part), self.first_on)
        return date.fromisoformat(day) if day else None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return asdict(self)


def next_share(history: RepositoryHistory, today: date, period_days: int) -> str:
    """Return what to read now, ``n/t`` or ``all``, so that every part is read each ``period_days``.

    It goes by the time since the last verification, supposing that the next one is as far off: as large a share as
    keeps pace, with the part that waits the longest, and with all that would be overdue by the next time.

    >>> next_share(RepositoryHistory(), date(2026, 11, 22), 30)
    '1/30'
    """
    gap = 1
    if history.verified_on:
        gap = max(1, (today - date.fromisoformat(history.verified_on)).days)
    ages = [(today - (history.unread_since(part) or today)).days for part in range(PARTS)]
    # On the day of the first verification all wait as long: what was never read goes before what was read today.
    oldest = max(range(PARTS), key=lambda part: (ages[part], str(part) not in history.read_on))
    urgent = [part for part in range(PARTS) if ages[part] + gap > period_days]
    enough = math.ceil(PARTS * gap / period_days)
    for parts in _DIVISORS:
        if PARTS // parts >= enough and all(part % parts == oldest % parts for part in urgent):
            return ALL if parts == 1 else f"{oldest % parts + 1}/{parts}"
    return ALL


def _parts_of(read: str) -> range:
    """Return the parts that a share covers."""
    if not is_share(read) or read == STRUCTURE:
        return range(0)
    part, parts = (1, 1) if read == ALL else map(int, read.split("/"))
    return range(part - 1, PARTS, parts)


def next_drills(
    tested: Mapping[str, str | None],
    today: date,
    *,
    period_days: int,
    last_run: str | None = None,
    count: int | None = None,
) -> list[str]:
    """Return the items to drill now, the longest untested first, those never tested before all others.

    ``tested`` has, per item that can be restored, the day of its last drill. As many as keep pace with the time since
    ``last_run``, at least one, and all that would be overdue by the next time; ``count`` says how many instead.

    >>> next_drills({"a": "2026-11-01", "b": None, "c": "2026-10-01"}, date(2026, 11, 22), period_days=90)
    ['b']
    """
    order = sorted(tested, key=lambda item_id: (tested[item_id] or "", item_id))
    if count is not None:
        return order[:count]
    gap = max(1, (today - date.fromisoformat(last_run)).days) if last_run else 1
    overdue = [
        item_id
        for item_id in order
        if tested[item_id] and (today - date.fromisoformat(tested[item_id])).days + gap > period_days
    ]
    # Those never tested come first, but do not push out what is overdue.
    chosen = {*order[: max(1, math.ceil(len(order) * gap / period_days))], *overdue}
    return [item_id for item_id in order if item_id in chosen]
