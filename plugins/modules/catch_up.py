#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: catch_up
short_description: Records what a server's repository holds and the ledger does not know
version_added: 1.0.0
description:
  - Runs on the backup server before a server is contacted. Finds backups that were made by hand, or in a run that never
    reached the ledger, verifies and records them, and records the slots that passed without any backup.
  - What they cover is no longer due.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  plan:
    description: The server's part of the plan.
    type: dict
    required: true
  repository:
    description: The directory of the server's repository.
    type: path
    required: true
  password_file:
    description: A file with the repository's password, which the repository's owner can read.
    type: path
    required: true
  lock_file:
    description: The file whose shared lock says that somebody is using the repository.
    type: path
    required: true
  restic:
    description: The engine.
    type: str
    default: restic
attributes:
  check_mode:
    support: none
    description: In check mode C(backup.yml) ends before it.
seealso:
  - module: dse.backup.verify_size
"""

EXAMPLES = r"""
- name: Catch up with the repository
  dse.backup.catch_up:
    plan: "{{ backup_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
  delegate_to: srv-bkp01
  register: __backup_server_catch_up
"""

RETURN = r"""
due:
  description: The ids of the items that are still due.
  returned: success
  type: list
  elements: str
"""
