"""I1: nothing opens a port to the outside: no Service of an open type, no Ingress, no Gateway, no port of the node."""

from collections.abc import Iterator
from typing import Final

from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import fields, get, items, present, text

_REMOVE: Final = "Remove it; people reach a gateway through the tailnet."

_OPEN_TYPES: Final = {
    "NodePort": "it opens a port on every node",
    "LoadBalancer": "it opens an address outside the cluster",
}

# Kinds whose purpose is to publish, by API group; None = every kind of the group.
_PUBLISHING_KINDS: Final[dict[str, frozenset[str] | None]] = {
    "gateway.networking.k8s.io": None,
    "gateway.networking.x-k8s.io": None,
    "tailscale.com": None,  # the operator's own kinds: into the tailnet past our grants and our sidecar
    "networking.istio.io": frozenset({"Gateway", "VirtualService"}),
    "traefik.io": None,
    "traefik.containo.us": None,
    "projectcontour.io": None,
    "route.openshift.io": None,
    "serving.knative.dev": None,
    "k8s.nginx.org": None,
    "apisix.apache.org": None,
    "configuration.konghq.com": None,
    "getambassador.io": None,
    "elbv2.k8s.aws": None,
}

# Annotations (and their prefixes) by which a controller publishes an object that is harmless by itself.
_PUBLISHING_ANNOTATIONS: Final = (
    "tailscale.com/expose",  # the Tailscale operator's proxy: into the tailnet, but past our grants and our sidecar
    "tailscale.com/funnel",
    "kubernetes.io/ingress.",
    "getambassador.io/",
    "konghq.com/",
    "cloud.google.com/neg",
    "external-dns.alpha.kubernetes.io/",
)
_INGRESS_ANNOTATION: Final = (
    "ingress.kubernetes.io/"  # nginx., alb., traefik., appgw. and others put their name before it
)
_OFF: Final = ("false", "0", "")


def services(resource: Resource) -> Iterator[Finding]:
    """Services open nothing but an address inside the cluster."""
    if not resource.is_kubernetes or resource.kind != "Service":
        return
    kind = text(get(resource.props, "spec", "type"))
    if kind in _OPEN_TYPES:
        yield Finding(f"is of type {kind}: {_OPEN_TYPES[kind]}", resource.at("spec", "type"), _REMOVE)
    if present(get(resource.props, "spec", "externalIPs")):
        yield Finding(
            "has externalIPs: every node answers on these addresses", resource.at("spec", "externalIPs"), _REMOVE
        )
    for path, port in items(get(resource.props, "spec", "ports"), resource.at("spec", "ports")):
        if present(get(port, "nodePort")):
            yield Finding("asks for a port of every node", f"{path}.nodePort", _REMOVE)


def publishing_kinds(resource: Resource) -> Iterator[Finding]:
    """No Ingress in any group, no Gateway API, no other controller's route."""
    if not resource.is_kubernetes:
        return
    kinds = _PUBLISHING_KINDS.get(resource.group, frozenset[str]())
    if resource.kind == "Ingress" or kinds is None or resource.kind in kinds:
        yield Finding("publishes what is behind it outside the cluster", resource.path, _REMOVE)


def publishing_annotations(resource: Resource) -> Iterator[Finding]:
    """No annotation asks a controller to publish, on the object or on its pods."""
    if not resource.is_kubernetes:
        return
    places = [(get(resource.props, "metadata", "annotations"), resource.at("metadata", "annotations"))]
    for template in (("spec", "template"), ("spec", "jobTemplate", "spec", "template"), ("template",)):
        keys = (*template, "metadata", "annotations")
        places.append((get(resource.props, *keys), resource.at(*keys)))
    for annotations, at in places:
        for key, path, value in fields(annotations, at):
            publishes = key.startswith(_PUBLISHING_ANNOTATIONS) or _INGRESS_ANNOTATION in key
            if publishes and isinstance(value, str) and value.lower() not in _OFF:
                yield Finding("has an annotation that publishes it", path, _REMOVE)


def host_ports(resource: Resource) -> Iterator[Finding]:
    """No pod listens on an address of its node."""
    for pod in resource.pods():
        if pod.spec.get("hostNetwork") is True:
            yield Finding(
                "shares the node's network: each of its ports is a port of the node", f"{pod.path}.hostNetwork", _REMOVE
            )
        for container in pod.containers:
            for path, port in items(container.spec.get("ports"), f"{container.path}.ports"):
                if present(get(port, "hostPort")):
                    yield Finding(f"binds a port of the node in {container.title}", f"{path}.hostPort", _REMOVE)


def opaque_releases(resource: Resource) -> Iterator[Finding]:
    """Nothing is deployed that the rules cannot read.

    yaml.v2 ConfigGroup and ConfigFile, kustomize Directory and helm.v4 Chart declare each object as a resource of its
    own, so the rules see those. A helm.v3 Release renders in the provider: its objects pass neither engine nor pack.
    """
    if resource.is_kubernetes and resource.group == "helm.sh" and resource.kind == "Release":
        yield Finding(
            "deploys objects that no rule can read; one of them may be public",
            "",
            "Use kubernetes.helm.v4.Chart: its objects are resources of the stack, each seen by the rules.",
        )
