"""`make demo`, step by step: an agent answers its owner and works on her machine, and a stranger gets nothing."""

from collections.abc import Generator

import pytest

from components.outputs import InstanceOutput
from sandbox import demo
from sandbox.node import devices, layout
from sandbox.world import World
from tests.support.e2e_nodes import with_nodes
from tests.support.e2e_world import ALICE, HOME, LAB, Figures, Gateway
from tests.support.engine_world import Cluster, Stack


@pytest.fixture
def home(world: World, cluster: Cluster) -> Gateway:
    """Alice's gateway, however it was left."""
    return Gateway(world, cluster, "home")


@pytest.fixture
def with_machine(world: World, home: Gateway, stack: Stack) -> Generator[demo.Demo]:
    """The demonstration with its machine in the stack; afterwards the machine is gone, and nobody's node."""
    ours = with_nodes(stack, {"id": demo.NODE, "kind": "linux", "gateway": "home"})
    # Whoever comes next applies what they want.
    stack.applied = None
    ours.up(HOME, LAB)
    home.wait_ready()
    outputs = ours.engine(HOME, LAB).outputs()
    gateway: InstanceOutput = outputs["instances"]["home"]
    try:
        yield demo.Demo(world.home, "home", gateway, home.token(), ALICE, lambda: outputs["join"][demo.NODE], print)
    finally:
        home.attempt("openclaw", "nodes", "remove", "--node", demo.NODE)
        devices.remove(devices.Device(layout.of(world.home), demo.NODE))


def test_the_demonstration_shows_what_it_says_and_again(
    with_machine: demo.Demo, home: Gateway, figures: Figures
) -> None:
    first = list(with_machine.steps())
    assert [step for step in first if not step.holds] == []
    assert [step.who for step in first].count(demo.NODE) == 2, first
    (ran,) = [step for step in first if step.seen == demo.NODE]
    figures("a command on a machine, once approved", f"{ran.seconds:.1f} s")
    # It ran there, and not beside the gateway.
    assert home.exec("uname", "-n").strip() != demo.NODE
    figures("the demonstration", f"{sum(step.seconds for step in first):.0f} s")

    again = list(with_machine.steps())
    assert [step for step in again if not step.holds] == []
    # Nobody is approved twice.
    assert {step.what for step in again} < {step.what for step in first}
    figures("the demonstration, again", f"{sum(step.seconds for step in again):.0f} s")
