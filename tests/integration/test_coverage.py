# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nobody asked for is listed, what was asked for and is gone too, and nothing is written. 4.1.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_check_mode import _state

HOSTILE = "informe\x1b[31m{{ lookup('ansible.builtin.pipe', 'touch executed') }}\n\u202e=cmd()"

# Nothing listens there.
AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


class Servers:
    """An institution whose servers have a tree of their own each, in the place of /srv, /var/www and /etc."""

    def __init__(self, institution) -> None:
        self.institution = institution
        for server in institution.SERVERS:
            tree = self.tree(server)
            (tree / "etc").mkdir(parents=True)
            institution.host_vars[server] = {
                "coverage_web_roots": [f"{tree}/www"],
                "coverage_code_roots": [f"{tree}/srv", f"{tree}/www"],
                "coverage_configuration_roots": [f"{tree}/etc"],
                "coverage_nginx_files": [f"{tree}/etc/nginx.conf"],
                "coverage_apache_files": [],
                "coverage_engines": [],
            }

    def tree(self, server: str) -> Path:
        return self.institution.root / "trees" / server

    def put(self, server: str, name: str, text: str = "x") -> Path:
        file = self.tree(server) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def item(self, item_id: str, server: str, *names: str, **more):
        paths = [str(self.tree(server) / name) for name in names]
        return self.institution.files(item_id, paths=paths, **more)

    def request(self, **answers: str):
        """Answer request.yml, and take the inventory over without answers."""
        extra = {f"request_{key}": value for key, value in (answers or {"take_over": True}).items()}
        done = self.institution.start("request.yml", "-e", json.dumps(extra)).wait()
        assert done.rc == 0, done.out

    def look(self, *arguments: str):
        return self.institution.start("coverage.yml", *arguments).wait()

    def told(self, *arguments: str):
        """Return how it ended, and what it wrote as JSON."""
        output = self.institution.root / "coverage.json"
        done = self.look("-e", f"coverage_output={output}", *arguments)
        return done, json.loads(output.read_text("utf-8"))


@pytest.fixture
def servers(institution):
    return Servers(institution)


def names(servers, answer, situation="unrequested"):
    """Return what was listed, by server and the path below its tree."""
    return {
        (each["server"], os.path.relpath(each["path"], servers.tree(each["server"])))
        for each in answer["uncovered"]
        if each["situation"] == situation
    }


def test_what_nobody_asked_for_is_listed_once_for_all_servers_and_what_was_asked_for_is_not(servers):
    """Breaks: an unrequested site, repository or directory is not listed, or a requested one is."""
    web = servers.institution
    servers.put("srv-web01", "www/portal/index.php")
    servers.put("srv-web01", "www/blog/index.php", "y" * 2048)
    servers.put("srv-web01", "etc/nginx.conf",
                f"server {{ server_name blog.example.mx; root {servers.tree('srv-web01')}/www/blog; }}")  # fmt: skip
    servers.put("srv-db01", "srv/guiones/.git/config", '[remote "origin"]\nurl = https://ana:clave@git.example.mx/g\n')
    servers.put("srv-db01", "etc/ssh/sshd_config")
    servers.put("srv-db01", "etc/hosts")
    web.register("srv-web01", servers.item("portal", "srv-web01", "www/portal"),
                 servers.item("etc-web", "srv-web01", "etc", request_folio="DSE-05-2026-0002"))  # fmt: skip
    web.register("srv-db01", servers.item("etc-ssh", "srv-db01", "etc/ssh", request_folio="DSE-05-2026-0003"))
    servers.request()
    done, answer = servers.told()
    assert done.rc == 0, done.out
    assert names(servers, answer) == {("srv-web01", "www/blog"), ("srv-db01", "srv/guiones")}
    assert names(servers, answer, "partly") == {("srv-db01", "etc")}
    assert done.out.count("COBERTURA DE LOS RESPALDOS") == 1
    blog = next(line for line in done.out.splitlines() if "www/blog" in line)
    assert "srv-web01" in blog and "SIN SOLICITUD" in blog and "blog.example.mx" in blog and "2.0 KiB" in blog
    assert "https://git.example.mx/g" in done.out and "clave" not in done.out
    assert f"sí se respalda {servers.tree('srv-db01')}/etc/ssh (etc-ssh)" in done.out
    assert "SIN SOLICITUD: 2; SÓLO EN PARTE: 1. Servidores revisados por completo: 2 de 2." in done.out


