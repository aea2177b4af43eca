# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page as one HTML document that needs nothing else: styles, program and charts' library stand in it.

Its own policy forbids it to fetch anything, and to run anything but the programs that were put there, by their hashes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import Slot
from ansible_collections.dse.backup.plugins.plugin_utils.page.composition import Page
from ansible_collections.dse.backup.plugins.plugin_utils.page.period import MONTHS
from ansible_collections.dse.backup.plugins.plugin_utils.page.tally import STATES, Tally
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, command

_HERE = Path(__file__).parent
# Tables of more rows are folded; a cell of so many characters is never broken into lines.
_FEW_ROWS = 6
_SHORT = 28
# Of a name so much is shown: longer ones are somebody's mischief.
_NAME = 120
# What ends a script, or makes a browser read on behind its end.
_ENDS_SCRIPT = re.compile(r"<(?=/script|!--|script)", re.IGNORECASE)


class MissingLibrary(Exception):
    """vl-convert, which has the charts' library, is not installed."""


def document(page: Page) -> str:
    """Return the page. Raises MissingLibrary."""
    try:
        import vl_convert  # noqa: PLC0415 (for pages only)
    except ImportError:
        raise MissingLibrary(
            "falta en el controlador la biblioteca con que se dibujan las gráficas: pip install vl-convert-python"
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "compact": lambda value: markupsafe.Markup(_json(value)),  # noqa: S704 (it cannot end the script it stands in)
        "day": _day,
        "packed": _packed,
        "number": lambda number: f"{number:,}",
        "pct": _pct,
        "safe_text": lambda text: readable(str(text), _NAME),
        "size": human_size,
        "slot": _slot,
    }
    style = (_HERE / "page.css").read_text("utf-8")
    library = _ENDS_SCRIPT.sub(r"\\x3c", vl_convert.javascript_bundle())
    script = (_HERE / "page.js").read_text("utf-8")
    count = page.problem_count
    return environment.get_template("page.html.j2").render(
        page=page,
        title=f"Respaldos al {page.asked.now:%d/%m/%Y} · "
        + (f"{count} por atender" if count else "nada requiere atención"),
        moment=f"{page.asked.now:%d/%m/%Y, %H:%M}",
        again=command("report", report_output="ARCHIVO.html"),
        policy=_policy(style, library, script),
        style=style,
        library=library,
        script=script,
        states=STATES.values(),
        charts=json.loads((_HERE / "charts.json").read_text("utf-8")),
        words={
            "states": {each.letter: [each.one, each.mark, each.several] for each in STATES.values()},
            "results": {key[0]: words.lower() for key, words in RESULTS.items()} | {"a": "aceptado por JAA"},
            "months": MONTHS,
        },
        few_rows=_FEW_ROWS,
        short=_SHORT,
    )


def _policy(style: str, *scripts: str) -> str:
    """Return what the page allows itself: its own styles and programs, byte by byte, and nothing from elsewhere."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    r"""Return JSON that can stand in a script element, whatever is in it: ``</`` is written ``\u003c/``."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _packed(value: Any) -> str:
    """Return JSON, compressed, in base64: what only a chart needs."""
    return base64.b64encode(gzip.compress(_json(value).encode(), mtime=0)).decode()


def _day(day: date | str) -> str:
    return f"{date.fromisoformat(day) if isinstance(day, str) else day:%d/%m/%Y}"


def _pct(tally: Tally) -> str:
    """Return how much of what was expected was done; 99.96 % is not all of it."""
    return f"{int(tally.done * 1000 / tally.expected) / 10:g}"


def _slot(slot: Slot) -> str:
    days = _day(slot.last) if slot.first == slot.last else f"del {_day(slot.first)} al {_day(slot.last)}"
    covered = f" el {_day(slot.covered_on)}" if slot.covered_on and slot.covered_on > slot.last else ""
    return f"{days}, {STATES[slot.state].one}{covered}"
