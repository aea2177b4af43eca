# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removable media: registered, labelled, delivered onto, full, wrong, lost; on real file systems, loop-mounted. 2.0.

Needs root and loop devices.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from answers import acknowledge, answer
from institution import LIMIT, until
from test_interrupted import _is_held

FORCE = ("-e", "backup_force=true")
CLAVE = "la-clave-de-csc-91b6\n"
LABEL = "dse-backup-medio.json"


def run(*command, **how):
    return subprocess.run([str(each) for each in command], check=True, capture_output=True, timeout=LIMIT, **how)


class Disk:
    """A disk of its own, in a file, that can be plugged into the slot of the backup server."""

    def __init__(self, image, slot, size, make=("mkfs.ext4", "-q", "-F", "-m", "0")):
        assert os.getuid() == 0 and os.path.exists("/dev/loop-control"), "needs root and loop devices"
        self.image, self.slot = image, slot
        run("truncate", "-s", size, image)
        run(*make, image)

    def plug(self, *options):
        run("mount", "-o", ",".join(["loop", *options]), self.image, self.slot)
        return self

    def plug_exfat(self):
        """In user space: not every kernel knows it, and it knows no owners in any."""
        device = run("losetup", "--find", "--show", self.image).stdout.decode().strip()
        run("mount.exfat-fuse", device, self.slot)
        # It goes when it is unmounted.
        run("losetup", "--detach", device)
        return self

    def pull(self):
        run("umount", self.slot)


@pytest.fixture
def slot(tmp_path):
    """Where media are mounted on the backup server; what is left mounted goes when the test ends."""
    directory = tmp_path / "slot"
    directory.mkdir()
    yield directory
    while os.path.ismount(directory):
        run("umount", directory)


@pytest.fixture
def disks(tmp_path, slot):
    """Return what makes disks."""

    def make(name, size="200M", **how):
        return Disk(tmp_path / f"{name}.img", slot, size, **how)

    return make


@pytest.fixture
def portal(institution, slot):
    """One server with one backup, which CSC does not have, and no place of CSC's but media."""
    for server in institution.SERVERS:
        institution.host_vars[server] = {
            "backup_server_csc_repository": "",
            "backup_server_medium_directory": str(slot),
        }
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    return institution


def medium(institution, *arguments, **answers):
    return answer(institution, "medium.yml", *arguments, **{f"medium_{key}": each for key, each in answers.items()})


def registered(institution, media_id, **changes):
    """Register and label what is mounted."""
    said = {"type": "hdd_usb", "custodian": "CSC", "location": "Gaveta 2", **changes}
    done = medium(institution, register=media_id, **said)
    assert done.rc == 0 and media_id in done.out, done.out
    return done


def deliver(institution, media_id, *arguments):
    return institution.start("deliver.yml", "-e", f"deliver_medium={media_id}", *arguments).wait()


def delivered(institution, media_id):
    done = deliver(institution, media_id)
    assert done.rc == 0 and "TODO ENTREGADO Y COMPROBADO" in done.out, done.out
    return institution.records("delivery")[-1]


def accept_last(institution):
    """Let JAA accept the last backup, which has grown too much by itself."""
    folio = institution.records("backup")[-1]["folio"]
    said = {"accept_folio": folio, "accept_decision": "accepted", "accept_reason": "creció"}
    assert answer(institution, "accept.yml", **said).rc == 0


def grown(institution, size):
    institution.fill("portal-media", size)
    assert institution.backup(*FORCE).rc == 2, "it has grown: in review"
    accept_last(institution)
    return institution.records("backup")[-1]


def on_medium(institution, slot, server="srv-web01"):
    """Return what CSC's repository on the mounted medium holds: the id in JAA's repository -> the id there."""
    password = institution.root / "clave-de-csc"
    password.write_text(CLAVE, "utf-8")
    command = [institution.root / "bin/restic-server", "-r", slot / server, "--password-file", password]
    listed = run(*command, "--no-lock", "--no-cache", "--json", "snapshots").stdout
    return {each["original"]: each["id"] for each in json.loads(listed)}


def untouched(directory):
    """Return all that lies on a medium, to compare."""
    return {path: (path.read_bytes() if path.is_file() else b"") for path in sorted(directory.rglob("*"))}


