# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is chosen to run, and that a choice of nothing is never taken for a success."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def two_servers(institution):
    institution.register(
        "srv-web01",
        institution.files("portal-src", information_type="source_code", repository_type="software_project"),
        institution.files("portal-media"),
    )
    institution.register("srv-db01", institution.files("actas"))
    return institution


def test_what_is_due_is_backed_up_once_and_no_server_is_contacted_when_nothing_is(two_servers):
    """Breaks: a second run contacts a server, or a first one leaves an item out."""
    first = two_servers.backup()
    assert first.rc == 0, first.out
    assert "TODO CONFORME: 3 de 3" in first.out
    assert {each["item_id"]: each["verification_result"] for each in two_servers.records("backup")} == {
        "portal-src": "first",
        "portal-media": "first",
        "actas": "first",
    }
    contacted = two_servers.contacted()
    second = two_servers.backup()
    assert second.rc == 0, second.out
    assert "Nada vence ahora" in second.out
    assert two_servers.contacted() == contacted == ["srv-db01", "srv-web01"]
    assert two_servers.planned() == []
    assert len(two_servers.records("backup")) == 3


def test_limit_to_one_server_plans_and_records_that_server_alone(two_servers):
    """Breaks: --limit empties the plan, or lets another server's items through."""
    done = two_servers.backup("--limit", "srv-db01")
    assert done.rc == 0, done.out
    assert two_servers.planned() == ["actas"]
    assert two_servers.contacted() == ["srv-db01"]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (("--limit", "localhost"), "no hosts to target"),
        (("--limit", "srv-bkp01"), "No se hizo nada"),
        (("--skip-tags", "always"), "No se hizo nada"),
        (("--start-at-task", "Run | Back up what is still due"), "No se hizo nada"),
    ],
)
def test_a_choice_that_leaves_no_plan_is_never_a_success(two_servers, choice, said):
    """Breaks: "no hosts matched" or skipped tags end with 0 and nobody notices that nothing was backed up."""
    two_servers.accept_requests()
    before = two_servers.records()
    done = two_servers.backup(*choice)
    assert done.rc != 0, done.out
    assert said in done.out
    assert two_servers.contacted() == []
    assert two_servers.records() == before


@pytest.mark.parametrize("look", [("coverage.yml",), ("find.yml", "-e", "find_pattern=*")])
def test_a_look_at_no_server_is_no_success_either(two_servers, look):
    """Breaks: coverage.yml and find.yml for a server of another group end with 0 and have looked at nothing."""
    for check in ((), ("--check",)):
        done = two_servers.start(*look, "--limit", "srv-bkp01", *check).wait()
        assert done.rc == 2 and "No se hizo nada" in done.out, done.out
        done = two_servers.start(*look, "--limit", "srv-db01", *check).wait()
        assert "PLAY RECAP" in done.out and "No se hizo nada" not in done.out, done.out


def test_tags_do_not_take_the_plan_away(two_servers):
    """Breaks: ``--tags`` of something else skips the plan or the backup, with status 0."""
    done = two_servers.backup("--tags", "nada")
    assert done.rc == 0, done.out
    assert len(two_servers.records("backup")) == 3


def test_backup_items_backs_up_those_and_names_the_known_ones_for_a_typo(two_servers):
    """Breaks: a misspelt id is taken for "nothing due"."""
    wrong = two_servers.backup("-e", json.dumps({"backup_items": ["portal-medai", "actas"]}))
    assert wrong.rc != 0
    assert "backup_items: no están en el inventario: portal-medai" in wrong.out
    assert "Hay: actas, portal-media, portal-src" in wrong.out
    assert two_servers.contacted() == []
    done = two_servers.backup("-e", json.dumps({"backup_items": ["actas"]}))
    assert done.rc == 0, done.out
    assert two_servers.planned() == ["actas"]


def test_everything_that_was_asked_for_wrongly_is_named_at_once(two_servers):
    """Breaks: the administrator is told of one slip after the other, in English, by names that he never typed."""
    wrong = {"backup_items": ["portal-medai"], "backup_force": "quizas", "operator_role": "CSC"}
    done = two_servers.backup("-e", json.dumps(wrong))
    assert done.rc != 0
    for words in (
        "backup_force: «quizas» debe ser true o false",
        "operator_role: respaldar corresponde a JAA, no a CSC",
        "backup_items: no están en el inventario: portal-medai",
    ):
        assert words in done.out, done.out
    assert two_servers.contacted() == []


def test_backup_information_type_backs_up_that_kind_and_refuses_an_unknown_one(two_servers):
    """Breaks: an unknown kind selects nothing and ends with 0."""
    wrong = two_servers.backup("-e", "backup_information_type=source")
    assert wrong.rc != 0
    assert "source_code" in wrong.out
    done = two_servers.backup("-e", "backup_information_type=source_code")
    assert done.rc == 0, done.out
    assert two_servers.planned() == ["portal-src"]


def test_force_runs_what_is_not_due_and_is_recorded_as_manual(two_servers):
    """Breaks: a forced backup passes for one of the calendar's."""
    two_servers.backup("--limit", "srv-db01")
    done = two_servers.backup("--limit", "srv-db01", "-e", "backup_force=true")
    assert done.rc == 0, done.out
    assert [each["execution_mode"] for each in two_servers.records("backup")] == ["automatic", "manual"]
    assert two_servers.result("actas") == "conforming"


def test_a_backup_before_maintenance_carries_its_reference_and_leaves_the_calendar_right(two_servers):
    """Breaks: the reference is lost, or the next run repeats what the extra backup covers."""
    done = two_servers.backup("-e", "backup_maintenance_ref='PRO 6.3 DSE 01 / 2026-14'")
    assert done.rc == 0, done.out
    assert {each["maintenance_ref"] for each in two_servers.records("backup")} == {"PRO 6.3 DSE 01 / 2026-14"}
    assert {each["execution_mode"] for each in two_servers.records("backup")} == {"manual"}
    assert two_servers.backup().rc == 0
    assert two_servers.planned() == []
    assert two_servers.backup("-e", "backup_maintenance_ref='PRO 6.3 DSE 01 / 2026-15'").rc == 0
    assert two_servers.planned() == ["actas", "portal-media", "portal-src"]