def test_a_request_that_waits_is_named_with_its_folio_and_covers_once_it_is_accepted(servers):
    """Breaks: what is asked for already is asked for again, or a pending request passes for an accepted one."""
    servers.put("srv-web01", "www/blog/index.php")
    servers.institution.register("srv-web01")
    servers.request(
        requester="CGDW", area="Portal", contact="ana@example.mx", service="Blog", servers="srv-web01",
        repository_type="web_publication", information_type="images_documents",
        source=f"{servers.tree('srv-web01')}/www/blog", estimated_bytes="1 MiB", personal_data="false",
    )  # fmt: skip
    (request,) = servers.institution.records("backup_request")
    done, answer = servers.told()
    (blog,) = answer["uncovered"]
    assert [(each["folio"], each["why_not"]) for each in blog["unheard"]] == [
        (request["folio"], "JAA aún no la ha aceptado")
    ]
    assert f"{request['folio']}: JAA aún no la ha aceptado" in done.out
    servers.request(folio=request["folio"], decision="accepted")
    done, answer = servers.told()
    assert (done.rc, answer["uncovered"]) == (0, [])
    assert "TODO ESTÁ SOLICITADO" in done.out


def test_what_is_requested_and_gone_is_listed(servers):
    """Breaks: a source that somebody removed is found out when its backup fails, sixty days later."""
    servers.institution.register("srv-web01", servers.item("viejo", "srv-web01", "www/viejo"))
    servers.request()
    done, answer = servers.told()
    assert done.rc == 0, done.out
    (gone,) = answer["gone"]
    assert (gone["server"], gone["name"], gone["what"]) == (
        "srv-web01", "viejo", f"{servers.tree('srv-web01')}/www/viejo",
    )  # fmt: skip
    assert "YA NO EXISTE" in done.out and "lo pide viejo (DSE-05-2026-0001)" in done.out


def test_limit_looks_at_those_servers_alone(servers):
    """Breaks: --limit is not honoured, or the others are called not looked at."""
    servers.put("srv-web01", "www/a/x")
    servers.put("srv-db01", "www/b/x")
    done, answer = servers.told("--limit", "srv-db01")
    assert done.rc == 0, done.out
    assert names(servers, answer) == {("srv-db01", "www/b")}
    assert answer["servers"] == ["srv-db01"]


def _states(root):
    return [_state(root / name) for name in ("ledger", "trees", "hosts") if (root / name).exists()]


@pytest.mark.parametrize("there_is_one", [False, True])
def test_nothing_is_written_but_the_file_that_is_asked_for_and_in_check_mode_not_even_that(servers, there_is_one):
    """Breaks: a look leaves a trace: in the ledger, on a server, or a file in check mode."""
    institution = servers.institution
    servers.put("srv-web01", "www/a/x")
    institution.register("srv-web01", institution.files("portal-media"))
    if there_is_one:
        servers.request()
    before = _states(institution.root)
    checked = servers.look("--check", "-e", f"coverage_output={institution.root}/coverage.json")
    assert checked.rc == 0, checked.out
    assert "www/a" in checked.out
    assert not (institution.root / "coverage.json").exists()
    done, _answer = servers.told()
    assert done.rc == 0, done.out
    assert _states(institution.root) == before
    assert institution.ledger.exists() == there_is_one
    assert (institution.root / "coverage.json").stat().st_mode & 0o777 == 0o600


def test_a_server_that_cannot_be_looked_at_is_named_the_others_are_shown_and_it_fails(servers):
    """Breaks: a server that is away looks like one on which all is well, or hides the others."""
    servers.put("srv-web01", "www/a/x")
    servers.institution.host_vars["srv-db01"].update(AWAY)
    done, answer = servers.told()
    assert done.rc == 2, done.out
    assert "✗ srv-db01: no se pudo contactar por SSH: " in done.out
    assert names(servers, answer) == {("srv-web01", "www/a")}
    assert list(answer["problems"]) == ["srv-db01"]
    assert "Servidores revisados por completo: 1 de 2." in done.out
    # Neither is one that is there and cannot answer; nor is the report lost because none is left.
    for server in servers.institution.SERVERS:
        broken = {"ansible_connection": "local", "ansible_python_interpreter": "/nowhere/python"}
        servers.institution.host_vars[server].update(broken)
    alone = servers.look()
    assert alone.rc == 2
    assert "✗ srv-web01: " in alone.out and "✗ srv-db01: " in alone.out
    assert "NO SE SABE SI TODO ESTÁ SOLICITADO. Servidores revisados por completo: 0 de 2." in alone.out


