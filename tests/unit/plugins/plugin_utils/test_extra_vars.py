# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.extra_vars import misspelt

CHECKOUT = Path(__file__).resolve().parents[4]
PLAYBOOKS = {path.stem: path.read_text("utf-8") for path in (CHECKOUT / "playbooks").glob("*.yml")}


@pytest.mark.parametrize(
    ("playbook", "given", "hint"),
    [
        ("request", "request_change", "¿quiso decir request_changes?"),
        ("backup", "backup_forced", "¿quiso decir backup_force?"),
        ("ledger", "ledger_anchor_form", "¿quiso decir ledger_anchor_from?"),
        ("plan", "plan_as_of_which_day_is_it", "hay: plan_as_of, plan_week, plan_year"),
        ("report", "questoin", "¿quiso decir question?"),
        # Else it would be recorded as somebody else's act.
        ("acknowledge", "operator_rol", "¿quiso decir operator_role?"),
        # What one play hands to the next is nobody's to give.
        ("reconcile", "reconcile_due", "hay: "),
    ],
)
def test_a_name_that_the_playbook_does_not_know_is_told(playbook, given, hint):
    (fault,) = misspelt([given], playbook, PLAYBOOKS[playbook])
    assert fault.startswith(f"{given}: esta variable no existe; ")
    assert hint in fault


def test_what_is_not_the_playbooks_own_is_let_through():
    given = [
        "operator_role",
        "operator_roles",
        "backup_client_items",
        "backup_server_root",
        "ansible_user",
        "awx_job_id",
        "my_backup_x",
    ]
    assert misspelt(given, "backup", PLAYBOOKS["backup"]) == []


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS))
def test_all_that_a_playbook_reads_is_known_and_named_in_its_heading(playbook):
    """Breaks: an extra-var that works is refused, or one that exists is documented nowhere."""
    text = PLAYBOOKS[playbook]
    read = set(re.findall(rf"\b({playbook}_\w+) \| default\(", text))
    assert misspelt(read, playbook, text) == []
    heading = re.match(r"---\n((?:#.*\n)*)", text)[1]
    assert [name for name in read if not re.search(rf"\b{name}\b", heading)] == []
