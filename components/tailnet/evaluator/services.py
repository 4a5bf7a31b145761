"""Protocols and ports of rules: `tcp:443`, `80-443`, `*`, and the `proto` of a legacy rule."""

from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator.errors import PolicyError

TCP, UDP, SCTP = 6, 17, 132
_NUMBERS: Final = {
    "icmp": 1,
    "igmp": 2,
    "ipv4": 4,
    "ip-in-ip": 4,
    "tcp": TCP,
    "egp": 8,
    "igp": 9,
    "udp": UDP,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "sctp": SCTP,
    "fc": 133,
}
WITH_PORTS: Final = (TCP, UDP, SCTP)
# What a client takes a rule without a protocol for: ICMP, TCP, UDP, ICMPv6.
DEFAULT: Final = frozenset({1, TCP, UDP, 58})
ALL_PORTS: Final = (0, 65535)


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
        names = {number: name for name, number in _NUMBERS.items()}
        return f"{','.join(names.get(number, str(number)) for number in sorted(self.protocols))}:{ports}"


def protocol(text: str) -> int:
    """The number of a protocol given by name or number. Raises PolicyError."""
    word = text.strip().lower()
    if word in _NUMBERS:
        return _NUMBERS[word]
    if word == "*":
        raise PolicyError('proto name "*" not known; use protocol number 0-255 or protocol name (icmp, tcp, udp, etc.)')
    if not (word.isascii() and word.isdigit()):
        raise PolicyError(
            f'proto name "{text}" not known; use protocol number 0-255 or protocol name (icmp, tcp, udp, etc.)'
        )
    if word == "0" or word.startswith("0"):
        raise PolicyError(f'leading 0 not permitted in protocol number: "{text}"')
    if int(word) > 255:
        raise PolicyError(f"protocol number out of range (0-255): {word}")
    return int(word)


def protocols(text: str) -> frozenset[int]:
    """The protocols of a legacy rule or a test; none named means the default ones."""
    return frozenset({protocol(text)}) if text else DEFAULT


def ports(text: str) -> tuple[tuple[int, int], ...]:
    """`*`, `443`, `80-443` or several with commas. Raises PolicyError."""
    if text == "*":
        return (ALL_PORTS,)
    return tuple(_port_range(text, part) for part in text.split(","))


def of_grant(text: str) -> tuple[Service, ...]:
    """One entry of a grant's `ip`."""
    if text.count(":") > 1:
        raise PolicyError(f'expected only one colon in Internet protocol and port type: "{text}"')
    name, colon, rest = text.rpartition(":")
    numbers = frozenset({protocol(name)}) if colon else DEFAULT
    return tuple(Service(numbers, first, last) for first, last in ports(rest))


def _port_range(whole: str, part: str) -> tuple[int, int]:
    if part == "*":
        return ALL_PORTS
    words = part.split("-")
    for word, which in zip(words, ("first", "second"), strict=False):
        if not (word.isascii() and word.isdigit()):
            raise PolicyError(f'port range "{whole}": invalid {which} integer')
    numbers = [int(word) for word in words]
    if len(numbers) > 2:
        raise PolicyError(f'port range "{whole}": invalid port range format')
    if max(numbers) > 65535:
        raise PolicyError(f'port range "{whole}": port number out of range')
    if numbers == [0]:
        raise PolicyError(f"port range \"{whole}\": first port must be >0, or use '*' for wildcard")
    if numbers[0] > numbers[-1]:
        raise PolicyError(f'port range "{whole}": invalid port range: first port is greater than last port')
    return numbers[0], numbers[-1]
