# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring databases: into a new one, in the place of the live one, or into a server of our own for a drill.

The dump comes back to a directory that only root may enter, its digest is compared with the record's before anything
is touched, and what was loaded is compared with the dump, table by table, before it counts. What was there before is
kept: in a snapshot of its own (tag ``safety``), or where it cannot be dumped, beside.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Union

from . import database_programs as programs
from . import databases, sqlite_files
from .database_programs import DatabaseError
from .database_servers import Copy, Mariadb, Postgresql
from .databases import GLOBALS_FILE
from .dump_contents import Contents
from .items import dump_file_name
from .restic import Restic, ResticError
from .restore_error import RestoreError
from .scratch_server import end_servers, lacking, let_in, scratch_server
from .text import readable

Server = Union[Postgresql, Mariadb]
Progress = Callable[[dict[str, Any]], None]

# Item ids begin with a letter or a digit: no item's staging directory is ever called so.
_WORKSPACE = ".database-"
# What tells, beside a safety dump, which database it is of.
_SAFETY_FILE = "safety.json"
# Loaded, a database takes more room than its dump: indexes, logs. Measured: 1.3 to 2 times.
_GROWTH = 2


@dataclass
class _Job:
    """One restoration while it goes on, and what is true of it whatever happens next."""

    config: dict[str, Any]
    request: dict[str, Any]
    restic: Restic
    progress: Progress
    run_id: str
    directory: str
    remarks: list[str] = field(default_factory=list)
    sha256_matches: bool | None = None
    safety_snapshot: str | None = None
    database: dict[str, Any] | None = None

    @property
    def item(self) -> dict[str, Any]:
        return self.request["item"]

    @property
    def mark(self) -> str:
        """What sets the names of this restoration apart from another's: eight hexadecimal digits."""
        return os.path.basename(self.directory)[-8:]

    def facts(self) -> dict[str, Any]:
        known = {"sha256_matches": self.sha256_matches, "safety_snapshot": self.safety_snapshot}
        return {**known, "remarks": self.remarks, "database": self.database}


def restore(
    config: dict[str, Any], request: dict[str, Any], restic: Restic, progress: Progress, run_id: str
) -> dict[str, Any]:
    """Restore a database as ``request`` asks and return the facts of the outcome.

    ``restic`` is the repository of the snapshot. Raises RestoreError; any error carries ``facts``, what is true all
    the same (``safety_snapshot`` above all).
    """
    with _errors(), _workspace(config["staging_dir"]) as directory:
        job = _Job(config, request, restic, progress, run_id, directory)
        try:
            copy = _fetched(job)
            size = os.path.getsize(copy.file)
            if job.item["database"]["engine"] == "sqlite":
                _restore_sqlite(job, copy)
            elif request.get("drill"):
                _drill(job, copy)
            else:
                _restore_on_server(job, copy)
        except (DatabaseError, ResticError, OSError, ValueError, sqlite3.Error) as error:
            raise RestoreError(_words(error), **job.facts()) from None
        except BaseException as stop:
            stop.facts = {**job.facts(), **getattr(stop, "facts", {})}
            raise
    tables = job.database["tables"] if job.database else {}
    return {"restored_bytes": size, "entry_count": len(tables), **job.facts()}


def preview(config: dict[str, Any], request: dict[str, Any], restic: Restic) -> dict[str, Any]:
    """Tell what ``restore`` would create and replace, and each reason for which it would refuse; write nothing."""
    told: dict[str, Any] = {"written": [], "replaced": [], "left": [], "refusals": [], "remarks": []}
    with _errors():
        source = _source(request, restic)
    told["refusals"] += _staging_refusals(config, request, source)
    if request.get("drill"):
        told["refusals"] += lacking(request["item"]["database"], source.engine)
        told["remarks"].append("el simulacro carga el respaldo en un servidor propio y lo elimina: no escribe nada más")
        return told
    name = _target(request, source.name)
    entry = {"path": name, "type": "database", "size": source.size}
    if request["item"]["database"]["engine"] == "sqlite":
        there: Any = os.path.lexists(name)
        told["refusals"] += _sqlite_refusals(request, name, source.size)
    else:
        server = _server(request["item"]["database"], told["remarks"])
        try:
            there = server.size(name)
            told["refusals"] += _server_refusals(server, request, name, source.engine, source.size)
            roles = server.missing_roles(source.roles)
            if roles:
                told["remarks"].append("se crearían los roles que faltan: " + ", ".join(map(readable, roles)))
            told["remarks"] += _left_over(server)
            there = None if there is None else True
        except DatabaseError as error:
            told["refusals"].append(str(error))
            return told
    told["replaced" if there else "written"].append(entry)
    return told


