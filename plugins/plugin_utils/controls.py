# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries out the procedure's clauses: of each control its newest evidence, and what speaks against it today.

A control is a function here, by the name that procedure/controls.yml gives it. It looks at the ledger and the inventory
as they are: what went wrong once and was put right is history, and is told of by the other questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import expectations, failures, views, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import MISSED, PENDING
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.media import CSC, JAA
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Clause
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.questions.loans import overdue as late_loans
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import screen
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import by_hand, command, receipt

_RESTORED = ("drill", "recovery")
# How many backups in a row by hand mean that nothing runs by itself any more.
_IN_A_ROW = 2


@dataclass
class Found:
    """What one control found. ``evidence`` is a folio, or says in words what there is; ``on`` its day, None for none.

    ``faults`` says in words what speaks against it, ``remedy`` is the command that changes that.
    """

    evidence: str = ""
    on: date | None = None
    faults: list[str] = field(default_factory=list)
    remedy: str = ""


@dataclass(frozen=True)
class Facts:
    """What several controls look at, each found once."""

    asked: Asked

    @property
    def today(self) -> date:
        """The day on which it is asked."""
        return self.asked.now.date()

    @cached_property
    def backups(self) -> list[Backup]:
        """All backups that are asked about, in the order of their records."""
        return [each for each in self.asked.index.backups() if self.asked.has(each.server, each.item_id)]

    @cached_property
    def expected(self) -> list[Expected]:
        """What is expected today, whatever was before."""
        return [
            each
            for each in self.asked.expected()
            if self.asked.has(each.server, *each.item_ids) and any(one.holds(self.today) for one in each.stretches)
        ]

    def is_over(self, control: str, since: date) -> bool:
        """Tell whether it is longer ago than the evidence of a control may be."""
        return since + timedelta(days=self.asked.procedure.controls[control].within_days or 0) < self.today

    def kinds(self, clause: Clause) -> list[str]:
        """Return the kinds of information that a clause is about; none where it is about all of them."""
        kinds = self.asked.procedure.information_types
        return list(clause.information_types) or [key for key, kind in kinds.items() if kind.clause == clause.clause]

    def newest(self, *record_types: str, **said: Any) -> tuple[str, date | None]:
        """Return of the newest record of these types that says all of this: its folio, or whose it is, and its day."""
        for record in self.asked.index.newest_first(*record_types):
            if said.items() <= record.items():
                return _name(record), date.fromisoformat(record["recorded_at"][:10])
        return "", None

    def open_failures(self, *stages: str) -> list[failures.Failure]:
        """Return the open failures of these stages that are asked about."""
        found = (each for each in self.asked.index.open_failures() if each.failure_stage in stages)
        return [each for each in found if self.asked.has(each.server, each.item_id)]


def _name(record: dict[str, Any]) -> str:
    """Return the folio of a record, or whose it is."""
    return record.get("folio") or record.get("about_folio") or record.get("media_id") or record.get("run_id") or ""


def _of(backup: Backup | None) -> Found:
    return Found(backup.folio, date.fromisoformat(backup.backup_date)) if backup else Found()


def _last(backups: Iterable[Backup]) -> Backup | None:
    return max(backups, key=lambda each: each.backup_date, default=None)


def _named(server: str, item_id: str, what: str) -> str:
    return f"{server} · {item_id}: {what}"


# --- What is backed up ------------------------------------------------------------------------------------------------


def inventory(facts: Facts, clause: Clause) -> Found:
    """Every element of the inventory can be read, is of the closed lists, and lies within the scope."""
    register = facts.asked.register()
    refused = [each for each in register.refusals if facts.asked.has(each.server, each.item_id)]
    count = len(register.items)
    found = Found(f"{count} {'elemento' if count == 1 else 'elementos'} en el inventario", facts.today)
    found.faults = [_named(each.server, each.item_id, each.message) for each in refused]
    found.remedy = command("plan")
    return found


