"""Whatever stands in the four sections about logins and devices: it is read or refused, and never takes long."""

import json
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, User, check
from components.tailnet.exposure import exposed
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NAMES, NETWORK
from tests.support.processor import measured

SECTIONS = ("ssh", "sshTests", "nodeAttrs", "autoApprovers")
KEYS = (
    *("action", "src", "dst", "users", "checkPeriod", "acceptEnv", "srcPosture"),
    *("accept", "deny", "check", "target", "attr", "app", "ipPool", "routes", "exitNode", "services"),
)
WORDS = (
    *(
        ALICE,
        BOB,
        GW,
        CI,
        "tag:no",
        "tag:",
        "tag:gw:22",
        "group:users",
        "group:nobody",
        "group:no",
        "*",
        "",
        " ",
        "@",
        "@x",
    ),
    *("autogroup:member", "autogroup:self", "autogroup:tagged", "autogroup:admin", "autogroup:internet", "autogroup:x"),
    *("autogroup:nonroot", "localpart:*@example.com", "localpart:*@", "root", "user:*@example.com", "svc:web", "svc:"),
    *("printer", "office", "ipset:lab", "ipset:no", "100.64.0.3", "100.64.0.0/10", "10.0.0.0/8", "::/0", "fd7a::%x/64"),
    *("accept", "check", "deny", "always", "1h", "169h", "-1h", "9" * 400 + "h", "1e9h", "funnel", "drive:share"),
    *(
        "tailscale.com/app-connectors",
        "connectors",
        "example.com/cap",
        "100.80.0.0/16",
        "100.100.0.0/16",
        "\ud800",
        "\x00",
    ),
)
ATOMS = st.one_of(st.sampled_from(WORDS), st.text(max_size=12), st.none(), st.booleans(), st.integers(), st.floats())
JSON = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from((*KEYS, *WORDS)), inner, max_size=5)
    ),
    max_leaves=20,
)
LISTS = st.one_of(st.lists(st.sampled_from(WORDS), max_size=4), JSON)


def entries(**keys: Any) -> st.SearchStrategy[Any]:
    """Entries that are nearly right, so that more than their outermost shape is read."""
    return st.one_of(st.lists(st.fixed_dictionaries({}, optional=keys), max_size=4), JSON)


USERS = st.lists(st.sampled_from(("root", "alice", "autogroup:nonroot", "localpart:*@example.com", "")), max_size=3)
PARTIES = st.lists(st.sampled_from((ALICE, GW, CI, "group:users", "autogroup:member", "autogroup:self")), max_size=3)
SSH = entries(
    action=st.one_of(st.sampled_from(("accept", "check")), ATOMS),
    src=st.one_of(PARTIES, LISTS),
    dst=st.one_of(PARTIES, LISTS),
    users=st.one_of(USERS, LISTS),
    checkPeriod=ATOMS,
    acceptEnv=LISTS,
    srcPosture=LISTS,
)
SSH_TESTS = entries(
    src=st.one_of(st.sampled_from((ALICE, GW, "group:users", "autogroup:member")), ATOMS),
    dst=st.one_of(PARTIES, LISTS),
    accept=st.one_of(USERS, LISTS),
    deny=st.one_of(USERS, LISTS),
    check=st.one_of(USERS, LISTS),
)
NODE_ATTRIBUTES = entries(target=LISTS, attr=LISTS, app=JSON, ipPool=LISTS)
AUTO_APPROVERS: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "routes": st.one_of(st.dictionaries(st.sampled_from(WORDS), LISTS, max_size=3), JSON),
            "exitNode": LISTS,
            "services": st.one_of(st.dictionaries(st.sampled_from(WORDS), LISTS, max_size=3), JSON),
        },
    ),
    JSON,
)
NETWORKS = st.sampled_from([NETWORK, Network(), Network(users=[User(ALICE, "admin"), User(BOB)])])


def judged(text: str, network: Network) -> str:
    """The outcome for a policy: that it was read, or the message with which it was refused."""
    try:
        policy = Policy.parse(text)
        exposed(policy, network, [GW, CI])
        return f"read, {len(check(Evaluator(policy, network)))} undecided"
    except PolicyError as error:
        return error.message


@given(SSH, SSH_TESTS, NODE_ATTRIBUTES, AUTO_APPROVERS, NETWORKS)
@settings(max_examples=200, deadline=None)
@example([{}], [{}], [{}], {}, NETWORK)
@example([None], [None], [None], None, NETWORK)
def test_whatever_they_hold_is_read_or_refused(
    ssh: Any, ssh_tests: Any, node_attributes: Any, auto_approvers: Any, network: Network
) -> None:
    # Each alone too: otherwise the first that is wrong would hide the others.
    values = dict(zip(SECTIONS, (ssh, ssh_tests, node_attributes, auto_approvers), strict=True))
    for sections in ({**values}, *({name: value} for name, value in values.items())):
        assert judged(json.dumps({**NAMES, **sections}), network)


