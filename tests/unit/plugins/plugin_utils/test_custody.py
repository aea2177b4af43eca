# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, timedelta

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import custody
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.custody import by_item
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Delivery
from hypothesis import given
from hypothesis import strategies as st

RULE = Delivery(within_days=7, acknowledge_within_days=5)
MADE = date(2026, 11, 16)
DELIVERED = "2026-11-18T09:00:00-06:00"


def backup(folio="DSE-02-2026-0001", item_id="portal-src", day=MADE, result="conforming", **changes):
    return Backup(
        folio=folio, item_id=item_id, server="srv-web01", information_type="source_code", file_name=folio,
        backup_date=str(day), started_at=f"{day}T02:00:00-06:00", size_bytes=1000, verification_result=result,
        **changes,
    )  # fmt: skip


def of(*backups, today, unsaid=(), rejected=()):
    waits = {folio: {"delivered_at": DELIVERED} for folio in unsaid}
    return by_item(backups, unsaid=waits, rejected=set(rejected), rule=RULE, today=date.fromisoformat(today))


@pytest.mark.parametrize(
    ("today", "changes", "unsaid", "csc", "state"),
    [
        ("2026-11-22", {}, False, "undelivered", "undelivered"),
        ("2026-11-23", {}, False, "delivery_overdue", "delivery_overdue"),
        ("2026-11-22", {"delivery_folio": "CSC-02-2026-0001"}, True, "unacknowledged", "unacknowledged"),
        ("2026-11-23", {"delivery_folio": "CSC-02-2026-0001"}, True, "acknowledgement_overdue",
         "acknowledgement_overdue"),
        ("2027-11-23", {"delivery_folio": "CSC-02-2026-0001"}, False, "acknowledged", "complete"),
        ("2026-11-22", {"delivery_folio": "CSC-02-2026-0001", "is_damaged": True}, False, "acknowledged", "damaged"),
        ("2026-11-22", {"is_damaged": True}, False, "absent", "lost"),
        ("2027-11-23", {"delivery_folio": "CSC-02-2026-0001", "removed_on": "2026-12-01"}, False, "acknowledged",
         "complete"),
    ],
)  # fmt: skip
def test_what_is_wanting_of_a_backup_and_from_which_day_on_it_is_late(today, changes, unsaid, csc, state):
    """Breaks: CSC's copy is called late a day too early or never, or damage to JAA's hides that CSC has none."""
    (item,) = of(backup(**changes), today=today, unsaid=["CSC-02-2026-0001"] if unsaid else [])
    assert (item.newest.csc, item.state) == (csc, state)


def test_what_csc_sent_back_is_told_until_it_has_it():
    sent_back = backup()
    (item,) = of(sent_back, today="2026-11-17", rejected=[sent_back.folio])
    assert (item.newest.csc, item.state, item.state in custody.NEED_ACTION) == ("rejected", "rejected", True)
    (item,) = of(backup(delivery_folio="CSC-02-2026-0002"), today="2026-11-17", rejected=[sent_back.folio])
    assert item.state == "complete"


def test_an_item_is_as_bad_as_the_worst_of_its_backups_and_the_newest_conforming_one_is_shown():
    """Breaks: a good newest backup hides an older one that CSC never got, or a doubtful one is shown as the newest."""
    old, good = backup(), backup("DSE-02-2026-0002", day=MADE + timedelta(days=7), delivery_folio="CSC-02-2026-0001")
    doubtful = backup("DSE-02-2026-0003", day=MADE + timedelta(days=8), result="review")
    (item,) = of(doubtful, good, old, today="2026-11-25")
    assert (item.newest.backup, item.state) == (good, "delivery_overdue")
    assert [item.count(jaa=jaa, csc=csc) for jaa in (True, False) for csc in (True, False)] == [1, 1, 0, 0]
    accepted = backup("DSE-02-2026-0003", day=MADE + timedelta(days=8), result="review", decision="accepted")
    assert of(accepted, good, old, today="2026-11-25")[0].newest.backup == accepted


def test_an_item_of_which_nothing_conforms_has_no_copy_and_what_was_pruned_everywhere_is_gone():
    pruned = backup(removed_on="2026-12-01")
    (item,) = of(pruned, backup("DSE-02-2026-0002", result="nonconforming"), today="2026-12-02")
    assert (item.newest, item.state, item.custodies) == (None, "no_backup", [])
    assert of(today="2026-12-02") == []


BACKUPS = st.lists(
    st.builds(
        backup,
        folio=st.sampled_from([f"DSE-02-2026-{number:04d}" for number in range(1, 7)]),
        item_id=st.sampled_from(["actas", "portal-src"]),
        day=st.dates(MADE - timedelta(days=20), MADE + timedelta(days=20)),
        result=st.sampled_from(["conforming", "first", "review", "nonconforming"]),
        decision=st.sampled_from([None, "accepted", "rejected"]),
        removed_on=st.sampled_from([None, None, "2026-11-20"]),
        delivery_folio=st.sampled_from([None, "CSC-02-2026-0001", "CSC-02-2026-0002"]),
        is_damaged=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda each: each.folio,
)


@given(several=BACKUPS, today=st.dates(MADE, MADE + timedelta(days=30)))
def test_every_backup_of_which_there_is_a_copy_is_counted_once_and_all_is_well_only_where_both_are(several, today):
    """Breaks: a backup without its second copy is counted nowhere, or an item that lacks one exits with 0 for ever."""
    items = of(*several, today=str(today), unsaid=["CSC-02-2026-0002"])
    counted = sum(item.count(jaa=jaa, csc=csc) for item in items for jaa in (True, False) for csc in (True, False))
    held = [each for each in several if each.conforms and (each.removed_on is None or each.delivery_folio)]
    assert counted == len(held) == sum(len(item.custodies) for item in items)
    assert {item.item_id for item in items} == {each.item_id for each in several}
    for item in items:
        assert item.state in custody.STATES
        lacks = [each for each in item.custodies if not each.backup.delivery_folio]
        if item.state == "complete":
            assert item.custodies and not lacks
        # What is late may be late for one more day, and never becomes right by waiting.
        if any(date.fromisoformat(each.backup.backup_date) + timedelta(days=7) <= today for each in lacks):
            assert item.state in custody.NEED_ACTION
