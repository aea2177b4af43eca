# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where CSC keeps its copy, as the modules that reach it are told (4.1.6): a directory, SFTP, S3, a medium."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from . import medium
from .restic import Restic, ResticError
from .text import readable

# How long a place that does not let anybody in is asked again, in seconds; restic itself would do it much longer.
PATIENCE = 30

# What restic, or ssh behind it, says where a place does not let it in, and what to do about it.
_REMEDIES = [
    (
        "signature we calculated does not match|access key id|access denied|no credentials found",
        "CSC no acepta las credenciales de S3: corrija backup_server_csc_s3_key_id y backup_server_csc_s3_secret en el "
        "inventario (Ansible Vault) y ejecute deploy.yml",
    ),
    (
        "specified bucket does not exist",
        "CSC no tiene ese almacén de S3: corrija backup_server_csc_repository, o pida a CSC que lo cree",
    ),
    (
        "signed by unknown authority",
        "no se conoce a la autoridad que firma el certificado de CSC: ponga su archivo en backup_server_csc_ca_file",
    ),
    (
        r"permission denied \(",
        "CSC no acepta la llave SSH de este servidor: ejecute deploy.yml o, si el servidor de CSC no está en el "
        "inventario, pida que dé de alta la llave que deploy.yml muestra",
    ),
    (
        "host key verification failed|host identification has changed",
        "el servidor que contesta no tiene la llave que se conoce de CSC: pregunte a CSC si la cambió y, sólo en ese "
        "caso, ejecute deploy.yml",
    ),
    (
        "connection refused|no route to host|timed out|i/o timeout|could not resolve|no such host",
        "CSC no contesta: revise que su servidor esté encendido y sea alcanzable desde el servidor de respaldos",
    ),
]

# One option, a dict, of every module that reaches CSC's copy.
OPTION: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "repository": {"type": "str", "required": True},
        "password_file": {"type": "path", "required": True, "no_log": False},
        "options": {"type": "list", "elements": "str", "default": []},
        "credentials_file": {"type": "path"},
        "ca_file": {"type": "path"},
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
        ca_file=place["ca_file"],
    )


def snapshots_of(csc: Restic) -> list[dict[str, Any]]:
    """Return what CSC's repository holds, as restic describes it; raise ResticError that says why it cannot be read."""
    answer = csc.answer("snapshots", "--no-lock", patience=PATIENCE)
    if answer.code != 0:
        raise ResticError(f"la copia de CSC en {readable(csc.repository)}: {remedy(answer.explanation)}")
    return json.loads(answer.output or b"[]") or []


def remedy(explanation: str) -> str:
    """Return why a place of CSC's could not be opened, with what to do about it where that is known."""
    found = (advice for said, advice in _REMEDIES if re.search(said, explanation, re.IGNORECASE))
    advice = next(found, "")
    return f"{advice} ({explanation})" if advice else explanation


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
