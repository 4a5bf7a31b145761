"""The policy that a stack would write, held to the access it must give, before anything is registered (I7)."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given

from components.settings.load import parse
from components.tailnet import hujson, proof
from components.tailnet.policy import render
from tests.support.configs import Raw, configurations, smallest, with_tailnet
from tests.support.harness import run_program

TAG, YOU = "tag:openclaw-home", "you@example.com"


def owned(**instance: Any) -> Raw:
    return {**smallest(**instance), "tailnet": {"name": "example.ts.net", "ownership": "owned"}}


def problems_of(config: Raw, **sections: Any) -> list[str]:
    """The problems of this configuration's policy, with these sections instead of its own."""
    settings = parse(config)
    policy = {**hujson.loads_object(render(settings)), **sections}
    return proof.problems(json.dumps(policy), settings)


def grant(src: str, *ip: str, dst: str = TAG) -> dict[str, Any]:
    return {"src": [src], "dst": [dst], "ip": list(ip)}


OWN = grant(YOU, "tcp:443")


@given(configurations())
def test_i7_what_is_rendered_gives_exactly_the_listed_access(config: Raw) -> None:
    settings = parse(config)
    assert proof.problems(render(settings), settings) == []


def test_i7_the_same_login_in_another_case_is_nobody_else() -> None:
    other = {"id": "lab", "people": ["You@example.com"]}
    config = {**owned(), "instances": [*owned()["instances"], other]}
    assert problems_of(config) == []


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"grants": [OWN, grant("bob@example.com", "tcp:443")]},
            "grants[1] lets bob@example.com reach tag:openclaw-home on tcp:443. Remove it, or add bob@example.com to "
            "instances[0].people.",
        ),
        (
            {"grants": [OWN, grant(YOU, "22")]},
            "grants[1] lets you@example.com reach tag:openclaw-home on 22, where only tcp:443 is served. "
            "Narrow it to that.",
        ),
        (
            {"grants": [OWN, grant("*", "tcp:443", dst="*")]},
            "grants[1] lets * reach tag:openclaw-home on tcp:443. Remove it, or add * to instances[0].people.",
        ),
        (
            {"grants": [], "tests": []},
            "no grant lets you@example.com reach tag:openclaw-home on tcp:443. Add one, or remove you@example.com from "
            "instances[0].people.",
        ),
        (
            {"tagOwners": {}},
            'the control server would refuse it: tag not found: "tag:openclaw-home". Correct tailnet.tagOwners or '
            "tailnet.groups.",
        ),
        (
            {"tests": [{"src": YOU, "deny": [f"{TAG}:443"]}]},
            'its own tests[0] (you@example.com) would fail: address "tag:openclaw-home:443": want: Drop, got: Accept. '
            "Correct people in instances, or tailnet.groups.",
        ),
        (
            {"grants": [OWN, {**grant(YOU, "tcp:443"), "srcPosture": ["posture:known"]}]},
            "tag:openclaw-home: it cannot be determined who reaches it: grants[1]: it has srcposture, which cannot be judged "
            "offline. Remove grants[1], or name tags and people.",
        ),
    ],
)
def test_i7_each_wrong_policy_is_found_and_says_what_to_mend(sections: dict[str, Any], said: str) -> None:
    assert said in problems_of(owned(), **sections)


def test_i7_nobody_may_reach_an_instance_whose_tailscale_is_off() -> None:
    assert problems_of(owned(tailscale={"enabled": False}), grants=[OWN], tests=[]) == [
        "grants[0] lets you@example.com reach tag:openclaw-home on tcp:443. Remove it, or add you@example.com to "
        "instances[0].people."
    ]


@pytest.mark.parametrize("preview", [True, False])
def test_i7_a_wrong_policy_is_refused_before_the_tailnet_is_touched(preview: bool) -> None:
    config = {**with_tailnet(ownership="owned", tagOwners=["tag:ci"])}
    with pytest.raises(pulumi.RunError) as refused:
        run_program(config, preview=preview)
    assert str(refused.value) == (
        "The tailnet policy of this configuration would be wrong; nothing was changed (1 found):\n"
        '  the control server would refuse it: tag not found: "tag:ci". Correct tailnet.tagOwners or tailnet.groups.'
    )


def test_i7_a_group_that_nobody_is_in_is_refused() -> None:
    tailnet: Raw = {"name": "example.ts.net", "ownership": "owned", "groups": {"group:family": []}}
    config: Raw = {"tailnet": tailnet, "instances": [{"id": "home", "people": ["group:family"]}]}
    said = r'people\[0\] "group:family" has no members in tailnet\.groups\. Add a member, or remove the group here\.'
    with pytest.raises(pulumi.RunError, match=said):
        run_program(config)


def test_i7_many_problems_are_said_in_a_few_lines() -> None:
    said = proof.message([f"problem {number}" for number in range(7)]).splitlines()
    assert said[0].endswith("(7 found):")
    assert said[-1] == "  and 2 more problems."
    assert len(said) == proof.SHOWN + 2
