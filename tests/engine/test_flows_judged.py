"""The table of flows, judged by cyclonus, which reads NetworkPolicies by itself: what packets cannot show here is in it too, IPv6
and every block (I6)."""

import ipaddress
import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from components.constants import LABEL_INSTANCE, PRIVATE_CIDRS_V4, PRIVATE_CIDRS_V6
from sandbox.home import Home
from tests.support import flows
from tests.support.configs import smallest
from tests.support.flows import FLOWS, FORMS, LISTS
from tests.support.harness import run_program
from tests.support.worlds import must_have

NAMESPACE: Final = "openclaw-home"
VERDICT: Final = re.compile(r"\| IS ALLOWED\? \| +(TRUE|FALSE)")
Peer = dict[str, Any]


def pod(namespace: str, labels: dict[str, str], address: str) -> Peer:
    names = {"kubernetes.io/metadata.name": namespace}
    return {"Internal": {"PodLabels": labels, "NamespaceLabels": names, "Namespace": namespace}, "IP": address}


def beyond(address: str) -> Peer:
    return {"Internal": None, "IP": address}


def traffic(source: Peer, target: Peer, service: str) -> dict[str, Any]:
    protocol, port = service.split()
    return {
        "Source": source,
        "Destination": target,
        "Protocol": protocol.upper(),
        "ResolvedPort": int(port),
        "ResolvedPortName": "",
    }


class Judge:
    """cyclonus over the NetworkPolicies of one configuration."""

    def __init__(self, config: dict[str, Any], directory: Path) -> None:
        graph = run_program(config)
        self.directory = directory
        self.labels: dict[str, str] = graph.one("Deployment", "home-gateway").plain["spec"]["template"]["metadata"][
            "labels"
        ]
        policies = [policy.plain for policy in graph.of("NetworkPolicy")]
        (directory / "policies.json").write_text(
            json.dumps({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": policies})
        )

    def gateway(self, address: str) -> Peer:
        return pod(NAMESPACE, self.labels, address)

    def allows(self, asked: list[dict[str, Any]]) -> list[bool]:
        """A verdict for each."""
        (self.directory / "traffic.json").write_text(json.dumps(asked))
        command = [
            *(str(Home.from_env().bin / "cyclonus"), "analyze", "--mode=query-traffic"),
            f"--policy-path={self.directory / 'policies.json'}",
            f"--traffic-path={self.directory / 'traffic.json'}",
            # As they are written: what it makes of them to be shorter is not asked about.
            "--simplify-policies=false",
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        verdicts = VERDICT.findall(result.stdout)
        assert len(verdicts) == len(asked), result.stderr[-500:]
        return [verdict == "TRUE" for verdict in verdicts]


def peers(judge: Judge, version: int) -> dict[str, list[Peer]]:
    """The places of the table as cyclonus knows them."""
    net = "10.244.0." if version == 4 else "fd00:10:244::"
    places: dict[str, list[Peer]] = {
        flows.GATEWAY: [judge.gateway(f"{net}10")],
        flows.NEIGHBOUR: [pod(NAMESPACE, {"app": "other"}, f"{net}11")],
        flows.STRANGER: [pod("default", {}, f"{net}12")],
        flows.MONITORING: [pod("monitoring", {"app": "prometheus"}, f"{net}13")],
        flows.NOT_DNS: [pod("kube-system", {"k8s-app": "metrics-server"}, f"{net}14")],
        flows.OTHER: [pod("openclaw-lab", {**judge.labels, LABEL_INSTANCE: "lab"}, f"{net}15")],
        flows.DNS: [pod("kube-system", {"k8s-app": "kube-dns"}, f"{net}16")],
        flows.NODE: [beyond(f"{net}1")],
    }
    return places | {
        name: [beyond(address) for address in addresses] for name, addresses in flows.addresses(version).items()
    }


@pytest.fixture(scope="module", autouse=True)
def cyclonus() -> None:
    must_have(Home.from_env(), ["cyclonus"])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("form", FORMS)
def test_cyclonus_agrees_with_the_table_i6(form: str, version: int, tmp_path: Path) -> None:
    judge = Judge(smallest(tailscale=FORMS[form], extraEgress=[LISTS]), tmp_path)
    places = peers(judge, version)
    asked = [
        (row, traffic(source, target, service))
        for row in FLOWS
        if row.judged
        for source in places[row.source]
        for target in places.get(row.target, [])
        for service in row.services
    ]
    assert len(asked) > 300
    verdicts = judge.allows([question for _, question in asked])
    wrong = [
        (row.source, row.target, question["Destination"]["IP"], question["Protocol"], question["ResolvedPort"])
        for (row, question), allowed in zip(asked, verdicts, strict=True)
        if allowed != (form in row.wanted)
    ]
    assert wrong == []


@pytest.mark.parametrize(("version", "blocks"), [(4, PRIVATE_CIDRS_V4), (6, PRIVATE_CIDRS_V6)])
def test_no_address_within_any_block_is_the_internet_and_its_neighbours_are(
    version: int, blocks: tuple[str, ...], tmp_path: Path
) -> None:
    """Sixteen addresses of each block, spread over it; and what Python's own registry calls global is open, but for blocks that
    are translated or tunnelled."""
    judge = Judge(smallest(), tmp_path)
    source = peers(judge, version)[flows.GATEWAY][0]
    within: list[str] = []
    for block in blocks:
        network = ipaddress.ip_network(block)
        step = max(1, network.num_addresses // 15)
        numbers = {*range(0, network.num_addresses, step), network.num_addresses - 1} if step > 1 else {0}
        within += [str(network[number]) for number in sorted(numbers)]
    outside = list(flows.edges(blocks, inside=False))
    for service, open_outside in (("tcp 443", True), ("udp 41641", True), ("tcp 80", False)):
        assert not any(judge.allows([traffic(source, beyond(address), service) for address in within]))
        verdicts = judge.allows([traffic(source, beyond(address), service) for address in outside])
        assert set(verdicts) == {open_outside}
    assert len(within) > 15 * (len(blocks) - 4)


def test_dns_by_its_address_is_open_on_its_port_alone(tmp_path: Path) -> None:
    for config, wanted in (({"dnsAddresses": ["169.254.20.10", "fd00:10::a"]}, True), ({}, False)):
        judge = Judge({**smallest(), "cluster": config}, tmp_path)
        for address in ("169.254.20.10", "fd00:10::a"):
            services = ("udp 53", "tcp 53", "tcp 80", "tcp 443", "udp 41641")
            asked = [traffic(judge.gateway("10.244.0.10"), beyond(address), service) for service in services]
            assert judge.allows(asked) == [wanted, wanted, False, False, False]


def test_a_policy_that_opens_something_more_is_seen(tmp_path: Path) -> None:
    """The judge can say otherwise."""
    wider: dict[str, Any] = {"cidr": "10.0.0.0/8", "ports": [{"port": 443}]}
    judge = Judge(smallest(extraEgress=[wider]), tmp_path)
    asked = [
        traffic(judge.gateway("10.244.0.10"), beyond(address), "tcp 443") for address in ("10.1.2.3", "172.16.0.1")
    ]
    assert judge.allows(asked) == [True, False]
