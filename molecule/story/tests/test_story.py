"""The sample institution's autumn of 2026, from the first request for a backup to the audit of the record.

One story: each test is a chapter, in the order of the file, and finds what the chapters before it have left. Servers
and items are those of the inventory that is shipped. All eight forms are filled on the way, and the ledger that is left
is the one in tests/fixtures/autumn.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import backups
import clock
import hosts
import official_record
import pytest
import yaml

WEB, APP, LMS, DATABASES, STORE, CSC = "srv-web01", "srv-app01", "srv-lms01", "srv-db01", "srv-bkp01", "srv-csc01"
SAMPLE = backups.CHECKOUT / "inventory"
VOLUMES = {APP: "/srv/repositorio", LMS: "/srv/lms"}
ITEMS = {
    item["id"]: {"server": file.parent.name, **item}
    for file in SAMPLE.glob("host_vars/*/items.yml")
    for item in yaml.safe_load(file.read_text("utf-8"))["backup_client_items"]
}
CONFIGURATIONS = ["etc-app01", "etc-db01", "etc-lms01", "etc-web01"]
DOCUMENTS = ["lms-files", "portal-media", "repositorio-docs"]
SOURCES = ["escolares-src", "lms-src", "portal-src"]
DUMPS = ["db-escolares", "db-lms", "db-portal"]

# Who asks for what, with its real size and whether it contains personal data, in the order of the folios.
REQUESTS = [
    ("Portal Institucional", "portal-src", "620 MiB", False),
    ("Portal Institucional", "portal-media", "38 GiB", False),
    ("Portal Institucional", "db-portal", "140 MiB", False),
    ("Servicios Escolares", "escolares-src", "85 MiB", False),
    ("Servicios Escolares", "db-escolares", "1945 MiB", True),
    ("Educación a Distancia", "lms-src", "150 MiB", False),
    ("Educación a Distancia", "db-lms", "3174 MiB", True),
    ("Educación a Distancia", "lms-files", "205 GiB", False),
    ("Biblioteca Digital", "repositorio-docs", "96 GiB", False),
    ("DSE Administración de Servidores", "etc-web01", "35 MiB", False),
]
# FOR 7.2 DAU 01: what Biblioteca Digital wrote before it was told which form to fill in.
SERVICE_REQUEST = "DAU-01-2026-0001"
LOAN = "CSC-03-2026-0001"
# When what JAA accepts comes into force: first what is large and seldom, last what is daily.
IN_FORCE = {"images_documents": "2026-09-24", "server_configuration": "2026-09-24",
            "source_code": "2026-11-09", "database": "2026-11-16"}  # fmt: skip

Record = dict[str, Any]


class Told(NamedTuple):
    """How a playbook ended: its exit status, what it printed, what it recorded."""

    status: int
    output: str
    records: list[Record]

    def well(self) -> Told:
        """Go on only where nothing went wrong."""
        assert self.status == 0, self.output
        return self

    def of(self, record_type: str, **fields: Any) -> list[Record]:
        wanted = {"record_type": record_type, **fields}
        return [each for each in self.records if wanted.items() <= each.items()]

    @property
    def results(self) -> dict[str, str]:
        """How each planned item ended: the verdict on its backup, or the type of its failure."""
        return {
            each["item_id"]: each.get("verification_result") or each["failure_type"]
            for each in official_record.outcomes(self.records)
        }


def play(moment: str, playbook: str, *options: str, **extra: Any) -> Told:
    """Run a playbook at a moment of the story, with extra-vars."""
    before = len(backups.records())
    done = backups.Started(
        f"{playbook}.yml",
        *options,
        f"--extra-vars={json.dumps(extra)}",
        environment=clock.at(moment),
        # The second says where the test hosts are.
        inventories=[SAMPLE, hosts.INVENTORY],
    ).end()
    return Told(done.status, done.output, backups.records()[before:])


def acknowledge(moment: str, folio: str | list[str], role: str = "JAA", reason: str = "", **more: Any) -> Told:
    """Let somebody say that a record, or a view of records, is right."""
    said = {"folio": folio, "as": role, "result": "accepted", "reason": reason, **more}
    return play(moment, "acknowledge", **{f"acknowledge_{name}": value for name, value in said.items()})


def on(server: str, command: str) -> subprocess.CompletedProcess[str]:
    """Type a command on a server, as JAA does over SSH."""
    ssh = ["ssh", "-F", str(hosts.SSH_CONFIG), server, command]
    return subprocess.run(ssh, capture_output=True, text=True, check=False)


def mount(server: str) -> None:
    where = VOLUMES[server]
    hosts.mount(server, "mount", "--bind", f"/var/lib/volumes/{Path(where).name}", where)


def repository(server: str, script: str) -> str:
    """Return what a shell script prints in a server's repository."""
    return hosts.shell(STORE, f"cd /srv/dse-backup/{server}/repository && {script}").stdout.decode().strip()


