# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every question, asked of the sample institution's autumn on 24 November 2026 at noon.

What is expected is told by the story (molecule/story/tests/test_story.py) and by the procedure. Which of a night's
backups has which folio is not: they are named by their item and day.
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.screen import report
from ansible_collections.dse.backup.tests.unit import autumn
from ansible_collections.dse.backup.tests.unit.factories import rows_of

CONFIGURATIONS = ["etc-app01", "etc-db01", "etc-lms01", "etc-web01"]
DOCUMENTS = ["lms-files", "portal-media", "repositorio-docs"]
SOURCES = ["escolares-src", "lms-src", "portal-src"]
DUMPS = ["db-escolares", "db-lms", "db-portal"]
ITEMS = sorted([*CONFIGURATIONS, *DOCUMENTS, *SOURCES, *DUMPS])
SERVERS = ["srv-app01", "srv-db01", "srv-lms01", "srv-web01"]
SUNDAY = "2026-11-22"


@pytest.fixture(scope="module")
def index():
    with Index.for_reading(str(autumn.LEDGER)) as index:
        yield index
    assert [path.name for path in autumn.LEDGER.iterdir()] == ["ledger-2026.jsonl"], "whoever asks writes nothing"


@pytest.fixture(scope="module")
def ask(index, procedure):
    """Ask a question by its name; ``about`` is what it is asked about."""
    return lambda question, **about: QUESTIONS[question](autumn.asked(index, procedure, **about))


@pytest.fixture(scope="module")
def backup_of(index):
    """The folio of an item's backup of a day."""

    def folio(item_id, day):
        (backup,) = (each for each in index.backups(item_id=item_id) if each.backup_date == day)
        return backup.folio

    return folio


@pytest.fixture(scope="module")
def unacknowledged(index):
    """The delivery of 17 November of which CSC has said nothing."""
    (delivery,) = index.unacknowledged_deliveries()
    assert (delivery["server"], delivery["delivered_at"][:10]) == ("srv-lms01", "2026-11-17")
    return delivery["folio"]


def by_item(answer, name, *keys):
    """The rows of a section, each with these of its values, by the item that it is of."""
    return {row["item_id"]: tuple(row[key] for key in keys) for row in rows_of(answer, name)}


# What needs action, by the questions that say so.
CSC_S_WORD = {
    "overdue": "ENTREGAS SIN ACUSE DE CSC DESPUÉS DE 7 DÍAS (acknowledge.yml): 1",
    "copies": "ACUSE DE CSC VENCIDO: lms-src",
    "trace": "ENTREGA A CSC Y SU ACUSE: lms-src",
    "conformity": "4.1.6 Una copia con JAA, la otra con CSC: {folio}: sin acuse de CSC",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_says_what_needs_action_and_no_more(ask, unacknowledged, question):
    answer = ask(question)
    expected = [CSC_S_WORD[question].format(folio=unacknowledged)] if question in CSC_S_WORD else []
    assert answer.problems == expected
    if expected:
        assert f'{{"acknowledge_folio": ["{unacknowledged}"]}}' in answer.next_command
    assert report.answer(answer, "24/11/2026 12:00", str(autumn.LEDGER)) and json.dumps(answer.plain())


# --- CSC --------------------------------------------------------------------------------------------------------------


def test_copies_csc_has_what_was_delivered_and_owes_its_word_on_one(ask):
    answer = ask("copies")
    # Delivered until 17 November is what is older than seven days; the rest has its time.
    expected = {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS], ("undelivered", 2, 1, 1, 0)),
        **dict.fromkeys(SOURCES, ("undelivered", 3, 2, 1, 0)),
        "lms-src": ("acknowledgement_overdue", 3, 2, 1, 1),
        **dict.fromkeys(DUMPS, ("undelivered", 8, 2, 6, 0)),
    }
    kept = ("state", "backup_count", "with_both", "only_with_jaa", "unacknowledged")
    assert by_item(answer, "items", *kept) == expected
    # Of portal-src one bit was turned; it was mended from what CSC lent.
    assert rows_of(answer, "damaged") == rows_of(answer, "rejected") == []


