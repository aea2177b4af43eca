# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restoring files will change, and every reason not to: the preview, and what the restoration then follows."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .items import is_database, item_faults
from .path_pattern import PathPattern, literal, pattern
from .restic import Restic, ResticError
from .safe_tree import DEPTH_LIMIT, kind, look, mount_points, opened, opened_path
from .text import human_size, readable

MANIFEST = "manifest.json"

# Left free on a disk, so that the server itself does not stop.
_RESERVE = 16 * 1024 * 1024

# Where nothing is restored to unless it was backed up from there and is put back in its place.
_SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/proc", "/run", "/sbin", "/sys", "/usr"),
)
_KERNEL = ("/dev", "/proc", "/sys")
# Directories of everybody: something inside them, but not they themselves.
_SHARED = (
    *("/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/var", "/var/lib"),
    *("/tmp", "/var/tmp"),  # noqa: S108 - named to be refused, nothing is put there
)

_Entry = dict[str, Any]


@dataclass
class Branch:
    """A node of what is restored. ``chosen``: asked for, and not only a directory on the way to what was.

    ``mount`` is set where another file system begins in the live tree.
    """

    type: str
    size: int = 0
    chosen: bool = False
    mount: str = ""
    children: dict[str, Branch] = field(default_factory=dict)


@dataclass
class FilePlan:
    """What will be ``written``, ``replaced`` and ``left``, or why not (``refusals``); paths are exact.

    ``merges``: into what is there, else the target comes into being in one step. ``keeps``: behind a safety snapshot.
    ``places`` are, per file system, the directories in which to stage; ``removals``, deepest first, are what an undo
    takes away again.
    """

    base: str
    restic: Restic
    snapshots: list[str]
    merges: bool = True
    keeps: bool = False
    base_mount: str = "/"
    root: Branch = field(default_factory=lambda: Branch("dir"))
    patterns: list[PathPattern] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    removals: list[_Entry] = field(default_factory=list)
    written: list[_Entry] = field(default_factory=list)
    replaced: list[_Entry] = field(default_factory=list)
    left: list[_Entry] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    merged_directories: int = 0

    @property
    def total_bytes(self) -> int:
        return sum(branch.size for _path, branch in _walk(self.root) if branch.chosen)

    @property
    def total_entries(self) -> int:
        return sum(branch.chosen and branch.type != "dir" for _path, branch in _walk(self.root))

    def engine_patterns(self, mount: str) -> tuple[list[str], list[str]]:
        """Return what restic is to include and exclude for one file system: at least what belongs there."""
        include = [each.engine for each in self.patterns]
        if include:
            return ([] if "" in include else include), []
        if mount == self.base_mount:
            return [], [f"{literal(self._below_base(each)).engine}/*" for each in self.places if each != mount]
        return [literal(self._below_base(mount)).engine], []

    def staged_bytes(self, mount: str) -> int:
        """Return the bytes of what restic will write for one file system."""
        include, exclude = self.engine_patterns(mount)
        within, without = ([pattern(each) for each in group] for group in (include, exclude))
        return sum(
            branch.size
            for path, branch in _walk(self.root)
            if branch.chosen
            and (not within or any(each.matches(path) for each in within))
            and not any(each.matches(path) for each in without)
        )

    def _below_base(self, path: str) -> str:
        return path[len(self.base.rstrip("/")) :]


def plan_files(config: dict[str, Any], restic: Restic, wanted: dict[str, Any]) -> FilePlan:
    """Return what the restoration ``wanted`` of files will do; raise ResticError where the backup cannot be read."""
    if wanted["undo"]:
        plan, chosen, nodes = _undone(restic, wanted)
    else:
        plan, chosen, nodes = _asked_for(config, restic, wanted)
    try:
        _grow(plan, nodes, chosen)
        if not plan.root.children and not plan.removals and not plan.refusals:
            plan.refusals.append("el respaldo no contiene nada que restaurar")
        if not plan.refusals:
            if plan.merges:
                _compare(plan)
            else:
                plan.written = [_entry(plan.base + path, branch) for path, branch in _walk(plan.root)]
            plan.refusals += _space_faults(plan)
    except OSError as error:
        plan.refusals.append(f"{readable(str(error.filename or plan.base))} no se puede leer: {error.strerror}")
    if plan.merged_directories:
        plan.remarks.append(
            f"{plan.merged_directories} directorios que existen recuperan dueño, permisos y fechas del respaldo"
        )
    return plan


