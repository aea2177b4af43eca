# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``awx/configure.yml`` against AWX's API: all that it makes, that it makes it once, what it says where it cannot."""

from __future__ import annotations

import json
import os
import subprocess

import awx_files
import pytest
from emulated_awx import TOKEN, Awx, serving
from institution import BIN, CHECKOUT, Done

BACKUP = "Respaldos: respaldar lo que corresponde"
DEPLOY = "Respaldos: preparar los servidores"
RESTORE = "Restaurar: recuperar información"
IMAGE = "localhost/respaldos-ee:1.0.0"


@pytest.fixture
def awx():
    with serving(Awx()) as served:
        yield served


def configure(awx, *arguments, rc=0, token=TOKEN, **settings) -> Done:
    given = json.dumps({"awx_execution_environment_image": IMAGE, **settings})
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "CONTROLLER_"))}
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "awx/configure.yml", "-e", given, "-v", *arguments],
        cwd=CHECKOUT,
        env={**environment, "LC_ALL": "C.UTF-8", "CONTROLLER_HOST": f"{awx.url}/", "CONTROLLER_OAUTH_TOKEN": token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == rc and token not in done.stdout, done.stdout
    return Done(done.returncode, done.stdout)


def given(awx, name, kind):
    return {awx.objects[kind][each]["name"] for each in awx.related[(awx.named("job_templates", name)["id"], kind)]}


def test_it_makes_all_of_it_once_and_puts_right_what_somebody_changed(awx):
    """Breaks: AWX refuses a field, a job runs without the ledger, a second run changes something, --check writes."""
    tried = configure(awx, "--check")
    assert f"job_templates: «{BACKUP}», nuevo" in tried.out and awx.writes == []

    configure(awx)
    assert {each["name"] for each in awx.objects["job_templates"].values()} == {
        each["name"] for each in awx_files.TEMPLATES
    }
    (image,) = awx.objects["execution_environments"].values()
    kind = awx.named("credential_types", "Registro oficial de respaldos")
    assert kind["injectors"]["env"]["DSE_BACKUP_LEDGER"] == "{{ ledger }}"
    ledger = awx.named("credentials", kind["name"])
    assert (ledger["credential_type"], ledger["inputs"]) == (kind["id"], {"ledger": awx_files.SETTINGS["awx_ledger"]})
    for wanted in awx_files.TEMPLATES:
        name = wanted["name"]
        template = awx.named("job_templates", name)
        assert (template["execution_environment"], image["image"]) == (image["id"], IMAGE)
        vault = {"Bóveda DSE"} if name == DEPLOY else set()
        assert given(awx, name, "credentials") == {"Servidores DSE", ledger["name"], *vault}
        assert given(awx, name, "instance_groups") == {"Respaldos DSE"} and template["prevent_instance_group_fallback"]
        assert awx.surveys.get(template["id"]) == wanted.get("survey_spec")
    asked = awx.named("job_templates", RESTORE)
    assert json.loads(asked["extra_vars"]) == next(
        each["extra_vars"] for each in awx_files.TEMPLATES if each["name"] == RESTORE
    )
    schedule = awx.named("schedules", "Cada noche, respaldar")
    assert schedule["unified_job_template"] == awx.named("job_templates", BACKUP)["id"]
    assert schedule["rrule"] == "DTSTART;TZID=America/Mexico_City:20260101T010000 RRULE:FREQ=DAILY;INTERVAL=1"

    awx.writes.clear()
    again = configure(awx)
    assert "changed=0" in again.out and awx.writes == [], again.out

    schedule["enabled"] = False
    asked["extra_vars"] = "---\nrestore_reason: other\n"
    awx.surveys[asked["id"]] = {**awx.surveys[asked["id"]], "spec": []}
    awx.related[(asked["id"], "credentials")].pop()
    theirs = dict(awx.make("job_templates", name="De otros", project=asked["project"]))
    done = configure(awx, awx_ledger="/mnt/registro")
    assert "schedules: «Cada noche, respaldar»: enabled" in done.out
    assert sorted(path.removeprefix("/api/v2/") for _method, path in awx.writes) == sorted(
        [f"credentials/{ledger['id']}/", f"job_templates/{asked['id']}/", f"job_templates/{asked['id']}/survey_spec/",
         f"job_templates/{asked['id']}/credentials/", f"schedules/{schedule['id']}/"]
    )  # fmt: skip
    assert schedule["enabled"] and ledger["inputs"] == {"ledger": "/mnt/registro"}
    assert awx.objects["job_templates"][theirs["id"]] == theirs


def test_what_is_missing_or_objected_to_is_said_before_anything_is_made(awx):
    """Breaks: half of it is made, or the administrator is not told what AWX has against it."""
    del awx.objects["instance_groups"][awx.named("instance_groups", "Respaldos DSE")["id"]]
    done = configure(awx, rc=2, awx_project="Respaldo")
    assert "en AWX falta, o no puede verse: projects: «Respaldo»; instance_groups: «Respaldos DSE»" in done.out
    done = configure(awx, rc=2, token="otra-ficha-9a")  # noqa: S106
    assert "401" in done.out and "credentials were not provided" in done.out, done.out
    done = configure(awx, rc=2, awx_execution_environment_image="")
    assert "Falta awx_execution_environment_image" in done.out
    assert awx.writes == []
