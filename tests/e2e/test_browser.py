"""A person's own Chrome, driven by the agent of one gateway through the tailnet; nobody else, and not after it was removed."""

import dataclasses
import json
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Playwright

from components.nodes import linux
from components.settings import Images
from engine.configuration import Values
from sandbox.node import devices
from sandbox.node.devices import Device
from sandbox.node.openclaw_client import Session
from sandbox.tailnet import headscale
from sandbox.world import World
from tests.support.browser import person_s_chrome
from tests.support.e2e_agent import connected
from tests.support.e2e_nodes import Nodes, machine_of, with_nodes
from tests.support.e2e_world import ALICE, HOME, LAB, Figures, Gateway, join, with_
from tests.support.engine_world import Cluster, Stack, eventually
from tests.support.openclaw_client import Client
from tests.support.port_scan import scan

# A private address of the person's network; the machine has it, and serves the page there and on its loopback.
PAGES: Final = "192.0.2.1"
PORT: Final = 8000
TITLE: Final = "The tea is ready"
STUDIO: Final[Values] = {
    "id": "studio",
    "kind": "linux",
    "gateway": "home",
    "browser": {"profiles": ["chrome"], "hosts": [PAGES]},
}
# The relay, the browser's control, and what they might open besides.
RELAY: Final = range(18780, 18900)


@dataclasses.dataclass
class Desk:
    """The state that the steps share, in order: the machine, its page server, and its person's Chrome."""

    nodes: Nodes
    asked: Path

    @property
    def device(self) -> Device:
        return self.nodes.machine.device

    def ask(self, session: Session, conversation: str = "browsing", **call: Any) -> str:
        """What the agent tells of one call of its browser tool, which OpenClaw keeps behind its search of tools."""
        asked = {"id": "browser", "args": {"profile": "chrome", **call}}
        return session.ask(f"use tool_call {json.dumps(asked)}", conversation).answer(120)

    def opened(self) -> list[str]:
        """The paths that the page server was asked for."""
        return re.findall(r'"GET (\S+) ', self.asked.read_text())

    def run(self, *arguments: str) -> str:
        """What OpenClaw's CLI printed on the machine, as the node's user."""
        running = self.nodes.start([*linux.PROGRAM, *arguments])
        assert running.process.wait(120) == 0, running.said[-500:]
        return running.said


