# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small institution below one directory: every server is this machine, the playbooks, script and restic are real."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import accepted
import official_record

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# Nothing of a test takes longer; what does hangs.
LIMIT = 300


class Done(NamedTuple):
    """How a program ended: its exit status, and all it printed."""

    rc: int
    out: str


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until ``condition`` holds and return what it returned."""
    deadline = time.monotonic() + LIMIT
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)
    return result


class Institution:
    """Servers ``srv-web01`` and ``srv-db01``, the backup server ``srv-bkp01``, and a ledger that does not exist yet.

    What its inventory asks for, JAA has accepted when ``backup.yml`` starts, unless ``registers_requests`` is False.
    """

    SERVERS = ("srv-web01", "srv-db01")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = root / "ledger"
        self.items: dict[str, Any] = {server: [] for server in self.SERVERS}
        self.host_vars: dict[str, dict[str, Any]] = {}
        self.env: dict[str, str] = {}
        self.registers_requests = True
        # The moment of a fake clock.
        self.moment: datetime | None = None
        self._folios: dict[str, str] = {}
        self.started: list[subprocess.Popen] = []

    # --- What an administrator writes ---------------------------------------------------------------------------------

    def files(self, item_id: str, **changes: Any) -> dict[str, Any]:
        """Return an item whose source is a directory with one file of 10,000 bytes; it is made unless it exists.

        It has a request of its own, always the same.
        """
        source = self.root / "data" / item_id
        if not source.exists():
            self.fill(item_id, 10_000)
        item = {
            "id": item_id,
            "service": "Portal institucional",
            "repository_type": "web_publication",
            "information_type": "images_documents",
            "request_folio": self._folios.setdefault(item_id, f"DSE-05-2026-{len(self._folios) + 1:04d}"),
            "paths": [str(source)],
        }
        return {key: value for key, value in {**item, **changes}.items() if value is not None}

    def database(self, item_id: str, **changes: Any) -> dict[str, Any]:
        """Return an item that is a SQLite database of 1000 rows, made here."""
        path = self.root / "data" / f"{item_id}.sqlite"
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE alumno (id INTEGER)")
            database.executemany("INSERT INTO alumno VALUES (?)", [(number,) for number in range(1000)])
            database.commit()
        kinds = {"information_type": "database", "repository_type": "database"}
        source = {"paths": None, "database": {"engine": "sqlite", "path": str(path)}}
        return self.files(item_id, **{**kinds, **source, **changes})

    def fill(self, item_id: str, size: int) -> Path:
        """Make the item's source one file of ``size`` bytes that nothing compresses, and return its directory."""
        source = self.root / "data" / item_id
        source.mkdir(parents=True, exist_ok=True)
        (source / "contenido.bin").write_bytes(os.urandom(size))
        return source

    def register(self, server: str, *items: Any) -> None:
        """Put ``items`` into the inventory as what is backed up on ``server``, and deploy them."""
        self.items[server] = list(items)
        config = self.root / "hosts" / server / "etc" / "config.json"
        if config.exists():
            config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "items": list(items)}), "utf-8")

    def accept_requests(self) -> None:
        """Bring the ledger's register of requests up to the inventory as it now is: JAA has accepted all of it."""
        accepted.bring_up(
            self.ledger,
            self.items,
            members=self.SERVERS,
            procedure=self.env.get("DSE_BACKUP_PROCEDURE"),
            moment=self.moment,
        )

    @property
    def variables(self) -> dict[str, Any]:
        """What makes this machine all of the institution's servers, with everything below one directory."""
        host = f"{self.root}/hosts/{{{{ inventory_hostname }}}}"
        return {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "operator_role": "JAA",
            "backup_restic_source": "present",
            "backup_server_root": f"{self.root}/backup",
            "backup_server_manage_users": False,
            "backup_server_restic": f"{self.root}/bin/restic-server",
            "backup_client_access": "local",
            "backup_client_restic": f"{self.root}/bin/restic",
            "backup_client_python": sys.executable,
            "backup_client_config_dir": f"{host}/etc",
            "backup_client_state_dir": f"{host}/state",
            "backup_client_lib_dir": f"{host}/lib",
            "backup_client_script": f"{host}/bin/dse-backup",
            "backup_client_repository_password": "{{ lookup('ansible.builtin.file', '" + str(self.password) + "') }}",
            "backup_server_csc_repository": f"{self.csc}/{{{{ backup_server_client }}}}",
            "backup_server_csc_password": "la-clave-de-csc-91b6",
            "backup_server_csc_key_reference": "K-2027-01",
            "backup_controller_ledger": str(self.ledger),
            "backup_controller_schedule": "none",
        }

    def write_inventory(self) -> Path:
        """Write the inventory as it now is and return its path."""
        hosts = {
            server: {"backup_client_items": items, **self.host_vars.get(server, {})}
            for server, items in self.items.items()
        }
        children = {
            "dse_servers": {"hosts": {server: hosts.pop(server) for server in self.SERVERS}},
            "backup_servers": {"hosts": {"srv-bkp01": hosts.pop("srv-bkp01", self.host_vars.get("srv-bkp01", {}))}},
            "outside": {"hosts": hosts},
        }
        path = self.root / "inventory.yml"
        path.write_text(
            json.dumps({"all": {"vars": self.variables, "children": children}}, ensure_ascii=False), "utf-8"
        )
        return path

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def csc(self) -> Path:
        """Where CSC's repositories are, one for each server."""
        return self.root / "csc"

    # --- What is run --------------------------------------------------------------------------------------------------

    def environment(self, **changes: str | None) -> dict[str, str]:
        """Return the environment of a run; a change to None takes a variable away."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "DSE_BACKUP_"))}
        environment = {
            **kept,
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "DSE_BACKUP_LEDGER": str(self.ledger),
            "LC_ALL": "C.UTF-8",
            **self.env,
            **changes,
        }
        return {key: value for key, value in environment.items() if value is not None}

    def start(self, playbook: str | Path, *arguments: str, cwd: Path | None = None, **env: str | None) -> Running:
        """Start a playbook (of the checkout, or by path or full name) in a process group of its own."""
        if self.registers_requests and playbook in ("backup.yml", "dse.backup.backup"):
            self.accept_requests()
        if str(playbook).endswith(".yml"):
            playbook = CHECKOUT / "playbooks" / playbook
        command = [str(BIN / "ansible-playbook"), "-i", str(self.write_inventory()), str(playbook), *arguments]
        return self._start(command, cwd=cwd or CHECKOUT, env=self.environment(**env))

    def backup(self, *arguments: str, **env: str | None) -> Done:
        """Run ``backup.yml`` to its end."""
        return self.start("backup.yml", *arguments, **env).wait()

    def script(self, server: str, *arguments: str) -> Done:
        """Run the deployed ``dse-backup`` as JAA does by hand on that server."""
        command = [str(self.root / "hosts" / server / "bin" / "dse-backup"), *arguments]
        return self._start(command, env={**os.environ, **self.env}).wait()

    def _start(self, command: list[str], **options: Any) -> Running:
        log = (self.root / f"output-{len(self.started)}").open("w+b")
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        self.started.append(process)
        return Running(process, Path(log.name))

    # --- What can go wrong --------------------------------------------------------------------------------------------

    def replace_restic(self, on_backup: str) -> None:
        """Run shell code on the servers before each ``restic backup``; the backup server has its own restic."""
        program = self.root / "bin" / "restic"
        program.unlink()
        program.write_text(
            "#!/bin/sh\n"
            f"real={self.root}/bin/restic-server\n"
            f'case " $* " in *" backup "*)\n{on_backup}\n;; esac\n'
            'exec "$real" "$@"\n',
            encoding="utf-8",
        )
        program.chmod(0o755)

    def hold_backups(self) -> Gate:
        """Let every ``restic backup`` on the servers wait until the gate is opened."""
        gate = Gate(self.root / "gate", self.root / "gate-reached")
        gate.closed.touch()
        self.replace_restic(f"touch {gate.reached}; while [ -e {gate.closed} ]; do sleep 0.05; done")
        return gate

    # --- What stands in the record ------------------------------------------------------------------------------------

    def records(self, record_type: str | None = None, **fields: Any) -> list[dict[str, Any]]:
        """Return the ledger's records that have these fields."""
        return [
            record
            for record in official_record.read(self.ledger)
            if record_type in (None, record["record_type"])
            and all(record.get(key) == value for key, value in fields.items())
        ]

    def result(self, item_id: str) -> str:
        """Return the item's outcome in the newest run: the verdict on its backup, or ``failure``."""
        records = self.records()
        (record,) = [
            each
            for each in official_record.outcomes(records, official_record.runs(records)[-1]["run_id"])
            if each["item_id"] == item_id
        ]
        return record.get("verification_result", record["record_type"])

    def planned(self) -> list[str]:
        """Return what the newest run planned."""
        return sorted(each["item_id"] for each in official_record.runs(self.records())[-1]["planned"])

    def contacted(self) -> list[str]:
        """Return the servers on which a run's directory was made."""
        return sorted(path.parents[2].name for path in self.root.glob("hosts/*/state/runs/*"))

    def close(self) -> None:
        """End what a test left running, and check the ledger it leaves."""
        (self.root / "gate").unlink(missing_ok=True)
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self.ledger.is_dir():
            official_record.check(self.ledger)


