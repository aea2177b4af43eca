# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each form of one small ledger, word for word, as HTML and as the text of its PDF.

GOLDEN=write makes the files anew: look at what changed in them before it is committed.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pypdf
import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.printed import html, pdf

from tests.unit.plugins.plugin_utils.printed.test_forms import ONE_OF_EACH, RECORDS

GOLDEN = Path(__file__).parent / "golden"
NAMES = [*dict.fromkeys(ONE_OF_EACH.values())]


def compare(path: Path, made: str, *, without_spaces: bool = False) -> None:
    """Compare with a file; where lines break, or words that are longer than a line, is up to a font."""
    if os.environ.get("GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    kept = path.read_text("utf-8")
    if without_spaces:
        made, kept = ("".join(text.split()) for text in (made, kept))
    assert made == kept


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_each_form(printed, procedure, now, name):
    """Breaks: anything on a form changes, and nobody looked at it."""
    page = html.page(printed(RECORDS, name), 0, procedure, now)
    body = re.sub(r"<style>.*?</style>\n|^\s+", "", page, flags=re.S | re.M)
    compare(GOLDEN / f"{name}.html", re.sub(r"(</(?:td|th|tr)>)(?=<)", r"\1\n", body))


@pytest.mark.parametrize("name", ["DSE-03-2026-W47", "DSE-05-2026-0012", "CSC-02-2026-0046"])
def test_the_text_of_a_pdf(printed, procedure, now, name):
    """Breaks: what is on the page is not in the PDF, or not as text that can be searched and copied."""
    pages = pypdf.PdfReader(io.BytesIO(pdf.document(printed(RECORDS, name), 0, procedure, now))).pages
    compare(GOLDEN / f"{name}.txt", "\n\f\n".join(page.extract_text() for page in pages) + "\n", without_spaces=True)
