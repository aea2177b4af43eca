# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import cli
from ansible_collections.dse.backup.plugins.module_utils._core.journal import exclusive
from ansible_collections.dse.backup.plugins.module_utils._core.run import write_json
from ansible_collections.dse.backup.tests.unit.factories import database_item, item

# An engine that stores what is there, and could not read one file of what is called «partial».
RESTIC = """#!/bin/sh
case "$*" in
version) echo restic 0.18.0;;
*item=partial*--stdin-filename*|*--stdin-filename*) echo '{"message_type":"summary","snapshot_id":"mark"}';;
*item=partial*) echo '{"message_type":"error","item":"/x","error":{"message":"denied"}}' >&2
  echo '{"message_type":"summary","snapshot_id":"abcdef0123456789","total_bytes_processed":2048}'; exit 3;;
*) echo '{"message_type":"summary","snapshot_id":"abcdef0123456789","total_bytes_processed":2048}';;
esac
"""


@pytest.fixture(autouse=True)
def _umask():
    """Put back what the command line changes for its own process."""
    umask = os.umask(0o022)
    yield
    os.umask(umask)


@pytest.fixture
def dse_backup(tmp_path, capsys):
    """Call the command line as JAA does, on a server with three items; return its status and its words."""
    for name in ("state", "staging", "src"):
        (tmp_path / name).mkdir()
    (tmp_path / "src/file").write_text("x", encoding="utf-8")
    (tmp_path / "restic").write_text(RESTIC, encoding="utf-8")
    (tmp_path / "restic").chmod(0o755)
    config = {
        "server": "srv-web01",
        "repository": "/nowhere",
        "restic": str(tmp_path / "restic"),
        "restic_options": [],
        "password_file": "/nowhere",
        "state_dir": str(tmp_path / "state"),
        "staging_dir": str(tmp_path / "staging"),
        "cache_dir": str(tmp_path / "cache"),
        "items": [
            item(paths=[str(tmp_path / "src")]),
            item(id="partial", paths=[str(tmp_path / "src")]),
            item(id="gone", paths=[str(tmp_path / "gone\x1b[2J")]),
        ],
    }
    write_json(str(tmp_path / "config.json"), config)

    def call(*arguments):
        status = cli.main(str(tmp_path / "config.json"), list(arguments))
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


def test_all_stored_is_0(dse_backup):
    status, said = dse_backup("run", "portal-src")
    assert status == 0
    assert "portal-src: guardado, 2.0 KiB, respaldo abcdef01" in said


def test_some_failed_is_1_and_the_others_are_stored(dse_backup):
    status, said = dse_backup("run")
    assert status == 1
    assert "portal-src: guardado" in said and "gone: FALLÓ" in said and "no existe" in said
    assert "1 archivos NO se pudieron leer" in said
    assert "\x1b" not in said


def test_another_run_is_75(dse_backup, tmp_path):
    with exclusive(str(tmp_path / "state/lock"), {"run_id": "R9", "since": "ayer"}):
        status, said = dse_backup("run")
    assert (status, said) == (75, "Otro respaldo está en curso: R9, desde ayer.\n")


@pytest.mark.parametrize("names", [["nothing"], ["portal-src", "-"], ["../etc"]])
def test_an_unknown_item_is_2_and_says_which_there_are(dse_backup, tmp_path, names):
    status, said = dse_backup("run", *names)
    assert status == 2
    assert "hay: portal-src, partial, gone" in said
    assert not (tmp_path / "state/runs").exists()


@pytest.mark.parametrize("content", [None, "", "{", "\udcff"])
def test_a_configuration_that_cannot_be_read_is_2_and_names_the_remedy(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    assert cli.main(str(tmp_path / "config.json"), ["list"]) == 2
    assert "deploy.yml" in capsys.readouterr().err


def test_json_is_what_the_playbooks_read_too(dse_backup):
    status, said = dse_backup("run", "portal-src", "portal-src", "--json")
    result = json.loads(said)
    assert (status, len(result["outcomes"]), result["mode"]) == (0, 1, "manual")
    assert result["run_id"].startswith("manual-")


def test_list(dse_backup):
    assert "portal-src: source_code, " in dse_backup("list")[1]
    assert [each["id"] for each in json.loads(dse_backup("list", "--json")[1])] == ["portal-src", "partial", "gone"]


def test_status_before_and_after(dse_backup):
    assert dse_backup("status")[1].splitlines()[0] == "portal-src: sin respaldos desde este servidor"
    dse_backup("run", "portal-src", "gone")
    said = dse_backup("status")[1]
    assert "portal-src: guardado el " in said and "partial: sin respaldos" in said and "gone: FALLÓ el " in said
    assert json.loads(dse_backup("status", "--json")[1])["portal-src"]["state"] == "stored"


def test_what_a_playbook_asked_for_is_carried_out_from_its_file(dse_backup, tmp_path):
    run_dir = tmp_path / "state/runs/R1"
    run_dir.mkdir(parents=True)
    request = {"run_id": "R1", "mode": "automatic", "time_limit": 0, "items": [database_item(id="x")]}
    write_json(str(run_dir / "request.json"), {**request, "items": [item(paths=[str(tmp_path / "src")])]})
    assert dse_backup("run", "--run-dir", str(run_dir)) == (0, "")
    assert json.loads((run_dir / "result.json").read_text())["outcomes"][0]["state"] == "stored"


@pytest.mark.parametrize("arguments", [[], ["erase"], ["run", "--force"]])
def test_a_wrong_call_is_2(dse_backup, arguments):
    with pytest.raises(SystemExit) as end:
        dse_backup(*arguments)
    assert end.value.code == 2


def test_a_state_directory_that_is_gone_is_said_in_words(dse_backup, tmp_path):
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("in the way", encoding="utf-8")
    status, said = dse_backup("run", "portal-src")
    assert status == 1 and f"no se puede escribir en {tmp_path}/state" in said
