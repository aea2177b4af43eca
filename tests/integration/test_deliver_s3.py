# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSC's copy in an S3 store: a real server of that protocol, which asks for credentials and may go away. 4.1.6."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest
from answers import acknowledge
from institution import BIN, LIMIT, until
from test_deliver import delivered, refused

KEY_ID, SECRET = "AKIACSC0001", "secreto-de-csc-7d1e"
SIZE = 12_000_000


class Store:
    """CSC's store, with one bucket; `start` and `stop` are its power."""

    def __init__(self, directory: Path) -> None:
        self.bucket = directory / "respaldos"
        self.bucket.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._log = (directory / "log").open("wb")
        self.start()

    def start(self) -> None:
        command = [
            BIN / "rclone",
            "--config=",
            "serve",
            "s3",
            "--addr",
            self.address,
            "--auth-key",
            f"{KEY_ID},{SECRET}",
        ]
        self._server = subprocess.Popen([*command, self.bucket.parent], stdout=self._log, stderr=self._log)
        until(self._answers, "a store that answers")

    def _answers(self) -> bool:
        host, port = self.address.split(":")
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0

    def stop(self) -> None:
        self._server.kill()
        self._server.wait()

    def objects(self) -> dict[str, int]:
        """Return what the store holds of a server's packs: name -> when it was written."""
        packs = self.bucket.glob("srv-web01/data/**/*")
        return {path.name: path.stat().st_mtime_ns for path in packs if path.is_file()}


@pytest.fixture
def store(institution, tmp_path):
    """One server with one backup, and its repository in CSC's store, made by ``deploy.yml``."""
    store = Store(tmp_path / "almacen")
    institution.host_vars["srv-web01"] = {
        "backup_server_csc_repository": f"s3:http://{store.address}/respaldos/srv-web01",
        "backup_server_csc_s3_key_id": KEY_ID,
        "backup_server_csc_s3_secret": SECRET,
    }
    institution.fill("portal-media", SIZE)
    institution.register("srv-web01", institution.files("portal-media"))
    deployed = institution.start("deploy.yml", "--limit", "srv-web01", "-v", "--diff").wait()
    assert deployed.rc == 0 and SECRET not in deployed.out, deployed.out
    assert institution.backup().rc == 0
    yield store
    store.stop()


def credentials(institution) -> Path:
    return institution.root / "backup/srv-web01/csc.s3"


def at_csc(institution, store) -> dict[str, str]:
    """Ask the store's repository itself: the id in JAA's repository -> the id there."""
    command = [institution.root / "bin/restic-server", "--repo", f"s3:http://{store.address}/respaldos/srv-web01"]
    command += ["--password-file", institution.root / "backup/srv-web01/csc.key", "--no-cache", "--json"]
    answered = subprocess.run(
        [*command, "snapshots", "--no-lock"],
        env={"AWS_SHARED_CREDENTIALS_FILE": str(credentials(institution))},
        check=True,
        capture_output=True,
        timeout=LIMIT,
    )
    return {each["original"]: each["id"] for each in json.loads(answered.stdout)}


def test_what_is_delivered_to_a_store_is_there_once_and_proved(institution, store):
    """Breaks: CSC's store has nothing that can be restored, is sent the same again, or its secret is seen."""
    assert credentials(institution).stat().st_mode & 0o777 == 0o400
    (backup,) = institution.records("backup")
    record = delivered(institution)
    (file,) = record["files"]
    assert at_csc(institution, store) == {backup["file_name"]: file["csc_file"]}
    assert (file["bytes_received"], file["sha256"], file["matches"]) == (SIZE, backup["sha256"], True)
    assert record["destination"] == f"s3:http://{store.address}/respaldos/srv-web01"
    there = store.objects()
    assert there, "the packs are in the store"

    # What CSC rejects is read back again, under another folio; it is not sent again.
    said = acknowledge(institution, record["folio"], result="rejected", reason="no abre", **{"as": "CSC"})
    assert said.rc == 0, said.out
    assert delivered(institution)["files"] == record["files"]
    assert store.objects() == there
    ledger = b"".join(path.read_bytes() for path in institution.ledger.rglob("*") if path.is_file())
    assert SECRET.encode() not in ledger


def test_credentials_that_the_store_refuses_are_told_with_what_to_do(institution, store):
    """Breaks: CSC changes its secret, and a delivery hangs for a quarter of an hour and then speaks of signatures."""
    file = credentials(institution)
    file.chmod(0o600)
    file.write_text(file.read_text("utf-8").replace(SECRET, "otro"), "utf-8")
    failure = refused(institution, "CSC no acepta las credenciales de S3", "backup_server_csc_s3_secret", "deploy.yml")
    assert SECRET not in failure["error_message"]
    assert institution.start("deploy.yml", "--limit", "srv-web01").wait().rc == 0
    delivered(institution)
    assert [each["about_folio"] for each in institution.records("closing")] == [failure["folio"]]


def test_a_store_that_goes_away_midway_and_comes_back(institution, store):
    """Breaks: a store that is restarted costs the delivery, or half of one is recorded; one that is off is no news."""
    store.stop()
    refused(institution, "CSC no contesta")
    store.start()
    program, real = institution.root / "bin/restic-server", institution.root / "bin/restic-real"
    program.rename(real)
    slowly = "--limit-upload 2000 --pack-size 4"
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" copy "*) exec {real} "$@" {slowly} ;; esac\nexec {real} "$@"\n', "utf-8"
    )
    program.chmod(0o755)
    run = institution.start("deliver.yml")
    until(store.objects, "the first pack that arrives")
    store.stop()
    # Long enough for whatever is under way to fail.
    time.sleep(3)
    assert run.process.poll() is None and institution.records("delivery") == []
    store.start()
    done = run.wait()
    assert done.rc == 0, done.out
    (record,) = institution.records("delivery")
    assert at_csc(institution, store) == {each["file"]: each["csc_file"] for each in record["files"]}
    assert len(store.objects()) > 2, "it was in several packs"
