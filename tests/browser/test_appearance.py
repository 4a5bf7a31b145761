"""Everybody can use it: by keyboard, on a small screen, in the dark, without motion, and with what axe asks for."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.addons_browser import NARROW, Person, focused, violations
from tests.support.addons_server import Served
from tests.support.browser import screenshot
from tests.support.console_fake import FakeConsole

VIEWS = ("/", "/instances/home", "/instances/lab", "/instances/den", "/changes", "/devices", "/instances/home/activity")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_view(
    console: FakeConsole, people: Callable[..., Person], scheme: Literal["light", "dark"]
) -> None:
    alice = people(color_scheme=scheme)
    for view in VIEWS:
        assert violations(alice.goes(view)) == [], view
    page = alice.goes("/instances/home")
    for opened in ("#ask-hostname", "#ask-key", "#ask-dns", "#steps"):
        page.locator(f"{opened} > summary").click()
    assert violations(page) == []
    page.locator("#toggle").click()
    expect(page.locator("#apply")).to_be_visible()
    assert violations(page) == []
    console.pace = 2.0
    page.locator("#apply").click()
    expect(page.locator("#settings progress")).to_be_visible()
    assert violations(page) == []
    expect(page.locator("#settings .outcome")).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_for_strangers_or_when_it_is_dead(alice: Person) -> None:
    page = alice.goes("/")
    page.evaluate("document.documentElement.dataset.live = 'no'")
    assert violations(page) == []
    page.goto(f"{alice.url}/nothing")
    assert violations(page) == []
    page.goto(f"{alice.url}/login")
    assert violations(page) == []
    alice.errors.said.clear()  # of the page that is not there


def test_in_the_dark_it_is_dark(people: Callable[..., Person]) -> None:
    page = people(color_scheme="dark").goes("/instances/home")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 24)"
    expect(page.locator("#activity")).to_contain_text("may open")
    screenshot(page, "addons-dark")


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def test_on_a_small_screen_nothing_is_cut_off(people: Callable[..., Person], console: FakeConsole) -> None:
    alice = people(viewport=NARROW, has_touch=True)
    for view in (*VIEWS, "/login"):
        page = alice.goes(view) if view != "/login" else alice.page
        if view == "/login":
            page.goto(f"{alice.url}/login")
        assert overflow(page) <= 0, view
    page = alice.goes("/instances/home")
    page.locator("#toggle").tap()
    expect(page.locator("#apply")).to_be_visible()
    assert overflow(page) <= 0
    page = alice.goes("/instances/lab")
    expect(page.locator("#activity")).to_contain_text("may open")
    screenshot(page, "addons-narrow")


def test_without_motion_nothing_turns(people: Callable[..., Person], console: FakeConsole) -> None:
    page = people(reduced_motion="reduce").goes("/instances/home")
    console.pace = 100.0
    page.locator("#toggle").click()
    expect(page.locator("#job-status .spin")).to_be_visible()
    assert page.locator("#job-status .spin").evaluate("node => getComputedStyle(node).animationName") == "none"


def test_a_change_is_made_without_a_script(console: FakeConsole, server: Served, browser: Browser) -> None:
    console.pace = 0.0
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{server.url}/login")
    page.locator("#token").fill(server.token)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="home").click()
    page.get_by_role("button", name="Switch off…").click()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#settings")).to_contain_text("Done, and confirmed by the status.")
    expect(page.locator("noscript .line")).to_be_visible()
    page.context.close()


def test_a_change_is_made_by_keyboard_alone(console: FakeConsole, alice: Person) -> None:
    page = alice.goes("/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "home"
    page.keyboard.press("Enter")
    expect(page.locator("#hero")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")
    reach(page, "toggle")
    page.keyboard.press("Enter")
    expect(page.locator("#apply")).to_be_visible()
    # The focus stands at the heading of what came of it.
    assert focused(page) == "job-title"
    reach(page, "apply")
    page.keyboard.press("Space")
    expect(page.locator("#settings .outcome")).to_be_visible()
    assert focused(page) == "job-title"


def reach(page: Page, wanted: str) -> None:
    """By Tab, and on the way each stop can be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(node => [getComputedStyle(node).outlineStyle, getComputedStyle(node, '::after').outlineStyle])(document.activeElement)"
        )
        assert "solid" in outline, focused(page)
        if focused(page) == wanted:
            return
    raise AssertionError(f"{wanted} is not reached by Tab")
