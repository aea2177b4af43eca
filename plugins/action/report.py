# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers one question to the ledger, as tables and as JSON; fails where the answer is that something must be done."""

from __future__ import annotations

import difflib
import functools
import json
import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.run import tool_sha256
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import (
    calendar,
    expectations,
    ledger_chain,
    ledger_disposal,
    ledger_export,
    whole_file,
)
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.operators import operator
from ansible_collections.dse.backup.plugins.plugin_utils.page import job as page
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.printed import job as printing
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.screen import report

display = Display()


class ActionModule(PlanAction):
    """See plugins/modules/report.py for its options and result."""

    job = "report"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        texts = {name: {"type": "str", "default": ""} for name in ("question", "week", "year", "folio", "output")}
        options, faults = self.answers(
            **texts,
            items={"type": "list", "elements": "str", "default": []},
            form={"type": "list", "elements": "str", "default": []},
            repository_root={"type": "str", "required": True},
        )
        said = {name: options[name].strip() for name in texts}
        self.now = datetime.now(self.procedure.zone)
        name = said["question"]
        path = os.path.abspath(os.path.expanduser(said["output"])) if said["output"] else ""
        self.ledger.require()
        if options["form"]:
            return self._print(options, path, faults)
        with self.ledger.read() as index:
            faults += [*self._faults_of_scope(said, index.begins_on), *self._faults(name, path)]
            if faults:
                raise AnsibleActionFail("no se consultó nada:\n  " + "\n  ".join(faults))
            index.keep_what_is_read()
            asked = self._asked(index, said, options, task_vars)
            try:
                with ledger_chain.naming_damage(asked.chain):
                    if not name:
                        return self._page(asked, path)
                    answer = QUESTIONS[name](asked)
            except ledger_chain.Broken as error:
                raise AnsibleActionFail("no se pudo contestar:\n  " + "\n  ".join(error.words)) from None
        display.display(report.answer(answer, f"{self.now:%d/%m/%Y %H:%M}", self.ledger.directory))
        plain = {"question": name, "asked_at": self.now.isoformat(timespec="seconds"), **answer.plain()}
        if path and not self._task.check_mode:
            self._write(path, plain)
        if answer.problems:
            problems = "; ".join(map(readable, answer.problems))
            raise AnsibleActionFail(f"requiere atención: {problems}\nSiguiente: {answer.next_command}")
        return {"changed": False, "answer": plain}

    def _page(self, asked: Asked, path: str) -> dict[str, Any]:
        by = f"Hecha por {operator(self.task_vars).recorded} en la corrida {self.mark.run_id}."
        writes = not self._task.check_mode
        try:
            words, result = page.make_page(asked, QUESTIONS, path, self.ledger.directory, by, writes=writes)
        except page.CannotMake as error:
            raise AnsibleActionFail(f"report_output: {error}") from None
        display.display(words)
        return {"changed": False, **result}

    def _print(self, options: dict[str, Any], path: str, faults: list[str]) -> dict[str, Any]:
        writes = not self._task.check_mode
        try:
            words, result = printing.print_forms(options, path, faults, self.ledger, self.now, writes=writes)
        except printing.CannotPrint as error:
            raise AnsibleActionFail(str(error)) from None
        display.display(words)
        return {"changed": False, **result}

    def _asked(self, index: Index, said: dict[str, str], options: dict[str, Any], task_vars: dict[str, Any]) -> Asked:
        wanted = self.limited(task_vars)
        if options["items"]:
            known = {each.item_id for each in index.backups() if wanted(each.server)}
            self.require_backed_up(options["items"], known)
        register = functools.cache(lambda: self.register(task_vars, index.standings()))

        @functools.cache
        def expected() -> list[Expected]:
            found = expectations.expected_by(index, register(), self.procedure, self.now.date())
            return [each for each in found if wanted(each.server)]

        reach = self.ledger.extent()

        def lines() -> Iterator[Line]:
            return self.ledger.lines(reach)

        return Asked(
            index,
            self.procedure,
            self.now,
            wanted,
            tuple(options["items"]),
            self._place_of(options["repository_root"], task_vars),
            year=int(said["year"] or 0),
            week=said["week"],
            folio=said["folio"],
            register=register,
            expected=expected,
            lines=lines,
            chain=functools.cache(lambda: ledger_chain.verify(lines, csv_rows=reach.csv_rows)),
            servers=tuple(task_vars["groups"].get("dse_servers", [])),
            script_sha256=tool_sha256(),
        )

    def _faults_of_scope(self, said: dict[str, str], begins_on: date) -> Iterator[str]:
        if said["year"] and said["year"] not in map(str, self.years):
            yield f"report_year: «{readable(said['year'], 80)}» no es un año de {self.years[0]} a {self.years[-1]}"
        elif said["year"] and (gone := ledger_disposal.gone(date(int(said["year"]), 12, 31), begins_on)):
            yield f"report_year: {gone}"
        if said["week"]:
            try:
                if gone := ledger_disposal.gone(calendar.week_days(said["week"])[1], begins_on):
                    yield f"report_week: {gone}"
            except ValueError:
                yield f"report_week: «{readable(said['week'], 80)}» no es una semana (2026-W47)"

    def _faults(self, name: str, path: str) -> Iterator[str]:
        is_page = not name and ledger_export.suffix(path) == ".html"
        if name not in QUESTIONS and not is_page:
            close = difflib.get_close_matches(name, QUESTIONS, n=1)
            what = f"«{readable(name, 80)}» no es una pregunta" if name else "falta la pregunta"
            hint = f"¿quiso decir «{close[0]}»? " if close else ""
            yield f"question: {what}; {hint}hay: {', '.join(QUESTIONS)}"
        if path and not is_page and ledger_export.suffix(path) != ".json":
            yield f"report_output: {readable(path)} debe terminar en .json; sin pregunta, en .html: la página de todo"
        elif path and (fault := ledger_export.fault(path, self.ledger.directory)):
            yield f"report_output: {readable(fault)}"

    def _place_of(self, root: str, task_vars: dict[str, Any]) -> Callable[[str], str]:
        """Return what says where JAA keeps a server's repository: as the inventory has it, or as the roles do."""
        hosts, holders = task_vars["groups"]["all"], task_vars["groups"].get("backup_servers", [])

        def said(server: str, name: str, otherwise: str) -> str:
            # Of a server that left the inventory the repository stays where it was.
            try:
                value = task_vars["hostvars"][server].get(name) if server in hosts else None
            except AnsibleError:
                value = None  # It is put together of what only the roles know.
            return str(value) if isinstance(value, str) and value else otherwise

        def place_of(server: str) -> str:
            holder = said(server, "backup_client_server", holders[0] if holders else "")
            directory = f"{said(server, 'backup_server_root', root)}/{server}"
            repository = said(server, "backup_server_repository", f"{directory}/repository")
            return f"{holder}:{repository}" if holder else repository

        return functools.cache(place_of)

    def _write(self, path: str, plain: dict[str, Any]) -> None:
        try:
            whole_file.write(path, json.dumps(plain).encode())
        except OSError as error:
            raise AnsibleActionFail(f"report_output: no se pudo escribir {readable(path)}: {error.strerror}") from None
