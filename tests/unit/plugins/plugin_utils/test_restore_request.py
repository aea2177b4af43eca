# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.restore_request import resolve
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    database_item,
    delivery_record,
    item,
    loan_record,
)
from hypothesis import given
from hypothesis import strategies as st

HOSTS = ["srv-web01", "srv-db01", "srv-web02"]
ITEMS = {"portal-src": item(), "escolares": database_item()}
GOOD = {
    "item": "portal-src",
    "target": "/srv/recuperado",
    "reason": "accidental_deletion",
    "requester": "Portal Institucional",
}


def web(day, result="conforming", **more):
    when = {"started_at": f"{day}T23:00:00-06:00", "source": "/srv/www/portal"}
    return backup_record("source_code", day, result, file_name=f"{day.replace('-', '')}{'0' * 56}", **{**when, **more})


def database(day, **more):
    of = {"item_id": "escolares", "server": "srv-db01", "source": "escolares", "database_name": "escolares"}
    return backup_record(
        "database", day, started_at=f"{day}T02:00:00-06:00", database_engine="PostgreSQL 15.14", **{**of, **more}
    )


@pytest.fixture
def recorded(ledger):
    """DSE-02-…-0001 to -0004 of portal-src, the third in review; DSE-03-…-0001 of a database."""
    ledger.append([
        web("2026-11-01"), web("2026-11-08"), web("2026-11-15", "review", remarks="bajó 40 %"), web("2026-11-16"),
        database("2026-11-16"),
    ])  # fmt: skip
    return ledger


@pytest.fixture
def ask(recorded, procedure):
    def ask(*, items=None, is_preview=False, **answers):
        now = datetime(2026, 11, 22, 3, 0, tzinfo=procedure.zone)
        with recorded.read() as index:
            return resolve(
                answers,
                index=index,
                items=ITEMS if items is None else items,
                hosts=HOSTS,
                now=now,
                is_preview=is_preview,
            )

    return ask


def year():
    return datetime.now().year


def folio(number, series="DSE-02"):
    return f"{series}-{year()}-{number:04d}"


def test_a_good_request_is_for_the_newest_conforming_backup(ask):
    request = ask(**GOOD)
    assert request.faults == []
    assert (request.backup.backup_date, request.host, request.target) == ("2026-11-16", "srv-web01", "/srv/recuperado")
    told = request.for_host()
    assert (told["item"], told["snapshot"], told["in_place"]) == (ITEMS["portal-src"], request.backup.file_name, False)


@pytest.mark.parametrize(("as_of", "day"), [
    ("latest", "2026-11-16"), ("2026-11-08", "2026-11-08"), ("2026-11-08T22:59", "2026-11-01"),
    ("2026-11-08T23:00:00-06:00", "2026-11-08"), ("2026-11-09T05:00:00Z", "2026-11-08"), ("2026-11-15", "2026-11-08"),
])  # fmt: skip
def test_as_of_is_an_instant_and_a_date_is_the_end_of_its_day(ask, as_of, day):
    request = ask(**GOOD, as_of=as_of)
    assert (request.faults, request.backup.backup_date) == ([], day)


def test_a_suspect_backup_is_used_only_by_its_folio_and_JAA_is_told_of_it(ask):
    by_date = ask(**GOOD, as_of="2026-11-15")
    assert folio(3) in by_date.remarks[0]
    by_folio = ask(**{**GOOD, "item": ""}, folio=folio(3))
    assert (by_folio.faults, by_folio.backup.backup_date) == ([], "2026-11-15")
    assert "bajó 40 %" in by_folio.remarks[0]
    assert ask(**GOOD, as_of=folio(3)).backup == by_folio.backup


def test_every_wrong_or_missing_answer_is_named_at_once(ask):
    faults = ask(
        item="portal-scr", as_of="ayer", in_place="quizá", target="relativa", reason="porque sí", verify="tal vez"
    ).faults
    for part in ("restore_item", "«portal-src»", "restore_as_of", "restore_in_place", "restore_reason",
                 "restore_requester", "restore_verify"):  # fmt: skip
        assert any(part in fault for fault in faults), (part, faults)
    assert {fault.partition(":")[0] for fault in ask().faults} == {
        "restore_item", "restore_target", "restore_reason", "restore_requester",
    }  # fmt: skip


