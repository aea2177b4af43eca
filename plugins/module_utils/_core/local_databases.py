# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases there are on this very server, on all of its database servers, and which servers do not say."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .database_programs import DatabaseError
from .database_servers import Listed, Mariadb, Postgresql

# A database server that hangs must not keep the rest from being looked at.
_SECONDS_TO_ANSWER = 30

FAMILIES = {"postgresql": "postgresql", "mariadb": "mariadb", "mysql": "mariadb"}
_SERVERS = {"postgresql": Postgresql, "mariadb": Mariadb}
_NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB o MySQL"}
# Where a server listens when it runs; what its directory of data has, whether it runs or not.
SOCKETS = {
    "postgresql": ["/run/postgresql/.s.PGSQL.*[0-9]"],
    "mariadb": ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock"],
}
DATA = {
    "postgresql": [
        "/var/lib/postgresql/*/*/PG_VERSION",
        "/var/lib/pgsql/data/PG_VERSION",
        "/var/lib/pgsql/*/data/PG_VERSION",
    ],
    "mariadb": ["/var/lib/mysql/mysql"],
}


class LocalDatabases:
    """The database servers of this host, each asked once.

    ``listed`` has the databases of each by its family and directory of data, ``configuration`` the files that a server
    itself names as its own; ``problems`` says in words why one could not be asked, ``remarks`` what may be missing.
    """

    def __init__(self) -> None:
        self.listed: dict[tuple[str, str], list[Listed]] = {}
        self.configuration: list[str] = []
        self.problems: list[str] = []
        self.remarks: list[str] = []
        self._reached: dict[tuple[Any, ...], str] = {}

    def find(self, families: Sequence[str], requested: Iterable[Mapping[str, Any]]) -> None:
        """Ask the servers of these families that listen here, and those of the ``requested`` databases.

        A requested database is as in the inventory, and asked for in the way that stands there.
        """
        # First as root, who sees all databases; the account of an item may see its own alone.
        failed = {family: list(self._ask_listening(family)) for family in families}
        for database in requested:
            family = FAMILIES[database["engine"]]
            if family in families:
                for fault in self._ask(family, database):
                    name = database["name"]
                    self.problems.append(f"no se pudo comprobar que exista la base de datos «{name}»: {fault}")
        for family in families:
            self._look_for_silent(family, failed[family])

    def _look_for_silent(self, family: str, failed: list[str]) -> None:
        what = f"no se pudieron ver las bases de datos de {_NAMES[family]}"
        silent = [each for each in _directories(family) if (family, each) not in self.listed]
        for directory in silent:
            why = "; ".join(failed) or "¿está detenido?"
            self.problems.append(f"{what} en {directory} ({why}): arránquelo, permita el acceso a root o retírelo")
        # One that an item's own way in has reached needs no other.
        if not silent and not any(family == known for known, _directory in self.listed):
            self.problems += [f"{what}: {fault}" for fault in failed]

    def standing(self, name: str, database: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """Return whether a database is present, gone or unknown, and the directory of data of its server.

        Without its ``database`` as in the inventory, one of that name on any server is meant.
        """
        if database is not None:
            family = FAMILIES[database["engine"]]
            directory = self._reached.get(_key(family, database), "")
            if not directory:
                return "unknown", ""
            names = {each.name for each in self.listed[family, directory]}
            return ("present" if name in names else "gone"), directory
        for (_family, directory), databases in self.listed.items():
            if any(each.name == name for each in databases):
                return "present", directory
        return ("unknown" if self.problems or not self.listed else "gone"), ""

    def _ask_listening(self, family: str) -> Iterator[str]:
        for where in _listening(family):
            yield from self._ask(family, where)

    def _ask(self, family: str, where: Mapping[str, Any]) -> Iterator[str]:
        """Ask a server for its databases; yield why it does not answer."""
        key = _key(family, where)
        if key in self._reached:
            return
        self._reached[key] = ""
        server = _SERVERS[family](dict(where))
        try:
            with _patience():
                directory = server.disk()
                if not directory.startswith("/"):
                    raise DatabaseError("no dice dónde están sus datos")
                directory = os.path.realpath(directory)
                if (family, directory) not in self.listed:
                    self.listed[family, directory] = server.databases()
                    if "defaults_file" in where:
                        account = f"la cuenta de {where['defaults_file']}"
                        self.remarks.append(f"de {directory} sólo se sabe lo que puede ver {account}")
                    if isinstance(server, Postgresql):
                        self.configuration += server.configuration()
                self._reached[key] = directory
        except (DatabaseError, ValueError) as error:
            yield f"puerto {where['port']}: {error}" if "port" in where else str(error)


def _key(family: str, where: Mapping[str, Any]) -> tuple[Any, ...]:
    return family, where.get("port"), where.get("defaults_file")


def _listening(family: str) -> Iterator[dict[str, Any]]:
    """Yield how to reach each server of a family that seems to run here."""
    sockets = [socket for pattern in SOCKETS[family] for socket in sorted(glob.glob(pattern))]
    if family == "postgresql":
        for socket in sockets:
            port = re.search(r"\.(\d+)\Z", socket)
            if port:
                yield {"port": int(port[1])}
    elif sockets and (shutil.which("mariadb") or shutil.which("mysql")):
        yield {}


def _directories(family: str) -> list[str]:
    """Return the directories of data where the system's packages put them."""
    found = [mark for pattern in DATA[family] for mark in sorted(glob.glob(pattern))]
    return [os.path.realpath(os.path.dirname(mark)) for mark in found]


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    def stop(_number: int, _frame: Any) -> None:
        raise DatabaseError(f"no respondió en {_SECONDS_TO_ANSWER} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_SECONDS_TO_ANSWER)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
