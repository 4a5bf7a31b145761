"""Attacks of our own on the admission guard: at least one for each of its rules. Pods are in guard_pods.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from components.constants import ANNOTATION_HAND_OVER, LABEL_STACK
from sandbox.kube import Object
from tests.support.guard_requests import ADMINISTRATOR, EDITOR, PROGRAM, Ask, Request, Scene, Who

_MERGE: Final = "application/merge-patch+json"
_RBAC: Final = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Attack:
    """One request, and the rule that is there to refuse it."""

    rule: str
    what: str
    request: Ask
    who: Who = EDITOR

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def made(resource: str, kind: str, group: str = "", **fields: Any) -> Ask:
    """Makes an object in the namespace."""

    def request(scene: Scene) -> Request:
        body: Object = {"apiVersion": group or "v1", "kind": kind, "metadata": scene.metadata(), **fields}
        return Request("POST", scene.path(resource, group=group), body)

    return request


def labelled(resource: str, kind: str, name: str = "asked", **fields: Any) -> Ask:
    """Makes an object that looks like one of the stack's."""

    def request(scene: Scene) -> Request:
        body: Object = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": scene.metadata(name, labels=scene.label),
            **fields,
        }
        return Request("POST", scene.path(resource), body)

    return request


def changed(resource: str, name: str | Callable[[Scene], str], body: Object, group: str = "") -> Ask:
    """Changes an object of the namespace."""
    return lambda scene: Request(
        "PATCH", scene.path(resource, name if isinstance(name, str) else name(scene), group), body, _MERGE
    )


def deleted(resource: str, name: str | Callable[[Scene], str], group: str = "") -> Ask:
    """Deletes an object of the namespace, or all of a kind where the name is empty."""
    return lambda scene: Request("DELETE", scene.path(resource, name if isinstance(name, str) else name(scene), group))


def connected(kind: str, query: str = "") -> Ask:
    """Opens a connection to the pod."""
    return lambda scene: Request("POST", f"{scene.path('pods', scene.pod_name())}/{kind}?{query}")


def _pod(scene: Scene) -> str:
    return scene.pod_name()


def _named(kind: str, part: str) -> Callable[[Scene], str]:
    return lambda scene: scene.named(kind, part)


# -- what comes to run


def _container(name: str = "gateway") -> Object:
    return {"name": name, "image": "example.com/tunnel:1", "args": ["--to", "127.0.0.1:18789"]}


