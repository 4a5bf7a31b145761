"""The index gives the same answer as the long way round, and a filter lets through nothing that is denied."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from components.tailnet.evaluator import Device, Evaluator, Network, User, endpoints, ranges
from components.tailnet.evaluator.network import Endpoint
from components.tailnet.evaluator.rules import Rule, Target
from tests.support.evaluator_world import ALICE, BOB, CI, GW, NAMES, NETWORKS, evaluator, grant

SOURCES = st.sampled_from(
    ["*", ALICE, BOB, GW, CI, "group:users", "group:nobody", "autogroup:member", "autogroup:tagged", "autogroup:admin",
     "autogroup:owner", "autogroup:shared", "autogroup:danger-all", "user:*@example.com", "user:staff", "printer",
     "office", "100.64.0.0/30", "100.64.0.4", "fd7a:115c:a1e0::/64", "ipset:lab", "ipset:both", "0.0.0.0/1"]
)  # fmt: skip
TARGETS = st.sampled_from(
    ["*", ALICE, BOB, GW, CI, "group:users", "autogroup:member", "autogroup:tagged", "autogroup:admin", "autogroup:internet",
     "user:*@example.com", "svc:web", "printer", "office", "100.64.0.3", "100.64.0.0/10", "ipset:lab", "ipset:both", "8.0.0.0/8"]
)  # fmt: skip
PORTS = st.sampled_from(["*", "443", "22,443", "tcp:443", "udp:1-500", "icmp:*", "tcp:22", "tcp:400-450", "sctp:*"])
NARROWER: list[dict[str, Any]] = [{}, {}, {}, {"via": [CI]}, {"srcPosture": ["posture:x"]}]
MORE = st.sampled_from(NARROWER)
PEOPLE = st.sampled_from([ALICE, "group:users", "autogroup:member", "user:*@example.com"])


def several(src: list[str], dst: list[str], ip: list[str], more: dict[str, Any]) -> dict[str, Any]:
    return {"src": src, "dst": dst, "ip": ip, **more}


def legacy(src: list[str], dst: list[tuple[str, str]]) -> dict[str, Any]:
    return {"action": "accept", "src": src, "dst": [f"{to}:{port}" for to, port in dst]}


GRANTS = st.lists(
    st.builds(
        several,
        st.lists(SOURCES, max_size=3),
        st.lists(TARGETS, max_size=3),
        st.lists(PORTS, min_size=1, max_size=3),
        MORE,
    )
    | st.builds(grant, PEOPLE, st.just("autogroup:self"), PORTS),
    max_size=6,
)
IPSETS = {**NAMES["ipsets"], "ipset:both": ["100.64.0.2-100.64.0.4", "192.168.7.0/24", "fd7a:115c:a1e0::9"]}
ACLS = st.lists(
    st.builds(
        legacy,
        st.lists(SOURCES, min_size=1, max_size=3),
        st.lists(st.tuples(TARGETS, st.sampled_from(["22", "443", "*", "400-450"])), min_size=1, max_size=4),
    ),
    max_size=2,
)
ENDS = (
    *("laptop", "runner", "router", ALICE, BOB, GW, CI, "stranger@example.org", "autogroup:member", "autogroup:owner"),
    *("100.64.0.1", "100.64.0.9", "192.168.7.9", "8.8.8.8", "10.1.0.6", "192.168.0.0/16", "100.64.0.0/29", "0.0.0.0/0"),
)


def the_long_way(judged: Evaluator, source: Endpoint, to: Endpoint, number: int, port: int) -> bool | None:
    """Each rule and each of its destinations, one after the other."""
    said = [
        _said(judged, rule, target, source, to)
        for rule in judged.policy.rules
        for target in rule.targets
        if any((number, port) in service for service in target.services)
    ]
    return True if True in said else None if None in said or judged.policy.unclear else False


def _said(judged: Evaluator, rule: Rule, target: Target, source: Endpoint, to: Endpoint) -> bool | None:
    network = judged.network
    sources = [network.holds(selector, source) for selector in rule.sources]
    held: bool | None
    if target.to.kind == "self":
        held = bool(source.user) and source.user == to.user and not rule.via
    elif target.to.kind == "internet":
        held = None if to.anonymous and not ranges.overlap(to.addresses, network.anywhere) else False
    else:
        held = network.holds(target.to, to, destination=True)
        if (
            held is None
            and target.to.kind == "addresses"
            and ranges.overlap(target.to.addresses, network.joined_addresses(to))
        ):
            held = True
        router = bool(to.addresses) and not to.tags.isdisjoint(rule.via)
        if rule.via and not to.anonymous and not router:
            held = False
        if held and (rule.via or rule.unclear):
            held = None
    if held and rule.unclear:
        held = None
    if held is False or not any(one is not False for one in sources):
        return False
    return held if True in sources else None


@given(GRANTS, ACLS, st.sampled_from(NETWORKS), st.sampled_from([22, 443]), st.sampled_from([1, 6, 17, 132]))
def test_the_index_says_what_each_rule_says(
    grants: list[dict[str, Any]], acls: list[dict[str, Any]], network: Network, port: int, number: int
) -> None:
    judged = evaluator(network, ipsets=IPSETS, grants=grants, acls=acls)
    named = {text for text in ENDS if "." in text or ":" in text or network.devices}
    ends = {text: endpoints.of(text, judged.policy, network) for text in named}
    for source, sources in ends.items():
        for to, targets in ends.items():
            wanted = {the_long_way(judged, one, other, number, port) for one in sources for other in targets}
            verdict = judged.can(source, to, port, str(number))
            unsure = judged.uncertain(source) or judged.uncertain(to)
            assert verdict.allowed is (wanted.pop() if len(wanted) == 1 and not unsure else None), (source, to)
            assert verdict.allowed is not True or verdict.by is not None
            assert verdict.allowed is not None or verdict.reason


@given(GRANTS, ACLS, st.sampled_from(NETWORKS))
def test_several_asked_together_are_opened_as_each_of_them(
    grants: list[dict[str, Any]], acls: list[dict[str, Any]], network: Network
) -> None:
    judged = evaluator(network, ipsets=IPSETS, grants=grants, acls=acls)
    names = [GW, CI, ALICE]
    together = judged.openings(names)
    assert sum(len(one.names) for one in together) == sum(len(judged.openings([name])) for name in names)
    for name in names:
        alone = [(one.rule.place, one.services, bool(one.reason)) for one in judged.openings([name])]
        assert [(one.rule.place, one.services, bool(one.reason)) for one in together if name in one.names] == alone
        assert {(one.by.place, one.services) for one in judged.access_to(name)} <= {
            (place, used) for place, used, _ in alone
        }


ROUTES = st.lists(
    st.sampled_from(["0.0.0.0/0", "::/0", "192.168.0.0/16", "10.1.0.0/24", "8.8.0.0/16"]), max_size=3, unique=True
)


@settings(max_examples=300)
@given(
    GRANTS,
    ROUTES,
    ROUTES,
    st.sampled_from(["8.8.8.8", "10.1.0.6", "192.168.7.9", "100.64.0.3", "9.9.9.9", "2001:db8::1"]),
)
def test_no_filter_lets_through_what_is_denied(
    grants: list[dict[str, Any]], first: list[str], second: list[str], address: str
) -> None:
    """Not of the devices that have the address or carry it: their filter is what decides in the end."""
    devices = [
        Device("laptop", ("100.64.0.1",), user=ALICE),
        Device("gateway", ("100.64.0.3",), (GW,), routes=tuple(first)),
        Device("router", ("100.64.0.5",), (CI,), routes=tuple(second)),
    ]
    network = Network(devices, [User(ALICE, "admin"), User(BOB, "owner")])
    sure = [
        one
        for one in grants
        if not one.keys() & {"srcPosture"} and "autogroup:shared" not in one["src"] and "user:staff" not in one["src"]
    ]
    judged = evaluator(network, ipsets=IPSETS, grants=sure)
    point = ranges.parse(address)
    for device in devices:
        carried = ranges.union(ranges.parse(text) for text in (*device.addresses, *device.routes))
        passed = [
            flows
            for flows in judged.filter(device.name)
            if ranges.within(point, carried) and ranges.overlap(point, flows.destinations)
        ]  # fmt: skip
        for source in devices:
            source_addresses = ranges.parse(source.addresses[0])
            if any(
                ranges.within(source_addresses, flows.sources) and any((6, 443) in one for one in flows.services)
                for flows in passed
            ):
                assert judged.can(source.name, address, 443).allowed is not False, (source.name, device.name)
