#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_repair
short_description: Decides which repositories are mended from CSC's copy
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. A repository is mended where the last verification found it
    damaged, and CSC has at least one of the backups that are hit.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  operator_role:
    description: Who answers for this run. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It tells what would be mended; the play ends there.
seealso:
  - module: dse.backup.repair
"""

EXAMPLES = r"""
- name: Decide what is mended
  dse.backup.plan_repair:
  run_once: true
  register: __repair_plan
"""

RETURN = r"""
servers:
  description: Per server C(server), C(context), C(damaged) (the backups that are hit) and C(backups) (all of them).
  returned: success
  type: list
  elements: dict
"""
