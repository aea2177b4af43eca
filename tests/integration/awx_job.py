# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job as AWX runs it: its directory, variables, environment and survey, in a container that goes with it.

The container is a mount namespace of its own, whose root is an overlay over this machine's: what is not in a volume is
gone afterwards. The project in it is what git has of this checkout; ansible-runner is the real one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import awx_files
import yaml
from institution import BIN, CHECKOUT, LIMIT, Institution

# Where the volume with the ledger is mounted in the containers (awx/settings.yml).
VOLUME = Path("/var/lib/dse-backup")

# Its arguments: a directory, then pairs of what is mounted where, then -- and the program.
_CONTAINER = """\
set -eu
here=$1; shift
mount -t tmpfs tmpfs "$here"
mkdir "$here/upper" "$here/work" "$here/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$here/upper,workdir=$here/work" "$here/root"
for each in dev proc sys; do mount --rbind "/$each" "$here/root/$each"; done
while [ "$1" != -- ]; do
    mkdir -p "$here/root$2"
    case $1 in
        tmpfs) mount -t tmpfs tmpfs "$here/root$2" ;;
        *) mount --bind "$1" "$here/root$2" ;;
    esac
    shift 2
done
shift
exec chroot "$here/root" "$@"
"""

_RUNNER = """\
import json, sys
import ansible_runner

ended = ansible_runner.run(**json.load(sys.stdin))
tasks = [event["event_data"]["task"] for event in ended.events if event["event"] == "runner_on_ok"]
print(json.dumps({"rc": ended.rc, "status": ended.status, "out": ended.stdout.read(), "tasks": tasks}))
"""


class Refused(Exception):
    """AWX would not launch this: an answer is missing, or is none of the choices."""


class Ended(NamedTuple):
    """How a job ended: exit status and state, all that was printed, the tasks that ended well."""

    rc: int
    status: str
    out: str
    tasks: list[str]


class Jobs:
    """What AWX runs on an institution whose ledger and reports lie in a volume."""

    def __init__(self, institution: Institution, root: Path) -> None:
        assert os.getuid() == 0, "containers are emulated by mounts: run it as root"
        self._institution = institution
        self._root = root
        self._number = 40
        self.launched: set[str] = set()
        # On the checkout's disk: the temporary files' may be in memory, and is refused.
        self.volume = Path(tempfile.mkdtemp(prefix="awx-volume-", dir=CHECKOUT / ".cache"))
        (self.volume / "informes").mkdir()
        institution.ledger = self.volume / "ledger"
        self.settings = {**awx_files.SETTINGS}
        self.project = root / "project"
        _copy_checkout(self.project)

    def close(self) -> None:
        shutil.rmtree(self.volume)

    def run(self, name: str, *, rc: int = 0, says: str = "", **answers: Any) -> Ended:
        """As `launch`, and require how it ends."""
        done = self.launch(name, **answers)
        assert done.rc == rc and done.status == ("failed" if rc else "successful"), done.out
        assert says in done.out, done.out
        self.launched.add(name)
        return done

    def launch(self, name: str, *, by: str = "jefa", ledger: str = "", volumes: tuple = (), **answers: Any) -> Ended:
        """Run a job template as somebody launches it who answers its survey so; ``schedule``, ``limit``, ``job_type``.

        ``volumes`` are pairs of what is mounted where, in the stead of the ledger's.
        """
        self._number += 1
        (template,) = [each for each in awx_files.TEMPLATES if each["name"] == name]
        template = awx_files.settled(template, self.settings)
        prompted = {key: answers.pop(key, template.get(key)) for key in ("limit", "job_type")}
        schedule = answers.pop("schedule", None)
        private = self._root / f"awx_{self._number}_x9"
        for directory in ("env", "inventory", "cp"):
            (private / directory).mkdir(parents=True)
        (private / "project").mkdir()
        meta = {"job_id": self._number, "job_launch_type": "scheduled" if schedule else "manual"}
        meta |= {"schedule_name": schedule} if schedule else {"user_name": by, "user_id": 7}
        meta |= {"job_template_name": name, "inventory_name": template["inventory"]}
        _write_variables(private / "env" / "extravars", template, answers, meta)
        arguments = (["--check"] if prompted["job_type"] == "check" else []) + ["-u", "root"]
        arguments += ["-l", prompted["limit"]] if prompted["limit"] else []
        (private / "env" / "cmdline").write_text(" ".join(f"'{each}'" for each in arguments), "utf-8")
        self._write_inventory(private / "inventory" / "hosts")
        request = {
            "ident": str(self._number),
            "private_data_dir": "/runner",
            "playbook": template["playbook"],
            "inventory": "/runner/inventory/hosts",
            "envvars": self._environment(ledger or self.settings["awx_ledger"]),
            "suppress_env_files": True,
            "fact_cache_type": "",
            "quiet": True,
        }
        return self._run(private, request, volumes or ((self.volume, VOLUME),))

    def _run(self, private: Path, request: dict[str, Any], volumes: tuple) -> Ended:
        mounts = [(private, "/runner"), (self.project, "/runner/project"), *volumes]
        # What the servers, which are this machine, keep; what this test is run by.
        mounts += [(path, path) for path in (self._institution.root, CHECKOUT, sys.base_prefix)]
        here = self._root / "container"
        here.mkdir(exist_ok=True)
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _CONTAINER, "container", str(here),
             *[str(each) for pair in mounts for each in pair], "--", sys.executable, "-c", _RUNNER],
            input=json.dumps(request),
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8"},
            timeout=LIMIT,
            check=True,
        )  # fmt: skip
        return Ended(**json.loads(done.stdout.splitlines()[-1]))

    def _environment(self, ledger: str) -> dict[str, str]:
        """Return what AWX puts into a job's environment, and its credential of the ledger."""
        of_project = "collections:~/.ansible/collections:/usr/share/ansible/collections"
        roles = "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles"
        return {
            **{
                "ANSIBLE_FORCE_COLOR": "True",
                "ANSIBLE_HOST_KEY_CHECKING": "False",
                "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
            },
            **{"ANSIBLE_INVENTORY_UNPARSED_FAILED": "True", "ANSIBLE_RETRY_FILES_ENABLED": "False"},
            "AWX_PRIVATE_DATA_DIR": f"/tmp/awx_{self._number}_x9",
            "AWX_HOST": "https://awx.example",
            "JOB_ID": str(self._number),
            "INVENTORY_ID": "2",
            "PROJECT_REVISION": "4be0c2d1",
            "MAX_EVENT_RES": "700000",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": "/runner/cp",
            "ANSIBLE_COLLECTIONS_PATH": f"/runner/requirements_collections:{of_project}",
            "ANSIBLE_ROLES_PATH": f"/runner/requirements_roles:{roles}",
            # The credential's.
            **{"DSE_BACKUP_LEDGER": ledger, "DSE_BACKUP_NOTIFY": "", "DSE_BACKUP_METRICS": ""},
        }

    def _write_inventory(self, path: Path) -> None:
        """Write the institution's inventory as the program that AWX makes of its own."""
        everything = json.loads(self._institution.write_inventory().read_text("utf-8"))["all"]
        said: dict[str, Any] = {"all": {"vars": everything["vars"], "children": list(everything["children"])}}
        variables: dict[str, Any] = {}
        for group, content in everything["children"].items():
            said[group] = {"hosts": list(content["hosts"])}
            for number, (host, own) in enumerate(content["hosts"].items()):
                variables[host] = {**own, "remote_tower_enabled": "true", "remote_tower_id": number}
        said["_meta"] = {"hostvars": variables}
        path.write_text(f"#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(said)!r})\n", "utf-8")
        path.chmod(0o700)


