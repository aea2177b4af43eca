# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``report.yml -e report_form=…``: the sample institution's autumn on paper, and nothing is written but the paper."""

from __future__ import annotations

import re
import shutil
import stat

import pypdf
import pytest
from answers import answer
from institution import CHECKOUT, Institution
from test_check_mode import _state


@pytest.fixture
def autumn(tmp_path):
    """The ledger of the autumn; nothing is deployed, since nobody is contacted."""
    shutil.copytree(CHECKOUT / "tests/fixtures/autumn", tmp_path / "ledger")
    return Institution(tmp_path)


def test_a_week_is_printed_as_html_and_as_pdf_and_nothing_else_is_written(autumn):
    """Breaks: printing changes the ledger, --check leaves a file, or a form of the week is not in the document."""
    before, paper, screen = _state(autumn.ledger), autumn.root / "forms.pdf", autumn.root / "week.html"
    tried = answer(autumn, "report.yml", "--check", report_form="2026-W47", report_output=str(screen))
    assert tried.rc == 0 and "FORMATOS QUE SE IMPRIMIRÍAN" in tried.out and not screen.exists(), tried.out
    for path, names in ((screen, ["2026-W47"]), (paper, ["DSE-03-2026-W47", "CSC-01-2026"])):
        done = answer(autumn, "report.yml", report_form=names, report_output=str(path))
        assert done.rc == 0 and f"en {path}" in done.out, done.out
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    page = screen.read_text("utf-8")
    printed = re.findall(r'<h1 id="form-\d+">([^ <]+)', page)
    assert printed[:2] == ["DSE-02-2026-W47", "DSE-03-2026-W47"] and len(printed) > 5
    assert all(name in tried.out for name in printed)
    text = " ".join(" ".join(each.extract_text() for each in pypdf.PdfReader(paper).pages).split())
    assert "DSE-03-2026-W47" in text and "Plan anual y control de respaldos" in text
    # One night srv-db01 had no room left, and one day nothing was backed up at all.
    assert "OMITIDO" in page and "OMITIDO" in text and "HUELLA ROTA" not in page
    assert _state(autumn.ledger) == before and autumn.contacted() == []


def test_what_cannot_be_printed_is_told_all_at_once(autumn):
    """Breaks: a wrong name, a wrong file and a question beside the form are told one after the other, or not at all."""
    inside = autumn.ledger / "form.pdf"
    wrong = {"question": "copies", "report_form": ["DSE-05-2026-0001"], "report_output": str(inside)}
    done = answer(autumn, "report.yml", **wrong)
    assert done.rc == 2 and "report_form: no va con question" in done.out and not inside.exists(), done.out
    assert "está en el directorio del registro oficial" in done.out
    names = ["DSE-05-2026-9999", "la semana pasada"]
    done = answer(autumn, "report.yml", report_form=names, report_output=str(autumn.root / "form.pdf"))
    assert done.rc == 2 and all(f"«{name}»" in done.out for name in names), done.out
