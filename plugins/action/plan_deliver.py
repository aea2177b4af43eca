# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a delivery: the verified backups that CSC does not have yet, from the ledger alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import media
from ansible_collections.dse.backup.plugins.plugin_utils.backups import undelivered
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction


class ActionModule(PlanAction):
    """See plugins/modules/plan_deliver.py for its options and result."""

    job = "deliver"
    act = "entregar respaldos a CSC"

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            items={"type": "list", "elements": "str", "default": []},
            medium={"type": "str", "default": ""},
            operator_role={"type": "str", "default": ""},
        )
        self.set_context(options["operator_role"], "manual" if options["items"] else "automatic")
        with self.ledger.read() as index:
            medium = self._medium(readable(options["medium"].strip()), index)
            return self._plan(options["items"], medium, task_vars, index)

    def _medium(self, media_id: str, index: Index) -> dict[str, Any] | None:
        """Return what is known of the medium onto which it goes, None without one; refuse one that may not be used."""
        if not media_id:
            return None
        several = index.media()
        medium = index.medium(media_id)
        following = media.next_in_rotation(several, instead_of=media_id)
        wrong = media.objection(media_id, medium, self.procedure.media.states)
        if wrong or medium is None:
            raise AnsibleActionFail(f"no se entregó nada: deliver_medium: {wrong}; {media.asked_for(following)}")
        return {
            **{
                key: getattr(medium, key)
                for key in ("media_id", "media_type", "medium_uuid", "label_text", "custodian")
            },
            "location": medium.location,
            "media_next": media.asked_for(following),
            "turn": (media.next_in_rotation(several) or medium).media_id,
            "contents": list(self._contents(medium.deliveries, index)),
        }

    @staticmethod
    def _contents(deliveries: list[str], index: Index) -> Iterator[dict[str, str]]:
        """Yield what the ledger says that a medium holds, as its table of contents has it."""
        for folio in deliveries:
            record = index.record(folio) or {"files": []}
            for file in record["files"]:
                backup = index.backup(file["folio"])
                yield {
                    **{"folio": file["folio"], "item_id": file["item_id"], "server": record["server"]},
                    "backup_date": backup.backup_date if backup else "",
                    "size_bytes": str(file["bytes_sent"]),
                    **{"snapshot": file["csc_file"], "sha256": file["sha256"]},
                    "key_reference": record.get("key_reference", ""),
                }

    def _plan(
        self, wanted: list[str], medium: dict[str, Any] | None, task_vars: dict[str, Any], index: Index
    ) -> dict[str, Any]:
        hosts, members = set(task_vars["ansible_play_hosts_all"]), set(task_vars["groups"].get("dse_servers", []))
        backups = index.backups()
        self.require_backed_up(wanted, {each.item_id for each in backups})
        servers: dict[str, dict[str, Any]] = {}
        left: set[str] = set()
        for backup in undelivered(backups):
            if wanted and backup.item_id not in wanted:
                continue
            if backup.server not in hosts:
                left.add(backup.server)
                continue
            plan = servers.setdefault(
                backup.server,
                {
                    "server": backup.server,
                    "backups": [],
                    "context": asdict(self.run_context),
                    "planned": self.planned(backup.server, "csc_delivery"),
                    "medium": medium,
                    # Whether all that the server has for CSC goes: that some of it went settles nothing else.
                    "covers_all": not wanted,
                },
            )
            plan["backups"].append(
                {
                    key: getattr(backup, key)
                    for key in (
                        *("folio", "item_id", "service", "information_type", "file_name", "snapshot"),
                        *("size_bytes", "sha256", "backup_date"),
                    )
                }
            )
        return self.result(
            index,
            [each["planned"] for each in servers.values()],
            servers=list(servers.values()),
            medium={key: medium[key] for key in medium if key != "contents"} if medium else {},
            # Whoever left the inventory still has backups that CSC should hold.
            left=sorted(left - members) if hosts == members else [],
        )