_TEMPLATE: Final[Object] = {"metadata": {"labels": {"app": "asked"}}, "spec": {"containers": [_container()]}}
_SELECTED: Final[Object] = {"selector": {"matchLabels": {"app": "asked"}}, "template": _TEMPLATE}
_ONCE: Final[Object] = {
    "template": {**_TEMPLATE, "spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}},
}
_CLUSTER_IP: Final[Object] = {"ports": [{"port": 80}]}


def _template_patch(**spec: Any) -> Object:
    return {"spec": {"template": {"spec": spec}}}


WORKLOADS: Final = (
    Attack(
        "workloads/kind",
        "another Deployment",
        made("deployments", "Deployment", "apps/v1", spec=_SELECTED),
        ADMINISTRATOR,
    ),
    Attack("workloads/kind", "a DaemonSet", made("daemonsets", "DaemonSet", "apps/v1", spec=_SELECTED)),
    Attack(
        "workloads/kind",
        "a StatefulSet",
        made("statefulsets", "StatefulSet", "apps/v1", spec={**_SELECTED, "serviceName": "asked"}),
    ),
    Attack("workloads/kind", "a Job", made("jobs", "Job", "batch/v1", spec=_ONCE)),
    Attack(
        "workloads/kind",
        "a CronJob",
        made("cronjobs", "CronJob", "batch/v1", spec={"schedule": "@daily", "jobTemplate": {"spec": _ONCE}}),
        ADMINISTRATOR,
    ),
    Attack(
        "workloads/kind",
        "a ReplicationController",
        made(
            "replicationcontrollers",
            "ReplicationController",
            spec={"selector": {"app": "asked"}, "template": _TEMPLATE},
        ),
    ),
    Attack("kinds/kind", "a ReplicaSet", made("replicasets", "ReplicaSet", "apps/v1", spec=_SELECTED)),
    Attack(
        "kinds/kind",
        "an autoscaler of the Deployment",
        made(
            "horizontalpodautoscalers",
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            spec={
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "openclaw"},
            },
        ),
    ),
    Attack("kinds/kind", "a service account", made("serviceaccounts", "ServiceAccount")),
    Attack(
        "kinds/kind",
        "slices of a Service",
        made("endpointslices", "EndpointSlice", "discovery.k8s.io/v1", addressType="IPv4", endpoints=[]),
        PROGRAM,
    ),
    Attack(
        "kinds/kind",
        "a Service without a type",
        made("services", "Service", spec=_CLUSTER_IP),
    ),
    Attack("kinds/kind", "a quota", made("resourcequotas", "ResourceQuota", spec={"hard": {"pods": "0"}}), PROGRAM),
    Attack("kinds/kind", "a claim deleted", deleted("persistentvolumeclaims", "tailnet-state")),
    Attack(
        "kinds/kind",
        "a proxy to the pod's metrics",
        lambda scene: Request("GET", f"{scene.path('pods', scene.pod_name() + ':9002')}/proxy/metrics"),
    ),
    Attack(
        "kinds/deployment",
        "the image",
        changed("deployments", "openclaw", _template_patch(containers=[_container()]), "apps/v1"),
    ),
    Attack(
        "kinds/deployment",
        "a variable of the sidecar",
        lambda scene: Request(
            "PATCH",
            scene.path("deployments", "openclaw", "apps/v1"),
            _template_patch(
                initContainers=[{"name": "tailscale", "env": [{"name": "TS_ROUTES", "value": "10.0.0.0/8"}]}]
            ),
        ),
    ),
    Attack(
        "kinds/deployment",
        "a second network by annotation",
        changed(
            "deployments",
            "openclaw",
            {"spec": {"template": {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": "lan"}}}}},
            "apps/v1",
        ),
    ),
    Attack(
        "kinds/deployment",
        "handed over",
        changed("deployments", "openclaw", {"metadata": {"annotations": {ANNOTATION_HAND_OVER: "evil"}}}, "apps/v1"),
    ),
    Attack("kinds/deployment", "two of it", changed("deployments", "openclaw", {"spec": {"replicas": 2}}, "apps/v1")),
    Attack("kinds/deployment", "deleted", deleted("deployments", "openclaw", "apps/v1"), PROGRAM),
    Attack(
        "kinds/scale",
        "two of it",
        lambda scene: Request(
            "PATCH", f"{scene.path('deployments', 'openclaw', 'apps/v1')}/scale", {"spec": {"replicas": 2}}, _MERGE
        ),
    ),
    Attack("kinds/pods", "one of its own", lambda scene: Request("POST", scene.path("pods"), scene.pod())),
    Attack(
        "kinds/pods",
        "another label",
        changed("pods", _pod, {"metadata": {"labels": {"openclaw-tailnet/instance": None}}}),
    ),
    Attack(
        "kinds/pods",
        "a network plugged in by annotation",
        changed("pods", _pod, {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": "lan"}}}),
    ),
)

CONNECTIONS: Final = (
    Attack("kinds/exec", "into the sidecar", connected("exec", "container=tailscale&command=id&stdout=1")),
    Attack("kinds/exec", "into the unsealer", connected("exec", "container=unseal&command=id&stdout=1"), PROGRAM),
    Attack("kinds/exec", "attached to the sidecar", connected("attach", "container=tailscale&stdin=1")),
    Attack("kinds/forward", "to loopback, past the tailnet", connected("portforward", "ports=18789")),
    Attack(
        "kinds/debug",
        "an ephemeral container",
        lambda scene: Request(
            "PATCH",
            f"{scene.path('pods', scene.pod_name())}/ephemeralcontainers",
            {"spec": {"ephemeralContainers": [{"name": "debugger", "image": "debian:12"}]}},
        ),
    ),
)

# -- tokens and rights


def _binding(kind: str, subject: Object, namespace: bool = True) -> Ask:
    def request(scene: Scene) -> Request:
        filled = {key: text.format(scene.namespace) for key, text in subject.items()}
        body: Object = {
            "apiVersion": f"{_RBAC}/v1",
            "kind": kind,
            "metadata": scene.metadata() if namespace else {"name": "asked"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"},
            "subjects": [filled],
        }
        path = scene.path("rolebindings", group=f"{_RBAC}/v1") if namespace else f"/apis/{_RBAC}/v1/clusterrolebindings"
        return Request("POST", path, body)

    return request


_DEFAULT: Final[Object] = {"kind": "ServiceAccount", "name": "default", "namespace": "{}"}
_BY_NAME: Final[Object] = {"kind": "User", "apiGroup": _RBAC, "name": "system:serviceaccount:{}:default"}
_ALL_OF_THEM: Final[Object] = {"kind": "Group", "apiGroup": _RBAC, "name": "system:serviceaccounts:{}"}


def _elsewhere(scene: Scene) -> Request:
    request = _binding("RoleBinding", _DEFAULT)(scene)
    assert request.body is not None
    request.body["metadata"]["namespace"] = "default"
    return Request("POST", f"/apis/{_RBAC}/v1/namespaces/default/rolebindings", request.body)


RIGHTS: Final = (
    Attack(
        "secrets/token",
        "a token that never expires",
        made(
            "secrets",
            "Secret",
            type="kubernetes.io/service-account-token",
            metadata={"name": "asked", "annotations": {"kubernetes.io/service-account.name": "default"}},
        ),
    ),
    Attack(
        "kinds/tokens",
        "a token for an hour",
        lambda scene: Request(
            "POST",
            f"{scene.path('serviceaccounts', 'default')}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": None}},
        ),
    ),
    Attack("bindings/subjects", "of a service account", _binding("RoleBinding", _DEFAULT), ADMINISTRATOR),
    Attack("bindings/subjects", "of one by its name", _binding("RoleBinding", _BY_NAME), ADMINISTRATOR),
    Attack(
        "bindings/subjects",
        "of everybody",
        _binding("RoleBinding", {**_ALL_OF_THEM, "name": "system:authenticated"}),
        ADMINISTRATOR,
    ),
    Attack("accounts/subjects", "in the whole cluster", _binding("ClusterRoleBinding", _DEFAULT, False), ADMINISTRATOR),
    Attack("accounts/subjects", "by its name", _binding("ClusterRoleBinding", _BY_NAME, False), ADMINISTRATOR),
    Attack("accounts/subjects", "of all of them", _binding("ClusterRoleBinding", _ALL_OF_THEM, False), ADMINISTRATOR),
    Attack("accounts/subjects", "in another namespace", _elsewhere, ADMINISTRATOR),
)

# -- volumes and files


def _claim(name: str, **spec: Any) -> Ask:
    size: Object = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

    def request(scene: Scene) -> Request:
        body: Object = {"metadata": scene.metadata(name), "spec": {**size, **spec}}
        return Request(
            "POST", scene.path("persistentvolumeclaims"), {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **body}
        )

    return request


def _volume(**source: Any) -> Ask:
    def request(scene: Scene) -> Request:
        spec: Object = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {"namespace": scene.namespace, "name": "gateway-home"},
            **source,
        }
        body = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "asked"}, "spec": spec}
        return Request("POST", "/api/v1/persistentvolumes", body)

    return request


_CLONED: Final[Object] = {"kind": "PersistentVolumeClaim", "name": "tailnet-state"}
_WEB: Final = '{"TCP": {"443": {"HTTPS": true}}, "Web": {"a.example.ts.net:443": {"Handlers": {"/": {%s}}}}%s}'
_HERE: Final = '"Proxy": "http://127.0.0.1:18789"'
SERVES: Final[dict[str, str]] = {
    "the metrics": _WEB % ('"Proxy": "http://127.0.0.1:9002"', ""),
    "another machine": _WEB % ('"Proxy": "http://10.0.0.1:18789"', ""),
    "the gateway at an odd port": '{"TCP": {"8443": {"TCPForward": "127.0.0.1:18789"}}}',
    "files": _WEB % ('"Path": "/"', ""),
    "a key that is not known": _WEB % (_HERE, ', "Services": {}'),
    "more than can be read": _WEB % (_HERE, " " * 9000),
    "no JSON": "{TCP: {443: {HTTPS: true}}}",
    "the browser's control": '{"TCP": {"18791": {"TCPForward": "127.0.0.1:18791"}}}',
}

FILES: Final = (
    Attack("claims/clone", "the device's identity", _claim("gateway-home", dataSource=_CLONED), ADMINISTRATOR),
    Attack("claims/clone", "by reference", _claim("gateway-home", dataSourceRef=_CLONED), ADMINISTRATOR),
    Attack("claims/name", "of its own", _claim("asked"), PROGRAM),
    Attack(
        "volumes/host-path",
        "a directory of the node",
        _volume(hostPath={"path": "/etc"}),
        Who("eve@example.com", ["storage-admins"]),
    ),
    Attack(
        "configmaps/funnel",
        "in a file of another name",
        made("configmaps", "ConfigMap", data={"x": '{"AllowFunnel" : { "a.example.ts.net:443": true}}'}),
    ),
    *(
        Attack("configmaps/serve", what, made("configmaps", "ConfigMap", data={"serve.json": text}))
        for what, text in SERVES.items()
    ),
    Attack("configmaps/binary", "as bytes", made("configmaps", "ConfigMap", binaryData={"serve.json": "e30="})),
    Attack(
        "configmaps/bind",
        "every address",
        made("configmaps", "ConfigMap", data={"openclaw.json": '{"gateway": {"bind": "lan"}}'}),
        ADMINISTRATOR,
    ),
    Attack(
        "configmaps/own-funnel",
        "served by the gateway itself",
        made(
            "configmaps",
            "ConfigMap",
            data={"openclaw.json": '{"gateway": {"bind": "loopback", "tailscale": {"mode": "funnel"}}}'},
        ),
    ),
    Attack("kinds/stack", "a file deleted", deleted("configmaps", _named("ConfigMap", "serve"))),
    Attack("kinds/stack", "a Secret deleted", deleted("secrets", _named("Secret", "tailnet-kek")), PROGRAM),
    Attack("kinds/stack", "all Secrets deleted", deleted("secrets", "")),
    Attack(
        "kinds/stack",
        "a file with a name of ours",
        made("configmaps", "ConfigMap", metadata={"name": "guarded-config-0123456789"}, data={}),
    ),
    Attack("kinds/stack", "a Secret that looks like ours", labelled("secrets", "Secret", "x-tailnet-kek-0123456789")),
    Attack(
        "kinds/stack",
        "a file taken out of the stack",
        changed(
            "configmaps", _named("ConfigMap", "serve"), {"metadata": {"labels": {"openclaw-tailnet/instance": None}}}
        ),
    ),
    Attack(
        "kinds/stack",
        "a claim handed over",
        changed(
            "persistentvolumeclaims", "gateway-home", {"metadata": {"annotations": {ANNOTATION_HAND_OVER: "evil"}}}
        ),
        PROGRAM,
    ),
)

# -- network


def _policy(name: str = "asked", **spec: Any) -> Ask:
    def request(scene: Scene) -> Request:
        body: Object = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": scene.namespace},
            "spec": {"podSelector": {}, **spec},
        }
        query = "?fieldManager=somebody&force=true"
        return Request(
            "PATCH",
            scene.path("networkpolicies", name, "networking.k8s.io/v1") + query,
            body,
            "application/apply-patch+yaml",
        )

    return request


