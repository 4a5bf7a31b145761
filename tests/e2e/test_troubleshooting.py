"""docs/troubleshooting.md: each cause is made on purpose, and the page's commands print what the page says."""

import contextlib
import dataclasses
import json
import re
import shlex
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from components.constants import GATEWAY_CONTAINER, PROJECT
from engine.configuration import merged
from engine.stack import Result
from sandbox.node import devices, layout
from sandbox.node.devices import Device
from sandbox.node.linux_machine import Running
from sandbox.tailnet import headscale
from sandbox.world import World
from tests.support.e2e_agent import connected
from tests.support.e2e_nodes import machine_of, with_nodes
from tests.support.e2e_world import ALICE, BOB, HOME, LAB, Gateway, answers, join, wait_answer, with_
from tests.support.engine_world import Stack, eventually
from tests.support.faults.breaking import UDP, dropped, kill
from tests.support.openclaw_client import Client
from tests.support.trouble_page import Page, blocks, shown, steps

WRONG = "0" * 64


@pytest.fixture
def page(home: Gateway, owner: Device, stack: Stack) -> Page:
    """The page, read beside Alice's laptop; her gateway answers."""
    wait_answer(owner, f"{home.url}/healthz")
    return Page(owner, home, stack)


def seen_by(device: Device, gateway: Gateway, path: str = "/healthz") -> str:
    """The output of the page's first command on a device."""
    done = device.curl("--write-out", "\n%{http_code}\n", f"{gateway.url}{path}", seconds=3)
    return done.stdout + done.stderr


def test_every_command_of_the_page_is_run_here_and_has_an_output() -> None:
    assert set(shown(Path(__file__))) == set(blocks())
    assert [block.name for block in blocks().values() if not block.output.strip()] == []


def test_1_transport(page: Page, world: World) -> None:
    page.shows("the way is open")
    page.shows("transport: well")
    page.shows("transport: a path")
    page.shows("transport: the network is well")
    relay = layout.of(world.home).address
    page.shows("transport: the relay answers", RELAY=relay)
    assert steps(seen_by(page.laptop, page.gateway)) == {5, 6, 7, 8, 9}
    with tailscaled_ended(world, page.laptop):
        page.shows("transport: tailscaled does not run")
        assert 1 in steps(seen_by(page.laptop, page.gateway))
    assert page.laptop.tailscale("down").returncode == 0
    try:
        page.shows("transport: switched off")
        assert 1 in steps(seen_by(page.laptop, page.gateway))
    finally:
        assert page.laptop.tailscale("up").returncode == 0
    wait_answer(page.laptop, f"{page.gateway.url}/healthz")
    with dropped(world, UDP, f"tcp dport {layout.DERP_PORT} drop"):
        eventually(lambda: not answers(page.laptop, f"{page.gateway.url}/healthz", 1), "no path is left")
        assert 1 in steps(seen_by(page.laptop, page.gateway))
        page.shows("transport: no path")
        page.shows("transport: UDP is blocked")
        page.shows("transport: the relay does not answer", RELAY=relay)
        page.shows("transport: UDP and relay blocked at the gateway")
    wait_answer(page.laptop, f"{page.gateway.url}/healthz")


@contextlib.contextmanager
def tailscaled_ended(world: World, device: Device) -> Generator[None]:
    """As after `systemctl stop tailscaled`; the device is on."""
    pid = int(json.loads((device.directory / "tailscaled.json").read_text())["pid"])
    kill(pid, signal.SIGTERM)
    eventually(lambda: not device.status(), "tailscaled ends")
    try:
        yield
    finally:
        join(world, device.name, ALICE)


