# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import run as module
from ansible_collections.dse.backup.plugins.module_utils._core.journal import Busy, Journal, exclusive
from ansible_collections.dse.backup.plugins.module_utils._core.run import execute, perform, read_json, write_json
from ansible_collections.dse.backup.tests.unit.factories import database_item, item

CORE = Path(module.__file__).resolve().parent


@pytest.fixture
def server(restic, tmp_path):
    """One server: its configuration, a source with a file, its state."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/file").write_text("content", encoding="utf-8")
    for name in ("state", "staging"):
        (tmp_path / name).mkdir()
    return {
        "server": "srv-web01",
        "repository": restic.repository,
        "restic": restic.program,
        "restic_options": [],
        "password_file": restic.password_file,
        "state_dir": str(tmp_path / "state"),
        "staging_dir": str(tmp_path / "staging"),
        "cache_dir": str(tmp_path / "cache"),
        "items": [item(paths=[str(tmp_path / "src")])],
    }


def back_up(server, items, *, time_limit=0, progress=lambda news: None):
    return execute(server, items, run_id="R1", mode="automatic", time_limit=time_limit, progress=progress)


def slow(server, tmp_path):
    """Replace restic by one that says when it has begun, and does not end until it is asked to."""
    program = tmp_path / "slow-restic"
    program.write_text(
        f"#!/bin/sh\ntrap 'touch {tmp_path}/asked; exit 130' INT\n"
        f"[ \"$1\" = version ] && echo 'restic 0.18.0' && exit\ntouch {tmp_path}/begun\nwhile :; do sleep 0.02; done\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return {**server, "restic": str(program)}


def when(condition, action, limit=20.0):
    """Do something in a thread as soon as a condition holds."""

    def wait():
        end = time.monotonic() + limit
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        action()

    threading.Thread(target=wait, daemon=True).start()


def test_one_run_of_files_and_a_database(server, restic, tmp_path):
    # What lies in the repository, and its tags by which the backup server knows it without this server's word.
    base = tmp_path / "a.sqlite"
    connection = sqlite3.connect(base)
    connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    news = []
    broken = item(id="gone", paths=[str(tmp_path / "gone")])
    base_item = database_item(database={"engine": "sqlite", "path": str(base)})
    result = back_up(server, [broken, *server["items"], base_item], progress=news.append)
    assert [each["state"] for each in result["outcomes"]] == ["failed", "stored", "stored"]
    assert "no existe" in result["outcomes"][0]["message"]
    assert (result["outcomes"][2]["tables"], result["outcomes"][2]["engine"][:6]) == (1, "SQLite")
    snapshots = {each["id"]: each for each in restic.snapshots()}
    assert sorted(snapshots) == sorted(each["snapshot_id"] for each in result["outcomes"][1:])
    assert {"item=portal-src", "run=R1", "mode=automatic"} <= set(
        snapshots[result["outcomes"][1]["snapshot_id"]]["tags"]
    )
    assert "tables=1" in snapshots[result["outcomes"][2]["snapshot_id"]]["tags"]
    # A whole dump holds data: it does not stay on the server's disk.
    assert os.listdir(server["staging_dir"]) == []
    assert [entry["item_id"] for entry in Journal(server["state_dir"]).entries()] == ["gone", "portal-src", "escolares"]
    assert {"item_id": "escolares", "position": 3, "of": 3, "phase": "dump"} in news


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop_it_stops_restic_and_says_so(server, tmp_path, number):
    # Faults 2: restic is asked, not killed, so that no lock stays; the items that were to follow have outcomes too.
    server = slow(server, tmp_path)
    before = signal.getsignal(number)
    when((tmp_path / "begun").exists, lambda: os.kill(os.getpid(), number))
    outcomes = back_up(server, [*server["items"], item(id="next")])["outcomes"]
    assert [each["state"] for each in outcomes] == ["failed", "failed"]
    assert all(signal.Signals(number).name in each["message"] for each in outcomes)
    assert (tmp_path / "asked").exists()
    assert signal.getsignal(number) is before


def test_the_time_limit(server, tmp_path):
    # A hung repository ends within the limit set.
    outcomes = back_up(slow(server, tmp_path), server["items"], time_limit=1)["outcomes"]
    assert outcomes[0]["message"] == "se agotó el tiempo límite de 1 s"
    assert signal.alarm(0) == 0


def test_sigterm_in_the_middle_of_a_real_backup_leaves_no_lock(server, restic, tmp_path):
    # Faults 2 with the real engine: it had begun, it ends, and the repository is free.
    with open(tmp_path / "src/large", "wb") as stream:
        for _block in range(60):
            stream.write(os.urandom(1 << 20))
    locks = os.path.join(restic.repository, "locks")
    when(lambda: os.listdir(locks), lambda: os.kill(os.getpid(), signal.SIGTERM))
    outcomes = back_up(server, server["items"])["outcomes"]
    assert outcomes[0]["message"] == "el respaldo fue interrumpido (SIGTERM)"
    assert os.listdir(locks) == []
    assert restic.snapshots() == []


def test_a_second_run_says_whose_the_first_is(server):
    # Faults 4.
    held = exclusive(os.path.join(server["state_dir"], "lock"), {"run_id": "other"})
    with held, pytest.raises(Busy, match="other"):
        back_up(server, server["items"])
    assert Journal(server["state_dir"]).entries() == []


def test_a_partial_backup_leaves_its_mark_beside_it(server, tmp_path, monkeypatch):
    # Faults 14: an append-only client cannot take its snapshot back.
    calls = []
    stored = module.Restic.backup

    def partial(self, paths, **how):
        made = stored(self, paths, **how)
        return type(made)(made.snapshot_id, ["/srv/secret"], ["/srv/gone"], made.summary)

    monkeypatch.setattr(module.Restic, "backup", partial)
    monkeypatch.setattr(module.Restic, "store_text", lambda self, text, **how: calls.append((text, how)))
    outcome = back_up(server, server["items"])["outcomes"][0]
    assert (outcome["unreadable"], outcome["vanished"]) == (["/srv/secret"], ["/srv/gone"])
    assert calls[0][0] == '["/srv/secret"]'
    assert f"partial={outcome['snapshot_id']}" in calls[0][1]["tags"]


def test_a_dump_that_cannot_be_stored_stays_no_longer_than_its_run(server, tmp_path):
    # The dump is made again next time; a failed one leaves nothing.
    lie = {"engine": "sqlite", "path": str(tmp_path / "src/file")}
    outcome = back_up(server, [database_item(database=lie)])["outcomes"][0]
    assert outcome["state"] == "failed"
    assert os.listdir(server["staging_dir"]) == []


def test_a_journal_that_cannot_be_written_stops_no_backup(server):
    # The snapshot's tags tell the same story.
    os.mkdir(os.path.join(server["state_dir"], "journal.jsonl"))
    assert back_up(server, server["items"])["outcomes"][0]["state"] == "stored"


# --- What a run leaves for whoever asked for it -----------------------------------------------------------------------


def ask(server, **changes):
    run_dir = os.path.join(server["state_dir"], "runs", "R1")
    os.makedirs(run_dir)
    request = {"run_id": "R1", "mode": "automatic", "time_limit": 0, "items": server["items"], **changes}
    write_json(os.path.join(run_dir, "request.json"), request)
    return run_dir


def test_a_result_is_left_for_a_good_run(server):
    run_dir = ask(server)
    result = perform(run_dir, server)
    assert result == read_json(os.path.join(run_dir, "result.json"))
    assert result["outcomes"][0]["state"] == "stored"


def test_a_result_is_left_where_another_run_holds_the_server(server):
    run_dir = ask(server)
    with exclusive(os.path.join(server["state_dir"], "lock"), {"run_id": "other"}):
        perform(run_dir, server)
    assert read_json(os.path.join(run_dir, "result.json")) == {"busy": {"run_id": "other"}}


def test_a_result_is_left_where_the_engine_is_missing(server):
    run_dir = ask(server)
    perform(run_dir, {**server, "restic": "/nowhere/restic"})
    assert "deploy.yml" in read_json(os.path.join(run_dir, "result.json"))["error"]


def test_a_result_is_left_when_it_is_stopped_between_two_items(server, monkeypatch):
    # A signal that comes while the journal is written belongs to no item.
    monkeypatch.setattr(Journal, "append", lambda self, entry: os.kill(os.getpid(), signal.SIGTERM))
    run_dir = ask(server)
    perform(run_dir, server)
    assert read_json(os.path.join(run_dir, "result.json")) == {"error": "el respaldo fue interrumpido (SIGTERM)"}


def test_the_progress_can_be_read_while_it_runs(server, tmp_path):
    program = tmp_path / "short-restic"
    program.write_text(
        """#!/bin/sh