def requests(facts: Facts, clause: Clause) -> Found:
    """JAA has decided on what was asked for; what is in force is carried out, and nothing else is (4.1.1)."""
    asked = facts.asked
    register = asked.register()
    screened = screen(register, asked.index.requests(), facts.today)
    unheard = screened.refusals[len(register.refusals) :]
    found = Found()
    series = asked.procedure.form_for("backup_request").series
    for record in asked.index.newest_first("decision"):
        if record["about_folio"].startswith(series) and not record.get("loan_step"):
            found.evidence, found.on = _name(record), date.fromisoformat(record["recorded_at"][:10])
            break
    found.faults = [
        *(_named(each.server, each.item_id, each.message) for each in unheard if asked.has(each.server, each.item_id)),
        *(
            _named(each.server, each.request.folio, "aceptada, y no está en el inventario")
            for each in facts.expected
            if not each.is_in_inventory
        ),
    ]
    limit = facts.today - timedelta(days=asked.procedure.resolve_within_days)
    for each in waiting.pending_requests(asked.index):
        registered = asked.index.record(each.folio)["recorded_at"][:10]
        if any(map(asked.has_server, each.servers)) and date.fromisoformat(registered) <= limit:
            found.faults.append(f"{each.folio}: sin dictamen desde el {spoken_day(registered)}")
            found.remedy = command("request", request_folio=each.folio, request_decision="DICTAMEN")
    found.remedy = found.remedy or command("report", question="requests")
    return found


# --- When -------------------------------------------------------------------------------------------------------------


def scheduled_backups(facts: Facts, clause: Clause) -> Found:
    """The last slot that has ended of each item is covered (4.1.2 to 4.1.4)."""
    kinds = facts.kinds(clause)
    found = _of(_last(each for each in facts.backups if each.conforms and each.information_type in kinds))
    behind = []
    for each in facts.expected:
        if not any(stretch.kind.key in kinds and stretch.holds(facts.today) for stretch in each.stretches):
            continue  # Another clause's, by now.
        slots = expectations.slots(each, facts.asked.index, facts.asked.now)
        ended = [slot for slot in slots if slot.kind.key in kinds and slot.state != PENDING]
        if ended and ended[-1].state == MISSED:
            behind.append(each.item_id)
            found.faults.append(_named(each.server, each.item_id, f"{views.slot_name(ended[-1])} omitido"))
    found.remedy = by_hand(behind)
    return found


def weekly_review(facts: Facts, clause: Clause) -> Found:
    """JAA has reviewed and closed the weeks that ended."""
    procedure = facts.asked.procedure
    series = {procedure.forms[procedure.information_type(key).form_code].series for key in facts.kinds(clause)}
    limit = facts.today - timedelta(days=procedure.resolve_within_days)
    found = Found()
    for record in facts.asked.index.newest_first("closing"):
        if record.get("evidence") == "review" and record["about_folio"][:6] in series:
            found.evidence, found.on = record["about_folio"], date.fromisoformat(record["recorded_at"][:10])
            break
    late = [
        week
        for week in waiting.unclosed_weeks(facts.asked.index, procedure, facts.today)
        if week.name[:6] in series
        and week.ended_on < limit
        and any(facts.asked.has(each.server, each.item_id) for each in week.backups)
    ]
    found.faults = [f"{each.name}: terminó el {each.ended_on:%d/%m/%Y} y no se ha cerrado" for each in late]
    if late:
        said = {"acknowledge_as": JAA, "acknowledge_result": "accepted"}
        found.remedy = command("acknowledge", acknowledge_folio=late[0].name, **said)
    return found


def unattended_runs(facts: Facts, clause: Clause) -> Found:
    """The script runs by itself: no item was backed up by hand the last times (4.1.5)."""
    found = _of(_last(each for each in facts.backups if each.execution_mode == "automatic"))
    for each in facts.expected:
        modes = [backup.execution_mode for backup in expectations.backups(each, facts.asked.index) if backup.conforms]
        if len(modes) >= _IN_A_ROW and set(modes[-_IN_A_ROW:]) == {"manual"}:
            found.faults.append(_named(each.server, each.item_id, f"los últimos {_IN_A_ROW} respaldos son manuales"))
    found.remedy = command("deploy")
    return found


# --- Can it be believed? ----------------------------------------------------------------------------------------------


def size_verification(facts: Facts, clause: Clause) -> Found:
    """Each backup was compared with the last one, and JAA has decided on those in doubt (4.2)."""
    found = _of(_last(facts.backups))
    limit = facts.today - timedelta(days=facts.asked.procedure.resolve_within_days)
    for item_id, server, made in waiting.quarantined(facts.asked.index):
        if facts.asked.has(server, item_id) and date.fromisoformat(made["backup_date"]) <= limit:
            when = spoken_day(made["backup_date"])
            found.faults.append(_named(server, item_id, f"{made['folio']} del {when}, sin dictamen"))
            said = {"accept_decision": "DICTAMEN", "accept_reason": "MOTIVO"}
            found.remedy = found.remedy or command("accept", accept_folio=made["folio"], **said)
    return found


