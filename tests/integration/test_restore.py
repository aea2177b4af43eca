# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What JAA restores comes back, nothing is lost by it, and it stands in FOR 7.5 DSE 05."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path

import pytest

WHO = {"restore_reason": "accidental_deletion", "restore_requester": "Portal Institucional"}


def restore(institution, *arguments, **answers):
    said = [part for key, value in {**WHO, **answers}.items() if value for part in ("-e", f"{key}='{value}'")]
    return institution.start("restore.yml", *arguments, *said).wait()


def tree(directory: Path) -> dict[str, bytes | None]:
    """Return every path below ``directory`` with its content; None for a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in directory.rglob("*")
    }


def previewed(out: str, heading: str) -> list[str]:
    """Return the paths that a preview names under ``heading``."""
    lines = out[out.index(heading) :].splitlines()[1:]
    paths = []
    for line in lines:
        match = re.fullmatch(r" {4,}[\d.]+ \S+  (/.*)", line)
        if not match:
            break
        paths.append(match[1])
    return paths


@pytest.fixture
def portal(institution):
    """An item of three files, one of them in a directory of its own, backed up once."""
    item = institution.files("portal-media")
    source = Path(item["paths"][0])
    (source / "fotos").mkdir()
    (source / "fotos" / "uno.bin").write_bytes(os.urandom(3000))
    (source / "leeme.txt").write_text("versión uno\n", "utf-8")
    institution.register("srv-web01", item)
    done = institution.backup()
    assert done.rc == 0, done.out
    institution.source = source
    return institution


def test_a_restore_brings_back_everything_below_the_target_and_is_recorded(portal):
    """Breaks: a file is missing or differs, its path is not the full original one, or no recovery is recorded."""
    target = portal.root / "recuperado"
    before = tree(portal.source)
    done = restore(portal, restore_item="portal-media", restore_target=target, restore_verify="true")
    assert done.rc == 0, done.out
    assert tree(target / str(portal.source).lstrip("/")) == before == tree(portal.source)
    (record,) = portal.records("recovery")
    (backup,) = portal.records("backup")
    assert (record["form_code"], record["result"]) == ("FOR 7.5 DSE 05", "restored")
    assert (record["backup_folio"], record["file_name"]) == (backup["folio"], backup["file_name"])
    assert (record["reason"], record["requester_area"]) == ("accidental_deletion", "Portal Institucional")
    assert record["restored_bytes"] == sum(len(content) for content in before.values() if content is not None)
    assert record["sha256_matches"] is True
    assert (record["destination"], record["destination_server"]) == (str(target), "srv-web01")
    assert record["overwrite_allowed"] is False and "safety_file_name" not in record
    assert f"acknowledge.yml -e acknowledge_folio={record['folio']} -e acknowledge_as=CGDW" in done.out
    assert portal.records("failure") == []


@pytest.mark.parametrize("how", ["--check", "restore_preview"])
def test_the_effect_is_what_the_preview_announced_file_by_file(portal, how):
    """Breaks: the preview writes something, or names other files than the restore then writes."""
    target = portal.root / "recuperado"
    ledger = portal.records()
    arguments, answers = (("--check",), {}) if how == "--check" else ((), {"restore_preview": "true"})
    done = restore(portal, *arguments, restore_item="portal-media", restore_target=target, **answers)
    assert done.rc == 0, done.out
    assert not target.exists()
    assert portal.records() == ledger
    announced = previewed(done.out, "Se escribirían")
    assert len(announced) == 3
    assert restore(portal, restore_item="portal-media", restore_target=target).rc == 0
    assert sorted(announced) == sorted(str(path) for path in target.rglob("*") if path.is_file())


def test_in_place_replaces_what_differs_leaves_the_rest_and_can_be_undone(portal):
    """Breaks: a file that is not in the backup is lost, or undo does not bring back the bytes from before."""
    changed, added, lost = (portal.source / name for name in ("leeme.txt", "nuevo.txt", "fotos/uno.bin"))
    changed.write_text("versión dos, que vale\n", "utf-8")
    added.write_text("no estaba en el respaldo\n", "utf-8")
    backed_up = lost.read_bytes()
    lost.unlink()
    before = tree(portal.source)
    preview = restore(portal, "--check", restore_item="portal-media", restore_in_place="true")
    assert preview.rc == 0, preview.out
    assert previewed(preview.out, "Se escribirían") == [str(lost)]
    assert str(changed) in previewed(preview.out, "Se reemplazarían")
    assert str(added) in previewed(preview.out, "Quedarían igual")
    assert tree(portal.source) == before
    done = restore(portal, restore_item="portal-media", restore_in_place="true")
    assert done.rc == 0, done.out
    assert changed.read_text("utf-8") == "versión uno\n"
    assert (added.read_text("utf-8"), lost.read_bytes()) == ("no estaba en el respaldo\n", backed_up)
    (record,) = portal.records("recovery")
    assert record["overwrite_allowed"] is True and record["safety_file_name"]
    assert f"restore_undo={record['folio']}" in done.out
    done = restore(portal, restore_undo=record["folio"])
    assert done.rc == 0, done.out
    assert tree(portal.source) == before
    assert portal.records("recovery")[-1]["undoes_folio"] == record["folio"]
    # Neither safety snapshot is taken for a backup of the item.
    portal.backup("-e", "backup_force=true")
    assert len(portal.records("backup")) == 2


@pytest.mark.parametrize("target", ["not empty", "live", "above", "inside"])
def test_a_target_that_is_live_or_not_empty_is_refused(portal, target):
    """Breaks: anything is written where something is, without being told so."""
    occupied = portal.root / "ocupado"
    occupied.mkdir()
    (occupied / "ajeno.txt").write_text("de otro\n", "utf-8")
    places = {"not empty": occupied, "live": portal.source, "above": portal.source.parent,
              "inside": portal.source / "fotos"}  # fmt: skip
    before = tree(portal.root / "data"), tree(occupied)
    done = restore(portal, restore_item="portal-media", restore_target=places[target])
    assert done.rc != 0, done.out
    assert (tree(portal.root / "data"), tree(occupied)) == before
    (record,) = portal.records("recovery")
    assert record["result"] == "not_restored"
    (failure,) = portal.records("failure")
    assert (failure["failure_stage"], failure["about_folio"]) == ("restore", record["folio"])
    assert failure["error_message"] in done.out


def test_only_some_paths(portal):
    target = portal.root / "recuperado"
    only = f"{portal.source}/fotos"
    assert restore(portal, restore_item="portal-media", restore_target=target, restore_include=only).rc == 0
    assert [path.name for path in target.rglob("*") if path.is_file()] == ["uno.bin"]
    assert portal.records("recovery")[-1]["included_paths"] == [only]
    again = portal.root / "otro"
    done = restore(portal, restore_item="portal-media", restore_target=again, restore_include="/no/existe")
    assert done.rc != 0 and "/no/existe" in done.out
    assert not again.exists()


def test_every_wrong_answer_is_named_at_once_and_nothing_is_contacted_or_recorded(portal):
    before, contacted = portal.records(), portal.contacted()
    done = portal.start("restore.yml", "-e", "restore_item=portal-medias", "-e", "restore_as_of=ayer").wait()
    assert done.rc != 0
    for part in ("¿quiso decir «portal-media»?", "restore_as_of", "restore_target", "restore_reason",
                 "restore_requester"):  # fmt: skip
        assert part in done.out, done.out
    assert (portal.records(), portal.contacted()) == (before, contacted)


def test_an_older_version_and_another_server(portal):
    """Breaks: the newest one is restored whatever was asked, or another server cannot be restored to."""
    (first,) = portal.records("backup")
    (portal.source / "leeme.txt").write_text("versión dos\n", "utf-8")
    assert portal.backup("-e", "backup_force=true").rc == 0
    target = portal.root / "recuperado"
    done = restore(portal, restore_folio=first["folio"], restore_target=f"srv-db01:{target}")
    assert done.rc == 0, done.out
    assert (target / str(portal.source).lstrip("/") / "leeme.txt").read_text("utf-8") == "versión uno\n"
    record = portal.records("recovery")[-1]
    assert (record["server"], record["destination_server"]) == ("srv-web01", "srv-db01")
    assert not list(portal.root.glob("hosts/*/state/guest-*")), "the other repository's password was left behind"

    # The password may lie in a vault, which nobody opened.
    portal.password.rename(portal.root / "cerrada")
    done = restore(portal, restore_folio=first["folio"], restore_target=f"srv-db01:{target}-2")
    assert done.rc == 2 and "repita la orden con --vault-password-file" in done.out, done.out
    assert (portal.records("recovery")[-1], portal.records("failure")) == (record, [])


def test_a_server_that_cannot_be_reached_is_a_failure_of_the_restore(portal):
    portal.host_vars["srv-web01"] = {
        "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1
    }  # fmt: skip
    done = restore(portal, restore_item="portal-media", restore_target=portal.root / "x")
    assert done.rc != 0
    (failure,) = portal.records("failure")
    assert (failure["failure_stage"], failure["item_id"]) == ("restore", "portal-media")
    assert "no se pudo contactar" in failure["error_message"]


def rows(path) -> list[tuple]:
    with sqlite3.connect(path) as connection:
        return sorted(connection.execute("SELECT * FROM alumno"))


@pytest.fixture
def escolares(institution):
    """A SQLite database of 200 rows, backed up once."""
    path = institution.root / "data" / "escolares.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alumno (id INTEGER PRIMARY KEY, nombre TEXT)")
        connection.executemany("INSERT INTO alumno (nombre) VALUES (?)", [(f"Peña {n}",) for n in range(200)])
    item = institution.files(
        "escolares",
        repository_type="database",
        information_type="database",
        database={"engine": "sqlite", "path": str(path)},
        paths=None,
    )
    institution.register("srv-db01", item)
    done = institution.backup()
    assert done.rc == 0, done.out
    institution.database = path
    return institution


def test_a_database_is_restored_beside_the_live_one_and_compared(escolares):
    """Breaks: rows are missing, the live database is touched, or nobody counted."""
    target = escolares.root / "copia.sqlite"
    before = rows(escolares.database)
    done = restore(escolares, restore_item="escolares", restore_target=target)
    assert done.rc == 0, done.out
    assert rows(target) == before == rows(escolares.database)
    (record,) = escolares.records("recovery")
    assert (record["rows_match"], record["schema_matches"], record["sha256_matches"]) == (True, True, True)
    assert record["table_rows"] == ["alumno: 200 de 200"]


def test_a_deleted_table_comes_back_in_place_and_the_state_before_is_kept(escolares):
    """Breaks: the developer's table stays lost, or what was there before cannot be brought back."""
    before = rows(escolares.database)
    with sqlite3.connect(escolares.database) as connection:
        connection.execute("DROP TABLE alumno")
        connection.execute("CREATE TABLE posterior (x)")
    done = restore(escolares, restore_item="escolares", restore_in_place="true")
    assert done.rc == 0, done.out
    assert rows(escolares.database) == before
    (record,) = escolares.records("recovery")
    done = restore(escolares, restore_undo=record["folio"])
    assert done.rc == 0, done.out
    with sqlite3.connect(escolares.database) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("posterior",)]
