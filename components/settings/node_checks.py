"""Checks of execution nodes together with their gateways, and with each other."""

from collections.abc import Iterator, Mapping

from components.nodes.kind import Surroundings
from components.nodes.kinds import KEYS, kind_of
from components.settings.checks import people
from components.settings.credential_checks import given_key
from components.settings.errors import Problem
from components.settings.models import Cluster, Images, Instance, Tailnet
from components.settings.nodes import BROWSER, Node
from components.settings.vocabulary import nearest


def check_nodes(
    tailnet: Tailnet | None,
    cluster: Cluster | None,
    images: Images | None,
    instances: Mapping[int, Instance],
    nodes: Mapping[int, Node],
    known: frozenset[object],
) -> Iterator[Problem]:
    """Problems between nodes and what is around them. `known`: ids of instances, also of those with mistakes."""
    yield from _shared_names(instances, nodes)
    by_id = {instance.id: (index, instance) for index, instance in instances.items()}
    for number, node in nodes.items():
        path, kind = f"nodes[{number}]", kind_of(node)
        given = {Node.model_fields[name].alias or name for name in node.model_fields_set}
        for key in sorted((given & KEYS) - kind.keys):
            yield Problem(f"{path}.{key}", f'has no effect on a node of kind "{node.kind}". Remove it.')
        if node.gateway not in known:
            close = nearest(node.gateway, [one for one in known if isinstance(one, str)])
            hint = f"Did you mean {close}?" if close in by_id else "Name one, or add it to instances."
            yield Problem(f"{path}.gateway", f"is not the id of an instance. {hint}")
        index, gateway = by_id.get(node.gateway, (0, None))
        if gateway:
            yield from _gateway(path, node, index, gateway)
            if "commands" in kind.keys:
                yield from _denied(path, node, index, gateway)
        if "commands" in kind.keys:
            yield from _browser(path, node, nodes)
        if tailnet:
            yield from people(f"{path}.people", node.people, tailnet)
            yield from given_key(f"{path}.authKey", node.auth_key, tailnet, kind.tagged)
        yield from kind.problems(path, node, Surroundings(gateway, f"instances[{index}]", cluster, images))


def _shared_names(instances: Mapping[int, Instance], nodes: Mapping[int, Node]) -> Iterator[Problem]:
    names_by_path = {f"instances[{index}]": instance.names for index, instance in instances.items()}
    for number, node in nodes.items():
        path, names = f"nodes[{number}]", node.names
        for other, theirs in names_by_path.items():
            # One mistake is one line: the same id also makes the same hostname and namespace.
            if names.id == theirs.id:
                shown = f'"{node.id}" is that of' if other.startswith("nodes") else f'"{node.id}" makes the names of'
                yield Problem(f"{path}.id", f"{shown} {other}. Give each node its own id.")
                break
            if kind_of(node).tagged and names.hostname == theirs.hostname:
                yield Problem(
                    f"{path}.hostname",
                    f'"{names.hostname}" is that of {other}. Two devices never share a name: choose another.',
                )
            if kind_of(node).in_cluster and names.namespace == theirs.namespace:
                yield Problem(
                    f"{path}.kubernetes.namespace",
                    f'"{names.namespace}" is that of {other}. A node has a namespace of its own: choose another.',
                )
        names_by_path[path] = names


def _gateway(path: str, node: Node, index: int, instance: Instance) -> Iterator[Problem]:
    where = f"{path}.gateway"
    if not instance.tailscale.enabled:
        yield Problem(
            where, f'"{node.gateway}" has Tailscale disabled, so no node reaches it. Enable it, or remove the node.'
        )
    if instance.gateway.auth.mode == "identity":
        yield Problem(
            where,
            f'"{node.gateway}" has auth mode "identity", in which no node can pair: a tagged device '
            'has no user. Use "token" or "password".',
        )


def _browser(path: str, node: Node, nodes: Mapping[int, Node]) -> Iterator[Problem]:
    """A browser beside a shell, without its setting, or beside another one for the same gateway."""
    if node.browser and "commands" in node.model_fields_set:
        yield Problem(
            f"{path}.commands",
            "would get past browser.profiles: a command reads every profile of the machine. Remove it, or give the commands a "
            "node of their own.",
        )
    for number, command in enumerate(node.commands):
        if command == BROWSER or command.startswith(f"{BROWSER}."):
            yield Problem(
                f"{path}.commands[{number}]",
                "would offer every profile of the browser. Remove it, and use browser on a node of kind linux or mac.",
            )
    if node.browser:
        first = next(place for place, other in nodes.items() if other.browser and other.gateway == node.gateway)
        if nodes[first] is not node:
            yield Problem(
                f"{path}.browser",
                f'is the second one for "{node.gateway}", after nodes[{first}]: the agent would have to guess. Remove one of them.',
            )


def _denied(path: str, node: Node, index: int, instance: Instance) -> Iterator[Problem]:
    """Commands that the node offers and its gateway denies."""
    for number, command in enumerate(node.offered):
        if command in instance.gateway.nodes.commands.deny:
            yield Problem(
                f"{path}.browser" if node.browser else f"{path}.commands[{number}]",
                f'"{command}" is denied by instances[{index}].gateway.nodes.commands.deny. Remove one of the two.',
            )
