"""Tailscale SSH rules: what the control server refuses, who may log in where and as whom, and what nobody can tell."""

from typing import Any

import pytest

from components.tailnet.evaluator import PolicyError, durations
from components.tailnet.evaluator.covers import Covers
from components.tailnet.evaluator.logins import Logins
from components.tailnet.evaluator.selectors import Selector
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NETWORK, assert_refused, evaluator
from tests.support.ssh_policies import LAPTOPS, ssh


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"src": [ALICE], "dst": [GW], "users": ["root"]}, "action must be specified"),
        (ssh(ALICE, GW, action=""), "action must be specified"),
        (ssh(ALICE, GW, action="deny"), '"deny" is not a valid action'),
        (ssh(ALICE, GW, action="Accept"), '"Accept" is not a valid action'),
        ({"action": "accept", "src": [ALICE], "dst": [GW]}, "users must be specified"),
        ({**ssh(ALICE, GW), "users": []}, "users must be specified"),
        (ssh(ALICE, GW, "root", "*"), 'user "*" is not valid'),
        (ssh(ALICE, GW, ""), 'user "" is not valid'),
        (ssh(ALICE, GW, " "), 'user "" is not valid'),
        (ssh(ALICE, GW, acceptEnv=["LANG", ""]), "acceptEnv values cannot be empty"),
        (ssh(ALICE, GW, checkPeriod="1h"), 'checkPeriod is only valid with action "check"'),
        (ssh(ALICE, GW, checkPeriod="always"), 'checkPeriod is only valid with action "check"'),
        (ssh(ALICE, GW, action="check", checkPeriod="169h"), "checkPeriod 169h0m0s is above the max (168h)"),
        (ssh(ALICE, GW, action="check", checkPeriod="168h0m0.5s"), "checkPeriod 168h0m0.5s is above the max (168h)"),
        (ssh(ALICE, GW, action="check", checkPeriod="-90s"), "checkPeriod -1m30s must be a positive duration"),
        (ssh(ALICE, GW, action="check", checkPeriod="7d"), 'time: unknown unit "d" in duration "7d"'),
        (ssh(ALICE, GW, action="check", checkPeriod="60"), 'time: missing unit in duration "60"'),
        (ssh(ALICE, GW, action="check", checkPeriod="soon"), 'time: invalid duration "soon"'),
        (ssh(ALICE, GW, action="check", checkPeriod=""), 'time: invalid duration ""'),
        (ssh(ALICE, GW, action="check", checkPeriod=60), "ssh[0].checkPeriod must be a string"),
        (ssh(ALICE, "printer"), 'invalid dst "printer"'),
        (ssh(ALICE, "office"), 'invalid dst "office"'),
        (ssh(ALICE, "nohost"), 'invalid dst "nohost"'),
        (ssh(ALICE, "*"), 'invalid dst "*"'),
        (ssh(ALICE, "100.64.0.3"), 'invalid dst "100.64.0.3"'),
        (ssh(ALICE, "fd7a:115c:a1e0::3"), 'invalid dst "fd7a:115c:a1e0::3"'),
        (ssh(ALICE, "100.64.0.0/10"), 'invalid dst "100.64.0.0/10"'),
        (ssh(ALICE, "group:users"), 'invalid dst "group:users"'),
        (ssh(ALICE, "ipset:lab"), 'invalid dst "ipset:lab"'),
        (ssh(ALICE, "svc:web"), 'invalid dst "svc:web"'),
        (ssh(ALICE, "autogroup:internet"), 'invalid dst "autogroup:internet"'),
        (ssh(ALICE, "autogroup:danger-all"), 'invalid dst "autogroup:danger-all"'),
        (ssh(ALICE, "autogroup:nonroot"), 'invalid dst "autogroup:nonroot"'),
        (ssh(ALICE, ""), 'invalid dst ""'),
        (ssh(ALICE, GW, recorder=["tag:no"]), 'tag not found: "tag:no"'),
        (ssh(ALICE, GW, recorder="tag:ci"), "ssh[0].recorder must be a list"),
        (ssh("*", GW), 'invalid src "*"'),
        (ssh("office", GW), 'invalid src "office"'),
        (ssh("100.64.0.1", GW), 'invalid src "100.64.0.1"'),
        (ssh("autogroup:danger-all", GW), 'invalid src "autogroup:danger-all"'),
        (ssh("autogroup:self", GW), '"autogroup:self" not valid on the src side of a rule'),
        (ssh("autogroup:internet", GW), '"autogroup:internet" not valid on the src side of a rule'),
        (ssh("tag:no", GW), 'tag not found: "tag:no"'),
        (ssh(ALICE, "tag:no"), 'tag not found: "tag:no"'),
        (ssh(ALICE, f"{GW}:22"), 'tag not found: "tag:gw:22"'),
        (ssh("group:no", GW), 'group not defined in policy: "group:no"'),
        (ssh(CI, ALICE), f'tags in src cannot access user-owned devices: "{ALICE}"'),
        (ssh([ALICE, "autogroup:tagged"], ALICE), f'tags in src cannot access user-owned devices: "{ALICE}"'),
        (ssh(CI, "autogroup:member"), 'tags in src cannot access user-owned devices: "autogroup:member"'),
        (
            ssh("autogroup:tagged", "autogroup:self"),
            "autogroup:self can only be used with users, groups, or supported autogroups",
        ),
        (ssh(BOB, ALICE), f'dst "{ALICE}" requires that user as the only src: use autogroup:self instead'),
        (ssh([ALICE, BOB], ALICE), f'dst "{ALICE}" requires that user as the only src: use autogroup:self instead'),
        (ssh("group:users", ALICE), f'dst "{ALICE}" requires that user as the only src: use autogroup:self instead'),
        (ssh([], ALICE), f'dst "{ALICE}" requires that user as the only src: use autogroup:self instead'),
        ({"action": "accept", "src": ALICE, "dst": [GW], "users": ["root"]}, "ssh[0].src must be a list"),
        ({"action": "accept", "src": [ALICE], "dst": [GW], "users": "root"}, "ssh[0].users must be a list"),
        ({"action": "accept", "src": [ALICE], "dst": [7], "users": ["root"]}, "ssh[0].dst must be a string"),
        ([], "ssh[0] must be an object"),
    ],
)
def test_a_wrong_rule_is_refused_with_one_clear_message(rule: Any, message: str) -> None:
    assert_refused(message, "ssh[0]", ssh=[rule])


