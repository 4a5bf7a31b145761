"""Each view is whole without a script, shows what the console says, and each of its buttons does what it says."""

import re
from collections import Counter
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest

from addons.changes.model import JobState
from addons.console import LedgerRow
from addons.errors import AddonsError
from addons.server.page import cut_off
from addons.server.session import Visitor
from addons.status.model import Health, Report
from addons.status.rules import judge
from tests.support.addons_server import SERVE, served
from tests.support.addons_snapshots import NOW, SITUATIONS, altered, pairing, well
from tests.support.console_fake import FakeConsole

REQUEST = pairing(NOW).request
VIEWS = ("/", "/instances/home", "/instances/lab", "/instances/den", "/instances/home/activity", "/changes", "/devices")


class Elements(HTMLParser):
    """What a view is made of, as far as rules about all of it go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id" and value]


def text_of(page: str) -> str:
    """As it is read: tags mark words, and part none."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page)))


def test_views_bring_no_code_or_style_of_their_own(browser: httpx.Client) -> None:
    """The policy of content would block it; and nothing comes from anywhere else."""
    browser.post("/instances/home", data={"do": "propose", "kind": "disable"})
    for view in (*VIEWS, "/login", "/nothing"):
        page = browser.get(view).text
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]* src=)", page), view
        for tag, name, value in Elements(page).attributes:
            assert name != "style"
            assert not name.startswith("on")
            if tag in ("script", "link", "img", "form", "use"):
                assert "//" not in value, (view, tag, name, value)


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_its_page(name: str) -> None:
    console = FakeConsole({"home": name}, pace=0.0)
    with served(console) as server:
        browser = server.browser()
        status = console.report().instances[0]
        for view in ("/", "/instances/home"):
            page = text_of(browser.get(view).text)
            assert status.state.value.capitalize() in page
            assert status.headline.replace("`", "") in page
        elements = Elements(browser.get("/instances/home").text)
        assert [one for one, count in Counter(elements.ids).items() if count > 1] == []


def test_what_others_named_is_text_and_nothing_more() -> None:
    """Devices, nodes and people are named by others."""
    evil = "<script>alert(1)</script>"
    waiting = {"pairings": (pairing(NOW, name=evil, asks_for=(evil,), address=evil),)}
    console = FakeConsole({"home": lambda name, now: altered(well(name, now), gateway=waiting)}, pace=0.0)
    with served(console) as server:
        browser = server.browser()
        page = browser.get("/instances/home").text
        assert evil not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert evil not in browser.get("/").text


def test_a_change_is_made_with_the_buttons_of_the_page(console: FakeConsole, browser: httpx.Client) -> None:
    page = browser.post("/instances/home", data={"do": "propose", "kind": "disable"}).text
    assert "alice@example.com does not reach it any more." in page
    assert "Nothing is changed before you say yes." in page
    job = console.jobs()[0].id
    page = browser.post("/instances/home", data={"do": "confirm", "job": job}).text
    assert "Done, and confirmed by the status." in page
    assert "Switch on…" in page
    assert console.jobs()[0].state is JobState.DONE


def test_while_one_changes_the_others_say_so(console: FakeConsole, browser: httpx.Client) -> None:
    browser.post("/instances/home", data={"do": "propose", "kind": "disable"})
    page = text_of(browser.get("/instances/lab").text)
    assert "One change at a time. Switch off private access to home: asked for by ada, waits for a yes." in page
    assert 'id="toggle"' not in browser.get("/instances/lab").text
    assert "waits for a yes" in browser.get("/").text


@pytest.mark.parametrize(
    ("hostname", "says"),
    [
        ("refused", "Refused. Nothing was changed."),
        ("broken", "Failed. The stack file is as it was before."),
        ("unconfirmed", "Applied. The status has not come to what was wanted."),
    ],
)
def test_how_a_change_ended_is_said(console: FakeConsole, browser: httpx.Client, hostname: str, says: str) -> None:
    browser.post("/instances/home", data={"do": "propose", "kind": "hostname", "value": f" {hostname} "})
    if console.jobs()[0].state is JobState.ASKING:
        browser.post("/instances/home", data={"do": "confirm", "job": "job-1"})
    page = text_of(browser.get("/instances/home").text)
    assert says in page
    assert console.jobs()[0].problem in page
    assert console.jobs()[0].hint.replace("`", "") in page


def test_a_pairing_is_answered_from_the_page(console: FakeConsole, browser: httpx.Client) -> None:
    page = browser.post("/instances/home", data={"do": "approve", "request": REQUEST}).text
    assert "Approved alice-laptop" in page
    assert console.decided == [("home", REQUEST, True)]
    assert 'id="pairings"' not in page


