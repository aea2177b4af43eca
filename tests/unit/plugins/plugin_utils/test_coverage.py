# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import os
from datetime import date
from pathlib import PurePosixPath

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.coverage import Finding
from ansible_collections.dse.backup.plugins.plugin_utils.coverage import (
    Claim,
    Gone,
    Look,
    Part,
    believable,
    claims,
    compare,
    is_at_or_below,
    requested_of,
)
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal, Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request, Requests, screen
from ansible_collections.dse.backup.tests.unit.factories import database_item, item
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 11, 22)
WEB, DB = "srv-web01", "srv-db01"


def files(path, kind="web", **changes):
    return Finding([kind], path, **changes)


def database(name, engine="postgresql", **changes):
    return Finding(["database"], engine=engine, name=name, **changes)


def claim(*paths, name="portal-src", **changes):
    return Claim(WEB, name, "DSE-05-2026-0001", list(paths), **changes)


def asked_for(name, engine="", **changes):
    return Claim(WEB, f"db-{name}", "DSE-05-2026-0002", database=name, engine=engine, **changes)


def present(claimed):
    """Answers that everything requested is where it is said to be."""
    asked = [one for each in requested_of(claimed) for one in each.asked]
    return [{"state": "present", "path": one.get("path", ""), "instance": ""} for one in asked]


def against(found, *claimed, answers=None):
    look = Look(list(found), present(claimed) if answers is None else answers, [], [])
    return compare(WEB, look, claimed)[0]


def uncovered(found, *claimed):
    return [each.finding.path or each.finding.name for each in against(found, *claimed)]


# --- The covering relation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "claimed", "is_covered"),
    [
        ("/srv/www/portal", claim("/srv/www/portal"), True),
        ("/srv/www/portal", claim("/srv/www"), True),
        ("/srv/www/portal", claim("/"), True),
        ("/srv/www/portal", claim("/opt", "/srv"), True),
        ("/srv/www/portal2", claim("/srv/www/portal"), False),
        ("/srv/www", claim("/srv/www/portal"), False),
        ("/srv/www/portal", claim("/srv/www", exclusions=["/srv/www/portal"]), False),
        ("/srv/www/portal/cache", claim("/srv/www", exclusions=["/srv/www/portal"]), False),
        ("/srv/www/portal/cache", claim("/srv/www", exclusions=["cache"]), False),
        ("/srv/www/portal/a.tmp", claim("/srv/www", exclusions=["*.tmp"]), False),
        ("/srv/www/portal", claim("/srv/www", exclusions=["*.tmp", "/srv/www/portal2", "/srv/www/portal/cache"]), True),
        # What a negated pattern takes back is not believed: restic never enters a directory that is left out.
        ("/srv/www/portal/a", claim("/srv/www", exclusions=["/srv/www/portal", "!/srv/www/portal/a"]), False),
        ("/srv/www/!portal", claim("/srv/www", exclusions=["!portal"]), True),
    ],
)
def test_a_directory_is_covered_at_or_below_a_path_and_not_where_it_is_left_out(path, claimed, is_covered):
    assert uncovered([files(path)], claimed) == ([] if is_covered else [path])


def test_what_one_leaves_out_another_may_cover():
    found = [files("/srv/www/portal/media")]
    source = claim("/srv/www/portal", exclusions=["/srv/www/portal/media"])
    assert uncovered(found, source, claim("/srv/www/portal/media", name="portal-media")) == []
    (alone,) = against(found, source)
    assert (alone.excluded_by, alone.parts) == (["portal-src"], [])


@pytest.mark.parametrize(("mount", "is_covered"), [("/", True), ("/srv/www", True), ("/srv/www/media", False)])
def test_what_is_mounted_below_is_left_out_where_one_file_system_is_asked_for(mount, is_covered):
    found = [files("/srv/www/media/a", mount_point=mount)]
    assert (uncovered(found, claim("/srv/www", one_file_system=True)) == []) == is_covered
    assert uncovered(found, claim("/srv/www")) == []


