"""Our evaluator and headscale's own check of the same generated SSH rules, their tests, attributes and approvers."""

import json
import random
import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from components.tailnet.evaluator import Device, Evaluator, Network, Policy, PolicyError, User, check
from sandbox.tailnet.client import Control, HeadscaleError
from tests.support.headscale_world import (
    headscale_alone,  # the same headscale, without the adapter
)

DAVE: Final = "dave@example.com"
ALICE, BOB, CAROL = PEOPLE = ("alice@example.com", "bob@example.com", "carol@example.org")
TAGS: Final = ("tag:home", "tag:lab", "tag:ci")
NAMES: Final[dict[str, Any]] = {
    "groups": {"group:one": [ALICE], "group:two": [BOB, CAROL], "group:none": []},
    "tagOwners": {tag: [ALICE] for tag in TAGS},
    "hosts": {"office": "192.168.0.0/16", "printer": "192.168.0.7"},
    "grants": [],
}
# Devices by who they are: a tag of two devices, a person of two, and a device of two tags. Dave has none.
DEVICES: Final = {
    "laptop": ALICE,
    "phone": ALICE,
    "desktop": BOB,
    "tablet": CAROL,
    "home-1": "tag:home",
    "home-2": "tag:home",
    "lab": "tag:lab",
    "both": "tag:home tag:ci",
}
POLICIES: Final = 1000
SECTIONS: Final = 300
SHOWN: Final = 5

SOURCES: Final = (
    *PEOPLE,
    *PEOPLE,
    "group:one",
    "group:two",
    "group:none",
    *TAGS,
    "autogroup:member",
    "autogroup:tagged",
)
TARGETS: Final = (*TAGS, *TAGS, "autogroup:tagged", "autogroup:member", "autogroup:self", "autogroup:self", *PEOPLE)
USERS: Final = (
    *(
        "root",
        "root",
        "alice",
        "bob",
        "deploy",
        "autogroup:nonroot",
        "localpart:*@example.com",
        "localpart:*@EXAMPLE.org",
    ),
    *("localpart:*@", "localpart:alice@example.com", "group:one"),
)
ASKED: Final = ("root", "root", "alice", "bob", "carol", "deploy", "autogroup:nonroot", "localpart:*@", "Root")
PERIODS: Final = ("always", "1h", "168h", "0s", "1h30m", ".5s", "10080m", "90000ms")
WRONG_PERIODS: Final = ("169h", "-1h", "168h0m1ns", "7d", "60", "", "soon", "1h ", "never")
# Every one of them is refused by one of the two as a source or a destination, most by both.
WRONG_NAMES: Final = (
    *("*", "tag:none", "tag:home:22", "group:missing", "nohost", "office", "printer", "100.64.0.1", "10.0.0.0/8"),
    *("autogroup:internet", "autogroup:danger-all", "autogroup:self", "autogroup:nonroot", "group:one", "svc:web", ""),
)


def some(dice: random.Random, of: Sequence[str], most: int = 3) -> list[str]:
    return dice.sample(of, dice.choice((1, 1, *range(1, most + 1))))


def rule(dice: random.Random) -> dict[str, Any]:
    """A rule that both should accept, most of the time: who may not log in to whom is left to chance."""
    src = some(dice, SOURCES)
    dst = some(dice, TARGETS)
    match dice.choice("tttpppps?"):
        case "t":
            dst = some(dice, TAGS)
        case "p":
            src = some(dice, (*PEOPLE, "group:one", "group:two", "autogroup:member"))
            dst = some(dice, (*TAGS, "autogroup:self", "autogroup:member", "autogroup:tagged"))
        case "s":
            src = dst = [dice.choice(PEOPLE)]
        case _:
            pass
    made: dict[str, Any] = {
        "action": dice.choice(("accept", "check")),
        "src": src,
        "dst": dst,
        "users": some(dice, USERS),
    }
    if made["action"] == "check" and dice.random() < 0.3:
        made["checkPeriod"] = dice.choice(PERIODS)
    if dice.random() < 0.1:
        made["acceptEnv"] = some(dice, ("*", "**", "LANG", "GIT_*"))
    return made


