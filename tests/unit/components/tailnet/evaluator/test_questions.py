"""Whom a question or a test means: every kind of name as a source and as a destination, and never a silent answer."""

from typing import Any

import pytest

from components.tailnet.evaluator import Device, Evaluator, Network, Outcome, PolicyError, User, check, run_tests
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NAMES, NETWORK, evaluator, grant

EVERYTHING = [grant("*", "*", "*")]
SOMETHING = [grant(ALICE, GW, "443")]
NO_ROLES = Network(users=[User(ALICE), User(BOB)])


def outcome(test: dict[str, Any], grants: list[dict[str, Any]], network: Network | None = None, **more: Any) -> Outcome:
    (only,) = run_tests(evaluator(network, grants=grants, tests=[test], **more))
    return only


# What no test may be about: the control server refuses the policy, whatever its rules are.
NOT_TARGETS = {
    "autogroup:self": "autogroup:self not valid as a test destination",
    "autogroup:internet": "autogroup:internet not valid as a test destination",
    "autogroup:danger-all": "cannot use autogroup:danger-all as a dst",
    "group:nobody": '"group:nobody" names nobody',
    "group:none": 'group not defined in policy: "group:none"',
    "tag:none": 'tag not found: "tag:none"',
    "ipset:none": 'ipset not defined in policy: "ipset:none"',
    "ipset:empty": "test destination must be a single host, not a CIDR range",
    "ipset:lab": "test destination must be a single host, not a CIDR range",
    "office": "test destination must be a single host, not a CIDR range",
    "10.0.0.1-10.0.0.2": "test destination must be a single host, not a CIDR range",
    "10.0.0.1/32": "test destination must be a single host, not a CIDR range",
    "10.0.0.0/255.0.0.0": "test destination must be a single host, not a CIDR range",
    "nohost": 'host not defined in policy: "nohost"',
    "posture:x": 'host not defined in policy: "posture:x"',
    " tag:gw": 'host not defined in policy: " tag:gw"',
}
NOT_SOURCES = {
    "": "a test needs a src",
    "autogroup:self": '"autogroup:self" not valid on the src side of a rule',
    "autogroup:internet": '"autogroup:internet" not valid on the src side of a rule',
    "svc:web": '"svc:web" not valid on the src side of a rule',
    "group:nobody": '"group:nobody" names nobody',
    "group:none": 'group not defined in policy: "group:none"',
    "tag:none": 'tag not found: "tag:none"',
    "ipset:none": 'ipset not defined in policy: "ipset:none"',
    "ipset:empty": '"ipset:empty" names nobody',
    "nohost": 'host not defined in policy: "nohost"',
    "stranger@example.com": 'user not found: "stranger@example.com"',
    "posture:x": 'host not defined in policy: "posture:x"',
}
IPSETS: dict[str, Any] = {**NAMES["ipsets"], "ipset:empty": []}


@pytest.mark.parametrize("network", [NETWORK, NO_ROLES])
@pytest.mark.parametrize("grants", [EVERYTHING, SOMETHING, []])
@pytest.mark.parametrize("wanted", ["accept", "deny"])
@pytest.mark.parametrize(("destination", "said"), NOT_TARGETS.items())
def test_a_destination_that_is_nobody_fails_the_test_either_way(
    destination: str, said: str, wanted: str, grants: list[dict[str, Any]], network: Network
) -> None:
    answer = outcome({"src": ALICE, wanted: [f"{destination}:22"]}, grants, network, ipsets=IPSETS)
    assert answer.failed == (f'address "{destination}:22": {said}',)


@pytest.mark.parametrize("network", [NETWORK, NO_ROLES])
@pytest.mark.parametrize("wanted", ["accept", "deny"])
@pytest.mark.parametrize(("source", "said"), NOT_SOURCES.items())
def test_a_source_that_is_nobody_fails_the_test_either_way(
    source: str, said: str, wanted: str, network: Network
) -> None:
    assert outcome({"src": source, wanted: ["tag:gw:22"]}, EVERYTHING, network, ipsets=IPSETS).failed == (said,)


