"""The evaluator on policies of our own: what is allowed and by which rule, what is refused, and what it will not guess."""

from typing import Any

import pytest

from components.tailnet.evaluator import Policy, PolicyError, check, run_tests
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NETWORK, assert_refused, evaluator, grant


def test_nothing_is_allowed_by_empty_lists_and_everything_without_any() -> None:
    assert evaluator(grants=[]).can(ALICE, GW, 443).allowed is False
    assert evaluator(acls=[]).can(ALICE, GW, 443).allowed is False
    assert evaluator().can(BOB, GW, 22).allowed is True


def test_a_flow_is_allowed_by_the_rule_that_names_it() -> None:
    rules = evaluator(grants=[grant(BOB, CI, "22"), grant("group:users", GW, "tcp:443", "udp:53-54")])
    verdict = rules.can(ALICE, GW, 443)
    assert (verdict.allowed, str(verdict.by)) == (True, "grants[1]")
    assert rules.can("carol@example.com", GW, 54, "udp").allowed is True
    for source, to, port, proto in [
        (ALICE, GW, 443, "udp"),
        (ALICE, GW, 55, "udp"),
        (BOB, GW, 443, "tcp"),
        (GW, GW, 443, "6"),
    ]:
        assert rules.can(source, to, port, proto).allowed is False, (source, to, port, proto)


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        ("*", {"laptop", "phone", "gateway", "runner", "router"}),
        ("autogroup:member", {"laptop", "phone"}),
        ("autogroup:tagged", {"gateway", "runner", "router"}),
        ("autogroup:admin", {"laptop"}),
        ("group:users", {"laptop"}),
        ("group:nobody", set[str]()),
        (CI, {"runner", "router"}),
        ("Alice@Example.com", {"laptop"}),
        ("100.64.0.0/30", {"laptop", "phone", "gateway"}),
        ("fd7a:115c:a1e0::4", {"runner"}),
        ("100.64.0.2-100.64.0.3", {"phone", "gateway"}),
        ("printer", set[str]()),
    ],
)
def test_every_kind_of_source_names_its_devices(source: str, reached: set[str]) -> None:
    rules = evaluator(NETWORK, grants=[grant(source, GW, "tcp:443")])
    assert {device.name for device in NETWORK.devices if rules.can(device.name, "gateway", 443).allowed} == reached


@pytest.mark.parametrize(
    ("rule", "address", "allowed"),
    [
        (grant(ALICE, "printer", "9100"), "192.168.7.9", True),
        (grant(ALICE, "office", "9100"), "192.168.7.9", True),
        (grant(ALICE, "ipset:lab", "9100"), "192.168.7.9", False),
        (grant(ALICE, "ipset:lab", "9100"), "192.168.8.9", True),
        (grant(ALICE, "ipset:lab", "9100"), "10.1.0.6", True),
        (grant(ALICE, "autogroup:internet", "9100"), "192.168.7.9", False),
        (grant(ALICE, "autogroup:internet", "9100"), "8.8.8.8", None),
        (grant(ALICE, "office", "9100", via=[CI]), "192.168.7.9", None),
        (grant(ALICE, "autogroup:self", "9100"), "laptop", True),
        (grant("autogroup:member", "autogroup:self", "9100"), "phone", False),
    ],
)
def test_every_kind_of_destination_names_its_addresses(
    rule: dict[str, Any], address: str, allowed: bool | None
) -> None:
    assert evaluator(NETWORK, grants=[rule]).can("laptop", address, 9100).allowed is allowed


@pytest.mark.parametrize(
    ("grants", "reason"),
    [
        (
            [grant(ALICE, GW, "443", srcPosture=["posture:new"])],
            "grants[0]: it has srcposture, which cannot be judged offline",
        ),
        (
            [grant("autogroup:admin", GW, "443")],
            "grants[0]: whether alice@example.com is in autogroup:admin is not known",
        ),
        ([grant("100.64.0.9", GW, "443")], "grants[0]: whether alice@example.com is in 100.64.0.9 is not known"),
        ([grant(ALICE, "100.64.0.9", "443")], "grants[0]: whether tag:gw is in 100.64.0.9 is not known"),
        (
            [grant("autogroup:shared", GW, "443")],
            "grants[0]: whether alice@example.com is in autogroup:shared is not known",
        ),
        (
            [grant("user:staff", GW, "443")],
            "grants[0]: whether alice@example.com is in user:staff is not known",
        ),
    ],
)
def test_what_cannot_be_known_is_neither_allowed_nor_denied(grants: list[dict[str, Any]], reason: str) -> None:
    verdict = evaluator(grants=grants).can(ALICE, GW, 443)
    assert (verdict.allowed, verdict.reason) == (None, reason)
    # Another port is not what the rule is about; and a rule that certainly allows settles it.
    assert evaluator(grants=grants).can(ALICE, GW, 22).allowed is False
    assert evaluator(grants=[*grants, grant(ALICE, GW, "443")]).can(ALICE, GW, 443).allowed is True


