# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``report.yml``: who holds which copy, since when and proved when; what waits for somebody; and nothing is written."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.tests.unit.factories import accepted, chained, item
from answers import acknowledge, answer
from institution import CHECKOUT, Institution
from test_check_mode import _state


@pytest.fixture
def portal(institution):
    """One server with one backup, which CSC does not have yet. The name of its service is no friend's."""
    media = institution.files("portal-media", service="Portal\x1b[31m\u202e $(touch pwned) =cmd()\nSí")
    institution.register("srv-web01", media)
    assert institution.backup().rc == 0
    return institution


def report(institution, question, *arguments, rc=0, **answers):
    """Ask, and return what was printed and what stands in the file; the ledger must be as it was."""
    path = institution.root / "report.json"
    path.unlink(missing_ok=True)
    said = {"output": str(path), **answers}
    before, contacted = _state(institution.ledger), institution.contacted()
    done = answer(
        institution, "report.yml", *arguments, question=question, **{f"report_{key}": said[key] for key in said}
    )
    assert done.rc == rc, done.out
    assert (_state(institution.ledger), institution.contacted()) == (before, contacted)
    return done.out, json.loads(path.read_text("utf-8")) if path.exists() else None


def copies(institution, *arguments, rc=0, **answers):
    """Ask for the copies of the one item; return what was printed, JAA's copy, CSC's and the whole answer."""
    out, told = report(institution, "copies", *arguments, rc=rc, **answers)
    jaa, csc = told["copies"]
    assert (told["question"], told["needs_action"]) == ("copies", rc != 0)
    # The last line of the answer is what to do next, whatever Ansible says after it.
    last = out.partition("\nTASK [")[0].rstrip().splitlines()[-1]
    assert last == (f"Siguiente: {told['next_command']}" if told["next_command"] else last) and "Registro" not in last
    return out, jaa, csc, told


def test_both_copies_are_told_as_they_come_to_csc_go_back_and_are_acknowledged(portal):
    """Breaks: it cannot be told who holds the second copy, since when, whether it was proved; or asking writes."""
    (backup,) = portal.records("backup")
    out, jaa, csc, told = copies(portal)
    held = {"custodian": "JAA", "state": "held", "since": backup["finished_at"], "proved_equal_at": None}
    place = f"srv-bkp01:{portal.root}/backup/srv-web01/repository"
    assert {**jaa, **held, "place": place, "backup_folio": backup["folio"]} == jaa
    assert (csc["custodian"], csc["state"], csc["place"], csc["since"]) == ("CSC", "undelivered", None, None)
    assert "playbooks/deliver.yml" in told["next_command"] and place in out
    # What the inventory calls it comes out as it was recorded, on one line.
    assert jaa["service"] == backup["service"] and "\x1b" not in out and "\u202e" not in out
    assert not list(portal.root.rglob("pwned"))

    assert portal.start("deliver.yml").wait().rc == 0
    (first,) = portal.records("delivery")
    out, jaa, csc, told = copies(portal)
    assert jaa["proved_equal_at"] == csc["proved_equal_at"] == csc["since"] == first["delivered_at"]
    assert (csc["state"], csc["delivery_folio"]) == ("unacknowledged", first["folio"])
    assert csc["place"] == first["destination"] and first["destination"] in out
    assert first["folio"] in told["next_command"] and "acknowledge_as=CSC" in told["next_command"]

    reason = {"reason": "el disco llegó lleno", "as": "CSC"}
    assert acknowledge(portal, first["folio"], result="rejected", **reason).rc == 0
    out, _jaa, csc, told = copies(portal, rc=2)
    (rejection,) = portal.records("acknowledgement", about_folio=first["folio"])
    assert (csc["state"], csc["place"], csc["waits_since"]) == ("rejected", None, rejection["recorded_at"])
    assert "el disco llegó lleno" in out and "requiere atención: RECHAZADO POR CSC: portal-media" in out

    assert portal.start("deliver.yml").wait().rc == 0
    second = portal.records("delivery")[-1]
    place = {"storage_location": "Gaveta 2, cinta 11", "as": "CSC"}
    assert acknowledge(portal, second["folio"], result="accepted", **place).rc == 0
    out, jaa, csc, told = copies(portal)
    (said,) = portal.records("acknowledgement", about_folio=second["folio"])
    assert (csc["state"], csc["since"], csc["acknowledged_at"]) == (
        *("acknowledged", second["delivered_at"], said["recorded_at"]),
    )
    assert csc["storage_location"] in out and "cada respaldo conforme tiene sus dos copias" in out
    (item,) = told["items"]
    assert (item["state"], item["with_both"], item["backup_count"]) == ("complete", 1, 1)


