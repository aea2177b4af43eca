# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms as a page: nothing that is not in the records, that can hide or act, that is said by colour alone."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size
from ansible_collections.dse.backup.plugins.plugin_utils.printed import html, later, week
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import DEFAULT_DIRECTORY

from tests.unit.factories import chained
from tests.unit.plugins.plugin_utils.printed import week47
from tests.unit.plugins.plugin_utils.printed.test_forms import ONE_OF_EACH, RECORDS

HERE = Path(html.__file__).parent
# What the forms say besides labels, in the words of the code: of the frame, of the grid, of a signature, of a count.
FIXED = """
    Periodo Control de la semana Renglones Común a todos los renglones Registro Datos que agrega el sistema Corrida
    Plan y cumplimiento Versiones anteriores Cumplimiento calculado al año del al a semana Programados Conformes
    Lun Mar Mié Jue Vie Sáb Dom ✓ M P A R ✗ OMITIDO mitigado el con pendiente tardío no se esperaba
    sin renglón en el plan aprobado De los omitidos, mitigados Aún por hacer según CORREGIDO: — sistema : de
    Actuaciones posteriores Fecha Registro Sobre Sentido Puesto Detalle revisión respaldo autorizado prestado verificado
    Acuses electrónicos elaboró aceptó rechazó prestó verificó devolvió revisó y cerró Propuesta
    Corregido por el folio faltó
"""


class Text(HTMLParser):
    """The text of a page, and its elements with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self._skips = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._skips = tag == "style"

    def handle_endtag(self, tag):
        self._skips = False

    def handle_data(self, data):
        if not self._skips:
            self.said.append(data)


def words(text: str) -> list[str]:
    """The words of a text, without what stands around them."""
    return [word for each in text.split() if (word := each.strip("·;,:()«».…"))]


def leaves(value: Any) -> list[Any]:
    """All plain values within a value."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [] if value is None else [value]


def spoken(value: Any) -> list[str]:
    """How a recorded value may stand on a form, worked out once more."""
    if isinstance(value, bool):
        return ["Sí", "No"]
    if isinstance(value, (int, float)):
        return [str(value), f"{value:,}", f"{value:.2f}", *human_size(int(value)).split()]
    found = [value, *words(value)]
    for day in re.findall(r"\d{4}-\d\d-\d\d", value):
        when = datetime.fromisoformat(day)
        # As a day, as a column of the grid, and as the end of the year for which a record is kept.
        found += [f"{when:%d/%m/%Y}", f"{when:%d/%m}", f"{when:%d/%m}/{when.year + 1}"]
    return found + re.findall(r"\d\d:\d\d:\d\d", value)


@pytest.fixture
def page(printed, procedure, now):
    """The page of these names from these records."""

    def made(records, *names, damaged=0):
        return html.page(printed(records, *names), damaged, procedure, now)

    return made


@pytest.mark.parametrize("name", [*dict.fromkeys(ONE_OF_EACH.values())])
def test_nothing_is_printed_that_is_not_in_the_records_or_the_procedure(page, name):
    """Breaks: a form says something for which there is no evidence."""
    lines = [record for line in chained(RECORDS) for record in leaves(json.loads(line))]
    allowed = {word for value in lines for each in spoken(value) for word in (each, *words(each))}
    for path in DEFAULT_DIRECTORY.rglob("*.yml"):
        allowed.update(words(re.sub(r"[{}\[\]\"']", " ", path.read_text("utf-8"))))
    template = re.sub(r"{%.*?%}|{#.*?#}|<[^>]*>", " ", (HERE / "form.html.j2").read_text("utf-8"))
    allowed.update(word for each in words(re.sub(r"[{}]", " ", template)) for word in (each, each.strip('"')))
    allowed.update(words(FIXED), words(" ".join(week.LEGEND)), words("8 (13/02/2012) América"))
    allowed.update((name, "25/11/2026", "10:00:00", "10:00", "ledger-2026.jsonl", "America/Mexico_City"))
    days = [datetime(2026, 11, 16) + timedelta(days=number) for number in range(7)]
    allowed.update(f"{day:%d/%m}" for day in days)
    # Counted: the days of a week, the year's plan, a form's records; other tests are about what these numbers are.
    counted = re.compile(r"\d{1,2}(\.\d\d)?|100\.00")
    text = Text(page(RECORDS, name)).said
    unknown = [
        word
        for said in text
        for word in words(said)
        if not {word, word.lower(), word.capitalize()} & allowed and not counted.fullmatch(word)
    ]
    assert len(text) > 100 and not unknown


