# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger can be asked with report.yml, by the names of the questions."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.dse.backup.plugins.plugin_utils.questions.conformity import conformity
from ansible_collections.dse.backup.plugins.plugin_utils.questions.copies import copies
from ansible_collections.dse.backup.plugins.plugin_utils.questions.coverage import coverage
from ansible_collections.dse.backup.plugins.plugin_utils.questions.failures import failures
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Asked
from ansible_collections.dse.backup.plugins.plugin_utils.questions.gaps import gaps
from ansible_collections.dse.backup.plugins.plugin_utils.questions.integrity import integrity
from ansible_collections.dse.backup.plugins.plugin_utils.questions.loans import loans
from ansible_collections.dse.backup.plugins.plugin_utils.questions.overdue import overdue
from ansible_collections.dse.backup.plugins.plugin_utils.questions.plan import plan
from ansible_collections.dse.backup.plugins.plugin_utils.questions.requests import requests
from ansible_collections.dse.backup.plugins.plugin_utils.questions.restores import restores
from ansible_collections.dse.backup.plugins.plugin_utils.questions.retention import retention
from ansible_collections.dse.backup.plugins.plugin_utils.questions.trace import trace
from ansible_collections.dse.backup.plugins.plugin_utils.questions.verification import verification
from ansible_collections.dse.backup.plugins.plugin_utils.questions.versions import versions
from ansible_collections.dse.backup.plugins.plugin_utils.questions.week import week

# In the order in which they are offered.
_ALL: tuple[Callable[[Asked], Answer], ...] = (
    *(requests, coverage, plan, week, gaps, overdue, verification, copies, failures, restores, loans),
    *(integrity, retention, versions, trace, conformity),
)
QUESTIONS: dict[str, Callable[[Asked], Answer]] = {each.__name__: each for each in _ALL}
