"""One world for all end-to-end tests: a real node, two real gateways, real devices. Teardown leaves nothing."""

import contextlib
import fcntl
import json
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from components.constants import PROJECT
from sandbox import kubectl, pulumi_tools, tools
from sandbox.golang import find_go
from sandbox.home import Home
from sandbox.node import devices, layout, machine, runtime
from sandbox.node.devices import Device
from sandbox.world import World, building
from tests.support.e2e_world import ALICE, MALLORY, PEOPLE, Figures, Gateway, join, restore
from tests.support.engine_world import Cluster, Stack

_Rows = list[tuple[str, str, str]]
_figures = pytest.StashKey[_Rows]()


@contextlib.contextmanager
def one_start_at_a_time(usual: Home) -> Generator[None]:
    """Two worlds that look for free addresses and ports in the same moment find the same ones."""
    usual.root.mkdir(parents=True, exist_ok=True)
    with (usual.root / "e2e-start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Generator[World]:
    """Never the person's own sandbox: a home of its own, with the built tools and images of the usual one."""
    usual = Home.from_env()
    # A short path: Unix sockets in it have at most 108 bytes.
    home = Home(Path(tempfile.mkdtemp(prefix="e2e-", dir="/tmp")), usual.bin.resolve())
    if reason := machine.available(home):
        home.root.rmdir()
        pytest.fail(f"end-to-end tests need a real node, and {reason}", pytrace=False)
    wanted = [*tools.REAL, *kubectl.needed(), "pulumi"]
    if lacking := tools.missing(usual, wanted, find_go(usual, tools.go_needed(), building).version):
        home.root.rmdir()
        pytest.fail(f"{usual.bin} lacks {', '.join(tool.name for tool in lacking)}: run `make tools`", pytrace=False)
    if usual.go.is_dir():
        home.go.symlink_to(usual.go)
    world = World(home, real=True)
    try:
        with one_start_at_a_time(usual):
            world.start(PEOPLE)
        yield world
    finally:
        failed = request.session.testsfailed > 0
        world.stop(keep_data=failed)
        if failed:
            # Imported images are gigabytes, and no help in finding out why.
            machine.remove_tree(layout.of(home).containerd_root)
            layout.release(home)
            print(f"\nlogs and state of the failed run: {home.root}")
        else:
            runtime.down(home, purge=True)
            shutil.rmtree(home.root)


@pytest.fixture(scope="session")
def cluster(world: World) -> Generator[Cluster]:
    """The API server, as an administrator sees it."""
    cluster = Cluster(world.kubeconfig, timeout=30)
    with cluster:
        yield cluster


@pytest.fixture(scope="session")
def stack(world: World) -> Stack:
    """The one stack. A test applies what it wants; the next one that asks for a gateway finds HOME and LAB again."""
    _, cli = pulumi_tools.choose(world.home, pulumi_tools.choice(), building)
    config = {f"{PROJECT}:tailnet": {"loginServer": world.login_server}}
    return Stack(world, cli, "e2e", owned=True, config=config)


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
