# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways into a repository, with raw restic alone: which one should be the default."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .controller import Failed
from .hosts import BACKUP_SERVER, RAW, Hosts, raw_restic, server
from .measure import Case, Line, Table, side_by_side
from .scale import MB, Scale

CLIENT = server(1)
SOURCE = "/srv/bench/ways"
RESTORED = "/srv/bench/restored"
# On the backup server; the local directory, on the client itself.
REPOSITORIES = "/srv/ways"
PORT = 8443
_PASSWORD = "benchmark"  # noqa: S105 - of the REST server, which ends with the benchmark
_STEPS = ("first", "unchanged", "restore")
# How long a client tries to delete; restic itself would try for a quarter of an hour where it is refused.
_TRY_SECONDS = 5

# A way that needs a daemon, an open port and a certificate that expires must save more than this share of the time.
_WORTH = 1 / 3


@dataclass(frozen=True)
class Way:
    """A way into a repository: restic's command by it, and how to empty what it leads to."""

    name: str
    restic: Callable[..., str]
    empty: Callable[[], object]
    # The host whose disk it leads to.
    where: str = BACKUP_SERVER


def ways(scale: Scale, hosts: Hosts) -> Table:
    """Back up, back up again and restore the same files by each way, and try to delete the backup."""
    hosts.script(CLIENT, Path(__file__).parent / "data.py", "tree", SOURCE, scale.files, scale.file_bytes)
    with _rest_server(hosts):
        all_ways = _ways(hosts)
        seconds = side_by_side([_case(hosts, step, way) for step in _STEPS for way in all_ways], scale.rounds)
        deleted = [f"{way.name}: {_deletion(hosts, way)}" for way in all_ways]
    default, *others = all_ways
    return Table(
        name="ways",
        title="Ways into the repository",
        about=f"Raw restic on one server, {scale.files:,} files, {scale.file_bytes // MB} MB; a backup ends when the "
        f"disk has it. The default, {default.name}, is rclone behind a forced command, as `deploy.yml` sets it up; the "
        "REST server has TLS, a password and `--append-only`.",
        lines=[
            Line(
                f"{default.name}, {step}", seconds[f"{default.name}, {step}"], way.name, seconds[f"{way.name}, {step}"]
            )
            for step in _STEPS
            for way in others
        ],
        notes=[
            *deleted,
            "rclone itself does not wait for the disk; the REST server and restic in a local directory do. So a "
            "backup is timed here until the disk has it, and ours is recorded only then.",
            _choice({way.name: sum(seconds[f"{way.name}, {step}"].median for step in _STEPS) for way in all_ways}),
        ],
    )


def _choice(seconds: Mapping[str, float]) -> str:
    """Say which way the figures, the sum of a way's steps, choose for the default."""
    share = seconds["REST server"] / seconds["append-only over SSH"]
    figures = (
        "By two of the ways a client cannot delete what it stored. All three steps together, the REST server takes "
        f"{share:.2f} × the time of append-only over SSH, and needs a daemon, an open port and a certificate that "
        "expires; the other needs only the sshd that is there."
    )
    chosen = "the REST server should be the default" if share < 1 - _WORTH else "the default is append-only over SSH"
    return f"{figures} So **{chosen}**. What SFTP or a local directory cost does not matter: their clients can delete."


def _ways(hosts: Hosts) -> list[Way]:
    rest = f"rest:https://{CLIENT}:{_PASSWORD}@{BACKUP_SERVER}:{PORT}/{CLIENT}/"
    sftp = ["-o", "sftp.args=-i ~/.ssh/sftp"]
    return [
        Way("append-only over SSH", raw_restic, lambda: hosts.empty(RAW, [CLIENT])),
        _way(hosts, "REST server", BACKUP_SERVER, "rest", ["--repo", rest, "--cacert", f"{REPOSITORIES}/certificate"]),
        _way(hosts, "SFTP", BACKUP_SERVER, "sftp", ["--repo", f"sftp:{BACKUP_SERVER}:{REPOSITORIES}/sftp", *sftp]),
        _way(hosts, "local directory", CLIENT, "local", ["--repo", f"{REPOSITORIES}/local"]),
    ]


