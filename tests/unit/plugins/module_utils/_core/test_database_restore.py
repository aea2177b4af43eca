# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQLite for real, some of it from a real repository; what only servers can show is tried on the real hosts."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import (
    database_restore,
    databases,
    scratch_server,
    sqlite_files,
)
from ansible_collections.dse.backup.plugins.module_utils._core.database_programs import DatabaseError
from ansible_collections.dse.backup.plugins.module_utils._core.database_restore import preview, restore
from ansible_collections.dse.backup.plugins.module_utils._core.database_servers import (
    Copy,
    Mariadb,
    Postgresql,
    _of_new_roles,
)
from ansible_collections.dse.backup.plugins.module_utils._core.restic import ResticError, Stored
from ansible_collections.dse.backup.plugins.module_utils._core.restore_error import RestoreError
from ansible_collections.dse.backup.tests.unit.factories import database_item

NAME = "á b?#%41.sqlite"


def make(path):
    with databases.sqlite(str(path), "rwc") as opened:
        opened.executescript('CREATE TABLE a (x); CREATE TABLE "b \' ; """ (y); INSERT INTO a VALUES (\'uno\')')
    # Some service's, and neither root's nor its own directory's.
    os.chown(path, 1234, 4321)
    path.chmod(0o640)


def sqlite_item(path):
    return database_item(database={"engine": "sqlite", "path": str(path)})


class Shelf:
    """What a restoration uses of restic, with directories for snapshots: restic itself takes a second for each call."""

    def __init__(self, directory):
        self.directory = directory
        self.tags = {}

    def backup(self, paths, *, host, tags):
        snapshot = f"{len(self.tags):064x}"
        self.tags[snapshot] = list(tags)
        subprocess.run(["cp", "-a", *paths, self.of(snapshot)], check=True)
        return Stored(snapshot)

    def of(self, snapshot):
        (self.directory / snapshot).mkdir(exist_ok=True, parents=True)
        return self.directory / snapshot

    def snapshots(self, ids):
        return [{"id": snapshot, "tags": self.tags[snapshot]} for snapshot in ids]

    def nodes(self, snapshot):
        for path in self.of(snapshot).rglob("*"):
            kind = "dir" if path.is_dir() else "file"
            yield {"type": kind, "name": path.name, "path": str(path), "size": path.stat().st_size}

    def read_text(self, snapshot, path):
        return Path(path).read_text(encoding="utf-8")

    def restore(self, snapshot, directory, *, on_status):
        on_status({"percent_done": 0.5, "bytes_restored": 1, "total_bytes": 2})
        subprocess.run(["cp", "-a", self.of(snapshot), f"/proc/{os.getpid()}/fd/{directory}/content"], check=True)


class World:
    """A service's database, its backup in a repository, and how to ask for it back."""

    def __init__(self, top, restic):
        self.restic = restic
        self.home = top / "srv"
        self.home.mkdir()
        self.path = self.home / NAME
        make(self.path)
        os.chown(self.home, 1234, 4321)
        self.staging = top / "state/staging"
        self.staging.mkdir(parents=True, mode=0o700)
        self.config = {"server": "srv", "staging_dir": str(self.staging), "state_dir": str(top / "state")}
        self.item = sqlite_item(self.path)
        staged = str(self.staging / self.item["id"])
        dump = databases.dump(self.item, staged)
        stored = restic.backup([staged], host="srv", tags=[f"sha256={dump.sha256}", f"engine={dump.engine}"])
        shutil.rmtree(staged)
        self.wanted = {"item": self.item, "target": "", "snapshot": stored.snapshot_id, "sha256": dump.sha256}

    def restore(self, **more):
        try:
            return restore(self.config, {**self.wanted, **more}, self.restic, lambda news: None, "run-1")
        finally:
            assert os.listdir(self.staging) == []

    def refusal(self, **more):
        with pytest.raises(RestoreError) as error:
            self.restore(**more)
        return error.value

    def preview(self, **more):
        before = [sorted(os.walk(directory)) for directory in (self.home, self.staging)]
        told = preview(self.config, {**self.wanted, **more}, self.restic)
        assert [sorted(os.walk(directory)) for directory in (self.home, self.staging)] == before
        return told

    def change(self):
        with databases.sqlite(str(self.path), "rw") as opened:
            opened.executescript("DELETE FROM a; INSERT INTO a VALUES ('dos'), ('tres')")


