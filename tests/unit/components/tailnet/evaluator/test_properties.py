"""Properties of every policy: deny by default, more grants allow more, and neither order nor comments matter."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.tailnet.evaluator import Access, Network, Policy
from components.tailnet.evaluator.services import TCP
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NAMES, NETWORK, evaluator, grant

SOURCES = st.sampled_from(
    ["*", ALICE, BOB, GW, CI, "group:users", "autogroup:member", "autogroup:tagged", "printer", "100.64.0.0/30"]
)
TARGETS = st.sampled_from(
    ["*", ALICE, GW, CI, "group:users", "autogroup:member", "autogroup:tagged", "office", "100.64.0.3"]
)
PORTS = st.sampled_from(["*", "443", "tcp:443", "udp:1-500", "icmp:*", "tcp:22"])
GRANTS = st.lists(st.builds(grant, SOURCES, TARGETS, PORTS), max_size=6)
FLOWS = st.tuples(
    st.sampled_from([ALICE, BOB, GW, CI, "laptop", "runner", "192.168.7.9"]),
    st.sampled_from([GW, CI, ALICE, "gateway", "laptop", "192.168.7.9"]),
    st.sampled_from([22, 443, 500]),
    st.sampled_from(["tcp", "udp", "icmp"]),
)
NETWORKS = st.sampled_from([NETWORK, Network()])


def answer(rules: list[dict[str, Any]], network: Network, flow: tuple[str, str, int, str]) -> bool | None:
    source, to, port, proto = flow
    if not network.devices:
        source, to = {"laptop": ALICE, "runner": CI}.get(source, source), {"laptop": ALICE, "gateway": GW}.get(to, to)
    return evaluator(network, grants=rules).can(source, to, port, proto).allowed


@given(GRANTS, NETWORKS, FLOWS)
def test_what_is_allowed_is_allowed_by_one_of_the_grants_alone(
    rules: list[dict[str, Any]], network: Network, flow: tuple[str, str, int, str]
) -> None:
    alone = [answer([rule], network, flow) for rule in rules]
    together = answer(rules, network, flow)
    # Several devices may be allowed by several grants; a single endpoint never is.
    if together is True:
        assert any(said is not False for said in alone)
    if together is False:
        assert not any(alone)


@given(GRANTS, st.builds(grant, SOURCES, TARGETS, PORTS), NETWORKS, FLOWS)
def test_another_grant_never_takes_a_flow_away(
    rules: list[dict[str, Any]], more: dict[str, Any], network: Network, flow: tuple[str, str, int, str]
) -> None:
    before, after = answer(rules, network, flow), answer([*rules, more], network, flow)
    assert before is not True or after is True
    assert before is not None or after is not False


@given(GRANTS.flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))), NETWORKS, FLOWS)
def test_the_order_of_grants_does_not_matter(
    orders: tuple[list[dict[str, Any]], list[dict[str, Any]]], network: Network, flow: tuple[str, str, int, str]
) -> None:
    assert answer(orders[0], network, flow) == answer(orders[1], network, flow)


@given(GRANTS, st.sampled_from(["// a, ] }\n", '/* " */', "\n\t"]))
def test_comments_and_trailing_commas_do_not_matter(rules: list[dict[str, Any]], comment: str) -> None:
    plain = json.dumps({**NAMES, "grants": rules})
    commented = f"{comment}{{{comment}" + plain[1:-1].replace(', "', f',{comment} "') + f",{comment}}}{comment}"
    assert Policy.parse(commented) == Policy.parse(plain)


@given(GRANTS)
def test_who_is_allowed_is_among_what_reaches(rules: list[dict[str, Any]]) -> None:
    judged = evaluator(grants=rules)
    reaching = {
        (access.by.place, port) for access in judged.access_to(GW) for port in (22, 443) if _serves(access, port)
    }
    for source in (ALICE, BOB, CI, GW):
        for port in (22, 443):
            verdict = judged.can(source, GW, port)
            assert verdict.allowed is False or verdict.by is not None
            assert verdict.by is None or (verdict.by.place, port) in reaching


def _serves(access: Access, port: int) -> bool:
    return any((TCP, port) in service for service in access.services)