@pytest.mark.parametrize(("answers", "part"), [
    ({"target": ""}, "falta el destino"),
    ({"target": "srv-nadie:/x"}, "srv-nadie"),
    ({"target": "/a/../b"}, "sin «..»"),
    ({"target": "/a/"}, "diagonal final"),
    ({"reason": "other"}, "restore_reason_detail"),
    ({"as_of": "2026-12-01"}, "futuro"),
    ({"as_of": "2026-10-01"}, "hay 3, del 2026-11-01"),
    ({"folio": "DSE-02-2020-0009"}, "no es el folio de un respaldo"),
    ({"item": "escolares", "folio": None}, "no una ruta"),
    ({"item": "escolares", "target": "copia", "include": ["/x"]}, "se restaura completa"),
    ({"include": ["index.html"]}, "restore_include"),
    ({"include": {"a": 1}}, "restore_include"),
    ({"undo": "DSE-05-2026-0009"}, "restore_undo"),
])  # fmt: skip
def test_one_wrong_answer(ask, answers, part):
    faults = ask(**{**GOOD, **answers}).faults
    assert len(faults) == 1 or "undo" in answers
    assert part in faults[0]


def test_a_preview_needs_neither_reason_nor_requester(ask):
    request = ask(item="portal-src", target="/x", is_preview=True)
    assert request.faults == []
    assert len(request.remarks) == 2
    assert ask(item="portal-src", target="/x", reason="porque sí", is_preview=True).faults


def test_another_server_and_another_database(ask):
    assert ask(**{**GOOD, "target": "srv-web02:/srv/copia"}).host == "srv-web02"
    request = ask(**{**GOOD, "item": "escolares", "target": "srv-web02:escolares_prueba"})
    assert (request.faults, request.host, request.target) == ([], "srv-web02", "escolares_prueba")
    assert request.for_host()["dump_file"] == "escolares.dump"


def test_in_place_only_when_said(ask):
    request = ask(**{**GOOD, "target": ""}, in_place="true")
    assert (request.faults, request.in_place, request.target) == ([], True, "")
    assert request.destination == "/srv/www/portal"


def test_what_left_the_inventory_is_restored_from_its_record(ask):
    assert ask(**GOOD, items={}).item == {"id": "portal-src", "information_type": "source_code", "paths": []}
    request = ask(**{**GOOD, "item": "escolares", "target": "copia"}, items={})
    assert (request.faults, request.item["database"]) == ([], {"engine": "postgresql", "name": "escolares"})


def test_pruned_and_damaged_backups_are_not_used_and_what_still_stands_is_said(ask, recorded):
    last, older = f"20261116{'0' * 56}", f"20261108{'0' * 56}"
    recorded.append([
        {"record_type": "run", "run_event": "verified", "server": "srv-web01", "run_id": "V", "read": "1/30",
         "result": "damaged", "damaged_file_names": [last]},
        {"record_type": "disposal", "server": "srv-web01", "run_id": "P",
         "disposed": [{"file_name": older, "folio": folio(2), "item_id": "portal-src"}]},
    ])  # fmt: skip
    found = ask(**GOOD)
    assert found.backup.backup_date == "2026-11-01" and folio(4) in found.remarks[0]
    (damaged,) = ask(**{**GOOD, "item": ""}, folio=folio(4)).faults
    assert "dañado" in damaged and "CSC" in damaged and folio(1) in damaged
    (pruned,) = ask(**{**GOOD, "item": ""}, folio=folio(2)).faults
    assert "depurado" in pruned


def damaged_and_delivered(recorded):
    """The newest backup of portal-src is damaged in JAA's copy, and CSC has it."""
    last = f"20261116{'0' * 56}"
    recorded.append([
        {**delivery_record("", folio(4)), "folio": None},
        {"record_type": "run", "run_event": "verified", "server": "srv-web01", "run_id": "V", "read": "all",
         "result": "damaged", "damaged_file_names": [last]},
    ])  # fmt: skip


def test_what_is_damaged_comes_from_csc_where_it_has_it(ask, recorded):
    """Breaks: an older backup is taken without a word, although CSC has the newest."""
    damaged_and_delivered(recorded)
    for answers in (GOOD, {**GOOD, "item": "", "folio": folio(4)}):
        found = ask(**answers)
        assert (found.faults, found.backup.folio, found.use_csc) == ([], folio(4), True)
        assert "se usa la de CSC" in found.remarks[0]
    older = ask(**GOOD, as_of="2026-11-08")
    assert not older.use_csc and not older.with_csc


def lent(recorded, *steps, **changes):
    made = {**loan_record("", **changes), "folio": None}
    (loan,) = recorded.append([{**made, "files": [{**made["files"][0], "folio": folio(4)}]}]).records
    for state, record_type in steps:
        recorded.append([
            {"record_type": record_type, "about_folio": loan["folio"], "loan_step": state,
             "loan_step_at": "2026-11-22T02:00:00-06:00", "decision": "accepted", "due_back_on": "2026-11-29"}
        ])  # fmt: skip
    return loan["folio"]


