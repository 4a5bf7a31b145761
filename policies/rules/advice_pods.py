"""Advice about pods of an instance: probes, privileges that nobody needs, and single points."""

from collections.abc import Iterator
from typing import Final

from policies.rules.gateway import OUR_PROGRAMS, gateway_containers, is_gateway_pod, is_instance_pod, is_sidecar
from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import Unknown, get, items, obj, present, text

_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")


def probes(resource: Resource) -> Iterator[Finding]:
    """A gateway has probes: Kubernetes sees that it has started, is ready, and still answers."""
    for pod in resource.pods:
        if pod.partial:
            continue
        for container in gateway_containers(pod):
            # A node's host has no port to ask.
            if container.partial or container.name == "node":
                continue
            for probe in _PROBES:
                if container.spec.get(probe) is None:
                    yield Finding(
                        f"has no {probe} in {container.title}",
                        container.path,
                        "Ask /startupz and /healthz on loopback.",
                    )
        for container in pod.containers:
            if is_sidecar(container) and not container.partial and container.spec.get("readinessProbe") is None:
                yield Finding(
                    f"has no readinessProbe in {container.title}", container.path, "Ask /healthz of the sidecar."
                )
            if is_sidecar(container) and container.spec.get("livenessProbe") is not None:
                yield Finding(
                    f"has a livenessProbe in {container.title}, which restarts it for an outage that a restart does not end",
                    f"{container.path}.livenessProbe",
                    "Leave a readinessProbe alone.",
                )


def users(resource: Resource) -> Iterator[Finding]:
    """A container's user is said, is not root, and is not one that the host has too."""
    for pod in resource.pods:
        if not is_instance_pod(pod) or pod.partial:
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
            elif isinstance(user, int | float) and not isinstance(user, bool) and 0 < user < 1000:
                yield Finding(
                    f"runs {container.title} as a user that a host has for itself", container.path, "Use 1000 or more."
                )


def confinement(resource: Resource) -> Iterator[Finding]:
    """A container has the kernel's profile, and writes nowhere but to its volumes."""
    for pod in resource.pods:
        if not is_instance_pod(pod) or pod.partial:
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
        ):
            yield Finding(
                "starts a new pod beside the old one, on one volume", resource.at("spec.strategy"), "Use Recreate."
            )
        elif kind == "Deployment" and keeps and strategy is None and not pod.partial and "strategy" not in obj(spec):
            yield Finding(
                "starts a new pod beside the old one, on one volume", resource.at("spec.strategy"), "Use Recreate."
            )
        grace = pod.spec.get("terminationGracePeriodSeconds")
        if (
            isinstance(grace, int | float)
            and not isinstance(grace, bool)
            and grace < 60
            and any(c.name not in OUR_PROGRAMS for c in gateway_containers(pod))
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
