# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, timedelta

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.items import Fault
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal, Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import (
    Request,
    Requests,
    absent,
    objection,
    parts,
    screen,
    standing,
    taken_over,
)
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    cancellation_record,
    database_item,
    decision_record,
    index_of,
    item,
    request_record,
)
from hypothesis import given
from hypothesis import strategies as st

A, B, C = (f"DSE-05-2026-{number:04d}" for number in (1, 2, 3))
DAY = timedelta(days=1)


@pytest.fixture
def fold(in_memory):
    """The register that these records add up to."""

    def requests(*records):
        with index_of(in_memory, list(records)) as index:
            return index.requests()

    return requests


def on(text):
    return date.fromisoformat(text)


def why_not(requests, day, element=None, server="srv-web01", folio=A):
    return objection({**(element or item()), "request_folio": folio}, server, requests, on(day))


# --- What a request is -----------------------------------------------------------------------------------------------


def test_a_request_is_pending_until_jaa_decides(fold):
    requests = fold(request_record(A, exclusions=["*.tmp"], servers=["srv-web01", "srv-web02"]))
    request = requests[A]
    assert (request.area, request.contact, request.service) == (
        "Portal Institucional",
        "portal@dse.example",
        "Portal institucional",
    )
    assert (request.servers, request.exclusions) == (["srv-web01", "srv-web02"], ["*.tmp"])
    assert (request.state, request.was_accepted, request.last_day) == ("pending", False, None)
    assert standing(request, on("2026-11-22")) == "JAA aún no la ha aceptado"
    assert requests.in_force(on("2026-11-22")) == []


def test_an_accepted_one_holds_from_its_first_to_its_last_day(fold):
    requests = fold(*accepted(A, "2026-11-02", valid_until="2026-11-30"))
    says = {day: standing(requests[A], on(day)) for day in ("2026-11-01", "2026-11-02", "2026-11-30", "2026-12-01")}
    assert says == {
        "2026-11-01": "está vigente a partir del 02/11/2026",
        "2026-11-02": "",
        "2026-11-30": "",
        "2026-12-01": "venció el 30/11/2026",
    }
    assert [bool(requests.in_force(on(day))) for day in says] == [False, True, True, False]


def test_a_rejected_one_never_holds_and_says_why(fold):
    requests = fold(request_record(A), decision_record(A, "rejected", decision_reason="fuera del alcance (1.2)"))
    assert standing(requests[A], on("2030-01-01")) == "JAA la rechazó (fuera del alcance (1.2))"
    assert not requests[A].was_accepted and requests.in_force(on("2026-11-22")) == []


def test_a_cancelled_one_was_in_force_until_the_day_before(fold):
    requests = fold(*accepted(A), cancellation_record(A, "2026-11-20"))
    assert (requests[A].state, requests[A].last_day) == ("cancelled", on("2026-11-19"))
    assert standing(requests[A], on("2026-11-20")) == "está cancelada (el servicio terminó)"
    # What ended before it was cancelled ended then.
    requests = fold(*accepted(A, valid_until="2026-11-10"), cancellation_record(A, "2026-11-20"))
    assert requests[A].last_day == on("2026-11-10")
    # What JAA never accepted was never in force.
    requests = fold(request_record(A), cancellation_record(A, "2026-11-20"))
    assert (requests[A].state, requests[A].was_accepted, requests[A].last_day) == ("cancelled", False, None)


def test_decisions_on_other_records_are_no_decisions_on_a_request(fold):
    before = fold(*accepted(A))
    others = [decision_record("DSE-03-2026-0001", "rejected"), cancellation_record("DSE-05-2026-0009", "2026-11-20")]
    assert fold(*accepted(A), *others) == before


# --- A request that is changed ----------------------------------------------------------------------------------------


def change(folio, amends, since, **changes):
    return accepted(folio, since, amends_folio=amends, **changes)


