# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of `report.yml` costs: to make it, to keep it, and above all to open it, every morning."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from . import past
from .controller import playbook
from .measure import Aim, Case, Line, Sample, Table, side_by_side
from .scale import Scale

CHROMIUM = "/usr/bin/chromium"
# As many as five items of a server make in a year, each by its own frequency.
_RECORDS_AN_ITEM = 160
_EMPTY = '<!DOCTYPE html><html lang="es"><meta charset="utf-8"><title>Nada</title><p>Nada</p></html>'
_ABOUT = """\
`report.yml -e report_output=FILE.html` of a year of nightly runs: {items:,} items on {servers:,} servers, nothing of it
delivered yet. Opening is from the address to the chart of the year, in a tab of its own in Chromium without a screen;
unfolding, from a click on an item that is backed up each day to its calendar and its sizes. Beside it an empty page.
"""


def page(scale: Scale, work: Path) -> Table:
    """Measure the page of an institution of so many items."""
    institution = past.elements(scale.page_items)
    ledger = work / "ledger"
    print(f"    making a ledger of {scale.page_items:,} items", flush=True)
    past.write_ledger(ledger, institution, scale.page_items * _RECORDS_AN_ITEM)
    past.make_index(ledger)
    inventory = past.write_script(work / "inventory", past.inventory(institution))
    ours, empty = work / "page.html", work / "empty.html"
    empty.write_text(_EMPTY, "utf-8")
    made = side_by_side(
        [Case("making it", lambda: playbook("report.yml", inventory, ledger, "-e", f"report_output={ours}"))], 1
    )
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = _Tab(browser)
        cases = [
            Case("opening it", lambda: tab.open(ours, ".chart svg"), tab.renew),
            Case("unfolding an item", tab.unfold),
            Case("an empty page", lambda: tab.open(empty, "p"), tab.renew),
        ]
        opened = side_by_side(cases, scale.rounds)
        browser.close()
    name = f"{scale.page_items:,} items"
    lines = [
        Line(f"opening, {name}", opened["opening it"], "an empty page", opened["an empty page"], Aim(plus=2)),
        Line(f"unfolding one of {name}", opened["unfolding an item"]),
        Line(f"size, {name}", Sample([ours.stat().st_size / 1e6], "MB"), aim=Aim(plus=10)),
        Line(f"making it, {name}", made["making it"]),
    ]
    about = _ABOUT.format(items=scale.page_items, servers=scale.page_items // past.ITEMS_EACH)
    return Table("page", "The page", about, lines)


class _Tab:
    """A tab of a browser, a new one whenever it is asked for."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._tab = browser.new_page()

    def renew(self) -> None:
        self._tab.close()
        self._tab = self._browser.new_page()

    def open(self, path: Path, awaited: str) -> None:
        self._tab.goto(path.as_uri())
        self._tab.locator(awaited).first.wait_for()

    def unfold(self) -> None:
        self._tab.locator("details.item > summary").first.click()
        self._tab.locator("details.item[open] .chart.sizes svg").wait_for()
