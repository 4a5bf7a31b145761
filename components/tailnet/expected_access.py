"""The access that the settings ask for, device by device: every policy is judged by it (I7)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.settings import Settings
from components.tailnet.evaluator import Device, Network, User
from components.tailnet.evaluator.services import TCP, Service
from components.tailnet.node_policy import tag_of_node, tagged
from components.tailnet.policy import tag_of


@dataclass(frozen=True)
class ExpectedAccess:
    """These sources, and nobody else, reach these services of a tag. `path`: where the sources are listed.

    `title` is the device's name for people; `gateway` the instance that it is, or works for; `services` are by source.
    """

    tag: str
    title: str
    gateway: str
    path: str
    services: Mapping[str, Sequence[Service]]


def expected_access(settings: Settings) -> Iterator[ExpectedAccess]:
    """Every device of the stack that carries a tag."""
    nodes = tagged(settings)
    for index, instance in enumerate(settings.instances):
        node_tags = [tag_of_node(node) for node in nodes if node.gateway == instance.id]
        sidecar = instance.tailscale
        opened = [_tcp(port) for port in sidecar.opened_ports]
        # A node needs the gateway, and no portal.
        services = {**dict.fromkeys(instance.people, opened), **dict.fromkeys(node_tags, opened[:1])}
        title, path = f"gateway {instance.id}", f"instances[{index}].people"
        yield ExpectedAccess(tag_of(instance), title, instance.id, path, services if sidecar.enabled else {})
    for index, node in enumerate(settings.nodes):
        if node in nodes:
            ports = dict.fromkeys(node.people, tuple(_tcp(port) for port in sorted({*node.ports})))
            title = f"node {node.id}"
            yield ExpectedAccess(tag_of_node(node), title, node.gateway, f"nodes[{index}].people", ports)


def known_people(settings: Settings, joined: Sequence[Device] = ()) -> Network:
    """Everybody whom the settings name: a test may name somebody whom no grant names. Without devices of the stack's,
    which may not be there yet; `joined` only say whose an address is."""
    entries = (*settings.instances, *settings.nodes)
    named = [person for entry in entries for person in entry.people if "@" in person]
    members = [login for group in settings.tailnet.groups.values() for login in group]
    return Network(users=[User(login) for login in dict.fromkeys([*named, *members])], joined=joined)


def _tcp(port: int) -> Service:
    return Service(frozenset({TCP}), port, port)
