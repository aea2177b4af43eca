# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An institution in which every control is at work; then one is switched off, and its clauses alone turn red."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.items import Fault
from ansible_collections.dse.backup.plugins.plugin_utils.controls import CONTROLS
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import expected_by
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import verify
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.plugins.plugin_utils.questions.conformity import conformity
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal, Register
from ansible_collections.dse.backup.plugins.plugin_utils.views import fulfilments
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    chained,
    database_item,
    delivery_record,
    failure_record,
    index_of,
    item,
    loan_record,
    started,
)

TODAY = date(2026, 11, 24)  # A Tuesday.
NOW = "2026-11-24T12:00:00.000-06:00"
ITEMS = {
    "portal-src": item(),
    "escolares": database_item(request_folio="DSE-05-2026-0002"),
    "etc-web01": item(
        id="etc-web01",
        repository_type="server_configuration",
        information_type="server_configuration",
        request_folio="DSE-05-2026-0003",
        paths=["/etc"],
    ),
}


def days(first, last):
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def told(day, kind="", **record):
    """A record that the ledger wrote on a day."""
    return {"recorded_at": f"{day}T12:00:00.000-06:00", **({"record_type": kind} if kind else {}), **record}


def made(kind, item_id, number, day, **more):
    """A backup that was delivered and acknowledged as soon as it was made."""
    series = {"source_code": "DSE-02", "database": "DSE-03"}.get(kind, "DSE-04")
    folio, delivery = f"{series}-2026-{number:04d}", f"CSC-02-2026-{int(series[-1]) * 100 + number:04d}"
    request = ITEMS[item_id]["request_folio"]
    backup = backup_record(
        kind, day, folio=folio, item_id=item_id, request_folio=request, procedure_revision="8 (13/02/2012)", **more
    )
    receipt = {"acknowledged_as": "CSC", "result": "accepted", "about_folio": delivery}
    return [
        told(day, **backup),
        told(day, **delivery_record(delivery, folio, item_id=item_id, delivered_at=f"{day}T09:00:00-06:00")),
        told(day, "acknowledgement", **receipt),
    ]


def requested(folio, kind, source, frequency):
    return [
        told("2026-11-01", **record)
        for record in accepted(
            folio, information_type=kind, source=source, frequency=frequency,
            repository_type={"database": "database", "source_code": "software_project"}.get(kind, kind),
            service="Servicios escolares" if kind == "database" else "Portal institucional",
        )
    ]  # fmt: skip


def institution():
    """Three weeks in which all went well, a recovery, a failure that was made up for, a loan, two media."""
    records = [
        *requested("DSE-05-2026-0001", "source_code", "/srv/www/portal", "weekly"),
        *requested("DSE-05-2026-0002", "database", "escolares", "daily"),
        *requested("DSE-05-2026-0003", "server_configuration", "/etc", "60_days"),
        *made("server_configuration", "etc-web01", 1, date(2026, 11, 3)),
    ]
    for number, day in enumerate(days(date(2026, 11, 3), TODAY), start=1):
        records += made("database", "escolares", number, day)
        records.append(told(day, **started(f"R-{day}", job="reconcile")))
    for number, day in enumerate((date(2026, 11, day) for day in (3, 9, 16, 23)), start=1):
        records += made("source_code", "portal-src", number, day)
    for number, (item_id, folio) in enumerate(
        [("portal-src", "DSE-02-2026-0001"), ("escolares", "DSE-03-2026-0001"), ("etc-web01", "DSE-04-2026-0001")]
    ):
        drill = {"item_id": item_id, "server": "srv-web01", "backup_folio": folio, "result": "passed"}
        moment = f"2026-11-1{number}T10:00:00-06:00"
        records.append(told(f"2026-11-1{number}", "drill", finished_at=moment, started_at=moment, **drill))
    for week, reviewed in (("W45", (1, 6)), ("W46", (7, 13)), ("W47", (14, 20))):
        dumps = [f"DSE-03-2026-{number:04d}" for number in range(reviewed[0], reviewed[1] + 1)]
        source = [f"DSE-02-2026-{int(week[1:]) - 44:04d}"]
        for name, folios in ((f"DSE-03-2026-{week}", dumps), (f"DSE-02-2026-{week}", source)):
            review = {"evidence": "review", "about_folio": name, "reviewed_folios": folios}
            records.append(told("2026-11-24", "closing", **review))
    verified = {"run_event": "verified", "run_id": "V1", "read": "all", "server": "srv-web01", "result": "intact"}
    records.append(told("2026-11-20", "run", **verified))
    for media_id, custodian, location in (("JAA-HD-03", "JAA", "Oficina de JAA"), ("CSC-HD-11", "CSC", "Gaveta 2")):
        about = {"media_id": media_id, "custodian": custodian, "location": location, "state": "available"}
        records.append(told("2026-11-02", "medium", medium_event="registered", label_text=media_id, **about))
        records.append(told("2026-11-02", "medium", medium_event="labelled", media_id=media_id, medium_uuid="u" * 36))
    onto = delivery_record("CSC-02-2026-0900", "DSE-03-2026-0001", item_id="escolares", media_id="CSC-HD-11")
    records += [told("2026-11-20", **onto)]
    receipt = {"acknowledged_as": "CSC", "result": "accepted", "about_folio": "CSC-02-2026-0900"}
    records.append(told("2026-11-20", "acknowledgement", **receipt))
    return records


