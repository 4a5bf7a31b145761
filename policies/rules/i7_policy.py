"""I7: the tailnet's policy lets listed people reach a gateway's served port, and nobody anything else."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from components.constants import GATEWAY_PORT, SIDECAR_HEALTH_PORT
from policies.rules.documents import UnreadableError, find, parse
from policies.rules.hints import is_gateways_tag
from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import Object, Unknown, Value, fields, is_object, items, obj, text

ACL: Final = "tailscale:index/acl:Acl"
_WORD: Final = re.compile(r"funnel", re.IGNORECASE)
_EVERYBODY: Final = frozenset(
    {
        "*",
        "autogroup:member",
        "autogroup:members",
        "autogroup:tagged",
        "autogroup:shared",
        "autogroup:danger-all",
        "autogroup:internet",
    }
    | {"0.0.0.0/0", "::/0", "100.64.0.0/10", "fd7a:115c:a1e0::/48"}
)
_PEOPLE: Final = "List the people, or a group of them."
_LIST_PORTS: Final = "Grant tcp:443 alone, and the ports of portals one by one."
# Ports that no grant of a gateway names: SSH and the sidecar's health.
_SSH_PORT: Final = 22
_NEVER_PORTS: Final = frozenset({_SSH_PORT, SIDECAR_HEALTH_PORT})
_NODE_TAG: Final = "tag:openclaw-node-"
# More ports than a list of portals has.
_MOST_PORTS: Final = 64
_ATTRIBUTES: Final = ("funnel", "drive:share", "drive:access", "mullvad")


@dataclass(frozen=True)
class Policy:
    """A policy file; its keys in any case, as Go's decoder takes them."""

    document: Object

    def section(self, name: str) -> Value:
        return _key(self.document, name)

    @cached_property
    def everybody(self) -> frozenset[str]:
        """The names that stand for everybody: hosts, sets of addresses and groups too."""
        names = set(_EVERYBODY)
        for _ in range(3):
            for name, _, value in fields(self.section("hosts"), ""):
                if text(value) in names:
                    names.add(name)
                    names.add(f"host:{name}")
            for section in ("groups", "ipsets"):
                for name, _, members in fields(self.section(section), ""):
                    if any((text(one) or "").removeprefix("add ").strip() in names for _, one in items(members, "")):
                        names.add(name)
        return frozenset(names)

    @cached_property
    def tags(self) -> frozenset[str]:
        return frozenset(tag for _, _, where, _ in self.rules() for tag, _ in where) | set(
            obj(self.section("tagOwners"))
        )

    def is_gateways(self, tag: str) -> bool:
        return is_gateways_tag(tag, self.tags)

    def rules(self) -> Iterator[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...], Value]]:
        """(path, sources, (destination, ports), rule) of each grant and each rule of the older kind."""
        for path, grant in items(self.section("grants"), "grants"):
            ports = ",".join(_texts(_key(grant, "ip"))) or ("app" if _key(grant, "app") else "")
            yield path, _texts(_key(grant, "src")), tuple((one, ports) for one in _texts(_key(grant, "dst"))), grant
        for path, rule in items(self.section("acls"), "acls"):
            sources = (*_texts(_key(rule, "src")), *_texts(_key(rule, "users")))
            there = (*_texts(_key(rule, "dst")), *_texts(_key(rule, "ports")))
            yield path, sources, tuple(_split(one) for one in there), rule


def _key(value: Value, name: str) -> Value:
    here = obj(value)
    if name in here:
        return here[name]
    return next((element for key, element in here.items() if key.lower() == name.lower()), None)


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(one for _, element in items(value, "") if (one := text(element)) is not None)


def _split(written: str) -> tuple[str, str]:
    where, separator, ports = written.rpartition(":")
    return (where, ports) if separator else (written, "*")


def _read(resource: Resource) -> Policy | None:
    content = text(resource.props.get("acl"))
    if resource.type != ACL or content is None:
        return None
    try:
        document = parse(content)
    except UnreadableError:
        return None
    return Policy(obj(document)) if is_object(document) else None


