# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Institutions that never were: an inventory of any size, and a ledger in which each of its items has what JAA keeps of
it, the request that it accepted and the backups."""

from __future__ import annotations

import hashlib
import itertools
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.dse.backup.plugins.module_utils._core.items import source
from ansible_collections.dse.backup.plugins.plugin_utils import outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.history import History
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical, record_sha256
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import Context
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import DEFAULT_DIRECTORY, Procedure, load

PROCEDURE: Procedure = load(str(DEFAULT_DIRECTORY))
ITEMS_EACH = 5
# Two databases, a site, its pictures and the server's configuration: in a year 159 backups an item.
_KINDS = ("database", "database", "source_code", "images_documents", "server_configuration")
_REPOSITORIES = {"database": "database", "source_code": "software_project", "images_documents": "web_publication"}


@dataclass(frozen=True)
class Element:
    """An item as the inventory has it, and the server whose it is."""

    server: str
    definition: dict[str, Any]


def elements(number: int) -> list[Element]:
    """Return that many items, five a server: the first ones of an institution are those of a larger one too."""
    return [_element(position) for position in range(number)]


def _element(position: int) -> Element:
    server, which = f"srv-{position // ITEMS_EACH:05}", position % ITEMS_EACH
    kind, name = _KINDS[which], f"servicio_{position}"
    where = {"database": {"engine": "postgresql", "name": name}} if kind == "database" else {"paths": [f"/srv/{name}"]}
    definition = {
        "id": f"item-{position:05}",
        "service": f"Servicio electrónico {position}",
        "repository_type": _REPOSITORIES.get(kind, kind),
        "information_type": kind,
        "request_folio": f"DSE-05-2026-{position + 1:04}",
        **where,
    }
    return Element(server, definition)


def inventory(institution: Sequence[Element]) -> dict[str, Any]:
    """Return the inventory as Ansible reads it. The addresses are of a network that nobody has (RFC 5737)."""
    servers: dict[str, Any] = {}
    for element in institution:
        one = {"ansible_host": f"192.0.2.{len(servers) % 254 + 1}", "backup_client_items": []}
        servers.setdefault(element.server, one)["backup_client_items"].append(element.definition)
    return {
        "dse_servers": {"hosts": servers},
        "backup_servers": {"hosts": {"srv-bkp01": {"ansible_host": "192.0.2.1"}}},
    }


def write_yaml(path: Path, content: dict[str, Any]) -> Path:
    """Write an inventory as an administrator has it."""
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
    return path


def write_script(path: Path, content: dict[str, Any]) -> Path:
    """Write an inventory as AWX gives it: a program that prints JSON."""
    variables = {server: own for group in content.values() for server, own in group["hosts"].items()}
    groups = {name: {"hosts": list(group["hosts"])} for name, group in content.items()}
    printed = path.with_suffix(".json")
    printed.write_text(json.dumps({"_meta": {"hostvars": variables}, **groups}, ensure_ascii=False), "utf-8")
    path.write_text(f"#!/bin/sh\ncat {shlex.quote(str(printed))}\n", "utf-8")
    path.chmod(0o755)
    return path


def today() -> date:
    """Return the institution's day: with the next one, its databases are due."""
    return datetime.now(PROCEDURE.zone).date()


def write_ledger(directory: Path, institution: Sequence[Element], records: int = 0) -> None:
    """Write a ledger that begins with the requests of all items and ends today with nothing due.

    It has ``records`` lines: each night a run that backs up what is due on its day. Without, each item has two backups.
    """
    nights = [(_days_ago(8), institution), (_days_ago(0), institution)]
    if records:
        nights = _nights(institution, records - 2 * len(institution))
    directory.mkdir(parents=True)
    writer = _Writer(institution)
    with (directory / f"ledger-{nights[0][0].year}.jsonl").open("wb") as stream:
        stream.writelines(writer.requests(nights[0][0]))
    for year, its_nights in itertools.groupby(nights, key=lambda night: night[0].year):
        with (directory / f"ledger-{year}.jsonl").open("ab") as stream:
            for day, due in its_nights:
                stream.writelines(writer.run(day, due))


def make_index(directory: Path) -> None:
    """Let the product read the whole ledger once, as it does where its index is missing."""
    with Index.for_writing(str(directory)):
        pass


def run_entries(institution: Sequence[Element]) -> list[dict[str, Any]]:
    """Return what one run that backs up these items hands over to the ledger."""
    return list(_Writer(institution).entries(today(), institution))


def _days_ago(days: int) -> date:
    return today() - timedelta(days=days)


def _nights(institution: Sequence[Element], records: int) -> list[tuple[date, Sequence[Element]]]:
    """Return the nights until today whose runs make so many records, oldest first, each with what was due."""
    nights: list[tuple[date, Sequence[Element]]] = []
    while records > 2:  # A run has a start and an end besides.
        day = _days_ago(len(nights))
        due = [each for position, each in enumerate(institution) if _is_due(each, position, day)][: records - 2]
        nights.append((day, due))
        records -= len(due) + 2
    return nights[::-1]


def _is_due(element: Element, position: int, day: date) -> bool:
    frequency = PROCEDURE.information_type(element.definition["information_type"]).schedule
    if frequency.unit == "elapsed_days":
        return (day.toordinal() + position) % (frequency.days or 1) == 0
    return frequency.unit == "day" or day.weekday() == 0


