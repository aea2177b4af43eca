# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same document as PDF. Each form counts its own pages: it is laid out alone, and then they are put together."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn

from ansible_collections.dse.backup.plugins.plugin_utils.printed.html import page, title
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure


class MissingLibrary(Exception):
    """WeasyPrint, which sets PDF, or one of the libraries that it needs, is not installed."""


def document(found: list[PrintedForm], damaged: int, procedure: Procedure, now: datetime) -> bytes:
    """Return the document; ``damaged`` is how many of the ledger's lines cannot be read. Raises MissingLibrary."""
    weasyprint = _weasyprint()
    fonts = weasyprint.text.fonts.FontConfiguration()
    documents = [
        weasyprint.HTML(
            string=page([form], damaged, procedure, now, ("style.css", "paged.css")), url_fetcher=_refuse
        ).render(font_config=fonts)
        for form in found
    ]
    whole = documents[0].copy([each for part in documents for each in part.pages])
    whole.metadata.title = title(found)
    return whole.write_pdf()


def _weasyprint() -> Any:
    try:
        import weasyprint  # noqa: PLC0415 (for PDF only, and slow to load)
        import weasyprint.text.fonts  # noqa: PLC0415
    except ImportError:
        raise MissingLibrary("falta la biblioteca weasyprint en el controlador: pip install weasyprint") from None
    except OSError:
        # It loads Pango by itself, and says in many lines that it is not there.
        raise MissingLibrary(
            "faltan en el controlador las bibliotecas del sistema que weasyprint necesita: "
            "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
        ) from None
    return weasyprint


def _refuse(url: str, *_arguments: Any, **_options: Any) -> NoReturn:
    """Fetch nothing: a form has all it needs, and what a record names is nobody's business to open."""
    raise ValueError(f"una forma impresa no abre nada: {url}")
