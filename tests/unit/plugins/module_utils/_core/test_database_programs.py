# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.database_programs import (
    DatabaseError,
    fed,
    mariadb,
    piped,
    postgresql,
    run,
)


def test_a_stream_that_ends_badly_is_no_stream():
    # What was read so far may be half of it.
    with (
        pytest.raises(DatabaseError, match="sh terminó con el código 7: a mitad"),
        piped(["sh", "-c", "echo uno; echo a mitad >&2; exit 7"]) as stream,
    ):
        assert stream.read() == b"uno\n"


def test_a_stream_that_is_not_read_to_its_end_holds_nothing_up():
    with piped(["sh", "-c", "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"]) as stream:
        assert stream.read(3) == b"\0\0\0"


def test_who_stops_reading_for_good_stops_the_program():
    with pytest.raises(ValueError, match="no se entiende"), piped(["yes"]):
        raise ValueError("no se entiende")


def test_a_program_that_ends_before_it_was_told_everything_says_why():
    with pytest.raises(DatabaseError, match="código 3: ERROR 1064"):
        fed(["sh", "-c", "echo ERROR 1064 >&2; exit 3"], itertools.repeat(b"x" * 65536))


def test_what_is_fed_arrives_whole(tmp_path):
    fed(["sh", "-c", f"cat > {tmp_path}/got"], [b"a" * 100_000, b"", b"b"])
    assert (tmp_path / "got").read_bytes() == b"a" * 100_000 + b"b"


def test_text_reaches_a_program_through_its_input_and_in_no_argument():
    assert run(["cat"], stdout=-1, stdin=b"PASSWORD 'x'") == b"PASSWORD 'x'"


def test_a_scratch_server_is_never_mistaken_for_the_live_one():
    # No port, no file of options, no search path of the production server.
    scratch = {"engine": "mariadb", "socket": "/s", "bin": "/b", "port": 3307, "defaults_file": "/etc/mysql/backup.cnf"}
    assert mariadb(scratch) == ["--no-defaults", "--socket=/s", "--user=root"]
    environment = postgresql({"socket": "/s", "bin": "/b"}, "x=y")["environment"]
    assert (environment["PGHOST"], environment["PGDATABASE"]) == ("/s", "x=y")
    assert environment["PATH"].startswith("/b:") and "PGPORT" not in environment
