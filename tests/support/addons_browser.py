"""People in front of the Addons' page, each with a browser of their own, driven by playwright."""

import contextlib
import importlib.util
import shutil
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.support.addons_server import Served
from tests.support.browser import Errors

SIZE: Final = {"width": 1200, "height": 720}
NARROW: Final = {"width": 360, "height": 780}
# By evaluate, so that the page's own policy of content stays in force.
_AXE: Final = """async () => (await axe.run()).violations.map((violation) =>
  `${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`)"""


@contextlib.contextmanager
def chromium(playwright: Playwright, *options: str) -> Generator[Browser]:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"),
        args=["--disable-gpu", "--disable-background-networking", *options],
    )
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Person:
    """One browser that is logged in. What it reports as an error is kept."""

    context: BrowserContext
    page: Page
    errors: Errors
    url: str
    requests: list[str] = field(default_factory=list[str])

    def goes(self, path: str) -> Page:
        """Opens a view, and waits until it is live."""
        self.page.goto(f"{self.url}{path}")
        expect(self.page.locator("#live")).to_have_text("Live")
        return self.page

    def another_tab(self) -> "Person":
        return watched(self.context, self.url)


def person(browser: Browser, url: str, link: str, **options: Any) -> Person:
    """Comes with the link that the server printed."""
    usual: dict[str, Any] = {"viewport": SIZE, "locale": "en-GB", "timezone_id": "UTC"}
    context = browser.new_context(**(usual | options))
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    one = watched(context, url)
    one.page.goto(link)
    expect(one.page.get_by_role("navigation", name="Main")).to_be_visible()
    return one


def visitor(browser: Browser, server: Served, **options: Any) -> Person:
    return person(browser, server.url, server.links[-1], **options)


def watched(context: BrowserContext, url: str) -> Person:
    """With a new tab, of which errors and requests are kept."""
    page = context.new_page()
    one = Person(context, page, Errors.of(page), url)
    page.on("request", lambda request: one.requests.append(request.url.removeprefix(url)))
    return one


def violations(page: Page) -> list[str]:
    """What axe finds that keeps somebody out."""
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.submodule_search_locations
    page.evaluate((Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text())
    return page.evaluate(_AXE)


def focused(page: Page) -> str:
    """The id of what has the focus, or its words."""
    return page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
