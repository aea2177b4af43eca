# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failure log (FOR 7.5 DSE 05): what is open, how what is closed was resolved, what repeats itself (4.3.1 b)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils import failures as log
from ansible_collections.dse.backup.plugins.plugin_utils import waiting
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.questions import rows
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    ITEM_ID,
    SERVER,
    Answer,
    Asked,
    Column,
    Row,
    Section,
    day,
    listed,
    moment,
    names,
    text,
)

_KEPT = (
    *("server", "item_id", "service", "information_type", "failure_stage", "failure_type", "scheduled_for"),
    *("recorded_at", "error_message"),
)


def failures(asked: Asked) -> Answer:
    """Tell of the failures, of ``year`` or of all times; one that is open needs action, whatever its year."""
    several = [each for each in asked.index.failures() if asked.has(each.server, each.item_id)]
    folios = {each.folio for each in asked.index.open_failures()}
    still_open = [each for each in several if each.folio in folios]
    late = {each.folio for each in waiting.open_for_long(still_open, asked.procedure, asked.now.date())}
    closed = [
        _closed(asked, each)
        for each in several
        if each.folio not in folios and asked.year in (0, each.moment.astimezone(asked.procedure.zone).year)
    ]
    opened = [_open(asked, each, each.folio in late) for each in still_open]
    sections = [
        Section("open", "ABIERTAS", _OPEN, opened),
        Section("repeated", "SE REPITEN: VALORE SI SON PRODUCTO NO CONFORME (PRO 8.3 CNO 01)", _REPEATED,
                _repeated(asked, several)),
        Section("closed", f"CERRADAS{f', DE {asked.year}' if asked.year else ''}", _CLOSED, closed),
    ]  # fmt: skip
    problems = [f"FALLAS ABIERTAS: {names([each.folio for each in still_open])}"] if still_open else []
    if late:
        days = asked.procedure.resolve_within_days
        problems.append(
            f"DESDE HACE {days} DÍAS O MÁS: {names([row['failure_folio'] for row in opened if row['is_late']])}"
        )
    return Answer(
        "BITÁCORA DE FALLAS",
        sections,
        problems,
        next_command=rows.remedy(asked, still_open[0]) if still_open else "",
        all_is_well="Nada que hacer: ninguna falla abierta." if several else "Ninguna falla.",
    )


def _row(asked: Asked, failure: Failure) -> Row:
    return {
        **{"failure_folio": failure.folio, "backup_folio": failure.backup_folio or None},
        **{key: getattr(failure, key) for key in _KEPT},
        "failure_type_label": asked.procedure.label("failure_type", failure.failure_type),
        "failure_stage_label": asked.procedure.label("failure_stage", failure.failure_stage),
    }


def _open(asked: Asked, failure: Failure, is_late: bool) -> Row:
    since = date.fromisoformat(failure.recorded_at[:10])
    return {
        **_row(asked, failure),
        "open_days": (asked.now.date() - since).days,
        "due_on": (since + timedelta(days=asked.procedure.resolve_within_days)).isoformat(),
        "is_late": is_late,
        "next_command": rows.remedy(asked, failure),
    }


def _closed(asked: Asked, failure: Failure) -> Row:
    """Return a closed failure with its evidence. It took as long as from when what failed was to be done."""
    closing = asked.index.about(failure.folio, "closing")[0]
    resolved_at = closing.get("resolved_at") or closing["recorded_at"]
    took = datetime.fromisoformat(resolved_at) - failure.moment
    return {
        **_row(asked, failure),
        **{"resolved_at": resolved_at, "closed_on": closing["recorded_at"][:10]},
        "hours_to_resolve": round(took.total_seconds() / 3600, 1),
        **{"evidence": closing.get("evidence"), "evidence_folios": closing.get("related_folios") or []},
        "cause": closing.get("cause") or closing.get("remarks"),
        **{key: closing.get(key) for key in ("nonconformity_ref", "maintenance_ref", "manual_run_file")},
    }


def _repeated(asked: Asked, several: list[Failure]) -> list[Row]:
    found = log.repeated(several, asked.procedure.repetition, asked.now.date())
    return [
        {
            **{"server": of_item[-1].server, "item_id": item_id, "within_days": asked.procedure.repetition.within_days},
            "day_count": len({each.scheduled_for[:10] for each in of_item}),
            "failure_folios": [each.folio for each in of_item],
            "last": of_item[-1].scheduled_for,
            "nonconformity_refs": _references(asked, of_item),
        }
        for item_id, of_item in found.items()
    ]


def _references(asked: Asked, several: list[Failure]) -> list[str]:
    said: list[dict[str, Any]] = [one for each in several for one in asked.index.about(each.folio, "closing")]
    return list(dict.fromkeys(each["nonconformity_ref"] for each in said if each.get("nonconformity_ref")))


_WHICH = (text("Folio", "failure_folio"), SERVER, ITEM_ID, day("Programado", "scheduled_for"))
_WHAT = (text("Etapa", "failure_stage_label"), text("Mensaje", "error_message", 120))
_OPEN = (
    *(*_WHICH, *_WHAT, text("Días abierta", "open_days")),
    Column("Vence el", lambda row: f"{day('', 'due_on').words(row)}{' VENCIDA' if row['is_late'] else ''}"),
)
_REPEATED = (
    *(SERVER, ITEM_ID, Column("Días con falla", lambda row: f"{row['day_count']} en {row['within_days']}")),
    *(listed("Fallas", "failure_folios"), day("La última", "last"), listed("Referencia", "nonconformity_refs")),
)
_CLOSED = (
    *(*_WHICH, *_WHAT, moment("Solucionada", "resolved_at")),
    Column("Horas", lambda row: f"{row['hours_to_resolve']:,.1f}"),
    *(listed("Evidencia", "evidence_folios"), text("Causa o solución", "cause")),
    text("No conformidad", "nonconformity_ref"),
)
