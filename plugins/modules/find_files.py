#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: find_files
short_description: Finds a file by its name in the versions of a backup
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner, and only reads.
  - As a task it takes the plan instead of O(snapshots), and shows what it finds.
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
options:
  pattern:
    description: A file's name, a full path, or a pattern with C(*), C(?), C([a-z]) and C(**).
    type: str
    required: true
  snapshots:
    description: The full ids of the snapshots to look into.
    type: list
    elements: str
    required: true
  limit:
    description: At most so many hits.
    type: int
    default: 500
attributes:
  check_mode:
    support: full
    description: It only reads.
seealso:
  - module: dse.backup.plan_find
"""

EXAMPLES = r"""
- name: Find all versions of a configuration file
  dse.backup.find_files:
    plan: "{{ backup_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
  delegate_to: srv-bkp01
"""

RETURN = r"""
found:
  description: What was found, with the snapshots that have it.
  returned: success
  type: list
  elements: dict
  contains:
    snapshot:
      description: The full id of the snapshot.
      type: str
    path:
      description: The file's full path.
      type: str
    type:
      description: C(file), C(dir), C(symlink) or another kind.
      type: str
    size:
      description: Its size in bytes.
      type: int
    mtime:
      description: When it was last changed.
      type: str
cut:
  description: Whether there was more than O(limit).
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.find import find
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "pattern": {"type": "str", "required": True},
            "snapshots": {"type": "list", "elements": "str", "required": True},
            "limit": {"type": "int", "default": 500},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        with opened(params) as restic:
            found, cut = find(restic, params["pattern"], params["snapshots"], limit=params["limit"])
    except (OSError, ResticError, ValueError) as error:
        module.fail_json(msg=f"no se pudo buscar en el repositorio {params['repository']}: {error}")
    module.exit_json(changed=False, found=found, cut=cut)


if __name__ == "__main__":
    main()
