# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One mistake stops one item: it is named and recorded, the others are backed up, the status is not 0."""

from __future__ import annotations


def test_every_mistake_is_named_at_once_and_recorded_and_the_others_are_backed_up(institution):
    """Breaks: a mistake hides another, passes, or stops what has none."""
    files = institution.files
    database = {"information_type": "database", "repository_type": "database", "paths": None}
    institution.register(
        "srv-web01",
        files("portal-media"),
        files("sin-tipo", information_type="codigo"),
        files("sin-servicio", service=None),
        files("sin-folio", request_folio=None),
        files("relativa", paths=["srv/www"]),
        files("mal-escrita", pathss=["/srv"]),
        files("manejador", **database, database={"engine": "oracle", "name": "x"}),
        "no soy un diccionario",
    )
    institution.register("srv-db01", files("actas"), files("portal-media"))
    institution.items["srv-ajeno"] = [files("ajeno")]
    done = institution.backup()
    assert done.rc == 2, done.out
    expected = {
        "srv-web01 · sin-tipo · information_type: «codigo» no está en la lista",
        "srv-web01 · sin-servicio · service: falta",
        "srv-web01 · sin-folio · request_folio: falta",
        "srv-web01 · relativa · paths: «srv/www» no es una ruta absoluta",
        "srv-web01 · mal-escrita · pathss: clave desconocida; ¿quiso decir «paths»?",
        "srv-web01 · manejador · database.engine: «oracle» no es un manejador conocido",
        "srv-web01 · srv-web01[8] · cada elemento debe ser un diccionario",
        "srv-db01 · srv-db01[2] · id: «portal-media» está repetido: ya lo usa otro elemento de srv-web01",
        "srv-ajeno · ajeno · el servidor srv-ajeno no pertenece al grupo dse_servers",
    }
    before_any_server = done.out.split("PLAY [Back up]")[0]
    assert {each for each in expected if f"✗ {each}" not in before_any_server} == set()
    failures = institution.records("failure")
    refused = {f"{each['server']} · {each['item_id']} · " for each in failures}
    assert {f"{each.split(' · ')[0]} · {each.split(' · ')[1]} · " for each in expected} == refused
    assert {each["failure_type"] for each in failures} == {"not_run"}
    assert all(each["error_message"].startswith("rechazado por el inventario: ") for each in failures)
    backups = {(each["server"], each["item_id"]) for each in institution.records("backup")}
    assert backups == {("srv-web01", "portal-media"), ("srv-db01", "actas")}


def test_a_variable_that_cannot_be_evaluated_stops_that_server_alone(institution):
    """Breaks: an undefined variable in one server's items ends the plan for all, or passes for "no items"."""
    institution.register("srv-web01", institution.files("portal-media"))
    institution.host_vars["srv-db01"] = {"backup_client_items": "{{ no_existe }}"}
    done = institution.backup()
    assert done.rc == 2, done.out
    assert "✗ srv-db01 · srv-db01[0] · backup_client_items: no se puede evaluar" in done.out
    assert "no_existe" in done.out
    assert institution.result("portal-media") == "first"


def test_an_item_that_changes_server_is_refused_where_it_is_new(institution):
    """Breaks: a copied host_vars file takes over another server's history when that one is listed later."""
    institution.register("srv-db01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    institution.register("srv-web01", institution.files("portal-media"))
    done = institution.backup()
    assert done.rc == 2, done.out
    assert (
        "✗ srv-web01 · srv-web01[1] · id: «portal-media» está repetido: ya lo usa otro elemento de srv-db01" in done.out
    )
    assert {each["server"] for each in institution.records("backup")} == {"srv-db01"}
