"""A policy's own `sshTests`: wrong ones are refused, and those that the SSH rules break fail the policy."""

from typing import Any

import pytest

from components.tailnet.evaluator import Network, PolicyError, User, check, run_login_tests
from tests.support.evaluator_world import ALICE, BOB, CI, GW, assert_refused, evaluator
from tests.support.ssh_policies import LAPTOPS, ssh

RULES = [
    ssh("group:users", GW, "root"),
    ssh("autogroup:member", GW, "deploy", action="check"),
    ssh("autogroup:member", "autogroup:self", "autogroup:nonroot"),
    ssh(CI, CI, "root"),
]


def asking(src: str, dst: str | list[str], **users: Any) -> dict[str, Any]:
    return {"src": src, "dst": [dst] if isinstance(dst, str) else dst, **users}


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (asking("", GW, accept=["root"]), "SSH tests entry must have a non-empty src"),
        (asking("  ", GW, accept=["root"]), "SSH tests entry must have a non-empty src"),
        ({"dst": [GW], "accept": ["root"]}, "SSH tests entry must have a non-empty src"),
        (asking(ALICE, [], accept=["root"]), "SSH tests entry must have at least one dst"),
        ({"src": ALICE, "accept": ["root"]}, "SSH tests entry must have at least one dst"),
        ({}, "SSH tests entry must have a non-empty src"),
        (asking(ALICE, "tag:gw:22", accept=["root"]), 'SSH tests dst contains unknown tag "tag:gw:22"'),
        (asking(ALICE, [GW, "tag:no"], accept=["root"]), 'SSH tests dst contains unknown tag "tag:no"'),
        (
            asking(ALICE, "autogroup:internet", deny=["root"]),
            'SSH tests dst contains disallowed element "autogroup:internet"',
        ),
        (asking(ALICE, "10.0.0.0/8", deny=["root"]), 'SSH tests dst contains disallowed element "10.0.0.0/8"'),
        (asking(ALICE, "fd7a::/64", deny=["root"]), 'SSH tests dst contains disallowed element "fd7a::/64"'),
        (asking(ALICE, "office", deny=["root"]), 'SSH tests dst contains disallowed element "office"'),
        (asking([ALICE], GW, accept=["root"]), "sshTests[0].src must be a string"),  # pyright: ignore[reportArgumentType]
        ({"src": ALICE, "dst": GW, "accept": ["root"]}, "sshTests[0].dst must be a list"),
        (asking(ALICE, GW, accept="root"), "sshTests[0].accept must be a list"),
        (asking(ALICE, GW, check=[1]), "sshTests[0].check must be a string"),
        ("x", "sshTests[0] must be an object"),
    ],
)
def test_a_test_of_the_wrong_shape_is_refused_with_the_policy(test: Any, message: str) -> None:
    assert_refused(message, "sshTests[0]", sshTests=[test])


def failed(test: dict[str, Any], rules: Any = RULES, network: Any = LAPTOPS) -> tuple[str, ...]:
    (outcome,) = run_login_tests(evaluator(network, ssh=rules, sshTests=[test]))
    assert outcome.undecided == ()
    return outcome.failed


@pytest.mark.parametrize(
    "test",
    [
        asking(ALICE, GW, accept=["root", "deploy"], deny=["alice", ""], check=["deploy"]),
        asking(BOB, GW, accept=["deploy"], deny=["root"], check=["deploy"]),
        asking("autogroup:member", GW, accept=["deploy"]),
        asking("group:users", GW, accept=["root"]),
        asking(ALICE, "autogroup:self", accept=["alice"], deny=["root"]),
        asking(CI, [CI], accept=["root"], deny=["deploy"]),
        asking(CI, [GW, ALICE, "autogroup:member"], deny=["root", "deploy"]),
        asking("100.64.0.1", "100.64.0.3", accept=["root"]),
        asking("100.64.0.1", "100.64.0.3/32", accept=["root"]),
        asking(f" {ALICE} ", f" {GW} ", accept=[" root "]),
        asking("autogroup:tagged", "autogroup:member", deny=["root"]),
        asking("ALICE@example.com", GW, accept=["root"]),
    ],
)
def test_what_the_rules_say_passes(test: dict[str, Any]) -> None:
    assert failed(test) == ()