@pytest.fixture
def world(in_memory):
    # The services of these tests are other users: what belongs to them, they have to reach.
    in_memory.chmod(0o755)
    return World(in_memory, Shelf(in_memory / "shelf"))


def content(path):
    with databases.sqlite(str(path), "ro") as opened:
        return [value for (value,) in opened.execute("SELECT x FROM a ORDER BY x")]


def test_with_the_real_engine_a_restore_in_place_and_its_undo(in_memory, restic):
    in_memory.chmod(0o755)
    world = World(in_memory, restic)
    world.change()
    size = world.preview(in_place=True)["replaced"][0]["size"]
    facts = world.restore(in_place=True)
    assert (content(world.path), facts["restored_bytes"]) == (["uno"], size)
    world.restore(in_place=True, undo=facts["safety_snapshot"])
    assert content(world.path) == ["dos", "tres"]
    world.path.unlink()
    world.restore()
    assert (content(world.path), world.path.stat().st_uid) == (["uno"], 1234)


def test_a_deleted_database_is_itself_again_with_owner_and_mode(world):
    world.path.unlink()
    told = world.preview()
    size = told["written"][0].pop("size")
    assert told == {
        "written": [{"path": str(world.path), "type": "database"}],
        "replaced": [],
        "left": [],
        "refusals": [],
        "remarks": [],
    }
    facts = world.restore()
    assert content(world.path) == ["uno"]
    status = world.path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 4321, 0o640)
    assert (facts["restored_bytes"], facts["entry_count"], facts["sha256_matches"]) == (size, 2, True)
    assert facts["database"]["tables"] == {
        "a": {"expected": 1, "found": 1},
        "b ' ; \"": {"expected": 0, "found": 0},
    }
    assert facts["database"]["rows_match"] and facts["database"]["schema_matches"]
    assert facts["safety_snapshot"] is None
    assert os.listdir(world.home) == [NAME]


def test_at_another_place_it_is_root_s_alone_and_the_directory_is_made(world):
    target = world.home / "nueva/copia.sqlite"
    facts = world.restore(target=str(target))
    assert content(target) == ["uno"] and target.stat().st_mode & 0o777 == 0o600 and target.stat().st_uid == 0
    assert any("0600" in remark for remark in facts["remarks"])


def test_a_live_one_is_refused_unless_said(world):
    # Faults 18: and what is there is not even opened.
    world.change()
    before = world.path.read_bytes()
    words = "ya existe"
    assert words in world.preview()["refusals"][0]
    assert words in str(world.refusal())
    assert world.path.read_bytes() == before and os.listdir(world.home) == [NAME]


def test_in_place_and_back_again(world):
    world.change()
    assert world.preview(in_place=True)["replaced"][0]["path"] == str(world.path)
    facts = world.restore(in_place=True)
    assert content(world.path) == ["uno"] and world.path.stat().st_uid == 1234
    tags = world.restic.snapshots([facts["safety_snapshot"]])[0]["tags"]
    assert {"safety=run-1", f"safety-of={world.item['id']}"} <= set(tags)
    assert not any(tag.startswith("item=") for tag in tags)
    undone = world.restore(in_place=True, undo=facts["safety_snapshot"])
    assert content(world.path) == ["dos", "tres"] and undone["sha256_matches"]
    # An undo can be undone.
    world.restore(in_place=True, undo=undone["safety_snapshot"])
    assert content(world.path) == ["uno"]


def test_undo_at_another_place_goes_back_to_that_place(world):
    other = world.home / "otra.sqlite"
    shutil.copy(world.path, other)
    with databases.sqlite(str(other), "rw") as opened:
        opened.execute("INSERT INTO a VALUES ('otra')")
    facts = world.restore(target=str(other), in_place=True)
    world.restore(in_place=True, undo=facts["safety_snapshot"])
    assert content(other) == ["otra", "uno"] and content(world.path) == ["uno"]