def test_what_links_lead_to_is_what_is_covered():
    found = [files("/releases/42"), files("/srv/current")]
    followed = claim("/srv/current", follows_links=True)
    answers = [{"state": "present", "path": "/releases/42", "instance": ""}]
    assert [each.finding.path for each in against(found, followed, answers=answers)] == ["/srv/current"]
    # Without it, such an item is refused when it runs: nothing is covered but the link.
    assert uncovered(found, claim("/srv/current")) == ["/releases/42"]


def test_a_directory_of_which_only_something_below_is_requested_is_so_in_part_and_says_what():
    nginx, ssh = claim("/etc/nginx", name="etc-nginx"), claim("/etc/ssh", "/srv", name="etc-ssh")
    (etc,) = against([files("/etc", "configuration")], nginx, ssh)
    assert etc.parts == [Part("/etc/nginx", "etc-nginx"), Part("/etc/ssh", "etc-ssh")]
    assert etc.plain()["situation"] == "partly"
    (library,) = against([files("/srv/app")], claim("/srv/app/library.sqlite", name="db-library"))
    assert library.parts == [Part("/srv/app/library.sqlite", "db-library")]


def test_loose_files_are_covered_by_what_covers_their_directory_and_by_nothing_below():
    loose = files("/var/www", files_only=True)
    assert uncovered([loose], claim("/var/www")) == []
    (alone,) = against([loose], claim("/var/www/portal"))
    assert alone.parts == []


@pytest.mark.parametrize(
    ("found", "claimed", "is_covered"),
    [
        (database("escolares"), asked_for("escolares", "postgresql"), True),
        (database("escolares"), asked_for("escolares"), True),
        (database("escolares"), asked_for("escolares", "mariadb"), False),
        (database("escolares", "mariadb"), asked_for("escolares", "mariadb"), True),
        (database("nomina"), asked_for("escolares", "postgresql"), False),
        (database("escolares"), claim("/escolares", "/"), False),
        (files("/escolares"), asked_for("escolares"), False),
    ],
)
def test_a_database_is_covered_by_its_name_and_engine(found, claimed, is_covered):
    assert (uncovered([found], claimed) == []) == is_covered


def test_of_two_databases_of_one_name_the_one_on_the_servers_own_port_is_covered():
    found = [database("escolares", instance="/a"), database("escolares", instance="/b")]
    answers = [{"state": "present", "path": "", "instance": "/b"}]
    assert [each.finding.instance for each in against(found, asked_for("escolares"), answers=answers)] == ["/a"]


def test_another_servers_items_cover_nothing_here():
    other = dataclasses.replace(claim("/srv"), server=DB)
    assert [each.finding.path for each in against([files("/srv/www")], other, answers=[])] == ["/srv/www"]


def test_what_lies_in_an_unrequested_directory_is_noted_there():
    pending = claim("/srv/a/c", name="DSE-05-2026-0009", why_not="JAA aún no la ha aceptado")
    found = [files("/srv/a"), files("/srv/a/b", "code"), files("/srv/a/c"), files("/srv/ab"), files("/srv/a/b/d")]
    within = {each.finding.path: each.within for each in against(found, pending)}
    # One whose request waits is shown by itself.
    assert within == {"/srv/a": "", "/srv/a/b": "/srv/a", "/srv/a/c": "", "/srv/ab": "", "/srv/a/b/d": "/srv/a"}
    # In one that is covered in part, or among loose files, it is not clear what is meant.
    partly = against([files("/srv/a"), files("/srv/a/b")], claim("/srv/a/x"))
    loose = against([files("/srv/a", files_only=True), files("/srv/a/b")])
    assert {each.within for each in (*partly, *loose)} == {""}