def test_overdue_is_csc_s_word_and_nothing_else(ask, unacknowledged):
    answer = ask("overdue")
    late = {section.name: section.rows for section in answer.sections if section.rows}
    assert list(late) == ["acknowledgements"]
    assert [(row["delivery_folio"], row["due_on"]) for row in late["acknowledgements"]] == [
        (unacknowledged, "2026-11-24")
    ]
    assert ask("overdue", moment="2026-11-23T12:00").problems == []


def test_loans_the_one_there_was_is_over(ask, backup_of):
    answer = ask("loans")
    assert rows_of(answer, "open") == []
    (loan,) = rows_of(answer, "closed")
    assert (loan["loan_folio"], loan["state"], loan["failure_folio"]) == (
        *("CSC-03-2026-0001", "received_back", "DSE-05-2026-0015"),
    )
    assert (loan["backup_folios"], loan["check_on_receipt"]) == ([backup_of("portal-src", "2026-11-09")], "conforming")
    assert (loan["requested_at"][:10], loan["since"][:16]) == ("2026-11-19", "2026-11-20T12:05")


# --- What was asked for -----------------------------------------------------------------------------------------------


def test_requests_were_all_decided_and_what_was_accepted_is_done(ask):
    answer = ask("requests")
    found = {int(row["request_folio"][-4:]): row for row in rows_of(answer, "requests")}
    assert list(found) == list(range(1, 13))
    states = {number: (row["state"], row["is_in_force"]) for number, row in found.items()}
    accepted = dict.fromkeys(range(1, 11), ("accepted", True))
    assert states == {**accepted, 11: ("rejected", False), 12: ("cancelled", False)}
    assert {number for number, row in found.items() if row["contains_personal_data"]} == {5, 7}
    assert {number: row["valid_from"] for number, row in found.items()} == {
        **dict.fromkeys([1, 4, 6], "2026-11-09"),
        **dict.fromkeys([3, 5, 7], "2026-11-16"),
        **dict.fromkeys([2, 8, 9, 10], "2026-09-24"),
        **dict.fromkeys([11, 12], None),
    }
    # Two cycles, three weeks, nine days without a Sunday; one request for the four configurations.
    counts = {number: row["backup_count"] for number, row in found.items()}
    assert counts == {1: 3, 2: 2, 3: 8, 4: 3, 5: 8, 6: 3, 7: 8, 8: 2, 9: 2, 10: 4 * 2, 11: 0, 12: 0}
    assert {number: row["conforming_count"] for number, row in found.items()} == counts
    assert sorted(found[10]["item_ids"]) == CONFIGURATIONS
    assert found[9]["service_request_folio"] == "DAU-01-2026-0001"
    assert (found[11]["reason"], found[12]["reason"]) == ("fuera del alcance (1.2)", "el sitio se dio de baja")


def test_coverage_is_whole_of_what_was_accepted(ask):
    answer = ask("coverage")
    ages = {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS, *SOURCES], ("covered", 1)),
        **dict.fromkeys([*DUMPS, "lms-files"], ("covered", 0)),
    }
    assert by_item(answer, "items", "state", "age_days") == ages
    kinds = {(row["server"], row["information_type"]): row["covered"] for row in rows_of(answer, "kinds")}
    assert kinds == {
        **dict.fromkeys([(server, "server_configuration") for server in SERVERS], 1),
        **dict.fromkeys([(server, "images_documents") for server in SERVERS if server != "srv-db01"], 1),
        **dict.fromkeys([(server, "source_code") for server in SERVERS if server != "srv-db01"], 1),
        ("srv-db01", "database"): 3,
    }
    assert rows_of(answer, "refused") == rows_of(answer, "servers") == []
    # What nobody asked for (/srv/www/encuestas, foro) only the servers know.
    assert "coverage.yml" in answer.all_is_well


# --- What went wrong --------------------------------------------------------------------------------------------------