# --- The register and the label ---------------------------------------------------------------------------------------


def test_a_new_medium_is_registered_labelled_and_known_again(portal, disks, slot, tmp_path):
    """Breaks: a medium has no label, is labelled twice, a rehearsal labels it, or a label lands on the disk below."""
    done = medium(portal, register="CSC-HD-11", type="hdd_usb", custodian="CSC", location="Gaveta 2")
    assert done.rc != 0 and "no hay ningún medio montado" in done.out, done.out
    assert list(slot.iterdir()) == []
    disk = disks("eleven").plug()
    before = untouched(slot)
    rehearsed = medium(portal, "--check", register="CSC-HD-11", type="hdd_usb", custodian="CSC", location="Gaveta 2")
    assert rehearsed.rc == 0 and "no se etiquetó ni se registró nada" in rehearsed.out, rehearsed.out
    assert untouched(slot) == before and portal.records("medium") == []

    registered(portal, "CSC-HD-11")
    (record,) = portal.records("medium")
    label = json.loads((slot / LABEL).read_text("utf-8"))
    assert (label["media_id"], label["medium_uuid"]) == ("CSC-HD-11", record["medium_uuid"])
    assert (label["version"], label["custodian"], label["institution"]) == (1, "CSC", "DSE")
    assert (record["form_code"], record["state"], record["location"]) == (None, "available", "Gaveta 2")
    assert 150 << 20 < record["capacity_bytes"] < 200 << 20

    again = registered(portal, "CSC-HD-11")
    assert "Ya estaba registrado" in again.out and len(portal.records("medium")) == 1
    assert json.loads((slot / LABEL).read_text("utf-8")) == label
    listed = medium(portal)
    assert listed.rc == 0 and "CSC-HD-11" in listed.out and "HDD USB" in listed.out and "Disponible" in listed.out
    assert "Para la próxima entrega: el siguiente en la rotación es CSC-HD-11" in listed.out

    # Another disk under the same id, or the same disk under another; and what is not empty.
    other = medium(portal, register="CSC-HD-12", type="hdd_usb", custodian="CSC", location="Gaveta 2")
    assert other.rc != 0 and "es ya CSC-HD-11" in other.out, other.out
    disk.pull()
    disks("twelve").plug()
    twice = medium(portal, register="CSC-HD-11")
    assert twice.rc != 0 and "ya tiene su etiqueta electrónica" in twice.out, twice.out
    (slot / "fotos").mkdir()
    said = {"register": "CSC-HD-12", "type": "hdd_usb", "custodian": "CSC", "location": "Gaveta 2"}
    full = medium(portal, **said)
    assert full.rc != 0 and "no está vacío (fotos)" in full.out, full.out
    assert not (slot / LABEL).exists() and len(portal.records("medium")) == 1
    assert medium(portal, **said, not_empty=True).rc == 0
    assert (slot / "fotos").is_dir() and len(portal.records("medium")) == 2


def test_a_label_whose_record_was_lost_is_taken_up(portal, disks, slot):
    """Breaks: a run that was cut off between label and record leaves a medium that can never be registered."""
    disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    label = (slot / LABEL).read_bytes()
    shutil.rmtree(portal.ledger)
    registered(portal, "CSC-HD-11")
    assert (slot / LABEL).read_bytes() == label
    assert portal.records("medium")[0]["medium_uuid"] == json.loads(label)["medium_uuid"]


def test_wrong_answers_are_named_all_at_once(portal):
    """Breaks: a medium gets into the register without custodian, type or place; or its id is given away twice."""
    done = medium(portal, register="../etc", type="disco", capacity="mucho", custodian="DAU")
    assert done.rc != 0 and portal.records("medium") == [], done.out
    for word in ("medium_register: «../etc»", "medium_type: «disco»", "medium_capacity: «mucho»",
                 "medium_custodian: «DAU»", "medium_location: falta"):  # fmt: skip
        assert word in done.out, done.out
    tape = {"type": "tape", "capacity": "1.5 TB", "custodian": "JAA", "location": "Oficina de JAA", "label": False}
    assert medium(portal, register="JAA-CI-01", **tape).rc == 0
    taken = medium(portal, register="jaa-ci-01", **tape)
    assert taken.rc != 0 and "ya hay un medio JAA-CI-01" in taken.out, taken.out
    other = medium(portal, register="JAA-CI-01", **{**tape, "type": "hdd_usb"})
    assert other.rc != 0 and "una clave es única para siempre" in other.out, other.out
    unknown = medium(portal, id="JAA-CI-02", location="x")
    assert unknown.rc != 0 and "«JAA-CI-02» no está en el registro de medios; hay: JAA-CI-01" in unknown.out


