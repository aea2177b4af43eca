# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of the files of an item before they are backed up.

An unmounted directory, a dangling link or an empty tree back up without any error: each must be found before.
"""

from __future__ import annotations

import os
import stat
from typing import Any


class PreflightError(Exception):
    """The source is not what was requested; the text says what to do."""


def checked_paths(item: dict[str, Any]) -> list[str]:
    """Return the paths to read for ``item``; raise PreflightError naming every path that cannot be trusted."""
    faults = []
    if "mountpoint" in item and not _is_mounted(item["mountpoint"]):
        faults.append(f"{item['mountpoint']} no está montado: monte el volumen y repita el respaldo")
    paths = []
    for path in item["paths"]:
        fault = _fault(path, follow=item.get("follow_symlinks", False))
        if fault:
            faults.append(fault)
        paths.append(os.path.realpath(path) if item.get("follow_symlinks") else path)
    if faults:
        raise PreflightError("; ".join(faults))
    return paths


def _is_mounted(path: str) -> bool:
    # ismount() does not see a bind mount of the same file system; the kernel's own list does.
    if os.path.ismount(path):
        return True
    with open("/proc/self/mountinfo", "rb") as mounts:
        points = {line.split(b" ")[4] for line in mounts}
    # The kernel writes blanks and backslashes of a name in octal.
    name = b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in os.fsencode(path))
    return name in points


def _fault(path: str, *, follow: bool) -> str:
    try:
        resolved = os.path.realpath(path)
        if resolved != path and not follow:
            return f"{path} pasa por un enlace simbólico: indique la ruta real ({resolved}) o follow_symlinks: true"
        mode = os.stat(resolved).st_mode
        if stat.S_ISDIR(mode):
            with os.scandir(resolved) as entries:
                return "" if any(True for entry in entries) else f"{path} está vacío: ¿falta montar un volumen?"
        return "" if stat.S_ISREG(mode) else f"{path} no es un archivo ni un directorio"
    except FileNotFoundError:
        return f"{path} no existe: corrija la ruta en el inventario o restituya el origen"
    except OSError as error:
        return f"{path} no se puede leer: {error.strerror}"