# --- The dump comes back ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """What the repository says about the snapshot, without restoring it. ``size`` and ``total`` are bytes."""

    snapshot: str
    name: str
    engine: str
    sha256: str
    size: int
    total: int
    roles: str = ""


def _source(request: dict[str, Any], restic: Restic, *, with_roles: bool = True) -> _Source:
    snapshot = request.get("undo") or request["snapshot"]
    wanted = _dump_file(request)
    described = restic.snapshots([snapshot])
    tags = dict(tag.partition("=")[::2] for tag in (described[0].get("tags") or [] if described else []))
    files = {node["name"]: node for node in restic.nodes(snapshot) if node["type"] == "file"}
    if wanted not in files:
        raise RestoreError(f"el respaldo {snapshot[:8]} no contiene {wanted}: elija otro respaldo de este elemento")
    database = request["item"]["database"]
    name = database.get("name") or database.get("path")
    if request.get("undo"):
        if _SAFETY_FILE not in files:
            raise RestoreError(f"{snapshot[:8]} no es el respaldo de seguridad de una restauración de base de datos")
        name = json.loads(restic.read_text(snapshot, files[_SAFETY_FILE]["path"]))["name"]
    roles = ""
    if with_roles and GLOBALS_FILE in files:
        roles = restic.read_text(snapshot, files[GLOBALS_FILE]["path"])
    digest = tags.get("sha256", "") if request.get("undo") else request.get("sha256") or ""
    total = sum(node.get("size", 0) for node in files.values())
    return _Source(snapshot, name, tags.get("engine", ""), digest, files[wanted].get("size", 0), total, roles)


