"""The scope of an object: one instance, or one execution node, of one stack."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.manifest import Manifest, metadata
from components.names import Names


@dataclass(frozen=True)
class Scope:
    """The names of one instance or node, and the stack's name, as labels have it. Everything of it is declared in here."""

    names: Names
    stack: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels on everything of it."""
        return self.names.labels(self.stack)

    def logical(self, part: str = "") -> str:
        """The Pulumi name of one of its resources."""
        return self.names.logical(part)

    def metadata(self, name: pulumi.Input[str], annotations: Mapping[str, str] | None = None) -> Manifest:
        """Metadata of an object in its namespace."""
        return metadata(self.names.namespace, self.labels, name, annotations)
