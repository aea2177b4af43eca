# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leads from a request to a backup and from there to a restore: the records of it, and whether a link is missing.

One backup's records are found in one pass over the ledger's lines; whether all chains are whole, by the index alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, FIRST
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import custody, expectations, views, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.custody import Custody
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import is_whole
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

Record = dict[str, Any]

# The links of a chain, in their order, and what can be said of one.
REQUEST, DECISION, JAA_COPY, DELIVERY, ACCEPTANCE = "request", "decision", "jaa_copy", "delivery", "acceptance"
OK, PENDING, BROKEN, NONE = "ok", "pending", "broken", "none"
# The steps of a trail: what is recorded -> what people read.
STEPS = {
    "service_request": "Solicitud de servicio",
    "backup_request": "Solicitud de respaldo",
    "decision": "Dictamen",
    "plan": "Plan anual",
    "slot": "Programación",
    "run": "Corrida",
    "backup": "Respaldo y verificación",
    "failure": "Falla",
    "closing": "Cierre",
    "correction": "Corrección",
    "delivery": "Entrega a CSC",
    "acknowledgement": "Acuse",
    "verified": "Verificación del repositorio",
    "loan": "Préstamo",
    "recovery": "Recuperación",
    "drill": "Simulacro",
    "disposal": "Depuración",
}
_IN_TIME = {
    custody.UNACKNOWLEDGED: "{folio}, sin acuse; se espera antes del {due:%d/%m/%Y}",
    custody.UNDELIVERED: "por entregar antes del {due:%d/%m/%Y}",
}
_MISSING = {
    custody.ACKNOWLEDGEMENT_OVERDUE: "falta el acuse de CSC",
    custody.DELIVERY_OVERDUE: "falta la entrega a CSC",
    custody.REJECTED: "CSC lo rechazó",
    custody.ABSENT: "CSC no lo tiene",
}
_NOT_A_RECORD = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class Link(NamedTuple):
    """One link of a chain; ``detail`` says in words how it is, or what is missing."""

    link: str
    state: str
    detail: str


class Step(NamedTuple):
    """One step, in words, with its record's hash and whether the record still gives it; None for what is no record."""

    at: str
    step: str
    folio: str | None
    what: str
    who: str | None
    record_type: str | None = None
    about_folio: str | None = None
    record_sha256: str | None = None
    is_intact: bool | None = None


# --- Is a chain whole? ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Links:
    """What is looked at for all ``backups``, each found once."""

    index: Index
    backups: list[Backup]
    procedure: Procedure
    today: date

    def of(self, backup: Backup) -> list[Link]:
        """Return the links of one of the backups."""
        return [
            self._request(backup),
            _decision(backup),
            _jaa_copy(backup),
            self._delivery(backup),
            self._acceptance(backup),
        ]

    def _request(self, backup: Backup) -> Link:
        version = self._requests.version(backup.request_folio, date.fromisoformat(backup.backup_date))
        if version is None:
            return Link(REQUEST, BROKEN, f"la solicitud {backup.request_folio or '(ninguna)'} no está en el registro")
        last = version.last_day.isoformat() if version.last_day else "9"
        if not version.was_accepted or not version.valid_from <= backup.backup_date <= last:
            return Link(REQUEST, BROKEN, f"{version.folio} no estaba vigente ese día")
        return Link(REQUEST, OK, f"{version.folio}, {version.area}" if version.area else version.folio)

    def _delivery(self, backup: Backup) -> Link:
        held = self._custodies.get(backup.folio)
        if held is None:
            gone = backup.conforms and backup.removed_on
            return Link(DELIVERY, NONE, f"depurado el {spoken_day(gone)} sin entregarse" if gone else "no es conforme")
        if held.csc == custody.ACKNOWLEDGED:
            return Link(DELIVERY, OK, f"{backup.delivery_folio}, con acuse")
        if held.csc in _IN_TIME:
            return Link(DELIVERY, PENDING, _IN_TIME[held.csc].format(folio=backup.delivery_folio, due=held.due))
        return Link(DELIVERY, BROKEN, _MISSING[held.csc])

    def _acceptance(self, backup: Backup) -> Link:
        recovery = self._unaccepted.get(backup.folio)
        if recovery is None:
            folio = self._recovered.get(backup.folio)
            return (
                Link(ACCEPTANCE, OK, f"{folio}, conforme") if folio else Link(ACCEPTANCE, NONE, "no se ha recuperado")
            )
        if recovery["is_rejected"]:
            return Link(ACCEPTANCE, BROKEN, "el CGDW rechazó lo recuperado")
        is_late = waiting.acceptance_due(recovery) < self.today
        return Link(ACCEPTANCE, BROKEN if is_late else PENDING, "falta la conformidad del CGDW")

    @cached_property
    def _requests(self) -> Any:
        return self.index.requests()

    @cached_property
    def _custodies(self) -> dict[str, Custody]:
        unsaid = {each["folio"]: each for each in self.index.unacknowledged_deliveries()}
        rejected = {file["folio"] for each in self.index.rejected_deliveries() for file in each["files"]}
        items = custody.by_item(
            self.backups, unsaid=unsaid, rejected=rejected, rule=self.procedure.delivery, today=self.today
        )
        return {held.backup.folio: held for item in items for held in item.custodies}

    @cached_property
    def _unaccepted(self) -> dict[str, Record]:
        return {each["backup_folio"]: each for each in self.index.unaccepted_recoveries()}

    @cached_property
    def _recovered(self) -> dict[str, str]:
        recoveries = self.index.newest_first("recovery")
        return {each["backup_folio"]: each["folio"] for each in recoveries if each["result"] == "restored"}