def test_a_directory_of_root_s_alone_needs_no_other_s_rights(world):
    # What its owner only reads lies where its owner could not write a journal.
    os.chown(world.home, 0, 0)
    world.change()
    world.restore(in_place=True)
    assert content(world.path) == ["uno"] and world.path.stat().st_uid == 1234


def test_a_program_that_has_it_open_sees_what_came_back(world):
    world.change()
    service = sqlite3.connect(world.path)
    service.execute("PRAGMA journal_mode = WAL")
    service.execute("SELECT * FROM a").fetchall()
    facts = world.restore(in_place=True)
    assert service.execute("SELECT x FROM a").fetchall() == [("uno",)]
    # The safety dump is of a database with a write-ahead log, and lies where only root may make one.
    world.restore(in_place=True, undo=facts["safety_snapshot"])
    assert service.execute("SELECT x FROM a").fetchall() == [("dos",), ("tres",)]
    service.close()


def test_a_damaged_live_one_is_kept_beside(world):
    # Perhaps the very reason for restoring: no dump of it can be made.
    world.path.write_bytes(b"not a database at all" * 999)
    facts = world.restore(in_place=True)
    assert content(world.path) == ["uno"]
    (kept,) = (name for name in os.listdir(world.home) if name != NAME)
    assert (world.home / kept).read_bytes() == b"not a database at all" * 999
    assert kept in facts["remarks"][0] and facts["safety_snapshot"] is None
    assert world.path.stat().st_uid == 1234


def test_a_journal_of_a_database_that_is_gone_does_not_reach_the_new_one(world):
    # SQLite would play it back into whatever lies beside it.
    world.path.unlink()
    (world.home / f"{NAME}-journal").write_bytes(b"old")
    facts = world.restore()
    assert content(world.path) == ["uno"] and not (world.home / f"{NAME}-journal").exists()
    assert "-journal.anterior-" in facts["remarks"][0]


def test_another_digest_stops_everything(world):
    error = world.refusal(sha256="0" * 64, in_place=True)
    assert "huella" in str(error) and error.facts["sha256_matches"] is False
    assert content(world.path) == ["uno"]


def test_nothing_is_replaced_before_its_safety_snapshot_is_stored(world, monkeypatch):
    world.change()

    def fail(*args, **how):
        raise ResticError("el repositorio no responde")

    monkeypatch.setattr(world.restic, "backup", fail)
    assert "no responde" in str(world.refusal(in_place=True))
    assert content(world.path) == ["dos", "tres"]


def test_what_does_not_equal_the_dump_is_taken_back(world, monkeypatch):
    world.change()
    overwrite = sqlite_files.overwrite
    calls = []

    def lossy(path, source):
        overwrite(path, source)
        calls.append(source)
        if len(calls) == 1:
            with databases.sqlite(path, "rw") as opened:
                opened.execute("DELETE FROM a")

    monkeypatch.setattr(sqlite_files, "overwrite", lossy)
    error = world.refusal(in_place=True)
    assert "a (1 y 0)" in str(error) and "otra vez lo que había" in str(error)
    assert error.facts["database"]["rows_match"] is False and error.facts["safety_snapshot"]
    assert content(world.path) == ["dos", "tres"]


class Stop(BaseException):
    pass


def test_who_is_stopped_still_says_where_the_safety_snapshot_is(world, monkeypatch):
    world.change()

    def stop(path, source):
        monkeypatch.undo()
        raise Stop("alto")

    monkeypatch.setattr(sqlite_files, "overwrite", stop)
    with pytest.raises(Stop, match=r"alto; .* tiene otra vez lo que había") as stopped:
        world.restore(in_place=True)
    assert len(stopped.value.facts["safety_snapshot"]) == 64
    assert content(world.path) == ["dos", "tres"]


@pytest.mark.parametrize("kind", ["file", "parent", "directory"])
def test_links_and_other_things_in_the_way_are_refused(world, kind):
    # Faults 18: nothing outside is touched.
    outside = world.home / "outside"
    outside.mkdir()
    (outside / "victim").write_text("intact", encoding="utf-8")
    target = world.home / "target"
    if kind == "directory":
        target.mkdir()
    else:
        target.symlink_to(outside / "victim" if kind == "file" else outside)
    where = target / "victim" if kind == "parent" else target
    words = "no es un archivo" if kind == "directory" else "enlace simbólico"
    assert words in world.preview(target=str(where), in_place=True)["refusals"][0]
    assert words in str(world.refusal(target=str(where), in_place=True))
    assert (outside / "victim").read_text(encoding="utf-8") == "intact"


