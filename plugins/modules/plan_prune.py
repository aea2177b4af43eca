#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_prune
short_description: Decides which backups may go
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. Goes by the ledger alone, never by dates or tags in a
    repository, which a client writes; what the ledger does not know is never removed.
  - The last conforming backups, the one that the next is compared with, those in review, and all of an item whose
    newest outcome is not a conforming backup always stay.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  items:
    description: Only these items.
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
- name: Decide what goes
  dse.backup.plan_prune:
  run_once: true
  register: __prune_plan
"""

RETURN = r"""
servers:
  description:
    - Per server on which something goes C(server), C(context), and C(disposed) with C(folio), C(file_name), C(item_id).
  returned: success
  type: list
  elements: dict
fates:
  description: Each backup with C(goes) and the C(reason), in words.
  returned: success
  type: list
  elements: dict
"""
