# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small ledger around week 47 of 2026 with a record of every form, complete, and what was said of them later."""

from __future__ import annotations

from typing import Any

from tests.unit.factories import FORMS, delivery_record, loan_record, loan_step, request_record

WEDNESDAY = "2026-11-18"
_BY = {"run_id": "R1", "operator_role": "JAA", "operator_user": "respaldos"}
_NUMBERS = {"source_code": "02", "database": "03", "server_configuration": "04", "images_documents": "04"}


def form(folio: str, at: str, **fields: Any) -> dict[str, Any]:
    """What the ledger gives to every record that is a form."""
    return {
        "folio": folio,
        "form_revision": "sin dato",
        "procedure_revision": "8 (13/02/2012)",
        "issued_at": f"{at}-06:00",
        "recorded_at": f"{at}.000-06:00",
        "prepared_by": "JAA",
        **fields,
    }


def about(folio: str, at: str, record_type: str, **fields: Any) -> dict[str, Any]:
    """A record about another one."""
    said = {"procedure_revision": "8 (13/02/2012)", "recorded_at": f"{at}.000-06:00", **_BY}
    return {"record_type": record_type, "about_folio": folio, **said, **fields}


def backup(kind: str, number: int, day: str, **fields: Any) -> dict[str, Any]:
    """A backup's line with every field of its form."""
    week = {"iso_week": "2026-W47", "week_start": "2026-11-16", "week_end": "2026-11-22"}
    of_form = {
        "source_code": {**week, "is_full": True, "source_revision": "git 3f9a12c", "excluded_paths": ["cache/"]},
        "database": {
            **week,
            "database_server": "srv-db01",
            "database_engine": "PostgreSQL 16",
            "database_name": "escolares",
            "schema_sha256": "5c" * 32,
        },
        "server_configuration": {
            "cycle_number": 6,
            "content_class": "configuration",
            "previous_backup_on": "2026-09-18",
            "due_on": "2026-11-17",
            "days_elapsed": 59,
            "next_due_on": "2027-01-15",
        },
    }
    item = {
        "source_code": (
            "portal-src",
            "srv-web01",
            "Portal institucional",
            "software_project",
            "/srv/www/portal",
            "0001",
        ),
        "database": ("db-escolares", "srv-db01", "Servicios escolares", "database", "escolares", "0002"),
        "server_configuration": (
            "etc-web01",
            "srv-web01",
            "Portal institucional",
            "server_configuration",
            "/etc",
            "0003",
        ),
    }["server_configuration" if kind == "images_documents" else kind]
    own = dict(of_form["server_configuration" if kind == "images_documents" else kind])
    return form(
        f"DSE-{_NUMBERS[kind]}-2026-{number:04d}",
        f"{day}T02:06:00",
        record_type="backup",
        form_code=FORMS[kind],
        item_id=item[0],
        server=item[1],
        service=item[2],
        repository_type=item[3],
        information_type=kind,
        source=item[4],
        request_folio=f"DSE-05-2026-{item[5]}",
        backup_date=day,
        started_at=f"{day}T02:00:13-06:00",
        finished_at=f"{day}T02:04:50-06:00",
        verified_at=f"{day}T02:05:30-06:00",
        execution_mode="automatic",
        **_BY,
        host_run_id="R1",
        tool="dse-backup 1.0.0",
        tool_sha256="7a" * 32,
        file_name=f"{number:02x}" * 32,
        size_bytes=650_117_120 + number,
        entry_count=18_412,
        previous_file_name="4b" * 32,
        previous_size_bytes=648_806_400,
        size_change_pct=0.2,
        baseline_file_name="4c" * 32,
        baseline_size_bytes=648_806_401,
        baseline_change_pct=0.21,
        size_change_accumulated_pct=1.35,
        new_data_pct=3.1,
        sha256="9c" * 32,
        verification_result="conforming",
    ) | own | fields  # fmt: skip


