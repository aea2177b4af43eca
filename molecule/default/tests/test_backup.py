"""What the playbooks leave on real hosts: backups that restore, a record that fits them, doors that stay shut."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
from contextlib import ExitStack
from pathlib import Path

import backups
import hosts
import official_record
import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import procedure

FILES = Path(__file__).resolve().parents[1] / "files"
CORE = backups.CHECKOUT / "plugins" / "module_utils" / "_core"
CLIENTS = ("srv-web01", "srv-db01")
DATABASES = {"db-escolares": "escolares", "db-portal": "portal", "db-lms": "lms"}


@pytest.fixture(scope="module", autouse=True)
def up_to_date() -> None:
    """The tests may run on another day than `molecule converge`: what has become due since is backed up first."""
    assert backups.backup().status == 0


@pytest.fixture(scope="module")
def scratch() -> str:
    """A directory on the backup server, which has none of the sources, to restore into."""
    hosts.shell("srv-bkp01", "rm -rf /root/scratch && mkdir -m 700 /root/scratch")
    return "/root/scratch"


def description(server: str, directory: str) -> list[list]:
    """Return what describe_tree.py says of a tree on a host."""
    script = (FILES / "describe_tree.py").read_bytes()
    lines = hosts.shell(server, f"python3 - {shlex.quote(directory)}", stdin=script).stdout.splitlines()
    return [json.loads(line) for line in lines]


# --- What was stored comes back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", ["portal-src", "portal-media"])
def test_files_restore_as_they_are(item, scratch):
    """Bytes, names, links, holes, owners, modes and times, on a host that never saw the source."""
    record = backups.newest(item)
    repository = "/srv/dse-backup/srv-web01/repository"
    hosts.shell("srv-bkp01", f"cd / && restic --no-lock --no-cache -r {repository} -p {repository}.key restore "
                             f"--quiet --sparse --target {scratch} {record['file_name']}")  # fmt: skip
    expected = description("srv-web01", record["source"])
    assert description("srv-bkp01", scratch + record["source"]) == expected
    # Two ways to the same numbers: the form's, and a sum over what came back.
    files = [entry for entry in expected if entry[1].startswith("-")]
    assert record["size_bytes"] == sum(entry[6] for entry in files)
    assert record["entry_count"] == len([entry for entry in expected if not entry[1].startswith("d")])


def test_hostile_names_are_in_what_was_compared_and_none_was_executed(servers):
    names = {entry[0].encode("latin-1") for entry in description("srv-web01", "/srv/www/portal")}
    hostile = (b"con\nsalto", b"-rf", b"$(touch EJECUTADO)", b"; touch EJECUTADO", b"latin1-a\xf1o", b"\x1b[31m", b"=")
    for part in hostile:
        assert any(part in name for name in names), part
    for name in servers:
        assert hosts.shell(name, "find / -xdev -name EJECUTADO").stdout == b""


def test_configuration_restores_as_it_was(scratch):
    """/etc may have changed since, so it is compared where it cannot: the files that packages own and nobody edits."""
    for server in CLIENTS:
        record = backups.newest(f"etc-{server[4:]}")
        hosts.shell("srv-bkp01", f"{backups.restic(server, 'dump', record['file_name'], '/etc')} "
                                 f"| tar -xC {scratch} --one-top-level={server}")  # fmt: skip
        for name in ("ssh/ssh_host_ed25519_key", "shadow", "machine-id", "debian_version"):
            there = hosts.shell(server, f"cd /etc && sha256sum {name} && stat -c %a%U%G {name}").stdout
            assert hosts.shell("srv-bkp01", f"cd {scratch}/{server}/etc && sha256sum {name} && "
                                            f"stat -c %a%U%G {name}").stdout == there  # fmt: skip
        restored = description("srv-bkp01", f"{scratch}/{server}/etc")
        assert record["size_bytes"] == sum(entry[6] for entry in restored if entry[1].startswith("-"))


@pytest.fixture(scope="module")
def empty_cluster():
    """The port of a second PostgreSQL on the database server, which has no role but its own."""
    version = hosts.shell("srv-db01", "pg_lsclusters -h | cut -d' ' -f1 | head -n1").stdout.decode().strip()
    remove = f"pg_dropcluster --stop {version} restore"
    hosts.shell("srv-db01", f"{remove} 2>/dev/null; pg_createcluster {version} restore --start")
    yield hosts.shell("srv-db01", f"pg_conftool -s {version} restore show port").stdout.decode().strip()
    hosts.shell("srv-db01", remove)


def postgresql(port: str, question: str) -> str:
    """Return the answer of one of the two clusters."""
    command = f"runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -p {port} -d escolares"
    return hosts.shell("srv-db01", f"cd / && {command}", stdin=question.encode()).stdout.decode()


def test_postgresql_restores_into_an_empty_cluster(empty_cluster):
    """Roles first, then the database: rows, owners, grants, view and function are the original's."""
    record = backups.newest("db-escolares")
    restore = f"cd / && runuser -u postgres -- {{}} -p {empty_cluster}"
    globals_sql = backups.dumped(record, "globals.sql")
    done = hosts.shell("srv-db01", restore.format("psql -Xq") + " -d postgres", stdin=globals_sql)
    # The cluster's own superuser exists already; nothing else may go wrong.
    assert re.sub(rb".*role \"postgres\" already exists\n", b"", done.stderr) == b""
    dump = backups.dumped(record, "db-escolares.dump")
    hosts.shell("srv-db01", restore.format("pg_restore --exit-on-error --create") + " -d postgres", stdin=dump)
    rows = "".join(
        f"SELECT '{table}', count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {table} t;"
        for table in ("alumno", "inscripcion", "promedio_por_periodo")
    )
    questions = {
        "rows": rows + "SELECT total_de_alumnos();",
        "owners": "SELECT relname, relowner::regrole, relacl FROM pg_class "
                  "WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "roles": "SELECT rolname, rolcanlogin, rolpassword FROM pg_authid WHERE rolname LIKE 'escolares%' ORDER BY 1",
        "members": "SELECT roleid::regrole, member::regrole FROM pg_auth_members ORDER BY 1, 2",
        "owner": "SELECT datdba::regrole FROM pg_database WHERE datname = 'escolares'",
    }  # fmt: skip
    for question in questions.values():
        assert postgresql(empty_cluster, question) == postgresql("5432", question) != ""
    assert postgresql(empty_cluster, rows).startswith("alumno|3000|")
    assert record["size_bytes"] == len(dump)
    assert record["sha256"] == hashlib.sha256(dump).hexdigest()
    assert record["entry_count"] == 2  # Its form counts tables.


