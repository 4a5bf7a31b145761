"""Evaluates NetworkPolicies and tailnet policies, so that tests ask who reaches what instead of comparing texts."""

import functools
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from components.tailnet import hujson
from tests.support.graph import Resource

# One of each range that must stay out of reach: private, shared, metadata, loopback, benchmark, multicast, the tailnet's own.
PRIVATE_ADDRESSES: Final = (
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255", "192.0.0.8"),
    *("169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.100", "100.127.255.254", "127.0.0.1", "0.0.0.0"),
    *("198.18.0.1", "224.0.0.1", "255.255.255.255", "fd7a:115c:a1e0::1", "fc00::1", "fdff::1", "fe80::1", "::1", "::"),
    *("ff02::1", "64:ff9b::a00:1", "fd00:ec2::254", "64:ff9b:1::1", "2002:a00:1::1", "fec0::1", "::ffff:10.0.0.1"),
    *("2001:0:1::1", "100::1", "5f00::1", "::10.0.0.1", "168.63.129.16", "192.88.99.1"),
)
PUBLIC_ADDRESSES: Final = ("1.1.1.1", "8.8.8.8", "203.0.114.9", "2606:4700::1111", "100.128.0.1", "172.32.0.1")


_network = functools.cache(ipaddress.ip_network)


def _in_block(address: str, block: Mapping[str, Any]) -> bool:
    wanted = ipaddress.ip_address(address)
    return wanted in _network(block["cidr"]) and not any(wanted in _network(hole) for hole in block.get("except", []))


def selects(policy: Resource, labels: Mapping[str, str]) -> bool:
    """True when the policy applies to a pod with these labels."""
    selector = policy.plain["spec"]["podSelector"]
    assert set(selector) <= {"matchLabels"}
    return selector.get("matchLabels", {}).items() <= labels.items()


def may_leave(policies: Iterable[Resource], labels: Mapping[str, str], address: str, protocol: str, port: int) -> bool:
    """True when a pod may open a connection to an address. Egress is closed as soon as any policy selects the pod."""
    chosen = [
        policy for policy in policies if selects(policy, labels) and "Egress" in policy.plain["spec"]["policyTypes"]
    ]
    return not chosen or any(
        any(_in_block(address, peer["ipBlock"]) for peer in rule["to"] if "ipBlock" in peer)
        and any(open_["protocol"] == protocol and open_.get("port", port) == port for open_ in rule["ports"])
        for policy in chosen
        for rule in policy.plain["spec"].get("egress", [])
    )


def entrances(policies: Iterable[Resource], labels: Mapping[str, str]) -> list[Any] | None:
    """The ingress rules of a pod, or None when nothing closes its ingress."""
    chosen = [
        policy for policy in policies if selects(policy, labels) and "Ingress" in policy.plain["spec"]["policyTypes"]
    ]
    return [rule for policy in chosen for rule in policy.plain["spec"].get("ingress", [])] if chosen else None


class TailnetPolicy:
    """A policy as a control server reads it; only what ours may contain."""

    def __init__(self, text: str) -> None:
        self.data: dict[str, Any] = hujson.loads_object(text)
        assert set(self.data) <= {"groups", "tagOwners", "grants", "tests"}, "a part that nobody checks here"
        self.groups: Mapping[str, Sequence[str]] = self.data.get("groups", {})

    def people(self, source: str) -> set[str]:
        """The logins or tags behind a source. Groups that are defined elsewhere stand for themselves."""
        return set(self.groups.get(source, [source]))

    def accepts(self, source: str, tag: str, port: int, protocol: str = "tcp") -> bool:
        """True when a device of `source` may connect."""
        members = self.people(source)
        return any(
            all(any(member in self.people(allowed) for allowed in grant["src"]) for member in members)
            and tag in grant["dst"]
            and f"{protocol}:{port}" in grant["ip"]
            for grant in self.data["grants"]
        )

    def failures(self) -> list[str]:
        """Those of the policy's own tests that do not hold; a control server refuses a policy that has any."""
        failed: list[str] = []
        for test in self.data.get("tests", []):
            for wanted in ("accept", "deny"):
                for target in test.get(wanted, []):
                    tag, port = target.rsplit(":", 1)
                    if self.accepts(test["src"], tag, int(port), test["proto"]) != (wanted == "accept"):
                        failed.append(f"{test['src']} {wanted} {target}")
        return failed
