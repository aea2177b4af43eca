# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printed labels of media (4.2.2): one HTML file, letter paper, ten a page, each with a QR code to compare with."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.media import Medium, code_of
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Media

_A_PAGE = 10
# Letters of an id that fit beside the code in its large type.
_A_LINE = 13


class MissingLibrary(Exception):
    """segno, which draws QR codes, is not installed."""


def page(media: Sequence[Medium], rules: Media) -> str:
    """Return the labels as one HTML document that needs nothing else; raise MissingLibrary."""
    pages = [media[start : start + _A_PAGE] for start in range(0, len(media), _A_PAGE)]
    sheets = "\n".join(f"<section>\n{''.join(_label(each, rules) for each in several)}</section>" for several in pages)
    return _PAGE.format(style=_STYLE, institution=_safe(rules.label_institution), sheets=sheets)


def write(path: str, text: str) -> None:
    """Write the document whole or not at all. Raises OSError."""
    new = f"{path}.new"
    with open(new, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(new, path)


def _label(medium: Medium, rules: Media) -> str:
    rows = [
        ("Custodio", medium.custodian),
        ("Tipo", rules.types.get(medium.media_type, medium.media_type)),
        ("Llave", medium.key_reference or "la de cada servidor; vea LEAME.txt"),
    ]
    said = "".join(f"<tr><th>{_safe(name)}</th><td>{_safe(value)}</td></tr>" for name, value in rows)
    size = "id long" if len(medium.media_id) > _A_LINE else "id"
    return (
        f'<article>{_code(medium)}<div class="words">'
        f'<p class="{size}">{_safe(medium.media_id)}</p><p class="text">{_safe(medium.label_text)}</p>'
        f'<table>{said}</table><p class="uuid">{_safe(medium.medium_uuid or "sin etiqueta electrónica")}</p>'
        f'<p class="foot">{_safe(rules.label_institution)} · contenido cifrado · si lo halla, devuélvalo a '
        f"{_safe(medium.custodian)}</p></div></article>\n"
    )


def _safe(text: str) -> str:
    return html.escape(readable(text))


def _code(medium: Medium) -> str:
    try:
        import segno  # noqa: PLC0415 (for printing labels only)
    except ImportError:
        raise MissingLibrary("falta la biblioteca segno en el controlador: pip install segno") from None
    # Error correction of a quarter: a label on a disk that travels is scratched.
    drawn = segno.make(code_of(medium), error="q", micro=False)
    return f'<div class="code">{drawn.svg_inline(border=2, omitsize=True)}</div>'


_STYLE = """
@page { size: letter; margin: 0.5in; }
* { box-sizing: border-box; margin: 0; padding: 0; }
body { font: 8pt/1.25 "Liberation Sans", Arial, Helvetica, sans-serif; color: #000; background: #fff; }
section { display: grid; grid-template-columns: 3.75in 3.75in; grid-auto-rows: 2in; width: 7.5in; margin: 0 auto;
  break-after: page; }
section:last-child { break-after: auto; }
article { display: flex; gap: 0.1in; padding: 0.12in; border: 0.5pt dashed #888; overflow: hidden;
  break-inside: avoid; }
.code { flex: 0 0 1.3in; }
.code svg { width: 1.3in; height: 1.3in; display: block; }
.words { flex: 1; min-width: 0; display: flex; flex-direction: column; overflow-wrap: anywhere; }
.id { font-size: 15pt; line-height: 1.1; font-weight: bold; }
.long { font-size: 10pt; }
.text { margin: 2pt 0 3pt; max-height: 2.5em; overflow: hidden; }
table { border-collapse: collapse; align-self: flex-start; }
th { text-align: left; font-weight: normal; color: #444; padding-right: 6pt; vertical-align: top; white-space: nowrap; }
td { font-weight: bold; }
.uuid { margin-top: auto; font: 6pt "Liberation Mono", monospace; }
.foot { font-size: 6pt; color: #444; }
@media screen { body { padding: 0.5in 0; background: #eee; } section { background: #fff; margin-bottom: 0.5in; } }
"""
_PAGE = """<!DOCTYPE html>
<html lang="es-MX">
<head>
<meta charset="utf-8">
<title>Etiquetas de medios · {institution}</title>
<style>{style}</style>
</head>
<body>
{sheets}
</body>
</html>
"""
