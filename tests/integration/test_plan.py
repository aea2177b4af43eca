# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``plan.yml``: what is due on a day, what became of a week, how much of a year is done; and nothing is written."""

from __future__ import annotations

import pytest
from answers import acknowledge, answer
from test_check_mode import _state

ITEMS = {"db-escolares": "srv-db01", "portal-src": "srv-web01", "portal-media": "srv-web01"}


@pytest.fixture
def planned(institution, clock):
    """One item of each frequency since Thursday of 2027-W08; the database has no backup of Saturday."""
    source = institution.files("portal-src", information_type="source_code", repository_type="software_project")
    institution.register("srv-db01", institution.database("db-escolares"))
    institution.register("srv-web01", source, institution.files("portal-media"))
    assert clock.backup("2027-02-25 01:00") == sorted(ITEMS)
    assert clock.backup("2027-02-26 01:00") == ["db-escolares"]
    clock.set("2027-02-28 12:00")
    return institution


def plan(institution, *arguments, **answers):
    return answer(institution, "plan.yml", *arguments, **{f"plan_{key}": value for key, value in answers.items()})


def rows(out):
    """Return the lines about items: item -> the words of its row after the item's name."""
    found = {}
    for line in out.splitlines():
        words = line.split()
        if len(words) > 2 and ITEMS.get(words[1]) == words[0]:
            found[words[1]] = words[2:]
    return found


def test_a_day_shows_what_was_is_and_will_be_due(planned, clock):
    """Breaks: the past looks as if all had been done, or the future as if nothing would fall due."""
    folios = {(each["item_id"], each["backup_date"]): each["folio"] for each in planned.records("backup")}
    weekly = ["2027-W08", "realizado", folios["portal-src", "2027-02-25"]]
    expected = {
        "": {"db-escolares": ["28/02/2027", "pendiente"], "portal-src": weekly},
        "2027-02-26": {
            "db-escolares": ["26/02/2027", "realizado", folios["db-escolares", "2027-02-26"]],
            "portal-src": weekly,
            "portal-media": ["26/02/2027", "realizado", folios["portal-media", "2027-02-25"]],
        },
        "2027-02-27": {"db-escolares": ["27/02/2027", "OMITIDO"], "portal-src": weekly},
        "2027-03-01": {"db-escolares": ["01/03/2027", "pendiente"], "portal-src": ["2027-W09", "pendiente"]},
        "2027-04-26": {
            "db-escolares": ["26/04/2027", "pendiente"],
            "portal-src": ["2027-W17", "pendiente"],
            "portal-media": ["26/04/2027", "pendiente"],
        },
    }
    for day, due in expected.items():
        done = plan(planned, **({"as_of": day} if day else {}))
        assert done.rc == 0, done.out
        assert rows(done.out) == due, day
        assert ("(si todo lo anterior se hace a tiempo)" in done.out) == (day > "2027-02-28")
    assert "Ese día no vence nada." in plan(planned, as_of="2027-02-20").out, "nothing had been accepted yet"
    alone = plan(planned, "--limit", "srv-web01", as_of="2027-03-01")
    assert rows(alone.out) == {"portal-src": ["2027-W09", "pendiente"]}
    # What the calendar then does is what was foretold.
    assert clock.backup("2027-03-01 01:00") == ["db-escolares", "portal-src"]


