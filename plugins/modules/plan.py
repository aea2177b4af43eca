#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Decides what is due and opens the run in the ledger
version_added: 1.0.0
description:
  - Runs on the controller, once for all servers, and contacts none. Reads C(backup_client_items) of every host of the
    inventory and the ledger's history of each item.
  - Source code is due once an ISO week, databases once a local day, configuration, images and documents sixty days
    after their last conforming backup.
  - Every mistake in the inventory is named at once, by host, item and key. The faulty item is refused and recorded,
    the others are backed up.
  - Runs whose controller died are closed, each of their open items with a failure.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  items:
    description: Only these items.
    type: list
    elements: str
    default: []
  information_type:
    description: Only items of this kind of information.
    type: str
    default: ""
  force:
    description: Back up although nothing is due. Recorded as manual.
    type: bool
    default: false
  maintenance_ref:
    description: The maintenance before which an extra backup is made; implies O(force).
    type: str
    default: ""
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
- name: Decide what is due
  dse.backup.plan:
  run_once: true
  register: __backup_plan
"""

RETURN = r"""
servers:
  description: The servers on which something is due, each with its items and what is due of them.
  returned: always
  type: list
  elements: dict
planned:
  description: What this run must end with an outcome for.
  returned: always
  type: list
  elements: dict
waiting:
  description: Items that are not tried now although their slot is open, and why.
  returned: always
  type: list
  elements: dict
refused:
  description: The mistakes in the inventory, one a line.
  returned: always
  type: list
  elements: str
"""
