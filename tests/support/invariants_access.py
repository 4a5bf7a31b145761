"""The invariants that are about who reaches what (I6, I7), and the shape of the graph itself."""

import json
from typing import Any

from components.constants import LABEL_INSTANCE, LABEL_SIDECAR, LABEL_STACK
from components.settings import Node
from tests.support import schema
from tests.support.evaluate import PRIVATE_ADDRESSES, PUBLIC_ADDRESSES, TailnetPolicy, entrances, may_leave
from tests.support.invariants import CLUSTER_SCOPED, Run

SERVED = {"https": 443, "http": 80, "tcp": 18789}
SOME_PORTS = (22, 80, 443, 9002, 18789, 6443, 2379, 10250)


def i6_default_deny_and_public_egress_only(run: Run) -> None:
    for instance, namespace, deployment in run.instances():
        policies = run.graph.of("NetworkPolicy", namespace)
        labels = deployment.plain["spec"]["template"]["metadata"]["labels"]
        sidecar = instance.tailscale.enabled
        assert (labels.get(LABEL_SIDECAR) == "true") is sidecar
        # A pod that nobody declared: closed both ways.
        assert entrances(policies, {"app": "other"}) == []
        assert not any(may_leave(policies, {"app": "other"}, address, "TCP", 443) for address in PUBLIC_ADDRESSES)
        listed = [policy for policy in policies if "extra-egress" in policy.object_name]
        assert len(listed) == len(instance.extra_egress)
        usual = [policy for policy in policies if policy not in listed]
        for address in PRIVATE_ADDRESSES:
            for protocol, port in (("TCP", 443), ("TCP", 80), ("TCP", 6443), ("UDP", 53), ("UDP", 41641)):
                assert not may_leave(usual, labels, address, protocol, port), f"{address} {protocol} {port}"
        for address in PUBLIC_ADDRESSES:
            assert may_leave(usual, labels, address, "TCP", 443)
            assert not may_leave(usual, labels, address, "TCP", 80)
            assert may_leave(usual, labels, address, "UDP", 41641) is sidecar
            without = {key: value for key, value in labels.items() if key != LABEL_SIDECAR}
            assert not may_leave(usual, without, address, "UDP", 41641)
        for policy, rule in zip(listed, instance.extra_egress, strict=True):
            assert policy.plain["spec"]["egress"][0]["to"] == [{"ipBlock": {"cidr": rule.cidr}}]
            assert len(policy.plain["spec"]["egress"][0]["ports"]) == len(rule.ports)
        _only_metrics_come_in(run, entrances(policies, labels), instance.tailscale.metrics)
        _dns_goes_to_the_cluster_only(run, namespace)


def _only_metrics_come_in(run: Run, rules: list[object] | None, metrics: bool) -> None:
    peer = {"matchLabels": {"kubernetes.io/metadata.name": run.settings.cluster.monitoring_namespace}}
    allowed = {"from": [{"namespaceSelector": peer}], "ports": [{"protocol": "TCP", "port": 9002}]}
    assert rules == ([allowed] if metrics else [])


def _dns_goes_to_the_cluster_only(run: Run, namespace: str) -> None:
    peers = [
        peer
        for policy in run.graph.of("NetworkPolicy", namespace)
        for rule in policy.plain["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" not in peer
    ]
    cluster = run.settings.cluster
    names = {"matchLabels": {"kubernetes.io/metadata.name": cluster.dns_namespace}}
    assert peers == [{"namespaceSelector": names, "podSelector": {"matchLabels": dict(cluster.dns_labels)}}]
    (dns,) = [policy for policy in run.graph.of("NetworkPolicy", namespace) if policy.object_name == "allow-dns"]
    (rule,) = dns.plain["spec"]["egress"]
    blocks = [peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer]
    assert blocks == [{"cidr": f"{one}/{128 if ':' in one else 32}"} for one in cluster.dns_addresses]
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("UDP", 53), ("TCP", 53)}


