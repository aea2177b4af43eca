# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept can be read: repositories are verified, backups tried, what is past its time removed, files found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from institution import CHECKOUT, LIMIT

FORCE = ("-e", "backup_force=true")


@pytest.fixture
def kept(institution):
    """Two servers with one item each; that of srv-web01 has three backups, each with content of its own."""
    institution.register("srv-web01", institution.files("portal-media", retention={"cycles": 1}))
    institution.register("srv-db01", institution.files("db-media"))
    for _number in range(3):
        institution.fill("portal-media", 50_000)
        done = institution.backup(*FORCE, "-e", json.dumps({"backup_items": ["portal-media"]}))
        assert done.rc == 0, done.out
    assert institution.backup().rc == 0
    return institution


def run(institution, playbook, *arguments, **env):
    return institution.start(playbook, *arguments, **env).wait()


def snapshots(institution, server="srv-web01"):
    return sorted(os.listdir(institution.root / "backup" / server / "repository/snapshots"))


def backups(institution, item_id="portal-media"):
    return institution.records("backup", item_id=item_id)


def pack_of(institution, snapshot):
    """The pack that holds the content of that backup."""
    repository = institution.root / "backup/srv-web01/repository"
    command = [institution.root / "bin/restic-server", "--repo", repository, "--no-cache", "--no-lock", "--json"]
    command += ["--password-file", institution.root / "backup/srv-web01/repository.key"]

    def ask(*arguments):
        asked = subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=LIMIT)
        return json.loads(asked.stdout)

    for pack in (repository / "data").glob("*/*"):
        users = {hit["snapshot"] for hit in ask("find", "--pack", pack.name)}
        if users == {snapshot}:
            return pack
    raise AssertionError(f"no pack belongs to {snapshot} alone")


def test_damage_is_named_with_what_still_stands_and_is_in_no_ones_way(kept):
    """Breaks: a verification passes on a damaged repository, hides the sound ones, or repeats its failure each day."""
    done = run(kept, "verify.yml")
    assert done.rc == 0 and "TODO ÍNTEGRO: 2 de 2." in done.out
    newest, before = backups(kept)[-1], backups(kept)[-2]
    pack = pack_of(kept, newest["file_name"])
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.write_bytes(content)
    done = run(kept, "verify.yml", "-e", "verify_all=true")
    assert done.rc == 2, done.out
    verified = kept.records("run", run_event="verified", read="all")
    assert {each["server"]: each["result"] for each in verified} == {"srv-web01": "damaged", "srv-db01": "intact"}
    (failure,) = kept.records("failure", failure_stage="jaa_copy")
    assert (failure["item_id"], failure["failure_type"]) == ("portal-media", "checksum")
    assert failure["backup_folio"] == newest["folio"]
    assert f"sigue en pie {before['folio']}" in failure["error_message"]
    assert "FOR 7.5 CSC 03" in failure["error_message"] and failure["error_message"] in done.out
    assert run(kept, "verify.yml", "-e", "verify_all=true").rc == 2
    assert len(kept.records("failure", failure_stage="jaa_copy")) == 1, "what is known is not recorded again"
    # What is tried is what can still be restored.
    done = run(kept, "drill.yml", "-e", "drill_items=portal-media")
    assert done.rc == 0, done.out
    assert kept.records("drill")[-1]["backup_folio"] == before["folio"]


def test_a_repository_that_cannot_be_opened_is_a_failure_and_not_damage(kept):
    """Breaks: a wrong password reads as damage, or one server's trouble hides the others."""
    (kept.root / "backup/srv-web01/repository.key").chmod(0o600)
    (kept.root / "backup/srv-web01/repository.key").write_text("otra\n", "utf-8")
    done = run(kept, "verify.yml")
    assert done.rc == 2, done.out
    (failure,) = kept.records("failure", failure_stage="jaa_copy")
    assert "la contraseña del repositorio no es correcta" in failure["error_message"]
    assert [each["server"] for each in kept.records("run", run_event="verified")] == ["srv-db01"]


def test_each_drill_has_its_record_and_the_rota_goes_on(kept):
    """Breaks: the same item is tried each time, or what was restored stays on the backup server."""
    for _number in range(2):
        done = run(kept, "drill.yml", "-e", "drill_count=1")
        assert done.rc == 0, done.out
    drills = kept.records("drill")
    assert sorted(each["item_id"] for each in drills) == ["db-media", "portal-media"]
    for each in drills:
        assert (each["result"], each["sha256_matches"], each["entry_count"]) == ("passed", True, 1)
        assert each["restored_bytes"] == next(
            backup["size_bytes"] for backup in kept.records("backup") if backup["folio"] == each["backup_folio"]
        )
    assert os.listdir(kept.root / "backup/.scratch") == []
    assert run(kept, "drill.yml", "--check").rc == 0
    assert len(kept.records("drill")) == 2


