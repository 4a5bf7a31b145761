"""Advice about pods of an instance: probes, privileges that nobody needs, and single points."""

from collections.abc import Iterator
from typing import Final

from components.constants import NODE_CONTAINER
from policies.rules.gateway import (
    gateway_containers,
    is_gateway_pod,
    is_instance_pod,
    is_openclaw,
    is_sidecar,
)
from policies.rules.kinds import Container, Resource
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, get, items, obj, present, text

# OpenClaw's image has its files for this user.
_IMAGE_USER: Final = 1000
_HOSTS_USERS: Final = 10_000
_ASK: Final = "Ask what says that it is ready, and that it works."
# Kinds whose containers are there to answer; a job ends.
_SERVING: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout"})
_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")


def probes(resource: Resource) -> Iterator[Finding]:
    """A container that stays has probes: Kubernetes sees that it has started, is ready, and still answers."""
    for pod in resource.pods:
        if pod.partial:
            continue
        gateways = list(gateway_containers(pod))
        for container in pod.containers:
            if _asked(container) and (container in gateways or is_sidecar(container) or resource.kind in _SERVING):
                wanted = _PROBES if container in gateways else _PROBES[:2] if is_sidecar(container) else _PROBES[1:]
                for probe in wanted:
                    if container.spec.get(probe) is None:
                        yield Finding(f"has no {probe} in {container.title}", container.path, _ASK)
            if is_sidecar(container) and container.spec.get("livenessProbe") is not None:
                what = f"has a livenessProbe in {container.title}, which restarts it for an outage that a restart does not end"
                yield Finding(what, f"{container.path}.livenessProbe", "Leave a readinessProbe alone.")


def _asked(container: Container) -> bool:
    # A node's host has no port to ask.
    listed = container.list in ("containers", "initContainers")
    return container.stays and listed and not container.partial and container.name != NODE_CONTAINER


def users(resource: Resource) -> Iterator[Finding]:
    """A container's user is said, is not root, and is not one that the host has too."""
    for pod in resource.pods:
        if pod.partial:
            continue
        above = obj(pod.spec.get("securityContext"))
        if pod.spec.get("hostUsers") is True:
            yield Finding(
                "has the users of its host", f"{pod.path}.hostUsers", "Set it to false where the cluster can."
            )
        for container in pod.containers:
            context = obj(container.spec.get("securityContext"))
            if is_sidecar(container) or container.partial:
                continue
            user = context.get("runAsUser", above.get("runAsUser"))
            if user is None and context.get("runAsNonRoot", above.get("runAsNonRoot")) is not True:
                yield Finding(
                    f"leaves the user of {container.title} to its image",
                    container.path,
                    "Set runAsNonRoot and runAsUser.",
                )
            elif _is_hosts(user) and not (user == _IMAGE_USER and is_openclaw(container)):
                what = f"runs {container.title} as a user that a host may have too"
                yield Finding(what, container.path, f"Set runAsUser to {_HOSTS_USERS} or more.")


def _is_hosts(user: Value) -> bool:
    return isinstance(user, int | float) and not isinstance(user, bool) and 0 < user < _HOSTS_USERS


def confinement(resource: Resource) -> Iterator[Finding]:
    """A container has the kernel's profile, and writes nowhere but to its volumes."""
    for pod in resource.pods:
        if pod.partial:
            continue
        above = obj(pod.spec.get("securityContext"))
        for container in pod.containers:
            context = obj(container.spec.get("securityContext"))
            if container.partial or container.list == "ephemeralContainers":
                continue
            if context.get("seccompProfile") is None and above.get("seccompProfile") is None:
                yield Finding(f"has no seccomp profile in {container.title}", container.path, "Set RuntimeDefault.")
            if context.get("readOnlyRootFilesystem") in (None, False) and not isinstance(
                context.get("readOnlyRootFilesystem"), Unknown
            ):
                yield Finding(
                    f"lets {container.title} write to its own image", container.path, "Set readOnlyRootFilesystem."
                )
            if context.get("allowPrivilegeEscalation") is None:
                yield Finding(
                    f"does not say that {container.title} gains no privileges",
                    container.path,
                    "Set allowPrivilegeEscalation to false.",
                )


