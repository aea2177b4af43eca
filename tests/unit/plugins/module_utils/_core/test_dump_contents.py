# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core import dump_contents
from ansible_collections.dse.backup.plugins.module_utils._core.dump_contents import (
    Contents,
    definers,
    mariadb_contents,
    mariadb_pieces,
    postgresql_rows,
    postgresql_schema,
    statements,
    unquoted,
    words,
)
from hypothesis import given
from hypothesis import strategies as st

# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def copied(value):
    """A value as COPY writes it."""
    for char, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(char, escape)
    return value


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
values = st.text(st.sampled_from("a(),;'\"\\\n\t`- .ñ"), max_size=30)


@given(st.dictionaries(names, st.lists(values, max_size=5), max_size=4), st.sampled_from([8, 64, 1 << 20]))
def test_postgresql_rows_are_counted_whatever_they_hold(tables, longest):
    # Long lines come in pieces, names and values may look like the marks that are looked for.
    text = "SET client_encoding = 'UTF8';\n\n"
    for name, rows in tables.items():
        text += 'COPY public."' + name.replace('"', '""') + '" (a, "b c") FROM stdin;\n'
        text += "".join(f"1\t{copied(row)}\n" for row in rows) + "\\.\n\n\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dump_contents, "_LONGEST", longest)
        found = postgresql_rows(io.BytesIO(text.encode()))
    expected = {'public."' + name.replace('"', '""') + '"': len(rows) for name, rows in tables.items()}
    assert found.rows == expected
    assert found.encoding == ("UTF8" if longest > 30 else "")


def test_a_table_without_columns_has_rows_too():
    assert postgresql_rows(io.BytesIO(b"COPY public.nada  FROM stdin;\n\n\n\\.\n")).rows == {"public.nada": 2}


@pytest.mark.parametrize(
    "text", [b"COPY public.a (x) FROM stdin;\n1\n", b'COPY public."a (x) FROM stdin;\n', b"COPY a FROM stdin;\n"]
)
def test_postgresql_text_that_ends_midway_or_says_something_else_is_not_counted(text):
    with pytest.raises(ValueError, match="volcado"):
        postgresql_rows(io.BytesIO(text))


def test_two_texts_of_one_postgresql_schema_are_the_same():
    one = b"-- Dumped by 15.20\n\\restrict AAA\n\nCREATE TABLE a (\n    x integer\n);\nREFRESH MATERIALIZED VIEW mv;\n"
    two = b"\\restrict BBB\nSET default_tablespace = rapido;\nCREATE TABLE a (\n    x integer\n);\n"
    assert postgresql_schema(io.BytesIO(one)) == postgresql_schema(io.BytesIO(two))
    other = two.replace(b"integer", b"bigint")
    digests = {Contents(schema=postgresql_schema(io.BytesIO(text))).schema_sha256() for text in (one, two, other)}
    assert len(digests) == 2


ROLES = r"""--
-- CREATE ROLE comentada;
\restrict abc
CREATE ROLE "o'brien; x";
ALTER ROLE "o'brien; x" WITH LOGIN PASSWORD 'SCRAM$4096:a;b''c==$--';
COMMENT ON ROLE b IS E'dos\n\'; líneas /* no */';
GRANT a TO "o'brien; x" GRANTED BY postgres;
/* DROP ROLE b; */
CREATE FUNCTION f() AS $x$ uno; $$ dos $x$;
\unrestrict abc
"""


def test_sql_is_split_where_a_statement_ends_and_only_there():
    split = [words(each) for each in statements(ROLES)]
    assert [each[:3] for each in split] == [
        ["CREATE", "ROLE", '"o\'brien; x"'],
        ["ALTER", "ROLE", '"o\'brien; x"'],
        ["COMMENT", "ON", "ROLE"],
        ["GRANT", "a", "TO"],
        ["CREATE", "FUNCTION", "f"],
    ]
    assert split[1][-2] == "'SCRAM$4096:a;b''c==$--'"
    assert "".join(next(statements("ALTER ROLE a SET x::text TO 'b  c';"))) == "ALTER ROLE a SET x::text TO 'b  c';"


@given(names)
def test_a_quoted_name_is_one_token_and_comes_back(name):
    quoted = '"' + name.replace('"', '""') + '"'
    (statement,) = statements(f"DROP ROLE {quoted};")
    assert words(statement) == ["DROP", "ROLE", quoted, ";"]
    assert unquoted(quoted) == name


# --- MariaDB and MySQL ------------------------------------------------------------------------------------------------


def literal(value):
    """A text as mariadb-dump writes it."""
    for char, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n")):
        value = value.replace(char, escape)
    return f"'{value}'"


table_names = st.text(st.sampled_from("a(),;'\"\\`- .ñ"), min_size=1, max_size=12)