@pytest.fixture(scope="module")
def desk(world: World, cluster: Cluster, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    home, lab = Gateway(world, cluster, "home"), Gateway(world, cluster, "lab")
    ours = with_nodes(stack, STUDIO)
    # The next module applies its own.
    stack.applied = None
    ours.up(HOME, with_(LAB, gateway={"image": Images().gateway}))
    home.wait_ready()
    lab.wait_ready()
    nodes = Nodes(ours, home, lab, machine_of(world, ours, "studio"))
    place = tmp_path_factory.mktemp("pages")
    (place / "index.html").write_text(
        f"<title>{TITLE}</title><h1>Tea</h1><a href='http://127.0.0.1:{PORT}/own'>mine</a>"
    )
    device = nodes.machine.device
    device.run("ip", "address", "add", f"{PAGES}/32", "dev", "lo")
    asked = place / "asked.log"
    serve = ("-u", "-m", "http.server", str(PORT), "--bind", "0.0.0.0", "--directory", str(place))
    with asked.open("w") as log:
        server = subprocess.Popen(device.command(sys.executable, *serve), stdout=log, stderr=log)
    try:
        yield Desk(nodes, asked)
    finally:
        server.terminate()
        for running in nodes.running:
            running.stop()
        devices.remove(device)


@pytest.fixture(scope="module")
def chrome(desk: Desk, playwright: Playwright) -> Generator[Page]:
    """The person's Chrome with the extension that comes with OpenClaw, paired as docs/nodes.md tells."""
    shipped = desk.run("browser", "extension", "path").strip().splitlines()[-1]
    copied = desk.nodes.start(["cp", "-r", shipped, f"{linux.HOME}/extension"])
    assert copied.process.wait(60) == 0, copied.said
    said = desk.run("browser", "extension", "pair", "--json")
    pairing = json.loads(said[said.index("{") :])["pairingString"]
    with person_s_chrome(playwright, desk.device, desk.nodes.machine.home / "extension") as page:
        # Not `fill`, which would repeat it in its error.
        page.locator("#pairingString").focus()
        page.keyboard.insert_text(pairing)
        page.get_by_role("button", name="Pair manually").click()
        yield page


@pytest.fixture(scope="module")
def alice(desk: Desk, world: World) -> Generator[Session]:
    """Alice's connection to her gateway."""
    client = Client.named(world, join(world, devices.OWNER, ALICE), "browsing-laptop")
    with connected(client, desk.nodes.home) as session:
        yield session


def test_the_machine_offers_its_browser_and_nothing_more(desk: Desk, figures: Figures) -> None:
    nodes = desk.nodes
    joined = nodes.machine.join()
    assert joined.returncode == 0, joined.stderr
    enrol = nodes.start(nodes.machine.command("ExecStartPre"))
    nodes.approve_device("studio")
    eventually(lambda: enrol.process.poll() is not None, "the approval to be seen", 240)
    host = nodes.start(nodes.machine.command("ExecStart"))
    eventually(lambda: "node host gateway connected" in host.said, "the node to connect", 240)
    # Connected, and asked for nothing before somebody has approved it.
    refused = nodes.invoke("studio", "browser.proxy", method="GET", path="/tabs", profile="chrome")
    assert "payload" not in refused, refused
    approved = nodes.approve_surface("studio")
    assert approved["node"]["commands"] == ["browser.proxy"]
    for command in ("system.run", "system.which", "browser.proxy.upload.v1"):
        refused = nodes.invoke("studio", command, command=["uname"], bins=["sh"])
        assert "node command not allowed" in str(refused), refused
    figures("a browser's node, asked for a command", str(refused)[:150])


def test_the_agent_opens_a_page_in_the_person_s_chrome_and_reads_its_title(
    desk: Desk, chrome: Page, alice: Session, figures: Figures
) -> None:
    # Its first question starts the relay, which the extension then finds by itself.
    begin = time.monotonic()
    eventually(lambda: TITLE in desk.ask(alice, action="open", url=f"http://{PAGES}:{PORT}/"), "a page", 180)
    figures("the agent has opened a page after", f"{time.monotonic() - begin:.1f} s")
    begin = time.monotonic()
    assert TITLE in desk.ask(alice, action="tabs")
    figures("the agent has listed the tabs after", f"{time.monotonic() - begin:.1f} s")
    assert "Tea" in desk.ask(alice, action="snapshot")
    assert desk.opened()
    # It is the person's browser: they see the tab, too. (playwright hears of it while it waits for something.)
    eventually(lambda: TITLE in [page.title() for page in chrome.context.pages], "the tab in the person's window", 30)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ({"action": "tabs", "profile": "openclaw"}, "browser profile not allowed"),
        ({"action": "tabs", "profile": "user"}, "browser profile not allowed"),
        ({"action": "open", "url": f"http://127.0.0.1:{PORT}/own"}, "blocked by policy"),
        ({"action": "open", "url": f"http://localhost:{PORT}/own"}, "blocked by policy"),
        ({"action": "open", "url": "file:///etc/passwd"}, "unsupported protocol"),
        ({"action": "act", "request": {"kind": "evaluate", "fn": "() => 1"}}, "evaluate"),
    ],
    ids=["another profile", "what is open", "loopback", "localhost", "files", "scripts"],
)
def test_what_is_not_listed_is_refused(
    call: Values, answer: str, desk: Desk, chrome: Page, alice: Session, figures: Figures
) -> None:
    said = desk.ask(alice, **call)
    figures("the browser refuses", f"{call}: {said[:200]}")
    assert answer in said
    assert "/own" not in desk.opened()


def test_another_gateway_and_the_stranger_reach_nothing_of_it(
    desk: Desk, world: World, owner: Device, stranger: Device, figures: Figures
) -> None:
    lab = desk.nodes.lab
    sent = {"method": "GET", "path": "/tabs", "query": {"profile": "chrome"}, "target": "node"}
    for more in ({}, {"node": "studio"}):
        call = ("gateway", "call", "browser.request", "--params", json.dumps({**sent, **more}), "--json")
        done = lab.attempt("node", "openclaw.mjs", *call)
        said = done.stdout + done.stderr
        assert "gateway.nodes.browser.mode=off" in said, said
    figures("another gateway asks for the browser", said.strip()[:200])
    with headscale.connected(world.home.tailnet) as control:
        (studio,) = [node for node in control.nodes() if "tag:openclaw-node-studio" in node.tags]
    # The relay is there, on loopback; the page server is not, though it listens on every address.
    assert scan(desk.device, "127.0.0.1", [*RELAY, PORT])
    for address in studio.ip_addresses:
        for device in (stranger, owner):
            assert scan(device, address, [*RELAY, PORT]) == []
        host = f"[{address}]" if ":" in address else address
        for gateway in (lab, desk.nodes.home):
            tried = gateway.attempt("curl", "-sS", "-m", "3", f"http://{host}:{PORT}/")
            assert tried.returncode != 0, tried.stdout


def test_it_stops_when_the_node_is_removed(desk: Desk, chrome: Page, alice: Session, figures: Figures) -> None:
    before = len(desk.opened())
    assert TITLE in desk.ask(alice, action="open", url=f"http://{PAGES}:{PORT}/")
    assert len(desk.opened()) > before
    desk.nodes.home.openclaw("nodes", "remove", "--node", "studio")
    before = len(desk.opened())
    said = desk.ask(alice, action="open", url=f"http://{PAGES}:{PORT}/")
    figures("the agent, without its node", said[:200])
    assert TITLE not in said
    assert len(desk.opened()) == before
