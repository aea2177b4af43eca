# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.drills import candidates


def backup(item_id, day, kind="source_code", result="conforming"):
    return Backup(
        **{"folio": f"{item_id}-{day}", "item_id": item_id, "server": "srv-web01", "information_type": kind},
        **{"file_name": "ab" * 32, "backup_date": f"2026-11-{day}", "started_at": f"2026-11-{day}T02:00:00-06:00"},
        **{"size_bytes": 1000, "verification_result": result},
    )


def test_the_newest_that_can_be_read_is_tried_and_of_the_others_the_reason_is_told():
    """Breaks: a drill is made of a backup in quarantine, or an item is left out without a word."""
    there = [
        *(backup("portal-src", "16"), backup("portal-src", "17"), backup("portal-src", "18", result="nonconforming")),
        *(backup("escolares", "18", "database"), backup("actas", "18", "database")),
        backup("dudoso", "18", result="review"),
    ]
    chosen, waiting = candidates(there, {"portal-src", "escolares"})
    assert {item_id: each.folio for item_id, each in chosen.items()} == {
        "portal-src": "portal-src-17",
        "escolares": "escolares-18",
    }
    assert {each["item_id"]: each["reason"].split(":")[0] for each in waiting} == {
        "actas": "ya no está en el inventario",
        "dudoso": "sin respaldo utilizable",
    }
