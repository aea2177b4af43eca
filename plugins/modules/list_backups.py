#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: list_backups
short_description: Lists what can be got back
version_added: 1.0.0
description:
  - Answers from the ledger alone and contacts nobody. Shows a table; the same stands in its result.
  - Works only where the callback P(dse.backup.ledger#callback) is enabled, which knows where the ledger lies.
author: dse.backup maintainers (@dse-backup)
options:
  item:
    description: Show every version of this item. Without it, one line for each item.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It only reads.
"""

EXAMPLES = r"""
- name: Show the versions of an item
  dse.backup.list_backups:
    item: portal-src
  run_once: true
"""

RETURN = r"""
backups:
  description: The recorded backups, in the order of their records.
  returned: success
  type: list
  elements: dict
  contains:
    folio:
      description: Its folio.
      type: str
    item_id:
      description: Whose backup it is.
      type: str
    verification_result:
      description: C(conforming), C(first), C(review) or C(nonconforming).
      type: str
    decision:
      description: JAA's decision, where there is one.
      type: str
    restorable:
      description: Whether it is there and can be read in full, as far as anybody knows.
      type: bool
"""
