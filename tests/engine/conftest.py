"""One world for all engine tests: real API server, simulated node, real control server; each test has stacks of its own."""

from collections.abc import Callable, Generator
from typing import Final

import pytest

from sandbox import tools
from sandbox.kube import Object
from sandbox.world import People, World
from tests.support.engine_world import Cluster, Stack, Tailnet
from tests.support.placements import PLACED
from tests.support.worlds import administrator, pulumi_of, session_world

PEOPLE = People("sandbox.internal", ("admin@example.com", "alice@example.com", "bob@example.com"))

# The API server refuses a pod of a class that is not there.
CLASSES: Final[dict[str, list[Object]]] = {
    "/apis/scheduling.k8s.io/v1/priorityclasses": [{"metadata": {"name": PLACED["priorityClassName"]}, "value": 1000}],
    "/apis/node.k8s.io/v1/runtimeclasses": [
        {"metadata": {"name": name}, "handler": "runsc"} for name in (PLACED["runtimeClassName"], "kata-qemu")
    ],
}


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Generator[World]:
    with session_world(request, PEOPLE, [*tools.SIMULATED, "pulumi"], real=False) as world:
        yield world


@pytest.fixture(scope="session")
def cluster(world: World) -> Generator[Cluster]:
    with administrator(world) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def stack(world: World) -> Callable[..., Stack]:
    """Makes a stack: `stack("name")`, or `stack("name", owned=True)` for one that writes the tailnet's policy."""
    cli = pulumi_of(world)

    def make(name: str, owned: bool = False) -> Stack:
        return Stack(world, cli, name, owned)

    return make


@pytest.fixture(scope="module")
def classes(cluster: Cluster) -> Generator[None]:
    """The classes that placements name."""
    for path, manifests in CLASSES.items():
        for manifest in manifests:
            cluster.create(path, manifest)
    yield
    for path, manifests in CLASSES.items():
        for manifest in manifests:
            cluster.delete(f"{path}/{manifest['metadata']['name']}")


@pytest.fixture(scope="module")
def tailnet(world: World) -> Generator[Tailnet]:
    """The tailnet with nobody's policy in it, before and after: only one stack can own it at a time."""
    with Tailnet(world.api_url, world.api_key) as tailnet:
        tailnet.reset()
        yield tailnet
        tailnet.reset()