def test_verification_doubted_one_and_jaa_decided(ask, backup_of):
    answer = ask("verification")
    assert {row["item_id"] for row in rows_of(answer, "first")} == set(ITEMS) and len(rows_of(answer, "first")) == 13
    (decided,) = rows_of(answer, "decided")
    assert (decided["backup_folio"], decided["decision"]) == (backup_of("db-lms", "2026-11-20"), "accepted")
    assert round(decided["size_change_pct"]) == -62
    assert decided["reason"] == "Educación a Distancia depuró los cursos de 2019"
    assert decided["failure_folio"]
    # What JAA accepted is what the next one is compared with.
    newest = {(row["item_id"], row["backup_date"]): row for row in rows_of(answer, "newest")}
    assert newest["db-lms", "2026-11-21"]["baseline_size_bytes"] == decided["size_bytes"]
    assert {row["verification_result"] for row in newest.values()} == {"first", "conforming"}
    assert rows_of(answer, "undecided") == rows_of(answer, "shrinking") == []


def test_failures_were_eight_and_each_is_closed_by_its_evidence(ask):
    answer = ask("failures")
    found = [
        tuple(
            row[key] for key in ("item_id", "scheduled_for", "failure_stage", "failure_type", "evidence", "closed_on")
        )
        for row in rows_of(answer, "closed")
    ]
    assert sorted((item_id, when[:10], *rest) for item_id, when, *rest in found) == [
        ("db-escolares", "2026-11-18", "backup", "error", "backup", "2026-11-18"),
        ("db-escolares", SUNDAY, "backup", "not_run", "decision", "2026-11-23"),
        ("db-lms", "2026-11-20", "verification", "size_out_of_band", "decision", "2026-11-20"),
        ("db-lms", SUNDAY, "backup", "not_run", "decision", "2026-11-23"),
        ("db-portal", SUNDAY, "backup", "not_run", "decision", "2026-11-23"),
        ("lms-files", "2026-11-23", "backup", "error", "backup", "2026-11-24"),
        ("lms-files", "2026-11-24", "backup", "error", "backup", "2026-11-24"),
        ("portal-src", "2026-11-19", "jaa_copy", "checksum", "repair", "2026-11-19"),
    ]
    hours = {row["failure_folio"]: row["hours_to_resolve"] for row in rows_of(answer, "closed")}
    assert hours["DSE-05-2026-0013"] == 8.5
    # Three within thirty days would be a repetition.
    assert rows_of(answer, "open") == rows_of(answer, "repeated") == []


def test_restores_brought_back_what_portal_asked_for_from_both_copies(ask, backup_of):
    answer = ask("restores")
    used = backup_of("portal-src", "2026-11-09")
    kept = ("recovery_folio", "backup_folio", "copy_used", "loan_folio", "result", "acceptance")
    loan = "CSC-03-2026-0001"
    assert [tuple(row[key] for key in kept) for row in rows_of(answer, "recoveries")] == [
        ("DSE-05-2026-0017", used, "csc", loan, "restored", "accepted"),
        ("DSE-05-2026-0016", used, "csc", loan, "not_restored", None),
        ("DSE-05-2026-0014", used, "jaa", None, "restored", "accepted"),
    ]
    assert {row["reason"] for row in rows_of(answer, "recoveries")} == {"accidental_deletion"}
    drills = {row["item_id"]: row for row in rows_of(answer, "drills")}
    assert {item_id: row["result"] for item_id, row in drills.items()} == {
        "db-escolares": "passed",
        "repositorio-docs": "passed",
    }
    assert drills["db-escolares"]["rows_match"] is drills["db-escolares"]["schema_matches"] is True
    # Everything else was first backed up less than ninety days ago.
    assert by_item(answer, "items", "state", "proved_on", "proved_by") == {
        **dict.fromkeys(ITEMS, ("new", None, None)),
        "portal-src": ("proved", "2026-11-19", "loan"),
        **dict.fromkeys(drills, ("proved", "2026-11-21", "drill")),
    }
    assert len(ask("restores", moment="2027-03-01T12:00").problems) == 1, "ninety days later all of it is overdue"


# --- The calendar -----------------------------------------------------------------------------------------------------


