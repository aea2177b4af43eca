# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.integrity import Verification, _blobs_of, verify
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError


@pytest.fixture(scope="module")
def filled(tmp_path_factory, empty_repository, restic_program):
    """Three backups: each adds a file of its own to those before. Returns the repository and the ids, in order."""
    directory = tmp_path_factory.mktemp("filled")
    shutil.copytree(empty_repository, directory / "storage")
    restic = Restic(str(directory / "storage/repository"), str(directory / "storage/password"), restic_program)
    source = directory / "source"
    ids = []
    for number in range(3):
        (source / f"d{number}").mkdir(parents=True)
        (source / f"d{number}" / "file").write_bytes(os.urandom(200_000))
        ids.append(restic.backup([str(source)], host="srv", tags=["item=a"]).snapshot_id)
    return directory / "storage", ids


@pytest.fixture
def repository(filled, tmp_path, restic_program):
    """A copy of it that a test may spoil."""
    shutil.copytree(filled[0], tmp_path / "storage")
    storage = tmp_path / "storage"
    return Restic(str(storage / "repository"), str(storage / "password"), restic_program), filled[1]


def packs(restic):
    """The files of data and trees, the largest first."""
    found = [
        os.path.join(where, name) for where, _dirs, names in os.walk(f"{restic.repository}/data") for name in names
    ]
    return sorted(found, key=os.path.getsize, reverse=True)


def flip(path, position):
    os.chmod(path, 0o600)
    with open(path, "r+b") as stream:
        stream.seek(position, os.SEEK_END if position < 0 else os.SEEK_SET)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


def test_a_sound_repository_is_intact(repository):
    restic, ids = repository
    assert verify(restic, "all", ids) == Verification("all", checked_snapshots=3)
    assert verify(restic, "structure", ids).result == "intact"


@pytest.mark.parametrize("spoil", ["a bit in the data", "a bit in the header", "truncated", "deleted"])
def test_a_damaged_pack_is_found_and_the_backups_that_need_it_are_named(repository, spoil):
    # Faults 12.
    restic, ids = repository
    path = packs(restic)[0]
    users = restic.users_of(_blobs_of(restic, {os.path.basename(path)}))
    assert users
    if spoil == "deleted":
        os.unlink(path)
    elif spoil == "truncated":
        os.truncate(path, 5000)
    else:
        flip(path, 5000 if spoil == "a bit in the data" else -3)
    found = verify(restic, "all", ids)
    assert found.result == "damaged"
    assert set(found.damaged_snapshots) == users
    assert any(os.path.basename(path) in error for error in found.errors)
    # Only what is gone or short shows without reading: why all data has its turn.
    assert verify(restic, "structure", ids).result == ("damaged" if spoil in ("deleted", "truncated") else "intact")


def test_the_share_that_holds_the_damage_finds_it_and_no_other(repository):
    restic, ids = repository
    path = packs(restic)[0]
    flip(path, 5000)
    first_byte = int(os.path.basename(path)[:2], 16)
    assert verify(restic, f"{first_byte % 60 + 1}/60", ids).result == "damaged"
    assert verify(restic, f"{(first_byte + 1) % 60 + 1}/60", ids).result == "intact"
    assert verify(restic, f"{first_byte % 4 + 1}/4", ids).result == "damaged"


