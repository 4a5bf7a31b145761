"""Networks that a pod may be allowed to reach, and those that it never may, whoever lists them."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator

from components.constants import METADATA_CIDRS, NEVER_CIDRS, PRIVATE_CIDRS_V4, PRIVATE_CIDRS_V6, TAILNET_CIDRS
from components.settings.text import Text

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WRITTEN = re.compile(r"[0-9A-Fa-f.:]{2,45}/(0|[1-9][0-9]{0,2})")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")
# Shorter prefixes hold whole countries. Together, the rules of one pod may open as much as some of the widest.
_SHORTEST: Final = {4: 8, 6: 16}
_TOGETHER: Final = {4: 2 ** (32 - 4), 6: 2 ** (128 - 12)}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

_REFUSED: Final = {
    "covers a metadata service, which hands out the machine's own credentials": METADATA_CIDRS,
    "covers addresses of the tailnet, which are reached through Tailscale only": TAILNET_CIDRS,
    "covers addresses that belong to no host: loopback, link-local, multicast, reserved or translated ones": NEVER_CIDRS,
}
_NETWORKS: Final = {reason: tuple(ipaddress.ip_network(cidr) for cidr in cidrs) for reason, cidrs in _REFUSED.items()}

_PRIVATE: Final = tuple(ipaddress.ip_network(cidr) for cidr in (*PRIVATE_CIDRS_V4, *PRIVATE_CIDRS_V6))


def is_public(address: Address) -> bool:
    """Says whether every pod reaches an address as a part of the internet (I6)."""
    return not any(address in network for network in _PRIVATE)


def _translated(network: Network) -> Network:
    """The IPv4 network behind addresses of NAT64, else the network itself."""
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_NAT64):
        return ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def overlap(one: Network, other: Network) -> bool:
    """Says whether two networks have an address in common."""
    return one.version == other.version and one.overlaps(other)


def _cidr(value: str) -> str:
    try:
        written = ipaddress.ip_network(value) if _WRITTEN.fullmatch(value) else None
    except ValueError:
        written = None
    if written is None:
        raise ValueError(
            "is not a CIDR. Write the network's first address and the length of its prefix, such as 10.1.2.0/24 or "
            "10.1.2.3/32"
        )
    network = _translated(written)
    if network.prefixlen == 0:
        raise ValueError("would open everything. List the networks that the pod needs")
    if network.prefixlen < _SHORTEST[network.version]:
        raise ValueError(
            f"is too wide. List the networks that the pod needs, with prefixes of /{_SHORTEST[network.version]} or longer"
        )
    for reason, refused in _NETWORKS.items():
        if any(overlap(network, other) for other in refused):
            raise ValueError(f"{reason}. List the networks that the pod needs, without it")
    if overlap(network, _NAT64):
        raise ValueError("covers all of IPv4 by translation. List the networks that the pod needs")
    return value


def open_nearly_everything(cidrs: Iterable[str]) -> bool:
    """Says whether networks that are each narrow enough are together as wide as the internet."""
    networks = [_translated(ipaddress.ip_network(cidr)) for cidr in cidrs]
    v4 = ipaddress.collapse_addresses(one for one in networks if isinstance(one, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(one for one in networks if isinstance(one, ipaddress.IPv6Network))
    return any(
        sum(network.num_addresses for network in together) > _TOGETHER[version]
        for version, together in ((4, list(v4)), (6, list(v6)))
    )


Cidr = Annotated[Text, AfterValidator(_cidr)]


def _dns_address(value: str) -> str:
    """Metadata addresses may stand here: some clouds answer DNS there, and no other port of theirs is opened."""
    try:
        address = ipaddress.ip_address(value) if _ADDRESS.fullmatch(value) else None
    except ValueError:
        address = None
    if address is None:
        raise ValueError(
            "is not an IP address. Write the one that pods have in /etc/resolv.conf, such as 169.254.20.10"
        )
    alone = ipaddress.ip_network(address)
    if any(overlap(_translated(alone), ipaddress.ip_network(cidr)) for cidr in (*TAILNET_CIDRS, *NEVER_CIDRS)):
        raise ValueError(
            "is no address of a DNS server that a pod can ask: it is of the tailnet, loopback, link-local IPv6, multicast or "
            "reserved. Write the one that pods have in /etc/resolv.conf, such as 169.254.20.10"
        )
    return value


DnsAddress = Annotated[Text, AfterValidator(_dns_address)]
