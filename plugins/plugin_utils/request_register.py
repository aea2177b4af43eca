# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of requests (FOR 7.5 DSE 05-A, clause 4.1.1): what was asked for, and what JAA made of it.

Folded from the ledger's records in their order. A change of a request is a request of its own that amends it, with a
folio of its own, and is in force from the day that JAA sets when accepting it; until then the earlier one is. The
inventory may name any folio of such a chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.items import Fault, source
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.register import Item, Refusal, Register

PENDING, ACCEPTED, REJECTED, CANCELLED = "pending", "accepted", "rejected", "cancelled"
# What of its record a request is known by here.
_KEPT = {
    "folio": "folio",
    "area": "requester_area",
    "contact": "requester_contact",
    "service": "service",
    "servers": "servers",
    "repository_type": "repository_type",
    "information_type": "information_type",
    "source": "source",
    "exclusions": "exclusions",
    "amends": "amends_folio",
    "is_taken_over": "is_taken_over",
}


@dataclass
class Request:
    """One request. Dates are ISO text, empty where there is none; ``valid_until`` and ``ended_on`` are its last days.

    ``state`` is pending, accepted, rejected or cancelled. ``source`` is as in the forms: paths with ", " between them,
    or a database. ``amended_by`` is the accepted request that replaces this one from its own ``valid_from`` on.
    """

    folio: str
    area: str = ""
    contact: str = ""
    service: str = ""
    servers: list[str] = field(default_factory=list)
    repository_type: str = ""
    information_type: str = ""
    source: str = ""
    exclusions: list[str] = field(default_factory=list)
    amends: str = ""
    is_taken_over: bool = False
    state: str = PENDING
    reason: str = ""
    valid_from: str = ""
    valid_until: str = ""
    ended_on: str = ""
    amended_by: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Request:
        """Return the request of its record, undecided."""
        return cls(**{ours: record[theirs] for ours, theirs in _KEPT.items() if record.get(theirs) is not None})

    def decide(self, record: Mapping[str, Any]) -> None:
        """Take JAA's decision into account."""
        self.state = record["decision"]
        self.reason = record.get("decision_reason") or ""
        self.valid_from = record.get("valid_from") or ""
        self.valid_until = record.get("valid_until") or ""

    def cancel(self, record: Mapping[str, Any]) -> None:
        """Take its cancellation into account; what it covered until then stays."""
        if self.state == ACCEPTED:
            # Of that day itself nothing is expected any more.
            day_before = date.fromisoformat(record["recorded_at"][:10]) - timedelta(days=1)
            self.ended_on = day_before.isoformat()
        self.state = CANCELLED
        self.reason = record.get("cause") or ""

    @property
    def never_began(self) -> bool:
        """Whether it was cancelled before it came into force."""
        return bool(self.ended_on) and self.ended_on < self.valid_from

    @property
    def last_day(self) -> date | None:
        """The last day on which it was in force by itself; None where no end is set."""
        ends = [date.fromisoformat(day) for day in (self.valid_until, self.ended_on) if day]
        return min(ends, default=None)

    @property
    def was_accepted(self) -> bool:
        """Whether it was ever in force, or will be."""
        return bool(self.valid_from)


class Requests(dict[str, Request]):
    """All requests by their folio."""

    def version(self, folio: str, day: date) -> Request | None:
        """Return what of the chain of ``folio`` is in force on ``day``, or would be: the newest accepted by then."""
        request = self.get(folio)
        # Of a change that is still to come, what it changes is in force.
        while (
            request
            and (request.valid_from > day.isoformat() or request.never_began)
            and (before := self.get(request.amends))
        ):
            request = before
        while request and (after := self.get(request.amended_by)) and after.valid_from <= day.isoformat():
            request = after
        return request

    def chains(self) -> Iterator[list[Request]]:
        """Yield each request that amends none, with the accepted ones that amended it, in their order."""
        for request in self.values():
            if self.get(request.amends) and request.was_accepted:
                continue
            chain = [request]
            while after := self.get(chain[-1].amended_by):
                chain.append(after)
            yield chain

    def holds(self, request: Request, day: date) -> bool:
        """Tell whether it is accepted and, of its chain, what is in force on ``day``."""
        return not standing(request, day) and self.version(request.folio, day) is request

    def in_force(self, day: date) -> list[Request]:
        """Return the accepted requests that hold on ``day``."""
        return [each for each in self.values() if self.holds(each, day)]


