"""What a destroy would remove and keep, from a state."""

from pathlib import Path
from typing import Any

from engine.directory import StackDirectory
from gitops.destroy_check import destroy_check, lines


class Told(StackDirectory):
    """A stack with a state."""

    def resources(self) -> list[dict[str, Any]]:
        def one(type: str, name: str, **fields: Any) -> dict[str, Any]:
            return {"type": type, "urn": f"urn:pulumi:s::p::{type}::{name}", **fields}

        return [
            one("pulumi:pulumi:Stack", "p-s"),
            one("openclaw:tailnet:Topology", "topology"),
            one("kubernetes:apps/v1:Deployment", "home-gateway"),
            one("kubernetes:core/v1:PersistentVolumeClaim", "home-tailnet-state", retainOnDelete=True),
            one("tailscale:index/acl:Acl", "policy", protect=True, retainOnDelete=True),
        ]


def test_each_resource_is_removed_kept_or_protected() -> None:
    assert [*lines(destroy_check(Told(Path(), "s")))] == [
        "A destroy is refused while these are protected:",
        "  the tailnet's policy",
        "Stays in the cluster, with its data:",
        "  PersistentVolumeClaim home-tailnet-state",
        "Is removed:",
        "  Deployment home-gateway",
    ]