def _asked_for(
    config: dict[str, Any], restic: Restic, wanted: dict[str, Any]
) -> tuple[FilePlan, set[str], list[_Entry]]:
    plan = FilePlan(wanted["target"] or "/", restic, [wanted["snapshot"]])
    if wanted["target"]:
        _look_at_target(plan, config, in_place=wanted["in_place"])
    elif wanted["in_place"]:
        plan.keeps = True
    else:
        plan.refusals.append("falta el destino: indique otra ruta, o restore_in_place=true para su lugar original")
    snapshot, nodes = restic.listing(wanted["snapshot"])
    roots = snapshot["paths"]
    inside = [node["path"] for node in nodes if any(_is_below(_as_json_has_it(node["path"]), root) for root in roots)]
    if not wanted["include"]:
        return plan, set(inside), nodes
    known = set(inside)
    for text in wanted["include"]:
        path = text.rstrip("/") or "/"
        # Somebody's file may be called «[a]»: a name that exists is no pattern.
        means = pattern(path) if path not in known and any(char in path for char in "*?[") else literal(path)
        plan.patterns.append(means)
        if not any(map(means.matches, inside)):
            plan.refusals.append(f"restore_include: «{readable(text)}» no corresponde a nada en este respaldo")
    return plan, {path for path in inside if any(each.matches(path) for each in plan.patterns)}, nodes


def _as_json_has_it(path: str) -> str:
    """A path as restic's JSON, which has no way to write bytes that are not UTF-8."""
    return "".join("\ufffd" if "\udc80" <= char <= "\udcff" else char for char in path)


