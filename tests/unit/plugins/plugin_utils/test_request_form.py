# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import request_form
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.plugins.plugin_utils.request_form import Form
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request, Requests
from ansible_collections.dse.backup.tests.unit.factories import (
    accepted,
    cancellation_record,
    decision_record,
    request_record,
)
from hypothesis import given
from hypothesis import strategies as st

A, B, C = (f"DSE-05-2026-{number:04d}" for number in (1, 2, 3))
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("America/Mexico_City"))
MEMBERS = ("srv-web01", "srv-web02", "srv-db01")
PROCEDURE = load()

REGISTERED = {
    "requester": "CGDW",
    "area": "Portal Institucional",
    "contact": "portal@dse.example",
    "service": "Portal institucional",
    "servers": "srv-web01",
    "repository_type": "software_project",
    "information_type": "source_code",
    "source": ["/srv/www/portal"],
    "exclusions": ["*.tmp"],
    "estimated_bytes": "620 MiB",
    "personal_data": "false",
    "service_request": "DAU-01-2026-0001",
    "changes": "",
    "remarks": "urge",
}
SERVICE = {
    "service_type": "new_backup",
    "channel": "correo",
    "area": "Portal Institucional",
    "contact": "portal@dse.example",
    "description": "respaldar el portal",
    "priority": "alta",
    "received_at": "2026-11-22T08:50",
    "remarks": None,
}


def register(*records):
    """The register that these records add up to (a closing is a cancellation)."""
    requests = Requests()
    for record in records:
        if record["record_type"] == "backup_request":
            requests[record["folio"]] = Request.of(record)
        elif record["record_type"] == "closing":
            requests[record["about_folio"]].cancel(record)
        else:
            request = requests[record["about_folio"]]
            request.decide(record)
            if request.amends in requests and request.was_accepted:
                requests[request.amends].amended_by = request.folio
    return requests


def registered(answers, requests=None):
    """The record of a request and the faults that its answers have."""
    form = Form(answers, PROCEDURE)
    record = request_form.registered(form, PROCEDURE, requests or Requests(), lambda folio: folio.startswith("DAU-01-"))
    return record, form.faults


def decided(requests, **answers):
    form = Form({"folio": A, **answers}, PROCEDURE)
    records, _folio = request_form.decided(form, requests, members=MEMBERS, now=NOW)
    return records, form.faults


def service(answers):
    form = Form(answers, PROCEDURE)
    return request_form.service_requested(form, PROCEDURE, NOW), form.faults


def about(faults):
    """Of which answers these faults are; each names its own."""
    assert all(re.fullmatch(r"request_[a-z_]+: .*\S.*\S", fault) for fault in faults), faults
    return [fault.split(":")[0].removeprefix("request_") for fault in faults]


def can_be_recorded(*records):
    for record in records:
        canonical(record)
        bare = {"form_code": None, **record}
        assert PROCEDURE.check_record(bare) == []


# --- A request --------------------------------------------------------------------------------------------------------


def test_a_request_is_recorded_as_it_was_answered():
    record, faults = registered(REGISTERED)
    assert faults == []
    can_be_recorded(record)
    assert record == {
        "record_type": "backup_request",
        "form_code": "FOR 7.5 DSE 05",
        "prepared_by": "JAA",
        "requester_role": "CGDW",
        "requester_area": "Portal Institucional",
        "requester_contact": "portal@dse.example",
        "service": "Portal institucional",
        "servers": ["srv-web01"],
        "repository_type": "software_project",
        "information_type": "source_code",
        "source": "/srv/www/portal",
        "exclusions": ["*.tmp"],
        "estimated_bytes": 620 * 1024**2,
        "contains_personal_data": False,
        "frequency": "weekly",
        "service_request_folio": "DAU-01-2026-0001",
        "amends_folio": None,
        "remarks": "urge",
    }


@pytest.mark.parametrize(
    ("kind", "repository", "source"),
    [
        ("database", "database", "escolares"),
        ("database", "database", "/srv/foro/foro.sqlite"),
        ("images_documents", "web_publication", ["/srv/media", "/srv/docs"]),
        ("server_configuration", "server_configuration", "/etc"),
    ],
)
def test_every_kind_can_be_asked_for(kind, repository, source):
    record, faults = registered(
        {**REGISTERED, "information_type": kind, "repository_type": repository, "source": source, "exclusions": None}
    )
    assert faults == []
    can_be_recorded(record)
    assert record["frequency"] == PROCEDURE.information_type(kind).frequency


