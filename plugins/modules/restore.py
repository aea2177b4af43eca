#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restores one item on one server
version_added: 1.0.0
description:
  - Starts the script C(dse-backup) on the server, apart from the connection, and waits for it. A connection that breaks
    is made again and finds the same restoration.
  - With O(preview=true) or in check mode it says what would be written, replaced and left, and every reason why it
    would be refused, and writes nothing.
  - Files are first restored into a directory that only root may enter and then moved. In place, what is replaced is
    stored before as a snapshot of its own, from which O(restore) with C(undo) brings it back.
author: dse.backup maintainers (@dse-backup)
options:
  run_id:
    description: The run, by whose id a second call finds what the first one started.
    type: str
    required: true
  mode:
    description: How it is recorded.
    type: str
    choices: [automatic, manual]
    default: manual
  restore:
    description:
      - What to restore and to where. C(item) as in the inventory, C(snapshot) (full id), C(sha256), C(dump_file),
        C(target) (empty means the original place), C(in_place), C(include), C(verify), C(undo) (id of the snapshot that
        was taken before a restoration), C(drill), C(source) (another server's repository).
    type: dict
    required: true
  script:
    description: The deployed script.
    type: path
    required: true
  state_dir:
    description: The script's state directory.
    type: path
    required: true
  config_file:
    description: The script's configuration, for the preview.
    type: path
    required: true
  time_limit:
    description: Seconds after which the script stops by itself.
    type: int
    required: true
  wait:
    description: Seconds to wait for the end before progress is reported.
    type: int
    default: 10
  preview:
    description: Only say what would be done.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Only says what would be done.
"""

EXAMPLES = r"""
- name: Restore two files of last week's portal beside it
  dse.backup.restore:
    run_id: 20261119T162300Z-1a2b3c
    restore:
      item: "{{ backup_client_items | selectattr('id', 'eq', 'portal-src') | first }}"
      snapshot: 38ad393b576c14a7cd1366351b9a85d5392a66f336b8e5383ef6800727348fb9
      sha256: ""
      dump_file:
      target: /var/restauracion/portal
      in_place: false
      include: [/srv/www/portal/index.php, /srv/www/portal/logo.png]
      verify: true
      undo:
      drill: false
      source:
    script: /usr/local/sbin/dse-backup
    state_dir: /var/lib/dse-backup
    config_file: /etc/dse-backup/config.json
    time_limit: 43200
"""

RETURN = r"""
finished:
  description: Whether the script has ended; always true of a preview.
  returned: always
  type: bool
preview:
  description: What would be done; sizes in bytes, bytes of a name that are not text written as C(\xNN).
  returned: in check mode or with O(preview=true)
  type: dict
  contains:
    written:
      description: What is not there now (C(path), C(type), C(size)).
      type: list
      elements: dict
    replaced:
      description: What is there and would be replaced.
      type: list
      elements: dict
    left:
      description: What is there, is not in the backup and would stay.
      type: list
      elements: dict
    removed:
      description: What an undo would take away again.
      type: list
      elements: dict
    refusals:
      description: Every reason why it would be refused, each with what to do.
      type: list
      elements: str
    remarks:
      description: What is worth knowing.
      type: list
      elements: str
progress:
  description: Where it is (C(phase), C(percent), C(bytes_done), C(bytes_total)).
  returned: when not finished
  type: dict
result:
  description: How it ended, as the script tells it.
  returned: when finished, except of a preview
  type: dict
"""

import json
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.detached import NotStarted, attend
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError
from ansible_collections.dse.backup.plugins.module_utils._core.restore import preview
from ansible_collections.dse.backup.plugins.module_utils._core.restore_error import RestoreError
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable

# A path has at most 4096 bytes, each of them four characters where it cannot be shown.
_LONGEST_PATH = 4 * 4096


def shown(found: dict[str, Any]) -> dict[str, Any]:
    """Return a preview whose paths can be sent and shown; Ansible refuses names that are not UTF-8."""
    lists = ("written", "replaced", "left", "removed")
    return {
        **found,
        **{key: [{**each, "path": readable(each["path"], _LONGEST_PATH)} for each in found[key]] for key in lists},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run_id": {"type": "str", "required": True},
            "mode": {"type": "str", "choices": ["automatic", "manual"], "default": "manual"},
            "restore": {"type": "dict", "required": True},
            "script": {"type": "path", "required": True},
            "state_dir": {"type": "path", "required": True},
            "config_file": {"type": "path", "required": True},
            "time_limit": {"type": "int", "required": True},
            "wait": {"type": "int", "default": 10},
            "preview": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        if module.check_mode or params["preview"]:
            with open(params["config_file"], encoding="utf-8") as stream:
                config = json.load(stream)
            Restic.of(config).version()
            module.exit_json(changed=False, finished=True, preview=shown(preview(config, params["restore"])))
        request = {"job": "restore", **{key: params[key] for key in ("run_id", "mode", "time_limit", "restore")}}
        answer = attend(params["script"], params["state_dir"], request, wait=params["wait"])
    except (NotStarted, RestoreError, ResticError, subprocess.SubprocessError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, **answer)


if __name__ == "__main__":
    main()
