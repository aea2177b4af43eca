# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.items import dump_file_name, item_faults, source
from ansible_collections.dse.backup.tests.unit.factories import database_item, item
from hypothesis import given
from hypothesis import strategies as st

KINDS = ("server_configuration", "source_code", "database", "images_documents")
REPOSITORIES = ("database", "software_project", "web_publication", "server_configuration")


def faults(element):
    found = item_faults(element, information_types=KINDS, repository_types=REPOSITORIES)
    return {fault.key: fault.message for fault in found}


@pytest.mark.parametrize(
    "element",
    [
        item(),
        item(exclude=["*.tmp"], mountpoint="/srv", follow_symlinks=True, one_file_system=False),
        item(tolerance={"shrink_pct": 0, "grow_pct": 12.5, "accumulated_shrink_pct": 90}),
        item(tolerance={"entries_shrink_pct": 5, "replaced_pct": 100}),
        item(retention={"daily": 30, "monthly": 24}),
        item(paths=["/", "/srv/with space\nand newline", "/srv/-v", "/srv/$(x)"]),
        database_item(),
        database_item(database={"engine": "mariadb", "name": "a=b;--", "port": 3307, "defaults_file": "/etc/my.cnf"}),
        database_item(database={"engine": "sqlite", "path": "/srv/app/db.sqlite"}),
    ],
)
def test_an_item_without_mistakes(element):
    assert faults(element) == {}


@pytest.mark.parametrize(
    ("element", "key", "words"),
    [
        (item(information_type="sourcecode"), "information_type", "¿quiso decir «source_code»?"),
        (item(information_type=["source_code"]), "information_type", "no está en la lista"),
        (item(repository_type="software"), "repository_type", "no está en la lista"),
        (item(repository_type={"a": 1}), "repository_type", "no está en la lista"),
        (item(service=""), "service", "falta"),
        (item(service=None), "service", "falta"),
        (item(service=7), "service", "en texto"),
        (item(request_folio=""), "request_folio", "falta"),
        (item(request_folio="DSE-05-26-1"), "request_folio", "no es un folio"),
        (item(request_folio="DSE-02-2026-0001"), "request_folio", "no es un folio"),
        (item(request_folio="DSE-05-2026-" + "9" * 20), "request_folio", "no es un folio"),
        (item(request_folio="DSE-05-2026-٠٠٠١"), "request_folio", "no es un folio"),
        (item(request_folio=20260001), "request_folio", "no es un folio"),
        (item(id="Portal"), "id", "minúsculas"),
        (item(id="../etc"), "id", "minúsculas"),
        (item(id="portal\n"), "id", "minúsculas"),
        (item(id="x" * 64), "id", "63"),
        (item(id=12), "id", "minúsculas"),
        (item(paths=["srv/www"]), "paths", "no es una ruta absoluta"),
        (item(paths=["/srv/../etc"]), "paths", "sin «..»"),
        (item(paths=["/srv//www"]), "paths", "sin «//»"),
        (item(paths=["//srv/www"]), "paths", "sin «//»"),
        (item(paths=["/srv/www/"]), "paths", "diagonal final"),
        (item(paths=["/srv/a\0b"]), "paths", "sin"),
        (item(paths="/srv/www"), "paths", "lista"),
        (item(paths=[]), "paths", "al menos una"),
        (item(paths=[7]), "paths", "no es una ruta absoluta"),
        (item(database={"engine": "sqlite", "path": "/x"}), "paths", "sólo una de las dos"),
        (item(exclude="*.tmp"), "exclude", "lista de patrones"),
        (item(exclude=[""]), "exclude", "lista de patrones"),
        (item(mountpoint="srv"), "mountpoint", "no es una ruta absoluta"),
        (item(follow_symlinks="yes"), "follow_symlinks", "true o false"),
        (item(one_file_system=1), "one_file_system", "true o false"),
        (item(tolerance=10), "tolerance", "diccionario"),
        (item(retention={}), "retention", "diccionario"),
        (item(retention=14), "retention", "diccionario"),
        (item(retention={"dayly": 14}), "retention.dayly", "¿quiso decir «daily»?"),
        (item(retention={"daily": 0}), "retention.daily", "de 1 en adelante"),
        (item(retention={"daily": True}), "retention.daily", "de 1 en adelante"),
        (item(tolerance={"shrink": 1}), "tolerance.shrink", "¿quiso decir «shrink_pct»?"),
        (item(tolerance={"shrink_pct": -1}), "tolerance.shrink_pct", "no es un porcentaje"),
        (item(tolerance={"shrink_pct": float("nan")}), "tolerance.shrink_pct", "no es un porcentaje"),
        (item(tolerance={"grow_pct": True}), "tolerance.grow_pct", "no es un porcentaje"),
        (item(pahts=["/srv"]), "pahts", "¿quiso decir «paths»?"),
        (item(**{"7": 1}), "7", "clave desconocida"),
        (database_item(database={"engine": "oracle", "name": "x"}), "database.engine", "postgresql, mariadb, mysql"),
        (database_item(database={"engine": ["x"]}), "database.engine", "no es un manejador"),
        (database_item(database={"name": "x"}), "database.engine", "no es un manejador"),
        (database_item(database="escolares"), "database", "diccionario"),
        (database_item(database={"engine": "mariadb"}), "database.name", "falta"),
        (database_item(database={"engine": "mariadb", "name": "a\0b"}), "database.name", "falta"),
        (database_item(database={"engine": "sqlite", "name": "x", "path": "/x"}), "database.name", "use «path»"),
        (database_item(database={"engine": "sqlite"}), "database.path", "no es una ruta absoluta"),
        (database_item(database={"engine": "mysql", "name": "x", "port": "3306"}), "database.port", "no es un puerto"),
        (database_item(database={"engine": "mysql", "name": "x", "port": True}), "database.port", "no es un puerto"),
        (database_item(database={"engine": "mysql", "name": "x", "user": "r"}), "database.user", "clave desconocida"),
        (
            database_item(information_type="source_code"),
            "information_type",
            "respalda una base de datos: «source_code»",
        ),
        (item(information_type="database"), "information_type", "respalda archivos: «database» no le corresponde"),
        (item(paths=["/etc/*.d"]), "paths", "no puede llevar comodines"),
    ],
)
def test_a_mistake_is_named_by_its_key(element, key, words):
    # Every mistake an admin can make: the key, what is wrong, and no exception.
    assert words in faults(element)[key]


