"""The interface of a kind of execution node: its keys, its device, the checks of its settings and its join material."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from components.settings.errors import Problem
from components.settings.models import Cluster, Images, Instance
from components.settings.nodes import Node
from components.settings.stack import Settings


@dataclass(frozen=True)
class Surroundings:
    """The settings around a node, as far as they validated; `gateway` is its instance, at `gateway_path`."""

    gateway: Instance | None
    gateway_path: str
    cluster: Cluster | None
    images: Images | None

    @property
    def gateway_image(self) -> tuple[str, str] | None:
        """Path and reference of the gateway's image."""
        if self.gateway is None:
            return None
        if self.gateway.gateway.image:
            return f"{self.gateway_path}.gateway.image", self.gateway.gateway.image
        return ("images.gateway", self.images.gateway) if self.images else None


@dataclass(frozen=True)
class Join:
    """One node with all that joins its machine: the key that lets it into the tailnet, and the gateway's own secret."""

    node: Node
    instance: Instance
    settings: Settings
    auth_key: str = ""
    gateway_secret: str = ""


class NodeKind(ABC):
    """A kind of execution node. A new one is a module with a subclass, an entry in kinds.py, and its name in the settings."""

    name: ClassVar[str]
    keys: ClassVar[frozenset[str]]
    """The optional keys of a node that have a meaning; the others are refused, lest somebody relies on them."""
    tagged: ClassVar[bool] = True
    """Its device carries a tag of the stack, and joins with a key of its own."""
    in_cluster: ClassVar[bool] = False
    """It is a pod, with a namespace and volumes, and joins by itself."""

    def problems(self, path: str, node: Node, around: Surroundings) -> Iterator[Problem]:
        """Settings of the node at `path` that cannot work for this kind."""
        yield from ()

    @abstractmethod
    def join_material(self, join: Join) -> str:
        """The text that joins its machine, secrets included; empty for one that joins by itself. Pure."""
