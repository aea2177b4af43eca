#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: repair
short_description: Mends JAA's repository from CSC's copy
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner and under its exclusive lock. Reads all of the repository; what
    is damaged is set aside, brought back from CSC's repository, which is only read, and read to its end.
  - What CSC does not have stays as it is. A backup that came back has an id of its own; V(original) names the first.
  - As a task it takes the plan instead of O(backups), and records what came back and how the repository is now; it then
    works only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
  - dse.backup.csc_place
options:
  aside:
    description: A directory for what is taken out meanwhile. It is left where something could not be mended.
    type: path
    required: true
  backups:
    description: The backups that the repository should have.
    type: list
    elements: dict
    required: true
    suboptions:
      snapshot:
        description: The full id in JAA's repository.
        type: str
        required: true
      original:
        description: The full id that the backup was given when it was made.
        type: str
        required: true
      dump_sha256:
        description: The digest of a database's dump.
        type: str
        default: ""
      tree:
        description: Of files, the tree id that the backup had when it was made.
        type: str
        default: ""
attributes:
  check_mode:
    support: none
    description: C(repair.yml) ends before it in check mode.
seealso:
  - module: dse.backup.plan_repair
  - module: dse.backup.verify_repository
"""

EXAMPLES = r"""
- name: Mend JAA's copy
  dse.backup.repair:
    plan: "{{ repair_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
    aside: /srv/dse-backup/srv-web01/repair
    csc:
      repository: sftp:respaldos@csc.example.org:/srv/csc/srv-web01
      password_file: /srv/dse-backup/srv-web01/csc.key
  delegate_to: srv-bkp01
"""

RETURN = r"""
backups:
  description:
    - Each damaged backup with C(original), C(snapshot) (its id from now on), C(csc_snapshot), C(size_bytes), C(sha256),
      and C(problem), which is empty where it was mended.
  returned: success
  type: list
  elements: dict
verification:
  description: How the whole repository is afterwards, as M(dse.backup.verify_repository) returns it.
  returned: success
  type: dict
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core import csc_place
from ansible_collections.dse.backup.plugins.module_utils._core.repair import Recorded, repair
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    backup = {
        "snapshot": {"type": "str", "required": True},
        "original": {"type": "str", "required": True},
        "dump_sha256": {"type": "str", "default": ""},
        "tree": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "csc": csc_place.OPTION,
            "aside": {"type": "path", "required": True},
            "backups": {"type": "list", "elements": "dict", "options": backup, "required": True},
        },
    )
    given = module.params
    try:
        with opened(given, exclusive=True) as jaa:
            csc = csc_place.repository_of(given["csc"], jaa)
            done = repair(jaa, csc, [Recorded(**each) for each in given["backups"]], given["aside"])
    except (OSError, ResticError) as error:
        module.fail_json(msg=f"no se reparó {given['repository']}: {error}")
    verification = {**asdict(done.verification), "result": done.verification.result}
    module.exit_json(changed=bool(done.backups), verification=verification, backups=list(map(asdict, done.backups)))


if __name__ == "__main__":
    main()
