# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of the ledger when it is asked: whether it is whole, what was found in it, which years may go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain as chained
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_disposal
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import TORN
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_csv import cell
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_disposal import Year
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_export import ACTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_verification import Verification
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form, Procedure
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table

# Of what says how a record turned out, the first that it has.
_OUTCOMES = (
    *("verification_result", "failure_type", "result", "loan_step", "decision", "evidence", "receipt_result"),
    "run_event",
    *("service_type", "frequency"),
)
_EVENTS = {
    **{"started": "comenzó", "ended": "terminó", "cut_off": "se interrumpió", "verified": "verificación"},
    **{"review": "revisión", "decision": "dictamen", "backup": "respaldo", "drill": "simulacro"},
    **{"recovery": "recuperación", "cancellation": "cancelación", "accepted": "aceptado", "rejected": "rechazado"},
    **{"authorised": "autorizado", "lent": "prestado", "checked": "verificado", "returned": "devuelto"},
    **{"received_back": "recibido", "cancelled": "cancelado"},
    **{"passed": "aprobado", "failed": "no aprobado", "intact": "íntegro", "damaged": "DAÑADO", "done": "hecho"},
}
_KEPT = {
    ledger_disposal.OPEN: "folios abiertos",
    ledger_disposal.IN_FORCE: "solicitudes vigentes (se cancelan, o se renuevan con un cambio)",
    ledger_disposal.YOUNG: "folios cerrados que aún no cumplen su plazo",
    ledger_disposal.STORED: "respaldos que siguen en su repositorio (los quita prune.yml)",
    ledger_disposal.RECENT: "asientos sin formato que aún no cumplen su plazo",
    ledger_disposal.RUNNING: "corridas sin terminar",
}
# So many records that name a folio are shown; a request is named by every backup of its item.
_NAMED = 40
# The control of nonconforming products, as JAA's decision on a failure may name it.
_NONCONFORMITY = "PRO 8.3 CNO 01"
_TORN_ADVICE = (
    "La última línea se cortó al escribirse (corte de energía o disco lleno): no falta ningún otro registro. El "
    "siguiente que se asiente la aparta en torn/; ejecute backup.yml y verifique de nuevo."
)
_ADVICE = """\
  1. No corrija, borre ni mueva nada en {directory}: guarde una copia tal como está.
  2. Compárelo con las huellas resguardadas fuera (-e ledger_anchor_from=ARCHIVO) y con una copia anterior del registro.
  3. Reponga de esa copia las líneas que falten o que no coincidan, sin tocar las demás, y verifique de nuevo.
  4. Si no hay de dónde reponerlas, trátelo como producto no conforme (PRO 8.3 CNO 01)."""


def verified(found: Verification, directory: str) -> list[str]:
    """Return whether the ledger is whole and, where it is not, the first line that is wrong and what to do."""
    chain, wrong = found.chain, found.wrong
    lines = ["", "VERIFICACIÓN DEL REGISTRO OFICIAL"]
    lines += table([[name, f"{count:,} registros"] for name, count in chain.files.items()]) if chain.files else []
    lines += [f"  Últimos folios: {', '.join(chain.highest_folios)}"] if chain.highest else []
    proof = chain.begins_after
    if proof:
        lines.append(
            f"  Comienza después de la baja de {proof.ledger_year}, asentada el {proof.recorded_at[:10]} "
            f"(aprobó: {readable(proof.approver, 80)}): {proof.record_count:,} registros, cuya última huella continúa."
        )
    for each in chain.proofs:
        if each.file_name in chain.files:
            year = each.ledger_year
            lines.append(f"  ! la baja de {year} se asentó y su archivo sigue ahí: repita -e ledger_dispose={year} …")
    for where, each in found.compared:
        if each.last:
            lines.append(
                f"  Huellas resguardadas en {where}: coinciden {each.fitting}; la última, del {each.last.when}, hasta "
                f"el registro {each.last.record_count:,}."
            )
        lines += [f"  ! {where}: {remark}" for remark in each.remarks]
    if wrong:
        lines += ["", found.verdict, *(f"  ✗ {each}" for each in wrong)]
        lines += ["", "QUÉ HACER", *_advice(found, directory)]
    else:
        lines += ["", f"{found.verdict}: {chain.lines:,} registros, cada uno con su huella y la del anterior."]
        lines.append(f"Última huella: {chain.head}")
        if not found.compared:
            lines.append(
                "Que no le falte el final sólo lo prueba una huella resguardada fuera: -e ledger_anchor_from=…"
            )
    return [*lines, f"Registro oficial: {directory}", ""]


