"""A tailnet policy read from its HuJSON text, or refused with the message of the hosted service."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from components.tailnet.evaluator import auto_approvers, node_attributes, ranges, rules, shape, ssh, ssh_tests
from components.tailnet.evaluator.auto_approvers import AutoApprovers
from components.tailnet.evaluator.errors import PolicyError, quoted
from components.tailnet.evaluator.node_attributes import NodeAttributes
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.rules import Rule, Target
from components.tailnet.evaluator.selectors import Definitions, Selector, autogroup
from components.tailnet.evaluator.services import ALL_PORTS, DEFAULT, Service
from components.tailnet.evaluator.ssh import SshRule
from components.tailnet.evaluator.ssh_tests import SshTest

# Sections that decide nothing about who may send packets to whom.
_OTHER_SECTIONS: Final = {
    "ssh",
    "autoapprovers",
    "nodeattrs",
    "postures",
    "tagowners",
    "groups",
    "hosts",
    "ipsets",
    "tests",
    "sshtests",
    "attrconfig",
    "derpmap",
    "disableipv4",
    "randomizeclientport",
    "onecgnatroute",
    "acls",
    "grants",
    "defaultsrcposture",
}
_TEST_KEYS: Final = {"src", "user", "proto", "accept", "allow", "deny", "srcpostureattrs"}
_ALLOW_ALL: Final = Rule(
    "no acls and no grants",
    (Selector("*", "any"),),
    (Target(Selector("*", "any"), (Service(DEFAULT, *ALL_PORTS),)),),
)


@dataclass(frozen=True)
class AccessTest:
    """One entry of `tests`, as written."""

    src: str
    proto: str
    accept: tuple[str, ...]
    deny: tuple[str, ...]
    unclear: str

    @classmethod
    def read(cls, place: str, value: object) -> "AccessTest":
        raw = shape.entry(value, place)
        unknown = sorted(raw.keys() - _TEST_KEYS)
        unclear = ["srcPostureAttrs"] if raw.get("srcpostureattrs") else [key[:100] for key in unknown[:5]]
        return cls(
            # `user` and `allow` are the oldest names of `src` and `accept`.
            shape.word(shape.either(raw, "src", "user", place), f"{place}.src"),
            shape.word(raw.get("proto"), f"{place}.proto").lower(),
            shape.words(shape.either(raw, "accept", "allow", place), f"{place}.accept"),
            shape.words(raw.get("deny"), f"{place}.deny"),
            f"it has {', '.join(unclear)}, which cannot be judged offline" if unclear else "",
        )


@dataclass(frozen=True)
class Policy:
    """A parsed policy. `unclear` names sections that are not understood: they might allow what no rule allows."""

    names: Definitions
    rules: tuple[Rule, ...]
    tests: tuple[AccessTest, ...]
    unclear: str = ""
    ssh: tuple[SshRule, ...] = ()
    ssh_tests: tuple[SshTest, ...] = ()
    node_attributes: tuple[NodeAttributes, ...] = ()
    auto_approvers: AutoApprovers = field(default_factory=AutoApprovers)

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Raises PolicyError when the control server would refuse the text before it looks at any device or test."""
        return cls.of(shape.document(text))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "Policy":
        """As `parse`, of the sections by lower-case name (`shape.document`)."""
        groups = _groups(document.get("groups"))
        names = Definitions(
            groups=groups,
            tags=frozenset(_tags(document.get("tagowners"), groups)),
            hosts=_hosts(document.get("hosts")),
            ipsets={
                name: shape.words(value, f"ipsets[{quoted(name)}]")
                for name, value in shape.mapping(document.get("ipsets"), "ipsets").items()
            },
        )
        # The shape of all rules first: the control server reads the whole document before it looks names up.
        written = [*rules.acls(document.get("acls")), *rules.grants(document.get("grants"))]
        tests = [
            AccessTest.read(f"tests[{index}]", item)
            for index, item in enumerate(shape.items(document.get("tests"), "tests"))
        ]
        logins, attributes = ssh.read(document.get("ssh")), node_attributes.read(document.get("nodeattrs"))
        approvers, login_tests = (
            auto_approvers.read(document.get("autoapprovers")),
            ssh_tests.read(document.get("sshtests")),
        )
        parsed = [rule.rule(names) for rule in written]
        # Null is absent. An empty list is there, and denies everything.
        if document.get("acls") is None and document.get("grants") is None:
            parsed = [_ALLOW_ALL]
        if document.get("defaultsrcposture"):
            reason = "defaultSrcPosture asks for devices that cannot be judged offline"
            parsed = [Rule(rule.place, rule.sources, rule.targets, rule.via, rule.unclear or reason) for rule in parsed]
        unknown = sorted(name[:100] for name in document.keys() - _OTHER_SECTIONS)
        unclear = f"section {', '.join(unknown[:5])} is not understood" if unknown else ""
        return cls(
            names,
            tuple(parsed),
            tuple(tests),
            unclear,
            ssh=tuple(rule.rule(names) for rule in logins),
            ssh_tests=tuple(test.known(names) for test in login_tests),
            node_attributes=tuple(entry.attributes(names) for entry in attributes),
            auto_approvers=approvers.approvers(names),
        )


