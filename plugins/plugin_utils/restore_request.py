# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what JAA answers on the telephone to what is restored, from which backup and to where: FOR 7.5 DSE 05-B.

All wrong or missing answers are found at once, and nothing is contacted for it.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.dse.backup.plugins.module_utils._core.items import ENGINES, dump_file_name, is_database
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup, newest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Loan, expected

_FOLIO = re.compile(r"[A-Z]{3}-[0-9]{2}-[0-9]{4}-[0-9]{4,9}")
_LATEST = "latest"
_REASONS = ("accidental_deletion", "physical_damage", "logical_damage", "other")


@dataclass
class Request:
    """What is restored. ``item`` is the item's definition; ``host`` where to; ``target`` empty: the original place.

    ``loan`` is CSC's of the backup, where it goes on from there; ``resumes`` the recovery that waited for it.

    ``faults`` are the answers that are wrong or missing, each with its variable; with any of them the rest is not to
    be used. ``remarks`` are what JAA should know of a request that can be carried out.
    """

    item: dict[str, Any] = field(default_factory=dict)
    backup: Backup | None = None
    host: str = ""
    target: str = ""
    in_place: bool = False
    include: list[str] = field(default_factory=list)
    wanted_as_of: str = ""
    reason: str = ""
    reason_detail: str = ""
    requester: str = ""
    verify: bool = False
    undo: dict[str, Any] | None = None
    loan: Loan | None = None
    resumes: str = ""
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def with_csc(self) -> bool:
        """Whether CSC has a copy of the backup. What was stored before a restore in place is JAA's alone."""
        return bool(self.backup.delivery_folio) and not self.undo

    @property
    def use_csc(self) -> bool:
        """Whether it is clear beforehand that JAA's copy is of no use."""
        return self.loan is not None or (self.backup.is_damaged and self.with_csc)

    @property
    def destination(self) -> str:
        """Where to, as the form has it: a path, a database's name, or the original place."""
        return readable(self.target or self.backup.source)

    def for_host(self) -> dict[str, Any]:
        """Return what the host is told."""
        return {
            "item": self.item,
            "snapshot": self.backup.snapshot,
            "sha256": self.backup.sha256,
            "dump_file": dump_file_name(self.item) if is_database(self.item) else None,
            "target": self.target,
            "in_place": self.in_place,
            "include": self.include,
            "verify": self.verify,
            "undo": self.undo["safety_file_name"] if self.undo else None,
            "drill": False,
            "source": None,
        }


def resolve(
    answers: Mapping[str, Any],
    *,
    index: Index,
    items: Mapping[str, dict[str, Any]],
    hosts: Collection[str],
    now: datetime,
    is_preview: bool,
) -> Request:
    """Return the request that ``answers`` (the extra-vars without ``restore_``) describe, or its faults.

    ``items`` are the inventory's, by id; ``hosts`` the members of ``dse_servers``; ``now`` has the institution's zone.
    """
    request = Request()
    said = {key: value.strip() if isinstance(value, str) else value for key, value in answers.items()}
    for key in ("in_place", "verify"):
        try:
            setattr(request, key, boolean(said.get(key) or False))
        except TypeError:
            request.faults.append(f"restore_{key}: «{_text(said[key])}» debe ser true o false")
    if said.get("loan"):
        _choose_loan(request, said, index)
    if said.get("undo"):
        _choose_undo(request, said, index)
    else:
        _choose_backup(request, said, index, items, now)
    if request.backup:
        request.item = items.get(request.backup.item_id) or _item_of_record(request.backup)
        if request.item == {}:
            request.faults.append(
                f"restore_item: {request.backup.item_id} ya no está en el inventario y su registro no dice cómo se "
                "respaldaba; vuelva a darlo de alta en el inventario"
            )
        _check_backup(request, index)
        _choose_include(request, said.get("include"))
    _choose_target(request, said, hosts)
    _take_application(request, said, is_preview)
    return request