def egress(*to: Object, port: int = 443, **port_more: Any) -> Object:
    """Egress to these peers at one port."""
    return {
        "policyTypes": ["Egress"],
        "egress": [{"to": list(to), "ports": [{"protocol": "TCP", "port": port, **port_more}]}],
    }


def block(cidr: str, *but: str) -> Object:
    """A peer by its addresses."""
    return {"ipBlock": {"cidr": cidr, **({"except": list(but)} if but else {})}}


def _ingress(*ports: Object, **rest: Any) -> Object:
    return {"policyTypes": ["Ingress"], "ingress": [{**({"ports": list(ports)} if ports else {}), **rest}]}


_METRICS: Final[Object] = {"port": 9002, "protocol": "TCP"}
_MONITORING: Final[Object] = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
_TAILNET: Final = ("100.64.0.0/10", "fd7a:115c:a1e0::/48")
_V4: Final = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "169.254.0.0/16",
    "168.63.129.16/32",
    "192.0.0.0/24",
)

NETWORK: Final = (
    Attack("kinds/network", "one more", _policy(policyTypes=["Ingress"])),
    Attack("kinds/network", "one less", deleted("networkpolicies", "default-deny", "networking.k8s.io/v1"), PROGRAM),
    Attack("kinds/network", "all of them deleted", deleted("networkpolicies", "", "networking.k8s.io/v1")),
    Attack(
        "network/default-deny",
        "for some pods only",
        _policy("default-deny", podSelector={"matchLabels": {"a": "b"}}, policyTypes=["Ingress", "Egress"]),
        ADMINISTRATOR,
    ),
    Attack("network/default-deny", "one way", _policy("default-deny", policyTypes=["Ingress"]), ADMINISTRATOR),
    Attack("network/everywhere", "everything", _policy(policyTypes=["Egress"], egress=[{}]), ADMINISTRATOR),
    Attack(
        "network/everywhere",
        "every port",
        _policy(policyTypes=["Egress"], egress=[{"to": [block("1.1.1.1/32")]}]),
        ADMINISTRATOR,
    ),
    Attack("network/tailnet", "all addresses", _policy(**egress(block("0.0.0.0/0", *_V4))), ADMINISTRATOR),
    Attack("network/tailnet", "one of its addresses", _policy(**egress(block("100.100.1.2/32"))), ADMINISTRATOR),
    Attack(
        "network/tailnet", "a part left out", _policy(**egress(block("100.0.0.0/8", "100.64.0.0/11"))), ADMINISTRATOR
    ),
    Attack("network/tailnet", "IPv6", _policy(**egress(block("fd7a:115c:a1e0:ab12::/64"))), ADMINISTRATOR),
    Attack("network/metadata", "its address", _policy(**egress(block("169.254.169.254/32"), port=80)), ADMINISTRATOR),
    Attack("network/metadata", "all private IPv6", _policy(**egress(block("fd00::/9"))), ADMINISTRATOR),
    Attack("network/never", "multicast", _policy(**egress(block("224.0.0.0/8"))), ADMINISTRATOR),
    Attack("network/never", "IPv4 inside IPv6", _policy(**egress(block("2002::/16"))), ADMINISTRATOR),
    Attack("network/pods", "any pod", _policy(**egress({"namespaceSelector": {}})), ADMINISTRATOR),
    Attack(
        "network/pods",
        "any pod, from DNS on",
        _policy(**egress({"podSelector": {}}, port=53, endPort=9000)),
        ADMINISTRATOR,
    ),
    Attack("network/ingress", "anybody", _policy(policyTypes=["Ingress"], ingress=[{}]), ADMINISTRATOR),
    Attack("network/ingress", "any port", _policy(**_ingress(**{"from": [_MONITORING]})), ADMINISTRATOR),
    Attack(
        "network/ingress",
        "any namespace",
        _policy(**_ingress(_METRICS, **{"from": [{"namespaceSelector": {}}]})),
        ADMINISTRATOR,
    ),
    Attack(
        "network/ingress", "any address", _policy(**_ingress(_METRICS, **{"from": [block("0.0.0.0/0")]})), ADMINISTRATOR
    ),
    Attack("network/ingress", "nobody named", _policy(**_ingress(_METRICS)), ADMINISTRATOR),
)

