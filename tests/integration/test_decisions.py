# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quarantine: JAA decides on a doubtful backup, and what may be got back is told from the record alone."""

from __future__ import annotations

import pytest


@pytest.fixture
def doubtful(institution):
    """An item of 10,000 bytes whose second backup of 8,000 waits for JAA."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    institution.fill("portal-media", 8_000)
    assert institution.backup("-e", "backup_force=true").rc == 2
    return institution


def decisions(institution):
    """Return JAA's decisions about backups; those about requests are others."""
    folios = {each["folio"] for each in institution.records("backup")}
    return [each for each in institution.records("decision") if each["about_folio"] in folios]


def decide(institution, decision, reason="se archivó el sitio anterior", folio=None):
    folio = folio or institution.records("backup")[-1]["folio"]
    answers = {"accept_folio": folio, "accept_decision": decision, "accept_reason": reason}
    return institution.start(
        "accept.yml", *(part for key, value in answers.items() for part in ("-e", f"{key}='{value}'"))
    ).wait()


def test_an_accepted_backup_is_the_next_baseline_and_its_failure_is_closed(doubtful):
    """Breaks: the decision is lost, the next one is judged against the old size, or the failure stays open."""
    done = decide(doubtful, "accepted")
    assert done.rc == 0, done.out
    backup = doubtful.records("backup")[-1]
    (decision,) = decisions(doubtful)
    assert (decision["about_folio"], decision["decision"]) == (backup["folio"], "accepted")
    assert (decision["decision_reason"], decision["operator_role"]) == ("se archivó el sitio anterior", "JAA")
    (closing,) = doubtful.records("closing")
    (failure,) = doubtful.records("failure", about_folio=backup["folio"])
    assert closing["about_folio"] == failure["folio"]
    assert "se archivó el sitio anterior" in closing["cause"]
    assert failure["folio"] in done.out and "ACEPTADO" in done.out
    doubtful.fill("portal-media", 7_900)
    assert doubtful.backup("-e", "backup_force=true").rc == 0
    assert doubtful.records("backup")[-1]["baseline_size_bytes"] == 8_000


def test_after_a_rejected_one_the_item_is_due_again_and_judged_as_before(doubtful):
    """Breaks: a rejected backup still covers its slot, or becomes the baseline after all."""
    assert doubtful.backup().rc == 0
    assert doubtful.planned() == [], "it waits for JAA"
    done = decide(doubtful, "rejected")
    assert done.rc == 0, done.out
    # What was to be backed up is not: that stays open until it is.
    assert doubtful.records("closing") == []
    doubtful.fill("portal-media", 10_100)
    # Sixty days have not passed since the first one, which conforms: due is what is forced.
    assert doubtful.backup("-e", "backup_force=true").rc == 0
    assert doubtful.records("backup")[-1]["baseline_size_bytes"] == 10_000
    (closing,) = doubtful.records("closing")
    assert closing["evidence"] == "backup" and closing["related_folios"] == [doubtful.records("backup")[-1]["folio"]]


def test_a_decision_is_made_once_and_on_what_is_in_quarantine_only(doubtful):
    """Breaks: a second decision overwrites the first, or a conforming backup is rejected by a slip of the finger."""
    first, second = doubtful.records("backup")
    for folio, words in ((first["folio"], "no está en cuarentena"), ("DSE-04-2020-0001", "no es el folio")):
        done = decide(doubtful, "rejected", folio=folio)
        assert done.rc != 0 and words in done.out and second["folio"] in done.out, done.out
    assert decide(doubtful, "accepted").rc == 0
    done = decide(doubtful, "rejected")
    assert done.rc != 0 and "ya fue aceptado" in done.out, done.out
    assert len(decisions(doubtful)) == 1


def test_every_missing_answer_is_named_at_once(doubtful):
    before = doubtful.records()
    done = doubtful.start("accept.yml", "-e", "operator_role=CSC").wait()
    assert done.rc != 0
    for name in ("accept_folio", "accept_decision", "accept_reason", "operator_role: dictaminar"):
        assert name in done.out
    assert doubtful.records() == before


def test_check_mode_decides_nothing(doubtful):
    before = doubtful.records()
    folio = before[-2]["folio"] if before[-2]["record_type"] == "backup" else doubtful.records("backup")[-1]["folio"]
    answers = ("-e", f"accept_folio={folio}", "-e", "accept_decision=accepted", "-e", "accept_reason=x")
    done = doubtful.start("accept.yml", "--check", *answers).wait()
    assert done.rc == 0, done.out
    assert "no se registró nada" in done.out
    assert doubtful.records() == before


def test_what_can_be_got_back_is_told_without_contacting_anybody(doubtful):
    """Breaks: a version is missing from the list, a doubtful one looks good, or listing writes something."""
    contacted = doubtful.contacted()
    files = sorted((path, path.stat().st_mtime_ns) for path in doubtful.ledger.rglob("*"))
    done = doubtful.start("list.yml").wait()
    assert done.rc == 0, done.out
    assert "portal-media" in done.out
    first, second = doubtful.records("backup")
    assert first["folio"] in done.out and second["folio"] not in done.out
    versions = doubtful.start("list.yml", "-e", "list_item=portal-media").wait()
    assert versions.rc == 0, versions.out
    lines = {each["folio"]: next(line for line in versions.out.splitlines() if each["folio"] in line)
             for each in (first, second)}  # fmt: skip
    assert "primero" in lines[first["folio"]] and lines[first["folio"]].endswith("sí")
    assert "EN REVISIÓN" in lines[second["folio"]] and "sólo por su folio" in lines[second["folio"]]
    unknown = doubtful.start("list.yml", "-e", "list_item=portal-medios").wait()
    assert unknown.rc != 0 and "¿quiso decir «portal-media»?" in unknown.out
    assert doubtful.contacted() == contacted
    assert sorted((path, path.stat().st_mtime_ns) for path in doubtful.ledger.rglob("*")) == files