def test_2_identity(page: Page, stranger: Device, world: World) -> None:
    page.shows("identity: well")
    dataclasses.replace(page, laptop=stranger).shows("identity: somebody else is logged in")
    assert 2 in steps(seen_by(stranger, page.gateway))

    other = join(world, "tablet", ALICE)
    try:
        wait_answer(other, f"{page.gateway.url}/healthz")
        assert other.tailscale("logout").returncode == 0
        dataclasses.replace(page, laptop=other).shows("identity: logged out")
        assert 2 in steps(seen_by(other, page.gateway))
    finally:
        devices.remove(other)

    page.shows("identity: the gateway is well")
    node = page.gateway.device()
    with headscale.connected(world.home.tailnet) as control:
        try:
            control.rename_node(node.id, f"{node.given_name}-1")
            page.shows("identity: the gateway has another name")
            eventually(lambda: not answers(page.laptop, f"{page.gateway.url}/healthz", 1), "the old name is gone")
            assert 2 in steps(seen_by(page.laptop, page.gateway))
        finally:
            control.rename_node(node.id, node.given_name)
    wait_answer(page.laptop, f"{page.gateway.url}/healthz")


def test_3_policy(page: Page, stack: Stack) -> None:
    page.shows("policy: well")
    page.shows("policy: another port")
    assert 3 in steps(page.laptop.curl(f"{page.gateway.url}:18789/healthz", seconds=2).stderr)
    running = page.gateway.identity(), page.gateway.restarts()
    try:
        stack.up(with_(HOME, people=[BOB]), LAB)
        page.shows("policy: not listed")
        eventually(lambda: not answers(page.laptop, f"{page.gateway.url}/healthz", 2), "she is out", 5)
        assert 3 in steps(seen_by(page.laptop, page.gateway))
    finally:
        stack.up(HOME, LAB)
    wait_answer(page.laptop, f"{page.gateway.url}/healthz")
    assert (page.gateway.identity(), page.gateway.restarts()) == running


def test_4_serve(page: Page) -> None:
    gateway = page.gateway
    page.shows("serve: well")
    page.shows("serve: the gateway runs")
    before = gateway.identity()
    gateway.tailscale("serve", "--bg", "--http=80", "http://127.0.0.1:18780")
    page.shows("serve: to the wrong port")
    assert steps(seen_by(page.laptop, gateway)) == {4}
    gateway.tailscale("serve", "reset")
    page.shows("serve: nothing is served")
    assert steps(seen_by(page.laptop, gateway)) == {4}
    page.shows("serve: mended", seconds=0)
    wait_answer(page.laptop, f"{gateway.url}/healthz")
    page.shows("serve: well")
    assert gateway.identity() == before

    kill(gateway.pid(GATEWAY_CONTAINER), signal.SIGTERM)
    page.shows("serve: the gateway does not run")
    assert steps(seen_by(page.laptop, gateway)) == {4}
    gateway.wait_ready()
    wait_answer(page.laptop, f"{gateway.url}/healthz")


def test_5_and_6_gateway_auth_and_pairing(page: Page, world: World) -> None:
    gateway, token = page.gateway, page.gateway.token()
    page.shows("auth: well", TOKEN=token)
    page.shows("auth: wrong token", TOKEN=WRONG)
    assert steps(seen_by(page.laptop, gateway, "/api/channels")) == {5}
    url, client = f"ws://{gateway.hostname}", Client.named(world, page.laptop, "troubled-laptop")
    assert steps(str(client.call(url, "status", WRONG))) == {5}
    page.shows("auth: refused")
    command = shlex.split(page.shows("auth: where the token is"))
    assert gateway.kubectl(*command[1:]).stdout.strip() == token

    refused = client.call(url, "status", token)
    assert steps(str(refused)) == {6}
    assert steps(str(client.cli("gateway", "call", "status", "--url", f"{url}:80", token=token))) == {6}
    page.shows("pairing: refused")
    page.shows("pairing: pending")
    request = re.search(r"requestId: ([0-9a-f-]+)", refused["message"])
    assert request, refused
    page.shows("pairing: approved", seconds=0, REQUEST=request[1])
    assert client.call(url, "status", token)["ok"]
    page.shows("pairing: well")