def size_of(item_id: str) -> int:
    """Return how many bytes the files of an item have, without what the item leaves out."""
    item = ITEMS[item_id]
    left_out = " ".join(f"-path {path} -prune -o" for path in item.get("exclude", []))
    found = on(item["server"], f"find {' '.join(item['paths'])} {left_out} -type f -printf '%s\\n'").stdout
    return sum(map(int, found.split()))


@pytest.fixture(scope="module", autouse=True)
def _volumes():
    """The institution's two disks, which only this machine can mount."""
    assert not backups.records(), "the story begins with new hosts: molecule destroy, create, converge"
    for server in VOLUMES:
        mount(server)


# --- September --------------------------------------------------------------------------------------------------------


def test_everybody_believes_the_clock():
    environment = {**os.environ, **clock.at("2026-09-14 08:00")}
    told = [on(name, "date --utc +%FT%H:%M").stdout for name in hosts.NAMES]
    told.append(subprocess.run(["date", "--utc", "+%FT%H:%M"], capture_output=True, text=True, check=True,
                               env=environment).stdout)  # fmt: skip
    assert set(told) == {"2026-09-14T14:00\n"}


def request(number: int, moment: str, area: str, about: dict[str, Any]) -> Told:
    """Register a request before anything of it is in the inventory, and expect its folio."""
    role = "JAA" if area.startswith("DSE ") else "CGDW"
    answers = {"requester": role, "area": area, "contact": "area@dse.example", **about}
    told = play(moment, "request", backup_client_items=[], operator_role=role,
                **{f"request_{name}": value for name, value in answers.items()}).well()  # fmt: skip
    (record,) = told.of("backup_request")
    assert record["folio"] == f"DSE-05-2026-{number:04d}"
    return told


def test_14_september_biblioteca_digital_writes_to_dau():
    asked = {"service_type": "new_backup", "channel": "correo", "area": "Biblioteca Digital", "priority": "media",
             "contact": "area@dse.example", "received_at": "2026-09-14T08:50",
             "description": "que se respalden los documentos del repositorio digital"}  # fmt: skip
    told = play("2026-09-14 09:00", "request", **{f"request_{name}": value for name, value in asked.items()}).well()
    assert [each["folio"] for each in told.of("service_request", assigned_to="JAA")] == [SERVICE_REQUEST]


def test_14_september_the_areas_ask():
    for number, (area, item_id, size, is_personal) in enumerate(REQUESTS, start=1):
        item = ITEMS[item_id]
        servers = [each["server"] for each in ITEMS.values() if each["request_folio"] == item["request_folio"]]
        about = {
            **{key: item[key] for key in ("service", "repository_type", "information_type")},
            "servers": sorted(servers),
            "source": item.get("paths") or item["database"]["name"],
            "exclusions": item.get("exclude", []),
            "estimated_bytes": size,
            "personal_data": is_personal,
            "service_request": SERVICE_REQUEST if area == "Biblioteca Digital" else "",
        }
        request(number, f"2026-09-14 09:{number:02d}", area, about)
    source = {"repository_type": "software_project", "information_type": "source_code", "estimated_bytes": "90 MiB",
              "personal_data": False}  # fmt: skip
    outside = {**source, "service": "Bolsa de trabajo", "servers": "bolsa.example.org", "source": "/srv/bolsa"}
    assert "fuera del alcance (1.2)" in request(11, "2026-09-14 09:11", "Bolsa de Trabajo", outside).output
    events = {**source, "service": "Eventos", "servers": WEB, "source": "/srv/www/eventos"}
    request(12, "2026-09-14 09:12", "Eventos", events)
    assert {each["folio"] for each in backups.records() if each.get("contains_personal_data")} == {
        "DSE-05-2026-0005",
        "DSE-05-2026-0007",
    }


