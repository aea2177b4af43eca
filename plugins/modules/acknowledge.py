#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: acknowledge
short_description: Records what somebody has to say of a record, or of a view of records
version_added: 1.0.0
description:
  - The CGDW says that what came back is right (a recovery, a service), CSC that it received (a delivery, the annual
    plan), JAA that a failure is resolved and why, that a week or a year is reviewed and closed, that the annual plan is
    approved.
  - A view has a name like a folio. C(DSE-03-2026-W47) and C(DSE-02-2026-W47) are a week, C(DSE-04-2026) a year's
    FOR 7.5 DSE 04, C(CSC-01-2026) a year's plan.
  - A closed week is not changed. What arrives later is taken in by closing it once more, as a correction with its
    reason.
  - JAA approves the annual plan by acknowledging it, which records its new or changed lines (FOR 7.5 CSC 01); then CSC
    can receive it.
  - What the procedure leaves to one role is refused to another. All faults are named at once.
  - Works only under the callback P(dse.backup.ledger#callback), on the controller, and contacts no server.
author: dse.backup maintainers (@dse-backup)
options:
  folio:
    description: A folio, a list of folios, or the name of a view.
    type: raw
  as:
    description: The role in which it is said. Without it, O(operator_role).
    type: str
    default: ""
  result:
    description: C(accepted) or C(rejected).
    type: str
    default: ""
  reason:
    description: Why; needed to reject, to close a failure, and to close a week in which something is missing.
    type: str
    default: ""
  nonconformity_ref:
    description: Of a failure, the nonconformity that it opened (PRO 8.3 CNO 01).
    type: str
    default: ""
  maintenance_ref:
    description: Of a failure, the corrective maintenance (PRO 6.3 DSE 01).
    type: str
    default: ""
  satisfaction:
    description: Of a service, from 1 to 5 (PRO 8.2 DAU 01).
    type: raw
  complaint_ref:
    description: Of a service, the complaint (PRO 8.5 DAU 01).
    type: str
    default: ""
  storage_location:
    description: Of a delivery, where CSC keeps it.
    type: str
    default: ""
  operator_role:
    description: Who records it. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: The answers are checked, nothing is recorded.
"""

EXAMPLES = r"""
- name: Close a week
  dse.backup.acknowledge:
    folio: DSE-03-2026-W47
    as: JAA
    result: accepted

- name: The area has looked at what came back
  dse.backup.acknowledge:
    folio: DSE-05-2026-0014
    as: CGDW
    result: accepted
"""

RETURN = r"""
shown:
  description: What each folio or view is about, in lines.
  returned: success
  type: list
  elements: list
reason:
  description: The reason that was given.
  returned: success
  type: str
"""
