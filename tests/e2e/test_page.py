"""The gateway's page in a real browser on its owner's device, reach http: token, pairing, chat, reconnecting; no stranger."""

import dataclasses
import json
import os
import re
import shlex
import signal
import time
from collections.abc import Generator
from typing import Any, Final

import pytest
from playwright.sync_api import Error, Page, Playwright, WebSocket, expect

from components.constants import SIDECAR_CONTAINER
from components.gateway import CONFIG_KEY, CONFIG_PATH
from sandbox.home import REPO
from sandbox.node import devices
from sandbox.world import World
from tests.support.browser import Errors, browser_on, give_token, offered, request_of, screenshot
from tests.support.e2e_world import ALICE, MALLORY, Figures, Gateway, join, restore, wait_answer
from tests.support.engine_world import Cluster, Stack, eventually

DOCUMENT: Final = REPO / "docs" / "access.md"
# As the document has it.
APPROVE: Final = (
    "kubectl --namespace openclaw-home exec deployment/openclaw --container gateway -- openclaw devices approve REQUEST"
)


@dataclasses.dataclass
class Owner:
    """The state that the steps share, in order: the gateway, and its page in Alice's browser."""

    gateway: Gateway
    page: Page
    errors: Errors
    # All that came through its WebSockets.
    answers: list[dict[str, Any]] = dataclasses.field(default_factory=list[dict[str, Any]])

    def hear(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.answers.append(json.loads(frame)))

    def ask(self, cue: str, answer: str) -> float:
        """Types a message into the chat; seconds until the answer is in the page."""
        composer = self.page.get_by_label("Chat composer")
        composer.fill(cue)
        begin = time.monotonic()
        composer.press("Enter")
        expect(self.page.get_by_text(answer, exact=True).last).to_be_visible(timeout=120_000)
        return time.monotonic() - begin

    def refusals(self) -> list[str]:
        """What the gateway has refused to do for the page, in its words."""
        return [str(answer["error"]["message"]) for answer in self.answers if answer.get("ok") is False]


@pytest.fixture(scope="module")
def gateway(world: World, cluster: Cluster, stack: Stack) -> Gateway:
    """Alice's gateway, as declared, for all steps."""
    gateway = Gateway(world, cluster, "home")
    restore(stack, gateway)
    return gateway


@pytest.fixture(scope="module")
def owner(world: World, gateway: Gateway, playwright: Playwright) -> Generator[Owner]:
    device = join(world, devices.OWNER, ALICE)
    wait_answer(device, f"{gateway.url}/healthz")
    with browser_on(playwright, device) as browser:
        page = browser.new_page()
        owner = Owner(gateway, page, Errors.of(page))
        page.on("websocket", owner.hear)
        yield owner


def test_the_page_opens_and_asks_for_the_token(owner: Owner, figures: Figures) -> None:
    begin = time.monotonic()
    owner.page.goto(owner.gateway.url)
    expect(owner.page.get_by_text("This Gateway expects its token")).to_be_visible()
    figures("the page asks for the token after", f"{time.monotonic() - begin:.1f} s")


def test_over_http_the_browser_withholds_what_needs_a_secure_context(owner: Owner) -> None:
    assert set(offered(owner.page).values()) == {False}, offered(owner.page)


def test_with_the_token_the_page_asks_to_be_approved(owner: Owner) -> None:
    give_token(owner.page, owner.gateway.token())
    screenshot(owner.page, "pairing")
    # Without the clipboard of a secure context.
    owner.page.get_by_role("button", name="Copy command: openclaw devices approve").click()
    expect(owner.page.get_by_role("button", name="Copied!")).to_be_visible()


def test_the_documented_command_lets_it_in_and_the_page_connects_by_itself(owner: Owner, figures: Figures) -> None:
    request = request_of(owner.page)
    assert request in json.dumps(owner.gateway.asked("device.pair.list"))
    assert APPROVE in DOCUMENT.read_text()
    words = shlex.split(APPROVE.replace("REQUEST", request))
    assert words[:3] == ["kubectl", "--namespace", owner.gateway.namespace]
    approved = owner.gateway.kubectl(*words[3:])
    assert approved.returncode == 0, approved.stderr
    begin = time.monotonic()
    expect(owner.page.get_by_label("Chat composer")).to_be_visible()
    figures("approved, the page is connected after", f"{time.monotonic() - begin:.1f} s")


def test_a_new_instance_asks_before_it_runs_something(owner: Owner) -> None:
    """OpenClaw's own default is full access."""
    picker = owner.page.get_by_label("Execution permissions")
    expect(picker).to_have_accessible_name("Execution permissions: Default (Guarded)")


def test_the_agent_answers_in_the_page(owner: Owner, figures: Figures) -> None:
    figures("first answer in the page", f"{owner.ask('say: Good morning, Alice.', 'Good morning, Alice.'):.1f} s")
    invitation = owner.page.get_by_label("Dismiss and don't show again")
    if invitation.is_visible():
        invitation.click()
    expect(owner.page.get_by_label("Stop generating")).to_be_hidden()
    screenshot(owner.page, "chat")
    assert owner.errors.said == []


def test_the_page_connects_again_by_itself_when_the_sidecar_was_restarted(owner: Owner, figures: Figures) -> None:
    before = owner.gateway.restarts()[SIDECAR_CONTAINER]
    with owner.page.expect_event("websocket", timeout=120_000):
        begin = time.monotonic()
        os.kill(owner.gateway.pid(SIDECAR_CONTAINER), signal.SIGKILL)
    figures("the page tries to connect again after", f"{time.monotonic() - begin:.1f} s")
    eventually(lambda: owner.gateway.restarts()[SIDECAR_CONTAINER] == before + 1, "the restart to be counted")
    owner.ask("say: Here I am again.", "Here I am again.")
    figures("the sidecar was restarted, and the next answer is there after", f"{time.monotonic() - begin:.1f} s")


def test_the_stack_owns_the_configuration_and_the_page_cannot_change_it(owner: Owner) -> None:
    page = owner.page
    # Opened anew it connects without a question: the browser is remembered.
    page.goto(f"{owner.gateway.url}/settings/advanced")
    setting = page.get_by_role("switch", name="Cache Trace Enabled")
    expect(setting).not_to_be_checked()
    before = owner.gateway.exec("cat", f"{CONFIG_PATH}/{CONFIG_KEY}")
    setting.press("Space")
    expect(page.get_by_text("Save failed", exact=True)).to_be_visible()
    assert any("Config is externally managed" in refusal for refusal in owner.refusals()), owner.refusals()
    assert owner.gateway.exec("cat", f"{CONFIG_PATH}/{CONFIG_KEY}") == before


def test_a_stranger_sees_no_page(world: World, gateway: Gateway, playwright: Playwright, figures: Figures) -> None:
    with browser_on(playwright, join(world, devices.STRANGER, MALLORY)) as browser:
        page = browser.new_page()
        # This browser does reach what its device may reach.
        answer = page.goto(f"{world.login_server}/health")
        assert answer
        assert answer.ok
        for place in (gateway.hostname, *gateway.device().ip_addresses):
            host = f"[{place}]" if ":" in place else place
            with pytest.raises(Error) as nothing:
                page.goto(f"http://{host}", timeout=5000)
            figures(f"a stranger opens {place}", nothing.value.message.splitlines()[0][:90])
            assert re.search(
                r"ERR_(NAME_NOT_RESOLVED|CONNECTION_\w+|ADDRESS_UNREACHABLE)|Timeout", nothing.value.message
            )