def test_14_september_nothing_is_backed_up_that_jaa_has_not_accepted():
    told = play("2026-09-14 10:00", "backup", "--check")
    assert told.status != 0
    for item_id, item in ITEMS.items():
        assert f"{item['server']} · {item_id} · " in told.output
    assert told.output.count("JAA aún no la ha aceptado") >= len(ITEMS)
    assert told.records == []


def decide(number: int, moment: str, decision: str, role: str = "JAA", **more: Any) -> Told:
    answers = {"folio": f"DSE-05-2026-{number:04d}", "decision": decision, **more}
    return play(moment, "request", operator_role=role, **{f"request_{name}": value for name, value in answers.items()})


def test_15_september_jaa_decides():
    for number, (_area, item_id, _size, _is_personal) in enumerate(REQUESTS, start=1):
        since = IN_FORCE[ITEMS[item_id]["information_type"]]
        decide(number, f"2026-09-15 09:{number:02d}", "accepted", valid_from=since).well()
    refused = decide(11, "2026-09-15 09:11", "accepted")
    assert refused.status != 0
    assert "bolsa.example.org no pertenece al grupo dse_servers (alcance, 1.2)" in refused.output
    assert refused.records == []
    decide(11, "2026-09-15 09:12", "rejected", reason="fuera del alcance (1.2)").well()
    cancelled = decide(12, "2026-09-15 09:13", "cancelled", role="CGDW", reason="el sitio se dio de baja")
    assert [each["about_folio"] for each in cancelled.of("closing", operator_role="CGDW")] == ["DSE-05-2026-0012"]
    decisions = {each["about_folio"][-4:]: each["decision"] for each in backups.records() if "decision" in each}
    assert decisions == {**{f"{number:04d}": "accepted" for number in range(1, 11)}, "0011": "rejected"}


def test_15_september_the_annual_plan_is_approved_and_received():
    early = acknowledge("2026-09-15 11:00", "CSC-01-2026", "CSC")
    assert early.status != 0
    assert "aún no ha sido aprobado por JAA" in early.output
    approved = acknowledge("2026-09-15 11:01", "CSC-01-2026").well()
    lines = {each["item_id"]: each for each in approved.of("plan", plan_year=2026, plan_version=1)}
    # One for each item, though the four configurations share a request.
    assert sorted(lines) == sorted(ITEMS)
    assert lines["db-portal"]["planned_dates"][0].startswith("2026-11-1")
    received = acknowledge("2026-09-15 12:00", "CSC-01-2026", "CSC").well()
    assert len(received.of("acknowledgement", acknowledged_as="CSC", about_folio="CSC-01-2026", plan_version=1)) == 1


def test_15_september_jaas_disk_is_registered():
    disk = {"register": "JAA-HD-03", "type": "hdd_usb", "capacity": "2 TB", "custodian": "JAA",
            "location": "Oficina de JAA", "label": False}  # fmt: skip
    told = play("2026-09-15 13:00", "medium", **{f"medium_{name}": value for name, value in disk.items()}).well()
    assert [each["media_id"] for each in told.of("medium", medium_event="registered")] == ["JAA-HD-03"]


def test_24_september_documents_and_configurations():
    wanted = CONFIGURATIONS + DOCUMENTS
    told = play("2026-09-24 01:00", "backup", backup_items=wanted).well()
    assert told.results == dict.fromkeys(wanted, "first")
    for record in told.of("backup"):
        assert (record["backup_date"], record["next_due_on"]) == ("2026-09-24", "2026-11-23")
        assert record["execution_mode"] == "automatic"
    sizes = {each["item_id"]: each["size_bytes"] for each in told.of("backup")}
    assert {item_id: sizes[item_id] for item_id in DOCUMENTS} == {item_id: size_of(item_id) for item_id in DOCUMENTS}


def test_24_september_biblioteca_digital_is_content():
    said = acknowledge("2026-09-24 10:00", SERVICE_REQUEST, "CGDW", satisfaction=5).well()
    assert [each["satisfaction"] for each in said.of("acknowledgement", about_folio=SERVICE_REQUEST)] == [5]


