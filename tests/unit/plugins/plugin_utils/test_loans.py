# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import loan_request
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_reading import Reading
from ansible_collections.dse.backup.plugins.plugin_utils.loans import (
    CSC,
    JAA,
    MEDIA,
    STEPS,
    TRANSFER,
    Loan,
    Said,
    Wanted,
    objection,
    requested,
    step,
)
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import LoanTerms, load
from ansible_collections.dse.backup.tests.unit.factories import backup_record, delivery_record, index_of, loan_record
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

ZONE = ZoneInfo("America/Mexico_City")
MONDAY = datetime(2026, 11, 23, 9, 20, tzinfo=ZONE)
TERMS = LoanTerms(return_within_days=7, answer_within_working_days=1)
FOLIO = "CSC-03-2026-0001"
SHA = "cd" * 32


def files(server="srv-web01", sha256=SHA):
    return [{"folio": "DSE-02-2026-0047", "item_id": "portal-src", "server": server, "file": "ab" * 32,
             "csc_file": "ef" * 32, "sha256": sha256, "delivery_folio": "CSC-02-2026-0046"}]  # fmt: skip


def wanted(media_id=""):
    return Wanted("srv-web01", MEDIA if media_id else TRANSFER, media_id, "CSC-02-2026-0046", files())


def ask(procedure, media_id="", role=JAA, **more):
    said = Said(role, MONDAY, by={"run_id": "R1"})
    return requested(wanted(media_id), said, failure_folio="DSE-05-2026-0015", procedure=procedure, **more)


def come_to(*steps, media_id=""):
    """A loan to which all of these happened, each by whose it is."""
    loan = Loan.of(loan_record(FOLIO, media_id=media_id))
    for name in steps:
        records, faults = take(loan, name)
        assert faults == []
        for record in records:
            loan.add(record)
    return loan


def take(loan, name, *, role=None, now=MONDAY, others=(), **answers):
    said = {"reason": "porque sí", **({"check_result": "conforming"} if name == "check" else {}), **answers}
    role = role or (STEPS[name].role if name in STEPS else JAA)
    return step(loan, name, Said(role, now, **said), terms=TERMS, others=others)


AUTHORISED = ("authorise",)
LENT = (*AUTHORISED, "lend")
CHECKED = (*LENT, "check")
RETURNED = (*CHECKED, "return")


# --- The request ------------------------------------------------------------------------------------------------------


def test_a_request_is_a_line_of_its_form(procedure):
    (record,), faults = ask(procedure, media_id="CSC-HD-11")
    assert faults == [] and procedure.check_record(record) == []
    assert record["media_id"] == "CSC-HD-11" and "follow_ups" not in record
    assert (record["requested_at"], record["run_id"]) == ("2026-11-23T09:20:00-06:00", "R1")
    assert record["related_folios"] == ["DSE-02-2026-0047"]
    # What later records say is refused in the line itself: it would never change again.
    assert procedure.check_record({**record, "lent_at": "2026-11-23T10:00:00-06:00"}) != []


@pytest.mark.parametrize("role", ["CSC", "CGDW", "DAU"])
def test_only_jaa_asks(procedure, role):
    assert ask(procedure, role=role)[1] == [f"loan_as: solicitar un préstamo corresponde a JAA, no a {role}"]


def test_csc_s_standing_authorisation_is_for_its_repository_alone(procedure):
    """Breaks: a medium leaves CSC because a sentence in the inventory says so."""
    (record,), faults = ask(procedure, standing="Oficio CSC/014/2026")
    loan = Loan.of({**record, "folio": FOLIO})
    for follow_up in record["follow_ups"]:
        assert procedure.check_record(follow_up) == []
        assert follow_up["remarks"] == "autorización permanente de CSC: Oficio CSC/014/2026"
        loan.add(follow_up)
    assert (faults, loan.state, loan.authorized_by, loan.due_back_on) == ([], "lent", "CSC", "2026-11-30")
    assert loan.is_granted
    assert "follow_ups" not in ask(procedure, media_id="CSC-HD-11", standing="Oficio")[0][0]


@pytest.mark.parametrize(("steps", "is_out"), [((), False), (AUTHORISED, False), (LENT, True), (RETURNED, True),
                                               ((*RETURNED, "receive_back"), False)])  # fmt: skip
