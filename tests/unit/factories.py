# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain data for the tests, complete and without faults; a test changes what it is about."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical, record_sha256
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import Context

CONTEXT = Context(run_id="R1", execution_mode="automatic", operator_role="JAA", operator_user="respaldos")
FORMS = {
    "source_code": "FOR 7.5 DSE 02",
    "database": "FOR 7.5 DSE 03",
    "server_configuration": "FOR 7.5 DSE 04",
    "images_documents": "FOR 7.5 DSE 04",
}


def item(**changes: Any) -> dict[str, Any]:
    """An element of ``backup_client_items`` with files."""
    return {
        "id": "portal-src",
        "service": "Portal institucional",
        "repository_type": "software_project",
        "information_type": "source_code",
        "request_folio": "DSE-05-2026-0001",
        "paths": ["/srv/www/portal"],
        **changes,
    }


def database_item(**changes: Any) -> dict[str, Any]:
    """An element of ``backup_client_items`` with a database."""
    element = item(
        id="escolares",
        service="Servicios escolares",
        repository_type="database",
        information_type="database",
        database={"engine": "postgresql", "name": "escolares"},
    )
    del element["paths"]
    return {**element, **changes}


def item_of(kind: str) -> dict[str, Any]:
    """An item of that kind of information."""
    if kind == "database":
        return database_item()
    return item(information_type=kind, repository_type="web_publication")


def backup_record(kind: str, day: date | str, result: str = "conforming", **changes: Any) -> dict[str, Any]:
    """A backup's record, with what the history and the index read of it. Each has a file of its own."""
    return {
        "record_type": "backup",
        "form_code": FORMS[kind],
        "item_id": "portal-src",
        "server": "srv-web01",
        "information_type": kind,
        "request_folio": "DSE-05-2026-0001",
        "backup_date": str(day),
        "started_at": f"{day}T02:00:00-06:00",
        "finished_at": f"{day}T02:05:00-06:00",
        "execution_mode": "automatic",
        "file_name": hashlib.sha256(f"{kind} {day} {result} {changes}".encode(errors="replace")).hexdigest(),
        "size_bytes": 1000,
        "entry_count": 10,
        "sha256": "cd" * 32,
        "verification_result": result,
        **changes,
    }


def failure_record(day: date | str, **changes: Any) -> dict[str, Any]:
    """A failure's record, of the day that it was scheduled for."""
    return {
        "record_type": "failure",
        "form_code": "FOR 7.5 DSE 05",
        "item_id": "portal-src",
        "server": "srv-web01",
        "scheduled_for": f"{day}T02:00:00-06:00",
        "error_message": "no respondió",
        **changes,
    }


def delivery_record(folio: str, *backups: str, **changes: Any) -> dict[str, Any]:
    """The record of a delivery to CSC of the backups with these folios, all of one item."""
    item_id = changes.pop("item_id", "portal-src")
    return {
        "record_type": "delivery",
        "form_code": "FOR 7.5 CSC 02",
        "folio": folio,
        "server": "srv-web01",
        "result": "done",
        "files": [{"folio": each, "item_id": item_id, "bytes_received": 1000} for each in backups],
        "delivered_at": "2026-11-23T09:00:00-06:00",
        **changes,
    }


def loan_record(folio: str, *, media_id: str = "", **changes: Any) -> dict[str, Any]:
    """The record of a request for a loan: of a medium, or of CSC's copy of a server."""
    file = {"folio": "DSE-02-2026-0047", "item_id": "portal-src", "server": "srv-web01", "sha256": "cd" * 32}
    return {
        "record_type": "loan",
        "form_code": "FOR 7.5 CSC 03",
        "folio": folio,
        "prepared_by": "JAA",
        "requested_by": "JAA",
        "requested_at": "2026-11-23T09:20:00-06:00",
        "failure_folio": "DSE-05-2026-0015",
        "delivery_folio": "CSC-02-2026-0046",
        "server": "srv-web01",
        "delivery_method": "media" if media_id else "transfer",
        **({"media_id": media_id} if media_id else {}),
        "files": [{**file, "delivery_folio": "CSC-02-2026-0046"}],
        **changes,
    }


def loan_step(folio: str, state: str, day: date | str = "2026-11-24", **more: Any) -> dict[str, Any]:
    """The record of a step of a loan, after which it is in that state, with what the form takes from it."""
    moment = f"{day}T10:00:00-06:00"
    kind, fields = {
        "authorised": ("decision", {"decision": "accepted", "authorized_by": "CSC"}),
        "rejected": ("decision", {"decision": "rejected", "decision_reason": "no hay quién"}),
        "lent": ("acknowledgement", {"acknowledged_as": "CSC", "lent_at": moment, "due_back_on": "2026-12-01"}),
        "checked": ("acknowledgement", {"acknowledged_as": "JAA", "check_on_receipt": "conforming"}),
        "returned": ("acknowledgement", {"acknowledged_as": "JAA", "returned_at": moment, "returned_by": "JAA"}),
        "received_back": ("closing", {"evidence": "return", "received_back_by": "CSC"}),
        "cancelled": ("closing", {"evidence": "cancellation", "cause": "ya no"}),
    }[state]
    step = {"loan_step": state, "loan_step_at": moment, "recorded_at": moment}
    return {"record_type": kind, "about_folio": folio, **step, **fields, **more}