def test_a_week_shows_its_gaps_and_whether_it_is_closed(planned, clock):
    """Breaks: a week without a backup looks complete, or what came after it was closed goes unseen."""
    done = plan(planned, week="2027-W08")
    assert done.rc == 0, done.out
    assert [name for name in ("DSE-02-2027-W08 · ", "DSE-03-2027-W08 · ") if name not in done.out] == []
    cells = rows(done.out)
    assert cells["db-escolares"][:4] == ["realizado", "realizado", "OMITIDO", "pendiente"]
    assert cells["portal-src"][0] == "realizado"
    assert "✗ srv-db01 · db-escolares · 27/02/2027: OMITIDO" in done.out
    assert "Sin cerrar" not in done.out, "it has not ended"
    clock.set("2027-03-01 07:00")
    assert acknowledge(planned, "DSE-02-2027-W08", result="accepted").rc == 0
    done = plan(planned, week="2027-W08")
    assert done.out.count("Sin cerrar: acknowledge.yml -e acknowledge_folio=DSE-03-2027-W08") == 1
    assert done.out.count("Cerrada por JAA el 01/03/2027.") == 1
    assert rows(done.out)["db-escolares"][2:4] == ["OMITIDO", "OMITIDO"]
    assert "No se esperaba ningún respaldo." in plan(planned, week="2027-W07").out


def test_a_year_shows_how_much_of_its_plan_is_done(planned, clock):
    """Breaks: compliance counts what is still to come, or leaves out what was missed; or what CSC lacks is not told."""
    done = plan(planned, year="2027")
    assert done.rc == 0, done.out
    cells = rows(done.out)
    # Planned, done, late, missed, mitigated, pending, and of what was due until now how much.
    assert cells["db-escolares"] == ["Diaria", "310", "2", "0", "1", "0", "307", "0/0", "66.7", "%"]
    assert cells["portal-src"] == ["Semanal", "45", "1", "0", "0", "0", "44", "0/0", "100.0", "%"]
    assert cells["portal-media"][-9:] == ["6", "1", "0", "0", "0", "5", "0/0", "100.0", "%"]
    assert "Sin aprobar: " in done.out and "acknowledge_folio=CSC-01-2027" in done.out
    assert acknowledge(planned, "CSC-01-2027", result="accepted").rc == 0
    done = plan(planned, year="2027")
    assert "Versión 1: JAA (conforme)." in done.out and "Sin aprobar" not in done.out
    assert "No se espera ningún respaldo en ese año." in plan(planned, year="2026").out
    # A week after the first night, CSC should have what was backed up in it.
    clock.set("2027-03-04 12:00")
    assert {item: row[-3] for item, row in rows(plan(planned, year="2027").out).items()} == dict.fromkeys(ITEMS, "0/1")


def test_nothing_is_written_and_what_cannot_be_answered_is_refused(planned):
    """Breaks: a question leaves a trace, a typo is answered as if it were today, or no record reads as nothing due."""
    before, contacted = _state(planned.ledger), planned.contacted()
    for answers in ({}, {"as_of": "2027-03-01"}, {"week": "2027-W08"}, {"year": "2027"}):
        assert plan(planned, **answers).rc == 0
    far = ({"as_of": "9999-12-31"}, {"week": "9999-W01"}, {"year": "9999"}, {"year": "²⁰²⁷"})
    for answers in ({"as_of": "ayer"}, {"week": "2027-W54"}, {"year": "27"}, *far):
        ((key, value),) = answers.items()
        done = plan(planned, **answers)
        assert done.rc != 0 and f"plan_{key}: «{value}» no es" in done.out, done.out
    assert "indique uno solo" in plan(planned, year="2027", as_of="2027-03-01").out
    (planned.ledger / "index.sqlite3").unlink()
    assert rows(plan(planned).out)["db-escolares"] == ["28/02/2027", "pendiente"]
    before.pop(planned.ledger / "index.sqlite3")
    after = _state(planned.ledger)
    # Of the directory itself the time has changed, with the index that was taken away.
    assert {path: before[path] for path in before if path != planned.ledger} == {
        path: after[path] for path in after if path != planned.ledger
    }
    assert planned.contacted() == contacted
    (file,) = planned.ledger.glob("ledger-*.jsonl")
    saved = file.rename(planned.root / file.name)
    file.mkdir()
    unreadable = plan(planned)
    file.rmdir()
    saved.rename(file)
    assert unreadable.rc != 0 and "no vence nada" not in unreadable.out
