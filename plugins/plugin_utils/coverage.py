# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on a server against what was requested (4.1.1): what nobody asked for, and what is there no more.

Paths and names are compared as they can be read (see text.readable), which is how a server sends them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.coverage import Finding
from ansible_collections.dse.backup.plugins.module_utils._core.path_pattern import PathPattern, pattern
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import (
    Request,
    Requests,
    parts,
    standing,
)

# As long as the longest path is once it can be read, and as many as a server lists.
_LONGEST = 4 * 4096
_MOST = 5000
_FAMILIES = {"postgresql": "postgresql", "mariadb": "mariadb", "mysql": "mariadb"}
_KINDS = ("web", "code", "configuration", "database")


@dataclass
class Claim:
    """One thing that was asked for on one server: an item of the inventory, or a request that none carries out.

    ``name`` is the item's id, or the request's folio. Files have ``paths``, a database its ``database`` (a name) and,
    where it is known, its ``engine`` and how to reach it (``connection``, as in the inventory). ``why_not`` says in
    words why it is not backed up, and is empty for what is requested.
    """

    server: str
    name: str
    folio: str = ""
    paths: list[str] = field(default_factory=list)
    database: str = ""
    engine: str = ""
    connection: dict[str, Any] = field(default_factory=dict)
    exclusions: list[str] = field(default_factory=list)
    follows_links: bool = False
    one_file_system: bool = False
    why_not: str = ""

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What the server is asked about it, as the module coverage takes it."""
        if self.database:
            more = {"database": self.connection} if self.connection else {}
            return [{"name": self.database, **more}]
        return [{"path": path, "follow": self.follows_links} for path in self.paths]


def claims(register: Register, requests: Requests, day: date) -> list[Claim]:
    """Return all that was ever asked for: what is requested on ``day``, and what is not (any more), with the reason.

    ``register`` has only items that an accepted request covers (see request_register.screen).
    """
    found = [_of_definition(each.server, each.item_id, each.definition) for each in register.items]
    carried = set()
    for item in register.items:
        version = requests.version(item.definition["request_folio"], day)
        carried.add((item.server, version.folio if version else ""))
    in_force = {each.folio for each in requests.in_force(day)}
    for request in requests.values():
        why_not = "" if request.folio in in_force else _why_not(request, requests, day)
        for server in request.servers:
            if (server, request.folio) not in carried:
                found.append(_of_request(server, request, why_not))
    for refusal in register.refusals:
        claim = _of_definition(refusal.server, refusal.item_id, refusal.definition)
        claim.why_not = refusal.message
        found.append(claim)
    return found


def _why_not(request: Request, requests: Requests, day: date) -> str:
    why = standing(request, day)
    after = requests.version(request.folio, day)
    return why or (f"la reemplaza {after.folio}" if after else "")


def _of_definition(server: str, name: str, definition: Mapping[str, Any]) -> Claim:
    """Return the claim of an item; a refused one may have anything in the place of its keys."""
    claim = Claim(server, name, _text(definition.get("request_folio")))
    claim.exclusions = _texts(definition.get("exclude"))
    claim.follows_links = definition.get("follow_symlinks") is True
    claim.one_file_system = definition.get("one_file_system") is True
    database = definition.get("database")
    if isinstance(database, Mapping):
        if database.get("engine") == "sqlite":
            claim.paths = _texts([database.get("path")])
        else:
            claim.database = _text(database.get("name"))
            claim.engine = _FAMILIES.get(_text(database.get("engine")), "")
            claim.connection = dict(database)
    else:
        claim.paths = _texts(definition.get("paths"))
    return claim


def _of_request(server: str, request: Request, why_not: str) -> Claim:
    claim = Claim(server, request.folio, request.folio, why_not=why_not)
    if request.information_type == "database" and not request.source.startswith("/"):
        claim.database = _text(request.source)
    else:
        claim.paths = _texts(parts(request.source))
    claim.exclusions = _texts(request.exclusions)
    return claim


class Look(NamedTuple):
    """What a server told of itself; ``answers`` are those to what it was asked, in that order."""

    found: list[Finding]
    answers: list[dict[str, str]]
    problems: list[str]
    remarks: list[str]


def believable(answer: Mapping[str, Any], asked: int) -> Look:
    """Keep of a server's answer only what is known, in its type; raise ValueError where it makes no sense."""
    found, answers = answer.get("found"), answer.get("requested")
    if not isinstance(found, list) or not isinstance(answers, list) or len(answers) != asked:
        raise ValueError("la respuesta del servidor no se entiende")
    return Look(
        [each for each in map(_finding, found[:_MOST]) if each],
        [_answer(each if isinstance(each, Mapping) else {}) for each in answers],
        _texts(answer.get("problems"), 2000),
        _texts(answer.get("remarks"), 2000),
    )


