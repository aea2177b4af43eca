# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the official record cannot be kept, nothing is backed up as if it had been."""

from __future__ import annotations

import pytest
from institution import CHECKOUT


@pytest.fixture
def portal(institution):
    institution.register("srv-web01", institution.files("portal-media"))
    # Nothing is written into a ledger whose absence is looked at.
    institution.registers_requests = False
    return institution


@pytest.fixture
def other_config(tmp_path):
    """An ansible.cfg that finds the collection and says nothing of its callback."""
    config = tmp_path / "ansible.cfg"
    config.write_text(f"[defaults]\ncollections_path = {CHECKOUT}/collections\n")
    return str(config)


def test_without_the_callback_nothing_runs_and_the_line_to_add_is_printed(portal, other_config):
    """Breaks: a run whose ansible.cfg does not load the callback backs up and records nothing."""
    done = portal.backup(ANSIBLE_CONFIG=other_config)
    assert done.rc != 0
    assert "callbacks_enabled = dse.backup.ledger" in done.out
    assert "[callback_ledger]" in done.out
    assert portal.contacted() == []
    assert not portal.ledger.exists()


def test_callbacks_switched_off_in_the_environment_end_the_run(portal):
    """Breaks: ANSIBLE_CALLBACKS_ENABLED, which comes before ansible.cfg, takes the record away unnoticed."""
    done = portal.backup(ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.default")
    assert done.rc != 0
    assert "callbacks_enabled = dse.backup.ledger" in done.out
    assert portal.backup(ANSIBLE_CALLBACKS_ENABLED="").rc != 0
    assert portal.contacted() == []
    assert not portal.ledger.exists()


def test_a_mark_left_in_the_environment_does_not_stand_in_for_the_callback(portal, other_config):
    """Breaks: DSE_BACKUP_RUN exported by hand, or inherited from another run, is believed."""
    mark = f'{{"pid": 1, "run_id": "x", "ledger": "{portal.ledger}", "procedure": ""}}'
    done = portal.backup(ANSIBLE_CONFIG=other_config, DSE_BACKUP_RUN=mark)
    assert done.rc != 0
    assert "callbacks_enabled = dse.backup.ledger" in done.out
    assert portal.contacted() == []


def test_a_ledger_that_is_a_file_fails_before_anything_is_contacted(portal):
    """Breaks: the ledger's path is found wrong only when there is something to record."""
    portal.ledger.write_text("no soy un directorio")
    done = portal.backup()
    assert done.rc == 3, done.out
    assert f"no se puede escribir el registro oficial en {portal.ledger}" in done.out
    assert "DSE_BACKUP_LEDGER" in done.out
    assert portal.contacted() == []


@pytest.mark.parametrize("directory_is_there", [True, False])
def test_a_full_disk_is_found_before_anything_is_contacted(portal, small_disk, tmp_path, directory_is_there):
    """Breaks: on a full disk a directory or an empty file can still be made, which proves nothing."""
    disk = small_disk(tmp_path / "disk", 256 * 1024)
    portal.ledger = disk / "ledger"
    if directory_is_there:
        portal.ledger.mkdir()
    (disk / "filler").write_bytes(b"\0" * (disk.stat().st_blksize * 60))
    done = portal.backup()
    assert done.rc == 3, done.out
    assert "no se puede escribir el registro oficial" in done.out
    assert "PLAY [" not in done.out, "it is found before the first play"
    assert portal.contacted() == []
    assert portal.records() == []


def test_a_disk_that_fills_midway_fails_the_run_and_the_next_one_catches_up(portal, small_disk):
    """Breaks: a backup that could not be recorded counts as success, is lost, or is made and recorded twice."""
    small_disk(portal.ledger, 4 * 1024 * 1024)
    portal.registers_requests = True
    portal.replace_restic(on_backup=f"cat /dev/zero >{portal.ledger}/filler 2>/dev/null")
    full = portal.backup()
    assert full.rc == 3, full.out
    assert "no se puede escribir el registro oficial" in full.out
    assert portal.records("backup") == []
    (portal.ledger / "filler").unlink()

    done = portal.backup()
    assert done.rc == 0, done.out
    (backup,) = portal.records("backup")
    assert portal.result("portal-media") == "first"
    started = [each["run_id"] for each in portal.records("run", run_event="started")]
    assert backup["host_run_id"] == started[0], "the snapshot of the run that could not record is the one recorded"
    (failure,) = portal.records("failure")
    assert (failure["run_id"], failure["item_id"]) == (started[0], "portal-media")
    assert len(portal.contacted()) == 1, "what lies in the repository already is not backed up again"
    portal.close()  # While the disk with the ledger is there.
