# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Which files of a backup are meant: a path, or a pattern with ``*``, ``?``, ``[a-z]`` and ``**``.

A pattern is read once and written twice, as a regular expression for us and in restic's own way for restic, so that
what is announced and what is restored cannot differ.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ANY_DEPTH = "**"
_SET = re.compile(r"\[(?P<negated>[!^]?)(?P<first>\]?)(?P<rest>[^\]]*)\]")


class PathPattern(NamedTuple):
    """One pattern. ``engine`` is how restic writes it; empty where it means everything."""

    text: str
    expression: re.Pattern[str]
    engine: str

    def matches(self, path: str) -> bool:
        """Tell whether ``path`` itself or a directory above it is meant."""
        return self.expression.match(path) is not None


def literal(path: str) -> PathPattern:
    """Return the pattern that means ``path`` and what is below it, whatever characters its name has."""
    return pattern("".join(f"\\{char}" if char in "\\*?[]" else char for char in path))._replace(text=path)


def pattern(text: str) -> PathPattern:
    r"""Return the pattern that ``text`` writes; a directory that matches stands for everything below it.

    Inside a name ``*`` is any text, ``?`` any one character, ``[a-z]`` one of these, ``[!a-z]`` one of the others;
    ``\`` takes a character's meaning away. A name ``**`` is any number of directories. Without a slash in front a
    pattern means the name at any depth.

    >>> pattern("/srv/*/año[0-9]").engine
    '/srv/*/año[0-9]'
    >>> pattern("*.php").matches("/srv/portal/index.php")
    True
    """
    parts = [part for part in text.split("/") if part]
    if parts and not text.startswith("/"):
        parts.insert(0, _ANY_DEPTH)
    while parts and parts[-1] == _ANY_DEPTH:
        parts[-1:] = ["*"]  # What is below «a» is something in «a», and what is below that.
    expression = engine = ""
    for part in parts:
        if part == _ANY_DEPTH:
            expression += "(?:/[^/]+)*"
            engine += "/**"
        else:
            ours, theirs = _name(part)
            expression += f"/{ours}"
            engine += f"/{theirs}"
    return PathPattern(text, re.compile(f"{expression}(?:/|\\Z)"), engine)


def _name(part: str) -> tuple[str, str]:
    """Return one name of a pattern as a regular expression and as restic writes it."""
    expression = engine = ""
    position = 0
    while position < len(part):
        char = part[position]
        brackets = _SET.match(part, position)
        if brackets:
            ours, theirs = _brackets(brackets)
            position = brackets.end()
        elif char in "*?":
            ours, theirs = {"*": ("[^/]*", "*"), "?": ("[^/]", "?")}[char]
            position += 1
        else:
            if char == "\\" and position + 1 < len(part):
                position += 1
                char = part[position]
            ours, theirs = re.escape(char), _escaped(char)
            position += 1
        expression += ours
        engine += theirs
    return expression, engine


def _brackets(match: re.Match[str]) -> tuple[str, str]:
    negated = bool(match["negated"])
    chars = match["first"] + match["rest"]
    if not chars:  # «[!]» is what it looks like.
        return re.escape(match[0]), "".join(map(_escaped, match[0]))
    ranges = []
    position = 0
    while position < len(chars):
        low = high = chars[position]
        if chars[position + 1 : position + 2] == "-" and position + 2 < len(chars):
            low, high = sorted((low, chars[position + 2]))
            position += 2
        position += 1
        ranges.append((low, high))
    ours = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges)
    theirs = "".join(f"\\{low}-\\{high}" for low, high in ranges)
    # No set reaches over the end of a name.
    return f"(?!/)[{'^' if negated else ''}{ours}]", f"[{'^' if negated else ''}{theirs}]"


def _escaped(char: str) -> str:
    return f"\\{char}" if char in "\\*?[]" else char