def _finding(said: Any) -> Finding | None:
    if not isinstance(said, Mapping):
        return None
    of_type = {each.name: _BELIEVED[str(each.type)] for each in fields(Finding)}
    finding = Finding(**{name: believed(said.get(name)) for name, believed in of_type.items()})
    finding.kinds = [kind for kind in finding.kinds if kind in _KINDS]
    is_file = finding.path.startswith("/")
    # It is one or the other, and is known by its name.
    return finding if finding.kinds and is_file != bool(finding.name and finding.engine in _FAMILIES) else None


def _answer(said: Mapping[str, Any]) -> dict[str, str]:
    state = said.get("state")
    return {
        "state": state if state in ("present", "gone") else "unknown",
        **{key: _text(said.get(key)) for key in ("path", "instance")},
    }


def _text(value: Any, limit: int = _LONGEST) -> str:
    return readable(value, limit) if isinstance(value, str) else ""


def _texts(value: Any, limit: int = _LONGEST) -> list[str]:
    return [_text(each, limit) for each in value[:_MOST] if isinstance(each, str)] if isinstance(value, list) else []


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


# By the types of Finding's fields.
_BELIEVED: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "list[str]": _texts,
    "int | None": _size,
    "bool": lambda value: value is True,
}


class Part(NamedTuple):
    """A path below a finding that is backed up, and by what."""

    path: str
    by: str


