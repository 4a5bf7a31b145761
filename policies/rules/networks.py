"""Which addresses a network covers: private, of metadata services, of the tailnet (I6)."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from components.constants import METADATA_CIDRS, TAILNET_CIDRS

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*cidrs: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)


PRIVATE: Final = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
    *("fc00::/7", "fe80::/10"),
)
# IPv4 by translation: what is private there is private here.
_TRANSLATED: Final = _networks("64:ff9b::/96")
_METADATA: Final = _networks(*METADATA_CIDRS)
_NEVER: Final = (*_METADATA, *_networks(*TAILNET_CIDRS, "127.0.0.0/8", "::1/128"))
# What a rule may list by name: private networks that are no metadata service's, and no tailnet's.
LISTABLE: Final = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


@lru_cache(maxsize=4096)
def network(written: str) -> Network | None:
    """The network that a text is, or None."""
    if len(written) > 60:
        return None
    try:
        return ipaddress.ip_network(written, strict=False)
    except ValueError:
        return None


def is_never(cidr: Network) -> bool:
    """Says whether a network lies in, or is, what no rule may open: metadata, tailnet, loopback."""
    return any(_within(cidr, other) for other in _NEVER)


def is_metadata_host(cidr: Network) -> bool:
    """Says whether a network is one address among those of metadata services."""
    return cidr.num_addresses == 1 and any(_within(cidr, other) for other in _METADATA)


def reaches_private(cidr: Network, excepted: Sequence[Network], allowed: Sequence[Network] = ()) -> bool:
    """Says whether a network without the excepted ones has private addresses that nobody allowed."""
    return _reaches_private(cidr, (*excepted, *allowed))


@lru_cache(maxsize=1024)
def _reaches_private(cidr: Network, covers: tuple[Network, ...]) -> bool:
    return any(
        not _covered(part, covers)
        for private in (*PRIVATE, *_TRANSLATED)
        if (part := _common(cidr, private)) is not None
    )


def is_listed(cidr: Network, allowed: Iterable[Network]) -> bool:
    return any(_within(cidr, one) for one in allowed)


def _common(one: Network, other: Network) -> Network | None:
    if _within(one, other):
        return one
    return other if _within(other, one) else None


def _within(one: Network, other: Network) -> bool:
    return one.version == other.version and one.prefixlen >= other.prefixlen and one.network_address in other


def _covered(part: Network, covers: Iterable[Network]) -> bool:
    """Says whether networks together cover another one."""
    inside = [one for one in covers if one.version == part.version and one.overlaps(part)]
    if any(_within(part, one) for one in inside):
        return True
    together = sum(one.num_addresses for one in _collapsed(inside))
    return together >= part.num_addresses


def _collapsed(networks: Sequence[Network]) -> list[Network]:
    v4 = [one for one in networks if isinstance(one, ipaddress.IPv4Network)]
    v6 = [one for one in networks if isinstance(one, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(v4), *ipaddress.collapse_addresses(v6)]
