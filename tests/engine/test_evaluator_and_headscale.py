"""Our evaluator and headscale's own `policy check`, asked about the same generated policies: they must agree."""

import json
import random
import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from test_tailnet_adapter import (
    answering,
    running,  # the same headscale, without the adapter
)

from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, User, check, run_tests
from components.tailnet.evaluator.policy import Test
from sandbox.home import Home
from sandbox.tailnet import policy as judging
from sandbox.tailnet.client import Control, HeadscaleError
from sandbox.tailnet.headscale import HeadscaleConfig, command, connected, setup

PEOPLE: Final = ("alice@example.com", "bob@example.com", "carol@example.com")
# A member whom no rule names: to us there may always be one.
NOBODY: Final = "dave@example.com"
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
POLICIES: Final = 1000


def grant(dice: random.Random) -> dict[str, Any]:
    return {
        "src": dice.sample(SOURCES, dice.choice((1, 1, 2))),
        "dst": dice.sample(TARGETS, dice.choice((1, 1, 2))),
        "ip": dice.sample(SERVICES, dice.choice((1, 1, 2))),
    }


def acl(dice: random.Random) -> dict[str, Any]:
    ports = ("443", "*", "80-443", "22,443")
    made = {
        "action": "accept",
        "src": dice.sample(SOURCES, dice.choice((1, 2))),
        "dst": [f"{to}:{dice.choice(ports)}" for to in dice.sample(TARGETS, dice.choice((1, 2)))],
    }
    return {**made, "proto": dice.choice(("tcp", "udp", "6"))} if dice.random() < 0.4 else made


def question(dice: random.Random) -> dict[str, Any]:
    """A test of its own: whether it holds is what the two are asked."""
    said = dice.choice(("accept", "deny"))
    targets = [f"{dice.choice(ASKED_TARGETS)}:{dice.choice(PORTS)}" for _ in range(dice.randint(1, 3))]
    test: dict[str, Any] = {"src": dice.choice(ASKED_SOURCES), said: targets}
    # Not sctp: a rule without a protocol is TCP, UDP and ICMP to every client, and so to our evaluator; headscale's test
    # takes it for any protocol (of 400 policies 20 differed by that, and none by anything else).
    return {**test, "proto": dice.choice(("tcp", "udp", "6", "17"))} if dice.random() < 0.7 else test


def break_one(dice: random.Random, made: dict[str, Any]) -> None:
    """One of the mistakes that people make."""
    grants: list[dict[str, Any]] = made["grants"] or [grant(dice)]
    made["grants"] = grants
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
            made["groups"] = {**GROUPS, "one": []}
        case 5:
            owner = dice.choice(("group:none", "tag:none", "bob", "", "10.0.0.1", "autogroup:membr"))
            made["tagOwners"] = {**made["tagOwners"], "tag:lab": [owner]}
        case 6:
            made["tests"].append({"src": dice.choice(REFUSED_SOURCES), said: ["tag:home:443"]})
        case 7:
            made["tests"].append({"src": "alice@example.com", said: [f"{dice.choice(REFUSED_TARGETS)}:443"]})
        case 8:
            port = dice.choice(("80-90", "80,90", "*", *PORTS_OF_NOTHING))
            made["tests"].append({"src": "alice@example.com", said: [f"tag:home:{port}"]})
        case 9:
            address = dice.choice(("192.168.0.300", "10.0.0.0/255.0.0.0", " 10.0.0.1", "10.0.0.0/08", "x", ""))
            made["hosts"] = {**made["hosts"], "office": address}
        case 10:
            made["hosts"] = {**made["hosts"], dice.choice(("a:b", "a@b", "tag:x")): "10.0.0.1"}
        case 11:
            broken["ip"] = [dice.choice(("", "tcp:")) + dice.choice(PORTS_OF_NOTHING)]
        case 12:
            broken["ip"] = [dice.choice(PROTOCOLS_OF_NOTHING) + ":*"]
        case 13:
            made["acls"].append({**acl(dice), "dst": [f"tag:home:{dice.choice(PORTS_OF_NOTHING)}"]})
        case 14:
            made["acls"].append({**acl(dice), "dst": ["tag:home:*"], "proto": dice.choice(PROTOCOLS_OF_NOTHING)})
        case _:
            made["groups"] = {**GROUPS, "group:x": [dice.choice(("bob", "", "*", "tag:home", "group:one"))]}


