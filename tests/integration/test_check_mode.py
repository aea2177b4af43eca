# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``--check`` says what would run and leaves no trace of having been asked."""

from __future__ import annotations


def _state(directory):
    """Return every path below ``directory`` with its bytes and times."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [directory, *sorted(directory.rglob("*"))]
    }


def test_check_does_not_make_the_ledger(institution):
    """Breaks: asking what would run makes the ledger's directory, a lock or a probe; or needs no request (4.1.1)."""
    institution.registers_requests = False
    institution.register("srv-web01", institution.files("portal-media"))
    done = institution.backup("--check")
    assert done.rc == 2, done.out
    assert "✗ srv-web01 · portal-media · request_folio: la solicitud DSE-05-2026-0001 no está en el reg" in done.out
    assert "no se contactó a ningún servidor ni se registró nada" in done.out
    assert not institution.ledger.exists()
    assert institution.contacted() == []


def test_check_of_a_first_backup_writes_nothing(institution):
    """Breaks: a first run cannot be looked at before it is made, or looking at it makes it."""
    institution.register("srv-web01", institution.files("portal-media"))
    institution.accept_requests()
    before = _state(institution.ledger)
    done = institution.backup("--check")
    assert done.rc == 0, done.out
    assert "srv-web01  portal-media  primer respaldo" in done.out
    assert "no se contactó a ningún servidor ni se registró nada" in done.out
    assert _state(institution.ledger) == before
    assert institution.contacted() == []


def test_check_changes_no_byte_of_a_ledger_that_exists(institution):
    """Breaks: the index, a lock or a CSV file is touched; also when the index lags behind or is gone."""
    institution.register("srv-web01", institution.files("portal-media"))
    assert institution.backup().rc == 0
    for damage in (None, "index.sqlite3"):
        if damage:
            (institution.ledger / damage).unlink()
        before = _state(institution.ledger)
        done = institution.backup("--check", "-e", "backup_force=true")
        assert done.rc == 0, done.out
        assert "srv-web01  portal-media  pedido aunque no vence" in done.out
        assert _state(institution.ledger) == before
    assert len(institution.contacted()) == 1


def test_check_fails_for_an_inventory_with_mistakes_and_names_them(institution):
    """Breaks: ``--check``, with which an inventory is proved before it is used, says that all is well."""
    institution.register("srv-web01", institution.files("portal-media", information_type="imagenes"))
    done = institution.backup("--check")
    assert done.rc == 2, done.out
    assert "✗ srv-web01 · portal-media · information_type: «imagenes» no está en la lista" in done.out
    assert not institution.ledger.exists()


def test_check_leaves_a_ledger_that_cannot_be_written_alone(institution):
    """Breaks: check mode tries to write, or dies with a traceback where the ledger is no directory."""
    institution.register("srv-web01", institution.files("portal-media"))
    institution.registers_requests = False
    institution.ledger.write_text("no soy un directorio")
    done = institution.backup("--check")
    assert done.rc != 0, done.out
    assert "Traceback" not in done.out
    assert institution.ledger.read_text() == "no soy un directorio"
