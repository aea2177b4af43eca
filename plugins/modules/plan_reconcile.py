#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_reconcile
short_description: Finds the gaps in the calendar, and opens the run in the ledger
version_added: 1.0.0
description:
  - Compares what JAA accepted with what the ledger holds. Names the servers with gaps or open failures, whose
    repositories are to be looked into before anything is called missed.
  - Runs on the controller, once for all servers, and contacts none.
  - Works only under the callback P(dse.backup.ledger#callback), which lets the run fail where failures were found.
author: dse.backup maintainers (@dse-backup)
options:
  operator_role:
    description: Who answers for this run. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: The plan is the same, nothing is recorded.
"""

EXAMPLES = r"""
- name: Find the gaps
  dse.backup.plan_reconcile:
  run_once: true
  register: __reconcile_plan
"""

RETURN = r"""
gaps:
  description: In words, each slot that the ledger has neither a backup nor a failure of.
  returned: success
  type: list
  elements: str
servers:
  description: The servers whose repositories are worth a look, each with its items.
  returned: always
  type: list
  elements: dict
expected_count:
  description: How many backups are or were expected at all.
  returned: always
  type: int
"""
