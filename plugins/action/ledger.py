# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as evidence: verified, read, its last hash kept elsewhere, corrected by counter-records, disposed of."""

from __future__ import annotations

import difflib
import json
import os
from datetime import date, datetime
from itertools import islice
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import (
    ledger_anchor,
    ledger_correction,
    ledger_disposal,
    ledger_export,
)
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical, record_sha256
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import Chain
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_disposal import Year
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lookup import Entry, Filter, Lookup
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import view
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_verification import (
    Kept,
    of_csc,
    of_file,
    verification,
)
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.procedure_source import FIELD_TYPES
from ansible_collections.dse.backup.plugins.plugin_utils.screen import ledger_answers

display = Display()

_FILTERS = ("folio", "item", "week", "status", "type")
# What asks for which use; without any, the ledger is verified.
_USES = {
    "look_up": (*_FILTERS, "output"),
    "anchor": ("anchor_to",),
    "record_copies": ("kept_by",),
    "correct": ("correct", "corrections"),
    "disposable": ("disposable",),
    "dispose": ("dispose", "approver"),
}
# What goes with some uses only.
_COMPANIONS = {"reason": ("correct", "dispose"), "anchor_from": ("verify", "anchor")}
# Rows on the screen, and records in the result; an export has them all.
_SHOWN = 200