@pytest.mark.parametrize("element", ["portal-src", None, 7, ["id"]])
def test_an_element_that_is_no_dictionary(element):
    assert "diccionario" in faults(element)[""]


def test_all_mistakes_at_once():
    # An admin mends an item in one go, not one key a run.
    wrong = {"id": "P", "pahts": [], "information_type": "x", "paths": ["a"], "exclude": 1}
    assert set(faults(wrong)) == {
        "id",
        "pahts",
        "service",
        "repository_type",
        "information_type",
        "request_folio",
        "paths",
        "exclude",
    }


YAML = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)),
    max_leaves=4,
)
KEYS = [*item(), *database_item(), "exclude", "mountpoint", "tolerance", "retention", "follow_symlinks"]


@given(st.dictionaries(st.sampled_from(KEYS), YAML, max_size=3))
def test_no_value_of_any_key_is_more_than_a_mistake(changes):
    # Whatever YAML can say ends as words, never as a traceback.
    for fault in item_faults({**item(), **changes}, information_types=KINDS, repository_types=REPOSITORIES):
        assert isinstance(fault.key, str)
        assert fault.message


@pytest.mark.parametrize(
    ("database", "name", "shown"),
    [
        ({"engine": "postgresql", "name": "a"}, "escolares.dump", "a"),
        ({"engine": "mariadb", "name": "a"}, "escolares.sql", "a"),
        ({"engine": "sqlite", "path": "/a"}, "escolares.sqlite", "/a"),
    ],
)
def test_names_of_a_database(database, name, shown):
    element = database_item(database=database)
    assert (dump_file_name(element), source(element)) == (name, shown)


def test_the_source_of_files_names_them_all():
    assert source(item(paths=["/a", "/b"])) == "/a, /b"