def lines_of(records):
    return [Line("ledger-2026.jsonl", number, line) for number, line in enumerate(chained(records), start=1)]


@pytest.fixture
def ask(in_memory, procedure):
    """Ask a ledger of these records; the plan of the year is as the requests have it, approved and received."""

    def answer(
        records, *, refusals=(), procedure=procedure, plan=True, after=(), lines=None, with_answer=False, **about
    ):
        now = datetime.fromisoformat(NOW).astimezone(procedure.zone)
        register = Register([Item("srv-web01", each) for each in ITEMS.values()], list(refusals))
        if plan:
            with index_of(in_memory, records) as index:
                planned = fulfilments(
                    expected_by(index, register, procedure, TODAY), 2026, index, now, procedure.delivery
                )
            records = [*records, *approved(planned), *after]
        with index_of(in_memory, records) as index:
            found = conformity(
                Asked(
                    index,
                    procedure,
                    now,
                    register=lambda: register,
                    expected=lambda: expected_by(index, register, procedure, TODAY),
                    chain=lambda: verify(lambda: lines or lines_of(records), csv_rows={}),
                    **about,
                )
            )
        return found if with_answer else {
            row["clause"]: row["faults"] for row in found.sections[0].rows if row["state"] == "nonconforming"
        }  # fmt: skip

    return answer


def approved(planned):
    version = {"plan_year": 2026, "plan_version": 1}
    for number, each in enumerate(planned, start=1):
        line = {"item_id": each.item_id, "frequency": each.frequency, "planned_dates": each.planned_dates}
        yield told(
            "2026-11-02", "plan", form_code="FOR 7.5 CSC 01", folio=f"CSC-01-2026-{number:04d}", **version, **line
        )
    for role in ("JAA", "CSC"):
        said = {"about_folio": "CSC-01-2026", "acknowledged_as": role, "result": "accepted"}
        yield told("2026-11-02", "acknowledgement", **said, **version)


def clauses_of(procedure, *controls):
    return {each.clause for each in procedure.clauses if set(each.controls) & set(controls)}