class ActionModule(PlanAction):
    """See plugins/modules/ledger.py for its options and result."""

    job = "ledger"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        texts = (*_FILTERS, "output", "anchor_to", "anchor_from", "correct", "reason", "approver")
        options = self.options(
            **{name: {"type": "str", "default": ""} for name in (*texts, "operator_role")},
            **{name: {"type": "list", "elements": "raw", "default": []} for name in ("copies", "kept_by")},
            **{name: {"type": "dict", "default": {}} for name in ("corrections", "anchor")},
            **{name: {"type": "bool", "default": False} for name in ("anchor_csc", "disposable")},
            dispose={"type": "int", "default": 0},
        )
        self.asked = {**options, **{name: readable(options[name].strip()) for name in texts}}
        self.today = datetime.now(self.procedure.zone).date()
        use = _use(self.asked)
        if use in ("verify", "anchor") and options["anchor_csc"] and not options["copies"]:
            # Nothing would be compared, and the answer would be that all is well.
            raise AnsibleActionFail(
                "no se hizo nada: ledger_anchor_csc: el inventario no tiene ningún host en el grupo csc_servers"
            )
        return getattr(self, f"_{use}")()

    # --- Is it whole? -------------------------------------------------------------------------------------------------

    def _verify(self) -> dict[str, Any]:
        path = self.asked["anchor_from"]
        found = verification(self.ledger, [*([of_file(path)] if path else []), *of_csc(self.asked["copies"])])
        display.display("\n".join(ledger_answers.verified(found, self.ledger.directory)))
        answer = {
            "changed": False,
            "whole": not found.wrong,
            "faults": found.wrong,
            "record_count": found.chain.record_count,
            "head_sha256": found.chain.head,
        }
        if found.wrong:
            answer.update(failed=True, msg=f"{found.verdict}: {found.wrong[0]}")
        return answer

    def _whole_chain(self, keepers: list[Kept]) -> Chain:
        """Return the verified chain; raise AnsibleActionFail where anything is wrong: nothing is built on that."""
        found = verification(self.ledger, keepers)
        if found.wrong:
            display.display("\n".join(ledger_answers.verified(found, self.ledger.directory)))
            raise AnsibleActionFail(f"no se hizo nada. {found.verdict}: {found.wrong[0]}")
        return found.chain

    # --- What does it say? --------------------------------------------------------------------------------------------

    def _look_up(self) -> dict[str, Any]:
        lookup = self._lookup()
        sought = Filter(*(self.asked[name] for name in _FILTERS))
        path = os.path.abspath(os.path.expanduser(self.asked["output"])) if self.asked["output"] else ""
        faults = list(self._faults_of_filter(sought, lookup.items))
        if path and ledger_export.suffix(path) not in (".json", ".jsonl", ".csv"):
            faults.append(f"ledger_output: {path} debe terminar en .json, .jsonl o .csv")
        elif path and (fault := ledger_export.fault(path, self.ledger.directory)):
            faults.append(f"ledger_output: {fault}")
        if faults:
            raise AnsibleActionFail("no se consultó nada:\n  " + "\n  ".join(faults))
        entries = lookup.found(sought)
        shown = list(islice(entries, _SHOWN))
        total = len(shown) + sum(1 for _each in entries)
        if sought.folio and not total and sought == Filter(folio=sought.folio):
            raise AnsibleActionFail(f"ledger_folio: «{sought.folio}» no está en el registro oficial")
        if path and not self._task.check_mode:
            self._export(path, lookup, sought)
            lines = ledger_answers.exported(path, total, lookup.damaged, self.ledger.directory)
        elif [each.record.get("folio") for each in shown] == [sought.folio]:
            lines = self._one(shown[0], lookup)
        else:
            lines = ledger_answers.found(shown, total, lookup.damaged, self.procedure, self.ledger.directory)
        display.display("\n".join(lines))
        return {"changed": False, "count": total, "found": [each.fields for each in shown], "damaged": lookup.damaged}

    def _lookup(self) -> Lookup:
        reach = self.ledger.extent()
        return Lookup(lambda: self.ledger.lines(reach), self.procedure, self.today)

    def _one(self, entry: Entry, lookup: Lookup) -> list[str]:
        record = entry.record
        return ledger_answers.one(
            entry,
            lookup.mentions(record["folio"], view(self.procedure.forms[record["form_code"]], record)),
            record.get("record_sha256") == record_sha256(record),
            self.procedure,
            self.ledger.directory,
        )

    def _export(self, path: str, lookup: Lookup, sought: Filter) -> None:
        try:
            ledger_export.export(path, lambda: lookup.found(sought), self.procedure)
        except OSError as error:
            raise AnsibleActionFail(f"ledger_output: no se pudo escribir {path}: {error.strerror}") from None

    def _faults_of_filter(self, sought: Filter, items: set[str]) -> Any:
        statuses = self.procedure.labels["status"]
        if sought.item and sought.item not in items:
            close = difflib.get_close_matches(sought.item, items, n=1)
            hint = f"¿quiso decir «{close[0]}»?" if close else f"hay: {', '.join(sorted(items)) or 'ninguno'}"
            yield f"ledger_item: «{sought.item}» no está en el registro; {hint}"
        if sought.week and not _is_week(sought.week):
            yield f"ledger_week: «{sought.week}» no es una semana, como 2026-W47"
        if sought.status and sought.status not in statuses:
            yield f"ledger_status: «{sought.status}» no es un estado ({', '.join(statuses)})"
        if sought.record_type and sought.record_type not in self.procedure.record_types:
            types = ", ".join(self.procedure.record_types)
            yield f"ledger_type: «{sought.record_type}» no es un tipo de registro ({types})"

    # --- Its last hash, kept elsewhere --------------------------------------------------------------------------------

    def _anchor(self) -> dict[str, Any]:
        path = os.path.abspath(os.path.expanduser(self.asked["anchor_to"]))
        faults = self.take_operator(self.asked["operator_role"], "manual", act="resguardar la huella del registro")
        if fault := ledger_export.fault(path, self.ledger.directory):
            faults.append(f"ledger_anchor_to: {fault}")
        if faults:
            raise AnsibleActionFail("no se resguardó nada:\n  " + "\n  ".join(faults))
        # The first time those to whom it goes have nothing yet.
        keepers = [each for each in (of_file(path), *of_csc(self.asked["copies"])) if not each.is_missing]
        if self.asked["anchor_from"]:
            keepers.append(of_file(self.asked["anchor_from"]))
        anchor = ledger_anchor.anchor(self._whole_chain(keepers), self.now)
        line = canonical(anchor).decode("utf-8")
        if not self._task.check_mode:
            try:
                ledger_anchor.keep(path, line)
            except OSError as error:
                raise AnsibleActionFail(f"ledger_anchor_to: no se pudo escribir {path}: {error.strerror}") from None
        record = {"record_type": "anchor", **self.by, **anchor, "kept_in": path}
        return self.acted([record], act="anchor", anchor=anchor, anchor_line=line)

    def _record_copies(self) -> dict[str, Any]:
        """Return the record of what CSC's hosts keep by now; the run was opened by the anchor itself."""
        self.set_context(self.asked["operator_role"], "manual")
        hosts = sorted(map(str, self.asked["kept_by"]))
        record = {"record_type": "anchor", **self.by, **self.asked["anchor"], "kept_by": hosts}
        return {"changed": True, "backup_records": [record]}

    # --- Corrections --------------------------------------------------------------------------------------------------

    def _correct(self) -> dict[str, Any]:
        faults = self.take_operator(self.asked["operator_role"], "manual", act="corregir un registro")
        # Plain data: nothing of how Ansible marks values reaches a record.
        corrections = {
            str(name): readable(value.strip()) if isinstance(value, str) else value
            for name, value in json.loads(json.dumps(self.asked["corrections"])).items()
        }
        folio, reason = self.asked["correct"], self.asked["reason"]
        entry = next(self._lookup().found(Filter(folio=folio)), None) if folio else None
        if entry is None or entry.record["folio"] != folio:
            faults.append(f"ledger_correct: «{folio}» no es el folio de un registro" if folio else
                          "ledger_correct: falta el folio del registro que se corrige")  # fmt: skip
        else:
            form = self.procedure.forms[entry.record["form_code"]]
            before = entry.standing.corrections
            faults += ledger_correction.faults(entry.record, form, corrections, before)
        if not reason:
            faults.append("ledger_reason: falta el motivo de la corrección")
        if faults:
            raise AnsibleActionFail("no se registró ninguna corrección:\n  " + "\n  ".join(faults))
        record = {
            "record_type": "correction",
            **self.by,
            "about_folio": folio,
            "corrections": corrections,
            "reason": reason,
            "about_sha256": entry.record["record_sha256"],
        }
        return self.acted(
            [record], act="correction", **ledger_correction.shown(entry, form, corrections, self.procedure)
        )

    # --- Disposal -----------------------------------------------------------------------------------------------------

    def _disposable(self) -> dict[str, Any]:
        years = self._years()
        objections = {each.year: ledger_disposal.objections(years, each.year, self.today.year) for each in years}
        display.display("\n".join(ledger_answers.years(years, objections, self.ledger.directory)))
        return {
            "changed": False,
            "years": [
                {
                    "year": each.year,
                    "record_count": each.records,
                    "disposable": not (objections[each.year] or each.kept),
                    "kept_by": [*objections[each.year], *ledger_answers.kept(each)],
                }
                for each in years
            ],
        }

    def _years(self) -> list[Year]:
        lookup = self._lookup()
        with self.ledger.read() as index:
            stored = {backup.folio for backup in index.backups() if backup.removed_on is None}
            running = set(index.open_runs())
        return ledger_disposal.assess(
            lookup.found(Filter()), stored=stored, running=running, procedure=self.procedure, today=self.today
        )

    def _dispose(self) -> dict[str, Any]:
        wanted, approver, reason = (self.asked[name] for name in ("dispose", "approver", "reason"))
        faults = self.take_operator(self.asked["operator_role"], "manual", act="dar de baja registros")
        chain = self._whole_chain([])
        years = self._years()
        year = next((each for each in years if each.year == wanted), None)
        if wanted:
            why = [
                *ledger_disposal.objections(years, wanted, self.today.year),
                *(ledger_answers.kept(year) if year else []),
            ]
            faults += [f"ledger_dispose: {wanted} no puede darse de baja: {each}" for each in why]
        else:
            faults.append("ledger_dispose: falta el año")
        if not approver:
            faults.append("ledger_approver: falta quién aprueba la baja")
        if not reason:
            faults.append("ledger_reason: falta el motivo de la baja")
        if faults:
            raise AnsibleActionFail("no se dio de baja nada:\n  " + "\n  ".join(faults))
        proof = ledger_disposal.proof(year, chain, self.ledger.file_sha256(year.file))
        # Without its run: what it removes was no item of any plan.
        by = {name: value for name, value in self.by.items() if name != "run_id"}
        record = {"record_type": "disposal", **by, **proof, "approver": approver, "reason": reason}
        return self.acted([record], act="disposal", proof=proof, approver=approver, reason=reason)


def _use(asked: dict[str, Any]) -> str:
    """Return the one use that the options ask for; raise AnsibleActionFail naming what does not go together."""
    uses = [use for use, names in _USES.items() if any(asked[name] for name in names)] or ["verify"]
    given = [f"ledger_{name}" for names in _USES.values() for name in names if asked[name]]
    if len(uses) > 1:
        raise AnsibleActionFail(f"no se hizo nada: se pidieron a la vez cosas distintas ({', '.join(given)}); pida una")
    alone = [f"ledger_{name}" for name, goes_with in _COMPANIONS.items() if asked[name] and uses[0] not in goes_with]
    if alone:
        raise AnsibleActionFail(f"no se hizo nada: {', '.join(alone)} no va con lo que se pidió ({', '.join(given)})")
    return uses[0]


def _is_week(text: str) -> bool:
    try:
        return bool(FIELD_TYPES["week"](text) and date.fromisocalendar(int(text[:4]), int(text[6:]), 1))
    except ValueError:
        return False