def _way(hosts: Hosts, name: str, where: str, directory: str, how: Sequence[str]) -> Way:
    cache = f"/var/cache/way-{directory}"

    def restic(*arguments: str) -> str:
        known = ["--password-file", "/etc/dse-backup/repository.key", "--cache-dir", cache]
        return shlex.join(["restic", *how, *known, *arguments])

    def empty() -> None:
        hosts.ssh(where, f"rm -rf {REPOSITORIES}/{directory}")
        hosts.ssh(CLIENT, f"rm -rf {cache} && {restic('init')}")

    return Way(name, restic, empty, where)


def _case(hosts: Hosts, step: str, way: Way) -> Case:
    """One step by one way; the first backup is into a repository that is new, the others go on from it."""

    def before() -> None:
        if step == "first":
            way.empty()
        # What was written before is not to be written to the disk in this one's time.
        hosts.ssh(CLIENT, f"rm -rf {RESTORED} && sync")

    def run() -> None:
        if step == "restore":
            hosts.ssh(CLIENT, way.restic("restore", "latest", "--target", RESTORED))
        else:
            hosts.ssh(CLIENT, way.restic("backup", SOURCE))
            # Some ways wait until the disk has it, rclone does not.
            hosts.ssh(way.where, "sync -f /srv")

    return Case(f"{way.name}, {step}", run, before)


def _deletion(hosts: Hosts, way: Way) -> str:
    """Try to delete a snapshot as a hostile client would, and say what became of it."""
    before = _snapshots(hosts, way)
    if len(before) != 2:
        raise Failed(f"{way.name}: {len(before)} snapshots instead of 2")
    text = hosts.ssh(CLIENT, f"timeout {_TRY_SECONDS} {way.restic('forget', before[-1])} 2>&1 || true")
    if _snapshots(hosts, way) != before:
        return "the client deleted its backup"
    if "403" not in text:
        raise Failed(f"{way.name}: deletion was neither done nor refused:\n{text}")
    return "the client could not delete its backup (403)"


def _snapshots(hosts: Hosts, way: Way) -> list[str]:
    text = hosts.ssh(CLIENT, way.restic("--quiet", "list", "--no-lock", "snapshots"))
    return sorted(text.split())


@contextmanager
def _rest_server(hosts: Hosts) -> Iterator[None]:
    """Run the REST server as an institution would: append-only, TLS, a password and a repository for each server."""
    digest = base64.b64encode(hashlib.sha1(_PASSWORD.encode(), usedforsecurity=False).digest()).decode()
    key, certificate, users = (f"{REPOSITORIES}/{name}" for name in ("key", "certificate", "users"))
    program = [
        *("restic-rest-server", "--path", f"{REPOSITORIES}/rest", "--append-only", "--private-repos"),
        *("--htpasswd-file", users, "--listen", f":{PORT}", "--tls", "--tls-key", key, "--tls-cert", certificate),
    ]
    hosts.ssh(BACKUP_SERVER, f"mkdir -p {REPOSITORIES} && echo '{CLIENT}:{{SHA}}{digest}' > {users}")
    hosts.ssh(
        BACKUP_SERVER,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN={BACKUP_SERVER} -addext subjectAltName=DNS:{BACKUP_SERVER} -keyout {key} -out {certificate}",
    )
    pinned = hosts.ssh(BACKUP_SERVER, f"cat {certificate}").encode()
    hosts.ssh(CLIENT, f"mkdir -p {REPOSITORIES} && cat > {certificate}", pinned)
    hosts.ssh(BACKUP_SERVER, f"systemd-run --unit bench-rest --collect {shlex.join(program)}")
    try:
        yield
    finally:
        hosts.ssh(BACKUP_SERVER, "systemctl stop bench-rest")