[ "$1" = version ] && echo restic 0.18.0 && exit
echo '{"message_type":"status","percent_done":0.5,"total_bytes":10,"bytes_done":5}'
echo '{"message_type":"summary","snapshot_id":"abc"}'
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    run_dir = ask(server)
    perform(run_dir, {**server, "restic": str(program)})
    assert read_json(os.path.join(run_dir, "progress.json")) == {
        "item_id": "portal-src",
        "position": 1,
        "of": 1,
        "phase": "store",
        "percent": 50,
        "bytes_done": 5,
        "bytes_total": 10,
    }


def test_a_run_that_reports_no_progress_still_backs_up(server):
    # The disk of the state directory may be full.
    run_dir = ask(server)
    os.mkdir(os.path.join(run_dir, "progress.json"))
    assert perform(run_dir, server)["outcomes"][0]["state"] == "stored"


def test_old_runs_are_forgotten_the_newest_stay(server):
    runs = Path(server["state_dir"], "runs")
    for number in range(30):
        (runs / str(number)).mkdir(parents=True)
        os.utime(runs / str(number), (number, number))
    perform(ask(server, items=[]), server)
    assert {path.name for path in runs.iterdir()} == {"R1", *map(str, range(11, 30))}


def test_json_is_replaced_whole(tmp_path):
    path = str(tmp_path / "x.json")
    assert read_json(path) is None
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}