def mariadb(database: str, question: str) -> str:
    command = f"mariadb --batch --skip-column-names --default-character-set=utf8mb4 {database}"
    return hosts.shell("srv-db01", command, stdin=question.encode()).stdout.decode()


@pytest.mark.parametrize("item", ["db-portal", "db-lms"])
def test_mariadb_restores_into_another_database(item):
    """Rows, views, procedures, triggers and events are the original's."""
    record = backups.newest(item)
    dump = backups.dumped(record, f"{item}.sql")
    original, copy = DATABASES[item], f"restore_{DATABASES[item]}"
    mariadb("", f"DROP DATABASE IF EXISTS {copy}; CREATE DATABASE {copy};")
    hosts.shell("srv-db01", f"mariadb {copy}", stdin=dump)
    tables = mariadb(original, "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'").split()[::3]
    assert record["entry_count"] == len(tables) > 0
    sums = "".join(f"SELECT COUNT(*) FROM {table}; CHECKSUM TABLE {table} EXTENDED;" for table in tables)
    questions = {
        "rows": sums,
        "view": "SELECT * FROM entregas_por_curso ORDER BY 1" if item == "db-lms" else "SELECT 1",
        "objects": "SELECT routine_name, MD5(routine_definition) FROM information_schema.routines "
                   "WHERE routine_schema = DATABASE() UNION "
                   "SELECT trigger_name, MD5(action_statement) FROM information_schema.triggers "
                   "WHERE trigger_schema = DATABASE() UNION "
                   "SELECT event_name, MD5(event_definition) FROM information_schema.events "
                   "WHERE event_schema = DATABASE() ORDER BY 1",
    }  # fmt: skip
    for question in questions.values():
        assert mariadb(copy, question).replace(copy, original) == mariadb(original, question)
    if item == "db-lms":
        objects = mariadb(copy, questions["objects"])
        assert [name in objects for name in ("contar_entregas", "entrega_registrada", "depurar_bitacora")] == [True] * 3
    mariadb("", f"DROP DATABASE {copy}")
    assert record["size_bytes"] == len(dump)
    assert record["sha256"] == hashlib.sha256(dump).hexdigest()


