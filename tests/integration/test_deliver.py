# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second copy, in CSC's own repository: delivered, read back, recorded, acknowledged, told when late. 4.1.6."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest
from answers import acknowledge, answer
from institution import LIMIT, until
from test_check_mode import _state
from test_interrupted import _is_held

FORCE = ("-e", "backup_force=true")


@pytest.fixture
def portal(institution):
    """One server with one backup, which CSC does not have yet."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    return institution


def deliver(institution, *arguments):
    return institution.start("deliver.yml", *arguments).wait()


def delivered(institution, *arguments):
    """Deliver where all must go well, and return the record of it."""
    done = deliver(institution, *arguments)
    assert done.rc == 0, done.out
    record = institution.records("delivery")[-1]
    assert record["folio"] in done.out and "TODO ENTREGADO Y COMPROBADO: 1 de 1." in done.out
    return record


def refused(institution, *words):
    """Deliver where nothing can be, and return the failure of it."""
    before = institution.records("delivery")
    done = deliver(institution)
    assert done.rc == 2, done.out
    assert institution.records("delivery") == before
    failure = institution.records("failure", failure_stage="csc_delivery")[-1]
    assert [word for word in words if word not in failure["error_message"]] == [], failure["error_message"]
    assert failure["folio"] in done.out and failure["error_message"] in done.out
    return failure


def restic(institution, server, *arguments, key="csc.key"):
    """Ask CSC's repository of a server, with the password in a file of the backup server."""
    command = [institution.root / "bin/restic-server", "--repo", institution.csc / server, "--no-cache", "--json"]
    command += ["--password-file", institution.root / "backup" / server / key, *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=LIMIT).stdout


def at_csc(institution, server="srv-web01"):
    """Return what CSC's repository holds: the id in JAA's repository -> the id there."""
    return {each["original"]: each["id"] for each in json.loads(restic(institution, server, "snapshots", "--no-lock"))}


def test_what_is_verified_is_delivered_once_and_proved(portal):
    """Breaks: CSC has nothing that it can restore, or is sent the same again; or a rehearsal delivers."""
    (backup,) = portal.records("backup")
    before = _state(portal.ledger)
    rehearsed = deliver(portal, "--check")
    assert rehearsed.rc == 0 and "portal-media" in rehearsed.out and "no se entregó" in rehearsed.out, rehearsed.out
    assert _state(portal.ledger) == before and at_csc(portal) == {}

    record = delivered(portal)
    copies = at_csc(portal)
    assert list(copies) == [backup["file_name"]]
    assert record["files"] == [
        {
            **{"folio": backup["folio"], "item_id": "portal-media", "file": backup["file_name"]},
            **{"csc_file": copies[backup["file_name"]], "sha256": backup["sha256"], "matches": True},
            **{"bytes_sent": 10_000, "bytes_received": 10_000},
        }
    ]
    for key, value in {
        **{"form_code": "FOR 7.5 CSC 02", "server": "srv-web01", "result": "done", "delivered_by": "JAA"},
        **{"delivery_method": "transfer", "encrypted": True, "key_reference": "K-2027-01"},
        **{"destination": str(portal.csc / "srv-web01"), "related_folios": [backup["folio"]]},
    }.items():
        assert record[key] == value, key
    # With CSC's own key alone, and what comes back is what was there.
    shutil.rmtree(portal.root / "backup/srv-web01/repository")
    target = portal.root / "restored"
    restic(portal, "srv-web01", "restore", copies[backup["file_name"]], "--target", str(target))
    source = portal.root / "data/portal-media/contenido.bin"
    assert (target / source.relative_to("/")).read_bytes() == source.read_bytes()

    again = deliver(portal)
    assert again.rc == 0 and "CSC tiene ya todos los respaldos verificados" in again.out, again.out
    assert portal.records("delivery") == [record] and at_csc(portal) == copies


