# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes against the last conforming backup, in the record and in the exit status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FORCE = ("-e", "backup_force=true")


@pytest.fixture
def portal(institution):
    """An item with one conforming backup of 10,000 bytes."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    return institution


def test_verdicts_are_against_the_last_conforming_backup_and_a_doubtful_one_never_takes_its_place(portal):
    """Breaks: a review or a nonconforming backup becomes the baseline, passes with 0, or has no failure of its own."""
    steps = [
        (9_500, "conforming", 10_000, 10_000),
        (8_000, "review", 9_500, 9_500),
        (4_000, "nonconforming", 8_000, 9_500),
        (9_400, "conforming", 4_000, 9_500),
    ]
    for size, verdict, previous, baseline in steps:
        portal.fill("portal-media", size)
        done = portal.backup(*FORCE)
        assert portal.result("portal-media") == verdict
        backup = portal.records("backup")[-1]
        assert (backup["size_bytes"], backup["previous_size_bytes"], backup["baseline_size_bytes"]) == (
            size,
            previous,
            baseline,
        )
        assert backup["size_change_pct"] == round((size - previous) * 100 / previous, 2)
        failures = portal.records("failure", about_folio=backup["folio"])
        if verdict == "conforming":
            assert (done.rc, failures) == (0, []), done.out
        else:
            assert done.rc == 2, done.out
            (failure,) = failures
            assert (failure["failure_type"], failure["failure_stage"]) == ("size_out_of_band", "verification")
            assert failure["backup_folio"] == backup["folio"]
            assert failure["error_message"] in done.out
    assert len(portal.records("failure")) == 2, "a later conforming backup neither adds to nor takes from the log"
    # Both are closed by evidence, and by the backup that came after them and conforms only.
    closings = portal.records("closing")
    assert [each["about_folio"] for each in closings] == [each["folio"] for each in portal.records("failure")]
    good = portal.records("backup")[-1]["folio"]
    assert [(each["evidence"], each["related_folios"]) for each in closings] == [("backup", [good])] * 2


def test_what_waits_for_a_decision_is_not_backed_up_again_by_the_calendar(portal):
    """Breaks: a backup in review is repeated until one of them happens to pass."""
    portal.fill("portal-media", 8_000)
    assert portal.backup(*FORCE).rc == 2
    done = portal.backup()
    assert portal.planned() == []
    assert done.rc == 0, done.out


def test_an_emptied_file_is_nonconforming_whatever_restic_says(portal):
    """Breaks: restic's exit status 0 is taken for a backup."""
    (portal.root / "data" / "portal-media" / "contenido.bin").write_bytes(b"")
    done = portal.backup(*FORCE)
    assert done.rc == 2, done.out
    assert portal.result("portal-media") == "nonconforming"
    assert "el respaldo está vacío" in done.out


@pytest.mark.parametrize("state", ["gone", "empty", "link"])
def test_a_source_that_is_not_what_was_requested_is_a_failure_and_no_backup(portal, state):
    """Breaks: a removed, unmounted or linked source leaves a small "backup" behind instead of a failure."""
    source = portal.root / "data" / "portal-media"
    (source / "contenido.bin").unlink()
    if state != "empty":
        source.rmdir()
    if state == "link":
        source.symlink_to("/etc")
    done = portal.backup(*FORCE)
    assert done.rc == 2, done.out
    assert portal.result("portal-media") == "failure"
    expected = {"gone": "no existe", "empty": "está vacío", "link": "enlace simbólico"}[state]
    assert expected in portal.records("failure")[-1]["error_message"]
    assert len(portal.records("backup")) == 1


def test_what_the_disk_of_the_backup_server_does_not_take_is_not_recorded_as_a_backup(portal, tmp_path):
    """Breaks: a power failure takes backups that the record calls conforming; rclone itself never syncs."""
    (tmp_path / "sync").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/synced\necho roto >&2\nexit 1\n', "utf-8")
    (tmp_path / "sync").chmod(0o755)
    done = portal.backup(*FORCE, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.rc == 2, done.out
    assert portal.result("portal-media") == "failure"
    assert "no aceptó lo que se guardó" in portal.records("failure")[-1]["error_message"]
    assert "roto" in portal.records("failure")[-1]["error_message"]
    assert len(portal.records("backup")) == 1
    repository = (tmp_path / "synced").read_text("utf-8").split()[-1]
    assert (Path(repository) / "snapshots").is_dir()
    # Once the disk takes it, the next run finds it and records it, and then its own.
    assert portal.backup(*FORCE).rc == 0
    assert [each["verification_result"] for each in portal.records("backup")] == ["first", "conforming", "conforming"]
