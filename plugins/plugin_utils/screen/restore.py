# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JAA reads of a restore: what is going to happen, what would happen (preview), what came back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import succeeded
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import RESULTS, command, table
from ansible_collections.dse.backup.plugins.plugin_utils.screen.loan import what_next

# Of each group; -v shows all of them.
_SHOWN = 40
_GROUPS = {
    "written": "Se escribirían",
    "replaced": "Se reemplazarían",
    "removed": "Se quitarían",
    "left": "Quedarían igual",
}


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return which backup is used and where it goes."""
    backup, record = result["backup"], result["restore"]["record"]
    what = "se deshace " + record["undoes_folio"] if record["undoes_folio"] else backup["item_id"]
    verdict = {"accepted": "aceptado por JAA", "rejected": "RECHAZADO por JAA"}.get(
        backup.get("decision", ""), RESULTS[backup["verification_result"]]
    )
    how = " (EN SU LUGAR: se sobrescribe; antes se guarda lo que hay)" if record["overwrite_allowed"] else ""
    rows = [
        ["Información", f"{what} · {backup['server']} · {readable(backup.get('source', ''))}"],
        ["Respaldo", f"{backup['folio']} del {backup['started_at'][:16].replace('T', ' ')}, {verdict}"],
        ["Tamaño", human_size(backup["size_bytes"])],
        ["Destino", f"{record['destination_server']}:{record['destination']}{how}"],
    ]
    if record["included_paths"]:
        rows.append(["Sólo", ", ".join(map(readable, record["included_paths"]))])
    return "\n".join(["", f"RESTAURACIÓN {run_id}", *table(rows), *(f"  ! {each}" for each in result["remarks"]), ""])


def preview(found: dict[str, Any], server: str) -> str:
    """Return what would be written, replaced, removed (by an undo) and left, with sizes and why it would be refused."""
    lines = ["", f"VISTA PREVIA EN {server}: no se escribe nada"]
    for key, heading in _GROUPS.items():
        if found.get(key) or key != "removed":
            lines += _group(heading, found.get(key, []))
    lines += [f"  ! {remark}" for remark in found["remarks"]]
    lines += [f"  ✗ {refusal}" for refusal in found["refusals"]]
    return "\n".join(lines)


def _group(heading: str, entries: list[dict[str, Any]]) -> Iterator[str]:
    files = [each for each in entries if each["type"] != "dir"]
    total = human_size(sum(each["size"] for each in files))
    yield f"  {heading}: {total} (archivos: {len(files)}, directorios: {len(entries) - len(files)})"
    for each in files[:_SHOWN]:
        yield f"    {human_size(each['size']):>10}  {readable(each['path'], 500)}"
    if len(files) > _SHOWN:
        yield f"    … y {len(files) - _SHOWN} más (con -v se listan todos)"


def checked(result: dict[str, Any]) -> str:
    """Return the end of a preview."""
    return "\nVista previa: no se escribió ni se registró nada.\n"


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what came back, in how long, whether its content is right, and how to undo it."""
    record = shown[0]
    lines = ["", "RESULTADO DE LA RESTAURACIÓN"]
    if record["record_type"] == "failure":
        lines.append(f"  ✗ {record['server']} · {record['item_id']}: {record['error_message']} ({record['folio']})")
    else:
        lines += table(list(_rows(record)))
        lines += [f"  ! {record['remarks']}"] if record.get("remarks") else []
        failed = [each for each in others if each["record_type"] == "failure"]
        lines += [f"  ✗ {each['error_message']} ({each['folio']})" for each in failed]
    lines += ["", "RESTAURADO." if succeeded(record) else "NO SE RESTAURÓ: vea arriba la causa."]
    lines += _of_the_loan(record, ledger)
    if record.get("safety_file_name"):
        undo = command("restore", restore_undo=record["folio"])
        lines.append(f"Para deshacer: {undo} -e 'restore_requester=\"…\"'")
    if record.get("result") == "restored":
        said = {"acknowledge_as": "CGDW", "acknowledge_result": "accepted"}
        lines.append("Falta la conformidad del CGDW, cuando haya revisado lo recuperado:")
        lines.append("  " + command("acknowledge", acknowledge_folio=record["folio"], **said))
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _of_the_loan(record: dict[str, Any], ledger: Ledger) -> Iterator[str]:
    """Yield what CSC's copy had to do with it, and what is to be done with the loan."""
    with ledger.read() as index:
        loan = index.loan(record.get("loan_folio", ""))
    if loan is None:
        return
    used = "se usó la copia de CSC: " if succeeded(record) else ""
    yield f"Préstamo {loan.folio} ({used}{loan.what}): {loan.spoken_state}."
    if loan.is_granted and not succeeded(record):
        yield f"  Para seguir: {command('restore', restore_loan=loan.folio)}"
    yield from what_next(loan)


def _rows(record: dict[str, Any]) -> Iterator[list[str]]:
    yield ["Folio", record["folio"]]
    yield ["Destino", f"{record['destination_server']}:{record['destination']}"]
    if not succeeded(record):
        return
    if "restored_bytes" in record:
        yield ["Recuperado", f"{human_size(record['restored_bytes'])} (archivos o tablas: {record['entry_count']})"]
        yield ["Duración", f"de {record['started_at'][11:19]} a {record['finished_at'][11:19]}"]
    matches = {True: "sí, leído de nuevo", False: "NO", None: "no se pidió leerlo de nuevo (restore_verify=true)"}
    yield ["Contenido igual", matches[record.get("sha256_matches")]]
    if "rows_match" in record:
        schema = {True: "igual", False: "DISTINTO", None: "no comparable"}[record.get("schema_matches")]
        yield ["Tablas", f"registros {'iguales' if record['rows_match'] else 'DISTINTOS'}, esquema {schema}"]
