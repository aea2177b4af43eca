# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a restoration did not end well: what the parts that restore files and databases have in common."""

from __future__ import annotations

from typing import Any


class RestoreError(Exception):
    """Nothing, or not everything, was restored; the text is for people.

    ``facts`` are the parts of the outcome that are true all the same, ``safety_snapshot`` above all.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
