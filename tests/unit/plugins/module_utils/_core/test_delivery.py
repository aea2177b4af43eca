# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.delivery import Wanted, deliver
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError


def packs(restic):
    """The files of data and trees, the largest first."""
    found = [
        os.path.join(where, name) for where, _dirs, names in os.walk(f"{restic.repository}/data") for name in names
    ]
    return sorted(found, key=os.path.getsize, reverse=True)


def flip(path, position):
    os.chmod(path, 0o600)
    with open(path, "r+b") as stream:
        stream.seek(position)
        byte = stream.read(1)[0]
        stream.seek(position)
        stream.write(bytes([byte ^ 1]))


def test_what_is_delivered_is_proved_to_be_the_same(pair):
    done = deliver(pair.jaa, pair.csc, pair.wanted)
    assert [each.problem for each in done] == ["", "", ""]
    assert {each.snapshot: each.copy for each in done} == pair.at_csc()
    trees = {each["id"]: each["tree"] for each in pair.jaa.snapshots()}
    # The dump by its own digest, as it was read; files by their tree.
    assert [each.sha256 for each in done] == [*(trees[each] for each in pair.files), pair.wanted[2].dump_sha256]
    # Both names of the file that has two are read, as in the backup's own size.
    sizes = [
        sum(node.get("size", 0) for node in pair.jaa.nodes(each) if node["type"] == "file")
        for each in [*pair.files, pair.dump]
    ]
    assert [each.bytes_received for each in done] == sizes
    assert sizes[0] >= 2 * 1234 + 400_000 and sizes[2] == pair.dump_size


def test_what_is_there_is_not_sent_again(pair):
    deliver(pair.jaa, pair.csc, pair.wanted[:1])
    before = {path: os.stat(path).st_mtime_ns for path in packs(pair.csc)}
    there = pair.at_csc()
    assert [each.matches for each in deliver(pair.jaa, pair.csc, pair.wanted[:1])] == [True]
    assert {path: os.stat(path).st_mtime_ns for path in packs(pair.csc)} == before
    deliver(pair.jaa, pair.csc, pair.wanted)
    assert there.items() <= pair.at_csc().items() and len(pair.at_csc()) == 3


def test_a_delivery_that_was_killed_goes_on(pair):
    """Breaks: what a killed copy left behind keeps the next one out, or is taken for the whole."""
    command = pair.csc._command("copy", "--from-repo", pair.jaa.repository, "--limit-upload", "200")
    command += ["--from-password-file", pair.jaa.password_file, *pair.files]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2.5)
    process.kill()
    process.wait()
    assert len(pair.at_csc()) < 2
    assert [each.problem for each in deliver(pair.jaa, pair.csc, pair.wanted)] == ["", "", ""]


def test_one_that_cannot_be_read_does_not_keep_the_others(pair):
    """Breaks: a damaged backup stops the delivery of all, or is called delivered."""
    only_second = set(packs(pair.jaa))
    fresh = pair.jaa.backup([str(pair.source)], host="srv", tags=["item=b"]).snapshot_id
    (pair.source / "more").write_bytes(os.urandom(300_000))
    try:
        spoilt = pair.jaa.backup([str(pair.source)], host="srv", tags=["item=b"]).snapshot_id
    finally:
        (pair.source / "more").unlink()
    new = sorted(set(packs(pair.jaa)) - only_second, key=os.path.getsize)
    flip(new[-1], 1000)
    done = deliver(pair.jaa, pair.csc, [Wanted(fresh), Wanted(spoilt), *pair.wanted])
    assert [each.matches for each in done] == [True, False, True, True, True]
    assert done[1].problem and done[1].copy == ""


def test_what_csc_cannot_read_is_not_delivered(pair):
    """Breaks: equal ids are taken for equal bytes."""
    deliver(pair.jaa, pair.csc, pair.wanted)
    flip(packs(pair.csc)[0], 1000)
    done = deliver(pair.jaa, pair.csc, pair.wanted)
    assert not all(each.matches for each in done)
    (bad,) = {each.problem.split(":")[0] for each in done if each.problem}
    assert bad.startswith("en el repositorio de CSC no se pudo leer completo")
    assert all(each.copy and not each.sha256 for each in done if each.problem)


def test_a_dump_that_is_not_the_recorded_one_is_not_delivered(pair):
    (done,) = deliver(pair.jaa, pair.csc, [Wanted(pair.dump, "0" * 64)])
    assert "no tiene la huella registrada" in done.problem


def test_what_jaa_does_not_have_is_told(pair):
    done = deliver(pair.jaa, pair.csc, [Wanted("0" * 64), pair.wanted[0]])
    assert [each.problem for each in done] == ["no está en el repositorio de JAA", ""]


def test_jaas_password_is_refused(pair):
    shutil.copy(pair.jaa.password_file, f"{pair.csc.password_file}.new")
    pair.csc.output("key", "passwd", "--new-password-file", f"{pair.csc.password_file}.new")
    same = dataclasses.replace(pair.csc, password_file=pair.jaa.password_file)
    with pytest.raises(ResticError, match="la contraseña de JAA abre el repositorio de CSC"):
        deliver(pair.jaa, same, pair.wanted)
    assert same.snapshots() == []


def test_jaas_password_is_refused_as_one_of_several(pair):
    pair.csc.output("key", "add", "--new-password-file", pair.jaa.password_file)
    with pytest.raises(ResticError, match="la contraseña de JAA abre el repositorio de CSC"):
        deliver(pair.jaa, pair.csc, pair.wanted)
    assert pair.csc.snapshots() == []


def test_jaas_key_is_refused(pair):
    """Breaks: a repository that was copied file by file, and given another password, passes for CSC's own."""
    shutil.rmtree(pair.csc.repository)
    shutil.copytree(pair.jaa.repository, pair.csc.repository)
    borrowed = dataclasses.replace(pair.csc, password_file=pair.jaa.password_file)
    borrowed.output("key", "passwd", "--new-password-file", pair.csc.password_file)
    with pytest.raises(ResticError, match="tiene su misma llave"):
        deliver(pair.jaa, pair.csc, pair.wanted)


def test_a_repository_that_is_not_there_is_not_made(pair):
    """Breaks: where CSC's disk is not mounted, its directory fills the disk below."""
    shutil.rmtree(pair.csc.repository)
    with pytest.raises(ResticError, match=r"el repositorio de CSC no está en .*deploy\.yml"):
        deliver(pair.jaa, pair.csc, pair.wanted)
    assert not os.path.exists(pair.csc.repository)
