# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The PDF as whoever prints, searches or archives it needs it; and what is said where it cannot be made."""

from __future__ import annotations

import base64
import builtins
import io
import re
import sys

import pypdf
import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.printed import pdf

from tests.unit.plugins.plugin_utils.printed.test_forms import RECORDS

# One black point.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
NAMES = ("DSE-03-2026-W47", "DSE-05-2026-0012", "CSC-01-2026")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Three forms in one document: two on letter paper lying, one standing."""
    from datetime import datetime

    from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
    from ansible_collections.dse.backup.plugins.plugin_utils.printed import job
    from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load

    from tests.unit.factories import chained

    directory, procedure = tmp_path_factory.mktemp("ledger"), load()
    (directory / "ledger-2026.jsonl").write_bytes(b"".join(chained(RECORDS)))
    now = datetime(2026, 11, 25, 10, 0, tzinfo=procedure.zone)
    found, damaged = job.read(NAMES, Ledger(str(directory), procedure), now)
    return pypdf.PdfReader(io.BytesIO(pdf.document(found, damaged, procedure, now)))


def test_each_form_counts_its_own_pages_on_letter_paper(reader):
    """Breaks: the second form begins with page 3 of 6, or a sheet does not fit the printer's paper."""
    told = [re.findall(r"Página (\d+) de (\d+)", page.extract_text()) for page in reader.pages]
    assert [each for page in told for each in page] == [("1", "2"), ("2", "2"), ("1", "1"), ("1", "2"), ("2", "2")]
    sizes = [(float(page.mediabox.width), float(page.mediabox.height)) for page in reader.pages]
    assert sizes == [(792, 612)] * 2 + [(612, 792)] + [(792, 612)] * 2


def test_every_page_has_the_heading_and_the_footer(reader):
    """Breaks: a page that was taken out of the file does not say what it is of."""
    for page in reader.pages:
        text = " ".join(page.extract_text().split())
        assert re.search(r"FOR 7\.5 (DSE 03|DSE 05|CSC 01)", text) and "PROPUESTA" in text.upper()
        assert "Liberado · Emitida a: N/A" in text and "revisión 8 (13/02/2012)" in text


def test_it_is_a_document_in_spanish_with_a_title_bookmarks_and_its_own_fonts(reader):
    """Breaks: it looks otherwise on another machine, or a screen reader reads it in English."""
    root = reader.trailer["/Root"]
    assert reader.metadata.title == "FOR 7.5 DSE 03 · DSE-03-2026-W47 y 2 más"
    assert root["/Lang"] == "es-MX" and root["/MarkInfo"]["/Marked"]
    forms = [mark for mark in reader.outline if not isinstance(mark, list)]
    marks = [(mark.title.split()[0], reader.get_destination_page_number(mark)) for mark in forms]
    assert marks == [("DSE-03-2026-W47", 0), ("DSE-05-2026-0012", 2), ("CSC-01-2026", 3)]
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    for font in fonts:
        (inner,) = font["/DescendantFonts"]
        descriptor = inner.get_object()["/FontDescriptor"]
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & descriptor.keys(), font["/BaseFont"]
        assert "/ToUnicode" in font


def test_a_library_that_is_missing_is_told_with_what_to_install(monkeypatch, printed, procedure, now, capsys):
    """Breaks: a traceback, or pages of advice for other systems, where one line tells what to install."""
    found, real = printed(RECORDS, "DSE-05-2026-0012"), builtins.__import__
    for error, said in (
        (ImportError("weasyprint"), "pip install weasyprint"),
        (OSError("cannot load library"), "libpango"),
    ):

        def refuse(name, *arguments, error=error, **options):
            if name.startswith("weasyprint"):
                print("WeasyPrint could not import some external libraries")
                raise error
            return real(name, *arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(builtins, "__import__", refuse)
            for name in [name for name in sys.modules if name.partition(".")[0] == "weasyprint"]:
                patched.delitem(sys.modules, name)
            with pytest.raises(pdf.MissingLibrary, match=said):
                pdf.document(found, 0, procedure, now)
    assert capsys.readouterr().out == ""


def test_nothing_is_ever_opened(monkeypatch, printed, procedure, now, tmp_path):
    """Breaks: a form that is printed opens a file or an address that a record names."""
    import weasyprint

    picture = tmp_path / "picture.png"
    picture.write_bytes(base64.b64decode(PICTURE))
    page = f'<p>texto</p><img src="{picture.as_uri()}"><link rel="stylesheet" href="{(tmp_path / "x.css").as_uri()}">'
    assert images(weasyprint.HTML(string=page).write_pdf()) == 1, "it would be opened"
    monkeypatch.setattr(pdf, "page", lambda *_arguments: page)
    assert images(pdf.document(printed(RECORDS, "DSE-05-2026-0012"), 0, procedure, now)) == 0


def images(made: bytes) -> int:
    """How many pictures there are on the first page."""
    return len(pypdf.PdfReader(io.BytesIO(made)).pages[0].images)
