#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: medium
short_description: Keeps the register of removable media
version_added: 1.0.0
description:
  - Registers a medium and labels it, records where it is and in which state, tells which one is mounted, prints labels.
  - What is done depends on what is answered. O(register) goes first, then O(check) or O(scan), then O(state) or
    O(location), then O(labels); without any, the register is listed, with what is to be done.
  - JAA's media belong in the office that C(procedure/media.yml) names (clause 4.4); it tells of one that is elsewhere.
  - Runs on the controller. What concerns an electronic label is done on the backup server that the task is delegated
    to; nothing else contacts a server.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  directory:
    description: Where a medium is mounted on the backup server.
    type: path
    required: true
  register:
    description: The id of a new medium, or of one that is to get its electronic label now.
    type: str
    default: ""
  type:
    description: Of a new medium, one of C(types) in C(procedure/media.yml).
    type: str
    default: ""
  capacity:
    description: Its capacity, as C(2 TB) or in bytes; that of its file system where it is not said.
    type: str
    default: ""
  custodian:
    description: Who keeps it, C(JAA) or C(CSC).
    type: str
    default: ""
  label_text:
    description: What its printed label says. Worked out where it is not said.
    type: str
    default: ""
  key_reference:
    description: By which name its custodian knows the key of what is on it.
    type: str
    default: ""
  label:
    description: Whether a new medium gets an electronic label. A tape has no place for one.
    type: bool
    default: true
  not_empty:
    description: Label it although it is not empty.
    type: bool
    default: false
  id:
    description: The medium that is changed, or whose label is printed.
    type: str
    default: ""
  location:
    description: Where it is.
    type: str
    default: ""
  state:
    description: Its state, one of C(states) in C(procedure/media.yml).
    type: str
    default: ""
  reason:
    description: Why its state changes. Needed into and out of C(lent), C(damaged), C(lost) and C(retired).
    type: str
    default: ""
  check:
    description: Tell which medium is mounted.
    type: bool
    default: false
  scan:
    description: What the QR code of a printed label says, to be compared with the electronic label of what is mounted.
    type: str
    default: ""
  labels:
    description: An HTML file on the controller to which the labels are printed, of all media or of O(id).
    type: path
    default: ""
  operator_role:
    description: Who answers for this. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Nothing is written, recorded or labelled.
seealso:
  - module: dse.backup.medium_label
"""

EXAMPLES = r"""
- name: Register the disk that is mounted, and label it
  dse.backup.medium:
    directory: /media/dse-backup
    register: CSC-HD-11
    type: hdd_usb
    custodian: CSC
    location: Gaveta 2
  delegate_to: srv-bkp01
  run_once: true
"""

RETURN = r"""
media:
  description: The register, one element a medium, with C(media_id), C(state), C(location) and so on.
  returned: when it is listed
  type: list
  elements: dict
next:
  description: The id of CSC's medium whose turn it is, empty where there is none.
  returned: when it is listed
  type: str
misplaced:
  description: The ids of JAA's media that are not in JAA's office.
  returned: when it is listed
  type: list
  elements: str
medium:
  description: The medium that is mounted, as the register knows it; empty where it does not.
  returned: with O(check)
  type: dict
"""
