# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivers one server's backups to CSC and records what CSC now has, and what it could not be given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.csc_place import OPTION
from ansible_collections.dse.backup.plugins.plugin_utils import media, outcomes
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.repository_job import Refused, RepositoryJob


class ActionModule(RepositoryJob):
    """See plugins/modules/deliver.py; as a task it takes the plan."""

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.open_plan(
            csc=OPTION,
            key_reference={"type": "str", "required": True},
        )
        backups: list[dict[str, Any]] = self.plan["backups"]
        self.medium: dict[str, Any] = self.plan.get("medium") or {}
        self.key_reference: str = options["key_reference"]
        started = datetime.now(self.procedure.zone)
        try:
            answer = self.ask(
                "deliver",
                task_vars,
                csc=options["csc"],
                backups=[self._wanted(each) for each in backups],
                **{"contents": self.medium["contents"], "label_text": self.medium["label_text"]} if self.medium else {},
            )
        except Refused as error:
            if not error.answer.get("is_full"):
                raise
            # That it is full is worth knowing, whatever else came of it.
            return {"failed": True, "msg": error.message, "backup_records": self._filled()}
        found = {text(each["snapshot"]): each for each in answer["delivered"]}
        files = [self._file(each, found[each["snapshot"]]) for each in backups]
        proved = [each for each in files if each["matches"]]
        failures = list(self._failures(backups, found))
        filled = self._filled() if answer.get("is_full") else []
        if not proved:
            words = f"no se entregó ningún respaldo: {failures[0]['error_message']}"
            return {"failed": True, "msg": words, "backup_records": filled}
        record = {
            "record_type": "delivery",
            "form_code": self.procedure.form_for("delivery").code,
            **outcomes.common(self.run_context, self.procedure),
            "execution_mode": self.run_context.execution_mode,
            "server": self.server,
            "result": "incomplete" if failures else "done",
            "covers_all": self.plan["covers_all"],
            **self._how(options["csc"]["repository"]),
            "remarks": text(answer.get("remark")) or None,
            "encrypted": True,
            "key_reference": self.key_reference,
            "files": proved,
            "related_folios": [each["folio"] for each in proved],
            "delivered_by": self.run_context.operator_role,
            "started_at": started.isoformat(timespec="seconds"),
            "delivered_at": datetime.now(self.procedure.zone).isoformat(timespec="seconds"),
        }
        return {"changed": True, "backup_records": [record, *filled, *self._news(failures)]}

    def _wanted(self, backup: dict[str, Any]) -> dict[str, Any]:
        is_database = backup["information_type"] == "database"
        wanted = {"snapshot": backup["snapshot"], "dump_sha256": backup["sha256"] if is_database else ""}
        if self.medium:
            wanted["row"] = {
                **{key: str(backup[key]) for key in ("folio", "item_id", "backup_date", "size_bytes")},
                "server": self.server,
                "key_reference": self.key_reference,
            }
        return wanted

    def _how(self, repository: str) -> dict[str, Any]:
        """Return by which way CSC gets it, and where it lies then."""
        if not self.medium:
            return {"delivery_method": "transfer", "destination": repository}
        return {
            "delivery_method": "media",
            "destination": f"{self.medium['media_id']}:{self.server}",
            **{key: self.medium[key] for key in ("media_id", "media_type", "label_text")},
        }

    def _filled(self) -> list[dict[str, Any]]:
        """Return the fact that the medium is full, unless another server's delivery has said so."""
        with self.ledger.read() as index:
            medium = index.medium(self.medium["media_id"])
        if medium is None or medium.state == media.FULL:
            return []
        reason = f"se llenó al entregar los respaldos de {self.server}"
        by = {key: getattr(self.run_context, key) for key in ("run_id", "operator_role", "operator_user")}
        return [{**media.change(medium, state=media.FULL, reason=reason), **by}]

    def _file(self, backup: dict[str, Any], delivered: dict[str, Any]) -> dict[str, Any]:
        return {
            "folio": backup["folio"],
            "item_id": backup["item_id"],
            "file": backup["file_name"],
            "csc_file": text(delivered["copy"]),
            "bytes_sent": backup["size_bytes"],
            "bytes_received": int(delivered["bytes_received"]),
            "sha256": text(delivered["sha256"]),
            "matches": not text(delivered["problem"]),
        }

    def _failures(self, backups: list[dict[str, Any]], found: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for backup in backups:
            delivered = found[backup["snapshot"]]
            if problem := text(delivered["problem"]):
                item = {"id": backup["item_id"], **{key: backup[key] for key in ("service", "information_type")}}
                failure = outcomes.failure(
                    item,
                    self.server,
                    f"{backup['folio']} ({backup['snapshot'][:8]}) no se entregó a CSC: {problem}",
                    context=self.run_context,
                    procedure=self.procedure,
                    scheduled_for=datetime.fromisoformat(self.plan["planned"]["scheduled_for"]),
                    stage="csc_delivery",
                    kind="media_unreadable" if text(delivered["copy"]) else "error",
                    backup_folio=backup["folio"],
                )
                # About the backup, as any later fact: the run's outcome is the delivery.
                yield {**failure, "about_folio": backup["folio"]}

    def _news(self, failures: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the failures that are not open already: what is known is not said twice."""
        with self.ledger.read() as index:
            known = {each.backup_folio for each in index.open_failures() if each.failure_stage == "csc_delivery"}
        return [each for each in failures if each["backup_folio"] not in known]