# -- publishing


def _service(what: str, rule: str = "open", annotations: Object | None = None, **spec: Any) -> Attack:
    fields: Object = {"spec": {**_CLUSTER_IP, **spec}}
    if annotations:
        fields["metadata"] = {"name": "asked", "annotations": annotations}
    return Attack(f"services/{rule}", what, made("services", "Service", **fields), ADMINISTRATOR)


PUBLISHING: Final = (
    _service("NodePort", type="NodePort"),
    _service("LoadBalancer", type="LoadBalancer"),
    _service("externalIPs", externalIPs=["192.0.2.1"]),
    _service("another name", "external-name", type="ExternalName", externalName="example.com"),
    _service("the Tailscale operator", "annotations", {"tailscale.com/expose": "true"}),
    _service("a name for the world", "annotations", {"external-dns.alpha.kubernetes.io/hostname": "a.example.com"}),
    Attack(
        "publishing/kind",
        "an Ingress",
        made(
            "ingresses",
            "Ingress",
            "networking.k8s.io/v1",
            spec={"defaultBackend": {"resource": {"kind": "x", "name": "x"}}},
        ),
        ADMINISTRATOR,
    ),
)

# -- the namespace itself


def _namespace(body: Object) -> Ask:
    return lambda scene: Request("PATCH", f"/api/v1/namespaces/{scene.namespace}", body, _MERGE)