def test_where_media_are_and_how_is_recorded_and_what_is_out_of_place_is_told(portal):
    """Breaks: JAA's disk is at somebody's home and nobody knows (4.4), or a medium comes back from the dead."""
    disk = {"type": "hdd_usb", "capacity": "2 TB", "custodian": "JAA", "location": "Oficina de JAA", "label": False}
    assert medium(portal, register="JAA-HD-03", **disk).rc == 0
    flag = "JAA-HD-03: está en «Site», y los medios de JAA deben estar en «Oficina de JAA» (4.4)"
    assert flag not in portal.start("reconcile.yml").wait().out
    moved = medium(portal, id="JAA-HD-03", location="Site")
    assert moved.rc == 0 and "Los medios de JAA deben estar en «Oficina de JAA»" in moved.out, moved.out
    assert flag in medium(portal).out
    told = portal.start("reconcile.yml").wait()
    assert "MEDIOS DE JAA FUERA DE SU OFICINA" in told.out and flag in told.out, told.out
    assert medium(portal, id="JAA-HD-03", location="oficina de  JAA").rc == 0
    assert flag not in medium(portal).out
    without = medium(portal, id="JAA-HD-03", state="lost")
    assert without.rc != 0 and "medium_reason: falta el motivo" in without.out, without.out
    theirs = medium(portal, "-e", "operator_role=CSC", id="JAA-HD-03", location="CSC")
    assert theirs.rc != 0 and "corresponde a JAA" in theirs.out, theirs.out
    assert medium(portal, id="JAA-HD-03", state="retired", reason="sectores dañados").rc == 0
    back = medium(portal, id="JAA-HD-03", state="available", reason="ya sirve")
    assert back.rc != 0 and "eso es definitivo" in back.out, back.out
    assert [each.get("state") for each in portal.records("medium")] == ["available", None, None, "retired"]


def test_labels_are_printed_and_a_scan_is_compared_with_the_medium(portal, disks, slot, tmp_path):
    """Breaks: the wrong label is on a disk and nobody notices (4.2.2)."""
    disks("eleven").plug()
    registered(portal, "CSC-HD-11", label_text="<script>alert(1)</script> & Cía.")
    page = tmp_path / "etiquetas.html"
    assert medium(portal, labels=str(page)).rc == 0
    text = page.read_text("utf-8")
    assert "<script" not in text and "&lt;script&gt;" in text and "<svg" in text and "CSC-HD-11" in text
    inside = medium(portal, labels=str(portal.ledger / "etiquetas.html"))
    assert inside.rc != 0 and "directorio del registro oficial" in inside.out, inside.out
    code = "dse-backup:CSC-HD-11:" + portal.records("medium")[0]["medium_uuid"]
    right = medium(portal, scan=code)
    assert right.rc == 0 and "MEDIO MONTADO: CSC-HD-11" in right.out and "coincide" in right.out, right.out
    wrong = medium(portal, scan=code[:-1] + ("0" if code[-1] != "0" else "1"))
    assert wrong.rc != 0 and "con otra huella" in wrong.out, wrong.out


def test_where_csc_has_media_only_its_password_is_deployed_and_no_repository(portal):
    """Breaks: an institution whose second copy is on disks needs a place of CSC's that it does not have."""
    key = portal.root / "backup/srv-web01/csc.key"
    key.unlink()
    shutil.rmtree(portal.csc)
    done = portal.start("deploy.yml", "--limit", "srv-web01").wait()
    assert done.rc == 0, done.out
    assert key.read_text("utf-8") == CLAVE and not portal.csc.exists()
    assert "no tiene repositorio de CSC" in portal.start("deliver.yml").wait().out


