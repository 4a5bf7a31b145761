"""I6: policies of network plugins and administrators, which add to NetworkPolicies or come before them, widen nothing."""

from collections.abc import Iterator
from typing import Final

from policies.rules.kinds import Resource
from policies.rules.networks import is_listed, is_never, network, reaches_private
from policies.rules.rule import Finding
from policies.rules.values import Object, Unknown, Value, fields, get, is_object, items, obj, present, text

_KINDS: Final = frozenset(
    {"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "GlobalNetworkPolicy", "AdminNetworkPolicy"}
    | {"BaselineAdminNetworkPolicy", "ClusterNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy", "Tier"}
    | {
        "EgressFirewall",
        "EgressNetworkPolicy",
        "EgressRouter",
        "EgressIP",
        "EgressQoS",
        "NetworkPolicy",
        "CiliumEgressGatewayPolicy",
    }
    | {"NetNamespace", "MultiNetworkPolicy", "IPPool", "SecurityGroupPolicy", "FQDNNetworkPolicy", "ClusterGroup"}
)
_WIDE: Final = frozenset(
    {"all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "kube-apiserver", "unmanaged"}
)
_ADD: Final = "Remove it, or name peers and ports: private, metadata and tailnet addresses excepted."
_ALLOWING: Final = frozenset({"allow", "pass", "accept"})


def plugins_policies(resource: Resource) -> Iterator[Finding]:
    """No policy of Cilium, Calico, Antrea, OpenShift or an administrator lets a pod out, or others in, without limits."""
    if not resource.is_custom or resource.kind not in _KINDS:
        return
    if resource.kind in (
        "NetNamespace",
        "EgressRouter",
        "EgressIP",
        "CiliumEgressGatewayPolicy",
        "SecurityGroupPolicy",
    ):
        if (
            "openshift" in resource.group
            or "cilium" in resource.group
            or "amazonaws" in resource.group
            or resource.kind == "EgressIP"
        ):
            yield Finding("changes the network of pods past their NetworkPolicies", resource.path, "Remove it.")
        return
    specs = [("spec", resource.props.get("spec")), *items(resource.props.get("specs"), "specs")]
    for at, spec in specs:
        found = [*_directions(resource, spec, resource.at(at)), *_openshift(spec, resource.at(at))]
        yield from found
        if get(spec, "enableDefaultDeny", "egress") is False or get(spec, "enableDefaultDeny", "ingress") is False:
            yield Finding("allows without denying the rest", resource.at(at, "enableDefaultDeny"), "Remove it.")


def _directions(resource: Resource, spec: Value, at: str) -> Iterator[Finding]:
    for way in ("egress", "ingress"):
        for path, rule in items(get(spec, way), f"{at}.{way}"):
            if not is_object(rule):
                continue
            action = text(obj(rule).get("action"))
            if action is not None and action.lower() not in _ALLOWING:
                continue
            if _is_open(resource, obj(rule), way):
                yield Finding("lets pods out" if way == "egress" else "lets others in", path, _ADD)


def _is_open(resource: Resource, rule: Object, way: str) -> bool:
    said = "to" if way == "egress" else "from"
    entities = [text(one) for key in ("toEntities", "fromEntities") for _, one in items(rule.get(key), "")]
    if any(entity in _WIDE for entity in entities):
        return True
    peers = {key: value for key, value in rule.items() if key.startswith(said) or key in ("destination", "source")}
    side = obj(rule.get("destination" if way == "egress" else "source"))
    networks = list(_networks(rule, side))
    if any(_reaches(resource, written, excepted) for written, excepted in networks):
        return True
    if networks:
        return False
    if side:
        return not any(
            present(side.get(key))
            for key in ("selector", "namespaceSelector", "domains", "services", "serviceAccounts")
        )
    if not any(present(value) for value in peers.values()):
        # Neither a peer nor an entity: everybody. In Cilium `{}`, in Calico an action alone.
        return not any(isinstance(value, Unknown) for value in rule.values())
    return any(_is_everybody(peer) for value in peers.values() for _, peer in items(value, ""))


def _is_everybody(peer: Value) -> bool:
    fields_of = obj(peer)
    if not fields_of:
        return not isinstance(peer, Unknown)
    namespaces = fields_of.get("namespaces", fields_of.get("namespaceSelector"))
    if "namespaces" in fields_of or "namespaceSelector" in fields_of:
        return not obj(namespaces) and not isinstance(namespaces, Unknown) and not obj(fields_of.get("podSelector"))
    if "pods" in fields_of:
        return not obj(get(fields_of, "pods", "namespaceSelector"))
    # An endpoint of Cilium's: labels of the cluster itself.
    return set(fields_of) <= {"matchLabels", "matchExpressions"} and not any(
        present(value) for value in fields_of.values()
    )


def _networks(rule: Object, side: Object) -> Iterator[tuple[str, list[str]]]:
    for key in ("toCIDR", "fromCIDR"):
        for _, written in items(rule.get(key), ""):
            yield text(written) or "", []
    for key in ("toCIDRSet", "fromCIDRSet"):
        for _, one in items(rule.get(key), ""):
            yield text(get(one, "cidr")) or "", [text(each) or "" for _, each in items(get(one, "except"), "")]
    for _, written in items(side.get("nets"), ""):
        yield text(written) or "", [text(each) or "" for _, each in items(side.get("notNets"), "")]
    for key in ("to", "from"):
        for _, peer in items(rule.get(key), ""):
            for _, written in items(get(peer, "networks"), ""):
                yield text(written) or "", []
            if (block := text(get(peer, "ipBlock", "cidr"))) is not None:
                yield block, [text(each) or "" for _, each in items(get(peer, "ipBlock", "except"), "")]


def _reaches(resource: Resource, written: str, excepted: list[str]) -> bool:
    cidr = network(written)
    if cidr is None or is_listed(cidr, resource.settings.egress):
        return False
    without = [one for each in excepted if (one := network(each))]
    return is_never(cidr) or reaches_private(cidr, without)


def _openshift(spec: Value, at: str) -> Iterator[Finding]:
    rules = list(items(get(spec, "egress"), f"{at}.egress"))
    for path, rule in rules:
        cidr = network(text(get(rule, "to", "cidrSelector")) or "")
        if get(rule, "type") == "Allow" and cidr is not None and reaches_private(cidr, []):
            yield Finding("lets pods out", path, _ADD)


def namespace_isolation(resource: Resource) -> Iterator[Finding]:
    """No annotation of a namespace switches its isolation off."""
    if resource.is_kubernetes and resource.kind == "Namespace":
        for key, path, value in fields(resource.annotations, resource.at("metadata.annotations")):
            if key in ("net.beta.kubernetes.io/network-policy", "netpod.io/isolation") and value != "":
                yield Finding("changes the isolation of its pods past NetworkPolicies", path, "Remove it.")
