# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import os
import pwd
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Answer, Restic, ResticError

NOBODY = pwd.getpwnam("nobody")
HOSTILE = [b"-rf", b"$(touch pwned)", b"two\nlines", b"not-utf8-\xff", b"  spaces ", b"'\";|&`", "año".encode(), b"\\"]


def program(tmp_path, script):
    """A restic of our own making."""
    path = tmp_path / "restic"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return Restic("/nowhere", "/nowhere/password", str(path))


def test_hostile_names_come_back_byte_for_byte(restic, tmp_path):
    # Faults 20: as files, and as the very path that is asked for.
    root = os.fsencode(tmp_path) + b"/src -x\n\xff"
    os.mkdir(root)
    for name in HOSTILE:
        with open(os.path.join(root, name), "wb") as stream:
            stream.write(b"content of " + name)
    stored = restic.backup([os.fsdecode(root)], host="srv", tags=["item=a", "x=-v $(y)"])
    assert (stored.unreadable, stored.vanished) == ([], [])
    command = restic._command("restore", stored.snapshot_id, "--target", str(tmp_path / "back"))
    subprocess.run(command, check=True, capture_output=True)
    back = os.fsencode(tmp_path / "back") + root
    assert sorted(os.listdir(back)) == sorted(HOSTILE)
    for name in HOSTILE:
        with open(os.path.join(back, name), "rb") as stream:
            assert stream.read() == b"content of " + name
    assert restic.snapshots()[0]["tags"] == ["item=a", "x=-v $(y)"]
    assert sum(node["type"] == "file" for node in restic.nodes(stored.snapshot_id)) == len(HOSTILE)


def test_the_exact_names_of_a_snapshot(restic, tmp_path):
    # restic's JSON writes bytes that are not UTF-8 like a real U+FFFD; its text does not say where a name ends.
    root = os.fsencode(tmp_path / "src")
    names = [*HOSTILE, b"\xff\nx", b"\xef\xbf\xbd", b"\xfe", b"\n", b"\xf0\x9f\x98", b"\xed\xa0\x80"]
    os.mkdir(root)
    for name in names:
        os.mkdir(os.path.join(root, name))
        with open(os.path.join(root, name, b"\xff"), "wb") as stream:
            stream.write(name)
    stored = restic.backup([os.fsdecode(root)], host="srv", tags=[])
    snapshot, nodes = restic.listing(stored.snapshot_id)
    assert (snapshot["id"], snapshot["paths"]) == (stored.snapshot_id, [os.fsdecode(root)])
    found = {os.fsencode(node["path"]): node["type"] for node in nodes if node["path"].startswith(os.fsdecode(root))}
    wanted = {os.path.join(root, name, b"\xff"): "file" for name in names}
    assert found == {root: "dir", **{os.path.join(root, name): "dir" for name in names}, **wanted}


@pytest.mark.parametrize("ended", ["\n", ""])
def test_names_that_end_with_a_newline_in_both_ways_of_writing_them(tmp_path, ended):
    # From 0.19 on such a name's own newline ends its line.
    nodes = [json.dumps({"message_type": "node", "path": path}) for path in ("/a\n", "/a\n/\ufffd\n", "/b\n\n", "/c")]
    (tmp_path / "json").write_text("\n".join(nodes), encoding="utf-8")
    (tmp_path / "text").write_bytes(
        f"/a\n{ended}/a\n/\udcfe\n{ended}/b\n\n{ended}/c\n".encode("utf-8", "surrogateescape")
    )
    both = program(tmp_path, f'case "$*" in *--json*) cat {tmp_path}/json;; *) cat {tmp_path}/text;; esac')
    assert [node["path"] for node in both.exact_nodes("x")] == ["/a\n", "/a\n/\udcfe\n", "/b\n\n", "/c"]


def test_listings_that_do_not_agree_are_not_believed(tmp_path):
    node = json.dumps({"message_type": "node", "path": "/a\ufffd", "type": "file"})
    two = program(tmp_path, f"""case "$*" in *--json*) echo '{node}';; *) echo /other;; esac""")
    with pytest.raises(ResticError, match="no se entiende"):
        two.exact_nodes("x")


@pytest.fixture
def as_nobody(restic, tmp_path):
    """The repository in nobody's hands and how to call a function as nobody; root would read everything."""
    assert os.geteuid() == 0, "this test needs root, to back up as another user"
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o011)
    for directory, _directories, files in os.walk(tmp_path / "storage"):
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    shutil.copy(restic.program, tmp_path / "restic")
    owned = dataclasses.replace(
        restic, program=str(tmp_path / "restic"), cache_dir=None, owner=(NOBODY.pw_uid, NOBODY.pw_gid)
    )
    with ProcessPoolExecutor(1, get_context("fork"), initializer=_become_nobody) as pool:
        yield owned, lambda *args, **how: pool.submit(*args, **how).result(60)


