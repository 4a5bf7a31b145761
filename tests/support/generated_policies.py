"""Policies by number, with the mistakes that people make and the odd forms that readers differ in; the same each time."""

import json
import random
from typing import Any, Final

from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, User, run_tests

PEOPLE: Final = ("alice@example.com", "bob@example.com", "carol@example.com")
# A member whom no rule names: to us there may always be one.
NOBODY: Final = "dave@example.com"
NETWORK: Final = Network(users=[User(person) for person in (*PEOPLE, NOBODY)])
GROUPS: Final = {"group:one": ["alice@example.com"], "group:two": ["bob@example.com", "carol@example.com"]}
TAGS: Final = ("tag:home", "tag:lab", "tag:ci")
NAMES: Final[dict[str, Any]] = {
    "groups": GROUPS,
    "tagOwners": {tag: ["alice@example.com"] for tag in TAGS},
    "hosts": {"office": "192.168.0.0/16", "printer": "192.168.7.9"},
}
# Whole ranges only: which address a device will have, nobody knows before it joins.
SOURCES: Final = (
    *PEOPLE,
    *GROUPS,
    *TAGS,
    "*",
    "autogroup:member",
    "autogroup:tagged",
    "autogroup:danger-all",
    "office",
    "10.0.0.0/8",
)
TARGETS: Final = (
    *PEOPLE,
    *GROUPS,
    *TAGS,
    *TAGS,
    "*",
    "autogroup:member",
    "autogroup:tagged",
    "autogroup:internet",
    "office",
    "printer",
    "10.0.0.0/8",
    "100.64.0.0/10",
)
# Of tests: people and tags mostly, then all that a test may name, and what it may not.
ASKED: Final = (*PEOPLE, *GROUPS, *TAGS, *TAGS)
ASKED_SOURCES: Final = (*ASKED, *ASKED, "autogroup:member", "autogroup:tagged", "office", "10.0.0.7")
ASKED_TARGETS: Final = (*ASKED, *ASKED, "autogroup:member", "autogroup:tagged", "printer", "10.0.0.7", "[2001:db8::1]")
REFUSED_SOURCES: Final = (
    *("autogroup:self", "autogroup:nonroot", "autogroup:membr", "nohost", "group:none", "tag:none", "none@example.com"),
    *("svc:web", "posture:new", "10.0.0.0/255.0.0.0", ""),
)
REFUSED_TARGETS: Final = (
    *REFUSED_SOURCES[:-1],
    "autogroup:internet",
    "office",
    "10.0.0.7/32",
    "10.0.0.0/8",
    "tag:home ",
)
# Not taken, wherever a rule names somebody.
NAMES_OF_NOBODY: Final = (
    *("tag:none", "group:none", "nohost", "autogroup:membr", "autogroup:Member", "autogroup:nonroot", "foo:bar", ""),
    *("10.0.0.0/255.0.0.0", "10.0.0.0/08", "10.0.0.1/032", "10.0.0.0/33", "010.0.0.1", "10.0.0", "1", "0x0a.0.0.1"),
    *("10.0.0.0/ 8", "\u0661\u0660.0.0.1", "::1::", "fe80::1%eth0/64", "posture:new", "tag:", "group:"),
)
PORTS_OF_NOTHING: Final = (
    *("*,80", "80,*", "80,,443", ",80", "80,", " 80", "80 ", "8_0", "80-", "-80", "1-2-3", "1-2-x", "80-79", "65536"),
    *("0", "1e3", "0x50", "\uff18\uff10", "a", "-", "80-*", "1" * 30, "1" * 500),
)
PROTOCOLS_OF_NOTHING: Final = (
    "foo",
    " tcp",
    "tcp ",
    "t cp",
    "0",
    "256",
    "-1",
    "tcp,udp",
    "6.0",
    "1" * 500,
    "\uff34CP",
)
SERVICES: Final = (
    "443",
    "*",
    "tcp:443",
    "tcp:80-443",
    "udp:443",
    "udp:*",
    "tcp:22",
    "80-90",
    "icmp:*",
    "sctp:443",
    "6:443",
)
PORTS: Final = (22, 80, 90, 91, 443, 444, 18789)


def grant(dice: random.Random) -> dict[str, Any]:
    return {
        "src": dice.sample(SOURCES, dice.choice((1, 1, 2))),
        "dst": dice.sample(TARGETS, dice.choice((1, 1, 2))),
        "ip": dice.sample(SERVICES, dice.choice((1, 1, 2))),
    }


def acl(dice: random.Random) -> dict[str, Any]:
    ports = ("443", "*", "80-443", "22,443")
    rule = {
        "action": "accept",
        "src": dice.sample(SOURCES, dice.choice((1, 2))),
        "dst": [f"{to}:{dice.choice(ports)}" for to in dice.sample(TARGETS, dice.choice((1, 2)))],
    }
    return {**rule, "proto": dice.choice(("tcp", "udp", "6"))} if dice.random() < 0.4 else rule


def question(dice: random.Random) -> dict[str, Any]:
    """A test of its own: whether it holds is what the two are asked."""
    said = dice.choice(("accept", "deny"))
    targets = [f"{dice.choice(ASKED_TARGETS)}:{dice.choice(PORTS)}" for _ in range(dice.randint(1, 3))]
    test: dict[str, Any] = {"src": dice.choice(ASKED_SOURCES), said: targets}
    # Not sctp: a rule without a protocol is TCP, UDP and ICMP to every client, and so to our evaluator; headscale's test
    # takes it for any protocol (of 400 policies 20 differed by that, and none by anything else).
    return {**test, "proto": dice.choice(("tcp", "udp", "6", "17"))} if dice.random() < 0.7 else test


