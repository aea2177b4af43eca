#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_restore
short_description: Finds the backup to restore and checks the request
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. Reads the ledger and the inventory.
  - All wrong or missing answers are named at once.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  item:
    description: The item to restore. This or O(folio).
    type: raw
    default: ""
  folio:
    description: The folio of the backup to restore from.
    type: raw
    default: ""
  as_of:
    description:
      - C(latest), an instant (C(2026-11-14T23:59), in the institution's time zone; a date alone is the end of that day)
        or a folio.
      - The newest conforming backup of that moment is used; one that is not conforming only by its folio.
    type: raw
    default: ""
  target:
    description: A new path or, of a database, a new name; C(server:) before it for another server.
    type: raw
    default: ""
  in_place:
    description: What is there may be replaced. It is stored first, so that the restore can be undone.
    type: raw
    default: ""
  include:
    description: Only these paths or patterns.
    type: raw
    default: ""
  undo:
    description: The folio of a recovery in place, to bring back what was there before.
    type: raw
    default: ""
  verify:
    description: Read back everything that was restored.
    type: raw
    default: ""
  reason:
    description: C(accidental_deletion), C(physical_damage), C(logical_damage) or C(other).
    type: raw
    default: ""
  reason_detail:
    description: In words; required with the reason C(other).
    type: raw
    default: ""
  requester:
    description: Who asks, as a CGDW's area.
    type: raw
    default: ""
  loan:
    description:
      - The folio of a loan that CSC has granted. What the recovery that waited for it was told need not be said again.
    type: raw
    default: ""
  preview:
    description: Only tell what would be written, replaced and left.
    type: raw
    default: ""
  operator_role:
    description: Who answers for this run. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: As O(preview).
"""

EXAMPLES = r"""
- name: Find the backup
  dse.backup.plan_restore:
    item: portal-src
    target: /srv/recuperado
    reason: accidental_deletion
    requester: Portal Institucional
  run_once: true
  register: __restore_plan
"""

RETURN = r"""
restore:
  description: What the server is asked for.
  returned: success
  type: dict
backup:
  description: The record of the backup that is used.
  returned: success
  type: dict
remarks:
  description: What JAA should know of a request that can be carried out.
  returned: success
  type: list
  elements: str
"""