# Somebody who may change namespaces, and not the guard.
LANDLORD: Final = Who("eve@example.com", ["landlords"])

NAMESPACES: Final = (
    Attack(
        "ownership/label", "without the label", _namespace({"metadata": {"labels": {LABEL_STACK: None}}}), ADMINISTRATOR
    ),
    Attack(
        "ownership/label", "for another stack", _namespace({"metadata": {"labels": {LABEL_STACK: "evil"}}}), LANDLORD
    ),
    Attack(
        "namespaces/labels",
        "without Pod Security",
        _namespace({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged", "more": "yes"}}}),
        LANDLORD,
    ),
    Attack(
        "namespaces/hand-over",
        "to a stack of its own",
        _namespace({"metadata": {"annotations": {ANNOTATION_HAND_OVER: "evil"}}}),
        LANDLORD,
    ),
    Attack(
        "namespaces/delete",
        "with its volumes",
        lambda scene: Request("DELETE", f"/api/v1/namespaces/{scene.namespace}"),
        LANDLORD,
    ),
    Attack(
        "namespaces/create",
        "for the stack to find",
        lambda scene: Request(
            "POST", "/api/v1/namespaces", {"metadata": {"name": "openclaw-next", "labels": scene.label}}
        ),
        LANDLORD,
    ),
)

ATTACKS: Final = (*WORKLOADS, *CONNECTIONS, *RIGHTS, *FILES, *NETWORK, *PUBLISHING, *NAMESPACES)