def test_where_all_controls_are_at_work_nothing_is_red(ask):
    answer = ask(institution(), with_answer=True)
    assert answer.problems == [] and answer.next_command == ""
    rows = {(row["clause"], row["control"]): row for row in answer.sections[0].rows}
    weekly = rows["4.1.2", "scheduled_backups"]
    assert (weekly["evidence"], weekly["evidence_on"], weekly["age_days"]) == ("DSE-02-2026-0004", "2026-11-23", 1)
    assert rows["4.1.3", "scheduled_backups"]["evidence"] == "DSE-03-2026-0022"
    assert rows["4.1.6", "second_copy"]["state"] == "conforming"
    # Of databases a drill of one of them tells, whatever else was brought back later.
    restored = {clause: rows[clause, "restore_tests"]["evidence"] for clause in ("1.1", "2.0 Base de datos")}
    assert restored == {"1.1": "DSE-04-2026-0001", "2.0 Base de datos": "DSE-03-2026-0001"}
    # Nothing was ever asked back, made by hand, or damaged.
    never = {key for (_clause, key), row in rows.items() if row["state"] == "no_cases"}
    assert never == {"recoveries", "manual_backups", "loans", "nonconformities", "service_requests"}


def without(records, *record_types, **said):
    return [each for each in records if not (each["record_type"] in record_types and said.items() <= each.items())]


def no_backups_of(kind):
    """Nothing of a kind is backed up any more since 15 November; what there was is reviewed and delivered."""

    def change(records):
        gone = {
            each["folio"]
            for each in records
            if each.get("information_type") == kind and each.get("backup_date", "") > "2026-11-15"
        }
        kept = [each for each in records if each.get("folio") not in gone]
        kept = [each for each in kept if each.get("files", [{}])[0].get("folio") not in gone]
        for day in days(date(2026, 11, 16), TODAY):  # Somebody looks each morning all the same, and sees it.
            if kind == "database" or day == date(2026, 11, 16):
                item_id = "escolares" if kind == "database" else "portal-src"
                number = 900 + day.day
                missed = failure_record(day, folio=f"DSE-05-2026-{number:04d}", item_id=item_id, failure_type="not_run",
                                        server="srv-web01", information_type=kind)  # fmt: skip
                kept.append(told(day, **missed))
                done = {"about_folio": missed["folio"], "evidence": "decision", "nonconformity_ref": "NC-1"}
                kept.append(told(day, "closing", **done))
        return kept

    return change


def by_hand(records):
    """From some day on somebody types the command each night."""
    of_late = [
        each for each in records if each.get("backup_date", "") > "2026-11-20" and each["item_id"] == "escolares"
    ]
    return [{**each, "execution_mode": "manual"} if each in of_late else each for each in records]


def more(*records):
    return lambda before: [*before, *records]


def suspect(records):
    doubtful = backup_record(
        "database", "2026-11-10", "review", folio="DSE-03-2026-0099", item_id="escolares",
        request_folio="DSE-05-2026-0002", started_at="2026-11-10T03:00:00-06:00",
    )  # fmt: skip
    for each in records:
        each.get("reviewed_folios", []).append("DSE-03-2026-0099")
    return [*records, told("2026-11-10", **doubtful)]


def unlabelled(records):
    return without(records, "medium", medium_event="labelled")


def elsewhere(records):
    moved = {"medium_event": "changed", "media_id": "JAA-HD-03", "location": "Bodega"}
    return [*records, told("2026-11-20", "medium", **moved)]


RECOVERY = told(
    "2026-11-10", "recovery", form_code="FOR 7.5 DSE 05", folio="DSE-05-2026-0500", item_id="portal-src",
    server="srv-web01", destination_server="srv-web01", result="restored", backup_folio="DSE-02-2026-0001",
    finished_at="2026-11-10T10:00:00-06:00", requester_area="Portal",
)  # fmt: skip
OPEN = told("2026-11-10", **failure_record("2026-11-09", folio="DSE-05-2026-0600"))
DAMAGE = told(
    "2026-11-24", **failure_record("2026-11-24", folio="DSE-05-2026-0700", failure_stage="jaa_copy",
                                   about_folio="DSE-02-2026-0001", backup_folio="DSE-02-2026-0001"),
)  # fmt: skip
ROTTEN = told(
    "2026-11-24", **failure_record("2026-11-24", folio="DSE-05-2026-0701", failure_stage="jaa_copy",
                                   failure_type="checksum", item_id="srv-web01"),
)  # fmt: skip
REPEATED = [
    record
    for day in ("2026-11-12", "2026-11-14", "2026-11-16")
    for record in (
        told(day, **failure_record(day, folio=f"DSE-05-2026-08{day[-2:]}")),
        told(day, "closing", about_folio=f"DSE-05-2026-08{day[-2:]}", evidence="backup"),
    )
]
UNATTENDED = told("2026-11-05", "service_request", form_code="FOR 7.2 DAU 01", folio="DAU-01-2026-0001")
OTHER_REVISION = told(
    "2026-11-24", **failure_record("2026-11-23", folio="DSE-05-2026-0650", procedure_revision="7 (08/10/2009)")
)
CLOSED = told("2026-11-24", "closing", about_folio="DSE-05-2026-0650", evidence="backup")


