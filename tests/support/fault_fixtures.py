"""Fixtures of the fault tests: the gateways to break and to watch, and the recorder of what was seen."""

import os
from collections.abc import Callable

import pytest

from sandbox.home import Home
from sandbox.node.devices import OWNER, STRANGER, Device
from sandbox.world import World
from tests.support.e2e_world import ALICE, HOME, MALLORY, apply, join
from tests.support.engine_world import Cluster, Stack
from tests.support.fault_report import Row, keep, write
from tests.support.fault_world import QUICK_GATEWAY, SPARE, Breakable, Parts

_rows = pytest.StashKey[dict[str, Row]]()
Record = Callable[..., None]


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """`record(fault=..., sees=..., sign=..., holds=..., over=...)`: the last thing a fault's test does."""

    def note(*, fault: str, sees: str, sign: str, holds: str, over: str) -> None:
        request.config.stash.setdefault(_rows, {})[fault] = Row(fault, sees, sign, holds, over)

    return note


@pytest.fixture
def parts(world: World) -> Parts:
    """The node's and the tailnet's processes."""
    return Parts(world)


@pytest.fixture
def repaired(request: pytest.FixtureRequest, stack: Stack) -> None:
    """A test that failed may have left its fault behind: the next one does not fail by it."""
    if request.session.testsfailed:
        stack.refresh(HOME, SPARE)
        stack.applied = None


@pytest.fixture
def watched_gateway(world: World, cluster: Cluster, stack: Stack, repaired: None) -> Breakable:
    """Alice's real gateway: the one whose traffic is watched while something around it breaks."""
    _both(world, cluster, stack)
    gateway = Breakable(world, cluster, "home")
    gateway.wait_ready(300)
    return gateway


@pytest.fixture
def spare(world: World, cluster: Cluster, stack: Stack, repaired: None) -> Breakable:
    """An instance to break: real sidecar, keys, volumes and manifest; its gateway only answers probes."""
    gateway = _both(world, cluster, stack)
    gateway.wait_ready()
    return gateway


def _both(world: World, cluster: Cluster, stack: Stack) -> Breakable:
    spare = Breakable(world, cluster, "spare")
    # At once: its real gateway would take the processor from the other one.
    with spare.quick(lambda: apply(cluster, stack, HOME, SPARE)) as applied:
        pass
    applied.result()
    spare.play(QUICK_GATEWAY)
    return spare


@pytest.fixture
def laptop(world: World) -> Device:
    """Alice's: listed at `home` and at `spare`."""
    return join(world, OWNER, ALICE)


@pytest.fixture
def nobody(world: World) -> Device:
    """Mallory's: in the tailnet, listed nowhere."""
    return join(world, STRANGER, MALLORY)


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash.get(_rows, None)
    if rows:
        source = keep(rows, Home.from_env().logs)
        if os.environ.get("RELIABILITY_UPDATE") == "1":
            write(source)
