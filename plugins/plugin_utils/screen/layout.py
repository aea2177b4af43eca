# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all texts on the screen share: plain, aligned, no longer than they must be."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import folios

# A command that is cut cannot be typed.
_LONGEST = 1_000_000

RESULTS = {
    "conforming": "conforme",
    "first": "primero",
    "review": "EN REVISIÓN",
    "nonconforming": "NO CONFORME",
}


def verdict(good: int, total: int, fine: str, wrong: str) -> str:
    """Return the last word: ``TODO CONFORME: 4 de 4.`` or how many of them somebody has to look at."""
    return f"{fine}: {good} de {total}." if good == total else f"{wrong}: {total - good} de {total}."


def table(rows: list[list[str]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def command(playbook: str, *arguments: str, **extra_vars: str | list[str]) -> str:
    """Return a command as it can be typed, whatever its values are: with the inventory that this run was given.

    >>> command("backup", "--limit", "srv-web01", backup_items=["actas"])
    'ansible-playbook playbooks/backup.yml --limit srv-web01 -e \'{"backup_items": ["actas"]}\''
    """
    words = ["ansible-playbook", *_inventories(), f"playbooks/{playbook}.yml", *arguments]
    for name, value in extra_vars.items():
        words += ["-e", f"{name}={value}" if isinstance(value, str) else json.dumps({name: value})]
    return " ".join(shlex.quote(readable(word, _LONGEST)) for word in words)


def _inventories() -> list[str]:
    """Return what the run was told with ``-i``. Without one it found its inventory by itself, and so will the next."""
    given = context.CLIARGS.get("inventory") or ()
    if list(given) == list(constants.DEFAULT_HOST_LIST):
        return []
    return [word for each in given for word in ("-i", _from_here(each))]


def _from_here(path: str) -> str:
    """Return a path below the current directory, in which ``playbooks/`` is, as it is typed there."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def by_hand(names: Iterable[str], *arguments: str) -> str:
    """Return the command that backs these items up whatever the calendar says (4.3.1 a).

    Of what never was in the inventory the name is its request's folio: nothing can back that up.
    """
    items = sorted({name for name in names if not folios.parse(name)})
    if not items:
        return command("report", question="requests")
    return command("backup", *arguments, backup_items=items, backup_force="true")


def receipt(deliveries: list[str]) -> str:
    """Return the command by which CSC says that it has received deliveries."""
    said = {"acknowledge_as": "CSC", "acknowledge_result": "accepted"}
    return command("acknowledge", acknowledge_folio=deliveries, **said)


def failures(records: list[dict[str, Any]]) -> list[str]:
    """Return what was written to the failure log, under a heading of its own; nothing where that is nothing."""
    failed = [record for record in records if record["record_type"] == "failure"]
    if not failed:
        return []
    lines = [f"  ✗ {each['server']} · {each['item_id']}: {each['error_message']} ({each['folio']})" for each in failed]
    return ["", "REQUIEREN ATENCIÓN", *lines]
