#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: verify_repository
short_description: Checks whether everything in a repository can be read
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner, beside clients that add to it. Checks the structure and reads
    a share of the data, or all of it; what is wrong is looked at twice before it is believed.
  - Finds which backups are hit by what is damaged or missing.
  - As a task it takes the plan instead of O(read) and O(expected), and turns what it finds into records; it then works
    only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
options:
  read:
    description: What to read; V(all), V(structure), or a share such as V(3/30), whose second number divides 60.
    type: str
    default: structure
  expected:
    description: The full ids of the backups that the ledger says are there.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: It only reads.
seealso:
  - module: dse.backup.plan_verify
"""

EXAMPLES = r"""
- name: Read all of a repository
  dse.backup.verify_repository:
    plan: "{{ backup_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
  delegate_to: srv-bkp01
"""

RETURN = r"""
result:
  description: V(intact) or V(damaged).
  returned: success
  type: str
read:
  description: What was read.
  returned: success
  type: str
errors:
  description: What is wrong.
  returned: success
  type: list
  elements: str
damaged_snapshots:
  description: The full ids of the backups that cannot be restored in full, or are gone.
  returned: success
  type: list
  elements: str
checked_snapshots:
  description: How many backups were checked.
  returned: success
  type: int
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.integrity import is_share, verify
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "read": {"type": "str", "default": "structure"},
            "expected": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    read = module.params["read"]
    if not is_share(read):
        module.fail_json(msg=f"read: «{read}» debe ser all, structure o una parte como 3/30")
    try:
        with opened(module.params) as restic:
            found = verify(restic, read, module.params["expected"])
    except (OSError, ResticError, ValueError) as error:
        module.fail_json(msg=f"no se pudo verificar el repositorio {module.params['repository']}: {error}")
    module.exit_json(changed=False, result=found.result, **asdict(found))


if __name__ == "__main__":
    main()
