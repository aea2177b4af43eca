# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.dse.backup.plugins.plugin_utils.screen import drill, prune, verify
from ansible_collections.dse.backup.tests.unit.factories import failure_record

LEDGER = SimpleNamespace(directory="/registro")


def failure(**changes):
    return failure_record("2026-11-22", folio="DSE-05-2026-0007", **changes)


def verified(result, read="3/30", **changes):
    return {
        "record_type": "run",
        "run_event": "verified",
        "server": "srv-web01",
        "result": result,
        "read": read,
        "errors": [],
        "damaged_file_names": [],
        "checked_count": 5,
        **changes,
    }


def test_a_verification_says_how_much_is_read_and_who_is_left_out():
    servers = [
        {"server": "srv-web01", "read": "3/30", "verified_on": "2026-11-21"},
        {"server": "srv-db01", "read": "all", "verified_on": None},
    ]
    shown = verify.plan({"servers": servers, "left": ["srv-old"]}, "R1")
    assert "parte 3 de 30 de los datos" in shown and "todos los datos" in shown
    assert "última: 21/11/2026" in shown and "última: nunca" in shown
    assert "ya no están en el inventario, no se verifican: srv-old" in shown
    assert "No hay repositorios" in verify.plan({"servers": [], "left": []}, "R1")


def test_damage_is_shown_also_when_it_was_known_before():
    damaged = verified("damaged", errors=["pack ab: does not exist"], damaged_file_names=["cd"])
    shown = verify.run([verified("intact"), damaged], [], {}, LEDGER)
    assert "íntegro" in shown and "DAÑADO" in shown and "pack ab: does not exist" in shown
    assert "HAY REPOSITORIOS QUE ATENDER: 1 de 2." in shown
    new = verify.run([damaged], [failure(item_id="portal-src", error_message="dañados en la copia de JAA")], {}, LEDGER)
    assert "✗ srv-web01 · portal-src: dañados en la copia de JAA (DSE-05-2026-0007)" in new
    assert "TODO ÍNTEGRO: 1 de 1." in verify.run([verified("intact", "structure")], [], {}, LEDGER)
    assert "NO SE VERIFICÓ" in verify.run([failure()], [], {}, LEDGER)


def test_drills_say_what_is_tried_and_what_came_back():
    backup = {"folio": "DSE-03-2026-0002", "backup_date": "2026-11-21", "size_bytes": 2048}
    tried = {"server": "srv-db01", "item_id": "escolares", "backup": backup, "tested_on": None}
    waiting = {"server": "srv-db01", "item_id": "lms", "reason": "sin respaldo utilizable"}
    shown = drill.plan({"servers": [{"drills": [tried]}], "waiting": [waiting]}, "R1")
    assert "DSE-03-2026-0002 del 21/11/2026" in shown and "último simulacro: nunca" in shown
    assert "no se puede probar: srv-db01 · lms · sin respaldo utilizable" in shown
    record = {
        "record_type": "drill",
        "server": "srv-db01",
        "item_id": "escolares",
        "result": "passed",
        "restored_bytes": 2048,
        "entry_count": 3,
        "started_at": "2026-11-22T10:00:00-06:00",
        "finished_at": "2026-11-22T10:00:09-06:00",
        "backup_folio": "DSE-03-2026-0002",
    }
    good = drill.run([record], [], {}, LEDGER)
    assert "recuperado" in good and "2.0 KiB" in good and "TODOS SE RECUPERARON: 1 de 1." in good
    bad = drill.run([record, {**record, "result": "failed"}], [failure()], {}, LEDGER)
    assert "FALLÓ" in bad and "HAY FALLAS: 1 de 2." in bad and "DSE-05-2026-0007" in bad


def test_a_pruning_says_what_goes_and_why_the_rest_stays():
    fate = {"server": "srv-db01", "item_id": "escolares", "folio": "DSE-03-2026-0001", "backup_date": "2025-01-01"}
    going = {**fate, "size_bytes": 1024, "goes": True, "reason": "fuera de los plazos de conservación"}
    stays = {**fate, "size_bytes": 1024, "goes": False, "reason": "respaldo del día"}
    shown = prune.plan({"fates": [going, stays, stays]}, "R1")
    assert "DSE-03-2026-0001  2025-01-01  1.0 KiB  fuera de los plazos" in shown and "2: respaldo del día" in shown
    assert "No hay nada que depurar." in prune.plan({"fates": [stays]}, "R1")
    record = {
        "record_type": "disposal",
        "server": "srv-db01",
        "result": "done",
        "disposed": [{}],
        "kept_count": 14,
        "freed_bytes": 2048,
    }
    done = prune.run([record], [], {}, LEDGER)
    assert "depurados: 1  quedan: 14  liberado: 2.0 KiB" in done and "DEPURACIÓN TERMINADA: 1 de 1." in done
    assert "HAY FALLAS: 1 de 1." in prune.run([{**record, "result": "partial"}], [failure()], {}, LEDGER)


def test_check_mode_says_that_nothing_happened():
    for screen in (verify, drill, prune):
        assert "Revisión (--check)" in screen.checked({})
