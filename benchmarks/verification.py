# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verification of a repository beside the engine's own check of it."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.measure import parse_time
from ansible_collections.dse.backup.plugins.module_utils._core.restic import tags_of
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import Context
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import RepositoryHistory, next_share

from .controller import BIN, Failed, environment, playbook, run
from .hosts import BACKUP_SERVER, ONE_HOST, OURS, Hosts
from .measure import Aim, Case, Line, Table, side_by_side
from .one_host import DATA
from .scale import MB, Scale

_SIDE = "many"
_DIRECTORY = f"/srv/dse-backup/{ONE_HOST}"
_REPOSITORY = f"{_DIRECTORY}/kept/{_SIDE}"
_CHECK = "restic check"


def verify(scale: Scale, hosts: Hosts) -> Table:
    """Verify a repository of many items, a share of it and all of it."""
    numbers = (scale.items, scale.snapshots, scale.files, scale.file_bytes)
    hosts.script(BACKUP_SERVER, DATA, "snapshots", _REPOSITORY, f"{_DIRECTORY}/kept/empty", *numbers)
    hosts.use(_SIDE)
    recorded, ledger = hosts.work / "ledger-recorded", hosts.work / "ledger-verify"
    items = [_item(number) for number in range(scale.items)]
    _record(hosts, recorded, {item["id"]: item for item in items})
    inventory = _inventory(hosts.work / "inventory-verify", items)
    today = datetime.now(load().zone).date()
    share = next_share(RepositoryHistory(), today, 30)

    def afresh() -> None:
        """Forget the verification before: it would have this one read another share."""
        shutil.rmtree(ledger, ignore_errors=True)
        shutil.copytree(recorded, ledger)

    def ours(read: str) -> None:
        answers = json.dumps({"verify_all": read == "all"})
        playbook("verify.yml", hosts.inventory, ledger, "-i", str(inventory), "-e", answers)

    def then_look(read: str) -> Callable[[], None]:
        return lambda: _require_verified(ledger, read, scale.snapshots)

    through = f"{_CHECK} through ansible -m command"
    everything, all_of_it = f"{OURS}, everything", f"{_CHECK}, everything"
    cases = [
        Case(OURS, lambda: ours(share), afresh),
        Case(_CHECK, lambda: _restic(hosts, "check", f"--read-data-subset={share}"), then_look(share)),
        Case(through, lambda: _through_ansible(hosts, "check", f"--read-data-subset={share}")),
        Case(everything, lambda: ours("all"), afresh),
        Case(all_of_it, lambda: _restic(hosts, "check", "--read-data"), then_look("all")),
    ]
    timed = side_by_side(cases, scale.rounds)
    return Table(
        name="verify",
        title="The verification of a repository",
        about=f"{scale.items} items of {scale.file_bytes / MB:,.0f} MB together, {scale.snapshots} snapshots",
        lines=[
            Line(f"reading a share, {share}", timed[OURS], _CHECK, timed[_CHECK], Aim(1.2)),
            Line(f"reading a share, {share}", timed[OURS], through, timed[through]),
            Line("reading everything", timed[everything], f"{_CHECK} --read-data", timed[all_of_it], Aim(1.2)),
        ],
        notes=["Both work on the backup server, as the repository's owner, with the same options."],
    )


def _item(number: int) -> dict[str, Any]:
    name = f"item-{number:02}"
    return {
        "id": name,
        "service": "Portal Institucional",
        "repository_type": "web_publication",
        "information_type": "source_code",
        "request_folio": f"DSE-05-2026-{number + 1:04}",
        "paths": [f"/srv/bench/items/{name}"],
    }


def _inventory(directory: Path, items: list[dict[str, Any]]) -> Path:
    """Write what is said in addition of the one host: it has many items."""
    (directory / "host_vars").mkdir(parents=True, exist_ok=True)
    (directory / "hosts.yml").write_text(json.dumps({"all": {"hosts": {ONE_HOST: {}}}}), encoding="utf-8")
    (directory / "host_vars" / f"{ONE_HOST}.yml").write_text(
        json.dumps({"backup_client_items": items}), encoding="utf-8"
    )
    return directory


def _record(hosts: Hosts, directory: Path, items: dict[str, dict[str, Any]]) -> None:
    """Record every snapshot of the repository as a conforming backup."""
    shutil.rmtree(directory, ignore_errors=True)
    procedure = load()
    ledger = Ledger(str(directory), procedure)
    ledger.prepare()
    context = Context("R", execution_mode="automatic", operator_role="JAA", operator_user="root")
    entries = []
    for snapshot in json.loads(_restic(hosts, "snapshots")):
        made = parse_time(snapshot["time"]).isoformat(timespec="seconds")
        measured = {
            "snapshot_id": snapshot["id"],
            "tree": snapshot["tree"],
            "tags": tags_of(snapshot),
            "size_bytes": snapshot["summary"]["total_bytes_processed"],
            "entry_count": snapshot["summary"]["total_files_processed"],
            **dict.fromkeys(("started_at", "arrived_at"), made),
            **dict.fromkeys(("baseline_file_name", "baseline_size_bytes", "baseline_change_pct")),
            **dict.fromkeys(("size_change_accumulated_pct", "new_data_pct")),
            **{key: [] for key in ("reasons", "remarks", "faults")},
            "verification_result": "conforming",
        }
        item = items[measured["tags"]["item"]]
        entries.append(outcomes.backup(item, ONE_HOST, measured, History(), context=context, procedure=procedure))
    ledger.append(entries)


def _restic(hosts: Hosts, *arguments: str) -> str:
    return hosts.ssh(BACKUP_SERVER, _command(hosts, *arguments))


def _through_ansible(hosts: Hosts, *arguments: str) -> None:
    how = ["-m", "ansible.builtin.command", "-a", _command(hosts, *arguments)]
    run([BIN / "ansible", "-i", hosts.inventory, BACKUP_SERVER, *how], environment(hosts.work))


def _command(hosts: Hosts, *arguments: str) -> str:
    """Return the call of restic as our verification makes it: as the owner, without a cache and without a lock."""
    owner = hosts.ssh(BACKUP_SERVER, f"stat -c %U {_REPOSITORY}").strip()
    where = ["--repo", f"{_DIRECTORY}/repository", "--password-file", f"{_DIRECTORY}/repository.key"]
    return shlex.join(["runuser", "-u", owner, "--", "restic", "--json", *where, "--no-cache", "--no-lock", *arguments])


def _require_verified(ledger: Path, read: str, number: int) -> None:
    """Raise unless the newest verification read just that, found all of it, and nothing wrong."""
    lines = next(ledger.glob("ledger-*.jsonl")).read_text("utf-8").splitlines()
    found = next(each for each in map(json.loads, reversed(lines)) if each.get("run_event") == "verified")
    if (found["read"], found["result"], found["checked_count"]) != (read, "intact", number):
        raise Failed(f"the verification that was asked for ({read}, {number} snapshots) ended as {found}")