def failure(number: int, at: str, **fields: Any) -> dict[str, Any]:
    """An entry of the failure log."""
    missed = {
        "record_type": "failure",
        "form_code": "FOR 7.5 DSE 05",
        "failure_stage": "backup",
        "failure_type": "not_run",
        "scheduled_for": f"{WEDNESDAY}T00:00:00-06:00",
        "detected_at": f"{at}-06:00",
        "item_id": "db-escolares",
        "server": "srv-db01",
        "service": "Servicios escolares",
        "information_type": "database",
        "execution_mode": "automatic",
        "error_message": "no se ejecutó el respaldo del día 18/11/2026: no hubo corrida que lo intentara",
    }
    return form(f"DSE-05-2026-{number:04d}", at, **{**missed, **fields})


def plan(number: int, item_id: str, kind: str, frequency: str, dates: list[str], version: int = 1) -> dict[str, Any]:
    """A line of the year's plan."""
    return form(
        f"CSC-01-2026-{number:04d}",
        f"2026-11-1{version}T09:00:00",
        record_type="plan",
        form_code="FOR 7.5 CSC 01",
        plan_year=2026,
        plan_version=version,
        item_id=item_id,
        information_type=kind,
        frequency=frequency,
        planned_dates=dates,
        restore_tests_planned=4,
        approved_by="JAA",
        **_BY,
    )


def _request(number: int, kind: str, frequency: str, server: str, **fields: Any) -> list[dict[str, Any]]:
    folio = f"DSE-05-2026-{number:04d}"
    asked = request_record(folio, servers=[server], information_type=kind, frequency=frequency, **fields)
    return [
        form(folio, "2026-11-02T09:00:00") | asked | _BY,
        about(
            *(folio, "2026-11-02T10:00:00", "decision"),
            decision="accepted",
            decision_reason="dentro del alcance",
            valid_from="2026-11-09",
        ),
    ]


