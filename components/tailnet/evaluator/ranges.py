"""Sets of addresses as sorted, disjoint intervals: one line of integers holds IPv4 first, then IPv6."""

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

_V6: Final = 1 << 32
V4_ALL: Final = (0, _V6 - 1)
V6_ALL: Final = (_V6, _V6 + (1 << 128) - 1)
EVERYTHING: Final[Ranges] = (V4_ALL, V6_ALL)


def point(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """The address's place on the line."""
    return int(address) if address.version == 4 else _V6 + int(address)


def parse(text: str) -> Ranges:
    """An address, a CIDR (host bits allowed) or `first-last`. Raises ValueError for anything else."""
    first, dash, last = text.partition("-")
    if dash:
        lower, upper = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        if lower.version != upper.version or int(lower) > int(upper):
            raise ValueError(f"{text} is not a range of addresses")
        return ((point(lower), point(upper)),)
    network = ipaddress.ip_network(text, strict=False)
    return ((point(network.network_address), point(network.broadcast_address)),)


def union(sets: Iterable[Ranges]) -> Ranges:
    """All of them, merged."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(interval for ranges in sets for interval in ranges):
        # The last IPv4 and the first IPv6 address are neighbours on the line only.
        if merged and low <= merged[-1][1] + 1 and low != _V6:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def minus(left: Ranges, right: Ranges) -> Ranges:
    """What of `left` is not in `right`."""
    rest = list(left)
    for low, high in right:
        rest = [
            part
            for start, end in rest
            for part in ((start, min(end, low - 1)), (max(start, high + 1), end))
            if part[0] <= part[1]
        ]
    return tuple(sorted(set(rest)))


def overlap(left: Ranges, right: Ranges) -> bool:
    """Whether any address is in both."""
    return any(low <= end and start <= high for low, high in left for start, end in right)


def within(inner: Ranges, outer: Ranges) -> bool:
    """Whether every address of `inner` is in `outer`."""
    return not minus(inner, outer)


# Every device has one address in each. The gap is ChromeOS's own network, which the hosted service leaves out of `*`.
TAILNET_V4: Final = minus(parse("100.64.0.0/10"), parse("100.115.92.0/23"))
TAILNET_V6: Final = parse("fd7a:115c:a1e0::/48")
TAILNET: Final = union([TAILNET_V4, TAILNET_V6])
EXIT_ROUTES: Final = (parse("0.0.0.0/0"), parse("::/0"))