def repository_readings(facts: Facts, clause: Clause) -> Found:
    """Each repository was verified where it lies, and all in it can be read."""
    asked, found = facts.asked, Found(remedy=command("verify"))
    stored: dict[str, list[Backup]] = {}
    for backup in facts.backups:
        if backup.removed_on is None:
            stored.setdefault(backup.server, []).append(backup)
    for server, backups in sorted(stored.items()):
        verified = asked.index.repository(server).verified_on
        on = date.fromisoformat(verified) if verified else None
        if on and (found.on is None or on > found.on):
            found.evidence, found.on = server, on
        if facts.is_over("repository_readings", on or date.fromisoformat(backups[0].backup_date)):
            what = f"sin verificar desde el {spoken_day(verified)}" if verified else "nunca se ha verificado"
            found.faults.append(f"{server}: {what}")
        damaged = [each.folio for each in backups if each.is_damaged]
        found.faults += [f"{server}: la copia de JAA de {folio} está dañada" for folio in damaged]
    for failure in asked.index.open_failures():
        if failure.is_of_a_repository and asked.has_server(failure.server):
            found.faults.append(f"{failure.server}: su repositorio está dañado ({failure.folio})")
    return found


def restore_tests(facts: Facts, clause: Clause) -> Found:
    """Of each kind of information something was brought back not long ago (1.1)."""
    asked, found = facts.asked, Found(remedy=command("drill"))
    kinds = facts.kinds(clause) or list(asked.procedure.information_types)
    backups = [each for each in facts.backups if each.information_type in kinds]
    first: dict[str, date] = {}
    for backup in backups:
        if backup.conforms:
            first.setdefault(backup.information_type, date.fromisoformat(backup.backup_date))
    tried = _brought_back(asked, backups)
    for kind, since in first.items():
        on, _folio = tried.get(kind, (since, ""))
        if facts.is_over("restore_tests", on):
            label = asked.procedure.information_type(kind).label
            what = f"la última prueba es del {on:%d/%m/%Y}" if kind in tried else "nunca se ha probado una recuperación"
            found.faults.append(f"{label}: {what}")
    for failure in facts.open_failures("restore"):
        if failure.information_type and failure.information_type not in kinds:
            continue
        found.faults.append(_named(failure.server, failure.item_id, f"falló su recuperación ({failure.folio})"))
    if tried:
        found.on, found.evidence = max(tried.values())
    return found


def _brought_back(asked: Asked, backups: Iterable[Backup]) -> dict[str, tuple[date, str]]:
    """Return of each kind of information when something of it last came back, and from what."""
    tried: dict[str, tuple[date, str]] = {}
    for item_id, kind in {each.item_id: each.information_type for each in backups}.items():
        for trial in asked.index.trials(item_id):
            if trial.record_type in _RESTORED:
                # A drill has no folio: it is known by the backup that it brought back.
                it = (trial.moment.date(), trial.folio or trial.backup_folio)
                tried[kind] = max(tried.get(kind, it), it)
    return tried


def electronic_record(facts: Facts, clause: Clause) -> Found:
    """The official record is whole, from its first line to its last (4.1.7)."""
    chain = facts.asked.chain()
    found = Found(f"{chain.lines:,} registros encadenados", facts.newest()[1], remedy=command("ledger"))
    found.faults = [*(each.words for each in chain.faults), *chain.csv_faults]
    return found


# --- The two copies and their media -----------------------------------------------------------------------------------


def second_copy(facts: Facts, clause: Clause) -> Found:
    """CSC has what it should have by now, and has said so (4.1.6)."""
    asked = facts.asked
    rule, series = asked.procedure.delivery, asked.procedure.form_for("delivery").series
    # What was delivered is some evidence; what CSC has said of it is better.
    found = Found(*facts.newest("delivery"))
    for record in asked.index.newest_first("acknowledgement"):
        if record.get("acknowledged_as") == CSC and record["about_folio"].startswith(series):
            found.evidence, found.on = record["about_folio"], date.fromisoformat(record["recorded_at"][:10])
            break
    late = waiting.late_for_csc(facts.backups, rule, facts.today)
    items = {(each.server, each.item_id): each for each in reversed(late)}
    found.faults = [
        _named(server, item_id, f"sin entregar desde el {spoken_day(each.backup_date)} ({each.folio})")
        for (server, item_id), each in sorted(items.items())
    ]
    silent = [
        each
        for each in waiting.unacknowledged(asked.index, rule, facts.today)
        if asked.has(each["server"], *(file["item_id"] for file in each["files"]))
    ]
    found.faults += [f"{each['folio']}: sin acuse de CSC" for each in silent]
    found.remedy = command("deliver") if late else receipt([each["folio"] for each in silent])
    return found