def test_a_medium_that_is_out_cannot_be_asked_for(procedure, steps, is_out):
    out = come_to(*steps, media_id="CSC-HD-11")
    assert out.is_out == is_out
    _records, faults = ask(procedure, media_id="CSC-HD-11", others=[out])
    assert len(faults) == is_out and all(FOLIO in each and "no se presta dos veces" in each for each in faults)
    assert ask(procedure, media_id="CSC-HD-12", others=[out])[1] == []


def test_of_csc_s_repository_several_loans_go_on_at_once(procedure):
    assert ask(procedure, others=[come_to(*LENT)])[1] == []
    assert not come_to(*LENT).is_out, "nothing leaves CSC"


# --- Its steps --------------------------------------------------------------------------------------------------------


def test_every_step_of_a_whole_loan_and_what_its_form_says_then():
    loan = come_to(media_id="CSC-HD-11")
    for number, name in enumerate(("authorise", "lend", "check", "return", "receive_back")):
        assert loan.next_steps[0] == name and loan.turn == STEPS[name].role
        answers = {"check_sha256": SHA} if name == "check" else {}
        (record,), faults = take(loan, name, now=MONDAY + timedelta(days=number), **answers)
        assert (faults, record["about_folio"], record["loan_step"]) == ([], FOLIO, STEPS[name].state)
        loan.add(record)
    assert loan.later_fields == {
        "authorized_by": "CSC",
        "lent_at": "2026-11-24T09:20:00-06:00",
        "due_back_on": "2026-12-01",
        "check_on_receipt": "conforming",
        "check_on_receipt_sha256": SHA,
        "returned_at": "2026-11-26T09:20:00-06:00",
        "returned_by": "JAA",
        "received_back_by": "CSC",
    }
    assert (loan.is_open, loan.next_steps, loan.turn) == (False, [], "")


@pytest.mark.parametrize("steps", [(), AUTHORISED, LENT, CHECKED, RETURNED, (*RETURNED, "receive_back"), ("reject",),
                                   ("cancel",), (*AUTHORISED, "cancel")])  # fmt: skip
@pytest.mark.parametrize("media_id", ["", "CSC-HD-11"])
@pytest.mark.parametrize("name", [*STEPS, "prestar", ""])
def test_what_cannot_follow_says_where_the_loan_is_and_whose_turn_it_is(steps, media_id, name):
    loan = come_to(*steps, media_id=media_id)
    records, faults = take(loan, name)
    if loan.allows(name):
        assert (len(records), faults) == (1, [])
        return
    (fault,) = faults
    assert records == []
    assert FOLIO in fault or name == "prestar"
    assert loan.spoken_state in fault or name not in STEPS
    for each in loan.next_steps:
        assert f"{STEPS[each].act} ({STEPS[each].role}, loan_step={each})" in fault
    assert loan.is_open or "ya no le sigue ningún paso" in fault


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("role", ["JAA", "CSC", "CGDW", "DAU"])
def test_who_may_take_which_step(name, role):
    before = {"authorise": (), "reject": (), "cancel": (), "lend": AUTHORISED, "check": LENT, "return": CHECKED,
              "receive_back": RETURNED}  # fmt: skip
    whose = {"authorise": CSC, "reject": CSC, "lend": CSC, "receive_back": CSC, "check": JAA, "return": JAA,
             "cancel": JAA}  # fmt: skip
    records, faults = take(come_to(*before[name]), name, role=role)
    assert bool(records) == (role == whose[name]) == (not faults)
    assert all(f"corresponde a {whose[name]}, no a {role}" in each for each in faults)


@pytest.mark.parametrize(
    ("days", "said", "fault"),
    [
        (0, "", ""),
        (0, "2026-11-23", ""),
        (0, "2026-11-22", "22/11/2026 ya pasó"),
        (0, "2027-11-23", ""),
        (0, "2027-11-24", "dentro de más de un año"),
        (0, "23/11/2026", "no es una fecha"),
        (0, "20261130", "no es una fecha"),
        (1, "2026-11-23", "ya pasó"),
    ],
)
def test_csc_says_when_it_wants_it_back(days, said, fault):
    loan = come_to(*AUTHORISED)
    records, faults = take(loan, "lend", now=MONDAY + timedelta(days=days), due_back_on=said)
    assert [fault in each for each in faults] == ([True] if fault else [])
    if records:
        assert records[0]["due_back_on"] == (said or "2026-11-30")


