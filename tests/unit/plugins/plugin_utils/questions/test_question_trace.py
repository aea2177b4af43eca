# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import gives_its_hash
from ansible_collections.dse.backup.plugins.plugin_utils.questions.trace import trace
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    acknowledgement_record,
    backup_record,
    chained,
    closing_record,
    delivery_record,
    failure_record,
    loan_record,
    loan_step,
    review_record,
    rows_of,
    started,
)

FOLIO = "DSE-02-2026-0046"


def at(day, hour, **record):
    return {**record, "recorded_at": f"2026-11-{day}T{hour}:00.000-06:00"}


REQUEST, ACCEPTED = (at("01", f"09:0{number}", **each) for number, each in enumerate(accepted()))
OPENED = at("10", "01:59", **started("R1"))
BACKUP = at("10", "02:06", **backup_record("source_code", "2026-11-10", folio=FOLIO, run_id="R1"))
ENDED = at("10", "02:07", record_type="run", run_event="ended", run_id="R1")
# Another one is compared with it, of another run.
NEXT = at(
    *("17", "02:06"),
    **backup_record("source_code", "2026-11-17", folio="DSE-02-2026-0047", previous_file_name=BACKUP["file_name"]),
)
DELIVERED = at("12", "09:01", **delivery_record("CSC-02-2026-0001", FOLIO, delivered_at="2026-11-12T09:00:00-06:00"))
RECEIVED = {**acknowledgement_record("CSC-02-2026-0001"), **at("12", "12:00")}
DAMAGED = at(
    *("18", "03:00"),
    **{"record_type": "run", "run_event": "verified", "run_id": "R2", "server": "srv-web01", "read": "1/30"},
    **{"result": "damaged", "damaged_file_names": [BACKUP["file_name"]]},
)
FAILED = at(
    *("18", "03:01"),
    **failure_record("2026-11-18", folio="DSE-05-2026-0015", about_folio=FOLIO, failure_stage="jaa_copy"),
)
FILE = {"folio": FOLIO, "item_id": "portal-src", "server": "srv-web01", "sha256": "cd" * 32}
LENT = at("18", "09:00", **loan_record("CSC-03-2026-0001", files=[FILE]))
AUTHORISED = {**loan_step("CSC-03-2026-0001", "authorised"), **at("18", "10:00")}
RECOVERED = at(
    *("18", "11:00"),
    **{"record_type": "recovery", "form_code": "FOR 7.5 DSE 05", "folio": "DSE-05-2026-0016", "copy_used": "csc"},
    **{"item_id": "portal-src", "server": "srv-web01", "destination_server": "srv-web01", "destination": "/r"},
    **{"backup_folio": FOLIO, "loan_folio": "CSC-03-2026-0001", "result": "restored"},
    **{"started_at": "2026-11-18T10:30:00-06:00", "finished_at": "2026-11-18T10:59:00-06:00"},
)
CONTENT = {**acknowledgement_record("DSE-05-2026-0016", "CGDW"), **at("18", "12:00")}
CLOSED = {**closing_record("DSE-05-2026-0015", "2026-11-19"), **at("19", "09:00")}
REVIEWED = {**review_record("DSE-02-2026-W46", FOLIO), **at("20", "09:00")}
MENDED = at(
    *("20", "10:00"),
    **{"record_type": "run", "run_event": "verified", "run_id": "R3", "server": "srv-web01", "read": "all"},
    **{"result": "intact", "damaged_file_names": []},
)
PRUNED = at(
    *("21", "05:00"),
    **{"record_type": "disposal", "server": "srv-web01", "result": "done"},
    disposed=[{"file_name": BACKUP["file_name"], "folio": FOLIO, "item_id": "portal-src"}],
)
WHOLE = [
    *(REQUEST, ACCEPTED, OPENED, BACKUP, ENDED, DELIVERED, RECEIVED, NEXT, DAMAGED, FAILED, LENT, AUTHORISED),
    *(RECOVERED, CONTENT, CLOSED, REVIEWED, MENDED, PRUNED),
]


@pytest.fixture
def ask(ask_it):
    return functools.partial(ask_it, trace)


def test_one_backup_is_traced_from_its_request_to_its_end_and_of_each_record_the_hash_is_told(ask):
    """Breaks: between a request and what was brought back a step cannot be found, or stands there that is another's."""
    answer = ask(*WHOLE, folio=FOLIO)
    steps = rows_of(answer, "steps")
    assert [(each["step"], each["folio"] or each["about_folio"]) for each in steps] == [
        ("backup_request", "DSE-05-2026-0001"),
        ("decision", "DSE-05-2026-0001"),
        ("slot", None),
        ("run", None),
        ("backup", FOLIO),
        ("run", None),
        ("delivery", "CSC-02-2026-0001"),
        ("acknowledgement", "CSC-02-2026-0001"),
        ("verified", None),
        ("failure", "DSE-05-2026-0015"),
        ("loan", "CSC-03-2026-0001"),
        ("loan", "CSC-03-2026-0001"),
        ("recovery", "DSE-05-2026-0016"),
        ("acknowledgement", "DSE-05-2026-0016"),
        ("closing", "DSE-05-2026-0015"),
        ("closing", "DSE-02-2026-W46"),
        ("verified", None),
        ("disposal", None),
    ]
    assert {each["is_intact"] for each in steps if each["step"] != "slot"} == {True}
    assert [each["state"] for each in rows_of(answer, "links")] == ["ok"] * 5
    assert answer.problems == [] and answer.all_is_well.startswith("La cadena está completa")
    (backup,) = rows_of(answer, "backup")
    assert (backup["backup_folio"], backup["request_folio"]) == (FOLIO, "DSE-05-2026-0001")