def test_a_drill_that_fails_is_in_the_failure_log(kept):
    """Breaks: a backup that cannot be restored passes its drill."""
    pack = pack_of(kept, backups(kept)[-1]["file_name"])
    pack.unlink()
    done = run(kept, "drill.yml", "-e", json.dumps({"drill_items": ["portal-media", "db-media"]}))
    assert done.rc == 2, done.out
    assert {each["item_id"]: each["result"] for each in kept.records("drill")} == {
        "portal-media": "failed",
        "db-media": "passed",
    }
    (failure,) = kept.records("failure", failure_stage="restore")
    assert failure["backup_folio"] == backups(kept)[-1]["folio"]


@pytest.fixture
def soon(kept, tmp_path):
    """The procedure's data, with which a backup may go on the day it was made."""
    directory = tmp_path / "procedure"
    shutil.copytree(CHECKOUT / "procedure", directory)
    kinds = directory / "information_types.yml"
    kinds.write_text(kinds.read_text("utf-8").replace("settle_days: 7", "settle_days: 0"), "utf-8")
    kept.env["DSE_BACKUP_PROCEDURE"] = str(directory)
    return kept


def test_what_is_past_its_time_goes_and_is_recorded_and_nothing_else(soon):
    """Breaks: pruning removes what the ledger did not name, or says so only on the screen."""
    assert run(soon, "prune.yml").rc == 0
    assert soon.records("disposal") == [], "first of its cycle, and the two last"
    # A snapshot that the ledger does not know, whatever its tags and its date say.
    command = [soon.root / "bin/restic-server", "--repo", soon.root / "backup/srv-web01/repository", "--no-cache"]
    command += ["--password-file", soon.root / "backup/srv-web01/repository.key", "backup", "/etc/hostname"]
    subprocess.run([*command, "--time", "2031-01-01 00:00:00", "--tag", "x=y"], check=True, capture_output=True)
    soon.fill("portal-media", 50_000)
    assert soon.backup(*FORCE, "-e", json.dumps({"backup_items": ["portal-media"]})).rc == 0
    second = backups(soon)[1]
    before = snapshots(soon)
    done = run(soon, "prune.yml", "--check")
    assert done.rc == 0 and second["folio"] in done.out
    assert snapshots(soon) == before and soon.records("disposal") == []
    misspelt = run(soon, "prune.yml", "-e", json.dumps({"prune_items": ["portal-medio"]}))
    assert misspelt.rc != 0 and "«portal-medio»" in misspelt.out and "¿quiso decir «portal-media»?" in misspelt.out
    assert run(soon, "prune.yml").rc == 0
    assert set(before) - set(snapshots(soon)) == {second["file_name"]}
    (disposal,) = soon.records("disposal")
    assert [each["folio"] for each in disposal["disposed"]] == [second["folio"]]
    assert disposal["kept_count"] == len(before) - 1
    assert run(soon, "prune.yml").rc == 0 and len(soon.records("disposal")) == 1
    assert run(soon, "verify.yml", "-e", "verify_all=true").rc == 0, "what was removed is not missed"


def test_of_an_item_that_fails_nothing_goes(soon):
    """Breaks: while an item has no good new backup, its old ones go one by one."""
    soon.fill("portal-media", 50_000)
    assert soon.backup(*FORCE, "-e", json.dumps({"backup_items": ["portal-media"]})).rc == 0
    soon.fill("portal-media", 100)
    assert soon.backup(*FORCE, "-e", json.dumps({"backup_items": ["portal-media"]})).rc == 2
    before = snapshots(soon)
    done = run(soon, "prune.yml")
    assert done.rc == 0 and "no se depura nada" in done.out
    assert snapshots(soon) == before and soon.records("disposal") == []


def test_a_file_is_found_in_all_versions_and_nothing_is_written(kept):
    """Breaks: a version is left out, or looking something up leaves a trace in the ledger."""
    before = {path: path.stat().st_mtime_ns for path in Path(kept.ledger).rglob("*.jsonl")}
    done = run(kept, "find.yml", "-e", "find_pattern=conten*.bin", "-e", "find_item=portal-media")
    assert done.rc == 0, done.out
    assert all(backup["folio"] in done.out for backup in backups(kept))
    assert backups(kept, "db-media")[0]["folio"] not in done.out
    done = run(kept, "find.yml", "-e", "find_item=portal-medio", "-e", "find_as_of=ayer")
    assert done.rc != 0
    assert all(
        word in done.out for word in ("find_pattern: falta", "¿quiso decir «portal-media»?", "find_as_of: «ayer»")
    )
    assert {path: path.stat().st_mtime_ns for path in Path(kept.ledger).rglob("*.jsonl")} == before
