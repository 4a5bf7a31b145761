"""Execution nodes: a machine and a pod join their gateway through the tailnet, and run what it sends once approved."""

import time
from collections.abc import Generator
from typing import Final

import pytest

from components.constants import GATEWAY_CONTAINER
from engine.configuration import Values
from sandbox.node import devices
from sandbox.tailnet import headscale
from sandbox.world import World
from tests.support import quick_gateway
from tests.support.e2e_nodes import SMALL, Nodes, machine_of, with_nodes
from tests.support.e2e_world import ALICE, EGRESS, HOME, LAB, Figures, Gateway, join, with_
from tests.support.engine_world import Cluster, Stack, eventually

MACHINE: Final[Values] = {"id": "machine", "kind": "linux", "gateway": "home"}
POD: Final[Values] = {
    "id": "pod",
    "kind": "kubernetes",
    "gateway": "home",
    "kubernetes": {"storage": SMALL, "extraEgress": [EGRESS]},
}
TAG: Final = "tag:openclaw-node-machine"


@pytest.fixture(scope="module")
def nodes(world: World, cluster: Cluster, stack: Stack) -> Generator[Nodes]:
    home, lab = Gateway(world, cluster, "home"), Gateway(world, cluster, "lab")
    ours = with_nodes(stack, MACHINE, POD)
    # The next module applies its own.
    stack.applied = None
    ours.up(HOME, LAB)
    home.wait_ready()
    lab.wait_ready()
    machine = machine_of(world, ours, "machine")
    all_nodes = Nodes(ours, home, lab, machine)
    try:
        yield all_nodes
    finally:
        for running in all_nodes.running:
            running.stop()
        devices.remove(machine.device)


def test_i7_the_machine_joins_and_reaches_its_gateway_only(nodes: Nodes, world: World, figures: Figures) -> None:
    begin = time.monotonic()
    joined = nodes.machine.join()
    assert joined.returncode == 0, joined.stderr
    device = nodes.machine.device
    eventually(lambda: device.curl("--fail", f"{nodes.home.url}/healthz", seconds=2).returncode == 0, "an answer")
    figures("a machine joins and reaches its gateway", f"{time.monotonic() - begin:.1f} s")
    with headscale.connected(world.home.tailnet) as control:
        (joined_node,) = [node for node in control.nodes() if TAG in node.tags]
    assert (list(joined_node.tags), joined_node.given_name) == ([TAG], "openclaw-node-machine")
    for url in (nodes.lab.url, f"http://{nodes.home.hostname}:18789", f"http://{nodes.home.hostname}:9002"):
        assert device.curl(url, seconds=3).returncode in (6, 7, 28), url
    # Nobody is listed: not even the gateway's owner reaches the machine.
    owner = join(world, devices.OWNER, ALICE)
    assert owner.curl(f"http://{joined_node.ip_addresses[0]}:22", seconds=2).returncode in (7, 28)
    assert device.curl(nodes.home.url, seconds=3).returncode == 0


def test_the_key_lets_in_one_machine(nodes: Nodes, world: World) -> None:
    second = devices.start(nodes.machine.device.layout, "node-thief")
    try:
        key = next(text for path, text in nodes.machine.files.items() if path.endswith("tailnet-key"))
        file = second.directory / "key"
        file.write_text(key)
        options = (f"--login-server={world.login_server}", f"--auth-key=file:{file}", "--timeout=10s")
        assert second.tailscale("up", *options).returncode != 0
    finally:
        devices.remove(second)


def test_before_it_is_approved_nothing_executes(nodes: Nodes, figures: Figures) -> None:
    enrol = nodes.start(nodes.machine.command("ExecStartPre"))
    eventually(lambda: "detail=PAIRING_REQUIRED" in enrol.said, "the machine to ask", 240)
    refused = nodes.invoke("machine", "system.run", command=["uname"])
    assert "payload" not in refused, refused
    nodes.approve_device("machine")
    eventually(lambda: enrol.process.poll() is not None, "the approval to be seen", 240)
    assert enrol.process.returncode == 0, enrol.said
    assert not (nodes.machine.home / "gateway-secret").exists()

    host = nodes.start(nodes.machine.command("ExecStart"))
    eventually(lambda: "node host gateway connected" in host.said, "the node to connect", 240)
    # Connected, and not approved for any command yet.
    eventually(lambda: nodes.pending_surface("machine"), "what it offers", 240)
    refused = nodes.invoke("machine", "system.run", command=["uname"])
    assert "payload" not in refused, refused
    figures("a node before its commands are approved", str(refused)[:200])


