#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drill
short_description: Restores a backup into scratch and compares it
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner. Restores a backup of files into a directory that nobody
    else can enter, reads all of it back, compares it with what the backup says, and removes it again.
  - As a task it takes the plan instead of O(snapshot). Databases are loaded into a scratch server of their own on their
    database server, by M(dse.backup.restore). The results become records; it then works only under the callback
    P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
options:
  snapshot:
    description: The full id of the backup.
    type: str
    required: true
  scratch_dir:
    description: Where to restore to. Made when it is missing.
    type: path
    required: true
attributes:
  check_mode:
    support: none
    description: C(drill.yml) ends before it in check mode.
seealso:
  - module: dse.backup.plan_drill
"""

EXAMPLES = r"""
- name: Try the backups of this run
  dse.backup.drill:
    plan: "{{ backup_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
    scratch_dir: /srv/dse-backup/.scratch
  delegate_to: srv-bkp01
"""

RETURN = r"""
matches:
  description: Whether everything came back as the backup says.
  returned: success
  type: bool
restored_bytes:
  description: The bytes of the files that were read back.
  returned: success
  type: int
entry_count:
  description: How many files were read back.
  returned: success
  type: int
content_sha256:
  description: One digest over all names and contents.
  returned: success
  type: str
problems:
  description: What did not come back as it should.
  returned: success
  type: list
  elements: str
remarks:
  description: What a drill cannot show.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.drill import drill_files
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "snapshot": {"type": "str", "required": True},
            "scratch_dir": {"type": "path", "required": True},
        },
    )
    params = module.params
    try:
        with opened(params) as restic:
            result = drill_files(restic, params["snapshot"], params["scratch_dir"])
    except (OSError, ResticError) as error:
        module.fail_json(msg=f"no se pudo hacer el simulacro con {params['repository']}: {error}")
    module.exit_json(changed=False, **asdict(result))


if __name__ == "__main__":
    main()