def test_plan_was_approved_and_received_and_nine_in_ten_were_done_on_time(ask):
    answer = ask("plan")
    # Daily from 16 November on: Sunday 22 was missed; the dump of 18 November came by hand, later that day.
    expected = {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS], (2, 0, 0, 100.0)),
        "lms-files": (1, 1, 0, 50.0),
        **dict.fromkeys(SOURCES, (3, 0, 0, 100.0)),
        **dict.fromkeys(DUMPS, (8, 0, 1, 88.9)),
        "db-escolares": (7, 1, 1, 77.8),
    }
    assert by_item(answer, "items", "done", "late", "missed", "compliance_pct") == expected
    assert {row["state"] for row in rows_of(answer, "items")} == {"approved"}
    (total,) = rows_of(answer, "total")
    # 46 days of three databases, eight weeks of three sources (week 53 is the last), two cycles of the rest.
    assert (total["planned"], total["done"], total["late"], total["missed"]) == (3 * 46 + 3 * 8 + 7 * 2, 45, 2, 3)
    assert (total["pending"], total["mitigated"], total["compliance_pct"]) == (176 - 50, 0, 90.0)
    # What is older than seven days: 7 of September, 3 of week 46, 6 of 16 and 3 of 17 November.
    assert (total["deliveries_planned"], total["deliveries_done"]) == (19, 19)
    (version,) = rows_of(answer, "versions")
    assert (version["plan_version"], version["line_count"]) == (1, 13)
    assert (version["approved_by"], version["received_by"]) == ("JAA", "CSC")


def test_week_47_is_closed_without_its_sunday(ask):
    answer = ask("week")
    assert "2026-W47" in answer.title and ask("week", week="2026-W47").plain() == answer.plain()
    closed = {row["week"]: row for row in rows_of(answer, "weeks")}
    kept = ("slots_expected", "slots_covered", "closed_on", "week_closed_by", "news")
    assert {week: tuple(row[key] for key in kept) for week, row in closed.items()} == {
        "DSE-02-2026-W47": (3, 3, "2026-11-23", "JAA", []),
        "DSE-03-2026-W47": (21, 18, "2026-11-23", "JAA", []),
    }
    assert len(closed["DSE-03-2026-W47"]["missing"]) == 3
    assert "mantenimiento eléctrico" in closed["DSE-03-2026-W47"]["cause"]
    days = {row["item_id"]: [slot["state"] for slot in row["slots"]] for row in rows_of(answer, "dse_03")}
    good = ["done"] * 6 + ["missed"]
    assert days == {**dict.fromkeys(DUMPS, good), "db-escolares": ["done", "done", "late", *good[3:]]}
    modes = {row["item_id"]: [slot["execution_mode"] for slot in row["slots"]] for row in rows_of(answer, "dse_03")}
    assert modes["db-escolares"][2] == "manual" and modes["db-lms"][2] == "automatic"
    doubtful = [slot["verification_result"] for row in rows_of(answer, "dse_03") for slot in row["slots"]]
    assert (doubtful.count("first"), doubtful.count("conforming"), doubtful.count("nonconforming")) == (3, 14, 1)
    # The next cycle began on Monday of week 48.
    assert rows_of(answer, "dse_04") == []


def test_week_48_goes_on_and_lacks_nothing_yet(ask):
    answer = ask("week", week="2026-W48")
    assert by_item(answer, "dse_04", "backup_date") == {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS], ("2026-11-23",)),
        "lms-files": ("2026-11-24",),
    }
    days = {row["item_id"]: [slot["state"] for slot in row["slots"]] for row in rows_of(answer, "dse_03")}
    assert days == dict.fromkeys(DUMPS, ["done"] * 2 + ["pending"] * 5)


def test_gaps_are_all_in_the_failure_log_and_closed(ask, backup_of):
    answer = ask("gaps")
    found = {(row["item_id"], row["last"]): row for row in rows_of(answer, "gaps")}
    by_hand = backup_of("db-escolares", "2026-11-18")
    late = backup_of("lms-files", "2026-11-24")
    assert {key: (row["state"], row["covered_by"], row["failure_state"]) for key, row in found.items()} == {
        ("db-escolares", "2026-11-18"): ("late", by_hand, "closed"),
        **dict.fromkeys([(item_id, SUNDAY) for item_id in DUMPS], ("missed", None, "closed")),
        ("lms-files", "2026-11-23"): ("late", late, "closed"),
    }
    assert found["db-escolares", "2026-11-18"]["failure_folios"] == ["DSE-05-2026-0013"]
    # It was tried on day 60 and on day 61.
    assert len(found["lms-files", "2026-11-23"]["failure_folios"]) == 2


