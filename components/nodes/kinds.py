"""All kinds of execution nodes, by name."""

from collections.abc import Mapping
from typing import Final

from components.nodes.kind import NodeKind
from components.nodes.kubernetes import Kubernetes
from components.nodes.linux import Linux
from components.nodes.mac import Mac
from components.nodes.mobile import Mobile
from components.settings.nodes import Node

KINDS: Final[Mapping[str, NodeKind]] = {kind.name: kind for kind in (Linux(), Kubernetes(), Mac(), Mobile())}
# Keys that have a meaning for some kinds only.
KEYS: Final = frozenset[str]().union(*(kind.keys for kind in KINDS.values()))


def kind_of(node: Node) -> NodeKind:
    """The node's kind; the settings know no other."""
    return KINDS[node.kind]
