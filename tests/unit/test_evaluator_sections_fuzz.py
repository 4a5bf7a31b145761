"""Whatever stands in the four sections about logins and devices: it is read or refused, and never takes long."""

import json
import time
from typing import Any

import pytest
from evaluator_world import ALICE, BOB, CI, GW, NAMES, NETWORK
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, User, check
from components.tailnet.evaluator.network import Party
from components.tailnet.evaluator.selectors import Selector
from components.tailnet.exposure import exposed

SECTIONS = ("ssh", "sshTests", "nodeAttrs", "autoApprovers")
KEYS = (
    *("action", "src", "dst", "users", "checkPeriod", "acceptEnv", "srcPosture"),
    *("accept", "deny", "check", "target", "attr", "app", "ipPool", "routes", "exitNode", "services"),
)
WORDS = (
    *(ALICE, BOB, GW, CI, "tag:no", "tag:", "tag:gw:22", "group:users", "group:nobody", "group:no", "*", "", " ", "@", "@x"),
    *("autogroup:member", "autogroup:self", "autogroup:tagged", "autogroup:admin", "autogroup:internet", "autogroup:x"),
    *("autogroup:nonroot", "localpart:*@example.com", "localpart:*@", "root", "user:*@example.com", "svc:web", "svc:"),
    *("printer", "office", "ipset:lab", "ipset:no", "100.64.0.3", "100.64.0.0/10", "10.0.0.0/8", "::/0", "fd7a::%x/64"),
    *("accept", "check", "deny", "always", "1h", "169h", "-1h", "9" * 400 + "h", "1e9h", "funnel", "drive:share"),
    *("tailscale.com/app-connectors", "connectors", "example.com/cap", "100.80.0.0/16", "100.100.0.0/16", "\ud800", "\x00"),
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
AUTO_APPROVERS = st.one_of(
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


@given(SSH, SSH_TESTS, NODE_ATTRIBUTES, AUTO_APPROVERS, NETWORKS)
@settings(max_examples=500, deadline=None)
@example([{}], [{}], [{}], {}, NETWORK)
@example([None], [None], [None], None, NETWORK)
def test_whatever_they_hold_is_read_or_refused(
    ssh: Any, ssh_tests: Any, node_attributes: Any, auto_approvers: Any, network: Network
) -> None:
    # Each alone too: otherwise the first that is wrong would hide the others.
    values = dict(zip(SECTIONS, (ssh, ssh_tests, node_attributes, auto_approvers), strict=True))
    for sections in ({**values}, *({name: value} for name, value in values.items())):
        try:
            policy = Policy.parse(json.dumps({**NAMES, **sections}))
            exposed(policy, network, [GW, CI])
            for outcome in check(Evaluator(policy, network)):
                assert outcome.undecided
        except PolicyError as error:
            assert error.message


@pytest.mark.parametrize("name", SECTIONS)
@given(value=ATOMS)
def test_what_is_no_list_and_no_object_is_refused(name: str, value: Any) -> None:
    text = json.dumps({**NAMES, name: value})
    if value is None:
        assert Policy.parse(text) == Policy.parse(json.dumps(NAMES))
        return
    with pytest.raises(PolicyError, match=f"^{name} must be an? (list|object)$"):
        Policy.parse(text)


class CountingNetwork(Network):
    """Counts how often it is asked: that is what grows, where a clock would only wobble."""

    def __init__(self, users: Any) -> None:
        super().__init__(users=users)
        self.asked = 0

    def holds(self, selector: Selector, party: Party) -> bool | None:
        self.asked += 1
        return super().holds(selector, party)


def large(size: int) -> dict[str, Any]:
    """A tailnet of `size` tags, each with a rule and a test, and in every section as much."""
    tags = [f"tag:t{number}" for number in range(size)]
    return {
        "tagOwners": dict.fromkeys(tags, []),
        "ssh": [
            *({"action": "check", "src": [ALICE], "dst": [tag], "users": ["root"], "checkPeriod": "1h"} for tag in tags),
            {"action": "accept", "src": [BOB], "dst": tags, "users": ["root"]},
        ],
        "sshTests": [{"src": ALICE, "dst": [tag], "accept": ["root"], "deny": ["alice"]} for tag in tags],
        "nodeAttrs": [{"target": [tag], "attr": ["mullvad"], "ipPool": ["100.80.0.0/16"]} for tag in tags],
        "autoApprovers": {"routes": {f"10.{n // 256 % 256}.{n % 256}.0/24": [tag] for n, tag in enumerate(tags)}},
    }


def work(size: int) -> int:
    network = CountingNetwork([User(ALICE), User(BOB)])
    policy = Policy.parse(json.dumps(large(size)))
    assert check(Evaluator(policy, network)) == ()
    found = exposed(policy, network, [*large(size)["tagOwners"]])
    assert len(found.wide) == size + 1 + min(size, 65536)
    return network.asked


def test_work_grows_with_the_size_of_the_policy_and_no_faster() -> None:
    small, twice = work(200), work(400)
    assert 0 < twice <= 2.05 * small


def test_a_large_policy_is_judged_in_seconds() -> None:
    begun = time.monotonic()
    work(5000)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "sections",
    [
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
    ],
)
def test_no_long_entry_takes_long(sections: dict[str, Any]) -> None:
    text = json.dumps({**NAMES, **sections})
    begun = time.monotonic()
    try:
        policy = Policy.parse(text)
        exposed(policy, NETWORK, [GW, CI])
        check(Evaluator(policy, NETWORK))
    except PolicyError:
        pass
    assert time.monotonic() - begun < 3
