# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.register import Unreadable, read_register
from ansible_collections.dse.backup.tests.unit.factories import database_item, item
from hypothesis import given
from hypothesis import strategies as st

MEMBERS = ("srv-db01", "srv-web01")


@pytest.fixture
def read(procedure):
    def call(declared, holders=None):
        return read_register(declared, members=MEMBERS, holders=holders or {}, procedure=procedure)

    return call


def named(register):
    return {(refusal.server, refusal.item_id): refusal.message for refusal in register.refusals}


def without(key):
    return {name: value for name, value in item().items() if name != key}


def test_a_good_inventory(read):
    register = read({"srv-web01": [item()], "srv-db01": [database_item()]})
    assert [(each.server, each.item_id) for each in register.items] == [
        ("srv-web01", "portal-src"),
        ("srv-db01", "escolares"),
    ]
    assert register.refusals == []


@pytest.mark.parametrize(
    ("element", "item_id", "message"),
    [
        (item(information_type="video"), "portal-src", "information_type: «video» no está en la lista"),
        (without("service"), "portal-src", "service: falta"),
        (without("request_folio"), "portal-src", "request_folio: falta"),
        (without("id"), "srv-web01[2]", "id: falta"),
        (item(paths=["srv/www"]), "portal-src", "paths: «srv/www» no es una ruta absoluta"),
        (database_item(database={"engine": "oracle", "name": "x"}), "escolares", "database.engine: «oracle» no es"),
        (item(pahts=["/srv"]), "portal-src", "pahts: clave desconocida; ¿quiso decir «paths»?"),
        (item(id="¡Portal!\n"), r"¡Portal!\n", "id: «¡Portal!"),
        ("portal-src", "srv-web01[2]", "cada elemento debe ser un diccionario"),
        (None, "srv-web01[2]", "cada elemento debe ser un diccionario"),
    ],
)
def test_each_mistake_names_host_item_and_key_and_stops_that_item_alone(read, element, item_id, message):
    good = item(id="good")
    register = read({"srv-web01": [good, element], "srv-db01": [database_item(id="other")]})
    assert [each.item_id for each in register.items] == ["good", "other"]
    assert list(named(register)) == [("srv-web01", item_id)]
    assert named(register)["srv-web01", item_id].startswith(message)
    assert "\n" not in named(register)["srv-web01", item_id]


def test_all_mistakes_of_all_hosts_at_once(read):
    register = read(
        {
            "srv-web01": [item(service="", paths=["x"]), item(id="b", repository_type="x")],
            "srv-db01": [database_item(database={})],
            "srv-outside": [item(id="c")],
        }
    )
    assert set(named(register)) == {
        ("srv-web01", "portal-src"),
        ("srv-web01", "b"),
        ("srv-db01", "escolares"),
        ("srv-outside", "c"),
    }
    assert named(register)["srv-web01", "portal-src"].count(";") == 1


def test_a_host_outside_the_group(read):
    register = read({"srv-mail01": [item()]})
    assert register.items == []
    assert "srv-mail01 no pertenece al grupo dse_servers" in named(register)["srv-mail01", "portal-src"]


@pytest.mark.parametrize("declared", [{}, "portal", None, 3])
def test_what_is_no_list(read, declared):
    register = read({"srv-web01": declared, "srv-db01": [database_item()]})
    assert len(register.items) == 1
    assert named(register) == {("srv-web01", "srv-web01[0]"): "backup_client_items: debe ser una lista de elementos"}


def test_what_could_not_be_evaluated_says_why(read):
    register = read({"srv-web01": Unreadable("no se puede evaluar: 'x' is undefined")})
    assert "no se puede evaluar: 'x' is undefined" in named(register)["srv-web01", "srv-web01[0]"]


def test_of_a_repeated_id_the_first_is_backed_up_the_others_have_names_of_their_own(read):
    # Each has its own outcome in the record: under one name, one would hide the other.
    declared = {"srv-web01": [item(), item()], "srv-db01": [item(service="X")], "srv-mail01": [item()]}
    register = read(declared)
    assert [each.server for each in register.items] == ["srv-web01"]
    assert set(named(register)) == {
        ("srv-web01", "srv-web01[2]"),
        ("srv-db01", "srv-db01[1]"),
        ("srv-mail01", "srv-mail01[1]"),
    }
    assert (
        "«portal-src» está repetido: ya lo usa otro elemento de srv-web01" in named(register)["srv-db01", "srv-db01[1]"]
    )


def test_of_a_repeated_id_the_server_that_the_ledger_knows_keeps_it(read):
    # A copied host_vars file must not take an item's history away.
    declared = {"srv-db01": [item()], "srv-web01": [item()]}
    register = read(declared, holders={"portal-src": "srv-web01"})
    assert [each.server for each in register.items] == ["srv-web01"]
    assert "ya lo usa otro elemento de srv-web01" in named(register)["srv-db01", "srv-db01[1]"]


def test_a_holder_that_no_longer_claims_it_gives_it_up(read):
    # An item that moved to another server.
    assert len(read({"srv-db01": [item()]}, holders={"portal-src": "srv-web01"}).items) == 1


def test_a_request_exists_although_its_item_is_refused(read):
    # Else the failure that records the refusal could take the request's own folio.
    folios = ["DSE-05-2026-0009", "DSE-05-2026-0010", "DSE-05-2026-00002", "DSE-05-2025-0300", "DSE-05-2026-x", None]
    elements = [item(id=f"i{number}", request_folio=folio) for number, folio in enumerate(folios)]
    register = read({"srv-web01": [elements[0], {**elements[1], "service": ""}, *elements[2:], None]})
    assert register.highest_request_folios == ["DSE-05-2025-0300", "DSE-05-2026-0010"]


def folios_of(read, *numbers):
    elements = [item(id=f"i{number}", request_folio=f"DSE-05-2026-{number:04d}") for number in numbers]
    return [int(folio[12:]) for folio in read({"srv-web01": elements}).highest_request_folios]


def test_a_mistyped_folio_is_not_the_highest(read):
    # The year twice, and what nine digits can hold.
    assert folios_of(read, 3, 20260003, 41, 999999999) == [41]
    assert folios_of(read, 20260003) == []


def test_an_institution_of_many_requests_has_high_folios(read):
    assert folios_of(read, 27000, 9000, 18500, 3, 99999) == [9000, 18500, 27000]


IDS = st.sampled_from(["a", "b", "B!", "", None, 7, "a" * 99])
ELEMENTS = st.one_of(st.builds(lambda id: item(id=id), IDS), st.builds(lambda id: {"id": id}, IDS), st.none())
HOSTS = st.sampled_from([*MEMBERS, "srv-mail01"])


@given(declared=st.dictionaries(HOSTS, st.lists(ELEMENTS, max_size=4)), holders=st.dictionaries(IDS, HOSTS))
def test_every_element_is_an_item_or_refused_under_a_name_of_its_own(procedure, declared, holders):
    # The plan expects one outcome for each name: two with one name would be one outcome too few.
    register = read_register(declared, members=MEMBERS, holders=holders, procedure=procedure)
    names = [each.item_id for each in (*register.items, *register.refusals)]
    assert len(names) == sum(map(len, declared.values()))
    assert len(set(names)) == len(names)
    assert all(refusal.message for refusal in register.refusals)
