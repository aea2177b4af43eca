# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads when something is done with the ledger itself: a hash kept elsewhere, a correction, a disposal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what is about to be done."""
    return "\n".join(["", *_HEADINGS[result["act"]](result)])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    return "Revisión (--check): no se escribió ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what was recorded."""
    lines = [line for record in others for line in _done(record, ledger)]
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _anchor(result: dict[str, Any]) -> Iterator[str]:
    anchor = result["anchor"]
    yield "RESGUARDO DE LA HUELLA DEL REGISTRO"
    yield f"  {anchor['record_count']:,} registros, hasta {anchor['ledger_file']}"
    yield f"  Última huella: {anchor['head_sha256']}"
    yield f"  Últimos folios: {', '.join(anchor['highest_folios'])}"


def _correction(result: dict[str, Any]) -> Iterator[str]:
    yield f"CORRECCIÓN DE {result['folio']}"
    for each in result["fields"]:
        yield f"  {each['label']}: «{each['was'] or 'sin dato'}» → «{each['is']}»"
    if result["is_request"]:
        yield "  ! lo que se respalda no cambia con una corrección: para eso se registra un cambio de la solicitud"


def _disposal(result: dict[str, Any]) -> Iterator[str]:
    proof = result["proof"]
    yield f"BAJA DEL AÑO {proof['ledger_year']}"
    yield f"  {proof['file_name']}: {proof['record_count']:,} registros; huella del archivo {proof['file_sha256']}"
    yield f"  Última huella: {proof['last_record_sha256']}"
    yield f"  Aprueba: {result['approver']} · motivo: {result['reason']}"


_HEADINGS = {"anchor": _anchor, "correction": _correction, "disposal": _disposal}


def _done(record: dict[str, Any], ledger: Ledger) -> Iterator[str]:
    record_type = record["record_type"]
    if record_type == "anchor":
        hosts = record.get("kept_by")
        yield f"  Resguardada en {', '.join(hosts)} (CSC)." if hosts else f"  Resguardada en {record['kept_in']}."
    elif record_type == "correction":
        yield f"  Asentada; {record['about_folio']} queda como se escribió y la consulta muestra ambos."
    elif record_type == "disposal":
        year = record["ledger_year"]
        yield f"  Asentada, y borrados ledger-{year}.jsonl y sus CSV. El registro continúa de su última huella."
        yield f"  Aprobó: {readable(record['approver'], 80)}."
