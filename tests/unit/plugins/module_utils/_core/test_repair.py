# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.delivery import deliver
from ansible_collections.dse.backup.plugins.module_utils._core.integrity import verify
from ansible_collections.dse.backup.plugins.module_utils._core.prune import prune
from ansible_collections.dse.backup.plugins.module_utils._core.read_back import read_back
from ansible_collections.dse.backup.plugins.module_utils._core.repair import Recorded, repair
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic, ResticError

pytestmark = pytest.mark.engine


@pytest.fixture
def delivered(pair):
    deliver(pair.jaa, pair.csc, pair.wanted, read_back=False)
    return pair


def recorded(pair):
    return [Recorded(each.snapshot, each.snapshot, each.dump_sha256) for each in pair.wanted]


def mend(pair, wanted=None):
    return repair(pair.jaa, pair.csc, wanted or recorded(pair), aside(pair))


def aside(pair):
    return os.path.join(os.path.dirname(pair.jaa.repository), "repair")


def everything(restic):
    return {
        os.path.join(where, name): os.stat(os.path.join(where, name)).st_mtime_ns
        for where, _directories, names in os.walk(restic.repository)
        for name in names
        if "locks" not in where
    }


def packs(restic):
    found = [
        os.path.join(where, name) for where, _dirs, names in os.walk(f"{restic.repository}/data") for name in names
    ]
    return sorted(found, key=os.path.getsize, reverse=True)


def spoil(restic, how):
    if how == "one bit":
        flip(packs(restic)[0])
    elif how == "a pack is gone":
        os.unlink(packs(restic)[0])
    elif how == "directories":
        flip(packs(restic)[-1])
    elif how == "all data is gone":
        shutil.rmtree(os.path.join(restic.repository, "data"))
        os.mkdir(os.path.join(restic.repository, "data"), 0o700)
    elif how == "an index is gone":
        index = os.path.join(restic.repository, "index")
        os.unlink(os.path.join(index, sorted(os.listdir(index))[0]))
    elif how == "an index is damaged":
        index = os.path.join(restic.repository, "index")
        flip(os.path.join(index, sorted(os.listdir(index))[0]))
    else:
        snapshots = os.path.join(restic.repository, "snapshots")
        name = os.path.join(snapshots, sorted(os.listdir(snapshots))[0])
        flip(name) if how == "a snapshot is damaged" else os.unlink(name)