def test_a_look_that_is_not_complete_fails_too(servers):
    """Breaks: what was cut short passes for all there is."""
    for number in range(5):
        (servers.tree("srv-web01") / f"srv/{number}").mkdir(parents=True)
    done, answer = servers.told("-e", "coverage_directories=3")
    assert done.rc == 2, done.out
    assert "límite de directorios" in answer["problems"]["srv-web01"][0]
    assert "✗ srv-web01: " in done.out


def test_a_file_that_cannot_be_written_is_said_before_any_server_is_looked_at(servers):
    """Breaks: the look takes minutes, and its result is lost."""
    for place in ("/nowhere/coverage.json", str(servers.institution.root)):
        done = servers.look("-e", f"coverage_output={place}")
        assert done.rc == 2
        assert f"coverage_output: no se puede escribir {place}" in done.out
        assert "COBERTURA" not in done.out


def test_hostile_names_are_harmless(servers):
    """Breaks: a name's markup is evaluated, its escape sequence reaches the terminal, or its newline makes a line."""
    site = servers.tree("srv-web01") / "www"
    os.makedirs(os.fsencode(site) + os.fsencode(f"/{HOSTILE}\udcff"))
    with open(os.fsencode(site) + os.fsencode(f"/{HOSTILE}\udcff/x"), "w"):
        pass
    servers.put("srv-db01", "srv/a/.git/config", '[remote "origin"]\nurl = https://h/\x1b]0;x\x07{{ 1 + 1 }}\n')
    for verbosity in ("-v", "-vvv"):
        done, answer = servers.told(verbosity)
        assert done.rc == 0, done.out
        assert "\x1b" not in done.out and "\u202e" not in done.out
    assert len(answer["uncovered"]) == 2
    listed = next(line for line in done.out.splitlines() if "SIN SOLICITUD" in line and "informe" in line)
    assert "{{ lookup('ansible.builtin.pipe', 'touch executed') }}\\n\\u202e=cmd()\\xff" in listed
    assert not list(servers.institution.root.rglob("executed")) and not Path("executed").exists()


FORGED = {"kinds": ["web"], "path": "/srv/falso\x1b[31m", "owner": "x", "backup_records": [{"record_type": "failure"}]}


@pytest.mark.parametrize(
    ("lie", "rc", "said"),
    [
        ({"failed": True, "msg": "fal\x1b[31mló"}, 2, "✗ srv-web01: fal\\x1b[31mló"),
        ({"skipped": True}, 2, "✗ srv-web01: la respuesta del servidor no se entiende"),
        ({"found": "x", "requested": {}}, 2, "✗ srv-web01: la respuesta del servidor no se entiende"),
        ({"found": [FORGED], "requested": [{"state": "present"}]}, 2, "✗ srv-web01: la respuesta"),
        ({"found": [FORGED, 7, {"path": 1}], "requested": [], "problems": {"a": 1}}, 0, "/srv/falso\\x1b[31m"),
    ],
)
def test_a_server_that_answers_what_it_likes_is_believed_in_nothing_else(servers, lie, rc, said):
    """Breaks: facts, records or fields of a server's making get past what is known of a look."""
    institution = servers.institution
    forged = {
        "ansible_facts": {"coverage_output": f"{institution.root}/falsificado"},
        "backup_records": [],
        "planned": [],
    }
    interpreter = institution.root / "python-that-lies"
    interpreter.write_text(f"#!{sys.executable}\nprint({json.dumps({**forged, **lie})!r})\n")
    interpreter.chmod(0o755)
    institution.host_vars["srv-web01"]["ansible_python_interpreter"] = str(interpreter)
    done, answer = servers.told()
    assert done.rc == rc, done.out
    assert said in done.out
    assert "Traceback" not in done.out and "\x1b" not in done.out
    assert all(text.isprintable() for each in answer["uncovered"] for text in each.values() if isinstance(text, str))
    assert "backup_records" not in json.dumps(answer)
    assert not (institution.root / "falsificado").exists()
    assert not institution.ledger.exists()


def test_a_repository_is_found_as_git_makes_it(servers):
    """Breaks: what is looked for is not what git leaves on a disk; a bare one and a worktree are repositories too."""
    top = servers.tree("srv-web01") / "srv"
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run([*git, "init", "-q", str(top / "uno")], check=True)
    subprocess.run([*git, "-C", str(top / "uno"), "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", str(top / "uno"), str(top / "dos.git")], check=True)
    subprocess.run([*git, "-C", str(top / "uno"), "worktree", "add", "-q", str(top / "tres")], check=True)
    _done, answer = servers.told()
    assert names(servers, answer) == {("srv-web01", f"srv/{name}") for name in ("uno", "dos.git", "tres")}
