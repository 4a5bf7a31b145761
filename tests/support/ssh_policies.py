"""SSH rules, and devices to try them on."""

from typing import Any

from components.tailnet.evaluator import Device, Network, User
from tests.support.evaluator_world import ALICE, BOB, CI, GW

LAPTOPS = Network(
    [
        Device("laptop", ("100.64.0.1",), user=ALICE),
        Device("phone", ("100.64.0.2",), user=BOB),
        Device("tablet", ("100.64.0.6",), user=ALICE),
        Device("gateway", ("100.64.0.3",), tags=(GW,)),
        Device("runner", ("100.64.0.4",), tags=(CI,)),
        Device("spare", ("100.64.0.5",), tags=(CI,)),
    ],
    [User(ALICE, "admin"), User(BOB)],
)


def ssh(src: str | list[str], dst: str | list[str], *users: str, action: str = "accept", **more: Any) -> dict[str, Any]:
    lists = {"src": [src] if isinstance(src, str) else src, "dst": [dst] if isinstance(dst, str) else dst}
    return {"action": action, **lists, "users": list(users or ("root",)), **more}