# --- All of it --------------------------------------------------------------------------------------------------------


def test_conformity_lacks_csc_s_word_and_nothing_else(ask, unacknowledged):
    answer = ask("conformity")
    (failing,) = (row for row in rows_of(answer, "clauses") if row["state"] == "nonconforming")
    assert (failing["clause"], failing["control"]) == ("4.1.6", "second_copy")
    assert unacknowledged in failing["faults"][0]
    # No medium was labelled, and nothing failed three times.
    never = {row["control"] for row in rows_of(answer, "clauses") if row["state"] == "no_cases"}
    assert never == {"media_labels", "nonconformities"}
    evidence = {row["control"]: row["evidence_on"] for row in rows_of(answer, "clauses")}
    assert evidence["restore_tests"] == "2026-11-21"
    assert evidence["repository_readings"] == evidence["loans"] == "2026-11-19"
    assert evidence["failure_log"] == evidence["weekly_review"] == "2026-11-23"
    assert evidence["scheduled_backups"] == evidence["manual_backups"] == "2026-11-24"


def test_versions_are_all_there_by_one_script(ask, index):
    (script,) = {index.record(each.folio).get("tool_sha256") for each in index.backups()} - {None}
    answer = ask("versions", script_sha256=script)
    kept = ("version_count", "restorable_count", "with_csc_count", "damaged_count", "removed_count")
    assert by_item(answer, "items", *kept) == {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS], (2, 2, 1, 0, 0)),
        **dict.fromkeys(SOURCES, (3, 3, 2, 0, 0)),
        **dict.fromkeys(DUMPS, (8, 8, 2, 0, 0)),
    }
    versions = rows_of(answer, "versions")
    assert len(versions) == 7 * 2 + 3 * 3 + 3 * 8
    assert [row["is_acknowledged"] for row in versions].count(False) == 1
    # Of what was made on the server by hand only the backup server knew.
    counts = {row["server"]: row["backup_count"] for row in rows_of(answer, "scripts")}
    assert counts == {**dict.fromkeys(SERVERS, 7), "srv-db01": 25}
    assert {row["tool"] for row in rows_of(answer, "scripts")} == {"dse-backup 1.0.0"}
    (procedure,) = rows_of(answer, "procedure")
    assert (procedure["revision"], procedure["date"]) == (8, "2012-02-13")
    other = ask("versions", script_sha256="0" * 64)
    assert len(other.problems) == 1 and "playbooks/deploy.yml" in other.next_command


def test_trace_misses_one_word_of_csc_s(ask, backup_of):
    answer = ask("trace")
    assert by_item(answer, "items", "backup_count", "ok", "pending", "broken") == {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS], (2, 1, 1, 0)),
        **dict.fromkeys(SOURCES, (3, 2, 1, 0)),
        "lms-src": (3, 1, 1, 1),
        **dict.fromkeys(DUMPS, (8, 2, 6, 0)),
    }
    (broken,) = rows_of(answer, "broken")
    assert (broken["item_id"], broken["link"]) == ("lms-src", "delivery")
    assert broken["backup_folios"] == [backup_of("lms-src", "2026-11-16")]
    assert rows_of(answer, "altered") == []


def test_trace_of_one_leads_from_its_request_over_csc_s_loan_to_the_cgdw_s_word(ask, backup_of):
    answer = ask("trace", folio="CSC-03-2026-0001")
    (backup,) = rows_of(answer, "backup")
    assert backup["backup_folio"] == backup_of("portal-src", "2026-11-09")
    assert {row["link"]: row["state"] for row in rows_of(answer, "links")} == dict.fromkeys(
        ("request", "decision", "jaa_copy", "delivery", "acceptance"), "ok"
    )
    steps = rows_of(answer, "steps")
    assert [(row["at"][5:10], row["step"]) for row in steps] == [
        *(("09-14", "backup_request"), ("09-15", "decision"), ("09-15", "plan")),
        *(("11-09", "slot"), ("11-09", "run"), ("11-09", "backup"), ("11-09", "run")),
        *(("11-10", "delivery"), ("11-10", "acknowledgement")),
        # From JAA's copy; then that is damaged, and CSC is asked for its own.
        *(("11-19", "recovery"), ("11-19", "acknowledgement")),
        *(("11-19", "failure"), ("11-19", "loan"), ("11-19", "recovery")),
        # Authorised, lent, checked; brought back; repaired, and all repositories read.
        *(("11-19", "loan"), ("11-19", "loan"), ("11-19", "loan"), ("11-19", "recovery"), ("11-19", "acknowledgement")),
        *(("11-19", "verified"), ("11-19", "closing"), ("11-19", "verified")),
        *(("11-20", "loan"), ("11-20", "loan")),
        # Its week, 46.
        ("11-23", "closing"),
    ]
    assert {row["is_intact"] for row in steps if row["step"] != "slot"} == {True}
    assert rows_of(answer, "others") == []


