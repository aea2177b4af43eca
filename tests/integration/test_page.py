# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``report.yml -e report_output=FILE.html``: the page is written, says what is to be done, and nothing else changes."""

from __future__ import annotations

import stat

from answers import answer
from test_check_mode import _state

EVIL = "Portal</script><script>alert(1)</script>\u202e $(touch pwned)"


def test_the_page_is_made_from_the_ledger_alone_and_ends_well_whatever_it_tells(institution, clock):
    """Breaks: the morning's page fails because something is late, writes to the ledger, or runs what a name says."""
    institution.register("srv-web01", institution.files("portal-media", service=EVIL))
    institution.register("srv-db01", institution.database("db-escolares"))
    assert clock.backup("2027-03-01 01:00") == ["db-escolares", "portal-media"]
    clock.set("2027-03-09 08:00")
    path = institution.root / "página.html"
    before, contacted = _state(institution.ledger), institution.contacted()

    for arguments, is_written in ((("--check",), False), ((), True)):
        done = answer(institution, "report.yml", *arguments, report_output=str(path))
        assert done.rc == 0, done.out
        assert (_state(institution.ledger), institution.contacted()) == (before, contacted)
        assert path.exists() == is_written and ("No se escribió" in done.out) != is_written
        assert "Sin entregar a CSC después de 7 días (deliver.yml): 2" in done.out
        assert f"\nSiguiente: ansible-playbook -i {institution.root}/" in done.out
    text = path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0
    assert "Respaldos al 09/03/2027, 08:0" in text and str(institution.ledger) in text
    assert "portal-media" in text and "<script>alert" not in text and "\u202e" not in text
    assert not list(institution.root.rglob("pwned"))

    only = answer(institution, "report.yml", "--limit", "srv-db01", report_output=str(path))
    assert only.rc == 0 and "portal-media" not in path.read_text("utf-8")


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_asked(institution):
    """Breaks: a page lands among the official records, or a mistake in its name costs the minute that it took."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    inside = institution.ledger / "pagina.html"
    for wanted, said in (
        ({"report_output": str(inside)}, "está en el directorio del registro oficial"),
        ({"report_output": "/nada/pagina.html"}, "report_output: no existe el directorio /nada"),
        ({"report_output": "/tmp/x.htm"}, "debe terminar en .json; sin pregunta, en .html: la página de todo"),
        ({"report_output": "/tmp/x.html", "question": "copies"}, "debe terminar en .json"),
    ):
        done = answer(institution, "report.yml", **wanted)
        assert done.rc == 2 and said in done.out and "PÁGINA" not in done.out, done.out
    assert not inside.exists()
