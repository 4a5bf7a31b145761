"""When an object counts as ready, and what to say when it does not get there: Deployments, claims, deletion."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.plugins.kubernetes.client import Client, KubernetesApiError
from sandbox.plugins.provider import Host, ProviderError
from sandbox.plugins.values import Props, get, get_map, get_maps

# Seconds, as the official plugin waits; other kinds are not waited for.
DEFAULT_TIMEOUTS = {("apps/v1", "Deployment"): 600.0, ("v1", "PersistentVolumeClaim"): 300.0}
DELETE_TIMEOUT = 600.0


@dataclass(frozen=True)
class Progress:
    ready: bool
    # What is missing, one line each.
    reasons: tuple[str, ...] = ()


def until(host: Host, timeout: float, poll: Callable[[], bool], on_wait: Callable[[], None] | None = None) -> bool:
    """Poll, quickly at first, then every second; False when the time is over. Raises when the engine cancels."""
    deadline, pause, started = time.monotonic() + timeout, 0.05, time.monotonic()
    while not poll():
        if time.monotonic() >= deadline:
            return False
        if on_wait and time.monotonic() - started > 3:
            on_wait()
            started = time.monotonic()
        if host.cancelled.wait(min(pause, max(deadline - time.monotonic(), 0))):
            raise ProviderError("cancelled while waiting")
        pause = min(pause * 1.5, 1.0)
    return True


def progress(client: Client, live: Props) -> Progress:
    """The progress of an object. Kinds that we do not wait for are ready at once."""
    match (live.get("apiVersion"), live.get("kind")):
        case ("apps/v1", "Deployment"):
            return _deployment(live)
        case ("v1", "PersistentVolumeClaim"):
            return _claim(client, live)
        case _:
            return Progress(True)


def _condition(live: Props, type: str) -> Props:
    return next((c for c in get_maps(live, "status", "conditions") if c.get("type") == type), Props())


def _deployment(live: Props) -> Progress:
    if (get(live, "status", "observedGeneration") or 0) < (get(live, "metadata", "generation") or 0):
        return Progress(False, ("the deployment controller has not seen this revision yet",))
    progressing, available = _condition(live, "Progressing"), _condition(live, "Available")
    rolled = progressing.get("status") == "True" and progressing.get("reason") == "NewReplicaSetAvailable"
    # With strategy Recreate the conditions of the old revision stand until the first new pod: count the replicas too.
    wanted = get(live, "spec", "replicas") or 0
    total, updated, serving = (
        get(live, "status", key) or 0 for key in ("replicas", "updatedReplicas", "availableReplicas")
    )
    if rolled and available.get("status") == "True" and updated >= wanted and total <= updated <= serving:
        return Progress(True)
    failing = (c for c in (_condition(live, "ReplicaFailure"), progressing, available) if c.get("message"))
    reasons = tuple(f"{c.get('type')}: {c.get('reason')}: {c['message']}" for c in failing)
    return Progress(False, (f"{serving} of {wanted} replicas of this revision are available", *reasons))


def _claim(client: Client, live: Props) -> Progress:
    phase = get(live, "status", "phase")
    if phase == "Bound":
        return Progress(True)
    name = get(live, "spec", "storageClassName")
    if phase == "Pending" and name:
        try:
            storage_class = client.get(client.kind("storage.k8s.io/v1", "StorageClass"), None, name)
        except KubernetesApiError as error:
            # Without the right to read the class its mode stays unknown, as in the official plugin.
            return Progress(False, (f"the claim is {phase} and its StorageClass {name} cannot be read: {error}",))
        if get(storage_class, "volumeBindingMode") == "WaitForFirstConsumer":
            return Progress(True)
        if storage_class is None:
            return Progress(False, (f"the claim is {phase}: there is no StorageClass {name}",))
    return Progress(False, (f"the claim is {phase}, not Bound (StorageClass {name or 'not set'})",))


def pod_reasons(client: Client, deployment: Props) -> list[str]:
    """Why the pods of a Deployment's newest revision do not run, as their containers report it."""
    namespace = get(deployment, "metadata", "namespace")
    selector = get_map(deployment, "spec", "selector", "matchLabels")
    revision = "deployment.kubernetes.io/revision"
    current = get(deployment, "metadata", "annotations", revision)
    sets = client.matching(client.kind("apps/v1", "ReplicaSet"), namespace, selector)
    owners = {get(s, "metadata", "uid") for s in sets if get(s, "metadata", "annotations", revision) == current}
    reasons: list[str] = []
    for pod in client.matching(client.kind("v1", "Pod"), namespace, selector):
        if owners.isdisjoint(owner.get("uid") for owner in get_maps(pod, "metadata", "ownerReferences")):
            continue
        name = get(pod, "metadata", "name")
        scheduled = _condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            reasons.append(f"pod {name}: {scheduled.get('reason')}: {scheduled.get('message')}")
        for key in ("initContainerStatuses", "containerStatuses"):
            for status in get_maps(pod, "status", key):
                if text := _container(status, sidecar_ok=key == "initContainerStatuses"):
                    reasons.append(f"pod {name}: container {status.get('name')}: {text}")
    return reasons


def _container(status: Props, sidecar_ok: bool) -> str:
    state = get_map(status, "state")
    if waiting := get_map(state, "waiting"):
        return ": ".join(filter(None, (waiting.get("reason"), waiting.get("message")))) + _before(status)
    if terminated := get_map(state, "terminated"):
        done = sidecar_ok and terminated.get("exitCode") == 0
        message = terminated.get("message")
        return "" if done else f"exited with {terminated.get('exitCode')}" + (f": {message}" if message else "")
    return "" if status.get("ready") or not state else "running, but not ready" + _before(status)


def _before(status: Props) -> str:
    """How the attempt before this one ended: between two attempts, and while one starts, that is the reason."""
    last = get_map(status, "lastState", "terminated")
    message = str(last.get("message") or "").strip()
    return f" (exited before with {last.get('exitCode')}{f': {message}' if message else ''})" if last else ""


def deletion_reasons(live: Props) -> list[str]:
    """The conditions and finalizers that still hold an object that is being deleted."""
    conditions = [c["message"] for c in get_maps(live, "status", "conditions") if c.get("status") == "True"]
    finalizers: list[str] = get(live, "metadata", "finalizers") or []
    return [*conditions, *([f"finalizers: {', '.join(finalizers)}"] if finalizers else [])]
