# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printing: from the names of forms to one file, HTML or PDF. The ledger is read, never written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_export
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Lookup
from ansible_collections.dse.backup.plugins.plugin_utils.printed import html, pdf
from ansible_collections.dse.backup.plugins.plugin_utils.printed.asked import asked_for
from ansible_collections.dse.backup.plugins.plugin_utils.printed.document import forms
from ansible_collections.dse.backup.plugins.plugin_utils.printed.expected import expected
from ansible_collections.dse.backup.plugins.plugin_utils.printed.gathered import gather
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source

_WRITERS = {".html": html.document, ".pdf": pdf.document}


class CannotPrint(Exception):
    """Nothing was printed. ``faults`` says why, one line of Spanish each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("no se imprimió nada:\n  " + "\n  ".join(self.faults))


def read(names: Iterable[str], ledger: Ledger, now: datetime) -> tuple[list[PrintedForm], int]:
    """Return the forms of these names as of ``now``, and how many of the ledger's lines cannot be read.

    Raises CannotPrint, LedgerError.
    """
    procedure, reach = ledger.procedure, ledger.extent()
    with ledger.read() as index:
        asked, faults = asked_for(names, index, procedure)
        if faults:
            raise CannotPrint(faults)
        gathered = gather(Lookup(lambda: ledger.lines(reach), procedure, now.date()), asked, procedure)
        source = Source(procedure, index, now, gathered, expected(index, procedure, now.date()))
        found, faults = forms(asked, source)
    if faults:
        raise CannotPrint(faults)
    return found, gathered.damaged


def fault(path: str, ledger: Ledger) -> str:
    """Return in words why forms cannot be printed to ``path``; empty where they can."""
    if not path:
        return "report_output: falta el archivo en que se imprime, .pdf o .html"
    if ledger_export.suffix(path) not in _WRITERS:
        return f"report_output: {readable(path)} debe terminar en .pdf o .html"
    inside = ledger_export.fault(path, ledger.directory)
    return f"report_output: {readable(inside)}" if inside else ""


def write(path: str, found: list[PrintedForm], damaged: int, ledger: Ledger, now: datetime) -> None:
    """Write the forms to ``path``, by its suffix, whole or not at all. Raises CannotPrint, OSError."""
    content = _WRITERS[ledger_export.suffix(path)](found, damaged, ledger.procedure, now)
    new = path + ".new"
    try:
        with open(new, "wb", opener=lambda name, flags: os.open(name, flags, 0o640)) as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new)
