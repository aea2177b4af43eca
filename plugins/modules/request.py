#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: request
short_description: Keeps the register of requests for backups
version_added: 1.0.0
description:
  - Registers a request (FOR 7.5 DSE 05-A), a change of one, or a service request (FOR 7.2 DAU 01); records that one is
    accepted, rejected or cancelled; takes the inventory's items over where there is no register yet.
  - What is done depends on what is answered. O(take_over) goes first, then O(folio) with O(decision), then
    O(service_type); else a request is registered, which with O(changes) replaces another once it is accepted.
  - What JAA has not accepted is not backed up. A request holds from O(valid_from) to O(valid_until); the inventory may
    name any folio of a chain of changes.
  - All wrong or missing answers are named at once, before anything is recorded. Nothing is ever changed or removed.
  - Works only under the callback P(dse.backup.ledger#callback), on the controller, and contacts no server.
author: dse.backup maintainers (@dse-backup)
options:
  folio:
    description: The request that is decided on.
    type: raw
  decision:
    description: C(accepted), C(rejected) or C(cancelled). The first two are JAA's.
    type: raw
  reason:
    description: Why; needed to reject and to cancel.
    type: raw
  valid_from:
    description: The first day on which an accepted request holds. Today, or later.
    type: raw
  valid_until:
    description: Its last day. Without it there is none.
    type: raw
  requester:
    description: The role of who asks, C(CGDW); C(JAA) for configurations of servers only.
    type: raw
  area:
    description: The area that asks.
    type: raw
  contact:
    description: The area's mail address.
    type: raw
  service:
    description: The electronic service.
    type: raw
  servers:
    description: One server, or a list.
    type: raw
  repository_type:
    description: One of C(procedure/repository_types.yml).
    type: raw
  information_type:
    description: One of C(procedure/information_types.yml). It sets the frequency.
    type: raw
  source:
    description: One absolute path, a list of them, or the name of a database.
    type: raw
  exclusions:
    description: What below the paths is left out.
    type: raw
  estimated_bytes:
    description: The size, in bytes or as C(620 MiB).
    type: raw
  personal_data:
    description: Whether it contains personal data. Must be answered.
    type: raw
  service_request:
    description: The folio of the service request that led to this one.
    type: raw
  changes:
    description: The folio of the accepted request that this one replaces, once JAA accepts it.
    type: raw
  service_type:
    description: Of a service request, C(new_backup), C(change), C(cancel) or C(restore).
    type: raw
  channel:
    description: How a service request came in, C(portal), C(correo) or C(teléfono).
    type: raw
  description:
    description: What a service request asks for.
    type: raw
  priority:
    description: Of a service request, C(alta), C(media) or C(baja).
    type: raw
  received_at:
    description: When a service request came in. Now, where it is not said.
    type: raw
  take_over:
    description: Register and accept, marked so, every item of the inventory whose request the register lacks.
    type: raw
  remarks:
    description: Anything else.
    type: raw
  operator_role:
    description: Who records it. Declared, not authenticated; the system's user is recorded beside it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: The answers are checked, nothing is recorded.
"""

EXAMPLES = r"""
- name: Ask for the media of the portal
  dse.backup.request:
    requester: CGDW
    area: Portal Institucional
    contact: portal@dse.example
    service: Portal institucional
    servers: srv-web01
    repository_type: web_publication
    information_type: images_documents
    source: /srv/www/portal/media
    estimated_bytes: 38 GiB
    personal_data: false

- name: Accept it
  dse.backup.request:
    folio: DSE-05-2026-0002
    decision: accepted
"""

RETURN = r"""
request:
  description: The request that was decided on, as it was before.
  returned: for a decision
  type: dict
outside:
  description: Servers of the request that are no members of C(dse_servers). JAA cannot accept them (clause 1.2).
  returned: for a request
  type: list
  elements: str
taken:
  description: The items that were taken over, by folio.
  returned: for a take-over
  type: dict
refused:
  description: What could not be taken over, and why, one a line.
  returned: always
  type: list
  elements: str
"""
