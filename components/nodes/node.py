"""One execution node: its key, and the material or the pod with which it joins."""

import shlex
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import names
from components.admission import AdmissionGuard
from components.manifest import register
from components.network import InstanceNetwork
from components.nodes import host, pod
from components.nodes.kind import Join
from components.nodes.kinds import kind_of
from components.sealed_key import SealedKey
from components.secrets import secret
from components.settings import AuthKey, Instance, Node, Settings
from components.storage import InstanceStorage
from components.tailnet.credentials import TaggedDevice, auth_key
from components.tailnet.tailnet import ManagedTailnet
from components.unexpected import explained


def key_of(node: Node, tailnet: ManagedTailnet | None) -> pulumi.Input[str] | None:
    """The one-off key of the node's machine, given or minted; None for a phone, whose person logs in."""
    if not kind_of(node).tagged:
        return None
    if node.auth_key.value is not None:
        return node.auth_key.value.get_secret_value()
    own = names.node(node.id)
    # A key for one machine: copied from the join material, it lets nobody else in once that machine has joined.
    once = AuthKey.model_construct(
        reusable=False, expiry_days=node.auth_key.expiry_days, rotation=node.auth_key.rotation
    )
    # Checked with the settings: without a tailnet of our own, it is given.
    return (
        auth_key(own.logical("authkey"), TaggedDevice(own.tag, own.id), once, tailnet.credential_opts)
        if tailnet
        else None
    )


class ExecutionNode(pulumi.ComponentResource):
    """A node of any kind. `summary` is what the stack exports of it."""

    join: pulumi.Output[str] | None
    """The text that joins its machine, a secret: user-data, a script or a guide; None for a pod, which joins by itself."""

    def __init__(
        self,
        node: Node,
        instance: Instance,
        settings: Settings,
        key: pulumi.Input[str] | None,
        gateway_secret: pulumi.Input[str],
        guard: AdmissionGuard,
        opts: pulumi.ResourceOptions,
    ) -> None:
        own = names.node(node.id, node.kubernetes.namespace, node.hostname)
        inputs = {"kind": node.kind, "gateway": node.gateway, "people": list(node.people)}
        super().__init__("openclaw:tailnet:Node", own.logical(), inputs, opts)
        self.summary = summary(node, instance, settings)
        self.join = None
        kind = kind_of(node)
        if kind.in_cluster and key is not None:
            self._pod(node, instance, settings, key, gateway_secret, guard)
        elif not kind.in_cluster:
            self.join = pulumi.Output.secret(
                pulumi.Output.all(key or "", gateway_secret).apply(
                    lambda parts: _material(Join(node, instance, settings, parts[0], parts[1]))
                )
            )
        self.register_outputs(self.summary)

    def _pod(
        self,
        node: Node,
        instance: Instance,
        settings: Settings,
        key: pulumi.Input[str],
        gateway_secret: pulumi.Input[str],
        guard: AdmissionGuard,
    ) -> None:
        own = names.node(node.id, node.kubernetes.namespace, node.hostname)
        labels = own.labels(names.stack(pulumi.get_stack()))
        side = pod.tailnet_side(node, own)
        guarded = pulumi.ResourceOptions(parent=self, depends_on=[guard])
        storage = InstanceStorage(own.logical("storage"), own, labels, side, guarded)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[storage])
        network = InstanceNetwork(own.logical("network"), own, labels, side, settings.cluster, inside)
        token = secret(own.logical("gateway-token"), own.namespace, labels, {"token": gateway_secret}, inside)
        sealed = SealedKey(own.logical("sealed-key"), own, labels, key, inside)
        sources = pod.Sources(token.name, sealed.kek_secret, sealed.sealed_secret, uids=[token.uid, *sealed.uids])
        register(
            k8s.apps.v1.Deployment,
            own.logical("host"),
            pod.deployment(own, labels, node, instance, settings, sources),
            pulumi.ResourceOptions(parent=self, depends_on=[storage, network, guard]),
        )


@explained()
def _material(join: Join) -> str:
    return kind_of(join.node).join_material(join)


def summary(node: Node, instance: Instance, settings: Settings) -> dict[str, Any]:
    """The stack's output about a node; nothing of it is secret."""
    own = names.node(node.id, node.kubernetes.namespace, node.hostname)
    gateway = names.of(instance.id, instance.namespace, instance.tailscale.hostname)
    inside = shlex.join(
        ["kubectl", "--namespace", gateway.namespace, "exec", f"deployment/{gateway.deployment}", "--", "openclaw"]
    )
    made: dict[str, Any] = {
        "kind": node.kind,
        "gateway": host.gateway_name(instance, settings),
        "approve": f"{inside} devices list && {inside} nodes pending",
    }
    kind = kind_of(node)
    if kind.tagged:
        made |= {"hostname": own.hostname, "tag": own.tag}
    if kind.in_cluster:
        made["namespace"] = own.namespace
    return made