def test_a_change_holds_from_its_own_day_on_whichever_folio_the_inventory_names(fold):
    requests = fold(*accepted(A), *change(B, A, "2026-12-01", source="/srv/www/nuevo"))
    old, new = item(), item(paths=["/srv/www/nuevo"])
    for folio in (A, B):
        assert requests.version(folio, on("2026-11-30")).folio == A
        assert requests.version(folio, on("2026-12-01")).folio == B
        assert why_not(requests, "2026-11-30", old, folio=folio) == ""
        assert why_not(requests, "2026-12-01", new, folio=folio) == ""
    assert why_not(requests, "2026-12-01", old) == (
        f"la solicitud {A}, cambiada por {B}, es de otra cosa: origen: pide «/srv/www/nuevo», no «/srv/www/portal»"
    )
    assert why_not(requests, "2026-11-30", new, folio=B) == (
        f"la solicitud {B}, en cuyo lugar rige aún {A}, es de otra cosa: "
        "origen: pide «/srv/www/portal», no «/srv/www/nuevo»"
    )
    assert [each.folio for each in requests.in_force(on("2026-11-30"))] == [A]
    assert [each.folio for each in requests.in_force(on("2026-12-01"))] == [B]
    assert [[each.folio for each in chain] for chain in requests.chains()] == [[A, B]]


def test_a_change_of_a_change(fold):
    requests = fold(*accepted(A), *change(B, A, "2026-12-01"), *change(C, B, "2027-01-01"))
    for day, folio in (("2026-11-30", A), ("2026-12-31", B), ("2027-01-01", C)):
        assert {requests.version(each, on(day)).folio for each in (A, B, C)} == {folio}
    assert [[each.folio for each in chain] for chain in requests.chains()] == [[A, B, C]]


@pytest.mark.parametrize("records", [[], [decision_record(B, "rejected")], [cancellation_record(B, "2026-11-20")]])
def test_a_change_that_is_not_accepted_changes_nothing(fold, records):
    requests = fold(*accepted(A), request_record(B, amends_folio=A), *records)
    assert requests.version(A, on("2026-12-01")).folio == A
    assert requests[A].amended_by == ""
    # Who names it in the inventory is told what became of it.
    assert "JAA" in why_not(requests, "2026-12-01", folio=B) or "cancelada" in why_not(requests, "2026-12-01", folio=B)
    assert [[each.folio for each in chain] for chain in requests.chains()] == [[A], [B]]


def test_a_changed_one_that_is_cancelled_ends_the_whole(fold):
    requests = fold(*accepted(A), *change(B, A, "2026-11-10"), cancellation_record(B, "2026-12-01"))
    assert why_not(requests, "2026-12-05") == (
        f"la solicitud {A}, cambiada por {B}, no ampara este respaldo: está cancelada (el servicio terminó)"
    )
    assert requests.in_force(on("2026-12-05")) == []


STEPS = st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 40)), min_size=1, max_size=4)


@given(STEPS, st.none() | st.integers(0, 60), st.sampled_from(["accepted", "pending", "rejected"]))
def test_of_a_chain_one_is_in_force_at_the_most(steps, cancelled, last):
    # Each version begins when the one before it, or later, and may end by itself.
    first, requests, begins = on("2026-11-02"), Requests(), []
    day = first
    for number, (gap, length) in enumerate(steps):
        day += gap * DAY
        begins.append(day)
        until = (day + length * DAY).isoformat() if length is not None else None
        folio, before = f"F{number}", f"F{number - 1}" if number else ""
        request, decision = accepted(folio, day, amends_folio=before, valid_until=until)
        requests[folio] = Request.of(request)
        if number < len(steps) - 1 or number == 0 or last == "accepted":
            requests[folio].decide(decision)
            if before:
                requests[before].amended_by = folio
        elif last == "rejected":
            requests[folio].decide(decision_record(folio, "rejected"))
    if cancelled is not None:
        requests[f"F{len(steps) - 1}"].cancel(cancellation_record("", first + cancelled * DAY))
    holding = [number for number in range(len(steps)) if requests[f"F{number}"].was_accepted]
    for offset in range(-2, 90):
        today = first + offset * DAY
        in_force = requests.in_force(today)
        assert len(in_force) <= 1
        begun = [number for number in holding if begins[number] <= today]
        newest = requests[f"F{max(begun)}"] if begun else requests["F0"]
        assert {requests.version(f"F{number}", today).folio for number in holding} == {newest.folio}
        assert in_force == ([newest] if begun and not standing(newest, today) else [])
    assert [each.folio for each in next(iter(requests.chains()))] == [f"F{number}" for number in holding]


