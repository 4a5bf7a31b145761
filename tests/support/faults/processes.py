"""Faults of processes: killed by the kernel for memory, killed outright, restarted under an update, no tun device."""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER, UNSEAL_CONTAINER
from engine.errors import UserError
from sandbox.kube import Object
from sandbox.node import runtime
from tests.support.e2e_world import HOME, with_
from tests.support.engine_world import Cluster, Stack, eventually
from tests.support.faults.breakable import SPARE, Breakable
from tests.support.faults.fault import Fault, seconds
from tests.support.faults.scene import Scene
from tests.support.faults.signs import Sign, killed_for_memory, line_with, restarted

# -- killed for memory


@contextmanager
def sidecar_out_of_memory(scene: Scene) -> Generator[None]:
    scene.spare.hog(SIDECAR_CONTAINER)
    yield
    scene.spare.wait()


@contextmanager
def gateway_out_of_memory(scene: Scene) -> Generator[None]:
    scene.home.exec("sh", "-c", "echo kept > /home/node/.openclaw/fault-test")
    began = time.monotonic()
    scene.home.hog(GATEWAY_CONTAINER)
    yield
    scene.home.wait(GATEWAY_CONTAINER, 120)
    scene.reached(scene.home)
    scene.notes["took"] = seconds(time.monotonic() - began)
    assert scene.home.exec("cat", "/home/node/.openclaw/fault-test").strip() == "kept"


# -- parts of the node


@contextmanager
def part_killed(name: str, scene: Scene) -> Generator[None]:
    scene.notes["part"] = seconds(scene.parts.kill(name))
    # It does its work again: a container that ends is started.
    scene.notes["repaired"] = seconds(scene.spare.restart(SIDECAR_CONTAINER))
    yield


def _part_killed(name: str) -> Fault:
    return Fault(
        name=f"{name} killed",
        breaks="spare",
        inject=partial(part_killed, name),
        answers=True,
        watched="home",
        restarts={SIDECAR_CONTAINER: 1},
        sees="nothing",
        signs=[restarted(name)],
        holds="traffic goes on (longest pause {pause} s)",
        over="by itself: back after {part} s, then restarts a sidecar that was ended on purpose in {repaired} s",
    )


KILLED: Final = ("kubelet", "containerd", "dns", "kube-router", "headscale", "derper", "tailscale-api", "provisioner")


def under_way(stack: Stack) -> bool:
    """True when an engine is at work."""
    return any((stack.world.home.state / ".pulumi" / "locks").rglob("*.json"))


@contextmanager
def killed_under_update(scene: Scene) -> Generator[None]:
    claims = scene.cluster.claims(scene.spare.namespace)
    # A new limit: the pod is replaced under the update.
    changed = with_(SPARE, tailscale={"resources": {"memoryLimit": "192Mi"}})
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(scene.stack.up, HOME, changed)
        eventually(lambda: update.done() or under_way(scene.stack), "the update is under way", 30)
        for part in KILLED:
            scene.parts.kill(part)
    failure = update.exception()
    if failure is not None:
        assert isinstance(failure, UserError), failure
        scene.stack.up(HOME, changed)
    runtime.wait_ready(scene.world.home)
    took = seconds(time.monotonic() - began)
    said = f"the update fails ({failure.problem[:120]})" if isinstance(failure, UserError) else "nothing"
    scene.notes |= {"took": took, "said": said, "how": "by itself" if failure is None else "`pulumi up` again"}
    yield
    assert scene.cluster.claims(scene.spare.namespace) == claims


# -- no tun device

# Of its own: the guard of ours lets no pod name any other device.
TUN: Final = "fault-tun"


