"""Sets of addresses as sorted, disjoint intervals: one line of integers holds IPv4 first, then IPv6."""

import heapq
import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

_V6: Final = 1 << 32
V4_ALL: Final = (0, _V6 - 1)
V6_ALL: Final = (_V6, _V6 + (1 << 128) - 1)
EVERYTHING: Final[Ranges] = (V4_ALL, V6_ALL)
# The longest text of an address with its prefix, twice, and a dash.
_LONGEST: Final = 100


def point(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """The address's place on the line."""
    return int(address) if address.version == 4 else _V6 + int(address)


def parse(text: str) -> Ranges:
    """An address, a CIDR (host bits allowed) or `first-last`, in the forms that the control server takes.

    Raises ValueError for anything else, also for what Python would read: netmasks, zones, IPv4 inside of IPv6.
    """
    if len(text) > _LONGEST:
        raise ValueError("too long for an address")
    first, dash, last = text.partition("-")
    if dash:
        lower, upper = _address(first), _address(last)
        if lower.version != upper.version or int(lower) > int(upper):
            raise ValueError(f"{text} is not a range of addresses")
        return ((point(lower), point(upper)),)
    base, slash, bits = text.partition("/")
    address = _address(base)
    if not slash:
        return ((point(address), point(address)),)
    if not (bits.isascii() and bits.isdigit()) or (len(bits) > 1 and bits.startswith("0")):
        raise ValueError(f"{bits} is not the length of a prefix")
    host_bits = address.max_prefixlen - int(bits)
    if host_bits < 0:
        raise ValueError(f"{bits} is longer than an address")
    low = point(type(address)(int(address) >> host_bits << host_bits))
    return ((low, low + (1 << host_bits) - 1),)


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
    """The part of `left` that is not in `right`."""
    return layered([(True, left), (False, right)])


def layered(layers: Sequence[tuple[bool, Ranges]]) -> Ranges:
    """Each layer adds its addresses to those of the layers before it (True), or removes them (False)."""
    starts = sorted((low, -place, high) for place, (_, ranges) in enumerate(layers) for low, high in ranges)
    kept: list[tuple[int, int]] = []
    # The layers over the current address, the last one on top; those that ended stay until they come to the top.
    over: list[tuple[int, int]] = []
    index = 0
    at = starts[0][0] if starts else 0
    while index < len(starts) or over:
        while index < len(starts) and starts[index][0] <= at:
            heapq.heappush(over, (starts[index][1], starts[index][2]))
            index += 1
        while over and over[0][1] < at:
            heapq.heappop(over)
        following = starts[index][0] if index < len(starts) else None
        if not over:
            if following is None:
                break
            at = following
            continue
        place, high = over[0]
        end = high if following is None else min(high, following - 1)
        if layers[-place][0]:
            kept.append((at, end))
        at = end + 1
    return union([tuple(kept)])


def overlap(left: Ranges, right: Ranges) -> bool:
    """True when any address is in both."""
    fewer, more = sorted((left, right), key=len)
    for low, high in fewer:
        place = bisect_right(more, (high, V6_ALL[1])) - 1
        if place >= 0 and more[place][1] >= low:
            return True
    return False


def within(inner: Ranges, outer: Ranges) -> bool:
    """True when every address of `inner` is in `outer`."""
    for low, high in inner:
        place = bisect_right(outer, (low, V6_ALL[1])) - 1
        if place < 0 or outer[place][1] < high:
            return False
    return True


def single(ranges: Ranges) -> bool:
    """True when it is one address."""
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id is not None or address.ipv4_mapped is not None):
        raise ValueError(f"{text} is not an address of a policy")
    return address


# Every device has one address in each. The gap is ChromeOS's own network, which the hosted service leaves out of `*`.
TAILNET_V4: Final = minus(parse("100.64.0.0/10"), parse("100.115.92.0/23"))
TAILNET_V6: Final = parse("fd7a:115c:a1e0::/48")
TAILNET: Final = union([TAILNET_V4, TAILNET_V6])
EXIT_ROUTES: Final = (parse("0.0.0.0/0"), parse("::/0"))
# autogroup:internet: what is public.
INTERNET: Final = minus(
    union([parse("0.0.0.0/0"), parse("2000::/3")]),
    union(map(parse, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"))),
)
