"""Debian's chromium in front of the real server, with a stand-in of the console behind it."""

from collections.abc import Callable, Generator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from sandbox import needs
from tests.support.addons_browser import Person, chromium, visitor
from tests.support.addons_server import Served, served
from tests.support.console_fake import FakeConsole

GATEWAYS = {"home": "a pairing waits", "lab": "relayed", "den": "off"}


@pytest.fixture(scope="session")
def playwright() -> Generator[Playwright]:
    needs.install(print, "page tests")
    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Generator[Browser]:
    with chromium(playwright) as one:
        yield one


@pytest.fixture
def console() -> FakeConsole:
    """Its changes take a moment, as real ones do."""
    return FakeConsole(dict(GATEWAYS), pace=0.3)


@pytest.fixture
def server(console: FakeConsole) -> Generator[Served]:
    with served(console) as it:
        yield it


@pytest.fixture
def people(browser: Browser, server: Served) -> Generator[Callable[..., Person]]:
    """Each call is another person with a browser of their own. At the end none of them may have seen an error."""
    came: list[Person] = []

    def come(**options: object) -> Person:
        came.append(visitor(browser, server, **options))
        return came[-1]

    yield come
    for one in came:
        one.context.close()
        assert one.errors.said == []


@pytest.fixture
def alice(people: Callable[..., Person]) -> Person:
    return people()
