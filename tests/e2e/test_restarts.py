"""Whatever is started again, the device in the tailnet is the same, and no new key is needed (I10)."""

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from sandbox.node import devices
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import ALICE, BOB, HOME, LAB, PEOPLE, Figures, Gateway, join, wait_answer, watched
from tests.support.engine_world import Cluster, Stack, eventually


@contextmanager
def same_device(gateway: Gateway) -> Generator[None]:
    """The same number, name, addresses and keys before and after, and no auth key that was not there."""
    before, keys = gateway.identity(), gateway.auth_keys()
    yield
    assert gateway.identity() == before
    assert gateway.auth_keys() <= keys


def restarted(gateway: Gateway, container: str, count: int) -> None:
    eventually(lambda: gateway.restarts().get(container) == count, f"{container} to be started again", 90)
    gateway.wait_ready()


def test_a_restart_of_one_container_leaves_the_other_alone_i10(home: Gateway, owner: Device, figures: Figures) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    with same_device(home):
        for container, other in ((SIDECAR_CONTAINER, GATEWAY_CONTAINER), (GATEWAY_CONTAINER, SIDECAR_CONTAINER)):
            before = home.restarts()
            with watched(owner, f"{home.url}/healthz") as outage:
                os.kill(home.pid(container), signal.SIGKILL)
                restarted(home, container, before[container] + 1)
            assert home.restarts()[other] == before[other]
            figures(f"no answer while {container} was killed and came back", f"{outage.seconds:.1f} s")


def test_a_deleted_pod_comes_back_as_the_same_device_i10(home: Gateway, owner: Device, figures: Figures) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    home.exec("sh", "-c", "echo kept > /home/node/marker")
    with same_device(home):
        uid = home.pod["metadata"]["uid"]
        with watched(owner, f"{home.url}/healthz") as outage:
            assert home.kubectl("delete", "pod", "--all", "--wait=false").returncode == 0
            eventually(lambda: home.ready and home.pod["metadata"]["uid"] != uid, "another pod, ready", 120)
        figures("no answer while the pod was replaced", f"{outage.seconds:.1f} s")
    assert home.exec("cat", "/home/node/marker") == "kept\n"


def test_a_pod_starts_without_its_sealed_secret_i10(lab: Gateway, world: World, stack: Stack, cluster: Cluster) -> None:
    bob = join(world, "bobs-laptop", BOB)
    try:
        with same_device(lab):
            secret = cluster.secret_of(lab.namespace, "tailnet-authkey")["metadata"]["name"]
            uid = lab.pod["metadata"]["uid"]
            stack.applied = None
            cluster.delete(f"/api/v1/namespaces/{lab.namespace}/secrets/{secret}")
            assert lab.kubectl("delete", "pod", "--all", "--wait=false").returncode == 0
            eventually(lambda: lab.ready and lab.pod["metadata"]["uid"] != uid, "another pod, ready", 120)
            wait_answer(bob, f"{lab.url}/healthz")
            # The next `up` after a refresh brings it back, from the same key.
            stack.refresh(HOME, LAB)
            stack.up(HOME, LAB)
            lab.wait_ready()
            cluster.secret_of(lab.namespace, "tailnet-authkey")
    finally:
        devices.remove(bob)


def test_the_node_stopped_and_started_i10(home: Gateway, lab: Gateway, world: World, figures: Figures) -> None:
    """Everything: control plane, control server, relay, kubelet, containerd and pods; only the data stays."""
    home.exec("sh", "-c", "echo kept > /home/node/marker")
    with same_device(home), same_device(lab):
        begin = time.monotonic()
        world.stop(keep_data=True)
        stopped = time.monotonic()
        world.start(PEOPLE)
        started = time.monotonic()
        for gateway in (home, lab):
            eventually(lambda gateway=gateway: gateway.ready, f"{gateway.namespace} to be ready", 180)
        owner = join(world, devices.OWNER, ALICE)
        wait_answer(owner, f"{home.url}/healthz")
        done = time.monotonic()
    figures(
        "node: stop / start / until the gateway answers",
        f"{stopped - begin:.0f} / {started - stopped:.0f} / {done - started:.0f} s",
    )
    assert home.exec("cat", "/home/node/marker") == "kept\n"