@pytest.mark.parametrize(
    ("given_size", "size"),
    [("650117120", 650117120), (650117120, 650117120), ("620 MiB", 650117120), ("620MB", 650117120),
     ("38 GiB", 38 << 30), ("1.5K", 1536), ("2 TiB", 2 << 40), (" 7 ", 7)],
)  # fmt: skip
def test_a_size_may_be_said_in_words(given_size, size):
    assert registered({**REGISTERED, "estimated_bytes": given_size})[0]["estimated_bytes"] == size


@pytest.mark.parametrize(("said", "meant"), [("false", False), ("true", True), (True, True), ("no", False), (0, False)])
def test_whether_there_is_personal_data_must_be_said(said, meant):
    assert registered({**REGISTERED, "personal_data": said})[0]["contains_personal_data"] is meant


def test_jaa_asks_for_itself_only_for_configuration():
    # 4.1.1: flagged.
    mine = {**REGISTERED, "requester": "JAA"}
    assert about(registered(mine)[1]) == ["requester"]
    record, faults = registered(
        {**mine, "information_type": "server_configuration", "repository_type": "server_configuration"}
    )
    assert (faults, record["remarks"]) == ([], "urge; solicitada por el propio JAA")


# What each answer must not be, whoever gives it; several are what an inventory or a shell makes of a slip of the pen.
NOT_TEXT = [None, "", "  ", 7, True, ["x"], {"a": 1}]
BAD_PATHS = ["srv/www", "/srv/", "/srv/../etc", "//srv", "/srv/*", "/srv/\udcff", ["/srv/a", "srv/b"]]
WRONG = {
    "requester": [*NOT_TEXT, "jaa", "Rector"],
    "area": NOT_TEXT,
    "contact": [*NOT_TEXT, "portal", "a b@c", "a@b@c"],
    "service": NOT_TEXT,
    "servers": [
        None,
        "",
        [],
        [""],
        ["srv-web01", 7],
        7,
        {"a": 1},
        "srv web01",
        "-x",
        "srv/01",
        "x" * 300,
        ["srv", "ñ"],
    ],
    "repository_type": [*NOT_TEXT, "video"],
    "information_type": [*NOT_TEXT, "video"],
    "source": [None, "", [], [""], 7, {"a": 1}, ["/a", None], *BAD_PATHS],
    "exclusions": [7, {"a": 1}, [""], ["a", 7], "  ", ["\ud800"]],
    "estimated_bytes": [None, "", "mucho", -1, "-1", "1.5.5", "12 X", True, [], {}, "nan", "inf", "9" * 400, "1e9"],
    "personal_data": [None, "", "quizá", [], {}, 7],
    "service_request": [7, ["x"], {"a": 1}, "DSE-05-2026-0001", "  "],
    "changes": [7, ["x"], {"a": 1}, "DSE-05-2026-0999", "  "],
    "remarks": [7, ["x"], {"a": 1}, "  "],
}
SLIPS = {"no_such": ["x"], "folio": [A], "decision": ["accepted"], "valid_from": ["2026-12-01"]}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_each_wrong_answer_is_named(name, value):
    assert name in about(registered({**REGISTERED, name: value})[1])


def test_wrong_exclusions_are_told_in_good_spanish():
    (fault,) = registered({**REGISTERED, "exclusions": [7]})[1]
    assert fault == "request_exclusions: debe ser el conjunto de rutas o patrones, en una lista"


@given(st.dictionaries(st.sampled_from([*WRONG, *SLIPS]), st.integers(0, 40)))
def test_all_wrong_answers_are_named_at_once(choice):
    table = {**WRONG, **SLIPS}
    wrong = {name: table[name][number % len(table[name])] for name, number in choice.items()}
    faults = about(registered({**REGISTERED, **wrong})[1])
    depends = {"information_type", "repository_type"}
    # What a source is wrong for cannot be told without its kind.
    expected = wrong.keys() - ({"source"} if depends & wrong.keys() or "service" in wrong else set())
    assert expected <= set(faults)
    if not wrong:
        assert faults == []


TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
SCALAR = TEXT | st.none() | st.booleans() | st.integers() | st.floats()
HOSTILE = st.one_of(
    SCALAR,
    st.lists(SCALAR, max_size=3),
    st.dictionaries(TEXT, SCALAR, max_size=2),
    st.lists(st.lists(SCALAR, max_size=2), max_size=2),
    st.sampled_from(
        ["\ud800", "/srv/\udcff", ["/srv/\ud800"], "a\nb", "\x1b[2J@x", "9" * 400, A, B, "2026-W47-7", "JAA"]
    ),
)


@given(st.data())
def test_hostile_answers_never_raise_and_what_has_no_fault_can_be_recorded(data):
    requests = register(*accepted(A), *accepted(B, source="/srv/b", amends_folio=A), request_record(C, source="/srv/c"))
    whole = {"source": ["/srv/new"], "exclusions": None}
    for base, answer in (
        ({**REGISTERED, **whole}, lambda answers: registered(answers, requests)),
        (SERVICE, service),
        ({"folio": C, "decision": "accepted", "reason": "", "valid_from": "", "valid_until": ""},
         lambda answers: decided(requests, **answers)),
    ):  # fmt: skip
        names = data.draw(st.lists(st.sampled_from([*base, "no_such"]), max_size=3, unique=True))
        answers = {**base, **{name: data.draw(HOSTILE) for name in names}}
        said, faults = answer(answers)
        about(faults)
        if not faults:
            can_be_recorded(*(said if isinstance(said, list) else [said]))


def test_a_wrong_answer_that_could_have_been_left_out_is_told_what_it_may_be():
    faults = registered({**REGISTERED, "changes": 7, "remarks": ["x"], "service_request": {}})[1]
    assert faults == [
        "request_changes: debe ser el folio de la solicitud que cambia, en texto",
        "request_service_request: debe ser el folio de la solicitud de servicio, en texto",
        "request_remarks: debe ser una observación, en texto",
    ]


def test_what_does_not_belong_to_it_is_not_passed_over():
    # It was meant for something.
    faults = registered({**REGISTERED, "decision": "accepted", "folio": A, "valid_from": None, "reason": ""})[1]
    assert sorted(faults) == [
        "request_decision: no corresponde a lo que se pide",
        "request_folio: no corresponde a lo que se pide",
    ]


def test_only_what_somebody_can_carry_out_is_registered():
    wrong = {**REGISTERED, "information_type": "database", "repository_type": "software_project"}
    assert set(about(registered(wrong)[1])) == {"repository_type"}
    several = {**wrong, "repository_type": "database", "source": ["escolares", "nomina"]}
    assert about(registered(several)[1]) == ["source"]


# --- Changes and twins ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([request_record(A)], f"{A} está pendiente de aceptación: sólo se cambia una solicitud aceptada"),
        ([request_record(A), decision_record(A, "rejected")], f"{A} está rechazada"),
        ([*accepted(A), cancellation_record(A, "2026-11-20")], f"{A} está cancelada"),
        ([*accepted(A), *accepted(B, amends_folio=A)], f"{A} ya fue cambiada por {B}: cambie ésa"),
        ([], f"«{A}» no es el folio de una solicitud de respaldo"),
    ],
)
def test_only_what_is_accepted_and_unchanged_is_changed(records, words):
    faults = registered({**REGISTERED, "changes": A, "source": "/srv/otro"}, register(*records))[1]
    (fault,) = [each for each in faults if each.startswith("request_changes: ")]
    assert words in fault


def test_a_change_names_what_it_changes():
    record, faults = registered({**REGISTERED, "changes": A}, register(*accepted(A)))
    assert (faults, record["amends_folio"]) == ([], A)
    can_be_recorded(record)


@pytest.mark.parametrize(
    ("records", "is_twin"),
    [
        ([request_record(A)], True),
        (accepted(A), True),
        ([request_record(A), decision_record(A, "rejected")], False),
        ([*accepted(A), cancellation_record(A, "2026-11-20")], False),
        ([request_record(A, servers=["srv-web02"])], False),
        ([request_record(A, servers=["srv-web02", "srv-web01"])], True),
        ([request_record(A, information_type="images_documents")], False),
        ([request_record(A, source="/srv/www/portal, /etc")], False),
        # What it asked for was changed into something else.
        ([*accepted(A), *accepted(B, amends_folio=A, source="/srv/otro")], False),
    ],
)
def test_what_is_asked_for_already_is_not_asked_for_twice(records, is_twin):
    faults = registered(REGISTERED, register(*records))[1]
    assert faults == ([f"request_source: {A} ya lo pide en {', '.join(register(*records)[A].servers)}; para cambiarla "
                       "use request_changes"] if is_twin else [])  # fmt: skip


