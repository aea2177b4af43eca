# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the ledger outlives the job: in AWX a job's container goes with all that lies in it, and with the records.

Only ansible-runner's own containers are meant, of which AWX starts one for each job. A machine, or a container that
somebody keeps, keeps its files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

# Inside a job's container ansible-runner keeps the job's own files here, and says so in this variable. On a machine it
# names a directory of the machine's.
_JOB = "/runner"
_JOB_FILES = "AWX_ISOLATED_DATA_DIR"

_NAMELESS = re.compile(r"/volumes/[0-9a-f]{64}/_data(/|$)")


class Mount(NamedTuple):
    """One mounted file system: where, which of its directories, of what type."""

    point: str
    root: str
    kind: str


def is_job(environment: Mapping[str, str]) -> bool:
    """Return whether this process runs in the container of one job, which goes when the job ends."""
    return f"{environment.get(_JOB_FILES, '')}/".startswith(f"{_JOB}/")


def read_mounts(text: str) -> list[Mount]:
    """Return what ``/proc/self/mountinfo`` says, in its order; a later one hides an earlier one at the same place.

    >>> read_mounts("36 35 98:0 /a /b\\\\040c rw,noatime master:1 - ext4 /dev/vda rw")
    [Mount(point='/b c', root='/a', kind='ext4')]
    """
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        # Of the fields before the dash some are optional.
        if "-" in fields[6:] and len(fields) > fields.index("-", 6) + 1:
            mounts.append(Mount(_plain(fields[4]), _plain(fields[3]), fields[fields.index("-", 6) + 1]))
    return mounts


def why_lost(directory: str, environment: Mapping[str, str], mounts: list[Mount]) -> str:
    """Return in words why what is written to ``directory`` goes with this job, and what to do; empty where it stays.

    ``directory`` is an absolute path without symbolic links; it need not exist.
    """
    if not is_job(environment):
        return ""
    holding = [mount for mount in mounts if _lies_in(directory, mount.point)]
    if not holding:
        return ""
    longest = max(len(mount.point) for mount in holding)
    where = [mount for mount in holding if len(mount.point) == longest][-1]
    what = _what_goes(where)
    if not what:
        return ""
    return (
        f"el registro oficial está en {directory}, que es {what}: al terminar este trabajo de AWX se perdería. "
        "No se hizo nada.\nMonte un volumen que permanezca e indique en DSE_BACKUP_LEDGER un directorio dentro de él:\n"
        "  en un nodo de ejecución: Configuración > Trabajos > «Paths to expose to isolated jobs» "
        "(AWX_ISOLATION_SHOW_PATHS):\n"
        '    ["/var/lib/dse-backup"]\n'
        "  en Kubernetes: en el grupo de contenedores («pod_spec_override»), un PersistentVolumeClaim montado en\n"
        "    /var/lib/dse-backup\n"
        "y DSE_BACKUP_LEDGER=/var/lib/dse-backup/ledger en la credencial de los trabajos. Vea awx/README.md."
    )


def why_lost_here(directory: str) -> str:
    """As `why_lost`, of this very process."""
    if not is_job(os.environ):
        return ""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return why_lost(os.path.realpath(directory), os.environ, read_mounts(file.read()))


def _what_goes(mount: Mount) -> str:
    """Return in words what about this mount makes its files go with the job."""
    is_layer = mount.kind in ("overlay", "fuse.fuse-overlayfs")
    signs = {
        "parte del contenedor mismo": mount.point == "/",
        f"el directorio de trabajo de este trabajo ({_JOB})": _lies_in(mount.point, _JOB),
        f"un disco en memoria ({mount.kind})": mount.kind in ("tmpfs", "ramfs"),
        # The layer takes all that is written. A directory of a node whose own files lie on an overlay is a part of it.
        "un volumen montado con «:O», que descarta lo que se escribe": is_layer and mount.root == "/",
        "un volumen «emptyDir», que se borra con el pod": "/volumes/kubernetes.io~empty-dir/" in mount.root,
        "un volumen sin nombre, que se borra con el contenedor": bool(_NAMELESS.search(mount.root)),
    }
    return next((words for words, holds in signs.items() if holds), "")


def _lies_in(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def _plain(path: str) -> str:
    r"""Undo the kernel's escapes, as ``\040`` for a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