@pytest.mark.parametrize(
    "folio",
    ["DSE-05-2026-0015", "CSC-02-2026-0001", "CSC-03-2026-0001", "DSE-05-2026-0016"],
)
def test_any_folio_of_the_chain_leads_to_the_same_backup(ask, folio):
    answer = ask(*WHOLE, folio=folio)
    assert answer.title == f"RASTRO DE {FOLIO} · srv-web01 · portal-src"


def test_of_what_leads_to_several_the_newest_is_traced_and_the_others_are_named(ask):
    answer = ask(*WHOLE, folio="DSE-05-2026-0001")
    assert answer.title.startswith("RASTRO DE DSE-02-2026-0047")
    assert [each["backup_folio"] for each in rows_of(answer, "others")] == [FOLIO]


def test_an_altered_record_shows_in_the_trail_and_without_a_folio(ask, in_memory):
    """Breaks: somebody changes what CSC received, and the chain looks complete."""
    changed = {**BACKUP, "size_bytes": 999}

    def with_change(question, **more):
        lines = [
            each.replace(b'"size_bytes":1000', b'"size_bytes":999') for each in chained([REQUEST, ACCEPTED, BACKUP])
        ]
        path = in_memory / "ledger-2026.jsonl"

        def asked(given):
            path.write_bytes(b"".join(lines))
            return question(given)

        return ask.func(asked, *WHOLE[:2], changed, **more)

    answer = with_change(trace, folio=FOLIO)
    assert [each["is_intact"] for each in rows_of(answer, "steps") if each["step"] == "backup"] == [False]
    assert answer.problems[0] == f"REGISTROS ALTERADOS: {FOLIO}"
    assert answer.next_command == "ansible-playbook playbooks/ledger.yml"
    answer = with_change(trace)
    assert rows_of(answer, "altered") == [{"file": "ledger-2026.jsonl", "line": 3}]
    assert answer.problems[0] == "LÍNEAS ALTERADAS EN EL REGISTRO: 1"


def test_a_line_s_hash_is_looked_at_without_reading_it_as_a_record():
    whole = chained([{**BACKUP, "remarks": 'dice ,"record_sha256":"' + "0" * 64 + '"'}])[0]
    assert gives_its_hash(whole) and gives_its_hash(whole.rstrip(b"\n"))
    for changed in (whole.replace(b"portal-src", b"portal-srx"), b"no es un registro\n", b"\n"):
        assert not gives_its_hash(changed)


def broken(answer):
    return {each["link"]: (each["backup_folios"], each["detail"]) for each in rows_of(answer, "broken")}


def test_without_a_folio_every_broken_link_is_told_and_how_many_chains_are_whole(ask):
    """Breaks: a backup that nobody asked for, or that CSC never got, hides among thousands."""
    good = [REQUEST, ACCEPTED, BACKUP, DELIVERED, RECEIVED]
    answer = ask(*good)
    assert (rows_of(answer, "broken"), answer.problems) == ([], [])
    (item,) = rows_of(answer, "items")
    assert (item["backup_count"], item["ok"], item["pending"], item["broken"]) == (1, 1, 0, 0)
    assert rows_of(ask(*good, NEXT, today="2026-11-18"), "items")[0]["pending"] == 1

    answer = ask(BACKUP, DELIVERED, RECEIVED)
    assert broken(answer) == {"request": ([FOLIO], "la solicitud DSE-05-2026-0001 no está en el registro")}
    assert answer.problems == ["SOLICITUD ACEPTADA: portal-src"]
    late = {**ACCEPTED, "valid_from": "2026-11-15"}
    assert broken(ask(REQUEST, late, BACKUP, DELIVERED, RECEIVED))["request"][1].endswith("no estaba vigente ese día")

    answer = ask(*good, NEXT, today="2026-11-24")
    assert broken(answer) == {"delivery": ([NEXT["folio"]], "falta la entrega a CSC")}
    assert answer.next_command == "ansible-playbook playbooks/deliver.yml --limit srv-web01"
    assert "acknowledge_as=CSC" in ask(*good[:-1]).next_command

    doubtful = {**NEXT, "verification_result": "review"}
    answer = ask(*good, doubtful)
    assert broken(answer) == {"decision": ([NEXT["folio"]], "falta el dictamen de JAA")}
    assert "accept_folio=DSE-02-2026-0047" in answer.next_command

    answer = ask(*good, DAMAGED)
    assert broken(answer) == {"jaa_copy": ([FOLIO], "dañada")}
    assert answer.next_command == "ansible-playbook playbooks/repair.yml --limit srv-web01"

    answer = ask(*good, RECOVERED)
    assert broken(answer) == {"acceptance": ([FOLIO], "falta la conformidad del CGDW")}


def test_what_was_pruned_without_a_second_copy_is_nobody_s_task_any_more(ask):
    answer = ask(REQUEST, ACCEPTED, BACKUP, PRUNED)
    assert answer.problems == []
    links = rows_of(ask(REQUEST, ACCEPTED, BACKUP, PRUNED, folio=FOLIO), "links")
    assert [each["detail"] for each in links if each["link"] == "delivery"] == [
        "depurado el 21/11/2026 sin entregarse",
    ]


def test_a_folio_that_leads_nowhere_is_said_to(ask):
    answer = ask(*WHOLE, folio="DSE-02-2026-9999")
    assert answer.problems == ["DSE-02-2026-9999: no está en el registro oficial"]
    assert ask(REQUEST, folio="DSE-05-2026-0001").problems == ["DSE-05-2026-0001: no lleva a ningún respaldo"]