def test_what_jaa_has_not_accepted_stays_until_it_is(institution):
    """Breaks: CSC is given as good what is in quarantine, or never gets what JAA accepted."""
    database = institution.database("db-escolares", tolerance={"shrink_pct": 0, "grow_pct": 1})
    institution.register("srv-db01", database)
    assert institution.backup().rc == 0
    with closing(sqlite3.connect(database["database"]["path"])) as connection:
        connection.executemany("INSERT INTO alumno VALUES (?)", [(number,) for number in range(500)])
        connection.commit()
    assert institution.backup(*FORCE).rc == 2
    good, doubtful = institution.records("backup")
    assert doubtful["verification_result"] == "review"
    (file,) = delivered(institution)["files"]
    # Of a database, the digest of its dump as it was read at CSC.
    assert (file["folio"], file["sha256"]) == (good["folio"], good["sha256"])
    decision = {"accept_folio": doubtful["folio"], "accept_decision": "accepted", "accept_reason": "creció"}
    assert answer(institution, "accept.yml", **decision).rc == 0
    (file,) = delivered(institution)["files"]
    assert (file["folio"], file["sha256"], file["bytes_received"]) == (
        *(doubtful["folio"], doubtful["sha256"], doubtful["size_bytes"]),
    )
    assert len(at_csc(institution, "srv-db01")) == 2


def test_jaas_password_is_no_password_of_csc(portal):
    """Breaks: who has JAA's password reads and destroys both copies."""
    portal.host_vars["srv-web01"] = {"backup_server_csc_password": portal.password.read_text("utf-8").strip()}
    done = portal.start("deploy.yml", "--limit", "srv-web01").wait()
    assert done.rc != 0 and "es la misma que la de JAA" in done.out, done.out
    # Somebody gives it to CSC's repository by hand.
    keys = portal.root / "backup/srv-web01"
    restic(portal, "srv-web01", "key", "passwd", "--new-password-file", str(keys / "repository.key"))
    (keys / "csc.key").chmod(0o600)
    shutil.copy(keys / "repository.key", keys / "csc.key")
    refused(portal, "la contraseña de JAA abre el repositorio de CSC")
    assert at_csc(portal) == {}


def test_a_repository_that_is_away_is_a_failure_until_something_was_delivered(portal):
    """Breaks: that CSC got nothing is nobody's failure, its directory fills another disk, or time closes it."""
    away = portal.csc / "away"
    (portal.csc / "srv-web01").rename(away)
    failure = refused(portal, f"el repositorio de CSC no está en {portal.csc}/srv-web01", "deploy.yml")
    assert (failure["server"], failure["form_code"]) == ("srv-web01", "FOR 7.5 DSE 05")
    assert not (portal.csc / "srv-web01").exists()
    assert portal.backup(*FORCE).rc == 0
    assert portal.records("closing") == [], "a backup is no delivery"
    away.rename(portal.csc / "srv-web01")
    record = delivered(portal)
    assert len(record["files"]) == 2
    (closing,) = portal.records("closing")
    assert (closing["about_folio"], closing["evidence"]) == (failure["folio"], "delivery")
    assert closing["related_folios"] == [record["folio"]]


def test_without_a_repository_of_csc_its_inventory_is_told(portal):
    """Breaks: a server that CSC has no place for passes for delivered."""
    portal.host_vars["srv-web01"] = {"backup_server_csc_repository": ""}
    refused(portal, "srv-web01 no tiene repositorio de CSC", "backup_server_csc_password")


