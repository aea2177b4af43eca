#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: loan
short_description: Asks for a loan of what CSC keeps, and takes it from step to step
version_added: 1.0.0
description:
  - When JAA's copy fails, CSC's is asked for (4.3.1 c). The request is a line of FOR 7.5 CSC 03; every step is a record
    about it. CSC authorises (or rejects) and lends, JAA checks what it received and gives it back, CSC receives it
    back; until it is lent, JAA may cancel it.
  - A step that cannot follow is refused, with the state of the loan, the step that comes next and whose it is; so is a
    step of another role. No medium is lent twice. A backup that CSC does not hold cannot be asked for.
  - A loan of CSC's repository is read-only access to it. Where the inventory names a standing authorisation of CSC
    (C(backup_server_csc_standing_loan)), such a loan is authorised and lent with its request.
  - Without any option the loans that are open are listed, and nothing is written.
  - Works only under the callback P(dse.backup.ledger#callback), on the controller, and contacts no server.
author: dse.backup maintainers (@dse-backup)
options:
  request:
    description:
      - What is asked for. A list of folios of backups, or of item ids; of an item its newest conforming backup that CSC
        holds. What is in several places becomes several loans.
    type: raw
  failure_folio:
    description: Of a request, the failure (FOR 7.5 DSE 05) for which it is made.
    type: str
    default: ""
  restore_folio:
    description: Of a request, the recovery for which it is made, where there is one already.
    type: str
    default: ""
  folio:
    description: Of a step, the loan's folio.
    type: str
    default: ""
  step:
    description:
      - C(authorise), C(reject), C(lend) and C(receive_back) are CSC's, C(check), C(return) and C(cancel) JAA's.
    type: str
    default: ""
  due_back_on:
    description:
      - With C(lend), by which date it is to be given back; not in the past, and within a year. Without it, after the
        days that the procedure's data say.
    type: str
    default: ""
  check_result:
    description: With C(check), C(conforming) or C(nonconforming); what does not conform can only be given back.
    type: str
    default: ""
  check_sha256:
    description: With C(check), the digest that was read; what conforms has one of those that were delivered.
    type: str
    default: ""
  reason:
    description: Why; needed to reject, to cancel, and of what does not conform.
    type: str
    default: ""
  as:
    description: The role in which it is said. Without it, O(operator_role).
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
- name: Which loans are open?
  dse.backup.loan:

- name: Ask for CSC's copy of what JAA cannot read
  dse.backup.loan:
    request: [portal-src]
    failure_folio: DSE-05-2026-0015

- name: CSC lends it
  dse.backup.loan:
    folio: CSC-03-2026-0001
    step: lend
    due_back_on: "2026-11-26"
    as: CSC
"""

RETURN = r"""
loans:
  description: The loans that are open, each with C(folio), C(state), C(due_back_on), C(files) and so on.
  returned: without options
  type: list
  elements: dict
shown:
  description: What is asked for, or which step of which loan, in lines.
  returned: for a request or a step
  type: list
  elements: str
"""
