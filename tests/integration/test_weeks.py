# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is due, and what was missed: weeks of the institution's calendar, as a fake clock shows them."""

from __future__ import annotations

import shutil

import pytest
from clock import Clock
from institution import CHECKOUT


def _missed(institution):
    return sorted(
        (each["item_id"], each["scheduled_for"][:10]) for each in institution.records("failure", failure_type="not_run")
    )


def test_a_week_and_more_of_all_three_frequencies(institution, clock):
    """Breaks: something is due twice or not at all; a missed slot is recorded twice, or by a run that did it."""
    source = institution.files("portal-src", information_type="source_code", repository_type="software_project")
    institution.register("srv-db01", institution.database("db-escolares"), source, institution.files("portal-media"))
    everything = ["db-escolares", "portal-media", "portal-src"]
    # Thursday of 2027-W08. Near midnight local and UTC dates differ: the calendar is local.
    assert clock.backup("2027-02-25 23:30") == everything
    assert clock.backup("2027-02-25 23:55") == []
    assert clock.backup("2027-02-26 00:05") == ["db-escolares"]
    assert clock.backup("2027-02-26 18:30") == []
    assert _missed(institution) == []
    # Saturday and Sunday without a controller; on Monday the week is new.
    assert clock.backup("2027-03-01 01:00") == ["db-escolares", "portal-src"]
    # Sunday's deadline, 06:00 of the day after, has not passed yet.
    assert _missed(institution) == [("db-escolares", "2027-02-27")]
    assert clock.backup("2027-03-02 07:00") == ["db-escolares"]
    assert _missed(institution) == [("db-escolares", "2027-02-27"), ("db-escolares", "2027-02-28")]
    # A whole week is missing of what is weekly; 60 days after 25 February is 26 April.
    assert clock.backup("2027-03-15 07:00") == ["db-escolares", "portal-src"]
    assert ("portal-src", "2027-03-08") in _missed(institution)
    days = [day for item_id, day in _missed(institution) if item_id == "db-escolares"]
    assert days == ["2027-02-27", "2027-02-28", *(f"2027-03-{day:02d}" for day in range(3, 15))]
    assert "portal-media" not in clock.backup("2027-04-25 23:59", "--limit", "srv-db01")
    assert "portal-media" in clock.backup("2027-04-26 00:01")
    assert [each for each in _missed(institution) if each[0] == "portal-media"] == []
    dates = [each["backup_date"] for each in institution.records("backup", item_id="portal-media")]
    assert dates == ["2027-02-25", "2027-04-26"]


def test_sixty_days_that_pass_without_a_backup_are_missed_once(institution, clock):
    """Breaks: a late cycle is not recorded, or with every day that it is late."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert clock.backup("2027-01-04 01:00") == ["portal-media"]
    source = institution.root / "data" / "portal-media"
    away = source.rename(institution.root / "away")
    assert clock.run("2027-03-06 01:00").rc == 2
    assert institution.result("portal-media") == "failure"
    away.rename(source)
    assert clock.backup("2027-03-07 01:00") == ["portal-media"]
    assert _missed(institution) == [("portal-media", "2027-03-05")]
    (record,) = institution.records("backup", backup_date="2027-03-07")
    assert (record["due_on"], record["next_due_on"], record["days_elapsed"]) == ("2027-03-05", "2027-05-06", 62)


@pytest.mark.parametrize(
    ("before", "night", "after"),
    [
        # The clock goes forward: 02:30 does not exist; then back: 01:30 comes twice.
        ("2027-03-13 02:30", "2027-03-14 03:05", "2027-03-15 02:30"),
        ("2027-11-06 01:30", "2027-11-07 01:30", "2027-11-08 01:30"),
    ],
)
def test_a_night_in_which_the_clock_changes_has_its_one_backup(institution, tmp_path, before, night, after):
    """Breaks: where there is daylight saving, a day is backed up twice, or skipped and called missed."""
    procedure = tmp_path / "procedure"
    shutil.copytree(CHECKOUT / "procedure", procedure)
    file = procedure / "institution.yml"
    text = file.read_text("utf-8")
    assert "America/Mexico_City" in text
    file.write_text(text.replace("America/Mexico_City", "America/Tijuana"), "utf-8")
    institution.env["DSE_BACKUP_PROCEDURE"] = str(procedure)
    clock = Clock(institution, "America/Tijuana")
    institution.register("srv-db01", institution.database("db-escolares"))
    for moment in (before, night, after):
        assert clock.backup(moment) == ["db-escolares"]
        assert clock.backup(f"{moment[:10]} 22:30") == []
    assert _missed(institution) == []


def test_the_last_days_of_a_year_stay_in_their_week_and_the_ledger_in_one_chain(institution, clock):
    """Breaks: week 53, a new year's file or its folios start something anew that they must continue."""
    source = institution.files("portal-src", information_type="source_code", repository_type="software_project")
    institution.register("srv-db01", source)
    assert clock.backup("2026-12-31 23:00") == ["portal-src"]
    assert clock.backup("2027-01-01 01:00") == []
    assert clock.backup("2027-01-04 01:00") == ["portal-src"]
    weeks = {each["iso_week"]: each["folio"] for each in institution.records("backup")}
    assert weeks == {"2026-W53": "DSE-02-2026-0001", "2027-W01": "DSE-02-2027-0001"}
    assert [file.name for file in sorted(institution.ledger.glob("*.jsonl"))] == [
        "ledger-2026.jsonl",
        "ledger-2027.jsonl",
    ]