def _choose_loan(request: Request, said: dict[str, Any], index: Index) -> None:
    """Go on where a recovery waited for CSC: what it was told need not be said again."""
    folio = _text(said["loan"])
    loan = index.loan(folio)
    if loan is None or not loan.is_granted:
        what = f"está {loan.spoken_state}; {expected(loan)}" if loan else "no es el folio de un préstamo"
        request.faults.append(f"restore_loan: {folio} {what}")
        return
    request.loan = loan
    recovery = index.recovery(loan.restore_folio)
    if recovery is None:
        if len(loan.files) == 1 and not said.get("item"):
            said["folio"] = said.get("folio") or loan.files[0]["folio"]
        return
    request.resumes = recovery["folio"]
    in_place, backup = recovery["overwrite_allowed"], index.backup(recovery["backup_folio"])
    place = "" if in_place and recovery["destination"] == backup.source else recovery["destination"]
    told = {
        "folio": backup.folio,
        "target": f"{recovery['destination_server']}:{place}",
        "include": recovery.get("included_paths"),
        **{key: recovery.get(key) for key in ("reason", "reason_detail")},
        "requester": recovery.get("requester_area"),
    }
    # In another place than it was asked for nothing is overwritten, unless that is said of that place.
    request.in_place = request.in_place or (in_place and not said.get("target"))
    said.update({key: value for key, value in told.items() if value and not said.get(key)})


def _choose_undo(request: Request, said: dict[str, Any], index: Index) -> None:
    folio = _text(said["undo"])
    recovery = index.recovery(folio)
    if recovery is None:
        request.faults.append(f"restore_undo: «{folio}» no es el folio de una recuperación del registro")
        return
    if not recovery.get("safety_file_name"):
        request.faults.append(
            f"restore_undo: la recuperación {folio} no sobrescribió nada (no fue en su lugar): no hay nada que deshacer"
        )
        return
    for key in ("item", "folio", "as_of", "include"):
        if said.get(key):
            request.faults.append(f"restore_{key}: sobra al deshacer {folio}: se repone justo lo que esa tocó")
    request.undo = recovery
    request.backup = index.backup(recovery["backup_folio"])
    request.wanted_as_of = recovery["started_at"]
    request.in_place = True
    elsewhere = request.backup.information_type == "database" and recovery["destination"] != request.backup.source
    said["target"] = f"{recovery['destination_server']}:{recovery['destination'] if elsewhere else ''}"


def _choose_backup(
    request: Request, said: dict[str, Any], index: Index, items: Mapping[str, Any], now: datetime
) -> None:
    as_of = _text(said.get("as_of") or _LATEST)
    folio = _text(said.get("folio") or "")
    if _FOLIO.fullmatch(as_of):
        if folio and folio != as_of:
            request.faults.append(f"restore_as_of: «{as_of}» y restore_folio «{folio}» son dos respaldos: indique uno")
        folio, as_of = as_of, _LATEST
    item_id = _text(said.get("item") or "")
    if folio:
        _choose_by_folio(request, folio, item_id, index)
        if as_of != _LATEST:
            request.faults.append("restore_as_of: sobra junto a un folio, que ya dice cuál respaldo")
        return
    moment = _moment(request, as_of, now)
    if not item_id:
        request.faults.append("restore_item: falta qué restaurar: la clave de un elemento, o restore_folio")
        return
    backups = index.backups(item_id=item_id)
    if not backups:
        known = sorted({*items, *index.histories()})
        close = difflib.get_close_matches(item_id, known, n=1)
        hint = f"¿quiso decir «{close[0]}»?" if close else f"hay: {', '.join(known) or 'ninguno'}"
        what = "no tiene ningún respaldo en el registro" if item_id in items else "no existe"
        request.faults.append(f"restore_item: «{item_id}» {what}; {hint}")
        return
    if moment is None:
        return
    request.backup = newest(backups, moment, or_with_csc=True)
    if request.backup is None:
        request.faults.append(f"restore_as_of: no hay respaldo utilizable de «{item_id}» a esa fecha; {_span(backups)}")
        return
    request.wanted_as_of = moment.isoformat(timespec="seconds")
    request.remarks += _passed_over([each for each in backups if request.backup.moment < each.moment <= moment])


