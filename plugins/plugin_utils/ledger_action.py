# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the ledger callback and the collection's actions find each other.

The callback leaves a mark in the environment, which the workers inherit. An action without the mark refuses to work:
neither a missing line in ansible.cfg nor an odd option can lose the ledger.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_int, check_type_list
from ansible.plugins.action import ActionBase
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import procedure as procedures
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import TAKEN_FOLIOS, Ledger, LedgerError

_VARIABLE = "DSE_BACKUP_RUN"
# What an option must be, by its type; of the others Ansible makes what is wanted.
_TYPES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "bool": (check_type_bool, "debe ser true o false"),
    "int": (check_type_int, "debe ser un número entero"),
    "list": (check_type_list, "debe ser una lista"),
    "dict": (check_type_dict, "debe ser un diccionario"),
}

NOT_LOADED = """\
No está activo el registro oficial (callback dse.backup.ledger) y sin él no se respalda: nada quedaría asentado.
Agregue a su ansible.cfg:
    [defaults]
    callbacks_enabled = dse.backup.ledger
    [callback_ledger]
    path = /var/lib/dse-backup-ledger
o, en el ambiente: ANSIBLE_CALLBACKS_ENABLED=dse.backup.ledger y DSE_BACKUP_LEDGER=DIRECTORIO."""


class Mark(NamedTuple):
    """What the callback tells the actions. ``problem`` is why the ledger cannot be written, empty when it can."""

    pid: int
    run_id: str
    ledger: str
    procedure: str
    problem: str = ""


def set_mark(mark: Mark) -> None:
    """Tell the actions of this process's workers which run this is and where its ledger lies."""
    os.environ[_VARIABLE] = json.dumps(mark._asdict())


def get_mark() -> Mark | None:
    """Return the callback's mark, or None where no callback of this very ansible-playbook has left one."""
    try:
        mark = Mark(**json.loads(os.environ[_VARIABLE]))
    except (KeyError, ValueError, TypeError):
        return None
    return mark if mark.pid in (os.getpid(), os.getppid()) else None


class LedgerAction(ActionBase):
    """What plan, catch_up, run and verify_size share: they work only under the callback, and know its run."""

    # What somebody asks for; the extra-vars that become this action's options begin with it. Empty: nobody types them.
    job = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the mark, then do the action's own work (`work`), and drop what connections left behind."""
        self._supports_check_mode = True
        self._supports_async = False
        super().run(tmp, task_vars)
        mark = get_mark()
        if mark is None:
            raise AnsibleActionFail(NOT_LOADED)
        if mark.problem:
            raise AnsibleActionFail(mark.problem)
        self.mark, self.task_vars = mark, task_vars or {}
        self.procedure = procedures.load(mark.procedure)
        self.ledger = Ledger(mark.ledger, self.procedure)
        try:
            result = self.work(self.task_vars)
            self._check_records(result.get("backup_records", []))
            return result
        except LedgerError as error:
            raise AnsibleActionFail(str(error)) from None
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the action's result."""
        raise NotImplementedError

    def _check_records(self, entries: list[dict[str, Any]]) -> None:
        """Refuse to hand over a record that its form does not take: better a failure than a wrong line for ever."""
        for entry in entries:
            for record in (entry, *entry.get("follow_ups", [])):
                said = {key: value for key, value in record.items() if key not in ("follow_ups", TAKEN_FOLIOS)}
                problems = self.procedure.check_record(said)
                if problems:
                    raise AnsibleActionFail("registro que no cumple con su formato: " + "; ".join(problems))

    def options(self, **argument_spec: dict[str, Any]) -> dict[str, Any]:
        """Return the task's validated options; raise AnsibleActionFail naming every wrong one."""
        options, faults = self.answers(**argument_spec)
        if faults:
            raise AnsibleActionFail("no se hizo nada:\n  " + "\n  ".join(faults))
        return options

    def answers(self, **argument_spec: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """As `options`, but return in words what is wrong, and its default: for whoever collects all faults."""
        faults = {}
        if self.job:
            given = {name: _said(value, argument_spec.get(name, {})) for name, value in self._task.args.items()}
            faults = {name: fault for name, spec in argument_spec.items() if (fault := fault_of(given.get(name), spec))}
            self._task.args = {k: v for k, v in given.items() if k not in faults and v is not None}
        options = self.validate_argument_spec(argument_spec=argument_spec)[1]
        return options, [f"{self._variable(name)}: {fault}" for name, fault in faults.items()]

    def _variable(self, option: str) -> str:
        """Return the extra-var that an option is taken from: the inventory's own names are not of one job."""
        return option if option == "operator_role" else f"{self.job}_{option}"


def _said(value: Any, spec: dict[str, Any]) -> Any:
    """Return what was answered, None where nothing was.

    A survey of AWX's gives "" or None for what was left empty, and a date where somebody typed 2026-11-26.
    """
    kind = spec.get("type", "str")
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str) or kind not in _TYPES:
        return value
    if kind == "list":
        value = [each.strip() for each in value.split(",") if each.strip()]
    return value or None


def fault_of(value: Any, spec: dict[str, Any]) -> str:
    """Return in words why ``value`` is none for an option of that specification; empty where it is one, or absent."""
    check, words = _TYPES.get(spec.get("type", "str"), (str, ""))
    if value is None:
        return ""
    try:
        checked = check(value)
    except (TypeError, ValueError):
        return f"«{readable(str(value), 80)}» {words}"
    choices = spec.get("choices")
    for each in checked if isinstance(checked, list) else [checked]:
        if choices and each not in choices:
            close = difflib.get_close_matches(str(each), choices, n=1)
            hint = f"; ¿quiso decir «{close[0]}»?" if close else ""
            return f"«{readable(str(each), 80)}» debe ser uno de: {', '.join(filter(None, choices))}{hint}"
    return ""