def records() -> list[dict[str, Any]]:
    """All of them, in the order of the ledger."""
    days = ("2026-11-16", "2026-11-17", "2026-11-20", "2026-11-21", "2026-11-22")
    receipt = {"acknowledged_as": "CSC", "result": "accepted", "about_sha256": "c5" * 32}
    return [
        form("DAU-01-2026-0031", "2026-11-02T08:10:00", record_type="service_request", form_code="FOR 7.2 DAU 01",
             received_at="2026-11-02T08:00:00-06:00", channel="correo", requester_area="Portal Institucional",
             requester_contact="portal@dse.example", service_type="new_backup", description="respaldar el portal nuevo",
             priority="alta", assigned_to="JAA", **_BY),
        *_request(1, "source_code", "weekly", "srv-web01", exclusions=["cache/"],
                  service_request_folio="DAU-01-2026-0031"),
        *_request(2, "database", "daily", "srv-db01", source="escolares", service="Servicios escolares",
                  repository_type="database"),
        *_request(3, "server_configuration", "60_days", "srv-web01", source="/etc", requester_role="JAA",
                  repository_type="server_configuration", remarks="solicitada por el propio JAA"),
        plan(1, "db-escolares", "database", "daily", ["2026-11-10/2026-12-31"]),
        plan(2, "portal-src", "source_code", "weekly", ["2026-W47", "2026-W48"]),
        about("CSC-01-2026", "2026-11-11T09:00:00", "acknowledgement", acknowledged_as="JAA", result="accepted"),
        plan(3, "portal-src", "source_code", "weekly", ["2026-W47", "2026-W48", "2026-W49"], version=2),
        about("CSC-01-2026", "2026-11-12T12:00:00", "acknowledgement", acknowledged_as="CSC", result="accepted"),
        *(backup("database", number, day) for number, day in enumerate(days[:2], 1)),
        backup("server_configuration", 1, "2026-11-16"),
        backup("images_documents", 2, "2026-11-16", item_id="portal-media", content_class="images_documents",
               source="/srv/www/portal/media", verification_result="first", size_bytes=40_802_189_312),
        failure(10, "2026-11-19T06:30:00"),
        backup("database", 3, "2026-11-19", execution_mode="manual", run_id="R3"),
        about("DSE-05-2026-0010", "2026-11-19T09:50:00", "closing", evidence="backup", cause="Disco lleno en srv-db01",
              resolved_at="2026-11-19T09:47:00-06:00", manual_run_file="03" * 32, nonconformity_ref="PNC-2026-04"),
        *(backup("database", number, day) for number, day in enumerate(days[2:], 4)),
        backup("source_code", 46, "2026-11-21", verification_result="review", remarks="encogió más de lo tolerado",
               size_bytes=300_000_000, size_change_pct=-53.76),
        failure(11, "2026-11-21T02:06:00", failure_stage="verification", failure_type="size_out_of_band",
                item_id="portal-src", server="srv-web01", information_type="source_code",
                about_folio="DSE-02-2026-0046", backup_folio="DSE-02-2026-0046",
                scheduled_for="2026-11-21T02:00:13-06:00", error_message="el tamaño bajó 53.76 %"),
        about("DSE-02-2026-0046", "2026-11-21T10:00:00", "decision", decision="accepted",
              decision_reason="se depuraron archivos temporales", item_id="portal-src", server="srv-web01"),
        about("DSE-02-2026-0046", "2026-11-21T11:00:00", "correction",
              corrections={"remarks": "depuración autorizada"}, reason="la observación era del sistema"),
        about("DSE-02-2026-W47", "2026-11-23T09:10:00", "closing", evidence="review",
              reviewed_folios=["DSE-02-2026-0046"], missing=[], cause="sin novedad"),
        form("CSC-02-2026-0046", "2026-11-23T09:00:00", **_BY) | delivery_record(
            "CSC-02-2026-0046", delivered_by="JAA", delivery_method="media", media_id="CSC-HD-11",
            media_type="hdd_usb", label_text="DSE CSC-HD-11 copia de CSC", encrypted=True, key_reference="K-2026-02",
            destination="/media/dse-backup/srv-web01", started_at="2026-11-23T08:40:00-06:00", covers_all=True,
            execution_mode="manual", related_folios=["DSE-02-2026-0046"],
            files=[{"folio": "DSE-02-2026-0046", "item_id": "portal-src", "file": "2e" * 32, "csc_file": "3f" * 32,
                    "bytes_sent": 300_000_000, "bytes_received": 300_000_001, "sha256": "9c" * 32, "matches": True}]),
        about("CSC-02-2026-0046", "2026-11-23T09:12:00", "acknowledgement", storage_location="Gaveta 2", **receipt),
        form("CSC-03-2026-0001", "2026-11-23T09:20:00", **_BY) | loan_record(
            "CSC-03-2026-0001", media_id="CSC-HD-11", failure_folio="DSE-05-2026-0011",
            related_folios=["DSE-02-2026-0046"]),
        *(_BY | loan_step("CSC-03-2026-0001", state) for state in ("authorised", "lent", "checked")),
        form("DSE-05-2026-0012", "2026-11-24T10:31:00", record_type="recovery", form_code="FOR 7.5 DSE 05",
             requester_role="CGDW", requester_area="Portal Institucional", item_id="portal-src",
             reason="accidental_deletion", wanted_as_of="2026-11-22T23:59:00-06:00", backup_folio="DSE-02-2026-0046",
             file_name="2e" * 32, destination="/srv/recuperado", overwrite_allowed=False, copy_used="csc",
             loan_folio="CSC-03-2026-0001", started_at="2026-11-24T10:02:00-06:00",
             finished_at="2026-11-24T10:31:00-06:00", restored_bytes=300_000_000, sha256_matches=True,
             result="restored",
             server="srv-web01", service="Portal institucional", information_type="source_code",
             destination_server="srv-web01", entry_count=18_412, execution_mode="manual", tool="dse-backup 1.0.0",
             **_BY),
        about("DSE-05-2026-0012", "2026-11-24T12:10:00", "acknowledgement", acknowledged_as="CGDW", result="accepted",
              about_sha256="d6" * 32),
        about("DAU-01-2026-0031", "2026-11-24T12:15:00", "acknowledgement", acknowledged_as="CGDW", result="accepted",
              satisfaction=5, complaint_ref="ninguna"),
        {"record_type": "drill", "item_id": "portal-src", "server": "srv-web01", "backup_folio": "DSE-02-2026-0046",
         "result": "passed", "finished_at": "2026-11-24T13:00:00-06:00", "recorded_at": "2026-11-24T13:00:00.000-06:00",
         "started_at": "2026-11-24T12:50:00-06:00", **_BY},
    ]  # fmt: skip