# --- The revision of source code --------------------------------------------------------------------------------------

SHA = "3f9a12c4b5" * 4


@pytest.mark.parametrize(
    ("files", "revision"),
    [
        ({"HEAD": SHA}, "git 3f9a12c4b53f"),
        ({"HEAD": "ref: refs/heads/main", "refs/heads/main": SHA}, "git 3f9a12c4b53f"),
        ({"HEAD": "ref: refs/heads/main", "packed-refs": f"# pack\n{SHA} refs/heads/main\n"}, "git 3f9a12c4b53f"),
        ({"HEAD": "ref: refs/heads/new", "packed-refs": f"{SHA} refs/heads/main\n"}, ""),
        ({"HEAD": "ref: refs/heads/new"}, ""),
        ({"HEAD": ""}, ""),
        ({"HEAD": "ref: a\0b"}, ""),
        ({"HEAD": "\xff\xfe secret"}, ""),
        ({"HEAD": "ref: /"}, ""),
        ({}, ""),
    ],
)
def test_the_revision_is_read_without_git(tmp_path, files, revision):
    for name, content in files.items():
        (tmp_path / ".git" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".git" / name).write_text(content, encoding="latin-1")
    assert module._source_revision(str(tmp_path)) == revision


@pytest.mark.parametrize("name", ["HEAD", "refs/heads/main", "packed-refs"])
def test_a_pipe_or_a_link_in_git_holds_nothing_up(tmp_path, name):
    # Whoever owns the source could else stop every backup of the server, or have root read another file.
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main", encoding="utf-8")
    (git / name).unlink(missing_ok=True)
    os.mkfifo(git / name)
    assert module._source_revision(str(tmp_path)) == ""
    (git / name).unlink()
    (tmp_path / "elsewhere").write_text(SHA, encoding="utf-8")
    (git / name).symlink_to(tmp_path / "elsewhere")
    assert module._source_revision(str(tmp_path)) == ""


# --- The script's own files -------------------------------------------------------------------------------------------


def test_a_changed_script_shows(tmp_path, monkeypatch):
    before = module.tool_sha256()
    for name in module.SCRIPT_FILES:
        (tmp_path / name).write_bytes((CORE / name).read_bytes())
    monkeypatch.setattr(module, "__file__", str(tmp_path / "run.py"))
    assert module.tool_sha256() == before
    (tmp_path / "text.py").write_bytes((CORE / "text.py").read_bytes() + b"#")
    assert module.tool_sha256() != before


@pytest.mark.parametrize("name", sorted(path.name for path in CORE.glob("*.py")))
def test_the_core_is_python_39_and_the_standard_library_alone(name):
    # It runs where nothing of ours, and nothing newer, is installed.
    tree = ast.parse((CORE / name).read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        assert {each.split(".")[0] for each in names} <= sys.stdlib_module_names


def test_the_deployed_files_are_enough_to_run(tmp_path):
    # What the role copies needs nothing that it does not copy.
    (tmp_path / "dse_backup").mkdir()
    for name in module.SCRIPT_FILES:
        (tmp_path / "dse_backup" / name).write_bytes((CORE / name).read_bytes())
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"items": [item()]}), encoding="utf-8")
    code = f"from dse_backup.cli import main; raise SystemExit(main({str(config)!r}, ['list', '--json']))"
    run = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert json.loads(run.stdout) == [item()]


