# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import tracemalloc

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_chain as module
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import verify
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line
from ansible_collections.dse.backup.tests.unit.factories import chained, failure_record
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = "ledger-2025.jsonl", "ledger-2026.jsonl"


def failures(count, **changes):
    return [
        failure_record("2026-11-22", folio=f"DSE-05-2026-{number:04d}", error_message="señal «á»", **changes)
        for number in range(1, count + 1)
    ]


# Seven lines in two files: enough for a first, a last and some between them in each.
CONTENT = {OLD: chained(failures(3)), NEW: chained(failures(7)[3:], after=chained(failures(3)))}
PLACES = [(name, number) for name, lines in CONTENT.items() for number in range(1, len(lines) + 1)]


def read(content):
    """The files as lines, however they were damaged: what is no end of a line ends none."""
    return [
        Line(name, number, line)
        for name, lines in content.items()
        for number, line in enumerate(b"".join(lines).splitlines(keepends=True) if lines else [], start=1)
    ]


def found(content, **more):
    lines = read(content)
    return verify(lambda: lines, **{"csv_rows": {}, **more})


def changed(place, *lines):
    """The files with one line replaced by others, or by none."""
    name, number = place
    content = {each: list(several) for each, several in CONTENT.items()}
    content[name][number - 1 : number] = lines
    return content


def first(chain):
    fault = chain.faults[0]
    return fault.kind, fault.file, fault.line


def line_at(place):
    return CONTENT[place[0]][place[1] - 1]


# --- A whole ledger ---------------------------------------------------------------------------------------------------


def test_a_whole_ledger_has_no_fault_and_is_counted():
    chain = found(CONTENT)
    assert chain.is_whole and chain.fault_count == 0
    assert (chain.lines, chain.files, chain.record_count) == (7, {OLD: 3, NEW: 4}, 7)
    assert chain.head == json.loads(CONTENT[NEW][-1])["record_sha256"]
    assert chain.highest_folios == ["DSE-05-2026-0007"]
    assert (chain.place(3), chain.place(4), chain.place(8)) == ((OLD, 3), (NEW, 1), ("", 0))


def test_an_empty_ledger_is_whole():
    assert verify(list, csv_rows={}).is_whole


def test_what_the_ledger_writes_is_whole(ledger):
    # The pure lines of these tests are no other than those of the ledger itself.
    for day in ("2026-11-21", "2026-11-22"):
        ledger.append([failure_record(day, error_message="señal"), {"record_type": "run", "run_event": "ended"}])
    reach = ledger.extent()
    chain = verify(lambda: ledger.lines(reach), csv_rows=reach.csv_rows)
    assert chain.is_whole and chain.lines == 4


# --- What is done to its lines ----------------------------------------------------------------------------------------


@given(place=st.sampled_from(PLACES), data=st.data())
def test_any_byte_that_is_changed_is_named_at_its_line(place, data):
    # Faults 10. A line's end is a byte too: without it two lines are one, or the last one is torn.
    line = bytearray(line_at(place))
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[position]))
    kind, *where = first(found(changed(place, bytes(line))))
    assert tuple(where) == place
    assert kind in (module.CHANGED, module.NOT_JSON, module.TORN)


@given(place=st.sampled_from(PLACES), data=st.data())
def test_any_bytes_that_are_put_in_are_named_at_their_line(place, data):
    # Spaces, or a key a second time, leave what JSON says as it was; whoever reads the file sees something else.
    line = line_at(place)
    position = data.draw(st.integers(0, len(line) - 1))
    more = data.draw(st.sampled_from([b" ", b"\t", b"x", b"\0", b'"service":"otro",', b"[" * 100_000]))
    assert first(found(changed(place, line[:position] + more + line[position:])))[1:] == place


@pytest.mark.parametrize(
    "line", [b"[" * 100_000 + b"\n", b"\n", b"null\n", b"\xff\n", b'{"record_sha256":5}\n', b"\0" * 512 + b"\n"]
)
@pytest.mark.parametrize("place", PLACES)
def test_whatever_stands_in_a_line_it_is_named(place, line):
    chain = found(changed(place, line))
    assert first(chain) == (module.NOT_JSON, *place)
    assert (chain.fault_count, chain.consistent) == (1, chain.following)


