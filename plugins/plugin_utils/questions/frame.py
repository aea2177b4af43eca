# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a question to the ledger and its answer are made of: plain rows, which a table and a JSON file both show.

A question is one function in a file of its own here, and its name in `catalogue.py`. Its rows have stable English keys
and values as they stand in the records; the columns that people see say them in Spanish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import Chain
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register

Row = dict[str, Any]
# Of so many an answer in words names the first ones; the rows have them all.
_NAMED = 5


@dataclass(frozen=True)
class Asked:
    """What a question is asked of: the ledger at the moment ``now`` (aware, in the institution's zone).

    ``has_server`` tells whether a server is within ``--limit``; ``items`` are the ids that are asked about, all where
    there are none. ``place_of`` says where JAA keeps the repository of a server. ``year`` (0), ``week`` ("") and
    ``folio`` ("") are what is asked about, where it is said. ``register`` is the whole inventory, ``expected`` what JAA
    ever accepted, ``lines`` the ledger's own lines, oldest first, ``chain`` what their verification found: they are
    functions, as few questions need them. ``servers`` are the hosts of ``dse_servers``, ``script_sha256`` is the digest
    of the script that this controller deploys.
    """

    index: Index
    procedure: Procedure
    now: datetime
    has_server: Callable[[str], bool] = lambda server: True
    items: tuple[str, ...] = ()
    place_of: Callable[[str], str] = lambda server: server
    year: int = 0
    week: str = ""
    folio: str = ""
    register: Callable[[], Register] = lambda: Register([], [])
    expected: Callable[[], list[Expected]] = list
    lines: Callable[[], Iterable[Line]] = tuple
    chain: Callable[[], Chain] = Chain
    servers: tuple[str, ...] = ()
    script_sha256: str = ""

    def has(self, server: str, *item_ids: str) -> bool:
        """Tell whether something of a server, and of any of these items, is asked about."""
        return self.has_server(server) and (not self.items or any(each in self.items for each in item_ids))


class Column(NamedTuple):
    """A column that people see: its heading, and how it says a row in words."""

    heading: str
    words: Callable[[Row], str]


class Section(NamedTuple):
    """Rows of one kind: a list of that name in JSON, a table under its heading on the screen, where it has rows.

    ``next_command`` is the one that makes it shorter.
    """

    name: str
    heading: str
    columns: tuple[Column, ...]
    rows: list[Row]
    next_command: str = ""


@dataclass
class Answer:
    """What is answered. ``problems`` says in words what needs action; ``next_command`` is the one to run next."""

    title: str
    sections: list[Section]
    problems: list[str] = field(default_factory=list)
    next_command: str = ""
    # The last line where no command is needed.
    all_is_well: str = "Nada que hacer."

    def plain(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "needs_action": bool(self.problems),
            "next_command": self.next_command,
            **{section.name: section.rows for section in self.sections},
        }


def first(rows: list[Row], name: str) -> str:
    """Return what the first row has there; "" where there is no row."""
    return rows[0][name] if rows else ""


def text(heading: str, name: str, limit: int = 200) -> Column:
    """Return a column of what stands there, so much of it, or a dash."""
    return Column(heading, lambda row: readable(str(row[name]), limit) if row[name] is not None else "—")


def day(heading: str, name: str) -> Column:
    """Return a column of dates, as they are spoken of."""
    return Column(heading, lambda row: spoken_day(row[name]) if row[name] else "—")


def moment(heading: str, name: str) -> Column:
    """Return a column of instants, in the institution's time."""
    return Column(heading, lambda row: row[name][:16].replace("T", " ") if row[name] else "—")


def size(heading: str, name: str) -> Column:
    """Return a column of bytes, as a person reads them."""
    return Column(heading, lambda row: human_size(row[name]) if row[name] is not None else "—")


def percent(heading: str, name: str, places: int = 2) -> Column:
    """Return a column of percentages."""
    return Column(heading, lambda row: f"{row[name]:.{places}f} %" if row[name] is not None else "—")


def yes_or_no(heading: str, name: str) -> Column:
    """Return a column of what is so, or is not; a dash where nobody knows."""
    return Column(heading, lambda row: {True: "sí", False: "NO"}.get(row[name], "—"))


def spoken(heading: str, name: str, words: Mapping[str, str]) -> Column:
    """Return a column that says what stands there in these words, as it is where there are none, or a dash."""
    return Column(heading, lambda row: words.get(row[name], row[name]) or "—")


def count(heading: str, name: str) -> Column:
    """Return a column of how many there are."""
    return Column(heading, lambda row: str(len(row[name])))


def listed(heading: str, name: str) -> Column:
    """Return a column that names them."""
    return Column(heading, lambda row: names(row[name]))


def span(heading: str, name: str) -> Column:
    """Return a column of the first and the last of them."""
    ends = {0: "—", 1: "{0}"}
    return Column(heading, lambda row: ends.get(len(row[name]), "{0} … {1}").format(*row[name][:1], *row[name][-1:]))


def names(several: list[str]) -> str:
    """Return the first of them, and that there are more; a dash where there are none."""
    if not several:
        return "—"
    return ", ".join(several[:_NAMED]) + (f" … ({len(several)})" if len(several) > _NAMED else "")


SERVER, ITEM_ID, BACKUP = text("Servidor", "server"), text("Respaldo", "item_id"), text("Folio", "backup_folio")
