# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where CSC keeps its copy, as the modules that reach it are told (4.1.6): a directory, SFTP, S3, a medium."""

from __future__ import annotations

import os
from typing import Any

from . import medium
from .restic import Restic

# One option, a dict, of every module that reaches CSC's copy.
OPTION: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "repository": {"type": "str", "required": True},
        "password_file": {"type": "path", "required": True, "no_log": False},
        "options": {"type": "list", "elements": "str", "default": []},
        "credentials_file": {"type": "path"},
        # The medium that the repository lies on, and where it is mounted.
        "medium": {
            "type": "dict",
            "options": {
                "directory": {"type": "path", "required": True},
                "media_id": {"type": "str", "required": True},
                "medium_uuid": {"type": "str", "required": True},
                "media_next": {"type": "str", "default": ""},
            },
        },
    },
}


def repository_of(place: dict[str, Any], jaa: Restic) -> Restic:
    """Return CSC's repository, reached from where JAA's lies and as its owner. ``place`` is as in `OPTION`.

    On a medium, once its label says that it is the right one; MediumError, an OSError, where it does not.
    """
    if place.get("medium"):
        return _on_medium(place, jaa)
    return Restic(
        place["repository"],
        place["password_file"],
        jaa.program,
        place["options"],
        owner=jaa.owner,
        credentials_file=place["credentials_file"],
    )


def sought(place: dict[str, Any]) -> medium.Sought:
    """Return the medium that a place is on."""
    return medium.Sought(**place["medium"])


def _on_medium(place: dict[str, Any], jaa: Restic) -> Restic:
    """Return the repository on a medium, worked on by whoever we are, which is root.

    exFAT knows no owners, and what another machine wrote on ext4 belongs to another machine's users.
    """
    wanted = sought(place)
    name = os.path.relpath(place["repository"], wanted.directory)
    with medium.opened(wanted, writes=False) as root:
        medium.require_own_tree(root, name)
    return Restic(place["repository"], place["password_file"], jaa.program, place["options"])
