# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what happened to the records of it: the lines of FOR 7.5 DSE 02, 03 and 04, and the failures of DSE 05.

Pure: what comes in are plain data, what goes out are ledger entries. Only the fields named here reach a record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.items import is_database, source
from ansible_collections.dse.backup.plugins.module_utils._core.sizes import (
    CONFORMING,
    FIRST,
    change_pct,
)
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import InformationType, Procedure

_HEX64 = re.compile(r"[0-9a-f]{64}")
_LONGEST = timedelta(days=2)
_SKEW = timedelta(minutes=1)
_MODES = ("automatic", "manual")
_OUTCOMES = ("backup", "failure", "recovery", "drill", "disposal", "delivery")
# Of a recovery, a drill, a verification of a repository, a pruning and a delivery.
_GOOD_RESULTS = ("restored", "passed", "intact", "done")


@dataclass(frozen=True)
class Context:
    """What all records of one run share. ``operator_role`` is a declaration; ``operator_user`` is the system's."""

    run_id: str
    execution_mode: str
    operator_role: str
    operator_user: str
    maintenance_ref: str | None = None


def unit(planned: dict[str, Any]) -> str:
    """Return what a plan counts by: an item or, where a whole repository is worked on, its server."""
    return planned.get("item_id") or planned["server"]


def is_outcome(record: dict[str, Any]) -> bool:
    """Tell whether a record can be the one outcome of what its run planned; later facts about a record are not."""
    if record["record_type"] == "run":
        return record["run_event"] == "verified"
    return record["record_type"] in _OUTCOMES and not record.get("about_folio")


def succeeded(record: dict[str, Any]) -> bool:
    """Tell whether an outcome is what was hoped for."""
    return record.get("verification_result") in (CONFORMING, FIRST) or record.get("result") in _GOOD_RESULTS


def backup(
    item: dict[str, Any],
    server: str,
    measured: dict[str, Any],
    history: History,
    *,
    context: Context,
    procedure: Procedure,
    reported: dict[str, Any] | None = None,
    not_before: datetime | None = None,
) -> dict[str, Any]:
    """Return the line for one snapshot that was measured and judged, with its failure where it is not conforming.

    ``measured`` is what the backup server found (`_core.measure`), ``history`` the item's before this backup,
    ``reported`` what the server's script says of it (None: it was found on the backup server without its script),
    ``not_before`` when its run was planned, where that is known.
    """
    kind = procedure.information_type(item["information_type"])
    reported = reported or {}
    tags = measured["tags"]
    started, finished = _times(measured, reported, procedure)
    if not_before and started < not_before:
        # Our own run cannot have begun before its plan: the server's clock is behind, and its day is not believed.
        started = not_before.astimezone(procedure.zone)
        finished = max(finished, started)
    mode = tags["mode"] if tags.get("mode") in _MODES else context.execution_mode
    previous = history.previous or {}
    remarks = [*measured["reasons"], *measured["remarks"], *map(readable, reported.get("remarks", []))]
    if reported.get("vanished"):
        remarks.append("desaparecieron mientras se leían: " + ", ".join(map(readable, reported["vanished"][:10])))
    record = {
        **common(context, procedure),
        **_of_item(item, server),
        "form_code": kind.form_code,
        "record_type": "backup",
        "execution_mode": mode,
        "request_folio": item["request_folio"],
        "repository_type": item["repository_type"],
        "source": readable(source(item)),
        "backup_date": started.date().isoformat(),
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": finished.isoformat(timespec="seconds"),
        "verified_at": datetime.now(procedure.zone).isoformat(timespec="seconds"),
        "tool": readable(tags.get("tool") or "sin dato", 80),
        "tool_sha256": _digest(reported.get("tool_sha256")),
        "host_run_id": readable(tags.get("run") or "sin dato", 80),
        "file_name": measured["snapshot_id"],
        "size_bytes": measured["size_bytes"],
        "entry_count": measured["entry_count"],
        "previous_file_name": previous.get("file_name"),
        "previous_size_bytes": previous.get("size_bytes"),
        "size_change_pct": change_pct(measured["size_bytes"], previous.get("size_bytes")),
        "size_change_accumulated_pct": measured["size_change_accumulated_pct"],
        "baseline_file_name": measured["baseline_file_name"],
        "baseline_size_bytes": measured["baseline_size_bytes"],
        "baseline_change_pct": measured["baseline_change_pct"],
        "new_data_pct": measured["new_data_pct"],
        "sha256": _digest(tags.get("sha256")) or measured["tree"] if is_database(item) else measured["tree"],
        "verification_result": measured["verification_result"],
        "remarks": readable("; ".join(remarks)) if remarks else None,
        **_of_form(item, server, kind, history, started.date(), tags),
    }
    if record["verification_result"] not in (CONFORMING, FIRST):
        record["follow_ups"] = [
            failure(
                item,
                server,
                "; ".join(measured["reasons"]),
                context=context,
                procedure=procedure,
                scheduled_for=started,
                stage="verification",
                kind="error" if measured["faults"] else "size_out_of_band",
                mode=mode,
            )
        ]
    return record


