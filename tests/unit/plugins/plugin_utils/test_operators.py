# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pwd

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import operators
from ansible_collections.dse.backup.plugins.plugin_utils.operators import operator, role_of
from hypothesis import given
from hypothesis import strategies as st

ROLES = ("JAA", "CGDW", "CSC", "DAU")
FORGED = "JAA\x1b[2J"


def act(declared="", mapping=None, allowed=("JAA",), user="marta"):
    return role_of(
        declared,
        user=user,
        mapping={} if mapping is None else mapping,
        roles=ROLES,
        default="JAA",
        allowed=allowed,
        act="cerrar una falla",
    )


@pytest.mark.parametrize(
    ("declared", "mapping", "allowed", "role"),
    [
        ("", {}, ("JAA",), "JAA"),
        ("CGDW", {}, ("JAA", "CGDW"), "CGDW"),
        ("", {"marta": "CGDW"}, ("CGDW",), "CGDW"),
        ("", {"marta": ["CSC", "JAA"]}, ("CSC",), "CSC"),  # The first is what she is unless she says otherwise.
        ("JAA", {"marta": ["CSC", "JAA"]}, ("JAA",), "JAA"),
        ("JAA", {"marta": ("CSC", "JAA")}, ("JAA",), "JAA"),
    ],
)
def test_in_which_role_somebody_acts(declared, mapping, allowed, role):
    assert act(declared, mapping, allowed) == (role, [])


@pytest.mark.parametrize(
    ("declared", "mapping", "allowed", "fault"),
    [
        ("CGDW", {}, ("JAA",), "operator_role: cerrar una falla corresponde a JAA, no a CGDW"),
        ("DAU", {}, ("JAA", "CGDW"), "operator_role: cerrar una falla corresponde a JAA o CGDW, no a DAU"),
        ("jaa", {}, ("JAA",), "operator_role: «jaa» no es un puesto del procedimiento (JAA, CGDW, CSC, DAU)"),
        (FORGED, {}, ("JAA",), r"operator_role: «JAA\x1b[2J» no es un puesto"),
        ("JAA", {"marta": "CGDW"}, ("JAA",), "operator_roles del inventario, marta es CGDW; no puede actuar como JAA"),
        (
            "",
            {"root": "JAA"},
            ("JAA",),
            "operator_roles del inventario, marta no está en ella; no puede actuar como JAA",
        ),
        ("", {"marta": []}, ("JAA",), "marta no está en ella"),
        ("", {"marta": None}, ("JAA",), "marta no está en ella"),
        ("", {"marta": "Rector"}, ("JAA",), "operator_roles: marta: «Rector» no es un puesto (JAA, CGDW, CSC, DAU)"),
        ("JAA", {"marta": ["JAA", FORGED]}, ("JAA",), r"operator_roles: marta: «JAA\x1b[2J» no es un puesto"),
        ("JAA", {"marta": 7}, ("JAA",), "operator_roles: marta: «7» no es un puesto"),
        ("JAA", {"marta": True}, ("JAA",), "operator_roles: marta: «True» no es un puesto"),
        ("JAA", {"marta": [["JAA"]]}, ("JAA",), "no es un puesto"),
        ("JAA", {"marta": {"JAA": True}}, ("JAA",), "no es un puesto"),
        ("JAA", "JAA", ("JAA",), "operator_roles: debe decir, por usuario, su puesto"),
        ("JAA", ["marta"], ("JAA",), "operator_roles: debe decir, por usuario, su puesto"),
    ],
)
def test_why_somebody_may_not_do_it(declared, mapping, allowed, fault):
    (told,) = act(declared, mapping, allowed)[1]
    assert fault in told


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*ROLES, "", "jaa"]) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["marta", "root"]), inner, max_size=2),
    max_leaves=5,
)


@given(
    declared=st.sampled_from(["", *ROLES]) | st.text(max_size=5),
    mapping=ANY,
    allowed=st.lists(st.sampled_from(ROLES), min_size=1, unique=True),
)
def test_whatever_the_inventory_says_nobody_acts_in_a_role_that_is_not_his(declared, mapping, allowed):
    role, faults = act(declared, mapping, allowed)
    assert len(faults) <= 1
    if faults:
        return
    assert role in allowed
    assert declared in ("", role)
    if mapping:
        own = mapping["marta"]
        assert role in (own if isinstance(own, (list, tuple)) else [own])
    # The other way about: who is declared to be one and may do it is not held off.
    assert act(role, {"marta": role}, allowed) == (role, [])


@pytest.fixture
def awx_job(monkeypatch):
    monkeypatch.setenv("AWX_HOST", "https://awx.example")
    monkeypatch.setenv("JOB_ID", "7")


@pytest.fixture(autouse=True)
def nobody_in_particular(monkeypatch):
    """Root, in an environment that says nothing of who became it."""
    for name in ("AWX_HOST", "JOB_ID", "SUDO_USER", "awx_user_name"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(operators.os, "getuid", lambda: 0)


@pytest.mark.parametrize("variable", ["awx_user_name", "tower_user_name"])
def test_in_a_job_of_awx_the_user_is_awx_s(awx_job, monkeypatch, variable):
    monkeypatch.setenv("SUDO_USER", "carlos")
    assert operator({variable: "marta\x1b[2J"}) == (r"marta\x1b[2J", r"marta\x1b[2J (AWX; sistema: root)")
    assert operator({}).name == "carlos"


def test_what_a_schedule_of_awx_started_says_which(awx_job, monkeypatch):
    """Breaks: of what nobody started the record says no more than the container's user."""
    assert operator({"awx_schedule_name": "Cada noche\n"}) == (*("root", r"root (AWX, programación «Cada noche\n»)"),)
    monkeypatch.delenv("JOB_ID")
    assert operator({"awx_schedule_name": "Cada noche"}) == ("root", "root")


@pytest.mark.parametrize("half", ["AWX_HOST", "JOB_ID"])
def test_outside_of_awx_nobody_is_who_he_says_to_be(awx_job, monkeypatch, half):
    # -e awx_user_name=jefe, or the same in the environment.
    monkeypatch.delenv(half)
    monkeypatch.setenv("awx_user_name", "jefe")
    assert operator({"awx_user_name": "jefe", "tower_user_name": "jefe"}) == ("root", "root")


def test_of_root_the_user_is_who_became_root(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "carlos")
    assert operator({}) == ("carlos", "carlos (sudo; sistema: root)")
    # Anybody may set a variable.
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(operators.os, "getuid", lambda: nobody.pw_uid)
    assert operator({}) == ("nobody", "nobody")


def test_a_user_without_a_name_is_a_number(monkeypatch):
    # A container may run as anybody.
    monkeypatch.setattr(operators.os, "getuid", lambda: 4_000_000_000)
    assert operator({}).recorded == "4000000000"