class _Writer:
    """Makes the lines of one ledger, chained and numbered as the product does."""

    def __init__(self, institution: Sequence[Element]) -> None:
        self._institution = institution
        self._templates = {each.definition["id"]: _template(each) for each in institution}
        self._head = "0" * 64
        self._numbers: dict[str, int] = {}

    def requests(self, day: date) -> Iterator[bytes]:
        """Yield the lines of the requests for all items, each accepted at once."""
        return self._lines(day, (entry for each in self._institution for entry in _requested(each, day)))

    def run(self, day: date, due: Sequence[Element]) -> Iterator[bytes]:
        """Yield the lines of one night's run."""
        return self._lines(day, self.entries(day, due))

    def _lines(self, day: date, entries: Iterable[dict[str, Any]]) -> Iterator[bytes]:
        # By the minute after midnight, so that a ledger made at any hour does not lie in the future.
        recorded_at = datetime.combine(day, time(0, 1), PROCEDURE.zone).isoformat(timespec="milliseconds")
        shared = {"procedure_revision": PROCEDURE.procedure_revision, "recorded_at": recorded_at}
        for entry in entries:
            record = {**entry, **shared, "previous_sha256": self._head}
            if record["form_code"]:
                if "folio" not in record:
                    series = f"{PROCEDURE.forms[record['form_code']].series}-{day.year}"
                    self._numbers[series] = self._numbers.get(series, 0) + 1
                    record["folio"] = f"{series}-{self._numbers[series]:04}"
                record["form_revision"] = PROCEDURE.institution.form_revision
                record["issued_at"] = recorded_at
            self._head = record["record_sha256"] = record_sha256(record)
            yield canonical(record) + b"\n"

    def entries(self, day: date, due: Sequence[Element]) -> Iterator[dict[str, Any]]:
        """Yield what the run hands over: its start with the plan, the backups, its end."""
        run_id = f"{day:%Y%m%d}T060000Z-{day.toordinal():06x}"
        instant = datetime.combine(day, time(0), PROCEDURE.zone).isoformat(timespec="seconds")
        run = {"record_type": "run", "form_code": None, "run_id": run_id}
        planned = [_planned(each, instant) for each in due]
        yield {**run, "run_event": "started", "job": "backup", **_CONTEXT, "run_id": run_id, "planned": planned}
        dates = dict.fromkeys(("started_at", "finished_at", "verified_at"), instant) | {"backup_date": day.isoformat()}
        for each in due:
            snapshot = hashlib.sha256(f"{each.definition['id']} {day}".encode()).hexdigest()
            measured = {"file_name": snapshot, "sha256": snapshot, "size_bytes": 10**8 + int(snapshot[:4], 16)}
            yield {
                **self._templates[each.definition["id"]],
                **dates,
                **measured,
                "run_id": run_id,
                "host_run_id": run_id,
            }
        yield {**run, "run_event": "ended"}


_CONTEXT = asdict(Context("", execution_mode="automatic", operator_role="JAA", operator_user="respaldos"))
del _CONTEXT["maintenance_ref"]


def _template(element: Element) -> dict[str, Any]:
    """Return a backup's record of the item as the product makes it; from day to day its dates and sizes change."""
    now = datetime.now(PROCEDURE.zone).isoformat(timespec="seconds")
    measured = {
        **dict.fromkeys(("snapshot_id", "tree"), "0" * 64),
        **dict.fromkeys(("baseline_file_name", "previous_file_name"), "1" * 64),
        **dict.fromkeys(("started_at", "arrived_at"), now),
        **{"size_bytes": 10**8, "baseline_size_bytes": 10**8, "entry_count": 1000},
        **{"baseline_change_pct": 0.0, "size_change_accumulated_pct": 0.0, "new_data_pct": 1.0},
        **{"tags": {"tool": "dse-backup 1.0.0"}, "verification_result": "conforming"},
        **{"reasons": [], "remarks": [], "faults": []},
    }
    context = Context(**_CONTEXT)
    record = outcomes.backup(
        element.definition, element.server, measured, History(), context=context, procedure=PROCEDURE
    )
    return {key: value for key, value in record.items() if value is not None}


def _requested(element: Element, day: date) -> list[dict[str, Any]]:
    """Return the records of the request for an item, and of its acceptance."""
    definition = element.definition
    by = {key: value for key, value in _CONTEXT.items() if key.startswith("operator")} | {"run_id": "R"}
    request = {
        **{"record_type": "backup_request", "form_code": PROCEDURE.form_for("backup_request").code},
        **{"folio": definition["request_folio"], "prepared_by": PROCEDURE.institution.prepared_by, **by},
        **{"requester_role": "CGDW", "requester_area": definition["service"], "requester_contact": "area@example.org"},
        **{key: definition[key] for key in ("service", "repository_type", "information_type")},
        **{"servers": [element.server], "source": source(definition), "contains_personal_data": True},
        **{"frequency": PROCEDURE.information_type(definition["information_type"]).frequency, "estimated_bytes": 10**8},
    }
    decision = {"record_type": "decision", "form_code": None, "about_folio": definition["request_folio"], **by}
    return [request, {**decision, "decision": "accepted", "valid_from": day.isoformat()}]


def _planned(element: Element, instant: str) -> dict[str, Any]:
    definition = element.definition
    return {
        **{"server": element.server, "stage": "backup", "scheduled_for": instant, "execution_mode": "automatic"},
        **{"item_id": definition["id"], "reason": "respaldo del día", "service": definition["service"]},
        **{"information_type": definition["information_type"], "source": source(definition)},
    }
