# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one item on this server: files or a database, announced beforehand, done just so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import database_restore, file_restore, repository_lock
from .file_plan import plan_files
from .items import is_database
from .restic import Restic
from .restore_error import RestoreError

Progress = Callable[[dict[str, Any]], None]


def preview(config: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what the restoration ``wanted`` would do, and write nothing; raise ResticError or OSError.

    The answer has ``written``, ``replaced``, ``left`` and, for an undo, ``removed``: lists of ``path`` (exact, as
    ``os.fsdecode`` gives it), ``type`` and ``size`` in bytes; ``refusals``, every reason why it would not be done, and
    ``remarks``.
    """
    with repository_lock.shared(config.get("lock_file")):
        if is_database(wanted["item"]):
            return {"removed": [], **database_restore.preview(config, wanted, reader(config, wanted))}
        plan = plan_files(config, reader(config, wanted), wanted)
    return {
        "written": plan.written,
        "replaced": plan.replaced,
        "left": plan.left,
        "removed": [
            {**{key: each[key] for key in ("type", "size")}, "path": plan.base.rstrip("/") + each["path"]}
            for each in plan.removals
        ],
        "refusals": plan.refusals,
        "remarks": plan.remarks,
    }


def perform(config: dict[str, Any], request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Carry out ``request["restore"]`` and return the facts of its outcome; raise RestoreError, ResticError, OSError.

    A preview of the same would have refused for the same reasons.
    """
    wanted = request["restore"]

    def step(news: dict[str, Any]) -> None:
        progress({"item_id": wanted["item"]["id"], **news})

    with repository_lock.shared(config.get("lock_file")):
        if is_database(wanted["item"]):
            return database_restore.restore(config, wanted, reader(config, wanted), step, request["run_id"])
        plan = plan_files(config, reader(config, wanted), wanted)
        if plan.refusals:
            raise RestoreError("; ".join(plan.refusals))
        return file_restore.restore(config, request, plan, step)


def reader(config: dict[str, Any], wanted: dict[str, Any]) -> Restic:
    """Return the repository to restore from: this server's own, or the one that the request names."""
    source = wanted["source"]
    if source is None or wanted["undo"]:  # What was there before was stored by this server.
        return Restic.of(config)
    return Restic(
        source["repository"],
        source["password_file"],
        config["restic"],
        source.get("options") or (),
        source.get("cache_dir"),
    )
