"""I6: NetworkPolicies let a gateway out to public addresses on known ports, and nobody in; each of them, as they add up."""

from collections.abc import Iterator
from typing import Final

from components.constants import GATEWAY_PORT, LABEL_SIDECAR
from policies.rules.hints import may_be_gateways
from policies.rules.kinds import Resource
from policies.rules.networks import LISTABLE, Network, is_listed, is_metadata_host, is_never, network, reaches_private
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, get, items, obj, present, text

_GROUPS: Final = ("networking.k8s.io", "extensions")
_PEERS: Final = "Name the peers: addresses with `except` for private ranges, or pods by namespace and labels."
_PORTS: Final = "Name the ports, one by one."
_EXCEPT: Final = (
    "Except 10/8, 172.16/12, 192.168/16, 100.64/10 and 169.254/16; of IPv6 fc00::/7, fe80::/10 and 64:ff9b::/96."
)
_NAMESPACE: Final = "kubernetes.io/metadata.name"
# Wider than this, a range of ports is not a list of them.
_MOST_PORTS: Final = 16


def is_policy(resource: Resource) -> bool:
    return resource.is_kubernetes and resource.kind == "NetworkPolicy" and resource.group in _GROUPS


def _policy(resource: Resource) -> bool:
    """A policy that may be about a gateway. One of another program's counts where that shares a gateway's namespace."""
    return is_policy(resource) and (resource.judged_as_gateways or may_be_gateways(resource))


def default_deny(resource: Resource) -> Iterator[Finding]:
    """A policy that says default deny denies both ways, for every pod."""
    if not _policy(resource) or not _is_default_deny(resource) or resource.type.endswith("Patch"):
        return
    spec = resource.props.get("spec")
    types = [text(one) for _, one in items(get(spec, "policyTypes"), "")]
    named = resource.object_name
    one_way = next((way for way in ("ingress", "egress") if way in named.split("-")), None)
    wanted = {one_way.capitalize()} if one_way else {"Ingress", "Egress"}
    listed = get(spec, "policyTypes")
    known = not any(isinstance(one, Unknown) for one in (listed, *(one for _, one in items(listed, ""))))
    if known and not wanted.issubset(types):
        yield Finding(
            "is named a default deny, and leaves one way open",
            resource.at("spec.policyTypes"),
            "Name Ingress and Egress.",
        )
    if obj(get(spec, "podSelector")):
        yield Finding(
            "is named a default deny, and is for some pods only", resource.at("spec.podSelector"), "Leave it empty."
        )
    for way in ("ingress", "egress"):
        if present(get(spec, way)):
            yield Finding("is named a default deny, and allows something", resource.at("spec", way), "Remove it.")


def _is_default_deny(resource: Resource) -> bool:
    return "deny" in resource.object_name.split("-") and not {"allow", "except"}.intersection(
        resource.object_name.split("-")
    )


def egress(resource: Resource) -> Iterator[Finding]:
    """Egress goes to named peers on named ports, and never to private, metadata or tailnet addresses that nobody lists."""
    if not _policy(resource):
        return
    for path, rule in items(get(resource.props, "spec", "egress"), resource.at("spec.egress")):
        if isinstance(rule, Unknown):
            continue
        peers = get(rule, "to")
        if not isinstance(peers, Unknown) and not [1 for _ in items(peers, "")]:
            yield Finding("lets pods out to every address", path, _PEERS)
            continue
        for at, peer in items(peers, f"{path}.to"):
            yield from _out(resource, peer, at, rule)
        yield from _ports_out(rule, path)


def _out(resource: Resource, peer: Value, at: str, rule: Value) -> Iterator[Finding]:
    block = get(peer, "ipBlock")
    if block is not None:
        yield from _block(resource, block, f"{at}.ipBlock", rule)
        return
    namespaces, pods = get(peer, "namespaceSelector"), get(peer, "podSelector")
    if namespaces is None or isinstance(namespaces, Unknown) or isinstance(pods, Unknown):
        if namespaces is None and pods is None and not isinstance(peer, Unknown):
            yield Finding("lets pods out to every address", at, _PEERS)
        return
    if _any(namespaces) and not obj(pods):
        yield Finding("lets pods out to every pod of the cluster", f"{at}.namespaceSelector", _PEERS)
    elif not obj(pods) and not _only_own(resource, namespaces):
        yield Finding("lets pods out to every pod of another namespace", at, _PEERS)