@pytest.mark.parametrize(
    "rule",
    [
        ssh(ALICE, ALICE),
        ssh("Alice@Example.com", ALICE),
        ssh(ALICE, "autogroup:self"),
        ssh(["group:users", "autogroup:member"], ["autogroup:self", "autogroup:member", GW]),
        ssh([CI, "autogroup:tagged", "autogroup:admin", "autogroup:shared"], [GW, "autogroup:tagged"]),
        ssh(f" {ALICE}", f"{GW} ", " root "),
        ssh([], GW),
        ssh(ALICE, []),
        ssh(ALICE, GW, "autogroup:nonroot", "localpart:*@example.com", "localpart:broken", "group:users", "tag:x"),
        ssh(ALICE, GW, acceptEnv=["*", "**", "GIT_*"]),
        *(
            ssh(ALICE, GW, action="check", checkPeriod=period)
            for period in ("168h", "0s", "0", "1m", "1h30m", ".5s", "always", "10080m", "1µs", "+1h")
        ),
        {**ssh(ALICE, GW), "checkPeriod": None, "acceptEnv": None},
        {"Action": "accept", "SRC": [ALICE], "dst": [GW], "Users": ["root"]},
    ],
)
def test_a_right_rule_is_accepted(rule: dict[str, Any]) -> None:
    (read,) = evaluator(ssh=[rule]).policy.ssh
    assert read.place == "ssh[0]"


def test_no_section_and_an_empty_one_let_nobody_in() -> None:
    for rules in (evaluator(LAPTOPS), evaluator(LAPTOPS, ssh=[]), evaluator(LAPTOPS, ssh=None)):
        assert rules.policy.ssh == ()
        assert login(rules, "laptop", "gateway", "root") == (False, False)


def login(rules: Any, source: str, to: str, user: str) -> tuple[bool | None, bool | None]:
    endpoints = {endpoint.text: endpoint for endpoint in rules.network.endpoints}
    answer = Logins(rules).of(endpoints[source], endpoints[to], user)
    assert bool(answer.reason) == (None in (answer.allowed, answer.checked))
    return answer.allowed, answer.checked


