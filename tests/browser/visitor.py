"""Someone who looks at the dashboard: clicks, reads, and notices what goes wrong behind it."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
PATIENCE_MS = 20_000
# The server hears of a click, and Plotly draws its answer, a moment after the page seems settled.
HEARD_MS = 400
# What a trace shows, as plain lists however it was sent; what it does not have is null.
READ = """
charts => charts.map(chart => chart._fullData.map(trace => {
    const plain = of => of == null ? null : Array.from(of, x => x?.length && x.map
        ? Array.from(x) : x);
    return {
        type: trace.type, name: trace.name, x: plain(trace.x), y: plain(trace.y),
        z: trace.z == null ? null : Array.from(trace.z, row => Array.from(row)),
        colour: plain(trace.marker?.color?.map ? trace.marker.color : null),
        customdata: plain(trace.customdata), panel: trace.xaxis,
    };
}))
"""
AXES = """
charts => charts.flatMap(chart => Object.entries(chart._fullLayout)
    .filter(([name, axis]) => /^[xy]axis/.test(name) && axis.visible !== false)
    .map(([name, axis]) => [axis.title.text, axis.type]))
"""


class Visitor:
    """A tab of its own on the dashboard.

    Attributes:
        page: Playwright's page.
        errors: what the console called an error.
        strangers: addresses outside this machine that were asked for.
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda entry: self._hear(entry.type, entry.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._watch(request.url))
        self.page.goto(address)
        self.settle()

    def open(self, title: str) -> None:
        """Click the name of a page, in the menu where there is no room for it."""
        link = self.page.get_by_role("link", name=title, exact=True)
        if not link.count():
            self.page.get_by_test_id("stTopNav").get_by_text(" more").click()
            link = self.page.get_by_role("menuitem", name=title, exact=True)
        link.click()
        place = "" if title == "Trade-off" else slug(title)
        self.page.wait_for_url(re.compile(rf"//[^/]+/{place}(\?.*)?$"))
        self.settle()

    def settle(self) -> None:
        """Wait until the page is drawn."""
        self.page.wait_for_selector(SETTLED)
        self.page.wait_for_function(
            "document.querySelectorAll('[data-testid=stSkeleton], [data-stale=true]').length === 0"
        )
        self.page.wait_for_function(
            "[...document.querySelectorAll('[data-testid=stPlotlyChart]')]"
            ".every(box => box.querySelector('.js-plotly-plot .main-svg'))"
        )

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list."""
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("option", name=option, exact=True).click()
        self._answered()

    def tick(self, option: str) -> None:
        """Choose one of the round buttons."""
        self.page.locator("[data-testid=stRadioOption]").get_by_text(option, exact=True).click()
        self._answered()

    def _answered(self) -> None:
        """Wait until what was clicked has been heard of and drawn."""
        self.page.wait_for_timeout(HEARD_MS)
        self.settle()
        self.page.wait_for_timeout(HEARD_MS)

    def text(self) -> str:
        """Return what the page says in words."""
        return str(self.page.locator("[data-testid=stApp]").inner_text())

    def charts(self) -> list[list[dict[str, Any]]]:
        """Return the traces of each chart as the browser draws them."""
        actual: list[list[dict[str, Any]]] = self.page.eval_on_selector_all(".js-plotly-plot", READ)
        return actual

    def axes(self) -> list[tuple[str, str]]:
        """Return the title and the type of each axis on the page."""
        actual = self.page.eval_on_selector_all(".js-plotly-plot", AXES)
        return [(title, kind) for title, kind in actual]

    def leave(self) -> None:
        """Close the tab; what went wrong meanwhile is an error."""
        self.page.close()
        self.check()

    def check(self) -> None:
        """Raise AssertionError if something went wrong so far."""
        assert (self.errors, self.strangers) == ([], [])

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def _watch(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.strangers.append(url)


def slug(title: str) -> str:
    """Return a page's place in the address."""
    return title.lower().replace(" ", "-")


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until a server answers; fail if it ends or does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"no answer at {url}")