def without_tun(cluster: Cluster, gateway: Breakable) -> Object:
    """A pod of the gateway's sidecar, all as declared, but that the node has no such device, and nothing else can be in the way."""
    template: Object = cluster.deployment(gateway.namespace)["spec"]["template"]["spec"]
    sidecar = next(each for each in template["initContainers"] if each["name"] == SIDECAR_CONTAINER)
    wanted = {"tun": {"hostPath": {"path": "/dev/net/absent", "type": "CharDevice"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tun", "namespace": TUN},
        "spec": {
            **{key: template[key] for key in ("securityContext", "automountServiceAccountToken")},
            "terminationGracePeriodSeconds": 0,
            "containers": [{key: value for key, value in sidecar.items() if key != "restartPolicy"}],
            "volumes": [
                {"name": mount["name"], **wanted.get(mount["name"], {"emptyDir": {}})}
                for mount in sidecar["volumeMounts"]
            ],
        },
    }


@contextmanager
def tun_missing(scene: Scene) -> Generator[None]:
    assert scene.cluster.create("/api/v1/namespaces", {"metadata": {"name": TUN}})
    try:
        assert scene.cluster.create(f"/api/v1/namespaces/{TUN}/pods", without_tun(scene.cluster, scene.home))
        yield
    finally:
        scene.cluster.delete(f"/api/v1/namespaces/{TUN}/pods/tun")
        scene.cluster.delete(f"/api/v1/namespaces/{TUN}")


def tun_is_asked_for(scene: Scene, gateway: Breakable) -> str:
    events = scene.cluster.items(f"/api/v1/namespaces/{TUN}/events")
    wanted = (
        'MountVolume.SetUp failed for volume "tun" : hostPath type check failed: '
        "/dev/net/absent is not a character device"
    )
    return line_with(wanted, "\n".join(str(event.get("message")) for event in events))


def pod_is_pending(scene: Scene) -> None:
    pod = scene.cluster.get(f"/api/v1/namespaces/{TUN}/pods/tun")
    assert pod is not None
    assert pod["status"]["phase"] == "Pending"
    assert all(status.get("restartCount") == 0 for status in pod["status"].get("containerStatuses", []))


FAULTS: Final = (
    Fault(
        name="sidecar OOM-killed",
        breaks="spare",
        inject=sidecar_out_of_memory,
        restarts={SIDECAR_CONTAINER: 2},
        watched="spare",
        pause=90,
        sees="no answer for seconds",
        signs=[killed_for_memory(SIDECAR_CONTAINER)],
        over="by itself: answers again after {pause} s",
    ),
    Fault(
        name="gateway OOM-killed",
        breaks="home",
        inject=gateway_out_of_memory,
        restarts={GATEWAY_CONTAINER: 2},
        sees="502 from the tailnet address until it has started again",
        signs=[killed_for_memory(GATEWAY_CONTAINER)],
        holds="data kept",
        over="by itself: {took} s",
    ),
    _part_killed("kubelet"),
    _part_killed("containerd"),
    Fault(
        name="all parts of the node restarted during an update",
        breaks="spare",
        inject=killed_under_update,
        answers=True,
        # Of the new pod, which starts while its kubelet, containerd and control server are killed.
        restarts={UNSEAL_CONTAINER: 2, SIDECAR_CONTAINER: 2, GATEWAY_CONTAINER: 2},
        sees="{said}",
        signs=[restarted(*KILLED)],
        holds="same volumes; a second `pulumi up` finds nothing half done",
        over="{how}: {took} s for the whole update",
    ),
    Fault(
        name="/dev/net/tun missing on the node",
        breaks="home",
        inject=tun_missing,
        answers=True,
        during=pod_is_pending,
        sees="the pod stays Pending; nothing of it runs",
        signs=[
            Sign(
                'event of the pod: `MountVolume.SetUp failed for volume "tun" : hostPath type check failed: '
                "/dev/net/tun is not a character device`",
                tun_is_asked_for,
            )
        ],
        holds="no restart loop; other instances go on",
        over="said after {seen} s; ends with the device (`modprobe tun`) or `tailscale.mode: userspace`",
    ),
)
