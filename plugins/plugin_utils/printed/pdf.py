# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same document as PDF. Each form counts its own pages: it is laid out alone, and then they are put together."""

from __future__ import annotations

import contextlib
import io
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.printed.html import page, title
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure


class MissingLibrary(Exception):
    """WeasyPrint, which sets PDF, or one of the libraries that it needs, is not installed."""


def document(found: list[PrintedForm], damaged: int, procedure: Procedure, now: datetime) -> bytes:
    """Return the document; ``damaged`` is how many of the ledger's lines cannot be read. Raises MissingLibrary."""
    weasyprint = _weasyprint()
    fonts = weasyprint.text.fonts.FontConfiguration()
    # A form has all it needs: what a record names is opened by nobody.
    nothing = weasyprint.urls.URLFetcher(allowed_protocols=())
    documents = [
        weasyprint.HTML(
            string=page([form], damaged, procedure, now, ("style.css", "paged.css")), url_fetcher=nothing
        ).render(font_config=fonts)
        for form in found
    ]
    whole = documents[0].copy([each for part in documents for each in part.pages])
    whole.metadata.title = title(found)
    # Tagged, for whoever has it read aloud.
    return whole.write_pdf(pdf_tags=True)


def _weasyprint() -> Any:
    try:
        # What it cannot find it tells at length on the screen, and for one system among many.
        with contextlib.redirect_stdout(io.StringIO()):
            import weasyprint  # noqa: PLC0415 (for PDF only, and slow to load)
            import weasyprint.text.fonts  # noqa: PLC0415
            import weasyprint.urls  # noqa: PLC0415
    except ImportError:
        raise MissingLibrary("falta la biblioteca weasyprint en el controlador: pip install weasyprint") from None
    except OSError:
        raise MissingLibrary(
            "faltan en el controlador las bibliotecas del sistema que weasyprint necesita: "
            "apt-get install libpangoft2-1.0-0 fonts-dejavu-core"
        ) from None
    return weasyprint
