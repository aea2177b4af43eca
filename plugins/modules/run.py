#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: run
short_description: Backs up what is due on one server
version_added: 1.0.0
description:
  - Starts the script C(dse-backup) on the server, apart from the connection, and waits for it.
  - While it runs, shows per server which item it is at, the percentage and the bytes. A connection that breaks is made
    again and finds the same run; the run itself does not notice.
  - Works only under the callback P(dse.backup.ledger#callback).
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
    required: true
  items:
    description: The elements of C(backup_client_items) to back up now.
    type: list
    elements: dict
    required: true
  script:
    description: The deployed script.
    type: path
    required: true
  state_dir:
    description: The script's state directory.
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
attributes:
  check_mode:
    support: full
    description: Nothing is started.
"""

EXAMPLES = r"""
- name: Back up what is due
  dse.backup.run:
    run_id: "{{ backup_plan.context.run_id }}"
    mode: "{{ backup_plan.context.execution_mode }}"
    items: "{{ backup_plan['items'] }}"
    script: /usr/local/sbin/dse-backup
    state_dir: /var/lib/dse-backup
    time_limit: 43200
"""

RETURN = r"""
finished:
  description: Whether the script has ended.
  returned: always
  type: bool
result:
  description: How each item ended, as the script tells it; the repository is what is believed.
  returned: when finished
  type: dict
journal:
  description: Items that failed in runs by hand while Ansible was away.
  returned: when finished
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.detached import NotStarted, attend


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run_id": {"type": "str", "required": True},
            "mode": {"type": "str", "choices": ["automatic", "manual"], "required": True},
            "items": {"type": "list", "elements": "dict", "required": True},
            "script": {"type": "path", "required": True},
            "state_dir": {"type": "path", "required": True},
            "time_limit": {"type": "int", "required": True},
            "wait": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, finished=True, result={})
    request = {key: module.params[key] for key in ("run_id", "mode", "items", "time_limit")}
    try:
        answer = attend(module.params["script"], module.params["state_dir"], request, wait=module.params["wait"])
    except NotStarted as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, **answer)


if __name__ == "__main__":
    main()
