# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same playbook from a checkout, under ansible-runner as AWX runs it, and installed as a collection."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile

import official_record
import pytest
from institution import BIN, CHECKOUT

# ansible-runner changes its own process's environment: it gets one of its own.
_RUNNER = """\
import json, sys
import ansible_runner

ended = ansible_runner.run(**json.load(sys.stdin))
print(json.dumps({"rc": ended.rc, "status": ended.status}))
"""


@pytest.fixture
def portal(institution):
    institution.register("srv-web01", institution.files("portal-media"), institution.files("actas"))
    return institution


def _under_runner(portal, tmp_path, *arguments):
    portal.accept_requests()
    environment = portal.environment(ANSIBLE_CONFIG=None, PATH=f"{BIN}:/usr/bin:/bin")
    request = {
        "private_data_dir": str(tmp_path / "runner"),
        "project_dir": str(CHECKOUT),
        "playbook": "playbooks/backup.yml",
        "inventory": str(portal.write_inventory()),
        "cmdline": " ".join(arguments),
        "quiet": True,
    }
    (tmp_path / "runner").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_under_ansible_runner_the_ledger_is_whole_and_the_status_is_the_callbacks(portal, tmp_path):
    """Breaks: runner's own callback plugins displace ours, or its job is "successful" where a backup failed."""
    assert _under_runner(portal, tmp_path) == {"rc": 0, "status": "successful"}
    official_record.check(portal.ledger)
    assert {each["verification_result"] for each in portal.records("backup")} == {"first"}
    portal.fill("actas", 100)
    assert _under_runner(portal, tmp_path, "-e", "backup_force=true") == {"rc": 2, "status": "failed"}
    assert portal.result("actas") == "nonconforming"
    assert portal.result("portal-media") == "conforming"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The collection, built and installed below a directory of its own."""
    built = tmp_path_factory.mktemp("built")
    galaxy = [str(BIN / "ansible-galaxy"), "collection"]
    subprocess.run([*galaxy, "build", "--output-path", str(built), str(CHECKOUT)], check=True)
    (archive,) = built.glob("dse-backup-*.tar.gz")
    # Forced: where the checkout itself is found, the collection counts as installed.
    options = ["--offline", "--force", "--collections-path", str(built / "collections")]
    subprocess.run([*galaxy, "install", str(archive), *options], check=True)
    return built


def test_the_built_collection_holds_what_it_needs_and_nothing_of_this_checkout(installed):
    """Breaks: build_ignore lets caches, an institution's inventory, secrets or the demo's data into the release."""
    (archive,) = installed.glob("dse-backup-*.tar.gz")
    with tarfile.open(archive) as tar:
        top = {name.split("/")[0] for name in tar.getnames()}
    assert {"plugins", "roles", "playbooks", "procedure", "meta", "MANIFEST.json", "FILES.json"} <= top
    assert {each for each in top if each.startswith(".")} == set()
    assert top.isdisjoint({"ansible.cfg", "collections", "inventory", "demo", "molecule"})


def test_installed_it_refuses_to_work_without_its_callback_and_works_with_it(portal, installed, tmp_path):
    """Breaks: the installed collection, which has no ansible.cfg of its own, backs up without a record."""
    empty = tmp_path / "empty"
    empty.mkdir()
    only = {"ANSIBLE_CONFIG": None, "ANSIBLE_COLLECTIONS_PATH": str(installed / "collections")}
    refused = portal.start("dse.backup.backup", cwd=empty, **only).wait()
    assert refused.rc != 0
    assert "callbacks_enabled = dse.backup.ledger" in refused.out
    assert portal.contacted() == []

    done = portal.start("dse.backup.backup", cwd=empty, ANSIBLE_CALLBACKS_ENABLED="dse.backup.ledger", **only).wait()
    assert done.rc == 0, done.out
    assert portal.result("portal-media") == "first"

    (empty / "ansible.cfg").write_text(
        f"[defaults]\ncollections_path = {installed / 'collections'}\ncallbacks_enabled = dse.backup.ledger\n"
        f"[callback_ledger]\npath = {portal.ledger}\n"
    )
    again = portal.start("dse.backup.backup", cwd=empty, ANSIBLE_CONFIG=None, DSE_BACKUP_LEDGER=None).wait()
    assert again.rc == 0, again.out
    assert portal.planned() == []


def test_installed_it_deploys(portal, installed, tmp_path):
    """Breaks: a role looks for its files in the checkout."""
    only = {"ANSIBLE_CONFIG": None, "ANSIBLE_COLLECTIONS_PATH": str(installed / "collections")}
    done = portal.start("dse.backup.deploy", cwd=tmp_path, ANSIBLE_CALLBACKS_ENABLED="dse.backup.ledger", **only).wait()
    assert done.rc == 0, done.out


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("callback", "dse.backup.ledger", "DSE_BACKUP_LEDGER"),
        ("module", "dse.backup.plan", "maintenance_ref"),
        ("module", "dse.backup.run", "time_limit"),
        ("module", "dse.backup.catch_up", "repository"),
        ("module", "dse.backup.verify_size", "verification_result"),
    ],
)
def test_ansible_doc_explains(portal, kind, name, says):
    """Breaks: documentation that Ansible cannot read is no documentation."""
    done = subprocess.run(
        [str(BIN / "ansible-doc"), "-t", kind, name],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=portal.environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout
