# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database server of our own, for a drill: made beside the dump, loaded, asked, and gone with all it had.

It is reached by its socket only, runs as the database system's own user in a directory that nobody else may enter, and
yields to the production server. It is made of the programs that this host has anyway.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from . import database_programs as programs
from .database_programs import DatabaseError
from .text import readable

_STARTING, _STOPPING = 120, 60
# The longest path that the name of a socket may have.
_SOCKET_LENGTH = 100


@contextlib.contextmanager
def scratch_server(database: dict[str, Any], directory: str, *, engine: str) -> Iterator[dict[str, Any]]:
    """Give a ``database`` like the one given, on a server of our own below ``directory``; raise DatabaseError.

    ``engine`` is what the dump came from (``PostgreSQL 15.14``). Below a directory that its user may not enter the
    server cannot work: ``let_in`` comes first.
    """
    postgresql = database["engine"] == "postgresql"
    user = "postgres" if postgresql else "mysql"
    account = programs.user(user)
    home = os.path.join(directory, "server")
    os.mkdir(home, 0o700)
    os.chown(home, account.pw_uid, account.pw_gid)
    socket = os.path.join(home, ".s.PGSQL.5432" if postgresql else "socket")
    if len(os.fsencode(socket)) > _SOCKET_LENGTH:
        raise DatabaseError(f"{home} es una ruta demasiado larga: use un backup_client_staging_dir más corto")
    scratch = {"engine": database["engine"], "name": database["name"], "socket": home if postgresql else socket}
    if postgresql:
        scratch["bin"] = _postgresql_programs(engine)
        command = _make_postgresql(scratch["bin"], home)
    else:
        command = _make_mariadb(home, socket)
    with open(os.path.join(directory, "server.log"), "w+b") as log:
        server = subprocess.Popen(
            ["nice", "-n", "10", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_ENVIRONMENT,
            cwd="/",
            **programs.identity(user),
        )
        try:
            _wait_until_it_answers(scratch, server, log.name)
            yield scratch
        finally:
            # PostgreSQL waits for its clients after SIGTERM, not after SIGINT. MariaDB is one process only, passes over
            # a SIGTERM while it starts, and loses nothing that anybody wants.
            server.send_signal(signal.SIGINT if postgresql else signal.SIGKILL)
            try:
                server.wait(_STOPPING)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(home, ignore_errors=True)


def lacking(database: dict[str, Any], engine: str) -> list[str]:
    """Return why this host cannot give a server of our own for a database, in words; nothing where it can."""
    try:
        if database["engine"] == "postgresql":
            programs.user("postgres")
            _postgresql_programs(engine)
        elif database["engine"] != "sqlite":
            programs.user("mysql")
            server = programs.first_program("mariadbd", "mysqld")
            if not shutil.which(server):
                raise DatabaseError(f"falta el programa «{server}» en este servidor")
    except DatabaseError as error:
        return [str(error)]
    return []


def let_in(directories: list[str]) -> None:
    """Let every user pass through directories of ours, without seeing what is in them.

    A server that runs as another user reaches its own directory only so. What lies beside it stays closed: each
    directory there is 0700.
    """
    for directory in directories:
        mode = os.stat(directory).st_mode & 0o777
        if mode & 0o011 != 0o011:
            os.chmod(directory, mode | 0o011)  # noqa: S103  to pass, not to see
    path = os.path.realpath(directories[-1])
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            raise DatabaseError(
                f"el servidor de prueba no puede pasar por {path}: use un backup_client_staging_dir en otro lugar"
            )
        path = os.path.dirname(path)


def end_servers(directory: str) -> None:
    """End the servers that were started below a directory of ours by a script that was killed since."""
    home = os.path.join(directory, "server")
    inside = os.fsencode(home) + b"/"
    with contextlib.suppress(FileNotFoundError):
        owner = os.stat(home, follow_symlinks=False).st_uid
        for process in glob.glob("/proc/[0-9]*"):
            # By owner too: who only looks at a file of ours has its name among the arguments as well.
            with contextlib.suppress(OSError), open(f"{process}/cmdline", "rb") as arguments:
                if owner != os.geteuid() == 0 and os.stat(process).st_uid == owner and inside in arguments.read():
                    os.kill(int(os.path.basename(process)), signal.SIGKILL)


_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
}


def _postgresql_programs(engine: str) -> str:
    """Return the directory of the server's programs: of the dump's own version, or the next one."""
    wanted = int((re.search(r"\d+", engine) or ["0"])[0])
    found = {}
    for program in glob.glob("/usr/lib/postgresql/*/bin/initdb") + glob.glob("/usr/pgsql-*/bin/initdb"):
        version = re.search(r"[0-9]+", program)
        if version and int(version[0]) >= wanted:
            found[int(version[0])] = os.path.dirname(program)
    on_path = shutil.which("initdb")
    if found or not on_path:
        if not found:
            raise DatabaseError(f"no hay en este servidor programas de PostgreSQL {wanted} o posterior (initdb)")
        return found[min(found)]
    return os.path.dirname(on_path)


def _make_postgresql(programs_directory: str, home: str) -> list[str]:
    data = os.path.join(home, "data")
    initdb = [f"{programs_directory}/initdb", f"--pgdata={data}", "--auth=trust", "--username=postgres", "--no-sync"]
    programs.query([*initdb, "--locale=C", "--encoding=UTF8"], as_user="postgres")
    # Nothing here outlives the drill, so nothing needs to reach the disk.
    options = ["listen_addresses=", f"unix_socket_directories={home}", "port=5432", "fsync=off", "full_page_writes=off"]
    options += ["autovacuum=off", "logging_collector=off", "max_wal_senders=0", "wal_level=minimal"]
    return [f"{programs_directory}/postgres", "-D", data, *(word for option in options for word in ("-c", option))]


def _make_mariadb(home: str, socket: str) -> list[str]:
    data = os.path.join(home, "data")
    os.mkdir(data, 0o700)
    account = programs.user("mysql")
    os.chown(data, account.pw_uid, account.pw_gid)
    server = programs.first_program("mariadbd", "mysqld")
    common = ["--no-defaults", f"--datadir={data}", f"--tmpdir={home}"]
    if shutil.which("mariadb-install-db") or shutil.which("mysql_install_db"):
        install = [programs.first_program("mariadb-install-db", "mysql_install_db"), *common]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        own = ["--skip-log-bin"]
    else:
        install = [server, *common, "--initialize-insecure"]
        own = ["--skip-log-bin", "--mysqlx=OFF"]
    programs.query(install, as_user="mysql")
    quiet = ["--skip-networking", "--event-scheduler=OFF", "--max-allowed-packet=1G"]
    # Nothing here outlives the drill, so nothing needs to reach the disk.
    fast = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
    return [server, *common, *own, *quiet, *fast, f"--socket={socket}", f"--pid-file={home}/pid"]


def _wait_until_it_answers(scratch: dict[str, Any], server: subprocess.Popen, log: str) -> None:
    deadline = time.monotonic() + _STARTING
    while True:
        try:
            if scratch["engine"] == "postgresql":
                programs.query(["psql", "-XAtqc", "SELECT 1"], **programs.postgresql(scratch, "postgres"))
            else:
                client = programs.first_program("mariadb", "mysql")
                programs.query([client, *programs.mariadb(scratch), "--execute=SELECT 1"])
            return
        except DatabaseError:
            if server.poll() is not None or time.monotonic() > deadline:
                with open(log, "rb") as stream:
                    said = readable(stream.read()[-1000:].strip())
                raise DatabaseError(f"el servidor de prueba no arrancó: {said}") from None
            time.sleep(0.2)
