"""A pod as a node: the checks of its settings. Its manifests are in pod.py."""

from collections.abc import Iterator

from components.nodes.kind import Join, NodeKind, Surroundings
from components.settings.checks import NODE_MINIMUM, SIDECAR_MINIMUM, digest, egress, namespace, resources
from components.settings.errors import Problem
from components.settings.nodes import Node
from components.settings.placement_checks import placement


class Kubernetes(NodeKind):
    """A pod in the gateway's cluster. Nothing listens in it, so nobody connects to it."""

    name = "kubernetes"
    keys = frozenset({"hostname", "authKey", "commands", "kubernetes"})
    in_cluster = True

    def problems(self, path: str, node: Node, around: Surroundings) -> Iterator[Problem]:
        """Places and sizes that a pod cannot have, and images of its own without a digest where one is asked for."""
        pod, where = node.kubernetes, f"{path}.kubernetes"
        yield from namespace(f"{where}.namespace", node.names.namespace, around.cluster)
        yield from resources(f"{where}.resources", pod.resources, NODE_MINIMUM)
        yield from resources(f"{where}.sidecarResources", pod.sidecar_resources, SIDECAR_MINIMUM)
        yield from egress(f"{where}.extraEgress", pod.extra_egress)
        yield from placement(f"{where}.pod", pod.pod, pod.extra_egress)
        if around.images and around.images.require_digest:
            # The gateway's image, where it has none of its own, is reported there.
            for key, image in {"image": pod.image, "sidecarImage": pod.sidecar_image}.items():
                if image:
                    yield from digest(f"{where}.{key}", image)

    def join_material(self, join: Join) -> str:
        """None: its pod joins with the sealed key."""
        return ""