@pytest.mark.parametrize("src", ["autogroup:self", "autogroup:membr", "svc:x", None])
def test_a_policy_with_such_a_test_is_refused(src: str | None) -> None:
    with pytest.raises(PolicyError, match=r"^test\(s\) failed$"):
        check(evaluator(grants=[], tests=[{"src": src, "deny": ["tag:gw:22"]}]))


@pytest.mark.parametrize(
    ("destination", "accepted"),
    [
        (GW, True),
        (CI, False),
        (ALICE, False),
        ("group:users", False),
        ("autogroup:tagged", True),
        ("autogroup:member", False),
        ("user:*@example.com", False),
        ("printer", False),
        ("8.8.8.8", False),
        ("[2001:db8::1]", False),
    ],
)
def test_a_test_is_judged_for_every_kind_of_destination(destination: str, accepted: bool) -> None:
    for wanted in (True, False):
        test = {"src": ALICE, "accept" if wanted else "deny": [f"{destination}:443"]}
        assert bool(outcome(test, SOMETHING, NO_ROLES).failed) is (wanted is not accepted)
        assert not outcome(test, EVERYTHING, NO_ROLES).undecided
        assert bool(outcome(test, EVERYTHING, NO_ROLES).failed) is not wanted


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ({"src": "autogroup:admin", "deny": ["tag:gw:443"]}, "who is in autogroup:admin is not known"),
        ({"src": "autogroup:shared", "deny": ["tag:gw:443"]}, "who is in autogroup:shared is not known"),
        ({"src": "user:staff", "deny": ["tag:gw:443"]}, "who is in user:staff is not known"),
        ({"src": ALICE, "deny": ["autogroup:admin:443"]}, "who is in autogroup:admin is not known"),
        ({"src": ALICE, "deny": ["svc:web:443"]}, "the address of svc:web is not known"),
        ({"src": ALICE, "accept": ["svc:web:443"]}, "the address of svc:web is not known"),
        ({"src": ALICE, "deny": ["autogroup:shared:443"]}, "who is in autogroup:shared is not known"),
        ({"src": ALICE, "deny": ["tag:gw:443"], "srcPostureAttrs": {"a": 1}}, "it has srcPostureAttrs, which cannot be judged offline"),
        ({"src": ALICE, "accept": ["tag:gw:443"], "denied": []}, "it has denied, which cannot be judged offline"),
    ],
)  # fmt: skip
def test_a_test_about_somebody_who_is_not_known_is_undecided(test: dict[str, Any], reason: str) -> None:
    answer = outcome(test, SOMETHING, NO_ROLES)
    assert not answer.failed
    assert [said.partition(": ")[2] for said in answer.undecided] == [reason]


def test_a_role_lets_those_in_who_have_it_whoever_they_are() -> None:
    grants = [grant("autogroup:admin", GW, "443")]
    assert outcome({"src": "autogroup:admin", "accept": ["tag:gw:443"]}, grants, NO_ROLES).failed == ()
    assert not outcome({"src": "autogroup:admin", "accept": ["tag:gw:443"]}, grants, NO_ROLES).undecided
    known = Network(users=[User(ALICE, "admin"), User(BOB, "member")])
    assert not outcome({"src": "autogroup:admin", "deny": ["tag:ci:443"]}, grants, known).undecided
    assert outcome({"src": "autogroup:owner", "deny": ["tag:ci:443"]}, grants, known).failed == (
        '"autogroup:owner" names nobody',
    )


