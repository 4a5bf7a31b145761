"""Whatever is written: an answer or one PolicyError, never another exception."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings.load import parse
from components.tailnet import access
from components.tailnet.evaluator import Evaluator, Policy, PolicyError, run_tests
from components.tailnet.policy import render
from components.tailnet.verify import verify
from tests.support.configs import smallest
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NAMES, NETWORK, NETWORKS, grant

SECTIONS = ["groups", "tagOwners", "hosts", "ipsets", "acls", "grants", "tests", "postures", "defaultSrcPosture", "new"]
KEYS = [
    *(
        "action",
        "src",
        "dst",
        "ip",
        "app",
        "via",
        "proto",
        "users",
        "ports",
        "accept",
        "deny",
        "srcPosture",
        "SRC",
        "x",
    ),
]
WORDS = [
    *("*", "", " ", ALICE, BOB, GW, CI, "group:users", "group:x", "tag:", "tag:x", "autogroup:self", "autogroup:member"),
    *("autogroup:internet", "autogroup:x", "autogroup:admin", "user:*@example.com", "svc:x", "ipset:lab", "ipset:a"),
    *("ipset:b", "remove ipset:a", "host:office", "office", "printer", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "::/0", "[::1]"),
    *("fe80::1%0", "1-2-x", "443", "tcp:443", "icmp:*", "*:*", "tag:gw:443", "*:22,80", "[::1]:22", "accept", "tcp", "9" * 5000),
    *("@", "a@", "*@b", "\x00", "\u0661", "example.com/cap", "https://x/y", "tag:gw:1-2-3", "autogroup:self:22", ":", "-", "/"),
]  # fmt: skip
WORD = st.sampled_from(WORDS) | st.text(max_size=6)
SCALAR = WORD | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | WORD, inner, max_size=4),
    max_leaves=12,
)
ENTRY = st.dictionaries(st.sampled_from(KEYS), st.lists(WORD, max_size=3) | WORD | ANYTHING, max_size=6)
NAMED = st.dictionaries(WORD, st.lists(WORD, max_size=3) | WORD | ANYTHING, max_size=4)
SECTION = st.lists(ENTRY, max_size=3) | NAMED | ANYTHING
VALID: dict[str, Any] = {
    **NAMES,
    "acls": [{"action": "accept", "src": ["group:users"], "dst": ["tag:gw:80-90,443", "*:22"], "proto": "tcp"}],
    "grants": [
        grant(ALICE, GW, "tcp:443", "udp:1-9", app={"example.com/cap": [{"x": [1, 2.5, None]}]}),
        grant("autogroup:member", "autogroup:self", "*"),
        grant("*", "office", "icmp:*", via=[CI], srcPosture=["posture:x"]),
    ],
    "tests": [{"src": ALICE, "proto": "tcp", "accept": ["tag:gw:443"], "deny": ["tag:ci:22", "printer:1"]}],
}

SETTINGS = parse(smallest())
OWN = render(SETTINGS)


def judge(text: str) -> None:
    """All that is asked of a policy; nothing but a PolicyError may come out of it."""
    access.readable_changes(text, OWN, SETTINGS)
    findings = verify(text, SETTINGS, NETWORK.devices)
    try:
        policy = Policy.parse(text)
    except PolicyError:
        assert findings
        return
    for network in NETWORKS:
        judged = Evaluator(policy, network)
        with suppress(PolicyError):
            run_tests(judged)
        for tag in sorted(policy.names.tags):
            judged.access_to(tag)
            judged.can("*", tag, 22)


@given(st.dictionaries(st.sampled_from(SECTIONS) | WORD, SECTION, max_size=5))
def test_any_shape_in_any_section_is_judged_or_refused(document: dict[str, Any]) -> None:
    judge(json.dumps({**NAMES, **document}))
    judge(json.dumps(document))


@given(st.sampled_from(SECTIONS), SECTION)
def test_any_shape_of_one_section_of_a_good_policy_is_judged_or_refused(name: str, section: Any) -> None:
    judge(json.dumps({**VALID, name: section}))


@given(st.text(max_size=60) | st.text(alphabet='{}[]",:/*\\ \nntu01eE-.', max_size=60))
def test_any_text_is_judged_or_refused(text: str) -> None:
    judge(text)
    judge(f'{{"grants": [{text}]}}')


@settings(max_examples=300)
@given(st.data())
def test_any_change_of_a_good_text_is_judged_or_refused(data: st.DataObject) -> None:
    text = json.dumps(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 12, len(text))))
        new = data.draw(
            st.sampled_from(['"', "{", "}", "[", "]", ",", ":", "/*", "*/", "//", "\n", "null", "\\", "\\ud800"]) | WORD
        )
        text = text[:start] + new + text[end:]
    judge(text)


@given(st.data())
def test_any_value_of_a_good_policy_may_be_anything_else(data: st.DataObject) -> None:
    document = json.loads(json.dumps(VALID))
    outer: Any = document
    while True:
        key = data.draw(st.sampled_from([*outer]) if isinstance(outer, dict) else st.integers(0, len(outer) - 1))  # pyright: ignore[reportUnknownArgumentType]  # JSON's
        if not (isinstance(outer[key], (dict, list)) and outer[key] and data.draw(st.booleans())):
            break
        outer = outer[key]  # pyright: ignore[reportUnknownVariableType]  # JSON's
    outer[key] = data.draw(ANYTHING)
    judge(json.dumps(document))