def test_what_belongs_to_one_step_is_no_answer_to_another():
    assert "loan_due_back_on" in take(come_to(), "authorise", due_back_on="2026-11-30")[1][0]
    assert "sólo al verificar" in take(come_to(), "authorise", check_result="conforming")[1][0]
    for name in ("reject", "cancel"):
        assert take(come_to(), name, reason="")[1] == [f"loan_reason: falta el motivo para {STEPS[name].act}"]


def test_what_was_received_is_what_was_delivered_or_it_does_not_conform():
    """Breaks: a copy that is not CSC's own is restored from."""
    loan = come_to(*LENT, media_id="CSC-HD-11")
    assert "no es la huella de nada" in take(loan, "check", check_sha256="0" * 64)[1][0]
    assert "no es una huella" in take(loan, "check", check_sha256="xyz")[1][0]
    assert "falta el resultado" in take(loan, "check", check_result="")[1][0]
    assert "«sí» debe ser" in take(loan, "check", check_result="sí")[1][0]
    assert "loan_reason" in take(loan, "check", check_result="nonconforming", reason="")[1][0]
    (record,), faults = take(loan, "check", check_result="nonconforming", check_sha256="0" * 64)
    loan.add(record)
    assert (faults, loan.is_granted, loan.next_steps) == ([], False, ["return"])
    assert "NO CONFORME" in loan.spoken_state


def test_from_which_loans_a_restore_may_go_on():
    granted = {
        "": [AUTHORISED, LENT, CHECKED],
        "CSC-HD-11": [LENT, CHECKED],
    }
    for media_id, those in granted.items():
        for steps in ((), AUTHORISED, LENT, CHECKED, RETURNED, (*RETURNED, "receive_back"), ("reject",)):
            assert come_to(*steps, media_id=media_id).is_granted == (steps in those), (media_id, steps)


def test_who_reads_csc_s_copy_has_proved_that_it_is_open():
    loan = come_to("authorise", "check")
    assert (loan.state, loan.lent_at, loan.due_back_on) == ("checked", "2026-11-23T09:20:00-06:00", "2026-11-30")
    assert not come_to("authorise", media_id="CSC-HD-11").allows("check")


def test_an_access_that_was_never_used_goes_back_unchecked_and_a_medium_does_not():
    assert come_to(*LENT).allows("return")
    assert not come_to(*LENT, media_id="CSC-HD-11").allows("return")


def test_when_a_loan_is_overdue():
    due = date(2026, 11, 30)
    for steps, can_be in (((), False), (AUTHORISED, False), (LENT, True), (CHECKED, True), (RETURNED, False)):
        loan = come_to(*steps)
        assert not loan.is_overdue(due)
        assert loan.is_overdue(due + timedelta(days=1)) == can_be


@pytest.mark.parametrize(
    ("since", "due"),
    [("2026-11-23", "2026-11-24"), ("2026-11-27", "2026-11-30"), ("2026-11-28", "2026-11-30")],
)
def test_csc_has_a_working_day_to_answer(since, due):
    loan = Loan.of(loan_record(FOLIO, requested_at=f"{since}T09:20:00-06:00"))
    assert loan.answer_due(TERMS) == date.fromisoformat(due)
    assert come_to(*LENT).answer_due(TERMS) is None, "it is JAA's turn"
    assert come_to(*RETURNED).answer_due(TERMS) == date(2026, 11, 24)


def test_a_record_that_cannot_follow_changes_nothing():
    loan = come_to(*LENT)
    before = loan.as_dict()
    for state in ("authorised", "rejected", "received_back", "cancelled", "lent", "nonsense"):
        loan.add({"record_type": "closing", "loan_step": state, "loan_step_at": "2026-12-01T09:00:00-06:00"})
    assert loan.as_dict() == before
    assert Loan(**before) == loan


def test_the_recovery_that_used_it_is_named():
    loan = come_to(*LENT)
    loan.add({"record_type": "recovery", "folio": "DSE-05-2026-0014"})
    loan.add({"record_type": "recovery", "folio": "DSE-05-2026-0020"})
    assert loan.later_fields["restore_folio"] == "DSE-05-2026-0014"


@pytest.mark.parametrize("states", [LENT, CHECKED, RETURNED])
def test_no_medium_is_lent_while_another_loan_has_it(states):
    """Breaks: two people drive to CSC for the same disk."""
    other = come_to(*states, media_id="CSC-HD-11")
    other.folio = "CSC-03-2026-0002"
    loan = come_to(*AUTHORISED, media_id="CSC-HD-11")
    records, (fault,) = take(loan, "lend", others=[loan, other])
    assert records == [] and f"lo tiene el préstamo {other.folio}, que está {other.spoken_state}" in fault
    assert STEPS[other.next_steps[0]].act in fault
    assert take(loan, "lend", others=[loan, come_to(*states, media_id="CSC-HD-12"), come_to(*states)])[1] == []


