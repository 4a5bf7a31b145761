"""The admission guard of one stack: I1, I2, I3 and I5 enforced by the API server against anyone, in its namespaces.

Across namespaces it also holds who owns what (I12): a stack never takes over an object of another stack, or of a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components import names
from components.constants import (
    ANNOTATION_HAND_OVER,
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

_OWNER = f"(has(oldObject.metadata.labels) ? oldObject.metadata.labels[?'{LABEL_STACK}'].orValue('') : '')"
_CLAIMED = f"(has(object.metadata.labels) ? object.metadata.labels[?'{LABEL_STACK}'].orValue('') : '')"


def _hand_over(holder: str) -> str:
    return (
        f"({holder} != null && has({holder}.metadata.annotations) && "
        f"{holder}.metadata.annotations[?'{ANNOTATION_HAND_OVER}'].orValue('') == {_CLAIMED})"
    )


# An update that lays a label on an object is how a server-side apply takes over what is there already. Who hands a
# namespace over hands over what is in it.
OWNERSHIP = (
    f"{_OWNER} == {_CLAIMED} || ({_CLAIMED} != '' && ({_hand_over('oldObject')} || {_hand_over('namespaceObject')}))"
)
OWNERSHIP_MESSAGE = (
    f"'I12: ' + object.metadata.name + ({_OWNER} == '' ? ' was there before and belongs to no stack' : "
    f"' belongs to the stack ' + {_OWNER}) + ', so its label {LABEL_STACK} stays as it is. Give the instance another "
    f"namespace, or hand the object over: annotate it with {ANNOTATION_HAND_OVER}=' + "
    f"({_CLAIMED} == '' ? 'STACK' : {_CLAIMED})"
)

_POD_KINDS = [{"group": "", "resources": ["pods", "pods/ephemeralcontainers"]}]
_SERVICE_KINDS = [{"group": "", "resources": ["services"]}]
_FORBIDDEN_KINDS = [
    {"group": "networking.k8s.io", "resources": ["ingresses"]},
    {"group": "gateway.networking.k8s.io", "resources": ["*"]},
    {"group": "rbac.authorization.k8s.io", "resources": ["roles", "rolebindings"]},
]
_OWNED_KINDS = [
    {"group": "", "resources": ["namespaces", "persistentvolumeclaims", "secrets", "configmaps"]},
    {"group": "apps", "resources": ["deployments"]},
    {"group": "networking.k8s.io", "resources": ["networkpolicies"]},
]


def guards(stack: str) -> dict[str, Manifest]:
    """ValidatingAdmissionPolicies by name."""
    selector: Manifest = {"matchLabels": {LABEL_STACK: stack}}
    inside: Manifest = {"namespaceSelector": selector, "objectSelector": {}}
    # Whatever carries the label before or after the update, wherever it is.
    owned: Manifest = {"namespaceSelector": {}, "objectSelector": selector}
    ownership = [{"expression": OWNERSHIP, "messageExpression": OWNERSHIP_MESSAGE, "reason": "Forbidden"}]
    parts = {
        "pods": _spec(inside, _POD_KINDS, _forbid(POD_RULES)),
        "services": _spec(inside, _SERVICE_KINDS, _forbid(SERVICE_RULES)),
        "publishing": _spec(inside, _FORBIDDEN_KINDS, _forbid(FORBIDDEN_RULES)),
        "ownership": _spec(owned, _OWNED_KINDS, ownership, ["UPDATE"]),
    }
    named = {f"{names.guard(stack)}-{part}": spec for part, spec in parts.items()}
    return {
        name: {"metadata": metadata(None, {LABEL_STACK: stack}, name), "spec": spec} for name, spec in named.items()
    }


def _forbid(rules: dict[str, str]) -> list[Manifest]:
    return [
        {"expression": expression, "message": message, "reason": "Forbidden"} for message, expression in rules.items()
    ]


def _spec(
    scope: Manifest,
    kinds: list[Manifest],
    validations: list[Manifest],
    operations: Sequence[str] = ("CREATE", "UPDATE"),
) -> Manifest:
    resource_rules = [
        {
            "apiGroups": [kind["group"]],
            "apiVersions": ["*"],
            "operations": list(operations),
            "resources": kind["resources"],
            "scope": "*",
        }
        for kind in kinds
    ]
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", **scope, "resourceRules": resource_rules},
        "validations": validations,
    }


def binding(guard: Manifest) -> Manifest:
    """The binding that puts a guard in force, for all that it constrains."""
    scope = {key: value for key, value in guard["spec"]["matchConstraints"].items() if key != "resourceRules"}
    spec = {"policyName": guard["metadata"]["name"], "validationActions": ["Deny"], "matchResources": scope}
    return {"metadata": guard["metadata"], "spec": spec}


@dataclass(frozen=True)
class AdmissionGuardArgs:
    """`stack` is the name in labels. `keep_ownership`: that part outlives the stack, for namespaces that do, so that no other
    stack adopts their volumes.
    """

    stack: str
    keep_ownership: bool


class AdmissionGuard(pulumi.ComponentResource):
    """The guards of one stack, in force for every namespace, and every object, that carries its label."""

    def __init__(self, name: str, args: AdmissionGuardArgs, opts: pulumi.ResourceOptions) -> None:
        stack = args.stack
        super().__init__("openclaw:tailnet:AdmissionGuard", name, {"stack": stack}, opts)
        for guard, manifest in guards(stack).items():
            part = guard.removeprefix(f"{names.guard(stack)}-")
            kept = args.keep_ownership and part == "ownership"
            policy = register(
                k8s.admissionregistration.v1.ValidatingAdmissionPolicy,
                f"guard-{part}",
                manifest,
                pulumi.ResourceOptions(parent=self, retain_on_delete=kept),
            )
            register(
                k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding,
                f"guard-{part}-binding",
                binding(manifest),
                pulumi.ResourceOptions(parent=self, depends_on=[policy], retain_on_delete=kept),
            )
        self.register_outputs({})
