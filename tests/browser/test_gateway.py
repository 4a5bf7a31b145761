"""One gateway: what is, since when, and what to do; nothing of it green once it is old."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, expect

from tests.support.addons_browser import Person, visitor
from tests.support.addons_server import served
from tests.support.browser import screenshot
from tests.support.console_fake import FakeConsole


def test_the_page_says_what_is_and_where(alice: Person) -> None:
    page = alice.goes("/instances/home")
    expect(page.get_by_role("heading", level=1)).to_have_text("home Connected", use_inner_text=True)
    expect(page.locator("#open")).to_have_attribute("href", "https://openclaw-home.example.ts.net")
    expect(page.locator("#connection")).to_contain_text("100.64.0.6")
    expect(page.locator("#peers")).to_contain_text("direct, 203.0.113.7:41641")
    expect(page.locator("#nodes")).to_contain_text("online")
    expect(page.locator("#credentials")).to_contain_text("Gateway token")
    expect(page.locator("#gateway")).to_contain_text("20 % of 10 GiB")
    expect(page.locator("#sources")).to_contain_text("The tailnet's API")
    # Loaded by itself, after the rest.
    expect(page.locator("#activity")).to_contain_text("alice@example.com may open gateway home")
    screenshot(page, "addons-detail")


def test_what_is_slow_says_why_and_what_to_do(alice: Person) -> None:
    page = alice.goes("/instances/lab")
    expect(page.locator("#hero")).to_contain_text("Slower, not unsafe: traffic goes over the relay fra")
    expect(page.locator("#hero .todo")).to_contain_text("What to do: Let UDP out of the cluster")
    expect(page.locator("#peers")).to_contain_text("over relay fra")
    expect(page.locator("#checks")).to_contain_text("Cause:")
    screenshot(page, "addons-relayed")


def test_a_name_that_is_taken_is_said(console: FakeConsole, alice: Person) -> None:
    console.put("home", "name taken")
    page = alice.goes("/instances/home")
    expect(page.locator("#hero")).to_contain_text("Wanted openclaw-home, is openclaw-home-1")
    screenshot(page, "addons-conflict")


def test_an_address_is_copied(alice: Person) -> None:
    page = alice.goes("/instances/home")
    page.get_by_role("button", name="Copy the address").click()
    expect(page.locator("#copy-url")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "https://openclaw-home.example.ts.net"


def test_a_pairing_counts_down_and_is_approved(console: FakeConsole, alice: Person) -> None:
    page = alice.goes("/instances/home")
    expect(page.locator("#pairings .left")).to_contain_text("3:4")
    page.get_by_role("button", name="Approve alice-laptop").click()
    expect(page.locator("#said")).to_have_text("Approved alice-laptop")
    expect(page.locator("#pairings")).to_have_count(0)
    assert [approved for _, _, approved in console.decided] == [True]


def test_a_pairing_that_is_over_is_not_answered(browser: Browser) -> None:
    """The page sees the end by itself: nothing new comes from the server."""
    began = datetime.now(UTC)
    console = FakeConsole({"home": "a pairing waits"}, clock=lambda: began - timedelta(seconds=222))
    with served(console) as server:
        alice = visitor(browser, server)
        page = alice.goes("/instances/home")
        expect(page.get_by_text("it asks again by itself")).to_be_visible()
        expect(page.get_by_role("button", name="Approve alice-laptop")).to_be_disabled()
        alice.context.close()


def test_what_nobody_reads_any_more_is_unknown_and_grey(browser: Browser) -> None:
    """The server answers, and its readings are those of half a minute ago: the page says so without being told."""
    began = datetime.now(UTC)
    console = FakeConsole({"home": "connected"}, clock=lambda: began)
    with served(console) as server:
        alice = visitor(browser, server)
        page = alice.goes("/instances/home")
        expect(page.locator("#hero .state")).to_have_text("Connected")
        green = page.locator("#hero-title .state-line").evaluate("node => getComputedStyle(node).color")
        expect(page.locator("#hero .lapsed")).to_be_visible()
        expect(page.locator("#hero .lapsed")).to_contain_text(f"Unknown since {(began - timedelta(seconds=3)):%H:%M}")
        expect(page.locator("#hero .state")).to_be_hidden()
        assert page.locator("#hero-title .state-line").evaluate("node => getComputedStyle(node).color") != green
        expect(page.locator("#sources .age.stale")).not_to_have_count(0)
        page.goto(f"{alice.url}/")
        expect(page.locator("#gateway-home .lapsed")).to_be_visible()
        alice.context.close()