def spoil(dice: random.Random, made: dict[str, Any]) -> None:
    """One of the mistakes that people make, and some that they do not."""
    match dice.randrange(12):
        case 0:
            made["users"] = dice.choice(([], ["*"], ["root", ""], [" "], ["*", "root"]))
        case 1:
            del made["users"]
        case 2:
            made["action"] = dice.choice(("", "deny", "Accept", "allow", " "))
        case 3:
            del made["action"]
        case 4:
            made["checkPeriod"] = dice.choice((*WRONG_PERIODS, *PERIODS))
        case 5:
            made["acceptEnv"] = ["LANG", ""]
        case 6:
            made["src"] = [*made["src"], dice.choice(WRONG_NAMES)]
        case 7:
            made["dst"] = [*made["dst"], dice.choice(WRONG_NAMES)]
        case 8:
            made[dice.choice(("src", "dst"))] = []
        case 9:
            # Space around words is no mistake.
            side = dice.choice(("src", "dst", "users"))
            made[side] = [f" {word} " for word in made[side]]
        case 10:
            made["src"] = [*made["src"], *some(dice, SOURCES)]
        case _:
            made["dst"] = [*made["dst"], *some(dice, TARGETS)]


def question(dice: random.Random) -> dict[str, Any]:
    test: dict[str, Any] = {
        "src": dice.choice((*PEOPLE, *TAGS, "group:one", "group:two", "autogroup:member", "autogroup:tagged")),
        "dst": some(
            dice, (*TAGS, *TAGS, *PEOPLE, "autogroup:member", "autogroup:tagged", "autogroup:self", "group:one"), 2
        ),
    }
    for said in some(dice, ("accept", "deny", "check"), 2):
        test[said] = some(dice, ASKED)
    if dice.random() < 0.08:
        match dice.randrange(6):
            case 0:
                test["src"] = dice.choice(
                    ("", " ", "tag:none", "group:missing", "group:none", "nobody@example.com", "nohost")
                )
            case 1:
                test["dst"] = []
            case 2:
                test["dst"] = [dice.choice(("tag:none", "tag:home:22", "10.0.0.0/8", "autogroup:internet", "office"))]
            case 3:
                test["dst"] = [
                    dice.choice(("group:none", "group:missing", "nobody@example.com", "nohost", "192.168.0.9"))
                ]
            case 4:
                for said in ("accept", "deny", "check"):
                    test.pop(said, None)
            case _:
                test["accept"] = [""]
    return test