def deliver(moment: str, *items: str) -> list[str]:
    """Deliver to CSC what it does not have yet, of each server in a record of its own; return their folios."""
    told = play(moment, "deliver").well()
    files = [file for record in told.of("delivery", key_reference="K-2026-02") for file in record["files"]]
    assert sorted(file["item_id"] for file in files) == sorted(items)
    stored = {each["folio"]: each["size_bytes"] for each in backups.records() if each["record_type"] == "backup"}
    for file in files:
        # With the dump of a database go the roles and rights that it takes.
        assert file["matches"] and file["bytes_received"] >= stored[file["folio"]]
    return [record["folio"] for record in told.of("delivery")]


def received(moment: str, folios: list[str]) -> None:
    """Let CSC say that it has them."""
    said = acknowledge(moment, folios, "CSC", storage_location="Gaveta 2").well()
    assert [each["about_folio"] for each in said.of("acknowledgement", acknowledged_as="CSC")] == folios


def test_tuesday_29_september_csc_receives_its_copy():
    folios = deliver("2026-09-29 12:00", *CONFIGURATIONS, *DOCUMENTS)
    assert folios == [f"CSC-02-2026-{number:04d}" for number in range(1, 5)]
    assert hosts.shell(CSC, "ls /srv/dse-csc/cc-srv-web01/repository/snapshots | wc -l").stdout == b"2\n"
    received("2026-09-29 12:12", folios)


# --- November ---------------------------------------------------------------------------------------------------------

# What later chapters need from earlier ones.
found: dict[str, Any] = {}
PAGE = "/srv/www/portal/src/m2/pagina-02.php"


def packs() -> set[str]:
    return set(repository(WEB, "find data -type f -printf '%s %p\\n'").splitlines())


def test_9_november_sources():
    before = packs()
    told = play("2026-11-09 01:00", "backup", backup_information_type="source_code").well()
    assert told.results == dict.fromkeys(SOURCES, "first")
    records = {each["item_id"]: each for each in told.of("backup")}
    assert {each["iso_week"] for each in records.values()} == {"2026-W46"}
    # Without the cache, and without the media, which are an item of their own.
    assert {item_id: records[item_id]["size_bytes"] for item_id in SOURCES} == {
        item_id: size_of(item_id) for item_id in SOURCES
    }
    assert records["portal-src"]["source_revision"].startswith("git ")
    found["portal-src"] = records["portal-src"]["folio"]
    _size, found["pack"] = max((int(size), path) for size, path in (each.split() for each in packs() - before))
    found["page"] = on(WEB, f"sha256sum < {PAGE}").stdout
    on(WEB, f"rm {PAGE}")  # Nobody notices for a week and a half.
    received("2026-11-10 12:12", deliver("2026-11-10 12:00", *SOURCES))


def test_16_and_17_november_two_nights():
    first = play("2026-11-16 01:00", "backup").well()
    assert first.results == {**dict.fromkeys(SOURCES, "conforming"), **dict.fromkeys(DUMPS, "first")}
    assert {each["iso_week"] for each in first.of("backup")} == {"2026-W47"}
    second = play("2026-11-17 01:00", "backup").well()
    assert second.results == dict.fromkeys(DUMPS, "conforming")
    assert {each["backup_date"] for each in second.of("backup")} == {"2026-11-17"}


def test_tuesday_17_november_csc_does_not_say_that_it_received_what_is_of_srv_lms01():
    # The source code of the week before was delivered in it; of the databases both nights.
    folios = deliver("2026-11-17 12:00", *SOURCES, *DUMPS, *DUMPS)
    records = {each["folio"]: each["server"] for each in backups.records() if each["record_type"] == "delivery"}
    received("2026-11-17 12:12", [folio for folio in folios if records[folio] != LMS])
    assert play("2026-11-17 22:00", "backup").well().results == {}


