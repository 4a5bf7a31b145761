"""NetworkPolicies: whoever writes them, none opens more than any stack may (I6). What this stack opens is its program's to say."""

from typing import Final

from components.admission.cel import Cel, all_of, any_of, given, items, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import METADATA_CIDRS, NEVER_CIDRS, SIDECAR_HEALTH_PORT, TAILNET_CIDRS

DEFAULT_DENY: Final = "default-deny"
_NAMESPACE: Final = "kubernetes.io/metadata.name"
_DNS_PORT: Final = 53


def _closed(block: str) -> Cel:
    """True of an `ipBlock` called `b` that does not reach the block."""
    never = f"cidr({quoted(block)})"
    # One of the two contains the other, or they do not meet. A part of it is no exception of the whole.
    return any_of(
        f"!cidr(b.cidr).containsCIDR({never}) && !{never}.containsCIDR(cidr(b.cidr))",
        f"{items('b', 'except')}.exists(e, cidr(e).containsCIDR({never}))",
    )


def _blocks(blocks: tuple[str, ...]) -> Cel:
    return " && ".join(f"({_closed(block)})" for block in blocks)


def _ports(peer: Cel, port: int) -> Cel:
    """True when a rule is for this port alone."""
    return all_of(
        f"{items(peer, 'ports')}.size() > 0",
        f"{peer}.ports.all(p, {given('p', 'port', '0')} == {port} && !has(p.endPort))",
    )


_EGRESS: Final = items("object.spec", "egress")
_INGRESS: Final = items("object.spec", "ingress")
_TO: Final = items("r", "to")


def _addresses(blocks: tuple[str, ...], unless: Cel = "false") -> Cel:
    reached = f"{_TO}.filter(t, has(t.ipBlock)).map(t, t.ipBlock)"
    return f"{_EGRESS}.all(r, {any_of(unless, f'{reached}.all(b, {_blocks(blocks)})')})"


RULES: Final = (
    Rule(
        "default-deny",
        "I6",
        f"the policy {DEFAULT_DENY} closes every pod both ways",
        any_of(
            f"object.metadata.name != {quoted(DEFAULT_DENY)}",
            all_of(
                f"{given('object.spec', 'podSelector.matchLabels', '{}')}.size() == 0",
                f"{items('object.spec', 'podSelector.matchExpressions')}.size() == 0",
                f"{_EGRESS}.size() == 0 && {_INGRESS}.size() == 0",
                "['Ingress', 'Egress'].all(t, t in object.spec.policyTypes)",
            ),
        ),
    ),
    Rule(
        "everywhere",
        "I6",
        "egress names where it goes, and by which ports",
        f"{_EGRESS}.all(r, {_TO}.size() > 0 && {items('r', 'ports')}.size() > 0)",
    ),
    Rule("tailnet", "I6", "no egress reaches the tailnet past the sidecar", _addresses(TAILNET_CIDRS)),
    Rule(
        "metadata",
        "I6",
        f"no egress reaches a metadata service, but for DNS at port {_DNS_PORT}: some clouds answer that there",
        _addresses(METADATA_CIDRS, unless=_ports("r", _DNS_PORT)),
    ),
    Rule(
        "never",
        "I6",
        "no egress reaches loopback, link-local, multicast or reserved addresses",
        _addresses(NEVER_CIDRS),
    ),
    Rule(
        "pods",
        "I6",
        f"egress to pods of the cluster is for DNS, port {_DNS_PORT}; elsewhere it names addresses",
        f"{_EGRESS}.all(r, {_TO}.all(t, has(t.ipBlock)) || {_ports('r', _DNS_PORT)})",
    ),
    Rule(
        "ingress",
        "I6",
        f"ingress is for the metrics port {SIDECAR_HEALTH_PORT}, from one namespace by its name",
        f"{_INGRESS}.all(r, {_ports('r', SIDECAR_HEALTH_PORT)} && {items('r', 'from')}.size() == 1 && r.from.all(f, "
        f"!has(f.ipBlock) && {given('f', 'namespaceSelector.matchLabels', '{}')}[?{quoted(_NAMESPACE)}].hasValue()))",
    ),
)

NETWORK: Final = Guard("network", [Kinds("networking.k8s.io", ["networkpolicies"])], RULES)