def test_a_file_that_becomes_a_link_is_opened_with_its_owner_s_rights_only(world, monkeypatch):
    # Faults 19: the service, hostile, swaps its file for a link to root's while root works on it.
    victim = world.home / "root.sqlite"
    shutil.copy(world.path, victim)
    victim.chmod(0o600)
    os.chown(victim, 0, 0)
    before = victim.read_bytes()
    connect = sqlite3.connect

    def swap(database, **how):
        if "mode=rw" in database:
            acting = os.geteuid()
            os.seteuid(0)
            world.path.unlink()
            world.path.symlink_to(victim)
            os.seteuid(acting)
        return connect(database, **how)

    source = world.staging / "source.sqlite"
    make(source)
    monkeypatch.setattr(databases.sqlite3, "connect", swap)
    with pytest.raises(DatabaseError):
        sqlite_files.overwrite(str(world.path), str(source))
    assert victim.read_bytes() == before and os.geteuid() == 0


def test_a_file_that_appears_meanwhile_is_not_overwritten(world):
    with pytest.raises(DatabaseError, match="ya existe"):
        sqlite_files.place(str(world.path), str(world.path), owner=(0, 0), mode=0o600)
    assert os.listdir(world.home) == [NAME] and content(world.path) == ["uno"]


def test_a_drill_touches_nothing_of_the_service(world):
    world.change()
    before = (world.path.read_bytes(), os.listdir(world.home))
    assert world.preview(drill=True)["written"] == []
    facts = world.restore(drill=True)
    assert facts["database"]["rows_match"] and facts["entry_count"] == 2
    assert (world.path.read_bytes(), os.listdir(world.home)) == before


def test_a_snapshot_of_something_else_is_named(world, tmp_path):
    (tmp_path / "other").write_text("x", encoding="utf-8")
    stored = world.restic.backup([str(tmp_path / "other")], host="srv", tags=[])
    assert "no contiene" in str(world.refusal(snapshot=stored.snapshot_id))
    assert "no es el respaldo de seguridad" in str(world.refusal(undo=world.wanted["snapshot"]))