def _passed_over(newer: list[Backup]) -> Iterator[str]:
    """Yield why the backups that are newer than the one chosen are not used."""
    doubtful = [each.folio for each in newer if not each.conforms and each.removed_on is None]
    damaged = [each.folio for each in newer if each.conforms and each.is_damaged]
    if damaged:
        yield f"hay respaldos más nuevos dañados en la copia de JAA, que CSC no tiene: {', '.join(damaged[-5:])}"
    if doubtful:
        yield (
            f"hay respaldos más nuevos no conformes ({', '.join(doubtful[-5:])}): para usar uno, pídalo por su folio"
        )


def _choose_by_folio(request: Request, folio: str, item_id: str, index: Index) -> None:
    request.backup = index.backup(folio)
    if request.backup is None:
        request.faults.append(f"restore_folio: «{folio}» no es el folio de un respaldo del registro")
        return
    request.wanted_as_of = request.backup.started_at
    if item_id and item_id != request.backup.item_id:
        request.faults.append(f"restore_item: {folio} es un respaldo de «{request.backup.item_id}», no de «{item_id}»")
    if not request.backup.conforms:
        request.remarks.append(f"{folio} no es conforme ({request.backup.remarks or 'sin observaciones'})")


def _moment(request: Request, as_of: str, now: datetime) -> datetime | None:
    """Return the instant that is asked for; a date alone means the end of that day."""
    if as_of == _LATEST:
        return now
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        request.faults.append(
            f"restore_as_of: «{as_of}» no se entiende: latest, un folio, una fecha (2026-11-14) o un instante "
            "(2026-11-14T23:59)"
        )
        return None
    if len(as_of) == len("2026-11-14"):
        moment = datetime.combine(moment, time.max)
    moment = _aware(moment, now.tzinfo)
    if moment.date() > now.date():
        request.faults.append(f"restore_as_of: «{as_of}» está en el futuro")
        return None
    return moment