def test_jaas_damaged_copy_is_told_with_csc_s_that_is_there(portal):
    """Breaks: the second copy is counted as such while it is the only one, and the report is content."""
    assert portal.start("deliver.yml").wait().rc == 0
    pack = max((portal.root / "backup/srv-web01/repository/data").glob("*/*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    assert answer(portal, "verify.yml", verify_all="true").rc == 2
    out, jaa, csc, told = copies(portal, rc=2)
    assert (jaa["state"], csc["state"]) == ("damaged", "unacknowledged")
    (damaged,) = told["damaged"]
    (backup,), (delivery,) = portal.records("backup"), portal.records("delivery")
    assert (damaged["backup_folio"], damaged["delivery_folio"]) == (backup["folio"], delivery["folio"])
    assert (
        "DAÑADO CON JAA; CSC LO TIENE: portal-media" in out and "repair.yml --limit srv-web01" in told["next_command"]
    )


def test_what_is_late_for_csc_and_from_csc_ends_with_2_on_its_day(institution, clock):
    """Breaks: a second copy that is months late ends with 0, or one that has a day left with 2."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert clock.backup("2027-03-01 01:00") == ["portal-media"]
    (backup,) = institution.records("backup")
    for moment, rc in (("2027-03-07 23:00", 0), ("2027-03-08 00:30", 2)):
        clock.set(moment)
        assert copies(institution, rc=rc)[2]["due_on"] == "2027-03-08"
        out, told = report(institution, "overdue", rc=rc)
        assert [each["backup_folios"] for each in told["deliveries"]] == ([[backup["folio"]]] if rc else [])
        assert ("SIN ENTREGAR A CSC DESPUÉS DE 7 DÍAS (deliver.yml)" in out) == bool(rc)
    assert clock.play("2027-03-08 08:00", "deliver.yml").rc == 0
    (delivery,) = institution.records("delivery")
    for moment, rc in (("2027-03-14 23:00", 0), ("2027-03-15 00:30", 2)):
        clock.set(moment)
        _out, _jaa, csc, _told = copies(institution, rc=rc)
        assert csc["state"] == ("acknowledgement_overdue" if rc else "unacknowledged")
        out, told = report(institution, "overdue", rc=rc)
        assert [each["delivery_folio"] for each in told["acknowledgements"]] == ([delivery["folio"]] if rc else [])
    assert "acknowledge.yml" in told["next_command"] and delivery["folio"] in told["next_command"]
    assert acknowledge(institution, delivery["folio"], result="accepted", **{"as": "CSC"}).rc == 0
    out, told = report(institution, "overdue")
    assert "Nada vencido" in out and not told["needs_action"]


def test_a_question_that_is_none_is_refused_and_what_is_asked_about_is_all_that_is_answered(institution):
    """Breaks: a typo is answered as if all were well, a report lands in the ledger, or --check leaves a file."""
    institution.register("srv-web01", institution.files("portal-media"), institution.files("actas"))
    institution.register("srv-db01", institution.database("db-escolares"))
    assert institution.backup().rc == 0
    inside = institution.ledger / "copies.json"
    for wanted, said in (
        (
            {"question": "copis"},
            "question: «copis» no es una pregunta; ¿quiso decir «copies»? hay: requests, coverage",
        ),
        ({}, "question: falta la pregunta; hay: requests, coverage, plan"),
        (
            {"question": "copies", "report_item": "actas"},
            "report_item: esta variable no existe; ¿quiso decir report_items?",
        ),
        ({"question": "copies", "report_items": ["portal-medio"]}, "report_items: «portal-medio» no tiene respaldos"),
        ({"question": "copies", "report_output": "/tmp/x.csv"}, "report_output: /tmp/x.csv debe terminar en .json"),
        ({"question": "copies", "report_output": str(inside)}, "está en el directorio del registro oficial"),
    ):
        done = answer(institution, "report.yml", **wanted)
        assert done.rc == 2 and said in done.out and "CUSTODIA" not in done.out, done.out
    assert not inside.exists()
    out, told = report(institution, "copies", "--check")
    assert told is None and "db-escolares" in out
    for arguments, items, expected in (
        ((), [], {"portal-media", "actas", "db-escolares"}),
        (("--limit", "srv-web01"), [], {"portal-media", "actas"}),
        (("--limit", "srv-web01"), ["actas"], {"actas"}),
    ):
        _out, told = report(institution, "copies", *arguments, items=items)
        assert {each["item_id"] for each in told["copies"]} == expected
        assert {each["item_id"] for each in told["items"]} == expected
    nobody = answer(institution, "report.yml", "--limit", "srv-bkp01", question="copies")
    assert nobody.rc != 0, "nobody was asked"


# The questions, by what must be done on the morning after the first backup, and with what each is answered.
_NOTHING = {
    "requests": "requests",
    "coverage": "kinds",
    "week": "weeks",
    "gaps": "gaps",
    "overdue": "failures",
    "verification": "newest",
    "copies": "copies",
    "failures": "open",
    "restores": "items",
    "loans": "open",
    "integrity": "repositories",
    "retention": "kept",
    "versions": "versions",
    "trace": "items",
}
_SOMETHING = {"plan": "items"}


def test_all_fifteen_questions_are_answered_of_one_ledger_and_none_writes_to_it(institution, clock, tmp_path):
    """Breaks: a question that its own tests answer falls over what Ansible gives it, or leaves something behind."""
    institution.register("srv-web01", institution.files("portal-media"))
    institution.register("srv-db01", institution.database("db-escolares"))
    assert clock.backup("2027-03-01 01:00") == ["db-escolares", "portal-media"]
    clock.set("2027-03-02 09:00")
    # All in one run: starting Ansible takes longer than answering.
    every = {
        "name": "Ask",
        "dse.backup.report": {
            "question": "{{ item }}",
            "output": f"{tmp_path}/{{{{ item }}}}.json",
            "repository_root": f"{institution.root}/backup",
        },
        "loop": [*_NOTHING, *_SOMETHING],
        "ignore_errors": True,
        "run_once": True,
    }
    playbook = tmp_path / "questions.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "dse_servers", "gather_facts": False, "tasks": [every]}]), "utf-8")
    before, contacted = _state(institution.ledger), institution.contacted()
    done = institution.start(playbook).wait()
    assert (_state(institution.ledger), institution.contacted()) == (before, contacted)
    answers = {name: json.loads((tmp_path / f"{name}.json").read_text("utf-8")) for name in every["loop"]}
    assert {name for name, told in answers.items() if told["needs_action"]} == set(_SOMETHING), done.out
    for name, section in (_NOTHING | _SOMETHING).items():
        assert answers[name]["question"] == name and isinstance(answers[name][section], list)
    items = {"portal-media", "db-escolares"}
    for name in ("verification", "restores", "retention", "versions", "trace", "plan"):
        assert {each["item_id"] for each in answers[name][(_NOTHING | _SOMETHING)[name]]} == items, name
    assert [each["server"] for each in answers["integrity"]["repositories"]] == ["srv-db01", "srv-web01"]
    # The script that made them is the one that this controller has.
    assert {each["is_deployed"] for each in answers["versions"]["scripts"]} == {True}

    (backup,) = institution.records("backup", item_id="db-escolares")
    out, told = report(institution, "trace", folio=backup["request_folio"])
    assert told["backup"][0]["backup_folio"] == backup["folio"] and backup["folio"] in out
    steps = [each["step"] for each in told["steps"]]
    assert {"backup_request", "decision", "slot", "run", "backup"} == set(steps)
    assert {each["is_intact"] for each in told["steps"]} == {True, None}
    out, told = report(institution, "week", week="2027-W09")
    (day, *_others) = told["dse_03"][0]["slots"]
    assert (day["first"], day["state"], day["backup_folio"]) == ("2027-03-01", "done", backup["folio"])
    assert "Lun 01/03" in out
    for name, value, wrong in (("week", "2027-W60", "no es una semana"), ("year", "1999", "no es un año")):
        done = answer(institution, "report.yml", question="week", **{f"report_{name}": value})
        assert done.rc == 2 and wrong in done.out


def asked_at_once(institution, *questions):
    """Ask all in one run, as the options of the action; return how each went."""
    every = {
        "name": "Ask",
        "dse.backup.report": "{{ item }}",
        "loop": [{"repository_root": "/srv", **each} for each in questions],
        "ignore_errors": True,
        "run_once": True,
        "register": "told",
    }
    write = {
        "name": "Tell",
        "ansible.builtin.copy": {"content": "{{ told.results | to_json }}", "dest": f"{institution.root}/told.json"},
        "run_once": True,
    }
    playbook = institution.root / "questions.yml"
    plays = [{"hosts": "dse_servers", "gather_facts": False, "tasks": [every, write]}]
    playbook.write_text(yaml.safe_dump(plays), "utf-8")
    done = institution.start(playbook).wait()
    assert (institution.root / "told.json").exists(), done.out
    return json.loads((institution.root / "told.json").read_text("utf-8"))


def test_what_the_ledger_does_not_know_is_no_sign_that_all_was_well(tmp_path):
    """Breaks: where the ledger is not, or its year was disposed of, the auditor reads that nothing was ever missed."""
    institution = Institution(tmp_path)
    page, form = ({"output": str(tmp_path / name)} for name in ("page.html", "form.html"))
    for told in asked_at_once(institution, {"question": "gaps"}, {"question": "integrity"}, page):
        assert told["failed"] and f"no hay ningún registro oficial en {institution.ledger}" in told["msg"], told

    institution.ledger.mkdir()
    at = "2026-09-01T10:00:00.000-06:00"
    disposal = {"record_type": "disposal", "ledger_year": 2025, "disposed": [], "recorded_at": at}
    autumn = (CHECKOUT / "tests/fixtures/autumn/ledger-2026.jsonl").read_bytes()
    (institution.ledger / "ledger-2026.jsonl").write_bytes(b"".join(chained([disposal])) + autumn)
    wanted = {
        "report_year": [{"question": "gaps", "year": "2025"}, {"year": "2024", **page}],
        "report_week": [{"question": "week", "week": "2025-W40"}],
        "report_form": [{"form": ["DSE-03-2025-W40"], **form}, {"form": ["2025-W40"], **form}],
    }
    results = iter(asked_at_once(institution, *(each for several in wanted.values() for each in several)))
    for name, several in wanted.items():
        for _each in several:
            told = next(results)
            assert told["failed"] and f"{name}: lo anterior al 01/01/2026 se dio de baja" in told["msg"], told


def test_what_was_never_backed_up_can_be_asked_about(tmp_path):
    """Breaks: of the item that most needs an answer there is none: it has no backups, and is refused as a typo."""
    institution = Institution(tmp_path)
    (tmp_path / "data").mkdir()
    element = item(request_folio="DSE-05-2026-0001")
    institution.register("srv-web01", element)
    institution.ledger.mkdir()
    (institution.ledger / "ledger-2026.jsonl").write_bytes(b"".join(chained(accepted())))
    asked = [{"question": name, "items": [element["id"]]} for name in ("coverage", "gaps", "copies")]
    found = asked_at_once(institution, *asked, {"question": "gaps", "items": ["portal-scr"]})
    assert [
        f"requiere atención: {words}" in each["msg"] for each, words in zip(found, ("SIN NINGÚN", "SIN ASENTAR"))
    ] == [
        *(True, True),
    ], found
    assert not found[2]["failed"] and "¿quiso decir «portal-src»?" in found[3]["msg"], found


def test_a_record_that_was_damaged_is_named_whatever_is_asked(tmp_path):
    """Breaks: over a line that the index knows and nobody can read any more a question dies, and does not say where."""
    institution = Institution(tmp_path)
    shutil.copytree(CHECKOUT / "tests/fixtures/autumn", institution.ledger)
    with Index.for_writing(str(institution.ledger)):
        pass
    file = institution.ledger / "ledger-2026.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    number = next(number for number, line in enumerate(lines) if b'"record_type":"recovery"' in line)
    lines[number] = b"x" + lines[number][1:]
    file.write_bytes(b"".join(lines))
    page = {"output": str(tmp_path / "page.html")}
    for told in asked_at_once(institution, {"question": "restores"}, {"question": "trace"}, page):
        assert told["failed"] and f"ledger-2026.jsonl, línea {number + 1}" in told["msg"], told
