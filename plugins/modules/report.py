#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Answers a question to the ledger, or prints its forms
version_added: 1.0.0
description:
  - From the ledger alone. Nothing is written to it, no server is contacted. Shows tables; the same stands in O(output).
  - Fails where the answer is that something needs action; what is asked is shown, and written, all the same.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  question:
    description:
      - V(conformity) - each clause of the procedure with the controls that carry it out, the newest evidence of each,
        how old that is, and its state. Needs action where something speaks against a control today.
      - V(copies) - of each item and its newest conforming backup JAA's copy and CSC's - where, with whom, since when,
        last proved equal when, acknowledged by CSC or not. How many of its backups have both, what CSC lacks or has
        rejected, what is damaged. Needs action where a copy is damaged or rejected, a delivery or CSC's word on it is
        overdue, or an item has no conforming backup.
      - V(loans) - what CSC lends, how far each loan has come, whose turn it is. Needs action where one is late.
      - V(overdue) - what is late for CSC and from CSC, failures that are open for long, and what waits for a decision,
        an acceptance or a review. Needs action where there is any.
      - Anything else is refused, with the names of the questions.
    type: str
    default: ""
  items:
    description: Only these items.
    type: list
    elements: str
    default: []
  week:
    description: The ISO week that is asked about, such as C(2026-W47), where a question is about one.
    type: str
    default: ""
  year:
    description: The year that is asked about, where a question is about one. By default this year.
    type: str
    default: ""
  folio:
    description: The record that is asked about, where a question is about one.
    type: str
    default: ""
  form:
    description:
      - Forms to print, instead of a question, as one document. A folio is the form of its record - of FOR 7.5 DSE 02
        and 03 that of its week, of DSE 04 that of its run on its server, of CSC 01 that of its year. A view such as
        C(DSE-03-2026-W47), C(DSE-04-2026) or C(CSC-01-2026) is all forms of it, and so is a week such as C(2026-W47).
      - They are whole, whatever C(--limit) says. A record whose hash is not right is printed as such.
    type: list
    elements: str
    default: []
  output:
    description:
      - A file outside the ledger's directory, not written in check mode. It ends in C(.json) for the answer to a
        question, in C(.pdf) or C(.html) for forms, which require one. PDF needs the library weasyprint.
    type: str
    default: ""
  repository_root:
    description: Where the backup server keeps the repositories of which the inventory does not say it.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Nothing is ever written to the ledger; in check mode O(output) is not written either.
seealso:
  - module: dse.backup.show_plan
  - module: dse.backup.list_backups
"""

EXAMPLES = r"""
- name: Who holds which copy?
  dse.backup.report:
    question: copies
    output: /srv/reports/copies.json
    repository_root: /srv/dse-backup
  run_once: true

- name: Print the week of the databases
  dse.backup.report:
    form: [DSE-03-2026-W47]
    output: /srv/reports/dse-03-2026-w47.pdf
    repository_root: /srv/dse-backup
  run_once: true
"""

RETURN = r"""
answer:
  description:
    - C(question), C(asked_at), C(needs_action), C(next_command) and a list for each section, with rows of stable names.
    - Of V(conformity) this is C(clauses), a row for each clause and control.
    - Of V(copies) these are C(copies) (two rows a backup, C(custodian) JAA and CSC), C(items), C(lacking),
      C(acknowledgements), C(rejected) and C(damaged).
    - Of V(overdue) these are C(failures), C(deliveries), C(acknowledgements), C(decisions), C(recoveries), C(weeks) and
      C(requests).
  returned: where nothing needs action
  type: dict
forms:
  description: The forms that were printed, each with C(form_code), C(name) and C(broken), the records of a wrong hash.
  returned: where O(form) is given
  type: list
  elements: dict
damaged:
  description: How many of the ledger's lines cannot be read.
  returned: where O(form) is given
  type: int
"""
