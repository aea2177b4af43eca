# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.module_utils.awx import AwxError, Configuration

TEMPLATE = {
    **{"name": "Respaldar", "project": "Respaldos", "inventory": "Servidores", "playbook": "playbooks/backup.yml"},
    **{"extra_vars": {"backup_force": True}, "credentials": ["Llave"], "survey_spec": {"name": "x", "spec": [1]}},
}
THERE = {"projects": [{"id": 1}], "inventories": [{"id": 2}], "credentials": [{"id": 3}]}


class Server:
    """Answers from a table, by the address without its query, and notes what it was sent."""

    def __init__(self, **answers):
        self.answers, self.sent = {kind: answers.get(kind, found) for kind, found in {**THERE, **answers}.items()}, []

    def __call__(self, method, path, body):
        if method != "GET":
            self.sent.append((method, path, body))
            return {"id": 9}
        kind = path.split("/")[0]
        if "/" in path.partition("?")[0].rstrip("/"):
            return {} if path.endswith("survey_spec/") else {"results": []}
        return {"results": self.answers.get(kind, [])}


def apply(server, *, writes=True, **wanted):
    return Configuration({"job_templates": [TEMPLATE], **wanted}, server, writes=writes).apply()


def test_names_become_ids_and_variables_json():
    server = Server()
    assert apply(server) == [
        "job_templates: «Respaldar», nuevo",
        "job_templates: «Respaldar»: survey_spec",
        "job_templates: «Respaldar»: credentials: Llave",
    ]
    body = {"name": "Respaldar", "project": 1, "inventory": 2, "playbook": "playbooks/backup.yml"}
    assert server.sent == [
        ("POST", "job_templates/", {**body, "extra_vars": '{"backup_force": true}'}),
        ("POST", "job_templates/9/survey_spec/", TEMPLATE["survey_spec"]),
        ("POST", "job_templates/9/credentials/", {"id": 3}),
    ]


def test_a_rehearsal_asks_and_sends_nothing():
    """Breaks: --check writes, or fails over what would be made by then."""
    server = Server()
    schedule = {"name": "Cada noche", "unified_job_template": "Respaldar", "rrule": "x"}
    assert "schedules: «Cada noche», nuevo" in apply(server, writes=False, schedules=[schedule])
    assert server.sent == []


def test_what_is_the_same_is_left_alone_however_its_variables_are_spaced():
    there = {"id": 7, "project": 1, "inventory": 2, "playbook": "playbooks/backup.yml", "description": "de alguien"}
    same = {**TEMPLATE, "credentials": [], "survey_spec": None}
    server = Server(job_templates=[{**there, "name": "Respaldar", "extra_vars": '{ "backup_force":true }'}])
    assert Configuration({"job_templates": [same]}, server, writes=True).apply() == []
    server.answers["job_templates"][0]["extra_vars"] = "---\nbackup_force: true\n"
    assert Configuration({"job_templates": [same]}, server, writes=True).apply() == [
        "job_templates: «Respaldar»: extra_vars"
    ]
    assert server.sent == [("PATCH", "job_templates/7/", {"extra_vars": '{"backup_force": true}'})]


def test_all_that_is_missing_or_doubtful_is_named_before_anything_is_sent():
    server = Server(projects=[], credentials=[{"id": 3}, {"id": 4}])
    with pytest.raises(AwxError, match=r"projects: «Respaldos»; credentials: «Llave» \(2 veces\)"):
        apply(server)
    assert server.sent == []
