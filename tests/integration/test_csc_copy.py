# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When JAA's copy fails CSC's saves the restore, on loan, and mends JAA's repository. 4.3.1 c; faults 12."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from answers import acknowledge, answer
from test_deliver import deliver, restic
from test_restore import restore, rows, tree

STANDING = "oficio CSC-12/2027"


@pytest.fixture
def delivered(institution):
    """A server with files and a database, which CSC has too."""
    institution.register("srv-web01", institution.files("portal-media"), institution.database("escolares"))
    assert institution.backup().rc == 0
    assert deliver(institution).rc == 0
    institution.source = Path(institution.items["srv-web01"][0]["paths"][0])
    return institution


def repository(institution):
    return institution.root / "backup/srv-web01/repository"


def lose_the_data(institution):
    for pack in repository(institution).glob("data/*/*"):
        pack.unlink()


def run(institution, playbook, *arguments):
    return institution.start(playbook, *arguments).wait()


def step(institution, folio, name, role):
    done = answer(institution, "loan.yml", loan_folio=folio, loan_step=name, loan_as=role)
    assert done.rc == 0, done.out


def one(institution, record_type, **fields):
    (record,) = institution.records(record_type, **fields)
    return record


def csc_state(institution):
    return {path: path.stat().st_mtime_ns for path in institution.csc.rglob("*") if path.is_file()}


def assert_nothing_stays(institution):
    assert not (institution.root / "backup/srv-web01/loan").exists(), "the backup on loan was left behind"
    assert not list(institution.root.glob("hosts/*/state/guest-*"))


def test_a_restore_asks_csc_and_goes_on_once_the_loan_is_granted(delivered):
    """Breaks: it just fails; or reads CSC's copy unasked; or has to be told everything again; or changes CSC's copy."""
    lose_the_data(delivered)
    of_csc = csc_state(delivered)
    target = delivered.root / "recuperado"
    done = restore(delivered, restore_item="portal-media", restore_target=str(target))
    assert done.rc == 2 and not target.exists(), done.out
    backup = one(delivered, "backup", item_id="portal-media")
    damage = one(delivered, "failure")
    assert damage["failure_stage"] == "jaa_copy" and backup["folio"] in damage["error_message"]
    loan = one(delivered, "loan")
    assert loan["failure_folio"] == damage["folio"] and loan["requested_by"] == "JAA"
    assert [each["folio"] for each in loan["files"]] == [backup["folio"]]
    waiting = one(delivered, "recovery")
    assert waiting["result"] == "not_restored" and waiting["loan_folio"] == loan["folio"]
    assert f"loan_folio={loan['folio']} -e loan_step=authorise" in done.out, done.out

    # Asked again, or told to go on, before CSC has said anything: no second request, and nothing is read.
    again = restore(delivered, restore_item="portal-media", restore_target=str(target))
    assert again.rc == 2 and len(delivered.records("loan")) == 1, again.out
    assert len(delivered.records("failure")) == 1, "what is known is not said twice"
    early = run(delivered, "restore.yml", "-e", f"restore_loan={loan['folio']}")
    assert early.rc == 2 and "está solicitado" in early.out and not target.exists(), early.out
    assert csc_state(delivered) == of_csc

    step(delivered, loan["folio"], "authorise", "CSC")
    done = run(delivered, "restore.yml", "-e", f"restore_loan={loan['folio']}")
    assert done.rc == 0 and "RESTAURADO." in done.out, done.out
    assert tree(target / str(delivered.source)[1:]) == tree(delivered.source)
    recovery = delivered.records("recovery")[-1]
    assert recovery["copy_used"] == "csc" and recovery["loan_folio"] == loan["folio"]
    assert recovery["related_folios"] == [waiting["folio"]]
    assert [recovery[key] for key in ("reason", "requester_area")] == [
        waiting[key] for key in ("reason", "requester_area")
    ]
    check = one(delivered, "acknowledgement", loan_step="checked")
    assert check["check_on_receipt"] == "conforming" and check["check_on_receipt_sha256"] == backup["sha256"]
    assert csc_state(delivered) == of_csc, "CSC's copy is only read"
    assert_nothing_stays(delivered)
    # That CSC's copy was read says nothing of JAA's.
    assert not [each for each in delivered.records("closing") if each["about_folio"] == damage["folio"]]
    step(delivered, loan["folio"], "return", "JAA")
    step(delivered, loan["folio"], "receive_back", "CSC")


