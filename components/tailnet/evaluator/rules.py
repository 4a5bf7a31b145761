"""Grants and legacy acls as one kind of rule, refused as the hosted service refuses them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator import services, shape
from components.tailnet.evaluator.errors import PolicyError, quoted
from components.tailnet.evaluator.selectors import Definitions, Selector, split_port, trimmed
from components.tailnet.evaluator.services import Service

_ACL_KEYS: Final = {"action", "src", "dst", "users", "ports", "proto"}
# Kinds of sources that name people, and so have devices of their own.
_PEOPLE: Final = ("people", "domain", "member", "role", "shared", "unknown")
_GRANT_KEYS: Final = {"src", "dst", "ip", "app", "via"}
# Capabilities of tailscale.com that a policy may grant; the others are the control server's own.
_GRANTABLE: Final = {
    f"tailscale.com/cap/{name}"
    for name in (
        "drive",
        "relay",
        "webui",
        "kubernetes",
        "tsidp",
        "golink",
        "secrets",
        "sql-viewer",
        "kubernetes-operator",
    )
}


@dataclass(frozen=True)
class Target:
    """One destination of a rule, and what of it may be used."""

    to: Selector
    services: tuple[Service, ...]


@dataclass(frozen=True)
class Rule:
    """One grant or acl. `place` is as in `grants[2]`; `unclear` says why nothing can be concluded from its match."""

    place: str
    sources: tuple[Selector, ...]
    targets: tuple[Target, ...]
    via: tuple[str, ...] = ()
    unclear: str = ""

    def __str__(self) -> str:
        return self.place


def acls(value: object) -> "list[_Acl]":
    return [_Acl.read(f"acls[{index}]", item) for index, item in enumerate(shape.items(value, "acls"))]


def grants(value: object) -> "list[_Grant]":
    return [_Grant.read(f"grants[{index}]", item) for index, item in enumerate(shape.items(value, "grants"))]


@dataclass(frozen=True)
class _Acl:
    """A legacy rule as written."""

    place: str
    src: tuple[str, ...]
    dst: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    protocols: frozenset[int]
    proto: str
    unclear: str

    @classmethod
    def read(cls, place: str, value: object) -> "_Acl":
        raw = shape.entry(value, place)
        if (action := shape.word(raw.get("action"), f"{place}.action")) != "accept":
            raise PolicyError(f"action={quoted(action)} is not supported")
        proto = shape.word(raw.get("proto"), f"{place}.proto")
        # `users` and `ports` are the oldest names of `src` and `dst`.
        targets = shape.words(shape.either(raw, "dst", "ports", place), f"{place}.dst")
        return cls(
            place,
            _names(shape.either(raw, "src", "users", place), f"{place}.src"),
            tuple(map(_target, targets)),
            services.protocols(proto),
            proto,
            _unclear(raw, _ACL_KEYS),
        )

    def rule(self, names: Definitions) -> Rule:
        sources = tuple(_source(names, text) for text in self.src)
        targets = tuple(
            Target(
                _destination(names, text, f"dst={quoted(text)}: "),
                tuple(Service(self.protocols, first, last) for first, last in ports),
            )
            for text, ports in self.dst
        )
        with_ports = self.protocols <= {*services.WITH_PORTS} or not self.proto
        if not with_ports and any(ports != (services.ALL_PORTS,) for _, ports in self.dst):
            raise PolicyError(f'protocol does not support specific ports: {quoted(self.proto)}, only "*" is allowed')
        # An acl's `*` is narrowed to the people's own devices; a grant's is refused.
        _check_self(sources, targets, (*_PEOPLE, "any"))
        return Rule(self.place, sources, targets, unclear=self.unclear)


@dataclass(frozen=True)
class _Grant:
    """A grant as written."""

    place: str
    src: tuple[str, ...]
    dst: tuple[str, ...]
    services: tuple[Service, ...]
    app: Mapping[str, object]
    via: tuple[str, ...]
    unclear: str

    @classmethod
    def read(cls, place: str, value: object) -> "_Grant":
        raw = shape.entry(value, place)
        via = shape.words(raw.get("via"), f"{place}.via")
        if not all(name.startswith("tag:") for name in via):
            raise PolicyError("via can only be a tag")
        ip = shape.words(raw.get("ip"), f"{place}.ip")
        return cls(
            place,
            _names(raw.get("src"), f"{place}.src"),
            _names(raw.get("dst"), f"{place}.dst"),
            tuple(service for text in ip for service in services.of_grant(text)),
            shape.mapping(raw.get("app"), f"{place}.app"),
            via,
            _unclear(raw, _GRANT_KEYS),
        )

    def rule(self, names: Definitions) -> Rule:
        if not self.services and not self.app:
            raise PolicyError("ip and app can not both be empty")
        for name in self.app:
            _check_capability(name)
        if self.app and "autogroup:internet" in self.dst:
            raise PolicyError("cannot use app grants with autogroup:internet")
        for text in self.dst:
            if text not in names.hosts and text.endswith("/0"):
                raise PolicyError(f'dst {quoted(text)}: to allow all IP addresses, use "*" or "autogroup:internet"')
        sources = tuple(_source(names, text) for text in self.src)
        targets = tuple(Target(_destination(names, text, ""), self.services) for text in self.dst)
        for name in self.via:
            if name not in names.tags:
                raise PolicyError(f"tag {quoted(name)} not found")
        _check_self(sources, targets, _PEOPLE)
        return Rule(self.place, sources, targets, self.via, self.unclear)


def _unclear(raw: Mapping[str, object], known: set[str]) -> str:
    """Keys that narrow or widen a rule in ways that cannot be judged here, such as `srcPosture`."""
    unknown = sorted(key for key, value in raw.items() if key not in known and value not in ([], None, ""))
    return f"it has {', '.join(word[:100] for word in unknown[:5])}, which cannot be judged offline" if unknown else ""


def _names(value: object, place: str) -> tuple[str, ...]:
    """Names of sources, or of a grant's destinations: the hosted service takes blanks off them."""
    return tuple(map(trimmed, shape.words(value, place)))


def _target(text: str) -> tuple[str, tuple[services.Ports, ...]]:
    """A legacy destination and its ports."""
    to, port = split_port(text)
    try:
        return to, services.ports(port)
    except PolicyError as error:
        raise PolicyError(f"dst={quoted(text)}: {error.message}") from None


def _source(names: Definitions, text: str) -> Selector:
    selector = names.selector(text, "src=")
    if selector.kind in ("self", "internet"):
        raise PolicyError(f"{quoted(text)} not valid on the src side of a rule")
    return selector


def _destination(names: Definitions, text: str, side: str) -> Selector:
    selector = names.selector(text, side)
    if selector.kind == "danger-all":
        raise PolicyError("cannot use autogroup:danger-all as a dst")
    return selector


def _check_self(sources: Sequence[Selector], targets: Sequence[Target], allowed: Sequence[str]) -> None:
    if any(target.to.kind == "self" for target in targets) and any(source.kind not in allowed for source in sources):
        raise PolicyError("autogroup:self can only be used with users, groups, or supported autogroups")


def _check_capability(name: str) -> None:
    domain, _, path = name.partition("/")
    if "://" in name or not domain or not path:
        raise PolicyError("capability name must have the form {domain}/{path}")
    if domain == "tailscale.com" and name not in _GRANTABLE:
        raise PolicyError("capability name must not be in the tailscale.com domain")