def media_register(facts: Facts, clause: Clause) -> Found:
    """Whatever was delivered onto is in the register (2.0)."""
    found = Found(*facts.newest("medium", medium_event="registered"), remedy=command("medium"))
    for medium in facts.asked.index.media():
        if not medium.registered_at:
            found.faults.append(f"{medium.media_id}: recibió {medium.deliveries[-1]} sin estar registrado")
    return found


def media_labels(facts: Facts, clause: Clause) -> Found:
    """Each medium that is used carries its label, on it and in it (4.2.2)."""
    found = Found(*facts.newest("medium", medium_event="labelled"))
    for medium in facts.asked.index.media():
        if medium.deliveries and not medium.is_gone and not (medium.medium_uuid and medium.label_text):
            found.faults.append(f"{medium.media_id}: en uso y sin etiqueta")
            found.remedy = found.remedy or command("medium", medium_register=medium.media_id)
    return found


def media_location(facts: Facts, clause: Clause) -> Found:
    """JAA's media are in JAA's office (4.4)."""
    office = facts.asked.procedure.media.office
    of_jaa = [each for each in facts.asked.index.media() if each.custodian == JAA]
    found = Found(remedy=command("medium"))
    if of_jaa:
        found.evidence, found.on = facts.newest("medium", custodian=JAA)
    found.faults = [f"{each.media_id}: en «{each.location}»" for each in of_jaa if each.is_misplaced(office)]
    return found


# --- Recovery and failures --------------------------------------------------------------------------------------------


def recoveries(facts: Facts, clause: Clause) -> Found:
    """What a CGDW asked for came back, and the CGDW has said that it is right (4.3)."""
    asked = facts.asked
    found = Found(*facts.newest("recovery", result="restored"))
    for recovery in asked.index.unaccepted_recoveries():
        is_late = recovery["is_rejected"] or waiting.acceptance_due(recovery) < facts.today
        if is_late and asked.has(recovery["destination_server"], recovery["item_id"]):
            what = "RECHAZADA por el CGDW" if recovery["is_rejected"] else "sin la conformidad del CGDW"
            found.faults.append(f"{recovery['folio']} · {recovery['item_id']}: {what}")
            said = {"acknowledge_as": "CGDW", "acknowledge_result": "RESULTADO"}
            found.remedy = found.remedy or command("acknowledge", acknowledge_folio=recovery["folio"], **said)
    return found


def manual_backups(facts: Facts, clause: Clause) -> Found:
    """What did not run by itself was made up for by hand in time (4.3.1)."""
    found = Found()
    for record in facts.asked.index.newest_first("closing"):
        if record.get("manual_run_file"):
            found.evidence, found.on = _name(record), date.fromisoformat(record["recorded_at"][:10])
            break
    still_open = facts.open_failures(*failures.BACKUP_STAGES)
    late = waiting.open_for_long(still_open, facts.asked.procedure, facts.today)
    found.faults = [_named(each.server, each.item_id, f"{each.folio} sigue abierta") for each in late]
    found.remedy = by_hand(each.item_id for each in late)
    return found


def failure_log(facts: Facts, clause: Clause) -> Found:
    """Each slot that passed without a backup is in the failure log: somebody looks every morning (4.3.1)."""
    found = Found(*facts.newest("run", job="reconcile", run_event="started"), remedy=command("reconcile"))
    begun = [one.begins for each in facts.expected for one in each.stretches]
    if begun and facts.is_over("failure_log", found.on or min(begun)):
        since = f"desde el {found.on:%d/%m/%Y}" if found.on else "nunca"
        found.faults.append(f"reconcile.yml no se ha ejecutado {since}")
    for each in facts.expected:
        for slot in expectations.unrecorded(each, facts.asked.index, facts.asked.now):
            found.faults.append(_named(each.server, each.item_id, f"{views.slot_name(slot)} omitido y sin registrar"))
    return found


def loans(facts: Facts, clause: Clause) -> Found:
    """Where JAA's copy is damaged CSC's is asked for, and what was lent goes back (4.3.1)."""
    index = facts.asked.index
    still_open = index.loans(is_open=True)
    asked_for = {file["folio"] for loan in still_open for file in loan.files}
    found = Found(*facts.newest("loan"))
    for backup in facts.backups:
        if backup.is_damaged and backup.removed_on is None and backup.folio not in asked_for:
            found.faults.append(_named(backup.server, backup.item_id, f"{backup.folio} dañado, y no se pidió a CSC"))
            found.remedy = found.remedy or command("repair", "--limit", backup.server)
    found.faults += [f"{each.folio}: {each.what}, {each.spoken_state}" for each in late_loans(facts.asked)]
    found.remedy = found.remedy or command("loan")
    return found