def standing(request: Request, day: date) -> str:
    """Return, in words, why a request does not hold on ``day``; empty where it does."""
    because = f" ({request.reason})" if request.reason else ""
    if request.state == PENDING:
        return "JAA aún no la ha aceptado"
    if request.state == REJECTED:
        return f"JAA la rechazó{because}"
    if request.state == CANCELLED:
        return f"está cancelada{because}"
    if request.valid_from > day.isoformat():
        return f"está vigente a partir del {spoken_day(request.valid_from)}"
    if request.last_day and request.last_day < day:
        return f"venció el {request.last_day:%d/%m/%Y}"
    return ""


def objection(item: Mapping[str, Any], server: str, requests: Requests, day: date) -> str:
    """Return, in words, why ``item`` (without faults) on ``server`` is not covered by the request that it names."""
    folio = item["request_folio"]
    request = requests.version(folio, day)
    if request is None:
        return f"la solicitud {folio} no está en el registro"
    named = folio
    if request.folio != folio:
        how = "en cuyo lugar rige aún" if requests[folio].valid_from > day.isoformat() else "cambiada por"
        named = f"{folio}, {how} {request.folio},"
    if why := standing(request, day):
        return f"la solicitud {named} no ampara este respaldo: {why}"
    other = [
        f"{each.what}: pide «{readable(each.asked, 200)}», no «{readable(each.has, 200)}»"
        for each in _differences(item, server, request)
    ]
    return f"la solicitud {named} es de otra cosa: {'; '.join(other)}" if other else ""


def screen(register: Register, requests: Requests, day: date) -> Register:
    """Return ``register`` without the items that no accepted request covers: they are refused, by name."""
    screened = Register([], list(register.refusals))
    for item in register.items:
        why = objection(item.definition, item.server, requests, day)
        if why:
            fault = Fault("request_folio", why)
            screened.refusals.append(Refusal(item.server, item.item_id, [fault], item.definition))
        else:
            screened.items.append(item)
    return screened


def parts(text: str) -> list[str]:
    """Return the paths of a source as the forms name it, in one order; a database is one part."""
    return sorted(text.split(", "))


class _Difference(NamedTuple):
    what: str
    asked: str
    has: str


def _differences(item: Mapping[str, Any], server: str, request: Request) -> Iterator[_Difference]:
    """Yield in what an item is not what was asked for."""
    if server not in request.servers:
        yield _Difference("servidor", ", ".join(request.servers), server)
    for what, key in (("tipo de repositorio", "repository_type"), ("tipo de información", "information_type")):
        if item[key] != getattr(request, key):
            yield _Difference(what, getattr(request, key), item[key])
    here = source(dict(item))
    if parts(here) != parts(request.source):
        yield _Difference("origen", request.source, here)
    exclusions = item.get("exclude", [])
    if sorted(exclusions) != sorted(request.exclusions):
        none = "ninguna"
        yield _Difference("exclusiones", ", ".join(request.exclusions) or none, ", ".join(exclusions) or none)


class Absent(NamedTuple):
    """An accepted request, on one of its servers, that no item of the inventory carries out."""

    request: Request
    server: str


def absent(register: Register, requests: Requests, day: date) -> list[Absent]:
    """Return what was accepted, holds on ``day`` and is not in the inventory, not even as a refused element."""
    named: set[tuple[str, str]] = set()
    for element in (*register.items, *register.refusals):
        folio = element.definition.get("request_folio")
        version = requests.version(folio, day) if isinstance(folio, str) else None
        if version:
            named.add((version.folio, element.server))
    return [
        Absent(request, server)
        for request in requests.values()
        for server in request.servers
        # The cheap question first: nearly all are named.
        if (request.folio, server) not in named and requests.holds(request, day)
    ]


def taken_over(items: Iterable[Item], requests: Requests) -> tuple[dict[str, list[Item]], list[str]]:
    """Return the items whose requests the register lacks, by folio, and in words which of them cannot be taken over.

    Items that share a folio become one request for their servers: they must ask for the same.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.definition["request_folio"] not in requests:
            groups.setdefault(item.definition["request_folio"], []).append(item)
    conflicts = []
    for folio, members in list(groups.items()):
        first = members[0]
        pattern = Request(
            folio,
            servers=[member.server for member in members],
            repository_type=first.definition["repository_type"],
            information_type=first.definition["information_type"],
            source=source(first.definition),
            exclusions=first.definition.get("exclude", []),
        )
        for member in members[1:]:
            what = [difference.what for difference in _differences(member.definition, member.server, pattern)]
            if what:
                conflicts.append(
                    f"{first.server} · {first.item_id} y {member.server} · {member.item_id} llevan la misma solicitud "
                    f"{folio} y difieren en {', '.join(what)}: dé a uno de los dos un folio propio"
                )
                groups.pop(folio, None)
    return groups, conflicts
