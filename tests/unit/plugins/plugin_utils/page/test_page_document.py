# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import sys
from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.page import composition, document
from ansible_collections.dse.backup.plugins.plugin_utils.questions.copies import copies
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.questions.overdue import overdue
from ansible_collections.dse.backup.tests.unit.factories import backup_record, index_of

QUESTIONS = {"copies": copies, "overdue": overdue}
EVIL = "</script><script>alert(1)</script>\u202e"


@pytest.fixture
def page(in_memory, procedure):
    """The page of a ledger with these records."""

    def page(*records, today="2026-12-24", **changes):
        now = datetime.fromisoformat(f"{today}T08:00:00").replace(tzinfo=procedure.zone)
        with index_of(in_memory, list(records)) as index:
            asked = Asked(index, procedure, now, **changes)
            return composition.compose(asked, QUESTIONS, directory="/srv/registro", by=f"Hecha por {EVIL}.")

    return page


@pytest.fixture
def small_library(monkeypatch):
    """The library takes seconds to start, and is not what these tests are about."""
    library = type("Library", (), {"javascript_bundle": staticmethod(lambda: "const a = '</script><!--';")})
    monkeypatch.setitem(sys.modules, "vl_convert", library)


def test_each_question_is_asked_once_and_the_backups_are_read_once(page, monkeypatch, procedure, in_memory):
    """Breaks: a page of an institution with a thousand backups a night takes minutes."""
    asked, read = [], []
    questions = {name: lambda each, name=name: asked.append(name) or QUESTIONS[name](each) for name in QUESTIONS}
    with index_of(in_memory, [backup_record("source_code", "2026-12-21", folio="DSE-02-2026-0001")]) as index:
        backups = index._backups
        monkeypatch.setattr(index, "_backups", lambda *wanted: read.append(wanted) or backups(*wanted))
        now = datetime(2026, 12, 24, 8, tzinfo=procedure.zone)
        composition.compose(Asked(index, procedure, now), questions, directory="/srv/registro", by="")
    assert asked == list(QUESTIONS)
    assert [where for where, *_values in read if where in ("1", "item_id = ?")] == ["1"]


def test_the_page_allows_only_what_stands_in_it(page, small_library):
    """Breaks: a name that gets past everything else is run after all, or the page asks for something elsewhere."""
    text = document.document(page(backup_record("source_code", "2026-11-09", folio="DSE-02-2026-0001", server=EVIL)))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'" and "unsafe" not in policy
    programs, styles = (
        [f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in found]
        for found in (re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S) for tag in ("script", "style"))
    )
    assert (rules["script-src"].split(), rules["style-src"].split()) == (programs, styles)
    assert len(programs) == 2 and not re.search(r'\b(src|href)="(?!#|data:,)', text)
    assert "<script>alert" not in text and "\u202e" not in text and "&lt;script&gt;alert(1)" in text


def test_it_says_what_needs_action_or_that_nothing_does(page, small_library):
    late = page(backup_record("source_code", "2026-11-09", folio="DSE-02-2026-0001"))
    text = document.document(late)
    assert late.problem_count == 3 and "· 3 por atender</title>" in text
    assert text.index("Sin entregar a CSC") < text.index("playbooks/deliver.yml") < text.index('id="h-anio"')
    assert "Entrega a CSC vencida: portal-src" in text
    # Two answers ask for the same command: it stands there once, before each of them has it.
    assert [[each.name for each in several] for _command, several in late.steps] == [["overdue", "copies"]]
    assert text.count("playbooks/deliver.yml</code>") == 3
    text = document.document(page())
    assert "nada requiere atención</title>" in text and "Nada requiere atención." in text


def test_what_a_chart_is_drawn_from_comes_out_as_it_went_in(page, small_library):
    made = page(backup_record("source_code", "2026-11-09", folio="DSE-02-2026-0001"))
    packed = re.search(r'<script type="application/gzip">([^<]*)<', document.document(made))[1]
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == made.items[0].drawn


def test_a_library_that_is_missing_is_named(page, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(document.MissingLibrary, match="pip install vl-convert-python"):
        document.document(page())
