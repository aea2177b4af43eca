# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import csv
import io
import json
import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import medium, medium_guide
from ansible_collections.dse.backup.plugins.module_utils._core.medium import Label, MediumError, Sought
from ansible_collections.dse.backup.plugins.module_utils._core.medium_guide import Guide, Row
from hypothesis import given
from hypothesis import strategies as st

UUID = "0b6f4c1e-2d3a-4f5b-8c7d-9e0f1a2b3c4d"
LABEL = Label("CSC-HD-11", UUID, "CSC", "DSE", "2026-11-23T09:00:00-06:00")
SOUGHT = Sought("/media/dse-backup", "CSC-HD-11", UUID, "el siguiente es CSC-HD-12")


@pytest.fixture
def root(tmp_path):
    """An open directory, as a medium's root is."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_a_label_is_read_as_it_was_written():
    assert Label.parse(LABEL.written()) == LABEL
    assert json.loads(LABEL.written())["version"] == 1


@given(st.binary(max_size=300))
def test_whatever_lies_there_instead_of_a_label_is_damaged(content):
    with pytest.raises(MediumError):
        Label.parse(content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*json.loads(LABEL.written()), "more"]), _JSON))
def test_no_json_passes_for_a_label_without_its_own_digest(changes):
    said = {**json.loads(LABEL.written()), **changes}
    if said == json.loads(LABEL.written()):
        return
    with pytest.raises(MediumError):
        Label.parse(json.dumps(said).encode())


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_one_bit_that_is_flipped_is_found_or_changes_nothing(position, bit):
    content = bytearray(LABEL.written())
    content[position % len(content)] ^= 1 << bit
    with contextlib.suppress(MediumError):
        assert Label.parse(bytes(content)) == LABEL, "only what is no part of it, as a space"


def test_a_label_of_a_newer_version_says_so():
    said = {**json.loads(LABEL.written()), "version": 2}
    with pytest.raises(MediumError, match="versión más nueva"):
        Label.parse(json.dumps(said).encode())


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (None, "no tiene etiqueta electrónica y se pidió CSC-HD-11"),
        (Label("CSC-HD-12", UUID, "CSC", "DSE", ""), "está montado CSC-HD-12 y se pidió CSC-HD-11"),
        (Label("CSC-HD-11", UUID.replace("0b", "0c"), "CSC", "DSE", ""), "hay dos medios con la clave CSC-HD-11"),
    ],
)
def test_only_the_wanted_medium_is_let_through(label, words):
    with pytest.raises(MediumError, match=words):
        medium.require(SOUGHT, label)
    medium.require(SOUGHT, LABEL)


def test_what_is_not_mounted_is_no_medium(tmp_path):
    with pytest.raises(MediumError, match="no hay ningún medio montado"), medium.mounted(str(tmp_path)):
        pass
    with pytest.raises(MediumError, match="ese directorio no existe"), medium.mounted(str(tmp_path / "none")):
        pass
    (tmp_path / "link").symlink_to("/proc")
    with pytest.raises(MediumError), medium.mounted(str(tmp_path / "link")):
        pass
    with medium.mounted("/proc") as root:
        assert medium.label_of(root) is None


def test_a_label_is_written_once_and_onto_what_is_empty(root, tmp_path):
    (tmp_path / "lost+found").mkdir()
    assert medium.write_label(root, LABEL) == LABEL
    assert (tmp_path / medium.LABEL_FILE).stat().st_mode & 0o777 == 0o644
    # Once more, as after a run that was cut off: the label that is there stays.
    second = Label("CSC-HD-11", UUID.replace("0b", "0c"), "CSC", "DSE", "")
    assert medium.write_label(root, second) == LABEL == medium.label_of(root)
    with pytest.raises(MediumError, match="es ya CSC-HD-11"):
        medium.write_label(root, Label("CSC-HD-12", UUID, "CSC", "DSE", ""), not_empty=True)
    os.unlink(tmp_path / medium.LABEL_FILE)
    (tmp_path / "a\x1b[31m").mkdir()
    with pytest.raises(MediumError, match=r"no está vacío \(a\\x1b\[31m\)"):
        medium.write_label(root, LABEL)
    assert medium.write_label(root, LABEL, not_empty=True) == LABEL


def test_a_label_that_is_no_file_or_never_ends_is_damaged(root, tmp_path):
    path = tmp_path / medium.LABEL_FILE
    for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/etc/passwd")):
        make()
        with pytest.raises(MediumError, match="está dañada"):
            medium.label_of(root)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    path.write_bytes(b" " * (1 << 20))
    with pytest.raises(MediumError, match="demasiado grande"):
        medium.label_of(root)


def test_a_file_is_written_whole_or_not_at_all(root, tmp_path):
    (tmp_path / "outside").write_text("untouched")
    (tmp_path / ".LEAME.txt.new").symlink_to(tmp_path / "outside")
    medium.write_file(root, "LEAME.txt", b"nuevo")
    assert (tmp_path / "LEAME.txt").read_text() == "nuevo" and (tmp_path / "outside").read_text() == "untouched"
    (tmp_path / "CONTENIDO.csv").mkdir()
    with pytest.raises(OSError):
        medium.write_file(root, "CONTENIDO.csv", b"nuevo")
    assert sorted(os.listdir(root)) == ["CONTENIDO.csv", "LEAME.txt", "outside"]


# --- What it carries --------------------------------------------------------------------------------------------------

ROW = Row("DSE-02-2026-0047", "portal-src", "srv-web01", "2026-11-21", "650117120", "ab" * 32, "cd" * 32, "K-2026-02")


@given(st.lists(st.lists(st.text(max_size=12), min_size=8, max_size=8), max_size=4))
def test_a_table_of_contents_is_one_row_a_backup_and_no_formula_whatever_the_names(several):
    rows = [Row(*each) for each in several]
    read = list(csv.reader(io.StringIO(medium_guide.contents_text(rows).removeprefix("\ufeff"))))
    assert len(read) == len(rows) + 1
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in read for cell in row)


def test_what_another_delivery_wrote_stays_and_nothing_is_there_twice(root, tmp_path):
    guide = Guide(LABEL, "Respaldos DSE")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho restic 0.18.0 compiled\n")
    program.chmod(0o755)
    other = ROW._replace(server="srv-db01", snapshot="ef" * 32, key_reference="K-2026-03")
    medium_guide.write(root, guide, [ROW], str(program))
    medium_guide.write(root, guide, [other], str(program))
    medium_guide.write(root, guide, [ROW], str(program))
    assert medium_guide.read_contents(root) == [other, ROW]
    text = (tmp_path / "LEAME.txt").read_text("utf-8")
    assert "Respaldos en este medio: 2" in text and "restic 0.18.0 compiled" in text
    assert "srv-db01: llave K-2026-03" in text and "srv-web01: llave K-2026-02" in text
    assert os.access(tmp_path / "restic", os.X_OK)
    digest, name = (tmp_path / "restic.sha256").read_text().split()
    assert name == "restic" and digest in text


@given(st.binary(max_size=200))
def test_a_table_of_contents_that_somebody_spoilt_stops_nothing(content):
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        root = os.open(directory, os.O_RDONLY)
        try:
            with open(os.path.join(directory, medium_guide.CONTENTS_FILE), "wb") as stream:
                stream.write(content)
            assert all(isinstance(each, Row) for each in medium_guide.read_contents(root))
        finally:
            os.close(root)


def test_instructions_are_narrow_enough_to_be_printed():
    text = medium_guide.guide_text(Guide(LABEL, "Respaldos DSE"), [ROW], "restic 0.18.0", "ab" * 32)
    assert max(map(len, text.splitlines())) <= 110 and "{" not in text.replace("{print", "")
