# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.tests.unit.factories import (
    CONTEXT,
    FORMS,
    backup_record,
    database_item,
    item,
    item_of,
    measured,
)
from hypothesis import given
from hypothesis import strategies as st

VERDICTS = ("first", "conforming", "review", "nonconforming")


def make(procedure, element, found, history=None, **how):
    return outcomes.backup(
        element, "srv-web01", found, history or History(), context=CONTEXT, procedure=procedure, **how
    )


def problems(procedure, entry):
    """What the forms have against an entry and what follows it, and whether it can be written at all."""
    json.dumps(entry, ensure_ascii=False).encode("utf-8")
    bare = {key: value for key, value in entry.items() if key != "follow_ups"}
    return [each for record in (bare, *entry.get("follow_ups", [])) for each in procedure.check_record(record)]


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("kind", list(FORMS))
def test_a_backup_of_every_kind_and_verdict_fits_its_form(procedure, kind, verdict):
    reasons = [] if verdict in ("first", "conforming") else ["el tamaño bajó 20.00 %"]
    found = measured(verification_result=verdict, reasons=reasons, baseline_change_pct=-20.0)
    history = History()
    history.add(backup_record(kind, "2026-09-01", size_bytes=1250))
    entry = make(procedure, item_of(kind), found, history)
    assert problems(procedure, entry) == []
    assert (entry["form_code"], entry["size_change_pct"]) == (FORMS[kind], -20.0)
    # What is not conforming is in the failure log too, about this very line.
    assert len(entry.get("follow_ups", [])) == len(reasons)
    for about in entry.get("follow_ups", []):
        assert (about["form_code"], about["failure_stage"], about["failure_type"]) == (
            "FOR 7.5 DSE 05",
            "verification",
            "size_out_of_band",
        )
        assert about["error_message"] == reasons[0]


@pytest.mark.parametrize(
    "database",
    [
        {"engine": "postgresql", "name": "escolares"},
        {"engine": "mariadb", "name": "escolares"},
        {"engine": "mysql", "name": "esc\nolares"},
        {"engine": "sqlite", "path": "/srv/a.sqlite"},
    ],
)
@pytest.mark.parametrize("tags", [{}, {"sha256": "ef" * 32, "tables": "7", "engine": "PostgreSQL 15.8"}])
def test_a_database_of_every_engine_fits_its_form(procedure, database, tags):
    found = measured(tags={"item": "escolares", **tags})
    entry = make(procedure, database_item(database=database), found)
    assert problems(procedure, entry) == []
    assert entry["sha256"] == tags.get("sha256", found["tree"])
    assert entry["database_engine"] == tags.get("engine", database["engine"])
    assert "\n" not in entry["database_name"]


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
REPORTED = st.fixed_dictionaries(
    {},
    optional={
        "started_at": TEXT,
        "finished_at": st.sampled_from(["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00Z", "2026-11-22", ""]),
        "tool_sha256": TEXT | st.none() | st.integers(),
        "remarks": st.lists(TEXT, max_size=2),
        "vanished": st.lists(TEXT, max_size=2),
    },
)
TAGS = st.dictionaries(st.sampled_from(["run", "mode", "tool", "sha256", "engine", "revision", "tables"]), TEXT)


@given(kind=st.sampled_from(list(FORMS)), tags=TAGS, reported=REPORTED)
def test_whatever_a_server_says_the_record_fits_its_form(procedure, kind, tags, reported):
    # A hostile server can spoil its own facts, not the official record.
    entry = make(procedure, item_of(kind), measured(tags={"item": "x", **tags}), reported=reported)
    assert problems(procedure, entry) == []
    assert entry["execution_mode"] in ("automatic", "manual")
    assert entry["file_name"] == "ab" * 32 and entry["size_bytes"] == 1000


def test_the_name_and_the_service_of_an_item_are_recorded_readable(procedure):
    entry = make(procedure, item(service="Portal\ud800\x1b[2J", paths=["/srv/\udcff\n"]), measured())
    assert (entry["service"], entry["source"]) == (r"Portal\ud800\x1b[2J", r"/srv/\xff\n")
    assert problems(procedure, entry) == []


# --- Times ------------------------------------------------------------------------------------------------------------

ARRIVED = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)


def times(procedure, began, ended, claimed=ARRIVED - timedelta(minutes=5)):
    reported = {"started_at": began.isoformat(), "finished_at": ended.isoformat()}
    found = measured(started_at=claimed.isoformat(), arrived_at=ARRIVED.isoformat())
    entry = make(procedure, item(), found, reported=reported)
    return datetime.fromisoformat(entry["started_at"]), datetime.fromisoformat(entry["finished_at"]), entry