def test_hostile_names_are_text_and_nothing_else(page):
    """Breaks: a name of a server, or a message of a program, becomes an element, an attribute or an invisible sign."""
    hostile = "<script>alert(1)</script>\" onload='x' \u202e\x1b[31m{{ 7 * 7 }}&amp;"
    names = ("item_id", "source", "remarks", "tool", "service", "server", "database_server", "operator_user", "run_id")
    records = [
        *(week47.backup("database", 8, "2026-11-18", **dict.fromkeys(names, hostile)),),
        week47.backup(
            "source_code", 9, "2026-11-18", excluded_paths=[hostile], surprising=hostile, **{hostile: hostile}
        ),
        week47.failure(7, "2026-11-18T09:00:00", error_message=hostile, cause=hostile),
        week47.about("DSE-05-2026-0007", "2026-11-18T10:00:00", "closing", evidence="decision", cause=hostile),
        week47.about(
            "DSE-05-2026-0007", "2026-11-18T10:00:00", "correction", corrections={hostile: hostile}, reason=hostile
        ),
    ]
    made = page(records, "2026-W47")
    plain = Text(made)
    kinds = {tag for tag, _attributes in plain.elements}
    assert "script" not in kinds and kinds <= {tag for tag, _attributes in Text(page(RECORDS, "2026-W47")).elements}
    attributes = {name for _tag, each in plain.elements for name in each}
    assert not [name for name in attributes if name.startswith("on")]
    assert "\u202e" not in made and "\x1b" not in made and "49" not in "".join(plain.said).split()
    assert sum("<script>alert(1)</script>" in said for said in plain.said) > 15


def test_a_broken_record_and_lines_that_cannot_be_read_are_told_where_nobody_misses_them(printed, procedure, now):
    """Breaks: a form made of forged records looks like one that proves something."""
    forged = [line.replace(b'"size_bytes":300000000', b'"size_bytes":650117120') for line in chained(RECORDS)]
    found = printed([], "DSE-02-2026-W47", lines=forged)
    plain = Text(html.page(found, 2, procedure, now))
    alerts = [each for _tag, each in plain.elements if each.get("role") == "alert"]
    said = " ".join(" ".join(plain.said).split())
    assert len(alerts) == 2 and said.count("HUELLA ROTA") == 4
    assert "HUELLA ROTA: el contenido de DSE-02-2026-0046 no da la huella que lleva" in said
    assert "El registro oficial tiene 2 líneas que no se pueden leer" in said
    whole = html.page(printed(RECORDS, "DSE-02-2026-W47"), 0, procedure, now)
    assert "HUELLA ROTA" not in whole and 'role="alert"' not in whole


def test_every_form_has_the_frame_of_an_official_one(page, procedure):
    """Breaks: a form without its revision, its issue status, or with a code for the procedure that nobody gave."""
    for name in dict.fromkeys(ONE_OF_EACH.values()):
        said = " ".join(" ".join(Text(page(RECORDS, name)).said).split())
        for expected in (
            *("Propuesta", "Revisión del formato: sin dato", "Liberado · Emitida a: N/A", "revisión 8 (13/02/2012)"),
            "Procedimiento para el respaldo de los Servicios Electrónicos",
        ):
            assert expected in said, (name, expected)
        assert re.search(r"Código del procedimiento: (?=Liberado)", said), "blank where it is blank"
        assert "ISO" not in said and "ITR" not in said


def test_the_page_needs_nothing_else_and_says_nothing_by_colour(page):
    """Breaks: a form opens something of the network, or cannot be read on paper in grey."""
    made = page(RECORDS, "2026-W47")
    assert not re.search(r"https?:|url\(|@import|<link|<img|src=|href=", made)
    assert '<html lang="es-MX">' in made and "<title>FOR 7.5 DSE 02 · DSE-02-2026-W47 y 4 más</title>" in made
    for name in ("style.css", "paged.css"):
        style = re.sub(r"/\*.*?\*/", "", (HERE / name).read_text("utf-8"), flags=re.S)
        for colour in re.findall(r"#[0-9a-fA-F]+", style):
            assert len(set(re.findall(r"..", colour[1:]) if len(colour) == 7 else colour[1:])) == 1, colour
        assert not re.search(r"rgb|hsl|:\s*(red|green|blue|yellow|orange|black|white)\b", style)
    # What the frame of a square says, its words say too.
    for td in re.findall(r'<td class="(?:alarm|note)">.*?</td>', made):
        assert re.search(r"OMITIDO|pendiente|tardío|<b>[R✗] ", td)


def test_the_words_of_a_signature_are_those_of_the_exports():
    """Breaks: an acknowledgement has a word on the paper and another in the CSV file."""
    assert later.ACTIONS["accepted"] == "aceptó"
