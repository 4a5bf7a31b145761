"""Fixtures of the fault tests: the scene, as declared and well, and the recorder of what was seen."""

import os
from collections.abc import Callable, Generator

import pytest

from addons.stack import StackConsole
from sandbox.console import over
from sandbox.home import Home
from sandbox.node.devices import OWNER, STRANGER
from sandbox.world import World
from tests.support.e2e_world import ALICE, HOME, MALLORY, apply, join
from tests.support.engine_world import Cluster, Stack
from tests.support.faults.breakable import SPARE, Breakable
from tests.support.faults.catalogue import ALL
from tests.support.faults.report import SEEN, TOLD, Row, ToldRow
from tests.support.faults.scene import Scene

_rows = pytest.StashKey[dict[str, Row | ToldRow]]()
_told = pytest.StashKey[dict[str, Row | ToldRow]]()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[Row, ToldRow], None]:
    """Keeps the rows of a fault that was seen."""

    def note(row: Row, told: ToldRow) -> None:
        request.config.stash.setdefault(_rows, {})[row.fault] = row
        request.config.stash.setdefault(_told, {})[told.fault] = told

    return note


@pytest.fixture(scope="module")
def console(world: World, stack: Stack) -> Generator[StackConsole]:
    """The Addons of the stack with both instances, as a page has them."""
    console = over(world.home, stack.engine(HOME, SPARE), stays=True)
    yield console
    console.close()


@pytest.fixture
def repaired(request: pytest.FixtureRequest, stack: Stack) -> None:
    """A test that failed may have left its fault behind: the next one does not fail by it."""
    if request.session.testsfailed:
        stack.refresh(HOME, SPARE)
        stack.applied = None


@pytest.fixture
def scene(world: World, cluster: Cluster, stack: Stack, repaired: None) -> Scene:
    """Alice's real gateway, and one to break: real sidecar, keys, volumes and manifest; its gateway only answers probes."""
    home, spare = Breakable(world, cluster, "home"), Breakable(world, cluster, "spare")
    apply(cluster, stack, HOME, SPARE)
    home.wait_ready(300)
    spare.wait_ready()
    return Scene(world, cluster, stack, home, spare, join(world, OWNER, ALICE), join(world, STRANGER, MALLORY))


def pytest_sessionfinish(session: pytest.Session) -> None:
    for table, key in ((SEEN, _rows), (TOLD, _told)):
        if rows := session.config.stash.get(key, None):
            source = table.keep(rows, Home.from_env().logs)
            if os.environ.get("RELIABILITY_UPDATE") == "1":
                table.write(source, [fault.name for fault in ALL])