# --- Two people at once -----------------------------------------------------------------------------------------------


def test_what_was_read_before_somebody_else_acted_is_not_written():
    """Breaks: two people take the same step, or lend the same medium, in the same second."""
    one = come_to(*AUTHORISED, media_id="CSC-HD-11")
    other = Loan.of(loan_record("CSC-03-2026-0002", media_id="CSC-HD-11"))
    other.add(take(other, "authorise")[0][0])
    (lent,), _faults = take(one, "lend")
    (lent_too,), _faults = take(other, "lend")
    assert objection([lent], [one, other]) == ""
    assert "no se presta dos veces" in objection([lent, lent_too], [come_to(*AUTHORISED, media_id="CSC-HD-11"), other])
    once = come_to(*LENT, media_id="CSC-HD-11")
    assert objection([lent], [once]).startswith(f"loan_step: {FOLIO} está prestado: no se puede prestar; sigue")
    assert "no se presta dos veces" in objection([loan_record("", media_id="CSC-HD-11")], [once])
    assert objection([loan_record("")], [once]) == ""
    assert "no es el folio de un préstamo" in objection([{**lent, "about_folio": "CSC-03-2026-0009"}], [one])


# --- Where CSC has it -------------------------------------------------------------------------------------------------


@pytest.fixture
def deliveries(tmp_path):
    """Backups of two servers: some at CSC's repository, some on a medium, one nowhere."""
    made = [
        ("DSE-02-2026-0001", "portal-src", "srv-web01", "2026-11-02"),
        ("DSE-02-2026-0002", "portal-src", "srv-web01", "2026-11-09"),
        ("DSE-02-2026-0003", "foro-src", "srv-web02", "2026-11-09"),
        ("DSE-02-2026-0004", "wiki-src", "srv-web02", "2026-11-09"),
        ("DSE-02-2026-0005", "portal-src", "srv-web01", "2026-11-16"),
        ("DSE-02-2026-0006", "nuevo-src", "srv-web01", "2026-11-16"),
    ]
    media = {"delivery_method": "media", "media_id": "CSC-HD-11"}
    return index_of(
        tmp_path,
        [
            *(
                backup_record("source_code", day, folio=folio, item_id=item, server=server)
                for folio, item, server, day in made
            ),
            delivery_record("CSC-02-2026-0001", "DSE-02-2026-0001"),
            delivery_record("CSC-02-2026-0002", "DSE-02-2026-0002", delivered_at="2026-11-24T09:00:00-06:00"),
            delivery_record("CSC-02-2026-0003", "DSE-02-2026-0003", item_id="foro-src", server="srv-web02", **media),
            delivery_record("CSC-02-2026-0004", "DSE-02-2026-0004", item_id="wiki-src", server="srv-web02"),
            delivery_record("CSC-02-2026-0005", "DSE-02-2026-0005", **media),
        ],
    )


def test_what_is_asked_for_becomes_a_loan_of_each_place(deliveries):
    """Breaks: one loan is of two disks, or two of the same one."""
    asked = "DSE-02-2026-0001, DSE-02-2026-0002, foro-src, wiki-src, portal-src"
    backups, faults = loan_request.chosen(asked, deliveries)
    assert faults == []
    assert [each.folio[-1] for each in backups] == ["1", "2", "3", "4", "5"]
    found = loan_request.wanted(backups, deliveries)
    assert [(each.server, each.delivery_method, each.media_id, each.delivery_folio[-1]) for each in found] == [
        ("srv-web01", "transfer", "", "2"),
        ("srv-web02, srv-web01", "media", "CSC-HD-11", "3"),
        ("srv-web02", "transfer", "", "4"),
    ]
    assert [each["delivery_folio"][-1] for each in found[0].files] == ["1", "2"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("DSE-02-2026-0006", "DSE-02-2026-0006 (nuevo-src) no está con CSC"),
        ("nuevo-src", "CSC no tiene ningún respaldo conforme de «nuevo-src»"),
        ("foro-scr", "¿quiso decir «foro-src»?"),
        (["portal-src", 7], "«7» no es el folio"),
        ({"a": 1}, "debe ser una lista"),
        (" , ", "falta qué se pide"),
    ],
)
def test_what_csc_does_not_hold_is_named(deliveries, asked, words):
    _backups, faults = loan_request.chosen(asked, deliveries)
    assert len(faults) == 1 and words in faults[0] and faults[0].startswith("loan_request: ")