def test_a_change_is_no_twin_of_what_it_changes_but_of_another():
    requests = register(*accepted(A), *accepted(B, source="/srv/b, /srv/a"))
    assert registered({**REGISTERED, "changes": A}, requests)[1] == []
    faults = registered({**REGISTERED, "changes": A, "source": ["/srv/a", "/srv/b"]}, requests)[1]
    assert about(faults) == ["source"] and B in faults[0]


# --- Decisions --------------------------------------------------------------------------------------------------------


def test_an_accepted_request_holds_from_today_or_from_the_day_that_jaa_says():
    requests = register(request_record(A))
    assert decided(requests, decision="accepted") == (
        [{"record_type": "decision", "about_folio": A, "decision": "accepted", "decision_reason": None,
          "valid_from": "2026-11-22", "valid_until": None}],
        [],
    )  # fmt: skip
    records, faults = decided(
        requests, decision="accepted", valid_from="2026-12-01", valid_until="2026-12-01", reason="de acuerdo"
    )
    assert faults == []
    can_be_recorded(*records)
    assert (records[0]["valid_from"], records[0]["valid_until"], records[0]["decision_reason"]) == (
        "2026-12-01",
        "2026-12-01",
        "de acuerdo",
    )


def test_a_rejection_and_a_cancellation_say_why():
    requests = register(request_record(A))
    for decision in ("rejected", "cancelled"):
        assert about(decided(requests, decision=decision)[1]) == ["reason"]
    records, faults = decided(requests, decision="rejected", reason="fuera del alcance (1.2)")
    assert (faults, records) == (
        [],
        [{"record_type": "decision", "about_folio": A, "decision": "rejected",
          "decision_reason": "fuera del alcance (1.2)"}],
    )  # fmt: skip
    records, faults = decided(requests, decision="cancelled", reason="ya no existe")
    assert (faults, records) == (
        [],
        [{"record_type": "closing", "about_folio": A, "evidence": "cancellation", "cause": "ya no existe",
          "resolved_at": "2026-11-22T12:00:00-06:00"}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until", "named"),
    [
        ("2026-11-21", "", ["valid_from"]),  # It binds nobody backwards.
        ("2026-11-22", "2026-11-21", ["valid_until"]),
        ("", "2026-11-21", ["valid_until"]),
        ("2026-12-01", "2026-11-30", ["valid_until"]),
        ("mañana", "nunca", ["valid_from", "valid_until"]),
        ("2026-02-30", "", ["valid_from"]),
        ("20261201", "", ["valid_from"]),
        # A date in other letters is not the text by which days are compared.
        ("2026-W50-1", "", ["valid_from"]),
        ("2026-W47-7", "2026-W48-1", ["valid_from", "valid_until"]),
        (20261201, None, ["valid_from"]),
        ("2026-11-22", "2026-11-22", []),
    ],
)
def test_when_a_request_holds_must_be_possible(since, until, named):
    faults = decided(register(request_record(A)), decision="accepted", valid_from=since, valid_until=until)[1]
    assert about(faults) == named


@pytest.mark.parametrize(
    ("records", "decision", "words"),
    [
        ([], "accepted", f"«{A}» no es el folio de una solicitud; pendientes: ninguna"),
        ([request_record(B)], "accepted", f"«{A}» no es el folio de una solicitud; pendientes: {B}"),
        (accepted(A), "accepted", f"{A} ya está aceptada, y un registro no se cambia"),
        (accepted(A), "rejected", f"{A} ya está aceptada, y un registro no se cambia"),
        ([request_record(A), decision_record(A, "rejected")], "accepted", f"{A} ya está rechazada"),
        ([request_record(A), decision_record(A, "rejected")], "cancelled", f"{A} ya está rechazada"),
        ([*accepted(A), cancellation_record(A, "2026-11-20")], "accepted", f"{A} ya está cancelada"),
        ([*accepted(A), cancellation_record(A, "2026-11-20")], "cancelled", f"{A} ya está cancelada"),
        ([*accepted(A), *accepted(B, amends_folio=A)], "cancelled", f"{A} ya fue cambiada por {B}: cancele ésa"),
    ],
)
def test_a_record_is_not_changed_by_a_second_decision(records, decision, words):
    (fault,) = decided(register(*records), decision=decision, reason="porque sí")[1]
    assert fault.startswith(f"request_folio: {words}")


@pytest.mark.parametrize("records", [[request_record(A)], accepted(A)])
def test_what_is_pending_or_in_force_can_be_cancelled(records):
    assert decided(register(*records), decision="cancelled", reason="ya no existe")[1] == []


def test_nothing_outside_the_group_is_accepted():
    requests = register(request_record(A, servers=["srv-web01", "srv-lab"]))
    (fault,) = decided(requests, decision="accepted")[1]
    assert fault == ("request_decision: no puede aceptarse: srv-lab no pertenece al grupo dse_servers (alcance, 1.2)")
    assert decided(requests, decision="rejected", reason="fuera del alcance")[1] == []


def test_a_change_is_accepted_only_of_what_still_holds():
    requests = register(*accepted(A), request_record(B, amends_folio=A), *accepted(C, amends_folio=A))
    (fault,) = decided(requests, folio=B, decision="accepted")[1]
    assert fault == f"request_folio: {A}, a la que cambia, ya fue cambiada por {C}"
    requests = register(*accepted(A), request_record(B, amends_folio=A), cancellation_record(A, "2026-11-20"))
    (fault,) = decided(requests, folio=B, decision="accepted")[1]
    assert fault == f"request_folio: {A}, a la que cambia, está cancelada"


@pytest.mark.parametrize(("since", "named"), [("", ["valid_from"]), ("2026-12-09", ["valid_from"]), ("2026-12-10", [])])
def test_a_change_does_not_begin_before_what_it_changes(since, named):
    # Two versions would be in force at once, and each day expected twice.
    requests = register(*accepted(A), *accepted(B, "2026-12-10", amends_folio=A), request_record(C, amends_folio=B))
    assert about(decided(requests, folio=C, decision="accepted", valid_from=since)[1]) == named


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"folio": None},
        {"folio": 7, "decision": 7},
        {"decision": "quizá"},
        {"folio": ["x"], "decision": ["accepted"]},
    ],
)
def test_a_decision_says_on_what_and_which(answers):
    records, faults = decided(register(request_record(A)), **answers)
    assert records == []
    wrong = {"decision"} if answers.get("folio", A) == A else {"folio", "decision"}
    assert set(about(faults)) == wrong