# --- Delivery ---------------------------------------------------------------------------------------------------------


def test_a_delivery_onto_a_medium_is_proved_recorded_and_not_repeated(portal, disks, slot):
    """Breaks: CSC's disk holds nothing that can be restored, holds it twice, or JAA's password opens it."""
    disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    (backup,) = portal.records("backup")
    rehearsed = deliver(portal, "CSC-HD-11", "--check")
    assert rehearsed.rc == 0 and "En el medio CSC-HD-11 (Gaveta 2)" in rehearsed.out, rehearsed.out
    assert not (slot / "srv-web01").exists() and portal.records("delivery") == []
    record = delivered(portal, "CSC-HD-11")
    copies = on_medium(portal, slot)
    assert list(copies) == [backup["file_name"]]
    (file,) = record["files"]
    assert (file["csc_file"], file["sha256"], file["bytes_received"]) == (
        *(copies[backup["file_name"]], backup["sha256"], 10_000),
    )
    for key, value in {
        **{"form_code": "FOR 7.5 CSC 02", "delivery_method": "media", "media_id": "CSC-HD-11", "media_type": "hdd_usb"},
        **{"label_text": "Respaldos DSE · HDD USB · CSC", "encrypted": True, "key_reference": "K-2027-01"},
        **{"destination": "CSC-HD-11:srv-web01", "result": "done", "server": "srv-web01"},
    }.items():
        assert record[key] == value, key
    (row,) = list(csv.reader((slot / "CONTENIDO.csv").read_text("utf-8-sig").splitlines()))[1:]
    assert row[:4] == [backup["folio"], "portal-media", "srv-web01", backup["backup_date"]]
    assert row[4:] == ["10000", file["csc_file"], file["sha256"], "K-2027-01"]
    assert "En uso" in medium(portal).out
    again = deliver(portal, "CSC-HD-11")
    assert again.rc == 0 and "CSC tiene ya todos" in again.out and len(portal.records("delivery")) == 1, again.out
    # The next one goes beside it.
    portal.host_vars["srv-web01"].pop("backup_server_csc_repository")
    assert portal.backup(*FORCE).rc == 0
    assert len(delivered(portal, "CSC-HD-11")["files"]) == 1 and len(on_medium(portal, slot)) == 2
    assert len((slot / "CONTENIDO.csv").read_text("utf-8").splitlines()) == 3
    said = acknowledge(portal, record["folio"], result="accepted", storage_location="Gaveta 2", **{"as": "CSC"})
    assert said.rc == 0, said.out


def refused_before(institution, media_id, *words):
    """Deliver where the register itself is against it: nothing is planned, nothing recorded."""
    before = institution.records()
    done = deliver(institution, media_id)
    assert done.rc == 2 and [word for word in words if word not in done.out] == [], done.out
    assert institution.records() == before
    return done


def test_what_the_register_is_against_is_refused_before_anything_is_written(portal, disks, slot):
    """Breaks: CSC's copy goes onto JAA's disk, a disk that is lent, one that nobody knows."""
    refused_before(portal, "CSC-HD-99", "«CSC-HD-99» no está en el registro de medios", "no queda ningún medio de CSC")
    eleven = disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    eleven.pull()
    disks("three").plug()
    registered(portal, "JAA-HD-03", custodian="JAA", location="Oficina de JAA")
    before = untouched(slot)
    refused_before(portal, "JAA-HD-03", "JAA-HD-03 es de JAA", "el siguiente en la rotación es CSC-HD-11 (Gaveta 2)")
    for state, word in (("lent", "Prestado"), ("damaged", "Dañado"), ("lost", "Extraviado"), ("full", "Lleno")):
        assert medium(portal, id="CSC-HD-11", state=state, reason="prueba").rc == 0
        refused_before(portal, "CSC-HD-11", f"su estado es «{word}»")
    assert medium(portal, id="CSC-HD-11", state="retired", reason="prueba").rc == 0
    refused_before(portal, "CSC-HD-11", "su estado es «Dado de baja»")
    assert untouched(slot) == before


