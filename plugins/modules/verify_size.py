#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: verify_size
short_description: Verifies the size of backups in the repository itself
version_added: 1.0.0
description:
  - Runs on the backup server, as the repository's owner. Finds the snapshots that the ledger does not know yet, walks
    each one's tree, sums its files and judges it against the last conforming backup of its item (clause 4.2.1).
  - Unless somebody is at work in the repository, the locks that whoever was killed left there are cleared first.
  - Neither the script's result nor the summary that the client wrote into its snapshot is believed.
  - As a task it also turns what it finds, and what the script reported, into the records of this run; it then works
    only under the callback P(dse.backup.ledger#callback).
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment:
  - dse.backup.repository
options:
  known:
    description: The first 16 characters of the ids of the snapshots that the ledger has.
    type: list
    elements: str
    default: []
  histories:
    description:
      - Per item id C(baseline) (the last conforming backup), C(peaks), C(new_data), C(window_days), C(tolerance) and,
        for a database, C(dump_file).
    type: dict
    required: true
  unreadable:
    description: Per snapshot id the files that the script could not read.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: It then leaves the locks alone; all else only reads.
"""

EXAMPLES = r"""
- name: Verify what was just backed up
  dse.backup.verify_size:
    plan: "{{ backup_plan }}"
    run: "{{ __backup_client_run }}"
    repository: /srv/dse-backup/srv-web01/repository
    password_file: /srv/dse-backup/srv-web01/repository.key
    lock_file: /srv/dse-backup/srv-web01/lock
  delegate_to: srv-bkp01
"""

RETURN = r"""
snapshots:
  description: What was measured, oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    snapshot_id:
      description: The backup.
      type: str
    size_bytes:
      description: The bytes of its files, summed from its tree.
      type: int
    entry_count:
      description: Its files, or a database's tables.
      type: int
    baseline_size_bytes:
      description: The size of the last conforming backup.
      type: int
    baseline_change_pct:
      description: The change against it, in percent.
      type: float
    new_data_pct:
      description: The share of its bytes that the last conforming backup does not hold.
      type: float
    replaced_pct:
      description:
        - How much of the last conforming backup was replaced by other content, in percent; what merely grew replaced
          nothing. Null where it cannot be told.
      type: float
    verification_result:
      description: C(conforming), C(review), C(nonconforming) or C(first).
      type: str
    reasons:
      description: Why it is not conforming, in words.
      type: list
      elements: str
"""

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.measure import measure, unknown_snapshots
from ansible_collections.dse.backup.plugins.module_utils._core.prune import clear_locks_if_alone
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import OPTIONS, opened
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "known": {"type": "list", "elements": "str", "default": []},
            "histories": {"type": "dict", "required": True},
            "unreadable": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not module.check_mode:
        clear_locks_if_alone(params)
    try:
        with opened(params) as restic:
            new = unknown_snapshots(params["repository"], set(params["known"]))
            if new:
                # What is recorded outlives a power failure: rclone leaves it to the system when it reaches the disk.
                subprocess.run(["sync", "--file-system", params["repository"]], check=True, capture_output=True)
            found = measure(restic, new, params["histories"], unreadable=params["unreadable"]) if new else []
    except subprocess.CalledProcessError as error:
        module.fail_json(
            msg="el disco del servidor de respaldos no aceptó lo que se guardó en "
            f"{params['repository']}: {readable(error.stderr) or 'sync no dio el motivo'}. No se registra como "
            "respaldo; revise el disco y repita backup.yml"
        )
    except (OSError, ResticError) as error:
        module.fail_json(msg=f"no se pudo verificar el repositorio {params['repository']}: {error}")
    module.exit_json(changed=False, snapshots=found)


if __name__ == "__main__":
    main()