@pytest.mark.parametrize(
    ("sections", "allowed"),
    [
        ({}, True),
        ({"acls": None}, True),
        ({"grants": None}, True),
        ({"acls": None, "grants": None}, True),
        ({"ACLs": None, "Grants": None}, True),
        ({"acls": []}, False),
        ({"grants": []}, False),
        ({"acls": None, "grants": []}, False),
        ({"acls": [], "grants": None}, False),
        ({"acls": [{"action": "accept", "src": None, "dst": ["*:*"]}]}, False),
        ({"acls": [{"action": "accept", "src": None, "users": ["*"], "dst": None, "ports": ["*:*"]}]}, True),
        ({"grants": [{"src": None, "dst": ["*"], "ip": ["*"]}]}, False),
        ({"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "via": None, "app": None, "srcPosture": None}]}, True),
        ({"grants": None, "groups": None, "hosts": None, "tests": None, "ipsets": None, "defaultSrcPosture": None}, True),
    ],
)  # fmt: skip
def test_null_is_absent_and_empty_is_not(sections: dict[str, Any], allowed: bool) -> None:
    assert evaluator(NETWORK, **sections).can(BOB, GW, 22).allowed is allowed


def test_no_tag_owners_is_no_tags() -> None:
    rules = evaluator(tagOwners={GW: None, CI: None}, grants=SOMETHING)
    assert rules.policy.names.tags == {GW, CI}
    with pytest.raises(PolicyError, match="tag not found"):
        evaluator(tagOwners=None, grants=SOMETHING)


def test_everybody_of_a_domain() -> None:
    rules = evaluator(NO_ROLES, grants=[grant("user:*@Example.com", GW, "443"), grant(CI, "user:*@example.com", "22")])
    assert rules.can(ALICE, GW, 443).allowed is True
    assert rules.can("group:users", GW, 443).allowed is True
    assert rules.can("user:*@example.com", GW, 443).allowed is True
    assert rules.can("eve@other.example.com", GW, 443).allowed is False
    assert rules.can(CI, GW, 443).allowed is False
    assert rules.can(CI, BOB, 22).allowed is True
    assert rules.can(CI, "eve@example.com.evil", 22).allowed is False
    # A member whom nothing names may be of that domain.
    assert rules.can("autogroup:member", GW, 443).allowed is None
    with_self = evaluator(NO_ROLES, grants=[grant("user:*@example.com", "autogroup:self", "22")])
    assert (with_self.can(ALICE, ALICE, 22).allowed, with_self.can(ALICE, BOB, 22).allowed) == (True, False)


@pytest.mark.parametrize(
    "to", ["user:*@example.com", "user:staff", "svc:web", ALICE, "*@example.com", "autogroup:member", "autogroup:shared",
           "autogroup:admin", "autogroup:self", "autogroup:internet", "group:users", "office", "8.8.8.8", "ipset:lab", "ipset:net"]
)  # fmt: skip
def test_what_cannot_be_a_tagged_device_leaves_no_question_about_a_tag(to: str) -> None:
    sources = ["autogroup:member"] if to == "autogroup:self" else [ALICE, BOB, CI, "*"]
    ipsets = {**NAMES["ipsets"], "ipset:net": ["autogroup:internet", "remove 8.8.8.0/24"]}
    rules = evaluator(NO_ROLES, ipsets=ipsets, grants=[grant(source, to, "*") for source in sources])
    assert rules.access_to(GW) == ()
    for source in (ALICE, BOB, CI, GW, "autogroup:member"):
        assert rules.can(source, GW, 443).allowed is False
    assert evaluator(ipsets=ipsets, grants=[grant(sources[0], to, "*")]).access_to(GW) == ()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("1.1.1.1", True), ("8.8.8.8", False), ("10.0.0.1", False), ("192.168.1.1", False), ("100.64.0.9", False),
     ("2606:4700::1111", True), ("fd00::1", False), ("fe80::1", False), ("10.99.0.1", True)]
)  # fmt: skip
def test_the_internet_may_be_in_an_ipset(address: str, allowed: bool) -> None:
    ipsets = {
        "ipset:net": ["autogroup:internet", "remove 8.8.8.0/24", "add ipset:more"],
        "ipset:more": ["10.99.0.0/16"],
    }
    assert evaluator(ipsets=ipsets, grants=[grant(ALICE, "ipset:net", "*")]).can(ALICE, address, 1).allowed is allowed


