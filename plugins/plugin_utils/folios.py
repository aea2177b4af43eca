# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a folio is: a form's series, a year, and a number of four digits or more (``DSE-02-2026-0047``)."""

from __future__ import annotations

import re
from typing import NamedTuple

_FOLIO = re.compile(r"([A-Z]{3}-[0-9]{2})-([0-9]{4})-([0-9]{4,9})")


class Folio(NamedTuple):
    """A folio in its parts."""

    series: str
    year: int
    number: int


def parse(text: str) -> Folio | None:
    """Return the folio that ``text`` is; None where it is none.

    >>> parse("DSE-02-2026-0047")
    Folio(series='DSE-02', year=2026, number=47)
    """
    match = _FOLIO.fullmatch(text)
    return Folio(match[1], int(match[2]), int(match[3])) if match else None
