# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printing: from the names of forms to one file, HTML or PDF. The ledger is read, never written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_chain, ledger_export, whole_file
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Extent
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Lookup
from ansible_collections.dse.backup.plugins.plugin_utils.printed import html, pdf
from ansible_collections.dse.backup.plugins.plugin_utils.printed.asked import asked_for
from ansible_collections.dse.backup.plugins.plugin_utils.printed.document import forms
from ansible_collections.dse.backup.plugins.plugin_utils.printed.expected import expected
from ansible_collections.dse.backup.plugins.plugin_utils.printed.gathered import gather
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm
from ansible_collections.dse.backup.plugins.plugin_utils.printed.source import Source
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table

# What asks for an answer and not for a form.
_NOT_WITH_FORMS = ("question", "items", "week", "year", "folio")
_WRITERS = {".html": html.document, ".pdf": pdf.document}


class CannotPrint(Exception):
    """Nothing was printed. ``faults`` says why, one line of Spanish each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("no se imprimió nada:\n  " + "\n  ".join(self.faults))


def print_forms(
    options: Mapping[str, Any], path: str, faults: Iterable[str], ledger: Ledger, now: datetime, *, writes: bool
) -> tuple[str, dict[str, Any]]:
    """Print ``options["form"]`` to ``path``, where it ``writes``; return what to tell, and the result as plain data.

    ``faults`` are what was wrong with the options already. Raises CannotPrint, LedgerError.
    """
    others = [name if name == "question" else f"report_{name}" for name in _NOT_WITH_FORMS if options[name]]
    found = [*faults, *([f"report_form: no va con {', '.join(others)}"] if others else [])]
    if wrong := fault(path, ledger):
        found.append(wrong)
    if found:
        raise CannotPrint(found)
    forms_found, damaged = read(options["form"], ledger, now)
    try:
        content = _WRITERS[ledger_export.suffix(path)](forms_found, damaged, ledger.procedure, now)
        if writes:
            whole_file.write(path, content)
    except pdf.MissingLibrary as error:
        raise CannotPrint([f"report_output: {error}"]) from None
    except OSError as error:
        raise CannotPrint([f"report_output: no se pudo escribir {readable(path)}: {error.strerror}"]) from None
    names = [{"form_code": each.code, "name": each.name, "broken": each.broken} for each in forms_found]
    return _told(forms_found, damaged, path if writes else "", ledger.directory), {"forms": names, "damaged": damaged}


def read(names: Iterable[str], ledger: Ledger, now: datetime) -> tuple[list[PrintedForm], int]:
    """Return the forms of these names as of ``now``, and how many of the ledger's lines cannot be read.

    Raises CannotPrint, LedgerError.
    """
    reach = ledger.extent()
    try:
        with ledger_chain.naming_damage(lambda: ledger_chain.verify(lambda: ledger.lines(reach), csv_rows={})):
            return _read(names, ledger, reach, now)
    except ledger_chain.Broken as error:
        raise CannotPrint(error.words) from None


def _read(names: Iterable[str], ledger: Ledger, reach: Extent, now: datetime) -> tuple[list[PrintedForm], int]:
    procedure = ledger.procedure
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


def _told(found: list[PrintedForm], damaged: int, path: str, directory: str) -> str:
    """Return what was printed, and above all what is wrong with the records of it."""
    lines = ["", "FORMATOS IMPRESOS" if path else "FORMATOS QUE SE IMPRIMIRÍAN"]
    lines += table([[each.code, each.name, each.about] for each in found])
    lines += [f"  ✗ HUELLA ROTA: {', '.join(each.broken)} ({each.name})" for each in found if each.broken]
    if damaged:
        lines.append(f"  ✗ LÍNEAS QUE NO SE PUEDEN LEER: {damaged:,}; verifique el registro (ledger.yml, sin más)")
    lines += [f"Impresos: {len(found):,} en {readable(path)}"] if path else []
    return "\n".join([*lines, f"Registro oficial: {directory}", ""])


def fault(path: str, ledger: Ledger) -> str:
    """Return in words why forms cannot be printed to ``path``; empty where they can."""
    if not path:
        return "report_output: falta el archivo en que se imprime, .pdf o .html"
    if ledger_export.suffix(path) not in _WRITERS:
        return f"report_output: {readable(path)} debe terminar en .pdf o .html"
    inside = ledger_export.fault(path, ledger.directory)
    return f"report_output: {readable(inside)}" if inside else ""
