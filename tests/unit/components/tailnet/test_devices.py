"""Devices that are left over and names that are taken: told with the device's id, in a preview and in an update."""

from typing import Any

import pulumi
import pytest

from components.ownership import LiveCluster
from tests.support.configs import Raw, smallest
from tests.support.harness import run_program

SEEN = "2026-11-20T10:00:00Z"


def device(number: int, name: str, *tags: str) -> dict[str, Any]:
    """As the API lists it."""
    return {
        "id": str(number),
        "nodeId": f"n{number}CNTRL",
        "name": f"{name}.example.ts.net",
        "hostname": name,
        "tags": list(tags),
        "lastSeen": SEEN,
    }


def told(config: Raw, *devices: dict[str, Any], preview: bool = False) -> list[str]:
    """The program's messages about devices."""
    logs = run_program(config, devices=devices, preview=preview, cluster=JOINED).logs
    return [line for line in logs if "device" in line and not line.startswith("Who ")]


def removal(number: int) -> str:
    return f'curl --request DELETE --user "$TAILSCALE_API_KEY:" https://api.tailscale.com/api/v2/device/n{number}CNTRL'


# Its device's identity is on a volume of this stack.
JOINED = LiveCluster(joined=frozenset({"home"}))
HOME = device(1, "openclaw-home", "tag:openclaw-home")


@pytest.mark.parametrize("preview", [True, False])
def test_a_removed_instances_device_is_told_with_its_id(preview: bool) -> None:
    old = device(2, "openclaw-old", "tag:openclaw-old")
    assert told(smallest(), HOME, old, device(3, "laptop"), preview=preview) == [
        f"device n2CNTRL (openclaw-old.example.ts.net, tag:openclaw-old, last seen {SEEN}) belongs to no instance "
        "or node of this stack, but is still in the tailnet. (Leave it if it belongs to another stack.) "
        "Add it to the list again, or remove the device: " + removal(2)
    ]


def test_a_nodes_device_is_known() -> None:
    node = {"id": "box", "kind": "linux", "gateway": "home"}
    assert told({**smallest(), "nodes": [node]}, HOME, device(5, "openclaw-node-box", "tag:openclaw-node-box")) == []


def test_nothing_is_told_of_a_tailnet_in_order() -> None:
    assert told(smallest(), HOME, device(3, "laptop"), device(4, "build", "tag:ci")) == []


def test_i10_a_disabled_instances_device_stays_and_is_told() -> None:
    assert told(smallest(tailscale={"enabled": False}), HOME) == [
        f"home: Tailscale is off; device n1CNTRL (openclaw-home.example.ts.net, tag:openclaw-home, last seen {SEEN}) "
        "stays in the tailnet, and comes back when it is on again. To remove it for good: " + removal(1)
    ]


def test_a_second_device_of_an_instance_is_told() -> None:
    second = device(2, "openclaw-home-1", "tag:openclaw-home")
    (line,) = told(smallest(), HOME, second)
    assert line.startswith(
        "home: 2 devices carry its tag, and people reach the one that is named openclaw-home.example"
    )
    assert removal(1) in line
    assert removal(2) in line


def test_a_taken_name_is_refused_before_the_gateway_gets_another() -> None:
    with pytest.raises(pulumi.RunError) as raised:
        run_program(smallest(), devices=[device(7, "openclaw-home")], preview=True)
    assert str(raised.value) == (
        f"home: the name openclaw-home.example.ts.net is taken by device n7CNTRL (openclaw-home.example.ts.net, last seen "
        f"{SEEN}); the gateway would become openclaw-home-1.example.ts.net. Nothing of it was deployed. Choose another "
        "tailscale.hostname for home, or rename that device, or remove it: " + removal(7)
    )


def test_a_gateway_that_has_another_name_already_is_only_warned_of() -> None:
    # Refusing would mend nothing, and would stop all other changes.
    renamed = device(2, "openclaw-home-1", "tag:openclaw-home")
    (line,) = told(smallest(), device(7, "openclaw-home"), renamed)
    assert line.startswith("home: device n2CNTRL (openclaw-home-1.example.ts.net, tag:openclaw-home")
    assert (
        "is not named openclaw-home.example.ts.net, so the gateway's address does not lead to it: device n7CNTRL"
        in line
    )


def test_a_chosen_name_is_looked_for_too() -> None:
    with pytest.raises(pulumi.RunError, match=r"the name lab\.example\.ts\.net is taken by device n7CNTRL"):
        run_program(smallest(tailscale={"hostname": "lab"}), devices=[device(7, "lab", "tag:openclaw-lab")])


def test_a_disabled_instance_takes_no_name() -> None:
    assert told(smallest(tailscale={"enabled": False}), device(7, "openclaw-home")) == []


def test_a_credential_that_may_not_list_devices_is_told_and_stops_nothing() -> None:
    graph = run_program(smallest(), devices=OSError("GET tailnet/-/devices: not permitted (403)"))
    (line,) = [line for line in graph.logs if "devices" in line]
    assert line.endswith(
        "(GET tailnet/-/devices: not permitted (403)). The API credential needs the scope devices:core:read."
    )
    assert graph.one("Deployment", "home-gateway")


def test_an_external_tailnet_is_asked_nothing() -> None:
    config = smallest(tailscale={"authKey": {"value": "tskey-auth-x"}})
    config["tailnet"]["ownership"] = "external"
    assert told(config, device(7, "openclaw-home")) == []
