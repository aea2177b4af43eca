#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: request_loan
short_description: Asks CSC for a loan of what JAA's copy cannot give any more
version_added: 1.0.0
description:
  - Runs on the controller and contacts no server. Where no open loan covers the backups already, it records the request
    (FOR 7.5 CSC 03); where CSC has given a standing authorisation, its granting too.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  plan:
    description: One server's part of the plan, which names the backups and what CSC has authorised.
    type: dict
    required: true
attributes:
  check_mode:
    support: none
    description: A preview ends before it.
seealso:
  - module: dse.backup.loan
"""

EXAMPLES = r"""
- name: Ask for CSC's copy
  dse.backup.request_loan:
    plan: "{{ backup_restore }}"
"""

RETURN = r""" # """
