"""The evaluator against the hosted service's recorded answers: the same refusals, the same words, every flow the same."""

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from components.tailnet.evaluator import Device, Evaluator, Network, Policy, PolicyError, User, check, ranges
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.services import DEFAULT
from tests.support.recorded import CASES

# One rectangle of allowed flows: protocol, first and last port, sources, destinations.
Flow = tuple[int, int, int, Ranges, Ranges]


def network_of(case: dict[str, Any]) -> Network:
    logins = {user["name"]: user["email"] for user in case["users"]}
    devices = [
        Device(
            name,
            (node["ipv4"], node["ipv6"]),
            tuple(node.get("tags") or ()),
            logins.get(node.get("user", ""), ""),
            tuple(node.get("approved_routes") or ()),
        )
        for name, node in case["nodes"].items()
    ]
    return Network(devices, [User(login) for login in logins.values()])


def evaluator_of(case: dict[str, Any]) -> Evaluator:
    text = case["policy"] if isinstance(case["policy"], str) else json.dumps(case["policy"])
    return Evaluator(Policy.parse(text), network_of(case))


def recorded_flows(rules: list[dict[str, Any]] | None) -> list[Flow]:
    flows: list[Flow] = []
    for rule in rules or []:
        ports: list[dict[str, Any]] = rule.get("DstPorts") or []
        protocols: list[int] = rule.get("IPProto") or sorted(DEFAULT)
        flows += [
            (protocol, to["Ports"]["First"], to["Ports"]["Last"], _addresses(rule["SrcIPs"]), _addresses([to["IP"]]))
            for to in ports
            for protocol in protocols
        ]
    return flows


def evaluated_flows(evaluator: Evaluator, node: str) -> list[Flow]:
    return [
        (protocol, service.first, service.last, flows.sources, flows.destinations)
        for flows in evaluator.filter(node)
        for service in flows.services
        for protocol in service.protocols
    ]


def canonical(flows: list[Flow]) -> dict[tuple[int, int, int], list[tuple[Ranges, Ranges]]]:
    """Equal for equal sets of flows: per protocol and elementary port interval, the sources of each elementary
    interval of destinations."""
    by_service: dict[tuple[int, int, int], list[tuple[Ranges, Ranges]]] = {}
    for protocol in {flow[0] for flow in flows}:
        mine = [flow for flow in flows if flow[0] == protocol]
        for first, last in _pieces((flow[1], flow[2]) for flow in mine):
            here = [flow for flow in mine if flow[1] <= first and last <= flow[2]]
            reached: dict[Ranges, list[Ranges]] = defaultdict(list)
            for low, high in _pieces(interval for flow in here for interval in flow[4]):
                into = [flow[3] for flow in here if any(a <= low and high <= b for a, b in flow[4])]
                reached[ranges.union(into)].append(((low, high),))
            by_service[protocol, first, last] = sorted((sources, ranges.union(to)) for sources, to in reached.items())
    # Neighbouring port intervals with the same flows are one.
    merged: dict[tuple[int, int, int], list[tuple[Ranges, Ranges]]] = {}
    for (protocol, first, last), reach in sorted(by_service.items()):
        before = next((key for key in merged if key[0] == protocol and key[2] == first - 1), None)
        if before is not None and merged[before] == reach:
            first = before[1]
            del merged[before]
        merged[protocol, first, last] = reach
    return merged


def _pieces(intervals: Any) -> list[tuple[int, int]]:
    """The intervals cut at each other's ends."""
    known = sorted(set(intervals))
    cuts = sorted({low for low, _ in known} | {high + 1 for _, high in known})
    pieces = [(low, high - 1) for low, high in pairwise(cuts)]
    return [(low, high) for low, high in pieces if any(a <= low and high <= b for a, b in known)]


def _addresses(texts: list[str]) -> Ranges:
    return ranges.union(ranges.EVERYTHING if text == "*" else ranges.parse(text) for text in texts)


# The recording gives this device an address that the real one did not have: the rule for it reached no real device.
RENUMBERED = {"policytest-allpass-grants-only-tag-src-ipv6-literal-dst"}


REFUSED = [case for case in CASES if case["status"] == 400]
ACCEPTED = [case for case in CASES if case["status"] == 200]


if CASES:

    @pytest.mark.parametrize("case", REFUSED, ids=[case["id"] for case in REFUSED])
    def test_what_the_hosted_service_refused_is_refused_in_its_words(case: dict[str, Any]) -> None:
        with pytest.raises(PolicyError) as refused:
            check(evaluator_of(case))
        assert refused.value.message == case["answer"]["message"]

    @pytest.mark.parametrize("case", ACCEPTED, ids=[case["id"] for case in ACCEPTED])
    def test_every_device_gets_the_flows_that_the_hosted_service_sent(case: dict[str, Any]) -> None:
        evaluator = evaluator_of(case)
        assert check(evaluator) == ()
        if case["id"] in RENUMBERED:
            return
        for node, rules in case["filters"].items():
            assert canonical(evaluated_flows(evaluator, node)) == canonical(recorded_flows(rules)), node

    @pytest.mark.parametrize("case", ACCEPTED, ids=[case["id"] for case in ACCEPTED])
    def test_can_says_of_every_pair_of_devices_what_the_recorded_filters_say(case: dict[str, Any]) -> None:
        evaluator = evaluator_of(case)
        if case["id"] in RENUMBERED:
            return
        nodes = {name: (node["ipv4"], node["ipv6"]) for name, node in case["nodes"].items()}
        for to, rules in case["filters"].items():
            flows = recorded_flows(rules)
            ports = {22, *(flow[1] for flow in flows), *(min(flow[2] + 1, 65535) for flow in flows)}
            for source, addresses in nodes.items():
                for port in ports:
                    for protocol in (6, 17):
                        # From any address of the one to any address of the other.
                        wanted = any(
                            flow[0] == protocol
                            and flow[1] <= port <= flow[2]
                            and ranges.overlap(flow[3], _addresses(list(addresses)))
                            and ranges.overlap(flow[4], _addresses(list(nodes[to])))
                            for flow in flows
                        )
                        verdict = evaluator.can(source, to, port, str(protocol))
                        assert verdict.allowed is wanted, (source, to, port, protocol)
                        assert (verdict.by is not None) is wanted