def failed(institution, media_id, *words):
    """Deliver where what is mounted is against it, and return the failure of it."""
    before = institution.records("delivery")
    done = deliver(institution, media_id)
    assert done.rc == 2, done.out
    assert institution.records("delivery") == before
    failure = institution.records("failure", failure_stage="csc_delivery")[-1]
    assert [word for word in words if word not in failure["error_message"]] == [], failure["error_message"]
    return failure


def test_the_label_is_checked_before_anything_is_written(portal, disks, slot):
    """Breaks: fault 25: no medium, the wrong one, a duplicate, one without a label or with a damaged one is used."""
    eleven = disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    eleven.pull()
    twelve = disks("twelve").plug()
    registered(portal, "CSC-HD-12")
    twelve.pull()
    failed(portal, "CSC-HD-11", "no hay ningún medio montado en", "mount")
    assert list(slot.iterdir()) == []
    twelve.plug()
    before = untouched(slot)
    failed(portal, "CSC-HD-11", "está montado CSC-HD-12 y se pidió CSC-HD-11")
    assert untouched(slot) == before
    twelve.pull()

    eleven.plug()
    label = (slot / LABEL).read_text("utf-8")
    (slot / LABEL).write_text(label.replace("Gaveta", "").replace('"CSC"', '"JAA"'), "utf-8")
    failed(portal, "CSC-HD-11", "la etiqueta electrónica del medio", "está dañada", "huella", "CSC-HD-12 (Gav")
    (slot / LABEL).unlink()
    (slot / LABEL).symlink_to("/etc/hostname")
    failed(portal, "CSC-HD-11", "está dañada")
    (slot / LABEL).unlink()
    failed(portal, "CSC-HD-11", "no tiene etiqueta electrónica y se pidió CSC-HD-11")
    (slot / LABEL).write_text(label, "utf-8")
    eleven.pull()
    eleven.plug("ro")
    failed(portal, "CSC-HD-11", "CSC-HD-11 está montado de sólo lectura")
    assert sorted(path.name for path in slot.iterdir()) == [LABEL, "lost+found"]
    eleven.pull()

    # A second disk whose label says the same id; as if somebody had registered it elsewhere.
    disks("clone").plug()
    ours = portal.ledger.rename(portal.root / "ours")
    registered(portal, "CSC-HD-11")
    shutil.rmtree(portal.ledger)
    ours.rename(portal.ledger)
    failed(portal, "CSC-HD-11", "hay dos medios con la clave CSC-HD-11")
    told = medium(portal, check=True)
    assert told.rc != 0 and "hay dos medios con la clave CSC-HD-11" in told.out, told.out
    assert not (slot / "srv-web01").exists()
    slot_disk = eleven
    run("umount", slot)
    slot_disk.plug()
    record = delivered(portal, "CSC-HD-11")
    closed = portal.records("closing", evidence="delivery")
    assert len(closed) == len(portal.records("failure")) and {each["related_folios"][0] for each in closed} == {
        record["folio"]
    }


def test_a_medium_that_leads_elsewhere_is_refused(portal, disks, slot, tmp_path):
    """Breaks: who had the disk makes root write outside of it."""
    disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    outside = tmp_path / "outside"
    outside.mkdir()
    (slot / "srv-web01").symlink_to(outside)
    failed(portal, "CSC-HD-11", "srv-web01 lleva a otro lugar")
    (slot / "srv-web01").unlink()
    (slot / "LEAME.txt").symlink_to(outside / "leame")
    (slot / ".LEAME.txt.new").symlink_to(outside / "nuevo")
    delivered(portal, "CSC-HD-11")
    assert list(outside.iterdir()) == [] and not (slot / "LEAME.txt").is_symlink()
    data = slot / "srv-web01/data"
    shutil.move(data, outside)
    data.symlink_to(outside / "data")
    assert portal.backup(*FORCE).rc == 0
    failed(portal, "CSC-HD-11", "srv-web01/data lleva a otro lugar")


