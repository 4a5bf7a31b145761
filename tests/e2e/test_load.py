"""Bounded load through the tunnel, beside the same load inside the pod. It takes both processors, so `make e2e` runs it last."""

import re
from typing import Any

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import Figures, Gateway, wait_answer
from tests.support.openclaw_client import Client

CLIENTS, RATE, SECONDS, COMPARED_SECONDS = 50, 200, 30, 15
# Of a sidecar that has carried something: 35 were seen at rest.
WARM_MEBIBYTES = 35


def memory(gateway: Gateway, container: str) -> int:
    """Mebibytes of all processes of a container, resident and not shared with files."""
    script = "cat /proc/[0-9]*/status 2>/dev/null | grep RssAnon"
    return (
        sum(int(kilobytes) for kilobytes in re.findall(r"\d+", gateway.exec("sh", "-c", script, container=container)))
        >> 10
    )


def test_fifty_clients_and_two_hundred_requests_a_second(
    world: World, home: Gateway, owner: Device, figures: Figures
) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    token, restarts = home.token(), home.restarts()

    def load(client: Client, url: str, seconds: int) -> Any:
        client.pair(home, url, token)
        seen = client.load(url, token, clients=CLIENTS, rate=RATE, seconds=seconds)
        assert seen["ok"], seen
        assert seen["errors"] == {}
        assert seen["closes"] == 0
        assert seen["http"]["count"] >= RATE * seconds * 0.98
        assert seen["ws"]["count"] >= CLIENTS * seconds * 0.98
        return seen

    loopback = load(Client.inside(home, "inside"), "ws://127.0.0.1:18789", COMPARED_SECONDS)
    before = {name: memory(home, name) for name in (GATEWAY_CONTAINER, SIDECAR_CONTAINER)}
    tunnel = load(Client.named(world, owner, "load"), f"ws://{home.hostname}", SECONDS)
    after = {name: memory(home, name) for name in (GATEWAY_CONTAINER, SIDECAR_CONTAINER)}

    for kind in ("http", "ws"):
        for place, seen in (("pod's loopback", loopback), ("tunnel", tunnel)):
            numbers = ", ".join(f"{name} {value}" for name, value in seen[kind].items() if name != "count")
            figures(f"{kind}, ms, {place}", f"{numbers} ({seen[kind]['count']} answers)")
    for name in before:
        figures(f"memory of {name}, before and after the load", f"{before[name]} and {after[name]} MiB")
    assert home.restarts() == restarts
    # The gateway is warm by the load inside; a sidecar that has carried nothing yet holds half of what it needs. What grows by
    # more than a tenth and 64 MiB in so short a time is a leak.
    for name, had in before.items():
        assert after[name] < max(had, WARM_MEBIBYTES) * 1.1 + 64, name