def _become_nobody():
    os.setgroups([])
    os.setgid(NOBODY.pw_gid)
    os.setuid(NOBODY.pw_uid)


def test_what_could_not_be_read_is_named_and_the_rest_is_stored(as_nobody, tmp_path):
    # Faults 14: mode 0600 of another owner. A name cannot pass a loss off as a file that merely vanished.
    restic, call = as_nobody
    source = tmp_path / "src"
    source.mkdir()
    (source / "open").write_text("x", encoding="utf-8")
    for name in ("secret", "no such file or directory"):
        (source / name).write_text("x", encoding="utf-8")
        (source / name).chmod(0o600)
    stored = call(restic.backup, [str(source)], host="srv", tags=["item=a"])
    assert sorted(stored.unreadable) == [f"{source}/no such file or directory", f"{source}/secret"]
    assert stored.vanished == []
    # From here on as root does on the backup server: as the repository's owner.
    names = {node["name"] for node in restic.nodes(stored.snapshot_id)}
    assert "open" in names and "secret" not in names
    assert [each["id"] for each in restic.snapshots()] == [stored.snapshot_id]
    # A file that root left there would stop the owner.
    left = {path.lstat().st_uid for path in Path(restic.repository).rglob("*")}
    assert left == {NOBODY.pw_uid}


def test_a_text_stored_beside_is_read_back(restic):
    stored = restic.store_text('["a\\nb"]', name="unreadable.json", host="srv", tags=["partial=abc"])
    assert restic.read_text(stored, "/unreadable.json") == '["a\\nb"]'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password_file": "{0}/wrong"}, "la contraseña del repositorio no es correcta"),
        ({"repository": "{0}/nowhere"}, "el repositorio no existe o no es alcanzable"),
        ({"program": "{0}/no-restic"}, "no se puede ejecutar"),
    ],
)
def test_what_is_wrong_is_said_plainly(restic, tmp_path, change, words):
    # Faults 27.
    (tmp_path / "wrong").write_text("incorrecta\n", encoding="utf-8")
    broken = dataclasses.replace(restic, **{key: value.format(tmp_path) for key, value in change.items()})
    with pytest.raises(ResticError, match=words) as error:
        broken.backup(["/etc/hostname"], host="srv", tags=[])
    assert "incorrecta" not in str(error.value)


def test_a_source_that_is_gone_leaves_no_snapshot(restic, tmp_path):
    with pytest.raises(ResticError):
        restic.backup([str(tmp_path / "gone")], host="srv", tags=[])
    assert restic.snapshots() == []


@pytest.mark.parametrize(
    ("answer", "version"),
    [("restic 0.17.0 compiled with go1.22", (0, 17, 0)), ("restic 1.2.3-dev (x)", None), ("restic 0.19.1", (0, 19, 1))],
)
def test_versions_that_will_do(tmp_path, answer, version):
    if version:
        assert program(tmp_path, f"echo '{answer}'").version() == version
    else:
        with pytest.raises(ResticError, match="no se puede ejecutar"):
            program(tmp_path, f"echo '{answer}'").version()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'restic 0.14.0 compiled with go1.19.8'", "es la versión 0.14.0 y se requiere la 0.17"),
        ("echo hello", "no se puede ejecutar"),
        (":", "no se puede ejecutar"),
        ("exit 1", "no se puede ejecutar"),
    ],
)
def test_an_engine_that_is_too_old_or_none_names_the_remedy(tmp_path, script, words):
    with pytest.raises(ResticError, match=words) as error:
        program(tmp_path, script).version()
    assert "deploy.yml" in str(error.value)


SUMMARY = '{"message_type":"summary","snapshot_id":"abc","total_bytes_processed":1}'


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo '{SUMMARY}'; exit 1", "restic terminó con el código 1"),
        (f"echo '{SUMMARY}'; exit 77", "restic terminó con el código 77"),
        (f"echo '{SUMMARY}'; kill -9 $$", "interrumpido por una señal"),
        ("exit 0", "restic terminó con el código 0"),
        ("""echo '{"message_type":"summary"}'""", "código 0"),
        ("""echo '{"message_type":"exit_error","message":"locked\\u001b[2J"}' >&2; exit 11""", r"bloqueado.*x1b\[2J"),
        ("printf 'panic: \\377\\n' >&2; exit 2", r"código 2: panic: \\xff"),
    ],
)
def test_an_exit_code_or_a_summary_alone_is_no_backup(tmp_path, script, words):
    # An unknown code is a failure; so is a good one without a snapshot.
    with pytest.raises(ResticError, match=words):
        program(tmp_path, f"cat >/dev/null; {script}").backup(["/etc"], host="srv", tags=[])


