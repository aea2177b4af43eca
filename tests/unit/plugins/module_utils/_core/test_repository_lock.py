# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import pwd

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.repository_lock import opened

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def options(tmp_path):
    (tmp_path / "repository").mkdir()
    (tmp_path / "lock").touch()
    return {
        "repository": str(tmp_path / "repository"),
        "password_file": str(tmp_path / "key"),
        "lock_file": str(tmp_path / "lock"),
        "restic": "restic",
        "lock_timeout": 0,
    }


def test_those_who_read_work_side_by_side_and_who_removes_works_alone(options):
    busy = pytest.raises(OSError, match=f"proceso {os.getpid()}.*repita cuando termine")
    with opened(options), opened(options), busy, opened(options, exclusive=True):
        pass
    with opened(options, exclusive=True), pytest.raises(OSError, match="lo está usando"), opened(options):
        pass
    with opened(options, exclusive=True):
        pass  # It was let go.


def test_a_client_that_is_connected_keeps_pruning_out(options):
    # The forced command of a client holds its lock with flock(1), through the same file.
    with open(options["lock_file"], "rb") as client:
        fcntl.flock(client, fcntl.LOCK_SH)
        with pytest.raises(OSError, match="lo está usando"), opened(options, exclusive=True):
            pass


def test_the_work_is_done_as_the_repositorys_owner(options):
    os.chown(options["repository"], NOBODY.pw_uid, NOBODY.pw_gid)
    with opened(options) as restic:
        assert restic.owner == (NOBODY.pw_uid, NOBODY.pw_gid)


def test_a_repository_that_is_not_there_names_the_remedy(options):
    os.rmdir(options["repository"])
    with pytest.raises(OSError, match=r"deploy\.yml"), opened(options):
        pass
