"""Our evaluator and headscale's own check of the same generated SSH rules, their tests, attributes and approvers."""

import json
import re
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from components.tailnet.evaluator import Device, Evaluator, Network, Policy, PolicyError, User, check
from sandbox.tailnet.client import Control, HeadscaleError
from tests.support.generated_ssh import ALICE, DAVE, DEVICES, NAMES, PEOPLE, generated_sections, generated_ssh, settled
from tests.support.headscale_world import headscale_alone

POLICIES: Final = 1000
SECTIONS: Final = 300
SHOWN: Final = 5


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


def ours(policy: dict[str, Any], network: Network) -> Answer:
    try:
        undecided = check(Evaluator(Policy.parse(json.dumps(policy)), network))
    except PolicyError as error:
        lines = [(failure.user, _OURS.match(line)) for failure in error.failures for line in failure.errors]
        if any(match is None for _, match in lines) or not lines:
            return Answer(error.message, None)
        return Answer(error.message, frozenset((src, match["user"], match["want"]) for src, match in lines if match))
    assert undecided == (), "with every device known, everything here is decided"
    return Answer()


def headscales(policy: dict[str, Any], control: Control) -> Answer:
    try:
        control.check_policy(json.dumps(policy))
    except HeadscaleError as error:
        if not error.reached:
            raise
        head, listed, rest = error.message.partition("test(s) failed:\n")
        lines = [_THEIRS.match(line) for line in rest.splitlines()]
        if not listed or head not in ("", "parsing policy: ") or not all(lines):
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
        policy = generated_ssh(seed)
        if seed % 2:
            policy = settled(policy, network)
        mine, theirs = ours(policy, network), headscales(policy, control)
        seen["refused" if theirs.failed is None else "failed" if theirs.refused else "accepted"] += 1
        seen["assertions"] += sum(
            len(test.get(said, ())) * len(test["dst"])
            for test in policy["sshTests"]
            for said in ("accept", "deny", "check")
        )
        same = mine.failed == theirs.failed if mine.failed is not None and theirs.failed is not None else True
        if mine.failed is None and _WORDED.match(mine.refused):
            seen["words"] += 1
            same = mine.refused in theirs.refused
        if bool(mine.refused) != bool(theirs.refused) or not same:
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(policy)}")
    print(f"{POLICIES} policies with SSH rules: {dict(seen)}, {len(differing)} differ")
    assert min(seen["refused"], seen["failed"], seen["accepted"], seen["words"]) > POLICIES / 10, (
        "the range must hold all three"
    )
    assert seen["assertions"] > 2 * POLICIES
    assert not differing, "\n".join(differing[:SHOWN])


def test_generated_attributes_and_approvers_are_judged_as_headscale_does(control: Control, network: Network) -> None:
    differing: list[str] = []
    refused = 0
    for seed in range(SECTIONS):
        policy = generated_sections(seed)
        mine, theirs = ours(policy, network), headscales(policy, control)
        refused += bool(theirs.refused)
        if bool(mine.refused) != bool(theirs.refused):
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(policy)}")
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


@pytest.mark.parametrize("sections", HOSTED_ONLY, ids=lambda sections: json.dumps(sections)[:70])
def test_what_only_the_hosted_service_accepts_is_accepted_by_us_alone(
    sections: dict[str, Any], control: Control, network: Network
) -> None:
    policy = {**NAMES, **sections}
    assert (ours(policy, network), bool(headscales(policy, control).refused)) == (Answer(), True)


def test_a_route_without_an_address_is_refused_by_us_alone(control: Control, network: Network) -> None:
    # headscale reads it as no route; whoever wrote it meant one.
    policy = {**NAMES, "autoApprovers": {"routes": {"": [ALICE]}}}
    assert (bool(ours(policy, network).refused), headscales(policy, control)) == (True, Answer())