def test_the_scripts_times_count_where_the_arrival_bears_them_out(procedure):
    # They include the dump, and are told in local time.
    began, ended = ARRIVED - timedelta(hours=3), ARRIVED + timedelta(minutes=1)
    assert times(procedure, began, ended)[:2] == (began, ended)
    assert times(procedure, began, ended)[2]["started_at"] == "2026-11-21T23:00:00-06:00"
    assert times(procedure, began, ended)[2]["backup_date"] == "2026-11-21"


@pytest.mark.parametrize(
    ("began", "ended"),
    [(-72, 0), (3, 4), (-1, -2), (-1, 24 * 400), (24 * 365 * 10, 24 * 365 * 10 + 1)],
)
def test_a_forged_time_of_the_script_gives_way(procedure, began, ended):
    # Faults 23: before, after, backwards.
    began, ended = ARRIVED + timedelta(hours=began), ARRIVED + timedelta(hours=ended)
    assert times(procedure, began, ended)[:2] == (ARRIVED - timedelta(minutes=5), ARRIVED)


def test_the_week_of_a_backup_is_that_of_its_local_day(procedure):
    # Sunday evening in Mexico is Monday in UTC.
    moment = "2026-11-23T03:00:00+00:00"
    entry = make(procedure, item(), measured(started_at=moment, arrived_at=moment))
    week = [entry[key] for key in ("backup_date", "iso_week", "week_start", "week_end")]
    assert week == ["2026-11-22", "2026-W47", "2026-11-16", "2026-11-22"]


def test_a_cycle_of_sixty_days(procedure):
    history = History()
    history.add(backup_record("images_documents", "2026-09-01"))
    moment = "2026-11-02T18:00:00+00:00"
    entry = make(procedure, item_of("images_documents"), measured(started_at=moment, arrived_at=moment), history)
    assert [entry[key] for key in ("cycle_number", "previous_backup_on", "due_on", "days_elapsed", "next_due_on")] == [
        2,
        "2026-09-01",
        "2026-10-31",
        62,
        "2027-01-01",
    ]


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "element",
    [
        item(),
        {"id": "srv-web01[3]"},
        {"id": "¡P!", "service": "x\ud800", "information_type": None},
        {"id": "portal-src", "item_id": "portal-src", "reason": "vencido", "source": "/x"},
    ],
)
@pytest.mark.parametrize("message", ["no respondió", "", "\ud800\n\x1b[2J", "x" * 9999])
def test_a_failure_of_anything_fits_its_form(procedure, element, message):
    now = datetime.now(procedure.zone)
    entry = outcomes.failure(element, "srv", message, context=CONTEXT, procedure=procedure, scheduled_for=now)
    assert problems(procedure, entry) == []
    assert entry["error_message"] and "\n" not in entry["error_message"]


@pytest.mark.parametrize(
    ("kind", "first", "last", "words"),
    [
        ("source_code", "2026-12-28", "2027-01-03", "la semana 2026-W53"),
        ("database", "2026-12-28", "2026-12-28", "el día 28/12/2026"),
        # What is due every sixty days fails on the last of them.
        ("images_documents", "2026-10-30", "2026-12-28", "la fecha límite 28/12/2026"),
    ],
)
def test_a_missed_slot_is_named_and_belongs_to_no_run(procedure, kind, first, last, words):
    days = date.fromisoformat(first), date.fromisoformat(last)
    context = replace(CONTEXT, execution_mode="manual", maintenance_ref="M-1")
    entry = outcomes.missed(
        item_of(kind), "srv", procedure.information_type(kind), *days, context=context, procedure=procedure
    )
    assert problems(procedure, entry) == []
    assert words in entry["error_message"]
    assert (entry["run_id"], entry["failure_type"], entry["execution_mode"]) == (None, "not_run", "automatic")
    assert entry["scheduled_for"] == "2026-12-28T00:00:00-06:00"


def test_an_extra_backup_carries_its_reference(procedure):
    context = replace(CONTEXT, execution_mode="manual", maintenance_ref="OT-17")
    found = measured(tags={"item": "portal-src"})
    entry = outcomes.backup(item(), "srv", found, History(), context=context, procedure=procedure)
    assert (entry["maintenance_ref"], entry["execution_mode"]) == ("OT-17", "manual")
    assert problems(procedure, entry) == []


def test_a_server_whose_clock_is_behind_cannot_move_its_backup_to_another_day(procedure):
    planned = datetime.now(timezone.utc).replace(microsecond=0)
    behind = (planned - timedelta(hours=30)).isoformat()
    entry = make(procedure, item(), measured(started_at=behind, arrived_at=planned.isoformat()), not_before=planned)
    assert datetime.fromisoformat(entry["started_at"]) == planned
    assert entry["backup_date"] == planned.astimezone(procedure.zone).date().isoformat()