@given(
    st.dictionaries(table_names, st.lists(st.one_of(values, st.none()), max_size=6), max_size=4),
    st.sampled_from(["\n", " "]),
    st.booleans(),
)
def test_mariadb_rows_are_counted_whatever_they_hold(tables, between, columns):
    # MariaDB writes a row a line, MySQL all in one.
    text = ""
    for name, rows in tables.items():
        quoted = "`" + name.replace("`", "``") + "`"
        text += f"CREATE TABLE {quoted} (\n  `(` text\n) ENGINE=InnoDB AUTO_INCREMENT=9;\n"
        told = [f"({n},{'NULL' if row is None else literal(row)},0x2827)" for n, row in enumerate(rows)]
        for part in filter(None, (told[:2], told[2:])):
            text += f"INSERT INTO {quoted}{' (`x`, `(`, `b`)' if columns else ''} VALUES{between}"
            text += f",{between.strip(' ')}".join(part) + ";\n"
    found = mariadb_contents(mariadb_pieces(io.BytesIO(text.encode())))
    assert found.rows == {name: len(rows) for name, rows in tables.items()}
    assert not any(b"AUTO_INCREMENT" in line for line in found.schema)
    # Without counting, all but the rows is the same.
    skimmed = mariadb_contents(mariadb_pieces(io.BytesIO(text.encode())), counting=False)
    assert skimmed.schema == found.schema
    assert skimmed.rows == dict.fromkeys(tables, 0)


@given(st.lists(values, min_size=1, max_size=8), st.integers(1, 9))
def test_a_long_line_may_be_cut_anywhere(rows, size):
    # In the middle of an escape, of a text, or before the very last byte.
    text = ",".join(f"({literal(row)})" for row in rows).encode() + b";\n"
    pieces = [(True, b"CREATE TABLE `a` (\n"), (True, b"INSERT INTO `a` VALUES ")]
    pieces += [(False, text[start : start + size]) for start in range(0, len(text), size)]
    after = [(True, b"CREATE TABLE `b` (\n")]
    assert mariadb_contents([*pieces, *after]).rows == {"a": len(rows), "b": 0}
    assert mariadb_contents([*pieces, *after], counting=False).rows == {"a": 0, "b": 0}


BODY = b"""CREATE TABLE `a` (
  `x` int COMMENT 'INSERT INTO `a` VALUES (1)'
) ENGINE=InnoDB AUTO_INCREMENT=%d DEFAULT CHARSET=utf8mb4;
LOCK TABLES `a` WRITE;
/*!40000 ALTER TABLE `a` DISABLE KEYS */;
INSERT INTO `a` VALUES
(1),
(2);
UNLOCK TABLES;
ALTER DATABASE `%s` CHARACTER SET latin1 COLLATE latin1_bin ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`app``x`@`%%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN
INSERT INTO `a` VALUES (1);
-- don't
CREATE TABLE `b` (
END */;;
DELIMITER ;
DELIMITER ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' \
ON COMPLETION NOT PRESERVE ENABLE DO SELECT 'ON COMPLETION PRESERVE ENABLE ' */ ;;
DELIMITER ;
-- Dump completed on 2026-11-22
"""


def test_what_stands_in_a_trigger_is_neither_row_nor_table():
    found = mariadb_contents(mariadb_pieces(io.BytesIO(BODY % (5, b"portal"))))
    assert found.rows == {"a": 2}
    assert definers(found.schema) == {"app`x@%", "root@localhost"}


def test_counters_data_and_the_database_s_name_are_no_schema():
    one = mariadb_contents(mariadb_pieces(io.BytesIO(BODY % (5, b"portal"))))
    text = (BODY % (77, b"otra")).replace(b"INSERT INTO `a` VALUES\n(1),\n(2);\n", b"")
    two = mariadb_contents(mariadb_pieces(io.BytesIO(text)))
    assert one.schema_sha256() == two.schema_sha256()
    assert two.rows == {"a": 0}


def test_under_another_name_nothing_names_the_first_one_and_no_event_starts():
    pieces = [piece for _begins, piece in mariadb_pieces(io.BytesIO(BODY % (5, b"portal")), renamed="co`pia\\1")]
    text = b"".join(pieces)
    assert b"ALTER DATABASE `co``pia\\1` CHARACTER SET latin1 COLLATE latin1_bin ;\n" in text
    assert b"`portal`" not in text
    assert b"NOT PRESERVE DISABLE DO SELECT 'ON COMPLETION PRESERVE ENABLE '" in text
    assert b"".join(piece for _begins, piece in mariadb_pieces(io.BytesIO(BODY % (5, b"x")))) == BODY % (5, b"x")


@pytest.mark.parametrize(
    "text", [b"INSERT INTO `a` VALUES (1),\n", b"INSERT INTO `a` SELECT 1;\n", b"DELIMITER ;;\nBEGIN\n"]
)
def test_mariadb_text_that_ends_midway_or_says_something_else_is_not_counted(text):
    with pytest.raises(ValueError, match="volcado"):
        mariadb_contents(mariadb_pieces(io.BytesIO(b"CREATE TABLE `a` (\n" + text)))
