# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every job template of ``awx/`` as AWX runs it: with its survey, in a container of which only the volume stays."""

from __future__ import annotations

import json

import awx_files
import pytest
from awx_job import VOLUME, Jobs, Refused

BACKUP = "Respaldos: respaldar lo que corresponde"
RESTORE = "Restaurar: recuperar información"
ACKNOWLEDGE = "Acuses: acusar, cerrar o aprobar"
STEP = "Préstamos: siguiente paso de uno"


@pytest.fixture
def jobs(institution, tmp_path):
    made = Jobs(institution, tmp_path)
    yield made
    institution.close()
    made.close()


def test_people_and_schedules_run_all_of_it(jobs, institution):
    """Breaks: a survey asks for what its playbook refuses, an empty answer stops it, a user is not recorded."""
    for chapter in (_requests, _night, _by_hand, _restores, _loans, _questions):
        chapter(jobs, institution)
    assert jobs.launched == {each["name"] for each in awx_files.TEMPLATES}


def _requests(jobs, institution):
    portal = institution.fill("portal-media", 10_000)
    who = {"request_area": "Portal", "request_contact": "ana@example.mx"}
    jobs.run("Solicitudes: recibir una de servicio", by="dau-ventanilla", respuesta_servicio="Un respaldo nuevo",
             request_channel="correo", request_description="las imágenes", request_priority="media", **who)  # fmt: skip
    (service,) = institution.records("service_request")
    assert service["service_type"] == "new_backup" and service["operator_user"] == "dau-ventanilla (AWX; sistema: root)"
    jobs.run(
        "Solicitudes: registrar una de respaldo",
        by="ana",
        **who,
        request_requester="CGDW",
        request_service="Portal institucional",
        respuesta_servidores="srv-web01\n",
        respuesta_repositorio="Publicación en el Web",
        respuesta_tipo="Imágenes y documentos",
        respuesta_origen=f"{portal}\n",
        respuesta_exclusiones="cache\n*.tmp\n",
        request_estimated_bytes="10 KiB",
        respuesta_personales="No contiene",
        request_service_request=service["folio"],
    )
    (request,) = institution.records("backup_request")
    assert request["exclusions"] == ["cache", "*.tmp"] and request["contains_personal_data"] is False
    item = institution.files("portal-media", request_folio=request["folio"], exclude=["cache", "*.tmp"])
    institution.register("srv-web01", item)
    jobs.run("Solicitudes: dictaminar o cancelar", request_folio=request["folio"], respuesta_dictamen="Se acepta")
    institution.fill("actas", 3_000)  # The largest pack is the portal's alone: it will be damaged.
    institution.register("srv-web01", item, institution.files("actas"))
    jobs.run("Solicitudes: tomar el inventario como registro")
    assert len(institution.records("decision", decision="accepted")) == 2


def _night(jobs, institution):
    """What the schedules start, one after the other, as nobody answers a survey."""
    for schedule in sorted(awx_files.SCHEDULES, key=lambda each: each["rrule"]):
        jobs.run(schedule["unified_job_template"], schedule=schedule["name"])
    by = "root (AWX, programación «Cada noche, respaldar»)"
    backups = institution.records("backup", verification_result="first", operator_user=by, execution_mode="automatic")
    assert {each["item_id"] for each in backups} == {"portal-media", "actas"}
    (delivery,) = institution.records("delivery")
    assert len(delivery["files"]) == 2 and len(institution.records("drill")) >= 1
    jobs.run(
        ACKNOWLEDGE,
        by="csc-guardia",
        acknowledge_folio=delivery["folio"],
        acknowledge_as="CSC",
        respuesta_resultado="Conforme",
        acknowledge_storage_location="Gaveta 2",
    )
    (said,) = institution.records("acknowledgement", about_folio=delivery["folio"])
    assert (said["storage_location"], said["operator_user"]) == ("Gaveta 2", "csc-guardia (AWX; sistema: root)")
    jobs.run("Restaurar: reparar el repositorio de JAA")


def _by_hand(jobs, institution):
    institution.fill("actas", 100)
    jobs.run(
        "Respaldos: respaldar ahora", rc=2, backup_items="actas, portal-media", respuesta_tipo="Imágenes y documentos"
    )
    assert {each["item_id"] for each in institution.records("backup", execution_mode="manual")} == {
        "actas",
        "portal-media",
    }
    (suspect,) = institution.records("backup", verification_result="nonconforming")
    jobs.run("Respaldos: dictaminar uno en revisión", accept_folio=suspect["folio"], respuesta_dictamen="Se acepta",
             accept_reason="se vació por reglamento")  # fmt: skip
    assert institution.records("decision", about_folio=suspect["folio"])[0]["decision"] == "accepted"
    where = [("web_roots", [str(institution.root / "data")]), ("code_roots", []), ("configuration_roots", [])]
    where += [("nginx_files", []), ("apache_files", []), ("engines", [])]
    for server in institution.SERVERS:
        institution.host_vars[server] = {f"coverage_{key}": value for key, value in where}
    jobs.run("Respaldos: cobertura")
    # All of it takes half a minute, and is no other than the deployment that this institution begins with.
    jobs.run("Respaldos: preparar los servidores", limit="srv-bkp01")
    jobs.run("Medios: entregar a CSC en uno", rc=2, says="CSC-HD-11", deliver_medium="CSC-HD-11")
    jobs.run("Medios: cuáles hay")


