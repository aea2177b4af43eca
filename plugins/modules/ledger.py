#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
short_description: Verifies, reads, anchors, corrects and disposes of the official records
version_added: 1.0.0
description:
  - Without options verifies the whole ledger. Every line's own hash, its place in the chain, the order of the files, a
    torn last line, folios that stand there twice, and the rows of the CSV files. Names the first line that is wrong and
    what follows it, and fails.
  - With O(folio), O(item), O(week), O(status) or O(type), which can be combined, shows what the ledger says; with
    O(output) writes it to a file. What a form has come to (state, closing, retention, acknowledgements, corrections) is
    worked out on reading, and is no part of what C(record_sha256) is the hash of.
  - With O(anchor_to) keeps the ledger's last hash in a file elsewhere. A tail that is cut, or a ledger that is written
    anew from some line on, is found by it alone.
  - With O(correct) records a correction. The original stays as it was written.
  - With O(disposable) tells which whole years may go and what keeps the others; with O(dispose) removes the oldest one.
  - One use at a time. Those that only read write nothing, and work where nothing can be written.
  - Works only where the callback P(dse.backup.ledger#callback) is enabled, which knows where the ledger lies.
author: dse.backup maintainers (@dse-backup)
options:
  folio:
    description: Show all of this folio. The name of a view (C(DSE-03-2026-W47), C(DSE-04-2026)) gives its lines.
    type: str
    default: ""
  item:
    description: What is about this item.
    type: str
    default: ""
  week:
    description: What belongs to this ISO week, C(2026-W47).
    type: str
    default: ""
  status:
    description: Forms that have come to this state, such as C(abierto) or C(cerrado).
    type: str
    default: ""
  type:
    description: Records of this C(record_type).
    type: str
    default: ""
  output:
    description:
      - Write what is found, or everything, to this file on the controller, a C(.json), C(.jsonl) or C(.csv).
      - An existing file is replaced. It must not lie in the ledger's directory.
    type: str
    default: ""
  anchor_to:
    description: Append the ledger's last hash to this file, which must not lie in the ledger's directory.
    type: str
    default: ""
  anchor_from:
    description: Compare the ledger with what was appended to this file.
    type: str
    default: ""
  anchor_csc:
    description: CSC's hosts keep the last hash too. Fail where there is none that does.
    type: bool
    default: false
  copies:
    description: Compare the ledger with what hosts of CSC keep. The results of a loop of M(ansible.builtin.slurp).
    type: list
    elements: raw
    default: []
  kept_by:
    description: Record that these hosts of CSC keep O(anchor).
    type: list
    elements: raw
    default: []
  anchor:
    description: The RV(anchor) that was returned by the task which made it.
    type: dict
    default: {}
  correct:
    description: The folio of the record to correct.
    type: str
    default: ""
  corrections:
    description: By the field's name, what it should say. Only what people fill in can be corrected.
    type: dict
    default: {}
  reason:
    description: Why it is corrected or disposed of.
    type: str
    default: ""
  disposable:
    description: Tell which years may go.
    type: bool
    default: false
  dispose:
    description: Remove this year, which must be the oldest, and which nothing may keep.
    type: int
    default: 0
  approver:
    description: Who approves of the disposal.
    type: str
    default: ""
  operator_role:
    description: Who acts. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Everything is verified and checked; nothing is written, no file and no record.
"""

EXAMPLES = r"""
- name: Verify the ledger and compare it with the hashes that CSC has on its medium
  dse.backup.ledger:
    anchor_from: /media/csc/huellas.jsonl
  run_once: true

- name: Export the failures that are open
  dse.backup.ledger:
    type: failure
    status: abierto
    output: /srv/auditoria/fallas.csv
  run_once: true

- name: Correct the cause of a failure
  dse.backup.ledger:
    correct: DSE-05-2026-0013
    corrections:
      cause: disco lleno en srv-db01
    reason: se había anotado otro servidor
  run_once: true
"""

RETURN = r"""
whole:
  description: Whether nothing is wrong.
  returned: when verified
  type: bool
faults:
  description: In words, everything that is wrong.
  returned: when verified
  type: list
  elements: str
record_count:
  description: How many records were ever written, those disposed of among them.
  returned: when verified
  type: int
head_sha256:
  description: The hash of the last record.
  returned: when verified
  type: str
found:
  description: The first 200 records found, with what is worked out on reading.
  returned: when something is looked up
  type: list
  elements: dict
count:
  description: How many were found.
  returned: when something is looked up
  type: int
damaged:
  description: How many lines could not be read.
  returned: when something is looked up
  type: int
anchor:
  description: The ledger's end.
  returned: when it is kept elsewhere
  type: dict
  contains:
    record_count:
      description: How many records were ever written.
      type: int
    ledger_file:
      description: The file of the last one.
      type: str
    head_sha256:
      description: Its hash.
      type: str
    highest_folios:
      description: The last folio of each series and year.
      type: list
      elements: str
    anchored_at:
      description: When this was so.
      type: str
anchor_line:
  description: The same as the line to be kept.
  returned: when it is kept elsewhere
  type: str
years:
  description: The ledger's years, oldest first.
  returned: when asked for O(disposable)
  type: list
  elements: dict
  contains:
    year:
      description: The year.
      type: int
    record_count:
      description: How many records it has.
      type: int
    disposable:
      description: Whether it may go.
      type: bool
    kept_by:
      description: In words, what keeps it.
      type: list
      elements: str
"""