@pytest.mark.parametrize(
    ("ipset", "inside", "outside"),
    [
        (["10.0.0.0/8", "remove 10.1.0.0/16", "add 10.1.2.3"], "10.1.2.3", "10.1.2.4"),
        (["remove 10.0.0.0/8", "10.0.0.1"], "10.0.0.1", "10.0.0.2"),
        (["10.0.0.1", "remove 0.0.0.0/0"], "", "10.0.0.1"),
        (["add 10.0.0.0/31", "10.0.0.2/31", "remove 10.0.0.1-10.0.0.2"], "10.0.0.3", "10.0.0.2"),
        (["::/0", "remove fd00::/8"], "2001:db8::1", "fd00::1"),
    ],
)
def test_the_last_entry_about_an_address_decides(ipset: list[str], inside: str, outside: str) -> None:
    rules = evaluator(ipsets={"ipset:x": ipset}, grants=[grant(ALICE, "ipset:x", "*")])
    assert not inside or rules.can(ALICE, inside, 1).allowed is True
    assert rules.can(ALICE, outside, 1).allowed is False


def test_ipsets_that_contain_themselves_are_refused() -> None:
    for ipsets in ({"ipset:a": ["ipset:a"]}, {"ipset:a": ["ipset:b"], "ipset:b": ["10.0.0.1", "remove ipset:a"]}):
        with pytest.raises(PolicyError, match=r'^ipset "ipset:a" contains itself$'):
            evaluator(ipsets=ipsets, grants=[grant(ALICE, "ipset:a", "*")])


@pytest.mark.parametrize(
    ("network", "source", "address", "allowed"),
    [
        # The router of NETWORK is an exit node, and carries 192.168.0.0/16.
        (NETWORK, "laptop", "8.8.8.8", True),
        (NETWORK, "laptop", "10.1.2.3", True),
        (NETWORK, "laptop", "192.168.7.9", True),
        (Network(), ALICE, "8.8.8.8", True),
        (Network(), CI, "192.168.7.9", True),
        # As a source `*` is the tailnet, and what its routers carry: here nobody knows which.
        (NETWORK, "192.168.7.9", "gateway", True),
        (NETWORK, "8.8.8.8", "gateway", False),
        (Network(), "192.168.7.9", GW, None),
        (Network(), "8.8.8.8", GW, None),
        (Network(), "100.64.0.9", GW, True),
    ],
)
def test_everything_is_less_as_a_source_than_as_a_destination(
    network: Network, source: str, address: str, allowed: bool | None
) -> None:
    """A destination of everything is every address; a source of everything is what the devices carry."""
    assert evaluator(network, grants=EVERYTHING).can(source, address, 443).allowed is allowed


def test_devices_that_joined_do_not_say_that_there_are_no_others() -> None:
    """They say only whose an address is."""
    joined = [
        Device("home", ("100.64.0.1", "fd7a:115c:a1e0::1"), tags=(GW,)),
        Device("phone", ("100.64.0.2", "fd7a:115c:a1e0::2"), user=ALICE),
    ]
    network = Network(users=[User(ALICE), User(BOB)], joined=joined)

    def reached(to: str) -> list[str]:
        return [access.reason for access in evaluator(network, grants=[grant(BOB, to, "22")]).access_to(GW)]

    assert reached("100.64.0.1") == reached("fd7a:115c:a1e0::1") == reached("100.64.0.0/30") == [""]
    assert reached("100.64.0.2") == reached("fd7a:115c:a1e0::2") == []
    unsure = "grants[0]: no other device has 100.64.0.9, so tag:gw may come to have it"
    assert reached("100.64.0.9") == [unsure]
    assert evaluator(network, grants=[grant(BOB, "100.64.0.1", "22")]).can(BOB, GW, 22).allowed is True
    # One device of a person is not everything that she has.
    assert evaluator(network, grants=[grant("100.64.0.2", GW, "22")]).can(ALICE, GW, 22).allowed is None
    assert evaluator(network, grants=[grant("100.64.0.2", GW, "22")]).can(BOB, GW, 22).allowed is False


def test_too_many_pairs_are_undecided_and_not_waited_for() -> None:
    people = {name: [f"{name[-1]}{number}@example.com" for number in range(500)] for name in ("group:a", "group:b")}
    grants = [grant(one, other, "1") for one, other in zip(*people.values(), strict=True)]
    verdict = Evaluator(evaluator(groups=people, grants=grants).policy).can("group:a", "group:b", 1)
    assert (verdict.allowed, verdict.reason) == (None, "group:a and group:b name too many to look at each pair")
