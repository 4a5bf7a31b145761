"""What only shows when execution nodes are seen together with their gateways, and with each other."""

from collections.abc import Iterator, Mapping

from components import names
from components.settings.checks import NODE_MINIMUM, SIDECAR_MINIMUM, digest, egress, namespace, resources
from components.settings.credential_checks import given_key
from components.settings.errors import Problem
from components.settings.images import openclaw_version, tailscale_version
from components.settings.models import Cluster, Images, Instance, Tailnet
from components.settings.nodes import Node
from components.settings.vocabulary import nearest

# What of a node has a meaning for each kind; the other keys are refused there, lest somebody relies on them.
_KEYS = {
    "linux": {"people", "ports", "hostname", "authKey", "commands"},
    "mac": {"people", "ports", "hostname", "authKey", "commands"},
    # Nothing listens in its pod.
    "kubernetes": {"hostname", "authKey", "commands", "kubernetes"},
    # A phone stays its person's device, and its app says itself what it can do.
    "mobile": set[str](),
}
_OF_KINDS = {"people", "ports", "hostname", "authKey", "commands", "kubernetes"}


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
        path = f"nodes[{number}]"
        yield from _keys(path, node)
        if node.gateway not in known:
            close = nearest(node.gateway, [one for one in known if isinstance(one, str)])
            hint = f"Did you mean {close}?" if close in by_id else "Name one, or add it to instances."
            yield Problem(f"{path}.gateway", f"is not the id of an instance. {hint}")
        if node.gateway in by_id:
            yield from _gateway(path, node, *by_id[node.gateway])
        if tailnet:
            yield from _tailnet(path, node, tailnet)
        if node.kind == "kubernetes":
            yield from _pod(f"{path}.kubernetes", node, cluster)
        if images and node.gateway in by_id:
            yield from _versions(path, node, *by_id[node.gateway], images)


def _pod(path: str, node: Node, cluster: Cluster | None) -> Iterator[Problem]:
    own = node.kubernetes
    yield from namespace(f"{path}.namespace", names.node(node.id, own.namespace).namespace, cluster)
    yield from resources(f"{path}.resources", own.resources, NODE_MINIMUM)
    yield from resources(f"{path}.sidecarResources", own.sidecar_resources, SIDECAR_MINIMUM)
    yield from egress(f"{path}.extraEgress", own.extra_egress)


def _shared_names(instances: Mapping[int, Instance], nodes: Mapping[int, Node]) -> Iterator[Problem]:
    made = {
        f"instances[{index}]": names.of(instance.id, instance.namespace, instance.tailscale.hostname)
        for index, instance in instances.items()
    }
    for number, node in nodes.items():
        path, own = f"nodes[{number}]", names.node(node.id, node.kubernetes.namespace, node.hostname)
        for other, theirs in made.items():
            # One mistake is one line: the same id also makes the same hostname and namespace.
            if own.id == theirs.id:
                shown = f'"{node.id}" is that of' if other.startswith("nodes") else f'"{node.id}" makes the names of'
                yield Problem(f"{path}.id", f"{shown} {other}. Give each node its own id.")
                break
            if node.kind != "mobile" and own.hostname == theirs.hostname:
                yield Problem(
                    f"{path}.hostname",
                    f'"{own.hostname}" is that of {other}. Two devices never share a name: choose another.',
                )
            if node.kind == "kubernetes" and own.namespace == theirs.namespace:
                yield Problem(
                    f"{path}.kubernetes.namespace",
                    f'"{own.namespace}" is that of {other}. A node has a namespace of its own: choose another.',
                )
        made[path] = own


def _keys(path: str, node: Node) -> Iterator[Problem]:
    given = {Node.model_fields[name].alias or name for name in node.model_fields_set}
    for key in sorted((given & _OF_KINDS) - _KEYS[node.kind]):
        yield Problem(f"{path}.{key}", f'means nothing for a node of kind "{node.kind}". Remove it.')
    if "ports" in given and not node.people and node.kind in ("linux", "mac"):
        yield Problem(f"{path}.ports", "opens nothing, because people lists nobody. List them, or remove ports.")


def _gateway(path: str, node: Node, index: int, instance: Instance) -> Iterator[Problem]:
    where = f"{path}.gateway"
    sidecar, nodes = instance.tailscale, instance.gateway.nodes
    if not sidecar.enabled:
        yield Problem(
            where, f'"{node.gateway}" has Tailscale disabled, so no node reaches it. Enable it, or remove the node.'
        )
    if instance.gateway.auth.mode == "identity":
        yield Problem(
            where,
            f'"{node.gateway}" has auth mode "identity", in which no node can pair: nobody is logged in on a tagged '
            'device. Use "token" or "password".',
        )
    if node.kind == "mobile" and sidecar.reach != "https":
        yield Problem(
            where, f'"{node.gateway}" has reach "{sidecar.reach}": the apps take a pairing code for https only. Use it.'
        )
    for number, command in enumerate(node.commands if node.kind != "mobile" else ()):
        if command in nodes.commands.deny:
            yield Problem(
                f"{path}.commands[{number}]",
                f'"{command}" is denied by instances[{index}].gateway.nodes.commands.deny. Remove one of the two.',
            )


def _tailnet(path: str, node: Node, tailnet: Tailnet) -> Iterator[Problem]:
    for number, person in enumerate(node.people):
        if person.startswith("group:") and tailnet.ownership == "owned" and person not in tailnet.groups:
            yield Problem(f"{path}.people[{number}]", f'"{person}" is not a group of tailnet.groups. Add it there.')
    yield from given_key(f"{path}.authKey", node.auth_key, tailnet, node.kind != "mobile")


def _versions(path: str, node: Node, index: int, instance: Instance, images: Images) -> Iterator[Problem]:
    if images.require_digest and node.kind == "kubernetes":
        # What is not the node's own is its gateway's, and reported there.
        own = {"image": node.kubernetes.image, "sidecarImage": node.kubernetes.sidecar_image}
        for key, image in own.items():
            if image:
                yield from digest(f"{path}.kubernetes.{key}", image)
    if node.kind in ("linux", "mac"):
        # The machine gets the gateway's version: an older or a newer one may not understand the other.
        where = f"instances[{index}].gateway.image" if instance.gateway.image else "images.gateway"
        if openclaw_version(instance.gateway.image or images.gateway) is None:
            yield Problem(
                where,
                f"has no tag that tells which version {path} is to install. Write a version, with -slim, -browser or a "
                "date such as -r20260820 at most, before any digest, such as :2026.9.6.",
            )
        if node.kind == "linux" and tailscale_version(images.tailscale) is None:
            yield Problem(
                "images.tailscale",
                f"has no tag that tells which version {path} is to install. Write one that is out, before any digest, such "
                "as :v1.102.3.",
            )
