#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_coverage
short_description: Finds out what was requested of each server
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. What is requested are the items of the inventory that an
    accepted request covers, and the accepted requests that no item carries out.
  - Works only under the callback P(dse.backup.ledger#callback), and writes nothing.
author: dse.backup maintainers (@dse-backup)
options:
  output:
    description: The file on the controller into which the result will be written, to be told early that it cannot be.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: It only reads.
seealso:
  - module: dse.backup.coverage
"""

EXAMPLES = r"""
- name: Find out what was requested
  dse.backup.plan_coverage:
  run_once: true
  register: __coverage_plan
"""

RETURN = r"""
requested:
  description: For each server of the play, what O(dse.backup.coverage#module:requested) is to be.
  returned: success
  type: dict
claims:
  description: All that was ever asked for on these servers, with C(why_not), in words, where it is not requested now.
  returned: success
  type: list
  elements: dict
"""