def test_18_november_the_disk_is_full_and_jaa_does_it_by_hand():
    # PostgreSQL's catalogue alone is larger than the other two databases.
    with hosts.small_disk(DATABASES, "/var/lib/dse-backup/staging", "20m"):
        night = play("2026-11-18 01:00", "backup")
    assert night.status == 2
    assert night.results == {"db-portal": "conforming", "db-lms": "conforming", "db-escolares": "error"}
    conforming = night.of("backup", item_id="db-lms")[0]
    assert (conforming["backup_date"], conforming["iso_week"]) == ("2026-11-18", "2026-W47")
    assert conforming["started_at"] >= "2026-11-18T01:00"
    assert conforming["started_at"] < conforming["finished_at"] <= conforming["verified_at"] < "2026-11-18T02:00"
    (failure,) = night.of("failure")
    assert failure["folio"] == "DSE-05-2026-0013"
    assert failure["failure_stage"] == "backup"
    assert "espacio insuficiente" in failure["error_message"]

    # It is known already, so that nothing new is opened; and it is still open.
    morning = play("2026-11-18 06:00", "reconcile").well()
    assert morning.of("failure") == morning.of("closing") == []
    assert "DSE-05-2026-0013" in morning.output

    clock.at("2026-11-18 09:30")
    by_hand = on(DATABASES, "dse-backup run db-escolares")
    assert by_hand.returncode == 0, by_hand.stderr
    assert "db-escolares: guardado" in by_hand.stdout

    seen = play("2026-11-18 09:40", "reconcile").well()
    (backup,) = seen.of("backup")
    assert (backup["item_id"], backup["execution_mode"], backup["verification_result"]) == (
        "db-escolares",
        "manual",
        "conforming",
    )
    assert (backup["backup_date"], backup["iso_week"]) == ("2026-11-18", "2026-W47")
    assert "2026-11-18T09:30" <= backup["started_at"] < "2026-11-18T09:40"
    (closing,) = seen.of("closing", about_folio="DSE-05-2026-0013", evidence="backup")
    assert closing["manual_run_file"] == backup["file_name"]
    assert play("2026-11-18 10:00", "backup").well().results == {}


def restore(moment: str, **more: Any) -> Told:
    answers = {"item": "portal-src", "as_of": "2026-11-14", "target": "/srv/recuperado", **more}
    answers.update(requester="Portal Institucional", reason="accidental_deletion")
    return play(moment, "restore", **{f"restore_{name}": value for name, value in answers.items()})


def test_19_november_portal_wants_a_page_back():
    assert play("2026-11-19 01:00", "backup").well().results == dict.fromkeys(DUMPS, "conforming")
    told = restore("2026-11-19 11:00").well()
    (recovery,) = told.of("recovery")
    assert (recovery["folio"], recovery["result"]) == ("DSE-05-2026-0014", "restored")
    assert recovery["backup_folio"] == found["portal-src"]
    assert recovery["wanted_as_of"].startswith("2026-11-14")
    assert on(WEB, f"sha256sum < /srv/recuperado{PAGE}").stdout == found["page"]
    assert on(WEB, f"test -e {PAGE}").returncode == 1
    on(WEB, f"cp -a /srv/recuperado{PAGE} {PAGE} && rm -r /srv/recuperado")

    other = acknowledge("2026-11-19 11:30", recovery["folio"])
    assert other.status != 0
    assert "corresponde a CGDW, no a JAA" in other.output
    accepted = acknowledge("2026-11-19 12:00", recovery["folio"], "CGDW").well()
    (acknowledgement,) = accepted.of("acknowledgement", about_folio=recovery["folio"])
    assert acknowledgement["about_sha256"] == recovery["record_sha256"]


FLIP = (
    "import os, sys; f = os.open(sys.argv[1], os.O_RDWR); b = os.pread(f, 1, 900)[0]; os.pwrite(f, bytes([b ^ 1]), 900)"
)


def test_19_november_jaas_copy_is_damaged_and_csc_is_asked_for_its_own():
    # One bit of what only portal-src needs.
    repository(WEB, f"chmod u+w {found['pack']} && python3 -c '{FLIP}' {found['pack']} && chmod u-w {found['pack']}")
    told = restore("2026-11-19 13:00", target="/srv/otra-vez")
    assert told.status == 2
    (failure,) = told.of("failure")
    assert (failure["folio"], failure["item_id"], failure["failure_stage"]) == (
        "DSE-05-2026-0015",
        "portal-src",
        "jaa_copy",
    )
    assert found["portal-src"] in failure["error_message"]
    (lent,) = told.of("loan", folio=LOAN, failure_folio=failure["folio"])
    assert [each["folio"] for each in lent["files"]] == [found["portal-src"]]
    (recovery,) = told.of("recovery", result="not_restored", loan_folio=LOAN)
    assert on(WEB, "test -e /srv/otra-vez").returncode == 1
    found["waiting"] = recovery["folio"]


def lend(moment: str, step: str, role: str) -> Told:
    """Let CSC or JAA take the next step of the loan."""
    told = play(moment, "loan", loan_folio=LOAN, loan_step=step, loan_as=role).well()
    assert [each["about_folio"] for each in told.records] == [LOAN]
    return told


