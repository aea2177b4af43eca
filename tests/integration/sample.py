# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two servers of the sample institution of ``inventory/``, on this machine, with their databases in SQLite files.

For a reader's terminal, which sees its own ``/srv``: there the sources lie where the inventory says.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml
from institution import CHECKOUT, Institution

PORTAL = "/srv/www/portal"
# What tells its pack from all others in the repository.
PORTAL_BYTES = 40_000


class Sample(Institution):
    """The institution right after deploy.yml; of what is in its record nothing has happened yet."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for server in self.SERVERS:
            text = (CHECKOUT / "inventory" / "host_vars" / server / "items.yml").read_text("utf-8")
            self.items[server] = yaml.safe_load(text)["backup_client_items"]
        for item in [each for items in self.items.values() for each in items]:
            if "database" in item:
                item["database"] = {"engine": "sqlite", "path": f"/srv/bases/{item['id']}.sqlite"}
                self.write_rows(item["id"], 5000)
            elif item["paths"] != ["/etc"]:
                size = PORTAL_BYTES if item["paths"] == [PORTAL] else 20_000
                _write(self.below(item["paths"][0]) / "contenido.bin", os.urandom(size))
        _write(self.below("/srv/www/encuestas/index.php"), b"<?php // Encuesta de egresados\n")
        _write(self.below(PORTAL) / "index.php", b"<?php include 'convocatorias/2026.php';\n")
        _write(self.below(PORTAL) / "convocatorias" / "2026.php", b"<?php // Convocatoria de ingreso 2026\n")

    def below(self, path: str) -> Path:
        """Return where this machine keeps what the terminal sees at ``path``."""
        return self.root / path.removeprefix("/")

    def write_rows(self, item_id: str, count: int) -> None:
        """Let a database have so many rows."""
        path = self.below(f"/srv/bases/{item_id}.sqlite")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE inscripcion (id INTEGER PRIMARY KEY, clave TEXT)")
            rows = ((number, f"{number * 7919 % 99991:05d}-2026") for number in range(count))
            database.executemany("INSERT INTO inscripcion VALUES (?, ?)", rows)
            database.commit()

    def write_into(self, inventory: Path) -> None:
        """Write the shipped inventory as far as it is about these servers, and what makes this machine all of them."""
        shutil.copytree(CHECKOUT / "inventory", inventory)
        hosts = yaml.safe_load((inventory / "hosts.yml").read_text("utf-8"))
        hosts["dse_servers"]["hosts"] = dict.fromkeys(self.SERVERS)
        (inventory / "hosts.yml").write_text(json.dumps(hosts), "utf-8")
        for server, items in self.items.items():
            self.register(server, *items)
            text = json.dumps({"backup_client_items": items}, ensure_ascii=False)
            (inventory / "host_vars" / server / "items.yml").write_text(text, "utf-8")
        variables: dict[str, Any] = {
            **self.variables,
            "backup_server_medium_directory": "/media/dse-backup",
            # A stopped PostgreSQL of this machine is not the institution's, nor is other configuration.
            "coverage_engines": ["mariadb"],
            "coverage_configuration_roots": ["/etc"],
        }
        del variables["backup_client_repository_password"], variables["backup_server_csc_password"]
        (inventory / "this_machine.yml").write_text(json.dumps({"all": {"vars": variables}}), "utf-8")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