def test_a_section_that_is_not_understood_leaves_no_denial() -> None:
    rules = evaluator(grants=[grant(ALICE, GW, "443")], futureRules=[{}])
    assert rules.can(ALICE, GW, 443).allowed is True
    verdict = rules.can(BOB, GW, 443)
    assert (verdict.allowed, verdict.reason) == (None, "section futurerules is not understood")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"grants": [grant("tag:no", GW, "443")]}, 'src=tag not found: "tag:no"'),
        ({"grants": [grant(ALICE, "tag:no", "443")]}, 'tag not found: "tag:no"'),
        ({"grants": [grant("group:no", GW, "443")]}, 'group not defined in policy: "group:no"'),
        ({"grants": [grant("no", GW, "443")]}, 'host not defined in policy: "no"'),
        ({"grants": [grant("ipset:no", GW, "443")]}, 'ipset not defined in policy: "ipset:no"'),
        ({"grants": [grant(ALICE, GW)]}, "ip and app can not both be empty"),
        ({"grants": [grant(ALICE, GW, "https")]}, 'port range "https": invalid first integer'),
        ({"grants": [grant(ALICE, GW, "tcp:70000")]}, 'port range "70000": port number out of range'),
        ({"grants": [grant(ALICE, GW, "443", via=["group:users"])]}, "via can only be a tag"),
        ({"grants": [grant("*", "autogroup:self", "443")]}, "autogroup:self can only be used with users, groups, or supported autogroups"),
        ({"acls": [{"action": "drop"}]}, 'action="drop" is not supported'),
        ({"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:gw"]}]},
         'dst="tag:gw": port range "gw": invalid first integer'),
        ({"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:gw:22"], "proto": "gre"}]},
         'protocol does not support specific ports: "gre", only "*" is allowed'),
        ({"groups": {"group:a": ["group:b"]}}, 'groups["group:a"]: "group:b": group members cannot be recursive'),
        ({"hosts": {"x": "y"}}, 'hostname "x" contains invalid IP address: "y"'),
        ({"grants": {}}, "grants must be a list"),
        ({"grants": [{"src": ALICE}]}, "grants[0].src must be a list"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_with_one_clear_message(sections: dict[str, Any], message: str) -> None:
    assert_refused(message, **sections)


def test_what_is_not_hujson_is_refused_with_its_place() -> None:
    with pytest.raises(PolicyError, match=r"^policy is not HuJSON: Expecting .* line 2 column 1 \(char 2\)$"):
        Policy.parse("{\n]")


def test_failed_tests_are_reported_as_the_hosted_api_does() -> None:
    rules = evaluator(
        grants=[grant(ALICE, GW, "tcp:443")],
        tests=[
            {"src": ALICE, "accept": ["tag:gw:443"], "deny": ["tag:gw:22"], "proto": "tcp"},
            {"src": ALICE, "accept": ["tag:gw:22"], "deny": ["tag:gw:443"]},
        ],
    )
    with pytest.raises(PolicyError, match=r"^test\(s\) failed$") as refused:
        check(rules)
    (failure,) = refused.value.failures
    assert failure.user == ALICE
    assert failure.errors == (
        'address "tag:gw:22": want: Accept, got: Drop',
        'address "tag:gw:443": want: Drop, got: Accept',
    )


@pytest.mark.parametrize(
    "test",
    [
        {"accept": ["tag:gw:443"]},
        {"src": ALICE},
        {"src": "tag:no", "deny": ["tag:gw:443"]},
        {"src": "stranger@example.com", "deny": ["tag:gw:443"]},
        {"src": "autogroup:no", "deny": ["tag:gw:443"]},
        {"src": ALICE, "deny": ["tag:no:443"]},
        *({"src": BOB, "deny": [f"tag:gw:{port}"]} for port in ("*", "80-90", "80,90", "99999", "https", "")),
        *({"src": BOB, "deny": [to]} for to in ("office:443", "10.0.0.1/32:443", "autogroup:internet:443", "tag:gw")),
        {"src": BOB, "deny": ["tag:gw:443"], "proto": "icmp"},
    ],
)
def test_a_test_of_the_wrong_shape_fails(test: dict[str, Any]) -> None:
    (outcome,) = run_tests(evaluator(NETWORK, grants=[grant(ALICE, GW, "tcp:443")], tests=[test]))
    assert len(outcome.failed) == 1


def test_an_undecided_test_is_neither_passed_nor_failed() -> None:
    rules = evaluator(grants=[grant("autogroup:admin", GW, "443")], tests=[{"src": CI, "deny": ["tag:gw:443"]}])
    assert check(rules) == ()
    rules = evaluator(
        grants=[grant("autogroup:admin", GW, "443"), grant(ALICE, CI, "1")],
        tests=[{"src": ALICE, "accept": ["tag:gw:443"]}],
    )
    (outcome,) = check(rules)
    assert "whether alice@example.com is in autogroup:admin is not known" in outcome.undecided[0]


def test_reaches_lists_everything_that_may_come_to_a_tag() -> None:
    rules = evaluator(
        grants=[
            grant("group:users", GW, "tcp:443"),
            grant(BOB, CI, "*"),
            grant(CI, "*", "udp:53"),
            grant(BOB, "100.64.0.0/24", "22"),
            grant(ALICE, "office", "22"),
        ],
        acls=[{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:tagged:80,90"]}],
    )
    described = [
        f"{access.source} -> {', '.join(map(str, access.services))} ({access.by}{'; ' + access.reason if access.reason else ''})"
        for access in rules.access_to(GW)
    ]
    assert described == [
        "autogroup:member -> 80, 90 (acls[0])",
        "group:users -> tcp:443 (grants[0])",
        "tag:ci -> udp:53 (grants[2])",
        "bob@example.com -> 22 (grants[3]; grants[3]: whether tag:gw is in 100.64.0.0/24 is not known)",
    ]
