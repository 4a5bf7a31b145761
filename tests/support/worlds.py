"""One world for a session of tests, real or simulated: never the person's own sandbox, and nothing of it is left."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from sandbox import pulumi_tools, tools
from sandbox.golang import find_go
from sandbox.home import Home
from sandbox.node import layout, machine, runtime
from sandbox.world import People, World, building
from tests.support.engine_world import Cluster


@contextlib.contextmanager
def session_world(
    request: pytest.FixtureRequest, people: People, wanted: Sequence[str], *, real: bool
) -> Generator[World]:
    """Runs while the block does, with the built tools of the usual sandbox. After a failure its logs and state are kept."""
    usual = Home.from_env()
    must_have(usual, wanted)
    # A short path: Unix sockets in it have at most 108 bytes.
    home = Home(Path(tempfile.mkdtemp(prefix="e2e-" if real else "engine-tests-", dir="/tmp")), usual.bin.resolve())
    if real and (reason := machine.available(home)):
        home.root.rmdir()
        pytest.fail(f"end-to-end tests need a real node, and {reason}", pytrace=False)
    if usual.go.is_dir():
        home.go.symlink_to(usual.go)
    world = World(home, real=real)
    try:
        with _one_start_at_a_time(usual):
            world.start(people)
        yield world
    finally:
        failed = request.session.testsfailed > 0
        world.stop(keep_data=failed)
        if real:
            _clear_node(home, failed)
        if failed:
            print(f"\nlogs and state of the failed run: {home.root}")
        else:
            shutil.rmtree(home.root)


@contextlib.contextmanager
def administrator(world: World) -> Generator[Cluster]:
    """The API server, as an administrator sees it."""
    # A kubelet and gateways on the same processors keep it waiting.
    cluster = Cluster(world.kubeconfig, timeout=30)
    with cluster:
        yield cluster


def pulumi_of(world: World) -> Path:
    """The Pulumi CLI that runs the stacks of a world."""
    return pulumi_tools.choose(world.home, pulumi_tools.choice(), building)[1]


def must_have(usual: Home, wanted: Sequence[str]) -> None:
    """Fails when these tools are not built."""
    go = find_go(usual, tools.go_needed(), building)
    if lacking := tools.missing(usual, wanted, go.version):
        pytest.fail(f"{usual.bin} lacks {', '.join(tool.name for tool in lacking)}: run `make tools`", pytrace=False)


@contextlib.contextmanager
def _one_start_at_a_time(usual: Home) -> Generator[None]:
    """Two worlds that look for free addresses and ports in the same moment find the same ones."""
    usual.root.mkdir(parents=True, exist_ok=True)
    with (usual.root / "tests-start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _clear_node(home: Home, failed: bool) -> None:
    if failed:
        # Imported images are gigabytes, and no help in finding out why.
        machine.remove_tree(layout.of(home).containerd_root)
        layout.release(home)
    else:
        runtime.down(home, purge=True)
