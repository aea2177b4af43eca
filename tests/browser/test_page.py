# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of `report.yml`, opened in a real Chromium: it says nothing on the console and asks for nothing, ever."""

from __future__ import annotations

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Its pictures are hidden from whom axe speaks for, and what holds for a table's first rows holds for all of them.
_WITHOUT = {"exclude": [[".chart svg"], ["details.many tr:nth-child(n+4)"]]}
_ITEM = "details.item"
# A chart is there when something was drawn in it.
_CHART = ".chart svg path, .chart svg text"


def _file(directory, text):
    path = directory / "page.html"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def autumn(tmp_path_factory):
    return _file(tmp_path_factory.mktemp("autumn"), pages.autumn())


def _open(page, name):
    item = page.locator(_ITEM, has=page.get_by_text(name, exact=True)).first
    item.locator("> summary").click()
    item.locator(_CHART).first.wait_for()
    return item


def _rows(item):
    """Unfold the table beside the charts; return its rows as texts."""
    item.get_by_text("Tabla de respaldos").click()
    rows = item.locator("details.many tbody tr")
    rows.first.wait_for()
    return rows.all_text_contents()


def _fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_everybody_can_read_it(opened, autumn, scheme, width):
    """Breaks: who uses a screen reader, a phone, or works at night cannot tell what needs attention."""
    with opened(autumn, width=width, color_scheme=scheme) as page:
        for name in ("db-lms", "portal-src", "etc-web01"):  # Of each frequency one.
            item = _open(page, name)
            assert len(_rows(item)) > 1
        page.evaluate("document.querySelectorAll('details.many').forEach((each) => { each.open = true; })")
        assert _fits(page)
        found = Axe().run(page, context=_WITHOUT, options=_RULES)
        assert found.violations_count == 0, found.generate_report()


def test_what_is_drawn_is_what_happened(opened, autumn):
    """Breaks: a day without a backup looks like any other, or a size that JAA had to judge like all the rest."""
    with opened(autumn) as page:
        item = _open(page, "db-lms")
        marks = item.locator(".chart.days svg text").all_text_contents()
        assert "×" in marks, "22 November, when the controller was switched off"
        rows = _rows(item)
        assert [row for row in rows if "20/11/2026" in row and "−61.98 %" in row and "aceptado por JAA" in row], rows
        # What the picture says, the table beside it says too.
        assert "omitidos" in item.locator("table.months").text_content()
        item.locator(".chart.days .mark-rect path").last.hover()
        assert "/2026" in page.locator("#vg-tooltip-element").text_content()


def test_it_can_be_walked_through_with_the_keyboard_alone(opened, autumn):
    """Breaks: who does not use a mouse gets no further than the first lines."""
    with opened(autumn) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Ir al contenido"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "contenido"
        for _step in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "buscar":
                break
        page.keyboard.type("lms ense")
        assert page.locator("#cuenta").text_content().startswith("0 de 13")
        page.keyboard.press("Control+A")
        page.keyboard.type("LMS bases")  # Neither capitals nor accents matter, in any order.
        assert page.locator("#cuenta").text_content() == "1 de 13 respaldos"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        focused = "document.activeElement"
        assert "db-lms" in page.evaluate(f"{focused}.textContent")
        assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.locator(f"{_ITEM}[open]").locator(_CHART).first.wait_for()


def test_charts_follow_the_colours_that_are_asked_for(opened, autumn):
    """Breaks: at dusk the page turns dark, and the charts stay as they were."""
    with opened(autumn) as page:
        line = _open(page, "db-lms").locator(".chart.sizes .mark-line path").first
        by_day = line.get_attribute("stroke")
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(
            "([old]) => document.querySelector('.chart.sizes .mark-line path')?.getAttribute('stroke') !== old",
            arg=[by_day],
        )


def test_without_its_program_everything_but_the_charts_is_there(opened, autumn):
    """Breaks: AWX, or a mail program, shows the page without running anything, and it is empty."""
    with opened(autumn, java_script_enabled=False) as page:
        assert page.locator("#atencion .card").count() > 0 and not page.locator("#filtro").is_visible()
        item = page.locator(_ITEM).first
        item.locator("> summary").click()
        assert item.locator("table.months").is_visible()
        page.locator("details.many > summary").first.click()
        assert page.locator("details.many[open] td").first.is_visible()


def test_names_that_mean_harm_are_shown_and_do_none(opened, tmp_path):
    """Breaks: who may name a service runs a program where JAA reads, or turns the page upside down."""
    path = _file(tmp_path, pages.hostile())
    with opened(path) as page:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert _fits(page)
        for summary in page.locator(f"{_ITEM} > summary").all():
            summary.click()
        page.locator(f"{_ITEM}[open]").first.locator(_CHART).first.wait_for()
        assert page.evaluate("window.harmed") is None
        page.evaluate("for (const each of document.querySelectorAll('code')) each.remove()")  # A command is never cut.
        shown = page.locator("body").inner_text()
        assert "<script>window.harmed" in shown and "\\u202e" in shown and "{{ 7*7 }}" in shown
        assert not {"\u202e", "\u2028", "\x1b"} & set(page.content())
        assert len(max(shown.split(), key=len)) <= 300


def test_a_thousand_backups_a_year_long_stay_quick_and_small(opened, tmp_path):
    """Breaks: with an institution of a hundred servers nobody waits for the page any more, or it fits into no mail."""
    text = pages.large(1000, 365)
    assert len(text.encode()) < 10_000_000
    with opened(_file(tmp_path, text)) as page:
        drawn = page.locator(".chart svg")
        drawn.first.wait_for()
        assert drawn.count() == 1, "the year of all of them, and no chart that nobody looks at"
        page.locator("#buscar").fill("base-de-datos-0999")
        assert page.locator("#cuenta").text_content() == "1 de 1000 respaldos"
        item = _open(page, "base-de-datos-0999")
        assert len(_rows(item)) > 350
        assert _fits(page)