def test_a_key_that_stands_there_twice_is_named():
    place = (OLD, 2)
    line = line_at(place).replace(b'"server":', b'"server":"srv-otro","server":')
    assert json.loads(line) == json.loads(line_at(place))
    assert first(found(changed(place, line))) == (module.CHANGED, *place)


@given(place=st.sampled_from(PLACES[1:-1]))
def test_a_line_that_is_removed_is_named_where_it_is_missing(place):
    chain = found(changed(place))
    here = place if place in [(line.file, line.number) for line in read(changed(place))] else (NEW, 1)
    assert first(chain) == (module.MISPLACED, *here)
    assert "FALTA la que iba antes" in chain.faults[0].what
    assert chain.fault_count == 1
    assert chain.following == chain.consistent == 6 - PLACES.index(place) - 1


def test_a_first_line_that_is_removed_is_named():
    chain = found(changed(PLACES[0]))
    assert first(chain) == (module.NO_BEGINNING, OLD, 1)
    assert (chain.fault_count, chain.following, chain.consistent) == (1, 5, 5)


def test_a_first_year_that_is_removed_is_named():
    assert first(found({NEW: CONTENT[NEW]})) == (module.NO_BEGINNING, NEW, 1)


@given(places=st.lists(st.sampled_from(PLACES), min_size=2, max_size=2, unique=True).map(sorted))
def test_two_lines_that_change_places_are_named_at_the_first(places):
    content = {each: list(several) for each, several in CONTENT.items()}
    (one, line), (other, number) = places
    content[one][line - 1], content[other][number - 1] = content[other][number - 1], content[one][line - 1]
    chain = found(content)
    assert first(chain)[1:] == places[0]
    if places[0] != PLACES[0]:
        assert "FUERA DE ORDEN" in chain.faults[0].what


@given(place=st.sampled_from(PLACES), other=st.sampled_from(PLACES))
def test_a_line_that_stands_there_twice_is_named_at_the_second_one(place, other):
    if PLACES.index(other) < PLACES.index(place):
        place, other = other, place
    content = changed(other, line_at(other), line_at(place))
    assert first(found(content)) == (module.MISPLACED, other[0], other[1] + 1)


def test_years_in_another_order_are_named():
    assert first(found({OLD: CONTENT[NEW], NEW: CONTENT[OLD]}))[:2] == (module.NO_BEGINNING, OLD)


def test_a_line_written_anew_with_its_own_hash_is_named_at_the_next_one():
    place = (OLD, 2)
    record = json.loads(line_at(place))
    (line,) = chained([{**record, "error_message": "otra cosa"}], after=CONTENT[OLD][:1])
    chain = found(changed(place, line))
    assert first(chain) == (module.MISPLACED, OLD, 3)
    assert "línea 2" in chain.faults[0].what and "se reescribió la anterior" in chain.faults[0].what


@given(length=st.integers(0, len(CONTENT[NEW][-1]) - 1))
def test_a_last_line_torn_at_any_byte_is_named(length):
    # Faults 8. Cut between two lines nothing shows it but an anchor.
    place = PLACES[-1]
    chain = found(changed(place, line_at(place)[:length]))
    assert chain.is_whole if length == 0 else first(chain) == (module.TORN, *place)
    assert chain.lines == (7 if length == len(line_at(place)) - 1 else 6)


def test_what_follows_a_bad_line_is_counted():
    # The third line is edited, and so is the sixth: of the four that follow the third, three are whole.
    content = changed(PLACES[2], line_at(PLACES[2]).replace("señal".encode(), b"otra"))
    content[NEW][2] = content[NEW][2].replace("señal".encode(), b"otra")
    chain = found(content)
    assert first(chain) == (module.CHANGED, *PLACES[2])
    assert chain.faults[0].folio == "DSE-05-2026-0003"
    assert (chain.fault_count, chain.following, chain.consistent) == (2, 4, 3)


def test_of_a_ledger_that_is_all_wrong_ten_lines_are_named():
    chain = verify(lambda: [Line(NEW, number, b"{}\n") for number in range(1, 101)], csv_rows={})
    assert (len(chain.faults), chain.fault_count, chain.following, chain.consistent) == (10, 100, 99, 0)