def policy_attribute(resource: Resource) -> Iterator[Finding]:
    """No node of the tailnet may use Funnel: the tailnet policy gives the node attribute `funnel` to nobody."""
    if resource.type != ACL or (content := text(resource.props.get("acl"))) is None:
        return
    policy = _read(resource)
    if policy is None:
        if _WORD.search(content) or "\\u" in content:
            yield Finding(
                "is a policy that is not valid HuJSON, so it cannot be checked for Funnel",
                "acl",
                "Write valid JSON (comments and trailing commas may stay), with each key once.",
            )
        return
    attributes = [text(attribute) for attrs in find(policy.document, "attr") for _, attribute in items(attrs, "")]
    apps = [name for app in find(policy.document, "app") for name in obj(app)]
    if "funnel" in attributes or any("funnel" in name.lower() for name in apps):
        yield Finding(
            "gives devices the attribute `funnel`, which lets them open to the internet",
            "acl: nodeAttrs",
            "Remove the attribute; people reach a gateway through the tailnet.",
        )


def readable(resource: Resource) -> Iterator[Finding]:
    """The policy can be read, and denies what it does not allow."""
    if resource.type != ACL or (content := text(resource.props.get("acl"))) is None:
        return
    policy = _read(resource)
    if policy is None:
        empty = "is empty, which resets the tailnet to allow everything" if not content.strip() else "cannot be read"
        yield Finding(empty, "acl", "Write HuJSON, with each key once.")
    elif policy.section("grants") is None and policy.section("acls") is None:
        yield Finding(
            "has no rules, which lets everybody reach everything", "acl", "Write `grants`, if only an empty list."
        )


def sources(resource: Resource) -> Iterator[Finding]:
    """Only listed people reach a gateway, and nothing is open to everybody."""
    if (policy := _read(resource)) is None:
        return
    for path, who, where, _ in policy.rules():
        for source in who:
            # Each person's own devices are that person's.
            if source in policy.everybody and not all(one == "autogroup:self" for one, _ in where):
                if source == "autogroup:internet":
                    continue
                if source.startswith("autogroup:member") and not any(_is_ours(one, policy) for one, _ in where):
                    continue
                yield Finding("lets everybody in", f"acl: {path}.src", _PEOPLE)
                break


def _is_ours(destination: str, policy: Policy) -> bool:
    return policy.is_gateways(destination) or destination in policy.everybody


def destinations(resource: Resource) -> Iterator[Finding]:
    """A grant names its destinations and their ports; a gateway starts no connections itself."""
    if (policy := _read(resource)) is None:
        return
    for path, who, where, _ in policy.rules():
        if any(one in policy.everybody and one != "autogroup:internet" for one, _ in where):
            yield Finding("lets somebody reach every device", f"acl: {path}.dst", "Name the devices by their tags.")
        if any(source.startswith("tag:openclaw") for source in who) and not all(
            _is_gateway_for_nodes(one, who) for one, _ in where
        ):
            yield Finding(
                "lets a gateway start connections", f"acl: {path}.src", "Remove the gateway's tag from the sources."
            )
        for destination, ports in where:
            if (
                destination.startswith("tag:")
                and ports != "app"
                and (problem := _ports_problem(ports, policy.is_gateways(destination), _never(destination)))
            ):
                yield Finding(problem, f"acl: {path}", _LIST_PORTS)
                break


def _is_gateway_for_nodes(destination: str, who: Sequence[str]) -> bool:
    """An execution node reaches its gateway."""
    nodes = all(source.startswith("tag:openclaw-node") for source in who if source.startswith("tag:openclaw"))
    return nodes and destination.startswith("tag:openclaw") and not destination.startswith("tag:openclaw-node")


def _never(destination: str) -> frozenset[int]:
    """Ports that are opened to nobody. An execution node answers the people that are listed with it, by SSH unless they say else."""
    return _NEVER_PORTS - {_SSH_PORT} if destination.startswith(_NODE_TAG) else _NEVER_PORTS