def _only_own(resource: Resource, namespaces: Value) -> bool:
    return resource.namespace is not None and get(namespaces, "matchLabels", _NAMESPACE) == resource.namespace


def _any(selector: Value) -> bool:
    """An empty selector, or one that everything matches."""
    fields = obj(selector)
    labels = obj(fields.get("matchLabels"))
    expressions = [one for _, one in items(fields.get("matchExpressions"), "")]
    wide = all(get(one, "operator") in ("Exists", "NotIn", "DoesNotExist") for one in expressions)
    return not labels and wide and not isinstance(fields.get("matchLabels"), Unknown)


def _block(resource: Resource, block: Value, at: str, rule: Value) -> Iterator[Finding]:
    written = text(get(block, "cidr"))
    cidr = network(written) if written is not None else None
    if cidr is None:
        if written is not None:
            yield Finding("names no network", f"{at}.cidr", "Write a CIDR.")
        return
    excepted = [one for _, each in items(get(block, "except"), "") if (one := network(text(each) or ""))]
    if any(isinstance(each, Unknown) for _, each in items(get(block, "except"), "")) or isinstance(
        get(block, "except"), Unknown
    ):
        return
    allowed = resource.settings.egress
    # NodeLocal DNSCache and some clouds answer DNS there; nothing else is asked at that port.
    if _is_dns(rule) and is_metadata_host(cidr):
        return
    if is_never(cidr) and not is_listed(cidr, allowed):
        yield Finding("lets pods out to a metadata service, the tailnet or loopback", f"{at}.cidr", "Remove it.")
    elif _is_named(cidr):
        # A private network that a rule names is what is listed; it names its ports too.
        if not is_listed(cidr, allowed) and not [1 for _ in items(get(rule, "ports"), "")]:
            yield Finding("lets pods out to a private network, on every port", f"{at}.cidr", _PORTS)
    elif reaches_private(cidr, excepted, allowed):
        yield Finding("lets pods out to private addresses", at, _EXCEPT)


def _is_dns(rule: Value) -> bool:
    """Says whether a rule opens port 53 alone."""
    ports = [port for _, port in items(get(rule, "ports"), "")]
    return bool(ports) and all(get(port, "port") == _DNS_PORT and get(port, "endPort") is None for port in ports)


def _is_named(cidr: Network) -> bool:
    return any(is_listed(cidr, (one,)) for one in LISTABLE)


def _ports_out(rule: Value, path: str) -> Iterator[Finding]:
    ports = get(rule, "ports")
    if isinstance(ports, Unknown) or not _has_public(rule):
        return
    listed = list(items(ports, f"{path}.ports"))
    if not listed:
        yield Finding("lets pods out on every port", path, _PORTS)
    for at, port in listed:
        protocol = get(port, "protocol")
        if isinstance(port, Unknown) or isinstance(protocol, Unknown):
            continue
        if protocol == "SCTP":
            yield Finding("lets pods out by SCTP", at, "Remove it.")
        # Peers of WireGuard choose their ports.
        elif get(port, "port") is None and protocol != "UDP":
            yield Finding("lets pods out on every port", at, _PORTS)
        elif _width(port) > _MOST_PORTS and protocol != "UDP":
            yield Finding("lets pods out on a range of ports", f"{at}.endPort", _PORTS)
        elif get(port, "port") in _MAIL_AND_SHELLS and protocol != "UDP":
            yield Finding(
                "lets pods out to mail servers or shells of others", at, "Remove it; 443 is what a gateway needs."
            )


_DNS_PORT: Final = 53
_MAIL_AND_SHELLS: Final = (22, 23, 25, 465, 587, 2222, 3389, 5900, 6667)


def _has_public(rule: Value) -> bool:
    for _, peer in items(get(rule, "to"), ""):
        cidr = network(text(get(peer, "ipBlock", "cidr")) or "")
        if cidr is not None and not _is_named(cidr):
            return True
    return False


def _width(port: Value) -> int:
    first, last = get(port, "port"), get(port, "endPort")
    if isinstance(first, int | float) and isinstance(last, int | float):
        return int(last - first) if last == last and first == first else 0
    return 0


