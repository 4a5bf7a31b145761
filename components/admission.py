"""The admission guard: I1, I2, I3 and I5 enforced by the API server against anyone, in the instance namespaces of one stack."""

import pulumi
import pulumi_kubernetes as k8s

from components import names
from components.constants import (
    LABEL_STACK,
    SIDECAR_CONTAINER,
    TAILNET_VOLUME_PREFIX,
    TOKEN_AUDIENCE_PREFIX,
    TUN_DEVICE,
    UNSEAL_CONTAINER,
    VOLUME_TOKEN,
    VOLUME_TUN,
)
from components.manifest import Manifest, metadata, register

# All containers of a pod; ephemeral ones are how `kubectl debug` gets in.
_CONTAINERS = (
    "(object.spec.containers"
    " + (has(object.spec.initContainers) ? object.spec.initContainers : [])"
    " + (has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers : []))"
)
_VOLUMES = "(has(object.spec.volumes) ? object.spec.volumes : [])"
_TUN = f"v.hostPath.path == '{TUN_DEVICE}' && has(v.hostPath.type) && v.hostPath.type == 'CharDevice'"
_ADDED = "has(c.securityContext) && has(c.securityContext.capabilities) && has(c.securityContext.capabilities.add)"

POD_RULES: dict[str, str] = {
    "I1: hostNetwork and hostPort open ports on the node": (
        "!(has(object.spec.hostNetwork) && object.spec.hostNetwork) && "
        f"{_CONTAINERS}.all(c, !has(c.ports) || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))"
    ),
    "I2: no container is privileged, and none may gain privileges or share the node's processes": (
        "!(has(object.spec.hostPID) && object.spec.hostPID) && !(has(object.spec.hostIPC) && object.spec.hostIPC) && "
        f"{_CONTAINERS}.all(c, !has(c.securityContext) || "
        "(!(has(c.securityContext.privileged) && c.securityContext.privileged) && "
        "!(has(c.securityContext.allowPrivilegeEscalation) && c.securityContext.allowPrivilegeEscalation)))"
    ),
    f"I2: NET_ADMIN is for the container {SIDECAR_CONTAINER} only, and no other capability is for anyone": (
        f"{_CONTAINERS}.all(c, !({_ADDED}) || c.securityContext.capabilities.add.all("
        f"a, a == 'NET_ADMIN' && c.name == '{SIDECAR_CONTAINER}'))"
    ),
    f"I2: the only hostPath is the device {TUN_DEVICE}, mounted only in the container {SIDECAR_CONTAINER}": (
        f"{_VOLUMES}.all(v, !has(v.hostPath) || (v.name == '{VOLUME_TUN}' && {_TUN})) && "
        f"{_CONTAINERS}.all(c, c.name == '{SIDECAR_CONTAINER}' || !has(c.volumeMounts) || "
        f"c.volumeMounts.all(m, m.name != '{VOLUME_TUN}'))"
    ),
    # Also for ephemeral containers: a debug container would otherwise read the device's identity.
    f"I3: volumes of the tailnet's side are for the containers {SIDECAR_CONTAINER} and {UNSEAL_CONTAINER} only": (
        f"{_CONTAINERS}.all(c, c.name in ['{SIDECAR_CONTAINER}', '{UNSEAL_CONTAINER}'] || !has(c.volumeMounts) || "
        f"c.volumeMounts.all(m, !m.name.startsWith('{TAILNET_VOLUME_PREFIX}')))"
    ),
    "I5: no pod gets a service-account token that the Kubernetes API accepts": (
        "has(object.spec.automountServiceAccountToken) && !object.spec.automountServiceAccountToken && "
        f"{_VOLUMES}.all(v, !has(v.projected) || !has(v.projected.sources) || "
        f"v.projected.sources.all(s, !has(s.serviceAccountToken) || (v.name == '{VOLUME_TOKEN}' && "
        f"has(s.serviceAccountToken.audience) && s.serviceAccountToken.audience.startsWith('{TOKEN_AUDIENCE_PREFIX}'))))"
    ),
    f"I5: a service-account token for the tailnet is for the container {SIDECAR_CONTAINER} only": (
        f"{_CONTAINERS}.all(c, c.name == '{SIDECAR_CONTAINER}' || !has(c.volumeMounts) || "
        f"c.volumeMounts.all(m, m.name != '{VOLUME_TOKEN}'))"
    ),
}

SERVICE_RULES: dict[str, str] = {
    "I1: a Service of type NodePort or LoadBalancer, or with externalIPs, opens a port to others": (
        "!(has(object.spec.type) && object.spec.type in ['NodePort', 'LoadBalancer']) && "
        "!(has(object.spec.externalIPs) && object.spec.externalIPs.size() > 0)"
    ),
}

FORBIDDEN_RULES: dict[str, str] = {
    "I1, I5: gateways are not published and have no RBAC: this kind has no place here": "false"
}

_POD_KINDS = [{"group": "", "resources": ["pods", "pods/ephemeralcontainers"]}]
_SERVICE_KINDS = [{"group": "", "resources": ["services"]}]
_FORBIDDEN_KINDS = [
    {"group": "networking.k8s.io", "resources": ["ingresses"]},
    {"group": "gateway.networking.k8s.io", "resources": ["*"]},
    {"group": "rbac.authorization.k8s.io", "resources": ["roles", "rolebindings"]},
]


def guards(stack: str) -> dict[str, Manifest]:
    """ValidatingAdmissionPolicies by name."""
    base = names.guard(stack)
    return {
        f"{base}-pods": _policy(f"{base}-pods", stack, _POD_KINDS, POD_RULES),
        f"{base}-services": _policy(f"{base}-services", stack, _SERVICE_KINDS, SERVICE_RULES),
        f"{base}-publishing": _policy(f"{base}-publishing", stack, _FORBIDDEN_KINDS, FORBIDDEN_RULES),
    }


def _policy(name: str, stack: str, kinds: list[Manifest], rules: dict[str, str]) -> Manifest:
    resource_rules = [
        {
            "apiGroups": [kind["group"]],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": kind["resources"],
            "scope": "*",
        }
        for kind in kinds
    ]
    return {
        "metadata": metadata(None, {LABEL_STACK: stack}, name=name),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {"matchLabels": {LABEL_STACK: stack}},
                "objectSelector": {},
                "resourceRules": resource_rules,
            },
            "validations": [
                {"expression": expression, "message": message, "reason": "Forbidden"}
                for message, expression in rules.items()
            ],
        },
    }


def binding(name: str, stack: str) -> Manifest:
    """The binding that puts a guard in force."""
    return {
        "metadata": metadata(None, {LABEL_STACK: stack}, name=name),
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {"matchLabels": {LABEL_STACK: stack}},
                "objectSelector": {},
            },
        },
    }


class AdmissionGuard(pulumi.ComponentResource):
    """The guards of one stack, in force for every namespace that carries its label."""

    def __init__(self, name: str, stack: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("openclaw:tailnet:AdmissionGuard", name, {"stack": stack}, opts)
        for guard, manifest in guards(stack).items():
            part = guard.removeprefix(f"{names.guard(stack)}-")
            policy = register(
                k8s.admissionregistration.v1.ValidatingAdmissionPolicy,
                f"guard-{part}",
                manifest,
                pulumi.ResourceOptions(parent=self),
            )
            register(
                k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding,
                f"guard-{part}-binding",
                binding(guard, stack),
                pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        self.register_outputs({})