@pytest.mark.parametrize(
    ("test", "lines"),
    [
        (asking(ALICE, GW, accept=["alice"]), ['dst "tag:gw", user "alice": want: Accept, got: Drop']),
        (asking(ALICE, GW, deny=["root"]), ['dst "tag:gw", user "root": want: Drop, got: Accept']),
        (asking(ALICE, GW, deny=["deploy"]), ['dst "tag:gw", user "deploy": want: Drop, got: Accept']),
        (asking(ALICE, GW, check=["root"]), ['dst "tag:gw", user "root": want: Check, got: Accept']),
        (asking(BOB, GW, check=["root"]), ['dst "tag:gw", user "root": want: Check, got: Drop']),
        (asking(ALICE, GW, accept=[""]), ['dst "tag:gw", user "": want: Accept, got: Drop']),
        # Everybody of the source must be let in, everywhere.
        (asking("autogroup:member", GW, accept=["root"]), ['dst "tag:gw", user "root": want: Accept, got: Drop']),
        (asking("autogroup:member", GW, deny=["root"]), ['dst "tag:gw", user "root": want: Drop, got: Accept']),
        (
            asking(ALICE, [GW, CI], accept=["root"]),
            ['dst "tag:ci", user "root": want: Accept, got: Drop'],
        ),
        (
            asking(ALICE, "autogroup:tagged", accept=["root"]),
            ['dst "autogroup:tagged", user "root": want: Accept, got: Drop'],
        ),
        (
            asking(ALICE, GW, accept=["alice"], deny=["root"], check=["root"]),
            [
                'dst "tag:gw", user "alice": want: Accept, got: Drop',
                'dst "tag:gw", user "root": want: Drop, got: Accept',
                'dst "tag:gw", user "root": want: Check, got: Accept',
            ],
        ),
        (asking(ALICE, GW), ['test entry must have at least one of "accept", "deny" or "check"']),
        (asking(ALICE, GW, accept=[], deny=None), ['test entry must have at least one of "accept", "deny" or "check"']),
        (asking("tag:no", GW, deny=["root"]), ['tag not found: "tag:no"']),
        (asking("group:no", GW, deny=["root"]), ['group not defined in policy: "group:no"']),
        (asking("group:nobody", GW, deny=["root"]), ['"group:nobody" names nobody']),
        (asking("stranger@example.com", GW, deny=["root"]), ['user not found: "stranger@example.com"']),
        # A device's own name is nothing that a policy can write.
        (asking("laptop", GW, accept=["root"]), ['host not defined in policy: "laptop"']),
        (asking("nohost", GW, deny=["root"]), ['host not defined in policy: "nohost"']),
        (asking("autogroup:self", GW, deny=["root"]), ['"autogroup:self" names no device of the tailnet']),
        (
            asking(ALICE, "stranger@example.com", deny=["root"]),
            ['dst "stranger@example.com": user not found: "stranger@example.com"'],
        ),
        (asking(ALICE, "group:nobody", deny=["root"]), ['dst "group:nobody": it names no device']),
        (asking(ALICE, "100.64.0.99", deny=["root"]), ['dst "100.64.0.99": it names no device']),
        (asking(ALICE, "printer", deny=["root"]), ['dst "printer": it names no device']),
        (asking(ALICE, "gw:22", deny=["root"]), ['dst "gw:22": host not defined in policy: "gw:22"']),
        (asking(ALICE, "100.64.0.3:22", deny=["root"]), ['dst "100.64.0.3:22": host not defined in policy: "100.64.0.3:22"']),
        (asking(CI, "autogroup:self", deny=["root"]), ['dst "autogroup:self": autogroup:self needs one user as the src']),
        (
            asking("group:users", "autogroup:self", deny=["root"]),
            ['dst "autogroup:self": autogroup:self needs one user as the src'],
        ),
    ],
)  # fmt: skip
def test_what_the_rules_do_not_say_fails_the_policy(test: dict[str, Any], lines: list[str]) -> None:
    assert [*failed(test)] == lines
    with pytest.raises(PolicyError, match=r"^test\(s\) failed$") as refused:
        check(evaluator(LAPTOPS, ssh=RULES, sshTests=[test]))
    (failure,) = refused.value.failures
    assert (failure.user, [*failure.errors]) == (test["src"], lines)