def single_points(resource: Resource) -> Iterator[Finding]:
    """Nothing ties a gateway to one machine, and never are there two of one."""
    spec = resource.props.get("spec")
    for pod in resource.pods:
        if not is_instance_pod(pod):
            once = resource.kind in ("Deployment", "StatefulSet") and get(spec, "replicas") in (None, 1)
            if once and not pod.partial and not all(container.partial for container in pod.containers):
                hint = "Run two replicas, where the program can."
                yield Finding("runs once: a single point", resource.at("spec.replicas"), hint)
            continue
        for key in ("nodeName",):
            if present(pod.spec.get(key)):
                yield Finding("is tied to one machine", f"{pod.path}.{key}", "Select machines by what they can do.")
        if "kubernetes.io/hostname" in obj(pod.spec.get("nodeSelector")):
            yield Finding("is tied to one machine", f"{pod.path}.nodeSelector", "Select machines by what they can do.")
        if _affinity_to_one(pod.spec):
            yield Finding("is tied to one machine", f"{pod.path}.affinity", "Select machines by what they can do.")
        if not is_gateway_pod(pod):
            continue
        replicas = get(spec, "replicas")
        if isinstance(replicas, int | float) and not isinstance(replicas, bool) and replicas > 1:
            yield Finding("runs several gateways on one state", resource.at("spec.replicas"), "Run one replica.")
        keeps = any("persistentVolumeClaim" in volume for _, volume in pod.volumes())
        kind, strategy = resource.kind, get(spec, "strategy", "type")
        if (
            kind == "Deployment"
            and keeps
            and strategy is not None
            and strategy != "Recreate"
            and not isinstance(strategy, Unknown)
        ) or (kind == "Deployment" and keeps and strategy is None and not pod.partial and "strategy" not in obj(spec)):
            yield Finding(
                "starts a new pod beside the old one, on one volume", resource.at("spec.strategy"), "Use Recreate."
            )
        grace = pod.spec.get("terminationGracePeriodSeconds")
        if (
            isinstance(grace, int | float)
            and not isinstance(grace, bool)
            and grace < 330
            and any(one.name != NODE_CONTAINER for one in gateway_containers(pod))
        ):
            yield Finding(
                "ends a gateway amid its work", f"{pod.path}.terminationGracePeriodSeconds", "Give it 335 seconds."
            )
        if pod.spec.get("enableServiceLinks") is True:
            yield Finding(
                "tells the agent by variables what else runs there",
                f"{pod.path}.enableServiceLinks",
                "Set it to false.",
            )


def _affinity_to_one(spec: object) -> bool:
    terms = get(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    return any(
        text(get(one, "key")) == "kubernetes.io/hostname"
        and get(one, "operator") == "In"
        and len(list(items(get(one, "values"), ""))) == 1
        for _, term in items(terms, "")
        for _, one in items(get(term, "matchExpressions"), "")
    )


def no_state(resource: Resource) -> Iterator[Finding]:
    """A sidecar keeps its identity: on a volume that stays, with a key that is used once."""
    for pod in resource.pods:
        for container in pod.containers:
            if not is_sidecar(container) or container.partial:
                continue
            values = {text(get(one, "name")): get(one, "value") for _, one in items(container.spec.get("env"), "")}
            if values and values.get("TS_STATE_DIR") in (None, ""):
                yield Finding(
                    f"is a new device at each start of {container.title}", f"{container.path}.env", "Set TS_STATE_DIR."
                )
            if values and str(values.get("TS_AUTH_ONCE")).lower() in ("none", "false", "0"):
                yield Finding(
                    f"logs in again at each start of {container.title}, which ends with an expired key",
                    f"{container.path}.env",
                    'Set TS_AUTH_ONCE to "true".',
                )
            if container.list != "initContainers" and resource.kind != "Pod" and len(pod.containers) > 1:
                yield Finding(
                    f"starts {container.title} beside the gateway, not before it",
                    container.path,
                    "Make it a native sidecar (restartPolicy: Always).",
                )
