# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import shlex
import unicodedata

from ansible import constants, context
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Section, listed, text
from ansible_collections.dse.backup.plugins.plugin_utils.screen import report
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import command
from hypothesis import given
from hypothesis import strategies as st

COLUMNS = (text("Respaldo", "item_id"), listed("Folios", "folios"))


def shown(*rows, problems=(), next_command="", whose=""):
    sections = [Section("items", f"LOS QUE HAY{whose}", COLUMNS, list(rows)), Section("none", "NINGUNO", COLUMNS, [])]
    given = Answer(f"PREGUNTA{whose}", sections, list(problems), next_command, f"Nada que hacer.{whose}")
    return given, report.answer(given, "25/11/2026 08:00", "/registro")


def test_the_last_line_says_what_to_do():
    _given, out = shown(next_command="ansible-playbook playbooks/deliver.yml")
    assert out.splitlines()[-1] == "Siguiente: ansible-playbook playbooks/deliver.yml"
    assert "NINGUNO" not in out and "LOS QUE HAY" not in out, "what has no rows has no heading"
    _given, out = shown({"item_id": "actas", "folios": ["A", "B"]}, problems=["falta: actas"])
    assert out.splitlines()[-1] == "Nada que hacer."
    assert "actas     A, B" in out and "  ✗ falta: actas" in out


def test_of_many_the_first_are_named_and_all_are_in_the_rows():
    folios = [f"F{number}" for number in range(30)]
    given, out = shown({"item_id": "actas", "folios": folios})
    assert "F4 … (30)" in out and "F5" not in out
    assert given.plain()["items"][0]["folios"] == folios


def test_a_long_table_ends_and_says_how_much_more_there_is():
    """Breaks: a terminal scrolls for minutes, or rows are missing and nobody is told."""
    given, out = shown(*({"item_id": f"item-{number}", "folios": []} for number in range(1203)))
    assert "item-199" in out and "item-200" not in out and "… y 1,003 más" in out and "report_output" in out
    assert len(given.plain()["items"]) == 1203


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_hostile_text_stays_in_its_cell_and_in_its_word(name):
    """Breaks: a name moves the cursor, forges a line of the table, or is run by whoever pastes the command."""
    given, out = shown({"item_id": name, "folios": [name]}, problems=[name], whose=name)
    assert len(out.splitlines()) == len(shown({"item_id": "x", "folios": ["x"]}, problems=["x"])[1].splitlines())
    assert {unicodedata.category(char) for char in out.replace("\n", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()
    assert json.loads(json.dumps(given.plain()))["items"] == [{"item_id": name, "folios": [name]}]
    words = shlex.split(command("backup", "--limit", name, backup_items=[name], backup_reason=name))
    assert len(words) == 8 and words[:3] == ["ansible-playbook", "playbooks/backup.yml", "--limit"]


def test_a_command_names_the_inventory_of_this_run(monkeypatch, tmp_path):
    """Breaks: the command that is copied from the screen or the page finds no server and does nothing."""
    monkeypatch.chdir(tmp_path)
    given = (f"{tmp_path}/institution", "/etc/otro inventario", "srv-web01,")
    monkeypatch.setattr(context, "CLIARGS", {"inventory": given})
    words = shlex.split(command("backup"))
    assert words == [
        *("ansible-playbook", "-i", "institution", "-i", "/etc/otro inventario", "-i", "srv-web01,"),
        "playbooks/backup.yml",
    ]
    # What Ansible takes where nobody said -i, it takes the next time, too.
    monkeypatch.setattr(context, "CLIARGS", {"inventory": constants.DEFAULT_HOST_LIST})
    assert command("backup") == "ansible-playbook playbooks/backup.yml"


def test_a_command_with_many_folios_is_whole():
    folios = [f"CSC-02-2026-{number:04d}" for number in range(1000)]
    words = shlex.split(command("acknowledge", acknowledge_folio=folios))
    assert json.loads(words[-1]) == {"acknowledge_folio": folios}
