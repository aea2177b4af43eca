# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files come back: first into a directory that only root may enter, then moved to where they belong.

``file_plan`` says beforehand what that changes; exactly that is then done. In place, what is about to be replaced is
stored as a snapshot of its own before, with a manifest that tells an undo what to bring back and what to take away.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .file_plan import MANIFEST, Branch, FilePlan, is_as_restored
from .restic import Restic
from .restore_error import RestoreError
from .safe_tree import copy_attributes, kind, look, opened, opened_path, remove
from .text import readable

Progress = Callable[[dict[str, Any]], None]

_STAGING_PREFIX = ".dse-backup-restore-"
# What a name that became something else, or went away, is answered with.
_CHANGED = (errno.ENOTDIR, errno.ELOOP, errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ESTALE)


def restore(config: dict[str, Any], request: dict[str, Any], plan: FilePlan, progress: Progress) -> dict[str, Any]:
    """Do what ``plan`` says and return the outcome's facts; raise RestoreError, ResticError or OSError.

    Until ``progress`` says ``move``, nothing outside the staging directories was touched.
    """
    wanted = request["restore"]
    remarks = [*_clear_leftovers(config["state_dir"]), *plan.remarks]
    with contextlib.ExitStack() as stack:
        stages = {
            mount: stack.enter_context(_stage(config["state_dir"], place, request["run_id"]))
            for mount, place in plan.places.items()
        }
        for mount, stage in stages.items():
            for snapshot in plan.snapshots:
                include, exclude = plan.engine_patterns(mount)
                plan.restic.restore(
                    snapshot,
                    stage.directory,
                    include=include,
                    exclude=exclude,
                    verify=wanted["verify"],
                    on_status=lambda status: progress({"phase": "restore", **_share(status)}),
                )
        effect = _Effect(plan, stages)
        safety = None
        try:
            effect.check()
            if plan.keeps:
                progress({"phase": "safety"})
                safety = effect.keep(
                    Restic.of(config), config["server"], request["run_id"], wanted["item"]["id"], plan.snapshots
                )
        except OSError as error:
            raise RestoreError(f"no se tocó nada: {_cause(error)}") from error
        if safety:
            for stage in stages.values():
                stage.note(safety_snapshot=safety)
        progress({"phase": "move"})
        effect.move(safety)
    return {
        "restored_bytes": plan.total_bytes,
        "entry_count": plan.total_entries,
        "sha256_matches": True if wanted["verify"] else None,
        "safety_snapshot": safety,
        "remarks": [*remarks, *effect.remarks],
    }


def _cause(error: BaseException) -> str:
    """Return why it stopped, in words: what others change meanwhile is the likely cause of names that do not fit."""
    if not isinstance(error, OSError):
        return readable(str(error))
    name = readable(str(error.filename))
    if error.errno in _CHANGED:
        return f"algo cambió «{name}» mientras se restauraba; detenga el servicio que escribe ahí y repita"
    return readable(f"{error.strerror}: {name}")


def _share(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "percent": round(100 * status.get("percent_done", 0)),
        "bytes_done": status.get("bytes_restored", 0),
        "bytes_total": status.get("total_bytes", 0),
    }


@dataclass
class _Stage:
    """A directory of our own on the file system where the files belong, so that to move them is to rename them.

    ``content`` is what comes from the snapshot; ``old`` has second names (hard links) of what it will replace.
    """

    parent: int
    name: str
    directory: int
    content: int
    old: int
    note: Callable[..., None]

    @contextlib.contextmanager
    def old_directory(self, path: str) -> Iterator[int]:
        """Hold the directory ``path`` in ``old`` open, made as needed."""
        with contextlib.ExitStack() as stack:
            directory = self.old
            for name in filter(None, path.split("/")):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=directory)
                directory = stack.enter_context(opened(name, directory))
            yield directory


