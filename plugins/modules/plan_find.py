#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_find
short_description: Finds out in which backups to look for a file
version_added: 1.0.0
description:
  - Runs on the controller, once, and contacts no server. All wrong or missing answers are named at once.
  - Works only under the callback P(dse.backup.ledger#callback), and writes nothing.
author: dse.backup maintainers (@dse-backup)
options:
  pattern:
    description: A file's name, a full path, or a pattern with C(*), C(?), C([a-z]) and C(**).
    type: str
    default: ""
  item:
    description: Only in the versions of this item.
    type: str
    default: ""
  as_of:
    description: Only in versions of this date (or instant) and older ones.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It only reads.
"""

EXAMPLES = r"""
- name: Decide where to look
  dse.backup.plan_find:
    pattern: index.php
  run_once: true
  register: __find_plan
"""

RETURN = r"""
servers:
  description: Per server C(server), C(pattern) and C(versions), the newest first.
  returned: success
  type: list
  elements: dict
"""
