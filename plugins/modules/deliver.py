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
  - Refuses a repository of CSC that JAA's password or JAA's key opens, and one that is not there; it never makes one.
  - As a task it takes the plan instead of O(backups), and records what was delivered; it then works only under the
    callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
  - dse.backup.csc_place
options:
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
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core import csc_place
from ansible_collections.dse.backup.plugins.module_utils._core.delivery import Wanted, deliver
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    wanted = {"snapshot": {"type": "str", "required": True}, "dump_sha256": {"type": "str", "default": ""}}
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "csc": csc_place.OPTION,
            "backups": {"type": "list", "elements": "dict", "options": wanted, "required": True},
        },
    )
    given = module.params
    try:
        with opened(given) as jaa:
            csc = csc_place.repository_of(given["csc"], jaa)
            delivered = deliver(jaa, csc, [Wanted(**each) for each in given["backups"]])
    except (OSError, ResticError) as error:
        module.fail_json(msg=f"no se entregó nada de {given['repository']} a CSC: {csc_place.remedy(str(error))}")
    module.exit_json(changed=True, delivered=[asdict(each) for each in delivered])


if __name__ == "__main__":
    main()