def test_it_is_read_anew_from_the_page(console: FakeConsole, browser: httpx.Client) -> None:
    assert "Read just now." in browser.post("/instances/home", data={"do": "refresh"}).text
    assert console.refreshed == ["home"]


def test_a_device_that_is_left_over_is_removed_from_the_page(console: FakeConsole, browser: httpx.Client) -> None:
    page = browser.post("/devices", data={"device": "n12CNTRL"}).text
    assert "openclaw-old.example.ts.net was removed from the tailnet." in page
    assert "None: each device with a tag of this stack" in page


@pytest.mark.parametrize("form", [{}, {"do": "destroy"}, {"do": "propose", "kind": "destroy"}, {"do": "propose"}])
def test_a_button_that_is_not_there_does_nothing(
    console: FakeConsole, browser: httpx.Client, form: dict[str, str]
) -> None:
    assert browser.post("/instances/home", data=form).status_code == 400
    assert console.jobs() == ()


def test_an_error_of_the_console_is_a_page_with_what_to_do(browser: httpx.Client) -> None:
    browser.post("/instances/home", data={"do": "propose", "kind": "disable"})
    answer = browser.post("/instances/lab", data={"do": "propose", "kind": "disable"})
    assert answer.status_code == 409
    assert "ada is changing home at this moment" in answer.text
    assert "Wait until that has ended" in answer.text


def test_read_only_previews_and_hands_the_difference_over() -> None:
    console = FakeConsole(pace=0.0)
    console.read_only = "The stack file is managed by git."
    with served(console) as server:
        browser = server.browser()
        page = browser.post("/instances/home", data={"do": "propose", "kind": "disable"}).text
        assert "Read-only: The stack file is managed by git." in page
        assert 'value="confirm"' not in page
        assert 'value="approve"' not in page
        assert 'data-copy="--- a/Pulumi.dev.yaml' in page
        assert "Cannot be removed here" in browser.get("/devices").text
        assert browser.post("/instances/home", data={"do": "confirm", "job": "job-1"}).status_code == 403


def test_who_may_and_who_did_is_read_where_it_is_looked_at(console: FakeConsole, browser: httpx.Client) -> None:
    page = text_of(browser.get("/instances/home/activity").text)
    assert "alice@example.com may open gateway home (tcp 443)" in page
    assert "group:guests may perhaps, which cannot be decided, open" in page
    assert "used web_fetch for alice@example.com: failed after 12 s" in page


def test_a_ledger_that_cannot_be_read_leaves_the_rest() -> None:
    class Silent(FakeConsole):
        def ledger(self, instance: str, limit: int) -> Sequence[LedgerRow]:
            raise AddonsError("The gateway did not answer within 5 s", "See its log")

    with served(Silent()) as server:
        page = text_of(server.browser().get("/instances/home/activity").text)
        assert "Not known: The gateway did not answer within 5 s. See its log" in page
        assert "alice@example.com may open gateway home" in page


def visitor(address: str = "", host: str = "127.0.0.1:7080") -> Visitor:
    return Visitor("alice", "by Tailscale", address, host)


def test_who_sits_on_the_branch_is_warned() -> None:
    status = judge(well("home", NOW), NOW)
    assert cut_off(visitor(), status) == ""
    assert "You came here over the tailnet, from 100.64.0.7." in cut_off(visitor("100.64.0.7", SERVE), status)
    for host in ("openclaw-home.example.ts.net", "100.64.0.6"):
        assert "You see this page through home itself." in cut_off(visitor("100.64.0.7", host), status)


def test_the_warning_stands_beside_the_switch_and_the_preview(console: FakeConsole) -> None:
    with served(console, behind_serve=SERVE) as server:
        alice = server.through_serve()
        assert "You came here over the tailnet, from 100.64.0.7." in alice.get("/instances/home").text
        page = alice.post("/instances/home", data={"do": "propose", "kind": "disable"}).text
        assert "You came here over the tailnet, from 100.64.0.7." in page
        assert "You came here over" not in server.browser().get("/instances/home").text


def test_a_hundred_gateways_are_one_page() -> None:
    many = FakeConsole({f"team-{number}": "connected" for number in range(100)})
    with served(many) as server:
        page = server.browser().get("/").text
        assert "All 100 gateways are well." in page
        assert page.count('class="gateway tone-good"') == 100


def test_a_stack_without_gateways_says_how_to_begin(console: FakeConsole, browser: httpx.Client) -> None:
    console.report = lambda: Report(at=NOW, stack="dev", health=Health.HEALTHY, instances=())
    assert "The stack has no gateways yet." in browser.get("/").text