@pytest.mark.parametrize(
    ("change", "controls"),
    [
        (lambda records: without(records, "drill"), None),  # Not yet: the first backups are three weeks old.
        (no_backups_of("source_code"), {"4.1.2"}),
        (no_backups_of("database"), {"4.1.3"}),
        (lambda records: without(records, "closing", evidence="review"), ["weekly_review"]),
        (by_hand, ["unattended_runs"]),
        (lambda records: without(records, "acknowledgement", acknowledged_as="CSC"), ["second_copy"]),
        (lambda records: without(records, "delivery", "acknowledgement"), ["second_copy"]),
        (suspect, ["size_verification"]),
        (lambda records: without(records, "medium", media_id="CSC-HD-11"), ["media_register", "media_labels"]),
        (unlabelled, ["media_labels"]),
        (elsewhere, ["media_location"]),
        (more(RECOVERY), ["recoveries"]),
        (more(OPEN), ["manual_backups"]),
        (lambda records: without(records, "run", job="reconcile"), ["failure_log"]),
        (more(DAMAGE), ["loans", "repository_readings"]),
        (more(ROTTEN), ["repository_readings"]),
        (more(*REPEATED), ["nonconformities"]),
        (more(UNATTENDED), ["service_requests"]),
        (more(OTHER_REVISION, CLOSED), ["revision_in_force"]),
    ],
)
def test_one_control_is_switched_off_and_its_clauses_alone_turn_red(ask, procedure, change, controls):
    red = ask(change(institution()))
    wanted = controls if isinstance(controls, set) else clauses_of(procedure, *(controls or []))
    assert set(red) == wanted, red


def test_a_backup_by_hand_is_evidence_where_something_had_failed_and_no_other(ask):
    def of_manual_backups(records):
        rows = ask(records, with_answer=True).sections[0].rows
        return next(row for row in rows if row["control"] == "manual_backups")

    assert of_manual_backups(by_hand(institution()))["state"] == "no_cases"
    failed = told("2026-11-22", **failure_record("2026-11-22", folio="DSE-05-2026-0690", item_id="escolares"))
    made_up = {"about_folio": "DSE-05-2026-0690", "evidence": "backup", "manual_run_file": "4be0c2d1"}
    found = of_manual_backups([*institution(), failed, told("2026-11-23", "closing", **made_up)])
    assert (found["state"], found["evidence"]) == ("conforming", "DSE-05-2026-0690")


def test_a_year_without_drills_turns_the_purpose_red(ask, procedure):
    procedure = replace(
        procedure,
        controls={**procedure.controls, "restore_tests": replace(procedure.controls["restore_tests"], within_days=9)},
    )
    assert set(ask(institution(), procedure=procedure)) == clauses_of(procedure, "restore_tests")
    assert "nunca se ha probado" in str(ask(without(institution(), "drill"), procedure=procedure))


def test_a_repository_that_nobody_reads_turns_its_clauses_red(ask, procedure):
    readings = replace(procedure.controls["repository_readings"], within_days=3)
    procedure = replace(procedure, controls={**procedure.controls, "repository_readings": readings})
    assert set(ask(institution(), procedure=procedure)) == clauses_of(procedure, "repository_readings")


