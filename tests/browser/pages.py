# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages to look at: of the sample institution's autumn, of one with names that mean harm, of a very large one."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.dse.backup.plugins.plugin_utils import expectations
from ansible_collections.dse.backup.plugins.plugin_utils.backups import Backup
from ansible_collections.dse.backup.plugins.plugin_utils.calendar import Stretch
from ansible_collections.dse.backup.plugins.plugin_utils.expectations import Expected
from ansible_collections.dse.backup.plugins.plugin_utils.failures import Failure
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_index import Index
from ansible_collections.dse.backup.plugins.plugin_utils.page import composition, document
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import load
from ansible_collections.dse.backup.plugins.plugin_utils.questions.catalogue import QUESTIONS
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import Answer, Asked, Section, text
from ansible_collections.dse.backup.plugins.plugin_utils.register import Register, read_register
from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request
from ansible_collections.dse.backup.tests.unit.factories import accepted, backup_record, failure_record, index_of

CHECKOUT = Path(__file__).resolve().parents[2]
PROCEDURE = load()
EVIL = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>\u202e</script>\x1b]8;;\u2028{{ 7*7 }}"
LONG = "muy-largo-" * 1000


def autumn() -> str:
    """The page of the fixture, as it would have been on the morning of the audit."""
    inventory = CHECKOUT / "inventory"
    declared = {
        path.parent.name: yaml.safe_load(path.read_text("utf-8"))["backup_client_items"]
        for path in sorted(inventory.glob("host_vars/*/items.yml"))
    }
    with Index.for_reading(str(CHECKOUT / "tests/fixtures/autumn")) as index:
        return _page(index, _register(declared), datetime(2026, 11, 24, 12, tzinfo=PROCEDURE.zone))


def hostile() -> str:
    """A page of which every name was given by somebody who means harm, or has no measure."""
    names = {"item_id": EVIL, "server": EVIL, "request_folio": "DSE-05-2026-0001"}
    long = {"item_id": LONG, "server": LONG, "request_folio": "DSE-05-2026-0002"}
    records = [
        *accepted("DSE-05-2026-0001", service=EVIL, servers=[EVIL], source=EVIL, requester_area=EVIL),
        *accepted("DSE-05-2026-0002", service=LONG, servers=[LONG], source=LONG, requester_area=LONG),
        backup_record("source_code", "2026-11-18", "first", **names, folio="DSE-02-2026-0001", service=EVIL),
        backup_record("source_code", "2026-11-18", "review", **long, folio="DSE-02-2026-0002", service=LONG),
        failure_record("2026-11-18", **names, folio="DSE-05-2026-0007", error_message=EVIL),
        failure_record("2026-11-18", **long, folio="DSE-05-2026-0008", error_message=LONG),
    ]
    with tempfile.TemporaryDirectory() as directory, index_of(directory, records) as index:
        return _page(index, Register([], []), datetime(2026, 12, 24, 12, tzinfo=PROCEDURE.zone), by=EVIL)


def large(items: int, days: int) -> str:
    """A page of so many databases, backed up on nearly each day, and of a long answer to every question."""
    today = date(2026, 11, 24)
    first = today - timedelta(days=days - 1)
    now = datetime(2026, 11, 24, 12, tzinfo=PROCEDURE.zone)
    stretches = [Stretch(PROCEDURE.information_types["database"], first - timedelta(days=1))]
    expected, made = [], {}
    for number in range(items):
        item_id, server, folio = f"base-de-datos-{number:04}", f"srv-{number // 10:03}", f"DSE-05-2025-{number:04}"
        request = Request(folio, service=f"Servicio electrónico {number}", information_type="database")
        expected.append(Expected(item_id, server, request, stretches, True, (folio,), (item_id,)))
        made[item_id] = [
            _backup(item_id, server, folio, first + timedelta(days=day), number * 1000 + day)
            for day in range(days)
            if (number * 31 + day) % 97
        ]
    asked = Asked(_Made(made), PROCEDURE, now, expected=lambda: expected)
    page = composition.compose(asked, dict.fromkeys(QUESTIONS, _long_answer), directory="/srv/registro", by="R1")
    return document.document(page)


def _backup(item_id: str, server: str, request: str, day: date, number: int) -> Backup:
    return Backup(
        f"DSE-03-{day.year}-{number:06}",
        *(item_id, server, "database", f"{number:064x}", day.isoformat(), 10**8 + number * 7919 % 10**7),
        verification_result="conforming",
        started_at=f"{day}T02:00:00-06:00",
        execution_mode="automatic",
        request_folio=request,
    )


class _Made:
    """An index of backups of which nothing else is known."""

    def __init__(self, made: Mapping[str, Sequence[Backup]]) -> None:
        self._made = made

    def keep_what_is_read(self) -> None:
        """It has all of it anyhow."""

    def backups(self, *, item_id: str | None = None) -> list[Backup]:
        if item_id is not None:
            return list(self._made[item_id])
        return [backup for several in self._made.values() for backup in several]

    def failures(self, **_wanted: Any) -> list[Failure]:
        return []

    def open_failures(self) -> list[Failure]:
        return []

    def histories(self) -> dict[str, Any]:
        return {}


def _long_answer(_asked: Asked) -> Answer:
    rows = [{"server": f"srv-{number:04}", "what": "Archivos de configuración de servidores"} for number in range(1000)]
    columns = [text("Servidor", "server"), *(text(f"Columna {number}", "what") for number in range(6))]
    return Answer("RESPUESTA LARGA", [Section("rows", "RENGLONES", tuple(columns), rows)], ["algo: srv-0001"])


def _register(declared: dict[str, Any]) -> Register:
    return read_register(declared, members=set(declared), holders={}, procedure=PROCEDURE)


def _page(index: Index, register: Register, now: datetime, by: str = "Hecha por respaldos en la corrida R1.") -> str:
    expected = functools.cache(lambda: expectations.expected_by(index, register, PROCEDURE, now.date()))
    asked = Asked(index, PROCEDURE, now, register=lambda: register, expected=expected)
    return document.document(composition.compose(asked, QUESTIONS, directory="/srv/registro", by=by))
