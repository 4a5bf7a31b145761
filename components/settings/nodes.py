"""The configuration of execution nodes: machines that run commands for one gateway."""

from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr

from components.settings.models import EgressRule, Model, Resources, SidecarResources, Storage
from components.settings.types import Cpu, DnsLabel, ImageRef, InstanceId, NodeCommand, Person, Quantity, RotationWord

NodeKind = Literal["linux", "kubernetes", "mac", "mobile"]
TcpPort = Annotated[int, Field(ge=1, le=65535)]

# What a shell command needs: `system.run.prepare` fixes what will run before anybody approves it.
SHELL: Final = ("system.run", "system.run.prepare", "system.which")


class NodeKey(Model):
    """The one-off key with which the node's machine joins the tailnet."""

    value: SecretStr | None = Field(default=None, description="A key of yours (default: the stack mints one).")
    expiry_days: int = Field(
        default=7, ge=1, le=90, description="How long a minted key waits for its machine; the device outlives it."
    )
    rotation: RotationWord = Field(
        default="", description="Any new word mints a new key: for a machine that was lost or made anew."
    )


class NodeResources(Resources):
    """The node host's share, and that of the commands that it runs."""

    cpu_request: Cpu = "100m"
    cpu_limit: Cpu = "2"
    memory_request: Quantity = "256Mi"
    memory_limit: Quantity = "2Gi"


class KubernetesNode(Model):
    """The pod of a node of kind `kubernetes`."""

    namespace: DnsLabel | None = Field(default=None, description="Namespace (default `openclaw-node-<id>`).")
    image: ImageRef | None = Field(default=None, description="Another image, with more tools (default: the gateway's).")
    sidecar_image: ImageRef | None = Field(default=None, description="Another image of the sidecar for this node.")
    resources: NodeResources = NodeResources()
    sidecar_resources: SidecarResources = SidecarResources()
    storage: Storage = Storage()
    extra_egress: tuple[EgressRule, ...] = Field(
        default=(), description="Private places the pod may reach besides the internet."
    )


class Node(Model):
    """One execution node: a machine that runs commands for one gateway, and reaches nothing else in the tailnet."""

    id: InstanceId = Field(description="Short name; every other name is made from it.")
    kind: NodeKind = Field(
        description="What joins: a Linux machine (cloud-init), a pod, a Mac (launchd), or a phone (pairing code only)."
    )
    gateway: InstanceId = Field(description="Id of the instance whose commands it runs.")
    people: tuple[Person, ...] = Field(
        default=(), description="Logins or groups that may connect to the machine itself (default: nobody)."
    )
    ports: tuple[TcpPort, ...] = Field(
        default=(22,), min_length=1, description="TCP ports of the machine that these people may connect to."
    )
    hostname: DnsLabel | None = Field(default=None, description="Name in the tailnet (default `openclaw-node-<id>`).")
    auth_key: NodeKey = NodeKey()
    commands: tuple[NodeCommand, ...] = Field(
        default=SHELL, min_length=1, description="The only commands that the node offers; each is approved once."
    )
    kubernetes: KubernetesNode = KubernetesNode()