def dns(resource: Resource) -> Iterator[Finding]:
    """Names are asked of the cluster's own DNS: pods by namespace and labels, on port 53."""
    if not _policy(resource):
        return
    for path, rule in items(get(resource.props, "spec", "egress"), resource.at("spec.egress")):
        peers = [peer for _, peer in items(get(rule, "to"), "")]
        inside = [
            peer for peer in peers if present(get(peer, "namespaceSelector")) or present(get(peer, "podSelector"))
        ]
        if inside and get(rule, "ports") is None and not _is_own_pods(inside):
            yield Finding("lets pods out to other pods on every port", path, _PORTS)


def _is_own_pods(peers: list[Value]) -> bool:
    return all(get(peer, "namespaceSelector") is None and obj(get(peer, "podSelector")) for peer in peers)


def udp(resource: Resource) -> Iterator[Finding]:
    """UDP to the internet is for pods with the sidecar: the policy selects by what says that one is there."""
    if not _policy(resource):
        return
    labels = obj(get(resource.props, "spec", "podSelector", "matchLabels"))
    if LABEL_SIDECAR in labels:
        return
    ours = any(key.startswith("openclaw-tailnet/") for key in labels) or not obj(
        get(resource.props, "spec", "podSelector")
    )
    for path, rule in items(get(resource.props, "spec", "egress"), resource.at("spec.egress")):
        for at, port in items(get(rule, "ports"), f"{path}.ports"):
            if get(port, "protocol") == "UDP" and get(port, "port") != 53 and _has_public(rule) and ours:
                hint = f"Select {LABEL_SIDECAR} too, or the label by which your sidecar's pods differ."
                yield Finding("lets pods without the sidecar out by UDP", at, hint)


def ingress(resource: Resource) -> Iterator[Finding]:
    """Nobody comes in but named pods, on named ports, and never to the gateway's own."""
    if not _policy(resource):
        return
    for path, rule in items(get(resource.props, "spec", "ingress"), resource.at("spec.ingress")):
        if isinstance(rule, Unknown):
            continue
        sources = get(rule, "from")
        listed = list(items(sources, f"{path}.from"))
        if not isinstance(sources, Unknown) and not listed:
            yield Finding("lets everybody in", path, _PEERS)
            continue
        for at, source in listed:
            yield from _in(resource, source, at)
        yield from _ports_in(rule, path, resource, [source for _, source in listed])


def _in(resource: Resource, source: Value, at: str) -> Iterator[Finding]:
    namespaces, pods = get(source, "namespaceSelector"), get(source, "podSelector")
    if get(source, "ipBlock") is not None:
        cidr = network(text(get(source, "ipBlock", "cidr")) or "")
        if cidr is not None and not is_listed(cidr, resource.settings.egress):
            yield Finding("lets addresses in", f"{at}.ipBlock", "Remove it; people come through the tailnet.")
    elif namespaces is not None and not isinstance(namespaces, Unknown) and _any(namespaces) and not obj(pods):
        yield Finding("lets every pod of the cluster in", f"{at}.namespaceSelector", _PEERS)


def _ports_in(rule: Value, path: str, resource: Resource, sources: list[Value]) -> Iterator[Finding]:
    ports = list(items(get(rule, "ports"), f"{path}.ports"))
    if (
        not ports
        and not isinstance(get(rule, "ports"), Unknown)
        and any(get(one, "namespaceSelector") is not None for one in sources)
    ):
        yield Finding("lets pods of another namespace in, on every port", path, _PORTS)
    for at, port in ports:
        first, last = get(port, "port"), get(port, "endPort")
        if isinstance(first, int | float) and isinstance(last, int | float) and last - first > _MOST_PORTS:
            yield Finding("lets pods in on a range of ports", f"{at}.endPort", _PORTS)
        elif first == GATEWAY_PORT:
            yield Finding("lets pods in to the gateway's own port", at, "Remove it; people come through the tailnet.")


def pod_dns(resource: Resource) -> Iterator[Finding]:
    """A pod's names come from the cluster's DNS, which its NetworkPolicy names, not from a server of its own."""
    for pod in resource.pods:
        for path, server in items(get(pod.spec, "dnsConfig", "nameservers"), f"{pod.path}.dnsConfig.nameservers"):
            cidr = network(text(server) or "")
            if cidr is not None and is_never(cidr) and not is_listed(cidr, resource.settings.egress):
                yield Finding("asks a metadata service, or the tailnet, for names", path, "Use the cluster's DNS.")
