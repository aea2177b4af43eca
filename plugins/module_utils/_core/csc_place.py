# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where CSC keeps its copy, as the modules that reach it are told (4.1.6): a directory, SFTP, S3."""

from __future__ import annotations

from typing import Any

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
    },
}


def repository_of(place: dict[str, Any], jaa: Restic) -> Restic:
    """Return CSC's repository, reached from where JAA's lies and as its owner. ``place`` is as in `OPTION`."""
    return Restic(
        place["repository"],
        place["password_file"],
        jaa.program,
        place["options"],
        owner=jaa.owner,
        credentials_file=place["credentials_file"],
    )