def _decision(backup: Backup) -> Link:
    if backup.verification_result in (CONFORMING, FIRST):
        return Link(DECISION, OK, "conforme" if backup.verification_result == CONFORMING else "primero")
    if backup.decision:
        return Link(DECISION, OK, {"accepted": "aceptado por JAA", "rejected": "rechazado por JAA"}[backup.decision])
    return Link(DECISION, BROKEN, "falta el dictamen de JAA")


def _jaa_copy(backup: Backup) -> Link:
    if backup.removed_on:
        return Link(JAA_COPY, OK, f"depurada el {spoken_day(backup.removed_on)}")
    return Link(JAA_COPY, BROKEN, "dañada") if backup.is_damaged else Link(JAA_COPY, OK, "en custodia")


# --- One backup, step by step -----------------------------------------------------------------------------------------


def concerned(index: Index, folio: str) -> list[Backup]:
    """Return the backups to which a folio leads, whatever it is of, the newest last; none where it leads to none."""
    record = index.record(folio)
    if record is None:
        return []
    if record["record_type"] == "service_request":
        derived = index.newest_first("backup_request", "recovery")
        return next(
            (concerned(index, each["folio"]) for each in derived if each.get("service_request_folio") == folio), []
        )
    backups = [backup for each in dict.fromkeys(_leads_to(index, record)) if each and (backup := index.backup(each))]
    return sorted(backups, key=lambda each: each.started_at)


def _leads_to(index: Index, record: Record) -> Iterator[str | None]:
    """Yield the folios that may be those of the backups of a record."""
    folio, kind = record["folio"], record["record_type"]
    if kind == "backup_request":
        chain = next((each for each in index.requests().chains() if folio in {one.folio for one in each}), [])
        named = {folio, *(each.folio for each in chain)}
        carried_out = index.carried_out().items()
        items = dict.fromkeys(
            item_id for (name, _server), several in carried_out if name in named for item_id in several
        )
        yield from (
            each.folio for item_id in items for each in index.backups(item_id=item_id) if each.request_folio in named
        )
    elif kind == "plan":
        year = record["plan_year"]
        of_year = index.backups(item_id=record["item_id"], since=f"{year}-01-01", until=f"{year}-12-31")
        yield from (each.folio for each in of_year)
    else:
        yield from (folio, record.get("backup_folio"), record.get("about_folio"))
        yield from (each["folio"] for each in record.get("files", []))
        if kind == "failure":
            for closing in index.about(folio, "closing"):
                yield from closing.get("related_folios") or []