def test_what_the_gateway_sends_is_executed_on_the_machine(nodes: Nodes, figures: Figures) -> None:
    approved = nodes.approve_surface("machine")
    assert approved["node"]["commands"] == ["system.run", "system.run.prepare", "system.which"]
    (nodes.machine.home / "mark").write_text("of this machine\n")
    begin = time.monotonic()
    assert nodes.output("machine", "cat", "mark") == "of this machine\n"
    figures("a command through the gateway", f"{time.monotonic() - begin:.1f} s")
    assert nodes.output("machine", "id", "-u").strip() == "1000"
    # What the enrolment had, no command sees.
    token = nodes.home.token()
    seen = nodes.output("machine", "sh", "-c", "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'")
    assert "OPENCLAW_NO_AUTO_UPDATE=1" in seen
    assert token not in seen


def test_a_command_that_was_not_offered_is_refused(nodes: Nodes, figures: Figures) -> None:
    refused = nodes.invoke("machine", "system.notify", title="x")
    assert "payload" not in refused, refused
    figures("a command outside the list", str(refused)[:200])


def test_a_pod_is_a_node_like_any_other(nodes: Nodes, cluster: Cluster, figures: Figures) -> None:
    pod = Gateway(nodes.home.world, cluster, "node-pod")
    begin = time.monotonic()
    nodes.approve_device("pod")
    pod.wait_ready(240)
    nodes.approve_surface("pod")
    # What it offers is known from its first connection, which ended with the enrolment.
    eventually(lambda: "payload" in nodes.invoke("pod", "system.run", command=["true"]), "the pod to be connected", 180)
    assert nodes.output("pod", "sh", "-c", "hostname").strip() == pod.pod["metadata"]["name"]
    figures("a pod, from its request to a command", f"{time.monotonic() - begin:.1f} s")
    assert nodes.home.token() not in nodes.output("pod", "sh", "-c", "env; cat /proc/*/environ | tr '\\0' '\\n'")
    assert len(pod.devices()) == 1
    # A new pod is the same node: nobody approves again.
    pod.kubectl("delete", "pod", pod.pod["metadata"]["name"], "--wait=true", seconds=120)
    pod.wait_ready(240)
    eventually(lambda: "payload" in nodes.invoke("pod", "system.run", command=["true"]), "the same node", 180)


def test_a_denied_command_is_refused_whatever_the_machine_offers(nodes: Nodes, figures: Figures) -> None:
    assert "payload" in nodes.invoke("machine", "system.which", bins=["sh"])
    without = {"commands": ["system.run", "system.run.prepare"]}
    # The token changes as well: a paired node has a credential of its own.
    changed = {"nodes": {"commands": {"deny": ["system.which"]}}, "auth": {"rotation": "again"}}
    denied = with_(HOME, gateway=changed)
    with_nodes(nodes.stack, {**MACHINE, **without}, {**POD, **without}).up(denied, LAB)
    nodes.home.wait_ready()
    # The machine still runs what it was told at first, and has come back by itself.
    begin = time.monotonic()
    eventually(
        lambda: "payload" in nodes.invoke("machine", "system.run", command=["true"]), "the machine to come back", 180
    )
    figures("a node is back after its gateway's restart", f"{time.monotonic() - begin:.1f} s")
    refused = nodes.invoke("machine", "system.which", bins=["sh"])
    assert "payload" not in refused, refused
    figures("a command that the gateway denies", str(refused)[:200])


def test_a_machine_cannot_become_another_gateway_s_node(nodes: Nodes) -> None:
    command = [word.replace(nodes.home.hostname, nodes.lab.hostname) for word in nodes.machine.command("ExecStart")]
    other = nodes.start(command)
    eventually(lambda: "connect failed" in other.said or other.process.poll() is not None, "a refusal", 240)
    other.stop()
    assert "gateway connected" not in other.said
    assert quick_gateway.REFUSED not in nodes.lab.logs(GATEWAY_CONTAINER)


def test_a_node_that_was_removed_is_out_at_once_and_cannot_even_ask_again(nodes: Nodes, figures: Figures) -> None:
    host = nodes.running[1]
    assert host.process.poll() is None, host.said
    nodes.home.openclaw("nodes", "remove", "--node", "machine")
    eventually(lambda: "device removed" in host.said, "the connection to be closed", 30)
    assert "payload" not in nodes.invoke("machine", "system.run", command=["true"])
    host.stop()
    again = nodes.start(nodes.machine.command("ExecStart"))
    # It may have dropped its token, and ends; or it shows one that counts no more, and waits for somebody without asking.
    waits = "waiting for operator action"
    eventually(lambda: again.process.poll() is not None or waits in again.said, "it to give up", 120)
    assert "AUTH_TOKEN_MISSING" in again.said or "AUTH_DEVICE_TOKEN_MISMATCH" in again.said
    assert nodes.pending_device("machine") == []
    figures("a removed node", again.said.strip().splitlines()[-1][:120])
