# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was accepted and did not happen is found, recorded once, and closed by evidence alone. 4.3.1."""

from __future__ import annotations

import pytest
from answers import acknowledge, answer

FORCE = ("-e", "backup_force=true")
AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


@pytest.fixture
def nightly(institution, clock):
    """A database that is backed up every night, for the first time on Monday, 1 March 2027."""
    institution.register("srv-db01", institution.database("db-escolares"))
    assert clock.backup("2027-03-01 01:00") == ["db-escolares"]
    return institution


def missed(institution):
    """Return which day of which item is in the failure log as not run."""
    return sorted(
        (each["item_id"], each["scheduled_for"][:10]) for each in institution.records("failure", failure_type="not_run")
    )


def closed(institution):
    """Return how the failures were closed, by the day on which they should have run."""
    days = {each["folio"]: each["scheduled_for"][:10] for each in institution.records("failure")}
    found = {days[each["about_folio"]]: each for each in institution.records("closing")}
    assert len(found) == len(institution.records("closing")), "no failure is closed twice"
    return found


def test_days_without_a_controller_are_found_once_each_and_named(nightly, clock):
    """Breaks: a controller that was off for days is noticed by nobody, or its gaps are recorded again every morning."""
    source = nightly.files("portal-src", information_type="source_code", repository_type="software_project")
    nightly.register("srv-web01", source)
    assert clock.backup("2027-03-01 02:00") == ["portal-src"]
    early = clock.play("2027-03-02 23:00", "reconcile.yml")
    assert early.rc == 0, "until 06:00 of the next day it may still be on its way"
    assert "TODO AL DÍA: sin fallas y sin pendientes." in early.out
    contacted = nightly.contacted()
    done = clock.play("2027-03-15 07:00", "reconcile.yml")
    assert done.rc == 2, done.out
    days = [("db-escolares", f"2027-03-{day:02d}") for day in range(2, 15)]
    assert missed(nightly) == [*days, ("portal-src", "2027-03-08")]
    assert "HAY FALLAS NUEVAS: 14." in done.out
    folios = [each["folio"] for each in nightly.records("failure")]
    assert [folio for folio in folios if folio not in done.out] == []
    repeated = done.out[done.out.index("PRO 8.3 CNO 01") :].split("\n\n")[0]
    assert "srv-db01 · db-escolares: 13 fallas en 30 días" in repeated
    assert "portal-src" not in repeated, "once is no repetition"
    again = clock.play("2027-03-15 08:00", "reconcile.yml")
    assert again.rc == 0, again.out
    assert "Sin fallas nuevas; quedan pendientes." in again.out
    assert [folio for folio in folios if folio not in again.out] == []
    assert [each["folio"] for each in nightly.records("failure")] == folios
    assert nightly.records("closing") == []
    assert nightly.contacted() == contacted


def test_what_the_inventory_has_forgotten_is_still_expected(nightly, clock):
    """Breaks: an item taken out, a whole host left out or a request never carried out is as if nobody had asked."""
    web = [nightly.database("db-portal"), nightly.database("db-nunca")]
    nightly.register("srv-web01", *web)
    clock.set("2027-03-01 02:00")
    nightly.accept_requests()
    nightly.register("srv-web01", web[0])
    assert clock.backup("2027-03-01 02:00") == ["db-portal"]
    nightly.register("srv-web01")
    nightly.SERVERS = ("srv-web01",)
    del nightly.items["srv-db01"]
    done = clock.play("2027-03-03 07:00", "reconcile.yml")
    assert done.rc == 2, done.out
    never = web[1]["request_folio"]
    assert missed(nightly) == [(each, "2027-03-02") for each in (never, "db-escolares", "db-portal")]
    servers = {each["item_id"]: each["server"] for each in nightly.records("failure")}
    assert servers == {never: "srv-web01", "db-escolares": "srv-db01", "db-portal": "srv-web01"}


@pytest.mark.parametrize("how", ["dse-backup run", "backup.yml -e backup_force=true"])
def test_a_backup_by_hand_closes_the_gap_that_it_covers_and_no_other(nightly, clock, how):
    """Breaks: 4.3.1 a: what was made by hand does not count, or one backup by hand closes whatever is open."""
    if how == "dse-backup run":
        clock.set("2027-03-03 10:00")
        by_hand = nightly.script("srv-db01", "run", "db-escolares")
        assert by_hand.rc == 0, by_hand.out
    else:
        assert clock.backup("2027-03-03 10:00", *FORCE) == ["db-escolares"]
    done = clock.play("2027-03-05 07:00", "reconcile.yml")
    assert done.rc == 2, done.out
    assert missed(nightly) == [("db-escolares", "2027-03-02"), ("db-escolares", "2027-03-04")]
    (manual,) = nightly.records("backup", execution_mode="manual")
    assert manual["backup_date"] == "2027-03-03"
    ((day, closing),) = closed(nightly).items()
    assert day == "2027-03-02"
    assert (closing["evidence"], closing["related_folios"]) == ("backup", [manual["folio"]])
    assert closing["manual_run_file"] == manual["file_name"]
    assert "PRO 8.3" not in done.out, "twice is no repetition"
    # What the calendar does next covers its own day, and what is made by hand after that is of no older gap.
    assert clock.backup("2027-03-05 08:00") == ["db-escolares"]
    assert clock.backup("2027-03-06 08:00", *FORCE) == ["db-escolares"]
    assert list(closed(nightly)) == ["2027-03-02"]


