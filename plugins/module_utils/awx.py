# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings AWX to what files say: objects by name are made, or changed where they differ; the others are left alone.

Objects are written with the fields of AWX's API, other objects in them by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

# What is made, in the order in which one needs the other.
KINDS = ("execution_environments", "credential_types", "credentials", "job_templates", "schedules")
# A field that names another object -> where AWX has those.
_REFERENCES = {
    "credential_type": "credential_types",
    "execution_environment": "execution_environments",
    "inventory": "inventories",
    "organization": "organizations",
    "project": "projects",
    "unified_job_template": "job_templates",
}
# What a job template is given at an address of its own below it.
_RELATIONS = ("credentials", "instance_groups")
# What tells two objects of one name apart.
_SCOPES = {"credentials": "organization", "job_templates": "project", "schedules": "unified_job_template"}

# method, path below /api/v2/, body -> AWX's answer; raises AwxError.
Call = Callable[[str, str, Any], Any]


class AwxError(Exception):
    """AWX objected, or lacks what must be there. The text says what."""


class Configuration:
    """What AWX is to have: ``wanted`` is kind -> objects. With ``writes`` false it is only asked."""

    def __init__(self, wanted: Mapping[str, Iterable[Mapping[str, Any]]], call: Call, *, writes: bool) -> None:
        self._wanted = {kind: list(wanted.get(kind) or ()) for kind in KINDS}
        self._call = call
        self._writes = writes
        # kind -> name -> id; 0 is what would be made.
        self._ids: dict[str, dict[str, int]] = {}
        self.changes: list[str] = []

    def apply(self) -> list[str]:
        """Do it, and return in words what was done or would be; raise AwxError."""
        self._look_up()
        for kind in KINDS:
            for item in self._wanted[kind]:
                self._object(kind, item)
                if kind == "job_templates":
                    self._below(item)
        return self.changes

    def _look_up(self) -> None:
        """Find what somebody else has made, and must have: it holds addresses and secrets."""
        missing = []
        for kind, name in self._foreign():
            found = self._find(kind, {"name": name})
            if len(found) != 1:
                missing.append(f"{kind}: «{name}»" + (f" ({len(found)} veces)" if found else ""))
            else:
                self._ids.setdefault(kind, {})[name] = found[0]["id"]
        if missing:
            raise AwxError(f"no se hizo nada; en AWX falta, o no puede verse: {'; '.join(missing)}")

    def _foreign(self) -> list[tuple[str, str]]:
        """Return what is named and is not made here, once each."""
        own = {(kind, item["name"]) for kind in KINDS for item in self._wanted[kind]}
        named = {}
        for kind in KINDS:
            for item in self._wanted[kind]:
                named.update({(_REFERENCES[key], item[key]): None for key in _REFERENCES if key in item})
                named.update({(relation, name): None for relation in _RELATIONS for name in item.get(relation, ())})
        return [each for each in named if each not in own]

    def _object(self, kind: str, item: Mapping[str, Any]) -> None:
        body = self._body(kind, item)
        query = {"name": body["name"]}
        if kind in _SCOPES:
            query[_SCOPES[kind]] = body[_SCOPES[kind]]
        there = self._find(kind, query)
        if not there:
            self.changes.append(f"{kind}: «{item['name']}», nuevo")
            made = self._write("POST", f"{kind}/", body)
            self._ids.setdefault(kind, {})[item["name"]] = made["id"] if made else 0
            return
        self._ids.setdefault(kind, {})[item["name"]] = there[0]["id"]
        differing = [key for key, value in body.items() if _plain(key, value) != _plain(key, there[0].get(key))]
        if differing:
            self.changes.append(f"{kind}: «{item['name']}»: {', '.join(differing)}")
            self._write("PATCH", f"{kind}/{there[0]['id']}/", {key: body[key] for key in differing})

    def _body(self, kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
        body = {}
        for key, value in item.items():
            # A job template has its project's organization.
            if key in (*_RELATIONS, "survey_spec") or (kind == "job_templates" and key == "organization"):
                continue
            if key in _REFERENCES:
                body[key] = self._ids[_REFERENCES[key]][value]
            elif key == "extra_vars":
                body[key] = json.dumps(value, ensure_ascii=False, sort_keys=True)
            else:
                body[key] = value
        return body

    def _below(self, item: Mapping[str, Any]) -> None:
        """Give a job template its survey, its credentials and the place where it runs."""
        number = self._ids["job_templates"][item["name"]]
        path = f"job_templates/{number}"
        wanted = item.get("survey_spec")
        if wanted and wanted != (self._call("GET", f"{path}/survey_spec/", None) if number else {}):
            self.changes.append(f"job_templates: «{item['name']}»: survey_spec")
            self._write("POST", f"{path}/survey_spec/", wanted)
        for relation in _RELATIONS:
            names = item.get(relation, ())
            there = self._call("GET", f"{path}/{relation}/?page_size=200", None)["results"] if number and names else []
            lacking = [name for name in names if self._ids[relation][name] not in [each["id"] for each in there]]
            if lacking:
                self.changes.append(f"job_templates: «{item['name']}»: {relation}: {', '.join(lacking)}")
            for name in lacking:
                self._write("POST", f"{path}/{relation}/", {"id": self._ids[relation][name]})

    def _find(self, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        # Of what would be made nothing is there yet.
        return [] if 0 in query.values() else self._call("GET", f"{kind}/?{urlencode(query)}", None)["results"]

    def _write(self, method: str, path: str, body: Any) -> Any:
        return self._call(method, path, body) if self._writes else None


def _plain(key: str, value: Any) -> Any:
    """Return what variables say, however their JSON is written."""
    if key == "extra_vars" and isinstance(value, str):
        try:
            return json.loads(value or "{}")
        except ValueError:
            return value
    return value
