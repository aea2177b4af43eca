# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request for a backup, from its registration to its change: nothing is backed up before JAA accepts it. 4.1.1."""

from __future__ import annotations

import accepted
import pytest
from answers import ask, decide, form, registered
from test_check_mode import _state


@pytest.fixture
def portal(institution):
    """A site of which nobody has asked for a backup yet."""
    institution.registers_requests = False
    institution.register("srv-web01", institution.files("portal-media"))
    return institution


def test_what_is_registered_is_backed_up_once_JAA_has_accepted_it_and_not_before(portal):
    """Breaks: a request is enough, anybody's acceptance counts, or a request can be decided twice."""
    item = portal.files("portal-media")
    folio = registered(portal, item, "-e", "operator_role=CGDW", exclusions=["*.tmp"])
    portal.register("srv-web01", {**item, "request_folio": folio, "exclude": ["*.tmp"]})
    refused = portal.backup()
    assert refused.rc == 2, refused.out
    assert f"✗ srv-web01 · portal-media · request_folio: la solicitud {folio} no ampara" in refused.out
    assert "JAA aún no la ha aceptado" in portal.records("failure")[0]["error_message"]
    assert (portal.records("backup"), portal.contacted()) == ([], [])

    by_cgdw = ask(portal, "-e", "operator_role=CGDW", folio=folio, decision="accepted")
    assert by_cgdw.rc != 0
    assert "aceptar o rechazar una solicitud corresponde a JAA, no a CGDW" in by_cgdw.out
    assert portal.records("decision") == []

    accepted = decide(portal, folio, "accepted")
    assert f"request_folio: {folio}" in accepted.out and "exclude: [*.tmp]" in accepted.out
    (decision,) = portal.records("decision")
    assert (decision["about_folio"], decision["decision"], decision["operator_role"]) == (folio, "accepted", "JAA")
    done = portal.backup()
    assert done.rc == 0, done.out
    (backup,) = portal.records("backup")
    assert (backup["request_folio"], backup["verification_result"]) == (folio, "first")
    again = ask(portal, folio=folio, decision="rejected", reason="x")
    assert again.rc != 0 and f"{folio} ya está aceptada" in again.out
    assert len(portal.records("decision")) == 1


def test_a_change_is_in_force_from_its_day_on_by_either_folio(portal, clock):
    """Breaks: a change counts before its day, or before JAA accepts it, or makes an inventory wrong that was right."""
    clock.set("2027-03-01 10:00")
    old = portal.files("portal-media")
    portal.accept_requests()
    change = {"changes": old["request_folio"], "exclusions": ["*.tmp"]}
    folio = registered(portal, old, **change)
    new = {**old, "exclude": ["*.tmp"]}
    by_new_folio = {**new, "request_folio": folio}

    def holds(moment, item):
        portal.register("srv-web01", item)
        return clock.run(moment, "--check").rc == 0

    assert [holds("2027-03-01 11:00", each) for each in (old, new, by_new_folio)] == [True, False, False]
    decide(portal, folio, "accepted", valid_from="2027-03-03")
    assert [holds("2027-03-02 23:00", each) for each in (old, new, by_new_folio)] == [True, False, False]
    assert [holds("2027-03-03 00:10", each) for each in (old, new, by_new_folio)] == [False, True, True]
    assert ask(portal, **form(old, **change)).rc != 0, "what was changed already is changed by its change only"
    assert len(portal.records("backup_request")) == 2


def test_all_that_is_wrong_is_named_at_once_and_nothing_is_written(portal):
    """Breaks: one fault hides another, or half a request is recorded."""
    item = portal.files("portal-media")
    wrong = {"requester": "XYZ", "contact": "ana", "service": "", "repository_type": "blog", "personal_data": "quizá",
             "information_type": "fotos", "estimated_bytes": "mucho", "servers": ["-rf"], "source": [],
             "service_request": "DAU-01-2026-0001", "changes": "DSE-05-2026-0007", "valid_from": "2026-01"}  # fmt: skip
    done = ask(portal, **form(item, **wrong))
    assert done.rc != 0
    assert [name for name in wrong if f"request_{name}: " not in done.out] == []
    jaa = form(item, requester="JAA", source="relativa/a")
    done = ask(portal, **jaa)
    assert done.rc != 0
    assert "request_requester: JAA sólo solicita" in done.out and "«relativa/a» no es una ruta absoluta" in done.out
    assert not portal.ledger.exists()


def test_check_mode_writes_nothing(portal):
    """Breaks: asking what would be recorded records it, or makes the ledger."""
    item = portal.files("portal-media")
    assert ask(portal, "--check", **form(item)).rc == 0
    done = ask(portal, "--check", take_over=True)
    assert done.rc == 0 and item["request_folio"] in done.out, done.out
    assert not portal.ledger.exists()
    folio = registered(portal, item)
    before = _state(portal.ledger)
    for decision in ("accepted", "rejected", "cancelled"):
        done = ask(portal, "--check", folio=folio, decision=decision, reason="x")
        assert done.rc == 0 and "no se registró nada" in done.out, done.out
    assert _state(portal.ledger) == before


def test_a_failure_that_closes_meanwhile_is_not_called_a_cancelled_request(institution):
    """Breaks: whoever asks for something reads that the request of some backup's failure was cancelled."""
    item = institution.files("portal-media")
    institution.register("srv-web01", item)
    assert institution.backup().rc == 0
    rules = accepted.procedures.load(str(accepted.procedures.DEFAULT_DIRECTORY))
    moment = institution.records("backup")[0]["started_at"]
    failure = {"record_type": "failure", "form_code": "FOR 7.5 DSE 05", "prepared_by": "JAA", "server": "srv-web01",
               "item_id": "portal-media", "information_type": "images_documents", "failure_stage": "backup",
               "failure_type": "error", "execution_mode": "automatic", "scheduled_for": moment, "detected_at": moment,
               "error_message": "no respondió"}  # fmt: skip
    (recorded,) = accepted.ledgers.Ledger(str(institution.ledger), rules).append([failure]).records
    done = ask(institution, **form(institution.files("actas")))
    assert done.rc == 0, done.out
    assert [each["about_folio"] for each in institution.records("closing")] == [recorded["folio"]]
    assert "CANCELADA" not in done.out and f"Falla cerrada: {recorded['folio']}" in done.out


def test_a_service_request_leads_to_a_request_for_a_backup(portal):
    """Breaks: FOR 7.5 DSE 05 does not say which FOR 7.2 DAU 01 it answers, or names one that does not exist."""
    service = {"service_type": "new_backup", "channel": "correo", "area": "Portal", "contact": "ana@example.mx",
               "description": "respaldar el portal", "priority": "media"}  # fmt: skip
    assert ask(portal, "-e", "operator_role=CGDW", **service).rc != 0, "that is DAU's"
    done = ask(portal, "-e", "operator_role=DAU", **service)
    assert done.rc == 0, done.out
    (asked,) = portal.records("service_request")
    assert (asked["form_code"], asked["operator_role"]) == ("FOR 7.2 DAU 01", "DAU")
    item = portal.files("portal-media")
    wrong = ask(portal, **form(item, service_request="DAU-01-2026-0009"))
    assert wrong.rc != 0 and "no es el folio de una solicitud de servicio" in wrong.out
    folio = registered(portal, item, service_request=asked["folio"])
    assert portal.records("backup_request", folio=folio)[0]["service_request_folio"] == asked["folio"]
