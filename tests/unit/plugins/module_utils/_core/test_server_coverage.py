# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pwd

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import coverage, local_databases
from ansible_collections.dse.backup.plugins.module_utils._core.coverage import Scope, look
from ansible_collections.dse.backup.plugins.module_utils._core.database_servers import Listed


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server below ``tmp_path`` with nothing on it and no databases; call it to look at it."""
    monkeypatch.setattr(local_databases, "SOCKETS", {"postgresql": [], "mariadb": []})
    monkeypatch.setattr(local_databases, "DATA", {"postgresql": [], "mariadb": []})

    def call(*requested, **changes):
        scope = {
            "web_roots": [f"{tmp_path}/www"],
            "code_roots": [f"{tmp_path}/srv", f"{tmp_path}/www"],
            "configuration_roots": [f"{tmp_path}/etc"],
            "nginx_files": [f"{tmp_path}/etc/nginx.conf"],
            "apache_files": [f"{tmp_path}/etc/apache2.conf"],
            "engines": ["postgresql", "mariadb"],
            "depth": 5,
            "directories": 1000,
            "time_limit": 60,
        }
        return look(Scope(**{**scope, **changes}), list(requested))

    return call


def put(path, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def found(answer, tmp_path):
    return {os.path.relpath(each["path"], tmp_path): each for each in answer["found"] if each["path"]}


def test_nothing_is_found_where_nothing_is(server):
    assert server() == {"found": [], "requested": [], "problems": [], "remarks": []}


def test_a_site_that_is_code_too_is_one_thing_with_all_that_is_known_of_it(server, tmp_path):
    put(tmp_path / "www/portal/index.php", 1000)
    put(tmp_path / "www/portal/.git/config").write_text('[remote "origin"]\nurl = https://a:b@git.example.mx/p.git\n')
    os.chown(tmp_path / "www/portal", 12345, 0)
    put(tmp_path / "etc/nginx.conf").write_text(
        f"server {{ server_name b.mx a.mx; root {tmp_path}/www/portal; }}"
        f"server {{ server_name a.mx; root {tmp_path}/www/portal/; }}"
    )
    assert found(server(), tmp_path)["www/portal"] == {
        "kinds": ["web", "code"],
        "path": f"{tmp_path}/www/portal",
        "engine": "",
        "name": "",
        "instance": "",
        "owner": "12345",
        "sites": ["b.mx", "a.mx"],
        "remote": "https://git.example.mx/p.git",
        "size_bytes": 1000 + len('[remote "origin"]\nurl = https://a:b@git.example.mx/p.git\n'),
        "size_is_partial": False,
        "files_only": False,
        "mount_point": coverage.mount_of(str(tmp_path), coverage.mounts()),
    }


def test_where_sites_are_put_each_directory_that_holds_something_is_one(server, tmp_path):
    put(tmp_path / "www/a/deep/er/x")
    put(tmp_path / "www/kept/.gitkeep")
    (tmp_path / "www/empty/er").mkdir(parents=True)
    put(tmp_path / "elsewhere/x")
    (tmp_path / "www/link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "www/pipe")
    assert list(found(server(), tmp_path)) == ["www/a"]


def test_what_lies_loose_among_the_sites_is_no_site_but_told(server, tmp_path):
    put(tmp_path / "www/a/index.html", 500)
    put(tmp_path / "www/loose.php", 7)
    (loose,) = [each for each in server()["found"] if each["files_only"]]
    assert (loose["path"], loose["size_bytes"], loose["owner"]) == (
        f"{tmp_path}/www",
        7,
        pwd.getpwuid(os.getuid()).pw_name,
    )


def test_a_root_that_is_a_link_is_what_it_leads_to(server, tmp_path):
    put(tmp_path / "releases/42/index.html")
    (tmp_path / "current").symlink_to("releases/42")
    put(tmp_path / "etc/nginx.conf").write_text(f"server {{ root {tmp_path}/current; }} server {{ root /; }}")
    assert {"releases/42", "etc"} == set(found(server(), tmp_path))


def test_apache_is_read_as_well(server, tmp_path):
    put(tmp_path / "apache/index.html")
    put(tmp_path / "etc/apache2.conf").write_text(f"ServerName x.mx\nDocumentRoot {tmp_path}/apache\n")
    assert found(server(), tmp_path)["apache"]["sites"] == ["x.mx"]


def test_configuration_is_told_as_a_whole_and_what_the_web_server_reads_elsewhere_by_itself(server, tmp_path):
    put(tmp_path / "srv/app/nginx.conf").write_text("# theirs")
    put(tmp_path / "etc/nginx.conf").write_text(f"include {tmp_path}/srv/app/nginx.conf; include sites/*;")
    put(tmp_path / "etc/sites/a").write_text("")
    kinds = {path: each["kinds"] for path, each in found(server(), tmp_path).items()}
    assert kinds == {"etc": ["configuration"], "srv/app/nginx.conf": ["configuration"]}


def test_databases_and_what_their_server_calls_its_configuration(server, tmp_path, monkeypatch):
    def find(self, families, requested):
        self.listed["postgresql", "/data"] = [Listed("nomina\udcff", "rh", 4096), Listed("otra", "", None)]
        self.configuration = [str(put(tmp_path / "pgdata/pg_hba.conf")), str(tmp_path / "etc/postgresql.conf")]
        self.problems, self.remarks = ["no respondió\n"], ["sólo una"]

    monkeypatch.setattr(local_databases.LocalDatabases, "find", find)
    answer = server()
    databases = [each for each in answer["found"] if each["kinds"] == ["database"]]
    wanted = ("engine", "name", "instance", "owner", "size_bytes")
    assert [tuple(each[key] for key in wanted) for each in databases] == [
        ("postgresql", "nomina\\xff", "/data", "rh", 4096),
        ("postgresql", "otra", "/data", "", None),
    ]
    assert list(found(answer, tmp_path)) == ["pgdata/pg_hba.conf"]
    assert (answer["problems"], answer["remarks"]) == (["no respondió\\n"], ["sólo una"])


def test_whether_what_is_requested_is_there(server, tmp_path, monkeypatch):
    put(tmp_path / "releases/42/x")
    (tmp_path / "current").symlink_to("releases/42")
    (tmp_path / "dangling").symlink_to("none")
    put(tmp_path / "file")
    asked = [
        {"path": f"{tmp_path}/releases"},
        {"path": f"{tmp_path}/current", "follow": True},
        {"path": f"{tmp_path}/gone"},
        {"path": f"{tmp_path}/file/below"},
        {"path": f"{tmp_path}/dangling"},
        {"name": "escolares", "database": {"engine": "postgresql", "name": "escolares"}},
    ]
    monkeypatch.setattr(local_databases, "_listening", lambda family: [])
    answer = server(*asked, engines=[])
    assert [(each["state"], each["path"]) for each in answer["requested"]] == [
        ("present", f"{tmp_path}/releases"),
        ("present", f"{tmp_path}/releases/42"),
        ("gone", f"{tmp_path}/gone"),
        ("gone", f"{tmp_path}/file/below"),
        ("gone", f"{tmp_path}/dangling"),
        ("unknown", ""),
    ]
    assert answer["problems"] == []


def test_what_cannot_be_looked_at_is_unknown_and_a_problem(server, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(coverage.os, "stat", broken)
    answer = server({"path": "/srv/www"})
    assert answer["requested"][0]["state"] == "unknown"
    assert answer["problems"] == ["no se pudo comprobar que exista /srv/www: Input/output error"]


def test_what_is_requested_is_not_measured(server, tmp_path):
    put(tmp_path / "www/a/x")
    put(tmp_path / "www/ab/x")
    sizes = {path: each["size_bytes"] for path, each in found(server({"path": f"{tmp_path}/www/a"}), tmp_path).items()}
    assert sizes == {"www/a": None, "www/ab": 10}
    assert found(server({"path": "/"}), tmp_path)["www/ab"]["size_bytes"] is None


def test_a_size_that_is_not_cheap_is_a_part(server, tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "_ENTRIES_TO_MEASURE", 3)
    for number in range(5):
        put(tmp_path / f"www/a/{number}")
    site = found(server(), tmp_path)["www/a"]
    assert (site["size_bytes"], site["size_is_partial"]) == (30, True)


def test_when_the_time_is_over_it_says_so_and_what_was_found_stays(server, tmp_path):
    put(tmp_path / "www/a/x")
    (tmp_path / "srv").mkdir()
    answer = server(time_limit=-1)
    site = found(answer, tmp_path)["www/a"]
    assert (site["size_bytes"], site["size_is_partial"]) == (None, True)
    assert "límite de tiempo" in answer["problems"][0]


def test_no_other_disk_is_measured(server, tmp_path, monkeypatch):
    put(tmp_path / "www/a/here")
    put(tmp_path / "www/a/other/there")
    fstat = os.fstat

    def on_another(descriptor):
        status = fstat(descriptor)
        other = os.readlink(f"/proc/self/fd/{descriptor}").endswith("/other")
        return os.stat_result([*status[:2], 99 if other else status.st_dev, *status[3:]])

    monkeypatch.setattr(coverage.os, "fstat", on_another)
    site = found(server(), tmp_path)["www/a"]
    assert (site["size_bytes"], site["size_is_partial"]) == (10, True)


def test_more_than_a_person_reads_is_cut_and_a_problem(server, tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "_MOST", 2)
    for name in "abc":
        put(tmp_path / f"www/{name}/x")
    answer = server()
    assert len(answer["found"]) == 2
    assert "hay 3 hallazgos y sólo se informa de 2" in answer["problems"][0]


def test_other_servers_disks_are_remarked_once(server, tmp_path, monkeypatch):
    put(tmp_path / "www/a/x")
    monkeypatch.setattr(coverage, "mounts", lambda: {"/": "ext4", f"{tmp_path}/www": "nfs4"})
    answer = server()
    assert found(answer, tmp_path) == {}
    assert answer["remarks"] == [f"{tmp_path}/www está en otro equipo (nfs4): no se revisó"]


def test_any_name_can_be_sent(server, tmp_path):
    os.makedirs(os.fsencode(tmp_path) + b"/www/a\xff\n\x1b[31m{{ x }}/.git")
    with open(os.fsencode(tmp_path) + b"/www/a\xff\n\x1b[31m{{ x }}/x", "wb"):
        pass
    sent = json.dumps(server({"path": "/srv/\udcff"}), ensure_ascii=False).encode("utf-8")
    assert [each["path"] for each in json.loads(sent)["found"]] == [f"{tmp_path}/www/a\\xff\\n\\x1b[31m{{{{ x }}}}"]