def steps(
    backup: Backup,
    index: Index,
    lines: Callable[[], Iterable[Line]],
    all_expected: Iterable[Expected],
    now: datetime,
) -> list[Step]:
    """Return all that is recorded of a backup, from its request on, in the order of time."""
    records = [*_before(backup, index), *_naming(backup, index, lines)]
    for record in list(records):
        # What is said of them: acknowledgements, decisions, closings, the steps of a loan.
        if record.get("folio") and record["record_type"] in ("failure", "delivery", "loan", "recovery"):
            records += index.about(record["folio"])
    distinct = {each["record_sha256"]: each for each in records}
    found = [_step(each) for each in distinct.values()]
    slot = _slot(backup, index, all_expected, now)
    found += [slot] if slot else []
    # What fell due that day comes before what was done about it.
    return sorted(found, key=lambda each: datetime.fromisoformat(each.at))


def _before(backup: Backup, index: Index) -> Iterator[Record]:
    """Yield what was there before it: its request with those that it changed, their decisions, the year's plan."""
    requests = index.requests()
    version = requests.version(backup.request_folio, date.fromisoformat(backup.backup_date))
    while version:
        record = index.record(version.folio)
        if record:
            yield record
            yield from index.about(version.folio)
            service = record.get("service_request_folio")
            if service and (asked := index.record(service)):
                yield asked
                yield from index.about(service)
        version = requests.get(version.amends)
    lines = [
        each
        for each in index.plan_lines(int(backup.backup_date[:4]))
        if each["item_id"] == backup.item_id and each["recorded_at"] <= backup.finished_at
    ]
    yield from lines[-1:]


def _naming(backup: Backup, index: Index, lines: Callable[[], Iterable[Line]]) -> Iterator[Record]:
    """Yield the backup's own record, its run's, and whatever names it: by its folio, or by its name in a repository."""
    own = index.record(backup.folio) or {}
    names = [name for name in (backup.folio, backup.file_name, backup.stored_as) if name]
    run_id = own.get("run_id") or ""
    sought = [f'"{name}"'.encode() for name in [*names, *([run_id] if run_id else [])]]
    place, last = f'"server":"{backup.server}"'.encode(), None
    for line in lines():
        content = line.content
        is_verification = b'"run_event":"verified"' in content and place in content
        if not is_verification and not any(each in content for each in sought):
            continue
        try:
            record = json.loads(content)
            if is_verification and record["recorded_at"] > backup.started_at:
                last = record
            if _is_of(backup, record, names, run_id):
                yield record
        except _NOT_A_RECORD:
            continue  # A damaged line: the verification of the ledger names it.
    if last:
        # The last time that its repository was verified.
        yield last


def _is_of(backup: Backup, record: Mapping[str, Any], names: list[str], run_id: str) -> bool:
    """Tell whether a record says something of the backup; that another was compared with it does not."""
    kind = record["record_type"]
    if kind == "backup":
        return record["folio"] == backup.folio
    if kind == "run":
        of_run = record["run_event"] != "verified" and record.get("run_id") == run_id
        hit = [*record.get("damaged_file_names", []), *(each["folio"] for each in record.get("repaired", []))]
        return of_run or bool(set(names) & set(hit))
    if kind == "disposal":
        return any(each["file_name"] in names for each in record.get("disposed", []))
    named = [record.get(key) for key in ("about_folio", "backup_folio")]
    named += [*(record.get("related_folios") or []), *(record.get("reviewed_folios") or [])]
    named += [each["folio"] for each in record.get("files", [])]
    return backup.folio in named


def _slot(backup: Backup, index: Index, all_expected: Iterable[Expected], now: datetime) -> Step | None:
    """Return what was expected and is covered, or made up for, by the backup."""
    for each in all_expected:
        if backup.item_id in each.item_ids and backup.server == each.server:
            for slot in expectations.slots(each, index, now):
                if slot.folio == backup.folio:
                    at = datetime.combine(slot.first, datetime.min.time(), tzinfo=now.tzinfo)
                    what = f"{slot.kind.label}, {views.slot_name(slot)}: {views.STATES[slot.state]}"
                    return Step(at.isoformat(timespec="seconds"), "slot", None, what, None)
    return None