def test_with_a_standing_authorisation_it_goes_on_at_once(delivered):
    """Breaks: JAA waits at 3 in the morning for what CSC has allowed beforehand; or it is not recorded as a loan."""
    delivered.host_vars["srv-web01"] = {"backup_server_csc_standing_loan": STANDING}
    lose_the_data(delivered)
    target = delivered.root / "nueva.sqlite"
    done = restore(delivered, restore_item="escolares", restore_target=str(target))
    assert done.rc == 0, done.out
    assert rows(target) == rows(delivered.root / "data/escolares.sqlite")
    recovery = one(delivered, "recovery")
    assert recovery["copy_used"] == "csc" and recovery["sha256_matches"] is True
    loan = one(delivered, "loan")
    assert recovery["loan_folio"] == loan["folio"]
    authorised = one(delivered, "decision", loan_step="authorised")
    assert STANDING in authorised["remarks"] and authorised["about_folio"] == loan["folio"]
    assert [each["loan_step"] for each in delivered.records("acknowledgement") if each.get("loan_step")] == [
        "lent",
        "checked",
    ]
    assert_nothing_stays(delivered)
    forced = restore(
        delivered,
        restore_item="portal-media",
        restore_target=str(target.with_name("x")),
        backup_server_csc_standing_loan="yo mismo",
    )
    assert forced.rc == 2 and "no se acepta con -e" in forced.out, forced.out
    # What a restore could not read needs no verification to be mended.
    mended = run(delivered, "repair.yml")
    assert mended.rc == 0 and "TODO REPARADO" in mended.out, mended.out
    assert one(delivered, "closing", evidence="repair")["about_folio"] == one(delivered, "failure")["folio"]


def test_a_failure_of_the_server_is_no_matter_of_the_copy(delivered):
    """Breaks: every restore that fails sends JAA to CSC."""
    occupied = delivered.root / "ocupado"
    occupied.mkdir()
    (occupied / "algo").write_text("vivo", "utf-8")
    done = restore(delivered, restore_item="portal-media", restore_target=str(occupied))
    assert done.rc == 2, done.out
    assert one(delivered, "failure")["failure_stage"] == "restore"
    recovery = one(delivered, "recovery")
    assert recovery["copy_used"] == "jaa" and recovery["result"] == "not_restored"
    assert delivered.records("loan") == []


def test_what_is_known_to_be_damaged_comes_from_csc_and_its_repository_is_mended(delivered):
    """Breaks: the older backup is taken silently; `copy` leaves out what is "there"; the ledger knows it no longer."""
    (delivered.source / "nuevo.txt").write_text("lo de hoy", "utf-8")
    assert delivered.backup("-e", "backup_force=true").rc == 0
    newest = delivered.records("backup", item_id="portal-media")[-1]
    assert deliver(delivered).rc == 0
    lose_the_data(delivered)
    assert run(delivered, "verify.yml", "-e", "verify_all=true").rc == 2
    rehearsed = restore(delivered, "--check", restore_item="portal-media", restore_target="/x")
    assert rehearsed.rc == 0 and "se usa la de CSC" in rehearsed.out, rehearsed.out

    before = delivered.records()
    rehearsed = run(delivered, "repair.yml", "--check")
    assert "srv-web01" in rehearsed.out and "no se reparó" in rehearsed.out, rehearsed.out
    assert delivered.records() == before

    waits = run(delivered, "repair.yml")
    assert waits.rc == 2, waits.out
    loan = one(delivered, "loan")
    assert len(loan["files"]) == 4 and f"loan_folio={loan['folio']} -e loan_step=authorise" in waits.out, waits.out
    step(delivered, loan["folio"], "authorise", "CSC")
    # The loan is of the whole copy: a restore may use it as well.
    target = delivered.root / "recuperado"
    done = restore(delivered, restore_item="portal-media", restore_target=str(target))
    assert done.rc == 0, done.out
    assert tree(target / str(delivered.source)[1:]) == tree(delivered.source)
    assert delivered.records("recovery")[-1]["backup_folio"] == newest["folio"]

    of_csc = csc_state(delivered)
    done = run(delivered, "repair.yml")
    assert done.rc == 0 and "TODO REPARADO: 1 de 1." in done.out, done.out
    assert csc_state(delivered) == of_csc
    record = delivered.records("run", run_event="verified")[-1]
    assert record["result"] == "intact" and record["read"] == "all" and len(record["repaired"]) == 4
    backups = {each["folio"]: each for each in delivered.records("backup")}
    for each in record["repaired"]:
        assert (
            each["sha256"] == backups[each["folio"]]["sha256"] and each["file"] == backups[each["folio"]]["file_name"]
        )
    failures = {each["folio"] for each in delivered.records("failure", failure_stage="jaa_copy")}
    assert failures and failures == {each["about_folio"] for each in delivered.records("closing")}
    assert_all_goes_on(delivered, newest, backups, loan)


