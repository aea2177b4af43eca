# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets plain pytest resolve ansible_collections.dse.backup from the checkout, as Ansible does; what many tests need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, on a machine however slow: a test that fails, fails for all.
settings.register_profile(
    "steady", derandomize=True, deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", deadline=None, max_examples=3000)  # pytest --hypothesis-profile=thorough
settings.load_profile("steady")

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "collections"), str(CHECKOUT)]

from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic  # noqa: E402
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger  # noqa: E402
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "engine: works with the real restic, whose every call takes half a second")


def pytest_collection_modifyitems(items):
    for item in items:
        if "restic_program" in item.fixturenames:
            item.add_marker("engine")


@pytest.fixture(scope="session")
def procedure():
    return load()


@pytest.fixture
def in_memory():
    """A directory where syncing to the disk costs nothing, for tests that write a thousand times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture
def ledger(in_memory, procedure):
    """An empty ledger, ready to be written."""
    ledger = Ledger(str(in_memory / "ledger"), procedure)
    ledger.prepare()
    return ledger


@pytest.fixture(scope="session")
def restic_program(tmp_path_factory):
    """A restic that is new enough: the demo's, or one from the mirror that this machine's apt uses."""
    program = CHECKOUT / ".demo/bin/restic"
    if not program.exists():
        directory = tmp_path_factory.mktemp("restic")
        (directory / "bin").mkdir()
        fetched = subprocess.run([CHECKOUT / "demo/restic", directory], capture_output=True, text=True, check=False)
        program = directory / "bin/restic"
        assert fetched.returncode == 0 and program.exists(), f"no restic to test with: {fetched.stderr}"
    return str(program)


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory, restic_program):
    """A repository to copy: to make one takes restic a second. Everybody may enter it, for calls as its owner."""
    directory = tmp_path_factory.mktemp("template")
    (directory / "password").write_text("correcta\n", encoding="utf-8")
    command = [restic_program, "init", "--repo", directory / "repository", "--password-file", directory / "password"]
    subprocess.run([*command, "--no-cache"], check=True, capture_output=True)
    return directory


@pytest.fixture
def restic(tmp_path, empty_repository, restic_program):
    """An empty repository with a cache of its own."""
    shutil.copytree(empty_repository, tmp_path / "storage")
    storage = tmp_path / "storage"
    return Restic(
        str(storage / "repository"), str(storage / "password"), restic_program, cache_dir=str(tmp_path / "cache")
    )