def generated(seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    made = {
        **NAMES,
        "grants": [grant(dice) for _ in range(dice.randint(0, 4))],
        "acls": [acl(dice) for _ in range(dice.choice((0, 0, 1, 2)))],
        "tests": [question(dice) for _ in range(dice.randint(1, 6))],
    }
    for section in ("acls", "grants"):
        # Absent, null and empty are three things.
        if dice.random() < 0.1:
            made[section] = []
    if dice.random() < 0.35:
        break_one(dice, made)
    for section in ("acls", "grants"):
        if not made[section] and (way := dice.random()) < 0.4:
            made[section] = None
            if way < 0.2:
                del made[section]
    if dice.random() < 0.5:
        # What our evaluator says of each question, turned into a policy that must be accepted.
        _settle(made)
    return made


def _settle(made: dict[str, Any]) -> None:
    try:
        judged = Evaluator(Policy.parse(json.dumps(made)), NETWORK)
        outcomes = run_tests(judged)
    except PolicyError:
        return
    made["tests"] = [
        test
        for test, outcome in zip(made["tests"], outcomes, strict=True)
        if not outcome.failed and not outcome.undecided
    ]


MEMBERS: Final = {**GROUPS, "autogroup:member": [*PEOPLE, NOBODY], "autogroup:tagged": [*TAGS]}


def leave_out(made: dict[str, Any]) -> int:
    """Takes away the tests that the two cannot be compared by; returns how many.

    What our evaluator will not guess, such as an address behind a router; and sources of which only some are let in:
    headscale merges addresses that are neighbours, and takes one of them for both.
    """
    try:
        policy = Policy.parse(json.dumps(made))
        kept = [test for test in made["tests"] if comparable(test, policy)]
    except PolicyError:
        return 0
    left_out = len(made["tests"]) - len(kept)
    made["tests"] = kept
    return left_out


def comparable(test: dict[str, Any], policy: Policy) -> bool:
    each = [{**test, "src": source} for source in (test["src"], *MEMBERS.get(test["src"], ()))]
    tests = tuple(Test.read("a test", one) for one in each)
    outcomes = run_tests(Evaluator(replace(policy, tests=tests), NETWORK))
    return not any(outcome.undecided or outcome.failed != outcomes[0].failed for outcome in outcomes)


NETWORK: Final = Network(users=[User(person) for person in (*PEOPLE, NOBODY)])
Answer = tuple[str, frozenset[tuple[str, str]]]
ACCEPTED: Final[Answer] = ("", frozenset())


def ours(made: dict[str, Any]) -> Answer:
    try:
        undecided = check(Evaluator(Policy.parse(json.dumps(made)), NETWORK))
    except PolicyError as error:
        return error.message, frozenset((one.user, said) for one in error.failures for said in one.errors)
    assert not undecided, f"cannot decide {undecided}"
    return ACCEPTED


def headscales(made: dict[str, Any], judge: judging.PolicyEnforcer) -> Answer:
    try:
        judge.check(judging.Policy.parse(json.dumps(made)), None)
    except judging.PolicyRefused as error:
        return error.message, frozenset((one["user"], said) for one in error.data for said in one["errors"])
    return ACCEPTED


@pytest.fixture(scope="module")
def control() -> Generator[Control]:
    usual = Home.from_env()
    with tempfile.TemporaryDirectory(prefix="engine-tests-", dir="/tmp") as root:
        places = Home(Path(root), usual.bin)
        places.create()
        config = HeadscaleConfig(port=places.port("headscale"))
        config.write(places.tailnet)
        log = places.tailnet / "headscale.log"
        with running(log, command(usual.bin, places.tailnet)) as process:
            answering(config.health_url, process, log)
            setup(places.tailnet, [*PEOPLE, NOBODY])
            with connected(places.tailnet) as control:
                yield control


def test_generated_policies_are_accepted_and_refused_as_headscale_does(control: Control) -> None:
    judge = judging.PolicyEnforcer(control)
    differing: list[str] = []
    refused = asked = left_out = 0
    for seed in range(POLICIES):
        made = generated(seed)
        left_out += leave_out(made)
        mine, theirs = ours(made), headscales(made, judge)
        refused += theirs != ACCEPTED
        asked += sum(len(test.get("accept", ())) + len(test.get("deny", ())) for test in made["tests"])
        # Tests that are malformed are told in headscale's own words, and without the outcome of the others.
        malformed = not all("want: " in said for _, said in theirs[1])
        if (mine == ACCEPTED) != (theirs == ACCEPTED) or (mine[1] != theirs[1] and not malformed):
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(made)}")
    print(
        f"{POLICIES} policies, {refused} refused, {asked} assertions, {left_out} tests left out, {len(differing)} differ"
    )
    assert POLICIES / 4 < refused < POLICIES * 3 / 4, "the range must hold both"
    assert asked > 3 * POLICIES
    assert left_out < POLICIES / 5
    assert differing == [], f"{len(differing)} of {POLICIES} differ:\n" + "\n".join(differing[:5])


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
    made = {**NAMES, "grants": [grant(dice) for _ in range(2)], "acls": [acl(dice)]}
    text = json.dumps(made)
    before, after = dice.choice(WRITTEN)
    places = [place for place in range(len(text)) if text.startswith(before, place)]
    place = dice.choice(places or [0])
    return text[:place] + text[place:].replace(before, after, 1)


def test_texts_are_read_and_refused_as_headscale_does(control: Control) -> None:
    differing: list[str] = []
    refused = 0
    for seed in range(POLICIES):
        text = rewritten(seed)
        mine = theirs = ""
        try:
            Policy.parse(text)
        except PolicyError as error:
            mine = error.message
        try:
            control.check_policy(text)
        except HeadscaleError as error:
            theirs = error.message
        refused += bool(theirs)
        if bool(mine) != bool(theirs):
            differing.append(f"{seed}: ours {mine!r}, headscale's {theirs!r}: {text}")
    print(f"{POLICIES} texts, {refused} refused, {len(differing)} differ")
    assert POLICIES / 4 < refused < POLICIES * 3 / 4, "the range must hold both"
    assert differing == [], f"{len(differing)} of {POLICIES} differ:\n" + "\n".join(differing[:5])
