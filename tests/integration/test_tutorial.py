# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tutorial and JAA's manual, typed word by word at the sample institution, with a clock that is moved."""

from __future__ import annotations

import shutil

import pytest
from clock import Clock
from institution import copy_template
from reader import Reader
from sample import PORTAL, PORTAL_BYTES, Sample
from test_documents import ELSEWHERE


def the_servers_are_deployed(reader: Reader) -> None:
    """Before they came here, with passwords of the tests': the vault holds these from now on."""
    sample = reader.institution
    for server in sample.SERVERS:
        done = reader.type(
            f"ansible-vault encrypt_string --vault-password-file {reader.root}/vault-password "
            f'--name backup_client_repository_password "$(cat {sample.password})" '
            f">inventory/host_vars/{server}/vault.yml"
        )
        assert done.rc == 0, done.out


def the_night_passes(reader: Reader) -> None:
    reader.play("backup")


def escolares_is_down(reader: Reader) -> None:
    path = reader.institution.below("/srv/bases/db-escolares.sqlite")
    path.rename(path.with_suffix(".detenida"))


def escolares_is_up(reader: Reader) -> None:
    path = reader.institution.below("/srv/bases/db-escolares.sqlite")
    path.with_suffix(".detenida").rename(path)


def convocatorias_are_deleted(reader: Reader) -> None:
    shutil.rmtree(reader.institution.below(f"{PORTAL}/convocatorias"))


def the_disk_loses_a_bit(reader: Reader) -> None:
    """In what only portal-src has, which nothing compresses."""
    packs = (reader.root / "backup/srv-web01/repository/data").glob("*/*")
    (pack,) = (path for path in packs if PORTAL_BYTES < path.stat().st_size < PORTAL_BYTES + 10_000)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)


def lms_has_shrunk(reader: Reader) -> None:
    reader.institution.write_rows("db-lms", 1900)


def a_disk_is_plugged_in(reader: Reader) -> None:
    disk = reader.root / "disk"
    (reader.root / "media" / "dse-backup").mkdir()
    for command in (f"truncate -s 200M {disk}", f"mkfs.ext4 -q -F -m 0 {disk}"):
        done = reader.type(command)
        assert done.rc == 0, done.out


SCENES = {
    scene.__name__: scene
    for scene in (
        the_servers_are_deployed,
        the_night_passes,
        escolares_is_down,
        escolares_is_up,
        convocatorias_are_deleted,
        the_disk_loses_a_bit,
        lms_has_shrunk,
        a_disk_is_plugged_in,
    )
}


def at_the_sample(root, template) -> Reader:
    """Somebody at the sample institution, right after deploy.yml."""
    copy_template(template, root)
    sample = Sample(root)
    password = root / "vault-password"
    password.write_text("clave-de-la-bóveda\n", "utf-8")
    stands_for = {
        "ARCHIVO": str(password),
        "INVENTARIO": "inventory",
        "/dev/sdX1": str(root / "disk"),
    }
    reader = Reader(sample, stands_for=stands_for, scenes=SCENES, elsewhere=ELSEWHERE)
    # CSC's, mounted on the controller.
    (root / "media" / "csc").mkdir()
    sample.write_into(reader.checkout / "inventory")
    reader.clock = Clock(sample, "America/Mexico_City")
    return reader


@pytest.fixture(scope="module")
def reader(template, tmp_path_factory):
    made = at_the_sample(tmp_path_factory.mktemp("sample") / "institution", template)
    yield made
    made.close()


def test_the_tutorial_is_followed_from_the_empty_machine_to_the_auditor(reader):
    """Breaks: a command, a folio, an exit status or an answer that the tutorial shows."""
    reader.follow("docs/tutorial.md")


def test_the_manual_is_followed_after_it(reader):
    """Breaks: a command, a folio or an exit status of JAA's daily work; but for what the tutorial has typed."""
    reader.follow("docs/manual-jaa.md")


def test_the_page_for_a_disaster_prints_the_passwords(reader):
    """Its other commands are typed on real hosts, and where a repository burnt."""
    reader.follow("docs/recuperacion-de-desastre.md")
