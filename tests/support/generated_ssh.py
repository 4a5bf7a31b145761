"""Generated SSH rules with their tests, and generated attributes and approvers, for a comparison with headscale."""

import json
import random
from collections.abc import Sequence
from typing import Any, Final

from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, check

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
SOURCES: Final = (
    *(*PEOPLE, *PEOPLE, *TAGS),
    *("group:one", "group:two", "group:none", "autogroup:member", "autogroup:tagged"),
)
TARGETS: Final = (*TAGS, *TAGS, "autogroup:tagged", "autogroup:member", "autogroup:self", "autogroup:self", *PEOPLE)
USERS: Final = (
    *("root", "root", "alice", "bob", "deploy", "autogroup:nonroot", "group:one"),
    *("localpart:*@example.com", "localpart:*@EXAMPLE.org", "localpart:*@", "localpart:alice@example.com"),
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
    generated: dict[str, Any] = {
        "action": dice.choice(("accept", "check")),
        "src": src,
        "dst": dst,
        "users": some(dice, USERS),
    }
    if generated["action"] == "check" and dice.random() < 0.3:
        generated["checkPeriod"] = dice.choice(PERIODS)
    if dice.random() < 0.1:
        generated["acceptEnv"] = some(dice, ("*", "**", "LANG", "GIT_*"))
    return generated


def spoil(dice: random.Random, ssh_rule: dict[str, Any]) -> None:
    """One of the mistakes that people make, and some that they do not."""
    match dice.randrange(12):
        case 0:
            ssh_rule["users"] = dice.choice(([], ["*"], ["root", ""], [" "], ["*", "root"]))
        case 1:
            del ssh_rule["users"]
        case 2:
            ssh_rule["action"] = dice.choice(("", "deny", "Accept", "allow", " "))
        case 3:
            del ssh_rule["action"]
        case 4:
            ssh_rule["checkPeriod"] = dice.choice((*WRONG_PERIODS, *PERIODS))
        case 5:
            ssh_rule["acceptEnv"] = ["LANG", ""]
        case 6:
            ssh_rule["src"] = [*ssh_rule["src"], dice.choice(WRONG_NAMES)]
        case 7:
            ssh_rule["dst"] = [*ssh_rule["dst"], dice.choice(WRONG_NAMES)]
        case 8:
            ssh_rule[dice.choice(("src", "dst"))] = []
        case 9:
            # Space around words is no mistake.
            side = dice.choice(("src", "dst", "users"))
            ssh_rule[side] = [f" {word} " for word in ssh_rule[side]]
        case 10:
            ssh_rule["src"] = [*ssh_rule["src"], *some(dice, SOURCES)]
        case _:
            ssh_rule["dst"] = [*ssh_rule["dst"], *some(dice, TARGETS)]


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


def generated_ssh(seed: int) -> dict[str, Any]:
    """A policy with SSH rules and tests of them."""
    dice = random.Random(seed)
    rules = [rule(dice) for _ in range(dice.randint(0, 5))]
    if rules and dice.random() < 0.3:
        spoil(dice, dice.choice(rules))
    # Questions by themselves nearly always fail; half of the policies keep those that our evaluator says hold.
    tests = [question(dice) for _ in range(dice.randint(1, 5))]
    return {**NAMES, "ssh": rules, "sshTests": tests}


def settled(policy: dict[str, Any], network: Network) -> dict[str, Any]:
    """With the tests that our evaluator lets pass, which headscale must let pass too."""
    kept: list[Any] = []
    for test in policy["sshTests"]:
        try:
            if not check(Evaluator(Policy.parse(json.dumps({**policy, "sshTests": [test]})), network)):
                kept.append(test)
        except PolicyError:
            continue
    return {**policy, "sshTests": kept}


def attributes(dice: random.Random) -> dict[str, Any]:
    names = (*PEOPLE, "group:one", *TAGS, "autogroup:member", "autogroup:tagged")
    targets = ("*", *names, "office", "100.64.0.1", "10.0.0.0/8")
    wrong = (
        *("tag:none", "group:missing", "nohost", "tag:home:22"),
        *("autogroup:self", "autogroup:internet", "autogroup:danger-all"),
    )
    attrs = ("mullvad", "nextdns:abc", "randomize-client-port", "drive:share", "disable-ipv4")
    attribute: dict[str, Any] = {"target": some(dice, targets)}
    if dice.random() < 0.8:
        attribute["attr"] = some(dice, attrs)
    if dice.random() < 0.3:
        attribute["target"].append(dice.choice(wrong))
    return attribute


def approvers(dice: random.Random) -> dict[str, Any]:
    words = (*PEOPLE, "group:one", "group:two", *TAGS)
    wrong = ("tag:none", "group:missing", "nohost", "office", "*", "100.64.0.1", "", "tag:home:22")
    routes = ("10.0.0.0/8", "10.0.0.1/8", "0.0.0.0/0", "::/0", "fd7a::/64", "192.168.0.7/32")
    wrong_routes = ("10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "010.0.0.0/8", "office", "*", "fd7a::%x/64", "10.0.0/8")
    section: dict[str, Any] = {}
    if dice.random() < 0.8:
        section["routes"] = {route: some(dice, words) for route in some(dice, routes)}
    if dice.random() < 0.5:
        section["exitNode"] = some(dice, words)
    if dice.random() < 0.3:
        match dice.randrange(3):
            case 0:
                section.setdefault("routes", {})[dice.choice(wrong_routes)] = [ALICE]
            case 1:
                section["routes"] = {"10.0.0.0/8": [dice.choice(wrong)]}
            case _:
                section["exitNode"] = [dice.choice(words), dice.choice(wrong)]
    return section


def generated_sections(seed: int) -> dict[str, Any]:
    """A policy with attributes of nodes and approvers."""
    dice = random.Random(seed)
    return {
        **NAMES,
        "nodeAttrs": [attributes(dice) for _ in range(dice.randint(0, 2))],
        "autoApprovers": approvers(dice),
    }
