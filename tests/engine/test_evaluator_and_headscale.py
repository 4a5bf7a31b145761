"""Our evaluator and headscale's own `policy check`, asked about the same generated policies: they must agree."""

import json
import random
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from test_tailnet_adapter import (
    answering,
    running,  # the same headscale, without the adapter
)

from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, User, check, run_tests
from sandbox.home import Home
from sandbox.tailnet import policy as judging
from sandbox.tailnet.client import Control
from sandbox.tailnet.headscale import HeadscaleConfig, command, connected, setup

PEOPLE: Final = ("alice@example.com", "bob@example.com", "carol@example.com")
GROUPS: Final = {"group:one": ["alice@example.com"], "group:two": ["bob@example.com", "carol@example.com"]}
TAGS: Final = ("tag:home", "tag:lab", "tag:ci")
NAMES: Final[dict[str, Any]] = {
    "groups": GROUPS,
    "tagOwners": {tag: ["alice@example.com"] for tag in TAGS},
    "hosts": {"office": "192.168.0.0/16"},
}
# Whole ranges only: which address a device will have, nobody knows before it joins.
SOURCES: Final = (*PEOPLE, *GROUPS, *TAGS, "*", "autogroup:member", "autogroup:tagged", "office", "10.0.0.0/8")
TARGETS: Final = (
    *PEOPLE,
    *GROUPS,
    *TAGS,
    *TAGS,
    "*",
    "autogroup:member",
    "autogroup:tagged",
    "office",
    "100.64.0.0/10",
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
POLICIES: Final = 500


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
    targets = [f"{dice.choice((*TAGS, *PEOPLE))}:{dice.choice(PORTS)}" for _ in range(dice.randint(1, 3))]
    test: dict[str, Any] = {"src": dice.choice((*PEOPLE, *GROUPS, *TAGS)), said: targets}
    # Not sctp: a rule without a protocol is TCP, UDP and ICMP to every client, and so to our evaluator; headscale's test
    # takes it for any protocol (of 400 policies 20 differed by that, and none by anything else).
    return {**test, "proto": dice.choice(("tcp", "udp", "6", "17"))} if dice.random() < 0.7 else test


def break_one(dice: random.Random, made: dict[str, Any]) -> None:
    """One of the mistakes that people make."""
    grants: list[dict[str, Any]] = made["grants"] or [grant(dice)]
    made["grants"] = grants
    broken = dice.choice(grants)
    match dice.randrange(9):
        case 0:
            broken["src"] = [dice.choice(("tag:none", "group:none", "nohost"))]
        case 1:
            broken["dst"] = [dice.choice(("tag:none", "group:none", "nohost"))]
        case 2:
            broken["ip"] = [dice.choice(("icmp", "tcp:70000", "443-80", "foo:1", "tcp:1:2", "", "300:1"))]
        case 3:
            broken["ip"] = []
        case 4:
            made["groups"] = {**GROUPS, "one": []}
        case 5:
            made["tagOwners"] = {**made["tagOwners"], "tag:lab": ["group:none"]}
        case 6:
            made["tests"].append({"src": "nobody@example.com", "accept": ["tag:home:443"]})
        case 7:
            made["tests"].append(
                {"src": "alice@example.com", "accept": ["tag:home:" + dice.choice(("80-90", "*", "0"))]}
            )
        case _:
            made["hosts"] = {"office": "192.168.0.300"}


def generated(seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    made = {
        **NAMES,
        "grants": [grant(dice) for _ in range(dice.randint(0, 4))],
        "acls": [acl(dice) for _ in range(dice.choice((0, 0, 1, 2)))],
        "tests": [question(dice) for _ in range(dice.randint(1, 6))],
    }
    if dice.random() < 0.25:
        break_one(dice, made)
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


NETWORK: Final = Network(users=[User(person) for person in PEOPLE])
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
            setup(places.tailnet, list(PEOPLE))
            with connected(places.tailnet) as control:
                yield control


def test_generated_policies_are_accepted_and_refused_as_headscale_does(control: Control) -> None:
    judge = judging.PolicyEnforcer(control)
    differing: list[str] = []
    refused = asked = 0
    for seed in range(POLICIES):
        made = generated(seed)
        mine, theirs = ours(made), headscales(made, judge)
        refused += theirs != ACCEPTED
        asked += sum(len(test.get("accept", ())) + len(test.get("deny", ())) for test in made["tests"])
        # Tests that are malformed are told in headscale's own words, and without the outcome of the others.
        malformed = not all("want: " in said for _, said in theirs[1])
        if (mine == ACCEPTED) != (theirs == ACCEPTED) or (mine[1] != theirs[1] and not malformed):
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(made)}")
    print(f"{POLICIES} policies, {refused} refused, {asked} assertions, {len(differing)} differ")
    assert POLICIES / 4 < refused < POLICIES * 3 / 4, "the range must hold both"
    assert asked > 3 * POLICIES
    assert differing == [], f"{len(differing)} of {POLICIES} differ"