def failure(
    item: dict[str, Any],
    server: str,
    message: str,
    *,
    context: Context,
    procedure: Procedure,
    scheduled_for: datetime,
    stage: str = "backup",
    kind: str = "error",
    mode: str | None = None,
    host_run_id: str | None = None,
    backup_folio: str | None = None,
) -> dict[str, Any]:
    """Return an entry of the failure log (FOR 7.5 DSE 05): what was to be done with an item, and why it was not.

    Of a whole repository the item is the server: its ``id`` is the server's name.
    """
    return {
        **common(context, procedure),
        **_of_item(item, server),
        "form_code": procedure.form_for("failure").code,
        "record_type": "failure",
        "execution_mode": mode or context.execution_mode,
        "host_run_id": host_run_id,
        "backup_folio": backup_folio,
        "failure_stage": stage,
        "failure_type": kind,
        "scheduled_for": scheduled_for.isoformat(timespec="seconds"),
        "detected_at": datetime.now(procedure.zone).isoformat(timespec="seconds"),
        "error_message": readable(message) or "sin mensaje",
    }


def missed(
    item: dict[str, Any],
    server: str,
    kind: InformationType,
    first: date,
    last: date,
    *,
    context: Context,
    procedure: Procedure,
) -> dict[str, Any]:
    """Return the failure for a slot that passed without any backup. It belongs to no run: none took place."""
    what = {"week": f"de la semana {calendar.iso_week(first)}", "day": f"del día {first:%d/%m/%Y}"}
    # What is due every so many days fails on the last of them.
    day = last if kind.schedule.unit == "elapsed_days" else first
    entry = failure(
        item,
        server,
        f"no se ejecutó el respaldo {what.get(kind.schedule.unit, f'de la fecha límite {day:%d/%m/%Y}')}: "
        "no hubo corrida que lo intentara",
        context=context,
        procedure=procedure,
        scheduled_for=calendar.at(day, datetime.min.time(), datetime.now(procedure.zone)),
        kind="not_run",
        mode="automatic",
    )
    return {**entry, "run_id": None}


def common(context: Context, procedure: Procedure) -> dict[str, Any]:
    """Return what every record of a run has."""
    return {
        "prepared_by": procedure.institution.prepared_by,
        "run_id": context.run_id,
        "operator_role": context.operator_role,
        "operator_user": context.operator_user,
        "maintenance_ref": context.maintenance_ref,
    }


def _of_item(item: dict[str, Any], server: str) -> dict[str, Any]:
    return {
        "item_id": item["id"],
        "server": server,
        "service": readable(item["service"]) if item.get("service") else None,
        "information_type": item.get("information_type"),
    }


def _of_form(
    item: dict[str, Any], server: str, kind: InformationType, history: History, day: date, tags: dict[str, str]
) -> dict[str, Any]:
    """Return the fields that only this item's form has."""
    if kind.schedule.unit == "elapsed_days":
        last = history.last_conforming_on
        every = timedelta(days=kind.schedule.days)
        due_on = last + every if last else day
        return {
            "cycle_number": history.cycles + 1,
            "content_class": "configuration" if kind.key == "server_configuration" else kind.key,
            "previous_backup_on": last.isoformat() if last else None,
            "due_on": due_on.isoformat(),
            "days_elapsed": (day - last).days if last else 0,
            "next_due_on": (day + every).isoformat(),
        }
    monday = day - timedelta(days=day.weekday())
    week = {
        "iso_week": calendar.iso_week(day),
        "week_start": monday.isoformat(),
        "week_end": (monday + timedelta(days=6)).isoformat(),
    }
    if is_database(item):
        return {
            **week,
            "database_server": server,
            "database_engine": readable(tags.get("engine") or item["database"]["engine"], 80),
            "database_name": readable(source(item)),
            "schema_sha256": _digest(tags.get("schema")),
        }
    return {
        **week,
        # A snapshot is a full view of its item: every one restores alone (clause 4.1.2).
        "is_full": True,
        "source_revision": readable(tags["revision"], 80) if "revision" in tags else None,
        "excluded_paths": [readable(pattern) for pattern in item.get("exclude", [])] or None,
    }


def _times(measured: dict[str, Any], reported: dict[str, Any], procedure: Procedure) -> tuple[datetime, datetime]:
    """Return start and end in local time: the script's own, which include a dump, where the arrival bears them out."""
    started, arrived = (datetime.fromisoformat(measured[key]) for key in ("started_at", "arrived_at"))
    finished = arrived
    try:
        told = [datetime.fromisoformat(reported[key]) for key in ("started_at", "finished_at")]
        if arrived - _LONGEST < told[0] <= started + _SKEW and told[0] <= told[1] < arrived + _LONGEST:
            started, finished = told
    except (KeyError, TypeError, ValueError):
        pass  # A run that was found on the backup server only, or a server that tells nonsense.
    return started.astimezone(procedure.zone), finished.astimezone(procedure.zone)


def _digest(value: Any) -> str | None:
    return value if isinstance(value, str) and _HEX64.fullmatch(value) else None
