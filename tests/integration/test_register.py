# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory against the register of requests: what does not hold is refused, what is missing is listed. 4.1.1."""

from __future__ import annotations

import shutil

import pytest
from answers import ask, decide, registered


@pytest.fixture
def portal(institution):
    """A site of which nobody has asked for a backup yet."""
    institution.registers_requests = False
    institution.register("srv-web01", institution.files("portal-media"))
    return institution


def refusals(institution):
    """Return what the newest run refused of each item, as its failure says it."""
    run_id = institution.records("run", run_event="started")[-1]["run_id"]
    return {each["item_id"]: each["error_message"] for each in institution.records("failure", run_id=run_id)}


def test_whatever_is_not_covered_is_refused_by_name_and_the_others_are_backed_up(institution, clock):
    """Breaks: a request that does not hold, or that is of something else, lets a backup through or stops the others."""
    files = institution.files
    clock.set("2027-03-01 10:00")
    good = [files("portal-media"), files("cancelada"), files("otra", exclude=["*.tmp"])]
    institution.register("srv-web01", *good)
    institution.register("srv-db01", files("actas"))
    institution.accept_requests()
    institution.registers_requests = False
    rejected, expired, future = (registered(institution, files(each)) for each in ("rechazada", "vencida", "futura"))
    decide(institution, rejected, "rejected", reason="ya no existe")
    decide(institution, expired, "accepted", valid_until="2027-03-01")
    decide(institution, future, "accepted", valid_from="2027-03-03")
    cancelled = good[1]["request_folio"]
    decide(institution, cancelled, "cancelled", "-e", "operator_role=CGDW", reason="se apagó")
    media = good[0]["request_folio"]
    institution.register(
        "srv-web01",
        good[0],
        good[1],
        files("otra"),
        *(files(name, request_folio=folio)
          for name, folio in (("rechazada", rejected), ("vencida", expired), ("futura", future))),
        files("desconocida", request_folio="DSE-05-2027-0999"),
        {**files("otro-origen"), "request_folio": media},
        files("otro-tipo", request_folio=media, information_type="source_code", repository_type="software_project",
              paths=good[0]["paths"]),
    )  # fmt: skip
    institution.register("srv-db01", files("actas"), files("ajena", request_folio=media, paths=good[0]["paths"]))
    done = clock.run("2027-03-02 10:00")
    assert done.rc == 2, done.out
    assert {each["item_id"] for each in institution.records("backup")} == {"portal-media", "actas"}
    expected = {
        "cancelada": f"{cancelled} no ampara este respaldo: está cancelada (se apagó)",
        "rechazada": f"{rejected} no ampara este respaldo: JAA la rechazó (ya no existe)",
        "vencida": f"{expired} no ampara este respaldo: venció el 01/03/2027",
        "futura": f"{future} no ampara este respaldo: está vigente a partir del 03/03/2027",
        "desconocida": "DSE-05-2027-0999 no está en el registro",
        "otra": "exclusiones: pide «*.tmp», no «ninguna»",
        "otro-origen": f"origen: pide «{good[0]['paths'][0]}»",
        "otro-tipo": "tipo de repositorio: pide «web_publication», no «software_project»; tipo de información: pide",
        "ajena": "servidor: pide «srv-web01», no «srv-db01»",
    }
    told = refusals(institution)
    assert told.keys() == expected.keys()
    for item_id, words in expected.items():
        assert words in told[item_id], told[item_id]
        assert next(line for line in done.out.splitlines() if f"✗ srv-{'db' if item_id == 'ajena' else 'web'}01 · "
                    f"{item_id} · request_folio: " in line)  # fmt: skip
    assert clock.run("2027-03-03 00:30").rc == 2
    assert institution.result("futura") == "first", "its day has come"


def test_what_is_accepted_and_absent_from_the_inventory_is_listed(institution):
    """Breaks: an item that somebody took out of the inventory, or never put in, is missed by nobody."""
    kept, gone = institution.files("portal-media"), institution.files("actas")
    institution.register("srv-web01", kept, gone)
    institution.accept_requests()
    institution.register("srv-web01", kept)
    done = institution.backup()
    assert done.rc == 0, done.out
    listed = done.out[done.out.index("SOLICITADO, ACEPTADO Y AUSENTE DEL INVENTARIO") :]
    assert f"! srv-web01 · {gone['request_folio']} · {gone['paths'][0]}" in listed
    assert f"! srv-web01 · {kept['request_folio']}" not in done.out
    assert "AUSENTE" not in institution.backup("--limit", "srv-db01").out
    institution.register("srv-web01", kept, {**gone, "service": 7})
    assert "AUSENTE" not in institution.backup("--check").out, "it is there, and refused"


def test_an_inventory_is_taken_over_once_and_what_contradicts_itself_is_not(portal):
    """Breaks: taking over twice records twice, hides a conflict, or takes a folio that is another record's."""
    files = portal.files
    assert portal.backup().rc == 2
    taken_by_failure = portal.records("failure")[0]["folio"]
    shared = "DSE-05-2026-0040"
    actas, fotos = files("actas", request_folio=shared), files("fotos", request_folio=shared)
    portal.register("srv-web01", files("portal-media"), actas, fotos, files("mala", information_type="x"),
                    files("ajena", request_folio=taken_by_failure))  # fmt: skip
    for time in ("first", "second"):
        done = ask(portal, take_over=True)
        assert done.rc == 2, done.out
        assert f"llevan la misma solicitud {shared} y difieren en origen" in done.out
        assert "✗ srv-web01 · mala · information_type" in done.out
        assert f"✗ ajena: {taken_by_failure} ya es el folio de otro registro" in done.out
        (request,) = portal.records("backup_request")
        assert (request["folio"], request["is_taken_over"]) == (files("portal-media")["request_folio"], True), time
    portal.register("srv-web01", files("portal-media"), actas, files("fotos", request_folio="DSE-05-2026-0041"))
    done = ask(portal, take_over=True)
    assert done.rc == 0 and "tomadas del inventario y aceptadas: 2." in done.out, done.out
    before = portal.records()
    done = ask(portal, take_over=True)
    assert done.rc == 0 and "Todas las del inventario están ya en el registro" in done.out, done.out
    assert portal.records() == before
    done = portal.backup()
    assert done.rc == 0, done.out
    assert len(portal.records("backup")) == 3


@pytest.mark.parametrize("index", ["kept", "damaged", "gone"])
@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_a_register_that_cannot_be_read_is_never_nothing_due(institution, index, arguments):
    """Breaks: where nobody knows what was asked for, "nothing is due" ends with 0. A directory: root may read all."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    contacted = institution.contacted()
    institution.registers_requests = False
    (file,) = institution.ledger.glob("ledger-*.jsonl")
    saved = file.rename(institution.root / file.name)
    file.mkdir()
    derived = institution.ledger / "index.sqlite3"
    kept = derived.read_bytes()
    if index == "damaged":
        derived.write_bytes(b"x" * 4096)
    elif index == "gone":
        derived.unlink()
    try:
        done = institution.start("backup.yml", *arguments).wait()
        assert done.rc != 0, done.out
        assert "Nada vence" not in done.out and "TODO CONFORME" not in done.out
        assert "el registro oficial en" in done.out
        assert institution.contacted() == contacted
    finally:
        shutil.rmtree(file)
        saved.rename(file)
        derived.write_bytes(kept)