NAMES = st.sampled_from(["a", "b", "ab", "a.b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
CLAIMS = st.lists(st.builds(lambda paths, out: claim(*paths, exclusions=out), st.lists(PATHS, min_size=1, max_size=3),
                            st.lists(PATHS, max_size=3)), max_size=4)  # fmt: skip


def stored(path, claimed):
    """Tell, in another way than the code, whether a backup that goes down from its tops comes to a path."""
    here = PurePosixPath(path)
    for top in map(PurePosixPath, claimed.paths):
        if top == here or top in here.parents:
            left_out = set(map(PurePosixPath, claimed.exclusions))
            if not left_out & {here, *here.parents}:
                return True
    return False


@given(found=st.lists(PATHS, unique=True, max_size=8), claimed=CLAIMS)
def test_listed_is_exactly_what_no_backup_stores(found, claimed):
    listed = against(map(files, found), *claimed)
    assert [each.finding.path for each in listed] == [
        path for path in found if not any(stored(path, each) for each in claimed)
    ]
    for each in listed:
        for part in each.parts:
            assert part.path != each.finding.path and is_at_or_below(part.path, each.finding.path)
        if each.within:
            # What is shown within another is never hidden: the other is shown, and nothing of it is requested.
            (outer,) = [other for other in listed if other.finding.path == each.within]
            assert not outer.within and not outer.parts and is_at_or_below(each.finding.path, each.within)


@given(found=st.lists(PATHS, unique=True, max_size=8), claimed=CLAIMS, more=CLAIMS)
def test_who_asks_for_more_never_has_more_uncovered(found, claimed, more):
    assert set(uncovered(map(files, found), *claimed, *more)) <= set(uncovered(map(files, found), *claimed))


@given(found=st.lists(PATHS, unique=True, max_size=5), claimed=CLAIMS)
def test_what_is_not_requested_any_more_covers_nothing(found, claimed):
    over = [dataclasses.replace(each, why_not="venció") for each in claimed]
    assert uncovered(map(files, found), *over) == found


def test_the_engine_stores_exactly_what_is_called_covered(restic, tmp_path):
    # Whatever was excluded, in the words of the inventory.
    names = ["a", "b", "cache", "a.tmp"]
    for outer in names:
        for middle in names:
            for inner in names:
                os.makedirs(tmp_path / "srv" / outer / middle / inner)
    top = f"{tmp_path}/srv"
    found = [directory for directory, _directories, _files in os.walk(top)]
    lists = [
        [],
        ["cache"],
        ["*.tmp", f"{top}/b"],
        [f"{top}/a/*"],
        ["a/b"],
        [f"{top}/**/cache"],
        ["[ab]"],
        ["cache/", f"{top}/a/"],
        ["a", "!a/b"],
    ]
    for exclude in lists:
        snapshot = restic.backup([f"{top}/a", f"{top}/b"], host="h", tags=[], exclude=exclude).snapshot_id
        kept = {node["path"] for node in restic.exact_nodes(snapshot)} - {top}
        item_of_it = claim(f"{top}/a", f"{top}/b", exclusions=exclude)
        listed = set(uncovered(map(files, found), item_of_it)) - {top}
        assert {path for path in found if path.startswith(f"{top}/")} - listed == {
            path for path in kept if path.startswith(f"{top}/")
        }, exclude


# --- What was asked for -----------------------------------------------------------------------------------------------


def request(number=1, state="accepted", **changes):
    basic = {
        "servers": [WEB],
        "repository_type": "software_project",
        "information_type": "source_code",
        "source": "/srv/www/portal",
        "state": state,
        "valid_from": "2026-01-01" if state == "accepted" else "",
    }
    return Request(f"DSE-05-2026-{number:04}", **{**basic, **changes})


def asked(items=(), refusals=(), requests=()):
    register = Register([Item(WEB, each) for each in items], [Refusal(*each) for each in refusals])
    known = Requests({each.folio: each for each in requests})
    return claims(screen(register, known, TODAY), known, TODAY)


def said(claimed):
    return [(each.name, each.why_not) for each in claimed]


def test_an_item_whose_request_was_accepted_is_requested_once():
    (one,) = asked([item(exclude=["*.tmp"], follow_symlinks=True)], requests=[request(exclusions=["*.tmp"])])
    assert (one.name, one.folio, one.paths, one.exclusions, one.follows_links, one.why_not) == (
        "portal-src",
        "DSE-05-2026-0001",
        ["/srv/www/portal"],
        ["*.tmp"],
        True,
        "",
    )


def test_an_accepted_request_that_no_item_carries_out_is_requested_too():
    other_server = request(2, source="/srv/a, /srv/b", servers=[WEB, DB], exclusions=["c"])
    found = asked([item()], requests=[request(), other_server])
    assert [(each.server, each.name, each.paths) for each in found] == [
        (WEB, "portal-src", ["/srv/www/portal"]),
        (WEB, "DSE-05-2026-0002", ["/srv/a", "/srv/b"]),
        (DB, "DSE-05-2026-0002", ["/srv/a", "/srv/b"]),
    ]
    assert found[1].exclusions == ["c"]


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"state": "pending"}, "JAA aún no la ha aceptado"),
        ({"state": "rejected", "reason": "duplicada"}, "JAA la rechazó (duplicada)"),
        ({"state": "cancelled", "reason": "baja del servicio"}, "está cancelada (baja del servicio)"),
        ({"valid_until": "2026-11-21"}, "venció el 21/11/2026"),
        ({"valid_from": "2026-12-01"}, "está vigente a partir del 01/12/2026"),
    ],
)
def test_a_request_that_does_not_hold_says_why_with_its_folio(changes, why_not):
    claimed = asked(requests=[request(**changes)])
    assert said(claimed) == [("DSE-05-2026-0001", why_not)]
    (listed,) = against([files("/srv/www/portal/x")], *claimed)
    assert [(each.folio, each.why_not) for each in listed.unheard] == [("DSE-05-2026-0001", why_not)]
    assert requested_of(claimed) == []


