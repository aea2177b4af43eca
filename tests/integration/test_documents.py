# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every command of the documents is typed, word by word, in their order; what they name is there."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from documents import commands, printed_as
from institution import CHECKOUT, Institution
from reader import Reader, take_restic

DOCUMENTS = sorted(["README.md", *(f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md"))])


class Elsewhere(NamedTuple):
    """Which test runs what cannot be typed here: its file, its name, and what it runs, in its own words."""

    file: str
    test: str
    runs: str


DEMO = Elsewhere("tests/integration/test_demo.py", "test_the_demo_backs_up_then_finds_nothing_due", '"demo"')
BY_HAND = "DSE_BACKUP_LEDGER=.demo/ledger .venv/bin/ansible-playbook -i .demo/inventory playbooks/backup.yml --check"
DISASTER = "docs/recuperacion-de-desastre.md"
BURNT = Elsewhere("tests/integration/test_csc_copy.py", "test_a_repository_that_burnt_is_filled_again", '"repair.yml"')
ELSEWHERE = {
    "make demo": DEMO,
    "make demo FORCE=1": DEMO._replace(runs='"FORCE=1"'),
    "make test": Elsewhere(".ci/run", "", "exec make test"),
    BY_HAND: DEMO._replace(runs="BY_HAND"),
    **{
        each.text: Elsewhere("molecule/default/tests/test_restore.py", "test_every_command_works", "Con los playbooks")
        for each in commands(CHECKOUT / DISASTER, DISASTER)
        if each.section == "Con los playbooks"
    },
    "ansible-playbook -i INVENTARIO playbooks/verify.yml": BURNT._replace(runs='"verify.yml").rc == 2'),
    "ansible-playbook -i INVENTARIO playbooks/repair.yml": BURNT,
    # README has the same, for its own inventory.
    "ansible-playbook -i inventory playbooks/deploy.yml --vault-password-file ARCHIVO": Elsewhere(
        "README.md", "", "ansible-playbook -i institution playbooks/deploy.yml --vault-password-file FILE"
    ),
}


READ = r"""
# Title

## «Section»

<!-- 2026-11-18 01:00 it_rains -->
<!-- it_pours -->
   ```console
   $ one -e 'a="b   c"' \
         -e d=\e      why; it ends with exit status 2
     what  it … says
   srv-db01# two   # termina con 3
   ```
```yaml
$ three
```
"""


def test_what_is_to_be_typed_is_read_as_it_stands(tmp_path):
    """Breaks: an option is taken for its explanation, an exit status or an answer that is promised is overlooked."""
    (tmp_path / "read.md").write_text(READ, "utf-8")
    one, two = commands(tmp_path / "read.md", "read.md")
    assert (one.text, one.where, one.status) == (r"""one -e 'a="b   c"' -e d=\e""", "", 2)
    assert (one.place, one.section, one.shown) == ("read.md:9", "«Section»", ("  what  it … says",))
    assert one.marks == (("2026-11-18 01:00", "it_rains"), ("", "it_pours"))
    assert (two.text, two.where, two.status, two.marks) == ("two", "srv-db01", 3, ())
    assert printed_as(one.shown[0], "so:\n what it  really says\n") == {}
    assert printed_as(one.shown[0], "what it\nreally says") is None


def test_folios_that_are_others_stand_for_those_of_the_document():
    """Breaks: two backups of the same second change their numbers, and a document fails for it."""
    line = "db-lms  NO CONFORME … DSE-03-2026-0015"
    assert printed_as(line, "db-lms NO CONFORME 44 KiB DSE-03-2026-0014") == {"DSE-03-2026-0015": "DSE-03-2026-0014"}
    assert printed_as(line, "db-lms NO CONFORME 44 KiB DSE-03-2026-0015") == {}
    assert printed_as(line, "db-lms conforme DSE-03-2026-0014\ndb-portal NO CONFORME DSE-03-2026-0015") is None


@pytest.fixture
def reader(template, tmp_path):
    """At an institution whose inventory is README's own, on this machine."""
    root = tmp_path / "institution"
    take_restic(template, root)
    small = Institution(root)
    (root / "vault-password").write_text("clave-de-la-bóveda\n", "utf-8")
    made = Reader(
        small,
        stands_for={"FILE": str(root / "vault-password"), "ARCHIVO": str(root / "vault-password")},
        scenes={},
        elsewhere=ELSEWHERE,
    )
    inventory = made.checkout / "institution"
    (inventory / "group_vars").mkdir(parents=True)
    (ten_lines,) = re.findall(r"^```yaml\n(dse_servers:.*?)^```", _text("README.md"), re.MULTILINE | re.DOTALL)
    (inventory / "hosts.yml").write_text(ten_lines, "utf-8")
    variables = {key: each for key, each in small.variables.items() if key != "backup_client_repository_password"}
    (inventory / "group_vars" / "all.yml").write_text(json.dumps(variables), "utf-8")
    yield made
    made.close()


def _text(document: str) -> str:
    return (CHECKOUT / document).read_text("utf-8")


def test_the_first_inventory_works_as_the_readme_says(reader):
    """Breaks: README's first commands, its inventory, or a status that it promises."""
    reader.follow("README.md")


@pytest.mark.parametrize("text", sorted(ELSEWHERE))
def test_what_is_not_typed_here_is_run_by_another_test(text):
    """Breaks: a command that is listed as run elsewhere, and is not any more, or that no document has."""
    listed = ELSEWHERE[text]
    source = _text(listed.file)
    assert f"def {listed.test}" in source or not listed.test, f"{listed.file} has no {listed.test}"
    assert listed.runs in source
    assert any(each.text == text for document in DOCUMENTS for each in commands(CHECKOUT / document, document))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_said_to_fail_is_shown_to_fail_for_that_reason(document):
    """Breaks: a misspelt command ends as the document says, and for another reason."""
    told = [each for each in commands(CHECKOUT / document, document) if each.status and each.text not in ELSEWHERE]
    assert [each.place for each in told if not each.shown] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    """Breaks: a document that was renamed, or a heading that is linked to by its old words."""
    here = (CHECKOUT / document).parent
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", _text(document)):
        path = here / target if target else CHECKOUT / document
        assert path.exists(), f"{document}: {target}"
        headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(_anchor, headings), f"{document}: {target}#{anchor}"


def _anchor(heading: str) -> str:
    """Return what a forge makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_name_in_a_document_is_one(document):
    """Breaks: an extra-var, a role's variable or a playbook that is misspelt where it is only told of."""
    playbooks = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}
    roles = {path.name for path in (CHECKOUT / "roles").iterdir()}
    files = [path for name in ("playbooks", "roles", "inventory") for path in (CHECKOUT / name).rglob("*.yml")]
    known = {each for path in files for each in re.findall(r"\w+", path.read_text("utf-8"))} | roles
    names = playbooks | {path.stem for path in files} | {"vault"}
    told = " ".join(re.findall(r"`+([^`]+)`+", _text(document)))
    assert set(re.findall(r"(?<![\w./)-])([a-z_]+)\.yml\b", told)) <= names
    prefixes = "|".join(sorted(playbooks | roles, key=len, reverse=True))
    assert set(re.findall(rf"(?<![\w{{./])((?:{prefixes})_\w+)(?=[=`\s,:;)]|$)", told)) <= known


@pytest.mark.parametrize("document", ["README.md", "docs/manual-jaa.md"])
def test_every_question_can_be_found(document):
    """Breaks: report.yml answers a question of which nobody can read."""
    assert set(QUESTIONS) <= set(re.findall(r"`(\w+)`", _text(document)))
