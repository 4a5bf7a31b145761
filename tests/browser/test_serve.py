"""Behind Tailscale Serve, at a name and over plain http: no secure context, so no locks, no clipboard, no Sec-Fetch-Site."""

from playwright.sync_api import Playwright, expect

from addons.changes.model import JobState
from tests.support.addons_browser import chromium, watched
from tests.support.addons_server import SERVE, served
from tests.support.console_fake import FakeConsole

# What Serve says of a person's request.
FROM_SERVE = {"Tailscale-User-Login": "alice@example.com", "X-Forwarded-For": "100.64.0.7"}


def test_a_person_of_the_list_manages_through_the_tailnet(playwright: Playwright) -> None:
    console = FakeConsole({"home": "connected"}, pace=0.3)
    with (
        served(console, behind_serve=SERVE) as server,
        chromium(playwright, f"--host-resolver-rules=MAP {SERVE}:80 127.0.0.1:{server.port}") as browser,
    ):
        context = browser.new_context(extra_http_headers=FROM_SERVE)
        alice = watched(context, f"http://{SERVE}")
        page = alice.goes("/instances/home")
        assert page.evaluate("isSecureContext") is False
        expect(page.locator(".who")).to_contain_text("Managing as alice@example.com, known by Tailscale")
        expect(page.get_by_role("button", name="Leave")).to_have_count(0)
        expect(page.locator(".copy").first).to_be_hidden()
        expect(page.locator("#settings .warning")).to_contain_text("You came here over the tailnet, from 100.64.0.7.")
        page.get_by_role("button", name="Switch off…").click()
        expect(page.locator("#apply")).to_be_visible()
        # Where it is decided too.
        expect(page.locator(".job .warning")).to_contain_text("have another way in first")
        page.locator("#apply").click()
        expect(page.locator("#settings")).to_contain_text("Done, and confirmed by the status.")
        assert (console.jobs()[0].by, console.jobs()[0].state) == ("alice@example.com", JobState.DONE)
        # Over plain http the browser ignores this header, and says so.
        assert [said for said in alice.errors.said if not said.startswith("The Cross-Origin-Opener-Policy")] == []


def test_anybody_else_of_the_tailnet_reads_why_not(playwright: Playwright) -> None:
    with (
        served(FakeConsole(), behind_serve=SERVE) as server,
        chromium(playwright, f"--host-resolver-rules=MAP {SERVE}:80 127.0.0.1:{server.port}") as browser,
    ):
        context = browser.new_context(extra_http_headers={**FROM_SERVE, "Tailscale-User-Login": "mallory@example.com"})
        page = context.new_page()
        page.goto(f"http://{SERVE}/instances/home")
        expect(page.get_by_role("heading", level=1)).to_have_text("This Tailscale login may not manage this stack.")
        assert "openclaw-home" not in page.content()