def test_7_and_8_node_approval_and_the_commands_of_the_agent(page: Page, world: World, stack: Stack) -> None:
    gateway, token = page.gateway, page.gateway.token()
    ours = with_nodes(stack, {"id": "bench", "kind": "linux", "gateway": "home"})
    # Whoever comes next applies what they want.
    stack.applied = None
    ours.up(HOME, LAB)
    machine = machine_of(world, ours, "bench")
    assert steps(page.shows("agent: no node is paired", TOKEN=token)) == {8}
    started: list[Running] = []
    try:
        joined = machine.join()
        assert joined.returncode == 0, joined.stderr
        enrol = machine.start(machine.command("ExecStartPre"))
        started.append(enrol)
        eventually(lambda: "detail=PAIRING_REQUIRED" in enrol.said, "the machine asks", 240)
        assert steps(enrol.said) == {6}
        (asked,) = [entry for entry in gateway.asked("device.pair.list")["pending"] if entry["displayName"] == "bench"]
        page.shows("pairing: approved", seconds=0, REQUEST=asked["requestId"])
        eventually(lambda: enrol.process.poll() is not None, "the approval is seen", 240)
        host = machine.start(machine.command("ExecStart"))
        started.append(host)
        eventually(lambda: "node host gateway connected" in host.said, "the node connects", 240)
        (offered,) = eventually(lambda: gateway.asked("node.pair.list")["pending"], "what it offers", 240)
        status = page.shows("node: its commands are not approved")
        assert steps(status) == {7}
        assert steps(page.shows("node: refused")) == {7}
        assert steps(page.shows("agent: the node is not eligible", TOKEN=token)) == {8}
        page.shows("node: pending")
        page.shows("node: approved", seconds=0, REQUEST=offered["requestId"])
        page.shows("node: well")
        page.shows("node: executes")

        assert steps(page.shows("agent: nobody could be asked", TOKEN=token)) == {8}
        with connected(Client.named(world, page.laptop, "asking-laptop"), gateway) as session:
            turn = session.ask("run on bench: uname -n")
            request = turn.approval_id()
            page.shows("agent: a command waits")
            page.shows("agent: the command is approved", seconds=0, APPROVAL=request)
            assert turn.answer().split()[-1] == machine.device.name
            turn = session.ask("run on bench: uname -n")
            turn.resolve("deny")
            assert steps(turn.answer()) == {8}

        host.stop()
        page.shows("agent: the node is offline")
        assert steps(page.shows("agent: the node is not eligible", TOKEN=token)) == {8}
    finally:
        for running in started:
            running.stop()
        gateway.attempt("node", "openclaw.mjs", "nodes", "remove", "--node", "bench")
        devices.remove(machine.device)


def test_9_network(page: Page, world: World, stack: Stack) -> None:
    node = layout.of(world.home)
    page.shows("network: open", URL=f"http://{world.model.address}/health")
    assert steps(page.shows("network: refused", URL=f"http://{node.address}:8080/")) == {9}
    page.shows("network: written down")
    page.shows("network: DNS answers")
    # As where no pod is the cluster's DNS.
    cluster = f"{PROJECT}:cluster"
    elsewhere = dataclasses.replace(stack, config=merged(stack.config, {cluster: {"dnsLabels": {"app": "none"}}}))
    by_address = dataclasses.replace(
        elsewhere, config=merged(elsewhere.config, {cluster: {"dnsAddresses": [node.dns]}})
    )
    stack.applied = None
    try:
        warning = "cluster.dnsLabels: no pod of the namespace kube-system has the labels app=none"
        assert warning in said_by(elsewhere.up(HOME, LAB))
        assert steps(page.shows("network: DNS is closed")) == {9}
        assert "cluster.dns" not in said_by(by_address.up(HOME, LAB))
        page.shows("network: DNS answers")
    finally:
        assert "cluster.dns" not in said_by(stack.up(HOME, LAB))


def said_by(result: Result) -> str:
    """What the program said in an update."""
    return "\n".join(event.diagnostic_event.message for event in result.events if event.diagnostic_event)