# --- Any loans, any steps, any days, anybody --------------------------------------------------------------------------

# What may follow what, whose it is, and what comes of it: said once more, without the product's own table.
LEGAL = {
    ("requested", "authorise"): (CSC, "authorised"),
    ("requested", "reject"): (CSC, "rejected"),
    ("requested", "cancel"): (JAA, "cancelled"),
    ("authorised", "cancel"): (JAA, "cancelled"),
    ("authorised", "lend"): (CSC, "lent"),
    ("lent", "check"): (JAA, "checked"),
    ("checked", "return"): (JAA, "returned"),
    ("returned", "receive_back"): (CSC, "received_back"),
}
ELECTRONIC = {("authorised", "check"): (JAA, "checked"), ("lent", "return"): (JAA, "returned")}
WHOSE = {name: role for (_state, name), (role, _next) in LEGAL.items()}
STATUSES = {"requested": "abierto", "authorised": "abierto", "rejected": "rechazado", "cancelled": "cancelado",
            "received_back": "cerrado"}  # fmt: skip
PLACES = st.sampled_from(["", "CSC-HD-11", "CSC-HD-12"])


class Loans(RuleBasedStateMachine):
    """Several loans of two media and of CSC's repository; ``model`` is what each should have come to."""

    @initialize()
    def begin(self):
        self.procedure = load()
        self.now = MONDAY
        self.lines, self.model = [], {}

    def loans(self):
        """The fold of the records, by folio."""
        found = {}
        for record in self.lines:
            if record["record_type"] == "loan":
                found[record["folio"]] = Loan.of(record)
            else:
                found[record["about_folio"]].add(record)
        return found

    def write(self, record, **more):
        self.lines.append({**record, **more, "recorded_at": self.now.isoformat(timespec="milliseconds")})

    @rule(days=st.integers(0, 40), hours=st.integers(0, 23))
    def time_passes(self, days, hours):
        self.now += timedelta(days=days, hours=hours)

    @rule(media_id=PLACES, role=st.sampled_from([JAA, JAA, JAA, CSC, "CGDW"]), standing=st.sampled_from(["", "Oficio"]))
    def request(self, media_id, role, standing):
        others = self.loans().values()
        (record,), faults = requested(
            wanted(media_id), Said(role, self.now), failure_folio="DSE-05-2026-0015", procedure=self.procedure,
            standing=standing, others=others,
        )  # fmt: skip
        is_out = any(each["media_id"] == media_id != "" and each["out"] for each in self.model.values())
        assert bool(faults) == (role != JAA or is_out)
        assert bool(objection([record], others)) == is_out
        if faults:
            return
        folio = f"CSC-03-2026-{len(self.model) + 1:04d}"
        follow_ups = record.pop("follow_ups", [])
        self.write(record, folio=folio)
        for each in follow_ups:
            self.write(each, about_folio=folio)
        at_once = standing and not media_id
        due = self.now.date() + timedelta(days=7)
        self.model[folio] = {"media_id": media_id, "state": "lent" if at_once else "requested", "out": False,
                             "due": due if at_once else None, "result": ""}  # fmt: skip

    @rule(
        which=st.integers(0, 9),
        name=st.sampled_from([*STEPS, "prestar"]),
        role=st.sampled_from([None, None, None, JAA, CSC, "CGDW", ""]),
        reason=st.sampled_from(["porque sí", "porque sí", ""]),
        due=st.sampled_from([None, None, None, -400, -1, 0, 1, 30, 365, 366, 4000]),
        result=st.sampled_from(["conforming", "nonconforming", "", "?"]),
        is_answered=st.booleans(),
    )
    def any_step_is_tried(self, which, name, role, reason, due, result, is_answered):
        if self.model:
            role = WHOSE.get(name, JAA) if role is None else role
            self.attempt(which, name, role, reason, due, result, is_answered)

    def attempt(self, which, name, role, reason, due, result, is_answered):
        folio = sorted(self.model)[which % len(self.model)]
        it, loans = self.model[folio], self.loans()
        day = "" if due is None else (self.now.date() + timedelta(days=due)).isoformat()
        answers = {"due_back_on": day if name == "lend" or is_answered else "",
                   "check_result": result if name == "check" or is_answered else ""}  # fmt: skip
        said = Said(role, self.now, reason=reason, **answers)
        records, faults = step(loans[folio], name, said, terms=TERMS, others=loans.values())
        legal = {**LEGAL, **({} if it["media_id"] else ELECTRONIC)}.get((it["state"], name))
        is_right = (
            legal is not None
            and role == legal[0]
            and (name not in ("reject", "cancel") or reason != "")
            and (not answers["due_back_on"] or (name == "lend" and 0 <= due <= 365))
            and (result in ("conforming", "nonconforming") if name == "check" else not answers["check_result"])
            and (name != "check" or result == "conforming" or reason != "")
            and not (name == "lend" and it["media_id"] and self.is_out(it["media_id"]))
        )
        assert (len(records), not faults) == (is_right, is_right), (it, name, role, faults)
        if not is_right:
            return
        assert objection(records, loans.values()) == ""
        if legal[1] == "lent" or (name == "check" and it["state"] == "authorised"):
            said_due = answers["due_back_on"]
            it["due"] = date.fromisoformat(said_due) if said_due else self.now.date() + timedelta(days=7)
        it["state"] = legal[1]
        it["out"] = it["media_id"] != "" and legal[1] in ("lent", "checked", "returned")
        it["result"] = result if name == "check" else it["result"]
        self.write(records[0])
        # Said once more, by whoever had read it before, it is refused.
        assert objection(records, self.loans().values()) != ""

    @rule(
        which=st.integers(0, 9),
        choice=st.integers(0, 9),
        result=st.sampled_from(["conforming", "nonconforming"]),
        due=st.sampled_from([None, 0, 30, 365]),
    )
    def a_right_step_is_taken(self, which, choice, result, due):
        """So that loans come far: of what may follow, by whose it is."""
        if self.model:
            it = self.model[sorted(self.model)[which % len(self.model)]]
            table = {**LEGAL, **({} if it["media_id"] else ELECTRONIC)}
            right = [(name, role) for (state, name), (role, _state) in table.items() if state == it["state"]]
            # Refusing ends a loan at once: less often.
            right = [each for each in right if each[0] not in ("reject", "cancel") or choice == 0]
            if right:
                name, role = right[choice % len(right)]
                self.attempt(which, name, role, "porque sí", due, result, False)

    def is_out(self, media_id):
        return any(each["media_id"] == media_id and each["out"] for each in self.model.values())

    @invariant()
    def every_loan_is_what_it_came_to(self):
        today, loans = self.now.date(), self.loans()
        assert set(loans) == set(self.model)
        for folio, it in self.model.items():
            loan = loans[folio]
            assert (loan.state, loan.is_out, loan.check_on_receipt) == (it["state"], it["out"], it["result"])
            assert loan.due_back_on == (it["due"].isoformat() if it["due"] else "")
            is_with_jaa = it["state"] in ("lent", "checked")
            assert loan.is_overdue(today) == (is_with_jaa and it["due"] < today)
            assert not it["due"] or date.fromisoformat(loan.lent_at[:10]) <= it["due"]
            assert loan.is_granted <= (it["state"] in ("authorised", "lent", "checked") and loan.authorized_by == CSC)
            assert not (loan.is_granted and it["result"] == "nonconforming")

    @invariant()
    def no_medium_is_out_twice(self):
        out = [each.media_id for each in self.loans().values() if each.is_out]
        assert len(out) == len(set(out)) and "" not in out

    def teardown(self):
        reading = Reading(self.procedure)
        for position, record in enumerate(self.lines):
            reading.add(position, {**record, "form_code": record.get("form_code")})
        folded = self.loans()
        for position, record in enumerate(self.lines):
            if record["record_type"] == "loan":
                loan, found = folded[record["folio"]], reading.standing(position, record, self.now.date())
                assert found.status == STATUSES.get(loan.state, "prestado")
                assert (found.closed_on is None) == loan.is_open == (found.retention_until is None)
                assert found.later == loan.later_fields
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, index_of(directory, self.lines) as index:
            kept = {each.folio: {**each.as_dict(), "record_sha256": ""} for each in index.loans()}
            assert kept == {folio: each.as_dict() for folio, each in folded.items()}
            assert {each.folio for each in index.loans(is_open=True)} == {
                folio for folio, each in folded.items() if each.is_open
            }


TestLoans = Loans.TestCase
TestLoans.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
