"""The table of flows: who may send what to whom, in each form of an instance. Tried with packets (tests/e2e/test_flows.py), and
judged by an evaluator that is not ours (tests/engine/test_flows_judged.py).

`python -m tests.support.flows` writes it into docs/security.md.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.constants import METADATA_CIDRS, PRIVATE_CIDRS_V4, PRIVATE_CIDRS_V6, TAILNET_CIDRS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The forms of an instance, by what is set about its sidecar.
FORMS: Final[dict[str, dict[str, Any]]] = {
    "tun": {},
    "metrics": {"metrics": True},
    "userspace": {"mode": "userspace"},
    "off": {"enabled": False},
}
EACH: Final = frozenset(FORMS)
NEVER: Final[frozenset[str]] = frozenset()
WITH_SIDECAR: Final = EACH - {"off"}

# Places, as the rows name them.
GATEWAY: Final = "the gateway's pod"
NEIGHBOUR: Final = "another pod of its namespace"
STRANGER: Final = "a pod of another namespace"
MONITORING: Final = "a pod of the monitoring namespace"
NOT_DNS: Final = "a pod of kube-system that is not DNS"
OTHER: Final = "the other gateway's pod"
DNS: Final = "the cluster's DNS"
NODE: Final = "the Kubernetes node"
INTERNET: Final = "the internet"
PRIVATE: Final = "private and special ranges"
METADATA: Final = "metadata services"
TAILNET: Final = "the tailnet's range"
API: Final = "the API server"
LISTED: Final = "an address and port of `extraEgress`"
LISTS: Final[dict[str, Any]] = {
    "cidr": "10.9.8.0/24",
    "ports": [{"port": 8443}, {"port": 5001, "protocol": "UDP"}],
}
UNLISTED: Final = "that address, another port"


@dataclass(frozen=True)
class Flow:
    """One row: packets of these services (`tcp 443`) from one place to another. `wanted`: the forms in which they arrive."""

    source: str
    target: str
    services: tuple[str, ...]
    wanted: frozenset[str]

    @property
    def judged(self) -> bool:
        """An evaluator of policies can tell. What a node sends to its own pods is no matter of policies."""
        return self.source != NODE


# Open on every pod of the tests; none of them is a port of the gateway's or the sidecar's own.
ANY: Final = ("tcp 443", "tcp 8080", "udp 5000")
# What a gateway and its sidecar listen on.
OURS: Final = ("tcp 18789", "tcp 9002", *ANY)

FLOWS: Final = (
    Flow(GATEWAY, INTERNET, ("tcp 443",), EACH),
    Flow(GATEWAY, INTERNET, ("udp 3478", "udp 41641", "udp 53"), WITH_SIDECAR),
    Flow(GATEWAY, INTERNET, ("tcp 22", "tcp 53", "tcp 80", "tcp 8443"), NEVER),
    Flow(GATEWAY, PRIVATE, ("tcp 443", "tcp 22", "udp 53", "udp 41641"), NEVER),
    Flow(GATEWAY, METADATA, ("tcp 80", "tcp 443", "udp 53"), NEVER),
    Flow(GATEWAY, TAILNET, ("tcp 443", "udp 41641"), NEVER),
    Flow(GATEWAY, API, ("tcp 443", "tcp 6443"), NEVER),
    Flow(GATEWAY, NODE, ("tcp 22", "tcp 53", "tcp 10250", "udp 53"), NEVER),
    Flow(GATEWAY, LISTED, ("tcp 8443", "udp 5001"), EACH),
    Flow(GATEWAY, UNLISTED, ("tcp 443", "tcp 5001", "udp 8443"), NEVER),
    Flow(GATEWAY, DNS, ("tcp 53", "udp 53"), EACH),
    Flow(GATEWAY, DNS, ANY, NEVER),
    Flow(GATEWAY, NOT_DNS, ("tcp 53", "udp 53", *ANY), NEVER),
    Flow(GATEWAY, NEIGHBOUR, ANY, NEVER),
    Flow(GATEWAY, STRANGER, ANY, NEVER),
    Flow(GATEWAY, MONITORING, ANY, NEVER),
    Flow(GATEWAY, OTHER, OURS, NEVER),
    Flow(NEIGHBOUR, INTERNET, ("tcp 443", "udp 41641"), NEVER),
    Flow(NEIGHBOUR, METADATA, ("tcp 80",), NEVER),
    Flow(NEIGHBOUR, DNS, ("udp 53",), NEVER),
    Flow(NEIGHBOUR, GATEWAY, OURS, NEVER),
    Flow(STRANGER, GATEWAY, OURS, NEVER),
    Flow(STRANGER, NEIGHBOUR, ANY, NEVER),
    Flow(MONITORING, GATEWAY, ("tcp 9002",), frozenset({"metrics"})),
    Flow(MONITORING, GATEWAY, ("tcp 18789", *ANY), NEVER),
    Flow(NOT_DNS, GATEWAY, OURS, NEVER),
    Flow(INTERNET, GATEWAY, OURS, NEVER),
    Flow(NODE, GATEWAY, OURS, EACH),
)


def edges(blocks: tuple[str, ...], *, inside: bool) -> Iterator[str]:
    """The first and last addresses of the blocks; or those just outside, where no other block of them is."""
    networks = [ipaddress.ip_network(block) for block in blocks]
    for network in networks:
        ends = int(network.network_address), int(network.broadcast_address)
        if inside:
            yield from (str(type(network.network_address)(end)) for end in ends)
            continue
        for number in (ends[0] - 1, ends[1] + 1):
            if 0 <= number < 1 << network.max_prefixlen:
                address = type(network.network_address)(number)
                if not any(address in other for other in networks):
                    yield str(address)


def sent(address: str) -> bool:
    """A pod's kernel sends a packet to this address: no loopback, multicast or reserved one."""
    one = ipaddress.ip_address(address)
    return not (one.is_loopback or one.is_multicast or one.is_reserved or int(one) >> 24 == 0)


def addresses(version: int) -> dict[str, list[str]]:
    """The addresses behind the places that are no pods: of IPv4, or of IPv6."""
    private = PRIVATE_CIDRS_V4 if version == 4 else PRIVATE_CIDRS_V6

    def of(blocks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(block for block in blocks if ipaddress.ip_network(block).version == version)

    known = {
        4: ["169.254.169.254", "169.254.170.2", "192.0.0.192", "100.100.100.200", "168.63.129.16"],
        6: ["fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe"],
    }[version]
    return {
        INTERNET: [*edges(private, inside=False), "1.1.1.1" if version == 4 else "2606:4700::1111"],
        PRIVATE: list(edges(private, inside=True)),
        METADATA: [*known, *edges(of(METADATA_CIDRS), inside=True)],
        TAILNET: list(edges(of(TAILNET_CIDRS), inside=True)),
        API: ["10.96.0.1"] if version == 4 else ["fd00:10:96::1"],
    } | ({LISTED: ["10.9.8.0", "10.9.8.255"], UNLISTED: ["10.9.8.0", "10.9.8.255"]} if version == 4 else {})


_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- flows -->\n", "<!-- end of flows -->"


def table() -> str:
    """The rows as Markdown."""
    heads = ("from", "to", "services", *FORMS)
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for flow in FLOWS:
        marks = ["yes" if form in flow.wanted else "no" for form in FORMS]
        lines.append(f"| {' | '.join((flow.source, flow.target, ', '.join(flow.services), *marks))} |")
    return "\n".join(lines) + "\n"


def documented() -> str:
    """The table as docs/security.md has it."""
    return _DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = _DOCUMENT.read_text().partition(BEGIN)
    _DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}")