def extra_vars(template: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables, its survey's defaults and what was answered; raise Refused as AWX does."""
    questions = template.get("survey_spec", {}).get("spec", [])
    unknown = set(answers) - {each["variable"] for each in questions}
    if unknown:
        raise Refused(f"not asked for: {unknown}")
    for question in questions:
        fault = _fault(question, answers)
        if fault:
            raise Refused(fault)
    defaults = {each["variable"]: each["default"] for each in questions if "default" in each}
    taken = {key: each for key, each in defaults.items() if not _fault(_question(questions, key), {key: each})}
    return {**template.get("extra_vars", {}), **taken, **answers}


def _question(questions: list[dict[str, Any]], variable: str) -> dict[str, Any]:
    return next(each for each in questions if each["variable"] == variable)


def _fault(question: dict[str, Any], answers: dict[str, Any]) -> str:
    variable = question["variable"]
    if variable not in answers:
        return f"'{variable}' value missing" if question["required"] and "default" not in question else ""
    if question["type"] == "multiplechoice":
        return "" if answers[variable] in question["choices"].split("\n") else f"'{variable}': {answers[variable]!r}"
    return "" if isinstance(answers[variable], str) else f"'{variable}' expected to be a string"


def _write_variables(path: Path, template: dict[str, Any], answers: dict[str, Any], meta: dict[str, Any]) -> None:
    """Write them as AWX does: only what the template itself says may be a template."""
    everything = extra_vars(template, answers)
    everything |= {f"{prefix}_{key}": value for prefix in ("awx", "tower") for key, value in meta.items()}
    text = ""
    for key, value in everything.items():
        trusted = template.get("extra_vars", {}).get(key) == value
        text += yaml.dump({key: value}, Dumper=_Plain if trusted else _Unsafe, allow_unicode=True)
    path.write_text(text, "utf-8")


class _Plain(yaml.SafeDumper):
    pass


class _Unsafe(yaml.SafeDumper):
    pass


_Plain.add_representer(awx_files.ForAwx, lambda dumper, value: dumper.represent_str(str(value)))
for _kind in (str, awx_files.ForAwx):
    _Unsafe.add_representer(_kind, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))


def _copy_checkout(target: Path) -> None:
    """Copy what git has, or would have, as AWX's project is a clone."""
    listing = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in {*subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\0")} - {""}:
        source = CHECKOUT / name
        if source.is_symlink() or source.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
