# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a file by its name in the versions of a backup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .path_pattern import pattern
from .restic import Restic

# One call costs about a second whatever it looks through; a pattern that means everything must not fill the memory.
_AT_ONCE = 10
# What restic prints in the midst of its JSON where a backup is damaged. A name has no newline in JSON.
_DAMAGE = re.compile(rb"Unable to load tree [0-9a-f]{64}\n \.\.\. which belongs to snapshot [0-9a-f]{64}\n")
_KEPT = ("path", "type", "size", "mtime")


def find(restic: Restic, text: str, snapshots: Sequence[str], *, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Return what the pattern ``text`` (see `path_pattern`) names in ``snapshots``, in their order, and whether cut.

    Each hit has ``snapshot``, ``path``, ``type``, ``size`` (bytes) and ``mtime`` (ISO text). Raises ResticError.
    """
    found: list[dict[str, Any]] = []
    for hit in _hits(restic, text, snapshots):
        if len(found) == limit:
            return found, True
        found.append(hit)
    return found, False


def _hits(restic: Restic, text: str, snapshots: Sequence[str]) -> Iterator[dict[str, Any]]:
    wanted = pattern(text)
    for start in range(0, len(snapshots), _AT_ONCE):
        part = snapshots[start : start + _AT_ONCE]
        flags = [f"--snapshot={snapshot}" for snapshot in part]
        answer = restic.output("find", "--no-lock", *flags, "--", wanted.engine or "*")
        groups = {group["snapshot"]: group["matches"] for group in json.loads(_DAMAGE.sub(b"", answer) or b"[]")}
        for snapshot in part:
            for node in groups.get(snapshot, ()):
                # restic also tells what lies below a directory that matches.
                match = wanted.expression.match(node["path"])
                if match and match.end() == len(node["path"]):
                    yield {"snapshot": snapshot, **{key: node.get(key) for key in _KEPT}}
