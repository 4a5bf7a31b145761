"""Every name, tag and label of an instance or an execution node, from one function (I12)."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from components.constants import LABEL_INSTANCE, LABEL_STACK

# Of all tags that a stack gives; nobody else should.
TAG_PREFIX: Final = "tag:openclaw-"


@dataclass(frozen=True)
class Names:
    """The names of one instance, or of one node. `logical` prefixes its Pulumi resource names."""

    id: str
    namespace: str
    hostname: str

    # Inside the instance's own namespace: the same for all instances.
    deployment: str = "openclaw"
    home_claim: str = "gateway-home"
    tailnet_claim: str = "tailnet-state"

    @property
    def tag(self) -> str:
        """The tailnet tag of the instance's device."""
        return f"{TAG_PREFIX}{self.id}"

    @property
    def seal_subject(self) -> str:
        """The subject that a sealed key is bound to: a ciphertext of another instance must not open here."""
        return f"{self.namespace}/{self.id}"

    @property
    def token_subject(self) -> str:
        """The subject of a service-account token of the instance's pod: the pod runs as the namespace's default account."""
        return f"system:serviceaccount:{self.namespace}:default"

    def logical(self, part: str = "") -> str:
        """The Pulumi name of one of the instance's resources."""
        return f"{self.id}-{part}" if part else self.id

    def labels(self, stack: str) -> dict[str, str]:
        """Labels on everything of the instance; `openclaw-tailnet/instance` selects its pods."""
        return {
            "app.kubernetes.io/name": "openclaw",
            "app.kubernetes.io/managed-by": "pulumi",
            LABEL_STACK: stack,
            LABEL_INSTANCE: self.id,
        }


def of(instance_id: str, namespace: str | None = None, hostname: str | None = None) -> Names:
    """The names of the instance `instance_id`; namespace and hostname may be chosen by the stack."""
    default = f"openclaw-{instance_id}"
    return Names(instance_id, namespace or default, hostname or default)


def node(node_id: str, namespace: str | None = None, hostname: str | None = None) -> Names:
    """The names of the execution node `node_id`: those of an instance called `node-<id>`, which therefore cannot be."""
    return of(f"node-{node_id}", namespace, hostname)


def stack(name: str) -> str:
    """A stack's name as Kubernetes takes it in names and labels; Pulumi allows capitals, `_`, `.` and 100 characters."""
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", name):
        return name
    # Two stacks never share one: what is lost in spelling comes back as a hash.
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:31].rstrip("-") or "stack"
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def guard(stack: str) -> str:
    """The name of the admission guard: it is cluster-wide, so each stack has its own."""
    return f"openclaw-tailnet-{stack}"
