# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of AWX's REST API as `awx/configure.yml` uses, with AWX's own objections, on the loopback interface."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from institution import CHECKOUT

TOKEN = "ficha-de-awx-51c0"

# What AWX takes of each kind: field -> type, or the kind that its id must be of. AWX passes over what it does not know;
# that is a mistake of ours, and is objected to here.
_LAUNCH = {f"ask_{name}_on_launch": bool for name in ("limit", "job_type", "variables", "inventory", "tags")}
_FIELDS: dict[str, dict[str, Any]] = {
    "organizations": {"name": str},
    "projects": {"name": str, "organization": "organizations"},
    "inventories": {"name": str, "organization": "organizations"},
    "instance_groups": {"name": str},
    "execution_environments": {"name": str, "description": str, "image": str},
    "credential_types": {"name": str, "description": str, "kind": str, "inputs": dict, "injectors": dict},
    "credentials": {
        **{"name": str, "description": str, "organization": "organizations"},
        **{"credential_type": "credential_types", "inputs": dict},
    },
    "job_templates": {
        **{"name": str, "description": str, "job_type": str, "inventory": "inventories", "project": "projects"},
        **{"playbook": str, "limit": str, "extra_vars": str, "execution_environment": "execution_environments"},
        **{"survey_enabled": bool, "allow_simultaneous": bool, "prevent_instance_group_fallback": bool, **_LAUNCH},
    },
    "schedules": {
        **{"name": str, "description": str, "unified_job_template": "job_templates", "rrule": str, "enabled": bool},
    },
}
_REQUIRED = {
    "credential_types": ("name", "kind"),
    "credentials": ("name", "credential_type"),
    "execution_environments": ("name", "image"),
    "job_templates": ("name", "project", "playbook", "inventory"),
    "schedules": ("name", "unified_job_template", "rrule"),
}
# Besides what was sent.
_OF_AWX = {"credential_types": {"managed": False}}
_TYPES = {"text": str, "textarea": str, "multiplechoice": str, "multiselect": str, "integer": int, "float": float}


class Objection(Exception):
    """What AWX answers with another status than 200."""

    def __init__(self, status: int, words: Any) -> None:
        super().__init__(status, words)
        self.status, self.words = status, words


