"""What is wrong between the resources of a stack, though each of them is right."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.rules import i6_network
from policies.rules.gateway import is_instance_pod, is_tailnet_side
from policies.rules.hints import may_be_gateways
from policies.rules.i1_serve import serve_sources
from policies.rules.i6_network import is_policy
from policies.rules.kinds import Pod, Resource, mounts
from policies.rules.rule import Finding
from policies.rules.values import Unknown, get, items, obj, present, text

Findings = Iterator[tuple[Resource, Finding]]


@dataclass(frozen=True)
class StackRule:
    """A check over all objects, and the policy that it belongs to."""

    policy: str
    check: Callable[[Sequence[Resource]], Findings]


def _instances(objects: Sequence[Resource]) -> Iterator[tuple[Resource, Pod]]:
    for resource in objects:
        for pod in resource.pods:
            if is_instance_pod(pod):
                yield resource, pod


def default_deny(objects: Sequence[Resource]) -> Findings:
    """A namespace that is declared here and has a gateway denies by default, both ways, for every pod."""
    declared = {
        one.object_name: one for one in objects if one.is_kubernetes and one.kind == "Namespace" and one.object_name
    }
    denied: dict[str, set[str]] = {}
    for policy in objects:
        if policy.is_kubernetes and policy.kind == "NetworkPolicy" and policy.namespace and _denies(policy):
            types = {text(one) or "" for _, one in items(get(policy.props, "spec", "policyTypes"), "")}
            denied.setdefault(policy.namespace, set()).update(types)
    seen: set[str] = set()
    for resource, _ in _instances(objects):
        namespace = resource.namespace
        if namespace is None or namespace not in declared or namespace in seen:
            continue
        seen.add(namespace)
        if not {"Ingress", "Egress"}.issubset(denied.get(namespace, set())):
            yield (
                declared[namespace],
                Finding(
                    "has a gateway, and no NetworkPolicy that denies by default",
                    "",
                    "Declare one for every pod, of the types Ingress and Egress, without rules.",
                ),
            )


def _denies(policy: Resource) -> bool:
    spec = obj(policy.props.get("spec"))
    selector = spec.get("podSelector")
    return (
        not isinstance(selector, Unknown)
        and not any(present(value) for value in obj(selector).values())
        and not present(spec.get("ingress"))
        and not present(spec.get("egress"))
    )


def other_policies(objects: Sequence[Resource]) -> Findings:
    """A NetworkPolicy of another program is judged too where a gateway shares the namespace: policies add up."""
    spaces = {resource.namespace for resource, _ in _instances(objects) if resource.namespace}
    for policy in objects:
        if is_policy(policy) and policy.namespace in spaces and not may_be_gateways(policy):
            judged = replace(policy, judged_as_gateways=True)
            for check in (i6_network.egress, i6_network.dns, i6_network.ingress, i6_network.udp):
                for finding in check(judged):
                    yield policy, finding


def declared_files(objects: Sequence[Resource]) -> Findings:
    """What a sidecar serves is declared in the stack that declares its namespace, so that the rules have read it."""
    spaces = {one.object_name for one in objects if one.is_kubernetes and one.kind == "Namespace"}
    there = {(one.namespace, one.kind, one.object_name) for one in objects if one.kind in ("ConfigMap", "Secret")}
    unnamed = {one.namespace for one in objects if one.kind in ("ConfigMap", "Secret") and not one.object_name}
    for resource, pod in _instances(objects):
        if resource.namespace not in spaces or resource.namespace in unnamed:
            continue
        for path, kind, name in serve_sources(pod):
            if (resource.namespace, kind, name) not in there:
                hint = "Declare the ConfigMap with the Serve config here."
                yield resource, Finding("serves what an object says that is not declared here", path, hint)


def shared_claims(objects: Sequence[Resource]) -> Findings:
    """No other pod mounts what a sidecar keeps its state or its key in, whatever it is called."""
    held = {
        (resource.namespace, kind, name)
        for resource, pod in _instances(objects)
        for kind, name in _sources(pod, sidecar=True)
    }
    for resource in objects:
        for pod in resource.pods:
            for kind, name in set(_sources(pod, sidecar=False)):
                if (resource.namespace, kind, name) in held:
                    what = "volume" if kind == "claim" else "Secret"
                    hint = "Remove it: a device's identity is in one place."
                    yield resource, Finding(f"mounts a {what} of a sidecar's", f"{pod.path}.volumes", hint)


def _sources(pod: Pod, sidecar: bool) -> Iterator[tuple[str, str]]:
    mounted = {
        name for one in pod.containers if one.name and is_tailnet_side(one) is sidecar for _, name in mounts(one)
    }
    for _, volume in pod.volumes():
        if text(volume.get("name")) in mounted:
            if name := text(get(volume, "persistentVolumeClaim", "claimName")):
                yield "claim", name
            if name := text(get(volume, "secret", "secretName")):
                yield "secret", name


def quotas(objects: Sequence[Resource]) -> Findings:
    """A namespace has limits as a whole."""
    limited = {one.namespace for one in objects if one.kind in ("ResourceQuota", "LimitRange")}
    for one in objects:
        named = one.is_kubernetes and one.kind == "Namespace" and one.object_name and not one.type.endswith("Patch")
        if named and one.object_name not in limited:
            yield one, Finding("has no limits as a whole", "", "Declare a ResourceQuota, or a LimitRange.")


STACK_RULES: Final = (
    StackRule("i6-network", default_deny),
    StackRule("i6-network", other_policies),
    StackRule("i1-no-public-binding", declared_files),
    StackRule("i3-tailnet-secrets", shared_claims),
    StackRule("advice-places", quotas),
)