# --- An item and its request ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("element", "server", "words"),
    [
        (item(), "srv-web02", "servidor: pide «srv-web01, srv-db01», no «srv-web02»"),
        (
            item(repository_type="web_publication"),
            "srv-web01",
            "tipo de repositorio: pide «software_project», no «web_publication»",
        ),
        (
            item(information_type="images_documents"),
            "srv-web01",
            "tipo de información: pide «source_code», no «images_documents»",
        ),
        (item(paths=["/srv/www"]), "srv-web01", "origen: pide «/srv/www/portal», no «/srv/www»"),
        (
            item(paths=["/srv/www/portal", "/etc"]),
            "srv-web01",
            "origen: pide «/srv/www/portal», no «/srv/www/portal, /etc»",
        ),
        (item(exclude=["*.log"]), "srv-web01", "exclusiones: pide «*.tmp», no «*.log»"),
        (item(exclude=[]), "srv-web01", "exclusiones: pide «*.tmp», no «ninguna»"),
    ],
)
def test_an_item_that_is_not_what_was_asked_for_is_told_in_what(fold, element, server, words):
    requests = fold(*accepted(A, servers=["srv-web01", "srv-db01"], exclusions=["*.tmp"]))
    assert why_not(requests, "2026-11-22", item(exclude=["*.tmp"])) == ""
    assert why_not(requests, "2026-11-22", item(exclude=["*.tmp"]), "srv-db01") == ""
    why = why_not(requests, "2026-11-22", {"exclude": ["*.tmp"], **element}, server)
    assert why == f"la solicitud {A} es de otra cosa: {words}"


def test_all_differences_are_told_at_once(fold):
    requests = fold(*accepted(A))
    why = why_not(requests, "2026-11-22", database_item(exclude=["a"]), "srv-db01")
    assert [part.split(":")[0] for part in why.split("es de otra cosa: ")[1].split("; ")] == [
        "servidor",
        "tipo de repositorio",
        "tipo de información",
        "origen",
        "exclusiones",
    ]


def test_the_order_of_paths_and_patterns_is_no_difference(fold):
    requests = fold(*accepted(A, source="/srv/b, /srv/a", exclusions=["y", "x"]))
    assert why_not(requests, "2026-11-22", item(paths=["/srv/a", "/srv/b"], exclude=["x", "y"])) == ""
    assert parts("/srv/b, /srv/a") == ["/srv/a", "/srv/b"]


def test_what_was_never_asked_for_is_not_backed_up(fold):
    assert why_not(fold(), "2026-11-22") == f"la solicitud {A} no está en el registro"
    requests = fold(request_record(A))
    assert why_not(requests, "2026-11-22") == (f"la solicitud {A} no ampara este respaldo: JAA aún no la ha aceptado")


def test_the_inventory_cannot_write_on_the_screen(fold):
    requests = fold(*accepted(A))
    why = why_not(requests, "2026-11-22", item(paths=["/srv/\x1b[2J" + "x" * 999]), "srv-web01")
    assert r"\x1b[2J" in why and "\x1b" not in why
    assert len(why) < 500


def inventory(*items, refusals=()):
    return Register(
        [Item(server, {**element, "request_folio": folio}) for server, folio, element in items],
        [Refusal(server, "x", [Fault("id", "falta")], definition) for server, definition in refusals],
    )


def test_only_what_is_covered_stays_an_item(fold):
    requests = fold(*accepted(A), request_record(B))
    register = inventory(("srv-web01", A, item()), ("srv-web01", B, item(id="new")), refusals=[("srv-db01", {"id": 7})])
    screened = screen(register, requests, on("2026-11-22"))
    assert [each.item_id for each in screened.items] == ["portal-src"]
    assert [(each.server, each.item_id) for each in screened.refusals] == [("srv-db01", "x"), ("srv-web01", "new")]
    assert screened.refusals[1].message == (
        f"request_folio: la solicitud {B} no ampara este respaldo: JAA aún no la ha aceptado"
    )
    assert screened.refusals[1].definition["id"] == "new"
    # The inventory itself is left as it was read.
    assert (len(register.items), len(register.refusals)) == (2, 1)


