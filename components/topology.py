"""The whole topology of one environment, from its settings: what `__main__.py` declares."""

from collections.abc import Iterator

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import ownership
from components.admission import AdmissionGuard, AdmissionGuardArgs
from components.credential import Credential
from components.instance import GatewayInstance, GatewayInstanceArgs
from components.nodes.kinds import kind_of
from components.nodes.node import ExecutionNode, ExecutionNodeArgs, key_of
from components.settings import Instance, Settings, agent_checks
from components.tailnet import credentials, devices
from components.tailnet.tailnet import ManagedTailnet, ManagedTailnetArgs


class Topology(pulumi.ComponentResource):
    """Gateways, execution nodes, tailnet and admission guard of one stack.

    `stack` is its name as Kubernetes takes it (names.stack). The outputs by instance or node have the types of outputs.py:
    `instances`, `nodes`, and the rows of `access` (none when the policy is external). `tokens` has each gateway's token or
    password, and `join` the text that joins a node's machine; both are secret. (Not annotated here: the SDK would take an
    annotation for an output's type.)
    """

    def __init__(self, settings: Settings, stack: str) -> None:
        super().__init__(
            "openclaw:tailnet:Topology",
            "topology",
            {
                "gateways": [instance.id for instance in settings.instances],
                "nodes": [node.id for node in settings.nodes],
            },
        )
        for warning in warnings(settings):
            pulumi.log.warn(warning, self)
        # First: when a name is another's or the policy is refused, nothing was touched.
        live = ownership.check(settings, stack, self)
        within = pulumi.ResourceOptions(parent=self)
        tailnet = (
            ManagedTailnet("tailnet", ManagedTailnetArgs(settings, stack), within)
            if settings.tailnet.ownership != "external"
            else None
        )
        if tailnet:
            devices.report(settings, tailnet.devices, live, self)
        child = pulumi.ResourceOptions(
            parent=self, providers=[_cluster(settings, stack, within), random.Provider("random", opts=within)]
        )
        guard = AdmissionGuard("guard", _guard_args(settings, stack), child)
        gateways = {
            instance.id: GatewayInstance(
                instance.names.logical(),
                GatewayInstanceArgs(instance, settings, stack, _credential(instance, settings, tailnet), guard),
                child,
            )
            for instance in settings.instances
        }
        self.instances = {name: gateway.summary for name, gateway in gateways.items()}
        self.access = [row.data() for row in tailnet.access] if tailnet else []
        self.tokens = {name: gateway.token for name, gateway in gateways.items()}
        by_id = {instance.id: instance for instance in settings.instances}
        workers = {
            node.id: ExecutionNode(
                node.names.logical(),
                ExecutionNodeArgs(
                    node,
                    by_id[node.gateway],
                    settings,
                    stack,
                    key_of(node, tailnet),
                    gateways[node.gateway].token,
                    guard,
                ),
                child,
            )
            for node in settings.nodes
        }
        self.nodes = {name: worker.summary for name, worker in workers.items()}
        self.join = {name: worker.join for name, worker in workers.items() if worker.join is not None}
        self.register_outputs({"instances": self.instances, "nodes": self.nodes})


def _guard_args(settings: Settings, stack: str) -> AdmissionGuardArgs:
    namespaces = sorted(names.namespace for _, names in ownership.namespaced(settings))
    return AdmissionGuardArgs(stack, namespaces, settings.cluster.admission, keeps_volumes(settings))


def _cluster(settings: Settings, stack: str, opts: pulumi.ResourceOptions) -> k8s.Provider:
    """The cluster. What the stack declares wins there; the ownership guard keeps it from what others made."""
    return k8s.Provider(
        "cluster",
        kubeconfig=settings.cluster.kubeconfig,
        context=settings.cluster.context,
        cluster_identifier=settings.cluster.identifier or stack,
        enable_server_side_apply=True,
        # Without it, an edit by anything but kubectl is a conflict that fails every preview and update.
        enable_patch_force=True,
        # Without it, an object that a killed update had made but not noted is an error to the next one. It is also how
        # a namespace and its volumes, kept when their instance was removed, come back.
        upsert_existing_objects=True,
        opts=opts,
    )


def _credential(instance: Instance, settings: Settings, tailnet: ManagedTailnet | None) -> Credential | None:
    """The sidecar's credential, given or created; None while Tailscale is off."""
    if not instance.tailscale.enabled:
        return None
    given = credentials.given(instance, settings)
    # Checked with the settings: without a tailnet of our own, it is given.
    return credentials.created(instance, settings, tailnet.credential_opts) if given is None and tailnet else given


def keeps_volumes(settings: Settings) -> bool:
    """True when `pulumi destroy` leaves namespaces with volumes, whose owner must stay known."""
    pods = [node.kubernetes.storage for node in settings.nodes if kind_of(node).in_cluster]
    return any(storage.retain for storage in (*(instance.storage for instance in settings.instances), *pods))


def warnings(settings: Settings) -> Iterator[str]:
    """Choices that are allowed, and that their owner should have made knowingly."""
    for instance in settings.instances:
        sidecar = instance.tailscale
        if sidecar.enabled and sidecar.reach == "tcp":
            yield f"{instance.id}: reach tcp lets anybody who has the token connect without pairing a device. Prefer https."
        if sidecar.enabled and sidecar.reach == "https" and settings.tailnet.login_server:
            yield (
                f"{instance.id}: reach https needs a control server that issues certificates; headscale does not. "
                "Use reach http with it."
            )
        if sidecar.enabled and sidecar.credential != "authKey" and settings.tailnet.login_server:
            yield (
                f"{instance.id}: {sidecar.credential} needs a control server that takes a key together with an advertised "
                "tag; headscale refuses that. Use authKey with it."
            )
        image = instance.gateway.image or settings.images.gateway
        if not agent_checks.is_checked(instance.gateway, image):
            yield f"{instance.id}: gateway.config is not checked: the types of {image} are not known here."
        if instance.gateway.ownership == "seeded":
            yield (
                f"{instance.id}: gateway.config is written only where the volume has none yet; the page and the CLI own it "
                "there. With managed again, gateway.config counts, and what is on the volume stays there unused."
            )
        if instance.gateway.permissions == "full":
            yield f"{instance.id}: the agent runs every command without asking anybody (permissions full)."
        if instance.gateway.auth.mode == "identity":
            yield f"{instance.id}: with identity, any process in the pod can pretend to be an allowed user."