def _groups(value: object) -> Mapping[str, frozenset[str]]:
    members_by_group: dict[str, frozenset[str]] = {}
    for name, members in shape.mapping(value, "groups").items():
        if not name.startswith("group:"):
            raise PolicyError(f"group must start with 'group:', got: {quoted(name)}")
        place = f"groups[{quoted(name)}]"
        if members is None:
            raise PolicyError(f"{place} must be a list")
        people = shape.words(members, place)
        for person in people:
            if person.startswith("group:"):
                raise PolicyError(f"{place}: {quoted(person)}: group members cannot be recursive")
            if "@" not in person:
                raise PolicyError(f"{place}: username must contain @, got: {quoted(person)}")
            if person.startswith(("*", "@", "user:")):
                raise PolicyError(f"{place}: {quoted(person)}: members of a group are named one by one")
        members_by_group[name] = frozenset(person.lower() for person in people)
    return members_by_group


def _tags(value: object, groups: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    owners: dict[str, tuple[str, ...]] = {}
    for name, owning in shape.mapping(value, "tagOwners").items():
        place = f"tagOwners[{quoted(name)}]"
        if not name.startswith("tag:"):
            raise PolicyError(f"tag must start with 'tag:', got: {quoted(name)}")
        if not (name[4:5].isascii() and name[4:5].isalpha()):
            raise PolicyError(f"{place}: tag names must start with a letter, after 'tag:'")
        owners[name] = shape.words(owning, place)
    for owner in dict.fromkeys(owner for listed in owners.values() for owner in listed):
        kind, colon, _ = owner.partition(":")
        if "@" in owner or owner == "*":
            continue
        if kind == "tag" and colon:
            if owner not in owners:
                raise PolicyError(f"tag not found: {quoted(owner)}")
        elif kind == "group" and colon:
            if owner not in groups:
                raise PolicyError(f"group not defined in policy: {quoted(owner)}")
        elif kind == "autogroup" and colon:
            autogroup(owner)
        else:
            raise PolicyError(f"invalid owner format: {quoted(owner)}")
    return owners


def _hosts(value: object) -> Mapping[str, Ranges]:
    addresses_by_host: dict[str, Ranges] = {}
    for name, address in shape.mapping(value, "hosts").items():
        text = shape.word(address, f"hosts[{quoted(name)}]")
        if "@" in name or ":" in name:
            raise PolicyError(f"invalid hostname: {quoted(name)}")
        try:
            addresses_by_host[name] = ranges.parse(text)
        except ValueError:
            raise PolicyError(f"hostname {quoted(name)} contains invalid IP address: {quoted(text)}") from None
        if _other_address(name, addresses_by_host[name]):
            raise PolicyError(f"hostname {quoted(name)} is an address, and would stand for another: {quoted(text)}")
    return addresses_by_host


def _other_address(name: str, addresses: Ranges) -> bool:
    try:
        return ranges.parse(name) != addresses
    except ValueError:
        return False