def test_a_policy_with_failing_tests_of_both_kinds_names_both() -> None:
    sections: dict[str, Any] = {
        "grants": [],
        "tests": [{"src": ALICE, "accept": ["tag:gw:443"]}],
        "sshTests": [asking(ALICE, GW, accept=["root"])],
    }
    with pytest.raises(PolicyError) as refused:
        check(evaluator(**sections))
    assert [failure.errors for failure in refused.value.failures] == [
        ('address "tag:gw:443": want: Accept, got: Drop',),
        ('dst "tag:gw", user "root": want: Accept, got: Drop',),
    ]


@pytest.mark.parametrize(
    "test",
    [
        asking(ALICE, GW, accept=["root", "deploy"], check=["deploy"]),
        asking(BOB, GW, deny=["root"], check=["deploy"]),
        asking(CI, CI, accept=["root"]),
        asking(CI, GW, deny=["root"]),
        asking(ALICE, "autogroup:self", accept=["alice"]),
        asking(ALICE, ALICE, accept=["alice"], deny=["root"]),
        asking(ALICE, BOB, deny=["alice"]),
        asking("autogroup:member", GW, accept=["deploy"], check=["deploy"]),
        asking("autogroup:tagged", "autogroup:member", deny=["root"]),
    ],
)
def test_people_and_tags_are_enough_where_no_device_is_known(test: dict[str, Any]) -> None:
    assert failed(test, network=Network(users=[User(ALICE), User(BOB)])) == ()


@pytest.mark.parametrize(
    ("rules", "test", "reason"),
    [
        (
            [ssh(ALICE, GW, srcPosture=["posture:new"])],
            asking(ALICE, GW, accept=["root"]),
            'dst "tag:gw", user "root": ssh[0]: it has srcposture, which cannot be judged offline',
        ),
        (
            [ssh("autogroup:admin", GW)],
            asking(ALICE, GW, deny=["root"]),
            'dst "tag:gw", user "root": ssh[0]: whether alice@example.com may log in to tag:gw as root is not known',
        ),
        (
            [ssh("autogroup:member", GW, "localpart:*@example.com")],
            asking("autogroup:member", GW, deny=["alice"]),
            'dst "tag:gw", user "alice": ssh[0]: whether somebody else may log in to tag:gw as alice is not known',
        ),
        (
            [ssh(ALICE, GW)],
            asking("100.64.0.1", GW, accept=["root"]),
            'dst "tag:gw", user "root": ssh[0]: whether 100.64.0.1 may log in to tag:gw as root is not known',
        ),
        (
            [ssh(ALICE, GW)],
            asking(ALICE, "100.64.0.3", accept=["root"]),
            'dst "100.64.0.3", user "root": ssh[0]: whether alice@example.com may log in to 100.64.0.3 as root is not known',
        ),
        (
            [ssh(ALICE, GW)],
            asking(ALICE, GW, accept=["root"], srcPostureAttrs={"node:os": "linux"}),
            'dst "tag:gw", user "root": it has srcpostureattrs, which cannot be judged offline',
        ),
        ([], asking("autogroup:admin", GW, deny=["root"]), "who is in autogroup:admin is not known"),
        ([], asking("*@example.com", GW, deny=["root"]), "who is in *@example.com is not known"),
        ([], asking(ALICE, "autogroup:admin", deny=["root"]), 'dst "autogroup:admin": who is in autogroup:admin is not known'),
        (
            [ssh("autogroup:member", "autogroup:self")],
            asking("autogroup:member", "autogroup:member", deny=["root"]),
            'dst "autogroup:member", user "root": ssh[0]: whether somebody else may log in to somebody else as root is not '
            "known",
        ),
    ],
)  # fmt: skip
def test_an_undecided_test_is_neither_passed_nor_failed(rules: Any, test: dict[str, Any], reason: str) -> None:
    (outcome,) = check(evaluator(ssh=rules, sshTests=[test]))
    assert (outcome.failed, outcome.undecided) == ((), (reason,))


def test_a_test_about_an_autogroup_that_there_is_not_fails() -> None:
    for test in (asking("autogroup:no", GW, deny=["root"]), asking(ALICE, "autogroup:no", deny=["root"])):
        assert ['"autogroup:no"' in line for line in failed(test)] == [True]


def test_what_certainly_fails_fails_though_something_else_stays_open() -> None:
    rules = [ssh("autogroup:admin", GW, "root"), ssh(ALICE, GW, "deploy")]
    (outcome,) = run_login_tests(
        evaluator(ssh=rules, sshTests=[asking(ALICE, GW, deny=["root", "deploy"], accept=["nobody"])])
    )
    assert len(outcome.failed) == 2
    assert len(outcome.undecided) == 1
