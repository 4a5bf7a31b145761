"""The names that rules use: people, groups, tags, autogroups, hosts, ipsets and addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.errors import PolicyError, quoted
from components.tailnet.evaluator.ipsets import IpSets
from components.tailnet.evaluator.ranges import Ranges

Kind: TypeAlias = Literal[
    "any",
    "danger-all",
    "people",
    # Everybody of a domain: `user:*@example.com`.
    "domain",
    "tag",
    "member",
    "tagged",
    "self",
    "internet",
    "role",
    "shared",
    # A Tailscale Service: an address of its own, which is no device's.
    "service",
    "addresses",
    # People, but which ones cannot be told.
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
# As the control server takes them off both ends of a name.
_BLANKS: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


@dataclass(frozen=True)
class Selector:
    """One name of a rule, resolved: `people` are logins, `addresses` ranges; `text` is as written.

    Of a role `detail` is its name, of a domain the domain.
    """

    text: str
    kind: Kind
    people: frozenset[str] = frozenset()
    addresses: Ranges = ()
    detail: str = ""


@dataclass(frozen=True)
class Definitions:
    """The names that a policy defines."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    tags: frozenset[str] = frozenset()
    hosts: Mapping[str, Ranges] = field(default_factory=dict[str, Ranges])
    ipsets: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    # What was looked up before: a name costs once, however many rules have it.
    _known: dict[str, Selector] = field(default_factory=dict[str, Selector], init=False, repr=False, compare=False)
    _sets: IpSets = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sets", IpSets(self.ipsets, self._addresses))

    def selector(self, text: str, side: str = "") -> Selector:
        """`side` goes before the message of an undefined tag. Raises PolicyError for names that nothing defines."""
        if text not in self._known:
            self._known[text] = self._resolved(text, side)
        return self._known[text]

    def _resolved(self, text: str, side: str) -> Selector:
        kind, colon, name = text.partition(":")
        if text == "*":
            return Selector(text, "any")
        if kind == "user" and colon:
            local, at, domain = name.partition("@")
            if local == "*" and at and domain and "@" not in domain:
                return Selector(text, "domain", detail=domain.lower())
            return Selector(text, "unknown")
        if kind == "group" and colon:
            if text not in self.groups:
                raise PolicyError(f"group not defined in policy: {quoted(text)}")
            return Selector(text, "people", people=self.groups[text])
        if kind == "tag" and colon:
            if text not in self.tags:
                raise PolicyError(f"{side}tag not found: {quoted(text)}")
            return Selector(text, "tag")
        if kind == "autogroup" and colon:
            return Selector(text, autogroup(text), detail=name)
        if kind == "ipset" and colon:
            return Selector(text, "addresses", addresses=self._sets.addresses(text))
        if kind == "svc" and colon:
            return Selector(text, "service")
        if "@" in text:
            # `*@domain` and `@domain` name more people than the text lists.
            whole = text.startswith(("*", "@"))
            return Selector(text, "unknown") if whole else Selector(text, "people", people=frozenset({text.lower()}))
        return Selector(text, "addresses", addresses=self._addresses(text))

    def _addresses(self, text: str) -> Ranges:
        try:
            # An address is itself, whatever `hosts` says.
            return ranges.parse(text)
        except ValueError:
            pass
        name = text.removeprefix("host:")
        if name not in self.hosts:
            raise PolicyError(f"host not defined in policy: {quoted(text)}")
        return self.hosts[name]


def autogroup(text: str) -> Kind:
    """The kind of `autogroup:name`. Raises PolicyError when there is none of that name."""
    name = text.removeprefix("autogroup:")
    if name not in _AUTOGROUPS:
        known = " ".join(f"autogroup:{known}" for known in sorted(_AUTOGROUPS))
        raise PolicyError(f"invalid autogroup: got {quoted(text)}, must be one of [{known}]")
    return _AUTOGROUPS[name]


def trimmed(text: str) -> str:
    """Without blanks around it."""
    return text.strip(_BLANKS)


def split_port(text: str) -> tuple[str, str]:
    """Destination and ports of `destination:ports`; brackets around an IPv6 address go. Raises PolicyError."""
    destination, colon, port = text.rpartition(":")
    if not colon or not destination or not port:
        raise PolicyError(f"dst {quoted(text)}: a destination is written as host:port")
    if destination.startswith("["):
        address, bracket, rest = destination[1:].partition("]")
        if not bracket or ":" not in address or (rest and not rest.startswith("/")):
            raise PolicyError(f"square brackets are only valid around IPv6 addresses: {quoted(destination)}")
        destination = address + rest
    return destination, port
