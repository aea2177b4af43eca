# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is asked to the file: the page is made, written whole or not at all, and told of in short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import whole_file
from ansible_collections.dse.backup.plugins.plugin_utils.page import composition, document
from ansible_collections.dse.backup.plugins.plugin_utils.page.answers import Question
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.screen.page import told


class CannotMake(Exception):
    """There is no page; says why, in Spanish."""


def make_page(
    asked: Asked, questions: Mapping[str, Question], path: str, directory: str, by: str, *, writes: bool
) -> tuple[str, dict[str, Any]]:
    """Make the page, to ``path`` where it ``writes``; return what to tell, and the result as plain data.

    ``directory`` is the ledger's, ``by`` says who makes it. Raises CannotMake.
    """
    page = composition.compose(asked, questions, directory=directory, by=by)
    try:
        content = document.document(page).encode()
        if writes:
            whole_file.write(path, content)
    except document.MissingLibrary as error:
        raise CannotMake(str(error)) from None
    except OSError as error:
        raise CannotMake(f"no se pudo escribir {readable(path)}: {error.strerror}") from None
    size = len(content) if writes else 0
    problems = {each.name: each.problems for each in page.urgent}
    return told(page, path, size), {"page": {"path": path, "size_bytes": size, "problems": problems}}