def generated(seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    rules = [rule(dice) for _ in range(dice.randint(0, 5))]
    if rules and dice.random() < 0.3:
        spoil(dice, dice.choice(rules))
    # Questions by themselves nearly always fail; half of the policies keep those that our evaluator says hold.
    tests = [question(dice) for _ in range(dice.randint(1, 5))]
    return {**NAMES, "ssh": rules, "sshTests": tests}


def settled(made: dict[str, Any], network: Network) -> dict[str, Any]:
    """With the tests that our evaluator lets pass, which headscale must let pass too."""
    kept: list[Any] = []
    for test in made["sshTests"]:
        try:
            if not check(Evaluator(Policy.parse(json.dumps({**made, "sshTests": [test]})), network)):
                kept.append(test)
        except PolicyError:
            continue
    return {**made, "sshTests": kept}


@dataclass(frozen=True)
class Answer:
    """`failed`: who, as whom, and what was wanted; None when something else is wrong with a test too."""

    refused: str = ""
    failed: frozenset[tuple[str, str, str]] | None = frozenset()


# What is refused in the hosted service's words, headscale refuses in the same.
_WORDED: Final = re.compile(
    r"action must|users must|user \"|acceptEnv|checkPeriod|time: |tag not found|invalid dst \"(office|printer|nohost)\"|SSH tests"
    r'|"[^"]*" is not a valid action'
)
_OURS: Final = re.compile(r'^dst ".*", user "(?P<user>.*)": want: (?P<want>Accept|Drop|Check), got: \w+$')
_THEIRS: Final = re.compile(
    r"^(?P<src>\S+)/(?P<user>\S+) -> \S+: expected (?P<want>ALLOWED via check|ALLOWED|DENIED), got "
)
_WANTS: Final = {"ALLOWED": "Accept", "DENIED": "Drop", "ALLOWED via check": "Check"}


def ours(made: dict[str, Any], network: Network) -> Answer:
    try:
        undecided = check(Evaluator(Policy.parse(json.dumps(made)), network))
    except PolicyError as error:
        lines = [(failure.user, _OURS.match(line)) for failure in error.failures for line in failure.errors]
        if any(match is None for _, match in lines) or not lines:
            return Answer(error.message, None)
        return Answer(error.message, frozenset((src, match["user"], match["want"]) for src, match in lines if match))
    assert undecided == (), "with every device known, everything here is decided"
    return Answer()


def headscales(made: dict[str, Any], control: Control) -> Answer:
    try:
        control.check_policy(json.dumps(made))
    except HeadscaleError as error:
        if not error.reached:
            raise
        head, found, rest = error.message.partition("test(s) failed:\n")
        lines = [_THEIRS.match(line) for line in rest.splitlines()]
        if not found or head not in ("", "parsing policy: ") or not all(lines):
            return Answer(error.message, None)
        failed = frozenset(
            (match["src"], "" if match["user"] == '""' else match["user"], _WANTS[match["want"]])
            for match in lines
            if match
        )
        return Answer("test(s) failed", failed)
    return Answer()


@pytest.fixture(scope="module")
def control() -> Generator[Control]:
    with headscale_alone([*PEOPLE, DAVE]) as control:
        control.set_policy(json.dumps(NAMES))
        for name, identity in DEVICES.items():
            tags = identity.split() if identity.startswith("tag:") else []
            node = control.register_offline_node(ALICE if tags else identity, name)
            if tags:
                control.tag_node(node.id, tags)
        yield control


@pytest.fixture(scope="module")
def network(control: Control) -> Network:
    devices = [
        Device(
            node.name, tuple(node.ip_addresses), tuple(node.tags), "" if node.tags or not node.user else node.user.login
        )
        for node in control.nodes()
    ]
    assert {device.name: " ".join(sorted(device.tags, reverse=True)) or device.user for device in devices} == {
        name: " ".join(sorted(identity.split(), reverse=True)) for name, identity in DEVICES.items()
    }
    return Network(devices, [User(person) for person in (*PEOPLE, DAVE)])


def test_generated_ssh_rules_and_tests_are_judged_as_headscale_does(control: Control, network: Network) -> None:
    differing: list[str] = []
    seen = Counter[str]()
    for seed in range(POLICIES):
        made = generated(seed)
        if seed % 2:
            made = settled(made, network)
        mine, theirs = ours(made, network), headscales(made, control)
        seen["refused" if theirs.failed is None else "failed" if theirs.refused else "accepted"] += 1
        seen["assertions"] += sum(
            len(test.get(said, ())) * len(test["dst"])
            for test in made["sshTests"]
            for said in ("accept", "deny", "check")
        )
        same = mine.failed == theirs.failed if mine.failed is not None and theirs.failed is not None else True
        if mine.failed is None and _WORDED.match(mine.refused):
            seen["words"] += 1
            same = mine.refused in theirs.refused
        if bool(mine.refused) != bool(theirs.refused) or not same:
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(made)}")
    print(f"{POLICIES} policies with SSH rules: {dict(seen)}, {len(differing)} differ")
    assert min(seen["refused"], seen["failed"], seen["accepted"], seen["words"]) > POLICIES / 10, (
        "the range must hold all three"
    )
    assert seen["assertions"] > 2 * POLICIES
    assert not differing, "\n".join(differing[:SHOWN])


def attributes(dice: random.Random) -> dict[str, Any]:
    targets = (
        "*",
        *PEOPLE,
        "group:one",
        *TAGS,
        "autogroup:member",
        "autogroup:tagged",
        "office",
        "100.64.0.1",
        "10.0.0.0/8",
    )
    made: dict[str, Any] = {"target": some(dice, targets)}
    if dice.random() < 0.8:
        made["attr"] = some(dice, ("mullvad", "nextdns:abc", "randomize-client-port", "drive:share", "disable-ipv4"))
    if dice.random() < 0.3:
        wrong = (
            "tag:none",
            "group:missing",
            "nohost",
            "autogroup:self",
            "autogroup:internet",
            "autogroup:danger-all",
            "tag:home:22",
        )
        made["target"].append(dice.choice(wrong))
    return made