@pytest.mark.parametrize(
    ("rule", "ways"),
    [
        (ssh(ALICE, GW), {"laptop>gateway", "tablet>gateway"}),
        (ssh("group:users", GW), {"laptop>gateway", "tablet>gateway"}),
        (ssh("group:nobody", GW), set[str]()),
        (ssh("autogroup:member", GW), {"laptop>gateway", "phone>gateway", "tablet>gateway"}),
        (ssh("autogroup:admin", GW), {"laptop>gateway", "tablet>gateway"}),
        (ssh(CI, GW), {"runner>gateway", "spare>gateway"}),
        (ssh(CI, CI), {"runner>spare", "spare>runner", "runner>runner", "spare>spare"}),
        (ssh("autogroup:tagged", GW), {"runner>gateway", "spare>gateway", "gateway>gateway"}),
        (ssh(BOB, "autogroup:tagged"), {"phone>gateway", "phone>runner", "phone>spare"}),
        (ssh(ALICE, ALICE), {"laptop>tablet", "tablet>laptop", "laptop>laptop", "tablet>tablet"}),
        (
            ssh("autogroup:member", "autogroup:self"),
            {"laptop>tablet", "tablet>laptop", "laptop>laptop", "tablet>tablet", "phone>phone"},
        ),
        (ssh(BOB, ["autogroup:self", GW]), {"phone>phone", "phone>gateway"}),
        (ssh(BOB, "autogroup:member"), {"phone>laptop", "phone>tablet", "phone>phone"}),
        (ssh([], GW), set[str]()),
    ],
)
def test_every_kind_of_source_and_destination_names_its_devices(rule: dict[str, Any], ways: set[str]) -> None:
    rules = evaluator(LAPTOPS, ssh=[rule])
    names = [device.name for device in LAPTOPS.devices]
    answers = {f"{source}>{to}": login(rules, source, to, "root")[0] for source in names for to in names}
    # Bob's role is not known, so of him alone it stays open whether he is an admin.
    unsure = {way for way, answer in answers.items() if answer is None}
    assert unsure == ({"phone>gateway"} if "autogroup:admin" in rule["src"] else set())
    assert {way for way, answer in answers.items() if answer} == ways


@pytest.mark.parametrize(
    ("users", "user", "allowed"),
    [
        (["root"], "root", True),
        (["root"], "alice", False),
        (["root"], "Root", False),
        (["alice"], "root", False),
        (["autogroup:nonroot"], "anybody", True),
        (["autogroup:nonroot"], "root", False),
        (["autogroup:nonroot"], "autogroup:nonroot", True),
        (["autogroup:nonroot", "root"], "root", True),
        (["autogroup:nonroot"], "", False),
        (["localpart:*@example.com"], "alice", True),
        (["localpart:*@EXAMPLE.com"], "alice", True),
        (["localpart:*@example.com"], "bob", False),
        (["localpart:*@example.com"], "root", False),
        (["localpart:*@example.org"], "alice", False),
        (["localpart:*@example.org", "localpart:*@example.com"], "alice", True),
        # Neither form is the one that is looked up: they are names of their own.
        (["localpart:alice@example.com"], "alice", False),
        (["localpart:*@"], "alice", False),
        (["localpart:*@"], "localpart:*@", True),
        (["localpart:*@a@example.com"], "localpart:*@a@example.com", True),
        # Logins are compared without regard to case, users of a machine are not.
        (["localpart:*@example.com"], "Alice", None),
        # The tests of a policy may write the pattern itself; who it then means is not known.
        (["localpart:*@example.com"], "localpart:*@example.com", None),
        (["localpart:*@example.com"], "localpart:*@example.org", False),
        (["localpart:*@example.com", "autogroup:nonroot"], "localpart:*@example.com", True),
        (["group:users"], "alice", False),
    ],
)
def test_users_name_whom_one_may_log_in_as(users: list[str], user: str, allowed: bool | None) -> None:
    rules = evaluator(LAPTOPS, ssh=[ssh(ALICE, GW, *users)])
    assert login(rules, "laptop", "gateway", user)[0] is allowed
    assert login(rules, "phone", "gateway", user)[0] is False


def test_a_tagged_device_has_no_local_name() -> None:
    rules = evaluator(LAPTOPS, ssh=[ssh([CI, ALICE], GW, "localpart:*@example.com")])
    assert login(rules, "runner", "gateway", "alice") == (False, False)
    assert login(rules, "laptop", "gateway", "alice") == (True, False)


def test_a_rule_with_localpart_lets_its_sources_log_in_to_themselves_too() -> None:
    rules = evaluator(LAPTOPS, ssh=[ssh([CI, ALICE], GW, "localpart:*@example.com", "root")])
    assert login(rules, "laptop", "tablet", "root") == (True, False)
    assert login(rules, "laptop", "tablet", "alice") == (True, False)
    assert login(rules, "laptop", "phone", "root") == (False, False)
    assert login(rules, "runner", "runner", "root") == (True, False)
    assert login(rules, "runner", "spare", "root") == (False, False)
    assert login(evaluator(LAPTOPS, ssh=[ssh([CI, ALICE], GW)]), "laptop", "tablet", "root") == (False, False)


