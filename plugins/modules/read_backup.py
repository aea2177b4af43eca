#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: read_backup
short_description: Reads a whole backup out of JAA's repository
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner, and only reads. A restore that failed is a matter of the copy
    where the copy cannot be read, and of the server where it can.
  - As a task it takes the plan of a restore instead of O(snapshot), with what the restore would record, and records
    either that or the damage; it then works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
options:
  snapshot:
    description: The backup's full id.
    type: str
    required: true
  dump_sha256:
    description: The digest of a database's dump.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It only reads.
seealso:
  - module: dse.backup.restore
  - module: dse.backup.borrow
"""

EXAMPLES = r"""
- name: Read JAA's copy
  dse.backup.read_backup:
    plan: "{{ backup_restore }}"
    unsettled: "{{ __backup_client_restored.unsettled }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
  delegate_to: srv-bkp01
"""

RETURN = r"""
size_bytes:
  description: The bytes of its files that were read.
  returned: success
  type: int
problem:
  description: Why that is not the whole backup; empty where it is.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.read_back import read_back
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "snapshot": {"type": "str", "required": True},
            "dump_sha256": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        with opened(module.params) as jaa:
            reading = read_back(jaa, module.params["snapshot"], module.params["dump_sha256"])
    except (OSError, ResticError) as error:
        module.fail_json(msg=f"no se pudo revisar el repositorio {module.params['repository']}: {error}")
    module.exit_json(changed=False, **reading._asdict())


if __name__ == "__main__":
    main()
