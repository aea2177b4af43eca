# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts at once: what our run adds to the restic commands that it makes on them, and whether it grows evenly."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .controller import BIN, PLAYBOOKS, Failed, environment, request, run
from .hosts import BACKUP_SERVER, OURS, RAW, SOURCE, Hosts, raw_restic, server
from .measure import Aim, Case, Line, Sample, Table, side_by_side
from .scale import MB, Scale

FILES = 500
CHANGED = 5
FILE_BYTES = 20_000
_BY_HAND = "the same calls by hand"


class _Fleet:
    """The servers, backed up a day after the other by one side or the other."""

    def __init__(self, hosts: Hosts, directory: Path) -> None:
        self.hosts = hosts
        self.directory = directory
        self.ledger = directory / "ledger"
        # A second name of the backup server for each repository, so that Ansible works in all of them at once.
        self.repositories = directory / "repositories.json"
        self.newest: dict[str, str] = {}

    def prepare(self, servers: Sequence[str]) -> None:
        """Give each server its files, and each side a first backup of them."""
        way = {key: f"{{{{ hostvars['{BACKUP_SERVER}'].{key} }}}}" for key in ("ansible_host", "ansible_control_path")}
        names = {_repository(each): {**way, "server": each} for each in servers}
        self.repositories.write_text(json.dumps({"all": {"hosts": names}}), "utf-8")
        for each in servers:
            self.hosts.ssh(each, f"rm -rf {SOURCE} && mkdir -p {SOURCE}")
            self._write(each, FILES)
        request(self.hosts.inventory, self.ledger)
        for side, back_up in ((OURS, self.ours), (RAW, self.backup)):
            self.hosts.empty(side, servers)
            self.day(side, servers)
            back_up(servers)

    def day(self, side: str, servers: Sequence[str]) -> None:
        """Let a day pass: a few files are new, and no connection is left of the day before."""
        self.hosts.use(side, servers)
        for each in servers:
            self._write(each, CHANGED)
        self.connections = tempfile.mkdtemp(dir=self.directory)

    def ours(self, servers: Sequence[str]) -> None:
        """Back up as the procedure does."""
        forced = ["--extra-vars", "backup_force=true"]
        self._ansible("ansible-playbook", PLAYBOOKS / "backup.yml", "--limit", ",".join(servers), *forced)

    def raw(self, servers: Sequence[str]) -> None:
        """Make the calls of restic that our run makes of one item: store; look at it, compare it, walk it."""
        before = self.newest
        self.backup(servers)
        for call in ("snapshots --no-lock {new}", "diff --no-lock {old} {new}", "ls --no-lock {new}"):
            ids = {each: call.format(old=before[each], new=self.newest[each]) for each in servers}
            self._command(
                [_repository(each) for each in servers],
                # As the repository's owner, as ours does.
                "runuser -u bk-{{ server }} -- restic --json --repo /srv/dse-backup/{{ server }}/repository "
                "--password-file /srv/dse-backup/{{ server }}/repository.key --no-cache {{ call[server] }}",
                "--extra-vars",
                json.dumps({"call": ids}),
            )

    def backup(self, servers: Sequence[str]) -> None:
        """Store alone, by raw restic, and remember which snapshots that made."""
        text = self._command(servers, raw_restic("--json", "backup", SOURCE))
        made = dict(re.findall(r'^(\S+) \| .*?"snapshot_id":"(\w+)"', text, re.MULTILINE | re.DOTALL))
        if made.keys() != set(servers):
            raise Failed(f"restic made no snapshot on every server:\n{text[-4000:]}")
        self.newest = {**self.newest, **made}

    def check(self, servers: Sequence[str], backups: int) -> None:
        """See that each server has one snapshot a day, of both sides."""
        for each in servers:
            for side in (OURS, RAW):
                found = self.hosts.ssh(BACKUP_SERVER, f"ls /srv/dse-backup/{each}/kept/{side}/snapshots").split()
                if len(found) != backups:
                    raise Failed(f"{each}, {side}: {len(found)} snapshots instead of {backups}")

    def _write(self, name: str, files: int) -> None:
        size = files * FILE_BYTES
        self.hosts.ssh(name, f"cd {SOURCE} && head -c {size} /dev/urandom | split -a 3 -b {FILE_BYTES} - file-")

    def _command(self, names: Sequence[str], command: str, *arguments: str) -> str:
        more = ["-i", self.repositories, "-m", "ansible.builtin.command", "-a", command, *arguments]
        return self._ansible("ansible", ",".join(names), *more)

    def _ansible(self, program: str, *arguments: str | Path) -> str:
        env = environment(self.ledger, ANSIBLE_SSH_CONTROL_PATH_DIR=self.connections)
        return run([BIN / program, "-i", self.hosts.inventory, *arguments], env)[0]