def test_a_restore_goes_on_from_a_granted_loan_with_what_was_told_before(ask, recorded):
    """Breaks: JAA has to say everything twice; or something else is restored than what was asked for."""
    damaged_and_delivered(recorded)
    loan = lent(recorded, ("authorised", "decision"))
    told = {"reason": "logical_damage", "requester_area": "Portal", "result": "not_restored", "included_paths": ["/a"]}
    waiting = recovery(loan_folio=loan, destination="/srv/copia", overwrite_allowed=False, **told)
    (waiting,) = recorded.append([waiting]).records
    found = ask(loan=loan)
    assert (found.faults, found.resumes, found.use_csc) == ([], waiting["folio"], True)
    assert (found.backup.folio, found.host, found.target, found.include) == (
        folio(4),
        "srv-web01",
        "/srv/copia",
        ["/a"],
    )
    assert (found.reason, found.requester, found.in_place) == ("logical_damage", "Portal", False)
    assert ask(loan=loan, target="/srv/otra").target == "/srv/otra"
    assert f"no incluye {folio(1)}" in ask(loan=loan, folio=folio(1)).faults[0]


def test_in_place_goes_on_in_place(ask, recorded):
    damaged_and_delivered(recorded)
    loan = lent(recorded, ("authorised", "decision"))
    told = {"reason": "logical_damage", "requester_area": "Portal", "result": "not_restored"}
    recorded.append([recovery(loan_folio=loan, overwrite_allowed=True, **told)])
    found = ask(loan=loan)
    assert (found.faults, found.in_place, found.target) == ([], True, "")
    # In another place it is not, unless that is said of it.
    assert not ask(loan=loan, target="/srv/otra").in_place
    assert ask(loan=loan, target="/srv/otra", in_place="true").in_place


@pytest.mark.parametrize(
    ("steps", "words"),
    [((), "está solicitado"), ((("rejected", "decision"),), "rechazado"),
     ((("authorised", "decision"), ("lent", "acknowledgement"), ("returned", "acknowledgement")), "devuelto")],
)  # fmt: skip
def test_a_loan_that_is_not_granted_is_none(ask, recorded, steps, words):
    damaged_and_delivered(recorded)
    assert words in ask(**GOOD, loan=lent(recorded, *steps)).faults[0]


def test_a_loan_that_there_is_not_is_none(ask):
    assert "no es el folio de un préstamo" in ask(**GOOD, loan="CSC-03-2026-0999").faults[0]


def recovery(**more):
    return {
        "record_type": "recovery",
        "form_code": "FOR 7.5 DSE 05",
        "item_id": "portal-src",
        "server": "srv-web01",
        "backup_folio": folio(4),
        "started_at": "2026-11-20T10:00:00-06:00",
        "destination": "/srv/www/portal",
        "destination_server": "srv-web01",
        **more,
    }


def test_undo_brings_back_what_was_there_before(ask, recorded):
    in_place, elsewhere = recorded.append([recovery(safety_file_name="5a" * 32), recovery()]).records
    request = ask(undo=in_place["folio"], requester="Portal Institucional")
    assert request.faults == []
    assert (request.in_place, request.for_host()["undo"], request.target) == (True, "5a" * 32, "")
    assert request.reason == "other"
    assert "no hay nada que deshacer" in ask(undo=elsewhere["folio"], requester="Portal").faults[0]


def test_a_safety_snapshot_is_no_unknown_backup(recorded):
    recorded.append([recovery(safety_file_name="5a" * 32)])
    with recorded.read() as index:
        assert "5a" * 8 in index.snapshots("srv-web01")
        assert list(index.safety_snapshots("srv-web01")) == ["5a" * 32]


ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.text(max_size=6)))
KEYS = ("item", "folio", "as_of", "target", "in_place", "include", "undo", "reason", "reason_detail", "requester",
        "verify")  # fmt: skip


@given(answers=st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_whatever_is_answered_the_result_is_a_request_or_faults_on_one_line(procedure, answers):
    # Extra-vars may be anything that YAML has.
    class NoBackups:
        def backup(self, folio):
            return None

        recovery = backup

        def backups(self, **_which):
            return []

        def histories(self):
            return {}

    now = datetime(2026, 11, 22, 3, 0, tzinfo=procedure.zone)
    request = resolve(answers, index=NoBackups(), items=ITEMS, hosts=HOSTS, now=now, is_preview=False)
    assert request.faults
    assert all("\n" not in fault and fault.startswith("restore_") for fault in request.faults)


def test_what_was_pruned_can_no_longer_be_undone_and_is_not_pruned_again(ask, recorded):
    (record,) = recorded.append([recovery(safety_file_name="5a" * 32, destination_server="srv-web02")]).records
    disposed = [{"file_name": "5a" * 32, "folio": None, "item_id": None}]
    recorded.append([{"record_type": "disposal", "server": "srv-web02", "run_id": "P", "disposed": disposed}])
    with recorded.read() as index:
        assert index.safety_snapshots("srv-web02") == {}
    assert "no hay nada que deshacer" in ask(undo=record["folio"], requester="Portal").faults[0]