def test_what_the_last_change_no_longer_asks_for_names_both():
    before = request(1, source="/srv/a, /srv/b", amended_by="DSE-05-2026-0002")
    after = request(2, source="/srv/a", amends="DSE-05-2026-0001")
    claimed = asked(requests=[before, after])
    (listed,) = against([files("/srv/a"), files("/srv/b")], *claimed)
    assert listed.finding.path == "/srv/b"
    assert said(listed.unheard) == [("DSE-05-2026-0001", "la reemplaza DSE-05-2026-0002")]


def test_of_several_requests_the_newest_comes_first():
    claimed = asked(requests=[request(1, "rejected"), request(2, "pending")])
    (listed,) = against([files("/srv/www/portal")], *claimed)
    assert [each.folio for each in listed.unheard] == ["DSE-05-2026-0002", "DSE-05-2026-0001"]


def test_an_item_that_the_plan_refuses_covers_nothing_and_says_so_where_no_request_does():
    claimed = asked([item()])
    (listed,) = against([files("/srv/www/portal")], *claimed)
    assert said(listed.unheard) == [
        ("portal-src", "request_folio: la solicitud DSE-05-2026-0001 no está en el registro")
    ]
    (listed,) = against([files("/srv/www/portal")], *asked([item()], requests=[request(state="pending")]))
    assert [each.name for each in listed.unheard] == ["DSE-05-2026-0001"]


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"paths": "/srv"},
        {"paths": [1, None, {"a": 1}], "exclude": "x", "request_folio": 7},
        {"database": "x"},
        {"database": {"engine": ["x"], "name": {"y": 1}}},
        {"database": {"engine": "sqlite", "path": 3}, "follow_symlinks": "yes"},
    ],
)
def test_a_refused_element_may_have_anything_in_the_place_of_its_keys(definition):
    claimed = asked(refusals=[(WEB, "srv-web01[1]", [], definition)])
    assert len(against([files("/srv/www"), database("x")], *claimed)) == 2


def test_databases_of_items_and_of_requests():
    lms = database_item(id="db-lms", request_folio="DSE-05-2026-0002",
                        database={"engine": "mysql", "name": "lms", "port": 3307})  # fmt: skip
    wanted = {"repository_type": "database", "information_type": "database"}
    requests = [
        request(2, source="lms", **wanted),
        request(3, source="nomina", **wanted),
        request(4, source="/srv/app/b.sqlite", **wanted),
    ]
    found = asked([lms], requests=requests)
    assert [each.asked for each in found] == [
        [{"name": "lms", "database": {"engine": "mysql", "name": "lms", "port": 3307}}],
        [{"name": "nomina"}],
        [{"path": "/srv/app/b.sqlite", "follow": False}],
    ]
    assert uncovered([database("lms", "mariadb"), database("nomina", "mariadb"), database("nomina")], *found) == []