@pytest.mark.parametrize("order", [1, -1])
def test_check_is_asked_for_where_any_rule_asks_for_it(order: int) -> None:
    rules = [ssh("group:users", GW, action="check", checkPeriod="always"), ssh("autogroup:member", GW)][::order]
    judged = evaluator(LAPTOPS, ssh=rules)
    assert login(judged, "laptop", "gateway", "root") == (True, True)
    assert login(judged, "phone", "gateway", "root") == (True, False)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (ssh(ALICE, GW, srcPosture=["posture:new"]), "ssh[0]: it has srcposture, which cannot be judged offline"),
        (ssh(ALICE, GW, futureKey=True), "ssh[0]: it has futurekey, which cannot be judged offline"),
        (ssh("autogroup:billing-admin", GW), None),
        (ssh("autogroup:shared", GW), "ssh[0]: whether laptop may log in to gateway as root is not known"),
        (ssh("*@example.com", GW), "ssh[0]: whether laptop may log in to gateway as root is not known"),
    ],
)
def test_what_cannot_be_known_is_neither_allowed_nor_denied(rule: dict[str, Any], reason: str | None) -> None:
    rules = evaluator(LAPTOPS, ssh=[rule])
    endpoints = {endpoint.text: endpoint for endpoint in LAPTOPS.endpoints}
    answer = Logins(rules).of(endpoints["laptop"], endpoints["gateway"], "root")
    assert (answer.allowed, answer.reason) == ((None, reason) if reason else (False, ""))
    # Another user is not what the rule is about; and a rule that certainly allows settles it.
    assert login(rules, "laptop", "gateway", "alice")[0] is False
    assert login(evaluator(LAPTOPS, ssh=[rule, ssh(ALICE, GW)]), "laptop", "gateway", "root")[0] is True


def test_a_section_that_is_not_understood_leaves_no_denial() -> None:
    rules = evaluator(LAPTOPS, ssh=[ssh(ALICE, GW)], futureRules=[{}])
    assert login(rules, "laptop", "gateway", "root") == (True, None)
    assert login(rules, "phone", "gateway", "root") == (None, None)


def test_a_group_with_an_empty_member_names_no_tagged_device() -> None:
    odd = Covers([Selector("group:odd", "people", people=frozenset({""}))])
    assert not any(odd.holds(endpoint, LAPTOPS) for endpoint in LAPTOPS.endpoints)


def test_a_recorder_keeps_nobody_out() -> None:
    rules = evaluator(LAPTOPS, ssh=[ssh(ALICE, GW, recorder=[CI], enforceRecorder=True)])
    assert login(rules, "laptop", "gateway", "root") == (True, False)


def test_ssh_rules_open_no_port() -> None:
    assert evaluator(NETWORK, grants=[], ssh=[ssh(ALICE, GW)]).can("laptop", "gateway", 22).allowed is False


@pytest.mark.parametrize(
    ("text", "duration", "written"),
    [
        ("1h", 3_600_000_000_000, "1h0m0s"),
        ("90s", 90_000_000_000, "1m30s"),
        ("1.5h", 5_400_000_000_000, "1h30m0s"),
        ("1.h", 3_600_000_000_000, "1h0m0s"),
        (".5s", 500_000_000, "500ms"),
        ("1500us", 1_500_000, "1.5ms"),
        ("2μs", 2_000, "2µs"),
        ("7ns", 7, "7ns"),
        ("-0", 0, "0s"),
        ("-1h1ms", -3_600_001_000_000, "-1h0m0.001s"),
    ],
)
def test_durations_are_read_and_written_as_the_control_server_does(text: str, duration: int, written: str) -> None:
    assert durations.parse(text) == duration
    assert durations.text_of(duration) == written


@pytest.mark.parametrize("text", ["+", "--1h", ".s", "h", "1h-1m", " 1h", "9" * 5000 + "h", "9999999h9999999h", "1_0h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"^time: "):
        durations.parse(text)


def test_everybody_of_a_domain_is_known_by_their_login() -> None:
    rules = evaluator(
        LAPTOPS, ssh=[ssh("user:*@example.com", [GW, "autogroup:self"], "root", "localpart:*@example.com")]
    )
    assert login(rules, "laptop", "gateway", "root") == (True, False)
    assert login(rules, "phone", "gateway", "bob") == (True, False)
    assert login(rules, "phone", "gateway", "alice") == (False, False)
    assert login(rules, "runner", "gateway", "root") == (False, False)
    with pytest.raises(PolicyError, match="tags in src cannot access user-owned devices"):
        evaluator(ssh=[ssh(CI, "user:*@example.com")])
