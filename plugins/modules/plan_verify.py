#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_verify
short_description: Decides which share of each repository is read now
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. Reads from the ledger which part of each repository was read
    when, and chooses so that everything is read within O(period_days).
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  all:
    description: Read everything.
    type: bool
    default: false
  period_days:
    description: Within how many days everything is read.
    type: int
    default: 30
  servers:
    description: Only the repositories of these servers. Without it, of all in the play that have backups.
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
- name: Decide what is read
  dse.backup.plan_verify:
  run_once: true
  register: __verify_plan
"""

RETURN = r"""
servers:
  description: Per server C(server), C(read) (C(all) or a share such as C(3/30)), C(expected), C(context).
  returned: success
  type: list
  elements: dict
left:
  description: Servers that have backups and are not in the inventory any more.
  returned: success
  type: list
  elements: str
"""
