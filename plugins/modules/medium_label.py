#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: medium_label
short_description: Reads the electronic label of a mounted medium, or writes that of a new one
version_added: 1.0.0
description:
  - Runs on the backup server, as root. Looks at the file system that is mounted at O(directory), and at nothing else.
  - With O(label), writes that label, unless the medium carries one with the same id already. A medium with another
    label, and one that is not empty, is left as it is.
  - P(dse.backup.medium#module) calls it; by itself it records nothing.
author: dse.backup maintainers (@dse-backup)
options:
  directory:
    description: Where the medium is mounted.
    type: path
    required: true
  label:
    description: The label to write.
    type: dict
    suboptions:
      media_id:
        description: The medium's id, such as V(CSC-HD-11).
        type: str
        required: true
      medium_uuid:
        description: What tells it from every other medium, whatever is written on it.
        type: str
        required: true
      custodian:
        description: Who keeps it.
        type: str
        required: true
      institution:
        description: Whose it is.
        type: str
        required: true
      labelled_at:
        description: When it is labelled.
        type: str
        required: true
  not_empty:
    description: Label it although it is not empty. What is there is not touched.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Nothing is written.
"""

EXAMPLES = r"""
- name: Which medium is this?
  dse.backup.medium_label:
    directory: /media/dse-backup
"""

RETURN = r"""
label:
  description: The label that the medium has now, with the keys of O(label); none where it has none.
  returned: success
  type: dict
size_bytes:
  description: The size of its file system.
  returned: success
  type: int
free_bytes:
  description: What is free of it.
  returned: success
  type: int
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core import medium


def main() -> None:
    texts = ("media_id", "medium_uuid", "custodian", "institution", "labelled_at")
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "label": {"type": "dict", "options": {name: {"type": "str", "required": True} for name in texts}},
            "not_empty": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        with medium.mounted(given["directory"]) as root:
            there = label = medium.label_of(root)
            if given["label"] and not module.check_mode:
                label = medium.write_label(root, medium.Label(**given["label"]), not_empty=given["not_empty"])
            room = medium.room(root)
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=label != there, label=asdict(label) if label else None, size_bytes=room.size, free_bytes=room.free
    )


if __name__ == "__main__":
    main()