def test_what_a_killed_restore_left_is_removed_and_what_another_uses_is_not(world):
    abandoned, used = world.staging / ".database-muerta", world.staging / ".database-en-uso"
    for directory in (abandoned, used):
        (directory / "server").mkdir(parents=True)
        os.utime(directory, (1, 1))
    lock = os.open(used, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with database_restore._workspace(str(world.staging)):
        left = os.listdir(world.staging)
    os.close(lock)
    assert abandoned.name not in left and used.name in left
    shutil.rmtree(used)


# --- Servers ----------------------------------------------------------------------------------------------------------

GLOBALS = """CREATE ROLE vieja;
ALTER ROLE vieja WITH LOGIN PASSWORD 'no';
CREATE ROLE "nu; eva";
ALTER ROLE "nu; eva" WITH LOGIN PASSWORD 'SCRAM';
ALTER ROLE "nu; eva" SET search_path TO 'a';
ALTER ROLE "nu; eva" IN DATABASE x SET search_path TO 'b';
COMMENT ON ROLE "nu; eva" IS 'CREATE ROLE vieja;';
COMMENT ON DATABASE vieja IS 'x';
GRANT vieja TO "nu; eva" WITH ADMIN OPTION GRANTED BY nadie;
GRANT "nu; eva" TO vieja GRANTED BY postgres;
"""


def test_roles_that_exist_are_never_altered():
    # Faults 17: the missing ones come back whole, with what they belong to.
    told = _of_new_roles(GLOBALS, {"nu; eva"})
    assert [line.strip() for line in told] == [
        'CREATE ROLE "nu; eva";',
        "ALTER ROLE \"nu; eva\" WITH LOGIN PASSWORD 'SCRAM';",
        "ALTER ROLE \"nu; eva\" SET search_path TO 'a';",
        "COMMENT ON ROLE \"nu; eva\" IS 'CREATE ROLE vieja;';",
        'GRANT vieja TO "nu; eva" WITH ADMIN OPTION ;',
    ]


ITSELF = """SET client_encoding = 'UTF8';
CREATE DATABASE escolares WITH TEMPLATE = template0 ENCODING = 'UTF8' TABLESPACE = "rá; pido" LOCALE = 'C';
ALTER DATABASE escolares OWNER TO app;
\\connect escolares
COMMENT ON DATABASE escolares IS 'uno;
ALTER DATABASE escolares OWNER TO intruso;';
ALTER ROLE app IN DATABASE escolares SET work_mem TO '7MB';
GRANT CONNECT ON DATABASE escolares TO app;
SELECT pg_catalog.set_config('x', 'y', false);
"""


def test_a_database_s_own_settings_never_reach_the_one_they_came_from(tmp_path, monkeypatch):
    programs = database_restore.programs
    monkeypatch.setattr(
        programs, "query", lambda *args, **how: "4; 1262 5 DATABASE - escolares app\n5; 0 0 TABLE x y z"
    )
    monkeypatch.setattr(programs, "run", lambda *args, **how: ITSELF.encode())
    copy = Copy(str(tmp_path), "file", "escolares")
    made, settings = Postgresql({})._itself(copy, 'co"pia')
    name = '"co""pia"'
    assert made == f"CREATE DATABASE {name} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';\n"
    assert settings == (
        f"ALTER DATABASE {name} OWNER TO app;\n"
        f"COMMENT ON DATABASE {name} IS 'uno;\nALTER DATABASE escolares OWNER TO intruso;';\n"
        f"ALTER ROLE app IN DATABASE {name} SET work_mem TO '7MB';\n"
        f"GRANT CONNECT ON DATABASE {name} TO app;\n"
    )
    assert (tmp_path / "database.list").read_text(encoding="utf-8") == "4; 1262 5 DATABASE - escolares app\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "`a``` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_bin */",
            "CHARACTER SET latin1 COLLATE latin1_bin",
        ),
        ("`a` /*!40100 DEFAULT CHARACTER SET utf8mb4 */ COMMENT '` /*!40100 x'", "CHARACTER SET utf8mb4"),
        ("", ""),
    ],
)
def test_a_mariadb_database_gets_its_own_character_set(tmp_path, text, words):
    if text:
        (tmp_path / "create.sql").write_text(f"a\tCREATE DATABASE {text}\n", encoding="utf-8")
    server = Mariadb({})
    assert server._character_set(Copy(str(tmp_path), "file", "a")) == words
    assert bool(server.remarks) == (not text)


@pytest.mark.parametrize(
    ("have", "needed", "older"),
    [
        ("PostgreSQL 15.2", "PostgreSQL 15.14", False),
        ("PostgreSQL 14.9", "PostgreSQL 15.1", True),
        ("MariaDB 10.11.6", "MariaDB 10.11.19", False),
        ("MariaDB 10.6.1", "MariaDB 10.11.6", True),
        ("MySQL 8.0.36", "MariaDB 10.11.6", True),
        ("MariaDB 11.4.1", "MySQL 8.0.36", True),
    ],
)
def test_versions_are_compared_before_anything_is_touched(have, needed, older):
    assert database_restore._is_older(have, needed) is older


def test_a_drill_that_this_host_cannot_make_is_refused_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch_server.programs, "user", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "falta el programa «mariadbd»" in scratch_server.lacking({"engine": "mariadb"}, "MariaDB 10.11.6")[0]
    assert "PostgreSQL 99 o posterior" in scratch_server.lacking({"engine": "postgresql"}, "PostgreSQL 99.1")[0]
    assert scratch_server.lacking({"engine": "sqlite"}, "SQLite 3") == []


def test_a_directory_that_nobody_may_pass_is_named(tmp_path):
    tmp_path.chmod(0o700)
    inner = tmp_path / "staging"
    inner.mkdir(mode=0o700)
    with pytest.raises(DatabaseError, match="no puede pasar por"):
        scratch_server.let_in([str(inner)])
    assert inner.stat().st_mode & 0o777 == 0o711
