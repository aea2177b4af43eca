# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups may go, and why each of the others stays: by our own record, never by what a client says of itself.

Pure. A backup stays as the first one recorded of its day, week, cycle or month: whatever arrives later, with whatever
date, cannot take its place. A client that forges dates, or floods its repository, makes none of the older ones go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import REVIEW
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup


@dataclass(frozen=True)
class Retention:
    """How many days, weeks, cycles and months keep a conforming backup each: the newest that have one."""

    daily: int = 0
    weekly: int = 0
    cycles: int = 0
    monthly: int = 0


@dataclass(frozen=True)
class Safeguards:
    """What holds whatever an item's retention says.

    ``keep_last`` conforming backups always stay. Nothing goes before ``settle_days``; what was rejected or is not
    conforming before ``suspect_days``; what was stored before something was restored in place, ``safety_days``.
    """

    keep_last: int
    settle_days: int
    suspect_days: int
    safety_days: int


class Fate(NamedTuple):
    """What happens to one backup and why, in words."""

    backup: Backup
    goes: bool
    reason: str


def with_own(retention: Retention, own: Mapping[str, int] | None) -> Retention:
    """Return an item's own retention, which replaces the whole of its kind's; that one where it has none."""
    return Retention(**own) if own else retention


def fates(
    backups: Iterable[Backup],
    retention: Retention,
    safeguards: Safeguards,
    *,
    today: date,
    cycle_days: int = 60,
    baseline: str | None = None,
    is_failing: bool = False,
    lent: Mapping[str, str] = MappingProxyType({}),
) -> list[Fate]:
    """Decide on every backup of one item that is still there, in the order of their records.

    ``baseline`` is the folio that the next backup is compared with. Of an item whose newest outcome is not a
    conforming backup (``is_failing``) nothing goes; nor what CSC's copy is on loan of (``lent``: folio -> why it
    stays, in words). Days are those of the records.
    """
    present = [backup for backup in backups if backup.removed_on is None]
    good = [backup for backup in present if backup.conforms and backup.is_there]
    sound = {backup.folio for backup in good}
    last = {backup.folio for backup in good[-safeguards.keep_last :]}
    slots = _slots(good, retention, today=today, cycle_days=cycle_days)
    decided = []
    for position, backup in enumerate(present):
        stays = ""
        if is_failing:
            stays = "su último respaldo no es conforme: de este elemento no se depura nada"
        elif backup.folio == baseline:
            stays = "es con el que se compara el siguiente"
        elif backup.folio in last:
            stays = f"está entre los {safeguards.keep_last} últimos conformes"
        elif backup.verification_result == REVIEW and backup.decision is None:
            stays = "en revisión: espera el dictamen de JAA"
        elif _age(backup, today) < safeguards.settle_days:
            stays = f"tiene menos de {safeguards.settle_days} días"
        elif backup.folio in sound:
            stays = slots.get(backup.folio, "")
        else:
            newer = sum(each.conforms and each.is_there for each in present[position + 1 :])
            if newer < safeguards.keep_last:
                stays = f"no hay {safeguards.keep_last} conformes más nuevos"
            elif _age(backup, today) < safeguards.suspect_days:
                stays = f"{_suspicion(backup)}: se conserva {safeguards.suspect_days} días"
        stays = stays or lent.get(backup.folio, "")
        goes = not stays
        reason = stays or (
            "fuera de los plazos de conservación"
            if backup.folio in sound
            else f"{_suspicion(backup)} desde hace más de {safeguards.suspect_days} días"
        )
        decided.append(Fate(backup, goes, reason))
    return decided


def outdated_safety(snapshots: Mapping[str, str], safeguards: Safeguards, today: date) -> list[str]:
    """Return which of ``snapshots`` (id -> ISO date), stored before something was restored in place, may go."""
    limit = (today - timedelta(days=safeguards.safety_days)).isoformat()
    return sorted(snapshot for snapshot, day in snapshots.items() if day < limit)


def _slots(good: list[Backup], retention: Retention, *, today: date, cycle_days: int) -> dict[str, str]:
    """Return, by folio, for what each conforming backup stays: as the first recorded of its day, week, cycle, month."""
    keys: dict[str, tuple[str, Callable[[date], Any]]] = {
        "daily": ("respaldo del día", lambda day: day),
        "weekly": ("respaldo de la semana", lambda day: day - timedelta(days=day.weekday())),
        "cycles": ("respaldo del ciclo", lambda day: day.toordinal() // cycle_days),
        "monthly": ("respaldo del mes", lambda day: (day.year, day.month)),
    }
    stays: dict[str, str] = {}
    # A day that is still to come (a clock was wrong) takes nobody's place.
    past = [backup for backup in good if _day(backup) <= today]
    for each in fields(retention):
        label, key = keys[each.name]
        first: dict[Any, Backup] = {}
        for backup in past:
            first.setdefault(key(_day(backup)), backup)
        count = getattr(retention, each.name)
        for slot in sorted(first, reverse=True)[:count]:
            stays.setdefault(first[slot].folio, label)
    for backup in good:
        if _day(backup) > today:
            stays[backup.folio] = "su fecha es posterior a hoy"
    return stays


def _suspicion(backup: Backup) -> str:
    if backup.decision == "rejected":
        return "rechazado"
    return "no conforme" if not backup.conforms else "dañado"


def _day(backup: Backup) -> date:
    return date.fromisoformat(backup.backup_date)


def _age(backup: Backup, today: date) -> int:
    return (today - _day(backup)).days
