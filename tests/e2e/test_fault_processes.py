"""Faults of processes: killed by the kernel for memory, killed outright, restarted under an update, no tun device."""

import time

import pytest

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from engine.errors import UserError
from sandbox.kube import Object
from sandbox.node import runtime
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import HOME, answers, watched, with_
from tests.support.engine_world import Cluster, Stack
from tests.support.fault_fixtures import Record
from tests.support.fault_world import SPARE, Breakable, Parts, closed, reached, until

pytest_plugins = ["tests.support.fault_fixtures"]


def test_a_sidecar_killed_for_memory_comes_back_alone(
    spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    reached(laptop, spare)
    before = spare.identity()
    gateway_restarts = spare.restarts()[GATEWAY_CONTAINER]
    with watched(laptop, f"{spare.url}/healthz") as outage:
        spare.hog(SIDECAR_CONTAINER)
        until(lambda: "OOMKilled" in str(spare.status(SIDECAR_CONTAINER).get("lastState")), "the kernel kills it")
        spare.wait()
    closed(nobody, spare)
    assert spare.identity() == before
    assert spare.restarts()[GATEWAY_CONTAINER] == gateway_restarts
    record(
        fault="sidecar OOM-killed",
        sees="no answer for seconds",
        sign="`kubectl describe pod`: container `tailscale`, last state `OOMKilled`",
        holds="the gateway is not restarted, same device, stranger without an answer",
        over=f"by itself: answers again after {outage.seconds:.1f} s",
    )


def test_a_gateway_killed_for_memory_comes_back_with_its_data(
    watched_gateway: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    gateway = watched_gateway
    before, sidecar = gateway.identity(), gateway.restarts()[SIDECAR_CONTAINER]
    gateway.exec("sh", "-c", "echo kept > /home/node/.openclaw/fault-test")
    began = time.monotonic()
    gateway.hog(GATEWAY_CONTAINER)
    until(lambda: "OOMKilled" in str(gateway.status(GATEWAY_CONTAINER).get("lastState")), "the kernel kills it")
    closed(nobody, gateway)
    gateway.wait(GATEWAY_CONTAINER, 120)
    reached(laptop, gateway)
    took = time.monotonic() - began
    assert gateway.exec("cat", "/home/node/.openclaw/fault-test").strip() == "kept"
    assert gateway.restarts()[SIDECAR_CONTAINER] == sidecar
    assert gateway.identity() == before
    record(
        fault="gateway OOM-killed",
        sees="502 from the tailnet address until it has started again",
        sign="`kubectl describe pod`: container `gateway`, last state `OOMKilled`",
        holds="data kept, the sidecar is not restarted, same device, stranger without an answer",
        over=f"by itself: {took:.0f} s",
    )


@pytest.mark.parametrize("name", ["kubelet", "containerd"])
def test_traffic_goes_on_while_a_part_of_the_node_is_killed(
    name: str, parts: Parts, watched_gateway: Breakable, spare: Breakable, laptop: Device, record: Record
) -> None:
    gateway = watched_gateway
    reached(laptop, gateway)
    before, restarts = gateway.identity(), gateway.restarts()
    with watched(laptop, f"{gateway.url}/healthz") as outage:
        back = parts.kill(name)
        # It does its work again: a container that ends is started.
        repaired = spare.restart(SIDECAR_CONTAINER)
    gateway.wait_ready()
    assert gateway.identity() == before
    assert gateway.restarts() == restarts
    assert outage.seconds < 3
    over = f"by itself: back after {back:.1f} s, then restarts a sidecar that ended in {repaired:.1f} s"
    holds = f"traffic goes on (longest pause {outage.seconds:.1f} s), no container restarts, same device"
    if name == "kubelet":
        record(fault="kubelet killed", sees="nothing", sign="`status`: restarts of `kubelet`", holds=holds, over=over)
    else:
        record(
            fault="containerd killed", sees="nothing", sign="`status`: restarts of `containerd`", holds=holds, over=over
        )


def test_an_update_survives_the_restart_of_all_parts_of_the_node(
    world: World,
    cluster: Cluster,
    stack: Stack,
    parts: Parts,
    watched_gateway: Breakable,
    spare: Breakable,
    laptop: Device,
    nobody: Device,
    record: Record,
) -> None:
    home = watched_gateway
    before, claims = (home.identity(), spare.identity()), cluster.claims(spare.namespace)
    # A new limit: the pod is replaced under the update.
    changed = with_(SPARE, tailscale={"resources": {"memoryLimit": "192Mi"}})
    began = time.monotonic()
    with spare.quick(lambda: stack.up(HOME, changed)) as update:
        until(lambda: update.done() or under_way(stack), "the update is under way", 30)
        for part in ("kubelet", "containerd", "dns", "headscale", "derper", "tailscale-api", "provisioner"):
            parts.kill(part)
    failure = update.exception()
    if failure is not None:
        assert isinstance(failure, UserError), failure
        with spare.quick(lambda: stack.up(HOME, changed)) as update:
            pass
        update.result()
    second = f" (it said: {failure.problem[:120]})" if isinstance(failure, UserError) else ""
    runtime.wait_ready(world.home)
    took = time.monotonic() - began
    reached(laptop, home, 120)
    closed(nobody, home)
    assert (home.identity(), spare.identity()) == before
    assert cluster.claims(spare.namespace) == claims
    record(
        fault="all parts of the node restarted during an update",
        sees="nothing" if failure is None else "the update fails",
        sign="`make status`: restarts of each part" + second,
        holds="same devices, same volumes; a second `pulumi up` finds nothing half done",
        over=("by itself" if failure is None else "`pulumi up` again") + f": {took:.0f} s for the whole update",
    )


def under_way(stack: Stack) -> bool:
    """True when an engine is at work."""
    return any((stack.world.home.state / ".pulumi" / "locks").rglob("*.json"))


def test_a_node_without_a_tun_device_says_so(
    cluster: Cluster, watched_gateway: Breakable, laptop: Device, record: Record
) -> None:
    """In a namespace of its own: the guard of ours lets no pod name any other device."""
    gateway, namespace = watched_gateway, "fault-tun"
    template: Object = cluster.deployment(gateway.namespace)["spec"]["template"]["spec"]
    sidecar = next(each for each in template["initContainers"] if each["name"] == SIDECAR_CONTAINER)
    wanted = {"tun": {"hostPath": {"path": "/dev/net/absent", "type": "CharDevice"}}}
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tun", "namespace": namespace},
        "spec": {
            **{key: template[key] for key in ("securityContext", "automountServiceAccountToken")},
            "terminationGracePeriodSeconds": 0,
            "containers": [{key: value for key, value in sidecar.items() if key != "restartPolicy"}],
            # All as declared, but that the node has no such device, and that nothing else can be in the way.
            "volumes": [
                {"name": mount["name"], **wanted.get(mount["name"], {"emptyDir": {}})}
                for mount in sidecar["volumeMounts"]
            ],
        },
    }
    assert cluster.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    try:
        assert cluster.create(f"/api/v1/namespaces/{namespace}/pods", pod)
        message = "hostPath type check failed: /dev/net/absent is not a character device"

        def events() -> str:
            return str([event.get("message") for event in cluster.items(f"/api/v1/namespaces/{namespace}/events")])

        began = time.monotonic()
        until(lambda: message in events() or "absent" in events(), "the kubelet says what is missing", 60)
        said = time.monotonic() - began
        assert message in events(), events()
        found = cluster.get(f"/api/v1/namespaces/{namespace}/pods/tun")
        assert found is not None
        assert found["status"]["phase"] == "Pending"
        assert all(status.get("restartCount") == 0 for status in found["status"].get("containerStatuses", []))
    finally:
        cluster.delete(f"/api/v1/namespaces/{namespace}/pods/tun")
        cluster.delete(f"/api/v1/namespaces/{namespace}")
    assert answers(laptop, f"{gateway.url}/healthz", 5)
    record(
        fault="/dev/net/tun missing on the node",
        sees="the pod stays Pending; nothing of it runs",
        sign='event of the pod: `MountVolume.SetUp failed for volume "tun" : hostPath type check failed: '
        "/dev/net/tun is not a character device`",
        holds="no restart loop; other instances go on",
        over=f"said after {said:.0f} s; ends with the device (`modprobe tun`) or `tailscale.mode: userspace`",
    )
