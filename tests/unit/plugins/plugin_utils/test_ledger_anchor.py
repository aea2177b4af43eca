# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from datetime import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_anchor
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import verify
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.tests.unit.factories import chained, failure_record
from hypothesis import given
from hypothesis import strategies as st

NEW = "ledger-2026.jsonl"
NOW = datetime.fromisoformat("2026-11-22T23:40:00-06:00")


def failures(*numbers, **changes):
    return [failure_record("2026-11-22", folio=f"DSE-05-2026-{number:04d}", **changes) for number in numbers]


LINES = chained(failures(*range(1, 9)))


def found(lines, anchors=()):
    read = [Line(NEW, number, line) for number, line in enumerate(lines, start=1)]
    return verify(lambda: read, csv_rows={}, wanted={each.head_sha256 for each in anchors})


def anchored(lines, where="/media/csc/huellas.jsonl"):
    """The anchor of a ledger with these lines, as it comes back from where it was kept."""
    kept = canonical(ledger_anchor.anchor(found(lines), NOW)) + b"\n"
    (anchor,), faults = ledger_anchor.parse(kept, where)
    assert faults == []
    return anchor


def compared(lines, *anchors):
    return ledger_anchor.compare(anchors, found(lines, anchors))


@given(at=st.lists(st.integers(1, 8), min_size=1, max_size=5))
def test_a_ledger_that_only_grew_fits_every_anchor(at):
    result = compared(LINES, *(anchored(LINES[:count]) for count in at))
    assert (result.fitting, result.faults) == (len(at), [])
    assert result.last.record_count == max(at)


@given(kept=st.integers(1, 8), left=st.integers(1, 8))
def test_a_tail_that_was_cut_is_found_although_the_chain_is_whole(kept, left):
    # Faults 10: how many are missing at least, and how far the folios had come.
    chain = found(LINES[:left])
    assert chain.is_whole
    result = compared(LINES[:left], anchored(LINES[:kept]))
    if left >= kept:
        assert result.faults == []
        return
    assert f"faltan al menos {kept - left} registros" in result.faults[0]
    assert "/media/csc/huellas.jsonl" in result.faults[0] and "2026-11-22 23:40" in result.faults[0]
    assert f"hasta DSE-05-2026-{kept:04d}, ahora hasta DSE-05-2026-{left:04d}" in result.faults[1]


@given(rewritten=st.integers(1, 7), kept=st.integers(1, 8))
def test_a_ledger_written_anew_from_some_line_on_is_found(rewritten, kept):
    before = LINES[: rewritten - 1]
    others = failures(*range(rewritten, 12), error_message="otra cosa")
    lines = [*before, *chained(others, after=before or None)]
    assert found(lines).is_whole
    result = compared(lines, anchored(LINES[:kept]))
    if kept < rewritten:
        assert result.faults == []
    else:
        assert result.faults[0].startswith(f"REESCRITO: {NEW}, línea {kept}, ")


def test_between_which_anchors_it_happened_is_told():
    lines = [*LINES[:4], *chained(failures(5, 6, 7, 8, error_message="otra"), after=LINES[:4])]
    result = compared(lines, anchored(LINES[:3]), anchored(LINES[:6]), anchored(LINES[:7]))
    assert (result.fitting, result.last.record_count) == (1, 3)
    assert "lo anterior coincide hasta el registro 3" in result.faults[0]
    assert result.faults[-1].startswith("tampoco coinciden otras 1 ")


def test_a_hash_that_is_there_at_another_place_does_not_fit():
    anchor = anchored(LINES[:6])
    lines = [*LINES[:2], *LINES[3:]]
    assert compared(lines, anchor).faults


def disposed(lines, left):
    """The ledger after its first lines were disposed of, the record of which ends it."""
    record = {
        "record_type": "disposal",
        "ledger_year": 2025,
        "file_name": "ledger-2025.jsonl",
        "file_sha256": "ab" * 32,
        "record_count": len(lines) - len(left),
        "records_before": 0,
        "first_previous_sha256": "0" * 64,
        "last_record_sha256": json.loads(left[0])["previous_sha256"],
        "approver": "Titular",
        "recorded_at": "2027-01-02T10:00:00.000-06:00",
    }
    return [*left, *chained([record], after=left)]


def test_anchors_of_what_was_disposed_of_are_not_compared_any_more():
    lines = disposed(LINES, LINES[3:])
    result = compared(lines, *(anchored(LINES[:count]) for count in (2, 3, 5)))
    assert (result.fitting, result.faults) == (2, [])
    assert result.remarks == ["anteriores a la baja de 2025, ya no se comparan: 1"]
    # The last of what was disposed of still is compared, with what the disposal proved.
    other = anchored(LINES[:3])._replace(head_sha256="ef" * 32)
    assert compared(lines, other).faults


def test_an_anchor_after_a_disposal_counts_what_went():
    lines = disposed(LINES, LINES[3:])
    anchor = anchored(lines)
    assert anchor.record_count == 9
    assert compared([*lines, *chained(failures(9), after=lines)], anchor).fitting == 1


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{",
        b'{"record_count": "1"}',
        canonical({**ledger_anchor.anchor(found(LINES), NOW), "record_count": True}),
        canonical({**ledger_anchor.anchor(found(LINES), NOW), "head_sha256": "x"}),
        canonical({**ledger_anchor.anchor(found(LINES), NOW), "highest_folios": 5}),
        canonical({**ledger_anchor.anchor(found(LINES), NOW), "anchored_at": "ayer"}),
    ],
)
def test_a_line_that_is_no_anchor_is_named_and_the_others_are_compared(line):
    good = canonical(ledger_anchor.anchor(found(LINES), NOW))
    anchors, faults = ledger_anchor.parse(b"\n".join([good, line, good]), "CSC")
    assert len(anchors) == 2
    assert len(faults) == 1 and faults[0].startswith("CSC, línea 2: ")


def test_nothing_to_compare_with_is_no_success():
    assert ledger_anchor.parse(b"\n", "CSC") == ([], ["CSC: no hay ninguna huella resguardada con la cual comparar"])


def test_what_is_kept_comes_back_line_by_line(tmp_path):
    path = tmp_path / "huellas.jsonl"
    for number in range(3):
        ledger_anchor.keep(str(path), f"línea {number}")
    assert path.read_text("utf-8") == "línea 0\nlínea 1\nlínea 2\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_nothing_is_fused_with_a_torn_line(tmp_path):
    path = tmp_path / "huellas.jsonl"
    path.write_bytes(b'{"record_co')
    ledger_anchor.keep(str(path), "{}")
    assert path.read_bytes() == b'{"record_co\n{}\n'
