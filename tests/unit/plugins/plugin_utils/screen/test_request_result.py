# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dse.backup.plugins.plugin_utils.request_register import Request
from ansible_collections.dse.backup.plugins.plugin_utils.screen import request
from ansible_collections.dse.backup.tests.unit.factories import decision_record, request_record


def test_an_accepted_request_says_since_when_and_what_the_inventory_needs(ledger):
    decision = decision_record("DSE-05-2026-0001")
    shown = request.run([], [decision], {"request": vars(Request.of(request_record()))}, ledger)
    assert "ACEPTADA: DSE-05-2026-0001, desde el 02/11/2026. En el inventario:" in shown
    assert "request_folio: DSE-05-2026-0001" in shown