def test_19_november_csc_lends_it_and_what_portal_asked_for_comes_from_there():
    lend("2026-11-19 14:00", "authorise", "CSC")
    lent = lend("2026-11-19 14:05", "lend", "CSC")
    assert [each["due_back_on"] for each in lent.of("acknowledgement", loan_step="lent")] == ["2026-11-26"]
    # What was asked for need not be said again.
    told = play("2026-11-19 14:10", "restore", restore_loan=LOAN).well()
    (recovery,) = told.of("recovery")
    assert (recovery["copy_used"], recovery["result"], recovery["related_folios"]) == (
        "csc",
        "restored",
        [found["waiting"]],
    )
    assert recovery["backup_folio"] == found["portal-src"]
    assert len(told.of("acknowledgement", loan_step="checked", check_on_receipt="conforming")) == 1
    assert on(WEB, f"sha256sum < /srv/otra-vez{PAGE}").stdout == found["page"]
    on(WEB, "rm -r /srv/otra-vez")
    acknowledge("2026-11-19 15:00", recovery["folio"], "CGDW").well()


def test_19_november_jaas_copy_is_mended_from_it():
    mended = play("2026-11-19 16:00", "repair").well()
    (record,) = mended.of("run", run_event="verified", result="intact")
    assert found["portal-src"] in {each["folio"] for each in record["repaired"]}
    assert [each["about_folio"] for each in mended.of("closing", evidence="repair")] == ["DSE-05-2026-0015"]
    told = play("2026-11-19 17:00", "verify", verify_all=True).well()
    results = {each["server"]: each["result"] for each in told.of("run", run_event="verified")}
    assert results == dict.fromkeys((WEB, APP, LMS, DATABASES), "intact")


def test_20_november_a_database_has_lost_more_than_half():
    on(DATABASES, "mariadb lms --execute='DELETE FROM entrega WHERE id > 1880; DELETE FROM bitacora WHERE id > 1880'")
    night = play("2026-11-20 01:00", "backup")
    assert night.status == 2
    assert night.results == {"db-escolares": "conforming", "db-portal": "conforming", "db-lms": "nonconforming"}
    (record,) = night.of("backup", item_id="db-lms")
    assert round(record["baseline_change_pct"]) == -62
    (failure,) = night.of("failure", about_folio=record["folio"])
    assert failure["failure_type"] == "size_out_of_band"
    accepted = play("2026-11-20 09:00", "accept", accept_folio=record["folio"], accept_decision="accepted",
                    accept_reason="Educación a Distancia depuró los cursos de 2019").well()  # fmt: skip
    assert [each["about_folio"] for each in accepted.of("decision", decision="accepted")] == [record["folio"]]
    assert [each["about_folio"] for each in accepted.of("closing")] == [failure["folio"]]


def test_20_november_it_goes_back_to_csc():
    lend("2026-11-20 12:00", "return", "JAA")
    closed = lend("2026-11-20 12:05", "receive_back", "CSC")
    assert [each["received_back_by"] for each in closed.of("closing")] == ["CSC"]


def test_21_november_two_backups_are_tried():
    assert play("2026-11-21 01:00", "backup").well().results == dict.fromkeys(DUMPS, "conforming")
    told = play("2026-11-21 10:00", "drill", drill_items=["db-escolares", "repositorio-docs"]).well()
    assert {each["item_id"]: each["result"] for each in told.of("drill")} == {
        "db-escolares": "passed",
        "repositorio-docs": "passed",
    }


