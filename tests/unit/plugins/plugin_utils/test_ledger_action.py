# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import date, datetime, timezone
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_action import LedgerAction

SPEC = {
    "force": {"type": "bool", "default": False},
    "count": {"type": "int", "default": 7},
    "items": {"type": "list", "elements": "str", "default": []},
    "corrections": {"type": "dict", "default": {}},
    "kind": {"type": "str", "choices": ["", "database", "source_code"], "default": ""},
    "engines": {"type": "list", "elements": "str", "choices": ["postgresql", "mariadb"], "default": []},
    "operator_role": {"type": "str", "default": ""},
}


def action(**given):
    """An action of the job «backup» whose task has these options."""
    made = object.__new__(type("Asked", (LedgerAction,), {"job": "backup"}))
    made._task = SimpleNamespace(args=given)
    return made


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"force": "quizas"}, "backup_force: «quizas» debe ser true o false"),
        ({"count": "dosmil"}, "backup_count: «dosmil» debe ser un número entero"),
        ({"count": "²⁰²⁶"}, "backup_count: «²⁰²⁶» debe ser un número entero"),
        ({"count": "1\x1b[2J"}, r"backup_count: «1\x1b[2J» debe ser un número entero"),
        ({"items": {"a": 1}}, "backup_items: «{'a': 1}» debe ser una lista"),
        ({"corrections": "x"}, "backup_corrections: «x» debe ser un diccionario"),
        (
            {"kind": "databse"},
            "backup_kind: «databse» debe ser uno de: database, source_code; ¿quiso decir «database»?",
        ),
        ({"engines": ["mariadb", "oracle"]}, "backup_engines: «oracle» debe ser uno de: postgresql, mariadb"),
    ],
)
def test_what_somebody_typed_wrongly_is_told_by_its_own_name(given, fault):
    options, faults = action(**given).answers(**SPEC)
    assert faults == [fault]
    # The default stands for it, while the other faults are looked for.
    assert options == {name: spec["default"] for name, spec in SPEC.items()}


def test_all_of_it_at_once():
    with pytest.raises(AnsibleActionFail, match=r"(?s)backup_force.*backup_count.*backup_kind"):
        action(force="quizas", count="dosmil", kind="x").options(**SPEC)


def test_what_a_survey_was_left_without_was_not_said():
    """Breaks: a question of AWX's that is left empty is an answer, and stops the job or selects nothing."""
    assert action(**dict.fromkeys(SPEC, "")).options(**SPEC) == {name: spec["default"] for name, spec in SPEC.items()}
    assert action(**dict.fromkeys(SPEC)).options(**SPEC) == {name: spec["default"] for name, spec in SPEC.items()}
    assert action(items=" actas, portal-media ,").options(**SPEC)["items"] == ["actas", "portal-media"]
    dates = {"day": date(2026, 11, 26), "moment": datetime(2026, 11, 26, 8, 50, tzinfo=timezone.utc)}
    spec = {"day": {"type": "raw"}, "moment": {"type": "str"}}
    assert action(**dates).options(**spec) == {"day": "2026-11-26", "moment": "2026-11-26T08:50:00+00:00"}


def test_what_is_right_is_taken_as_it_was_meant():
    given = {"force": "true", "count": "12", "items": "a,b", "kind": "database", "operator_role": "JAA"}
    assert action(**given, engines=None).options(**SPEC) == {
        **{"force": True, "count": 12, "items": ["a", "b"], "kind": "database", "operator_role": "JAA"},
        **{"engines": [], "corrections": {}},
    }
