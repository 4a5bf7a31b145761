"""One execution node: its key, and the material or the pod with which it joins."""

import shlex
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.admission import AdmissionGuard
from components.manifest import register
from components.network import InstanceNetwork, NetworkArgs
from components.nodes import host, pod
from components.nodes.kind import Join
from components.nodes.kinds import kind_of
from components.outputs import NodeOutput
from components.placement import authorities
from components.scope import Scope
from components.sealed_key import SealedKey, SealedKeyArgs
from components.secrets import secret
from components.settings import AuthKey, Instance, Node, Settings
from components.storage import InstanceStorage, StorageArgs
from components.tailnet.credentials import TaggedDevice, auth_key
from components.tailnet.tailnet import ManagedTailnet
from components.unexpected import explained


def key_of(node: Node, tailnet: ManagedTailnet | None) -> pulumi.Input[str] | None:
    """The one-off key of the node's machine, given or minted; None for a phone, whose person logs in."""
    if not kind_of(node).tagged:
        return None
    if node.auth_key.value is not None:
        return node.auth_key.value.get_secret_value()
    names = node.names
    # A key for one machine: copied from the join material, it lets nobody else in once that machine has joined.
    once = AuthKey.model_construct(
        reusable=False, expiry_days=node.auth_key.expiry_days, rotation=node.auth_key.rotation
    )
    # Checked with the settings: without a tailnet of our own, it is given.
    return (
        auth_key(names.logical("authkey"), TaggedDevice(names.tag, names.id), once, tailnet.credential_opts)
        if tailnet
        else None
    )


@dataclass(frozen=True)
class ExecutionNodeArgs:
    """One node, the instance that it works for, and the secrets of both: the key with which its machine joins the tailnet
    (None for a phone), and the gateway's own.
    """

    node: Node
    instance: Instance
    settings: Settings
    stack: str
    key: pulumi.Input[str] | None
    gateway_secret: pulumi.Input[str]
    guard: AdmissionGuard

    @property
    def scope(self) -> Scope:
        return Scope(self.node.names, self.stack)


class ExecutionNode(pulumi.ComponentResource):
    """A node of any kind. `summary` is the stack's output about it."""

    join: pulumi.Output[str] | None
    """The text that joins its machine, a secret: user-data, a script or a guide; None for a pod, which joins by itself."""

    def __init__(self, name: str, args: ExecutionNodeArgs, opts: pulumi.ResourceOptions) -> None:
        node = args.node
        inputs = {"kind": node.kind, "gateway": node.gateway, "people": list(node.people)}
        super().__init__("openclaw:tailnet:Node", name, inputs, opts)
        self.summary = summary(node, args.instance, args.settings)
        self.join = None
        kind = kind_of(node)
        if kind.in_cluster and args.key is not None:
            self._pod(args, args.key)
        elif not kind.in_cluster:
            self.join = pulumi.Output.secret(
                pulumi.Output.all(args.key or "", args.gateway_secret).apply(
                    lambda parts: _material(Join(node, args.instance, args.settings, parts[0], parts[1]))
                )
            )
        self.register_outputs({**self.summary})

    def _pod(self, args: ExecutionNodeArgs, key: pulumi.Input[str]) -> None:
        scope, kubernetes, cluster = args.scope, args.node.kubernetes, args.settings.cluster
        # After the guard: it keeps this stack from adopting a namespace that is not its own.
        guarded = pulumi.ResourceOptions(parent=self, depends_on=[args.guard])
        storage = InstanceStorage(scope.logical("storage"), StorageArgs(scope, kubernetes.storage, tun=False), guarded)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[storage])
        network_args = NetworkArgs(scope, cluster, sidecar=True, extra_egress=kubernetes.extra_egress)
        network = InstanceNetwork(scope.logical("network"), network_args, inside)
        token = secret(scope, "gateway-token", {"token": args.gateway_secret}, inside)
        sealed = SealedKey(scope.logical("sealed-key"), SealedKeyArgs(scope, key), inside)
        trusted = authorities(scope, kubernetes.pod, inside)
        uids = [token.uid, *sealed.uids, *(trusted.uids if trusted else ())]
        sources = pod.Sources(token.name, sealed.kek_secret, sealed.sealed_secret, trusted, uids)
        register(
            k8s.apps.v1.Deployment,
            scope.logical("host"),
            pod.deployment(scope, args.node, args.instance, args.settings, sources),
            pulumi.ResourceOptions(parent=self, depends_on=[storage, network, args.guard]),
        )


@explained()
def _material(join: Join) -> str:
    return kind_of(join.node).join_material(join)


def summary(node: Node, instance: Instance, settings: Settings) -> NodeOutput:
    """The stack's output about a node; nothing of it is secret."""
    names = node.names
    gateway = instance.names
    inside = shlex.join(
        ["kubectl", "--namespace", gateway.namespace, "exec", f"deployment/{gateway.deployment}", "--", "openclaw"]
    )
    output: NodeOutput = {
        "kind": node.kind,
        "gateway": host.gateway_name(instance, settings),
        "approve": f"{inside} devices list && {inside} nodes pending",
    }
    kind = kind_of(node)
    if kind.tagged:
        output["hostname"], output["tag"] = names.hostname, names.tag
    if kind.in_cluster:
        output["namespace"] = names.namespace
    return output
