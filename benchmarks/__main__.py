# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures everything and writes the page: ``make bench``; with ``QUICK=1``, only to see that all of it runs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from . import databases, delivery, ledger, many_hosts, nothing_due, one_host, page, report, verification, ways
from .controller import CHECKOUT, Failed, run
from .hosts import BACKUP_SERVER, ONE_HOST, Hosts
from .measure import Table
from .reasons import REASONS
from .scale import FULL, QUICK, Scale

_CACHE = CHECKOUT / ".cache" / "bench"
_RESULTS = _CACHE / "results.json"
_PAGE = Path(__file__).with_name("README.md")

# Those that need the test hosts, and those that need this machine alone.
_ON_HOSTS: dict[str, Callable[[Scale, Hosts], Table]] = {
    "backup": one_host.backup,
    "databases": databases.databases,
    "restore": one_host.restore,
    "verify": verification.verify,
    "everything-due": many_hosts.everything_due,
    "ways": ways.ways,
    "delivery": delivery.deliver,
}
_ALONE: dict[str, Callable[[Scale, Path], Table]] = {
    "nothing-due": nothing_due.nothing_due,
    "ledger": ledger.ledger,
    "page": page.page,
}


def main() -> int:
    everything = [*_ON_HOSTS, *_ALONE]
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, one round; the page is left as it is")
    parser.add_argument("--render", action="store_true", help="write the page again from the last full measurement")
    parser.add_argument("only", nargs="*", metavar="TABLE", help=f"only these: {', '.join(everything)}")
    arguments = parser.parse_args()
    unknown = set(arguments.only) - set(everything)
    if unknown:
        parser.error(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(everything)}")
    if arguments.render:
        tables, machine = report.load(_RESULTS)
        _PAGE.write_text(report.render(tables, machine, FULL, REASONS), "utf-8")
        return 0
    if os.geteuid() != 0:
        print("The test hosts are containers with systemd: run it as root.", file=sys.stderr)
        return 1
    scale = QUICK if arguments.quick else FULL
    tables, machine, failed = _measure(scale, arguments.only or everything)
    page = report.render(tables, machine, scale, REASONS)
    print(page)
    for name in failed:
        print(f"Not measured: {name}, see above.", file=sys.stderr)
    if scale is FULL and not arguments.only and not failed:
        report.save(_RESULTS, tables, machine)
        _PAGE.write_text(page, "utf-8")
    return 1 if failed else 0


def _measure(scale: Scale, names: list[str]) -> tuple[list[Table], dict[str, str], list[str]]:
    """Measure the tables ``names``; return them, the machine, and which could not be measured."""
    tables, failed, programs = [], [], {}
    _CACHE.mkdir(parents=True, exist_ok=True)
    hosts = Hosts(_CACHE)
    needed = [name for name in names if name in _ON_HOSTS]
    try:
        if needed:
            _say("the test hosts")
            (_CACHE / "bin").mkdir(parents=True, exist_ok=True)
            run([CHECKOUT / "demo" / "restic", _CACHE])
            if not (_CACHE / "bin" / "restic-rest-server").exists():
                run([CHECKOUT / "demo" / "newer-package", _CACHE, "restic-rest-server"])
            hosts.start(max(scale.hosts))
            programs = _programs(hosts)
        for name in names:
            _say(name)
            with tempfile.TemporaryDirectory(dir=_CACHE) as work:
                try:
                    found = _ON_HOSTS[name](scale, hosts) if name in _ON_HOSTS else _ALONE[name](scale, Path(work))
                    tables.append(found)
                except Failed as error:
                    print(error, file=sys.stderr)
                    failed.append(name)
                except Exception:  # Whatever it is, it stops one table and not the others.
                    traceback.print_exc()
                    failed.append(name)
    finally:
        if needed:
            hosts.stop()
    return tables, report.this_machine(programs), failed


def _programs(hosts: Hosts) -> dict[str, str]:
    """Return the versions of what is measured, from the hosts themselves."""
    first = {
        "restic": "restic version",
        "borg": "borg --version",
        "PostgreSQL": "psql --version",
        "MariaDB": "mariadb --version",
    }
    programs = {name: hosts.ssh(ONE_HOST, command).splitlines()[0] for name, command in first.items()}
    return {**programs, "rclone": hosts.ssh(BACKUP_SERVER, "rclone version").splitlines()[0]}


def _say(what: str) -> None:
    print(f"  {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
