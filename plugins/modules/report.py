#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Answers a question to the ledger, prints its forms, or writes a page of all that it tells
version_added: 1.0.0
description:
  - From the ledger alone. Nothing is written to it, no server is contacted. Shows tables; the same stands in O(output).
  - Fails where the answer is that something needs action; what is asked is shown, and written, all the same.
  - Without a question and without forms, it writes one page to O(output), a single HTML file that needs nothing else
    and asks for nothing. It says first what needs attention, with the command to run next, then what became of each
    backup day by day, with its sizes and their tolerance, of the last 365 days or of O(year), then the answers to
    all questions but V(trace). It does not fail by what it tells. It needs the library vl-convert-python.
  - Works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
options:
  question:
    description:
      - V(requests) - every request with who asked, what JAA decided, when it is in force, the items that carry it out,
        its backups. Needs action where JAA has not decided, what is in force has no item or was never backed up, or an
        element of the inventory is refused.
      - V(coverage) - of each server and kind what was accepted, what of it an item carries out, what is backed up;
        which server has nothing. Needs action where something accepted is not backed up. What lies on the servers that
        nobody asked for, M(dse.backup.report_coverage) finds there.
      - V(plan) - the plan of O(year) with its fulfilment, by item and in total. Needs action where JAA has not approved
        it as it is, or CSC has not received it.
      - V(week) - O(week), by default the last that has ended, day by day and item by item. Needs action where it is not
        closed, something in it is missing, or came after it was closed.
      - V(gaps) - what was not covered on time, of O(year) or of all times. Needs action where its failure is not
        recorded and closed.
      - V(overdue) - what is late for CSC and from CSC, failures that are open for long, and what waits for a decision,
        an acceptance or a review. Needs action where there is any.
      - V(verification) - of the newest backups both sizes, the change, what is tolerated, the verdict; what shrinks
        slowly; JAA's decisions; which were first ones. Needs action where one waits for a decision.
      - V(copies) - of each item and its newest conforming backup JAA's copy and CSC's - where, with whom, since when,
        last proved equal when, acknowledged by CSC or not. How many of its backups have both, what CSC lacks or has
        rejected, what is damaged. Needs action where a copy is damaged or rejected, a delivery or CSC's word on it is
        overdue, or an item has no conforming backup.
      - V(failures) - the failure log - what is open and the command that closes it, what is closed by which evidence
        and after how long, of O(year) or of all times, what repeats itself. Needs action where any is open.
      - V(restores) - recoveries and drills, of O(year) or of all times, and when each item was last brought back. Needs
        action where one was not for longer than M(dse.backup.plan_drill) takes, its last drill failed, or the CGDW's
        word is late or is no.
      - V(loans) - what CSC lends, how far each loan has come, whose turn it is. Needs action where one is late.
      - V(integrity) - whether the ledger is whole, which of its hashes are kept elsewhere, when and how far each
        repository was read, what is damaged. Needs action where anything is not whole, or was not read within
        M(dse.backup.plan_verify)'s period.
      - V(retention) - which backups are kept and why, which may go, when each server was last pruned; until when the
        records of each form are kept, which years may go. Needs action where too few conforming backups are left, or a
        pruning was cut short.
      - V(versions) - the versions of each item with both their copies (the newest ten, all of O(items)), the scripts
        that made them, the revision in force. Needs action where a server's script is not the one of this controller.
      - V(trace) - the backup to which O(folio) leads, from its request to its end, each record with its hash. Without a
        folio, of all backups, where that chain is broken. Needs action where it is.
      - V(conformity) - each clause of the procedure with the controls that carry it out, the newest evidence of each,
        how old that is, and its state. Needs action where something speaks against a control today.
      - Anything else is refused, with the names of the questions.
    type: str
    default: ""
  items:
    description: Only these items.
    type: list
    elements: str
    default: []
  week:
    description: The ISO week that V(week) is asked about, such as C(2026-W47). By default the last that has ended.
    type: str
    default: ""
  year:
    description:
      - The year that V(plan), V(gaps), V(failures) and V(restores) are asked about.
      - By default V(plan) tells of this year, the others of all times.
    type: str
    default: ""
  folio:
    description: The folio that V(trace) is asked about - a request's, a backup's, a failure's, a delivery's, a loan's.
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
        question, in C(.pdf) or C(.html) for forms, which require one, and in C(.html) for the page. PDF needs the
        library weasyprint.
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

- name: Write the morning's page
  dse.backup.report:
    output: /srv/reports/respaldos.html
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
    - Of V(requests) these are C(pending), C(absent), C(undone), C(refused) and C(requests).
    - Of V(coverage) these are C(kinds), C(items), C(refused) and C(servers).
    - Of V(plan) these are C(items), C(total) (one row) and C(versions).
    - Of V(week) these are C(weeks) and a list for each form of a backup, C(dse_02), C(dse_03), C(dse_04); C(slots) in a
      row of the first two has its days, or the week.
    - Of V(gaps) these are C(items) and C(gaps).
    - Of V(overdue) these are C(failures), C(deliveries), C(acknowledgements), C(loans), C(decisions), C(recoveries),
      C(weeks) and C(requests).
    - Of V(verification) these are C(undecided), C(shrinking), C(newest), C(decided) and C(first).
    - Of V(copies) these are C(copies) (two rows a backup, C(custodian) JAA and CSC), C(items), C(lacking),
      C(acknowledgements), C(rejected) and C(damaged).
    - Of V(failures) these are C(open), C(repeated) and C(closed).
    - Of V(restores) these are C(recoveries), C(items) and C(drills).
    - Of V(loans) these are C(open) and C(closed).
    - Of V(integrity) these are C(ledger) (one row), C(faults), C(anchors), C(repositories) and C(damaged).
    - Of V(retention) these are C(items), C(prunable), C(prunes), C(forms), C(years) and C(kept).
    - Of V(versions) these are C(items), C(versions), C(scripts) and C(procedure).
    - Of V(trace) these are C(backup), C(links), C(steps) and C(others) where there is a folio, else C(items), C(broken)
      and C(altered).
    - Of V(conformity) this is C(clauses), a row for each clause and control.
  returned: where nothing needs action
  type: dict
page:
  description:
    - C(path), C(size_bytes) (0 in check mode) and C(problems), what needs action in words, by the name of its question.
  returned: where the page is written
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
