"""One world for all end-to-end tests: a real node, two real gateways, real devices. Teardown leaves nothing."""

import json
from collections.abc import Generator
from typing import Final

import pytest
from playwright.sync_api import Playwright, sync_playwright

from components.constants import PROJECT
from sandbox import kubectl, needs, tools
from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.node import devices
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support import quick_gateway
from tests.support.e2e_world import ALICE, MALLORY, PEOPLE, Figures, Gateway, join, restore
from tests.support.engine_world import Cluster, Stack
from tests.support.worlds import administrator, pulumi_of, session_world

# Of tests that open the gateway's page.
_BROWSER: Final = "playwright"
_Rows = list[tuple[str, str, str]]
_figures = pytest.StashKey[_Rows]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """The browser's package, installed before the first test where one that is about to run opens the page."""
    if any(isinstance(item, pytest.Function) and _BROWSER in item.fixturenames for item in session.items):
        try:
            needs.install(print, "page tests")
        except SandboxError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="module")
def playwright() -> Generator[Playwright]:
    """Drives browsers. Ends with its module: its event loop runs in this thread meanwhile, where others start their own."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Generator[World]:
    with session_world(request, PEOPLE, [*tools.REAL, *kubectl.needed(), "pulumi"], real=True) as world:
        quick_gateway.bring(world)
        yield world


@pytest.fixture(scope="session")
def cluster(world: World) -> Generator[Cluster]:
    with administrator(world) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def stack(world: World) -> Stack:
    """The one stack. A test applies what it wants; the next one that asks for a gateway finds HOME and LAB again."""
    config = {f"{PROJECT}:tailnet": {"loginServer": world.login_server}}
    return Stack(world, pulumi_of(world), "e2e", owned=True, config=config)


@pytest.fixture
def home(world: World, cluster: Cluster, stack: Stack) -> Gateway:
    """Alice's gateway, ready, as declared."""
    gateway = Gateway(world, cluster, "home")
    restore(stack, gateway)
    return gateway


@pytest.fixture
def lab(world: World, cluster: Cluster, stack: Stack) -> Gateway:
    """Bob's gateway, ready, as declared."""
    gateway = Gateway(world, cluster, "lab")
    restore(stack, gateway)
    return gateway


@pytest.fixture
def owner(world: World) -> Device:
    """Alice's laptop."""
    return join(world, devices.OWNER, ALICE)


@pytest.fixture
def stranger(world: World) -> Device:
    """Mallory's laptop: in the tailnet, listed nowhere."""
    return join(world, devices.STRANGER, MALLORY)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """`figures("restart of the sidecar", "1.2 s")`: shown after the run, and kept for the reports."""

    def note(what: str, value: object) -> None:
        stash = request.config.stash
        stash[_figures] = [*stash.get(_figures, _Rows()), (request.node.name, what, str(value))]

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(_figures, _Rows())
    if found:
        terminalreporter.section("figures")
        for test, what, value in found:
            terminalreporter.line(f"{test:<58} {what:<44} {value}")
        record = Home.from_env().logs / "e2e-figures.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        known: list[list[str]] = json.loads(record.read_text()) if record.exists() else []
        ran = {test for test, _, _ in found}
        record.write_text(json.dumps([*(row for row in known if row[0] not in ran), *found], indent=1))