def test_claims_survive_their_way_through_ansible():
    claimed = asked([database_item(request_folio="DSE-05-2026-0009")], requests=[request()])
    sent = json.loads(json.dumps([dataclasses.asdict(each) for each in claimed]))
    assert [Claim(**each) for each in sent] == claimed


# --- The other way round ----------------------------------------------------------------------------------------------


def test_what_is_requested_and_gone_is_named_each_with_who_asks_for_it():
    claimed = [claim("/srv/a", "/srv/b"), claim("/srv/c", why_not="venció"), asked_for("nomina"), claim("/srv/d")]
    states = ["present", "gone", "gone", "unknown"]
    look = Look([], [{"state": state, "path": "", "instance": ""} for state in states], [], [])
    assert compare(WEB, look, claimed)[1] == [
        Gone(WEB, "portal-src", "DSE-05-2026-0001", "/srv/b"),
        Gone(WEB, "db-nomina", "DSE-05-2026-0002", "nomina"),
    ]


# --- What a server says -----------------------------------------------------------------------------------------------

HOSTILE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("/srv\x1b[31m\n")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from([*(each.name for each in dataclasses.fields(Finding)), "found", "requested", "problems",
                             "remarks", "state", "backup_records"]), inner, max_size=6),
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["found", "requested", "problems", "remarks", "failed"]), HOSTILE),
       st.integers(0, 2))  # fmt: skip
def test_whatever_a_server_says_has_the_right_types_or_is_refused(answer, count):
    try:
        look = believable(answer, count)
    except ValueError:
        return
    assert len(look.answers) == count
    for each in look.found:
        assert each.kinds and set(each.kinds) <= {"web", "code", "configuration", "database"}
        assert each.path.startswith("/") != bool(each.name)
        assert each.size_bytes is None or each.size_bytes >= 0
    texts = json.dumps([dataclasses.asdict(each) for each in look.found] + look.answers, ensure_ascii=False)
    assert texts.isprintable()
    assert all(text.isprintable() for text in (*look.problems, *look.remarks))
    compare(WEB, look, [claim(*(f"/{number}" for number in range(count)))] if count else [])


def test_what_is_known_is_kept_and_nothing_else():
    finding = dataclasses.asdict(files("/srv/a", owner="ana", size_bytes=5, sites=["a.mx"]))
    answer = {
        "found": [
            {**finding, "backup_records": ["x"]},
            {**finding, "kinds": ["video"]},
            {**finding, "path": "relative"},
            {**dataclasses.asdict(database("x")), "engine": "oracle"},
            "portal",
        ],
        "requested": [{"state": "gone", "path": "/srv/a", "more": 1}, None],
        "ansible_facts": {"x": 1},
        "problems": ["a\nb", 3],
    }
    look = believable(answer, 2)
    assert look.found == [files("/srv/a", owner="ana", size_bytes=5, sites=["a.mx"])]
    assert look.answers == [
        {"state": "gone", "path": "/srv/a", "instance": ""},
        {"state": "unknown", "path": "", "instance": ""},
    ]
    assert (look.problems, look.remarks) == (["a\\nb"], [])


@pytest.mark.parametrize("size", [-1, True, "5", 5.5, 2**63, None, [5]])
def test_a_size_that_is_none_is_not_known(size):
    finding = {**dataclasses.asdict(files("/srv/a")), "size_bytes": size}
    assert believable({"found": [finding], "requested": []}, 0).found[0].size_bytes is None


@pytest.mark.parametrize("answer", [{}, {"found": []}, {"found": {}, "requested": []}, {"found": [], "requested": [1]}])
def test_an_answer_to_another_question_is_none(answer):
    with pytest.raises(ValueError, match="no se entiende"):
        believable(answer, 0)
