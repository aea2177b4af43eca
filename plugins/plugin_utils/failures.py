# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failure log (FOR 7.5 DSE 05-C): what is open, what closes it, what repeats itself.

Pure. A failure closes by evidence only: a conforming backup that covers what failed, a drill or a recovery that passed,
or JAA's reasoned decision. Time alone closes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import calendar
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import InformationType, Repetition

# Stages whose failure means that a backup which was expected is not there; those of what was found out about a copy.
BACKUP_STAGES = ("backup", "verification")
COPY_STAGES = ("jaa_copy", "csc_delivery", "loan")
# Of which stages a trial closes the failures: a delivery shows what CSC has, a recovery on loan nothing of JAA's copy.
_SHOWS = {"delivery": ("csc_delivery",), "loan": ("loan", "restore")}
_STAGES_OF_JAA = ("jaa_copy", "loan", "restore")
_KEPT = (
    *("folio", "item_id", "server", "service", "information_type", "failure_stage", "failure_type"),
    *("scheduled_for", "recorded_at", "backup_folio", "error_message"),
)


@dataclass(frozen=True)
class Failure:
    """One entry of the failure log. Times are ISO text with their offset, as in the record."""

    folio: str
    scheduled_for: str
    recorded_at: str
    item_id: str = ""
    server: str = ""
    service: str = ""
    information_type: str = ""
    failure_stage: str = "backup"
    failure_type: str = "error"
    backup_folio: str = ""
    error_message: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Failure:
        """Return the failure of its record."""
        return cls(**{key: record[key] for key in _KEPT if record.get(key) is not None})

    @property
    def moment(self) -> datetime:
        """When what failed was to take place (aware)."""
        return datetime.fromisoformat(self.scheduled_for)

    @property
    def is_of_a_backup(self) -> bool:
        """Whether a backup that was expected is missing, or not to be trusted."""
        return self.failure_stage in BACKUP_STAGES

    @property
    def is_of_a_repository(self) -> bool:
        """Whether JAA's repository as a whole is damaged; that it could not be looked at is no damage."""
        is_damage = self.failure_type in ("checksum", "media_unreadable")
        return self.failure_stage == "jaa_copy" and self.item_id == self.server and is_damage


class Trial(NamedTuple):
    """A drill that passed, or a recovery, a delivery or a repair that was proved: of which backup, when (aware)."""

    record_type: str
    backup_folio: str
    moment: datetime
    folio: str = ""


class Evidence(NamedTuple):
    """What closes a failure: in which records, since when, which file.

    ``kind`` is backup, drill, recovery, delivery or repair.
    """

    kind: str
    folios: list[str]
    resolved_at: str
    words: str
    manual_run_file: str | None = None


def evidence(
    failure: Failure, *, backups: Iterable[Backup], trials: Iterable[Trial], kind: InformationType | None
) -> Evidence | None:
    """Return what closes ``failure``, or None. ``backups`` and ``trials`` are the item's, ``kind`` its frequency's."""
    if failure.is_of_a_backup:
        cover = _cover(failure, backups, kind) if kind else None
        return _by_backup(cover) if cover else None
    for trial in sorted(trials, key=lambda each: each.moment):
        # That a copy can be read is shown by reading that very copy; that an item can be restored, by any of them.
        of_it = failure.failure_stage not in COPY_STAGES or trial.backup_folio == failure.backup_folio
        shows = _SHOWS.get(trial.record_type, _STAGES_OF_JAA)
        of_its_kind = failure.failure_stage in shows
        if of_it and of_its_kind and trial.moment > failure.moment:
            return _by_trial(trial)
    return None


def _cover(failure: Failure, backups: Iterable[Backup], kind: InformationType) -> Backup | None:
    """Return the backup that covers the slot of ``failure`` or makes up for it by hand (4.3.1).

    By hand in the first slot after it that is covered at all: later ones are of other gaps.
    """
    good = [each for each in backups if each.conforms and not each.is_damaged and each.started_at]
    later = sorted((each for each in good if each.moment >= failure.moment), key=lambda each: each.moment)
    frequency = kind.schedule
    if frequency.unit == "elapsed_days":
        return later[0] if later else None
    slots = [calendar.slot_of(frequency, date.fromisoformat(each.backup_date)) for each in later]
    if not later or slots[0] == calendar.slot_of(frequency, failure.moment.date()):
        return later[0] if later else None
    in_first = (backup for backup, slot in zip(later, slots) if slot == slots[0])
    return next((backup for backup in in_first if backup.execution_mode == "manual"), None)


def _by_backup(backup: Backup) -> Evidence:
    is_manual = backup.execution_mode == "manual"
    how = " hecho a mano" if is_manual else ""
    verdict = "aceptado por JAA" if backup.decision == "accepted" else "conforme"
    return Evidence(
        "backup",
        [backup.folio],
        backup.finished_at or backup.started_at,
        f"respaldo {verdict}{how} {backup.folio} del {backup.started_at[:16].replace('T', ' ')}",
        backup.file_name if is_manual else None,
    )


def _by_trial(trial: Trial) -> Evidence:
    whole = "todo lo pendiente" if trial.record_type == "delivery" else "el repositorio completo"
    what = {
        "drill": "simulacro de recuperación aprobado con",
        "recovery": "recuperación lograda con",
        "delivery": f"entrega a CSC comprobada {trial.folio} de",
        "loan": "recuperación lograda con la copia de CSC de",
        "repair": "copia de JAA reparada con la de CSC y leída completa:",
    }
    return Evidence(
        {"loan": "recovery"}.get(trial.record_type, trial.record_type),
        [folio for folio in (trial.folio, trial.backup_folio) if folio],
        trial.moment.isoformat(timespec="seconds"),
        f"{what[trial.record_type]} {trial.backup_folio or whole}, {trial.moment:%Y-%m-%d %H:%M}",
    )


def closing(failure: Failure, found: Evidence, run_id: str | None) -> dict[str, Any]:
    """Return the record that closes ``failure`` by ``found``."""
    return {
        "record_type": "closing",
        "about_folio": failure.folio,
        "item_id": failure.item_id,
        "server": failure.server,
        "run_id": run_id,
        "evidence": found.kind,
        "related_folios": found.folios,
        "remarks": found.words,
        "manual_run_file": found.manual_run_file,
        "resolved_at": found.resolved_at,
    }


def repeated(failures: Iterable[Failure], rule: Repetition, today: date) -> dict[str, list[Failure]]:
    """Return the failures of the backups of each item that failed on so many days of the last ones as the rule says.

    They suggest a nonconformity (PRO 8.3 CNO 01).
    """
    since = (today - timedelta(days=rule.within_days)).isoformat()
    of_items: dict[str, list[Failure]] = {}
    for failure in failures:
        if failure.is_of_a_backup and since < failure.scheduled_for[:10] <= today.isoformat():
            of_items.setdefault(failure.item_id, []).append(failure)
    return {
        item_id: several
        for item_id, several in of_items.items()
        if len({each.scheduled_for[:10] for each in several}) >= rule.failures
    }
