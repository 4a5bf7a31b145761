"""The configuration of execution nodes: machines that run commands for one gateway."""

from typing import Annotated, Final, Literal

from pydantic import Field

from components import names
from components.settings.images import ImageRef
from components.settings.model import Model, Resources
from components.settings.models import EgressRule, SidecarResources, Storage
from components.settings.placement import Placement
from components.settings.quantities import Cpu, Memory
from components.settings.text import DISTINCT, Port, Secret, whole
from components.settings.types import BrowserHost, DnsLabel, InstanceId, NodeCommand, Person, RotationWord

NodeKind = Literal["linux", "kubernetes", "mac", "mobile"]

# What a shell command needs: `system.run.prepare` fixes what will run before anybody approves it.
SHELL: Final = ("system.run", "system.run.prepare", "system.which")
# OpenClaw's names: a browser of the agent's own, and the person's by the extension. Its third, `user`, would run a package
# that npm chooses at that moment.
BrowserProfile = Literal["openclaw", "chrome"]
# Without its companion for uploads: no file of the gateway's goes into a page.
BROWSER: Final = "browser.proxy"


class NodeKey(Model):
    """The one-off key with which the node's machine joins the tailnet."""

    value: Secret | None = Field(default=None, description="Your own key (default: the stack mints one).")
    expiry_days: Annotated[int, whole(1, 90)] = Field(
        default=7, description="Days until a minted key expires; a device that joined with it stays."
    )
    rotation: RotationWord = Field(
        default="", description="Change this word to mint a new key, for a machine that was lost or reinstalled."
    )


class NodeResources(Resources):
    """The node host's share, and that of the commands that it runs."""

    cpu_request: Cpu = "100m"
    cpu_limit: Cpu = "2"
    memory_request: Memory = "256Mi"
    memory_limit: Memory = "2Gi"


class KubernetesNode(Model):
    """The pod of a node of kind `kubernetes`."""

    namespace: DnsLabel | None = Field(default=None, description="Namespace (default `openclaw-node-<id>`).")
    image: ImageRef | None = Field(default=None, description="Another image, with more tools (default: the gateway's).")
    sidecar_image: ImageRef | None = Field(default=None, description="Another image of the sidecar for this node.")
    resources: NodeResources = NodeResources()
    sidecar_resources: SidecarResources = SidecarResources()
    storage: Storage = Storage()
    extra_egress: Annotated[tuple[EgressRule, ...], DISTINCT] = Field(
        default=(), description="Private networks that the pod may reach, besides the internet."
    )
    pod: Placement = Placement()


class NodeBrowser(Model):
    """The machine's browser, for the gateway's agent to drive; the node then offers nothing else."""

    profiles: Annotated[tuple[BrowserProfile, ...], DISTINCT] = Field(
        default=("openclaw",),
        min_length=1,
        description="`openclaw`: a browser of the agent's own, logged in nowhere. `chrome`: the person's own Chrome with all "
        "that it is logged in to, through OpenClaw's extension. The agent takes the first, unless it asks for another.",
    )
    hosts: Annotated[tuple[BrowserHost, ...], DISTINCT] = Field(
        default=(), description="Private hosts that the agent may open in it, besides public ones."
    )


class Node(Model):
    """One execution node: a machine that runs commands for one gateway, and reaches nothing else in the tailnet."""

    id: InstanceId = Field(description="Short name; every other name is derived from it.")
    kind: NodeKind = Field(
        description="What joins the tailnet: a Linux machine (cloud-init), a pod, a Mac (launchd), or a phone (pairing code only)."
    )
    gateway: InstanceId = Field(description="Id of the instance whose commands it runs.")
    people: Annotated[tuple[Person, ...], DISTINCT] = Field(
        default=(), description="Logins or groups that may connect to the machine itself (default: nobody)."
    )
    ports: Annotated[tuple[Port, ...], DISTINCT] = Field(
        default=(22,), min_length=1, description="TCP ports of the machine that these people may connect to."
    )
    hostname: DnsLabel | None = Field(default=None, description="Name in the tailnet (default `openclaw-node-<id>`).")
    auth_key: NodeKey = NodeKey()
    commands: Annotated[tuple[NodeCommand, ...], DISTINCT] = Field(
        default=SHELL, min_length=1, description="The only commands that the node offers; each is approved once."
    )
    browser: NodeBrowser | None = Field(
        default=None,
        description="The gateway's agent drives the machine's browser, through the tailnet; `{}` for the defaults. "
        "See docs/nodes.md.",
    )
    kubernetes: KubernetesNode = KubernetesNode()

    @property
    def offered(self) -> tuple[str, ...]:
        """The only commands that the node offers. With a shell beside the browser its profiles would be no limit."""
        return (BROWSER,) if self.browser else self.commands

    @property
    def names(self) -> names.Names:
        """Every name of the node."""
        return names.node(self.id, self.kubernetes.namespace, self.hostname)
