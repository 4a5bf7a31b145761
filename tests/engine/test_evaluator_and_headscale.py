"""Our evaluator and headscale's own `policy check`, asked about the same generated policies: they must agree."""

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any, Final

import pytest

from components.tailnet.evaluator import Evaluator, Policy, PolicyError, check, run_tests
from components.tailnet.evaluator.policy import AccessTest
from sandbox.tailnet import policy as judging
from sandbox.tailnet.client import Control, HeadscaleError
from tests.support.generated_policies import GROUPS, NETWORK, NOBODY, PEOPLE, TAGS, generated, rewritten
from tests.support.headscale_world import (
    headscale_alone,  # the same headscale, without the adapter
)

POLICIES: Final = 1000
# Whom a source of several stands for.
MEMBERS: Final = {**GROUPS, "autogroup:member": [*PEOPLE, NOBODY], "autogroup:tagged": [*TAGS]}


def leave_out(written: dict[str, Any]) -> int:
    """Takes away the tests that the two cannot be compared by; returns how many.

    What our evaluator will not guess, such as an address behind a router; and sources of which only some are let in:
    headscale merges addresses that are neighbours, and takes one of them for both.
    """
    try:
        policy = Policy.parse(json.dumps(written))
        kept = [test for test in written["tests"] if comparable(test, policy)]
    except PolicyError:
        return 0
    left_out = len(written["tests"]) - len(kept)
    written["tests"] = kept
    return left_out


def comparable(test: dict[str, Any], policy: Policy) -> bool:
    each = [{**test, "src": source} for source in (test["src"], *MEMBERS.get(test["src"], ()))]
    tests = tuple(AccessTest.read("a test", one) for one in each)
    outcomes = run_tests(Evaluator(replace(policy, tests=tests), NETWORK))
    return not any(outcome.undecided or outcome.failed != outcomes[0].failed for outcome in outcomes)


Answer = tuple[str, frozenset[tuple[str, str]]]
ACCEPTED: Final[Answer] = ("", frozenset())


def ours(written: dict[str, Any]) -> Answer:
    try:
        undecided = check(Evaluator(Policy.parse(json.dumps(written)), NETWORK))
    except PolicyError as error:
        return error.message, frozenset((one.user, said) for one in error.failures for said in one.errors)
    assert not undecided, f"cannot decide {undecided}"
    return ACCEPTED


def headscales(written: dict[str, Any], judge: judging.PolicyEnforcer) -> Answer:
    try:
        judge.check(judging.Policy.parse(json.dumps(written)), None)
    except judging.PolicyRefused as error:
        return error.message, frozenset((one["user"], said) for one in error.data for said in one["errors"])
    return ACCEPTED


@pytest.fixture(scope="module")
def control() -> Generator[Control]:
    with headscale_alone([*PEOPLE, NOBODY]) as control:
        yield control


def test_generated_policies_are_accepted_and_refused_as_headscale_does(control: Control) -> None:
    judge = judging.PolicyEnforcer(control)
    differing: list[str] = []
    refused = asked = left_out = 0
    for seed in range(POLICIES):
        written = generated(seed)
        left_out += leave_out(written)
        mine, theirs = ours(written), headscales(written, judge)
        refused += theirs != ACCEPTED
        asked += sum(len(test.get("accept", ())) + len(test.get("deny", ())) for test in written["tests"])
        # Tests that are malformed are told in headscale's own words, and without the outcome of the others.
        malformed = not all("want: " in said for _, said in theirs[1])
        if (mine == ACCEPTED) != (theirs == ACCEPTED) or (mine[1] != theirs[1] and not malformed):
            differing.append(f"{seed}: ours {mine}, headscale's {theirs}: {json.dumps(written)}")
    print(
        f"{POLICIES} policies, {refused} refused, {asked} assertions, {left_out} tests left out, {len(differing)} differ"
    )
    assert POLICIES / 4 < refused < POLICIES * 3 / 4, "the range must hold both"
    assert asked > 3 * POLICIES
    assert left_out < POLICIES / 5
    assert differing == [], f"{len(differing)} of {POLICIES} differ:\n" + "\n".join(differing[:5])


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