def i7_only_listed_people_reach_only_the_served_port(run: Run) -> None:
    if run.settings.tailnet.ownership == "external":
        assert not [
            resource
            for resource in run.graph.all()
            if resource.type.startswith(("tailscale:", "pulumi:providers:tailscale"))
        ]
        return
    if run.settings.tailnet.ownership == "verified":
        # Only keys are made in it; that the policy gives exactly this access is in test_verified.py.
        assert not [kind for kind in ("Acl", "DnsPreferences", "TailnetSettings") if run.graph.of(kind)]
        return
    (acl,) = run.graph.of("Acl")
    policy = TailnetPolicy(acl.plain["acl"])
    tags = {instance.id: f"tag:openclaw-{instance.id}" for instance in run.settings.instances}
    workers = _nodes(run)
    assert set(policy.data["tagOwners"]) == {*tags.values(), *workers}
    for grant in policy.data["grants"]:
        assert set(grant) == {"src", "dst", "ip"}
        assert not any(
            "*" in word or word.startswith("autogroup:") for word in [*grant["src"], *grant["dst"], *grant["ip"]]
        )
    everybody = {person for group in run.settings.tailnet.groups.values() for person in group} | {
        "stranger@example.com"
    }
    listed = (*run.settings.instances, *run.settings.nodes)
    everybody |= {person for entry in listed for person in entry.people if "@" in person}
    for instance in run.settings.instances:
        allowed = {member for person in instance.people for member in policy.people(person)}
        served = SERVED[instance.tailscale.reach]
        opened = {served, *instance.tailscale.portals}
        own_nodes = {tag for tag, node in workers.items() if node.gateway == instance.id}
        for source in [*everybody, *tags.values(), *workers]:
            for port in (*SOME_PORTS, *instance.tailscale.portals):
                # A node needs its gateway, and nothing that the agent has built.
                rightly = (source in allowed and port in opened) or (source in own_nodes and port == served)
                expected = instance.tailscale.enabled and rightly
                assert policy.accepts(source, tags[instance.id], port) is expected, (source, instance.id, port)
                assert not policy.accepts(source, tags[instance.id], port, "udp")
        if instance.tailscale.enabled:
            _tests_deny_the_others(policy, tags, instance.id, served, set(instance.people))
    for tag, node in workers.items():
        allowed = {member for person in node.people for member in policy.people(person)}
        for source in [*everybody, *tags.values(), *workers]:
            for port in (*SOME_PORTS, *node.ports):
                expected = source in allowed and port in node.ports
                assert policy.accepts(source, tag, port) is expected, (source, node.id, port)
        _tests_hold_the_node(policy, tags, tag, node)
    assert policy.failures() == []


def _nodes(run: Run) -> dict[str, Node]:
    """The nodes that carry a tag, by it."""
    return {f"tag:openclaw-node-{node.id}": node for node in run.settings.nodes if node.kind != "mobile"}


def _tests_hold_the_node(policy: TailnetPolicy, tags: dict[str, str], node_tag: str, node: Node) -> None:
    tests: dict[str, list[Any]] = {}
    for test in policy.data["tests"]:
        tests.setdefault(test["src"], []).append(test)
    (outward,) = tests[node_tag]
    assert [target.rpartition(":")[0] for target in outward["accept"]] == [tags[node.gateway]]
    tried = {target.rpartition(":")[0] for target in outward["deny"]}
    assert tried >= {*tags.values(), node_tag}, "other gateways, its own one's other ports, and itself"
    for tag in tags.values():
        assert any(f"{node_tag}:22" in test["deny"] for test in tests[tag] if "deny" in test), (
            "no gateway reaches a node"
        )
    for person in node.people:
        (test,) = [test for test in tests[person] if f"{node_tag}:{node.ports[0]}" in test.get("accept", [])]
        assert {int(target.rpartition(":")[2]) for target in test["accept"]} == set(node.ports)