def _is_below(path: str, top: str) -> bool:
    """Tell whether ``path`` is ``top`` or inside it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def _undone(restic: Restic, wanted: dict[str, Any]) -> tuple[FilePlan, set[str], list[_Entry]]:
    """Plan from the manifest of a safety snapshot: what it kept comes back, what was added then goes."""
    try:
        manifest = json.loads(restic.read_text(wanted["undo"], f"/{MANIFEST}"))
        base, parts, kept = manifest["base"], manifest["parts"], set(manifest["kept"])
        added, item_id = manifest["added"], manifest["item_id"]
    except (ValueError, KeyError, TypeError):
        raise ResticError(f"{wanted['undo'][:16]} no es el respaldo previo de una restauración de archivos") from None
    plan = FilePlan(base, restic, parts, keeps=True)
    if item_id != wanted["item"]["id"]:
        plan.refusals.append(f"ese respaldo previo es del elemento «{readable(item_id)}»")
    elif base != "/" and _existing(base)[0] != base:
        plan.refusals.append(f"{readable(base)} ya no existe como directorio: no hay nada que deshacer en él")
    else:
        with opened_path(base) as live:
            plan.removals = list(_removable(plan, live, added))
    return plan, kept, [node for part in parts for node in restic.exact_nodes(part)]


def _removable(plan: FilePlan, live: int, added: list[_Entry]) -> Iterator[_Entry]:
    """Yield, deepest first, what is still as the restoration added it; say of the rest that it stays."""
    goes: dict[str, set[str]] = {}
    mounts = mount_points()
    for each in reversed(added):
        parent, _slash, name = each["path"].rpartition("/")
        try:
            with opened_path(parent, live) as directory:
                status = look(name, directory)
                if status is None:
                    continue
                stays = not is_as_restored(each, status)
                if not stays and each["type"] == "dir":
                    with opened(name, directory) as inner:
                        stays = not set(os.listdir(inner)) <= goes.get(each["path"], set())
        except OSError:
            stays = True
        final = plan.base.rstrip("/") + each["path"]
        if stays or final in mounts:
            plan.remarks.append(f"{readable(final)} cambió después de aquella restauración: se deja como está")
        else:
            goes.setdefault(parent, set()).add(name)
            mount = _mount_of(final, mounts)
            # The root's own directory stands for a file system that has no better place.
            plan.places.setdefault(mount, mount if mount != _mount_of(plan.base, mounts) else plan.base)
            yield {**each, "mount": mount}


def is_as_restored(each: _Entry, status: os.stat_result | None) -> bool:
    """Tell whether what lies there now is what a manifest's ``added`` describes; a directory's content aside."""
    if status is None or kind(status) != each["type"]:
        return False
    return each["type"] == "dir" or (status.st_size, status.st_mtime_ns) == (each["size"], each["mtime_ns"])


def _look_at_target(plan: FilePlan, config: dict[str, Any], *, in_place: bool) -> None:
    """Find out whether the target may be written to and how; where not, add the reasons to the plan."""
    target = plan.base
    if not target.startswith("/") or target.startswith("//") or posixpath.normpath(target) != target:
        plan.refusals.append(f"el destino {readable(target)} debe ser una ruta absoluta, sin «..» ni diagonal final")
        return
    plan.refusals += _target_faults(config, target, in_place=in_place)
    existing, fault = _existing(target)
    if fault:
        plan.refusals.append(fault)
    mounts = mount_points()
    content: set[str] = set()
    if existing == target and not fault:
        with opened_path(target) as directory:
            content = set(os.listdir(directory)) - ({"lost+found"} if target in mounts else set())
    if content and not in_place:
        plan.refusals.append(
            f"{readable(target)} no está vacío: indique una ruta nueva, o restore_in_place=true para sobrescribir ahí"
        )
    plan.merges = existing == target and (in_place or target in mounts)
    plan.keeps = plan.merges and in_place
    plan.base_mount = _mount_of(target, mounts)
    if not plan.merges:
        place = os.path.dirname(target) if existing == target else existing
        plan.base_mount = _mount_of(place, mounts)
        plan.places = {plan.base_mount: place}
        plan.remarks.append(f"{readable(target)} queda cerrado: sólo root puede entrar (0700)")


def _target_faults(config: dict[str, Any], target: str, *, in_place: bool) -> Iterator[str]:
    shown = readable(target)
    if target in _SHARED or any(_is_below(target, each) for each in (_KERNEL if in_place else _SYSTEM)):
        yield f"{shown} es del sistema: indique un directorio nuevo, por ejemplo /var/restauracion/NOMBRE"
    own = [config[key] for key in ("state_dir", "staging_dir", "cache_dir", "repository")]
    for path in own:
        if path.startswith("/") and _is_below(target, path):
            yield f"{shown} está dentro de {readable(path)}, que es de los respaldos mismos: indique otra ruta"
    for item in config["items"] if not in_place else ():
        for path in _live_paths(item):
            if _is_below(target, path) or _is_below(path, target):
                yield (
                    f"{shown} coincide con información en uso, {readable(path)} (elemento «{readable(item['id'])}»): "
                    "indique otra ruta, o restore_in_place=true para sobrescribir ahí"
                )


def _live_paths(item: Any) -> list[str]:
    if item_faults(item):
        return []
    if is_database(item):
        return [item["database"]["path"]] if "path" in item["database"] else []
    return [found for path in item["paths"] for found in dict.fromkeys((path, os.path.realpath(path)))]


def _existing(path: str) -> tuple[str, str]:
    """Return the part of ``path`` that exists as directories, and what stands in the way of the rest."""
    found = "/"
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(opened("/"))
        for name in filter(None, path.split("/")):
            status = look(name, directory)
            if status is None:
                break
            here = posixpath.join(found, name)
            if kind(status) == "symlink":
                real = readable(os.path.realpath(path))
                return found, f"{readable(here)} es un enlace simbólico: indique la ruta real ({real})"
            if kind(status) != "dir":
                return found, f"{readable(here)} existe y no es un directorio: indique otra ruta"
            directory = stack.enter_context(opened(name, directory))
            found = here
    return found, ""


def _mount_of(path: str, mounts: Iterable[str]) -> str:
    return max((each for each in mounts if _is_below(path, each)), key=len, default="/")


def _grow(plan: FilePlan, nodes: list[_Entry], chosen: set[str]) -> None:
    """Make the plan's tree of the nodes that were chosen and the directories on the way to them."""
    branches = {"": plan.root}
    directories = {node["path"]: node for node in nodes if node["type"] == "dir"}

    def branch(path: str) -> Branch:
        if path not in branches:
            node = directories[path]
            branches[path] = attach(path, Branch(node["type"], 0, path in chosen))
        return branches[path]

    def attach(path: str, new: Branch) -> Branch:
        parent, _slash, name = path.rpartition("/")
        branch(parent).children[name] = new
        return new

    for node in nodes:
        path = node["path"]
        if path not in chosen:
            continue
        if path.count("/") > DEPTH_LIMIT:
            plan.refusals.append(f"{readable(path, 200)} está a más de {DEPTH_LIMIT} directorios de profundidad")
            return
        if node["type"] == "dir":
            branch(path)
        elif node["type"] in ("socket", "irregular"):
            plan.remarks.append(f"{readable(path)} es un socket: lo crea de nuevo su programa")
        else:
            attach(path, Branch(node["type"], node.get("size", 0), True))


