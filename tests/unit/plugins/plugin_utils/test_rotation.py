# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.integrity import PARTS, is_share
from ansible_collections.dse.backup.plugins.plugin_utils.rotation import RepositoryHistory, next_drills, next_share
from hypothesis import given
from hypothesis import strategies as st

BEGIN = date(2026, 1, 1)


def verified(day, read):
    return {"record_type": "run", "run_event": "verified", "recorded_at": f"{day}T02:00:00-06:00", "read": read}


def read_all(gaps, period):
    """Verify again and again after each of gaps (days) and yield how old each part was when its turn came, or grew."""
    history, today = RepositoryHistory(), BEGIN
    for gap in gaps:
        share = next_share(history, today, period)
        assert is_share(share)
        # As the ledger does: through JSON, each time.
        history = RepositoryHistory(**json.loads(json.dumps(history.as_dict())))
        before = [history.unread_since(part) or today for part in range(PARTS)]
        history.add(verified(today, share))
        yield share, max((today - day).days for day in before)
        today += timedelta(days=gap)


@given(gap=st.integers(1, 30), period=st.integers(1, 90))
def test_at_a_steady_pace_everything_is_read_within_the_period(gap, period):
    ages = [age for _share, age in read_all([gap] * 200, period)]
    assert max(ages) <= max(period, gap)


@given(gaps=st.lists(st.integers(1, 20), min_size=30, max_size=150), period=st.integers(7, 90))
def test_however_irregular_nothing_waits_longer_than_the_period_and_one_gap(gaps, period):
    ages = [age for _share, age in read_all(gaps, period)]
    assert max(ages) <= period + max(gaps)


def test_a_daily_verification_reads_a_thirtieth():
    shares = [share for share, _age in read_all([1] * 90, 30)]
    assert {share.split("/")[1] for share in shares} == {"30"}
    assert len(set(shares[:30])) == 30 and shares[:30] == shares[30:60]


def test_a_weekly_one_reads_a_quarter_and_one_after_a_long_silence_everything():
    shares = [share for share, _age in read_all([7] * 20, 30)]
    assert all(share.endswith("/4") for share in shares[1:])
    history = RepositoryHistory()
    history.add(verified("2026-01-01", "1/30"))
    assert next_share(history, date(2026, 3, 1), 30) == "all"


def test_what_was_read_is_what_restic_reads():
    # restic takes the packs whose first byte leaves n - 1 when divided by t: with a t that divides sixty, whole parts.
    history = RepositoryHistory()
    history.add(verified("2026-01-01", "3/20"))
    read = {int(part) for part in history.read_on}
    assert read == {2, 22, 42}
    for first_byte in range(256):
        assert (first_byte % 20 == 2) == (first_byte % PARTS in read)


@pytest.mark.parametrize("read", ["structure", "7/61", "0/30", "31/30", "1/7", "x", "", "1/0"])
def test_what_is_no_share_counts_as_nothing_read(read):
    history = RepositoryHistory()
    history.add(verified("2026-01-01", read))
    assert history.read_on == {} and history.verified_on == "2026-01-01"
    assert is_share(read) == (read == "structure")


def test_a_history_stays_small():
    history = RepositoryHistory()
    for number in range(1000):
        history.add(verified(BEGIN + timedelta(days=number), "all"))
    assert len(json.dumps(history.as_dict())) < 2000


# --- Drills ---------------------------------------------------------------------------------------------------------


def drilled(count, gaps, period, newcomers=()):
    """Drill again and again and return, per item, the longest time that it waited."""
    tested: dict[str, str | None] = {f"i{number:03}": None for number in range(count)}
    longest = dict.fromkeys(tested, 0)
    since = dict.fromkeys(tested, BEGIN)
    today, last_run = BEGIN, None
    for number, gap in enumerate(gaps):
        for item_id in [each for when, each in newcomers if when == number]:
            tested[item_id], longest[item_id], since[item_id] = None, 0, today
        chosen = next_drills(tested, today, period_days=period, last_run=last_run)
        assert chosen, "at least one item each time"
        for item_id in chosen:
            longest[item_id] = max(longest[item_id], (today - since[item_id]).days)
            tested[item_id], since[item_id] = today.isoformat(), today
        last_run = today.isoformat()
        today += timedelta(days=gap)
    for item_id in tested:
        longest[item_id] = max(longest[item_id], (today - since[item_id]).days)
    return longest


@given(count=st.integers(1, 60), gap=st.integers(1, 14), period=st.integers(30, 120))
def test_each_item_is_tried_within_the_period(count, gap, period):
    # One gap for the first run, which does not know yet how far the next one is off.
    assert max(drilled(count, [gap] * 200, period).values()) <= period + gap


def test_those_that_never_were_come_first_but_push_nobody_over_the_period():
    newcomers = [(100, f"new{number:03}") for number in range(150)]
    longest = drilled(20, [1] * 250, 90, newcomers)
    assert max(longest[item_id] for item_id in longest if item_id.startswith("i")) <= 90
    assert next_drills({"old": "2026-01-01", "new": None}, date(2026, 1, 20), period_days=90) == ["new"]


def test_the_number_can_be_said():
    tested = {"a": "2026-01-03", "b": "2026-01-01", "c": None}
    assert next_drills(tested, date(2026, 1, 4), period_days=90, count=2) == ["c", "b"]
    assert next_drills({}, date(2026, 1, 4), period_days=90) == []