def break_one(dice: random.Random, policy: dict[str, Any]) -> None:
    """One of the mistakes that people make."""
    grants: list[dict[str, Any]] = policy["grants"] or [grant(dice)]
    policy["grants"] = grants
    broken = dice.choice(grants)
    said = dice.choice(("accept", "deny"))
    match dice.randrange(16):
        case 0:
            broken["src"] = [dice.choice(NAMES_OF_NOBODY)]
        case 1:
            broken["dst"] = [dice.choice(NAMES_OF_NOBODY)]
        case 2:
            broken["ip"] = [dice.choice(("icmp", "tcp:70000", "443-80", "foo:1", "tcp:1:2", "", "300:1"))]
        case 3:
            broken["ip"] = []
        case 4:
            policy["groups"] = {**GROUPS, "one": []}
        case 5:
            owner = dice.choice(("group:none", "tag:none", "bob", "", "10.0.0.1", "autogroup:membr"))
            policy["tagOwners"] = {**policy["tagOwners"], "tag:lab": [owner]}
        case 6:
            policy["tests"].append({"src": dice.choice(REFUSED_SOURCES), said: ["tag:home:443"]})
        case 7:
            policy["tests"].append({"src": "alice@example.com", said: [f"{dice.choice(REFUSED_TARGETS)}:443"]})
        case 8:
            port = dice.choice(("80-90", "80,90", "*", *PORTS_OF_NOTHING))
            policy["tests"].append({"src": "alice@example.com", said: [f"tag:home:{port}"]})
        case 9:
            address = dice.choice(("192.168.0.300", "10.0.0.0/255.0.0.0", " 10.0.0.1", "10.0.0.0/08", "x", ""))
            policy["hosts"] = {**policy["hosts"], "office": address}
        case 10:
            policy["hosts"] = {**policy["hosts"], dice.choice(("a:b", "a@b", "tag:x")): "10.0.0.1"}
        case 11:
            broken["ip"] = [dice.choice(("", "tcp:")) + dice.choice(PORTS_OF_NOTHING)]
        case 12:
            broken["ip"] = [dice.choice(PROTOCOLS_OF_NOTHING) + ":*"]
        case 13:
            policy["acls"].append({**acl(dice), "dst": [f"tag:home:{dice.choice(PORTS_OF_NOTHING)}"]})
        case 14:
            policy["acls"].append({**acl(dice), "dst": ["tag:home:*"], "proto": dice.choice(PROTOCOLS_OF_NOTHING)})
        case _:
            policy["groups"] = {**GROUPS, "group:x": [dice.choice(("bob", "", "*", "tag:home", "group:one"))]}


def generated(seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    policy = {
        **NAMES,
        "grants": [grant(dice) for _ in range(dice.randint(0, 4))],
        "acls": [acl(dice) for _ in range(dice.choice((0, 0, 1, 2)))],
        "tests": [question(dice) for _ in range(dice.randint(1, 6))],
    }
    for section in ("acls", "grants"):
        # Absent, null and empty are three things.
        if dice.random() < 0.1:
            policy[section] = []
    if dice.random() < 0.35:
        break_one(dice, policy)
    for section in ("acls", "grants"):
        if not policy[section] and (way := dice.random()) < 0.4:
            policy[section] = None
            if way < 0.2:
                del policy[section]
    if dice.random() < 0.5:
        # What our evaluator says of each question, turned into a policy that must be accepted.
        _settle(policy)
    return policy


def _settle(policy: dict[str, Any]) -> None:
    try:
        judged = Evaluator(Policy.parse(json.dumps(policy)), NETWORK)
        outcomes = run_tests(judged)
    except PolicyError:
        return
    policy["tests"] = [
        test
        for test, outcome in zip(policy["tests"], outcomes, strict=True)
        if not outcome.failed and not outcome.undecided
    ]


# What happens to the text of a policy, and not to what it says.
WRITTEN: Final[tuple[tuple[str, str], ...]] = (
    ("{", "/* all */ {\n"),
    ("[", "[ // first\n"),
    ("]", ",]"),
    ("}", ",}"),
    ("[", "[,"),
    ("]", ",,]"),
    (', "dst"', ', "SRC": ["*"], "dst"'),
    (', "dst"', ', "dst": [], "dst"'),
    ('"grants"', '"Grants": [], "grants"'),
    ('"grants"', '"grants": null, "grants"'),
    ('"office"', '"office": "10.0.0.1", "office"'),
    ('"group:one"', '"group:one": [], "group:one"'),
    ('"grants"', '"GRANTS"'),
    ('"acls"', '"ACLs"'),
    ('"src"', '"Src"'),
    (", ", " ,\t"),
    ("], ", "] /* , ] */, // }\n"),
    ("alice", "\\u0061lice"),
    ("bob@", "b\\/b@"),
    ("alice", "\\ud800"),
    ("alice", "\\ud83d\\ude00"),
    ("alice", "ali\nce"),
    ("443", "NaN"),
    ('"443"', "443"),
    ("}", ""),
    ("}", "} // end"),
    ("}", "}\n// end\n"),
    ("}", "/* }"),
    ('"', ""),
    ("{", "\ufeff{"),
)


def rewritten(seed: int) -> str:
    """A policy without tests, changed at one place of its text."""
    dice = random.Random(seed)
    policy = {**NAMES, "grants": [grant(dice) for _ in range(2)], "acls": [acl(dice)]}
    text = json.dumps(policy)
    before, after = dice.choice(WRITTEN)
    places = [place for place in range(len(text)) if text.startswith(before, place)]
    place = dice.choice(places or [0])
    return text[:place] + text[place:].replace(before, after, 1)
