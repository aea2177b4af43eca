# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import expectations
from ansible_collections.dse.backup.plugins.plugin_utils.page.items import items
from ansible_collections.dse.backup.plugins.plugin_utils.page.period import Period
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Asked
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Register
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    backup_record,
    database_item,
    failure_record,
    index_of,
    item,
    item_of,
)

DUMPS = {"item_id": "escolares", "server": "srv-db01", "request_folio": "DSE-05-2026-0002"}
ACCEPTED = [
    *accepted(),
    *accepted("DSE-05-2026-0002", servers=["srv-db01"], information_type="database", service="Escolares"),
]


def dump(day, number, result="conforming", **changes):
    return backup_record("database", day, result, **{**DUMPS, "folio": f"DSE-03-2026-{number:04}", **changes})


@pytest.fixture
def told(in_memory, procedure):
    """What the page says of the items of a ledger with these records on a day, by their names."""

    def told(*records, today="2026-11-10", year=0, register=(), custody=None):
        now = datetime.fromisoformat(f"{today}T08:00:00").replace(tzinfo=procedure.zone)
        with index_of(in_memory, [*ACCEPTED, *records]) as index:
            inventory = Register([Item(*each) for each in register], [])
            asked = Asked(
                *(index, procedure, now),
                register=lambda: inventory,
                expected=lambda: expectations.expected_by(index, inventory, procedure, now.date()),
            )
            return {each.item_id: each for each in items(asked, Period.of(year, now.date()), custody or {})}

    return told


def test_a_year_is_the_days_until_today_or_the_one_that_is_asked_about():
    assert Period.of(0, date(2026, 3, 1))[:2] == (date(2025, 3, 2), date(2026, 3, 1))
    assert Period.of(2024, date(2026, 3, 1))[:2] == (date(2024, 1, 1), date(2024, 12, 31))
    months = list(Period.of(0, date(2026, 3, 1)).months())
    assert (months[0], months[-1], len(months)) == ((2025, 3), (2026, 3), 13)


def test_each_slot_is_drawn_and_counted_with_what_became_of_it(told):
    """Breaks: a missed day looks like any other, is in no count, or lies on the wrong day."""
    one = told(
        dump("2026-11-03", 1, "first"),
        dump("2026-11-04", 2),
        failure_record("2026-11-06", **DUMPS, folio="DSE-05-2026-0009"),
        dump("2026-11-06", 3, started_at="2026-11-06T12:00:00-06:00"),
        dump("2026-11-08", 4, execution_mode="manual"),
    )["escolares"]
    # Accepted on the 2nd: the first day in full is the 3rd, and the 5th was never made up for.
    ((first, days, states),) = one.drawn["daily"]
    assert (date(2025, 11, 11).toordinal() + first, days, states) == (date(2026, 11, 3).toordinal(), 1, "ddmlgdmp")
    assert (one.tally.expected, one.tally.done) == (7, 4)
    assert one.tally.table() == (
        ["nov 26"],
        [("realizados", [3]), ("tardíos", [1]), ("subsanados a mano", [1]), ("omitidos", [2]), ("pendientes", [1])],
    )
    assert [(slot.first.day, slot.state) for slot in one.wrong] == [
        *((9, "missed"), (7, "mitigated"), (6, "late"), (5, "missed")),
    ]
    assert one.worries[0] == "omitido" and one.next_due == date(2026, 11, 10)


