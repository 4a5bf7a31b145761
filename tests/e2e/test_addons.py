"""The Addons over a real gateway: what a page shows of it, and who is let in by it."""

import os
import signal
import time
from collections.abc import Generator

import pytest

from addons.stack import StackConsole
from addons.status.model import Health, State
from sandbox.console import over
from sandbox.node.devices import Device
from sandbox.node.openclaw_client import Refused
from sandbox.world import World
from tests.support.addons_server import served
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, wait_answer
from tests.support.engine_world import Stack, eventually
from tests.support.openclaw_client import Client

# Seconds for what is said to take one: here others have the processors too.
_SLACK = 5.0


@pytest.fixture
def console(world: World, stack: Stack, home: Gateway) -> Generator[StackConsole]:
    console = over(world.home, stack.engine(HOME, LAB), stays=True)
    yield console
    console.close()


def test_a_gateway_that_is_well_is_read_within_a_second(
    console: StackConsole, home: Gateway, owner: Device, figures: Figures
) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    console.report()
    begin = time.monotonic()
    console.read("home")
    figures("status of one gateway, warm", f"{(seconds := time.monotonic() - begin):.2f} s")
    assert seconds < _SLACK
    status = next(one for one in console.report().instances if one.id == "home")
    assert (status.state, status.health) == (State.CONNECTED, Health.HEALTHY), status.findings
    assert status.confirmed_by
    assert status.dns_name == home.hostname
    assert set(status.addresses or ()) == set(home.device().ip_addresses)
    assert status.gateway_ready
    assert all(one.known for one in status.sources if one.source != "tailscale netcheck, in the sidecar")


def test_the_page_lets_a_client_in(
    console: StackConsole, world: World, home: Gateway, owner: Device, figures: Figures
) -> None:
    client, url, token = Client.named(world, owner, "page-laptop"), f"ws://{home.hostname}", home.token()
    with served(console) as server:
        browser = server.browser()
        with pytest.raises(Refused, match="PAIRING_REQUIRED") as refused, client.session(url, token):
            pass
        began = time.monotonic()

        def asks() -> str:
            """The request that the page shows, once it shows the one that the client was told of."""
            browser.post("/api/instances/home/refresh")
            shown: list[dict[str, str]] = browser.get("/api/instances/home").json()["pairings"] or []
            return next((one["request"] for one in shown if one["request"] in refused.value.said), "")

        request = eventually(asks, "the page shows the request", 60)
        figures("a request, until the page shows it after Read again", f"{time.monotonic() - began:.1f} s")
        answer = browser.post(f"/api/instances/home/pairings/{request}/approve")
        assert answer.status_code == 200, answer.text
        assert token not in answer.text + browser.get("/instances/home").text
        with client.session(url, token) as session:
            assert session.ask("say: let in", "by the page").answer() == "let in"


def test_what_happens_is_on_the_page_within_two_seconds(console: StackConsole, home: Gateway, figures: Figures) -> None:
    """The gateway is killed; the cluster's watch tells it, and the stream of the page."""
    console.report()
    version = console.wait(0, 0)
    os.kill(home.pid("gateway"), signal.SIGKILL)
    begin = time.monotonic()

    def down() -> bool:
        nonlocal version
        version = console.wait(version, 0.2)
        return next(one for one in console.report().instances if one.id == "home").health != Health.HEALTHY

    eventually(down, "the status tells of it", 30)
    figures("a gateway that ended, until the status says so", f"{(seconds := time.monotonic() - begin):.1f} s")
    assert seconds < 2 + _SLACK
    home.wait_ready()
    eventually(lambda: not down(), "the status is well again", 60)