def found(entries: list[Entry], total: int, damaged: int, procedure: Procedure, directory: str) -> list[str]:
    """Return what was found as a table; ``entries`` are the first of ``total``."""
    lines = ["", "LO QUE DICE EL REGISTRO OFICIAL"]
    if entries:
        heading = ["Folio", "Fecha", "Tipo", "Servidor", "Respaldo", "Resultado", "Estado", "Conservar hasta"]
        lines += table([heading, *(_row(each, procedure) for each in entries)])
    else:
        lines.append("  Nada coincide con lo que se pidió.")
    if total > len(entries):
        lines.append(
            f"  … y {total - len(entries):,} más: acote la consulta, o expórtela con -e ledger_output=ARCHIVO.csv"
        )
    return [*lines, *_damaged(damaged), f"Encontrados: {total:,}. Registro oficial: {directory}", ""]


def exported(path: str, count: int, damaged: int, directory: str) -> list[str]:
    """Return where what was found was written."""
    return ["", *_damaged(damaged), f"Exportados: {count:,} registros en {path}", f"Registro oficial: {directory}", ""]


def one(entry: Entry, mentions: Iterable[Entry], is_whole: bool, procedure: Procedure, directory: str) -> list[str]:
    """Return all of one folio: its fields in its form's words, what was said of it later, and what names it."""
    record = entry.record
    form = procedure.forms[record["form_code"]]
    lines = ["", f"{record['folio']} · {form.code} · {form.title}", *table(list(_fields(entry, form, procedure)))]
    if not is_whole:
        lines.append("  ✗ SU CONTENIDO NO DA LA HUELLA QUE LLEVA: verifique el registro (ledger.yml, sin más)")
    closings, others = [], []
    for each in mentions:
        if each.record["record_type"] == "closing":
            closings.append(each)
        elif each.record["record_type"] != "acknowledgement":
            others.append(each)
    acknowledged = [[_acknowledged(each)] for each in entry.standing.acknowledgements]
    for heading, rows in (
        ("ACUSES", acknowledged),
        ("CIERRE", [_mention(each, procedure) for each in closings]),
        ("REGISTROS QUE LO NOMBRAN", [_mention(each, procedure) for each in others[:_NAMED]]),
    ):
        lines += ["", heading, *(table(rows) if rows else ["  nada"])]
    lines += [f"  … y {len(others) - _NAMED:,} más"] if len(others) > _NAMED else []
    return [*lines, "", f"Registro oficial: {directory}", ""]


def _fields(entry: Entry, form: Form, procedure: Procedure) -> Iterator[list[str]]:
    """Yield a record's fields by their labels, what was corrected right below what was recorded."""
    values = entry.fields
    for field in form.fields_for(entry.record["record_type"]):
        corrected = [each for each in entry.standing.corrections if field.name in each["corrections"]]
        if field.name == "acknowledgements" or (values.get(field.name) is None and not corrected):
            continue
        yield [field.label, cell(procedure, field.name, values.get(field.name)) or "sin dato"]
        for each in corrected:
            said = cell(procedure, field.name, each["corrections"][field.name])
            yield ["  corregido", f"{said} ({_who(each)}: {readable(each['reason'], 200)})"]


def _mention(entry: Entry, procedure: Procedure) -> list[str]:
    record = entry.record
    return [
        record.get("folio") or "sin folio",
        record["recorded_at"][:10],
        procedure.label("record_type", record["record_type"]),
        outcome(record, procedure),
        readable(_words(record), 100),
    ]


def _who(record: dict[str, Any]) -> str:
    return f"{record['recorded_at'][:10]}, {readable(str(record.get('operator_role') or 'sistema'), 40)}"


