#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: decide
short_description: Records JAA's decision on a backup in quarantine
version_added: 1.0.0
description:
  - A backup in review or nonconforming is neither the next one's baseline nor a reason to prune, until JAA decides.
  - An accepted one counts as conforming (due dates, baseline, retention); after a rejected one its item is due again.
  - The decision is a record of its own and closes the failure that the backup opened. It is never changed.
  - All wrong or missing answers are named at once.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  folio:
    description: The backup's folio.
    type: str
    default: ""
  decision:
    description: C(accepted) or C(rejected).
    type: str
    default: ""
  reason:
    description: Why.
    type: str
    default: ""
  operator_role:
    description: Who decides. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: The answers are checked, nothing is recorded.
"""

EXAMPLES = r"""
- name: Accept a backup that shrank because a service was archived
  dse.backup.decide:
    folio: DSE-02-2026-0047
    decision: accepted
    reason: se archivó el sitio 2019
"""

RETURN = r"""
backup:
  description: The backup that was decided on.
  returned: success
  type: dict
decision:
  description: The decision.
  returned: success
  type: str
"""
