# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What really lies in a repository, measured on the backup server without believing the client.

The client's own word (restic's ``summary``, the script's result) is never used for a size: the snapshot's tree is
walked, once per new tree.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

from .restic import Restic, ResticError, tags_of
from .signals import LARGEST_CHUNK, replaced_pct, suspicions
from .sizes import (
    CONFORMING,
    FIRST,
    Tolerance,
    add_peak,
    change_pct,
    judge,
    window_peak,
)
from .text import readable

# A snapshot says itself when it was made. Its file's arrival on this server is what we saw.
_CLOCK_SKEW = timedelta(minutes=10)
_LONGEST_BACKUP = timedelta(days=2)


def unknown_snapshots(repository: str, known: set[str]) -> list[str]:
    """Return the ids of the repository's snapshots whose first 16 characters are not in ``known``; no restic needed."""
    return [name for name in os.listdir(os.path.join(repository, "snapshots")) if name[:16] not in known]


def measure(
    restic: Restic,
    ids: list[str],
    histories: dict[str, dict[str, Any]],
    *,
    unreadable: dict[str, list[str]] | None = None,
    known: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Measure and judge the snapshots ``ids``, oldest first; those that are no item's are left out.

    So are copies of what is ``known`` (first 16 characters of ids): brought back from CSC by a repair that could not
    record it any more, they are recorded by the next one.

    ``histories`` has, per item id: ``baseline`` (``file_name``, ``size_bytes``, ``tree``, ``entry_count``, ``schema``
    of the last conforming backup, or None), ``new_data`` (shares of new data of the last conforming ones, %),
    ``peaks``, ``window_days``, ``tolerance`` and, for a database, ``dump_file``, for files the ``paths`` that were
    asked for.
    ``unreadable`` names, per snapshot id, the files that the script could not read. Raises ResticError.
    """
    listed = [each for each in restic.snapshots(ids) if not _is_brought_back(each, restic.repository, known)]
    tags = {snapshot["id"]: tags_of(snapshot) for snapshot in listed}
    lost = {key: list(value) for key, value in (unreadable or {}).items()}
    for snapshot in listed:
        partial = tags[snapshot["id"]].get("partial")
        if partial in tags:  # Reading a mark is a call of restic: not again for what was measured long ago.
            lost.setdefault(partial, _marker(restic, snapshot["id"]))
    wanted = [
        snapshot
        for snapshot in listed
        if tags[snapshot["id"]].get("item") in histories and "partial" not in tags[snapshot["id"]]
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        contents = list(pool.map(lambda s: _contents(restic, s, histories[tags[s["id"]]["item"]]), wanted))
    moving = {item_id: dict(history) for item_id, history in histories.items()}
    measured = []
    for snapshot, content in zip(wanted, contents):
        of = tags[snapshot["id"]]
        entry = {
            "snapshot_id": snapshot["id"],
            "tree": snapshot["tree"],
            "paths": [readable(path) for path in snapshot["paths"]],
            "tags": {key: readable(value) for key, value in of.items()},
            **content,
            **_times(restic.repository, snapshot),
        }
        wanted_paths = histories[of["item"]].get("paths")
        if wanted_paths is not None and set(wanted_paths) != set(snapshot["paths"]):
            entry["faults"].append("contiene otras rutas que las solicitadas: " + ", ".join(entry["paths"][:10]))
        if snapshot["id"] in lost:
            entry["faults"].append("no se pudieron leer: " + ", ".join(lost[snapshot["id"]][:20]))
        judge_next(entry, moving[of["item"]])
        measured.append(entry)
    return measured


def _is_brought_back(snapshot: dict[str, Any], repository: str, known: Collection[str]) -> bool:
    """Tell whether it is a copy of what is known, and is not there itself any more: a repair's, and nobody else's."""
    original = str(snapshot.get("original") or "")
    gone = not os.path.exists(os.path.join(repository, "snapshots", os.path.basename(original)))
    return original[:16] in known and gone


def judge_next(entry: dict[str, Any], history: dict[str, Any]) -> None:
    """Add the verdict to a measured ``entry`` and, where it is conforming, make it the history's next baseline."""
    baseline = history["baseline"] or {}
    date = entry["started_at"][:10]
    since = (datetime.fromisoformat(date) - timedelta(days=history["window_days"])).date().isoformat()
    peak = window_peak(history["peaks"], since)
    tolerance = Tolerance(**history["tolerance"])
    is_dump = bool(history.get("dump_file"))
    verdict = judge(
        size=entry["size_bytes"],
        entries=entry["entry_count"],
        baseline=baseline.get("size_bytes"),
        peak=peak,
        tolerance=tolerance,
        faults=entry["faults"],
        suspicions=suspicions(
            entries=entry["entry_count"],
            baseline_entries=baseline.get("entry_count"),
            replaced=entry["replaced_pct"],
            usual=history["new_data"],
            tolerance=tolerance,
            is_dump=is_dump,
        ),
    )
    schema = entry["tags"].get("schema")
    if schema and baseline.get("schema") and schema != baseline["schema"]:
        entry["remarks"].append("cambió el esquema de la base de datos desde el último respaldo conforme")
    entry["verification_result"] = verdict.result
    entry["reasons"] = verdict.reasons
    entry["baseline_file_name"] = baseline.get("file_name")
    entry["baseline_size_bytes"] = baseline.get("size_bytes")
    entry["baseline_change_pct"] = change_pct(entry["size_bytes"], baseline.get("size_bytes"))
    entry["size_change_accumulated_pct"] = change_pct(entry["size_bytes"], peak)
    if verdict.result in (CONFORMING, FIRST):
        history["baseline"] = {
            "file_name": entry["snapshot_id"],
            "size_bytes": entry["size_bytes"],
            "entry_count": entry["entry_count"],
            "tree": entry["tree"],
            "schema": schema,
        }
        history["peaks"] = add_peak(history["peaks"], date, entry["size_bytes"])
        if entry["new_data_pct"] is not None:
            history["new_data"] = [*history["new_data"], entry["new_data_pct"]]


def _contents(restic: Restic, snapshot: dict[str, Any], history: dict[str, Any]) -> dict[str, Any]:
    """Sum the snapshot's tree, unless it is the very tree of the last conforming backup, measured then."""
    baseline = history["baseline"]
    if baseline and baseline["tree"] == snapshot["tree"]:
        return {
            "size_bytes": baseline["size_bytes"],
            "entry_count": baseline["entry_count"],
            "new_data_pct": 0.0,
            "replaced_pct": 0.0,
            "faults": [],
        }
    dump_file = history.get("dump_file")
    new, changed = None, set()
    if baseline:
        with contextlib.suppress(ResticError):  # The older one may be gone: no fault of this one.
            new, changed = restic.news(baseline.get("snapshot") or baseline["file_name"], snapshot["id"])
    size = entries = largest = size_of_changed = 0
    try:
        for node in restic.nodes(snapshot["id"]):
            if node["type"] != "dir" and dump_file in (None, node["name"]):
                size += node.get("size", 0)
                largest = max(largest, node.get("size", 0))
                entries += 1
                if node["path"] in changed:
                    size_of_changed += node.get("size", 0)
    except ResticError as error:
        return {
            "size_bytes": 0,
            "entry_count": 0,
            "new_data_pct": None,
            "replaced_pct": None,
            "faults": [f"no se pudo leer del repositorio: {error}"],
        }
    share = replaced = None
    if new is not None and size:
        # A dump lies in a directory of its own each time: it is always a new file, and its blobs tell.
        new = new if dump_file else min(new, size_of_changed)
        share = min(100.0, round(new * 100 / size, 2))
        piece = LARGEST_CHUNK if dump_file else largest
        replaced = replaced_pct(new=new, size=size, baseline=baseline["size_bytes"], largest=piece)
    if dump_file and entries:
        # A dump is one file; what its form counts is tables.
        tables = tags_of(snapshot).get("tables", "")
        entries = int(tables) if re.fullmatch(r"[0-9]{1,9}", tables) else 0
    return {
        "size_bytes": size,
        "entry_count": entries,
        "new_data_pct": share,
        "replaced_pct": replaced,
        "faults": [],
    }


def _times(repository: str, snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return when the backup was made, as far as what it says can be believed, and when it arrived here."""
    arrived = datetime.fromtimestamp(
        os.stat(os.path.join(repository, "snapshots", snapshot["id"])).st_mtime, timezone.utc
    )
    try:
        claimed = parse_time(snapshot["time"])
    except (ValueError, OverflowError):  # A year that no calendar has.
        claimed = datetime.fromtimestamp(0, timezone.utc)
    remarks = []
    if not arrived - _LONGEST_BACKUP < claimed < arrived + _CLOCK_SKEW:
        remarks.append(
            f"el servidor fechó este respaldo el {claimed.isoformat(timespec='seconds')}, pero llegó el "
            f"{arrived.isoformat(timespec='seconds')}: se registra la fecha de llegada; revise el reloj del servidor"
        )
        claimed = arrived
    return {
        "started_at": claimed.isoformat(timespec="seconds"),
        "arrived_at": arrived.isoformat(timespec="seconds"),
        "remarks": remarks,
    }


def parse_time(text: str) -> datetime:
    """Return restic's time, which has nanoseconds (``2026-11-22T12:48:16.765111287Z``), as a datetime."""
    moment, _dot, zone = text.partition(".")
    if zone:
        zone = zone.lstrip("0123456789")
    moment += zone
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(timezone.utc)


def _marker(restic: Restic, snapshot_id: str) -> list[str]:
    try:
        names = json.loads(restic.read_text(snapshot_id, "/unreadable.json"))
    except ValueError:
        names = []
    return [readable(str(name)) for name in names] if isinstance(names, list) and names else ["archivos sin nombrar"]
