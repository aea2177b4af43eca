# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a document tells its reader to type, in its order: the commands in its ``console`` blocks.

A block shows commands and, below them, lines of what they print::

    <!-- 2026-11-18 01:00 the_disk_is_full -->
    ```console
    $ ansible-playbook -i inventory playbooks/backup.yml \
          -e backup_force=true      what it is good for; it ends with exit status 2
    db-escolares  FALLÓ …
    srv-db01# dse-backup list
    ```

The prompt says where: ``$`` on the controller, ``#`` there too, as root, ``srv-db01#`` on that server. What stands
after the command, behind three spaces or more, explains it. The marks before a block are not shown to the reader: the
moment at which he types it, and what has happened by then, in their order. Of what is printed, ``…`` is anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROMPT = re.compile(r"([$#]|[a-z][a-z0-9-]*#) (.*)")
_MARK = re.compile(r"<!-- (?:(\d{4}-\d\d-\d\d \d\d:\d\d)\b)?\s*(\w*) -->")
# What a folio looks like.
FOLIO = re.compile(r"\b(?:DSE|CSC|DAU)-0\d-\d{4}-\d{4,}\b")
# In a language each.
_STATUS = re.compile(r"(?:exit status|termina con) (\d+)")
# What is quoted may hold anything; what is not, no three spaces.
_TYPED = re.compile(r"""(?:'[^']*'|"[^"]*"|\\.|(?!\s{3,}|\s+#\s)[^'"\\])*""")


class Mark(NamedTuple):
    """A moment, or a scene, or both."""

    moment: str  # As Clock.set takes it; empty: some time has passed.
    scene: str  # Empty: nothing has happened.


class Command(NamedTuple):
    """One command, with all that the document says of it."""

    document: str
    line: int
    section: str  # The heading that it stands under.
    where: str  # The server on which it is typed; empty: the controller.
    text: str  # As it is typed, on one line.
    status: int  # How it is said to end.
    shown: tuple[str, ...]  # What it is said to print, line by line.
    marks: tuple[Mark, ...]  # When he types it, and what has happened before.

    @property
    def place(self) -> str:
        """Where it stands, for messages: ``docs/tutorial.md:12``."""
        return f"{self.document}:{self.line}"


def commands(path: Path, document: str) -> list[Command]:
    """Return the commands of a document."""
    return list(_commands(path.read_text("utf-8").splitlines(), document))


def _commands(lines: list[str], document: str) -> Iterator[Command]:
    section = ""
    marks: list[Mark] = []
    numbered = iter(enumerate(lines, 1))
    for _number, line in numbered:
        if line.startswith("#"):
            section = line.strip("# ")
        elif marked := _MARK.fullmatch(line.strip()):
            marks.append(Mark(marked[1] or "", marked[2]))
        elif line.strip() == "```console":
            for first, typed, printed in _typed(numbered, indent=len(line) - len(line.lstrip())):
                yield _command(typed, document, first, section, printed)._replace(marks=tuple(marks))
                marks.clear()
        elif line.strip().startswith("```"):
            next((each for _number, each in numbered if each.strip() == "```"), None)


def _typed(numbered: Iterator[tuple[int, str]], indent: int) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield the number of its line, what is typed with its prompt, and what is printed, to the end of the block."""
    first, typed, printed = 0, "", []
    for number, indented in numbered:
        line = indented[indent:]
        if line == "```":
            break
        if typed.endswith("\\"):
            typed = f"{typed[:-1].rstrip()} {line.lstrip()}"
        elif _PROMPT.fullmatch(line):
            if typed:
                yield first, typed, tuple(printed)
            first, typed, printed = number, line, []
        else:
            printed.append(line)
    assert typed, f"a block without a command ends in line {number}"
    yield first, typed, tuple(printed)


def _command(typed: str, document: str, line: int, section: str, printed: tuple[str, ...]) -> Command:
    prompt, said = _PROMPT.fullmatch(typed).groups()
    text = _TYPED.match(said)[0]
    status = _STATUS.search(said[len(text) :])
    return Command(
        document=document,
        line=line,
        section=section,
        where=prompt[:-1],
        text=text.strip(),
        status=int(status[1]) if status else 0,
        shown=tuple(each for each in printed if each.strip()),
        marks=(),
    )


def printed_as(line: str, out: str) -> dict[str, str] | None:
    """Return None unless a line that a document shows was printed, however it was spaced.

    Which of one run's records gets which number is chance: where only its folios are others, those of the line with
    what was printed in their place.

    >>> printed_as("db-lms  NO CONFORME … DSE-03-2026-0015", "db-lms  NO CONFORME  44 KiB  DSE-03-2026-0014")
    {'DSE-03-2026-0015': 'DSE-03-2026-0014'}
    """
    literal = ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
    lines = [" ".join(each.split()) for each in out.splitlines()]
    if any(re.search(literal, each) for each in lines):
        return {}
    shown = FOLIO.findall(line)
    for folio in shown:
        series = folio.rpartition("-")[0]
        literal = literal.replace(re.escape(folio), rf"({re.escape(series)}-\d{{4,}})")
    found = filter(None, (re.search(literal, each) for each in lines))
    return next((dict(zip(shown, each.groups())) for each in found if shown), None)
