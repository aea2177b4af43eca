# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest
from clock import Clock
from institution import CHECKOUT, copy_template, prepare_template


@pytest.fixture(scope="session")
def template(tmp_path_factory, worker_id) -> Path:
    """A deployed institution, made once for all workers."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    root = shared / "template"
    with (shared / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "template.done").exists():
            cache = CHECKOUT / ".cache" / "restic"
            (cache / "bin").mkdir(parents=True, exist_ok=True)
            subprocess.run([str(CHECKOUT / "demo" / "restic"), str(cache)], check=True)
            prepare_template(root, cache / "bin" / "restic")
            (shared / "template.done").touch()
    return root


@pytest.fixture
def institution(template, tmp_path):
    """An institution of its own; after the test its ledger must be whole, whatever happened."""
    made = copy_template(template, tmp_path / "institution")
    yield made
    made.close()


@pytest.fixture
def clock(institution):
    """Mexico City: no daylight saving since 2022."""
    return Clock(institution, "America/Mexico_City")


@pytest.fixture
def small_disk(tmp_path):
    """Return what mounts a memory disk of so many bytes; needs root."""
    mounted = []

    def mount(directory: Path, size: int) -> Path:
        assert os.getuid() == 0, "a disk is mounted for this test: run it as root"
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], check=True)
        mounted.append(directory)
        return directory

    yield mount
    for directory in mounted:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
