# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.questions.overdue import overdue
from ansible_collections.dse.backup.tests.unit.factories import (
    backup_record,
    decision_record,
    delivery_record,
    failure_record,
    index_of,
    loan_record,
    request_record,
)

BACKUP = backup_record("server_configuration", "2026-11-16", folio="DSE-04-2026-0001", item_id="etc")
DUMP = backup_record("database", "2026-11-16", folio="DSE-03-2026-0001", item_id="escolares", server="srv-db01")
DOUBTFUL = backup_record("images_documents", "2026-11-16", "review", folio="DSE-04-2026-0002", item_id="media")
FAILURE = failure_record("2026-11-16", folio="DSE-05-2026-0009")
RECOVERY = {
    **{"record_type": "recovery", "folio": "DSE-05-2026-0008", "item_id": "etc", "server": "srv-web01"},
    **{"destination_server": "srv-web02", "requester_area": "Portal", "result": "restored", "backup_folio": "x"},
    **{"started_at": "2026-11-16T09:00:00-06:00", "finished_at": "2026-11-16T09:10:00-06:00"},
}
REQUEST = request_record()
LOAN = loan_record("CSC-03-2026-0001", requested_at="2026-11-23T09:00:00-06:00")
DELIVERY = delivery_record("CSC-02-2026-0001", "DSE-04-2026-0001", item_id="etc")


@pytest.fixture
def ask(in_memory, procedure):
    """Ask a ledger of these records on a day."""

    def answer(*records, today="2026-12-24", **changes):
        now = datetime.fromisoformat(f"{today}T08:00:00").replace(tzinfo=procedure.zone)
        with index_of(in_memory, list(records)) as index:
            return overdue(Asked(index, procedure, now, **changes))

    return answer


def found(answer):
    return {section.name: section.rows for section in answer.sections if section.rows}


@pytest.mark.parametrize(
    ("records", "name", "folio", "since", "words"),
    [
        ([FAILURE], "failures", ("failure_folio", "DSE-05-2026-0009"), "2026-11-29", "ledger_folio=DSE-05-2026-0009"),
        ([BACKUP], "deliveries", ("backup_folios", ["DSE-04-2026-0001"]), "2026-11-23", "playbooks/deliver.yml"),
        ([BACKUP, DELIVERY], "acknowledgements", ("delivery_folio", "CSC-02-2026-0001"), "2026-11-30",
         '{"acknowledge_folio": ["CSC-02-2026-0001"]}'),
        ([LOAN], "loans", ("loan_folio", "CSC-03-2026-0001"), "2026-11-25", "loan_step=authorise -e loan_as=CSC"),
        ([DOUBTFUL], "decisions", ("backup_folio", "DSE-04-2026-0002"), "2026-11-16", "accept_folio=DSE-04-2026-0002"),
        ([RECOVERY], "recoveries", ("recovery_folio", "DSE-05-2026-0008"), "2026-11-18",
         "acknowledge_folio=DSE-05-2026-0008 -e acknowledge_as=CGDW"),
        ([DUMP, delivery_record("CSC-02-2026-0002", "DSE-03-2026-0001", item_id="escolares")], "weeks",
         ("week", "DSE-03-2026-W47"), "2026-11-23", "acknowledge_folio=DSE-03-2026-W47"),
        ([REQUEST], "requests", ("request_folio", "DSE-05-2026-0001"), "2026-11-22", "request_folio=DSE-05-2026-0001"),
    ],
)  # fmt: skip
def test_what_waits_is_told_from_its_day_on_with_the_command_that_is_next(ask, records, name, folio, since, words):
    """Breaks: something is late and nobody is told, or it is told as late while there is time."""
    before = datetime.fromisoformat(since).toordinal() - 1
    if name not in ("decisions", "requests"):  # Those wait from the moment on in which they are there.
        early = ask(*records, today=datetime.fromordinal(before).date().isoformat())
        assert (found(early), early.problems, early.next_command) == ({}, [], "")
    answer = ask(*records, today=since)
    ((key, value),) = [folio]
    assert [row[key] for row in found(answer)[name]] == [value]
    assert list(found(answer)) == [name] and len(answer.problems) == 1 and answer.problems[0].endswith(": 1")
    assert words in answer.next_command


def test_what_was_done_does_not_wait(ask):
    """Breaks: what was decided, acknowledged or closed is asked for again every day."""
    records = [
        *(BACKUP, DELIVERY, FAILURE, RECOVERY, REQUEST, decision_record("DSE-05-2026-0001"), DOUBTFUL),
        {"record_type": "closing", "about_folio": FAILURE["folio"]},
        {"record_type": "decision", "item_id": "media", "about_folio": DOUBTFUL["folio"], "decision": "rejected"},
        {"record_type": "acknowledgement", "about_folio": DELIVERY["folio"], "result": "accepted"},
        {"record_type": "acknowledgement", "about_folio": RECOVERY["folio"], "result": "accepted"},
    ]
    answer = ask(*records)
    assert (found(answer), answer.problems, answer.next_command) == ({}, [], "")


def test_a_recovery_that_was_called_wrong_waits_at_once(ask):
    wrong = {"record_type": "acknowledgement", "about_folio": RECOVERY["folio"], "result": "rejected"}
    (row,) = found(ask(RECOVERY, wrong, today="2026-11-16"))["recoveries"]
    assert row["is_rejected"]


def test_only_what_is_asked_about_is_answered(ask):
    records = [BACKUP, DUMP, FAILURE, DOUBTFUL, RECOVERY, REQUEST]
    of_database = found(ask(*records, has_server=lambda server: server == "srv-db01"))
    assert list(of_database) == ["deliveries", "weeks"]
    assert found(ask(*records, items=("escolares",))) == of_database
    elsewhere = found(ask(*records, has_server=lambda server: server == "srv-web02"))
    assert list(elsewhere) == ["recoveries"]
    assert list(found(ask(*records))) == ["failures", "deliveries", "decisions", "recoveries", "weeks", "requests"]
