"""A pod as a node: OpenClaw's node host beside a sidecar of its own, which takes it into the tailnet and nothing in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from components import sealed_key, sidecar
from components.constants import (
    ENROL_CONTAINER,
    LABEL_SIDECAR,
    NODE_CONTAINER,
    VOLUME_HOME,
    VOLUME_TMP,
)
from components.manifest import Manifest, env, rolled_by
from components.names import Names
from components.nodes import host
from components.placement import Authorities, placed
from components.pods import HOME, USER, Container, confined, heap_option, limits, locked_down, one_pod_deployment
from components.scope import Scope
from components.settings import Instance, Node, Settings, Sidecar

# Where the sidecar is a proxy: the node host needs no route, no DNS and no device of the tailnet for it.
PROXY: Final = "127.0.0.1:1055"
MARKER: Final = f"{HOME}/.openclaw-enrolled"
# What runs at the moment may take so long to end.
GRACE_SECONDS: Final = 60


@dataclass(frozen=True)
class Sources:
    """Names of the objects that the pod reads, and their uids."""

    token: pulumi.Input[str]
    kek: pulumi.Input[str]
    sealed_key: pulumi.Input[str]
    authorities: Authorities | None = None
    uids: Sequence[pulumi.Input[str]] = ()


def node_sidecar(node: Node) -> Sidecar:
    """The sidecar of the node's pod, which serves nothing.

    Userspace: it needs no capability and no device, and what it would forward to loopback nobody may connect to (I7).
    """
    return Sidecar(mode="userspace", hostname=node.hostname, resources=node.kubernetes.sidecar_resources)


def deployment(scope: Scope, node: Node, instance: Instance, settings: Settings, sources: Sources) -> Manifest:
    """The Deployment. Pure but for the names in `sources`, which may be Outputs."""
    ours = one_pod_deployment(
        scope,
        {LABEL_SIDECAR: "true"},
        rolled_by(sources.uids),
        _pod(scope.names, node, instance, settings, sources),
        # It is ready once somebody has approved it, and `pulumi up` does not wait for people.
        {"pulumi.com/skipAwait": "true"},
    )
    return placed(ours, node.kubernetes.pod, sources.authorities)


def _pod(names: Names, node: Node, instance: Instance, settings: Settings, sources: Sources) -> Manifest:
    pod = node.kubernetes
    side = node_sidecar(node)
    image = pod.image or instance.gateway.image or settings.images.gateway
    return {
        **confined(GRACE_SECONDS),
        "initContainers": [
            sealed_key.container(image, names.seal_subject),
            sidecar.container(
                names, side, settings.tailnet, pod.sidecar_image or settings.images.tailscale, proxy=PROXY
            ),
            _enrol(node, instance, settings, image, sources),
        ],
        "containers": [_host(node, instance, settings, image)],
        "volumes": [
            {"name": VOLUME_HOME, "persistentVolumeClaim": {"claimName": names.home_claim}},
            {"name": VOLUME_TMP, "emptyDir": {}},
            *sidecar.volumes(side, None, names.tailnet_claim),
            *sealed_key.volumes(sources.kek, sources.sealed_key),
        ],
    }


def _enrol(node: Node, instance: Instance, settings: Settings, image: str, sources: Sources) -> Container:
    """Waits until the node is approved. Only here is the gateway's secret, and no command runs here."""
    command = _command(node, instance, settings)
    token: Manifest = {"secretKeyRef": {"name": sources.token, "key": "token"}}
    return {
        **_container(ENROL_CONTAINER, node, instance, image),
        "args": ["node", "--input-type=module", "--eval", host.ENROL_SCRIPT, "--", MARKER, "-", *command],
        "env": [*env(_environment(node, instance)), {"name": host.secret_name(instance), "valueFrom": token}],
    }


def _host(node: Node, instance: Instance, settings: Settings, image: str) -> Container:
    # No probe: nothing listens, and it ends when it can do nothing more.
    return {**_container(NODE_CONTAINER, node, instance, image), "args": _command(node, instance, settings)}


def _command(node: Node, instance: Instance, settings: Settings) -> list[str]:
    return ["node", "/app/openclaw.mjs", *host.arguments(node, instance, settings)]


def _environment(node: Node, instance: Instance) -> dict[str, str]:
    return {
        **host.environment(HOME, instance),
        # Its own traffic, and by the usual variables that of its commands.
        "OPENCLAW_PROXY_URL": f"http://{PROXY}",
        "NODE_OPTIONS": heap_option(node.kubernetes.resources),
    }


def _container(name: str, node: Node, instance: Instance, image: str) -> Container:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "workingDir": HOME,
        "env": env(_environment(node, instance)),
        "resources": limits(node.kubernetes.resources),
        "securityContext": locked_down(USER),
        "volumeMounts": [
            {"name": VOLUME_HOME, "mountPath": HOME},
            {"name": VOLUME_TMP, "mountPath": "/tmp"},
        ],
    }
