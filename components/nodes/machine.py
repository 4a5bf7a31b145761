"""A machine of somebody's as a node: what Linux machines and Macs have in common."""

from collections.abc import Iterator

from components.nodes.kind import NodeKind, Surroundings
from components.settings.errors import Problem
from components.settings.images import openclaw_version
from components.settings.nodes import Node


class Machine(NodeKind):
    """A machine that installs OpenClaw itself, in the gateway's version; listed people may connect to its ports."""

    keys = frozenset({"people", "ports", "hostname", "authKey", "commands", "browser"})

    def problems(self, path: str, node: Node, around: Surroundings) -> Iterator[Problem]:
        """Ports for nobody, and images that tell no version to install."""
        if "ports" in node.model_fields_set and not node.people:
            yield Problem(f"{path}.ports", "has no effect, because people is empty. List people, or remove ports.")
        # An older or a newer node may not understand its gateway.
        if (image := around.gateway_image) and openclaw_version(image[1]) is None:
            yield Problem(
                image[0],
                f"has no tag that says which version {path} should install. Write a version, with at most -slim, -browser "
                "or a date such as -r20260820, before any digest, such as :2026.9.6.",
            )


def version_of(image: str, version: str | None) -> str:
    """The version in an image's tag, which is there for all settings that validated."""
    if version is None:
        raise ValueError(f"{image} tells no version")
    return version