@pytest.mark.parametrize("name", SECTIONS)
@given(
    value=st.one_of(st.sampled_from(WORDS[:-2]), st.none(), st.booleans(), st.integers(), st.sampled_from((0.5, 1e300)))
)
def test_what_is_no_list_and_no_object_is_refused(name: str, value: Any) -> None:
    text = json.dumps({**NAMES, name: value})
    if value is None:
        assert Policy.parse(text) == Policy.parse(json.dumps(NAMES))
        return
    with pytest.raises(PolicyError, match=f"^{name} must be an? (list|object)$"):
        Policy.parse(text)


def large(size: int) -> dict[str, Any]:
    """A tailnet of `size` tags, each with a rule and a test, and in every section as much."""
    tags = [f"tag:t{number}" for number in range(size)]
    return {
        "tagOwners": {tag: list[str]() for tag in tags},
        "ssh": [
            *(
                {"action": "check", "src": [ALICE], "dst": [tag], "users": ["root"], "checkPeriod": "1h"}
                for tag in tags
            ),
            {"action": "accept", "src": [BOB], "dst": tags, "users": ["root"]},
        ],
        "sshTests": [{"src": ALICE, "dst": [tag], "accept": ["root"], "deny": ["alice"]} for tag in tags],
        "nodeAttrs": [{"target": [tag], "attr": ["mullvad"], "ipPool": ["100.80.0.0/16"]} for tag in tags],
        "autoApprovers": {"routes": {f"10.{n // 256 % 256}.{n % 256}.0/24": [tag] for n, tag in enumerate(tags)}},
    }


def work(size: int) -> None:
    text, network = json.dumps(large(size)), Network(users=[User(ALICE), User(BOB)])
    policy = Policy.parse(text)
    assert check(Evaluator(policy, network)) == ()
    # A rule each, the one for all, and a route each.
    assert len(exposed(policy, network, [*large(size)["tagOwners"]]).wide) == 2 * size + 1


def calls(size: int) -> int:
    """Counts the functions that `work` calls: the count grows with the work, where a clock would only wobble."""
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work(size)
    finally:
        sys.setprofile(before)
    return counted


def test_work_grows_with_the_size_of_the_policy_and_no_faster() -> None:
    calls(10)
    assert calls(400) <= 2.05 * calls(200)


def test_a_large_policy_is_judged_in_seconds() -> None:
    assert measured(lambda: work(5000), 10)[0] < 10


LONG: list[dict[str, Any]] = [
    {"ssh": [{"action": "check", "src": [], "dst": [], "users": ["root"], "checkPeriod": "1h" * 100_000}]},
    {"ssh": [{"action": "check", "src": [], "dst": [], "users": ["root"], "checkPeriod": "1" * 1_000_000 + "h"}]},
    {"ssh": [{"action": "check", "src": [], "dst": [], "users": ["root"], "checkPeriod": "1" * 1_000_000}]},
    {"ssh": [{"action": "check", "src": [], "dst": [], "users": ["root"], "checkPeriod": "." * 1_000_000}]},
    {"ssh": [{"action": "accept", "src": [ALICE] * 100_000, "dst": [GW] * 100_000, "users": ["root"] * 100_000}]},
    {"ssh": [{"action": "accept", "src": [ALICE], "dst": ["a" * 1_000_000], "users": ["root"]}]},
    {"sshTests": [{"src": ALICE, "dst": ["1." * 500_000], "accept": ["root"]}]},
    {"sshTests": [{"src": ALICE, "dst": [":" * 1_000_000], "accept": ["root"] * 1000}]},
    {"nodeAttrs": [{"target": ["*"] * 100_000, "attr": ["funnel"] * 100_000}]},
    {"nodeAttrs": [{"ipPool": ["100.80.0.0/" + "1" * 1_000_000]}]},
    {"nodeAttrs": [{"app": {"/" * 1_000_000: []}}]},
    {"autoApprovers": {"routes": {"1" * 1_000_000 + "/8": []}}},
    {"autoApprovers": {"exitNode": [GW] * 200_000}},
    {"autoApprovers": {"exitNode": ["@" * 1_000_000]}},
]


@pytest.mark.parametrize(
    "sections",
    LONG,
)
def test_no_long_entry_takes_long(sections: dict[str, Any]) -> None:
    text = json.dumps({**NAMES, **sections})
    seconds, said = measured(lambda: judged(text, NETWORK), 5)
    assert said
    assert seconds < 5


def test_more_rules_and_tests_than_can_be_judged_stay_open() -> None:
    many = [f"u{number}@example.com" for number in range(400)]
    rule: dict[str, Any] = {"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:member"]}
    # Each test is about 160 000 pairs of people.
    sections: dict[str, Any] = {
        "groups": {"group:many": many},
        "ssh": [{**rule, "users": ["root", f"user{number}"]} for number in range(250)],
        "sshTests": [
            {"src": "group:many", "dst": ["group:many"], "deny": [f"nobody{number}"]} for number in range(200)
        ],
    }
    text, network = json.dumps(sections), Network(users=[User(login) for login in many])
    seconds, undecided = measured(lambda: check(Evaluator(Policy.parse(text), network)), 10)
    assert seconds < 10
    assert 190 < len(undecided) < 200
    assert undecided[-1].undecided == ('dst "group:many": the policy has more SSH rules and tests than can be judged',)