def test_a_full_medium_keeps_what_arrived_and_the_next_one_takes_the_rest(portal, disks, slot):
    """Breaks: fault 25: what does not fit is called delivered, what fits is lost, or nobody says which disk is next."""
    grown(portal, 3_000_000)
    big = grown(portal, 30_000_000)
    eleven = disks("eleven", "50M").plug()
    registered(portal, "CSC-HD-11")
    eleven.pull()
    twelve = disks("twelve").plug()
    registered(portal, "CSC-HD-12", location="Gaveta 3")
    twelve.pull()
    eleven.plug()
    done = deliver(portal, "CSC-HD-11")
    assert done.rc == 2 and "SE LLENÓ EL MEDIO CSC-HD-11: el siguiente en la rotación es CSC-HD-12 (Gav" in done.out
    assert "deliver_medium=CSC-HD-12" in done.out
    (record,) = portal.records("delivery")
    first, second, third = portal.records("backup")
    assert third["folio"] == big["folio"]
    assert (record["result"], record["related_folios"]) == ("incomplete", [first["folio"], second["folio"]])
    assert set(on_medium(portal, slot)) == {first["file_name"], second["file_name"]}
    (failure,) = portal.records("failure", failure_stage="csc_delivery")
    assert failure["backup_folio"] == big["folio"]
    assert "CSC-HD-11 está lleno: el siguiente en la rotación es CSC-HD-12" in failure["error_message"]
    assert portal.records("medium")[-1]["state"] == "full"
    assert len((slot / "CONTENIDO.csv").read_text("utf-8").splitlines()) == 3, "what is there is in its contents"
    refused_before(portal, "CSC-HD-11", "su estado es «Lleno»", "el siguiente en la rotación es CSC-HD-12")
    eleven.pull()

    twelve.plug()
    assert delivered(portal, "CSC-HD-12")["related_folios"] == [big["folio"]]
    assert set(on_medium(portal, slot)) == {big["file_name"]}
    assert [each["about_folio"] for each in portal.records("closing", evidence="delivery")] == [failure["folio"]]


def test_a_medium_that_was_full_before_is_told_and_recorded(portal, disks, slot):
    """Breaks: a disk that somebody filled by hand is tried again every week."""
    disks("eleven", "50M").plug()
    registered(portal, "CSC-HD-11")
    with pytest.raises(OSError), (slot / "películas").open("wb") as stream:
        while True:
            stream.write(b"\0" * (1 << 20))
            stream.flush()
    failed(portal, "CSC-HD-11", "CSC-HD-11 está lleno", "no queda ningún medio de CSC disponible")
    assert portal.records("medium")[-1]["state"] == "full"


def test_jaas_password_is_refused_on_a_medium_too(portal, disks, slot):
    """Breaks: fault 26: who finds the disk and has JAA's password reads it."""
    disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    keys = portal.root / "backup/srv-web01"
    (keys / "csc.key").chmod(0o600)
    own = (keys / "csc.key").read_text("utf-8")
    shutil.copy(keys / "repository.key", keys / "csc.key")
    failed(portal, "CSC-HD-11", "la contraseña de CSC es la misma que la de JAA")
    assert not (slot / "srv-web01").exists()
    (keys / "csc.key").chmod(0o600)
    (keys / "csc.key").write_text(own, "utf-8")
    assert own == CLAVE
    # Somebody puts JAA's own repository there, file by file.
    shutil.copytree(portal.root / "backup/srv-web01/repository", slot / "srv-web01")
    failed(portal, "CSC-HD-11", "contraseña")