class Awx:
    """An AWX with what an administrator has made by hand, and ``writes``: each call that was to change something."""

    def __init__(self) -> None:
        self.url = ""
        self.writes: list[tuple[str, str]] = []
        self.objects: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in _FIELDS}
        self.related: dict[tuple[int, str], list[int]] = {}
        self.surveys: dict[int, dict[str, Any]] = {}
        organization = self.make("organizations", name="Default")
        for kind in ("projects", "inventories"):
            self.make(kind, name="Respaldos DSE", organization=organization["id"])
        self.make("instance_groups", name="Respaldos DSE")
        for name in ("Servidores DSE", "Bóveda DSE"):
            own = self.make("credential_types", name=f"Tipo de {name}", kind="ssh")
            self.make("credentials", name=name, organization=organization["id"], credential_type=own["id"])

    def make(self, collection: str, /, **fields: Any) -> dict[str, Any]:
        number = 1 + max((max(several, default=0) for several in self.objects.values()), default=0)
        self.objects[collection][number] = {**_OF_AWX.get(collection, {}), **fields, "id": number}
        return self.objects[collection][number]

    def named(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [each for each in self.objects[kind].values() if each["name"] == name]
        return found

    def answer(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        """Answer one call."""
        address = urlsplit(url)
        match = re.fullmatch(r"/api/v2/([a-z_]+)/(?:(\d+)/(?:([a-z_]+)/)?)?", address.path)
        if not match or match[1] not in self.objects:
            raise Objection(404, {"detail": "Not found."})
        kind, number, below = match[1], int(match[2] or 0), match[3]
        if number and number not in self.objects[kind]:
            raise Objection(404, {"detail": "Not found."})
        if method != "GET":
            self.writes.append((method, address.path))
        if kind == "job_templates" and below == "survey_spec":
            return self._survey(method, number, body)
        if kind == "job_templates" and below in ("credentials", "instance_groups"):
            return self._relation(method, number, below, body)
        if below:
            raise Objection(404, {"detail": "Not found."})
        if method == "GET" and not number:
            return 200, self._list(kind, dict(parse_qsl(address.query)))
        if method == "POST" and not number:
            self._check(kind, body)
            return 201, self.make(kind, **body)
        if method == "PATCH" and number:
            self._check(kind, {**self.objects[kind][number], **body}, number)
            self.objects[kind][number].update(body)
            return 200, self.objects[kind][number]
        raise Objection(405, {"detail": f'Method "{method}" not allowed.'})

    def _list(self, kind: str, query: dict[str, str]) -> dict[str, Any]:
        size = min(int(query.pop("page_size", 25)), 200)
        found = list(self.objects[kind].values())
        for key, value in query.items():
            field, _separator, lookup = key.partition("__")
            if field not in {**_FIELDS[kind], **_OF_AWX.get(kind, {})} or lookup not in ("", "in"):
                raise Objection(400, {"detail": f"{kind} has no field named '{field}'"})
            wanted = value.lower().split(",") if lookup else [value.lower()]
            found = [each for each in found if str(each[field]).lower() in wanted]
        return {"count": len(found), "next": None, "previous": None, "results": found[:size]}

    def _check(self, kind: str, body: dict[str, Any], number: int = 0) -> None:
        faults: dict[str, Any] = {name: "required" for name in _REQUIRED.get(kind, ()) if name not in body}
        faults |= {name: fault for name, value in body.items() if (fault := self._objection(kind, name, value))}
        own = "unified_job_template" if kind == "schedules" else "name"
        for other in self.objects[kind].values():
            if other["id"] != number and (other["name"], other[own]) == (body.get("name"), body.get(own)):
                faults["__all__"] = "with this Name and Organization already exists."
        if kind == "job_templates" and not (CHECKOUT / body.get("playbook", "")).is_file():
            faults["playbook"] = "Playbook not found for project."
        if kind == "schedules" and "rrule" in body:
            faults |= {"rrule": objections_to_rule(body["rrule"])} if objections_to_rule(body["rrule"]) else {}
        if faults:
            raise Objection(400, faults)

    def _objection(self, kind: str, name: str, value: Any) -> str:
        what = {**_FIELDS[kind], "id": int, "managed": bool}.get(name)
        if what is None:
            return "unknown field"
        if isinstance(what, str):
            return "" if value in self.objects[what] else f'Invalid pk "{value}" - object does not exist.'
        return "" if isinstance(value, what) else f"Not a valid {what.__name__}: {value!r}"

    def _survey(self, method: str, number: int, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, self.surveys.get(number, {})
        if method != "POST":
            raise Objection(405, {})
        if faults := objections_to_survey(body):
            raise Objection(400, {"error": faults[0]})
        self.surveys[number] = body
        return 200, None

    def _relation(self, method: str, number: int, kind: str, body: Any) -> tuple[int, Any]:
        ids = self.related.setdefault((number, kind), [])
        if method == "GET":
            return 200, {"count": len(ids), "results": [self.objects[kind][each] for each in ids]}
        if method != "POST" or not isinstance(body.get("id"), int) or body["id"] not in self.objects[kind]:
            raise Objection(400, {"msg": '"id" field must be an integer of an object.'})
        new = self.objects[kind][body["id"]]
        if kind == "credentials" and new["credential_type"] in [self.objects[kind][i]["credential_type"] for i in ids]:
            raise Objection(400, {"error": "Cannot assign multiple credentials of one type."})
        ids.append(body["id"])
        return 204, None


def objections_to_survey(survey: dict[str, Any]) -> list[str]:
    """Return what AWX has to object to a survey."""
    types = (("name", str), ("description", str), ("spec", list))
    faults = [f"'{name}' is missing" for name, kind in types if not isinstance(survey.get(name), kind)]
    if faults or not survey["spec"]:
        return faults or ["'spec' doesn't contain any items"]
    variables = [question.get("variable") for question in survey["spec"]]
    faults += [f"'{each}' is duplicated" for each in set(variables) if variables.count(each) > 1]
    return faults + [f"'{each.get('variable')}': {fault}" for each in survey["spec"] for fault in _of_question(each)]


def _of_question(question: dict[str, Any]) -> Iterator[str]:
    for key, kind in (("type", str), ("question_name", str), ("variable", str), ("required", bool)):
        if not isinstance(question.get(key), kind):
            yield f"{key} must be {kind.__name__}"
    known = {
        "question_name",
        "question_description",
        "variable",
        "type",
        "choices",
        "default",
        "required",
        "min",
        "max",
    }
    if set(question) - known:
        yield f"unknown: {set(question) - known}"
    kind = question.get("type")
    if kind not in _TYPES:
        yield f"{kind} is no type of question"
    elif question.get("default", "") != "" and not isinstance(question["default"], _TYPES[kind]):
        yield f"its default must be {_TYPES[kind].__name__}"
    if kind in ("multiplechoice", "multiselect"):
        # A list does as well for the API, but not for every version of AWX's pages.
        choices = question["choices"].split("\n") if isinstance(question.get("choices"), str) else []
        if len(choices) < 2 or not all(choices) or len(set(choices)) != len(choices):
            yield "its choices are no list"
        if "default" in question and question["default"] not in choices:
            yield "Default choice must be answered from the choices listed."


def objections_to_rule(rule: str) -> list[str]:
    """Return what AWX has to object to when a schedule runs."""
    start = re.match(r"DTSTART(?:;TZID=([^:]+))?:\d{8}T\d{6}(Z?) ", rule)
    if not start or bool(start[1]) == bool(start[2]):
        return ["Valid DTSTART required in rrule, with its time zone."]
    try:
        ZoneInfo(start[1] or "UTC")
    except (ValueError, OSError) as error:
        return [f"no such zone: {error}"]
    rules = re.findall(r"RRULE:(\S*)", rule)
    if len(rules) != 1 or "INTERVAL=" not in rules[0]:
        return ["One rule required in rrule, with its INTERVAL."]
    parts = dict(part.split("=") for part in rules[0].split(";"))
    if parts["FREQ"] not in ("DAILY", "WEEKLY") or set(parts) - {"FREQ", "INTERVAL", "BYDAY"}:
        return [f"not used here: {rules[0]}"]
    return []


@contextmanager
def serving(awx: Awx) -> Iterator[Awx]:
    """Let ``awx`` answer at its ``url``."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Objection(401, {"detail": "Authentication credentials were not provided."})
                status, said = awx.answer(self.command, self.path, body)
            except Objection as objection:
                status, said = objection.status, objection.words
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    awx.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield awx
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