def test_sizes_are_drawn_with_what_was_tolerated(told):
    """Breaks: the band is not the one by which the size was judged."""
    records = (
        dump("2025-11-05", 1, "first", size_bytes=900),
        dump("2026-11-08", 2, size_bytes=1000),
        dump("2026-11-09", 3, "review", size_bytes=700, execution_mode="manual"),
        dump("2026-11-10", 4, "nonconforming", size_bytes=0),
        {"record_type": "decision", **DUMPS, "about_folio": "DSE-03-2026-0003", "decision": "accepted"},
    )
    own = database_item(request_folio="DSE-05-2026-0002", tolerance={"shrink_pct": 25})
    one = told(*records, register=[("srv-db01", own)])["escolares"]
    assert {key: one.drawn[key] for key in ("before", "days", "sizes", "results", "shared", "folios")} == {
        **{"before": 900, "days": [362, 363, 364], "sizes": [1000, 700, 0], "results": "cAn"},
        **{"shared": "DSE-03-2026-000", "folios": "2 3 4"},
    }
    assert (one.drawn["low"], one.drawn["high"]) == (0.75, 1.5)
    assert one.newest.folio == "DSE-03-2026-0003" and one.backup_count == 3
    assert "no conforme: DSE-03-2026-0004" in one.worries


def test_what_is_due_every_sixty_days_ends_when_it_is_covered(told):
    """Breaks: two slots lie on the same days, or one that is overdue ends before today."""
    kinds = {"information_type": "images_documents"}
    request = accepted("DSE-05-2026-0003", since="2026-06-01", **kinds)
    media = {"item_id": "media", "request_folio": "DSE-05-2026-0003"}
    made = [
        backup_record("images_documents", day, folio=f"DSE-04-2026-000{number}", **media)
        for number, day in enumerate(("2026-06-02", "2026-07-20"), start=1)
    ]
    one = told(*request, *made)["media"]
    start = date(2025, 11, 11).toordinal()
    runs = [(date.fromordinal(start + first).isoformat(), days, states) for first, days, states in one.drawn["longer"]]
    # Due on 18 September, 60 days after the second one; missed since.
    assert runs == [("2026-06-01", 2, "d"), ("2026-06-03", 48, "d"), ("2026-07-21", 113, "m")]
    assert one.drawn["daily"] == [] and one.worries[0] == "omitido"


def test_what_needs_attention_comes_first_and_nothing_is_forgotten(told):
    """Breaks: an item that nobody asked for, or that left the inventory, is on no page."""
    stray = backup_record("source_code", "2026-11-09", item_id="aaa", request_folio="", folio="DSE-02-2026-0001")
    good = backup_record("source_code", "2026-11-09", folio="DSE-02-2026-0002")
    custody = {("srv-web01", "aaa"): ("Dos copias", False), ("srv-web01", "portal-src"): ("Rechazado por CSC", True)}
    told_of = told(stray, good, register=[("srv-web01", item())], custody=custody)
    assert list(told_of) == ["DSE-05-2026-0002", "aaa", "portal-src"]
    assert told_of["aaa"].worries == ["sin solicitud aceptada"] and told_of["aaa"].custody == "Dos copias"
    assert told_of["portal-src"].worries == ["Rechazado por CSC"]
    # Accepted, and no item of the inventory carries it out.
    assert told_of["DSE-05-2026-0002"].worries == ["omitido", "no está en el inventario"]
    assert list(told(stray, good, year=2024)) == []


def test_what_was_never_backed_up_for_years_is_still_on_the_page(told):
    """Breaks: what is due every sixty days has one slot, which ended before the page's year: the worst item is gone."""
    request = accepted("DSE-05-2026-0003", since="2025-06-01", information_type="images_documents")
    one = told(*request)["DSE-05-2026-0003"]
    assert one.worries == ["omitido", "no está en el inventario"]
    # Of what nobody expects any more there is nothing to be done.
    ended = told(*accepted("DSE-05-2026-0003", since="2026-06-01", valid_until="2026-09-01"))["DSE-05-2026-0003"]
    assert ended.worries == []


@pytest.mark.parametrize("kind", ["source_code", "server_configuration"])
def test_an_open_failure_is_told_with_its_folio(told, kind):
    failed = failure_record("2026-11-09", folio="DSE-05-2026-0009")
    made = backup_record(kind, "2026-11-09", folio="DSE-02-2026-0002", started_at="2026-11-09T01:00:00-06:00")
    one = told(made, failed, register=[("srv-web01", item_of(kind))])["portal-src"]
    assert "falla abierta: DSE-05-2026-0009" in one.worries
