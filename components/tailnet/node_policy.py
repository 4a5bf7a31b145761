"""Execution nodes in the tailnet policy: a node reaches its gateway's served port, and listed people reach the node (I7)."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from components.constants import CLOSED_PORTS
from components.nodes.kinds import kind_of
from components.settings import Instance, Node, Settings
from components.tailnet.model import Grant, PolicyTest

T = TypeVar("T")

# How many gateways and nodes a node's tests try in vain; as for gateways, linear beyond.
OTHERS = 8


def tagged(settings: Settings) -> list[Node]:
    """The nodes whose device carries a tag. A phone stays its person's device: what its person may do, it may."""
    return [node for node in settings.nodes if kind_of(node).tagged]


def tag_of_node(node: Node) -> str:
    """The tag of the node's device."""
    return node.names.tag


def gateway_of(node: Node, settings: Settings) -> Instance:
    """The instance whose commands the node runs."""
    return next(instance for instance in settings.instances if instance.id == node.gateway)


def node_grants(settings: Settings) -> Iterator[Grant]:
    """Grants from each node to its gateway, and from its people to the node."""
    for node in tagged(settings):
        gateway = gateway_of(node, settings)
        tag, served = tag_of_node(node), f"tcp:{gateway.tailscale.served_port}"
        yield Grant([tag], [gateway.names.tag], [served], why=f"node {node.id}: it reaches its gateway.")
        if node.people:
            ports = [f"tcp:{port}" for port in sorted(set(node.ports))]
            yield Grant(node.people, [tag], ports, why=f"node {node.id}: its people reach the machine.")


def node_tests(settings: Settings) -> Iterator[PolicyTest]:
    """Policy tests of each node."""
    nodes = tagged(settings)
    for node in nodes:
        gateway = gateway_of(node, settings)
        others = _after(node, nodes)
        gateways = [other for other in _after(gateway, settings.instances) if other is not gateway]
        yield _outward(node, gateway, gateways, others)
        yield from _inward(node, [gateway, *gateways], others)


def _outward(node: Node, gateway: Instance, gateways: Sequence[Instance], others: Sequence[Node]) -> PolicyTest:
    served, closed = gateway.tailscale.served_port, CLOSED_PORTS
    tag = gateway.names.tag
    return PolicyTest(
        tag_of_node(node),
        accept=[f"{tag}:{served}"],
        deny=[
            *(f"{tag}:{port}" for port in closed if port != served),
            *(f"{tag}:{port}" for port in sorted(gateway.tailscale.portals)),
            *(f"{other.names.tag}:{other.tailscale.served_port}" for other in gateways),
            *(target for other in (node, *others) for target in _targets(other)),
        ],
        why=f"node {node.id}: it reaches port {served} of its gateway, and nothing else.",
    )


def _inward(node: Node, gateways: Sequence[Instance], others: Sequence[Node]) -> Iterator[PolicyTest]:
    tag, opened = tag_of_node(node), set(node.ports)
    for person in node.people:
        yield PolicyTest(
            person,
            accept=[f"{tag}:{port}" for port in sorted(opened)],
            deny=[f"{tag}:{port}" for port in sorted({*CLOSED_PORTS} - opened)],
            why=f"node {node.id}: its people reach its ports {', '.join(map(str, sorted(opened)))}, and no other.",
        )
    # Who is in a group cannot be told from its name: it may hold somebody of the gateway's.
    by_name = not any(person.startswith("group:") for person in node.people)
    listed = {person.lower() for person in node.people}
    strangers = dict.fromkeys(
        person
        for other in (*gateways, *others)
        for person in other.people
        if by_name and person.lower() not in listed and not person.startswith("group:")
    )
    for source in (*strangers, *(other.names.tag for other in gateways)):
        yield PolicyTest(source, deny=_targets(node), why=f"node {node.id}: nobody else reaches it, no gateway either.")


def _targets(node: Node) -> list[str]:
    """The ports that somebody might try on a node."""
    return [f"{tag_of_node(node)}:{port}" for port in sorted({*CLOSED_PORTS, *node.ports})]


def _after(one: T, everyone: Sequence[T]) -> list[T]:
    """The next ones after this one, in a ring."""
    place = everyone.index(one)
    return [*everyone[place + 1 :], *everyone[:place]][:OTHERS]
