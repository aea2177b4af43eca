# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.acknowledgement import BY_ROLE, ELSEWHERE, Said, faults_of


@pytest.mark.parametrize(
    ("result", "faults"),
    [
        ("", ["acknowledge_result: falta el resultado: accepted (conforme) o rejected (no conforme)"]),
        ("sí", ["acknowledge_result: «sí» debe ser accepted (conforme) o rejected (no conforme)"]),
        ("rejected", ["acknowledge_reason: falta el motivo del rechazo"]),
        ("accepted", []),
    ],
)
def test_what_is_wrong_whatever_it_is_about(result, faults):
    assert list(faults_of(Said(role="JAA", result=result, reason="", now=datetime.now()))) == faults


def test_of_whatever_has_a_folio_it_is_told_how_it_is_decided(procedure):
    numbered = {kind for form in procedure.forms.values() for kind in form.record_types}
    assert numbered <= {*BY_ROLE, *ELSEWHERE}
    assert "CSC-01-AÑO" in ELSEWHERE["plan"] and ELSEWHERE["loan"].startswith("loan.yml")
