"""The configuration of one gateway: its image, its agent, and how clients prove themselves."""

from typing import Annotated, Any, Literal

from pydantic import Field

from components.settings.images import ImageRef
from components.settings.model import Model, Resources
from components.settings.quantities import Cpu, Memory
from components.settings.text import DISTINCT, ModelKey, Switch
from components.settings.types import (
    Login,
    NodeCommand,
    ObjectName,
    PluginId,
    PluginPackage,
    ProviderKey,
    RotationWord,
)


class GatewayResources(Resources):
    """The gateway's share. 645-903 MiB were seen in a pod at rest; the heap gets three quarters of the limit."""

    cpu_request: Cpu = "250m"
    cpu_limit: Cpu = "2"
    memory_request: Memory = "1Gi"
    memory_limit: Memory = "2Gi"


class GatewayAuth(Model):
    """The gateway's client authentication. Device pairing is asked for in every mode."""

    mode: Literal["token", "password", "identity"] = Field(
        default="token",
        description="`identity` trusts the Tailscale login that Serve names; read docs/security.md first.",
    )
    allow_users: Annotated[tuple[Login, ...], DISTINCT] = Field(
        default=(), description="`identity` only: logins that are let in (default: all logins in `people`)."
    )
    rotation: RotationWord = Field(default="", description="Change this word to get a new token or password.")

    @property
    def secret_variable(self) -> str:
        """The variable in which OpenClaw takes the gateway's own secret."""
        # In `identity` a token would make the gateway refuse to start; the password is for the CLI inside the pod.
        return "OPENCLAW_GATEWAY_TOKEN" if self.mode == "token" else "OPENCLAW_GATEWAY_PASSWORD"


class NodeCommands(Model):
    """Names of node commands, such as `system.run`."""

    allow: Annotated[tuple[NodeCommand, ...], DISTINCT] = Field(
        default=(),
        description="Commands that the gateway withholds unless they are listed here, such as `camera.snap`.",
    )
    deny: Annotated[tuple[NodeCommand, ...], DISTINCT] = Field(
        default=(), description="Commands that no node executes for this gateway, even if they were approved."
    )


class GatewayNodes(Model):
    """Limits on what the gateway may ask of its execution nodes. Nodes are never approved automatically."""

    commands: NodeCommands = NodeCommands()


class SecretsFrom(Model):
    """An existing Secret whose keys become variables of the gateway."""

    name: ObjectName = Field(description="Name of a Secret in the instance's namespace.")
    roll: Switch = Field(
        default=False,
        description="Replace the pod when the Secret's content changes. Each preview then reads the Secret, and the state "
        "holds its content, encrypted.",
    )


Permissions = Literal["read-only", "guarded", "workspace", "full"]


class Gateway(Model):
    """The gateway container."""

    image: ImageRef | None = Field(default=None, description="Another image for this instance.")
    auth: GatewayAuth = GatewayAuth()
    config: dict[str, Any] = Field(
        default={},
        description="OpenClaw's own configuration, in its own words, as in `openclaw.json`: models, channels, tools, agents. "
        "See docs/gateway.md.",
    )
    ownership: Literal["managed", "seeded"] = Field(
        default="managed",
        description="`managed`: `config` is the truth, and read-only in the page. `seeded`: `config` is written to the volume "
        "once; from then on the page and the CLI change it there.",
    )
    permissions: Permissions = Field(
        default="guarded",
        description="How much the agent does by itself. `read-only`: it reads its workspace, and runs nothing. `guarded`: it "
        "writes in its workspace, and a person approves each command. `workspace`: a model reviews the commands, and asks a "
        "person when in doubt. `full`: it does everything without asking.",
    )
    audit_identity: Switch = Field(
        default=False,
        description="Record for each run on whose behalf it ran. The record names people, and stays on the volume for 30 days.",
    )
    secrets: dict[ProviderKey, ModelKey] = Field(
        default={},
        description="Keys and tokens by variable name, such as `OPENAI_API_KEY`, for `${NAME}` in `config`.",
    )
    secrets_from: Annotated[tuple[SecretsFrom, ...], DISTINCT] = Field(
        default=(), description="Existing Secrets with more variables."
    )
    plugins: dict[PluginId, PluginPackage] = Field(
        default={},
        description="Plugins that are not in the image: the npm package with its exact version, by plugin id, such as "
        '`slack: "@openclaw/slack@2026.9.6"`. Installed onto the volume before the gateway starts.',
    )
    resources: GatewayResources = GatewayResources()
    nodes: GatewayNodes = GatewayNodes()
