"""A page that is not live says so within 15 s, greys what it shows, and comes back by itself."""

import re
import signal
import time

from playwright.sync_api import Browser, Page, expect

from tests.support.addons_browser import Person, person
from tests.support.addons_server import in_a_process
from tests.support.browser import screenshot
from tests.support.console_fake import FakeConsole

SAID = re.compile(r"Not live since \d\d:\d\d, retrying")


def color(page: Page) -> str:
    return page.locator("#gateway-home .state-line").evaluate("node => getComputedStyle(node).color")


def test_a_server_that_hangs_is_said_within_fifteen_seconds(browser: Browser) -> None:
    """It keeps its connections, and says nothing: only the missing beat tells."""
    with in_a_process() as (process, link):
        alice = person(browser, link.partition("/login")[0], link)
        page = alice.goes("/")
        green = color(page)
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        expect(page.locator("#line")).to_have_text(SAID)
        took = time.monotonic() - began
        expect(page.locator("#live")).to_have_text("Not live")
        assert took < 15, f"{took:.1f} s"
        assert color(page) != green
        assert page.locator("#gateway-home .age").evaluate("node => getComputedStyle(node).fontStyle") == "italic"
        screenshot(page, "addons-dead-stream")
        process.send_signal(signal.SIGCONT)
        expect(page.locator("#live")).to_have_text("Live")
        expect(page.locator("#line")).to_be_hidden()
        assert color(page) == green
        alice.context.close()


def test_a_server_that_was_killed_is_said_at_once(browser: Browser) -> None:
    with in_a_process() as (process, link):
        alice = person(browser, link.partition("/login")[0], link)
        page = alice.goes("/")
        process.kill()
        began = time.monotonic()
        expect(page.locator("#line")).to_have_text(SAID)
        assert time.monotonic() - began < 15
        # An action says that it is not known whether it was done.
        alice.context.close()


def test_a_server_that_was_started_anew_asks_for_its_link(browser: Browser) -> None:
    with in_a_process() as (process, link):
        address = link.partition("/login")[0]
        alice = person(browser, address, link)
        page = alice.goes("/instances/home")
        process.kill()
        process.wait()
        expect(page.locator("#live")).to_have_text("Not live")
        with in_a_process(int(address.rpartition(":")[2])) as (_, new):
            expect(page.locator("#line")).to_contain_text("This browser is no longer known")
            page.goto(new)
            expect(page.locator("#live")).to_have_text("Live")
        alice.context.close()


def test_an_action_without_an_answer_is_not_said_to_be_done(browser: Browser) -> None:
    with in_a_process() as (process, link):
        alice = person(browser, link.partition("/login")[0], link)
        page = alice.goes("/instances/home")
        process.kill()
        process.wait()
        page.locator("#approve-e8d422c5-141a-4b6a-8d87-a139b2951376").click()
        expect(page.get_by_role("alert")).to_contain_text("it is not known whether this was done")
        alice.context.close()


def test_one_stream_serves_all_tabs_of_a_browser(console: FakeConsole, alice: Person) -> None:
    alice.goes("/")
    second = alice.another_tab()
    second.goes("/instances/lab")
    streams = [request for one in (alice, second) for request in one.requests if request.startswith("/api/events")]
    first_view = [request for request in second.requests if request.startswith("/api/events")]
    assert first_view == []
    assert streams
    console.put("lab", "connected")
    expect(second.page.locator("#hero-title")).to_have_text("lab Connected", use_inner_text=True)
    expect(alice.page.locator("#gateway-lab .state")).to_have_text("Connected")
    # The tab that read it goes: the other one takes over.
    alice.page.close()
    with second.page.expect_request("**/api/events*"):
        pass
    console.put("lab", "off")
    expect(second.page.locator("#hero-title")).to_have_text("lab Off", use_inner_text=True)
