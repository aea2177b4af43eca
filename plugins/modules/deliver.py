#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deliver
short_description: Copies backups into CSC's repository and reads them back
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner. Copies the backups that CSC's repository lacks and proves each
    one, by its tree id in both repositories and by reading all of the copy.
  - Refuses a repository of CSC that JAA's password or JAA's key opens, and one that is not there; it never makes one,
    except on a medium, whose label proves that it is the right one.
  - Onto a medium it copies one backup after the other, until the medium is full, and leaves there what is needed to
    restore from it elsewhere.
  - As a task it takes the plan instead of O(backups), and records what was delivered; it then works only under the
    callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
  - dse.backup.csc_place
options:
  contents:
    description: What the medium holds already, as its table of contents has it.
    type: list
    elements: dict
    default: []
    suboptions: &row
      folio: &text
        description: The backup's folio, and so on.
        type: str
        default: ""
      item_id: *text
      server: *text
      backup_date: *text
      size_bytes: *text
      snapshot: *text
      sha256: *text
      key_reference: *text
  label_text:
    description: What the medium's printed label says.
    type: str
    default: ""
  backups:
    description: The backups to deliver.
    type: list
    elements: dict
    required: true
    suboptions:
      snapshot:
        description: The full id in JAA's repository.
        type: str
        required: true
      dump_sha256:
        description: The digest of a database's dump.
        type: str
        default: ""
      row:
        description: Of a delivery onto a medium, how its table of contents describes the backup.
        type: dict
        suboptions: *row
attributes:
  check_mode:
    support: none
    description: C(deliver.yml) ends before it in check mode.
seealso:
  - module: dse.backup.plan_deliver
"""

EXAMPLES = r"""
- name: Deliver to CSC
  dse.backup.deliver:
    plan: "{{ deliver_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
    csc:
      repository: sftp:respaldos@csc.example.org:/srv/csc/srv-web01
      password_file: /srv/dse-backup/srv-web01/csc.key
    key_reference: K-2026-02
  delegate_to: srv-bkp01
"""

RETURN = r"""
delivered:
  description:
    - Each backup with C(snapshot), C(copy) (its id in CSC's repository), C(bytes_received), C(sha256), and C(problem),
      which is empty where the copy is proved.
  returned: success
  type: list
  elements: dict
is_full:
  description: Whether the medium has no room left.
  returned: success, or where it had none to begin with
  type: bool
remark:
  description: What else is to be recorded of the delivery.
  returned: success
  type: str
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core import csc_place, medium
from ansible_collections.dse.backup.plugins.module_utils._core.delivery import Wanted, deliver
from ansible_collections.dse.backup.plugins.module_utils._core.medium_delivery import OntoMedium, deliver_onto
from ansible_collections.dse.backup.plugins.module_utils._core.medium_guide import Row
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError


def main() -> None:
    row = {name: {"type": "str", "default": ""} for name in Row._fields}
    row["key_reference"]["no_log"] = False  # The name of a key.
    wanted = {
        "snapshot": {"type": "str", "required": True},
        "dump_sha256": {"type": "str", "default": ""},
        "row": {"type": "dict", "options": row},
    }
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "csc": csc_place.OPTION,
            "contents": {"type": "list", "elements": "dict", "options": row, "default": []},
            "label_text": {"type": "str", "default": ""},
            "backups": {"type": "list", "elements": "dict", "options": wanted, "required": True},
        },
    )
    given = module.params
    try:
        with opened(given) as jaa:
            done = _deliver(jaa, given)
    except (OSError, ResticError) as error:
        module.fail_json(
            msg=f"no se entregó nada de {given['repository']} a CSC: {csc_place.remedy(str(error))}",
            is_full=isinstance(error, medium.FullError),
        )
    module.exit_json(
        changed=True,
        delivered=[asdict(each) for each in done.delivered],
        is_full=done.is_full,
        remark=done.remark,
    )


def _deliver(jaa: Restic, given: dict[str, Any]) -> OntoMedium:
    place, backups = given["csc"], given["backups"]
    wanted = [Wanted(each["snapshot"], each["dump_sha256"]) for each in backups]
    if not place["medium"]:
        return OntoMedium(deliver(jaa, csc_place.repository_of(place, jaa), wanted))
    return deliver_onto(
        jaa,
        place,
        wanted,
        rows={each["snapshot"]: Row(**each["row"]) for each in backups},
        contents=[Row(**each) for each in given["contents"]],
        label_text=given["label_text"],
    )


if __name__ == "__main__":
    main()
