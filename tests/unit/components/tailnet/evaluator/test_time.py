"""The worst policies that we could think of end within two seconds for each megabyte, in an answer or a PolicyError."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from components.settings.load import parse
from components.tailnet import access, hujson
from components.tailnet.evaluator import Evaluator, Policy, PolicyError, run_tests
from components.tailnet.policy import render
from components.tailnet.verify import verify
from tests.support.configs import smallest
from tests.support.processor import measured

T = TypeVar("T")
SECONDS_PER_MEGABYTE = 2.0
# Of a policy of 300 kB; smaller ones may take as long.
AT_LEAST = 0.6
GW, HOME = "tag:gw", "tag:openclaw-home"
TAGS: dict[str, Any] = {"tagOwners": {GW: [], HOME: []}}


def person(number: int) -> str:
    return f"u{number}@example.com"


def host(number: int, size: str = "") -> str:
    return f"10.{number >> 8 & 255}.{number & 255}.0{size}"


def rule(src: list[str], dst: list[str], *ip: str) -> dict[str, Any]:
    return {"src": src, "dst": dst, "ip": list(ip or ("443",))}


def chain(count: int, *entries: str) -> dict[str, list[str]]:
    """Each ipset names the one before it twice, and has entries of its own."""
    return {f"ipset:{n}": [*entries, *([f"ipset:{n - 1}"] * 2 if n else [])] for n in range(count)}


MANY = range(3000)
HOSTS = [host(number, "/31") for number in range(4000)]
POLICIES: dict[str, dict[str, Any]] = {
    "rules and tests": {
        "grants": [rule([person(n)], [GW], f"tcp:{n + 1}") for n in range(4000)],
        "tests": [{"src": person(n), "accept": [f"tag:gw:{n + 1}"], "deny": ["tag:gw:22"]} for n in range(500)],
    },
    "rules about everything": {
        "grants": [rule(["*"], ["*"], f"tcp:{n + 1}") for n in MANY],
        "tests": [{"src": GW, "deny": [f"{HOME}:{n + 9000}"]} for n in range(1500)],
    },
    "one rule of many sources, destinations and ports": {
        "grants": [rule([*map(person, MANY)], [GW, HOME, *HOSTS], *(f"tcp:{n + 1}" for n in MANY))],
        "tests": [{"src": person(n), "accept": [f"tag:gw:{n + 1}"]} for n in range(0, 3000, 10)],
    },
    "one port list": {
        "acls": [{"action": "accept", "src": ["*"], "dst": [f"{GW}:" + ",".join(map(str, range(1, 30000)))]}]
    },
    "many ranges of ports, and tests of many": {
        "grants": [rule([GW], [GW], f"{n + 1}-{n + 40000}") for n in range(2000)],
        "tests": [{"src": GW, "accept": [f"{GW}:{n + 5}" for n in MANY]}],
    },
    "a group of thousands": {
        "groups": {"group:a": [*map(person, MANY)]},
        "grants": [rule(["group:a"], [GW]), *(rule([person(n)], [GW], "22") for n in MANY)],
        "tests": [{"src": "group:a", "accept": [f"{GW}:443"], "deny": [f"{GW}:{n + 1000}"]} for n in range(1000)],
    },
    "groups of thousands that reach each other": {
        "groups": {"group:a": [*map(person, MANY)], "group:b": [f"v{person(n)}" for n in MANY]},
        "grants": [rule([person(n)], [f"v{person(n)}"]) for n in MANY],
        "tests": [{"src": "group:a", "accept": ["group:b:443"], "deny": [f"group:b:{n + 1000}"]} for n in range(300)],
    },
    "wide groups in many rules": {
        "groups": {f"group:{n}": [*map(person, range(n, n + 40))] for n in range(200)},
        "grants": [rule([f"group:{n % 200}"], [GW, HOME], f"{n + 1}") for n in MANY],
        "tests": [{"src": "autogroup:member", "deny": [f"{GW}:{n + 1}"]} for n in range(1000)],
    },
    "everybody tagged": {
        "tagOwners": {**TAGS["tagOwners"], **{f"tag:t{n}": [f"tag:t{(n + 1) % 3000}"] for n in MANY}},
        "grants": [rule([f"tag:t{n}"], [f"tag:t{n + 1}"]) for n in range(2999)],
        "tests": [{"src": "autogroup:tagged", "accept": [f"autogroup:tagged:{n + 1}"]} for n in range(1000)],
    },
    "many hosts, and tests of their addresses": {
        "hosts": {f"h{n}": host(n) for n in MANY},
        "grants": [rule(["*"], [f"h{n}"], f"{n + 1}") for n in MANY],
        "tests": [{"src": f"100.64.{n >> 8}.{n & 255}", "accept": [f"{host(n)}:{n + 1}"]} for n in range(2000)],
    },
    "tests from many ranges": {
        "grants": [rule([host(n, "/24")], ["100.64.0.1"]) for n in MANY],
        "tests": [{"src": host(n, "/23"), "deny": ["100.64.0.1:22"]} for n in range(2000)],
    },
    "many people and domains": {
        "grants": [rule([person(n), f"user:*@d{n}.com"], [person(n)]) for n in MANY],
        "tests": [{"src": f"user:*@d{n}.com", "accept": [f"{person(n)}:443"]} for n in range(2000)],
    },
    "reasons of what is undecided": {
        "grants": [rule([*map(person, MANY), "autogroup:admin"], [GW])],
        "tests": [{"src": "100.64.0.1", "accept": [f"{GW}:443"]}] * 3000,
    },
    "ipsets that double": {"ipsets": chain(200), "grants": [rule(["*"], ["ipset:199"])]},
    "a long chain of ipsets": {"ipsets": chain(3000, host(1)), "grants": [rule(["*"], ["ipset:2999"])]},
    "a circle of ipsets": {
        "ipsets": {f"ipset:{n}": [f"ipset:{(n + 1) % 5000}"] for n in range(5000)},
        "grants": [rule(["*"], ["ipset:0"])],
    },
    "ipsets that contain a large one": {
        "ipsets": {"ipset:a": HOSTS, **{f"ipset:{n}": ["ipset:a", f"11.0.{n >> 8}.{n & 255}"] for n in MANY}},
        "grants": [rule(["*"], [f"ipset:{n}"]) for n in MANY],
    },
    "ipsets that take a large one away": {
        "ipsets": {"ipset:a": HOSTS, **{f"ipset:{n}": ["ipset:a", "remove ipset:a"] for n in MANY}},
        "grants": [rule(["*"], [f"ipset:{n}"]) for n in MANY],
    },
    "an ipset that adds and removes": {
        "ipsets": {"ipset:a": [entry for n in MANY for entry in (f"add {host(n, '/24')}", f"remove {host(n)}")]},
        "grants": [rule(["*"], ["ipset:a"])],
        "tests": [{"src": "ipset:a", "deny": [f"{host(n)}:22"]} for n in range(200)],
    },
    "a large ipset in many rules": {
        "ipsets": {"ipset:a": HOSTS},
        "grants": [rule(["*"], ["ipset:a"])] * 3000,
        "tests": [{"src": f"100.64.0.{n & 255}", "accept": [f"{host(n)}:443"]} for n in range(2000)],
    },
    "deep": {"grants": [{"src": ["*"], "dst": [GW], "app": {"a.com/b": [json.loads("[" * 190 + "]" * 190)] * 300}}]},
    "tests without rules": {"grants": [], "tests": [{"src": GW, "deny": [f"{HOME}:{n + 1}" for n in range(20000)]}]},
}
N = 200_000
TEXTS = {
    "comments that do not end": "{" + "/*" * N,
    "comments that do not end, with words": "{" + "/* a " * N,
    "line comments that do not end": "{" + "//" * N,
    "slashes": "{" + "/ " * N,
    "stars": "/*" + "*" * N,
    "many comments": "/**/" * N + "{}" + "//\n" * N,
    "quotes": '{"' + 'a"' * N,
    "backslashes": '{"' + "\\" * N,
    "brackets": "[" * N,
    "braces": '{"a":' * N,
    "commas": "[" + "," * N,
    "numbers": '{"x": [' + "1," * N + "]}",
    "lists": '{"x": [' + "[]," * N + "]}",
    "blanks and commas": '{"x": [1' + " ," * N + "]}",
    "newlines": "\n" * N + "]",
    "one number": '{"x": ' + "1" * N + "}",
    "one fraction": '{"x": 0.' + "1" * N + "}",
    "one key": '{"' + "x" * N + '": 1, "' + "x" * N + '": 2}',
    "keys that are there twice": '{"x": [' + '{"a": 1, "a": 1},' * (N // 10) + "]}",
    "one key many times": "{" + '"a": 1,' * N + "}",
    "escapes": '{"' + "\\ud83d\\ude00" * (N // 5) + '": 1}',
    "one word": json.dumps({"grants": [rule(["x" * N], ["y:" * N], "1-" * N)]}),
    "ports": json.dumps({"grants": [rule(["*"], ["*"], "1-2-x," * N)]}),
    "an address": json.dumps({"grants": [rule(["1." * N], ["*"])]}),
    "groups": json.dumps({"groups": {f"group:{n}": [] for n in range(N // 20)}}),
}


def in_time(text: str, judge: Callable[[str], T]) -> T:
    """What `judge` says of the text, which it must do in time."""
    bound = max(AT_LEAST, SECONDS_PER_MEGABYTE * len(text) / 1e6)
    seconds, said = measured(lambda: judge(text), bound)
    assert seconds < bound, f"{len(text)} bytes"
    return said


def everything(text: str) -> None:
    try:
        judged = Evaluator(Policy.parse(text))
        run_tests(judged)
        if GW in judged.policy.names.tags:
            judged.access_to(GW)
    except PolicyError:
        pass


def verified(text: str) -> None:
    verify(text, SETTINGS)


def told(text: str) -> None:
    access.readable_changes(text, '{"grants": []}', SETTINGS)


SETTINGS = parse(smallest())


@pytest.mark.parametrize("judge", [everything, verified, told])
@pytest.mark.parametrize("name", POLICIES)
def test_a_large_policy_is_judged_in_time(name: str, judge: Callable[[str], object]) -> None:
    text = json.dumps({**TAGS, **POLICIES[name]})
    in_time(text, judge)


@pytest.mark.parametrize("name", TEXTS)
def test_a_strange_text_is_read_in_time(name: str) -> None:
    in_time(TEXTS[name], everything)


def test_rules_about_all_gateways_are_looked_at_once() -> None:
    settings = parse({**smallest(), "instances": [{"id": f"g{n}", "people": [person(0)]} for n in range(100)]})
    rendered = hujson.loads_object(render(settings))
    wide = [rule(["*"], ["*"], f"tcp:{n + 1}") for n in MANY]
    people = [rule([person(n)], ["autogroup:tagged"], "tcp:443") for n in MANY]
    addresses = [rule([person(n)], [f"100.64.{n >> 8}.{n & 255}"], "tcp:443") for n in MANY]
    text = json.dumps({**rendered, "grants": [*rendered["grants"], *wide, *people, *addresses]})
    findings = in_time(text, lambda text: verify(text, settings))
    # One line for each rule and source, however many gateways it opens; person 0 is listed, and may open them.
    assert len(findings.wide) == len(wide) + len(people) - 1
    assert len(findings.undecided) == len(addresses) - 1