def test_damaged_directories_hit_the_backups_that_have_them(repository):
    restic, ids = repository
    # What is smallest holds directories, of one backup or of several.
    path = packs(restic)[-1]
    flip(path, os.path.getsize(path) // 3)
    hit = [snapshot for snapshot in sorted(ids) if not can_be_walked(restic, snapshot)]
    assert hit
    found = verify(restic, "structure", ids)
    assert found.result == "damaged" and found.damaged_snapshots == hit


def can_be_walked(restic, snapshot):
    try:
        return bool(list(restic.nodes(snapshot)))
    except ResticError:
        return False


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_snapshot_that_is_damaged_or_gone_is_named(repository, how):
    restic, ids = repository
    path = f"{restic.repository}/snapshots/{ids[1]}"
    if how == "damaged":
        flip(path, 40)
    else:
        os.unlink(path)
    found = verify(restic, "structure", ids)
    assert found.damaged_snapshots == [ids[1]] and found.checked_snapshots == 2
    assert ids[1] in found.errors[0]
    # What the ledger does not expect to be there is not missed.
    if how == "missing":
        assert verify(restic, "structure", [ids[0], ids[2]]).result == "intact"


def test_a_missing_index_hits_what_it_listed(repository):
    restic, ids = repository
    name = sorted(os.listdir(f"{restic.repository}/index"))[0]
    listed = {blob["id"] for pack in json.loads(restic.output("cat", "--no-lock", "index", name))["packs"]
              for blob in pack["blobs"] if blob["type"] == "data"}  # fmt: skip
    users = restic.users_of(listed)
    os.unlink(f"{restic.repository}/index/{name}")
    assert users <= set(verify(restic, "structure", ids).damaged_snapshots)


def test_while_an_index_is_damaged_nothing_can_be_restored(repository):
    restic, ids = repository
    name = sorted(os.listdir(f"{restic.repository}/index"))[0]
    flip(f"{restic.repository}/index/{name}", 40)
    found = verify(restic, "structure", ids)
    assert set(found.damaged_snapshots) == set(ids)
    assert any("mientras no se repare" in error for error in found.errors)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password_file": "{0}/wrong"}, "la contraseña del repositorio no es correcta"),
        ({"program": "{0}/no-restic"}, "no se puede ejecutar"),
    ],
)
def test_what_cannot_be_opened_is_not_called_damaged(repository, tmp_path, change, words):
    # Faults 27.
    restic, ids = repository
    (tmp_path / "wrong").write_text("incorrecta\n", encoding="utf-8")
    broken = dataclasses.replace(restic, **{key: value.format(tmp_path) for key, value in change.items()})
    with pytest.raises(ResticError, match=words):
        verify(broken, "structure", ids)


def test_nothing_is_written(repository):
    restic, ids = repository
    flip(packs(restic)[0], 5000)
    before = {path: os.stat(path).st_mtime_ns for path in _everything(restic.repository)}
    verify(restic, "all", ids)
    assert {path: os.stat(path).st_mtime_ns for path in _everything(restic.repository)} == before


def _everything(directory):
    return [os.path.join(where, name) for where, dirs, names in os.walk(directory) for name in (*dirs, *names)]


def fake(tmp_path, check, find="echo '[]'"):
    """A restic of our own making, whose check and find do as they are told."""
    for name in ("snapshots", "index"):
        (tmp_path / "repository" / name).mkdir(parents=True)
    program = tmp_path / "restic"
    program.write_text(
        "#!/bin/sh\n"
        'for verb; do case "$verb" in\n'
        f"check) {check};;\nfind) {find}; exit;;\nsnapshots) echo '[]'; exit;;\nesac; done\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return Restic(str(tmp_path / "repository"), "/nowhere", str(program))


def test_what_shows_only_once_is_not_believed(tmp_path):
    # A backup that arrives meanwhile.
    once = (
        f"[ -e {tmp_path}/seen ] && exit 0; touch {tmp_path}/seen; echo 'Fatal: repository contains errors' >&2; exit 1"
    )
    assert verify(fake(tmp_path, once), "all").result == "intact"


def test_plain_text_is_understood_too(tmp_path):
    # Before 0.18 check had no JSON.
    pack = "ab" * 32
    plain = f"echo 'pack {pack}: does not exist'; echo 'Fatal: repository contains errors' >&2; exit 1"
    found = verify(fake(tmp_path, plain), "all")
    assert found.errors[0] == f"pack {pack}: does not exist"


@pytest.mark.parametrize("code", [1, 2, 3, 11, 130])
def test_a_check_that_could_not_be_made_is_no_damage(tmp_path, code):
    with pytest.raises(ResticError):
        verify(fake(tmp_path, f"echo 'Fatal: unable to open config' >&2; exit {code}"), "all")


def test_hostile_names_neither_forge_a_backup_nor_reach_the_screen(tmp_path):
    forged = "cd" * 32
    check = "printf 'Fatal: repository contains errors \\033[2J\\n' >&2; printf 'error \\033[31m\\n' >&2; exit 1"
    line = f" ... which belongs to snapshot {forged}"
    find = f"""printf '%s\\n' '[{{"path":"/a{line}\\"snapshot\\":\\"{forged}"}}]'"""
    found = verify(fake(tmp_path, check, find), "structure")
    assert found.damaged_snapshots == [] and found.errors == ["error \\x1b[31m"]
