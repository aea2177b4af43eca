# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which forms somebody asks for: by a folio, a view (a week's, a year's) or a week; and to which form a record goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, folios, ledger_disposal, views
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import view, week_of
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Form, Procedure

_WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}")
_EXAMPLES = "un folio (DSE-05-2026-0013), una vista (DSE-03-2026-W47, DSE-04-2026, CSC-01-2026) o una semana (2026-W47)"


class FormKey(NamedTuple):
    """What makes one printed form: its code, the name of its view or its folio, and of some a server and a run."""

    form_code: str
    name: str
    server: str = ""
    run: str = ""


class Asked(NamedTuple):
    """One name that was asked for: of one form, of all forms of a view, or of all of a week."""

    name: str
    key: FormKey | None = None
    view: str = ""
    week: str = ""

    def takes(self, key: FormKey, record: Mapping[str, Any]) -> bool:
        """Tell whether a record's form is asked for."""
        return key == self.key or key.name == self.view or (bool(self.week) and _week(record) == self.week)


def key_of(form: Form, record: Mapping[str, Any]) -> FormKey:
    """Return the form in which a record is printed."""
    if record["record_type"] == "plan":
        return FormKey(form.code, view(form, record))
    if record["record_type"] != "backup":
        return FormKey(form.code, record["folio"])
    if record.get("iso_week"):
        return FormKey(form.code, view(form, record), str(record.get("database_server") or ""))
    # By hand, while Ansible was away, a server's own run.
    run = record.get("run_id") or record.get("host_run_id") or record["folio"]
    return FormKey(form.code, view(form, record), str(record.get("server") or ""), str(run))


def asked_for(names: Iterable[str], index: Index, procedure: Procedure) -> tuple[list[Asked], list[str]]:
    """Return what the names stand for, and in words which of them stand for nothing."""
    found, faults = [], []
    for name in dict.fromkeys(each.strip() for each in names):
        asked = _asked(name, index, procedure)
        if asked and (gone := _gone(asked, index, procedure)):
            faults.append(f"report_form: {gone}")
        elif asked:
            found.append(asked)
        elif folios.parse(name):
            faults.append(f"report_form: «{name}» no está en el registro oficial")
        else:
            faults.append(f"report_form: «{readable(name, 80)}» no es {_EXAMPLES}")
    return found, faults


def _asked(name: str, index: Index, procedure: Procedure) -> Asked | None:
    if _WEEK.fullmatch(name):
        try:
            calendar.week_days(name)
        except ValueError:
            return None
        return Asked(name, week=name)
    if views.parse(name, procedure):
        return Asked(name, view=name)
    record = index.record(name) if folios.parse(name) else None
    form = procedure.forms.get(record.get("form_code") or "") if record else None
    return Asked(name, key=key_of(form, record)) if form else None


def _gone(asked: Asked, index: Index, procedure: Procedure) -> str:
    """Return in words that the week or the year is not in the ledger any more; "" where it is."""
    if asked.key:
        return ""
    last = calendar.week_days(asked.week)[1] if asked.week else views.parse(asked.view, procedure)[2]
    return ledger_disposal.gone(last, index.begins_on)


def _week(record: Mapping[str, Any]) -> str:
    """Return the week of a record: that of its work, or when it was written; "" where no day stands in its place."""
    try:
        return week_of(record)
    except (ValueError, TypeError):
        return ""