@pytest.mark.parametrize(
    "forged",
    [
        {"folio": ["x"]},
        {"folio": {}, "form_code": []},
        {"record_type": "disposal", "ledger_year": None},
        {"folio": "DSE-05-2026-999999999"},
        {"previous_sha256": None},
        {"record_type": []},
    ],
)
def test_whatever_a_forged_record_holds_it_is_an_answer_and_no_crash(forged):
    content = {NEW: chained([{**failures(1)[0], **forged}])}
    assert found(content).lines == 1


# --- Folios and counts ------------------------------------------------------------------------------------------------


@given(numbers=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_a_folio_that_stands_there_twice_is_named(numbers):
    # Also where the chain is whole, and where numbers do not rise: a request may have been numbered before.
    records = [failure_record("2026-11-22", folio=f"DSE-05-2026-{number:04d}") for number in numbers]
    chain = found({NEW: chained(records)})
    twice = next((at for at, number in enumerate(numbers, 1) if number in numbers[: at - 1]), None)
    if twice is None:
        assert chain.is_whole
    else:
        assert first(chain) == (module.REPEATED_FOLIO, NEW, twice)
    assert chain.fault_count == len(numbers) - len(set(numbers))


def test_a_series_is_counted_by_its_year():
    records = [failure_record("2026-11-22", folio=folio) for folio in ("DSE-05-2025-0001", "DSE-05-2026-0001")]
    records.append({**records[1], "folio": "DSE-02-2026-0001"})
    chain = found({NEW: chained(records)})
    assert chain.is_whole
    assert chain.highest_folios == ["DSE-02-2026-0001", "DSE-05-2025-0001", "DSE-05-2026-0001"]


@pytest.mark.parametrize(("rows", "whole"), [(4, True), (3, False), (5, False)])
def test_a_csv_file_with_other_rows_than_the_ledger_is_named(rows, whole):
    chain = found(CONTENT, csv_rows={"FOR-7.5-DSE-05-2026.csv": rows})
    assert chain.is_whole is whole
    assert chain.csv_faults == (
        [] if whole else [f"csv/FOR-7.5-DSE-05-2026.csv: tiene {rows} renglones y el registro, 4"]
    )


def test_a_ledger_of_any_length_takes_the_same_memory():
    def lines(count):
        before = "0" * 64
        for number in range(1, count + 1):
            record = failure_record("2026-11-22", folio=f"DSE-05-2026-{number:04d}")
            (line,) = chained([record], previous=before)
            before = json.loads(line)["record_sha256"]
            yield Line(NEW, number, line)

    peaks = []
    for count in (100, 6_000):
        tracemalloc.start()
        assert verify(lambda count=count: lines(count), csv_rows={}).lines == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000, "a bit a folio, and nothing of a record"


# --- What a disposal leaves -------------------------------------------------------------------------------------------


def disposal(**changes):
    return {
        "record_type": "disposal",
        "ledger_year": 2025,
        "file_name": OLD,
        "file_sha256": "ab" * 32,
        "record_count": 3,
        "records_before": 10,
        "first_previous_sha256": "0" * 64,
        "last_record_sha256": json.loads(CONTENT[OLD][-1])["record_sha256"],
        "approver": "Titular",
        "recorded_at": "2027-01-02T10:00:00.000-06:00",
        **changes,
    }


def test_a_ledger_may_begin_where_a_disposal_says():
    content = {NEW: [*CONTENT[NEW], *chained([disposal()], after=CONTENT[NEW])]}
    chain = found(content)
    assert chain.is_whole
    assert chain.begins_after.ledger_year == 2025
    assert (chain.records_before, chain.record_count, chain.place(14)) == (13, 18, (NEW, 1))


@pytest.mark.parametrize("wrong", [{"last_record_sha256": "ab" * 32}, {"record_type": "run"}])
def test_a_disposal_of_something_else_explains_nothing(wrong):
    content = {NEW: [*CONTENT[NEW], *chained([disposal(**wrong)], after=CONTENT[NEW])]}
    assert first(found(content)) == (module.NO_BEGINNING, NEW, 1)


def test_a_disposal_hides_no_other_line_that_is_missing():
    content = {NEW: [*CONTENT[NEW][1:], *chained([disposal()], after=CONTENT[NEW])]}
    assert first(found(content)) == (module.NO_BEGINNING, NEW, 1)
