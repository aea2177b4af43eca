# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``, as a person sees it who has just cloned the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import official_record
import pytest
from institution import CHECKOUT
from test_documents import BY_HAND


@pytest.fixture
def clone(template, tmp_path):
    """A copy of what git has or would have, with the virtual environment and the restic that are there already."""
    copy = tmp_path / "carpeta con espacios"
    listing = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in {*subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\0")} - {""}:
        source, target = CHECKOUT / name, copy / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    (copy / ".venv").symlink_to(Path(sys.executable).parents[1])
    (copy / ".demo" / "bin").mkdir(parents=True)
    shutil.copy(template / "bin" / "restic-server", copy / ".demo" / "bin" / "restic")
    return copy


def _make(clone, *arguments):
    return _run(clone, "make", "--old-file=.venv/controller", "demo", *arguments)


def _run(clone, *command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MAKE", "DSE_"))}
    done = subprocess.run(
        command,
        cwd=clone,
        env={**environment, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    official_record.check(clone / ".demo" / "ledger")
    return done.stdout


def test_the_demo_backs_up_then_finds_nothing_due_then_compares_when_forced(clone):
    """Breaks: the first thing that anybody sees of the product, also where the path has a space."""
    first = _make(clone)
    assert "TODO CONFORME: 4 de 4." in first
    assert f"Registro oficial: {clone}/.demo/ledger" in first
    backups = [each for each in official_record.read(clone / ".demo" / "ledger") if each["record_type"] == "backup"]
    assert {each["item_id"]: each["information_type"] for each in backups} == {
        "etc": "server_configuration",
        "checkout": "source_code",
        "docs": "images_documents",
        "sample-db": "database",
    }
    assert "TODO ENTREGADO Y COMPROBADO: 1 de 1." in first
    (delivery,) = [
        each for each in official_record.read(clone / ".demo" / "ledger") if each["record_type"] == "delivery"
    ]
    assert {each["folio"] for each in delivery["files"]} == {each["folio"] for each in backups}
    again = _make(clone)
    assert "Nada vence ahora" in again and "CSC tiene ya todos los respaldos verificados." in again

    forced = _make(clone, "FORCE=1")
    assert "TODO CONFORME: 4 de 4." in forced
    backups = [each for each in official_record.read(clone / ".demo" / "ledger") if each["record_type"] == "backup"]
    assert [each["verification_result"] for each in backups] == ["first"] * 4 + ["conforming"] * 4
    assert {each["execution_mode"] for each in backups[4:]} == {"manual"}
    assert "no se contactó a ningún servidor" in _run(clone, "bash", "-c", BY_HAND)
    for name in ("password", "csc/password"):
        password = (clone / ".demo" / name).read_text("utf-8").strip()
        assert password not in json.dumps(official_record.read(clone / ".demo" / "ledger"))
