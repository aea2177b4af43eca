# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from outside (file names, messages of other programs) made safe to print, to log and to record."""

from __future__ import annotations

import unicodedata
from datetime import date

# Longer messages are cut: a record is read by people, the whole text stays in the server's own log.
LIMIT = 2000


def readable(text: str | bytes, limit: int = LIMIT) -> str:
    r"""Return ``text`` on one line: no control characters, no bytes that are not UTF-8.

    >>> readable(b"informe\xff\n\x1b[31m")
    'informe\\xff\\n\\x1b[31m'
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    # Nearly all text is printable as it stands: then no character of it is of an unsafe kind.
    safe = text if str.isprintable(text) else "".join(map(_safe, text))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


# Control and format characters (bidirectional marks among them), and the two Unicode line separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _safe(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE:
        return char
    if "\udc80" <= char <= "\udcff":
        # How Python carries a byte that is not UTF-8. Other surrogates come from JSON; neither can be encoded again.
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def spoken_day(moment: str) -> str:
    """Return a date, or the date of an instant, as it is spoken of: ``spoken_day("2026-11-25") == "25/11/2026"``."""
    return f"{date.fromisoformat(moment[:10]):%d/%m/%Y}"


def human_size(size: int) -> str:
    """Return a number of bytes as a person reads it: ``human_size(650117120) == "620.0 MiB"``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
