#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_deliver
short_description: Decides which backups are delivered to CSC
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. Reads from the ledger which backups are verified, still there,
    and not delivered yet, or delivered and rejected by CSC.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  items:
    description: Only these items.
    type: list
    elements: str
    default: []
  medium:
    description:
      - The id of the medium that they are delivered onto. Without it they go to the place that the inventory names.
      - Refused unless it is CSC's, carries its electronic label, and can be written to, as far as the register knows.
    type: str
    default: ""
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
- name: Decide what is delivered
  dse.backup.plan_deliver:
  run_once: true
  register: __deliver_plan
"""

RETURN = r"""
servers:
  description:
    - Per server with something to deliver C(server), C(context), and C(backups) with C(folio), C(item_id),
      C(file_name), C(snapshot), C(size_bytes), C(sha256); C(medium) where they go onto one.
  returned: success
  type: list
  elements: dict
medium:
  description: The medium, with C(media_id), C(media_type), C(medium_uuid), C(label_text); empty without one.
  returned: success
  type: dict
left:
  description: Servers that have undelivered backups and are not in the inventory any more.
  returned: success
  type: list
  elements: str
"""
