#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report_coverage
short_description: Lists what nobody asked for on the servers, and what was asked for and is gone
version_added: 1.0.0
description:
  - Runs on the controller, once for all servers of the play, and contacts none. Shows one table; the same stands in its
    result and, where it is asked for, in a file.
  - What was found is covered when it is a requested database, or lies at or below a requested path and is not left out
    by its exclusions. A directory of which only something below is requested is listed as covered in part.
  - Fails, after it has shown everything, where a server could not be looked at, or not completely.
  - Works only under the callback P(dse.backup.ledger#callback), and writes nothing to the ledger.
author: dse.backup maintainers (@dse-backup)
options:
  plan:
    description: The result of P(dse.backup.plan_coverage#module).
    type: dict
    required: true
  looks:
    description: Of each server of the play, in their order, the result of P(dse.backup.coverage#module), failed or not.
    type: list
    elements: dict
    required: true
  output:
    description:
      - A file on the controller into which the result is written as JSON, with C(looked_at) and C(servers) besides.
      - Only its owner can read it. In check mode it is not written.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: It only reads, and does not write O(output).
seealso:
  - module: dse.backup.plan_coverage
  - module: dse.backup.coverage
"""

EXAMPLES = r"""
- name: Report what nobody asked for
  dse.backup.report_coverage:
    plan: "{{ __coverage_plan }}"
    looks: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='__coverage_look', default={}) }}"
  run_once: true
"""

RETURN = r"""
uncovered:
  description: What nobody asked for. Besides what P(dse.backup.coverage#module) tells of it, where it is known.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The server that it is on.
      type: str
    situation:
      description: C(unrequested), or C(partly) where something in it is requested.
      type: str
    covered_parts:
      description: The C(path) of each part that is requested, and C(by) what.
      type: list
      elements: dict
    unheard:
      description:
        - The requests that would cover it and are pending, rejected, cancelled, replaced or out of their time; without
          any, the items that the inventory has and the plan refuses. Each with C(name), C(folio) and C(why_not).
      type: list
      elements: dict
    excluded_by:
      description: What is requested around it and leaves it out.
      type: list
      elements: str
    within:
      description: Another unrequested directory that it lies in; the table then shows that one alone.
      type: str
gone:
  description: What is requested and is not there.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The server on which it should be.
      type: str
    name:
      description: The item's id; the request's folio where no item carries it out.
      type: str
    folio:
      description: The request's folio.
      type: str
    what:
      description: The path, or the database's name.
      type: str
problems:
  description: By server, what could not be looked at. Empty, for it fails otherwise; O(output) has it in any case.
  returned: success
  type: dict
remarks:
  description: By server, what was left out with reason.
  returned: success
  type: dict
"""