class Running(NamedTuple):
    """A program that was started, and the file that takes all it prints."""

    process: subprocess.Popen
    output: Path

    def wait(self) -> Done:
        """Wait for its end."""
        rc = self.process.wait(LIMIT)
        return Done(rc, self.output.read_text("utf-8"))


class Gate(NamedTuple):
    """Two files: backups wait while the one exists, and make the other when they get there."""

    closed: Path
    reached: Path

    def wait_for_a_backup(self) -> None:
        until(self.reached.exists, "a backup that starts")

    def open(self) -> None:
        self.closed.unlink(missing_ok=True)


def prepare_template(root: Path, restic: Path) -> None:
    """Deploy to an institution in ``root`` that the tests copy: the role's own work, done once."""
    (root / "bin").mkdir(parents=True)
    shutil.copy(restic, root / "bin" / "restic-server")
    (root / "bin" / "restic").symlink_to("restic-server")
    institution = Institution(root)
    institution.password.write_text("clave-de-prueba-7f3a\n", "utf-8")
    done = institution.start("deploy.yml").wait()
    assert done.rc == 0, done.out
    shutil.rmtree(institution.ledger)


def copy_template(template: Path, root: Path) -> Institution:
    """Return an institution of its own, as it is right after deploy.yml."""
    shutil.copytree(template, root, symlinks=True, dirs_exist_ok=True)
    for file in [*root.glob("hosts/*/etc/config.json"), *root.glob("hosts/*/bin/dse-backup")]:
        file.write_text(re.sub(re.escape(str(template)) + r"\b", str(root), file.read_text("utf-8")), "utf-8")
    return Institution(root)