def test_an_element_that_nobody_can_read_turns_the_inventory_s_clauses_red(ask, procedure):
    refusal = Refusal("srv-web01", "otro", [Fault("repository_type", "«hoja» no es un tipo")], {})
    red = ask(institution(), refusals=[refusal])
    assert set(red) == clauses_of(procedure, "inventory")
    assert red["1.2"] == ["srv-web01 · otro: repository_type: «hoja» no es un tipo"]


def test_what_was_accepted_and_nobody_carries_out_turns_4_1_1_red(ask, procedure):
    pending = requested("DSE-05-2026-0004", "images_documents", "/srv/media", "60_days")
    red = ask([*institution(), *pending])
    # Nor was it ever backed up: its sixty days began on 2 November, with the day after it to be made in.
    missing = told("2026-11-05", **failure_record("2026-11-03", item_id="DSE-05-2026-0004", folio="DSE-05-2026-0990",
                                                  information_type="images_documents"))  # fmt: skip
    assert set(red) == clauses_of(procedure, "requests") | {"4.1.4", "4.3.1 b"}
    red = ask([*institution(), *pending, missing])
    assert set(red) == clauses_of(procedure, "requests") | {"4.1.4", "4.3.1 a"}


def test_a_plan_that_nobody_approved_turns_6_0_red(ask, procedure):
    assert set(ask(institution(), plan=False)) == clauses_of(procedure, "annual_plan")


def test_what_csc_said_last_of_the_plan_counts(ask, procedure):
    """Breaks: CSC takes its word back, question=plan says so, and the clause stays green."""
    said = {"about_folio": "CSC-01-2026", "acknowledged_as": "CSC", "result": "rejected", "plan_version": 1}
    red = ask(institution(), after=[told("2026-11-20", "acknowledgement", **said)])
    assert set(red) == clauses_of(procedure, "annual_plan")


def test_a_kind_that_an_item_has_not_any_more_is_no_other_clause_s(ask):
    """Breaks: what was a database until its last night failed, and is code since, keeps 4.1.3 red for ever."""
    was = requested("DSE-05-2026-0004", "database", "actas", "daily")
    changed = accepted("DSE-05-2026-0005", since="2026-11-16", source="actas", amends_folio="DSE-05-2026-0004")
    is_now = [told("2026-11-15", **each) for each in changed]
    assert "4.1.3" in ask([*institution(), *was])
    assert "4.1.3" not in ask([*institution(), *was, *is_now])


def test_a_record_that_was_changed_turns_the_record_s_clauses_red(ask, procedure):
    lines = lines_of(institution())
    lines[5] = lines[5]._replace(content=lines[5].content.replace(b"2026", b"2025", 1))
    assert set(ask(institution(), lines=lines)) == clauses_of(procedure, "electronic_record")


def test_a_loan_that_is_not_given_back_turns_4_3_1_c_red(ask, procedure):
    loan = loan_record("CSC-03-2026-0001", requested_at="2026-11-10T09:20:00-06:00")
    records = [*institution(), told("2026-11-10", **loan)]
    assert set(ask(records)) == clauses_of(procedure, "loans")
    assert "4.3.1 c" not in ask(records, has_server=lambda server: server != "srv-web01")


def test_every_control_of_the_procedure_is_looked_at_and_belongs_to_a_clause(procedure):
    assert set(procedure.controls) == set(CONTROLS)
    assert {key for clause in procedure.clauses for key in clause.controls} == set(CONTROLS)


def test_a_control_of_which_nobody_knows_what_it_is_is_red(ask, procedure):
    clause = replace(procedure.clauses[0], controls=("drils",))
    controls = {**procedure.controls, "drils": replace(procedure.controls["restore_tests"], key="drils")}
    red = ask(institution(), procedure=replace(procedure, clauses=(clause,), controls=controls))
    assert list(red) == ["1.1"] and "drils" in red["1.1"][0]
