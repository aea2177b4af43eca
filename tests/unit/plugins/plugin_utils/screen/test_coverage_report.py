# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dse.backup.plugins.module_utils._core.coverage import Finding
from ansible_collections.dse.backup.plugins.plugin_utils.coverage import Claim, Gone, Part, Uncovered
from ansible_collections.dse.backup.plugins.plugin_utils.screen import coverage


def report(uncovered=(), gone=(), servers=("srv-db01", "srv-web01"), problems=None, remarks=None):
    return coverage.report(uncovered, gone, servers=servers, problems=problems or {}, remarks=remarks or {})


def row(shown, text):
    (line,) = [line for line in shown.split("\n") if text in line]
    return line


def test_there_is_one_table_for_all_servers_with_what_nobody_asked_for_first():
    etc = Uncovered("srv-web01", Finding(["configuration"], "/etc", owner="root", size_bytes=4096))
    etc.parts = [Part("/etc/nginx", "etc-nginx")]
    blog = Uncovered("srv-web01", Finding(["web"], "/srv/www/blog", owner="ana", sites=["blog.mx"], size_bytes=2**30))
    blog.finding.size_is_partial = True
    payroll = Uncovered("srv-db01", Finding(["database"], engine="postgresql", name="nomina", owner="rh"))
    gone = Gone("srv-web01", "portal-src", "DSE-05-2026-0001", "/srv/www/portal")
    shown = report([etc, blog, payroll], [gone])
    order = ["Servidor", "PostgreSQL nomina", "/srv/www/blog", "/etc ", "/srv/www/portal"]
    assert sorted(order, key=shown.index) == order
    assert row(shown, "nomina").split("  ")[1] == "srv-db01"
    assert "SIN SOLICITUD  /srv/www/blog" in shown and "blog.mx · ana" in shown and "más de 1.0 GiB" in shown
    assert "EN PARTE" in row(shown, "/etc/nginx") and "sí se respalda /etc/nginx (etc-nginx)" in shown
    assert "YA NO EXISTE" in row(shown, "/srv/www/portal") and "lo pide portal-src (DSE-05-2026-0001)" in shown
    assert "SIN SOLICITUD: 2; SÓLO EN PARTE: 1; YA NO EXISTE: 1. Servidores revisados por completo: 2 de 2." in shown


def test_what_lies_in_an_unrequested_directory_helps_to_find_its_owner():
    outer = Uncovered("srv-web01", Finding(["web"], "/srv/a", owner="ana"))
    inner = Uncovered("srv-web01", Finding(["code"], "/srv/a/b", owner="luz", remote="git@h:a.git"), within="/srv/a")
    other = Uncovered("srv-db01", Finding(["code"], "/srv/a/b", remote="git@other:a.git"), within="/srv/a")
    shown = report([outer, inner, other])
    line = row(shown, "/srv/a")
    assert "sitio web, código" in line and "git@h:a.git · ana" in line
    assert "luz" not in shown and "other" not in shown
    assert "SIN SOLICITUD: 1." in shown


def test_a_request_that_waits_and_what_leaves_it_out_are_told():
    found = Uncovered("srv-web01", Finding(["web"], "/srv/a"))
    found.unheard = [Claim("srv-web01", "DSE-05-2026-0007", why_not="JAA aún no la ha aceptado")]
    found.excluded_by = ["portal-src"]
    assert "DSE-05-2026-0007: JAA aún no la ha aceptado; lo deja fuera portal-src" in report([found])


def test_what_has_many_names_stays_readable():
    found = Uncovered("srv-web01", Finding(["web"], "/srv/a", sites=[f"s{number}.mx" for number in range(9)]))
    found.parts = [Part(f"/srv/a/{number}", "x") for number in range(5)]
    shown = report([found])
    assert "s0.mx · s1.mx · s2.mx · y 6 más" in shown
    assert "/srv/a/2 (x), y 2 más" in shown


def test_what_could_not_be_looked_at_is_named_and_does_not_count():
    away, elsewhere = "no se pudo contactar por SSH", "/home está en otro equipo"
    shown = report(problems={"srv-db01": [away]}, remarks={"srv-web01": [elsewhere]})
    assert f"NO SE PUDO REVISAR\n  ✗ srv-db01: {away}" in shown
    assert f"  ! srv-web01: {elsewhere}" in shown
    assert "NO SE SABE SI TODO ESTÁ SOLICITADO. Servidores revisados por completo: 1 de 2." in shown


def test_nothing_to_ask_for_is_said_in_words():
    assert "TODO ESTÁ SOLICITADO. Servidores revisados por completo: 2 de 2." in report()


def test_no_name_makes_a_line_of_its_own():
    found = Uncovered("srv-web01", Finding(["web"], "/srv/a\n\x1b[31m", owner="x\n", sites=["\u202e"], remote="\r"))
    shown = report([found], [Gone("srv-web01", "a", "b", "/x\n")])
    assert len(shown.split("\n")) == len(report([found], [Gone("srv-web01", "a", "b", "/x")]).split("\n"))
    assert all(line.isprintable() for line in shown.split("\n"))
