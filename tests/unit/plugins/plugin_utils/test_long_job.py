# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import progress, text, texts
from ansible_collections.dse.backup.tests.unit.conftest import CHECKOUT


def test_every_phase_that_a_server_reports_has_its_words():
    source = "".join(file.read_text("utf-8") for file in Path(CHECKOUT, "plugins/module_utils/_core").glob("*.py"))
    phases = set(re.findall(r'"phase": "([a-z]+)"', source))
    assert len(phases) > 5
    for phase in phases:
        assert progress({"item_id": "portal-src", "phase": phase}) != "preparando", phase


@pytest.mark.parametrize("news", [{}, {"item_id": 7}, {"item_id": "a", "phase": "otra"},
                                  {"item_id": "a", "phase": "store", "percent": "x"}])  # fmt: skip
def test_whatever_a_server_says_is_no_error(news):
    assert progress(news) == "preparando"


def test_how_far_it_is():
    news = {"item_id": "portal-src", "position": 1, "of": 3, "phase": "store", "percent": 42,
            "bytes_done": 272_629_760, "bytes_total": 650_117_120}  # fmt: skip
    assert progress(news) == "portal-src (1 de 3), guardando: 42 %, 260.0 MiB de 620.0 MiB"


def test_only_texts_pass_and_on_one_line():
    assert text({"a": 1}) == ""
    assert texts("no list") == []
    assert texts(["uno\ndos", 3]) == ["uno\\ndos", ""]
