# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is on a server that somebody might have to ask a backup for, and whether what was asked for is there.

Only looks. What it finds is judged on the controller, which knows what was requested (clause 4.1.1).
"""

from __future__ import annotations

import functools
import os
import pwd
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .code_repositories import entrance, find_repositories
from .local_databases import LocalDatabases
from .safe_tree import mount_of, mounts, opened_path
from .text import readable
from .web_sites import Apache, Configuration, Nginx

# More than a person reads.
_MOST = 2000
# The longest path that there is, each byte of it written as \xff.
_LONGEST = 4 * 4096
# To add up the sizes of more than this is not cheap.
_ENTRIES_TO_MEASURE = 50_000
# What is put into a directory so that it is kept although there is nothing in it.
_NOTHING = (".SEQ", ".empty", ".gitkeep", ".keep", ".placeholder")


# The module's options, and those of the action of its name.
OPTIONS = {
    "web_roots": {"type": "list", "elements": "path", "default": ["/var/www", "/srv/www"]},
    "code_roots": {
        "type": "list",
        "elements": "path",
        "default": ["/srv", "/var/www", "/opt", "/home", "/usr/local/src"],
    },
    "configuration_roots": {
        "type": "list",
        "elements": "path",
        "default": ["/etc", "/usr/local/etc", "/var/spool/cron"],
    },
    "nginx_files": {"type": "list", "elements": "path", "default": ["/etc/nginx/nginx.conf"]},
    "apache_files": {
        "type": "list",
        "elements": "path",
        "default": ["/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"],
    },
    "engines": {
        "type": "list",
        "elements": "str",
        "choices": ["postgresql", "mariadb"],
        "default": ["postgresql", "mariadb"],
    },
    "depth": {"type": "int", "default": 5},
    "directories": {"type": "int", "default": 20_000},
    "time_limit": {"type": "int", "default": 60},
    "requested": {"type": "list", "elements": "dict", "default": []},
}


@dataclass(frozen=True)
class Scope:
    """Where to look, and how far.

    ``nginx_files`` and ``apache_files`` are the main files of configurations; of ``code_roots`` so many levels
    (``depth``) and ``directories`` each are looked through, all of it in ``time_limit`` seconds.
    """

    web_roots: list[str]
    code_roots: list[str]
    configuration_roots: list[str]
    nginx_files: list[str]
    apache_files: list[str]
    engines: list[str]
    depth: int
    directories: int
    time_limit: int


@dataclass
class Finding:
    """A directory, a file or a database. Texts are empty, and the size None, where nobody can tell.

    ``kinds`` are web, code, configuration or database; ``sites`` the names of the sites as which a web server serves
    it, ``remote`` where its code comes from, ``instance`` the directory of data of its database server. ``files_only``
    is what lies in the directory itself, without what is below.
    """

    kinds: list[str]
    path: str = ""
    engine: str = ""
    name: str = ""
    instance: str = ""
    owner: str = ""
    sites: list[str] = field(default_factory=list)
    remote: str = ""
    size_bytes: int | None = None
    size_is_partial: bool = False
    files_only: bool = False
    mount_point: str = ""


def look(scope: Scope, requested: list[dict[str, Any]]) -> dict[str, Any]:
    r"""Return what there is, and of each element of ``requested``, in its order, whether it is there.

    An element has ``path`` and, where its links are followed, ``follow``; or the ``name`` of a database and, where it
    is known, ``database`` as the inventory has it. Its answer has ``state`` (present, gone, unknown), ``path`` (where
    it really is) and ``instance``. ``problems`` says in words what could not be looked at, ``remarks`` what was left
    out with reason. All texts can be sent: what is no text stands in them as ``\xff``.
    """
    view = _Look(scope)
    view.find_web()
    view.find_code()
    view.find_configuration()
    view.find_databases([each["database"] for each in requested if "database" in each])
    answers = [view.answer(each) for each in requested]
    view.measure([each["path"] for each in answers if each["path"]])
    found = view.found()
    return _sendable(
        {
            "found": [asdict(each) for each in found],
            "requested": answers,
            "problems": view.problems,
            "remarks": list(dict.fromkeys(view.remarks)),
        }
    )


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value, _LONGEST)
    if isinstance(value, list):
        return [_sendable(each) for each in value]
    if isinstance(value, dict):
        return {key: _sendable(each) for key, each in value.items()}
    return value


class _Look:
    """One look at one server. ``problems`` and ``remarks`` grow while it goes on."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._deadline = time.monotonic() + scope.time_limit
        self._mounts = mounts()
        self._files: dict[tuple[str, bool], Finding] = {}
        self._databases = LocalDatabases()
        self._web_servers: list[Configuration] = [*map(Nginx, scope.nginx_files), *map(Apache, scope.apache_files)]
        self.problems: list[str] = []
        self.remarks: list[str] = []

    def find_web(self) -> None:
        """Find what the web servers' configurations name, and what lies where sites are usually put."""
        for site in (site for server in self._web_servers for site in server.sites):
            for root in site.roots:
                path = entrance(root, self._mounts, self.remarks)
                if path not in ("", "/") and os.path.isdir(path):
                    sites = self._take("web", path).sites
                    sites += [name for name in site.names if name not in sites]
        for top in self._scope.web_roots:
            path = entrance(top, self._mounts, self.remarks)
            for name, is_dir in self._entries(path) if path else ():
                if is_dir and self._holds_something(os.path.join(path, name)):
                    self._take("web", os.path.join(path, name))
                elif not is_dir and name not in _NOTHING:
                    self._take("web", path, files_only=True)

    def find_code(self) -> None:
        """Find the repositories of code."""
        seen: set[tuple[int, int]] = set()
        for top in self._scope.code_roots:
            found = find_repositories(
                top,
                depth=self._scope.depth,
                directories=self._scope.directories,
                deadline=self._deadline,
                mounts=self._mounts,
                seen=seen,
            )
            for repository in found.repositories:
                self._take("code", repository.path).remote = repository.remote
            self.problems += found.problems
            self.remarks += found.remarks

    def find_configuration(self) -> None:
        """Find the directories of configuration, and what the web servers read from elsewhere."""
        for top in self._scope.configuration_roots:
            path = entrance(top, self._mounts, self.remarks)
            if path and self._holds_something(path):
                self._take("configuration", path)
        for server in self._web_servers:
            self._take_configuration(server.files)

    def find_databases(self, requested: list[dict[str, Any]]) -> None:
        """Find the databases of every server that runs here, or that something requested is on."""
        self._databases.find(self._scope.engines, requested)
        self._take_configuration(self._databases.configuration)
        self.problems += self._databases.problems
        self.remarks += self._databases.remarks

    def answer(self, wanted: dict[str, Any]) -> dict[str, str]:
        """Return whether what was requested is there."""
        path = wanted.get("path")
        if not path:
            state, instance = self._databases.standing(wanted["name"], wanted.get("database"))
            return {"state": state, "path": "", "instance": instance}
        state = "present"
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            state = "gone"
        except OSError as error:
            self.problems.append(f"no se pudo comprobar que exista {path}: {error.strerror}")
            state = "unknown"
        return {"state": state, "path": os.path.realpath(path) if wanted.get("follow") else path, "instance": ""}

    def measure(self, requested: list[str]) -> None:
        """Add up the sizes of what nobody requested; what was requested is measured when it is backed up."""
        tops = tuple(top.rstrip("/") + "/" for top in requested)
        for finding in self._files.values():
            if f"{finding.path}/".startswith(tops):
                continue
            size = 0
            try:
                for _name, status in self._regular_files(finding.path, below=not finding.files_only):
                    size += status.st_size
            except _Unfinished:
                finding.size_is_partial = True
            except OSError:
                continue
            finding.size_bytes = size or (None if finding.size_is_partial else 0)

    def found(self) -> list[Finding]:
        """Return what was found, in the order of its names, and no more than is read."""
        found = sorted(self._files.values(), key=lambda each: (each.path, each.files_only))
        for (engine, instance), databases in self._databases.listed.items():
            for each in databases:
                finding = Finding(["database"], engine=engine, name=each.name, instance=instance, owner=each.owner)
                finding.size_bytes = each.size
                found.append(finding)
        if len(found) > _MOST:
            self.problems.append(f"hay {len(found)} hallazgos y sólo se informa de {_MOST}: acote dónde se busca")
        return found[:_MOST]

    def _take(self, kind: str, path: str, *, files_only: bool = False) -> Finding:
        finding = self._files.get((path, files_only))
        if finding is None:
            finding = Finding([], path, owner=_owner(path), files_only=files_only)
            finding.mount_point = mount_of(path, self._mounts)
            self._files[path, files_only] = finding
        if kind not in finding.kinds:
            finding.kinds.append(kind)
        return finding

    def _take_configuration(self, files: Iterable[str]) -> None:
        known = tuple(os.path.realpath(top) + "/" for top in self._scope.configuration_roots)
        for file in map(os.path.realpath, files):
            if not file.startswith(known) and os.path.isfile(file):
                self._take("configuration", file)

    def _entries(self, path: str) -> list[tuple[str, bool]]:
        """Return the names of the directories and files in a directory, each with whether it is a directory."""
        try:
            with opened_path(path) as directory, os.scandir(directory) as entries:
                kinds = ((each, each.is_dir(follow_symlinks=False)) for each in entries)
                return sorted(
                    (each.name, is_dir) for each, is_dir in kinds if is_dir or each.is_file(follow_symlinks=False)
                )
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.problems.append(f"no se pudo leer {path}: {error.strerror}")
            return []

    def _holds_something(self, path: str) -> bool:
        try:
            return any(name not in _NOTHING for name, _status in self._regular_files(path))
        except _Unfinished:
            return True
        except OSError:
            return False

    def _regular_files(self, path: str, *, below: bool = True) -> Iterator[tuple[str, os.stat_result]]:
        """Yield name and status of the files at ``path``; raise _Unfinished where there are more, or on other disks."""
        top = os.lstat(path)
        if stat.S_ISREG(top.st_mode):
            yield os.path.basename(path), top
            return
        waiting, left, is_whole = [path], _ENTRIES_TO_MEASURE, True
        while waiting:
            parent = waiting.pop()
            try:
                with opened_path(parent) as directory:
                    if os.fstat(directory).st_dev != top.st_dev:
                        is_whole = False
                        continue
                    with os.scandir(directory) as entries:
                        for entry in entries:
                            left -= 1
                            if left < 0 or time.monotonic() > self._deadline:
                                raise _Unfinished
                            if entry.is_file(follow_symlinks=False):
                                yield entry.name, entry.stat(follow_symlinks=False)
                            elif below and entry.is_dir(follow_symlinks=False):
                                waiting.append(os.path.join(parent, entry.name))
            except (FileNotFoundError, NotADirectoryError):
                continue  # It has gone meanwhile.
        if not is_whole:
            raise _Unfinished


class _Unfinished(Exception):
    """There is more than was looked at."""


@functools.cache
def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _owner(path: str) -> str:
    """Return whose a file is, by the name of the account where it has one."""
    try:
        return _account(os.lstat(path).st_uid)
    except OSError:
        return ""