def test_a_partial_backup_without_names_is_still_partial(tmp_path):
    partial = program(tmp_path, f"cat >/dev/null; echo '{SUMMARY}'; exit 3")
    assert len(partial.backup(["/etc"], host="srv", tags=[]).unreadable) == 1


def test_a_chatty_engine_blocks_nothing(tmp_path):
    # A million complaints fill neither a pipe nor the memory.
    line = json.dumps({"message_type": "error", "item": "/a", "error": {"message": "x: permission denied"}})
    chatty = program(tmp_path, f"cat >/dev/null; yes '{line}' | head -n 20000 >&2; echo '{SUMMARY}'; exit 3")
    assert len(chatty.backup(["/etc"], host="srv", tags=[]).unreadable) == 1000


def test_neither_the_environment_nor_the_password_reaches_the_command(tmp_path, monkeypatch):
    # Faults 22, and a stray RESTIC_REPOSITORY must not send a backup elsewhere.
    monkeypatch.setenv("RESTIC_REPOSITORY", "/elsewhere")
    monkeypatch.setenv("RESTIC_PASSWORD", "canary")
    spy = program(tmp_path, f"(env; echo \"$@\") > {tmp_path}/seen; cat >/dev/null; echo '{SUMMARY}'")
    spy.backup(["/etc"], host="srv", tags=["a=b"], exclude=["-x"], flags=["--one-file-system"])
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "elsewhere" not in seen and "canary" not in seen
    assert "--password-file /nowhere/password" in seen and "--exclude=-x" in seen and "--one-file-system" in seen


def test_what_keeps_trying_is_asked_to_stop_and_its_complaints_are_kept(tmp_path):
    """Breaks: a place that lets nobody in holds a delivery for a quarter of an hour, and then nothing says why."""
    stubborn = program(tmp_path, "trap 'exit 130' INT; echo 'access denied, retrying' >&2; while :; do sleep 0.1; done")
    answer = stubborn.answer("cat", "config", patience=0.5)
    assert answer.code == 130
    assert "access denied" in answer.explanation
    slow = program(tmp_path, "sleep 1; echo here")
    assert slow.answer("cat", "config", patience=0.1).output == b"here\n", "what does not complain is left alone"


def test_a_store_is_reached_with_its_own_credentials_and_authority(tmp_path):
    spy = program(tmp_path, f'(echo "$AWS_SHARED_CREDENTIALS_FILE $*") > {tmp_path}/seen')
    dataclasses.replace(spy, credentials_file="/srv/csc.s3", ca_file="/srv/ca.pem").answer("cat", "config")
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("/srv/csc.s3 ") and "--cacert /srv/ca.pem " in seen
    spy.answer("cat", "config")
    assert "csc.s3" not in (tmp_path / "seen").read_text() and "--cacert" not in (tmp_path / "seen").read_text()


def test_new_times_and_owners_are_no_new_content(restic, tmp_path):
    # restic's trees are new wherever a time is: of many small files they are larger than the files.
    source = tmp_path / "source"
    for number in range(12):
        (source / f"d{number}").mkdir(parents=True)
        (source / f"d{number}" / "f").write_text(f"contenido {number}\n", "utf-8")

    def stored():
        return restic.backup([str(source)], host="srv", tags=()).snapshot_id

    first = stored()
    for path in source.rglob("*"):
        os.utime(path, (1, 1))
    touched = stored()
    assert restic.news(first, touched) == (0, set())
    (source / "d3" / "f").write_text("otro\n", "utf-8")
    (source / "nuevo").write_text("más\n", "utf-8")
    added, changed = restic.news(touched, stored())
    assert added > 0
    assert {path for path in changed if not path.endswith("/")} == {str(source / "d3" / "f"), str(source / "nuevo")}


@pytest.mark.parametrize(
    ("code", "line", "is_full"),
    [
        (1, b'{"message_type":"exit_error","code":1,"message":"Fatal: write: no space left on device"}', True),
        (1, b"Fatal: unable to open config file", False),
        (0, b"no space left on device", False),
    ],
)
def test_an_answer_tells_whether_a_disk_is_full(code, line, is_full):
    assert Answer(code, b"", [line]).is_full is is_full
