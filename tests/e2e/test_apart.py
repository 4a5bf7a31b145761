"""Two instances are two devices that do not know each other; a device of no instance reaches none (I7, I12)."""

from datetime import UTC, datetime, timedelta

from components.constants import PROJECT, SIDECAR_CONTAINER
from engine.state import outputs
from sandbox.node import devices, layout
from sandbox.node.devices import Device
from sandbox.tailnet import headscale
from sandbox.world import World
from tests.support.e2e_world import ALICE, BOB, MALLORY, Gateway, answers, as_json, join, wait_answer
from tests.support.engine_world import Stack
from tests.support.port_scan import PORTS, own_ports, scan


def test_each_person_reaches_their_own_gateway_only_i7(
    home: Gateway, lab: Gateway, owner: Device, world: World
) -> None:
    bob = join(world, "bobs-laptop", BOB)
    try:
        wait_answer(owner, f"{home.url}/healthz")
        wait_answer(bob, f"{lab.url}/healthz")
        for device, other in ((owner, lab), (bob, home)):
            assert not answers(device, f"{other.url}/healthz")
            assert scan(device, other.device().ip_addresses[0], {*PORTS, *own_ports(other)}) == []
    finally:
        devices.remove(bob)


def test_the_access_matrix_is_what_real_devices_can_do_i7(
    home: Gateway, lab: Gateway, owner: Device, stranger: Device, world: World, stack: Stack
) -> None:
    rows = outputs(world.home.state, PROJECT, stack.name)["access"]
    allowed = {(row["subject"], row["gateway"], row["port"]) for row in rows if row["canConnect"]}
    assert allowed == {(ALICE, "home", "tcp 80"), (BOB, "lab", "tcp 80")}
    assert not any(row["canExecute"] for row in rows)
    bob = join(world, "bobs-laptop", BOB)
    try:
        # Each device has heard of its gateway, so what does not answer then is not merely late.
        wait_answer(owner, f"{home.url}/healthz")
        wait_answer(bob, f"{lab.url}/healthz")
        for person, device in ((ALICE, owner), (BOB, bob), (MALLORY, stranger)):
            for gateway in (home, lab):
                reached = {(person, gateway.id, f"tcp {port}") for port in opened(device, gateway)}
                assert reached == {row for row in allowed if row[:2] == (person, gateway.id)}
    finally:
        devices.remove(bob)


def opened(device: Device, gateway: Gateway) -> list[int]:
    """The ports of the gateway's address that answer, but for the one where every tailscaled says hello."""
    answering = scan(device, gateway.device().ip_addresses[0], {*PORTS, *own_ports(gateway)})
    greeting: list[str] = as_json(gateway.tailscale("status", "--json"))["Self"]["PeerAPIURL"]
    return [port for port in answering if not any(url.endswith(f":{port}") for url in greeting)]


def test_two_instances_are_two_devices_that_cannot_reach_each_other_i7_i12(home: Gateway, lab: Gateway) -> None:
    assert home.device().id != lab.device().id
    assert set(home.device().ip_addresses).isdisjoint(lab.device().ip_addresses)
    assert home.token() != lab.token()
    for gateway, other in ((home, lab), (lab, home)):
        address = other.device().ip_addresses[0]
        # From the pod's own network, where the tailnet is routed; on the gateway's port and on the sidecar's.
        for port in (80, 443, 9002, 18789):
            command = ("wget", "-q", "-O-", "-T", "2", "-t", "1", f"http://{address}:{port}/healthz")
            assert gateway.attempt(*command, container=SIDECAR_CONTAINER).returncode != 0, port
        assert other.hostname.partition(".")[0] not in gateway.tailscale("status")


def test_a_device_with_a_tag_of_its_own_reaches_no_gateway_i7(home: Gateway, owner: Device, world: World) -> None:
    """As an execution node that nobody declared: no rule names its tag, so it may reach nothing."""
    wait_answer(owner, f"{home.url}/healthz")
    node = layout.of(world.home)

    def key() -> str:
        soon = datetime.now(UTC) + timedelta(minutes=10)
        with headscale.connected(world.home.tailnet) as control:
            auth_key = control.create_auth_key(
                expiration=soon, reusable=False, ephemeral=True, tags=["tag:execution-node"]
            )
        return auth_key.key

    device = devices.join(node, devices.NODE_1, node.login_server, key)
    try:
        assert scan(device, home.device().ip_addresses[0], {*PORTS, *own_ports(home)}) == []
        assert not answers(device, f"{home.url}/healthz")
    finally:
        devices.remove(device)
