# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms as one HTML document that needs nothing else. All text is escaped by the template."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import jinja2
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

_HERE = Path(__file__).parent


def document(found: list[PrintedForm], damaged: int, procedure: Procedure, now: datetime) -> bytes:
    """Return the document; ``damaged`` is how many of the ledger's lines cannot be read."""
    return page(found, damaged, procedure, now).encode("utf-8")


def page(
    found: list[PrintedForm],
    damaged: int,
    procedure: Procedure,
    now: datetime,
    styles: tuple[str, ...] = ("style.css",),
) -> str:
    """Return the document as text, with these of the files beside this one as its style."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(_HERE),
    )
    return environment.get_template("form.html.j2").render(
        forms=found,
        title=title(found),
        damaged=damaged,
        institution=procedure.institution,
        procedure_revision=procedure.procedure_revision,
        asked_at=f"{now:%d/%m/%Y %H:%M}",
        style="\n".join((_HERE / name).read_text(encoding="utf-8").strip() for name in styles),
    )


def title(found: list[PrintedForm]) -> str:
    """Return what the document is called."""
    names = [f"{form.code} · {form.name}" for form in found]
    return names[0] if len(names) == 1 else f"{names[0]} y {len(names) - 1} más"