def test_a_delivery_onto_a_medium_that_is_killed_runs_again_and_converges(portal, disks, slot):
    """Breaks: fault 25: half a delivery, or half a repository, keeps the next one out or is taken for a whole one."""
    grown(portal, 3_000_000)
    disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    program, real = portal.root / "bin/restic-server", portal.root / "bin/restic-real"
    program.rename(real)
    reached = portal.root / "reached"
    for verb in ("init", "copy"):
        held = f'echo $PPID $$ >{reached}; exec {real} "$@" --limit-upload 300'
        if verb == "init":
            # Its keys are there, and not its config: the worst moment.
            held = f'{real} "$@" && rm -f {slot}/.srv-web01.nuevo/config; echo $PPID $$ >{reached}; exec sleep 300'
        program.write_text(
            f'#!/bin/sh\ncase " $* " in *" {verb} "*) {held} ;; esac\nexec {real} "$@"\n', encoding="utf-8"
        )
        program.chmod(0o755)
        run_ = portal.start("deliver.yml", "-e", "deliver_medium=CSC-HD-11")
        until(lambda: reached.exists() and reached.read_text(), f"an {verb} that starts")
        os.killpg(run_.process.pid, signal.SIGKILL)
        for process in reached.read_text().split():
            os.kill(int(process), signal.SIGKILL)
        run_.process.wait()
        until(lambda: not _is_held(portal), "the end of what the controller left behind")
        reached.unlink()
        assert portal.records("delivery") == []
        # In JAA's repository a lock of root's would be left now, and stop its owner.
        assert list((portal.root / "backup/srv-web01/repository/locks").iterdir()) == []
    real.replace(program)
    assert len(delivered(portal, "CSC-HD-11")["files"]) == len(on_medium(portal, slot)) == 2
    assert not (slot / ".srv-web01.nuevo").exists()
    password = portal.root / "clave-de-csc"
    run(program, "-r", slot / "srv-web01", "--password-file", password, "--no-cache", "check", "--read-data")


def test_two_servers_share_a_medium_and_its_table_of_contents(portal, disks, slot):
    """Breaks: the last server's delivery overwrites what the medium says of the others."""
    portal.register("srv-db01", portal.database("db-escolares"))
    assert portal.backup().rc == 0
    disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    assert deliver(portal, "CSC-HD-11").rc == 0
    rows = list(csv.reader((slot / "CONTENIDO.csv").read_text("utf-8-sig").splitlines()))[1:]
    assert [(row[2], row[1]) for row in rows] == [("srv-db01", "db-escolares"), ("srv-web01", "portal-media")]
    # What somebody did to it is made good from the ledger.
    (slot / "CONTENIDO.csv").write_bytes(b"\xff\x00nada")
    assert portal.backup(*FORCE).rc == 0
    assert deliver(portal, "CSC-HD-11").rc == 0
    assert len((slot / "CONTENIDO.csv").read_text("utf-8-sig").splitlines()) == 5


# --- Restoring from the medium alone ----------------------------------------------------------------------------------


def commands(text, *sections):
    """Return the commands of these sections of the instructions, as somebody types them."""
    parts = re.split(r"^(\d(?:\.\d)?)\.? ", text, flags=re.MULTILINE)
    of = dict(zip(parts[1::2], parts[2::2]))
    lines = [line for name in sections for line in of[name].splitlines() if line.startswith("    ")]
    return "\n".join(line[4:] for line in lines)


def test_who_has_the_medium_alone_restores_by_its_instructions(portal, disks, slot, tmp_path):
    """Breaks: the instructions on the disk are wrong, and found so on the day on which nothing else is left."""
    portal.register("srv-db01", portal.database("db-escolares"))
    assert portal.backup().rc == 0
    eleven = disks("eleven").plug()
    registered(portal, "CSC-HD-11")
    assert deliver(portal, "CSC-HD-11").rc == 0
    eleven.pull()
    source = portal.root / "data/portal-media/contenido.bin"
    content, database = source.read_bytes(), (portal.root / "data/db-escolares.sqlite").read_bytes()
    shutil.rmtree(portal.root)
    # Elsewhere: mounted for reading only, another directory, nothing of ours.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    eleven.plug("ro")
    text = (slot / "LEAME.txt").read_text("utf-8")
    assert "CSC-HD-11" in text and "srv-web01: llave K-2027-01" in text

    def follow(server, item, *sections):
        values = {
            **{"MEDIO": slot, "SERVIDOR": server, "ELEMENTO": item, "ARCHIVO": source},
            **{name: elsewhere / f"{server}-{name.lower()}" for name in ("CLAVE", "DESTINO", "RESTIC")},
        }
        script = commands(text, *sections)
        for name, value in values.items():
            script, count = re.subn(rf"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
            assert count == 1, name
        path = elsewhere / "tecleado.sh"
        path.write_text(script, "utf-8")
        plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(elsewhere), "LC_ALL": "C.UTF-8"}
        return run("bash", "-eu", path, cwd=elsewhere, env=plain, input=CLAVE.encode()).stdout.decode()

    out = follow("srv-web01", "portal-media", "1", "2", "3", "4", "5", "7")
    assert "restic: OK" in out and "no errors were found" in out and '"media_id": "CSC-HD-11"' in out, out
    for part in ("uno", "todo"):
        assert (elsewhere / f"srv-web01-destino/{part}" / source.relative_to("/")).read_bytes() == content
    assert not (elsewhere / "srv-web01-clave").exists()
    out = follow("srv-db01", "db-escolares", "1", "2", "3", "5", "6.3", "7")
    assert "('ok',)" in out and "db-escolares,srv-db01" in out, out
    (dump,) = (elsewhere / "srv-db01-destino/todo").rglob("db-escolares.sqlite")
    assert dump.stat().st_size == len(database)


