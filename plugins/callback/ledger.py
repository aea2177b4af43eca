# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ledger
type: notification
short_description: Writes the official records of backups
version_added: 1.0.0
description:
  - Appends the records that the actions of this collection return to the ledger, JSON Lines chained by hash, and keeps
    the CSV files of the forms beside it.
  - At the end gives every planned item that has no outcome (server unreachable, run cut off) its failure in
    FOR 7.5 DSE 05, prints the summary and sets the exit status; 0 only when all that was planned is conforming.
  - Takes records from tasks of C(dse.backup.*) only.
  - Without it C(backup.yml) refuses to work. So that it is loaded, ansible.cfg needs the line
    C(callbacks_enabled = dse.backup.ledger).
  - In a job of AWX it refuses to start, with exit status 3, where the ledger would go with the job's container.
author: dse.backup maintainers (@dse-backup)
extends_documentation_fragment: [dse.backup.telling]
options:
  path:
    description: The ledger's directory. Made when it is missing.
    type: path
    default: /var/lib/dse-backup-ledger
    env:
      - name: DSE_BACKUP_LEDGER
    ini:
      - section: callback_ledger
        key: path
  procedure:
    description: The directory of the procedure's data, where it is not the collection's own.
    type: path
    env:
      - name: DSE_BACKUP_PROCEDURE
    ini:
      - section: callback_ledger
        key: procedure
"""

import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.dse.backup.plugins.plugin_utils import extra_vars, ledger_place, telling
from ansible_collections.dse.backup.plugins.plugin_utils import procedure as procedures
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import Mark, set_mark
from ansible_collections.dse.backup.plugins.plugin_utils.run import NO_PLAN, Run

_OURS = "dse.backup."
# The actions with which a long run begins: that its records can be written is proved before anything else. What only
# answers (list_backups, find_files) needs no ledger to write to, and an act that is over in a moment opens it itself.
_OPENING = {
    _OURS + name
    for name in (
        *("plan", "plan_deliver", "plan_drill", "plan_prune"),
        *("plan_reconcile", "plan_repair", "plan_restore", "plan_verify"),
    )
}
# Those that are over in a moment, and the plans of what only looks. A playbook that has one does it, or fails: alone
# `--limit` would let it do nothing.
_AT_ONCE = {
    _OURS + name
    for name in (
        *("acknowledge", "decide", "ledger", "list_backups", "loan", "medium", "report", "request", "show_plan"),
        *("plan_coverage", "plan_find"),
    )
}
# Exit status: some planned item has no conforming backup; the ledger could not be written.
_INCOMPLETE = 2
_NO_LEDGER = 3


class CallbackModule(CallbackBase):
    """Passes what the actions return to the run's records, in the order in which it comes, and ends the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "dse.backup.ledger"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        run_id = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        directory = str(self.get_option("path"))
        data = str(self.get_option("procedure") or procedures.DEFAULT_DIRECTORY)
        self.run = None
        self.playbook = Path(playbook._file_name).stem
        self.waits_for = {task.action for task in _tasks_of(playbook)} & _AT_ONCE
        if any(task.action.startswith(_OURS) for task in _tasks_of(playbook)):
            self._refuse_misspelt(playbook)
            if lost := ledger_place.why_lost_here(directory):
                self._end(lost, _NO_LEDGER)
        opens_a_run = any(task.action in _OPENING for task in _tasks_of(playbook))
        problem = ""
        try:
            self.run = Run(Ledger(directory, procedures.load(data)), run_id, writes=not context.CLIARGS.get("check"))
            if opens_a_run:
                for line in self.run.open():
                    self._display.display(line)
        except Exception as error:  # Of any kind: Ansible would make a warning of it, and go on without us.
            problem = _words(error)
            if opens_a_run:
                self._end(problem, _NO_LEDGER)
        set_mark(Mark(os.getpid(), run_id, directory, data, problem))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._take(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._take(result)
        self._lost(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        host = result.task.delegate_to or result.host.get_name()
        self._lost(result, f"no se pudo contactar con {host} por SSH: ")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self.waits_for:
            self._end(NO_PLAN, _INCOMPLETE)
        if self.run is None or not self.run.is_open:
            return
        try:
            summary = self.run.close()
        except Exception as error:
            self._end(_words(error), _NO_LEDGER)
        self._display.display(summary)
        status = 0 if self.run.succeeded else _INCOMPLETE
        self._tell(status or (_INCOMPLETE if stats.failures or stats.dark else 0))
        if status:
            raise SystemExit(status)

    def _refuse_misspelt(self, playbook: Any) -> None:
        file = Path(playbook._file_name)
        given = load_extra_vars(playbook.get_loader())
        faults = extra_vars.misspelt(given, file.stem, file.read_text(encoding="utf-8"))
        if faults:
            self._end("no se hizo nada:\n  " + "\n  ".join(faults), _INCOMPLETE)

    def _take(self, result: Any) -> None:
        """Record what an action of ours returned; nobody else's task can reach the ledger, whatever it returns."""
        self.waits_for.discard(result.task.action)
        if self.run is None or not (result.task.action or "").startswith(_OURS):
            return
        try:
            for line in self.run.take(result.result):
                self._display.display(line)
        except Exception as error:  # Of any kind: Ansible would make a warning of it and end with 0.
            self._end(_words(error), _NO_LEDGER)

    def _lost(self, result: Any, what: str = "") -> None:
        if self.run is not None:
            reason = str(result.result.get("msg", "")).removeprefix("Task failed: ").removeprefix("Action failed: ")
            self.run.lost(result.host.get_name(), what + reason)

    def _tell(self, status: int, problem: str = "") -> None:
        """Tell whoever wants to know how the run ended; nothing of it changes how it did."""
        ended = telling.Ended(self.playbook, status, problem, bool(context.CLIARGS.get("subset")))
        options = telling.Options(*(self.get_option(name) for name in telling.Options._fields))
        if not context.CLIARGS.get("check"):
            for warning in telling.tell(self.run, ended, options):
                self._display.warning(warning)

    def _end(self, message: str, status: int) -> NoReturn:
        # An exception would be no more than a warning, and the playbook would go on.
        self._display.error(message, wrap_text=False)
        if status == _NO_LEDGER:
            self._tell(status, message)
        raise SystemExit(status)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, (LedgerError, procedures.ProcedureError)) else repr(error)


def _tasks_of(playbook: Any) -> Iterator[Any]:
    for play in playbook.get_plays():
        yield from _tasks(play.get_tasks())


def _tasks(elements: Any) -> Iterator[Any]:
    for element in elements:
        if isinstance(element, list):
            yield from _tasks(element)
        elif hasattr(element, "block"):  # Of a role that a play imports.
            yield from _tasks([*element.block, *element.rescue, *element.always])
        else:
            yield element