def _ports_problem(written: str, ours: bool, never: frozenset[int]) -> str | None:
    numbers = [
        _range(one.rpartition(":")[2] if ":" in one else one, one) for one in written.replace(" ", "").split(",") if one
    ]
    if not ours:
        return None
    if any(one is None for one in numbers):
        return "opens every port of a gateway"
    known = [one for one in numbers if one is not None]
    if any(last - first > _MOST_PORTS for first, last in known):
        return "opens a range of ports"
    if any(first <= port <= last for first, last in known for port in never):
        return "opens a port of a gateway that never answers people"
    served = {first for first, _ in known}
    if any(first <= GATEWAY_PORT <= last for first, last in known) and len(served) > 1:
        return "opens the gateway's own port beside the served one"
    return None


def _range(ports: str, written: str) -> tuple[int, int] | None:
    """The first and last port; None for all of them."""
    first, _, last = ports.partition("-")
    if first.isdigit() and (not last or last.isdigit()) and len(ports) < 12:
        return int(first), int(last or first)
    return None if ports == "*" or written in ("*", "tcp", "udp") else (0, 0)


def ssh(resource: Resource) -> Iterator[Finding]:
    """Nobody gets a shell in a gateway by Tailscale SSH."""
    if (policy := _read(resource)) is None:
        return
    for path, rule in items(policy.section("ssh"), "ssh"):
        if any(policy.is_gateways(one) or one in policy.everybody for one in _texts(_key(rule, "dst"))):
            hint = "Remove it; kubectl exec is for administrators."
            yield Finding("lets people into gateways by SSH", f"acl: {path}", hint)


def attributes(resource: Resource) -> Iterator[Finding]:
    """No device with a gateway's tag may share files, or route for others, by an attribute."""
    if (policy := _read(resource)) is None:
        return
    for path, given in items(policy.section("nodeAttrs"), "nodeAttrs"):
        names = [one for one in _texts(_key(given, "attr")) if one in _ATTRIBUTES and one != "funnel"]
        if names or any("app-connectors" in name for name in obj(_key(given, "app"))):
            targets = _texts(_key(given, "target"))
            if any(policy.is_gateways(one) or one in policy.everybody for one in targets):
                yield Finding("lets gateways share files or route by an attribute", f"acl: {path}", "Remove it.")


def approvers(resource: Resource) -> Iterator[Finding]:
    """No route, exit node or Service of the tailnet approves itself."""
    if (policy := _read(resource)) is None:
        return
    for _, path, value in fields(policy.section("autoApprovers"), "autoApprovers"):
        if [1 for _ in items(value, "")] or any([1 for _ in items(who, "")] for _, _, who in fields(value, "")):
            yield Finding("approves routes, exit nodes or Services by itself", f"acl: {path}", "Remove it.")


def owners(resource: Resource) -> Iterator[Finding]:
    """A gateway's tag is given by administrators, not by everybody."""
    if (policy := _read(resource)) is None:
        return
    for _, path, who in fields(policy.section("tagOwners"), "tagOwners"):
        if any(one in policy.everybody for one in _texts(who)):
            yield Finding(
                "lets everybody give a device a tag", f"acl: {path}", "Use autogroup:admin, or a tag of your own."
            )


def tests(resource: Resource) -> Iterator[Finding]:
    """The policy's own tests deny: they refuse the next edit that opens too much."""
    if (policy := _read(resource)) is None or not _speaks_of_gateways(policy):
        return
    denied = [one for _, test in items(policy.section("tests"), "") for one in _texts(_key(test, "deny"))]
    if not isinstance(policy.section("tests"), Unknown) and not denied:
        yield Finding(
            "has no test that denies anything", "acl: tests", "Write tests that deny others, and other ports."
        )


def _speaks_of_gateways(policy: Policy) -> bool:
    return any("openclaw" in one for _, _, where, _ in policy.rules() for one, _ in where)


def overwrites(resource: Resource) -> Iterator[Finding]:
    """Neither is somebody else's policy overwritten, nor the tailnet opened when the stack goes."""
    if resource.type != ACL:
        return
    if resource.props.get("overwriteExistingContent") is True:
        yield Finding("overwrites a policy of somebody else", "overwriteExistingContent", "Import the policy first.")
    if resource.props.get("resetAclOnDestroy") is True:
        yield Finding("lets everybody reach everything once the stack is gone", "resetAclOnDestroy", "Set it to false.")
