"""Default-deny network around one gateway; egress to public addresses only (I6)."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.constants import (
    LABEL_INSTANCE,
    LABEL_SIDECAR,
    PRIVATE_CIDRS_V4,
    PRIVATE_CIDRS_V6,
    SIDECAR_HEALTH_PORT,
)
from components.manifest import Manifest, register
from components.scope import Scope
from components.settings import Cluster, EgressRule


@dataclass(frozen=True)
class Port:
    """A port of a policy rule; `number` None means all."""

    protocol: str
    number: int | None = None

    @classmethod
    def tcp(cls, number: int) -> "Port":
        return cls("TCP", number)

    @classmethod
    def udp(cls, number: int) -> "Port":
        return cls("UDP", number)

    @classmethod
    def any_udp(cls) -> "Port":
        return cls("UDP")

    def manifest(self) -> Manifest:
        """As the API wants it."""
        return {"protocol": self.protocol} | ({} if self.number is None else {"port": self.number})


def public() -> list[Manifest]:
    """Peers: every public address, and no private, metadata or tailnet one."""
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(PRIVATE_CIDRS_V4)}},
        {"ipBlock": {"cidr": "::/0", "except": list(PRIVATE_CIDRS_V6)}},
    ]


@dataclass(frozen=True)
class NetworkArgs:
    """The network of one pod. `sidecar` adds UDP egress, for direct WireGuard paths (without it: DERP over TCP 443);
    `metrics` lets the monitoring namespace read the sidecar's.
    """

    scope: Scope
    cluster: Cluster
    sidecar: bool
    metrics: bool = False
    extra_egress: Sequence[EgressRule] = ()


def network_policies(args: NetworkArgs) -> dict[str, Manifest]:
    """Manifests by name. Pure: what the tests read is what the cluster gets."""
    names, cluster = args.scope.names, args.cluster
    pod = {"matchLabels": {LABEL_INSTANCE: names.id}}
    rules: dict[str, tuple[Manifest, Manifest]] = {
        # Every pod of the namespace, also those that nobody declared here.
        "default-deny": ({}, {"policyTypes": ["Ingress", "Egress"]}),
        "allow-dns": (pod, _egress(_dns(cluster), [Port.udp(53), Port.tcp(53)])),
        # Model providers, the control server, relays (DERP) and certificates.
        "allow-https": (pod, _egress(public(), [Port.tcp(443)])),
    }
    if args.sidecar:
        sidecar = {"matchLabels": {LABEL_INSTANCE: names.id, LABEL_SIDECAR: "true"}}
        # Direct WireGuard paths and STUN: peers choose the port. Without this rule everything goes by relay.
        rules["allow-wireguard"] = (sidecar, _egress(public(), [Port.any_udp()]))
        if args.metrics:
            rules["allow-metrics"] = (sidecar, _ingress(cluster.monitoring_namespace, [Port.tcp(SIDECAR_HEALTH_PORT)]))
    for number, rule in enumerate(args.extra_egress):
        rules[f"extra-egress-{number}"] = (pod, _extra(rule))
    return {
        name: {"metadata": args.scope.metadata(name), "spec": {"podSelector": selector, **rest}}
        for name, (selector, rest) in rules.items()
    }


def _dns(cluster: Cluster) -> list[Manifest]:
    pods: Manifest = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.dns_namespace}},
        "podSelector": {"matchLabels": dict(cluster.dns_labels)},
    }
    # No selector finds what runs in the host's network or outside the cluster.
    return [pods, *({"ipBlock": {"cidr": str(ipaddress.ip_network(address))}} for address in cluster.dns_addresses)]


def _egress(to: Sequence[Manifest], ports: Sequence[Port]) -> Manifest:
    return {"policyTypes": ["Egress"], "egress": [{"to": list(to), "ports": [port.manifest() for port in ports]}]}


def _ingress(namespace: str, ports: Sequence[Port]) -> Manifest:
    source = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {"policyTypes": ["Ingress"], "ingress": [{"from": [source], "ports": [port.manifest() for port in ports]}]}


def _extra(rule: EgressRule) -> Manifest:
    return _egress([{"ipBlock": {"cidr": rule.cidr}}], [Port(port.protocol, port.port) for port in rule.ports])


class InstanceNetwork(pulumi.ComponentResource):
    """The NetworkPolicies of one instance or node."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions) -> None:
        manifests = network_policies(args)
        super().__init__("openclaw:tailnet:InstanceNetwork", name, {"policies": sorted(manifests)}, opts)
        for policy, manifest in manifests.items():
            child = pulumi.ResourceOptions(parent=self)
            register(k8s.networking.v1.NetworkPolicy, args.scope.logical(policy), manifest, child)
        self.register_outputs({})