def request_record(folio: str = "DSE-05-2026-0001", **changes: Any) -> dict[str, Any]:
    """A request's record: it asks for what `item` is."""
    return {
        "record_type": "backup_request",
        "form_code": "FOR 7.5 DSE 05",
        "folio": folio,
        "requester_role": "CGDW",
        "requester_area": "Portal Institucional",
        "requester_contact": "portal@dse.example",
        "service": "Portal institucional",
        "servers": ["srv-web01"],
        "repository_type": "software_project",
        "information_type": "source_code",
        "source": "/srv/www/portal",
        "estimated_bytes": 1000,
        "contains_personal_data": False,
        "frequency": "weekly",
        **changes,
    }


def decision_record(folio: str, decision: str = "accepted", **changes: Any) -> dict[str, Any]:
    """JAA's decision on a request; an accepted one holds from 2 November 2026, a Monday, on."""
    since = {"valid_from": "2026-11-02"} if decision == "accepted" else {"decision_reason": "fuera de alcance"}
    return {"record_type": "decision", "about_folio": folio, "decision": decision, **since, **changes}


def cancellation_record(folio: str, day: date | str, **changes: Any) -> dict[str, Any]:
    """The cancellation of a request on that day."""
    return {
        "record_type": "closing",
        "about_folio": folio,
        "evidence": "cancellation",
        "cause": "el servicio terminó",
        "recorded_at": f"{day}T10:00:00.000-06:00",
        **changes,
    }


def accepted(folio: str = "DSE-05-2026-0001", since: date | str = "2026-11-02", **changes: Any) -> list[dict[str, Any]]:
    """A request, and that JAA accepted it from a day on."""
    until = changes.pop("valid_until", None)
    return [request_record(folio, **changes), decision_record(folio, valid_from=str(since), valid_until=until)]


def index_of(directory: Any, records: list[dict[str, Any]]) -> Index:
    """What a ledger of these records adds up to; ``directory`` is emptied of any other."""
    Path(directory, "ledger-2026.jsonl").write_bytes(b"".join(chained(records)))
    return Index.for_reading(str(directory))


def measured(**changes: Any) -> dict[str, Any]:
    """What `measure` returns for one snapshot."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {
        "snapshot_id": "ab" * 32,
        "tree": "cd" * 32,
        "paths": ["/srv/www/portal"],
        "tags": {"item": "portal-src", "run": "R1", "mode": "automatic", "tool": "dse-backup 1.0.0"},
        "size_bytes": 1000,
        "entry_count": 10,
        "new_data_pct": None,
        "started_at": now,
        "arrived_at": now,
        "remarks": [],
        "faults": [],
        "verification_result": "first",
        "reasons": [],
        "baseline_file_name": None,
        "baseline_size_bytes": None,
        "baseline_change_pct": None,
        "size_change_accumulated_pct": None,
        **changes,
    }


def chained(
    records: list[dict[str, Any]], *, after: list[bytes] | None = None, previous: str = "0" * 64
) -> list[bytes]:
    """The records as a ledger's lines, which continue ``after``, or the hash ``previous``."""
    lines = []
    head = json.loads(after[-1])["record_sha256"] if after else previous
    for each in records:
        record = {"form_code": None, "recorded_at": "2026-11-22T07:00:00.000-06:00", "previous_sha256": head, **each}
        record.pop("record_sha256", None)
        head = record["record_sha256"] = record_sha256(record)
        lines.append(canonical(record) + b"\n")
    return lines


def started(run_id: str = "R1", items: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """The record that opens a run."""
    planned = [{"item_id": each, "server": "srv-web01"} for each in items]
    return {"record_type": "run", "run_event": "started", "run_id": run_id, "planned": planned, **changes}


def rows_of(answer: Any, name: str) -> list[dict[str, Any]]:
    """The rows of one section of an answer."""
    (section,) = (each for each in answer.sections if each.name == name)
    return section.rows


def closing_record(about: str, day: date | str, **changes: Any) -> dict[str, Any]:
    """The closing of a failure by JAA, on that day."""
    return {
        "record_type": "closing",
        "about_folio": about,
        "item_id": "portal-src",
        "server": "srv-web01",
        "evidence": "decision",
        "cause": "se liberó espacio",
        "resolved_at": f"{day}T10:00:00-06:00",
        "recorded_at": f"{day}T10:00:01.000-06:00",
        **changes,
    }


def review_record(view: str, *folios: str, day: date | str = "2026-11-23", **changes: Any) -> dict[str, Any]:
    """JAA's closing of a week, in which it reviewed these backups."""
    return {
        "record_type": "closing",
        "about_folio": view,
        "evidence": "review",
        "reviewed_folios": list(folios),
        "operator_role": "JAA",
        "recorded_at": f"{day}T09:00:00.000-06:00",
        **changes,
    }


def acknowledgement_record(about: str, role: str = "CSC", result: str = "accepted", **changes: Any) -> dict[str, Any]:
    """That somebody says of a record, or a view, that it is right, or not."""
    return {
        "record_type": "acknowledgement",
        "about_folio": about,
        "acknowledged_as": role,
        "result": result,
        "recorded_at": "2026-11-24T10:00:00.000-06:00",
        **changes,
    }
