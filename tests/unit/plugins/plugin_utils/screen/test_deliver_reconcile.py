# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.text import spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.screen import deliver, reconcile
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    delivery_record,
    failure_record,
    loan_record,
    loan_step,
)

LEDGER = SimpleNamespace(directory="/registro")


def test_the_plan_says_what_goes_and_what_nobody_can_deliver():
    sent = [{"item_id": item_id, "size_bytes": 1024} for item_id in ("portal-src", "portal-src", "actas")]
    shown = deliver.plan({"servers": [{"server": "srv-web01", "backups": sent}], "left": ["srv-viejo"]}, "R1")
    assert "srv-web01  respaldos: 3  3.0 KiB  portal-src, actas" in shown
    assert "ya no están en el inventario: srv-viejo" in shown
    assert "CSC tiene ya todos" in deliver.plan({"servers": [], "left": []}, "R1")
    assert "no se entregó" in deliver.checked({})


def test_the_end_names_each_delivery_and_asks_for_csc_s_word():
    """Breaks: a delivery that is not whole reads as one, or nobody asks CSC."""
    record = delivery_record("CSC-02-2026-0001", "DSE-02-2026-0001", "DSE-02-2026-0002")
    good = deliver.run([record], [], {}, LEDGER)
    assert "CSC-02-2026-0001  srv-web01  respaldos: 2  leídos en CSC: 2.0 KiB" in good
    assert "TODO ENTREGADO Y COMPROBADO: 1 de 1." in good
    assert """acknowledge.yml -e '{"acknowledge_folio": ["CSC-02-2026-0001"]}' -e acknowledge_as=CSC""" in good
    failed = failure_record("2026-11-22", folio="DSE-05-2026-0007")
    part = deliver.run([{**record, "result": "incomplete"}], [failed], {}, LEDGER)
    assert "HAY ENTREGAS QUE ATENDER: 1 de 1." in part and "no respondió (DSE-05-2026-0007)" in part
    nothing = deliver.run([failed], [], {}, LEDGER)
    assert "No se entregó nada." in nothing and "acknowledge.yml" not in nothing
    assert "ENTREGA" not in deliver.run([], [], {}, LEDGER).split("No se entregó nada.")[1]


@pytest.fixture
def morning(ledger):
    """What reconcile.yml tells of a ledger of these records, each so many days old."""

    def told(*records):
        ledger.append(list(records))
        return reconcile.run([], [], {"unseen": {}}, ledger)

    return told


def day(ledger, age):
    return (datetime.now(ledger.procedure.zone) - timedelta(days=age)).date().isoformat()


@pytest.mark.parametrize(("age", "is_late"), [(6, False), (7, True), (90, True)])
def test_what_csc_should_have_by_now_is_told(ledger, morning, age, is_late):
    """Breaks: a backup waits for its delivery for months and nobody says so."""
    told = morning(
        backup_record("source_code", day(ledger, age), file_name="a" * 64),
        backup_record("source_code", day(ledger, 0), file_name="b" * 64),
    )
    assert ("SIN ENTREGAR A CSC DESPUÉS DE 7 DÍAS (deliver.yml)" in told) == is_late
    row = f"srv-web01: 1; desde DSE-02-{day(ledger, 0)[:4]}-0001 · portal-src del {spoken_day(day(ledger, age))}"
    assert (row in told) == is_late
    assert "TODO AL DÍA" not in told or not is_late


@pytest.mark.parametrize(("age", "is_late"), [(6, False), (7, True), (90, True)])
def test_what_csc_should_have_acknowledged_by_now_is_told(ledger, morning, age, is_late):
    moment = f"{day(ledger, age)}T09:00:00-06:00"
    delivery = delivery_record("", "DSE-02-2026-0001", delivered_at=moment)
    del delivery["folio"]
    told = morning(delivery)
    assert ("ENTREGAS SIN ACUSE DE CSC DESPUÉS DE 7 DÍAS (acknowledge.yml)" in told) == is_late
    assert (f"CSC-02-{day(ledger, 0)[:4]}-0001 · srv-web01 del {spoken_day(day(ledger, age))}" in told) == is_late
    assert ("TODO AL DÍA" in told) != is_late


LATE, WAITS = "PRÉSTAMOS DE CSC VENCIDOS (loan.yml)", "PRÉSTAMOS QUE ESPERAN A CSC DESPUÉS DE 1 DÍA HÁBIL (loan.yml)"


def asked_for(ledger, age):
    moment = f"{day(ledger, age)}T09:00:00-06:00"
    (record,) = ledger.append(
        [{key: value for key, value in loan_record("", requested_at=moment).items() if key != "folio"}]
    ).records
    return record["folio"]


@pytest.mark.parametrize(("age", "is_late"), [(1, False), (4, True), (90, True)])
def test_a_loan_that_csc_has_not_answered_is_told(ledger, morning, age, is_late):
    """Breaks: JAA waits for a copy, CSC for nobody, and the morning's report is content."""
    folio = asked_for(ledger, age)
    told = morning(backup_record("source_code", day(ledger, 0)))
    assert (WAITS in told) == is_late == (f"{folio} · acceso de sólo lectura" in told)
    assert LATE not in told and not ("TODO AL DÍA" in told and is_late)


@pytest.mark.parametrize(("days", "is_late"), [(0, False), (1, True), (90, True)])
@pytest.mark.parametrize("state", ["lent", "checked", "returned"])
def test_a_loan_that_should_be_back_is_told(ledger, morning, days, is_late, state):
    folio = asked_for(ledger, 1)
    due = day(ledger, days)
    states = ("authorised", "lent", "checked", "returned")
    for each in states[: states.index(state) + 1]:
        record = loan_step(folio, each, day(ledger, 0))
        ledger.append([{**record, "due_back_on": due} if each == "lent" else record])
    told = morning(backup_record("source_code", day(ledger, 0)))
    is_told = is_late and state != "returned"
    assert (LATE in told) == is_told == (f"JAA debía devolverlo el {spoken_day(due)}" in told)
    assert WAITS not in told