@contextlib.contextmanager
def _stage(state_dir: str, place: str, run_id: str) -> Iterator[_Stage]:
    """Make a staging directory in ``place`` and remove it in the end; a note of it stays where we are killed."""
    name = _STAGING_PREFIX + secrets.token_hex(8)
    with contextlib.ExitStack() as stack:
        parent = stack.enter_context(opened_path(place))
        note = stack.enter_context(_noted(state_dir, name, os.path.join(place, name), run_id))
        with _times_kept(parent):
            os.mkdir(name, 0o700, dir_fd=parent)
        directory = stack.enter_context(opened(name, parent))
        status = os.fstat(directory)
        # The parent's owner may have put another directory in its place; not an empty one of root's that is closed.
        if status.st_uid != os.geteuid() or status.st_mode & 0o077 or os.listdir(directory):
            raise RestoreError(f"alguien cambió {os.path.join(place, name)} mientras se preparaba; repita la operación")
        note(inode=[status.st_dev, status.st_ino])
        # What the parent would have its files inherit, the snapshot's files do not have.
        for attribute in os.listxattr(directory):
            if attribute.startswith("system.posix_acl_"):
                os.removexattr(directory, attribute)
        for part in ("content", "old"):
            os.mkdir(part, 0o700, dir_fd=directory)
        content = stack.enter_context(opened("content", directory))
        old = stack.enter_context(opened("old", directory))
        try:
            yield _Stage(parent, name, directory, content, old, note)
        finally:
            for part in os.listdir(directory):
                remove(part, directory)
            # The parent's owner may have moved it away: empty as it is, it says nothing to anybody.
            with contextlib.suppress(OSError), _times_kept(parent):
                os.rmdir(name, dir_fd=parent)


@contextlib.contextmanager
def _times_kept(directory: int) -> Iterator[None]:
    """Do something of our own in an open directory whose times are somebody else's, perhaps just restored."""
    status = os.fstat(directory)
    yield
    os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextlib.contextmanager
def _noted(state_dir: str, name: str, path: str, run_id: str) -> Iterator[Callable[..., None]]:
    """Keep a note of the staging directory at ``path`` while it exists, locked while we live."""
    directory = os.path.join(state_dir, "restores")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    file = os.path.join(directory, name)
    facts: dict[str, Any] = {"path": path, "run_id": run_id, "inode": None, "safety_snapshot": None}
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

        def note(**news: Any) -> None:
            facts.update(news)
            os.pwrite(descriptor, json.dumps(facts).encode("ascii").ljust(4096), 0)
            os.fsync(descriptor)

        note()
        yield note
    finally:
        # A kill leaves the note, and so does a directory that could not be removed.
        if not os.path.lexists(path):
            os.unlink(file)
        os.close(descriptor)