def _aware(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def _check_backup(request: Request, index: Index) -> None:
    backup = request.backup
    if request.undo:
        return
    others = index.backups(item_id=backup.item_id)
    if request.loan and backup.folio not in {each["folio"] for each in request.loan.files}:
        request.faults.append(f"restore_loan: el préstamo {request.loan.folio} no incluye {backup.folio}")
    if backup.removed_on:
        gone = spoken_day(backup.removed_on)
        request.faults.append(f"restore_folio: {backup.folio} fue depurado el {gone}; {_span(others)}")
    elif backup.is_damaged and not backup.delivery_folio:
        request.faults.append(
            f"restore_folio: {backup.folio} está dañado en la copia de JAA y CSC no lo tiene; use otro: {_span(others)}"
        )
    elif backup.is_damaged and not request.loan:
        request.remarks.append(
            f"{backup.folio} está dañado en la copia de JAA: se usa la de CSC, en préstamo (FOR 7.5 CSC 03)"
        )


def _span(backups: list[Backup]) -> str:
    good = sorted((each for each in backups if each.conforms and each.is_there), key=lambda each: each.moment)
    if not good:
        return "no hay ningún respaldo conforme (vea list.yml)"
    ends = [f"{each.started_at[:16].replace('T', ' ')} ({each.folio})" for each in (good[0], good[-1])]
    return f"hay uno, del {ends[0]}" if len(good) == 1 else f"hay {len(good)}, del {ends[0]} al {ends[1]}"


def _item_of_record(backup: Backup) -> dict[str, Any]:
    """Return enough of an item that is no longer in the inventory to restore it; empty where the record lacks it."""
    item: dict[str, Any] = {"id": backup.item_id, "information_type": backup.information_type}
    if backup.information_type != "database":
        return {**item, "paths": []}
    engine = backup.database_engine.split(" ")[0].lower()
    if engine not in ENGINES:
        return {}
    key = "path" if engine == "sqlite" else "name"
    return {**item, "database": {"engine": engine, key: backup.database_name}}


def _choose_include(request: Request, include: Any) -> None:
    if not include:
        return
    patterns = [include] if isinstance(include, str) else include
    if not isinstance(patterns, list) or not all(isinstance(each, str) and each for each in patterns):
        request.faults.append("restore_include: debe ser una ruta, o una lista de rutas o patrones")
        return
    if is_database(request.item):
        request.faults.append("restore_include: no corresponde a una base de datos, que se restaura completa")
    for each in patterns:
        if not each.startswith(("/", "*")) or "\0" in each:
            request.faults.append(
                f"restore_include: «{_text(each)}» debe ser una ruta completa (/srv/www/portal/index.html) o un patrón "
                "(*.html, /srv/www/*.php)"
            )
    request.include = [each.rstrip("/") or "/" for each in patterns]


def _choose_target(request: Request, said: dict[str, Any], hosts: Collection[str]) -> None:
    target = said.get("target") or ""
    if not isinstance(target, str) or "\0" in target:
        request.faults.append("restore_target: debe ser un texto")
        return
    host, colon, place = target.partition(":")
    if not (colon and "/" not in host):
        host, place = "", target
    elif host not in hosts:
        request.faults.append(f"restore_target: «{_text(host)}» no es un servidor del grupo dse_servers")
        host = ""
    origin = request.backup.server if request.backup else ""
    request.host, request.target = host or origin, place
    if origin and not host and origin not in hosts:
        request.faults.append(
            f"restore_target: {origin} ya no está en el grupo dse_servers: indique otro servidor (servidor:/ruta)"
        )
    if not place and not request.in_place:
        request.faults.append(
            "restore_target: falta el destino: una ruta o base de datos nueva (servidor:/ruta para otro servidor), o "
            "restore_in_place=true para sobrescribir en su lugar"
        )
    if not place or not request.item:
        return
    named = is_database(request.item) and request.item["database"]["engine"] != "sqlite"
    if named and "/" in place:
        request.faults.append(f"restore_target: «{_text(place)}» debe ser el nombre de una base de datos, no una ruta")
    elif not named and (not place.startswith("/") or place.startswith("//") or posixpath.normpath(place) != place):
        request.faults.append(
            f"restore_target: «{_text(place)}» debe ser una ruta absoluta, sin «..», sin «//» y sin diagonal final"
        )


def _take_application(request: Request, said: dict[str, Any], is_preview: bool) -> None:
    """Take who asks and why. A preview needs neither; what is said must be right all the same."""
    request.reason, request.requester = _text(said.get("reason") or ""), _text(said.get("requester") or "")
    request.reason_detail = _text(said.get("reason_detail") or "")
    if request.undo:
        request.reason = request.reason or "other"
        request.reason_detail = request.reason_detail or f"se deshace la recuperación {request.undo['folio']}"
    missing = []
    if not request.reason:
        missing.append(f"restore_reason: falta el motivo: {', '.join(_REASONS)}")
    elif request.reason not in _REASONS:
        request.faults.append(f"restore_reason: «{request.reason}» no es un motivo: {', '.join(_REASONS)}")
    elif request.reason == "other" and not request.reason_detail:
        request.faults.append("restore_reason_detail: con el motivo other debe describirse")
    if not request.requester:
        missing.append("restore_requester: falta quién lo solicita (el área del CGDW)")
    if is_preview:
        request.remarks += missing
    else:
        request.faults += missing


def _text(value: Any) -> str:
    return readable(str(value), 200)