def everything_due(scale: Scale, hosts: Hosts) -> Table:
    """Back up one server, and more of them at once, and do the same by hand."""
    fleet = [server(number) for number in range(1, max(scale.hosts) + 1)]
    with tempfile.TemporaryDirectory() as directory:
        runs = _Fleet(hosts, Path(directory))
        runs.prepare(fleet)
        cases = [case for number in scale.hosts for case in _pair(runs, fleet[:number])]
        seconds = side_by_side(cases, scale.rounds)
        runs.check(fleet[-1:], 1 + scale.rounds)
        runs.check(fleet[:1], 1 + scale.rounds * len(scale.hosts))
    ours, raw = ({number: seconds[f"{side} {number}"] for number in scale.hosts} for side in (OURS, RAW))
    return Table(
        name="everything_due",
        title="Everything due on many hosts",
        about=f"An ordinary day, over SSH with no connection open yet: on each host {FILES} files, "
        f"{FILES * FILE_BYTES // MB} MB, of which {CHANGED} changed.",
        lines=[
            *(Line(_hosts(number), ours[number], _BY_HAND, raw[number], Aim(1.3)) for number in scale.hosts),
            *_growth(ours, raw),
        ],
        notes=[
            "By hand: `ansible -m command` four times, with the calls of restic that our run makes for an item: "
            "`backup` on the servers; `snapshots`, `diff` and `ls` on the backup server, as the repository's owner. "
            "Nobody reads what they print; ours judges it, and records it.",
            "All hosts, the backup server and the controller share this machine's cores: what more hosts cost here is "
            "mostly the hosts' own work, which an institution's do side by side. That is why a further host costs more "
            "once the cores are busy, by hand as with ours.",
        ],
    )


def _pair(runs: _Fleet, servers: Sequence[str]) -> list[Case]:
    return [
        Case(f"{OURS} {len(servers)}", lambda: runs.ours(servers), lambda: runs.day(OURS, servers)),
        Case(f"{RAW} {len(servers)}", lambda: runs.raw(servers), lambda: runs.day(RAW, servers)),
    ]


def _growth(ours: Mapping[int, Sample], raw: Mapping[int, Sample]) -> list[Line]:
    """Show what one more host costs, and that a host costs no more among many than among few."""
    sizes = sorted(ours)
    first, most = sizes[0], sizes[-1]
    each = f"each host after the first, of {most}"
    lines = [Line(each, _further(ours, first, most), _BY_HAND, _further(raw, first, most), Aim(1.3))]
    for fewer, few, many in zip(sizes, sizes[1:], sizes[2:]):
        shares = _share(ours[many], many), _share(ours[few], few)
        lines.append(Line(f"time per host, {many} hosts", shares[0], f"{few} hosts", shares[1], Aim(1.1)))
        for name, seconds in (("ours", ours), (_BY_HAND, raw)):
            further = _further(seconds, few, many), _further(seconds, fewer, few)
            lines.append(Line(f"a further host, {few} to {many}, {name}", further[0], f"{fewer} to {few}", further[1]))
    return lines


def _further(seconds: Mapping[int, Sample], few: int, many: int) -> Sample:
    pairs = zip(seconds[few].values, seconds[many].values)
    return Sample([(of_many - of_few) / (many - few) for of_few, of_many in pairs])


def _share(seconds: Sample, hosts: int) -> Sample:
    return Sample([each / hosts for each in seconds.values])


def _hosts(number: int) -> str:
    return f"{number} hosts" if number > 1 else "1 host"


def _repository(name: str) -> str:
    return f"repository-of-{name}"
