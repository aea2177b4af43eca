# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is due on a day, what became of a week, how much of a year's plan is done. Answered from the ledger alone."""

from __future__ import annotations

from datetime import date
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import calendar, expectations, views, waiting
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import LATE, MISSED, PENDING, Slot
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table

display = Display()


class ActionModule(PlanAction):
    """See plugins/modules/show_plan.py for its options and result."""

    act = "consultar el plan"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(**{key: {"type": "str", "default": ""} for key in ("as_of", "week", "year")})
        said = {key: readable(value.strip()) for key, value in options.items()}
        self.take_operator("", "manual", reserved_to=tuple(self.procedure.institution.roles))
        faults = []
        if sum(bool(value) for value in said.values()) > 1:
            faults.append("plan_as_of, plan_week, plan_year: indique uno solo")
        day = _day(said["as_of"], self.now.date(), faults, self.years)
        year = _year(said["year"], faults, self.years)
        shown = self._weeks(said["week"], faults)
        if faults:
            raise AnsibleActionFail("no se consultó nada:\n  " + "\n  ".join(faults))
        with self.ledger.read() as index:
            everything = self.expected(task_vars, index)
            wanted = self.limited(task_vars)
            everything = [each for each in everything if wanted(each.server)]
            if year:
                lines, answer = self._show_year(year, everything, index)
            elif shown:
                lines, answer = self._show_week(shown, everything, index)
            else:
                lines, answer = self._show_day(day, everything, index)
        display.display("\n".join(["", *lines, f"Registro oficial: {self.ledger.directory}", ""]))
        return {"changed": False, **answer}

    def _weeks(self, week: str, faults: list[str]) -> list[tuple[str, Any]]:
        """Return the views of a week, by name: one for each form that is kept by weeks."""
        if not week:
            return []
        names = [f"{form.series}-{week}" for form in self.procedure.forms.values()]
        found = [(name, parsed) for name in names if "-W" in name and (parsed := views.parse(name, self.procedure))]
        if not found:
            faults.append(f"plan_week: «{week}» no es una semana (2026-W47)")
        elif int(week[:4]) not in self.years:
            faults.append(f"plan_week: «{week}» no es una semana de {_span(self.years)}")
        return found

    def _show_day(self, day: date, everything: list[Expected], index: Index) -> tuple[list[str], dict[str, Any]]:
        rows, due = [], []
        for each in everything:
            if day == self.now.date() and expectations.waits_for_its_first(each, index, day):
                rows.append([each.server, each.item_id, "primer respaldo", views.STATES[PENDING], ""])
                first = Slot(each.stretches[-1].kind, day, day, PENDING)
                due.append({"item_id": each.item_id, "server": each.server, **_plain(first)})
                continue
            for slot in expectations.slots(each, index, self.now, until=day):
                if _is_due(slot, day, self.now.date()):
                    rows.append(
                        [each.server, each.item_id, views.slot_name(slot), views.STATES[slot.state], slot.folio]
                    )
                    due.append({"item_id": each.item_id, "server": each.server, **_plain(slot)})
        lines = [f"PLAN DEL {day:%d/%m/%Y} ({calendar.iso_week(day)})"]
        if rows:
            lines += table([["Servidor", "Respaldo", "Corresponde a", "Estado", "Folio"], *rows])
        else:
            lines.append("  Ese día no vence nada.")
        if day > self.now.date():
            lines.append("  (si todo lo anterior se hace a tiempo)")
        return lines, {"due": due}

    def _show_week(
        self, shown: list[tuple[str, Any]], everything: list[Expected], index: Index
    ) -> tuple[list[str], dict[str, Any]]:
        lines: list[str] = []
        weeks = []
        for name, (form, first, last) in shown:
            one = views.view(name, form, first, last, all_expected=everything, index=index, now=self.now)
            closings, news = waiting.review(index, name, one.backups)
            lines += ["", f"{name} · {form.title} · del {first:%d/%m/%Y} al {last:%d/%m/%Y}"]
            lines += table(views.grid(one)) if one.lines else ["  No se esperaba ningún respaldo."]
            lines += [f"  ✗ {missing}" for missing in one.missing]
            after = news if closings else []
            if closings:
                lines.append(f"  Cerrada por JAA el {spoken_day(closings[0]['recorded_at'])}.")
                lines += [f"  ! llegó después de cerrarse: {', '.join(after)}"] if after else []
            elif one.lines and last < self.now.date():
                lines.append(
                    f"  Sin cerrar: acknowledge.yml -e acknowledge_folio={name} -e acknowledge_result=accepted"
                )
            weeks.append({"name": name, "missing": one.missing, "closed": bool(closings), "after_closing": after})
        return lines[1:], {"weeks": weeks}

    def _show_year(self, year: int, everything: list[Expected], index: Index) -> tuple[list[str], dict[str, Any]]:
        name = f"CSC-01-{year}"
        planned = views.fulfilments(everything, year, index, self.now, self.procedure.delivery)
        heading = ["Servidor", "Respaldo", "Periodicidad", "Programados", "Realizados", "Tardíos", "Omitidos",
                   "Mitigados", "Pendientes", "Entregas a CSC", "Cumplimiento"]  # fmt: skip
        rows = [
            [
                *(each.server, each.item_id, self.procedure.frequencies[each.frequency].label),
                *map(str, (each.planned, each.done, each.late, each.missed, each.mitigated, each.pending)),
                f"{each.deliveries_done}/{each.deliveries_planned}",
                "" if each.compliance_pct is None else f"{each.compliance_pct:.1f} %",
            ]
            for each in planned
        ]
        lines = [f"{name} · {self.procedure.form_for('plan').title}"]
        lines += table([heading, *rows]) if rows else ["  No se espera ningún respaldo en ese año."]
        recorded = index.plan_lines(year)
        said = index.acknowledged(name)
        if recorded:
            by = ", ".join(f"{role} ({'conforme' if result == 'accepted' else 'NO CONFORME'})" for role, result in said)
            lines.append(f"  Versión {recorded[-1]['plan_version']}: {by}.")
        changed = [each.item_id for each in views.unapproved(planned, recorded)]
        if changed:
            what = ", ".join(changed[:20]) + (" …" if len(changed) > 20 else "")
            lines.append(
                f"  Sin aprobar: {what} (acknowledge.yml -e acknowledge_folio={name} -e acknowledge_result=accepted)"
            )
        fulfilled = [{**each._asdict(), "compliance_pct": each.compliance_pct} for each in planned]
        return lines, {"year": fulfilled, "acknowledged": [list(each) for each in said]}