def test_a_file_system_without_owners_serves_as_well(portal, disks, slot):
    """Breaks: disks as they are bought (exFAT) cannot be used, or what is on them belongs to nobody."""
    if not shutil.which("mkfs.exfat") or not shutil.which("mount.exfat-fuse"):
        pytest.fail("needs exfatprogs and exfat-fuse: apt-get install exfatprogs exfat-fuse")
    disk = disks("exfat", make=("mkfs.exfat",)).plug_exfat()
    registered(portal, "CSC-HD-11")
    assert len(delivered(portal, "CSC-HD-11")["files"]) == len(on_medium(portal, slot)) == 1
    disk.pull()


def test_a_medium_that_csc_lends_saves_a_restore_and_mends_the_repository(portal, disks, slot):
    """4.3.1 c. Breaks: what CSC has on a medium is of no use; or another disk is taken for it; or it is lent twice."""
    disk = disks("uno").plug()
    registered(portal, "CSC-HD-01")
    delivered(portal, "CSC-HD-01")
    disk.pull()
    for pack in (portal.root / "backup/srv-web01/repository").glob("data/*/*"):
        pack.unlink()
    target = portal.root / "recuperado"
    told = {"reason": "physical_damage", "requester": "Portal"}
    done = restore(portal, item="portal-media", target=str(target), **told)
    assert done.rc == 2, done.out
    (loan,) = portal.records("loan")
    assert (loan["media_id"], loan["delivery_method"]) == ("CSC-HD-01", "media")
    assert "CSC-HD-01" in done.out and loan["folio"] in done.out
    for name, role in (("authorise", "CSC"), ("lend", "CSC")):
        assert answer(portal, "loan.yml", loan_folio=loan["folio"], loan_step=name, loan_as=role).rc == 0
    (portal.root / "data/portal-media/mas.txt").write_text("más", "utf-8")
    words = f"no puede recibir respaldos, su estado es «Prestado» ({loan['folio']})"
    assert words in " ".join(deliver(portal, "CSC-HD-01").out.split())

    # JAA has it in his hands, and has to plug it in.
    done = restore(portal, loan=loan["folio"])
    assert done.rc == 2 and "no hay ningún medio montado" in done.out and not target.exists(), done.out
    assert not [each for each in portal.records("acknowledgement") if each.get("loan_step") == "checked"]
    other = disks("otro").plug()
    done = restore(portal, loan=loan["folio"])
    assert done.rc == 2 and "no tiene etiqueta electrónica" in done.out, done.out
    other.pull()
    disk.plug("ro")
    before = untouched(slot)
    done = restore(portal, loan=loan["folio"])
    assert done.rc == 0, done.out
    content = "data/portal-media/contenido.bin"
    assert (target / str(portal.root)[1:] / content).read_bytes() == (portal.root / content).read_bytes()
    assert portal.records("recovery")[-1]["copy_used"] == "csc"
    assert portal.start("verify.yml", "-e", "verify_all=true").wait().rc == 2
    done = portal.start("repair.yml").wait()
    assert done.rc == 0 and "TODO REPARADO" in done.out, done.out
    assert untouched(slot) == before, "what CSC lends is only read"
    for name, role in (("return", "JAA"), ("receive_back", "CSC")):
        assert answer(portal, "loan.yml", loan_folio=loan["folio"], loan_step=name, loan_as=role).rc == 0


def restore(institution, **answers):
    return answer(institution, "restore.yml", **{f"restore_{key}": each for key, each in answers.items()})
