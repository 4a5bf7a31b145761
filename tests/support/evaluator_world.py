"""One small tailnet, and the evaluator on policies in it."""

import json
from typing import Any

import pytest

from components.tailnet.evaluator import Device, Evaluator, Network, Policy, PolicyError, User

ALICE, BOB, GW, CI = "alice@example.com", "bob@example.com", "tag:gw", "tag:ci"
NAMES: dict[str, Any] = {
    "groups": {"group:users": [ALICE, "carol@example.com"], "group:nobody": []},
    "tagOwners": {GW: ["autogroup:admin"], CI: []},
    "hosts": {"printer": "192.168.7.9", "office": "192.168.0.0/16"},
    "ipsets": {"ipset:lab": ["office", "remove 192.168.7.0/24", "add 10.1.0.5-10.1.0.7"]},
}
NETWORK = Network(
    [
        Device("laptop", ("100.64.0.1", "fd7a:115c:a1e0::1"), user=ALICE),
        Device("phone", ("100.64.0.2", "fd7a:115c:a1e0::2"), user=BOB),
        Device("gateway", ("100.64.0.3", "fd7a:115c:a1e0::3"), tags=(GW,)),
        Device("runner", ("100.64.0.4", "fd7a:115c:a1e0::4"), tags=(CI,)),
        Device("router", ("100.64.0.5", "fd7a:115c:a1e0::5"), tags=(CI,), routes=("192.168.0.0/16", "0.0.0.0/0")),
    ],
    [User(ALICE, "admin"), User(BOB, "member")],
)
# With every device known, with none, and with some that joined among others.
NETWORKS = [NETWORK, Network(), Network(users=[User(ALICE), User(BOB, "admin")], joined=NETWORK.devices)]


def evaluator(network: Network | None = None, **sections: Any) -> Evaluator:
    return Evaluator(Policy.parse(json.dumps({**NAMES, **sections})), network)


def assert_refused(message: str, place: str = "", **sections: Any) -> None:
    """The policy is refused with this message, and its place is told once: by the message, or beside it."""
    with pytest.raises(PolicyError) as refused:
        evaluator(**sections)
    assert refused.value.message == message
    assert (refused.value.place or message).startswith(place)


def grant(src: str, dst: str, *ip: str, **more: Any) -> dict[str, Any]:
    return {"src": [src], "dst": [dst], "ip": list(ip), **more}
