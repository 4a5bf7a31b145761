"""Protocols and ports of rules: `tcp:443`, `80-443`, `*`, and the `proto` of a legacy rule."""

from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator.errors import PolicyError, quoted

TCP, UDP, SCTP = 6, 17, 132
_NUMBERS: Final = {
    "icmp": 1,
    "icmpv4": 1,
    "igmp": 2,
    "ipv4": 4,
    "ip-in-ip": 4,
    "tcp": TCP,
    "egp": 8,
    "igp": 9,
    "udp": UDP,
    "dccp": 33,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "tsmp": 99,
    "sctp": SCTP,
    "fc": 133,
}
# The first of two names is the one that is shown.
_NAMES: Final = {number: name for name, number in reversed(_NUMBERS.items())}
WITH_PORTS: Final = (TCP, UDP, SCTP)
# What a client takes a rule without a protocol for: ICMP, TCP, UDP, ICMPv6.
DEFAULT: Final = frozenset({1, TCP, UDP, 58})
ALL_PORTS: Final = (0, 65535)
Ports = tuple[int, int]


@dataclass(frozen=True)
class Service:
    """Ports `first` to `last` of some protocols."""

    protocols: frozenset[int]
    first: int
    last: int

    def __contains__(self, flow: tuple[int, int]) -> bool:
        number, port = flow
        return number in self.protocols and self.first <= port <= self.last

    def __str__(self) -> str:
        ports = (
            "*" if (self.first, self.last) == ALL_PORTS else f"{self.first}-{self.last}".removesuffix(f"-{self.first}")
        )
        if self.protocols == DEFAULT:
            return ports
        return f"{','.join(_NAMES.get(number, str(number)) for number in sorted(self.protocols))}:{ports}"


def protocol(text: str) -> int:
    """The number of a protocol given by name or number. Raises PolicyError."""
    word = text.lower()
    if word in _NUMBERS:
        return _NUMBERS[word]
    if not (word.isascii() and word.isdigit()):
        raise PolicyError(
            f"proto name {quoted(text)} not known; use protocol number 0-255 or protocol name (icmp, tcp, udp, etc.)"
        )
    if word.startswith("0"):
        raise PolicyError(f"leading 0 not permitted in protocol number: {quoted(text)}")
    if len(word) > 3 or int(word) > 255:
        raise PolicyError(f"protocol number out of range (0-255): {word[:20]}")
    return int(word)


def protocols(text: str) -> frozenset[int]:
    """The protocols of a legacy rule or a test; none named means the default ones."""
    return frozenset({protocol(text)}) if text else DEFAULT


def ports(text: str) -> tuple[Ports, ...]:
    """`*`, `443`, `80-443` or several with commas. Raises PolicyError, in the words of the hosted service's parser."""
    if text == "*":
        return (ALL_PORTS,)
    try:
        return tuple(map(_port_range, text.split(",")))
    except _WrongPortsError as error:
        raise PolicyError(f"port range {quoted(text)}: {error}") from None


def of_grant(text: str) -> tuple[Service, ...]:
    """One entry of a grant's `ip`."""
    if not text:
        raise PolicyError("empty string")
    if text.count(":") > 1:
        raise PolicyError(f"expected only one colon in Internet protocol and port type: {quoted(text)}")
    name, colon, rest = text.rpartition(":")
    if colon and not name:
        raise PolicyError("empty protocol")
    numbers = frozenset({protocol(name)}) if colon and name != "*" else DEFAULT
    return tuple(Service(numbers, first, last) for first, last in ports(rest))


class _WrongPortsError(Exception):
    """With the reason alone."""


def _port_range(part: str) -> Ports:
    if part.count("-") > 1:
        raise _WrongPortsError("too many dashes(-)")
    word, dash, last_word = part.partition("-")
    first = _number(word)
    if first is None:
        raise _WrongPortsError("invalid first integer")
    last = _number(last_word) if dash else first
    if last is None:
        raise _WrongPortsError("invalid last integer")
    if first > ALL_PORTS[1] or last > ALL_PORTS[1]:
        raise _WrongPortsError("port number out of range")
    if first == 0 and not dash:
        raise _WrongPortsError("first port must be >0, or use '*' for wildcard")
    if first > last:
        # The hosted service's words, which have it the wrong way round.
        raise _WrongPortsError("first port must be >= last port")
    return first, last


def _number(word: str) -> int | None:
    """A number of digits and nothing else, or None. Those that are much too long are out of range, whatever they are."""
    if not (word.isascii() and word.isdigit()):
        return None
    digits = word.lstrip("0")
    return int(digits or "0") if len(digits) <= 9 else ALL_PORTS[1] + 1
