#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: show_plan
short_description: Shows what is due on a day, what became of a week, how much of a year's plan is done
version_added: 1.0.0
description:
  - From the ledger alone. Nothing is written, no server is contacted.
  - Every slot is done, late, missed, mitigated (missed, and then made by hand) or pending.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  as_of:
    description: A date; today, where none is given. Of a day to come, as if all before it were done on time.
    type: str
    default: ""
  week:
    description: An ISO week such as C(2026-W47), as FOR 7.5 DSE 02 and 03 have it.
    type: str
    default: ""
  year:
    description: A year. Its plan and its fulfilment (FOR 7.5 CSC 01).
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Nothing is ever written.
"""

EXAMPLES = r"""
- name: What is due on 24 December?
  dse.backup.show_plan:
    as_of: "2026-12-24"
  run_once: true
"""

RETURN = r"""
due:
  description: What is due on the day, with its state.
  returned: for a day
  type: list
  elements: dict
weeks:
  description: The week's forms, what is missing in each, whether it is closed, what arrived afterwards.
  returned: for a week
  type: list
  elements: dict
year:
  description:
    - Each item's planned, done, late, missed, mitigated and pending slots of the year.
    - C(deliveries_planned) of its backups should be with CSC by now, C(deliveries_done) of those are.
  returned: for a year
  type: list
  elements: dict
"""
