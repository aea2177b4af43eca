# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read of an answer: a table for each of its sections, what needs action, and the command to run next."""

from __future__ import annotations

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Section
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table

# A path is of no use in part.
_CELL = 300
# Nobody reads more of a table; what is written with report_output has them all.
_SHOWN = 200


def answer(given: Answer, moment: str, directory: str) -> str:
    """Return the whole answer; its last line is what to do next."""
    lines = ["", f"{readable(given.title)} · {moment}"]
    for section in given.sections:
        lines += _section(section)
    lines += [
        "",
        *(["REQUIERE ATENCIÓN", *(f"  ✗ {readable(each)}" for each in given.problems)] if given.problems else []),
    ]
    lines.append(f"Registro oficial: {directory}")
    lines.append(f"Siguiente: {given.next_command}" if given.next_command else readable(given.all_is_well))
    return "\n".join([*lines, ""])


def _section(section: Section) -> list[str]:
    if not section.rows:
        return []
    rows = [[readable(column.words(row), _CELL) for column in section.columns] for row in section.rows[:_SHOWN]]
    more = len(section.rows) - len(rows)
    rest = [f"  … y {more:,} más: acote la consulta, o escríbala con -e report_output=ARCHIVO.json"] if more else []
    return ["", readable(section.heading), *table([[column.heading for column in section.columns], *rows]), *rest]
