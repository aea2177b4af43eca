# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dse-backup`` run by hand while the controller is away: the next run knows it, and records it as manual."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def portal(institution):
    institution.register("srv-web01", institution.files("portal-media"), institution.files("actas"))
    return institution


def test_a_backup_by_hand_is_recorded_as_manual_and_not_made_again(portal):
    """Breaks: the next run repeats it, forgets it, or calls it its own."""
    by_hand = portal.script("srv-web01", "run", "portal-media")
    assert by_hand.rc == 0, by_hand.out
    done = portal.backup()
    assert done.rc == 0, done.out
    modes = {each["item_id"]: each["execution_mode"] for each in portal.records("backup")}
    assert modes == {"portal-media": "manual", "actas": "automatic"}
    (manual,) = portal.records("backup", item_id="portal-media")
    assert manual["host_run_id"].startswith("manual-")
    assert manual["form_code"] == "FOR 7.5 DSE 04"


def test_where_all_that_is_due_was_done_by_hand_the_server_itself_is_not_asked(portal):
    """Breaks: a server whose backups already lie in the repository is made to work again."""
    assert portal.script("srv-web01", "run").rc == 0
    before = portal.contacted()
    done = portal.backup()
    assert done.rc == 0, done.out
    assert portal.contacted() == before
    assert [each["execution_mode"] for each in portal.records("backup")] == ["manual", "manual"]
    assert portal.backup().rc == 0
    assert portal.planned() == []


def test_a_backup_by_hand_of_what_is_not_due_is_recorded_with_the_next_run_that_looks(portal):
    """Breaks: an extra backup by hand is never judged, or is judged against the wrong one."""
    assert portal.backup().rc == 0
    portal.fill("portal-media", 4_000)
    assert portal.script("srv-web01", "run", "portal-media").rc == 0
    done = portal.backup("-e", "backup_force=true", "-e", '{"backup_items": ["actas"]}')
    assert "HALLADO" in done.out.upper()
    backups = portal.records("backup", item_id="portal-media")
    assert [each["verification_result"] for each in backups] == ["first", "nonconforming"]
    assert portal.records("failure", about_folio=backups[1]["folio"])
    assert portal.planned() == ["actas"]


def test_a_failure_by_hand_reaches_the_failure_log_once(portal):
    """Breaks: what failed while nobody but the server saw it is forgotten, or recorded with every run."""
    source = portal.root / "data" / "portal-media"
    away = source.rename(portal.root / "away")
    by_hand = portal.script("srv-web01", "run", "portal-media")
    assert by_hand.rc == 1, by_hand.out
    assert "no existe" in by_hand.out
    shutil.move(away, source)
    for force in ((), ("-e", "backup_force=true")):
        done = portal.backup(*force)
        assert done.rc == 0, done.out
    (failure,) = portal.records("failure")
    assert (failure["item_id"], failure["execution_mode"]) == ("portal-media", "manual")
    assert "respaldo manual en el servidor" in failure["error_message"]
    assert "run_id" not in failure
    assert len(portal.records("backup", item_id="portal-media")) == 2


def test_the_scripts_other_commands_answer(portal):
    """Breaks: JAA, at the server, cannot see what is backed up there and how it ended."""
    assert portal.script("srv-web01", "run", "no-existe").rc == 2
    assert portal.script("srv-web01", "run", "actas").rc == 0
    listing, status = portal.script("srv-web01", "list"), portal.script("srv-web01", "status")
    assert (listing.rc, status.rc) == (0, 0)
    assert "portal-media" in listing.out
    assert "actas" in status.out