def years(assessed: list[Year], objections: dict[int, list[str]], directory: str) -> list[str]:
    """Return which years may go and what keeps the others."""
    lines = ["", "BAJA DE REGISTROS: QUÉ AÑOS PUEDEN DARSE DE BAJA"]
    for year in assessed:
        words = [*objections[year.year], *kept(year)]
        lines.append(f"  {year.year} ({year.records:,} registros): {'NO' if words else 'SÍ'}")
        lines += [f"      {each}" for each in words]
        if not words:
            lines.append(
                f"      expórtelo antes si lo necesita; después: -e ledger_dispose={year.year} "
                "-e ledger_approver=… -e ledger_reason=…"
            )
    lines += [] if assessed else ["  El registro está vacío."]
    return [*lines, f"Registro oficial: {directory}", ""]


def kept(year: Year) -> list[str]:
    """Return what keeps a year, named and counted."""
    return list(chained.from_iterable(_kept(reason, year) for reason in _KEPT if reason in year.kept))


def _kept(reason: str, year: Year) -> Iterator[str]:
    each = year.kept[reason]
    until = f"; el último, hasta el {each.until:%d/%m/%Y}" if each.until else ""
    more = ", …" if each.names and each.count > len(each.names) else ""
    names = f": {', '.join(each.names)}{more}" if each.names else ""
    yield f"{_KEPT[reason]}, {each.count:,}{names}{until}"


def _advice(found: Verification, directory: str) -> list[str]:
    chain = found.chain
    if [fault.kind for fault in chain.faults] == [TORN] and not chain.following and len(found.wrong) == 1:
        return [f"  {_TORN_ADVICE}"]
    if chain.faults or any(each.faults for _where, each in found.compared):
        return _ADVICE.format(directory=directory).splitlines()
    lines = ["  La cadena está íntegra."]
    if chain.csv_faults:
        lines += [
            "  Los CSV se derivan del registro. Borre los que se nombran: se rehacen con el siguiente asiento de su",
            "  formato; los de otros años, con -e ledger_output=ARCHIVO.csv.",
        ]
    if found.unreadable:
        lines.append("  Corrija lo que no se puede leer, o indique otro archivo, y verifique de nuevo.")
    return lines


def _damaged(count: int) -> list[str]:
    return (
        [f"  ✗ LÍNEAS QUE NO SE PUEDEN LEER: {count:,}; verifique el registro (ledger.yml, sin más)"] if count else []
    )


def _row(entry: Entry, procedure: Procedure) -> list[str]:
    record, standing = entry.record, entry.standing
    status, until = "", ""
    if standing:
        status = procedure.label("status", standing.status)
        if standing.closed_on:
            status += f" {_day(standing.closed_on)}"
        until = _day(standing.retention_until)
    return [
        record.get("folio") or (f"→ {record['about_folio']}" if record.get("about_folio") else ""),
        record["recorded_at"][:16].replace("T", " "),
        procedure.label("record_type", record["record_type"]),
        readable(str(record.get("server") or ""), 40),
        readable(str(record.get("item_id") or ""), 40),
        outcome(record, procedure),
        status,
        until,
    ]


def outcome(record: dict[str, Any], procedure: Procedure) -> str:
    """Return in one word how what a record tells of turned out; empty where that is no question."""
    name = next((name for name in _OUTCOMES if record.get(name)), "")
    value = str(record.get(name, ""))
    label = procedure.label(name, value)
    return readable(_EVENTS.get(value, label) if label == value else label, 40)


def _words(record: dict[str, Any]) -> str:
    """Return what a record says in words, the first there is, after what it refers to."""
    names = ("error_message", "cause", "reason", "decision_reason", "remarks", "description")
    said = next((str(record[name]) for name in names if record.get(name)), "")
    reference = record.get("nonconformity_ref")
    return f"{_NONCONFORMITY}: {reference} · {said}" if reference else said


def _acknowledged(each: Any) -> str:
    reason = f": {readable(each.reason, 200)}" if each.reason else ""
    when = each.at[:16].replace("T", " ")
    return f"{each.role} {ACTIONS.get(each.action, each.action)} el {when}{reason} · {each.sha256 or 'vista'}"


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