def test_22_november_the_controller_is_off_and_week_47_is_closed():
    hosts.mount(LMS, "umount", VOLUMES[LMS])
    night = play("2026-11-23 01:00", "backup")
    assert night.status == 2
    expected = dict.fromkeys([*CONFIGURATIONS, *DOCUMENTS, *SOURCES, *DUMPS], "conforming")
    assert night.results == {**expected, "lms-files": "error"}
    assert night.of("backup", item_id="portal-media")[0]["days_elapsed"] == 60
    (failure,) = night.of("failure")
    assert f"{VOLUMES[LMS]} no está montado" in failure["error_message"]

    # At 01:00 the dumps of Sunday might still have come; at 06:00 they cannot.
    morning = play("2026-11-23 06:00", "reconcile")
    assert morning.status == 2
    missed = {each["item_id"]: each for each in morning.of("failure", failure_type="not_run")}
    assert sorted(missed) == DUMPS
    assert {each["scheduled_for"][:10] for each in missed.values()} == {"2026-11-22"}
    again = play("2026-11-23 06:10", "reconcile").well()
    assert again.of("failure") == []

    # Nothing was wrong with the week before.
    assert len(acknowledge("2026-11-23 08:50", "DSE-02-2026-W46").well().of("closing", evidence="review")) == 1
    week = ["DSE-02-2026-W47", "DSE-03-2026-W47"]
    refused = acknowledge("2026-11-23 09:00", week)
    assert refused.status != 0
    assert "en DSE-03-2026-W47 falta lo siguiente" in refused.output
    why = "el controlador estuvo apagado el domingo por mantenimiento eléctrico"
    closed = acknowledge("2026-11-23 09:10", week, reason=why).well()
    reviews = {each["about_folio"]: each for each in closed.of("closing", evidence="review")}
    assert sorted(reviews) == week
    assert (reviews[week[0]]["slots_expected"], reviews[week[0]]["slots_covered"]) == (3, 3)
    # Seven days of three databases, but for Sunday.
    assert (reviews[week[1]]["slots_expected"], reviews[week[1]]["slots_covered"]) == (21, 18)
    assert len(reviews[week[1]]["missing"]) == 3
    folios = [each["folio"] for each in missed.values()]
    ended = acknowledge("2026-11-23 09:20", folios, reason=why).well()
    assert sorted(each["about_folio"] for each in ended.of("closing")) == sorted(folios)


def test_24_november_day_61_of_lms_files():
    night = play("2026-11-24 01:00", "backup")
    assert night.status == 2
    assert night.results == {**dict.fromkeys(DUMPS, "conforming"), "lms-files": "error"}
    plan = play("2026-11-24 08:00", "plan").well()
    assert any(all(word in line for word in ("lms-files", "OMITIDO")) for line in plan.output.splitlines()), plan.output
    mount(LMS)
    told = play("2026-11-24 09:00", "backup", backup_items=["lms-files"], backup_force=True).well()
    (record,) = told.of("backup")
    assert (record["execution_mode"], record["verification_result"]) == ("manual", "conforming")
    assert (record["due_on"], record["days_elapsed"]) == ("2026-11-23", 61)
    # Both nights' failures.
    assert len(told.of("closing", evidence="backup", manual_run_file=record["file_name"])) == 2


def test_24_november_what_nobody_asked_for(tmp_path):
    told = play("2026-11-24 10:00", "coverage", coverage_output=str(tmp_path / "coverage.json")).well()
    answer = json.loads((tmp_path / "coverage.json").read_text("utf-8"))
    unrequested = {(each["server"], each.get("path") or each["name"]) for each in answer["uncovered"]}
    assert unrequested == {(WEB, "/srv/www/encuestas"), (DATABASES, "foro")}
    assert answer["gone"] == []
    assert told.records == []


@pytest.mark.parametrize(("question", "needs_action"), [("copies", "ACUSE DE CSC VENCIDO: lms-src"), ("loans", "")])
def test_24_november_an_auditor_asks(tmp_path, question, needs_action):
    # All that can be asked, and every answer: tests/unit/plugins/plugin_utils/questions/test_autumn.py.
    told = play("2026-11-24 11:00", "report", question=question, report_output=str(tmp_path / "answer.json"))
    answer = json.loads((tmp_path / "answer.json").read_text("utf-8"))
    assert (answer["question"], answer["needs_action"], told.status == 2) == (question, *[bool(needs_action)] * 2)
    assert needs_action in told.output
    assert told.records == []


def test_the_record_of_it_all_is_whole():
    told = play("2026-11-24 12:00", "ledger").well()
    assert told.records == []
    official_record.check(backups.LEDGER)
    records = backups.records()
    open_failures = {each["folio"] for each in records if each["record_type"] == "failure"} - {
        each["about_folio"] for each in records if each["record_type"] == "closing"
    }
    assert open_failures == set()
    # All of it happened in the story's time.
    moments = [datetime.fromisoformat(each["recorded_at"]).astimezone(timezone.utc) for each in records]
    assert moments == sorted(moments)
    assert (moments[0].date().isoformat(), moments[-1].date().isoformat()) == ("2026-09-14", "2026-11-24")
