# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_correction import faults
from ansible_collections.dse.backup.tests.unit.factories import backup_record, failure_record

FAILURE = failure_record("2026-11-22", folio="DSE-05-2026-0001", cause="otra")
REQUEST = {"record_type": "backup_request", "form_code": "FOR 7.5 DSE 05", "folio": "DSE-05-2026-0002"}


def said(procedure, record, corrections, before=()):
    return list(faults(record, procedure.forms[record["form_code"]], corrections, before))


@pytest.mark.parametrize(
    ("record", "corrections"),
    [
        (FAILURE, {"cause": "disco lleno"}),
        (FAILURE, {"nonconformity_ref": "PRO 8.3 CNO 01 / 2026-04", "remarks": "revisado"}),
        (backup_record("database", "2026-11-22"), {"remarks": "anterior al mantenimiento"}),
        (REQUEST, {"estimated_bytes": 5, "contains_personal_data": True, "information_type": "database"}),
    ],
)
def test_what_people_fill_in_can_be_corrected(procedure, record, corrections):
    assert said(procedure, record, corrections) == []


@pytest.mark.parametrize(
    ("record", "corrections", "words"),
    [
        (FAILURE, {"size_bytes": 5}, "no tiene este campo"),
        (FAILURE, {"error_message": "x"}, "lo asienta el sistema"),
        (FAILURE, {"status": "cerrado"}, "lo asienta el sistema"),
        (FAILURE, {"folio": "DSE-05-2026-0009"}, "lo asienta el sistema"),
        (FAILURE, {"record_sha256": "ab" * 32}, "lo asienta el sistema"),
        (FAILURE, {"acknowledgements": []}, "lo asienta el sistema"),
        (FAILURE, {"cause": 5}, "no es del tipo text"),
        (FAILURE, {"cause": None}, "no es del tipo text"),
        (FAILURE, {"amends_folio": "x"}, "no es del tipo folio"),
        (FAILURE, {"cause": "otra"}, "ya dice «otra»"),
        (FAILURE, {}, "falta qué se corrige"),
        (backup_record("database", "2026-11-22"), {"size_bytes": 5}, "se dictamina (accept.yml)"),
        (backup_record("database", "2026-11-22"), {"verification_result": "conforming"}, "lo asienta el sistema"),
        (REQUEST, {"information_type": "x"}, "no es uno de sus valores (server_configuration"),
        (REQUEST, {"estimated_bytes": "5"}, "no es del tipo int"),
        (REQUEST, {"valid_until": "2027-01-01"}, "lo fija un dictamen"),
    ],
)
def test_what_cannot_be_corrected_is_named(procedure, record, corrections, words):
    (fault,) = said(procedure, record, corrections)
    assert words in fault
    assert fault.startswith("ledger_corrections: " + next(iter(corrections), "falta"))


def test_all_faults_are_named_at_once(procedure):
    wrong = {"size_bytes": 5, "cause": 5, "error_message": "x", "remarks": "bien"}
    assert len(said(procedure, FAILURE, wrong)) == 3


def test_an_earlier_correction_counts(procedure):
    before = [{"corrections": {"cause": "disco lleno"}}]
    assert "ya dice" in said(procedure, FAILURE, {"cause": "disco lleno"}, before)[0]
    assert said(procedure, FAILURE, {"cause": "otra"}, before) == []