def _restores(jobs, institution):
    assert (
        "contenido.bin" in jobs.run("Restaurar: buscar un archivo", find_pattern="*.bin", find_item="portal-media").out
    )
    assert "portal-media" in jobs.run("Restaurar: qué puede recuperarse").out
    target = institution.root / "recuperado"
    asked = {"restore_item": "portal-media", "restore_requester": "Portal", "respuesta_motivo": "Se borró por error"}
    with pytest.raises(Refused, match="respuesta_motivo"):
        jobs.launch(RESTORE, restore_item="portal-media", restore_requester="Portal")
    content = institution.root / "data" / "portal-media" / "contenido.bin"
    shown = jobs.run(RESTORE, job_type="check", restore_target=str(target), respuesta_rutas=f"{content}\n", **asked)
    assert str(target) in shown.out and not target.exists() and not institution.records("recovery")
    before = content.read_bytes()
    content.write_bytes(b"otra cosa")
    jobs.run(RESTORE, by="ana", respuesta_sobrescribir="Sí, sobrescribir", respuesta_releer="Se relee todo", **asked)
    assert content.read_bytes() == before
    (recovery,) = institution.records("recovery")
    assert (recovery["reason"], recovery["operator_user"]) == ("accidental_deletion", "ana (AWX; sistema: root)")
    jobs.run("Restaurar: deshacer una recuperación", restore_undo=recovery["folio"],
             restore_reason_detail="era la equivocada", restore_requester="Portal")  # fmt: skip
    assert content.read_bytes() == b"otra cosa"


def _loans(jobs, institution):
    """JAA's copy fails: CSC lends its own, and the recovery goes on with it."""
    pack = max(
        (institution.root / "backup/srv-web01/repository/data").glob("*/*"), key=lambda path: path.stat().st_size
    )
    damaged = bytearray(pack.read_bytes())
    damaged[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(damaged)
    back = institution.root / "de-csc"
    # The one that CSC has.
    folio = institution.records("backup", item_id="portal-media")[0]["folio"]
    jobs.run(RESTORE, rc=2, restore_folio=folio, restore_target=str(back), restore_requester="Portal",
             respuesta_motivo="Daño físico")  # fmt: skip
    failure = institution.records("failure", failure_stage="jaa_copy")[-1]
    (loan,) = institution.records("loan")
    for step in ("CSC autoriza", "CSC presta"):
        jobs.run(STEP, by="csc-guardia", loan_folio=loan["folio"], loan_as="CSC", respuesta_paso=step)
    assert loan["folio"] in jobs.run("Préstamos: cuáles hay").out
    jobs.run("Restaurar: continuar con lo que CSC presta", restore_loan=loan["folio"])
    assert list(back.rglob("contenido.bin"))
    jobs.run("Préstamos: solicitar uno", loan_request=folio, loan_failure_folio=failure["folio"])
    assert len(institution.records("loan")) == 2


def _questions(jobs, institution):
    jobs.run("Registro oficial: comprobar que está íntegro")
    jobs.run("Registro oficial: consultar", ledger_item="actas", respuesta_tipo="Respaldos", respuesta_archivo="En CSV")
    (table,) = (jobs.volume / "informes").glob("registro-*.csv")
    assert "actas" in table.read_text("utf-8-sig")
    jobs.run("Informes: el plan")
    assert "Portal institucional" in (jobs.volume / "informes" / "respaldos.html").read_text("utf-8")
    jobs.run("Informes: imprimir formatos", report_form="DSE-04-2026, DSE-05-2026-0001")
    (form,) = (jobs.volume / "informes").glob("formatos-*.pdf")
    assert form.read_bytes().startswith(b"%PDF")
    jobs.run("Informes: una pregunta al registro oficial", rc=2, respuesta_pregunta="Quién tiene cada copia",
             report_items="actas, portal-media", respuesta_archivo="En JSON")  # fmt: skip
    (answer,) = (jobs.volume / "informes").glob("copies-*.json")
    assert {each["item_id"] for each in json.loads(answer.read_text("utf-8"))["copies"]} == {"actas", "portal-media"}


def test_where_the_ledger_would_go_with_the_container_nothing_is_begun(jobs, institution, tmp_path):
    """Breaks: a night's backups are recorded where AWX throws the records away; the remedy is not named."""
    institution.register("srv-web01", institution.files("portal-media"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for ledger, volumes, what in (
        (f"{VOLUME}/ledger", ((elsewhere, "/mnt/otro"),), "parte del contenedor mismo"),
        (f"{VOLUME}/ledger", (("tmpfs", VOLUME),), "un disco en memoria (tmpfs)"),
        ("/runner/ledger", ((jobs.volume, VOLUME),), "el directorio de trabajo de este trabajo (/runner)"),
    ):
        done = jobs.launch(BACKUP, ledger=ledger, volumes=volumes)
        assert (done.rc, done.status) == (3, "failed"), done.out
        assert what in done.out and "AWX_ISOLATION_SHOW_PATHS" in done.out and not done.tasks, done.out
    done = jobs.launch("Restaurar: qué puede recuperarse", volumes=((elsewhere, "/mnt/otro"),))
    assert done.rc == 3 and "parte del contenedor mismo" in done.out
    assert institution.contacted() == [] and not list(jobs.volume.glob("ledger/*"))