def test_the_next_days_run_closes_nothing_and_JAA_does_so_with_a_reason(nightly, clock):
    """Breaks: time alone closes a failure; or JAA's decision needs no reason, or is anybody's."""
    assert clock.backup("2027-03-03 08:00") == ["db-escolares"]
    (failure,) = nightly.records("failure")
    assert missed(nightly) == [("db-escolares", "2027-03-02")]
    later = clock.play("2027-03-03 09:00", "reconcile.yml")
    assert later.rc == 0 and failure["folio"] in later.out and closed(nightly) == {}
    reason = "corte de energía; se cambió el respaldo de la UPS"
    for wrong, said in (
        ({"result": "accepted"}, "acknowledge_reason: falta la causa"),
        ({"result": "rejected", "reason": reason}, "se cierra con accepted, o se deja abierta"),
        ({"result": "accepted", "reason": reason, "as": "CGDW"}, "cerrar una falla corresponde a JAA, no a CGDW"),
    ):
        done = acknowledge(nightly, failure["folio"], **wrong)
        assert done.rc != 0 and said in done.out, done.out
    assert closed(nightly) == {}
    answers = {"result": "accepted", "reason": reason, "nonconformity_ref": "CNO-2027-3"}
    done = acknowledge(nightly, failure["folio"], **answers)
    assert done.rc == 0, done.out
    (closing,) = nightly.records("closing")
    assert (closing["about_folio"], closing["evidence"], closing["cause"]) == (failure["folio"], "decision", reason)
    assert (closing["nonconformity_ref"], closing["operator_role"]) == ("CNO-2027-3", "JAA")
    again = acknowledge(nightly, failure["folio"], **answers)
    assert again.rc != 0 and "ya está cerrada" in again.out
    assert "TODO AL DÍA" in clock.play("2027-03-03 10:00", "reconcile.yml").out


def test_a_drill_that_passes_closes_a_restore_that_failed(institution):
    """Breaks: that an item can be restored is believed because it was backed up once more, or never again."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    where = {"restore_item": "portal-media", "restore_target": str(institution.root / "data" / "portal-media")}
    why = {"restore_reason": "accidental_deletion", "restore_requester": "Portal"}
    assert answer(institution, "restore.yml", **where, **why).rc != 0
    (failure,) = institution.records("failure", failure_stage="restore")
    assert institution.backup(*FORCE).rc == 0
    assert institution.records("closing") == []
    done = institution.start("drill.yml", "-e", "drill_items=portal-media").wait()
    assert done.rc == 0, done.out
    (closing,) = institution.records("closing")
    (drill,) = institution.records("drill")
    assert (closing["about_folio"], closing["evidence"]) == (failure["folio"], "drill")
    assert drill["backup_folio"] in closing["related_folios"]


def test_a_backup_server_that_is_away_hides_no_gap_and_what_lies_there_counts_later(nightly, clock):
    """Breaks: a gap is not told of because the repository cannot be looked at, or stays open once it can."""
    clock.set("2027-03-02 10:00")
    assert nightly.script("srv-db01", "run", "db-escolares").rc == 0
    nightly.host_vars["srv-bkp01"] = dict(AWAY)
    done = clock.play("2027-03-03 07:00", "reconcile.yml")
    assert done.rc == 2, done.out
    assert missed(nightly) == [("db-escolares", "2027-03-02")]
    assert closed(nightly) == {}
    again = clock.play("2027-03-03 07:30", "reconcile.yml")
    assert again.rc == 2, "nothing new is known of what could not be looked at"
    assert "✗ srv-db01: no se pudo contactar con srv-bkp01 por SSH" in again.out
    assert "CONCILIACIÓN INCOMPLETA" in again.out and "TODO AL DÍA" not in again.out
    nightly.host_vars.clear()
    done = clock.play("2027-03-03 08:00", "reconcile.yml")
    assert done.rc == 0, done.out
    (manual,) = nightly.records("backup", execution_mode="manual")
    assert closed(nightly)["2027-03-02"]["related_folios"] == [manual["folio"]]
    assert manual["folio"] in done.out and "TODO AL DÍA" in done.out


def test_check_mode_writes_nothing_and_looks_nowhere(nightly, clock):
    """Breaks: a rehearsal opens failures."""
    before = nightly.records()
    done = clock.play("2027-03-05 07:00", "reconcile.yml", "--check")
    assert done.rc == 0, done.out
    assert nightly.records() == before
