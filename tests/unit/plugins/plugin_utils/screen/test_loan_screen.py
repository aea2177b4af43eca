# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.loans import STEPS, Loan, Wanted
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import LoanTerms
from ansible_collections.dse.backup.plugins.plugin_utils.screen import loan as screen
from ansible_collections.dse.backup.tests.unit.factories import loan_record, loan_step

FOLIO = "CSC-03-2026-0001"
WHOLE = ("authorised", "lent", "checked", "returned", "received_back")
TERMS = LoanTerms(return_within_days=7, answer_within_working_days=1)


def come_to(*states, media_id="CSC-HD-11"):
    loan = Loan.of(loan_record(FOLIO, media_id=media_id))
    for state in states:
        loan.add(loan_step(FOLIO, state))
    return loan


@pytest.mark.parametrize("states", [WHOLE[:count] for count in range(5)])
def test_the_list_has_the_next_command_and_whose_it_is(states):
    """Breaks: at three in the morning somebody has to look up how a step is called."""
    loan = come_to(*states)
    text = "\n".join(screen.still_open([loan], TERMS, date(2026, 11, 24), "/registro"))
    for name in loan.next_steps:
        command = f"playbooks/loan.yml -e loan_folio={FOLIO} -e loan_step={name} -e loan_as={STEPS[name].role}"
        assert f"{STEPS[name].role}: {STEPS[name].act} ({FOLIO})" in text and command in text
    assert f"Sigue, {loan.turn}: {STEPS[loan.next_steps[0]].act}" in text
    assert "Abiertos: 1; vencidos: 0." in text


def test_the_list_tells_what_is_late():
    lent = screen.still_open([come_to("authorised", "lent")], TERMS, date(2026, 12, 2), "/registro")
    assert "VENCIDO: 01/12/2026" in "\n".join(lent) and "Abiertos: 1; vencidos: 1." in lent
    assert "CSC, CON RETRASO" in "\n".join(screen.still_open([come_to()], TERMS, date(2026, 11, 25), "/registro"))
    nothing = "\n".join(screen.still_open([], TERMS, date(2026, 11, 25), "/registro"))
    assert "Ninguno. Para solicitar uno:" in nothing and "-e loan_request=" in nothing


def test_what_was_recorded_is_told_with_what_follows(ledger):
    (asked,) = ledger.append([{key: value for key, value in loan_record("").items() if key != "folio"}]).records
    folio = asked["folio"]
    told = screen.run([], [asked], {}, ledger)
    assert f"REGISTRADO: {folio} · acceso de sólo lectura a la copia de srv-web01 · solicitado." in told
    assert "portal-src · DSE-02-2026-0047 · entregado con CSC-02-2026-0046" in told
    (rejected,) = ledger.append([loan_step(folio, "rejected")]).records
    told = screen.run([], [rejected], {}, ledger)
    assert "rechazado por CSC (no hay quién)." in told and "Sigue" not in told


def test_what_does_not_conform_is_only_given_back(ledger):
    (asked,) = ledger.append([{key: value for key, value in loan_record("").items() if key != "folio"}]).records
    for state in ("authorised", "lent"):
        ledger.append([loan_step(asked["folio"], state)])
    (checked,) = ledger.append([loan_step(asked["folio"], "checked", check_on_receipt="nonconforming")]).records
    told = screen.run([], [checked], {}, ledger)
    assert "NO CONFORME" in told and "sólo se devuelve" in told and "-e loan_step=return" in told


def test_the_request_names_where_it_is_and_by_whose_leave():
    files = [{"item_id": "portal-src", "folio": f"DSE-02-2026-00{number}", "delivery_folio": "CSC-02-2026-0046"}
             for number in range(10, 17)]  # fmt: skip
    electronic = screen.of_request(Wanted("srv-web01", "transfer", "", "CSC-02-2026-0046", files), "Oficio 14")
    assert electronic[0] == "  Se solicita a CSC: la copia de srv-web01, en sólo lectura"
    assert electronic[-2:] == ["    … y 2 más", "    Con la autorización permanente de CSC: Oficio 14"]
    medium = screen.of_request(Wanted("srv-web01", "media", "CSC-HD-11", "CSC-02-2026-0046", files), "Oficio 14")
    assert medium[0] == "  Se solicita a CSC: medio CSC-HD-11" and "Oficio" not in "".join(medium)
