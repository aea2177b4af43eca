# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the ledger callback is told whom to notify and where its metrics go."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  notify:
    description:
      - A configuration file of Apprise (C(*.yml), or its text format) that names the services which are told how a run
        ended. Only its owner may read it, as it holds passwords and tokens. Empty means that nobody is told.
      - A service is told of what its tags name. C(failure), C(review), C(missed), C(overdue) (what waits for somebody,
        each morning after C(reconcile.yml)) and C(all_well) (after a C(reconcile.yml) that found nothing to do).
      - Nothing of it changes the exit status; what goes wrong is a warning on the screen. Needs apprise.
    type: str
    env:
      - name: DSE_BACKUP_NOTIFY
    ini:
      - section: callback_ledger
        key: notify
  notify_wait:
    description: For how many seconds a run waits for the services at its end, at most, before it leaves them to it.
    # Of a number that is none Ansible would make a callback that is not loaded, and nothing would be backed up.
    type: str
    default: "20"
    env:
      - name: DSE_BACKUP_NOTIFY_WAIT
    ini:
      - section: callback_ledger
        key: notify_wait
  metrics:
    description:
      - A file C(*.prom) that is written at the end of each run that is no rehearsal, for the textfile collector of
        Prometheus' node_exporter. Empty means that there is none. Needs prometheus_client.
    type: str
    env:
      - name: DSE_BACKUP_METRICS
    ini:
      - section: callback_ledger
        key: metrics
"""
