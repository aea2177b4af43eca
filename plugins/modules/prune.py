#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Removes backups from a repository
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner, and only while no client is connected. Clears the locks that
    killed clients left, removes exactly the named snapshots and the data that only they needed.
  - Whether they are gone, and no other one with them, is told by the lists from before and after.
  - As a task it takes the plan instead of O(snapshots), and records what was removed; it then works only under the
    callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
options:
  snapshots:
    description: The full ids of the snapshots to remove.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: none
    description: C(prune.yml) ends before it in check mode.
seealso:
  - module: dse.backup.plan_prune
"""

EXAMPLES = r"""
- name: Remove what may go
  dse.backup.prune:
    plan: "{{ backup_plan }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
  delegate_to: srv-bkp01
"""

RETURN = r"""
removed:
  description: The full ids of the snapshots that are gone.
  returned: success
  type: list
  elements: str
absent:
  description: Those that were not there before.
  returned: success
  type: list
  elements: str
kept:
  description: How many snapshots the repository has now.
  returned: success
  type: int
freed_bytes:
  description: How much smaller the repository is.
  returned: success
  type: int
error:
  description: What went wrong after something was removed; empty when nothing did.
  returned: success
  type: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.prune import prune
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def main() -> None:
    module = AnsibleModule(
        argument_spec={**OPTIONS, "snapshots": {"type": "list", "elements": "str", "required": True}},
    )
    try:
        with opened(module.params, exclusive=True) as restic:
            done = prune(restic, module.params["snapshots"])
    except (OSError, ResticError) as error:
        module.fail_json(msg=f"no se depuró el repositorio {module.params['repository']}: {error}")
    module.exit_json(changed=bool(done.removed), **asdict(done))


if __name__ == "__main__":
    main()
