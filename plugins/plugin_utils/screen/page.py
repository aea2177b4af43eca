# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read when the page was made: where it is, and what on it needs attention first."""

from __future__ import annotations

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.page.composition import Page

# A path is of no use in part.
_PATH = 1000


def told(page: Page, path: str, size: int) -> str:
    """Return what is on the page in short. ``size`` is in bytes; 0: it was not written (check mode)."""
    lines = ["", f"PÁGINA · {page.asked.now:%d/%m/%Y %H:%M}"]
    urgent = page.urgent
    if urgent:
        lines += ["", "REQUIERE ATENCIÓN"]
        lines += [f"  ✗ {said.title}: {problem}" for said in urgent for problem in said.problems]
    lines += [
        "",
        f"Respaldos con algo pendiente: {len(page.worried)} de {len(page.items)}",
        f"Registro oficial: {page.directory}",
    ]
    name = readable(path, _PATH)
    lines.append(f"Página: {name} ({human_size(size)})" if size else f"No se escribió (modo de comprobación): {name}")
    if urgent and urgent[0].next_command:
        lines.append(f"Siguiente: {urgent[0].next_command}")
    return "\n".join([*lines, ""])