def flip(path):
    os.chmod(path, 0o600)
    with open(path, "r+b") as stream:
        stream.seek(os.path.getsize(path) // 3)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


DAMAGES = [
    *("one bit", "a pack is gone", "directories", "all data is gone"),
    *("an index is gone", "an index is damaged", "a snapshot is damaged", "a snapshot is gone"),
]


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_damaged_comes_back_from_csc_and_is_proved(delivered, how):
    # Faults 12. Breaks: what `copy` leaves out because it is "there" stays damaged.
    spoil(delivered.jaa, how)
    assert verify(delivered.jaa, "all", [each.snapshot for each in delivered.wanted]).result == "damaged"
    of_csc = everything(delivered.csc)
    done = mend(delivered)
    assert done.verification.result == "intact" and done.verification.read == "all"
    assert all(not each.problem and each.sha256 and each.size_bytes for each in done.backups)
    assert everything(delivered.csc) == of_csc, "CSC's copy is only read"
    now = {each.original: each.snapshot for each in done.backups}
    for each in delivered.wanted:
        assert not read_back(delivered.jaa, now.get(each.snapshot, each.snapshot), each.dump_sha256).problem
    originals = {each.get("original") or each["id"] for each in delivered.jaa.snapshots()}
    assert originals == {each.snapshot for each in delivered.wanted}
    assert not os.path.exists(aside(delivered))


def test_a_sound_repository_is_left_as_it_is(delivered):
    before = everything(delivered.jaa)
    done = mend(delivered)
    assert done.backups == [] and done.verification.result == "intact"
    assert everything(delivered.jaa) == before


def test_an_empty_repository_is_filled_again(delivered, empty_repository):
    # The backup server burnt: a new repository, with a password and a key of its own.
    shutil.rmtree(delivered.jaa.repository)
    shutil.copytree(empty_repository / "repository", delivered.jaa.repository)
    delivered.jaa = replace(delivered.jaa, password_file=str(empty_repository / "password"))
    done = mend(delivered)
    assert done.verification.result == "intact" and len(done.backups) == 3
    assert mend(delivered, [Recorded(each.snapshot, each.original) for each in done.backups]).backups == []


def test_what_was_mended_can_be_mended_again(delivered):
    spoil(delivered.jaa, "all data is gone")
    first = mend(delivered)
    digests = {each.snapshot: each.dump_sha256 for each in delivered.wanted}
    wanted = [Recorded(each.snapshot, each.original, digests[each.original]) for each in first.backups]
    spoil(delivered.jaa, "all data is gone")
    again = mend(delivered, wanted)
    assert again.verification.result == "intact" and len(again.backups) == 3


def test_what_csc_does_not_have_stays_as_far_as_it_is(delivered):
    # Breaks: it is forgotten with the others, although nobody has another one.
    only_here = delivered._backup(9)
    spoil(delivered.jaa, "all data is gone")
    done = mend(delivered, [*recorded(delivered), Recorded(only_here, only_here)])
    problems = {each.original: each.problem for each in done.backups}
    assert problems.pop(only_here).startswith("CSC no lo tiene")
    assert set(problems.values()) == {""}
    assert done.verification.damaged_snapshots == [only_here]
    assert only_here in {each["id"] for each in delivered.jaa.snapshots()}
    # Whoever prunes is not kept waiting for it.
    assert not [name for name in os.listdir(aside(delivered)) if len(name) == 64]


def test_what_an_earlier_repair_left_aside_comes_back_also_where_csc_cannot_help(delivered):
    only_here = delivered._backup(9)
    os.mkdir(aside(delivered))
    shutil.move(
        os.path.join(delivered.jaa.repository, "snapshots", only_here), os.path.join(aside(delivered), only_here)
    )
    mend(delivered, [*recorded(delivered), Recorded(only_here, only_here)])
    assert only_here in {each["id"] for each in delivered.jaa.snapshots()}


def test_where_csc_s_copy_is_damaged_too_nothing_is_lost(delivered):
    # Breaks: what was taken out of the way is not brought back.
    spoil(delivered.jaa, "one bit")
    for path in packs(delivered.csc):
        flip(path)
    done = mend(delivered)
    assert done.verification.result == "damaged"
    hit = [each for each in done.backups if each.problem]
    assert hit
    ids = {each["id"] for each in delivered.jaa.snapshots()}
    assert {each.original for each in hit} <= ids


def test_what_csc_made_of_it_since_is_not_taken(delivered):
    """Breaks: CSC's word about itself is the proof, and what was still readable is removed for it."""
    (first, second, dump) = recorded(delivered)
    trees = {each["id"]: each["tree"] for each in delivered.jaa.snapshots()}
    first = first._replace(tree="ef" * 32)
    second = second._replace(tree=trees[second.snapshot])
    spoil(delivered.jaa, "all data is gone")
    done = mend(delivered, [first, second, dump])
    problems = {each.original: each.problem for each in done.backups}
    assert problems == {
        first.original: "la copia de CSC no es lo que se le entregó",
        second.original: "",
        dump.original: "",
    }
    assert first.snapshot in {each["id"] for each in delivered.jaa.snapshots()}


@pytest.mark.parametrize("where", ["repair", "snapshots"])
def test_what_is_set_aside_comes_back_whatever_happens(delivered, monkeypatch, where):
    """Breaks: a repair that fails midway leaves backups out of the repository, and a pruning drops their data."""
    spoil(delivered.jaa, "a pack is gone")
    before = {each["id"] for each in delivered.jaa.snapshots()}
    answer, listed = Restic.answer, Restic.snapshots

    def fails(self, verb, *arguments, **how):
        if verb == where:
            raise ResticError("no hay espacio en el disco")
        return answer(self, verb, *arguments, **how)

    def lists(self, *ids):
        if where == "snapshots" and any(os.scandir(aside(delivered)) if os.path.isdir(aside(delivered)) else []):
            raise ResticError("no hay espacio en el disco")
        return listed(self, *ids)

    monkeypatch.setattr(Restic, "answer", fails)
    monkeypatch.setattr(Restic, "snapshots", lists)
    with pytest.raises(ResticError):
        flip(packs(delivered.jaa)[0])
        mend(delivered)
    monkeypatch.undo()
    assert {each["id"] for each in delivered.jaa.snapshots()} == before


def test_while_a_repair_is_half_done_nothing_is_pruned(delivered):
    os.mkdir(aside(delivered))
    name = os.path.join(aside(delivered), delivered.files[0])
    shutil.move(os.path.join(delivered.jaa.repository, "snapshots", delivered.files[0]), name)
    with pytest.raises(ResticError, match="una reparación a medias"):
        prune(delivered.jaa, [delivered.files[1]])
    assert delivered.files[1] in {each["id"] for each in delivered.jaa.snapshots()}


def test_packs_that_were_taken_out_before_are_in_nobody_s_way(delivered):
    spoil(delivered.jaa, "one bit")
    os.makedirs(aside(delivered))
    for path in packs(delivered.jaa):
        shutil.copy(path, os.path.join(aside(delivered), f"pack-{os.path.basename(path)}"))
    assert mend(delivered).verification.result == "intact"


def test_without_csc_s_repository_nothing_is_touched(delivered):
    spoil(delivered.jaa, "one bit")
    before = everything(delivered.jaa)
    shutil.rmtree(delivered.csc.repository)
    with pytest.raises(ResticError):
        mend(delivered)
    assert everything(delivered.jaa) == before


@pytest.mark.parametrize("cut", ["before the copy", "after the copy"])
def test_a_repair_that_was_cut_off_is_made_again(delivered, cut):
    spoil(delivered.jaa, "a pack is gone")
    hit = verify(delivered.jaa, "all").damaged_snapshots
    os.mkdir(aside(delivered))
    for name in hit:
        shutil.move(os.path.join(delivered.jaa.repository, "snapshots", name), os.path.join(aside(delivered), name))
    if cut == "after the copy":
        delivered.jaa.output("repair", "index")
        copies = [each["id"] for each in delivered.csc.snapshots() if each["original"] in hit]
        assert delivered.jaa.copy_from(delivered.csc, copies).code == 0
    done = mend(delivered)
    assert done.verification.result == "intact"
    assert {each.original for each in done.backups} == set(hit)
    assert len(delivered.jaa.snapshots()) == 3