def _step(record: Record) -> Step:
    kind = record["record_type"]
    verified = kind == "run" and record["run_event"] == "verified"
    asked_by = record.get("requester_role") if kind == "backup_request" else None
    who = record.get("acknowledged_as") or asked_by or record.get("operator_role")
    user = record.get("operator_user")
    return Step(
        record["recorded_at"],
        "verified" if verified else "loan" if record.get("loan_step") else kind,
        record.get("folio"),
        readable(_WORDS[kind](record)),
        f"{who} ({user})" if who and user else who or user,
        kind,
        record.get("about_folio"),
        record["record_sha256"],
        is_whole(record),
    )


def _said(record: Record) -> str:
    """Return what a decision or an acknowledgement says, of what, and why."""
    said = record.get("loan_step") or record.get("decision") or record.get("result") or ""
    words = {
        **{"accepted": "aceptado", "rejected": "RECHAZADO", "authorised": "autorizado", "lent": "prestado"},
        **{"checked": "verificado", "returned": "devuelto", "received_back": "recibido de vuelta"},
        "cancelled": "cancelado",
    }
    since = f" desde el {spoken_day(record['valid_from'])}" if record.get("valid_from") else ""
    why = record.get("decision_reason") or record.get("reason") or record.get("storage_location") or ""
    return f"{record['about_folio']}: {words.get(said, said)}{since}{f' ({why})' if why else ''}"


def _closed(record: Record) -> str:
    if record.get("loan_step"):
        return _said(record)
    return f"{record['about_folio']}: {record.get('remarks') or record.get('cause') or 'revisado y cerrado'}"


def _of_run(record: Record) -> str:
    if record["run_event"] != "verified":
        words = {"started": "comenzó", "ended": "terminó", "cut_off": "se interrumpió"}
        return f"{record['run_id']} {words.get(record['run_event'], record['run_event'])}"
    read = {"all": "todo", "structure": "la estructura"}.get(record.get("read", ""), record.get("read", ""))
    result = "íntegro" if record.get("result") == "intact" else "DAÑADO"
    mended = f"; se repararon {len(record['repaired'])}" if record.get("repaired") else ""
    return f"repositorio de {record['server']}: {result}, se leyó {read}{mended}"


def _of_backup(record: Record) -> str:
    change = record.get("size_change_pct")
    compared = f", {change:+.2f} % respecto del anterior" if change is not None else ""
    words = {"conforming": "conforme", "first": "primero", "review": "en revisión", "nonconforming": "no conforme"}
    result = words[record["verification_result"]]
    return f"{record.get('source') or record['item_id']}: {human_size(record['size_bytes'])}{compared}; {result}"


def _of_delivery(record: Record) -> str:
    where = record.get("media_id") or record.get("destination") or "CSC"
    count = len(record["files"])
    return f"{count} {'respaldo' if count == 1 else 'respaldos'} a {where}, con su contenido leído y comparado"


def _of_recovery(record: Record) -> str:
    result = "recuperado" if record["result"] == "restored" else "NO SE RECUPERÓ"
    where = f"{record.get('destination_server') or record['server']}:{record.get('destination') or ''}"
    return f"{result} de la copia de {str(record.get('copy_used') or 'jaa').upper()} en {where}"


_WORDS: dict[str, Callable[[Record], str]] = {
    "service_request": lambda record: record.get("description") or record.get("service_type") or "",
    "backup_request": lambda record: ": ".join(filter(None, (record.get("requester_area"), record["source"]))),
    "decision": _said,
    "acknowledgement": _said,
    "plan": lambda record: f"versión {record['plan_version']}, {record['frequency']}",
    "run": _of_run,
    "backup": _of_backup,
    "failure": lambda record: record.get("error_message") or "",
    "closing": _closed,
    "correction": lambda record: f"{record['about_folio']}: {record.get('reason') or record.get('cause') or ''}",
    "delivery": _of_delivery,
    "loan": lambda record: f"se pide a CSC; falla {record['failure_folio']}",
    "recovery": _of_recovery,
    "drill": lambda record: "aprobado" if record["result"] == "passed" else f"FALLÓ: {record.get('error_message')}",
    "disposal": lambda record: f"se depuró, con otros {len(record['disposed']) - 1}",
    "medium": lambda record: record["media_id"],
    "anchor": lambda record: "",
}
