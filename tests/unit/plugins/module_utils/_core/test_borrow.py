# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.borrow import borrow, give_back
from ansible_collections.dse.backup.plugins.module_utils._core.delivery import deliver
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError

pytestmark = pytest.mark.engine


@pytest.fixture
def lent(pair, tmp_path):
    """Both copies, and where a backup on loan goes."""
    deliver(pair.jaa, pair.csc, pair.wanted, read_back=False)
    pair.on_loan = replace(pair.jaa, repository=str(tmp_path / "loan/20261126T010000Z-abc123/repository"))
    pair.tree = {each["id"]: each["tree"] for each in pair.jaa.snapshots()}
    return pair


def at_csc(pair):
    return {
        os.path.join(where, name): os.stat(os.path.join(where, name)).st_mtime_ns
        for where, _directories, names in os.walk(pair.csc.repository)
        for name in [*names, "."]
    }


def test_one_backup_comes_and_nothing_of_csc_s_is_touched(lent):
    """Breaks: reading what CSC lends leaves a lock, or more, in its repository."""
    before = at_csc(lent)
    for wanted in (lent.wanted[0], lent.wanted[2]):
        sha256 = wanted.dump_sha256 or lent.tree[wanted.snapshot]
        found = borrow(lent.csc, lent.on_loan, wanted.snapshot, sha256, wanted.dump_sha256)
        assert (found.problem, found.sha256) == ("", sha256) and found.size_bytes
        (here,) = lent.on_loan.snapshots()
        assert here["id"] == found.snapshot and here["original"] == wanted.snapshot
    assert at_csc(lent) == before
    give_back(lent.on_loan)
    assert not os.path.exists(os.path.dirname(lent.on_loan.repository))
    give_back(lent.on_loan)


def test_what_csc_does_not_have_is_said(lent):
    only_here = lent._backup(9)
    assert "no lo tiene" in borrow(lent.csc, lent.on_loan, only_here, "00" * 32).problem


@pytest.mark.parametrize("dump", [False, True])
def test_what_is_not_what_csc_was_given_is_said(lent, dump):
    wanted = lent.wanted[2 if dump else 0]
    found = borrow(lent.csc, lent.on_loan, wanted.snapshot, "00" * 32, "00" * 32 if dump else "")
    assert found.problem and not found.snapshot.startswith("0" * 8)


def test_what_csc_cannot_read_is_said(lent):
    for where, _directories, names in os.walk(os.path.join(lent.csc.repository, "data")):
        for name in names:
            os.chmod(os.path.join(where, name), 0o600)
            with open(os.path.join(where, name), "r+b") as stream:
                stream.write(b"\0" * 40)
    assert "está dañada" in borrow(lent.csc, lent.on_loan, lent.files[0], lent.tree[lent.files[0]]).problem


def test_that_it_could_not_be_read_now_says_nothing_of_csc_s_copy(lent):
    """Breaks: a network that drops, or JAA's own disk, condemns the copy that could save the day."""
    for where, _directories, names in os.walk(os.path.join(lent.csc.repository, "data")):
        for name in names:
            os.rename(os.path.join(where, name), os.path.join(where, name) + ".away")
    with pytest.raises(ResticError):
        borrow(lent.csc, lent.on_loan, lent.files[0], lent.tree[lent.files[0]])


def test_where_there_is_no_room_every_other_backup_is_spared(lent):
    with pytest.raises(OSError, match="no hay espacio en"):
        borrow(lent.csc, lent.on_loan, lent.files[0], lent.tree[lent.files[0]], size_bytes=1 << 60)
    assert not os.path.exists(os.path.dirname(os.path.dirname(lent.on_loan.repository)))


def test_what_a_killed_restore_left_goes_and_nothing_else(lent):
    around = os.path.dirname(os.path.dirname(lent.on_loan.repository))
    for name in ("20260101T000000Z-abcdef", "de otro"):
        os.makedirs(os.path.join(around, name))
        os.utime(os.path.join(around, name), (0, 0))
    give_back(lent.on_loan)
    assert os.listdir(around) == ["de otro"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_what_only_root_can_read_is_lent_to_the_repository_s_owner(lent):
    """A medium: what lies on it belongs to nobody here. Breaks: the owner cannot read what root made of it."""
    own = os.path.dirname(lent.on_loan.repository)
    lent.on_loan = replace(lent.on_loan, owner=(65534, 65534))
    os.chmod(lent.on_loan.password_file, 0o644)
    reached = (os.path.dirname(own), lent.on_loan.password_file, lent.on_loan.program)
    for path in {parent for each in reached for parent in Path(each).parents}:
        if path.stat().st_mode & 0o001 == 0:
            path.chmod(0o711)
    found = borrow(lent.csc, lent.on_loan, lent.wanted[0].snapshot, lent.tree[lent.wanted[0].snapshot])
    assert found.problem == ""
    assert {os.lstat(path).st_uid for path in Path(own).rglob("*")} == {65534}


def test_a_csc_that_is_not_there_is_an_error(lent):
    os.rename(lent.csc.repository, lent.csc.repository + ".away")
    with pytest.raises(ResticError, match="la copia de CSC en"):
        borrow(lent.csc, lent.on_loan, lent.files[0], lent.tree[lent.files[0]])
