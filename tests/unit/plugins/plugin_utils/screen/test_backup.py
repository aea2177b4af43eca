# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dse.backup.plugins.plugin_utils.screen import backup as summary
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record


def plan(**changes):
    return {"planned": [], "waiting": [], "refused": [], "absent": [], **changes}


def test_a_plan_says_what_is_due_what_waits_and_what_is_wrong():
    due = {"server": "srv-web01", "item_id": "portal-src", "reason": "respaldo de la semana", "source": "/srv"}
    refused = {"server": "srv-db01", "item_id": "x", "reason": "id: falta"}
    waits = {"server": "srv-web01", "item_id": "docs", "reason": "en revisión: espera el dictamen de JAA"}
    shown = summary.plan(plan(planned=[due, refused], waiting=[waits], refused=["srv-db01 · x · id: falta"]), "R1")
    assert "PLAN DE LA CORRIDA R1" in shown
    assert "  srv-web01  portal-src  respaldo de la semana" in shown
    assert "en espera: srv-web01 · docs · en revisión" in shown
    assert "✗ srv-db01 · x · id: falta" in shown
    # A refused item is named once, with what is wrong, not among those that run.
    assert shown.count("srv-db01") == 1


def test_an_empty_plan_says_that_nobody_is_contacted():
    shown = summary.plan(plan(), "R1")
    assert "Nada vence ahora: no se contacta a ningún servidor." in shown
    assert "AUSENTE" not in shown and "ERRORES" not in shown


def test_what_was_accepted_and_is_not_in_the_inventory_is_named():
    # Somebody took it out: nothing is backed up, and nothing fails.
    gone = {"server": "srv-db02", "folio": "DSE-05-2026-0009", "source": "nó\nmina"}
    shown = summary.plan(plan(absent=[gone]), "R1")
    assert "SOLICITADO, ACEPTADO Y AUSENTE DEL INVENTARIO" in shown
    assert r"! srv-db02 · DSE-05-2026-0009 · nó\nmina" in shown


def test_a_result_shows_sizes_side_by_side_and_why_something_needs_attention(ledger):
    good = backup_record(
        "source_code", "2026-11-22", folio="DSE-02-2026-0001", size_bytes=2048, previous_size_bytes=1024,
        size_change_pct=100.0,
    )  # fmt: skip
    bad = backup_record(
        "database", "2026-11-22", "review", item_id="escolares", folio="DSE-03-2026-0001", remarks="el tamaño bajó 20 %"
    )
    failed = failure_record("2026-11-22", item_id="gone", folio="DSE-05-2026-0001")
    shown = summary.run([good, bad, failed], [], plan(), ledger)
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "srv-web01 portal-src conforme 2.0 KiB 1.0 KiB +100.00 % DSE-02-2026-0001" in lines
    assert "srv-web01 escolares EN REVISIÓN 1000 B DSE-03-2026-0001" in lines
    assert "srv-web01 gone FALLÓ DSE-05-2026-0001" in lines
    assert "✗ srv-web01 · escolares: el tamaño bajó 20 %" in lines
    assert "✗ srv-web01 · gone: no respondió" in lines
    assert "HAY RESPALDOS QUE ATENDER: 2 de 3." in lines
    assert f"Registro oficial: {ledger.directory}" in lines


def test_what_was_found_besides_is_told_apart(ledger):
    found = backup_record(
        "database", "2026-11-20", folio="DSE-03-2026-0002", execution_mode="manual",
        started_at="2026-11-20T09:30:00-06:00",
    )  # fmt: skip
    missed = failure_record("2026-11-21", folio="DSE-05-2026-0002")
    about = failure_record("2026-11-21", folio="DSE-05-2026-0003", about_folio="DSE-03-2026-0009")
    shown = summary.run([], [found, missed, about], plan(), ledger)
    assert "respaldo manual del 2026-11-20 09:30 hallado" in shown and "(DSE-05-2026-0002)" in shown
    assert "DSE-05-2026-0003" not in shown
    assert "Nada vencía" in shown and "CONFORME" not in shown


def test_a_first_backup_is_good_and_still_to_be_looked_at(ledger):
    shown = summary.run(
        [backup_record("database", "2026-11-20", "first", folio="DSE-03-2026-0002")], [], plan(), ledger
    )
    assert "TODO CONFORME: 1 de 1." in shown and "Sin respaldo anterior con el cual comparar: 1" in shown
