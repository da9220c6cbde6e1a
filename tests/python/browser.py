"""A headless Chromium off the network, and what the boards' pages say in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from boards.chromium import ARGUMENTS, PATIENCE_MS, find_chromium
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

Point = tuple[float, float]
NUMBER = re.compile(r"-?[\d,]*\.?\d+")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips the test where there is none, and fails it in CI."""
    program = find_chromium()
    if program is None:
        message = "Chromium is not installed (Debian and Ubuntu: chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page, the requests that it made to elsewhere (none got there), and what it complained about."""

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def numbers_of_table(self, chart: str) -> list[list[float]]:
        """The numbers of a table's rows, without cells that are empty; each is printed as it is, but rounded."""
        cells = self.page.evaluate(
            """chart => [...document.querySelectorAll(`[data-chart-id=${chart}] text[data-value]`)]
                .filter(cell => cell.getClientRects().length)
                .map(cell => [cell.getAttribute('y') + cell.closest('[transform]').getAttribute('transform'),
                    cell.getBoundingClientRect().top, Number(cell.dataset.value), cell.textContent])""",
            chart,
        )
        rows: dict[float, list[float]] = {}
        for _, top, value, text in cells:
            rows.setdefault(round(top), []).append(value)
            shown, unit = number_in(text)
            assert min(abs(value - shown), abs(100 * value - shown)) <= unit, f"{value} is printed as {text}"
        return [rows[top] for top in sorted(rows)]

    def numbers_of_marks(self, chart: str, measure: str) -> list[tuple[float, float]]:
        """The number that the alternative text of each mark gives, and the unit it is rounded to.

        Bars are in the page twice; a week that the chart has put in has no number.
        """
        marks = self.page.evaluate(
            """chart => [...document.querySelectorAll(`[data-chart-id=${chart}] path[aria-roledescription]`)]
                .map(mark => [mark.dataset.dctRole, mark.getAttribute('aria-label')])""",
            chart,
        )
        bars = dict.fromkeys(text for role, text in marks if role == "bar")
        texts = [*bars, *(text for role, text in marks if role == "point")]
        shown = [re.search(f"{measure}: ([^;]*)", text)[1] for text in texts]
        return [number_in(text) for text in shown if text != "null"]

    def lines_of(self, chart: str) -> tuple[list[Point], list[list[Point]]]:
        """Where the chart has points, and the strokes of its lines, each from corner to corner."""
        points, paths = self.page.evaluate(
            """chart => {
                const marks = [...document.querySelectorAll(`[data-chart-id=${chart}] path`)];
                const points = marks.filter(mark => mark.dataset.dctRole === 'point')
                    .filter(mark => !/: null$/.test(mark.getAttribute('aria-label')))
                    .map(mark => mark.getAttribute('transform').match(/-?[\\d.]+/g).map(Number));
                const lines = marks.filter(mark => mark.closest('.mark-line'));
                return [points, lines.map(line => line.getAttribute('d'))];
            }""",
            chart,
        )
        strokes = []
        for stroke in re.findall("M[^M]*", "".join(paths)):
            corners = re.findall(r"(-?[\d.]+),(-?[\d.]+)", stroke)
            strokes.append([(float(x), float(y)) for x, y in corners])
        return [(x, y) for x, y in points], strokes

    def text_of(self, chart: str) -> str:
        """What a chart says, its label included."""
        return self.page.locator(f"[data-chart-id={chart}]").first.text_content()


@contextmanager
def watched(browser: Browser) -> Iterator[Watched]:
    """A page 1400 pixels wide that reaches files and this machine only."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE_MS)
    seen = Watched(page)

    def decide(route: Route) -> None:
        url = route.request.url
        if url.endswith("/favicon.ico"):
            route.fulfill(status=204)  # the browser's own wish
        elif url.startswith(("file:", "data:", "http://127.0.0.1:")):
            route.continue_()
        else:
            seen.outside.append(url)
            route.abort()

    page.route("**/*", decide)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    yield seen
    page.close()


def number_in(text: str) -> tuple[float, float]:
    """The number that a text shows, and a unit of its last digit."""
    text = text.replace("−", "-").replace("-$", "$-")
    found = NUMBER.search(text)[0].replace(",", "")
    return float(found), 10.0 ** -len(found.partition(".")[2])
