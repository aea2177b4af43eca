# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.copies import copies
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    delivery_record,
    index_of,
    loan_record,
    loan_step,
)

BACKUP = backup_record("source_code", "2026-11-16", folio="DSE-02-2026-0001", service="Portal")
OTHER = backup_record("database", "2026-11-20", folio="DSE-03-2026-0001", item_id="escolares", server="srv-db01")
DELIVERY = delivery_record(
    "CSC-02-2026-0001", "DSE-02-2026-0001", destination="/mnt/csc/srv-web01", delivery_method="transfer"
)


def said(result, about="CSC-02-2026-0001", **more):
    return {
        **{"record_type": "acknowledgement", "about_folio": about, "acknowledged_as": "CSC", "result": result},
        **{"recorded_at": "2026-11-24T10:00:00.000-06:00", **more},
    }


def damage(*names, server="srv-web01"):
    verified = {"record_type": "run", "run_event": "verified", "run_id": "R9", "read": "all", "server": server}
    return {**verified, "damaged_file_names": list(names)}


@pytest.fixture
def ask(in_memory, procedure):
    """Ask a ledger of these records on a day."""

    def answer(*records, today="2026-11-22", **changes):
        now = datetime.fromisoformat(f"{today}T08:00:00").replace(tzinfo=procedure.zone)
        with index_of(in_memory, list(records)) as index:
            return copies(Asked(index, procedure, now, place_of=lambda server: f"srv-bkp01:/srv/{server}", **changes))

    return answer


def rows(answer, name):
    (section,) = (each for each in answer.sections if each.name == name)
    return section.rows


def both(answer, item_id="portal-src"):
    jaa, csc = (each for each in rows(answer, "copies") if each["item_id"] == item_id)
    assert (jaa["custodian"], csc["custodian"]) == ("JAA", "CSC") and jaa.keys() == csc.keys()
    return jaa, csc


def test_before_a_delivery_only_jaa_has_it_and_csc_s_waits(ask):
    answer = ask(BACKUP)
    jaa, csc = both(answer)
    assert (jaa["state"], jaa["place"], jaa["since"]) == ("held", "srv-bkp01:/srv/srv-web01", BACKUP["finished_at"])
    assert (csc["state"], csc["place"], csc["since"]) == ("undelivered", None, None)
    assert (csc["due_on"], csc["waits_since"]) == ("2026-11-23", BACKUP["finished_at"])
    assert jaa["proved_equal_at"] is csc["proved_equal_at"] is None
    assert (answer.problems, answer.next_command) == ([], "ansible-playbook playbooks/deliver.yml")
    (lacking,) = rows(answer, "lacking")
    assert (lacking["backup_folios"], lacking["due_on"]) == (["DSE-02-2026-0001"], "2026-11-23")
    late = ask(BACKUP, today="2026-11-23")
    assert both(late)[1]["state"] == "delivery_overdue"
    assert late.problems == ["ENTREGA A CSC VENCIDA: portal-src"]


def test_after_a_delivery_both_are_proved_equal_and_csc_s_word_is_waited_for(ask):
    """Breaks: nobody can tell since when the two copies are one, or where CSC's is."""
    answer = ask(BACKUP, DELIVERY)
    jaa, csc = both(answer)
    assert jaa["proved_equal_at"] == csc["proved_equal_at"] == csc["since"] == DELIVERY["delivered_at"]
    assert (csc["state"], csc["place"], csc["delivery_folio"]) == (
        "unacknowledged",
        "/mnt/csc/srv-web01",
        DELIVERY["folio"],
    )
    assert (csc["due_on"], csc["waits_since"], csc["acknowledged_at"]) == ("2026-11-30", DELIVERY["delivered_at"], None)
    assert [each["delivery_folio"] for each in rows(answer, "acknowledgements")] == [DELIVERY["folio"]]
    assert answer.problems == [] and '{"acknowledge_folio": ["CSC-02-2026-0001"]}' in answer.next_command
    assert ask(BACKUP, DELIVERY, today="2026-11-30").problems == ["ACUSE DE CSC VENCIDO: portal-src"]


def test_once_acknowledged_nothing_is_left_to_do(ask):
    answer = ask(BACKUP, DELIVERY, said("accepted", storage_location="Gaveta 2"), today="2027-03-01")
    _jaa, csc = both(answer)
    assert (csc["state"], csc["storage_location"]) == ("acknowledged", "Gaveta 2")
    assert (csc["acknowledged_at"], csc["due_on"], csc["waits_since"]) == ("2026-11-24T10:00:00.000-06:00", None, None)
    assert (answer.problems, answer.next_command) == ([], "")
    (item,) = rows(answer, "items")
    assert (item["state"], item["with_both"], item["needs_action"]) == ("complete", 1, False)
    assert rows(answer, "lacking") == rows(answer, "acknowledgements") == rows(answer, "rejected") == []


def test_what_csc_sent_back_is_not_with_csc_until_it_is_delivered_again(ask):
    """Breaks: a rejected delivery still counts as the second copy."""
    rejected = said("rejected", reason="el disco llegó lleno")
    answer = ask(BACKUP, DELIVERY, rejected)
    _jaa, csc = both(answer)
    assert (csc["state"], csc["place"], csc["proved_equal_at"]) == ("rejected", None, None)
    assert csc["waits_since"] == rejected["recorded_at"]
    (row,) = rows(answer, "rejected")
    assert (row["delivery_folio"], row["reason"]) == (DELIVERY["folio"], "el disco llegó lleno")
    assert row["lacking_folios"] == ["DSE-02-2026-0001"] and row["rejected_at"] == rejected["recorded_at"]
    assert answer.problems == ["RECHAZADO POR CSC: portal-src"] and "deliver.yml" in answer.next_command
    again = delivery_record("CSC-02-2026-0002", "DSE-02-2026-0001", delivered_at="2026-11-25T09:00:00-06:00")
    answer = ask(BACKUP, DELIVERY, rejected, again, said("accepted", about="CSC-02-2026-0002"))
    assert both(answer)[1]["since"] == "2026-11-25T09:00:00-06:00"
    assert rows(answer, "rejected") == answer.problems == []


