"""The admission guard in the real API server: what it refuses to anyone, and what it lets through, in an instance's namespace."""

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox.kube import Object
from tests.support.engine_world import Cluster, MakeStack, Stack, containers, eventually, instance, steps

NAMESPACE = "openclaw-guarded"
PODS = "/api/v1/namespaces/{}/pods"
TUN: Object = {"path": "/dev/net/tun", "type": "CharDevice"}
TOKEN: Object = {"serviceAccountToken": {"path": "token"}}
IDENTITY = "api.tailscale.com/k1CNTRL"
PORT: Object = {"ports": [{"port": 80}]}

Change = Callable[[Object, dict[str, Object]], object]


@pytest.fixture(scope="module")
def guarded(stack: MakeStack) -> Stack:
    new_stack = stack("guarded")
    new_stack.up(instance("guarded"))
    return new_stack


@pytest.fixture
def pod(guarded: Stack, cluster: Cluster) -> Object:
    """The pod that the stack deploys: allowed, and a starting point for what is not."""
    template: Object = copy.deepcopy(cluster.deployment(NAMESPACE)["spec"]["template"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked"}, "spec": template["spec"]}


def attempt(cluster: Cluster, path: str, body: Object, namespace: str = NAMESPACE) -> str:
    """The API server's reason to refuse an object, empty when it would take it. A dry run: nothing is created."""
    try:
        cluster.create(path.format(namespace) + "?dryRun=All", body)
    except httpx.HTTPStatusError as error:
        return str(error)
    return ""


def cap(name: str) -> Change:
    """Give a capability to a container: `gateway:NET_ADMIN`."""
    container, _, capability = name.partition(":")
    return lambda spec, of: of[container]["securityContext"]["capabilities"].update(add=[capability])


def volume(**source: Any) -> Change:
    return lambda spec, of: spec["volumes"].append({"name": "extra", **source})


def token(audience: str, name: str = "tailnet-token", container: str = "tailscale") -> Change:
    """A token of the pod's own account, mounted in a container."""

    def change(spec: Object, of: dict[str, Object]) -> None:
        source = {"serviceAccountToken": {"path": "token", "audience": audience}}
        spec["volumes"].append({"name": name, "projected": {"sources": [source]}})
        of[container]["volumeMounts"].append({"name": name, "mountPath": "/run/tailnet-token"})

    return change


def privileged(spec: Object, of: dict[str, Object]) -> None:
    of["gateway"]["securityContext"] = {"privileged": True}


POD_CHANGES: dict[str, tuple[str, Change]] = {
    "host network": ("I1:", lambda spec, of: spec.update(hostNetwork=True)),
    "host port": ("I1:", lambda spec, of: of["gateway"].update(ports=[{"containerPort": 1, "hostPort": 1}])),
    "host port of the sidecar": (
        "I1:",
        lambda spec, of: of["tailscale"].update(ports=[{"containerPort": 1, "hostPort": 1}]),
    ),
    "privileged": ("I2:", privileged),
    "gain of privileges": (
        "I2:",
        lambda spec, of: of["gateway"]["securityContext"].update(allowPrivilegeEscalation=True),
    ),
    "the node's processes": ("I2:", lambda spec, of: spec.update(hostPID=True)),
    "the node's IPC": ("I2:", lambda spec, of: spec.update(hostIPC=True)),
    "NET_ADMIN in the gateway": ("I2:", cap("gateway:NET_ADMIN")),
    "NET_ADMIN in the init container": ("I2:", cap("unseal:NET_ADMIN")),
    "another capability in the sidecar": ("I2:", cap("tailscale:SYS_ADMIN")),
    "the auth key in the gateway": (
        "I3:",
        lambda spec, of: of["gateway"]["volumeMounts"].append({"name": "tailnet-authkey", "mountPath": "/key"}),
    ),
    "a directory of the node": ("I2:", volume(hostPath={"path": "/etc"})),
    "the tun device under another name": ("I2:", volume(hostPath=TUN)),
    "the tun device in the gateway": (
        "I2:",
        lambda spec, of: of["gateway"]["volumeMounts"].append({"name": "tun", "mountPath": "/dev/net/tun"}),
    ),
    "a token by default": ("I5:", lambda spec, of: spec.pop("automountServiceAccountToken")),
    "a token": ("I5:", lambda spec, of: spec.update(automountServiceAccountToken=True)),
    "a projected token": ("I5:", volume(projected={"sources": [TOKEN]})),
    "a token of the Kubernetes API for the sidecar": ("I5:", token("https://kubernetes.default.svc.cluster.local")),
    "a token of no known audience for the sidecar": ("I5:", token("vault")),
    "the tailnet's token under another name": ("I5:", token(IDENTITY, name="extra")),
    "the tailnet's token in the gateway": ("I3:", token(IDENTITY, container="gateway")),
    "the tailnet's token in the init container": ("I5:", token(IDENTITY, container="unseal")),
}
POD_COUNTERPARTS: dict[str, Change] = {
    "the gateway as declared": lambda spec, of: None,
    "a container port": lambda spec, of: of["gateway"].update(ports=[{"containerPort": 1}]),
    "an empty directory": volume(emptyDir={}),
    "a projected ConfigMap": volume(projected={"sources": [{"configMap": {"name": "extra"}}]}),
    "the tailnet's token in the sidecar": token(IDENTITY),
    "no capability dropped": lambda spec, of: of["gateway"]["securityContext"].update(capabilities={}),
}


@pytest.mark.parametrize("what", POD_CHANGES)
def test_a_pod_is_refused(cluster: Cluster, pod: Object, what: str) -> None:
    invariant, change = POD_CHANGES[what]
    change(pod["spec"], containers(pod))
    said = attempt(cluster, PODS, pod)
    assert invariant in said, said or "it was admitted"
    assert "openclaw-tailnet-guarded-pods" in said


@pytest.mark.parametrize("what", POD_COUNTERPARTS)
def test_a_pod_is_admitted(cluster: Cluster, pod: Object, what: str) -> None:
    POD_COUNTERPARTS[what](pod["spec"], containers(pod))
    assert attempt(cluster, PODS, pod) == ""


@pytest.mark.parametrize("what", POD_CHANGES)
def test_a_namespace_without_the_label_is_not_affected(cluster: Cluster, pod: Object, what: str) -> None:
    POD_CHANGES[what][1](pod["spec"], containers(pod))
    assert attempt(cluster, PODS, pod, namespace="default") == ""


DEBUG: dict[str, tuple[str, Object]] = {
    "NET_ADMIN": ("I2:", {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}),
    "privileged": ("I2:", {"securityContext": {"privileged": True}}),
    "the device's identity": ("I3:", {"volumeMounts": [{"name": "tailnet-state", "mountPath": "/state"}]}),
    "the tun device": ("I2:", {"volumeMounts": [{"name": "tun", "mountPath": "/dev/net/tun"}]}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize("what", DEBUG)
def test_i2_i3_an_ephemeral_container_gets_no_privilege_and_no_key(guarded: Stack, cluster: Cluster, what: str) -> None:
    invariant, extra = DEBUG[what]
    path = f"{PODS.format(NAMESPACE)}/{cluster.pod(NAMESPACE)['metadata']['name']}/ephemeralcontainers"
    added: Object = {"name": "debugger", "image": "debian:12", **extra}
    said = ""
    try:
        cluster.strategic(f"{path}?dryRun=All", {"spec": {"ephemeralContainers": [added]}})
    except httpx.HTTPStatusError as error:
        said = error.response.json()["message"]
    assert invariant in said if invariant else said == ""


def service(**spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "asked"}, "spec": {**PORT, **spec}}


SERVICES: dict[str, tuple[str, Object]] = {
    "NodePort": ("I1:", service(type="NodePort")),
    "LoadBalancer": ("I1:", service(type="LoadBalancer")),
    "externalIPs": ("I1:", service(externalIPs=["192.0.2.1"])),
    "ClusterIP": ("", service()),
    "headless": ("", service(clusterIP="None")),
}


@pytest.mark.parametrize("what", SERVICES)
def test_i1_a_service_opens_nothing(guarded: Stack, cluster: Cluster, what: str) -> None:
    invariant, body = SERVICES[what]
    path = "/api/v1/namespaces/{}/services"
    said = attempt(cluster, path, body)
    assert invariant in said if invariant else said == ""
    assert bool(said) == bool(invariant)
    assert attempt(cluster, path, body, namespace="default") == ""


def test_i1_a_service_is_not_opened_later(guarded: Stack, cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/services"
    cluster.create(path, service())
    with pytest.raises(httpx.HTTPStatusError, match="I1:"):
        cluster.merge(f"{path}/asked", {"spec": {"type": "NodePort"}})
    cluster.delete(f"{path}/asked")


RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}"
NETWORK = "/apis/networking.k8s.io/v1/namespaces/{}"
ROLE: Object = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "asked"}
OBJECTS: dict[str, tuple[bool, str, Object]] = {
    "Ingress": (False, f"{NETWORK}/ingresses", {"spec": {"defaultBackend": {"resource": {"kind": "x", "name": "x"}}}}),
    "Role": (False, f"{RBAC}/roles", {"rules": []}),
    "RoleBinding": (False, f"{RBAC}/rolebindings", {"roleRef": ROLE}),
    "NetworkPolicy": (True, f"{NETWORK}/networkpolicies", {"spec": {"podSelector": {}}}),
    "ConfigMap": (True, "/api/v1/namespaces/{}/configmaps", {}),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_i1_i5_nothing_publishes_a_gateway_or_gives_it_rights(guarded: Stack, cluster: Cluster, kind: str) -> None:
    allowed, path, rest = OBJECTS[kind]
    version = path.removeprefix("/apis/").removeprefix("/api/").partition("/namespaces")[0]
    body: Object = {"apiVersion": version, "kind": kind, "metadata": {"name": "asked"}, **rest}
    said = attempt(cluster, path, body)
    assert said == "" if allowed else "I1, I5:" in said
    assert attempt(cluster, path, body, namespace="default") == ""


ROUTES = "gateway.networking.k8s.io"
ROUTE_KIND: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": f"httproutes.{ROUTES}",
        "annotations": {"api-approved.kubernetes.io": "unapproved, only for a test"},
    },
    "spec": {
        "group": ROUTES,
        "scope": "Namespaced",
        "names": {"plural": "httproutes", "singular": "httproute", "kind": "HTTPRoute"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def test_i1_a_route_of_the_gateway_api_is_refused(guarded: Stack, cluster: Cluster) -> None:
    cluster.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", ROUTE_KIND)
    path = f"/apis/{ROUTES}/v1/namespaces/{{}}/httproutes"
    body: Object = {"apiVersion": f"{ROUTES}/v1", "kind": "HTTPRoute", "metadata": {"name": "asked"}}
    eventually(lambda: attempt(cluster, path, body, namespace="default") == "", "the new kind to be served")
    assert "I1, I5:" in attempt(cluster, path, body)


def test_two_stacks_in_one_cluster_leave_each_other_alone(guarded: Stack, stack: MakeStack, cluster: Cluster) -> None:
    before = cluster.inventory("guarded")
    neighbour = stack("neighbour")
    neighbour.up(instance("neighbour", storage={"retain": False}))
    guards = {item["metadata"]["name"] for kind, item in cluster.of_stack("neighbour") if kind == "Guard"}
    assert guards == {f"openclaw-tailnet-neighbour-{part}" for part in ("pods", "services", "publishing", "ownership")}
    said = attempt(cluster, "/api/v1/namespaces/{}/services", service(type="NodePort"), "openclaw-neighbour")
    assert "openclaw-tailnet-neighbour-services" in said
    assert "openclaw-tailnet-guarded" not in said

    neighbour.destroy()
    assert cluster.inventory("neighbour") == {}
    assert cluster.inventory("guarded") == before
    said = attempt(cluster, "/api/v1/namespaces/{}/services", service(type="NodePort"))
    assert "openclaw-tailnet-guarded-services" in said
    unchanged = guarded.preview(instance("guarded"))
    assert unchanged.unchanged, steps(unchanged)