# --- What goes with it ------------------------------------------------------------------------------------------------


def nonconformities(facts: Facts, clause: Clause) -> Found:
    """Failures that repeat themselves were taken to PRO 8.3 CNO 01 (5.1)."""
    index, rule = facts.asked.index, facts.asked.procedure.repetition
    found = Found()
    since = (facts.today - timedelta(days=rule.within_days)).isoformat()
    for item_id, several in failures.repeated(index.failures(since=since), rule, facts.today).items():
        if not facts.asked.has(several[-1].server, item_id):
            continue
        closings = [record for each in several for record in index.about(each.folio, "closing")]
        referred = [record for record in closings if record.get("nonconformity_ref")]
        if referred:
            found.evidence = referred[-1]["nonconformity_ref"]
            found.on = date.fromisoformat(referred[-1]["recorded_at"][:10])
        else:
            what = f"{len(several)} fallas en {rule.within_days} días, sin referencia"
            found.faults.append(_named(several[-1].server, item_id, what))
            said = {"acknowledge_reason": "CAUSA", "acknowledge_nonconformity_ref": "REFERENCIA"}
            found.remedy = found.remedy or command("acknowledge", acknowledge_folio=several[-1].folio, **said)
    return found


def service_requests(facts: Facts, clause: Clause) -> Found:
    """What came in through PRO 7.2 DAU 01 led to its request (5.1)."""
    index = facts.asked.index
    found = Found(*facts.newest("service_request"))
    limit = facts.today - timedelta(days=facts.asked.procedure.resolve_within_days)
    derived = {each.get("service_request_folio") for each in index.newest_first("backup_request", "recovery")}
    for record in index.newest_first("service_request"):
        folio, on = record["folio"], date.fromisoformat(record["recorded_at"][:10])
        if on <= limit and folio not in derived and not index.acknowledged(folio):
            found.faults.append(f"{folio}: sin atender desde el {on:%d/%m/%Y}")
            found.remedy = found.remedy or command("request", request_service_request=folio)
    return found


def annual_plan(facts: Facts, clause: Clause) -> Found:
    """The year's plan is approved by JAA and received by CSC as it stands (6.0)."""
    asked, year = facts.asked, facts.today.year
    name = f"{asked.procedure.form_for('plan').series}-{year}"
    recorded = asked.index.plan_lines(year)
    acknowledgements = asked.index.about(name, "acknowledgement")
    found = Found()
    if acknowledgements:
        found = Found(name, date.fromisoformat(acknowledgements[-1]["recorded_at"][:10]))
    said = {"acknowledge_result": "accepted"}
    if not asked.expected():
        return found
    planned = views.fulfilments(asked.expected(), year, asked.index, asked.now, asked.procedure.delivery)
    changed = sorted(each.item_id for each in views.unapproved(planned, recorded))
    if changed:
        found.faults.append(f"{name}: sin aprobar por JAA: {', '.join(changed[:5])}" + (" …" if changed[5:] else ""))
        found.remedy = command("acknowledge", acknowledge_folio=name, acknowledge_as=JAA, **said)
    elif not _is_received(recorded, acknowledgements):
        found.faults.append(f"{name}: sin el acuse de CSC")
        found.remedy = command("acknowledge", acknowledge_folio=name, acknowledge_as=CSC, **said)
    return found


def _is_received(plan: list[dict[str, Any]], acknowledgements: list[dict[str, Any]]) -> bool:
    """Tell whether CSC has the plan's last version."""
    said = views.said_of_plan(CSC, plan[-1]["plan_version"] if plan else None, acknowledgements)
    return said is not None and said["result"] == "accepted"


def revision_in_force(facts: Facts, clause: Clause) -> Found:
    """What is recorded names the revision in force (7.0)."""
    in_force = facts.asked.procedure.procedure_revision
    found = Found()
    for record in facts.asked.index.newest_first():
        if record.get("procedure_revision"):
            found.evidence, found.on = _name(record), date.fromisoformat(record["recorded_at"][:10])
            if record["procedure_revision"] != in_force:
                found.faults.append(f"{found.evidence} dice {record['procedure_revision']}; vigente: {in_force}")
            break
    return found


CONTROLS: dict[str, Callable[[Facts, Clause], Found]] = {
    each.__name__: each
    for each in (
        *(restore_tests, inventory, requests, scheduled_backups, weekly_review, unattended_runs, second_copy),
        *(electronic_record, size_verification, repository_readings, media_register, media_labels, media_location),
        *(recoveries, manual_backups, failure_log, loans, nonconformities, service_requests, annual_plan),
        revision_in_force,
    )
}