def test_an_error_that_nobody_foresaw_stops_one_item_and_not_the_next(server, monkeypatch):
    healthy = module._store
    monkeypatch.setattr(
        module,
        "_store",
        lambda config, each, *rest: {}["gone"] if each["id"] == "odd" else healthy(config, each, *rest),
    )
    odd, sound = {**server["items"][0], "id": "odd"}, server["items"][0]
    states = [(each["state"], each.get("message", "")) for each in back_up(server, [odd, sound])["outcomes"]]
    assert states == [("failed", "error inesperado: KeyError('gone')"), ("stored", "")]


def test_a_request_to_restore_leaves_its_result_and_its_error(server, restic, tmp_path):
    snapshot = back_up(server, server["items"])["outcomes"][0]["snapshot_id"]
    asked = {
        "item": server["items"][0],
        "snapshot": snapshot,
        "sha256": "",
        "dump_file": None,
        "target": str(tmp_path / "back"),
        "in_place": False,
        "include": [],
        "verify": True,
        "undo": None,
        "drill": False,
        "source": None,
    }
    for run_id, state in (("R2", "restored"), ("R3", "failed")):
        run_dir = tmp_path / "state/runs" / run_id
        run_dir.mkdir(parents=True)
        request = {"job": "restore", "run_id": run_id, "mode": "manual", "time_limit": 60, "restore": asked}
        write_json(str(run_dir / "request.json"), request)
        perform(str(run_dir), server)
        result = read_json(str(run_dir / "result.json"))
        assert (result["run_id"], result["server"], result["restore"]["state"]) == (run_id, "srv-web01", state)
        assert result["restore"]["finished_at"] >= result["restore"]["started_at"]
    # The second one found the first one's files.
    assert "no está vacío" in result["restore"]["message"]
    assert (tmp_path / f"back{tmp_path}/src/file").read_text(encoding="utf-8") == "content"


def test_a_restoration_that_is_asked_to_stop_stops_restic_and_clears_up(server, tmp_path):
    # Faults 2.
    snapshot = back_up(server, server["items"])["outcomes"][0]["snapshot_id"]
    begun = tmp_path / "begun"
    program = tmp_path / "restic"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *" restore "*) ;; *) exec {server["restic"]} "$@";; esac\n'
        f"trap 'touch {tmp_path}/asked; exit 130' INT\ntouch {begun}\nwhile :; do sleep 0.02; done\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    (tmp_path / "there").mkdir()
    asked = {
        **{"item": server["items"][0], "snapshot": snapshot, "target": str(tmp_path / "there/back"), "source": None},
        **{"in_place": False, "include": [], "verify": False, "undo": None, "drill": False},
    }
    when(begun.exists, lambda: os.kill(os.getpid(), signal.SIGTERM))
    request = {"run_id": "R2", "mode": "manual", "time_limit": 0, "restore": asked}
    outcome = module.restore_one({**server, "restic": str(program)}, request, lambda news: None)["restore"]
    assert (outcome["state"], outcome["message"]) == ("failed", "la restauración fue interrumpida (SIGTERM)")
    assert (tmp_path / "asked").exists()
    assert os.listdir(tmp_path / "there") == [] and os.listdir(tmp_path / "state/restores") == []


def test_with_a_local_repository_the_script_holds_its_lock(server, tmp_path):
    # Whoever prunes holds it alone; over SSH the forced command does this.
    lock = tmp_path / "lock"
    lock.touch()
    base = tmp_path / "a.sqlite"
    sqlite3.connect(base).executescript("CREATE TABLE t (x)")
    element = database_item(database={"engine": "sqlite", "path": str(base)})
    local = {**server, "lock_file": str(lock)}
    held = []

    def look(news):
        with open(lock, "rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(news["phase"])

    assert back_up(local, [element], progress=look)["outcomes"][0]["state"] == "stored"
    assert "dump" in held
    with open(lock, "rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(module.Stopped, match="tiempo límite"):
            back_up(local, server["items"], time_limit=1)