@pytest.mark.parametrize(
    ("folio", "item_id", "others"),
    [("DSE-05-2026-0001", "portal-src", 2), ("DAU-01-2026-0001", "repositorio-docs", 1)],
)
def test_trace_of_what_was_asked_for_is_of_its_newest_backup(ask, backup_of, folio, item_id, others):
    answer = ask("trace", folio=folio)
    (backup,) = rows_of(answer, "backup")
    assert backup["backup_folio"] == backup_of(item_id, "2026-11-23")
    assert len(rows_of(answer, "others")) == others
    assert [row["step"] for row in rows_of(answer, "steps")].count("service_request") == (item_id == "repositorio-docs")


def test_integrity_of_the_record_and_of_four_repositories(ask):
    answer = ask("integrity")
    (ledger,) = rows_of(answer, "ledger")
    assert ledger["is_whole"] is True
    assert ledger["record_count"] == len((autumn.LEDGER / "ledger-2026.jsonl").read_text("utf-8").splitlines())
    assert {"DSE-05-2026-0023", "DSE-03-2026-0024", "CSC-02-2026-0011"} <= {*ledger["highest_folios"]}
    kept = ("state", "verified_on", "read", "backup_count", "damaged_count")
    assert {row["server"]: tuple(row[key] for key in kept) for row in rows_of(answer, "repositories")} == {
        **dict.fromkeys(SERVERS, ("intact", "2026-11-19", "all", 7, 0)),
        "srv-db01": ("intact", "2026-11-19", "all", 26, 0),
    }
    assert rows_of(answer, "faults") == rows_of(answer, "damaged") == rows_of(answer, "anchors") == []
    # That nothing is missing at its end no chain can tell.
    assert "ledger_anchor_to" in answer.all_is_well


def test_retention_lets_nothing_go_yet(ask):
    answer = ask("retention")
    assert by_item(answer, "items", "kept_count", "prunable_count", "removed_count", "is_short") == {
        **dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS], (2, 0, 0, False)),
        **dict.fromkeys(SOURCES, (3, 0, 0, False)),
        **dict.fromkeys(DUMPS, (8, 0, 0, False)),
    }
    assert rows_of(answer, "prunable") == rows_of(answer, "prunes") == []
    forms = {row["form_code"][4:]: row for row in rows_of(answer, "forms")}
    kept = ("record_count", "open_count", "kept_count", "next_until")
    assert {form: tuple(row[key] for key in kept) for form, row in forms.items()} == {
        # Weeks 46 and 47 are closed, week 48 and the year of DSE 04 and of the plan go on.
        "7.5 DSE 02": (9, 3, 6, "2027-11-23"),
        "7.5 DSE 03": (24, 6, 18, "2027-11-23"),
        "7.5 DSE 04": (14, 14, 0, None),
        "7.5 CSC 01": (13, 13, 0, None),
        # Ten requests are in force. One was rejected and one cancelled; 8 failures, 3 recoveries are over.
        "7.5 DSE 05": (23, 10, 13, "2027-09-15"),
        "7.2 DAU 01": (1, 0, 1, "2027-09-24"),
        # One delivery waits for CSC.
        "7.5 CSC 02": (11, 1, 10, "2027-09-29"),
        "7.5 CSC 03": (1, 0, 1, "2027-11-20"),
    }
    (year,) = rows_of(answer, "years")
    assert (year["ledger_year"], year["is_disposable"]) == (2026, False)