def _fetched(job: _Job) -> Copy:
    """Bring the dump back and compare its digest; raise RestoreError where it is another."""
    source = _source(job.request, job.restic, with_roles=False)
    refusals = _staging_refusals(job.config, job.request, source)
    if refusals:
        raise RestoreError("; ".join(refusals))

    def share(status: dict[str, Any]) -> None:
        news = {"percent": round(100 * status.get("percent_done", 0)), "bytes_done": status.get("bytes_restored", 0)}
        job.progress({"phase": "restore", **news, "bytes_total": status.get("total_bytes", 0)})

    job.progress({"phase": "restore"})
    descriptor = os.open(job.directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        job.restic.restore(source.snapshot, descriptor, on_status=share)
    finally:
        os.close(descriptor)
    wanted = _dump_file(job.request)
    for directory, _directories, files in os.walk(job.directory):
        file = os.path.join(directory, wanted)
        if wanted in files and stat.S_ISREG(os.lstat(file).st_mode):
            break
    else:
        raise RestoreError(f"el respaldo {source.snapshot[:8]} no contiene {wanted}")
    job.progress({"phase": "verify"})
    if source.sha256:
        job.sha256_matches = databases.sha256(file) == source.sha256
        if not job.sha256_matches:
            raise RestoreError(
                f"la huella de {wanted} no es la del registro: el respaldo {source.snapshot[:8]} no es el que se "
                "guardó; no se tocó nada. Use otro respaldo, o la copia de CSC"
            )
    else:
        job.remarks.append("el registro no tiene la huella de este respaldo: no se comparó")
    return Copy(directory, file, source.name, source.engine)


def _dump_file(request: dict[str, Any]) -> str:
    return (not request.get("undo") and request.get("dump_file")) or dump_file_name(request["item"])


def _target(request: dict[str, Any], name: str) -> str:
    return request.get("target") or name


@contextlib.contextmanager
def _workspace(staging_dir: str) -> Iterator[str]:
    """Give a directory of our own below the staging directory and remove it afterwards, like those of killed ones."""
    with contextlib.suppress(FileNotFoundError):
        for entry in list(os.scandir(staging_dir)):
            if entry.name.startswith(_WORKSPACE) and time.time() - entry.stat(follow_symlinks=False).st_mtime > 60:
                _remove_if_abandoned(entry.path)
    directory = tempfile.mkdtemp(prefix=_WORKSPACE, dir=staging_dir, suffix=os.urandom(4).hex())
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _remove_if_abandoned(directory: str) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            end_servers(directory)
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(lock)


def _staging_refusals(config: dict[str, Any], request: dict[str, Any], source: _Source) -> list[str]:
    # A drill's database lies there too, and in place so does the dump of what was there.
    times = 1 + (_GROWTH if request.get("drill") else 1 if request.get("in_place") else 0)
    return _space_refusals(
        config["staging_dir"], source.total * times, "libere espacio o cambie backup_client_staging_dir"
    )


def _space_refusals(directory: str, needed: int, remedy: str) -> list[str]:
    while not os.path.isdir(directory) and directory != "/":
        directory = os.path.dirname(directory)
    try:
        programs.require_space(directory, needed, remedy=remedy)
    except programs.NoSpace as error:
        return [str(error)]
    return []


# --- Servers ----------------------------------------------------------------------------------------------------------


def _server(database: dict[str, Any], remarks: list[str]) -> Server:
    return (Postgresql if database["engine"] == "postgresql" else Mariadb)(database, remarks)


def _restore_on_server(job: _Job, copy: Copy) -> None:
    server = _server(job.item["database"], job.remarks)
    name = _target(job.request, copy.name)
    refusals = _server_refusals(server, job.request, name, copy.engine, os.path.getsize(copy.file))
    if refusals:
        raise RestoreError("; ".join(refusals), **job.facts())
    job.remarks += _left_over(server)
    server.prepare(copy)
    if server.size(name) is None:
        _build(job, server, copy, name)
    else:
        server.replace(
            copy,
            name,
            job.mark,
            build=lambda new: _build(job, server, copy, new, known_as=name),
            keep_safe=lambda live, **options: _keep_safe(
                job, {**job.item["database"], "name": live, **options}, of=name
            ),
        )


def _drill(job: _Job, copy: Copy) -> None:
    """Load the dump into a server of our own, compare, and leave nothing behind."""
    database = {**job.item["database"], "name": copy.name}
    let_in([job.config["state_dir"], job.config["staging_dir"], job.directory])
    job.progress({"phase": "server"})
    with scratch_server(database, job.directory, engine=copy.engine) as scratch:
        server = _server(scratch, job.remarks)
        server.prepare(copy)
        _build(job, server, copy, copy.name)


def _build(job: _Job, server: Server, copy: Copy, name: str, *, known_as: str = "") -> None:
    """Make the database ``name``, which nothing has, from the dump; what does not equal the dump is dropped again.

    ``known_as`` is the name in the record where this one is only for the time being.
    """
    job.progress({"phase": "load"})
    try:
        server.make(copy, name)
        job.progress({"phase": "compare"})
        expected = server.expected(copy, name)
        same_version = copy.engine == server.engine() == server.programs_engine()
        found = server.found(name, expected)
        _compare(job, expected, found, server.engine(), known_as or name, same_version=same_version)
    except BaseException:
        with contextlib.suppress(DatabaseError):
            server.drop(name)
        raise


def _compare(job: _Job, expected: Contents, found: Contents, engine: str, name: str, *, same_version: bool) -> None:
    """Write down how the restored database compares with the dump; raise RestoreError where rows differ."""
    counts = {
        readable(table): {"expected": rows, "found": found.rows.get(table)} for table, rows in expected.rows.items()
    }
    different = [table for table, count in counts.items() if count["expected"] != count["found"]]
    difference = next(((old, new) for old, new in zip(expected.schema, found.schema) if old != new), None)
    same_schema = difference is None and len(expected.schema) == len(found.schema)
    job.database = {
        "engine": engine,
        "name": name,
        "tables": counts,
        "rows_match": not different,
        # Another version writes the same schema in other words: no judgement then.
        "schema_matches": True if same_schema else False if same_version else None,
    }
    if not same_schema:
        old, new = difference or (b"", b"")
        where = f": «{readable(old.strip(), 200)}» y «{readable(new.strip(), 200)}»" if difference else ""
        words = (
            "el esquema restaurado no es igual al del respaldo"
            if same_version
            else f"el respaldo es de otra versión (la de aquí es {engine}): el esquema no se puede comparar"
        )
        remark = words + where
        if remark not in job.remarks:
            job.remarks.append(remark)
    if different:
        some = ", ".join(f"{table} ({counts[table]['expected']} y {counts[table]['found']})" for table in different[:5])
        raise RestoreError(
            f"lo restaurado no tiene los registros del respaldo en {len(different)} tablas: {some}", **job.facts()
        )


def _keep_safe(job: _Job, database: dict[str, Any], *, of: str) -> Copy:
    """Store a dump of what is there before it is replaced; ``of`` is the name by which an undo brings it back."""
    job.progress({"phase": "safety"})
    item = {**job.item, "database": database}
    directory = os.path.join(job.directory, "safety")
    dump = databases.dump(item, directory)
    with open(os.path.join(directory, _SAFETY_FILE), "w", encoding="utf-8") as stream:
        json.dump({"name": of}, stream)
    # The repository of this server, wherever the snapshot came from.
    own = Restic.of(job.config) if job.request.get("source") else job.restic
    tags = [f"safety={job.run_id}", f"safety-of={job.item['id']}", f"sha256={dump.sha256}", f"engine={dump.engine}"]
    stored = own.backup([directory], host=job.config["server"], tags=[tag.replace(",", ";") for tag in tags])
    if stored.unreadable:
        raise ResticError("el respaldo de seguridad quedó incompleto: " + ", ".join(stored.unreadable))
    job.safety_snapshot = stored.snapshot_id
    return Copy(directory, os.path.join(directory, dump_file_name(item)), of, dump.engine)


def _server_refusals(server: Server, request: dict[str, Any], name: str, dumped: str, size: int) -> list[str]:
    """Return every reason not to load a dump of ``size`` bytes, made by ``dumped``, into the database ``name``."""
    refusals = []
    if name in server.system_databases:
        refusals.append(f"«{name}» es del propio manejador: restaure con otro nombre (restore_target)")
    if "\0" in name or not 0 < len(os.fsencode(name)) <= 63:
        refusals.append(f"«{readable(name)}» no sirve de nombre de base de datos: 63 bytes a lo más")
    elif server.size(name) is not None and not request.get("in_place"):
        refusals.append(
            f"la base de datos «{readable(name)}» ya existe: indique otro nombre (restore_target), o restore_in_place "
            "para reemplazarla"
        )
    for what, have in (("el servidor", server.engine()), ("los programas", server.programs_engine())):
        if dumped and _is_older(have, dumped):
            refusals.append(
                f"{what} de aquí: {have}; el respaldo es de {dumped}: se requiere el mismo manejador, "
                "de esa versión o posterior"
            )
    return refusals + _space_refusals(server.disk(), size * _GROWTH, "libere espacio en el servidor de base de datos")


def _is_older(have: str, needed: str) -> bool:
    """Tell whether a product, ``PostgreSQL 15.14``, may not read what the other one wrote."""
    product, _space, version = have.partition(" ")
    wanted, _space, least = needed.partition(" ")
    # PostgreSQL changes its formats with the first number, the others with the second.
    depth = 1 if product == "PostgreSQL" else 2
    return product != wanted or _numbers(version)[:depth] < _numbers(least)[:depth]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _left_over(server: Server) -> list[str]:
    left = server.left_over()
    if not left:
        return []
    return [f"quedaron de restauraciones anteriores: {', '.join(left)}; revíselas y elimínelas a mano"]


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _restore_sqlite(job: _Job, copy: Copy) -> None:
    path = _target(job.request, copy.name)
    expected = sqlite_files.contents(copy.file)
    if job.request.get("drill"):
        path = os.path.join(job.directory, "drill.sqlite")
        sqlite_files.place(path, copy.file, owner=(os.geteuid(), os.getegid()), mode=0o600)
        _compare_sqlite(job, expected, path)
        return
    refusals = _sqlite_refusals(job.request, path, os.path.getsize(copy.file))
    if refusals:
        raise RestoreError("; ".join(refusals), **job.facts())
    if os.path.lexists(path):
        _replace_sqlite(job, copy, path, expected)
    else:
        _place_sqlite(job, copy, path)
        _compare_sqlite(job, expected, path)


def _replace_sqlite(job: _Job, copy: Copy, path: str, expected: Contents) -> None:
    try:
        before = _keep_safe(job, {**job.item["database"], "path": path}, of=path)
    except databases.Damaged as error:
        # Perhaps the very reason for restoring. It stays beside, whole as it is.
        status = os.lstat(path)
        moved = sqlite_files.set_aside(path, f".anterior-{job.mark}")
        job.remarks.append(f"lo que había está dañado ({error}) y quedó en {', '.join(moved)}")
        mode = stat.S_IMODE(status.st_mode)
        sqlite_files.place(path, copy.file, owner=(status.st_uid, status.st_gid), mode=mode)
        _compare_sqlite(job, expected, path)
        return
    try:
        job.progress({"phase": "load"})
        sqlite_files.overwrite(path, copy.file)
        _compare_sqlite(job, expected, path)
    except BaseException as error:
        try:
            sqlite_files.overwrite(path, before.file)
            said = f"{path} tiene otra vez lo que había"
        except DatabaseError as second:
            said = f"{path} NO quedó completo ({second}): deshaga esta restauración con su respaldo de seguridad"
        error.args = (f"{error}; {said}", *error.args[1:])
        raise


def _place_sqlite(job: _Job, copy: Copy, path: str) -> None:
    moved = sqlite_files.set_aside(path, f".anterior-{job.mark}")
    if moved:
        job.remarks.append(f"eran de una base de datos que ya no está, y quedaron en {', '.join(moved)}")
    owner, mode = (os.geteuid(), os.getegid()), 0o600
    if path == job.item["database"]["path"]:
        # The dump has the owner and mode of its database, so that the service finds its file as it was.
        status = os.lstat(copy.file)
        owner, mode = (status.st_uid, status.st_gid), stat.S_IMODE(status.st_mode)
    job.progress({"phase": "load"})
    sqlite_files.place(path, copy.file, owner=owner, mode=mode)
    job.remarks.append(f"{path} es de uid {owner[0]} y gid {owner[1]}, con modo {mode:04o}")


def _compare_sqlite(job: _Job, expected: Contents, path: str) -> None:
    job.progress({"phase": "compare"})
    engine = f"SQLite {sqlite3.sqlite_version}"
    _compare(job, expected, sqlite_files.contents(path), engine, path, same_version=True)


def _sqlite_refusals(request: dict[str, Any], path: str, size: int) -> list[str]:
    obstacle = sqlite_files.obstacle(path)
    refusals = [obstacle] if obstacle else []
    if not obstacle and os.path.lexists(path) and not request.get("in_place"):
        refusals.append(f"{path} ya existe: indique otra ruta (restore_target), o restore_in_place para reemplazarlo")
    return refusals + _space_refusals(os.path.dirname(path), size, "libere espacio ahí o elija otra ruta")


# --- Errors -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, ResticError, OSError, ValueError) as error:
        raise RestoreError(_words(error)) from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return readable(f"no se pudo escribir o leer {error.filename or ''}: {error.strerror or error}")
    if isinstance(error, ValueError):
        return readable(f"no se entiende lo que respondió un programa o lo que dice el respaldo: {error}")
    return readable(str(error))
