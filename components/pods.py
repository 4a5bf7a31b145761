"""The common parts of every pod of a stack: who runs in it, what it may not do, and what it may use."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from components.constants import ANNOTATION_IMAGE, LABEL_INSTANCE
from components.manifest import Manifest
from components.scope import Scope
from components.settings import Resources
from components.settings.quantities import quantity_bytes

# The OpenClaw image's own user; it owns /app and /home/node.
USER: Final = 1000
HOME: Final = "/home/node"
# What OpenClaw keeps: sessions, pairings, jobs, plugins.
STATE: Final = f"{HOME}/.openclaw"


# The API's own camelCase keys, which is why these are not the SDK's ...ArgsDict types: those are spelled in snake_case.
class VolumeMount(TypedDict):
    """The mount of a volume in a container."""

    name: str
    mountPath: str
    readOnly: NotRequired[bool]


class Volume(TypedDict):
    """A volume of a pod: a name, and one source."""

    name: str
    configMap: NotRequired[Manifest]
    emptyDir: NotRequired[Manifest]
    hostPath: NotRequired[Manifest]
    persistentVolumeClaim: NotRequired[Manifest]
    projected: NotRequired[Manifest]
    secret: NotRequired[Manifest]


class Container(TypedDict):
    """A container as every pod of a stack has it: pulled by immutable reference, limited and locked down."""

    name: str
    image: str
    imagePullPolicy: Literal["IfNotPresent"]
    args: NotRequired[list[str]]
    env: NotRequired[list[Manifest]]
    envFrom: NotRequired[list[Manifest]]
    workingDir: NotRequired[str]
    # Of an init container that stays.
    restartPolicy: NotRequired[Literal["Always"]]
    startupProbe: NotRequired[Manifest]
    readinessProbe: NotRequired[Manifest]
    livenessProbe: NotRequired[Manifest]
    terminationMessagePolicy: NotRequired[Literal["File", "FallbackToLogsOnError"]]
    resources: Manifest
    securityContext: Manifest
    volumeMounts: list[VolumeMount]


def one_pod_deployment(
    scope: Scope,
    labels: Mapping[str, str],
    rolled_by: Manifest,
    pod: Manifest,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """A Deployment of one pod, which is replaced only after the old one is gone.

    `labels` are the pod's besides those of the scope, `rolled_by` its annotations, `annotations` the Deployment's own.
    """
    return {
        "metadata": scope.metadata(scope.names.deployment, annotations),
        "spec": {
            "replicas": 1,
            # Two pods must never write one state, nor be one device: neither OpenClaw nor tailscaled locks its state against
            # another machine.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": {LABEL_INSTANCE: scope.names.id}},
            "template": {
                "metadata": {"labels": {**scope.labels, **labels}, "annotations": {**rolled_by, **_images(pod)}},
                "spec": pod,
            },
        },
    }


def _images(pod: Manifest) -> dict[str, str]:
    """The images again, as annotations: by them the admission guard sees that nobody changed one on its way to the pod."""
    containers: list[Container] = [*pod.get("initContainers", []), *pod["containers"]]
    return {f"{ANNOTATION_IMAGE}{container['name']}": container["image"] for container in containers}


def confined(grace_seconds: int) -> Manifest:
    """A pod's own fields: nothing of the node's, no token of the Kubernetes API, volumes for the group of USER."""
    return {
        "automountServiceAccountToken": False,
        # The variables would tell the agent's tools what else runs in the namespace.
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {
            "fsGroup": USER,
            # At every start: tailscaled's files are 0600 of the mode's own user, and changing the mode must not lock the
            # other user out of the device's identity.
            "fsGroupChangePolicy": "Always",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def locked_down(user: int, add: Sequence[str] = ()) -> Manifest:
    """A container's security context with nothing that is not asked for."""
    context: Manifest = {
        "runAsUser": user,
        "runAsGroup": user,
        "runAsNonRoot": user != 0,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if add:
        context["capabilities"]["add"] = list(add)
    return context


def limits(resources: Resources) -> Manifest:
    """A container's requests and limits (I9)."""
    return {
        "requests": {"cpu": resources.cpu_request, "memory": resources.memory_request},
        "limits": {"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    }


def heap_option(resources: Resources) -> str:
    """The option of Node.js that limits the heap: V8 ignores the container's limit, so it is told three quarters of it."""
    return f"--max-old-space-size={quantity_bytes(resources.memory_limit) * 3 // 4 // 2**20}"