def _clear_leftovers(state_dir: str) -> list[str]:
    """Remove what a killed restoration left: nothing in it is the only copy, for nothing is ever moved into it."""
    remarks = []
    directory = os.path.join(state_dir, "restores")
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        file = os.path.join(directory, name)
        with open(file, "rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                facts = json.loads(stream.read())
                path, inode, safety, run_id = (facts[key] for key in ("path", "inode", "safety_snapshot", "run_id"))
            except (BlockingIOError, ValueError, KeyError, TypeError):
                continue  # It is at work, or only just begins to write.
            said = f"la restauración {readable(run_id)} quedó interrumpida"
            try:
                with opened_path(os.path.dirname(path)) as parent:
                    status = look(name, parent)
                    if status and [status.st_dev, status.st_ino] == inode:
                        remove(name, parent)
                    elif status and inode is None:
                        os.rmdir(name, dir_fd=parent)
                    elif status:
                        said += f"; {readable(path)} no es el directorio que dejó: revíselo"
            except OSError as error:
                remarks.append(f"{said} y no se pudo retirar {readable(path)}: {error.strerror}; retírelo a mano")
                continue
            if safety:
                said += f" mientras ponía archivos en su lugar; su respaldo previo es {safety}"
            remarks.append(f"{said}; se retiró lo que dejó en {readable(path)}")
            os.unlink(file)
    return remarks


@dataclass
class _Effect:
    """What turns staged files into restored ones, walking the plan, the live tree and the staged one side by side."""

    plan: FilePlan
    stages: dict[str, _Stage]
    remarks: list[str] = field(default_factory=list)
    _moved: int = 0

    def check(self) -> None:
        """Raise RestoreError unless all that was announced is staged; take away what was not."""
        with self._staged_top() as staged:
            self._check(self.plan.root, staged, "")

    def keep(self, restic: Restic, server: str, run_id: str, item_id: str, snapshots: list[str]) -> str:
        """Store what will be replaced or removed, and the manifest; return the manifest's snapshot id."""
        kept: list[str] = []
        added: list[dict[str, Any]] = []
        with opened_path(self.plan.base) as live, self._staged_top() as staged:
            # From the deepest on: a directory's times are taken when its content is complete.
            for each in self.plan.removals:
                self._keep_removal(live, each, kept)
            self._keep(self.plan.root, live, staged, "", self._top_stage(), kept, added)
        tags = [f"safety={run_id}", f"safety-of={item_id}"]
        parts = []
        # The deepest first, the order in which an undo restores them: a directory that is only on the way in one part
        # is then overwritten by what it really is, in another.
        for _mount, stage in sorted(self.stages.items(), reverse=True):
            names = sorted(os.listdir(stage.old))
            if names:
                stored = restic.backup(names, host=server, tags=tags, directory=stage.old)
                if stored.unreadable:
                    raise RestoreError(f"no se pudo guardar lo que se iba a reemplazar: {stored.unreadable[0]}")
                parts.append(stored.snapshot_id)
        manifest = {
            "manifest": 1,
            "run_id": run_id,
            "item_id": item_id,
            "base": self.plan.base,
            "snapshots": snapshots,
            "parts": parts,
            "kept": kept,
            "added": added,
        }
        return restic.store_text(json.dumps(manifest), name=MANIFEST, host=server, tags=tags)

    def move(self, safety: str | None) -> None:
        """Put everything in its place; raise RestoreError saying how far it came."""
        try:
            if self.plan.merges:
                with opened_path(self.plan.base) as live, self._staged_top() as staged:
                    for each in self.plan.removals:
                        self._remove(live, each)
                    self._move(self.plan.root, live, staged, "")
            else:
                self._put_down()
        except BaseException as error:
            reason = _cause(error)
            if not self._moved:
                raise RestoreError(f"no se puso nada en su lugar: {reason}", safety_snapshot=safety) from error
            undo = f"; el respaldo previo {safety} repone lo que había (undo)" if safety else ""
            raise RestoreError(
                f"quedó A MEDIAS, con {self._moved} elementos ya puestos en su lugar: {reason}{undo}",
                safety_snapshot=safety,
            ) from error

    def _top_stage(self) -> _Stage | None:
        return self.stages.get(self.plan.base_mount)

    @contextlib.contextmanager
    def _staged_top(self) -> Iterator[int | None]:
        stage = self._top_stage()
        yield stage and stage.content

    @contextlib.contextmanager
    def _staged(self, child: Branch, name: str, staged: int | None, path: str) -> Iterator[int | None]:
        """Hold what is staged of a directory open: where a file system begins, in that one's own stage."""
        if child.mount:
            stage = self.stages.get(child.mount)
            if stage is None:
                yield None
            else:
                with opened_path(path, stage.content) as directory:
                    yield directory
        elif staged is None:
            yield None
        else:
            with opened(name, staged) as directory:
                yield directory

    def _check(self, branch: Branch, staged: int | None, path: str) -> None:
        if staged is not None:
            for name in os.listdir(staged):
                if name not in branch.children:
                    remove(name, staged)
        for name, child in branch.children.items():
            below = f"{path}/{name}"
            if staged is not None and not child.mount:
                found = look(name, staged)
                if found is None or kind(found) != child.type or (child.type == "file" and found.st_size != child.size):
                    raise RestoreError(f"el respaldo no devolvió {readable(below)} como lo lista; no se tocó nada")
            if child.type == "dir":
                with self._staged(child, name, staged, below) as directory:
                    self._check(child, directory, below)

    def _keep(
        self,
        branch: Branch,
        live: int,
        staged: int | None,
        path: str,
        stage: _Stage | None,
        kept: list[str],
        added: list[dict[str, Any]],
    ) -> None:
        for name, child in branch.children.items():
            below = f"{path}/{name}"
            if look(name, live) is None:
                added.extend(_described(name, staged, below))
            elif child.type != "dir":
                with stage.old_directory(path) as old:
                    os.link(name, name, src_dir_fd=live, dst_dir_fd=old, follow_symlinks=False)
                kept.append(below)
            else:
                inner = self.stages.get(child.mount) if child.mount else stage
                with opened(name, live) as directory, self._staged(child, name, staged, below) as source:
                    self._keep(child, directory, source, below, inner, kept, added)
                    if child.chosen:
                        with inner.old_directory(below) as old:
                            copy_attributes(directory, old, status=os.fstat(directory))
                        kept.append(below)

    def _keep_removal(self, live: int, each: dict[str, Any], kept: list[str]) -> None:
        parent, _slash, name = each["path"].rpartition("/")
        stage = self.stages[each["mount"]]
        with opened_path(parent, live) as directory:
            if each["type"] == "dir":
                with opened(name, directory) as source, stage.old_directory(each["path"]) as old:
                    copy_attributes(source, old, status=os.fstat(source))
            else:
                with stage.old_directory(parent) as old:
                    os.link(name, name, src_dir_fd=directory, dst_dir_fd=old, follow_symlinks=False)
        kept.append(each["path"])

    def _remove(self, live: int, each: dict[str, Any]) -> None:
        parent, _slash, name = each["path"].rpartition("/")
        with opened_path(parent, live) as directory:
            try:
                if not is_as_restored(each, look(name, directory)):
                    raise OSError(errno.ESTALE, "cambió")
                (os.rmdir if each["type"] == "dir" else os.unlink)(name, dir_fd=directory)
            except OSError:
                self.remarks.append(f"{readable(each['path'])} cambió hace un momento: se dejó como está")
            else:
                self._moved += 1

    def _move(self, branch: Branch, live: int, staged: int | None, path: str) -> None:
        for name, child in branch.children.items():
            below = f"{path}/{name}"
            if child.type != "dir" or look(name, live) is None:
                os.rename(name, name, src_dir_fd=staged, dst_dir_fd=live)
                self._moved += 1
            else:
                with opened(name, live) as directory, self._staged(child, name, staged, below) as source:
                    status = os.fstat(source) if child.chosen else None
                    self._move(child, directory, source, below)
                    if status:
                        copy_attributes(source, directory, status=status)
                        self._moved += 1

    def _put_down(self) -> None:
        """Give the staged directory the target's name; what is missing above it is made."""
        stage = next(iter(self.stages.values()))
        place = next(iter(self.plan.places.values()))
        *above, name = filter(None, self.plan.base[len(place.rstrip("/")) :].split("/"))
        with contextlib.ExitStack() as stack:
            directory = stage.parent
            for each in above:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(each, 0o700, dir_fd=directory)
                directory = stack.enter_context(opened(each, directory))
            # Onto an empty directory that works too; onto anything else it fails.
            os.rename("content", name, src_dir_fd=stage.directory, dst_dir_fd=directory)
            self._moved += 1
            with opened(name, directory) as target:
                if not os.path.samestat(os.fstat(target), os.fstat(stage.content)):
                    raise RestoreError(f"alguien cambió {self.plan.base} mientras se restauraba")


def _described(name: str, staged: int, path: str) -> Iterator[dict[str, Any]]:
    """Yield what the restoration adds at ``path``, so that an undo knows it again."""
    status = os.stat(name, dir_fd=staged, follow_symlinks=False)
    yield {"path": path, "type": kind(status), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if kind(status) == "dir":
        with opened(name, staged) as directory:
            for each in sorted(os.listdir(directory)):
                yield from _described(each, directory, f"{path}/{each}")
