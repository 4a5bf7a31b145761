"""One world for all engine tests: real API server, simulated node, real control server; each test has stacks of its own."""

import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from sandbox import pulumi_tools, tools
from sandbox.golang import find_go
from sandbox.home import Home
from sandbox.world import People, World, building
from tests.support.engine_world import Cluster, Stack, Tailnet

PEOPLE = People("sandbox.internal", ("admin@example.com", "alice@example.com", "bob@example.com"))


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Generator[World]:
    """Never the person's own sandbox: a home of its own, with the built tools of the usual one."""
    usual = Home.from_env()
    go = find_go(usual, tools.go_needed(), building)
    if missing := tools.missing(usual, [*tools.SIMULATED, "pulumi"], go.version):
        pytest.fail(f"{usual.bin} lacks {', '.join(tool.name for tool in missing)}: run `make tools`", pytrace=False)
    # A short path: Unix sockets in it have at most 108 bytes.
    home = Home(Path(tempfile.mkdtemp(prefix="engine-tests-", dir="/tmp")), usual.bin)
    if usual.go.is_dir():
        home.go.symlink_to(usual.go)
    world = World(home)
    try:
        world.start(PEOPLE)
        yield world
    finally:
        failed = request.session.testsfailed > 0
        world.stop(keep_data=failed)
        if failed:
            print(f"\nlogs and state of the failed run: {home.root}")
        else:
            shutil.rmtree(home.root)


@pytest.fixture(scope="session")
def cluster(world: World) -> Generator[Cluster]:
    """The API server, as an administrator sees it."""
    cluster = Cluster(world.kubeconfig)
    with cluster:
        yield cluster


@pytest.fixture(scope="session")
def stack(world: World) -> Callable[..., Stack]:
    """Makes a stack: `stack("name")`, or `stack("name", owned=True)` for one that writes the tailnet's policy."""
    _, cli = pulumi_tools.choose(world.home, pulumi_tools.choice(), building)

    def make(name: str, owned: bool = False) -> Stack:
        return Stack(world, cli, name, owned)

    return make


@pytest.fixture(scope="module")
def tailnet(world: World) -> Generator[Tailnet]:
    """The tailnet with nobody's policy in it, before and after: only one stack can own it at a time."""
    with Tailnet(world.api_url, world.api_key) as tailnet:
        tailnet.reset()
        yield tailnet
        tailnet.reset()