def missing(register, requests, day="2026-11-22"):
    return [(each.request.folio, each.server) for each in absent(register, requests, on(day))]


def test_what_was_accepted_and_is_nowhere_in_the_inventory_is_named(fold):
    requests = fold(*accepted(A, servers=["srv-web01", "srv-web02"]), request_record(B), *accepted(C, "2026-12-01"))
    assert missing(inventory(), requests) == [(A, "srv-web01"), (A, "srv-web02")]
    assert missing(inventory(), requests, "2026-12-01") == [(A, "srv-web01"), (A, "srv-web02"), (C, "srv-web01")]
    register = inventory(("srv-web02", A, item()))
    assert missing(register, requests) == [(A, "srv-web01")]
    # A refused element is there, and named already; whatever it says.
    for folio in (A, 7, None, [A]):
        refused = inventory(refusals=[("srv-web01", {"request_folio": folio})])
        assert ((A, "srv-web01") in missing(refused, requests)) == (folio != A)


@pytest.mark.parametrize("folio", [A, B])
@pytest.mark.parametrize("day", ["2026-11-30", "2026-12-01"])
def test_what_the_inventory_names_by_any_folio_of_its_chain_is_not_absent(fold, folio, day):
    requests = fold(*accepted(A), *change(B, A, "2026-12-01"))
    assert missing(inventory(("srv-web01", folio, item())), requests, day) == []


# --- An inventory that is taken over ----------------------------------------------------------------------------------


def taken(*items, requests=None):
    register = inventory(*items)
    groups, conflicts = taken_over(register.items, requests or Requests())
    return {folio: [(each.server, each.item_id) for each in members] for folio, members in groups.items()}, conflicts


def test_items_that_share_a_folio_and_ask_for_the_same_are_one_request():
    found = taken(
        ("srv-web01", A, item(exclude=["a", "b"])),
        ("srv-web02", A, item(id="portal-src-2", exclude=["b", "a"])),
        ("srv-db01", B, database_item()),
    )
    assert found == (
        {A: [("srv-web01", "portal-src"), ("srv-web02", "portal-src-2")], B: [("srv-db01", "escolares")]},
        [],
    )


def test_what_is_in_the_register_already_is_left_as_it_is(fold):
    requests = fold(request_record(A))
    assert taken(("srv-web01", A, item()), ("srv-db01", B, database_item()), requests=requests) == (
        {B: [("srv-db01", "escolares")]},
        [],
    )


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (item(id="y", repository_type="web_publication"), "tipo de repositorio"),
        (item(id="y", information_type="images_documents"), "tipo de información"),
        (item(id="y", paths=["/srv/b"]), "origen"),
        (item(id="y", exclude=["*.log"]), "exclusiones"),
    ],
)
def test_items_that_share_a_folio_and_ask_for_different_things_are_told(other, what):
    groups, conflicts = taken(("srv-web01", A, item()), ("srv-web02", A, other), ("srv-db01", B, database_item()))
    # Nothing of that folio is taken over; the others are.
    assert list(groups) == [B]
    assert conflicts == [
        f"srv-web01 · portal-src y srv-web02 · y llevan la misma solicitud {A} y difieren en {what}: "
        "dé a uno de los dos un folio propio"
    ]


def test_each_of_several_conflicts_is_told():
    groups, conflicts = taken(
        ("srv-web01", A, item()),
        ("srv-web02", A, item(id="y", paths=["/b"])),
        ("srv-web03", A, item(id="z", paths=["/c"], exclude=["x"])),
    )
    assert groups == {}
    assert [conflict.split(" llevan")[0] for conflict in conflicts] == [
        "srv-web01 · portal-src y srv-web02 · y",
        "srv-web01 · portal-src y srv-web03 · z",
    ]
    assert "origen, exclusiones" in conflicts[1]