def approvers(dice: random.Random) -> dict[str, Any]:
    words = (*PEOPLE, "group:one", "group:two", *TAGS)
    wrong = ("tag:none", "group:missing", "nohost", "office", "*", "100.64.0.1", "", "tag:home:22")
    routes = ("10.0.0.0/8", "10.0.0.1/8", "0.0.0.0/0", "::/0", "fd7a::/64", "192.168.0.7/32")
    wrong_routes = (
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "010.0.0.0/8",
        "office",
        "*",
        "fd7a::%x/64",
        "10.0.0/8",
    )
    made: dict[str, Any] = {}
    if dice.random() < 0.8:
        made["routes"] = {route: some(dice, words) for route in some(dice, routes)}
    if dice.random() < 0.5:
        made["exitNode"] = some(dice, words)
    if dice.random() < 0.3:
        match dice.randrange(3):
            case 0:
                made.setdefault("routes", {})[dice.choice(wrong_routes)] = [ALICE]
            case 1:
                made["routes"] = {"10.0.0.0/8": [dice.choice(wrong)]}
            case _:
                made["exitNode"] = [dice.choice(words), dice.choice(wrong)]
    return made


def test_generated_attributes_and_approvers_are_judged_as_headscale_does(control: Control, network: Network) -> None:
    differing: list[str] = []
    refused = 0
    for seed in range(SECTIONS):
        dice = random.Random(seed)
        made = {
            **NAMES,
            "nodeAttrs": [attributes(dice) for _ in range(dice.randint(0, 2))],
            "autoApprovers": approvers(dice),
        }
        mine, theirs = ours(made, network), headscales(made, control)
        refused += bool(theirs.refused)
        if bool(mine.refused) != bool(theirs.refused):
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(made)}")
    print(f"{SECTIONS} policies with attributes and approvers, {refused} refused, {len(differing)} differ")
    assert SECTIONS / 5 < refused < SECTIONS * 4 / 5, "the range must hold both"
    assert not differing, "\n".join(differing[:SHOWN])


LOGIN: Final[dict[str, Any]] = {"action": "accept", "src": [ALICE], "dst": ["tag:home"], "users": ["root"]}


HOSTED_ONLY: Final[list[dict[str, Any]]] = [
    {"ssh": [{**LOGIN, "src": ["autogroup:admin"]}]},
    # It matches logins in any case, and asks of tests that their people are known, not that they have a device.
    {"ssh": [{**LOGIN, "dst": ["Alice@example.com"]}]},
    {"ssh": [], "sshTests": [{"src": DAVE, "dst": ["tag:home"], "deny": ["root"]}]},
    {"ssh": [], "sshTests": [{"src": ALICE, "dst": [DAVE], "deny": ["root"]}]},
    {"ssh": [{**LOGIN, "recorder": ["tag:ci"]}]},
    {"ssh": [{**LOGIN, "srcPosture": ["posture:known"]}]},
    {"nodeAttrs": [{"target": ["tag:home"], "attr": ["funnel"]}]},
    {"nodeAttrs": [{"target": ["tag:home"], "ipPool": ["100.80.0.0/16"]}]},
    {"nodeAttrs": [{"target": ["tag:home"], "app": {"tailscale.com/app-connectors": []}}]},
    {"nodeAttrs": [{"target": ["autogroup:admin"], "attr": ["mullvad"]}]},
    {"autoApprovers": {"exitNode": ["autogroup:admin"]}},
    {"autoApprovers": {"services": {"svc:web": ["tag:home"]}}},
]


@pytest.mark.parametrize(
    "sections",
    HOSTED_ONLY,
    ids=lambda sections: json.dumps(sections)[:70],
)
def test_what_only_the_hosted_service_accepts_is_accepted_by_us_alone(
    sections: dict[str, Any], control: Control, network: Network
) -> None:
    made = {**NAMES, **sections}
    assert (ours(made, network), bool(headscales(made, control).refused)) == (Answer(), True)


def test_a_route_without_an_address_is_refused_by_us_alone(control: Control, network: Network) -> None:
    # headscale reads it as no route; whoever wrote it meant one.
    made = {**NAMES, "autoApprovers": {"routes": {"": [ALICE]}}}
    assert (bool(ours(made, network).refused), headscales(made, control)) == (True, Answer())