@dataclass
class Uncovered:
    """Something that was found and that nobody asked for; only in part where it has ``parts`` that are backed up.

    ``unheard`` are the requests and refused items that would cover it, ``excluded_by`` the names of the items that
    leave it out, ``within`` is the path of another uncovered directory that it lies in.
    """

    server: str
    finding: Finding
    parts: list[Part] = field(default_factory=list)
    unheard: list[Claim] = field(default_factory=list)
    excluded_by: list[str] = field(default_factory=list)
    within: str = ""

    @property
    def place(self) -> str:
        """The path as a directory with all that is below it; empty for anything else."""
        return "" if self.finding.files_only else self.finding.path

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, without what nobody can tell."""
        finding = {key: value for key, value in asdict(self.finding).items() if value not in ("", [], None, False)}
        return {
            "server": self.server,
            "situation": "partly" if self.parts else "unrequested",
            **finding,
            "covered_parts": [part._asdict() for part in self.parts],
            "unheard": [{"name": each.name, "folio": each.folio, "why_not": each.why_not} for each in self.unheard],
            "excluded_by": self.excluded_by,
            "within": self.within,
        }


class Gone(NamedTuple):
    """Something that is requested and that is not on its server: a path, or a database."""

    server: str
    name: str
    folio: str
    what: str


def compare(server: str, look: Look, claimed: Iterable[Claim]) -> tuple[list[Uncovered], list[Gone]]:
    """Return what of one server nobody asked for, and what was asked for and is not there.

    ``look`` has an answer for each element of ``asked`` of each claim in its order, of those that are requested.
    """
    mine = [each for each in claimed if each.server == server]
    requested = [_Place.of(each, answers) for each, answers in _answered(requested_of(mine), look.answers)]
    unheard = [_Place.of(each, []) for each in mine if each.why_not]
    uncovered = []
    for finding in look.found:
        if any(place.covers(finding) for place in requested):
            continue
        uncovered.append(
            Uncovered(
                server,
                finding,
                parts=[Part(path, place.claim.name) for place in requested for path in place.below(finding)],
                unheard=_told([place.claim for place in unheard if place.holds(finding)]),
                excluded_by=[place.claim.name for place in requested if place.holds(finding)],
            )
        )
    _set_within(uncovered)
    gone = [
        Gone(server, claim.name, claim.folio, asked.get("path") or asked["name"])
        for claim, answers in _answered(requested_of(mine), look.answers)
        for asked, answer in zip(claim.asked, answers)
        if answer["state"] == "gone"
    ]
    return uncovered, gone


def requested_of(claimed: Iterable[Claim]) -> list[Claim]:
    """Return the claims that are requested: the others are not looked for."""
    return [each for each in claimed if not each.why_not]


def _answered(
    claimed: Iterable[Claim], answers: Sequence[dict[str, str]]
) -> Iterator[tuple[Claim, list[dict[str, str]]]]:
    position = 0
    for claim in claimed:
        count = len(claim.asked)
        yield claim, list(answers[position : position + count])
        position += count


def _told(unheard: list[Claim]) -> list[Claim]:
    """Return the requests, the newest first; a refused item has its say where there is none."""
    requests = [each for each in unheard if each.name == each.folio]
    return sorted(requests, key=lambda each: each.folio, reverse=True) or unheard


def _set_within(uncovered: list[Uncovered]) -> None:
    """Note which of them lie in another one of which nothing is backed up."""
    outer = {each.place for each in uncovered if each.place and not each.parts}
    for each in uncovered:
        if not each.unheard and not each.excluded_by:
            each.within = next((top for top in _above(each.finding.path) if top in outer), "")


def _above(path: str) -> Iterator[str]:
    """Yield the directories above a path, the uppermost first."""
    names = path.split("/")[1:-1]
    for count in range(1, len(names) + 1):
        yield "/" + "/".join(names[:count])


@dataclass(frozen=True)
class _Place:
    """A claim, with where on its server it really is."""

    claim: Claim
    paths: tuple[str, ...]
    instance: str
    exclusions: tuple[PathPattern, ...]

    @classmethod
    def of(cls, claim: Claim, answers: Sequence[Mapping[str, str]]) -> _Place:
        real = [answer["path"] for answer in answers if answer["path"]] if claim.follows_links else []
        return cls(
            claim,
            # What the links lead to is what is stored.
            tuple(real or claim.paths),
            next((answer["instance"] for answer in answers), ""),
            # A negated pattern takes back what others leave out, but not what lies in a directory that is left out.
            tuple(_pattern(each) for each in claim.exclusions if not each.startswith("!")),
        )

    def covers(self, finding: Finding) -> bool:
        """Tell whether the whole finding is backed up by what was asked for here."""
        return self.holds(finding) and not (finding.path and self._leaves_out(finding))

    def holds(self, finding: Finding) -> bool:
        """Tell whether the finding is what was asked for or lies in it, whether it is left out or not."""
        if finding.path:
            return any(is_at_or_below(finding.path, top) for top in self.paths)
        claim = self.claim
        same_server = not (self.instance and finding.instance) or self.instance == finding.instance
        return claim.database == finding.name and claim.engine in ("", _FAMILIES[finding.engine]) and same_server

    def below(self, finding: Finding) -> list[str]:
        """Return what of it is backed up where it is not as a whole."""
        if not finding.path or finding.files_only:
            return []
        return [path for path in self.paths if path != finding.path and is_at_or_below(path, finding.path)]

    def _leaves_out(self, finding: Finding) -> bool:
        if any(each.matches(finding.path) for each in self.exclusions):
            return True
        on_other_disk = (
            is_at_or_below(finding.mount_point, top) and finding.mount_point != top
            for top in self.paths
            if is_at_or_below(finding.path, top)
        )
        return self.claim.one_file_system and all(on_other_disk)


_pattern = functools.lru_cache(maxsize=None)(pattern)


def is_at_or_below(path: str, top: str) -> bool:
    """Tell whether ``path`` is ``top`` or lies in it.

    >>> is_at_or_below("/srv/www2", "/srv/www")
    False
    """
    return path == top or path.startswith(top.rstrip("/") + "/")
