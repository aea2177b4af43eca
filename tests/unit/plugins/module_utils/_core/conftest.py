# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two copies: JAA's repository with backups in it, and CSC's."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.delivery import Wanted
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic

DUMP = b"-- a dump\n" * 40_000


class Pair:
    """JAA's repository with three backups, a dump among them, and CSC's, which is empty."""

    def __init__(self, directory, program):
        self.source = directory / "source"
        self.jaa, self.csc = (self._restic(directory / who, program) for who in ("jaa", "csc"))
        self.jaa.output("init")
        copy_parameters = ["--copy-chunker-params", "--from-repo", self.jaa.repository]
        self.csc.output("init", *copy_parameters, "--from-password-file", self.jaa.password_file)
        (self.source / "sub").mkdir(parents=True)
        (self.source / "empty").write_bytes(b"")
        (self.source / "sub" / "odd\nname\udcff").write_bytes(b"x" * 1234)
        os.link(self.source / "sub" / "odd\nname\udcff", self.source / "linked")
        (self.source / "link").symlink_to("empty")
        self.files = [self._backup(number) for number in range(2)]
        (directory / "lms.sql").write_bytes(DUMP)
        self.dump_size = len(DUMP)
        self.dump = self.jaa.backup([str(directory / "lms.sql")], host="srv", tags=["item=lms"]).snapshot_id
        self.wanted = [*map(Wanted, self.files), Wanted(self.dump, hashlib.sha256(DUMP).hexdigest())]

    @staticmethod
    def _restic(directory, program):
        directory.mkdir()
        (directory / "password").write_text(f"the password of {directory.name}\n")
        return Restic(str(directory / "repository"), str(directory / "password"), program)

    def _backup(self, number):
        (self.source / f"file{number}").write_bytes(os.urandom(400_000))
        return self.jaa.backup([str(self.source)], host="srv", tags=["item=a"]).snapshot_id

    def at_csc(self):
        return {each["original"]: each["id"] for each in self.csc.snapshots()}


@pytest.fixture(scope="module")
def filled(tmp_path_factory, restic_program):
    directory = tmp_path_factory.mktemp("pair")
    return directory, Pair(directory, restic_program)


@pytest.fixture
def pair(filled, tmp_path):
    """A copy of them that a test may spoil."""
    directory, first = filled
    shutil.copytree(directory, tmp_path / "pair", symlinks=True)
    own = object.__new__(Pair)
    own.__dict__.update(first.__dict__)
    for who in ("jaa", "csc"):
        place = tmp_path / "pair" / who
        moved = dataclasses.replace(
            getattr(first, who), repository=str(place / "repository"), password_file=str(place / "password")
        )
        setattr(own, who, moved)
    return own
