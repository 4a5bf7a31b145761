"""What rules name: people, groups, tags, autogroups, hosts, ipsets and addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.errors import PolicyError
from components.tailnet.evaluator.ranges import Ranges

Kind: TypeAlias = Literal[
    "any",
    "danger-all",
    "people",
    "tag",
    "member",
    "tagged",
    "self",
    "internet",
    "role",
    "shared",
    "addresses",
    "unknown",
]

_AUTOGROUPS: Final[dict[str, Kind]] = {
    "member": "member",
    "members": "member",
    "tagged": "tagged",
    "self": "self",
    "internet": "internet",
    "danger-all": "danger-all",
    "shared": "shared",
    **dict.fromkeys(("owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor"), "role"),
}


@dataclass(frozen=True)
class Selector:
    """One name of a rule, resolved: `people` are logins, `addresses` ranges; `text` is as written."""

    text: str
    kind: Kind
    people: frozenset[str] = frozenset()
    addresses: Ranges = ()


@dataclass(frozen=True)
class Definitions:
    """The names that a policy defines."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    tags: frozenset[str] = frozenset()
    hosts: Mapping[str, Ranges] = field(default_factory=dict[str, Ranges])
    ipsets: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def selector(self, text: str, side: str = "") -> Selector:
        """`side` goes before the message of an undefined tag. Raises PolicyError for names that nothing defines."""
        kind, colon, name = text.partition(":")
        if text == "*":
            return Selector(text, "any")
        if kind == "group" and colon:
            if text not in self.groups:
                raise PolicyError(f'group not defined in policy: "{text}"')
            return Selector(text, "people", people=self.groups[text])
        if kind == "tag" and colon:
            if text not in self.tags:
                raise PolicyError(f'{side}tag not found: "{text}"')
            return Selector(text, "tag")
        if kind == "autogroup" and colon:
            return Selector(text, _AUTOGROUPS.get(name, "unknown"))
        if kind == "ipset" and colon:
            return Selector(text, "addresses", addresses=self._ipset(text, ()))
        if kind in ("svc", "posture", "user") and colon:
            return Selector(text, "unknown")
        if "@" in text:
            # `*@domain` and `@domain` name more people than the text lists.
            whole = text.startswith(("*", "@"))
            return Selector(text, "unknown") if whole else Selector(text, "people", people=frozenset({text.lower()}))
        return Selector(text, "addresses", addresses=self._addresses(text))

    def _addresses(self, text: str) -> Ranges:
        name = text.removeprefix("host:")
        if name in self.hosts:
            return self.hosts[name]
        try:
            return ranges.parse(text)
        except ValueError:
            raise PolicyError(f'host not defined in policy: "{text}"') from None

    def _ipset(self, name: str, outer: tuple[str, ...]) -> Ranges:
        if name not in self.ipsets:
            raise PolicyError(f'ipset not defined in policy: "{name}"')
        if name in outer:
            raise PolicyError(f'ipset "{name}" contains itself')
        made: Ranges = ()
        for entry in self.ipsets[name]:
            word, _, rest = entry.partition(" ")
            removes, text = (word == "remove", rest.strip()) if word in ("add", "remove") else (False, entry)
            part = self._ipset(text, (*outer, name)) if text.startswith("ipset:") else self._addresses(text)
            made = ranges.minus(made, part) if removes else ranges.union([made, part])
        return made


def split_port(text: str) -> tuple[str, str]:
    """Destination and ports of `destination:ports`; brackets around an IPv6 address go. Raises PolicyError."""
    destination, colon, port = text.rpartition(":")
    if not colon or not destination or not port:
        raise PolicyError(f'dst "{text}": a destination is written as host:port')
    if destination.startswith("["):
        address, bracket, rest = destination[1:].partition("]")
        if not bracket or ":" not in address or (rest and not rest.startswith("/")):
            raise PolicyError(f'square brackets are only valid around IPv6 addresses: "{destination}"')
        destination = address + rest
    return destination, port
