# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When JAA's copy fails: the failure that says so, and the loan by which CSC's may be read instead (4.3.1 c)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.sizes import CONFORMING, NONCONFORMING
from ansible_collections.dse.backup.plugins.plugin_utils import loan_request, loans, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.loans import Loan, Said
from ansible_collections.dse.backup.plugins.plugin_utils.outcomes import Context
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure

_STAGE = "jaa_copy"


def covering(index: Index, folios: Collection[str]) -> Loan | None:
    """Return an open loan of all the backups of those folios, one that is granted before one that waits for CSC."""
    loans = [loan for loan in index.loans(is_open=True) if set(folios) <= {each["folio"] for each in loan.files}]
    return max(loans, key=lambda loan: loan.is_granted, default=None)


def medium_of(index: Index, backup: Backup) -> dict[str, str]:
    """Return the medium on which CSC has ``backup``, as the modules are told; empty where it is in its repository."""
    delivery = index.record(backup.delivery_folio or "") or {}
    medium = index.medium(delivery.get("media_id", ""))
    return {"media_id": medium.media_id, "medium_uuid": medium.medium_uuid} if medium else {}


def damage(index: Index, backup: Backup) -> Failure | None:
    """Return the open failure that says that JAA's copy of ``backup`` cannot be read: its own, its item's or server's.

    A verification names the newest of an item's backups that are hit.
    """
    found = [each for each in index.open_failures() if each.failure_stage == _STAGE and each.server == backup.server]
    found = [each for each in found if each.item_id in (backup.item_id, backup.server)]
    return max(
        found, key=lambda each: (each.backup_folio == backup.folio, each.item_id == backup.item_id), default=None
    )


def requests(
    index: Index,
    backups: Collection[Backup],
    *,
    context: Context,
    procedure: Procedure,
    now: datetime,
    standing: str,
) -> list[dict[str, Any]]:
    """Return the requests of what JAA's copy cannot give any more; with a ``standing`` authorisation, granted.

    Raises AnsibleActionFail where nothing in the ledger says that JAA's copy fails, or where CSC cannot lend it.
    """
    failure = next(filter(None, (damage(index, backup) for backup in backups)), None)
    if failure is None:
        raise AnsibleActionFail("no hay una falla abierta de la copia de JAA por la que pedir el préstamo: verify.yml")
    records: list[dict[str, Any]] = []
    for wanted in loan_request.wanted(backups, index):
        made, faults = loans.requested(
            wanted,
            _said(context, now),
            failure_folio=failure.folio,
            procedure=procedure,
            standing=standing,
            others=index.loans(is_open=True),
        )
        if faults:
            raise AnsibleActionFail("; ".join(faults))
        records += made
    return records


def check(
    loan: Loan | None, sha256: str, *, context: Context, procedure: Procedure, problem: str = ""
) -> list[dict[str, Any]]:
    """Return the check of what was lent, as it was read; nothing where it was checked before."""
    if loan is None or not loan.allows("check"):
        return []
    said = _said(
        context,
        datetime.now(procedure.zone),
        reason=problem,
        check_result=NONCONFORMING if problem else CONFORMING,
        check_sha256=sha256,
    )
    records, faults = loans.step(loan, "check", said, terms=procedure.loan)
    if faults:
        raise AnsibleActionFail("; ".join(faults))
    return records


def _said(context: Context, now: datetime, **more: str) -> Said:
    by = {key: getattr(context, key) for key in ("run_id", "operator_role", "operator_user")}
    return Said(role=context.operator_role, now=now, by=by, **more)


def damage_record(
    backup: Backup, problem: str, *, context: Context, procedure: Procedure, now: datetime
) -> dict[str, Any]:
    """Return the record of that failure, about the backup."""
    item = {"id": backup.item_id, "service": backup.service, "information_type": backup.information_type}
    failure = outcomes.failure(
        item,
        backup.server,
        f"dañado en la copia de JAA: {backup.folio} ({backup.snapshot[:8]}) {problem}",
        context=context,
        procedure=procedure,
        scheduled_for=now,
        stage=_STAGE,
        kind="checksum",
        backup_folio=backup.folio,
    )
    # The run's outcome is the recovery.
    return {**failure, "about_folio": backup.folio}
