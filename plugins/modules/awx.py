#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: awx
short_description: Makes in AWX what its jobs, surveys and schedules need
version_added: 1.0.0
description:
  - Objects are found by their names, made where they are missing and changed where they differ. What AWX has besides is
    left alone.
  - They are written as C(awx.awx) and C(infra.aap_configuration) have them, with the fields of AWX's API and other
    objects by their names. What they name and is not among them must be in AWX already.
author: dse.backup maintainers (@dse-backup)
options:
  url:
    description: AWX's address.
    type: str
    required: true
  token:
    description: A token of a user who may change the organization.
    type: str
    required: true
  ca_file:
    description: The certificate of who signed AWX's, where the system does not know it.
    type: path
  execution_environments:
    description: Images in which jobs run.
    type: list
    elements: dict
    default: []
  credential_types:
    description: What credentials hold, and what of it jobs get.
    type: list
    elements: dict
    default: []
  credentials:
    description: What jobs get.
    type: list
    elements: dict
    default: []
  job_templates:
    description: What people and schedules start, each with its C(survey_spec), C(credentials) and C(instance_groups).
    type: list
    elements: dict
    default: []
  schedules:
    description: When what is started.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
    description: It only asks AWX.
"""

EXAMPLES = r"""
- name: Start the backups each night
  dse.backup.awx:
    url: https://awx.dse.example
    token: "{{ vault_awx_token }}"
    job_templates:
      - {name: Respaldar, project: Respaldos DSE, inventory: Respaldos DSE, playbook: playbooks/backup.yml}
    schedules:
      - name: Cada noche
        unified_job_template: Respaldar
        rrule: "DTSTART;TZID=America/Mexico_City:20260101T010000 RRULE:FREQ=DAILY;INTERVAL=1"
"""

RETURN = r"""
changes:
  description: What was made or changed, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
"""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils.awx import KINDS, AwxError, Configuration


class _StaysThere(urllib.request.HTTPRedirectHandler):
    """Nobody else is sent the token."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "token": {"type": "str", "required": True, "no_log": True},
            "ca_file": {"type": "path"},
            **{kind: {"type": "list", "elements": "dict", "default": []} for kind in KINDS},
        },
        supports_check_mode=True,
    )
    # One for all calls: reading who signs certificates takes longer than a call.
    context = ssl.create_default_context(cafile=module.params["ca_file"])
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _StaysThere())
    headers = {"Authorization": f"Bearer {module.params['token']}", "Content-Type": "application/json"}

    def call(method: str, path: str, body: Any) -> Any:
        url = f"{module.params['url'].rstrip('/')}/api/v2/{path}"
        data = None if body is None else json.dumps(body).encode()
        try:
            asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the administrator's own
            with opener.open(asked, timeout=30) as answer:
                said = answer.read()
            return json.loads(said) if said else None
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")[:2000]
            raise AwxError(f"AWX objetó {method} {url}: {error.code} {said}") from None
        except (OSError, ValueError) as error:
            raise AwxError(f"no se pudo hablar con AWX en {url}: {error}") from None

    try:
        wanted = {kind: module.params[kind] for kind in KINDS}
        changes = Configuration(wanted, call, writes=not module.check_mode).apply()
    except AwxError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
