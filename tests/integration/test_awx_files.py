# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``awx/`` says fits AWX, the playbooks and the procedure; the image is one that ansible-builder can make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import awx_files
import jinja2
import pytest
import yaml
from emulated_awx import objections_to_rule, objections_to_survey
from institution import BIN, CHECKOUT

sys.path.insert(0, str(CHECKOUT / "collections"))

from ansible_collections.dse.backup.plugins.plugin_utils import extra_vars, loans, procedure, request_form
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.restore_request import _REASONS

RULES = procedure.load(str(procedure.DEFAULT_DIRECTORY))
NAMES = [each["name"] for each in awx_files.TEMPLATES]


def questions(template):
    return template.get("survey_spec", {}).get("spec", [])


def choices(question):
    return question["choices"].split("\n")


def translations(template):
    """Yield each variable that a list of choices is translated for, and the translation."""
    for variable, text in template.get("extra_vars", {}).items():
        asked = re.search(r"\[(respuesta_\w+)\]", str(text))
        if asked:
            yield variable, asked[1], dict(re.findall(r"'([^']+)': (?:'([^']*)'|)", text))


@pytest.mark.parametrize("template", awx_files.TEMPLATES, ids=NAMES)
def test_a_template_asks_what_awx_takes_and_its_playbook_knows(template):
    """Breaks: AWX refuses the survey, or an answer goes to a variable that nobody reads."""
    if "survey_spec" in template:
        assert template["survey_enabled"] and not objections_to_survey(template["survey_spec"])
    playbook = CHECKOUT / template["playbook"]
    variables = [each["variable"] for each in questions(template)] + list(template.get("extra_vars", {}))
    text = playbook.read_text("utf-8")
    assert extra_vars.misspelt(variables, playbook.stem, text) == []
    used = " ".join(map(str, template.get("extra_vars", {}).values()))
    for variable in variables:
        assert variable in text or variable in used, f"nobody reads {variable}"
    for question in questions(template):
        if question["type"] == "multiplechoice":
            # ansible-core reads answers as YAML.
            assert all(isinstance(yaml.safe_load(each), str) for each in choices(question))
            assert question["required"] or "default" in question
    assert "{{" not in str(template.get("survey_spec", "")), "AWX would show it as it stands"


@pytest.mark.parametrize("template", awx_files.TEMPLATES, ids=NAMES)
def test_every_choice_means_something(template):
    """Breaks: somebody chooses what the job does not understand, or what the playbook takes cannot be chosen."""
    of = {each["variable"]: each for each in questions(template)}
    for variable, asked, meaning in translations(template):
        assert list(meaning) == choices(of[asked]), variable
        text = template["extra_vars"][variable]
        for choice in choices(of[asked]):
            said = {asked: choice, "informes": "/informes", "question": "copies", "awx_job_id": 7}
            told = jinja2.Template(text, undefined=jinja2.StrictUndefined).render(said)
            assert meaning[choice] in told


@pytest.mark.parametrize(
    ("variable", "takes"),
    [
        ("backup_information_type", RULES.information_types),
        ("request_information_type", RULES.information_types),
        ("request_repository_type", RULES.repository_types),
        ("request_decision", request_form.DECISIONS),
        ("restore_reason", _REASONS),
        ("loan_step", loans.STEPS),
        ("question", QUESTIONS),
    ],
)
def test_all_that_the_procedure_knows_can_be_chosen(variable, takes):
    said = [meaning for each in awx_files.TEMPLATES for name, _asked, meaning in translations(each) if name == variable]
    assert said and all(set(meaning.values()) - {""} == set(takes) for meaning in said)


def test_every_playbook_can_be_started():
    assert {each["playbook"] for each in awx_files.TEMPLATES} == {
        f"playbooks/{path.name}" for path in (CHECKOUT / "playbooks").glob("*.yml")
    }
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("schedule", awx_files.SCHEDULES, ids=lambda each: each["name"])
def test_what_is_scheduled_asks_nobody_and_runs_in_the_institution_s_zone(schedule):
    """Breaks: a night's job waits for an answer; the morning's report comes before the night is over."""
    (template,) = [each for each in awx_files.TEMPLATES if each["name"] == schedule["unified_job_template"]]
    assert all(not each["required"] and "default" in each for each in questions(template))
    rule = awx_files.settled(schedule["rrule"], {"awx_time_zone": RULES.zone.key})
    assert objections_to_rule(rule) == [] and f"TZID={RULES.zone.key}:" in rule
    hour = re.search(r"T(\d{2})(\d{2})00 ", rule)
    assert f"{hour[1]}:{hour[2]}" in schedule["description"]
    if template["playbook"] == "playbooks/reconcile.yml":
        assert f"{hour[1]}:{hour[2]}" > RULES.information_types["database"].missed_at.isoformat("minutes")


def test_ansible_builder_makes_the_image_s_context_and_finds_what_the_collection_needs(tmp_path):
    """Breaks: the image lacks what a playbook needs on the controller, or the definition is none."""
    tree = tmp_path / "build"
    tree.mkdir()
    galaxy = [str(BIN / "ansible-galaxy"), "collection"]
    subprocess.run([*galaxy, "build", "--output-path", str(tree), str(CHECKOUT)], check=True, capture_output=True)
    (archive,) = tree.glob("dse-backup-*.tar.gz")
    archive.rename(tree / "dse-backup.tar.gz")
    shutil.copy(CHECKOUT / "awx" / "execution-environment.yml", tree)
    builder = str(BIN / "ansible-builder")
    subprocess.run([builder, "create"], cwd=tree, check=True, capture_output=True)
    containerfile = (tree / "context" / "Containerfile").read_text("utf-8")
    assert re.search(r'^ARG EE_BASE_IMAGE="localhost/', containerfile, re.MULTILINE)
    assert "ansible-core>=2.19 ansible-runner>=2.4" in containerfile

    # As the Containerfile goes on, without a container.
    assert "COPY _build /build\nWORKDIR /build" in containerfile
    install = ["install", "--offline", "-r", "requirements.yml", "--collections-path", str(tmp_path / "installed")]
    # Without the checkout's ansible.cfg, by which the collection counts as installed.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    build = tree / "context" / "_build"
    subprocess.run([*galaxy, *install], cwd=build, env=environment, check=True, capture_output=True)
    said = subprocess.run(
        [builder, "introspect", str(tmp_path / "installed")], check=True, capture_output=True, text=True
    ).stdout
    needed = yaml.safe_load(said)
    python = {re.split(r"[><=# ]", each)[0] for each in needed["python"]}
    required = {
        re.split(r"[><=]", line)[0]
        for line in (CHECKOUT / "requirements.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    # What ansible-builder installs by itself it leaves out here.
    assert python == required - {"ansible-core"}
    assert {each.partition(" ")[0] for each in needed["system"]} >= {"openssh-client", "openssh-clients", "pango"}