def _compare(plan: FilePlan) -> None:
    """Hold the plan's tree beside the live one and say what meets what."""
    mounts = mount_points()
    plan.base_mount = _mount_of(plan.base, mounts)
    with opened_path(plan.base) as live:
        _compare_directory(plan, plan.root, live, plan.base.rstrip("/"), plan.base_mount, mounts)


def _compare_directory(
    plan: FilePlan, branch: Branch, live: int, path: str, mount: str, mounts: frozenset[str]
) -> None:
    for name, child in branch.children.items():
        final = f"{path}/{name}"
        status = look(name, live)
        if status is None:
            plan.places.setdefault(mount, path or "/")
            plan.written.append(_entry(final, child))
            plan.written += [_entry(final + below, each) for below, each in _walk(child)]
        elif child.type != "dir":
            fault = _replacing_fault(final, status, mounts)
            if fault:
                plan.refusals.append(fault)
            plan.places.setdefault(mount, path or "/")
            plan.replaced.append(_entry(final, child))
        elif kind(status) != "dir":
            what = "un enlace simbólico" if kind(status) == "symlink" else "un archivo"
            plan.refusals.append(
                f"{readable(final)} es {what} donde el respaldo tiene un directorio: retírelo o restaure en otra ruta"
            )
        else:
            child.mount = final if final in mounts else ""
            inner = child.mount or mount
            if child.chosen:
                plan.places.setdefault(inner, final if child.mount else path or "/")
                plan.merged_directories += 1
            with opened(name, live) as directory:
                _compare_directory(plan, child, directory, final, inner, mounts)
    if branch.chosen:
        for name in sorted(set(os.listdir(live)) - set(branch.children)):
            plan.left += _live_entries(name, live, f"{path}/{name}")


def _replacing_fault(final: str, status: os.stat_result, mounts: frozenset[str]) -> str:
    if kind(status) == "dir":
        return f"{readable(final)} es un directorio donde el respaldo tiene un archivo: retírelo o use otra ruta"
    if final in mounts:
        return f"{readable(final)} está montado sobre otro archivo y no se puede reemplazar: desmóntelo antes"
    return ""


def _live_entries(name: str, live: int, path: str) -> Iterator[_Entry]:
    """Yield what lies at ``path`` and below it."""
    status = look(name, live)
    if status is None:
        return
    yield {"path": path, "type": kind(status), "size": 0 if kind(status) == "dir" else status.st_size}
    if kind(status) == "dir" and path.count("/") < DEPTH_LIMIT:
        with opened(name, live) as directory:
            for each in sorted(os.listdir(directory)):
                yield from _live_entries(each, directory, f"{path}/{each}")


def _space_faults(plan: FilePlan) -> Iterator[str]:
    for mount, place in plan.places.items():
        with opened_path(place) as directory:
            free = os.fstatvfs(directory)
        available = free.f_bavail * free.f_frsize
        needed = plan.staged_bytes(mount) + _RESERVE
        if available < needed:
            yield (
                f"espacio insuficiente en {readable(place)}: hay {human_size(available)} libres y se requieren "
                f"{human_size(needed)}; libere espacio o restaure en otra ruta"
            )
        if free.f_files and free.f_favail < plan.total_entries:
            yield f"en {readable(place)} quedan {free.f_favail} inodos y se requieren {plan.total_entries}"


def _walk(branch: Branch, path: str = "") -> Iterator[tuple[str, Branch]]:
    for name, child in branch.children.items():
        below = f"{path}/{name}"
        yield below, child
        yield from _walk(child, below)


def _entry(path: str, branch: Branch) -> _Entry:
    return {"path": path, "type": branch.type, "size": branch.size}
