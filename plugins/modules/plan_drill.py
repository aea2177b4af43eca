#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_drill
short_description: Decides which backups are tried now
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. Chooses the items that have waited the longest, those never
    tried before all others, so that each is tried within O(period_days).
  - Of each item the newest backup that conforms and can be read is tried.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  period_days:
    description: Within how many days each item is tried.
    type: int
    default: 90
  count:
    description: Try so many items. 0 means as many as keep pace.
    type: int
    default: 0
  items:
    description: Try these items, whenever they were tried last.
    type: list
    elements: str
    default: []
  operator_role:
    description: Who answers for this run. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It only reads.
"""

EXAMPLES = r"""
- name: Decide what is tried
  dse.backup.plan_drill:
  run_once: true
  register: __drill_plan
"""

RETURN = r"""
servers:
  description: Per server C(server), C(context) and C(drills).
  returned: success
  type: list
  elements: dict
waiting:
  description: Items that cannot be tried, and why.
  returned: success
  type: list
  elements: dict
candidates:
  description: How many items can be tried.
  returned: success
  type: int
"""
