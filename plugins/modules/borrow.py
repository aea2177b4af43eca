#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: borrow
short_description: Fetches a backup on loan from CSC's copy
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner. Copies one backup out of CSC's repository, which is only read,
    into one of its own, and reads it there to its end. With O(state=absent) that one is removed.
  - As a task it takes the plan of a restore instead of the backup, asks the ledger whether CSC has granted the loan and
    records the check on receipt; it then works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
  - dse.backup.csc_place
options:
  on_loan:
    description: The directory of the repository on loan. The directory around it is its own, and goes with it.
    type: path
    required: true
  state:
    description: Whether the backup is to be there, or no longer.
    type: str
    choices: [present, absent]
    default: present
  original:
    description: The full id that the backup was given when it was made.
    type: str
    default: ""
  sha256:
    description: What it must have - the digest of a database's dump or, of files, their tree id.
    type: str
    default: ""
  dump_sha256:
    description: The digest of a database's dump.
    type: str
    default: ""
  size_bytes:
    description: The bytes of its files, for which there must be room.
    type: int
    default: 0
attributes:
  check_mode:
    support: none
    description: A preview ends before it.
seealso:
  - module: dse.backup.request_loan
"""

EXAMPLES = r"""
- name: Fetch it on loan
  dse.backup.borrow:
    plan: "{{ backup_restore }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
    on_loan: /srv/dse-backup/srv-web01/loan/repository
    csc:
      repository: sftp:respaldos@csc.example.org:/srv/csc/srv-web01
      password_file: /srv/dse-backup/srv-web01/csc.key
  delegate_to: srv-bkp01
  register: __borrowed
"""

RETURN = r"""
snapshot:
  description: Its id in the repository on loan.
  returned: success
  type: str
size_bytes:
  description: The bytes of its files, read to the end.
  returned: success
  type: int
sha256:
  description: The dump's digest as it was read or, of files, the tree id.
  returned: success
  type: str
problem:
  description: Why it is not what CSC was given; empty where it is.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core import csc_place
from ansible_collections.dse.backup.plugins.module_utils._core.borrow import Borrowed, borrow, give_back
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "csc": csc_place.OPTION,
            "on_loan": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **{key: {"type": "str", "default": ""} for key in ("original", "sha256", "dump_sha256")},
            "size_bytes": {"type": "int", "default": 0},
        },
    )
    given = module.params
    found = Borrowed()
    try:
        with opened(given) as jaa:
            on_loan = Restic(given["on_loan"], given["password_file"], jaa.program, owner=jaa.owner)
            if given["state"] == "absent":
                give_back(on_loan)
            else:
                csc = csc_place.repository_of(given["csc"], jaa)
                wanted = [given[key] for key in ("original", "sha256", "dump_sha256")]
                found = borrow(csc, on_loan, *wanted, size_bytes=given["size_bytes"])
    except (OSError, ResticError) as error:
        what = "traer lo prestado" if given["state"] == "present" else "quitar lo prestado"
        module.fail_json(msg=f"no se pudo {what} por CSC: {error}")
    module.exit_json(changed=True, **found._asdict())


if __name__ == "__main__":
    main()
