# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Printing from a ledger that is given as its records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.printed import job
from ansible_collections.dse.backup.plugins.plugin_utils.printed.parts import PrintedForm

from tests.unit.factories import chained


@pytest.fixture
def now(procedure) -> datetime:
    """The Wednesday after week 47."""
    return datetime(2026, 11, 25, 10, 0, tzinfo=procedure.zone)


@pytest.fixture
def printed(in_memory, procedure, now) -> Callable[..., list[PrintedForm]]:
    """Print these names from these records; ``rules`` may be another procedure, ``lines`` the ledger as it stands."""

    def forms(
        records: list[dict[str, Any]], *names: str, rules: Any = procedure, lines: list[bytes] | None = None
    ) -> Any:
        (in_memory / "ledger-2026.jsonl").write_bytes(b"".join(lines or chained(records)))
        return job.read(names, Ledger(str(in_memory), rules), now)[0]

    return forms