def _tests_deny_the_others(
    policy: TailnetPolicy, tags: dict[str, str], gateway: str, served: int, people: set[str]
) -> None:
    tests = [
        test
        for test in policy.data.get("tests", [])
        if any(target.startswith(f"{tags[gateway]}:") for target in test["deny"]) and "-node-" not in test["src"]
    ]
    accepted = {test["src"] for test in tests if f"{tags[gateway]}:{served}" in test.get("accept", [])}
    assert accepted == people
    for test in tests:
        closed = {int(target.rsplit(":", 1)[1]) for target in test["deny"]}
        assert closed >= {22, 9002, 18789, 443, 80} - {served}
        assert (served in closed) == (test["src"] not in people)
    assert {test["src"] for test in tests} >= set(tags.values()), "no gateway reaches another, or itself"


def the_graph_is_complete(run: Run) -> None:
    """Explicit provider, namespace and parent everywhere; what must exist first is declared as a dependency."""
    graph = run.graph
    cluster = graph.one("kubernetes", "cluster").urn
    for resource in graph.all():
        assert resource.parent, resource.urn
        if resource.is_kubernetes:
            assert resource.provider == cluster, resource.urn
            assert (resource.namespace is None) == (resource.kind in CLUSTER_SCOPED), resource.urn
            assert resource.plain["metadata"]["labels"][LABEL_STACK] == "test"
            assert schema.problems(resource.type, resource.plain) == []
        elif resource.custom and not resource.type.startswith("pulumi:providers:"):
            assert resource.provider, resource.urn
    guard = {resource.urn for resource in graph.below(graph.one("AdmissionGuard", "guard"))}
    for instance, namespace, deployment in run.instances():
        inside = {resource.urn for resource in graph.of("NetworkPolicy", namespace)}
        inside |= {resource.urn for resource in graph.of("PersistentVolumeClaim", namespace)}
        assert deployment.dependencies >= inside | guard
        (its_namespace,) = [resource for resource in graph.of("Namespace") if resource.object_name == namespace]
        # The provider adopts what is there: without the guard, also what belongs to another stack.
        assert graph.comes_after(its_namespace) >= guard
        assert its_namespace.plain["metadata"]["labels"][LABEL_INSTANCE] == instance.id
        for resource in graph.kubernetes():
            if resource.namespace == namespace:
                assert its_namespace.urn in graph.comes_after(resource), (
                    f"{resource.name} may come before its namespace"
                )
    for kind in ("TailnetKey", "OauthClient", "FederatedIdentity"):
        for credential in graph.of(kind) if graph.of("Acl") else ():
            assert graph.of("Acl")[0].urn in credential.dependencies, (
                "a tag must be owned before a credential carries it"
            )


def a_disabled_instance_keeps_what_it_needs_to_come_back(run: Run) -> None:
    for instance, namespace, deployment in run.instances():
        pod = deployment.plain["spec"]["template"]["spec"]
        sidecars = [each["name"] for each in pod.get("initContainers", []) if each["name"] != "plugins"]
        sealed = instance.tailscale.enabled and instance.tailscale.credential != "workloadIdentity"
        assert sidecars == ["unseal"] * sealed + ["tailscale"] * instance.tailscale.enabled
        names = {resource.name for resource in run.graph.all() if resource.custom}
        kept = {"gateway-home", "tailnet-state", "token", "gateway-token"}
        assert {f"{instance.id}-{part}" for part in kept} <= names
        secrets = {f"{instance.id}-{part}" for part in ("kek", "tailnet-kek", "tailnet-authkey")}
        assert secrets <= names if sealed else not secrets & names
        assert (f"{instance.id}-serve" in names) is instance.tailscale.enabled
        assert ("tailnet-" in json.dumps(pod)) is instance.tailscale.enabled
        assert {claim.object_name for claim in run.graph.of("PersistentVolumeClaim", namespace)} == {
            "gateway-home",
            "tailnet-state",
        }