# --- The record -----------------------------------------------------------------------------------------------------


def test_the_ledger_is_whole():
    """Chained, one outcome for each planned item, folios used once, the CSV files as the ledger says."""
    official_record.check(backups.LEDGER)


def test_every_record_is_as_its_form_wants_it():
    forms = procedure.load()
    for record in backups.records():
        assert forms.check_record(record) == [], record


def test_every_item_of_the_inventory_has_its_line_in_the_right_form():
    forms = {record["item_id"]: record["form_code"] for record in backups.conforming()}
    expected = {"portal-src": 2, "portal-media": 4, "etc-web01": 4, "etc-db01": 4, **dict.fromkeys(DATABASES, 3)}
    assert {item: forms[item] for item in expected} == {
        item: f"FOR 7.5 DSE 0{number}" for item, number in expected.items()
    }


def test_every_recorded_backup_lies_in_its_repository():
    for server in CLIENTS:
        recorded = {each["file_name"] for each in backups.conforming() if each["server"] == server}
        assert recorded <= backups.snapshots(server)


# --- What is contacted ----------------------------------------------------------------------------------------------


def test_a_run_with_nothing_due_contacts_nobody():
    """With every cable pulled, a contact would be a failure, and take seconds."""
    with ExitStack() as pulled:
        for name in hosts.NAMES:
            pulled.enter_context(hosts.cut_off(name))
        run = backups.backup()
    assert run.status == 0, run.output
    assert run.outcomes == {}


def test_a_due_server_costs_three_remote_calls_and_the_others_none():
    run = backups.backup("portal-src", "etc-web01", options=("-vvv",))
    assert run.results == {"portal-src": "conforming", "etc-web01": "conforming"}, run.output
    calls = re.findall(r"^<([\d.]+)> SSH: EXEC|^<([\d.]+)> (?:PUT|FETCH)", run.output, flags=re.MULTILINE)
    called = [address for pair in calls for address in pair if address]
    assert sorted(called) == sorted([hosts.address("srv-web01"), *[hosts.address("srv-bkp01")] * 2])


# --- What is on the servers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", CLIENTS)
def test_the_script_is_the_collections_own_source(server, servers):
    deployed = servers[server].check_output("cd /usr/local/lib/dse-backup/dse_backup && sha256sum *.py")
    for line in deployed.splitlines():
        digest, name = line.split()
        assert digest == hashlib.sha256((CORE / name).read_bytes()).hexdigest(), name
    assert "run.py" in deployed


@pytest.mark.parametrize("server", CLIENTS)
def test_jaa_can_ask_the_script_by_hand(server, servers):
    items = json.loads(servers[server].check_output("dse-backup list --json"))
    status = json.loads(servers[server].check_output("dse-backup status --json"))
    assert [item["id"] for item in items] == list(status)
    assert {entry["state"] for entry in status.values()} == {"stored"}


@pytest.mark.parametrize("server", CLIENTS)
def test_nothing_of_a_dump_is_left_on_the_server(server, servers):
    assert servers[server].file("/var/lib/dse-backup/staging").listdir() == []


@pytest.mark.parametrize("server", CLIENTS)
def test_a_repository_belongs_to_a_user_of_its_own(server, servers):
    owner = f"bk-{server}"
    there = servers["srv-bkp01"]
    repository = f"/srv/dse-backup/{server}/repository"
    assert there.file(repository).mode == 0o700
    assert there.check_output("find %s -not -user %s", repository, owner) == ""
    assert there.user(owner).password == "*"
    # What decides what the user may do is not the user's.
    for path in ("", "/.ssh", "/.ssh/authorized_keys"):
        assert there.file(f"/srv/dse-backup/{server}{path}").user == "root"
    other = next(name for name in CLIENTS if name != server)
    for path in ("repository", "repository.key"):
        refused = there.run("runuser -u %s -- cat /srv/dse-backup/%s/%s", owner, other, path)
        assert "Permission denied" in refused.stderr


