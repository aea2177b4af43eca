# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of one host: the procedure beside the systems' own dump programs, and beside borgmatic's hooks."""

from __future__ import annotations

import json
import shlex
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.databases import dump_program

from . import borg
from .hosts import ONE_HOST, OURS, RAW, Hosts, raw_restic
from .measure import Aim, Line, Table
from .one_host import BORGMATIC, DATA, borgmatic, first_and_again, ours, raw
from .scale import MB, Scale

_NAME = "bench"
# What our product asks of mariadb-dump, so that all sides dump the same.
_MARIADB_OPTIONS = dump_program({"name": _NAME})[1:]
_DUMPS = {
    "PostgreSQL": ["runuser", "-u", "postgres", "--", "pg_dump", "-Fc", "-Z0", _NAME],
    "MariaDB": ["mariadb-dump", *_MARIADB_OPTIONS, "--", _NAME],
}
_HOOKS: dict[str, dict[str, Any]] = {
    "PostgreSQL": {
        "postgresql_databases": [
            {
                "name": _NAME,
                "pg_dump_command": "runuser -u postgres -- pg_dump",
                "format": "custom",
                "compression": 0,
            }
        ]
    },
    "MariaDB": {"mariadb_databases": [{"name": _NAME, "options": shlex.join(_MARIADB_OPTIONS)}]},
}


def databases(scale: Scale, hosts: Hosts) -> Table:
    """Back up one database of each system for the first time, and again with nothing changed."""
    made = json.loads(hosts.script(ONE_HOST, DATA, "databases", _NAME, scale.database_bytes))
    borg.install(hosts)
    lines = []
    for system, dump in _DUMPS.items():
        program = next(part for part in dump if part.endswith("dump"))
        print(f"  {system}", flush=True)
        stored = raw_restic("backup", "--stdin", "--stdin-filename", f"{_NAME}.dump")
        sides = [
            ours(hosts, f"db-{system.lower()}"),
            raw(hosts, f"cd / && {shlex.join(dump)} | {stored}"),
            borgmatic(hosts, **_HOOKS[system]),
        ]
        for what, timed in zip(("first", "unchanged"), first_and_again(sides, scale.rounds), strict=True):
            lines.append(Line(f"{system}, {what}", timed[OURS], f"{program} into restic", timed[RAW], Aim(1.1, 4)))
            lines.append(Line(f"{system}, {what}", timed[OURS], f"{BORGMATIC}, its hook", timed[BORGMATIC]))
    sizes = " and ".join(f"{system} with {size / MB:,.0f} MB" for system, size in made.items())
    return Table(
        name="databases",
        title="A backup of a database, one host",
        about=f"{sizes}, over SSH to the backup server",
        lines=lines,
        notes=[
            "Ours writes the dump to the disk and reads all of it back before it is stored, with PostgreSQL's roles or "
            "MariaDB's character set; the others stream: a dump that is cut off looks to them like a whole one.",
            f"Compression: restic's own default (zstd) on both sides; borg {borg.COMPRESSION}; the dumps not at all.",
        ],
    )
