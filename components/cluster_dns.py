"""Tells in a preview when the cluster's DNS looks like one that NetworkPolicies with a pod selector do not open."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from components.settings import Cluster

# As Kubernetes' own manifest labels the cache's pods, and those who install it with their clusters.
NODE_CACHE: Final = "k8s-app=node-local-dns"
NODE_CACHE_NAMESPACE: Final = "kube-system"
# Objects of a path that carry these labels, one at most.
First = Callable[[str, str], list[dict[str, Any]]]
_REMEDY: Final = (
    "If names do not resolve in a pod (docs/troubleshooting.md), set cluster.dnsAddresses to what stands in its "
    "/etc/resolv.conf."
)


def doubts(cluster: Cluster, first: First) -> Iterator[str]:
    """Warnings about the DNS that the settings describe. Two small requests; none once addresses are set."""
    if cluster.dns_addresses:
        return
    labels = ",".join(f"{key}={value}" for key, value in cluster.dns_labels.items())
    if not first(f"/api/v1/namespaces/{cluster.dns_namespace}/pods", labels):
        yield (
            f"cluster.dnsLabels: no pod of the namespace {cluster.dns_namespace} has the labels {labels}, so pods may ask no "
            f"DNS. Set cluster.dnsNamespace and cluster.dnsLabels to those of the cluster's DNS pods. {_REMEDY}"
        )
    if first(f"/api/v1/namespaces/{NODE_CACHE_NAMESPACE}/pods", NODE_CACHE):
        yield (
            "cluster.dnsAddresses: this cluster has NodeLocal DNSCache, which runs in the nodes' own network, where no pod "
            f"selector reaches. {_REMEDY} It is 169.254.20.10 as a rule."
        )