@pytest.mark.parametrize("server", hosts.NAMES)
def test_no_secret_is_readable_by_everybody(server):
    """An unprivileged user looks for the passwords and the key in every file of the host."""
    secrets = b"".join(backups.secrets())
    places = "/dev/shm /etc /home /opt /root /run /srv /tmp /usr/local /var"
    looked = hosts.shell(server, "cd / && runuser -u nobody -- sh -c "
                                 f"'cat > /tmp/patterns; grep -rlFf /tmp/patterns {places} 2>/dev/null; "
                                 "rm /tmp/patterns; true'", stdin=secrets)  # fmt: skip
    assert looked.stdout == b"/tmp/patterns\n"


# --- What a client may do -------------------------------------------------------------------------------------------

SSH = "ssh -F /etc/dse-backup/ssh/config"


def ask_by_http(server: str, method: str, path: str) -> int:
    """Send one request down a client's way in, as a hostile client would, and return the status of the answer."""
    probe = backups.CHECKOUT / "roles" / "backup_client" / "files" / "probe_deletion.py"
    body = "+ probe.frame(0, 1, 1, b'x')" if method == "POST" else ""
    script = f"""
import sys, types
probe = types.ModuleType("probe")
exec({probe.read_text()!r}, probe.__dict__)
headers = b"".join(probe.literal(name, value) for name, value in (
    (b":method", b"{method}"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", b"{path}")))
probe.request = lambda: probe.PREFACE + probe.frame(4, 0, 0) + probe.frame(1, {4 if body else 5}, 1, headers) {body}
probe.main("{SSH} backup-server rclone serve restic --stdio /srv/dse-backup/{server}/repository".split())
"""
    return json.loads(hosts.shell(server, "python3 -", stdin=script.encode()).stdout)["status"]


@pytest.mark.parametrize("server", CLIENTS)
def test_a_client_can_neither_delete_nor_overwrite(server):
    digests = f"cd /srv/dse-backup/{server}/repository && find . -type f | sort | xargs sha256sum"
    before = hosts.shell("srv-bkp01", digests).stdout
    snapshot = next(each["file_name"] for each in backups.conforming() if each["server"] == server)
    assert ask_by_http(server, "GET", f"/snapshots/{snapshot}") == 200  # So that a refusal means something.
    assert ask_by_http(server, "DELETE", f"/snapshots/{snapshot}") == 403
    assert ask_by_http(server, "POST", f"/snapshots/{snapshot}") == 403
    assert ask_by_http(server, "POST", "/config") == 403
    assert hosts.shell("srv-bkp01", digests).stdout == before


def as_client(arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run ssh on srv-web01 with the key that its backups use; what it types is "id"."""
    return hosts.shell("srv-web01", f"echo id | timeout 10 {SSH} {arguments}", check=False)


@pytest.mark.parametrize("attempt", ["id", "", "-tt", "sh -s", "cat /etc/passwd"])
def test_a_client_gets_no_shell(attempt):
    assert not re.search(rb"uid=|root:", as_client(f"backup-server {attempt}").stdout)


def test_a_client_gets_no_files_and_no_tunnel():
    assert as_client("-s backup-server sftp").stdout[4:5] != b"\x02"  # SSH_FXP_VERSION
    tunnel = as_client("-W localhost:22 backup-server")
    assert b"SSH-2.0" not in tunnel.stdout
    assert b"forwarding failed" in tunnel.stderr


def test_a_client_cannot_reach_anothers_repository():
    assert b"Permission denied" in as_client("-l bk-srv-db01 backup-server true").stderr
    # Whatever it asks for, it is served its own.
    snapshot = next(each["file_name"] for each in backups.conforming() if each["server"] == "srv-db01")
    assert ask_by_http("srv-web01", "GET", f"/snapshots/{snapshot}") == 404


def test_sshd_treats_the_clients_as_clients_and_the_others_as_before(servers):
    question = "sshd -T -C user=%s,host=srv-web01,addr=192.0.2.1"
    client = servers["srv-bkp01"].check_output(question, "bk-srv-web01").splitlines()
    for line in ("disableforwarding yes", "permittty no", "permituserrc no", "authenticationmethods publickey",
                 "clientaliveinterval 30"):  # fmt: skip
        assert line in client
    others = servers["srv-bkp01"].check_output(question, "root").splitlines()
    assert "permittty yes" in others
    assert "maxstartups 100:30:300" in others
