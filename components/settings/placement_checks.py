"""Checks of a pod's placement: tolerations that say nothing, authorities given twice, a proxy that the network closes off."""

import ipaddress
from collections.abc import Iterator, Sequence

from components.settings.egress import is_public
from components.settings.errors import Problem
from components.settings.models import EgressRule
from components.settings.placement import CaBundle, Placement, Proxy, Toleration
from components.settings.urls import Target, target


def placement(path: str, pod: Placement, rules: Sequence[EgressRule]) -> Iterator[Problem]:
    """Problems of the placement at `path`. `rules` are those of the same pod's `extraEgress`."""
    for number, toleration in enumerate(pod.tolerations):
        yield from _toleration(f"{path}.tolerations[{number}]", toleration)
    if pod.ca_bundle:
        yield from _ca_bundle(f"{path}.caBundle", pod.ca_bundle)
    if pod.proxy:
        yield from _proxy(f"{path}.proxy", pod.proxy, rules)


def _toleration(path: str, toleration: Toleration) -> Iterator[Problem]:
    if toleration.key is None:
        # An empty key with Exists is every taint: also those by which a lost node's pods are told to go.
        yield Problem(
            f"{path}.key",
            "is missing: a pod that tolerates every taint can run on control planes, and is never evicted from a Kubernetes "
            "node that is gone. Name the taint.",
        )
    if toleration.operator == "Exists" and toleration.value is not None:
        yield Problem(f"{path}.value", 'has no effect with operator "Exists". Remove one of the two.')
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        yield Problem(f"{path}.tolerationSeconds", 'is only for effect "NoExecute". Remove it, or set that effect.')


def _ca_bundle(path: str, bundle: CaBundle) -> Iterator[Problem]:
    if bundle.pem is None and bundle.config_map is None:
        yield Problem(path, "names no certificates. Set pem or configMap.")
    elif bundle.pem is not None and bundle.config_map is not None:
        yield Problem(f"{path}.configMap", "is set together with pem. Keep one of the two.")
    elif bundle.pem is not None and "key" in bundle.model_fields_set:
        yield Problem(f"{path}.key", "has no effect with pem. Remove it.")


def _proxy(path: str, proxy: Proxy, rules: Sequence[EgressRule]) -> Iterator[Problem]:
    goal = target(proxy.url)
    # What the NetworkPolicies open to everybody (I6): public addresses, port 443.
    usual = goal.port == 443 and not goal.private and (goal.address is None or is_public(goal.address))
    if not usual and not any(_opens(rule, goal) for rule in rules):
        yield Problem(
            f"{path}.url",
            f"is not reachable from the pod: no rule of extraEgress allows TCP port {goal.port} to that address. Add one.",
        )


def _opens(rule: EgressRule, goal: Target) -> bool:
    """Says whether a rule lets the pod reach the proxy; of one with a name, only the port can be judged."""
    ports = [port.port for port in rule.ports if port.protocol == "TCP"]
    there = goal.address is None or goal.address in ipaddress.ip_network(rule.cidr)
    return goal.port in ports and there