def test_a_damaged_copy_is_named_also_where_it_is_not_the_newest(ask):
    """Breaks: CSC's copy is thought to be the second one while it is the only one."""
    newest = backup_record("source_code", "2026-11-21", folio="DSE-02-2026-0002")
    records = [BACKUP, DELIVERY, said("accepted"), newest, damage(BACKUP["file_name"])]
    answer = ask(*records)
    assert both(answer)[0]["backup_folio"] == newest["folio"]
    (row,) = rows(answer, "damaged")
    assert (row["backup_folio"], row["delivery_folio"]) == (BACKUP["folio"], DELIVERY["folio"])
    (item,) = rows(answer, "items")
    assert (item["state"], item["only_with_csc"], item["only_with_jaa"]) == ("damaged", 1, 1)
    assert answer.problems == ["DAÑADO CON JAA; CSC LO TIENE: portal-src"]
    assert answer.next_command == "ansible-playbook playbooks/repair.yml --limit srv-web01"
    lost = ask(BACKUP, damage(BACKUP["file_name"]))
    assert both(lost)[1]["state"] == "absent" and rows(lost, "items")[0]["with_neither"] == 1
    assert lost.problems == ["DAÑADO CON JAA Y SIN COPIA DE CSC: portal-src"]
    assert lost.next_command == "ansible-playbook playbooks/verify.yml --limit srv-web01 -e verify_all=true"
    # All of it was read again, and nothing is damaged any more.
    assert ask(*records, damage()).problems == []


def test_what_was_lent_or_mended_was_read_and_found_equal_once_more(ask):
    """Breaks: the last proof is thought to be years old, or one that failed counts."""
    file = {"folio": BACKUP["folio"], "item_id": "portal-src", "server": "srv-web01", "sha256": "cd" * 32}
    loan = loan_record("CSC-03-2026-0001", files=[file])
    steps = [loan_step(loan["folio"], state) for state in ("authorised", "lent")]
    read = {"check_on_receipt_sha256": "cd" * 32, "loan_step_at": "2026-11-25T12:00:00-06:00"}
    checked = loan_step(loan["folio"], "checked", **read)
    assert both(ask(BACKUP, DELIVERY, loan, *steps, checked))[1]["proved_equal_at"] == "2026-11-25T12:00:00-06:00"
    # Something else of the same loan was read.
    other = {**checked, "check_on_receipt_sha256": "ef" * 32}
    assert both(ask(BACKUP, DELIVERY, loan, *steps, other))[1]["proved_equal_at"] == DELIVERY["delivered_at"]
    failed = {**checked, "check_on_receipt": "nonconforming"}
    assert both(ask(BACKUP, DELIVERY, loan, *steps, failed))[1]["proved_equal_at"] == DELIVERY["delivered_at"]
    repaired = [{"folio": BACKUP["folio"], "item_id": "portal-src", "stored_as": "c" * 64}]
    mended = {**damage(), "repaired": repaired, "result": "intact", "finished_at": "2026-11-26T12:00:00-06:00"}
    assert both(ask(BACKUP, DELIVERY, mended))[0]["proved_equal_at"] == "2026-11-26T12:00:00-06:00"


def test_a_delivery_on_a_medium_names_it(ask):
    onto_medium = {**DELIVERY, "delivery_method": "media", "media_id": "CSC-HD-11"}
    del onto_medium["destination"]
    _jaa, csc = both(ask(BACKUP, onto_medium))
    assert (csc["delivery_method"], csc["media_id"], csc["place"]) == ("media", "CSC-HD-11", "CSC-HD-11")


def test_the_worst_of_all_items_has_the_next_command(ask):
    doubtful = backup_record("database", "2026-11-20", "nonconforming", folio="DSE-03-2026-0009", item_id="actas")
    answer = ask(BACKUP, OTHER, doubtful, today="2026-12-24")
    assert answer.problems == ["SIN RESPALDO CONFORME: actas", "ENTREGA A CSC VENCIDA: escolares, portal-src"]
    assert "playbooks/backup.yml" in answer.next_command and '{"backup_items": ["actas"]}' in answer.next_command
    nothing = ask()
    assert (nothing.problems, nothing.next_command, nothing.all_is_well) == ([], "", "Sin respaldos.")


def test_only_what_is_asked_about_is_answered(ask):
    """Breaks: --limit or report_items answers for others too, or hides what is theirs."""
    records = [BACKUP, OTHER, DELIVERY]
    for changes in ({"has_server": lambda server: server == "srv-web01"}, {"items": ("portal-src",)}):
        answer = ask(*records, today="2026-12-24", **changes)
        assert {each["item_id"] for each in rows(answer, "items")} == {"portal-src"}
        assert answer.problems == ["ACUSE DE CSC VENCIDO: portal-src"]
    for changes in ({"has_server": lambda server: server == "srv-db01"}, {"items": ("escolares",)}):
        answer = ask(*records, today="2026-12-24", **changes)
        assert (rows(answer, "acknowledgements"), answer.problems) == ([], ["ENTREGA A CSC VENCIDA: escolares"])
