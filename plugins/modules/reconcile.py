#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: reconcile
short_description: Opens a failure for each slot that passed without a backup
version_added: 1.0.0
description:
  - What was accepted and did not happen, and of which the failure log says nothing yet, gets its entry in
    FOR 7.5 DSE 05, once. Also of servers and items that are no longer in the inventory.
  - Runs on the controller, once for all servers, and contacts none.
  - Works only under the callback P(dse.backup.ledger#callback), after P(dse.backup.plan_reconcile#module).
author: dse.backup maintainers (@dse-backup)
options:
  operator_role:
    description: Who answers for this run. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Nothing is recorded.
"""

EXAMPLES = r"""
- name: Open a failure for each slot that passed without a backup
  dse.backup.reconcile:
  run_once: true
"""

RETURN = r"""
opened:
  description: How many failures were opened.
  returned: success
  type: int
"""