def _is_due(slot: Slot, day: date, today: date) -> bool:
    """Tell whether a slot is open on a day, or falls due on it."""
    if slot.kind.schedule.unit != "elapsed_days":
        return slot.first <= day <= slot.last
    if slot.state == LATE:
        return slot.last <= day <= slot.covered_on
    # What is overdue today is still due on later days; what is to come is supposed to be done on time.
    return slot.last == day or (slot.last < day and slot.last <= today and slot.state in (MISSED, PENDING))


def _plain(slot: Slot) -> dict[str, Any]:
    return {
        "first": slot.first.isoformat(),
        "last": slot.last.isoformat(),
        "state": slot.state,
        "folio": slot.folio,
    }


def _day(text: str, today: date, faults: list[str], years: range) -> date:
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        faults.append(f"plan_as_of: «{text}» no es una fecha (2026-11-25)")
        return today
    if day.year not in years:
        faults.append(f"plan_as_of: «{text}» no es una fecha de {_span(years)}")
    return day


def _year(text: str, faults: list[str], years: range) -> int:
    if not text:
        return 0
    if text not in map(str, years):
        faults.append(f"plan_year: «{text}» no es un año de {_span(years)}")
        return 0
    return int(text)


def _span(years: range) -> str:
    return f"{years[0]} a {years[-1]}"