def assert_all_goes_on(delivered, newest, backups, loan):
    """After a repair nothing is recorded or delivered twice, or missed, although backups have other ids by now."""
    # By its own folio, as ever, from JAA's copy again.
    again = restore(delivered, restore_folio=newest["folio"], restore_target=str(delivered.root / "otra"))
    assert again.rc == 0, again.out
    assert delivered.records("recovery")[-1]["copy_used"] == "jaa"
    # And everything else goes on: nothing is recorded twice, delivered twice, or missed.
    count = len(delivered.records("backup"))
    assert delivered.backup().rc == 0 and len(delivered.records("backup")) == count
    assert run(delivered, "verify.yml", "-e", "verify_all=true").rc == 0
    assert run(delivered, "repair.yml").rc == 0
    assert "CSC tiene ya todos" in deliver(delivered).out
    assert run(delivered, "drill.yml", "-e", "drill_count=2").rc == 0
    # What came back is delivered like any other, under the id that it has now.
    folio = delivered.records("delivery")[-1]["folio"]
    assert acknowledge(delivered, folio, result="rejected", reason="no abre", **{"as": "CSC"}).rc == 0
    again = deliver(delivered)
    assert again.rc == 0, again.out
    sent = {each["folio"]: each["file"] for each in delivered.records("delivery")[-1]["files"]}
    assert sent and all(backups[each]["file_name"] == sent[each] for each in sent)
    # The loan is still good, although nothing is damaged any more.
    late = delivered.root / "con-préstamo"
    done = restore(delivered, restore_loan=loan["folio"], restore_folio=newest["folio"], restore_target=str(late))
    assert done.rc == 0 and delivered.records("recovery")[-1]["copy_used"] == "csc", done.out


def test_a_repository_that_burnt_is_filled_again(delivered):
    """Breaks: CSC's copy outlives JAA's repository, and nobody can bring it back."""
    delivered.host_vars["srv-web01"] = {"backup_server_csc_standing_loan": STANDING}
    shutil.rmtree(repository(delivered))
    assert run(delivered, "deploy.yml", "--limit", "srv-web01,srv-bkp01").rc == 0
    assert run(delivered, "verify.yml").rc == 2
    done = run(delivered, "repair.yml")
    assert done.rc == 0, done.out
    target = delivered.root / "recuperado"
    assert restore(delivered, restore_item="portal-media", restore_target=str(target)).rc == 0
    assert tree(target / str(delivered.source)[1:]) == tree(delivered.source)
    assert delivered.backup("-e", "backup_force=true").rc == 0
    assert deliver(delivered).rc == 0


def test_where_csc_s_copy_is_damaged_too_that_is_said(delivered):
    """Breaks: what CSC cannot read either is believed, or asked for again and again."""
    lose_the_data(delivered)
    for pack in delivered.csc.glob("srv-web01/data/*/*"):
        os.chmod(pack, 0o600)
        with pack.open("r+b") as stream:
            stream.write(b"\0" * 64)
    delivered.host_vars["srv-web01"] = {"backup_server_csc_standing_loan": STANDING}
    target = delivered.root / "recuperado"
    for _time in range(2):
        done = restore(delivered, restore_item="portal-media", restore_target=str(target))
        assert done.rc == 2 and not target.exists(), done.out
    assert one(delivered, "acknowledgement", loan_step="checked")["check_on_receipt"] == "nonconforming"
    assert len(delivered.records("loan")) == 1
    assert "no es conforme" in delivered.records("failure", failure_stage="loan")[-1]["error_message"]
    assert_nothing_stays(delivered)


def test_a_csc_that_is_away_is_a_failure_of_the_loan(delivered):
    """Breaks: a copy that could not be reached is called a bad one."""
    delivered.host_vars["srv-web01"] = {"backup_server_csc_standing_loan": STANDING}
    lose_the_data(delivered)
    away = delivered.csc.rename(delivered.root / "away")
    target = delivered.root / "recuperado"
    done = restore(delivered, restore_item="portal-media", restore_target=str(target))
    assert done.rc == 2, done.out
    assert one(delivered, "failure", failure_stage="loan") and not target.exists()
    assert [each for each in delivered.records("acknowledgement") if each.get("loan_step") == "checked"] == []
    away.rename(delivered.csc)
    assert restore(delivered, restore_item="portal-media", restore_target=str(target)).rc == 0
    assert restic(delivered, "srv-web01", "snapshots", "--no-lock")