def test_answers_of_another_question_are_not_passed_over():
    faults = decided(register(request_record(A)), decision="accepted", servers=["srv-web01"], take_over=True)[1]
    assert sorted(about(faults)) == ["servers", "take_over"]


# --- A service --------------------------------------------------------------------------------------------------------


def test_a_service_is_recorded_as_it_was_answered():
    record, faults = service(SERVICE)
    assert faults == []
    can_be_recorded(record)
    assert (record["received_at"], record["assigned_to"]) == ("2026-11-22T08:50:00-06:00", "JAA")
    assert service({**SERVICE, "received_at": ""})[0]["received_at"] == "2026-11-22T12:00:00-06:00"
    assert service({**SERVICE, "received_at": "2026-11-22T14:00:00+00:00"})[0]["received_at"] == (
        "2026-11-22T14:00:00+00:00"
    )


WRONG_SERVICE = {
    "service_type": [*NOT_TEXT, "Respaldo nuevo"],
    "channel": [*NOT_TEXT, "fax"],
    "area": NOT_TEXT,
    "contact": [*NOT_TEXT, "portal"],
    "description": NOT_TEXT,
    "priority": [*NOT_TEXT, "urgente"],
    "received_at": [7, ["x"], "ayer", "2026-13-01T00:00", "  "],
    "remarks": [7, ["x"], "  "],
    "no_such": ["x"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG_SERVICE for value in WRONG_SERVICE[name]])
def test_each_wrong_answer_about_a_service_is_named(name, value):
    assert about(service({**SERVICE, name: value})[1]) == [name]
