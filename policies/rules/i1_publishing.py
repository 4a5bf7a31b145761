"""I1: nothing opens a port to the outside: no Service of an open type, no Ingress, no Gateway, no port of the node."""

from collections.abc import Iterator
from typing import Final

from policies.rules.i1_opaque import OPAQUE_KINDS
from policies.rules.kinds import Resource, annotation_places
from policies.rules.rule import Finding
from policies.rules.values import Object, Unknown, Value, fields, get, is_object, items, obj, present, text

_REMOVE: Final = "Remove it; people reach a gateway through the tailnet."

_OPEN_TYPES: Final = {
    "NodePort": "it opens a port on every node",
    "LoadBalancer": "it opens an address outside the cluster",
}

# Kinds whose purpose is to publish, by API group; None = every kind of the group.
_PUBLISHING_KINDS: Final[dict[str, frozenset[str] | None]] = {
    "tailscale.com": None,  # the operator's own kinds: into the tailnet past our grants and our sidecar
    "networking.istio.io": frozenset({"Gateway", "VirtualService", "ServiceEntry", "WorkloadEntry"}),
    "submariner.io": frozenset({"Gateway", "Endpoint", "Broker"}),
    "admin.gloo.solo.io": frozenset({"VirtualGateway", "RouteTable"}),
    "config.openshift.io": frozenset({"Ingress"}),
    **dict.fromkeys(
        ("gateway.networking.k8s.io", "gateway.networking.x-k8s.io", "route.openshift.io", "elbv2.k8s.aws")
    ),
    **dict.fromkeys(("traefik.io", "traefik.containo.us", "hub.traefik.io", "projectcontour.io", "contour.heptio.com")),
    **dict.fromkeys(
        ("k8s.nginx.org", "k8s.nginx.com", "appprotect.f5.com", "cis.f5.com", "haproxy.org", "ingress.v3.haproxy.org")
    ),
    **dict.fromkeys(
        (
            "apisix.apache.org",
            "configuration.konghq.com",
            "gateway-operator.konghq.com",
            "getambassador.io",
            "x.getambassador.io",
        )
    ),
    **dict.fromkeys(
        (
            "gateway.solo.io",
            "gloo.solo.io",
            "gateway.envoyproxy.io",
            "gateway.kgateway.dev",
            "kuma.io",
            "voyager.appscode.com",
        )
    ),
    **dict.fromkeys(
        ("ngrok.k8s.ngrok.com", "ingress.k8s.ngrok.com", "bindings.k8s.ngrok.com", "networking.cfargotunnel.com")
    ),
    **dict.fromkeys(
        (
            "cloudflare-operator.io",
            "cf-tunnel.io",
            "skupper.io",
            "inlets.dev",
            "operator.inlets.dev",
            "frp.zufardhiyaulhaq.com",
        )
    ),
    **dict.fromkeys(
        (
            "serving.knative.dev",
            "networking.internal.knative.dev",
            "multicluster.x-k8s.io",
            "net.gke.io",
            "networking.gke.io",
        )
    ),
    **dict.fromkeys(
        (
            "cloud.google.com",
            "networking.linkerd.io",
            "multicluster.linkerd.io",
            "externaldns.k8s.io",
            "external-dns.nginx.org",
        )
    ),
    **dict.fromkeys(
        (
            "vpcresources.k8s.aws",
            "application-networking.k8s.aws",
            "gateway.k8s.aws",
            "alb.networking.azure.io",
            "appgw.ingress.k8s.io",
        )
    ),
    **dict.fromkeys(
        (
            "metallb.io",
            "loxilb.io",
            "kube-vip.io",
            "netbird.io",
            "headscale.net",
            "pagekite.net",
            "zrok.io",
            "ziti.openziti.io",
        )
    ),
    **dict.fromkeys(
        (
            "gateway.nginx.org",
            "ingressgateway.knative.dev",
            "networking.karmada.io",
            "mesh.openservicemesh.io",
            "akuity.io",
        )
    ),
}
# Kinds of Cilium and others whose groups have kinds that publish nothing.
_PUBLISHING_NAMES: Final = frozenset(
    {
        "CiliumEnvoyConfig",
        "CiliumClusterwideEnvoyConfig",
        "CiliumLoadBalancerIPPool",
        "CiliumBGPPeeringPolicy",
        "CiliumBGPClusterConfig",
    }
    | {
        "CiliumBGPAdvertisement",
        "CiliumL2AnnouncementPolicy",
        "CiliumLocalRedirectPolicy",
        "ServiceExport",
        "ServiceImport",
    }
    | {"IngressRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "GRPCRoute", "UDPRoute", "ExposedService", "ReferenceGrant"}
    | {"MultiClusterService", "MultiClusterIngress", "DNSEndpoint", "GlobalAccelerator", "TunnelBinding", "PortForward"}
)

# Annotations (and their prefixes) by which a controller publishes an object that is harmless by itself.
_PUBLISHING_ANNOTATIONS: Final = (
    "tailscale.com/expose",  # the Tailscale operator's proxy: into the tailnet, but past our grants and our sidecar
    "tailscale.com/funnel",
    "tailscale.com/tailnet-ip",
    "tailscale.com/tailnet-fqdn",
    "tailscale.com/hostname",
    "tailscale.com/tags",
    "tailscale.com/proxy-",
    "kubernetes.io/ingress.",
    "getambassador.io/",
    "konghq.com/",
    "cloud.google.com/neg",
    "cloud.google.com/load-balancer-type",
    "networking.gke.io/load-balancer-type",
    "external-dns.alpha.kubernetes.io/",
    "external-dns.kubernetes.io/",
    "service.beta.kubernetes.io/",  # how a cloud's balancer is made
    "metallb.universe.tf/",
    "metallb.io/",
    "io.cilium/lb-ipam-ips",
    "io.cilium/global-service",
    "io.cilium/shared-service",
    "lbipam.cilium.io/",
    "service.cilium.io/global",
    "service.cilium.io/shared",
    "multicluster.linkerd.io/",
    "mirror.linkerd.io/",
    "multicluster.kubernetes.io/",
    "skupper.io/",
    "kube-vip.io/",
    "k8s.ngrok.com/",
    "ngrok.com/",
    "inlets.dev/",
    "cloudflare-operator.io/",
    "cfargotunnel.com/",
    "traefik.ingress.kubernetes.io/",
    "haproxy.org/",
    "projectcontour.io/",
    "networking.istio.io/exportTo",
    "submariner.io/",
    "liqo.io/",
    "openelb.io/",
    "lb.kubesphere.io/",
    "svccontroller.k3s.cattle.io/",
    "purelb.io/",
    "expose.fabric8.io/",
    "stakater.com/expose",
    "fabric8.io/expose",
    "consul.hashicorp.com/",
)
_INGRESS_ANNOTATION: Final = (
    "ingress.kubernetes.io/"  # nginx., alb., traefik., appgw. and others put their name before it
)
_OFF: Final = ("false", "0", "", "none", "disabled", "cluster-local")
# A port forward of a node, by annotations of network plugins for the pods of a workload.
_NODE_NETWORKS: Final = (
    "k8s.v1.cni.cncf.io/networks",
    "v1.multus-cni.io/",
    "cni.projectcalico.org/floatingIPs",
    "k8s.ovn.org/egress",
)


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
    for key in ("loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges", "healthCheckNodePort"):
        if present(get(resource.props, "spec", key)) and kind not in _OPEN_TYPES:
            yield Finding("asks for an address outside the cluster", resource.at("spec", key), _REMOVE)
    if kind == "ExternalName" and _is_openclaw(resource):
        yield Finding("gives the gateway's name to another host", resource.at("spec", "externalName"), _REMOVE)
    for path, port in items(get(resource.props, "spec", "ports"), resource.at("spec", "ports")):
        if present(get(port, "nodePort")):
            yield Finding("asks for a port of every node", f"{path}.nodePort", _REMOVE)


def publishing_kinds(resource: Resource) -> Iterator[Finding]:
    """No Ingress in any group, no Gateway API, no other controller's route."""
    if not resource.is_kubernetes:
        return
    kinds = _PUBLISHING_KINDS.get(resource.group, frozenset[str]())
    named = resource.kind in _PUBLISHING_NAMES or resource.kind.endswith("IngressRoute")
    if resource.kind == "Ingress" or kinds is None or resource.kind in kinds or named:
        yield Finding("publishes what is behind it outside the cluster", resource.path, _REMOVE)


def publishing_annotations(resource: Resource) -> Iterator[Finding]:
    """No annotation asks a controller to publish, on the object or on its pods."""
    if not resource.is_kubernetes:
        return
    for at, values, _ in annotation_places(resource):
        for key, path, value in fields(values, at):
            if value is not None and not isinstance(value, Unknown) and _publishes(key, str(value)):
                yield Finding("has an annotation that publishes it", path, _REMOVE)


def _publishes(key: str, value: str) -> bool:
    if value.lower() in _OFF:
        return False
    return key.startswith((*_PUBLISHING_ANNOTATIONS, *_NODE_NETWORKS)) or _INGRESS_ANNOTATION in key


def published_inside(resource: Resource) -> Iterator[Finding]:
    """No object of an operator asks for a public Service, an Ingress or a route in its own settings."""
    if not (resource.is_custom or resource.group == "helm.sh") or resource.kind in OPAQUE_KINDS:
        return
    # The spec of a chart is its values.
    for at, here in _mappings(resource.props, resource.path):
        for key in ("type", "serviceType", "service_type", "exposeType"):
            if here.get(key) in ("NodePort", "LoadBalancer") and not _is_object(here):
                yield Finding("asks for a public Service", f"{at}.{key}".removeprefix("."), _REMOVE)
        for key in _ASKING:
            asked = here.get(key)
            if asked is True or get(asked, "enabled") is True:
                yield Finding("asks for a way from outside", f"{at}.{key}".removeprefix("."), _REMOVE)


_ASKING: Final = (
    *(
        "ingress",
        "enableIngress",
        "funnel",
        "httpRoute",
        "httproute",
        "route",
        "gatewayAPI",
        "gatewayApi",
        "expose",
        "externalAccess",
    ),
    *("hostNetwork", "nodePort", "loadBalancer", "externalDNS"),
)


def _is_object(value: Object) -> bool:
    return "kind" in value and "apiVersion" in value


def _mappings(value: Object, path: str) -> Iterator[tuple[str, Object]]:
    stack: list[tuple[str, Value]] = [(path, value)]
    while stack:
        at, here = stack.pop()
        if is_object(here):
            yield at, obj(here)
        stack += [(step, element) for _, step, element in fields(here, at)]
        stack += items(here, at)


def _is_openclaw(resource: Resource) -> bool:
    return "openclaw" in resource.object_name or "openclaw" in (resource.namespace or "")


def host_ports(resource: Resource) -> Iterator[Finding]:
    """No pod listens on an address of its node."""
    for pod in resource.pods:
        if pod.spec.get("hostNetwork") is True:
            yield Finding(
                "shares the node's network: each of its ports is a port of the node", f"{pod.path}.hostNetwork", _REMOVE
            )
        for container in pod.containers:
            for path, port in items(container.spec.get("ports"), f"{container.path}.ports"):
                if present(get(port, "hostPort")):
                    yield Finding(f"binds a port of the node in {container.title}", f"{path}.hostPort", _REMOVE)