def test_a_backup_that_cannot_be_read_keeps_no_other_from_csc(portal):
    """Breaks: one damaged backup stops the delivery of all, is called delivered, or fills the failure log every day."""
    portal.fill("portal-media", 60_000)
    assert portal.backup(*FORCE).rc == 2, "it has grown: in review"
    for_csc = portal.records("backup")[-1]
    decision = {"accept_folio": for_csc["folio"], "accept_decision": "accepted", "accept_reason": "creció"}
    assert answer(portal, "accept.yml", **decision).rc == 0
    pack = max((portal.root / "backup/srv-web01/repository/data").glob("*/*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    done = deliver(portal)
    assert done.rc == 2 and "HAY ENTREGAS QUE ATENDER" in done.out, done.out
    (record,) = portal.records("delivery")
    sound = portal.records("backup")[0]
    assert (record["result"], [each["folio"] for each in record["files"]]) == ("incomplete", [sound["folio"]])
    (failure,) = portal.records("failure", failure_stage="csc_delivery")
    assert (failure["item_id"], failure["backup_folio"]) == ("portal-media", for_csc["folio"])


def test_csc_says_whether_it_has_it_and_what_it_rejects_is_delivered_again(portal):
    """Breaks: JAA acknowledges for CSC, nobody knows where the copy is, or what CSC rejected counts as delivered."""
    (backup,) = portal.records("backup")
    first = delivered(portal)

    def said(folio, result, *words, **answers):
        done = acknowledge(portal, folio, result=result, **{"as": "CSC", **answers})
        assert (done.rc == 0) == (not words), done.out
        assert [word for word in words if word not in done.out] == [], done.out

    def looked_up(**sought):
        path = portal.root / "found.json"
        sought = {f"ledger_{key}": value for key, value in sought.items()}
        assert answer(portal, "ledger.yml", **sought, ledger_output=str(path)).rc == 0
        return json.loads(path.read_text("utf-8"))

    assert looked_up(folio=first["folio"])[0]["status"] == "pendiente"
    place = "Gaveta 2, cinta 11"
    before = portal.records()
    said(first["folio"], "accepted", "acusar recibo de una entrega corresponde a CSC, no a JAA", **{"as": "JAA"})
    said(first["folio"], "rejected", "acknowledge_reason: falta el motivo")
    said(backup["folio"], "accepted", f"acknowledge_storage_location: sólo de una entrega a CSC, y {backup['folio']}",
         storage_location=place)  # fmt: skip
    said("DSE-04-2026", "accepted", "acknowledge_storage_location: sólo de", storage_location=place, **{"as": "JAA"})
    assert portal.records() == before
    said(first["folio"], "rejected", reason="el disco llegó lleno")
    assert looked_up(folio=first["folio"])[0]["status"] == "rechazado"
    assert "csc_delivery_folio" not in looked_up(item="portal-media", type="backup")[0]
    said(first["folio"], "accepted", "ya fue rechazada", storage_location=place)

    second = delivered(portal)
    assert second["folio"] != first["folio"] and second["files"] == first["files"], "nothing is sent twice"
    said(second["folio"], "accepted", storage_location=place)
    (acknowledgement,) = portal.records("acknowledgement", about_folio=second["folio"])
    assert (acknowledgement["storage_location"], acknowledgement["acknowledged_as"]) == (place, "CSC")
    assert acknowledgement["about_sha256"] == second["record_sha256"]
    (found,) = looked_up(folio=second["folio"])
    assert (found["status"], found["acknowledgements"][0]["storage_location"]) == ("cerrado", place)
    assert looked_up(item="portal-media", type="backup")[0]["csc_delivery_folio"] == second["folio"]
    assert deliver(portal).rc == 0 and len(portal.records("delivery")) == 2


def test_what_is_late_is_told_every_morning(institution, clock):
    """Breaks: for weeks CSC gets nothing, or says nothing, and the morning's report is content."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert clock.backup("2027-03-01 01:00") == ["portal-media"]
    (backup,) = institution.records("backup")
    late, unsaid = "SIN ENTREGAR A CSC DESPUÉS DE 7 DÍAS", "ENTREGAS SIN ACUSE DE CSC DESPUÉS DE 7 DÍAS"
    early = clock.play("2027-03-07 07:00", "reconcile.yml")
    assert early.rc == 0 and "TODO AL DÍA" in early.out and late not in early.out, early.out
    told = clock.play("2027-03-08 07:00", "reconcile.yml")
    assert late in told.out and f"srv-web01: 1; desde {backup['folio']} · portal-media" in told.out, told.out
    assert "quedan pendientes" in told.out
    done = clock.play("2027-03-08 08:00", "deliver.yml")
    assert done.rc == 0, done.out
    (delivery,) = institution.records("delivery")
    assert "TODO AL DÍA" in clock.play("2027-03-14 07:00", "reconcile.yml").out
    told = clock.play("2027-03-15 07:00", "reconcile.yml")
    assert unsaid in told.out and f"{delivery['folio']} · srv-web01 del 08/03/2027" in told.out, told.out
    assert late not in told.out
    assert acknowledge(institution, delivery["folio"], result="accepted", **{"as": "CSC"}).rc == 0
    assert "TODO AL DÍA" in clock.play("2027-03-15 08:00", "reconcile.yml").out


def test_each_server_has_its_delivery_and_one_that_fails_keeps_no_other(institution):
    """Breaks: one server's trouble hides the others', or backups of one land in the repository of another."""
    institution.register("srv-web01", institution.files("portal-media"), institution.files("actas"))
    institution.register("srv-db01", institution.database("db-escolares"))
    assert institution.backup().rc == 0
    # Deployed anew, as an administrator does who adds CSC's copy to what runs already.
    shutil.rmtree(institution.csc)
    done = institution.start("deploy.yml").wait()
    assert done.rc == 0, done.out
    shutil.rmtree(institution.csc / "srv-db01")
    assert deliver(institution).rc == 2
    (web,) = institution.records("delivery")
    assert web["server"] == "srv-web01" and {each["item_id"] for each in web["files"]} == {"actas", "portal-media"}
    (failure,) = institution.records("failure")
    assert (failure["server"], failure["failure_stage"]) == ("srv-db01", "csc_delivery")
    assert institution.start("deploy.yml", "--limit", "srv-db01").wait().rc == 0
    assert delivered(institution)["server"] == "srv-db01"
    of_servers = {each["file_name"]: each["server"] for each in institution.records("backup")}
    for server in institution.SERVERS:
        assert set(at_csc(institution, server)) == {name for name, its in of_servers.items() if its == server}


def test_a_delivery_that_is_killed_leaves_no_record_and_the_next_one_goes_on(portal):
    """Breaks: half a delivery is taken for one, or what it left behind keeps the next one out."""
    portal.fill("portal-media", 3_000_000)
    assert portal.backup(*FORCE).rc == 2, "it has grown: in review"
    doubtful = portal.records("backup")[-1]
    decision = {"accept_folio": doubtful["folio"], "accept_decision": "accepted", "accept_reason": "creció"}
    assert answer(portal, "accept.yml", **decision).rc == 0
    program, real = portal.root / "bin/restic-server", portal.root / "bin/restic-real"
    program.rename(real)
    copying = portal.root / "copying"
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" copy "*) echo $PPID $$ >{copying}; exec {real} "$@" --limit-upload 500 ;; esac\n'
        f'exec {real} "$@"\n',
        "utf-8",
    )
    program.chmod(0o755)
    run = portal.start("deliver.yml")
    until(lambda: copying.exists() and copying.read_text(), "a copy that starts")
    os.killpg(run.process.pid, signal.SIGKILL)
    # And what goes on without it on the backup server.
    for process in copying.read_text().split():
        os.kill(int(process), signal.SIGKILL)
    run.process.wait()
    until(lambda: not _is_held(portal), "the end of what the controller left behind")
    assert portal.records("delivery") == [] and len(at_csc(portal)) < 2
    real.replace(program)

    record = delivered(portal)
    assert len(record["files"]) == len(at_csc(portal)) == 2
    (failure,) = portal.records("failure", failure_stage="csc_delivery")
    assert "se interrumpió en el controlador" in failure["error_message"]
    assert [each["about_folio"] for each in portal.records("closing", evidence="delivery")] == [failure["folio"]]
    restic(portal, "srv-web01", "check", "--read-data")
